"""Intervals and sample paths on real sales: pinball loss and coverage beside mlforecast's conformal intervals.

Sales of 432 products (m5-foods1), 28 days ahead, from the last three origins. Both sides see the same history and
the same known future. Ours: the accurate model, its out-of-fold outcomes, no setting chosen on these weeks. Peer:
LightGBM in mlforecast with its conformal intervals, which refit the model on held-out windows of each series; as
they come, and rounded to whole units as ours are. Quantiles of days are scored by pinball loss at 0.1, 0.5, 0.9 and
by the coverage of the 80% interval; for counts, where a quantile has mass of its own, the randomised place in the
distribution (PIT) says whether the levels are right. Sums over 14 and 28 days are scored from our sample paths, and
from the same paths with their days drawn apart. `--validation` runs the same on the three origins before the
evaluation weeks, which is where settings are compared. Reconciliation is compared on validation windows only. On the
embedded data the true demand is known, sold-out days included: the last table says where it fell.

    python benchmarks/intervals.py [--model accurate] [--validation] [--no-peer] [--windows 2] [--reconcile fast]
                                   [--truth]
"""

import argparse
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.cases.retail.setting import from_tables  # noqa: E402
from lepton_nb.cases.retail.sources import SOURCES  # noqa: E402
from lepton_nb.demand.backtest import backtest, coverage, pinball, split_origins  # noqa: E402
from lepton_nb.demand.intervals import Calibrated, add_quantiles, dispersion, outcomes  # noqa: E402
from lepton_nb.demand.models import MODELS  # noqa: E402
from lepton_nb.demand.panel import Panel
from lepton_nb.demand.reconcile import (  # noqa: E402
    SeasonalWindow,
    aggregate_panel,
    error_variance,
    hierarchy,
    level_scores,
    reconcile_backtest,
)

RESULTS = Path(__file__).parent / "results"
TAUS = (0.1, 0.5, 0.9)
HORIZON = 28


class Keeping:
    """Keep every model that a backtest fits, to calibrate each at its own origin."""

    def __init__(self, make):
        self.make, self.kept = make, []

    def __call__(self):
        self.kept.append(self.make())
        return self.kept[-1]


def ours(panel: Panel, name: str, origins) -> tuple[list[dict], list[dict]]:
    """Forecast, calibrate and score; then the sums of the sample paths."""
    models = Keeping(MODELS[name])
    bt = backtest(panel, {name: models}, origins, HORIZON)
    began = time.process_time()
    cals = [Calibrated.fit(m, panel.cut(o)) for m, o in zip(models.kept, bt.origins)]
    bt = add_quantiles(bt, cals, panel, name, TAUS)
    calibration = time.process_time() - began
    places = np.concatenate([c.pit(rows) for c, rows in zip(cals, one_by_one(bt, panel, name))])
    row = bt.summary().iloc[0].to_dict() | {
        "who": f"ours, {name}",
        "seconds": bt.seconds[name] + calibration,
        "seconds of intervals": calibration,
    }
    row |= {"PIT below 0.1": (places < 0.1).mean(), "PIT above 0.9": (places > 0.9).mean()}
    return [row], sums(bt, cals, panel, name)


def one_by_one(bt, panel, name):
    """Yield the outcomes of each origin."""
    rows = outcomes(bt, panel, name)
    for origin in bt.origins:
        yield rows[rows.origin == origin]


def sums(bt, cals, panel, name, n: int = 400) -> list[dict]:
    """Score the sums over days of a series and of a store, from paths and from paths with their days drawn apart."""
    rows = []
    for days in (7, 14, 28):
        for unit in ("series", "store"):
            scored = {"paths": [], "days drawn apart": []}
            for o, origin in enumerate(bt.origins):
                paths = cals[o].paths(bt.forecasts[name][o], n, seed=1, variability=dispersion(panel, origin))
                apart = np.random.default_rng(2).permuted(paths, axis=0)
                actual = np.nan_to_num(bt.actual[o][:, :days]).sum(axis=1)
                for kind, x in (("paths", paths), ("days drawn apart", apart)):
                    x, y = x[:, :, :days].sum(axis=2), actual
                    if unit == "store":
                        x = np.stack([x[:, cals[o].places == s].sum(axis=1) for s in np.unique(cals[o].places)], axis=1)
                        y = np.array([actual[cals[o].places == s].sum() for s in np.unique(cals[o].places)])
                    low, high, top = np.quantile(x, (0.1, 0.9, 0.95), axis=0)
                    scored[kind].append((coverage(y, low, high), pinball(y, high, 0.9), pinball(y, top, 0.95)))
            rows += [
                {"days": days, "sum of": unit, "how": kind}
                | dict(zip(("coverage 80%", "pinball 0.9", "pinball 0.95"), np.mean(s, axis=0)))
                for kind, s in scored.items()
            ]
    return rows


def peer_frame(panel: Panel) -> pd.DataFrame:
    """Lay the panel out for mlforecast: sales, price against its year and week, events, codes of store and item."""
    price = pd.DataFrame(panel.known["price"]).ffill(axis=1).bfill(axis=1).to_numpy()
    year = pd.DataFrame(price.T).rolling(364, min_periods=1).mean().to_numpy().T
    week = pd.DataFrame(price.T).rolling(7, min_periods=1).mean().to_numpy().T
    N, T = panel.y.shape
    out = {
        "unique_id": np.repeat(panel.ids.to_numpy(), T),
        "ds": np.tile(panel.ds, N),
        "y": panel.y.ravel(),
        "price": price.ravel(),
        "against_year": (price / year).ravel(),
        "against_week": (price / week).ravel(),
    }
    out |= {name: np.broadcast_to(v, (N, T)).ravel() for name, v in panel.known.items() if v.ndim == 1}
    out |= {name: np.repeat(pd.factorize(panel.static[name])[0], T) for name in ("store", "item", "group")}
    return pd.DataFrame(out)


def peer(panel: Panel, origins, windows: int) -> list[dict]:
    """Fit LightGBM through mlforecast with conformal intervals at every origin."""
    from lightgbm import LGBMRegressor
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean, RollingStd, SeasonalRollingMean
    from mlforecast.target_transforms import LocalStandardScaler
    from mlforecast.utils import PredictionIntervals

    frame, made, began = peer_frame(panel), [], time.process_time()
    for origin in origins:
        model = MLForecast(
            models={
                "peer": LGBMRegressor(
                    n_estimators=200, num_leaves=31, learning_rate=0.05, min_child_samples=100, n_jobs=1, verbose=-1
                )
            },
            freq="D",
            lags=[1, 2, 3, 7, 14, 21, 28, 35, 42],
            target_transforms=[LocalStandardScaler()],
            num_threads=1,
            lag_transforms={
                1: [RollingMean(d) for d in (7, 28, 56, 182)] + [RollingStd(28)],
                7: [SeasonalRollingMean(7, 4), SeasonalRollingMean(7, 8)],
            },
            date_features=["dayofweek", "day", "month", "year"],
        )
        past = frame[(frame["ds"] < panel.ds[origin]) & frame["y"].notna()]
        ahead = frame[frame["ds"].isin(panel.days(origin, HORIZON))].drop(columns=["y", "store", "item", "group"])
        model.fit(
            past,
            static_features=["store", "item", "group"],
            prediction_intervals=PredictionIntervals(n_windows=windows, h=HORIZON),
        )
        done = model.predict(HORIZON, X_df=ahead, level=[80]).sort_values(["unique_id", "ds"])
        made.append(
            np.stack(
                [done[c].to_numpy().reshape(len(panel.ids), HORIZON) for c in ("peer-lo-80", "peer", "peer-hi-80")],
                axis=-1,
            )
        )
    seconds = time.process_time() - began

    class Told:
        def fit(self, panel, origin):
            return self

        def predict(self, panel, origin, horizon):
            return np.maximum(made[list(origins).index(origin)][..., 1], 0)

    rows, values = [], np.maximum(np.stack(made), 0)
    for name, ends in (
        (f"mlforecast, LightGBM, {windows} windows", values),
        ("the same, rounded to whole units", np.round(values)),
    ):
        bt = backtest(panel, {name: Told}, origins, HORIZON).with_quantiles(name, TAUS, ends)
        rows.append(bt.summary().iloc[0].to_dict() | {"who": name, "seconds": seconds})
    return rows


def reconciled(panel: Panel, name: str) -> pd.DataFrame:
    """Compare levels before and after reconciliation on validation windows; variances come from windows before."""
    split = split_origins(panel, HORIZON, evaluation=3, validation=6)
    before, after = split.validation.columns[:3], split.validation.columns[3:]
    tree = hierarchy(panel.static, ("chain", "store"))
    top, out = aggregate_panel(panel, tree), []
    first, second = (backtest(panel, {name: MODELS[name]}, o, HORIZON) for o in (before, after))
    for label, make in {
        "seasonal window": SeasonalWindow,
        "seasonal window, 28 days": lambda: SeasonalWindow(28),
        f"{name} on totals": MODELS[name],
    }.items():
        a, b = (backtest(top, {label: make}, o, HORIZON) for o in (before, after))
        second = reconcile_backtest(
            second,
            name,
            b,
            label,
            tree,
            error_variance(first, name),
            error_variance(a, label),
            f"reconciled with {label}",
        )
        own = b.by("group")[["group", "RMSSE", "WAPE"]].rename(columns={"group": "level"})
        out.append(own.assign(model=f"{label}, totals alone"))
    return pd.concat([level_scores(second, b, tree), *out], ignore_index=True)


def against_truth(name: str, windows: int = 4, horizon: int = 14) -> pd.DataFrame:
    """Place the true demand of the simulated chain in its predicted distribution: shares of tenths."""
    data = SOURCES.load("embedded")
    panel = from_tables(data.tables)
    split = split_origins(panel, horizon, evaluation=windows, validation=0)
    origin = split.evaluation.columns[0]
    model = MODELS[name]().fit(panel.cut(origin), origin)
    cal, places = (
        Calibrated.fit(model, panel.cut(origin)),
        {"true demand of a day": [], "true demand of 14 days": [], "sales of a day, sold-out days too": []},
    )
    demand = np.asarray(data.truth.demand, float)[pd.Index(data.truth.ids).get_indexer(panel.ids)]
    for o in split.evaluation:
        mean, restless = model.predict(panel.cut(o), o, horizon), dispersion(panel, o)
        for what, real in (("true demand of a day", demand), ("sales of a day, sold-out days too", panel.y)):
            block = real[:, o : o + horizon]
            rows = outcomes(
                {
                    "forecast": mean.ravel(),
                    "outcome": block.ravel(),
                    "series": np.repeat(np.arange(len(panel.ids)), horizon),
                    "origin": np.full(mean.size, o),
                    "step": np.tile(np.arange(horizon), len(panel.ids)),
                },
                uncensored(panel),
            )
            places[what].append(cal.pit(rows))
        paths, total = cal.paths(mean, 400, 1, restless).sum(axis=2), demand[:, o : o + horizon].sum(axis=1)
        below, equal = (paths < total).mean(axis=0), (paths == total).mean(axis=0)
        places["true demand of 14 days"].append(
            (below + equal * np.random.default_rng(0).random(len(total)))[np.isfinite(total)]
        )
    tenths = np.round(np.linspace(0, 1, 11), 1)
    return pd.DataFrame(
        {what: np.histogram(np.concatenate(p), tenths)[0] / len(np.concatenate(p)) for what, p in places.items()},
        index=pd.Index([f"{a:g} to {b:g}" for a, b in zip(tenths, tenths[1:])], name="place"),
    )


def uncensored(panel: Panel) -> Panel:
    """Take the marks off, to score what is given as it is."""
    return replace(panel, censored=np.zeros_like(panel.censored))


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("--model", default="accurate")
    ask.add_argument("--validation", action="store_true")
    ask.add_argument("--no-peer", action="store_true")
    ask.add_argument("--windows", type=int, default=2)
    ask.add_argument(
        "--reconcile", default="fast", help="model whose reconciliation is compared on validation windows; '' skips it"
    )
    ask.add_argument("--truth", action="store_true", help="only the embedded data against their truth")
    given = ask.parse_args()
    warnings.filterwarnings("ignore")
    RESULTS.mkdir(exist_ok=True)
    placed = against_truth(given.reconcile or "fast").round(4)
    print("embedded data, where demand fell in its predicted distribution\n", placed.to_string(), "\n")
    placed.to_csv(RESULTS / "intervals_truth.csv")
    if given.truth:
        return
    panel = from_tables(SOURCES.load("public:m5-foods1").tables)
    split = split_origins(panel, HORIZON)
    origins = split.validation if given.validation else split.evaluation
    rows, added = ours(panel, given.model, origins)
    if not given.no_peer:
        rows += peer(panel, tuple(origins), given.windows)
    table = pd.DataFrame(rows).set_index("who")
    if len(table) > 1:
        table.loc["ratio"], table.loc["ratio, rounded"] = table.iloc[0] / table.iloc[1], table.iloc[0] / table.iloc[2]
    shown = [
        "pinball 0.1",
        "pinball 0.5",
        "pinball 0.9",
        "coverage 80%",
        "RMSSE",
        "MASE",
        "WAPE",
        "PIT below 0.1",
        "PIT above 0.9",
        "seconds",
        "seconds of intervals",
    ]
    table, added = table[shown].round(4), pd.DataFrame(added).round(3)
    print(table.T.to_string(), added.to_string(index=False), sep="\n\n")
    levels = reconciled(panel, given.reconcile).round(4) if given.reconcile else None
    if levels is not None:
        print("\n", levels.pivot(index="model", columns="level", values="RMSSE").to_string())
    if not given.validation and not given.no_peer:
        table.to_csv(RESULTS / "intervals.csv")
        added.to_csv(RESULTS / "intervals_sums.csv", index=False)
        if levels is not None:
            levels.to_csv(RESULTS / "reconcile_validation.csv", index=False)


if __name__ == "__main__":
    main()
