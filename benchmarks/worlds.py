"""Whether the plan earns more than a rule in simulated chains in general, or only in the one that comes along.

Each world has stores, prices, weather, promotions and customers of its own (`world_seed`) and goes through the study
as it stands: the model is chosen on validation weeks, the rules' settings on practice weeks, and eight weeks judge.
A world gives one number, the plan's gain a week over a rule on the same customers, and worlds are independent of each
other, so Student's interval of their mean says what holds beyond one world. A run that was stopped goes on with
`--keep`, as long as nothing was changed in between.

    python benchmarks/worlds.py [--worlds 20] [--first 7] [--keep]
"""

import argparse
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

from lepton_nb.allocation.policy import mean_interval  # noqa: E402
from lepton_nb.cases.retail.parameters import Parameters  # noqa: E402
from lepton_nb.cases.retail.study.decision import PLAN, RECORD, decision_of  # noqa: E402
from lepton_nb.cases.retail.study.forecast import forecast_of  # noqa: E402
from lepton_nb.cases.retail.study.known import known_of  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "worlds.csv"
OVER = ("newsvendor", "base stock", "ordering up to average", "plan on the point forecast", RECORD)


def judged(world: int) -> dict[str, float | str]:
    """Run the study of one world up to its decision; money a week."""
    since, params = time.process_time(), Parameters(world_seed=world)
    known = known_of(params)
    forecast = forecast_of(params, known)
    decision = decision_of(params, known, forecast)
    weekly = decision.comparison["profit"] / params.evaluation_weeks
    told = {"world": world, "model": forecast.chosen, "plan": weekly[PLAN], "best rule": decision.standing.best_rule}
    told |= {f"over {name}": weekly[PLAN] - weekly[name] for name in OVER}
    told |= {"over best rule": decision.standing.over_rule, "closed": decision.standing.closed}
    own = decision.over_rule
    return told | {"own low": own.low, "own high": own.high, "cpu_seconds": time.process_time() - since}


def summed_up(worlds: pd.DataFrame) -> pd.DataFrame:
    """Give mean, interval and number of worlds ahead for each way of ordering that the plan is set beside."""
    rows = []
    for name in (*OVER, "best rule"):
        gain = worlds[f"over {name}"].to_numpy(float)
        low, high = mean_interval(gain)
        share = gain.mean() / (worlds["plan"] - gain).mean()
        rows.append((f"plan over {name}", gain.mean(), low, high, share, int((gain > 0).sum()), len(gain)))
    return pd.DataFrame(rows, columns=["a week", "mean", "low", "high", "share of its profit", "ahead", "worlds"])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--worlds", type=int, default=20)
    options.add_argument("--first", type=int, default=7, help="seed of the first world; 7 comes with the package")
    options.add_argument("--keep", action="store_true", help="keep the worlds that are already in the results")
    asked = options.parse_args()
    warnings.filterwarnings("ignore")
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() and asked.keep else []
    with threadpool_limits(1, "blas"):
        for world in range(asked.first, asked.first + asked.worlds):
            if world not in {row["world"] for row in rows}:
                rows.append(judged(world))
                pd.DataFrame(rows).sort_values("world").round(4).to_csv(RESULTS, index=False)
                print(pd.Series(rows[-1]).to_json(double_precision=2), flush=True)
    table = pd.DataFrame(rows)
    table = table[table["world"].between(asked.first, asked.first + asked.worlds - 1)]
    print(summed_up(table).round(3).to_string(index=False))
    held = table["over best rule"].mean()
    inside = np.mean(table["own low"].le(held) & table["own high"].ge(held))
    print(f"a world's own interval over its weeks holds the mean of all worlds in {inside:.0%} of them")


if __name__ == "__main__":
    main()
