"""A flower stand that orders once a week: weekly data, one table, one rule, one plan, one page."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lepton_nb.allocation.inventory import critical_ratio
from lepton_nb.allocation.policy import judge
from lepton_nb.workbook.cache import remembered
from lepton_nb.workbook.case import Case
from lepton_nb.workbook.parameters import CaseParameters, UserError, param


class Parameters(CaseParameters):
    price: float = param(9.0, unit="EUR", gt=0, meaning="what a bunch sells at")
    cost: float = param(3.0, unit="EUR", gt=0, meaning="what a bunch costs")
    practice: int = param(8, unit="weeks", ge=4, le=60, meaning="weeks that a plan looks back on")


EXAMPLE = pd.DataFrame({"ds": ["2026-01-05", "2026-01-12"], "units": [41, 38]})


class Contract:
    def write_templates(self, folder: str) -> list[Path]:
        Path(folder).mkdir(parents=True, exist_ok=True)
        EXAMPLE.to_csv(Path(folder) / "sold.csv", index=False)
        return [Path(folder) / "sold.csv"]

    def check(self, folder: str) -> dict[str, pd.DataFrame]:
        file = Path(folder) / "sold.csv"
        if not file.is_file():
            raise UserError(f"{file}: not there; `lepton-nb template stand {folder}` writes an example")
        sold = pd.read_csv(file, parse_dates=["ds"])
        for row in np.flatnonzero(~(sold["units"] >= 0)):
            raise UserError(f"{file}, row {row + 2}, units: found {sold['units'][row]}; give 0 or more")
        return {"sold": sold}


class Sources:
    def available(self) -> pd.DataFrame:
        return pd.DataFrame({"source": ["embedded", "own:FOLDER"], "at hand": ["here", ""]})


def sold(params: Parameters) -> pd.DataFrame:
    """Two years of weeks; or the reader's own."""
    if params.source.startswith("own:"):
        return CASE.contract.check(params.source.removeprefix("own:"))["sold"]
    ds, rng = pd.date_range("2024-01-01", periods=104, freq="W-MON"), np.random.default_rng(params.seed)
    return pd.DataFrame({"ds": ds, "units": rng.poisson(40 + 10 * np.sin(2 * np.pi * np.arange(104) / 52))})


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
class Study:
    weeks: pd.DataFrame
    profit: dict[str, float]  # EUR a week, of the rule and the plan
    order: float  # for the next week


def worked_out(params: Parameters, weeks: pd.DataFrame) -> Study:
    stand = Week(params, weeks["units"].to_numpy())
    share = critical_ratio(holding_cost=params.cost, stockout_cost=params.price - params.cost)

    def plan(known: np.ndarray) -> float:
        return float(np.quantile(known[-params.practice :], share))

    books = judge(stand, stand, {"as last week": lambda known: float(known[-1]), "newsvendor": plan})
    profit = {name: float(book.by_period().mean()) for name, book in books.items()}
    return Study(weeks, profit, plan(stand.units))


def study(params: Parameters) -> Study:
    return remembered(worked_out, params, sold(params)).value


CASE = Case("stand", "A flower stand: how much for next week", Parameters, Contract(), Sources(), study)
