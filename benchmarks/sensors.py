"""Five-minute counts 15, 30 and 60 minutes ahead, beside LightGBM pooled over all sensors, in one run.

    python benchmarks/sensors.py --data data/city --out scores.csv     # data/city is what comes with the package

24 detectors of the embedded city. Both are fitted once on the 13 weeks before the last four, and forecast the
last four weeks from every full hour. Outcomes are the reported counts for 15 and 30 minutes (where a detector
is not on record as faulty) and the vehicles that truly passed for 60 minutes (`truth/passed`, hourly),
everywhere, and apart where a fault overlaps the hour. LightGBM gets the last 12 counts, the same time a day and
a week before, means of an hour, a day and a week of the sensor and of all, the hour, the kind of day and the
sensor; 300 trees of 31 leaves, rate 0.05, one model a horizon.
"""

import argparse
import os
import time
from importlib.util import find_spec
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.cases.city.world.days import day_kind, local_time  # noqa: E402
from lepton_nb.cases.city.world.detectors import step_times  # noqa: E402
from lepton_nb.demand.sensors import SensorForecaster, day_slots  # noqa: E402

WEEKS, TRAIN, HORIZONS = 4, 13, (3, 6, 12)
ROOT = Path(__file__).resolve().parents[1] / "data" / "city"


def ahead(x: np.ndarray, at: np.ndarray, steps: int) -> np.ndarray:
    """Sum the steps from each one of `at`, NaN where one is missing (O, S)."""
    return sum(x[at + k] for k in range(steps))


def ours(counts: np.ndarray, times: pd.DatetimeIndex, free: tuple, first: int, at: np.ndarray) -> dict:
    """Fit once, forecast from each step."""
    begin = first - TRAIN * 2016
    model = SensorForecaster(free_days=free).fit(counts[begin:first], times[begin:first])
    began = time.process_time()
    model.predict(counts[: at[0]], times[: at[0]])
    print(f"one update of all sensors: {time.process_time() - began:.4f} s")
    return {steps: values[0] for steps, values in model.replay(counts, times, at).items()}


def pooled(counts: np.ndarray, times: pd.DatetimeIndex, free: tuple, first: int, at: np.ndarray) -> dict:
    """Fit a LightGBM a horizon on all sensors, forecast from each step."""
    import lightgbm

    wide, slots = pd.DataFrame(counts), day_slots(times, free)
    means = [wide.rolling(w, min_periods=1).mean().shift(1).to_numpy() for w in (12, 288, 2016)]
    whole = [np.repeat(np.nanmean(m, axis=1)[:, None], counts.shape[1], axis=1) for m in means]

    def table(at: np.ndarray, steps: int) -> np.ndarray:
        rows = [counts[at - k] for k in range(1, 13)] + [m[at] for m in (*means, *whole)]
        for back in (288, 2016):
            rows.append(np.nanmean([counts[at - back + k] for k in range(steps)], axis=0))
        around = np.ones(counts.shape[1])
        rows += [np.outer(slots[at] % 288, around), np.outer(slots[at] // 288, around)]
        rows += [np.outer(times.dayofweek[at], around), np.outer(np.ones(len(at)), np.arange(counts.shape[1]))]
        return np.stack(rows, -1).reshape(-1, len(rows))

    train, out = np.arange(first - (TRAIN - 1) * 2016, first - 12, 2), {}
    for steps in HORIZONS:
        y = ahead(counts, train, steps).ravel()
        model = lightgbm.LGBMRegressor(n_estimators=300, learning_rate=0.05, n_jobs=1, verbosity=-1)
        model.fit(table(train, steps)[np.isfinite(y)], y[np.isfinite(y)])
        out[steps] = model.predict(table(at, steps)).reshape(len(at), -1)
    return out


def main() -> None:
    """Measure both and print root mean squared errors, their ratio and seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT, help="folder with counts.parquet and truth/")
    parser.add_argument("--out", type=Path, help="csv file for the table")
    args = parser.parse_args()
    counts = pd.read_parquet(args.data / "counts.parquet")
    passed = pd.read_parquet(args.data / "truth" / "passed.parquet").to_numpy()
    faults = pd.read_parquet(args.data / "truth" / "faults.parquet")
    steps, names, counts = step_times(), list(counts), counts.to_numpy()
    times = local_time(steps)
    days = times.normalize().unique()
    free = tuple(days[(day_kind(days) == 2) & (days.dayofweek != 6)])
    faulty = np.zeros(counts.shape, bool)
    for one in faults.itertuples(index=False):
        faulty[(steps >= one.start) & (steps < one.end), names.index(one.sensor)] = True
    first = len(counts) - WEEKS * 2016
    at = np.arange(first, len(counts) - 12, 12)
    outcome = {k: np.where(ahead(faulty, at, k) > 0, np.nan, ahead(counts, at, k)) for k in (3, 6)}
    outcome[12] = passed[at // 12]
    models = {"ours": ours} | ({"LightGBM": pooled} if find_spec("lightgbm") else {})
    rows = []
    for name, run in models.items():
        began = time.process_time()
        found = run(counts, times, free, first, at)
        seconds = time.process_time() - began
        row = {"model": name, "cpu_seconds": seconds}
        for k in HORIZONS:
            row[f"rmse {5 * k}"] = np.sqrt(np.nanmean((found[k] - outcome[k]) ** 2))
        bad = ahead(faulty, at, 12) > 0
        row["rmse 60, faulty"] = np.sqrt(np.mean((found[12] - outcome[12])[bad] ** 2))
        row["rmse 60, sound"] = np.sqrt(np.mean((found[12] - outcome[12])[~bad] ** 2))
        rows.append(row)
    table = pd.DataFrame(rows).round(3)
    if args.out:
        table.to_csv(args.out, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
