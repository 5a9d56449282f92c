"""Day-ahead forecasts of hourly series beside seasonal naive, LightGBM and statistical models, in one run.

    python benchmarks/hourly.py --data FOLDER                 # both sets; FOLDER has city/bike and city/traffic
    python benchmarks/hourly.py --data FOLDER --choose        # the same on the 60 days before the last 60
    python benchmarks/hourly.py --data FOLDER --only ours,week --out scores.csv

`bike-sharing` (UCI, 17,379 hours; hours that are missing mean no rides) and `metro-traffic` (I-94, from July
2015 on; missing hours stay gaps). The last 60 days are forecast, each at its midnight for its 24 hours.
Learners are fitted once, on all that was before the 60 days; statistical models every day on the last eight
weeks. RMSSE is that of each day, averaged over the days, scaled by the difference from one hour to the next
before the 60 days; RMSE is pooled over all hours. Weather is given as it
came (`actual`), with noise of the size of a day-ahead forecast's error (`noised`: 0.35 of each column's
standard deviation, changing over six hours) or as that of the day before (`yesterday`); peers get the same as
ours. `--choose` scores the 60 days before the last 60, to choose on.
"""

import argparse
import os
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.demand.backtest import naive_scale  # noqa: E402
from lepton_nb.demand.hourly import Hourly, HourNaive  # noqa: E402
from lepton_nb.demand.panel import Panel  # noqa: E402

DAYS = 60
WEATHER = ("actual", "noised", "yesterday")


def bike(folder: Path) -> Panel:
    """Read the hourly rides of Washington; an hour without a row had none."""
    raw = pd.read_csv(folder / "city" / "bike" / "hour.csv")
    raw["ds"] = pd.to_datetime(raw["dteday"]) + pd.to_timedelta(raw["hr"], unit="h")
    table = pd.DataFrame({"unique_id": "rides", "ds": raw["ds"], "y": raw["cnt"].astype(float)})
    hours = pd.DataFrame({"ds": pd.date_range(raw["ds"].min(), raw["ds"].max(), freq="h")})
    known = hours.merge(raw[["ds", "weathersit", "temp", "atemp", "hum", "windspeed"]], how="left").ffill()
    day = raw.groupby("dteday")[["workingday", "holiday"]].first().set_axis(pd.to_datetime(raw["dteday"].unique()))
    known[["workingday", "holiday"]] = day.reindex(known["ds"].dt.normalize()).ffill().to_numpy(float)
    return Panel.from_frames(table, known=known, freq="h")


def metro(folder: Path) -> Panel:
    """Read the hourly traffic on I-94 west; an hour without a row is a gap."""
    raw = pd.read_csv(folder / "city" / "traffic" / "Metro_Interstate_Traffic_Volume.csv", keep_default_na=False)
    raw["ds"] = pd.to_datetime(raw["date_time"])
    free = set(raw.loc[raw["holiday"] != "None", "ds"].dt.normalize())
    raw = raw[raw["ds"] >= "2015-07-01"].drop_duplicates("ds")
    table = pd.DataFrame({"unique_id": "I-94", "ds": raw["ds"], "y": raw["traffic_volume"].astype(float)})
    known = pd.DataFrame({"ds": pd.date_range(raw["ds"].min(), raw["ds"].max(), freq="h")})
    weather = raw[["ds", "temp", "rain_1h", "snow_1h", "clouds_all"]].copy()
    weather["temp"] = weather["temp"].astype(float).where(weather["temp"].astype(float) > 200)  # 0 kelvin is a fault
    weather["rain_1h"] = weather["rain_1h"].astype(float).clip(upper=50)
    known = known.merge(weather, how="left").ffill().bfill()
    day = known["ds"].dt.normalize()
    known["holiday"] = day.isin(free).astype(float)
    known["workingday"] = ((day.dt.dayofweek < 5) & ~day.isin(free)).astype(float)
    return Panel.from_frames(table, known=known, freq="h", gaps="missing")


SETS = {"bike-sharing": bike, "metro-traffic": metro}


def with_weather(panel: Panel, kind: str, start: int) -> Panel:
    """Return the panel with the weather from `start` on as it is known the evening before."""
    rng, known = np.random.default_rng(0), dict(panel.known)
    for name in [n for n in known if n not in ("workingday", "holiday")]:
        x = np.array(known[name], float)
        if kind == "noised":
            shocks = rng.normal(0, 0.35 * np.nanstd(x), len(x) // 6 + 1)
            x[start:] += np.interp(np.arange(len(x)), 6 * np.arange(len(shocks)), shocks)[start:]
        if kind == "yesterday":
            x[start:] = np.array(known[name], float)[start - 24 : -24]
        known[name] = x.astype(np.float32)
    return replace(panel, known=known)


def ours(panel: Panel, later: Panel, origins: list[int]) -> np.ndarray:
    """Fit once and forecast every day; the weather of the days before it is known as it was."""
    model, out = Hourly().fit(panel, origins[0]), []
    for o in origins:
        known = {name: np.r_[panel.known[name][:o], values[o:]] for name, values in later.known.items()}
        out.append(model.predict(replace(panel, known=known), o, 24)[0])
    return np.stack(out)


def naive(season: int):
    """Make the forecast by the same hour before."""
    return lambda panel, later, origins: np.stack([HourNaive(season).predict(panel.cut(o), o, 24)[0] for o in origins])


def lightgbm_recursive(panel: Panel, later: Panel, origins: list[int]) -> np.ndarray:
    """Forecast by mlforecast and LightGBM, recursively, fitted once and told each day's outcome."""
    import lightgbm
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    def frame(p: Panel) -> pd.DataFrame:
        out = pd.DataFrame({"unique_id": "s", "ds": p.ds, "y": pd.Series(p.y[0]).interpolate().bfill().to_numpy()})
        return out.assign(**p.known)

    past, ahead = frame(panel), frame(later)
    learner = MLForecast(
        models={"y_hat": lightgbm.LGBMRegressor(n_estimators=400, learning_rate=0.05, n_jobs=1, verbosity=-1)},
        freq="h",
        lags=[1, 2, 3, 24, 25, 48, 72, 144, 167, 168, 169, 336],
        lag_transforms={1: [RollingMean(24), RollingMean(168)], 24: [RollingMean(24)], 168: [RollingMean(24)]},
        date_features=["hour", "dayofweek", "month"],
        num_threads=1,
    )
    learner.fit(past[: origins[0]], static_features=[])
    out = []
    for o in origins:
        x = ahead.iloc[o : o + 24].drop(columns="y")
        out.append(learner.predict(24, X_df=x)["y_hat"].to_numpy())
        learner.update(past.iloc[o : o + 24])
    return np.maximum(np.stack(out), 0)


def lightgbm_direct(panel: Panel, later: Panel, origins: list[int]) -> np.ndarray:
    """Forecast by LightGBM from lags that are known at midnight, fitted once."""
    import lightgbm

    def table(p: Panel) -> pd.DataFrame:
        y = pd.Series(panel.y[0])
        x = pd.DataFrame({f"lag{k}": y.shift(k) for k in (24, 48, 72, 96, 120, 144, 168, 336, 504, 672)})
        midnight = np.arange(len(y)) // 24 * 24
        for w in (3, 24, 168):
            x[f"mean{w}"] = y.rolling(w, min_periods=1).mean().shift(1).to_numpy()[midnight]
        ds = p.ds
        return x.assign(hour=ds.hour, dayofweek=ds.dayofweek, month=ds.month, **p.known)

    first = origins[0]
    x, y = table(panel)[672:first], panel.y[0, 672:first]
    model = lightgbm.LGBMRegressor(n_estimators=400, learning_rate=0.05, n_jobs=1, verbosity=-1)
    model.fit(x[np.isfinite(y)], y[np.isfinite(y)])
    return np.maximum(model.predict(table(later)[first : first + 24 * len(origins)]).reshape(-1, 24), 0)


def statistical(name: str):
    """Make a model of statsforecast, fitted every day on the last eight weeks."""

    def run(panel: Panel, later: Panel, origins: list[int]) -> np.ndarray:
        from statsforecast import models

        kinds = {
            "AutoETS": lambda: models.AutoETS(season_length=24),
            "MSTL": lambda: models.MSTL(season_length=[24, 168]),
            "AutoTheta": lambda: models.AutoTheta(season_length=24),
        }
        y = pd.Series(panel.y[0]).interpolate().bfill().to_numpy(float)
        return np.stack([np.maximum(kinds[name]().forecast(y[o - 1344 : o], 24)["mean"], 0) for o in origins])

    return run


MODELS = {
    "ours": (ours, None),
    "week": (naive(168), None),
    "day": (naive(24), None),
    "LightGBM recursive (mlforecast)": (lightgbm_recursive, "mlforecast"),
    "LightGBM direct": (lightgbm_direct, "lightgbm"),
    "AutoETS": (statistical("AutoETS"), "statsforecast"),
    "MSTL": (statistical("MSTL"), "statsforecast"),
    "AutoTheta": (statistical("AutoTheta"), "statsforecast"),
}
BLIND = {"week", "day", "AutoETS", "MSTL", "AutoTheta"}  # they take no weather


def measure(panel: Panel, name: str, weather: str, end: int) -> dict:
    """Score one model with one kind of weather on the 60 days before `end`."""
    origins = [end - 24 * k for k in range(DAYS, 0, -1)]
    later = with_weather(panel, weather, origins[0])
    began = time.process_time()
    forecast = MODELS[name][0](panel, later, origins)
    seconds = time.process_time() - began
    actual = np.stack([panel.y[0, o : o + 24] for o in origins]).astype(float)
    square = np.nanmean((forecast - actual) ** 2, axis=1)
    scale = naive_scale(panel.y[0, : origins[0]].astype(float), 2)
    return {
        "rmsse": np.nanmean(np.sqrt(square / scale)),
        "rmse": np.sqrt(np.nanmean((forecast - actual) ** 2)),
        "wape": np.nansum(abs(forecast - actual)) / np.nansum(actual),
        "cpu_seconds": seconds,
    }


def main() -> None:
    """Measure all models on both sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with city/bike and city/traffic")
    parser.add_argument("--only", default=",".join(MODELS), help="models, comma-separated")
    parser.add_argument("--sets", default=",".join(SETS), help="sets, comma-separated")
    parser.add_argument("--choose", action="store_true", help="score the 60 days before the last 60")
    parser.add_argument("--out", type=Path, help="csv file for the table")
    args = parser.parse_args()
    rows = []
    for data in args.sets.split(","):
        panel = SETS[data](args.data)
        end = panel.end // 24 * 24 - (24 * DAYS if args.choose else 0)
        for name in args.only.split(","):
            if MODELS[name][1] and not find_spec(MODELS[name][1]):
                print(f"left out: {name}; pip install {MODELS[name][1]}")
                continue
            for weather in ("actual",) if name in BLIND else WEATHER:
                rows.append({"data": data, "model": name, "weather": weather if name not in BLIND else "none"})
                rows[-1] |= measure(panel, name, weather, end)
                print({k: round(v, 3) if isinstance(v, float) else v for k, v in rows[-1].items()}, flush=True)
    table = pd.DataFrame(rows).round(4)
    if args.out:
        table.to_csv(args.out, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
