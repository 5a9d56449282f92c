"""A car maker: what to build next week and which parts to call off, from raw tables to money."""

from lepton_nb.workbook.case import Case, Later

from .parameters import Parameters


CASE = Case(
    name="manufacturing",
    title="Manufacturing: what to build and which parts to call off",
    Parameters=Parameters,
    contract=Later("lepton_nb.cases.manufacturing.tables", "CONTRACT"),
    sources=Later("lepton_nb.cases.manufacturing.sources", "SOURCES"),
    study=Later("lepton_nb.cases.manufacturing.study", "study"),
    pages=("decide", "method", "forecast", "floor", "quality", "business", "people", "data"),
    aims=("max gain.per_week", "min standstill.joint_service"),
)
