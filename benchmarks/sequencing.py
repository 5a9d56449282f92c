"""Orders of lots with set-up classes: how far rules are from the best order, and how far proofs reach.

    python benchmarks/sequencing.py [--count 200] [--large 5] [--seconds 20] [--out FILE.csv]

Instances are drawn: 2 to 8 hours a lot, change-overs of 1 to 4 hours between classes, due dates spread over the hours
of all work, 1 to 9 an hour late. Up to 13 lots the best order is known and each rule's gap to it is told with Student's
interval of its mean; with more, the rule and the bound are told, and CP-SAT beside them where OR-Tools is installed
(circuit constraint, one worker, as many seconds as `--seconds` says, not stopped earlier unless it proves). Processor
seconds of one thread.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402
from scipy.stats import t as student  # noqa: E402

from lepton_nb.allocation.sequencing import (  # noqa: E402
    Lots,
    batch_by_class,
    exact_order,
    improve_order,
    kicked_order,
    order_cost,
    sequence_bound,
)

try:
    from ortools.sat.python import cp_model
except ImportError:
    cp_model = None


def drawn(seed: int, n: int, classes: int) -> Lots:
    """Draw the lots of a week."""
    rng = np.random.default_rng([seed, n, classes])
    hours, setup = rng.integers(2, 9, n), rng.integers(1, 5, (classes, classes)) * (1 - np.eye(classes, dtype=int))
    due = np.round(rng.uniform(0.1, 1.0, n) * hours.sum())
    return Lots(hours, rng.integers(0, classes, n), due, rng.integers(1, 10, n), setup, setup_cost=2.0 * setup)


def small(count: int, n: int, classes: int) -> tuple[pd.DataFrame, float]:
    """Return the gap of each rule to the best order, an instance a row, and processor seconds of the exact answer."""
    rows, spent = [], 0.0
    for seed in range(count):
        lots = drawn(seed, n, classes)
        start = batch_by_class(lots)
        moved = improve_order(lots, start)
        orders = {
            "earliest due date": np.lexsort((-lots.late_cost, lots.due)),
            "batches by class number": np.lexsort((lots.due, lots.family)),
            "the better start": start,
            "with moves": moved,
            "and 50 kicks": kicked_order(lots, moved, 50),
        }
        began = time.process_time()
        best = exact_order(lots, moved).cost
        spent += time.process_time() - began
        rows.append({name: (float(order_cost(lots, order)) - best) / max(best, 1.0) for name, order in orders.items()})
    return pd.DataFrame(rows), spent / count


def told(gaps: pd.DataFrame) -> pd.DataFrame:
    """Tell mean gap with its interval, the worst, and how often the rule is best."""
    half = student.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    best = (gaps < 1e-9).mean()
    return pd.DataFrame(
        {"mean": gaps.mean(), "low": gaps.mean() - half, "high": gaps.mean() + half, "worst": gaps.max(), "best": best}
    )


def by_cp(lots: Lots, seconds: float) -> tuple[float, float]:
    """Return value and bound of CP-SAT: lots as nodes of a circuit, ends along it."""
    n, model = len(lots), cp_model.CpModel()
    family = [int(lots.begins), *lots.family.tolist()]
    last = int(lots.hours.sum() + n * lots.setup.max())
    end = [model.new_int_var(0, last, f"end {j}") for j in range(n + 1)]
    late = [model.new_int_var(0, last, f"late {j}") for j in range(n + 1)]
    arcs, money = [], []
    for i in range(n + 1):
        for j in range(n + 1):
            if i != j:
                taken = model.new_bool_var(f"{i} {j}")
                arcs.append((i, j, taken))
                if j:
                    takes = int(lots.setup[family[i], family[j]] + lots.hours[j - 1])
                    start = end[i] if i else 0
                    model.add(end[j] >= start + takes).only_enforce_if(taken)
                    money.append(int(lots.setup_cost[family[i], family[j]]) * taken)
    model.add_circuit(arcs)
    for j in range(1, n + 1):
        model.add(late[j] >= end[j] - int(lots.due[j - 1]))
    model.minimize(sum(money) + sum(int(lots.late_cost[j - 1]) * late[j] for j in range(1, n + 1)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers, solver.parameters.max_time_in_seconds = 1, seconds
    solver.solve(model)
    return solver.objective_value, solver.best_objective_bound


def large(count: int, n: int, classes: int, seconds: float) -> pd.DataFrame:
    """Return what the rule costs, what is proven and what it took, an instance a row."""
    rows = []
    for seed in range(count):
        lots, began = drawn(seed, n, classes), time.process_time()
        order = kicked_order(lots, batch_by_class(lots), 50)
        cost, found = float(order_cost(lots, order)), time.process_time()
        row = {"lots": n, "seed": seed, "rule": cost, "rule_cpu_s": found - began}
        row["bound"] = sequence_bound(lots, cost, 200, 1.0)
        row["bound_cpu_s"] = time.process_time() - found
        if cp_model is not None:
            began = time.process_time()
            row["cp_sat"], row["cp_bound"] = by_cp(lots, seconds)
            row["cp_cpu_s"] = time.process_time() - began
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, help="not used: instances are drawn")
    ask.add_argument("--count", type=int, default=200, help="small instances of each size")
    ask.add_argument("--large", type=int, default=5, help="large instances of each size")
    ask.add_argument("--seconds", type=float, default=20.0, help="for CP-SAT, each")
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    for n, classes, part in ((8, 3, 1), (10, 3, 1), (13, 4, 10)):
        count = max(given.count // part, 2)
        gaps, seconds = small(count, n, classes)
        print(f"\n{count} instances of {n} lots in {classes} classes, exact in {seconds:.3f} s each")
        print(told(gaps).round(4).to_string())
    rows = pd.concat([large(given.large, n, classes, given.seconds) for n, classes in ((16, 4), (25, 4), (40, 5))])
    print("\n" + rows.round(2).to_string(index=False))
    shares = rows.assign(gap=1 - rows["bound"] / rows["rule"])
    if "cp_sat" in rows:
        shares["cp_gap"] = 1 - rows["cp_bound"] / rows["cp_sat"]
        shares["rule_over_cp"] = rows["rule"] / rows["cp_sat"] - 1
    print("\n" + shares.groupby("lots").mean().drop(columns="seed").round(3).to_string())
    if given.out:
        rows.round(4).to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
