"""A city: signals, routes, bikes and ambulances, from raw tables to hours and money."""

from lepton_nb.workbook.case import Case, Later

from .parameters import Parameters


CASE = Case(
    name="city",
    title="Smart city: signals, routes, bikes and help in time",
    Parameters=Parameters,
    contract=Later("lepton_nb.cases.city.tables", "CONTRACT"),
    sources=Later("lepton_nb.cases.city.sources", "SOURCES"),
    study=Later("lepton_nb.cases.city.study", "study"),
    pages=("decide", "demand", "signals", "routes", "bikes", "safety", "sites", "people", "business", "data"),
    aims=("max gain.per_week", "max carbon.saved"),
)
