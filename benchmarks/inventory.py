"""What every way of ordering earns on the same eight weeks: rules of thumb, plans, perfect foresight, and the bound.

Windows of 56 days on the embedded chain and on real sales (m5-foods1). The last window of each set is the evaluation;
the ones before it are validation. The forecast (the fast model) is fitted before each window. The plans have no
setting that was fitted to a data set. The rules have, and are given three chances: as they come; with the settings
that earned most on the 56 days before the window (`tuned before`); and, on validation windows only, with the settings
that earned most on the window itself, which nobody could have known (`best in hindsight`). No setting is ever chosen
on the last window.

    python benchmarks/inventory.py [--sets embedded public:m5-foods1] [--model fast] [--paths 80]
"""

import argparse
import os
import time
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.cases.retail import Parameters  # noqa: E402
from lepton_nb.cases.retail.chain.judging import judge_chain  # noqa: E402
from lepton_nb.cases.retail.chain.lots import foresight_bound, perfect_foresight, point_lp, stochastic  # noqa: E402
from lepton_nb.cases.retail.chain.pace import place_in_week  # noqa: E402
from lepton_nb.cases.retail.chain.replenishment import Chain, Ledger, Weeks, audit  # noqa: E402
from lepton_nb.cases.retail.chain.rules import base_stock, newsvendor_policy, order_up_to_average, replay
from lepton_nb.cases.retail.setting import build_chain, build_panel, daily_table, wanted, weeks_of  # noqa: E402
from lepton_nb.cases.retail.sources import SOURCES  # noqa: E402
from lepton_nb.demand.features import history  # noqa: E402
from lepton_nb.demand.intervals import Calibrated  # noqa: E402
from lepton_nb.demand.models import MODELS  # noqa: E402
from lepton_nb.demand.panel import reconstruct  # noqa: E402
from lepton_nb.demand.scenarios import (
    Paths,  # noqa: E402
    demand_paths,  # noqa: E402
)

RESULTS = Path(__file__).parent / "results"
DAYS = 56
BEFORE_END = {
    "embedded": (168, 112, 56, 0),
    "public:m5-foods1": (308, 196, 140, 84, 0),
}  # days between a window's end and the data's
ROUNDING = (0.3, 0.5, 0.7, 0.85)
GRIDS = {
    "average": {"extra_days": (0.5, 1.0, 2.0), "rounding": ROUNDING},
    "base stock": {"service": (None, 0.9, 0.95), "rounding": ROUNDING},
    "newsvendor": {"highest": (0.8, 0.9, 0.95, 0.97, 0.99), "rounding": (*ROUNDING, 0.95)},
}


@dataclass(frozen=True)
class Window:
    """Hold 56 days, the chain on the evening before them, and the forecast made then."""

    chain: Chain
    weeks: Weeks
    paths: Paths
    deliveries: np.ndarray | None

    def run(self, policy) -> Ledger:
        return judge_chain(self.chain, self.weeks, {"policy": policy})["policy"]

    def rule(self, name: str, settings: dict):
        if name == "newsvendor":
            return newsvendor_policy(self.paths, **settings)
        return {"average": order_up_to_average, "base stock": base_stock}[name](
            self.weeks.history, self.weeks.start, **settings
        )


def window(data, panel, params, known, before_end: int, model: str, n: int) -> Window:
    """Fit, calibrate and draw paths for one window, with nothing of it known."""
    end = panel.end - before_end
    start = end - DAYS
    dates, chain, past = (
        panel.ds[start:end],
        build_chain(
            data, panel, start, params.holding_rate, order_line_cost=params.order_line_cost, goodwill=params.goodwill
        ),
        panel.cut(start),
    )
    weeks = weeks_of(data, panel, chain, known, start, end, wanted(data, panel))
    forecaster = MODELS[model]().fit(past, start)
    place = place_in_week(dates, chain.cycle)
    evenings = {0, *(t for t in range(DAYS) if chain.may_order[:, place[t]].any())}
    paths = demand_paths(
        forecaster, Calibrated.fit(forecaster, past), history(panel), sorted(evenings), start, 14, n, params.seed
    )
    came = daily_table(data.tables["deliveries"], "units", panel)[:, start:end] if "deliveries" in data.tables else None
    return Window(chain, weeks, paths, came)


def settings_tried(place: Window) -> dict[str, pd.Series]:
    """Return each rule's profit for every setting of its grid."""
    tried = {}
    for name, grid in GRIDS.items():
        every = [tuple(zip(grid, values)) for values in product(*grid.values())]
        tried[name] = pd.Series(
            {each: place.run(place.rule(name, dict(each))).money()["profit"].sum() for each in every}, dtype=float
        )
    return tried


def contest(place: Window, earlier: dict[str, pd.Series] | None, here: dict[str, pd.Series] | None) -> pd.DataFrame:
    """Run every rule and plan through one window."""
    policies = {f"{name}, as it comes": place.rule(name, {}) for name in GRIDS}
    for label, tried in (("tuned before", earlier), ("best in hindsight", here)):
        policies |= {
            f"{name}, {label}": place.rule(name, dict(profit.idxmax())) for name, profit in (tried or {}).items()
        }
    if place.deliveries is not None:
        policies["what the chain did"] = replay(place.deliveries)
    policies |= {
        "plan on the point forecast": point_lp(place.paths),
        "stochastic plan": stochastic(place.paths),
        "perfect foresight, plan": perfect_foresight(place.weeks.demand),
    }
    rows = []
    for name, policy in policies.items():
        since = time.process_time()
        ledger = place.run(policy)
        seconds = time.process_time() - since
        assert audit(ledger)["ok"].all(), name
        rows.append({"policy": name, "cpu_seconds": round(seconds, 2)} | ledger.summary().round(3).to_dict())
    weeks = place.weeks
    bound = foresight_bound(
        place.chain, weeks.demand, weeks.stock, weeks.on_order, place.weeks.dates, weeks.price
    ).sum()
    return pd.DataFrame([*rows, {"policy": "perfect foresight, bound", "profit": round(bound, 3)}])


def with_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Add how far each policy goes from the best rule, without hindsight and with it, to foresight: a share."""
    profit = table.set_index("policy")["profit"]
    fair = [name for name in profit.index if name.endswith(("as it comes", "tuned before", "chain did"))]
    for column, rules in (
        ("share_closed", fair),
        ("share_closed_hindsight", [*fair, *(name for name in profit.index if name.endswith("hindsight"))]),
    ):
        best = profit[rules].max()
        for top in ("plan", "bound"):
            table[f"{column}_to_{top}"] = (
                (table["profit"] - best) / (profit[f"perfect foresight, {top}"] - best)
            ).round(3)
    return table


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", nargs="+", default=list(BEFORE_END), choices=list(BEFORE_END))
    options.add_argument("--model", default="fast")
    options.add_argument("--paths", type=int, default=80)
    chosen, tables = options.parse_args(), []
    warnings.filterwarnings("ignore")
    for source in chosen.sets:
        data, params = SOURCES.load(source), Parameters(source=source)
        panel, tried = build_panel(data), {}
        known = np.nan_to_num(reconstruct(panel).y[:, : panel.end]).astype(float)
        windows = {
            before: window(data, panel, params, known, before, chosen.model, chosen.paths)
            for before in BEFORE_END[source]
        }
        for before in windows:
            if before:
                tried[before] = settings_tried(windows[before])
        for before, place in windows.items():
            earlier = tried.get(min((b for b in tried if b >= before + DAYS), default=None))
            result = with_shares(contest(place, earlier, tried.get(before)))
            part = "validation" if before else "last 8 weeks"
            tables.append(
                result.assign(
                    set=source, part=part, first_day=f"{place.weeks.dates[0]:%Y-%m-%d}", days_before_end=before
                )
            )
            print(f"\n{source}, {part}, from {place.weeks.dates[0]:%Y-%m-%d}")
            print(
                result[
                    [
                        "policy",
                        "profit",
                        "lost_margin",
                        "waste_cost",
                        "order_cost",
                        "share_closed_to_plan",
                        "cpu_seconds",
                    ]
                ]
                .round(3)
                .to_string(index=False),
                flush=True,
            )
    RESULTS.mkdir(exist_ok=True)
    table = pd.concat(tables, ignore_index=True)
    lead = ["set", "part", "first_day", "days_before_end", "policy", "profit"]
    table[lead + [c for c in table if c not in lead]].to_csv(RESULTS / "inventory.csv", index=False)


if __name__ == "__main__":
    main()
