"""What the workbook adds to the work itself: a run beside bare Papermill, a page published, three studies at once.

    python benchmarks/running.py                     # retail; about ten minutes
    python benchmarks/running.py --case manufacturing --rounds 1
    python benchmarks/running.py --out FILE.csv

`run` is `lepton-nb run CASE`; its peer is a loop of `papermill.execute_notebook` over the same pages, in the same
order, in one process. Both work the study out from an empty cache that is their own, in turns, with one thread for
linear algebra, and the time of the kernels counts. `run` also checks parameters, watches memory and writes HTML,
results and manifest. `publish` is the time that one page of that run takes to become HTML. `studies` sets the three
cases one after another against all at once, by the clock, from empty caches: ideal on two cores is half the sum, and
no less than the longest.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).parent / "results" / "running.csv"
CASES = ("retail", "manufacturing", "city")
BARE = """
import sys
import papermill
from lepton_nb.workbook.case import find_case, pages_of
for name, page in pages_of(find_case(sys.argv[1])).items():
    papermill.execute_notebook(page, f"{sys.argv[2]}/{name}.ipynb", kernel_name="python3", progress_bar=False)
"""
STUDY = "import sys\nfrom lepton_nb import study\nstudy(sys.argv[1])"
PUBLISH = """
import sys, time
from pathlib import Path
from lepton_nb.workbook import cli
began = time.process_time()
cli.main(["publish", sys.argv[1], "--reports", sys.argv[2]])
print(f"took {time.process_time() - began}")
"""


def environment(cache: Path) -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return os.environ | threads | {"LEPTON_NB_CACHE": str(cache), "PYTHONPATH": str(ROOT)}


def timed(command: list[str], cache: Path) -> tuple[float, float]:
    """Run a program to its end; return its processor seconds, children included, and those of the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment(cache), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - began


def measure_run(case: str, turn: int) -> list[tuple]:
    """Work a case out by Papermill alone and by `run`; publish what came out."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare").mkdir()
        rows.append(("papermill", *timed([sys.executable, "-c", BARE, case, str(folder / "bare")], folder / "cache-a")))
        command = [sys.executable, "-m", "lepton_nb.workbook.cli", "run", case, "--quiet", "--threads", "1"]
        rows.append(("run", *timed([*command, "--out", str(folder / "runs")], folder / "cache-b")))
        (run,) = (folder / "runs" / case).iterdir()
        began = time.perf_counter()
        said = subprocess.run(
            [sys.executable, "-c", PUBLISH, str(run), str(folder / "reports")],
            env=environment(folder / "cache-b"),
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        pages = len(list((folder / "reports" / case).glob("*.html")))
        took = float(said.rsplit("took ", 1)[1])
        rows.append(("publish, a page", took / pages, (time.perf_counter() - began) / pages))
    return [(case, way, turn, cpu, clock) for way, cpu, clock in rows]


def measure_studies(turn: int) -> list[tuple]:
    """Work the three studies out one after another, and all at once."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in CASES:
            took = timed([sys.executable, "-c", STUDY, case], folder / f"alone-{case}")
            rows.append((case, "study alone", turn, *took))
        began = time.perf_counter()
        every = [
            subprocess.Popen([sys.executable, "-c", STUDY, case], env=environment(folder / f"at-once-{case}"), cwd=ROOT)
            for case in CASES
        ]
        if any([process.wait() for process in every]):
            raise SystemExit("a study failed")
        rows.append(("all three", "studies at once", turn, float("nan"), time.perf_counter() - began))
    return rows


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--case", default="retail", choices=CASES)
    ask.add_argument("--rounds", type=int, default=2)
    ask.add_argument("--out", type=Path, default=RESULT, metavar="FILE.csv")
    told = ask.parse_args()
    rows = []
    for turn in range(told.rounds):
        rows += measure_run(told.case, turn) + measure_studies(turn)
        print(*rows[-7:], sep="\n", flush=True)
    found = pd.DataFrame(rows, columns=["case", "way", "round", "cpu_s", "clock_s"])
    best = found.groupby(["way", "case"])[["cpu_s", "clock_s"]].min()
    cpu, clock = best["cpu_s"], best["clock_s"]
    print(best.round(2).to_string())
    print(f"run adds {cpu['run', told.case] / cpu['papermill', told.case] - 1:.1%} of processor time to Papermill's")
    alone = clock["study alone"].sum()
    print(f"the studies at once take {clock['studies at once', 'all three'] / alone:.2f} of their sum of {alone:.0f} s")
    told.out.parent.mkdir(parents=True, exist_ok=True)
    found.round(3).to_csv(told.out, index=False)


if __name__ == "__main__":
    main()
