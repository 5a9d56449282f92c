"""Demand by vehicle model in China, 12 months ahead, beside naive rules, exponential smoothing, Theta and LightGBM.

    python benchmarks/demand_by_model.py --data FOLDER                 # the folder that holds the file by model
    python benchmarks/demand_by_model.py --data FOLDER --out FILE.csv --only "ours,mean of 3"

Units sold by model and month, 2018-01 to 2024-04 (1,372 models once the maker is added to the name: 49 names stand
with two makers). Two origins, 2022-05 and 2023-05; a series is judged where it sold in the last three months before the
origin and is at least 36 months old, launches (4 to 35 months old) apart. Traps of the file: 34 rows stand twice; a
model that vanishes sells nothing from then on (dropping it would judge survivors only); February 2020 and April 2022
are lockdowns; from 2023-01 on it counts retail and not wholesale; new year moves between January and February.

RMSSE is scaled by the naive forecast of the month before, averaged over series; WAPE is over all. Both are averaged
over the two origins. Our settings were chosen on earlier origins (2020-11, 2021-02, 2021-05) whose windows end before
the first one here. Peers: AutoETS and AutoTheta of statsforecast with season 12 (series too short for it get the mean
of three months), and mlforecast with LightGBM on lags, rolling means and dates, scaled by series or by logarithm, the
better of the two *on the judged months*. What is not installed is left out.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.demand.backtest import known_mean, rmsse, wape  # noqa: E402
from lepton_nb.demand.panel import Groups, Panel  # noqa: E402

HERE = Path(__file__).resolve().parent
FILE, H = "china_automobile_sales_by_model.csv", 12
NEW_YEAR = ("2018-02-16", "2019-02-05", "2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10")


def read(folder: Path) -> Panel:
    """Read the file as a panel: doubled rows once, maker and model as the name, months without sales as zero."""
    files = sorted(folder.rglob(FILE))
    if not files:
        raise SystemExit(f"{folder}: no file {FILE}; give the folder that holds it")
    raw = pd.read_csv(files[0])
    doubled = raw.duplicated(["make", "model", "year_month"])
    raw = raw[~doubled]
    print(f"{files[0].name}: {len(raw)} rows; {int(doubled.sum())} stood twice and count once")
    raw = raw.assign(unique_id=raw["make"] + "/" + raw["model"], ds=pd.to_datetime(raw["year_month"]))
    static = raw.drop_duplicates("unique_id").set_index("unique_id")[["make", "body_type", "is_ev"]]
    tidy = raw[["unique_id", "ds"]].assign(y=raw["units_sold"].astype(float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        panel = Panel.from_frames(tidy, static=static, freq="MS", groups=Groups(place="make"))
    return replace(panel, known={"newyear": feast(panel.ds)})


def feast(months: pd.DatetimeIndex) -> np.ndarray:
    """Count the days of each month from a week before lunar new year to ten days after it."""
    near = [pd.date_range(d - pd.Timedelta(days=7), d + pd.Timedelta(days=10)) for d in pd.to_datetime(NEW_YEAR)]
    days = pd.DatetimeIndex(np.concatenate(near)).to_period("M").value_counts()
    return days.reindex(months.to_period("M"), fill_value=0).to_numpy(np.float32)


def classes(panel: Panel, origin: int) -> dict[str, np.ndarray]:
    """Tell old series from launches, among those that sold in the last three months."""
    age = origin - np.isfinite(panel.y).argmax(1)
    alive = np.nan_to_num(panel.y[:, origin - 3 : origin]).sum(1) > 0
    return {"36 months and older": alive & (age >= 36), "launches": alive & (age >= 4) & (age < 36)}


def mean_of_3(panel: Panel, origin: int) -> np.ndarray:
    """Repeat the mean of the last three months."""
    return np.repeat(np.nan_to_num(panel.y[:, origin - 3 : origin]).mean(1)[:, None], H, axis=1)


def naive(panel: Panel, origin: int) -> np.ndarray:
    """Repeat the last month."""
    return np.repeat(np.nan_to_num(panel.y[:, [origin - 1]]), H, axis=1)


def seasonal_naive(panel: Panel, origin: int) -> np.ndarray:
    """Repeat the last year."""
    return np.nan_to_num(panel.y[:, origin - 12 : origin])


def past_of(panel: Panel, origin: int) -> pd.DataFrame:
    """Lay out the past of the series that are judged as a tidy table."""
    keep = np.logical_or(*classes(panel, origin).values())
    i, t = np.nonzero(np.isfinite(panel.y[:, :origin]) & keep[:, None])
    return pd.DataFrame({"unique_id": panel.ids[i], "ds": panel.ds[t], "y": panel.y[i, t].astype(float)})


def laid_out(frame: pd.DataFrame, column: str, panel: Panel, origin: int) -> np.ndarray:
    """Turn a peer's table into (N, H); zero where it has no forecast."""
    wide = frame.reset_index().pivot(index="unique_id", columns="ds", values=column)
    return np.maximum(wide.reindex(panel.ids, columns=panel.days(origin, H)).fillna(0).to_numpy(), 0)


def statistical(name: str) -> Callable:
    """Forecast by a method of statsforecast, series by series."""

    def run(panel: Panel, origin: int) -> np.ndarray:
        from statsforecast import StatsForecast
        from statsforecast.models import AutoETS, AutoTheta, WindowAverage

        model = {"AutoETS": AutoETS, "AutoTheta": AutoTheta}[name](season_length=12, alias="m")
        spare = WindowAverage(3, alias="m")
        found = StatsForecast([model], freq="MS", n_jobs=1, fallback_model=spare).forecast(
            df=past_of(panel, origin), h=H
        )
        return laid_out(found, "m", panel, origin)

    return run


def lightgbm(scaling: str) -> Callable:
    """Forecast by mlforecast and LightGBM, recursively, one model for all series."""

    def run(panel: Panel, origin: int) -> np.ndarray:
        import lightgbm as lgb
        from mlforecast import MLForecast
        from mlforecast.lag_transforms import RollingMean
        from mlforecast.target_transforms import GlobalSklearnTransformer, LocalStandardScaler
        from sklearn.preprocessing import FunctionTransformer

        logarithm = GlobalSklearnTransformer(FunctionTransformer(np.log1p, np.expm1))
        learner = MLForecast(
            models={
                "m": lgb.LGBMRegressor(n_estimators=200, learning_rate=0.05, n_jobs=1, random_state=0, verbosity=-1)
            },
            freq="MS",
            lags=[1, 2, 3, 6, 12],
            lag_transforms={1: [RollingMean(w, min_samples=1) for w in (3, 6, 12)]},
            date_features=["month"],
            target_transforms=[LocalStandardScaler()] if scaling == "series" else [logarithm],
            num_threads=1,
        )
        frame = past_of(panel, origin)
        for name in panel.static:
            frame[name] = pd.factorize(panel.static[name])[0][panel.ids.get_indexer(frame["unique_id"])]
        found = learner.fit(frame, static_features=list(panel.static), dropna=False).predict(H)
        return laid_out(found, "m", panel, origin)

    return run


def ours(panel: Panel, origin: int) -> np.ndarray:
    """Forecast by our monthly model."""
    from lepton_nb.demand.models import MODELS

    past = panel.cut(origin)
    return MODELS["steady"]().fit(past, origin).predict(past, origin, H)


METHODS: dict[str, tuple[Callable, tuple[str, ...]]] = {  # how, and what must be installed
    "ours": (ours, ()),
    "mean of 3": (mean_of_3, ()),
    "naive": (naive, ()),
    "seasonal naive": (seasonal_naive, ()),
    "AutoTheta": (statistical("AutoTheta"), ("statsforecast",)),
    "AutoETS": (statistical("AutoETS"), ("statsforecast",)),
    "mlforecast + LightGBM (scaled)": (lightgbm("series"), ("mlforecast", "lightgbm")),
    "mlforecast + LightGBM (logarithm)": (lightgbm("log"), ("mlforecast", "lightgbm")),
}


def measure(panel: Panel, origins: list[int], name: str) -> pd.DataFrame:
    """Score one method on old series and launches, averaged over the origins."""
    rows, began = [], time.process_time()
    for origin in origins:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            forecast = METHODS[name][0](panel, origin)
        for kind, keep in classes(panel, origin).items():
            actual, past = panel.y[keep, origin : origin + H], panel.y[keep, :origin]
            scores = known_mean(rmsse(actual, forecast[keep], past, 1)), wape(actual, forecast[keep])
            rows.append((name, kind, int(keep.sum()), *map(float, scores)))
    table = pd.DataFrame(rows, columns=["method", "series", "number", "RMSSE", "WAPE"])
    out = table.groupby(["method", "series"], sort=False, as_index=False).agg(
        {"number": "sum", "RMSSE": "mean", "WAPE": "mean"}
    )
    return out.assign(cpu_seconds=time.process_time() - began)


def main() -> None:
    """Print the scores and their ratios to the best peer, and write them as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {FILE}")
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "demand_by_model.csv", help="csv file for the table"
    )
    parser.add_argument("--only", default=",".join(METHODS), help="methods, comma-separated")
    args = parser.parse_args()
    names = [n.strip() for n in args.only.split(",")]
    wrong = [n for n in names if n not in METHODS]
    if wrong:
        raise SystemExit(f"--only: no method {wrong[0]!r}; there are {', '.join(METHODS)}")
    missing = [n for n in names if not all(find_spec(p) for p in METHODS[n][1])]
    if missing:
        print(f"left out: {', '.join(missing)}; pip install statsforecast mlforecast lightgbm")
    panel, rows = read(args.data), []
    origins = [panel.end - 2 * H, panel.end - H]
    for name in names:
        if name not in missing:
            rows.append(measure(panel, origins, name))
            print(rows[-1].round(4).to_string(index=False, header=len(rows) == 1), flush=True)
    found = pd.concat(rows, ignore_index=True)
    for metric in ("RMSSE", "WAPE"):
        best = found[found["method"] != "ours"].groupby("series")[metric].min()
        found[f"{metric}_to_best_peer"] = found[metric] / found["series"].map(best)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    found.round(4).to_csv(args.out, index=False)
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
