"""Capacitated lot sizing with set-up times: proofs on instances in the form of Trigeiro, Thomas and McClain (1989).

Every file of a folder (without one: instances drawn in the same way) is solved in a process of its own, one thread,
from reading the file to the plan with its proof; importing the library is not counted. A row an instance: name, value,
bound, proven, cpu_s (processor seconds), peak_mb (largest memory of its process). Where the folder has a table
`reference_values.csv` (instance, best_objective), values are compared with it. `--solver` takes the same plain form to
HiGHS or to SCIP (pyscipopt, where it is installed) alone, with a gap of 0 and otherwise as they come.

    python benchmarks/lot_sizing.py [--data FOLDER] [--out FILE.csv] [--form plain] [--limit 600] [--solver ours]
"""

import argparse
import multiprocessing
import os
import re
import resource
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.allocation.lot_problem import LotSizing, broken_limits, read_trigeiro  # noqa: E402
from lepton_nb.allocation.lot_programs import plain_program  # noqa: E402
from lepton_nb.allocation.lot_sizing import plan_lots  # noqa: E402
from lepton_nb.solve.door import solve  # noqa: E402
from lepton_nb.workbook.parameters import UserError  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "lot_sizing.csv"


def ours(p: LotSizing, form: str, limit: float) -> tuple[float, float, bool]:
    plan = plan_lots(p, form, time_limit=limit)
    broken = broken_limits(p, plan.made)
    if broken:
        raise AssertionError(broken)
    return plan.cost, plan.bound, plan.proven


def highs(p: LotSizing, form: str, limit: float) -> tuple[float, float, bool]:
    found = solve(plain_program(p), limit, gap=0.0, abs_gap=1e-6)
    return found.objective, found.bound, found.status == "optimal"


def scip(p: LotSizing, form: str, limit: float) -> tuple[float, float, bool]:
    import pyscipopt

    a, model = plain_program(p), pyscipopt.Model()
    model.hideOutput()
    model.setParam("limits/time", limit)
    kinds = np.where(a.integer, "B", "C")
    ends = [[None if np.isinf(end) else end for end in side.tolist()] for side in (a.low, a.up)]
    x = [
        model.addVar(vtype=kind, lb=low, ub=up, obj=cost) for kind, low, up, cost in zip(kinds, *ends, a.cost.tolist())
    ]
    for row in range(len(a.row_low)):
        here = slice(a.matrix.indptr[row], a.matrix.indptr[row + 1])
        total = pyscipopt.quicksum(v * x[j] for j, v in zip(a.matrix.indices[here], a.matrix.data[here].tolist()))
        if a.row_low[row] == a.row_up[row]:
            model.addCons(total == a.row_up[row])
        else:
            model.addCons(total <= a.row_up[row])
    model.optimize()
    return model.getObjVal(), model.getDualbound(), model.getStatus() == "optimal"


SOLVERS = {"ours": ours, "highs": highs, "scip": scip}


def drawn(seed: int) -> LotSizing:
    """Draw an instance like those of the literature: 6 items, 15 periods, a line that is nearly full."""
    rng = np.random.default_rng(seed)
    demand = rng.integers(75, 126, (6, 15)) * (rng.random((6, 15)) >= 0.25 * (np.arange(15) < 4))
    holding, setup_time, setup_cost = (rng.integers(1, 6, 6) * unit for unit in (1, 10, 200))
    return LotSizing(demand, np.full((1, 15), 748), setup_cost, holding, setup_time)


def one(file: Path, form: str, limit: float, solver: str, send) -> None:
    """Solve one instance and send its row."""
    row, begin = {"name": file.stem, "value": np.nan, "bound": np.nan, "proven": False}, time.process_time()
    try:
        p = read_trigeiro(file) if file.suffix else drawn(int(file.name.removeprefix("drawn")))
        row["value"], row["bound"], row["proven"] = SOLVERS[solver](p, form, limit)
    except UserError as error:
        print(error)
    row["cpu_s"] = time.process_time() - begin
    row["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    send.send(row)


def in_own_process(context, *arguments) -> dict:
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=one, args=(*arguments, send))
    process.start()
    send.close()
    try:
        return receive.recv()
    finally:
        process.join()


def in_order(file: Path) -> list:
    """Sort F2 before F10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", file.stem)]


def instances_of(folder: Path) -> tuple[list[Path], pd.Series]:
    """List the files of a folder, and the best values known of them."""
    if not folder.is_dir():
        raise SystemExit(f"{folder} is no folder; --data names one with files that end in .dat or .txt")
    files = sorted((f for f in folder.iterdir() if f.suffix.lower() in (".dat", ".txt")), key=in_order)
    if not files:
        raise SystemExit(f"{folder} has no file that ends in .dat or .txt")
    known = folder / "reference_values.csv"
    best = pd.read_csv(known, index_col="instance")["best_objective"] if known.exists() else pd.Series(dtype=float)
    return files, best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of instances; left out: six drawn ones")
    parser.add_argument(
        "--out", type=Path, help="table to write; left out: with --data results/lot_sizing.csv, else none"
    )
    parser.add_argument("--form", choices=["plain", "facility"], default="plain")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds an instance, by the wall clock")
    parser.add_argument("--solver", choices=list(SOLVERS), default="ours")
    given = parser.parse_args()
    if given.data is None:
        files, best = [Path(f"drawn{seed}") for seed in (1, 2, 3, 5, 6, 7)], pd.Series(dtype=float)
    else:
        files, best = instances_of(given.data)
    out = given.out or (RESULTS if given.data else None)
    context, rows = multiprocessing.get_context("spawn"), []
    for file in files:
        rows.append(in_own_process(context, file, given.form, given.limit, given.solver))
        row, known = rows[-1], best.get(file.stem, np.nan)
        same = "as the reference" if abs(row["value"] - known) < 0.5 else "DIFFERS from the reference"
        same = "no reference" if np.isnan(known) else same
        print(*(f"{v:,.1f}" if isinstance(v, float) else v for v in row.values()), same, flush=True)
        if out:
            pd.DataFrame(rows).round({"value": 4, "bound": 4, "cpu_s": 2, "peak_mb": 0}).to_csv(out, index=False)
    table = pd.DataFrame(rows)
    spent = f"{table['cpu_s'].sum():.1f} s, longest {table['cpu_s'].max():.1f} s"
    print(f"{table['proven'].sum()} of {len(table)} proven, {spent}")


if __name__ == "__main__":
    main()
