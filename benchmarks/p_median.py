"""The p-median: OR-Library pmed1 to pmed20 proven, beside greedy, interchange and, where installed, spopt.

    python benchmarks/p_median.py --data FOLDER [--out FILE.csv] [--fresh SEED] [--peer]

FOLDER holds pmed1.txt to pmed20.txt (100 to 400 places, 5 to 133 sites) and, if it is there, published optima in
`pmedopt.txt`. Processor seconds of one thread from distances to proof; reading and shortest ways are timed apart.
`--fresh` solves as many random maps instead, on which nothing was ever tried: places in a square, whole distances.
`--peer` adds spopt's p-median (PuLP and HiGHS) on the first five instances, if it is installed.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402
from facility import peak  # noqa: E402

from lepton_nb.allocation.location import who_is_far  # noqa: E402
from lepton_nb.allocation.medians import greedy_median, interchange, p_median, read_pmed  # noqa: E402


def published(folder: Path) -> dict[str, float]:
    """Read the published optima, where the folder has them."""
    path = folder / "pmedopt.txt"
    words = [line.split() for line in path.read_text().splitlines()] if path.is_file() else []
    return {word[0]: float(word[1]) for word in words if len(word) == 2 and word[0].startswith("pmed")}


def fresh(seed: int):
    """Yield random maps of the same sizes."""
    rng = np.random.default_rng(seed)
    for n in (100, 200, 300, 400):
        for p in (5, 10, n // 10, n // 5, n // 3):
            at = rng.uniform(0, 100, (n, 2))
            yield f"square_{n}_{p}", np.round(np.hypot(*(at[:, None] - at).transpose(2, 0, 1))), p, 0.0


def stored(folder: Path):
    """Yield the instances of OR-Library."""
    for file in sorted(folder.glob("pmed[0-9]*.txt"), key=lambda f: int(f.stem[4:])):
        began = time.process_time()
        distance, p = read_pmed(file)
        yield file.stem, distance, p, time.process_time() - began


def peer(distance: np.ndarray, p: int) -> float:
    """Solve with spopt and return its processor seconds."""
    import pulp
    from spopt.locate import PMedian

    began = time.process_time()
    model = PMedian.from_cost_matrix(distance, np.ones(len(distance)), p_facilities=p)
    model.solve(pulp.HiGHS(msg=False, threads=1))
    return time.process_time() - began


def measure(name: str, distance: np.ndarray, p: int, reading: float, known: dict[str, float]) -> dict:
    """Solve one instance and its rules of thumb."""
    began = time.process_time()
    answer = p_median(distance, p)
    done = time.process_time()
    swapped = interchange(distance, greedy_median(distance, p))[1]
    far = who_is_far(distance[:, answer.open].min(axis=1))
    return {
        "name": name,
        "value": answer.total,
        "bound": answer.bound,
        "proven": answer.proven,
        "cpu_s": done - began,
        "peak_mb": peak(),
        "places": len(distance),
        "p": p,
        "nodes": answer.nodes,
        "read_cpu_s": reading,
        "published": known.get(name),
        "greedy": answer.greedy,
        "interchange": swapped,
        "rules_cpu_s": time.process_time() - done,
        **{f"distance_{key}": far[key] for key in ("mean", "p95", "maximum")},
    }


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--out", type=Path)
    ask.add_argument("--fresh", type=int)
    ask.add_argument("--peer", action="store_true")
    given = ask.parse_args()
    if given.data is None and given.fresh is None:
        print("p_median.py: no --data FOLDER with the files of OR-Library, nothing measured")
        return
    known = {} if given.data is None else published(given.data)
    rows = []
    for number, instance in enumerate(stored(given.data) if given.fresh is None else fresh(given.fresh)):
        rows.append(measure(*instance, known))
        if given.peer and number < 5:
            rows[-1]["spopt_cpu_s"] = peer(*instance[1:3])
    table = pd.DataFrame(rows).set_index("name")
    print(table.round(3).to_string())
    same = table["published"].isna() | (table["value"] == table["published"])
    print(
        f"{table['proven'].sum()} of {len(table)} proven in {table['cpu_s'].sum():.2f} processor seconds, the slowest "
        f"{table['cpu_s'].max():.2f}; {'equal to' if same.all() else 'NOT equal to'} the published optima"
    )
    if given.out:
        table.round(4).to_csv(given.out)


if __name__ == "__main__":
    main()
