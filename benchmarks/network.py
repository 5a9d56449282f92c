"""A network of plants and centres over periods: ours beside the same rows written in HiGHS's own language and in PuLP.

    python benchmarks/network.py [--sizes 4] [--seeds 2] [--gap 0.001] [--out FILE.csv]

Places are drawn on a map, costs are distances; all is made up from seeds, so --data is not needed. Each way writes the
program and solves it by the same HiGHS on one thread to the same gap: ours as arrays through the door, which checks the
plan against its rows; `highspy` as its manual would write it; PuLP as the readable form, through the door. Processor
seconds of one thread, writing and solving apart. A value that differs by more than both gaps is told.

With --alone the periods are also planned one by one, each with its share of the fixed cost. Their sum is another
problem: a customer may change its centre every period and no stock is carried, so it is neither a plan nor a bound of
the network in time, and it is not compared with one.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import highspy  # noqa: E402 - after the threads are set
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.allocation.network import SupplyNetwork, network_in_pulp, network_program  # noqa: E402
from lepton_nb.solve.door import solve  # noqa: E402

SIZES = [(20, 4, 2, 2, 4), (30, 6, 3, 2, 6), (50, 8, 3, 2, 12), (80, 10, 3, 3, 12)]  # C, J, S, K, T


def on_a_map(seed: int, size: tuple[int, ...]) -> SupplyNetwork:
    """Draw customers, centres and three plants; demand has a season, plants have little room in its peak."""
    C, J, S, K, T = size
    rng = np.random.default_rng(seed)
    customers, centres, plants = (rng.uniform(0, 10, (count, 2)) for count in (C, J, 3))
    season = 1 + 0.4 * np.sin(2 * np.pi * np.arange(T) / T)
    demand = rng.gamma(4, 5, (C, K, 1)) * season * rng.uniform(0.8, 1.2, (C, K, T))
    mean, far = demand.sum((0, 1)).mean(), np.hypot(*(centres[:, None] - customers).transpose(2, 0, 1))
    lanes = 1 + np.hypot(*(plants[:, None] - centres).transpose(2, 0, 1))[..., None] * rng.uniform(0.2, 0.3, K)
    size = mean * np.array([0.25, 0.5, 1.0])[-S:] * np.ones((J, 1))
    fixed = T * size**0.6 * rng.uniform(8, 16, (J, 1))
    return SupplyNetwork(demand, np.full((3, T), 0.5 * mean), lanes, far, size, fixed, np.full(K, 0.3))


def in_highspy(n: SupplyNetwork) -> tuple[highspy.Highs, object]:
    """Write a network as the manual of highspy would."""
    (C, K, T), (J, S), I = n.demand.shape, n.size.shape, len(n.supply)  # noqa: E741
    h, total = highspy.Highs(), n.demand.sum((1, 2))
    h.silent()
    h.setOptionValue("threads", 1)
    y = {(j, s): h.addBinary() for j in range(J) for s in range(S)}
    z = {(j, c): h.addBinary() for j in range(J) for c in range(C)}
    x = {(i, j, k, t): h.addVariable(0) for i in range(I) for j in range(J) for k in range(K) for t in range(T)}
    stock = {(j, k, t): h.addVariable(0) for j in range(J) for k in range(K) for t in range(T)}
    for c in range(C):
        h.addConstr(h.qsum(z[j, c] for j in range(J)) == 1)
    for j in range(J):
        h.addConstr(h.qsum(y[j, s] for s in range(S)) <= 1)
        for c in range(C):
            h.addConstr(z[j, c] - h.qsum(y[j, s] for s in range(S)) <= 0)
        for t in range(T):
            through = h.qsum(x[i, j, k, t] for i in range(I) for k in range(K))
            h.addConstr(through - h.qsum(float(n.size[j, s]) * y[j, s] for s in range(S)) <= 0)
            for k in range(K):
                come = h.qsum([x[i, j, k, t] for i in range(I)] + ([stock[j, k, t - 1]] if t else []))
                asked = h.qsum(float(n.demand[c, k, t]) * z[j, c] for c in range(C))
                h.addConstr(come - asked - stock[j, k, t] == 0)
    for i in range(I):
        for t in range(T):
            h.addConstr(h.qsum(x[i, j, k, t] for j in range(J) for k in range(K)) <= float(n.supply[i, t]))
    cost = h.qsum(float(n.fixed[at]) * y[at] for at in y) + h.qsum(float(n.holding[at[1]]) * stock[at] for at in stock)
    cost += h.qsum(float(n.lane_cost[at[:3]]) * x[at] for at in x)
    cost += h.qsum(float(n.serve_cost[at] * total[at[1]]) * z[at] for at in z)
    return h, cost


def by_highspy(n: SupplyNetwork, gap: float, limit: float) -> tuple[float, float, float]:
    """Return the value, its bound, and the processor seconds of writing."""
    began = time.process_time()
    h, cost = in_highspy(n)
    wrote = time.process_time() - began
    h.setOptionValue("mip_rel_gap", gap)
    h.setOptionValue("time_limit", limit)
    h.minimize(cost)
    info = h.getInfo()
    return info.objective_function_value, info.mip_dual_bound, wrote


def by_door(write):
    """Return a way that writes a program and solves it through the door."""

    def run(n: SupplyNetwork, gap: float, limit: float) -> tuple[float, float, float]:
        began = time.process_time()
        program = write(n)
        wrote = time.process_time() - began
        found = solve(program, gap=gap, time_limit=limit).require()
        return found.objective, found.bound, wrote

    return run


def each_alone(n: SupplyNetwork, gap: float, limit: float) -> tuple[float, float, int]:
    """Return the sum of the values and of the bounds of single periods, and how many of them have no plan."""
    T = n.demand.shape[2]
    alone = [
        SupplyNetwork(n.demand[:, :, [t]], n.supply[:, [t]], n.lane_cost, n.serve_cost, n.size, n.fixed / T, n.holding)
        for t in range(T)
    ]
    found = [solve(network_program(one), gap=gap, time_limit=limit / T) for one in alone]
    return sum(f.objective for f in found), sum(f.bound for f in found), sum(not f.ok for f in found)


WAYS = {"ours": by_door(network_program), "highspy": by_highspy, "pulp": by_door(network_in_pulp)}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, help="not used: networks are made up")
    ask.add_argument("--sizes", type=int, default=len(SIZES), help="how many of the sizes, the smallest first")
    ask.add_argument("--seeds", type=int, default=2)
    ask.add_argument("--gap", type=float, default=1e-3)
    ask.add_argument("--limit", type=float, default=60.0, help="seconds of a solve")
    ask.add_argument("--alone", action="store_true", help="plan each period by itself too: another problem")
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    rows = []
    for size in SIZES[: given.sizes]:
        for seed in range(given.seeds):
            network = on_a_map(seed, size)
            names = dict(zip(("customers", "centres", "sizes", "products", "periods"), size)) | {"seed": seed}
            names["columns"] = len(network_program(network).cost)
            for way, run in WAYS.items():
                began = time.process_time()
                value, bound, wrote = run(network, given.gap, given.limit)
                took = time.process_time() - began
                proven = value - bound <= 1.01 * given.gap * abs(value)
                told = {"value": value, "bound": bound, "proven": proven, "write_s": wrote, "cpu_s": took}
                rows.append(names | {"way": way} | told)
            if given.alone:
                value, bound, none = each_alone(network, given.gap, given.limit)
                print(
                    f"{names}: each period alone costs {value:.0f}, bound {bound:.0f}, periods without a plan: {none}"
                )
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    by_instance = table.groupby([*names])
    apart = (by_instance["value"].max() / by_instance["value"].min() - 1).max()
    crossed = (by_instance["bound"].max() > by_instance["value"].min() * (1 + 1e-6)).any()
    print(
        f"{table['proven'].sum()} of {len(table)} proven to {given.gap:g}; values differ by {apart:.2%} at most",
        end="; ",
    )
    print("a bound of one way is above a value of another" if crossed else "no bound is above a value of another way")
    if given.out:
        table.round(4).to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
