"""Time and memory against size: series of a forecast, variables of a program, links of a network, points of a sweep.

    python benchmarks/scale.py                          # everything; an hour and 8 GB
    python benchmarks/scale.py --only series programs
    python benchmarks/scale.py --only "series in parts" --sizes 100000

Every size runs in a process of its own with one thread, on data that are made there: 400 days of sales, forecast a
fortnight ahead by the model `fast`; a replenishment plan of ten stores and 28 days with ever more items; the user
equilibrium of a town that grows with its zones, pairs and vehicles (2,500 links: 104 zones, 4,000 pairs), to a gap of
1e-6; and a sweep of points of
half a second of one core. Seconds are of the processor, of all processes together, from the data to the answer; memory
is the peak of the largest process with all imports. `series in parts` is the same forecast by parts of 1,000 series on
two workers of Dask, each of which makes, forecasts and adds up its parts alone, so that its models learn from a part.
`whole on workers` gives the client to the call itself. The sweep runs on two processes: its efficiency is the time on
one over twice the time on two, both by the clock; `busy` is the share of the time on two in which a process had a
point, which other programs on the same cores leave as it is. The sizes of a kind that are measured replace its rows in
the results; `slope` is the power of the size that the time grows with, from the sizes that take a
twentieth of a second or more, and `last` the same between the two largest alone.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

RESULT = Path(__file__).parent / "results" / "scale.csv"
PART = 1_000  # series


def sold(series: int, days: int = 400, seed: int = 1) -> pd.DataFrame:
    """Make daily sales with a week."""
    ds, rng = pd.date_range("2024-01-01", periods=days), np.random.default_rng(seed)
    mean = rng.gamma(2, 5, series)[:, None] * (1 + 0.3 * (ds.dayofweek >= 5))
    names = pd.Categorical.from_codes(np.repeat(np.arange(series), days), [f"s{k:06d}" for k in range(series)])
    return pd.DataFrame({"unique_id": names.astype(str), "ds": np.tile(ds, series), "y": rng.poisson(mean).ravel()})


def ahead(past: pd.DataFrame, client=None) -> pd.DataFrame:
    from lepton_nb.demand.forecasting import forecast

    return forecast(past, h=14, freq="D", model="fast", client=client)


@contextmanager
def workers(count: int = 2):
    """Start processes of one thread each."""
    from distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "memory_limit": 0, "silence_logs": 50}
    with LocalCluster(n_workers=count, **options) as cluster, Client(cluster) as client:
        yield client


def series(size: int) -> tuple[Callable, dict]:
    ahead(sold(2))  # imports
    past = sold(size)
    return lambda: {"answer": len(ahead(past))}, {"rows": len(past)}


def part(seed: int) -> tuple[int, float]:
    """Make and forecast one part: rows and units ahead."""
    told = ahead(sold(PART, seed=seed))
    return len(told), float(told["yhat"].sum())


def series_in_parts(size: int) -> tuple[Callable, dict]:
    def run() -> dict:
        with workers() as client:
            told = client.gather(client.map(part, range(size // PART)))
            return {"answer": sum(rows for rows, _ in told)}

    return run, {"rows": size * 400}


def whole_on_workers(size: int) -> tuple[Callable, dict]:
    past = sold(size)

    def run() -> dict:
        with workers() as client:
            return {"answer": len(ahead(past, client))}

    return run, {"rows": len(past)}


def programs(size: int) -> tuple[Callable, dict]:
    from _replenishment import draw, in_blocks

    from lepton_nb.solve.door import solve

    drawn = draw(10, round(size / 840), 28)

    def run() -> dict:
        found = solve(in_blocks(drawn), time_limit=3_600).require()
        return {"answer": found.objective}

    return run, {}


def networks(size: int) -> tuple[Callable, dict]:
    from lepton_nb.allocation.equilibrium import made_town
    from lepton_nb.allocation.paths import user_equilibrium

    user_equilibrium(made_town(1)[0], gap=1e-4)  # compiles
    side = round((size / 4) ** 0.5)
    zones, of = size // 24, size / 2_500
    town, _ = made_town(7, side, side, zones=zones, vehicles=60_000 * of, pairs=round(4_000 * of))
    return lambda: {"answer": user_equilibrium(town, gap=1e-6).total_time}, {"rows": len(town.links)}


def points(size: int) -> tuple[Callable, dict]:
    import sweep

    kept = tempfile.TemporaryDirectory()
    sweep.write_case(Path(kept.name))
    planned = sweep.plan_sweep(
        "mill",
        [f"point=1:{size}:{size}"] if size > 1 else ["point=1"],
        [("rounds", str(sweep.rounds_of(0.5)))],
        module="bench_cases",
    )

    def run() -> dict:
        one, two = sweep.by_sweep(planned, 1), sweep.by_sweep(planned, 2)
        kept.cleanup()
        return {
            "answer": size,
            "one": one[0],
            "two": two[0],
            "efficiency": one[0] / two[0] / 2,
            "busy": two[2] / two[0] / 2,
        }

    return run, {}


KINDS = {
    "series": (series, (100, 300, 1_000, 3_000, 10_000, 30_490)),
    "whole on workers": (whole_on_workers, (1_000, 3_000, 10_000)),
    "series in parts": (series_in_parts, (10_000, 100_000)),
    "programs": (programs, (10_000, 30_000, 100_000, 300_000, 1_000_000)),
    "networks": (networks, (1_000, 2_500, 10_000, 40_000)),
    "points": (points, (1, 4, 16, 64)),
}


def used() -> tuple[float, float]:
    """Return processor seconds of this process and those that it has ended, and the peak of the largest, MB."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return sum(one.ru_utime + one.ru_stime for one in both), max(one.ru_maxrss for one in both) / unit


def measure(kind: str, size: int) -> dict:
    """Measure one size in this process."""
    run, about = KINDS[kind][0](size)
    before, began = used()[0], time.perf_counter()
    about |= run()
    clock, (after, peak) = time.perf_counter() - began, used()
    load = os.getloadavg()[0]
    return {
        "kind": kind,
        "size": size,
        "seconds": after - before,
        "peak MB": peak,
        "clock": clock,
        "load": load,
        **about,
    }


def apart(kind: str, size: int) -> dict:
    """Measure one size in a process of its own."""
    command = [sys.executable, __file__, "--only", kind, "--sizes", str(size), "--here"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def slopes(measured: pd.DataFrame) -> pd.DataFrame:
    """Fit time to size in logarithms: slope with its 95% interval by kind, and that of the two largest sizes."""
    from scipy.stats import linregress
    from scipy.stats import t as student

    rows = []
    for kind, rows_of in measured[measured["kind"] != "points"].groupby("kind", sort=False):
        x, y = np.log(rows_of.loc[rows_of["seconds"] >= 0.05, ["size", "seconds"]].to_numpy(float)).T
        if len(x) > 2:
            fit = linregress(x, y)
            half = student.ppf(0.975, len(x) - 2) * fit.stderr
            rows.append(
                (kind, len(x), fit.slope, fit.slope - half, fit.slope + half, (y[-1] - y[-2]) / (x[-1] - x[-2]))
            )
    return pd.DataFrame(rows, columns=["kind", "sizes", "slope", "low", "high", "last"])


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--only", nargs="+", default=list(KINDS), choices=list(KINDS))
    ask.add_argument("--sizes", nargs="+", type=int)
    ask.add_argument("--here", action="store_true", help="in this process; print what was measured and write nothing")
    ask.add_argument("--out", type=Path, default=RESULT, metavar="FILE.csv")
    told = ask.parse_args()
    if told.here:
        print(json.dumps(measure(told.only[0], told.sizes[0])))
        return
    for kind in told.only:
        for size in told.sizes or KINDS[kind][1]:
            row = pd.DataFrame([apart(kind, size)])
            print(row.round(2).to_string(index=False, header=False), flush=True)
            known = pd.read_csv(told.out) if told.out.exists() else row.head(0)
            known = known[(known["kind"] != kind) | (known["size"] != size)]
            order = pd.concat([known, row]).sort_values(
                ["kind", "size"], key=lambda c: c.map(list(KINDS).index) if c.name == "kind" else c
            )
            order.round(3).to_csv(told.out, index=False)
    fitted = slopes(pd.read_csv(told.out)).round(3)
    fitted.to_csv(told.out.with_name(f"{told.out.stem}_slopes.csv"), index=False)
    print(fitted.to_string(index=False))


if __name__ == "__main__":
    main()
