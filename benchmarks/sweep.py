"""A sweep on one process and on two: parallel efficiency, beside two plain pools of processes, one run.

    python benchmarks/sweep.py                       # 16 points of about a second of one core
    python benchmarks/sweep.py --points 64 --work 0.5
    python benchmarks/sweep.py --out FILE.csv

A point of kind `computing` spends a fixed amount of work (PBKDF2) on one core; one of kind `waiting` sleeps as long, so
it tells what the sweep itself loses whatever else the machine does. Efficiency is the time on one process over twice
the time on two, from the first point sent to the last one written, best of the rounds; `with start` counts the start
and the end of the processes too. `busy` is the share of that time in which a process had a point, by the clock of the
process itself: other programs on the same cores make both longer, so it can be trusted on a machine that is not idle.
The peers get the same function and the same points, and write nothing.
"""

import argparse
import hashlib
import importlib
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import joblib  # noqa: E402
import pandas as pd  # noqa: E402
from distributed import Client, LocalCluster  # noqa: E402

from lepton_nb.workbook.sweep import plan_sweep, run_sweep, work_out  # noqa: E402

RESULT = Path(__file__).parent / "results" / "sweep.csv"
PACKAGE = """
import hashlib
import time
from types import SimpleNamespace

from lepton_nb.workbook.case import Case
from lepton_nb.workbook.parameters import CaseParameters, param


class Parameters(CaseParameters):
    point: int = param(1, ge=1, meaning="number of the point")
    rounds: int = param(0, ge=0, meaning="of work")
    seconds: float = param(0.0, ge=0, unit="s", meaning="to sleep")


def study(params):
    if params.rounds:
        hashlib.pbkdf2_hmac("sha256", b"sweep", str(params.point).encode(), params.rounds)
    time.sleep(params.seconds)
    return SimpleNamespace(results=[SimpleNamespace(name="worked", value=params.point, unit="", meaning="")])


CASE = Case("mill", "A mill", Parameters, {}, {}, study)
"""
ASSIGNED = 'source = "embedded"\nseed = 7\npoint = 1\nrounds = 0\nseconds = 0.0'


def write_case(folder: Path) -> None:
    """Write the case where this process and those that it starts find it."""
    package = folder / "bench_cases" / "mill"
    (package / "pages").mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE)
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {"tags": ["parameters"]},
        "outputs": [],
        "execution_count": None,
    }
    page = {"cells": [cell | {"source": ASSIGNED}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (package / "pages" / "decide.ipynb").write_text(json.dumps(page))
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    importlib.invalidate_caches()


def rounds_of(seconds: float) -> int:
    """Find how much work takes some processor seconds here."""
    began = time.process_time()
    hashlib.pbkdf2_hmac("sha256", b"sweep", b"0", 300_000)
    return int(300_000 * seconds / (time.process_time() - began))


def given(sweep) -> list[tuple]:
    return [("mill", "bench_cases", params.model_dump(mode="json")) for params in sweep.params]


def by_sweep(sweep, processes: int) -> tuple[float, float, float]:
    began = time.perf_counter()
    quiet = {"dashboard_address": "127.0.0.1:0", "memory_limit": 0, "silence_logs": 50}
    with (
        tempfile.TemporaryDirectory() as out,
        LocalCluster(n_workers=processes, threads_per_worker=1, **quiet) as cluster,
        Client(cluster) as client,
    ):
        client.run(work_out, "mill", "bench_cases", {"point": 1})
        sent = time.perf_counter()
        swept = run_sweep(sweep, out, client=client, progress=False)
        alone = time.perf_counter() - sent
        assert (swept.points["status"] == "done").all()
    return alone, time.perf_counter() - began, swept.points["seconds"].sum()


def by_executor(sweep, processes: int) -> tuple[float, float, float]:
    began = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(work_out, *zip(*[("mill", "bench_cases", {"point": 1})] * 2)))
        sent = time.perf_counter()
        done = list(pool.map(work_out, *zip(*given(sweep))))
        alone = time.perf_counter() - sent
    assert not any(point["failure"] for point in done)
    return alone, time.perf_counter() - began, sum(point["seconds"] for point in done)


def by_joblib(sweep, processes: int) -> tuple[float, float, float]:
    began = time.perf_counter()
    with joblib.Parallel(processes, pre_dispatch="all", batch_size=1) as pool:
        pool(joblib.delayed(work_out)("mill", "bench_cases", {"point": 1}) for _ in range(2))
        sent = time.perf_counter()
        done = pool(joblib.delayed(work_out)(*words) for words in given(sweep))
        alone = time.perf_counter() - sent
    assert not any(point["failure"] for point in done)
    return alone, time.perf_counter() - began, sum(point["seconds"] for point in done)


WAYS = {"sweep (ours)": by_sweep, "ProcessPoolExecutor": by_executor, "joblib": by_joblib}


def measure(points: int, work: float, rounds: int, ways: list[str]) -> pd.DataFrame:
    """Measure every way on one process and on two, in turns."""
    kinds = {"computing": [("rounds", str(rounds_of(work)))], "waiting": [("seconds", str(work))]}
    rows = []
    for kind, pairs in kinds.items():
        sweep = plan_sweep("mill", [f"point=1:{points}:{points}"], pairs, module="bench_cases")
        for turn in range(rounds):
            for way, run in ((way, WAYS[way]) for way in ways):
                for processes in (1, 2):
                    alone, whole, had = run(sweep, processes)
                    rows.append((kind, way, processes, turn, alone, whole, had / alone / processes, os.getloadavg()[0]))
                    print(*rows[-1][:4], *(f"{value:.2f}" for value in rows[-1][4:]), flush=True)
    return pd.DataFrame(rows, columns=["kind", "way", "processes", "round", "seconds", "with start", "busy", "load"])


def efficiency(measured: pd.DataFrame) -> pd.DataFrame:
    """Return the time on one process over twice the time on two, of the best rounds."""
    best = measured.groupby(["kind", "way", "processes"])[["seconds", "with start"]].min().unstack()
    out = pd.DataFrame({what: best[(what, 1)] / best[(what, 2)] / 2 for what in ("seconds", "with start")})
    busy = measured[measured["processes"] == 2].groupby(["kind", "way"])["busy"].max()
    return out.rename(columns={"seconds": "efficiency", "with start": "efficiency with start"}).assign(busy=busy)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--points", type=int, default=16)
    ask.add_argument("--work", type=float, default=1.0, metavar="SECONDS", help="of one core, a point")
    ask.add_argument("--rounds", type=int, default=2)
    ask.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    ask.add_argument("--data", metavar="FOLDER", help="not used: points are made here")
    ask.add_argument("--out", type=Path, default=RESULT, metavar="FILE.csv")
    told = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder))
        measured = measure(told.points, told.work, told.rounds, told.ways)
    print(efficiency(measured).round(3).to_string())
    told.out.parent.mkdir(parents=True, exist_ok=True)
    measured.round(3).to_csv(told.out, index=False)


if __name__ == "__main__":
    main()
