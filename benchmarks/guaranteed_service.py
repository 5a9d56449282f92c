"""Guaranteed service: safety stock on the 38 supply chains of Willems (2008), placed and proven.

    python benchmarks/guaranteed_service.py --data FOLDER [--out FILE.csv] [--chains 2,4,17] [--chords 60]

FOLDER holds willems_01.csv to willems_38.csv and, if it is there, `reported_optimal_cost.txt`. The value is the worth
of all safety stock; a year's cost is 35% of it, which is what seems to have been published, to three digits. Processor
seconds of one thread from the file to the proof: local search, then prices for waiting with one setting for all chains.
Local search alone is timed apart, and so are the chords (a program with whole numbers) on chains of at most
`--chords` stages (0: none).

Twenty-seven of the chains were published with random stage times, which the files lack: their published costs are no
reference for these. `deterministic` marks the other eleven.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pandas as pd  # noqa: E402 - after the threads are set
from facility import peak  # noqa: E402

from lepton_nb.allocation.guaranteed_service import local_search, prove_by_chords, read_chain  # noqa: E402
from lepton_nb.allocation.waiting_prices import prove_by_prices  # noqa: E402

DETERMINISTIC = (2, 4, 13, 17, 18, 19, 23, 25, 27, 34, 35)
RATE = 0.35  # of the value, a year
GAP = 1e-5


def timed(call, *args, **options):
    """Call and return the result and its processor seconds."""
    began = time.process_time()
    return call(*args, **options), time.process_time() - began


def published(folder: Path) -> dict[int, float]:
    """Read the published costs, where the folder has them."""
    path = folder / "reported_optimal_cost.txt"
    return {k: float(word) for k, word in enumerate(path.read_text().split(), 1)} if path.is_file() else {}


def measure(file: Path, known: dict[int, float], chords: int) -> dict:
    """Place the stock of one chain."""
    chain, reading = timed(read_chain, file)
    proof, seconds = timed(prove_by_prices, chain, gap=GAP)
    found, (rule, rule_seconds) = proof.placement, timed(local_search, chain)
    number = int(file.stem[-2:])
    row = {
        "name": file.stem,
        "value": found.value,
        "bound": found.bound,
        "proven": found.gap <= GAP,
        "cpu_s": reading + seconds,
        "peak_mb": peak(),
        "stages": len(chain.names),
        "links": len(chain.arcs),
        "gap_percent": 100 * found.gap,
        "cost": RATE * found.value,
        "published": known.get(number),
        "deterministic": number in DETERMINISTIC,
        "local_search": rule.value,
        "local_cpu_s": rule_seconds,
    }
    if len(chain.names) <= chords:
        by_chords, row["chords_cpu_s"] = timed(prove_by_chords, chain, gap=1e-3, rounds=10, time_limit=20)
        row |= {"chords": by_chords.value, "chords_bound": by_chords.bound}
    return row


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--out", type=Path)
    ask.add_argument("--chains", default="")
    ask.add_argument("--chords", type=int, default=0)
    given = ask.parse_args()
    if given.data is None:
        print("guaranteed_service.py: no --data FOLDER with the chains of Willems, nothing measured")
        return
    wanted = {int(k) for k in given.chains.split(",") if k}
    rows = []
    for file in sorted(given.data.glob("willems_[0-9][0-9].csv")):
        if not wanted or int(file.stem[-2:]) in wanted:
            rows.append(measure(file, published(given.data), given.chords))
            told = rows[-1]
            print(
                f"{told['name']}  {told['stages']:5d} stages  {told['value']:15,.2f}  gap {told['gap_percent']:.4f}%  "
                f"{told['cpu_s']:.2f} s  local search {told['local_search'] / told['value'] - 1:+.2%}",
                flush=True,
            )
    table = pd.DataFrame(rows).set_index("name")
    small = table["stages"] <= 60
    print(
        f"{table['proven'].sum()} of {len(table)} proven to {GAP:.0e}, largest gap {table['gap_percent'].max():.3f}%, "
        f"largest gap up to 60 stages {table.loc[small, 'gap_percent'].max():.4f}%; "
        f"{table['cpu_s'].sum():.1f} processor seconds in all"
    )
    shown = table[table["deterministic"] & table["published"].notna()]
    print(shown.assign(ratio=shown["published"] / shown["cost"])[["cost", "published", "ratio"]].round(4).to_string())
    if given.out:
        table.round(4).to_csv(given.out)


if __name__ == "__main__":
    main()
