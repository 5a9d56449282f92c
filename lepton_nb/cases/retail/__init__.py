"""A supermarket chain: what to order tonight, from raw sales to money."""

from lepton_nb.workbook.case import Case, Later

from .parameters import Parameters


CASE = Case(
    name="retail",
    title="Retail: what to order tonight",
    Parameters=Parameters,
    contract=Later("lepton_nb.cases.retail.tables", "CONTRACT"),
    sources=Later("lepton_nb.cases.retail.sources", "SOURCES"),
    study=Later("lepton_nb.cases.retail.study", "study"),
    pages=("decide", "method", "ways", "prices", "people", "privacy", "data"),
    aims=("max gain.over_today_per_week", "max plan.fill_rate"),
)
