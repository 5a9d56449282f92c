"""Linear programs: model, transfer, solve and read-back against plain PuLP and linopy, and scans against cold solves.

One model, a replenishment plan of many stores, items and days, written in each library's own idiom (ours twice: in rows
of PuLP, each one dictionary, and in blocks of scipy.sparse) and solved by the same HiGHS with the same settings (one
thread, seed 0, no log). Each contestant has its turn in every round, in changing order; medians are kept.

    python benchmarks/programs.py [--rounds 5] [--items 120] [--stores 10] [--days 28] [--scan 20]
"""

import argparse
import gc
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import linopy  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pulp  # noqa: E402
import xarray as xr  # noqa: E402
from _replenishment import LEAD, draw, in_blocks  # noqa: E402

from lepton_nb.solve.arrays import find_place  # noqa: E402
from lepton_nb.solve.door import solve  # noqa: E402
from lepton_nb.solve.highs import Options, load_highs, run_highs  # noqa: E402
from lepton_nb.solve.kept import KeptModel, scan  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "programs.csv"


def plain_pulp(c: dict) -> pulp.LpProblem:
    S, N, T = c["demand"].shape
    p = pulp.LpProblem("replenishment", pulp.LpMaximize)
    cells = [(s, i, t) for s in range(S) for i in range(N) for t in range(T)]
    order = p.add_variable_dicts("order", cells, 0)
    stock = p.add_variable_dicts("stock", cells, 0)
    lost = {k: p.add_variable(f"lost_{k[0]}_{k[1]}_{k[2]}", 0, c["demand"][k]) for k in cells}
    p += pulp.lpSum(
        c["price"][i] * (c["demand"][s, i, t] - lost[s, i, t])
        - c["cost"][i] * order[s, i, t]
        - c["holding"][i] * stock[s, i, t]
        for s, i, t in cells
    )
    for s, i, t in cells:
        before = stock[s, i, t - 1] if t else c["start"][s, i]
        arrived = order[s, i, t - LEAD] if t >= LEAD else 0
        p += before + arrived + lost[s, i, t] - stock[s, i, t] == c["demand"][s, i, t], f"balance_{s}_{i}_{t}"
    for s in range(S):
        for t in range(T):
            p += pulp.lpSum(c["volume"][i] * stock[s, i, t] for i in range(N)) <= c["capacity"][s], f"capacity_{s}_{t}"
            p += pulp.lpSum(c["volume"][i] * order[s, i, t] for i in range(N)) <= c["dock"][s], f"dock_{s}_{t}"
    for w, money in enumerate(c["budget"]):
        p += (
            pulp.lpSum(
                c["cost"][i] * order[s, i, t]
                for s in range(S)
                for i in range(N)
                for t in range(7 * w, min(7 * w + 7, T))
            )
            <= money,
            f"budget_{w}",
        )
    return p


def in_rows(c: dict) -> pulp.LpProblem:
    """Write each row of the PuLP model as one dictionary."""
    S, N, T = c["demand"].shape
    p = pulp.LpProblem("replenishment", pulp.LpMaximize)
    cells = [(s, i, t) for s in range(S) for i in range(N) for t in range(T)]
    order, stock = (
        {k: p.add_variable("_".join([kind, *map(str, k)]), 0) for k in cells} for kind in ("order", "stock")
    )
    lost = {
        k: p.add_variable("_".join(["lost", *map(str, k)]), 0, most)
        for k, most in zip(cells, c["demand"].ravel().tolist())
    }
    price, cost, holding, volume = (c[what].tolist() for what in ("price", "cost", "holding", "volume"))
    gain = {lost[k]: -price[k[1]] for k in cells} | {order[k]: -cost[k[1]] for k in cells}
    gain |= {stock[k]: -holding[k[1]] for k in cells}
    p.setObjective(pulp.LpAffineExpression(gain, constant=float(np.einsum("i,sit->", c["price"], c["demand"]))))

    def add(terms: dict, sense: int, rhs: float, name: str) -> None:
        p.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(terms), sense, name, float(rhs)))

    need = c["demand"].copy()
    need[:, :, 0] -= c["start"]
    for (s, i, t), rhs in zip(cells, need.ravel().tolist()):
        terms = {lost[s, i, t]: 1.0, stock[s, i, t]: -1.0}
        if t:
            terms[stock[s, i, t - 1]] = 1.0
        if t >= LEAD:
            terms[order[s, i, t - LEAD]] = 1.0
        add(terms, pulp.LpConstraintEQ, rhs, f"balance_{s}_{i}_{t}")
    for kind, of, limit in (("capacity", stock, c["capacity"]), ("dock", order, c["dock"])):
        for s in range(S):
            for t in range(T):
                add({of[s, i, t]: volume[i] for i in range(N)}, pulp.LpConstraintLE, limit[s], f"{kind}_{s}_{t}")
    for w, limit in enumerate(c["budget"]):
        spent = {order[k]: cost[k[1]] for k in cells if k[2] // 7 == w}
        add(spent, pulp.LpConstraintLE, limit, f"budget_{w}")
    return p


def with_linopy(c: dict) -> linopy.Model:
    S, N, T = c["demand"].shape
    coords = [pd.RangeIndex(S, name="store"), pd.RangeIndex(N, name="item"), pd.RangeIndex(T, name="day")]

    def of(values: np.ndarray, *dims: str) -> xr.DataArray:
        return xr.DataArray(values, dims=dims)

    demand, cost, price = of(c["demand"], "store", "item", "day"), of(c["cost"], "item"), of(c["price"], "item")
    volume, holding = of(c["volume"], "item"), of(c["holding"], "item")
    m = linopy.Model()
    order, stock = (
        m.add_variables(lower=0, coords=coords, name="order"),
        m.add_variables(lower=0, coords=coords, name="stock"),
    )
    lost = m.add_variables(
        lower=0, upper=demand.assign_coords(store=coords[0], item=coords[1], day=coords[2]), name="lost"
    )
    need = c["demand"].copy()
    need[:, :, 0] -= c["start"]
    m.add_constraints(
        stock.shift(day=1) + order.shift(day=LEAD) + lost - stock == of(need, "store", "item", "day"), name="balance"
    )
    m.add_constraints((volume * stock).sum("item") <= of(c["capacity"], "store"), name="capacity")
    m.add_constraints((volume * order).sum("item") <= of(c["dock"], "store"), name="dock")
    for w, limit in enumerate(c["budget"]):
        m.add_constraints((cost * order.isel(day=slice(7 * w, 7 * w + 7))).sum() <= limit, name=f"budget_{w}")
    m.add_objective(-(price * lost + cost * order + holding * stock).sum(), sense="max")
    return m


def turn(name: str, c: dict) -> dict:
    """Build, solve and read back once."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    if name == "plain PuLP":
        model = plain_pulp(c)
        built = time.process_time()
        model.solve(pulp.HiGHS(msg=False, threads=1, random_seed=0))
        plan = np.array([variable.varValue for variable in model.variables()])
        value = model.objective.value()
    elif name == "linopy":
        model = with_linopy(c)
        built = time.process_time()
        model.solve(solver_name="highs", io_api="direct", progress=False, output_flag=False, threads=1, random_seed=0)
        plan = [model.solution[part].values for part in ("order", "stock", "lost")]
        value = model.objective.value + np.einsum("i,sit->", c["price"], c["demand"])
    else:
        model = in_rows(c) if name == "lepton_nb, rows of PuLP" else in_blocks(c)
        built = time.process_time()
        found = solve(model, time_limit=600)
        plan = found.x
        value = found.objective
    done = time.process_time()
    assert len(plan)
    return dict(
        contestant=name,
        build=built - cpu,
        rest=done - built,
        cpu=done - cpu,
        wall=time.perf_counter() - wall,
        objective=value,
    )


def floor(c: dict) -> dict:
    """Time HiGHS alone on ready-made arrays: what no modelling library can go below."""
    a, options = in_blocks(c), Options(time_limit=600)
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    raw = run_highs(load_highs(a, options), a, options)
    done = time.process_time()
    return dict(
        contestant="HiGHS alone",
        build=0.0,
        rest=done - cpu,
        cpu=done - cpu,
        wall=time.perf_counter() - wall,
        objective=a.sign * float(a.cost @ raw.x) + a.offset,
    )


def whole(c: dict, rounds: int) -> pd.DataFrame:
    names = ["plain PuLP", "linopy", "lepton_nb, rows of PuLP", "lepton_nb, blocks"]
    turns = [turn(name, c) for r in range(rounds) for name in names[r % 4 :] + names[: r % 4]]
    frame = pd.DataFrame([*turns, *(floor(c) for _ in range(rounds))])
    assert np.allclose(frame.objective, frame.objective[0], rtol=1e-6), "the plans differ"
    out = frame.groupby("contestant", sort=False).median(numeric_only=True).loc[[*names, "HiGHS alone"]]
    return out.assign(
        ratio_to_pulp=out.cpu / out.cpu["plain PuLP"], ratio_to_linopy=out.cpu / out.cpu["linopy"]
    ).reset_index()


def scans(c: dict, points: int, name: str, values: np.ndarray) -> pd.DataFrame:
    """Vary one limit: cold PuLP solves against one kept model, its loading and first solve included."""
    problem, lines, objectives = in_rows(c), [], []
    limit = problem.get_constraint_by_name(name)
    written = -limit.constant
    for contestant in ("cold problem.solve(pulp.HiGHS())", "scan of a kept model"):
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        if contestant.startswith("cold"):
            found = []
            for value in values:
                limit.changeRHS(value)
                problem.solve(pulp.HiGHS(msg=False, threads=1, random_seed=0))
                found.append(problem.objective.value())
            limit.changeRHS(written)
        else:
            found = scan(KeptModel(in_blocks(c), time_limit=600), name, values).objective.tolist()
        objectives.append(found)
        lines.append(
            dict(
                benchmark=f"scan {name}",
                contestant=contestant,
                cpu=time.process_time() - cpu,
                wall=time.perf_counter() - wall,
                points=points,
            )
        )
    assert np.allclose(*objectives, rtol=1e-6), "the two scans differ"
    out = pd.DataFrame(lines)
    return out.assign(times_faster=out.cpu[0] / out.cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in dict(rounds=5, stores=10, items=120, days=28, scan=20).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    c = draw(asked.stores, asked.items, asked.days)
    a = dict(variables=3 * c["demand"].size, rows=c["demand"].size + 2 * asked.stores * asked.days + len(c["budget"]))
    one = whole(c, asked.rounds).assign(benchmark="whole", **a, rounds=asked.rounds)
    print(one.round(3).to_string(index=False))
    tables = [one]
    if asked.scan:
        share = np.linspace(0.8, 1.1, asked.scan)
        model = in_blocks(c)
        prices = solve(model, time_limit=600).duals.abs()
        store = prices[
            prices.index.str.startswith(("capacity", "dock"))
        ].idxmax()  # the limit of one store that is worth most
        for name in ("budget_0", store):
            written = model.row_up[find_place(model, "row", name)]
            tables.append(scans(c, asked.scan, name, share * written).assign(**a, rounds=1))
            print(tables[-1].round(3).to_string(index=False))
    RESULTS.parent.mkdir(exist_ok=True)
    pd.concat(tables).set_index(["benchmark", "contestant"]).round(4).to_csv(RESULTS)
    print(f"written: {RESULTS.name}")


if __name__ == "__main__":
    main()
