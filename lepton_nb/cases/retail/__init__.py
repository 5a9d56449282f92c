"""A supermarket chain: what to order tonight, from raw sales to money."""

from lepton_nb.workbook.case import Case, Later

from .parameters import Parameters


class _Forms:
    """Write and check the tables of a chain."""

    def write_templates(self, folder):
        """Write an example of each table."""
        from lepton_nb.data.tables import write_templates

        return write_templates(folder)

    def check(self, folder):
        """Read a folder; raises a `UserError` that holds every problem."""
        from lepton_nb.data.reading import read_folder

        return read_folder(folder)


CASE = Case(
    name="retail",
    title="Retail: what to order tonight",
    Parameters=Parameters,
    contract=_Forms(),
    sources=Later("lepton_nb.cases.retail.sources"),
    study=Later("lepton_nb.cases.retail.study", "study"),
    pages=("decide", "method", "ways", "prices", "people", "privacy", "data"),
)
