"""Capacitated facility location: OR-Library cap41 to cap74 proven, beside the greedy answer.

    python benchmarks/facility.py --data FOLDER [--out FILE.csv]

FOLDER holds cap41.txt to cap74.txt of OR-Library (16 sites, 50 customers) and, if it is there, published optima in
`bounds_cap_pmed.txt` (name, lower bound, value). Processor seconds of one thread, the reading of the file included; the
greedy answer is timed apart.
"""

import argparse
import os
import sys
import time
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pandas as pd  # noqa: E402 - after the threads are set
import psutil  # noqa: E402

from lepton_nb.allocation.location import drop_sites, locate, read_cap  # noqa: E402


def peak() -> float:
    """Return the largest memory of this process so far, MB."""
    told = psutil.Process().memory_info()
    return getattr(told, "peak_wset", told.rss) / 2**20 if resource is None else _largest()


def _largest() -> float:
    """Return the largest resident memory, which Linux counts in kB and macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def published(folder: Path) -> dict[str, float]:
    """Read the published optima, where the folder has them."""
    path = folder / "bounds_cap_pmed.txt"
    lines = path.read_text().splitlines() if path.is_file() else []
    return {line.split()[0]: float(line.split()[-1]) for line in lines if line.strip()}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    if given.data is None:
        print("facility.py: no --data FOLDER with the files of OR-Library, nothing measured")
        return
    rows, known = [], published(given.data)
    for file in sorted(given.data.glob("cap[0-9]*.txt")):
        began = time.process_time()
        instance = read_cap(file)
        plan = locate(instance, time_limit=600)
        done = time.process_time()
        greedy = drop_sites(instance)
        rows.append(
            {
                "name": file.stem,
                "value": plan.cost,
                "bound": plan.bound,
                "proven": plan.gap < 1e-6,
                "cpu_s": done - began,
                "peak_mb": peak(),
                "open": len(plan.open),
                "published": known.get(file.stem),
                "greedy": greedy.cost,
                "greedy_cpu_s": time.process_time() - done,
            }
        )
    table = pd.DataFrame(rows).set_index("name")
    print(table.round(3).to_string())
    same = table["published"].isna() | ((table["value"] / table["published"] - 1).abs() < 1e-6)
    print(f"{table['proven'].sum()} of {len(table)} proven in {table['cpu_s'].sum():.2f} processor seconds", end="; ")
    print(f"{'equal to' if same.all() else 'NOT equal to'} the published optima")
    if given.out:
        table.round(4).to_csv(given.out)


if __name__ == "__main__":
    main()
