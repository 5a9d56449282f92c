"""A flower stand that orders once a week: weekly data, one table, one rule, one plan, one page."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton_nb.allocation.inventory import critical_ratio
from lepton_nb.allocation.policy import judge
from lepton_nb.data.catalog import Sources
from lepton_nb.data.contract import Contract, at_least, column
from lepton_nb.workbook.cache import remembered
from lepton_nb.workbook.case import Case
from lepton_nb.workbook.parameters import CaseParameters, param


class Parameters(CaseParameters):
    price: float = param(9.0, unit="EUR", gt=0, meaning="what a bunch sells at")
    cost: float = param(3.0, unit="EUR", gt=0, meaning="what a bunch costs")
    practice: int = param(8, unit="weeks", ge=4, le=60, meaning="weeks that a plan looks back on")


CONTRACT = Contract(
    columns={
        "sold": {
            "ds": column("date", "Monday of the week", example=("2026-01-05", "2026-01-12")),
            "units": column(
                "number", "bunches sold", "bunches", example=(41, 38), check=at_least(0), mend="Give 0 or more."
            ),
        }
    },
    keys={"sold": ["ds"]},
    required=("sold",),
    described=("sold",),
)


def simulated() -> tuple[dict, dict, str, None]:
    """Two years of weeks."""
    ds, rng = pd.date_range("2024-01-01", periods=104, freq="W-MON"), np.random.default_rng(1)
    units = rng.poisson(40 + 10 * np.sin(2 * np.pi * np.arange(104) / 52)).astype(float)
    return {"sold": pd.DataFrame({"ds": ds, "units": units})}, {"title": "A flower stand"}, "EUR", None


SOURCES = Sources(
    case="stand",
    contract=CONTRACT,
    embedded=simulated,
    public=(),
    unusable=lambda tables: [],
    own=lambda tables, currency: (dict(tables), tables.log, []),
    complete=lambda tables: (tables, []),
    extent=lambda tables: {"frequency": "weekly", "size": f"{len(tables['sold'])} weeks"},
    simulated="A flower stand",
)


@dataclass(frozen=True)
class Week:
    """What the stand is judged on: the weeks after those of practice; flowers do not keep."""

    params: Parameters
    units: np.ndarray
    period: int = 1

    @property
    def events(self) -> range:
        return range(self.params.practice, len(self.units))

    def opening(self, window: "Week") -> np.ndarray:
        return self.units[: self.params.practice]

    def step(self, state: np.ndarray, order: float, week: int) -> tuple[np.ndarray, dict[str, float]]:
        profit = self.params.price * min(order, self.units[week]) - self.params.cost * order
        return self.units[: week + 1], {"profit": profit, "ordered": order}


@dataclass(frozen=True)
class Result:
    name: str
    value: float
    unit: str
    meaning: str


@dataclass(frozen=True)
class Study:
    weeks: pd.DataFrame
    profit: dict[str, float]  # EUR a week, of the rule and the plan
    order: float  # for the next week

    @property
    def results(self) -> list[Result]:
        gain = self.profit["newsvendor"] - self.profit["as last week"]
        return [
            Result("gain", gain, "EUR a week", "gain over ordering what was sold last week"),
            Result("order", self.order, "bunches", "order for the next week"),
        ]


def worked_out(params: Parameters, weeks: pd.DataFrame) -> Study:
    stand = Week(params, weeks["units"].to_numpy())
    share = critical_ratio(holding_cost=params.cost, stockout_cost=params.price - params.cost)

    def plan(known: np.ndarray) -> float:
        return float(np.quantile(known[-params.practice :], share))

    books = judge(stand, stand, {"as last week": lambda known: float(known[-1]), "newsvendor": plan})
    profit = {name: float(book.by_period().mean()) for name, book in books.items()}
    return Study(weeks, profit, plan(stand.units))


def study(params: Parameters) -> Study:
    return remembered(worked_out, params, SOURCES.load(params.source).tables["sold"]).value


CASE = Case(
    "stand",
    "A flower stand: how much for next week",
    Parameters,
    CONTRACT,
    SOURCES,
    study,
    aims=("max gain", "min order"),
)
