"""Reading a large file of sales: ours beside pandas.read_csv and pyarrow, one run.

    python benchmarks/reading.py                        # 5.75 million rows of 5,000 series, generated
    python benchmarks/reading.py --rows 500000
    python benchmarks/reading.py --data FOLDER --out FILE.csv

Each way runs in a process of its own with one thread; seconds are of the processor, memory is the peak of the whole
process with all imports. The peers read and nothing more: texts, numbers and dates of the columns they are told. Ours
is told nothing, finds encoding, separator, columns and formats, and checks every cell (`read and checked`, what
`lepton-nb check` does); `loaded` has also cleaned, completed and hashed the tables. Two files are generated: a plain
one with a row for every day, and a lived-in one with returns, misplaced decimal points, days, prices and rows that are
missing, and ten days exported twice.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.csv  # noqa: E402

RESULT = Path(__file__).parent / "results" / "reading.csv"
STORES, ITEMS = 50, 100


def write_sales(folder: Path, rows: int, lived_in: bool) -> None:
    """Write sales.csv of 5,000 series, day by day."""
    rng = np.random.default_rng(7)
    days = max(1, round(rows / STORES / ITEMS))
    count = days * STORES * ITEMS
    dates = pd.Series(pd.date_range(end="2025-12-31", periods=days).strftime("%Y-%m-%d"))
    price = np.tile(rng.uniform(1, 20, ITEMS), days * STORES) * rng.choice([1, 1, 1, 0.8], count)
    units = rng.poisson(3, count)
    if lived_in:
        units = np.where(rng.random(count) < 0.01, -1, units)
        price = np.where(rng.random(count) < 0.0005, price * 100, price)
    written = np.char.mod("%.2f", price).astype(object)
    written[rng.random(count) < 0.002 * lived_in] = ""
    table = pa.table(
        {
            "date": dates.to_numpy().repeat(STORES * ITEMS),
            "store": np.tile(np.array([f"S{i:02}" for i in range(STORES)], object).repeat(ITEMS), days),
            "item": np.tile(np.array([f"i{i:04}" for i in range(ITEMS)], object), days * STORES),
            "units": units,
            "price": written,
            "promotion": np.where(price < 3, "yes", "no"),
            "stock_on_hand": rng.poisson(12, count),
        }
    )
    if lived_in:
        table = table.filter(pa.array((units != 0) & (rng.random(count) < 0.995)))
        table = pa.concat_tables([table, table.slice(0, 10 * STORES * ITEMS)])
    pa.csv.write_csv(table, folder / "sales.csv", pa.csv.WriteOptions(quoting_style="none"))


def by_pandas(folder: Path) -> int:
    texts = {"store": str, "item": str, "promotion": str}
    return len(pd.read_csv(folder / "sales.csv", dtype=texts, parse_dates=["date"]))


def by_pyarrow(folder: Path) -> int:
    coded = pa.dictionary(pa.int32(), pa.string())
    types = dict.fromkeys(("store", "item", "promotion"), coded) | {"date": pa.timestamp("s")}
    how = pa.csv.ReadOptions(use_threads=False)
    return len(pa.csv.read_csv(folder / "sales.csv", how, convert_options=pa.csv.ConvertOptions(column_types=types)))


def checked(folder: Path) -> int:
    from lepton_nb.cases.retail.sources import SOURCES

    return len(SOURCES.check(folder)["sales"])


def loaded(folder: Path) -> int:
    from lepton_nb.cases.retail.sources import SOURCES

    return len(SOURCES.load(f"own:{folder}").tables["sales"])


WAYS = {
    "pandas.read_csv": by_pandas,
    "pyarrow.csv": by_pyarrow,
    "ours, read and checked": checked,
    "ours, loaded": loaded,
}


def peak_mb() -> float:
    """Give the peak memory of this process; that of getrusage may be of the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(way: str, folder: Path) -> dict:
    """Run one way in this process."""
    import lepton_nb.cases.retail.sources  # noqa: F401  the time to import is nobody's time to read

    start = time.process_time()
    rows = WAYS[way](folder)
    return {"way": way, "rows": rows, "cpu_s": round(time.process_time() - start, 2), "peak_mb": round(peak_mb())}


def compare(name: str, folder: Path) -> list[dict]:
    """Run all ways on one folder, each in a process of its own."""
    size = (folder / "sales.csv").stat().st_size / 1e6
    rows = []
    for way in WAYS:
        command = [sys.executable, __file__, "--child", way, "--data", str(folder)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append({"file": name, "mb": round(size), **json.loads(done.stdout.splitlines()[-1])})
        print(rows[-1], flush=True)
    base = rows[0]["cpu_s"]
    return [{**row, "to_pandas": round(row["cpu_s"] / base, 2)} for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_750_000, help="of the generated files")
    parser.add_argument("--data", type=Path, help="a folder with a sales.csv of one's own")
    parser.add_argument("--out", type=Path, help="csv file for the table")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.child, args.data)))
        return
    if args.data:
        table = pd.DataFrame(compare(args.data.name, args.data))
    else:
        rows = []
        for name in ("plain", "lived-in"):
            with tempfile.TemporaryDirectory() as place:
                write_sales(Path(place), args.rows, name == "lived-in")
                rows += compare(name, Path(place))
        table = pd.DataFrame(rows)
    out = args.out or (RESULT if not args.data and args.rows == 5_750_000 else None)
    if out:
        out.parent.mkdir(exist_ok=True)
        table.to_csv(out, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
