"""Networks in time: arrays against PuLP, limits kept, and what is refused in words."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from lepton_nb.allocation.network import NetworkError, SupplyNetwork, network_in_pulp, network_program, plan_network
from lepton_nb.solve.door import InfeasibleError, solve


def made(seed: int, shape: tuple[int, ...] = (4, 3, 2, 2, 3)) -> SupplyNetwork:
    rng = np.random.default_rng(seed)
    customers, centres, sizes, products, periods = shape
    demand = rng.integers(0, 6, (customers, products, periods))
    lanes = rng.integers(1, 9, (2, centres, products)).astype(float)
    lanes[0, 1] = np.inf
    most = max(demand.sum((0, 1)).max(), 4)
    size = np.sort(rng.integers(most // 2, 2 * most, (centres, sizes)), axis=1)
    cost = rng.integers(1, 9, (centres, customers))
    return SupplyNetwork(
        demand, np.full((2, periods), most), lanes, cost, size, 2.0 * size, rng.uniform(0, 2, products)
    )


@pytest.mark.parametrize("seed", range(8))
def test_arrays_say_the_same_as_the_equations(seed):
    network = made(seed)
    plan = plan_network(network)
    assert np.isclose(plan.cost, solve(network_in_pulp(network)).require().objective)
    assert plan.bound <= plan.cost + 1e-6


def test_a_plan_keeps_its_limits():
    network = made(3)
    found = solve(network_program(network)).require()
    made_in = np.zeros(network.supply.shape)
    for name, value in found.values.items():
        if name.startswith("ship_"):
            plant, centre, product, period = map(int, name.split("_")[1:])
            made_in[plant, period] += value
            assert np.isfinite(network.lane_cost[plant, centre, product])
    assert (made_in <= network.supply + 1e-6).all()
    assert made_in.sum() >= network.demand.sum() - 1e-6
    plan = plan_network(network)
    assert (plan.size[plan.centre] >= 0).all(), "served from an open centre"


def test_more_room_and_less_demand_never_cost_more():
    network = made(5)
    cost = plan_network(network).cost
    roomy = SupplyNetwork(**{**vars(network), "supply": network.supply + 5})
    fewer = SupplyNetwork(**{**vars(network), "demand": np.maximum(network.demand - 1, 0)})
    assert plan_network(roomy).cost <= cost + 1e-6 and plan_network(fewer).cost <= cost + 1e-6


def test_what_cannot_be_is_refused_in_words():
    right = vars(made(0))
    for name in ("demand", "supply", "serve_cost", "size", "fixed", "holding"):
        for value in (np.nan, np.inf, -1.0):
            wrong = right[name].copy()
            wrong.flat[0] = value
            with pytest.raises(NetworkError, match=name):
                SupplyNetwork(**{**right, name: wrong})
    with pytest.raises(NetworkError, match="lane_cost"):
        SupplyNetwork(**{**right, "lane_cost": right["lane_cost"] * np.nan})
    with pytest.raises(NetworkError, match="holding has shape"):
        SupplyNetwork(**{**right, "holding": [1.0]})
    with pytest.raises(InfeasibleError):
        plan_network(SupplyNetwork(**{**right, "supply": right["supply"] * 0}))


def drawn(seed: int) -> SupplyNetwork:
    """Draw a network so small that all choices can be tried; plants and centres are tight in some periods."""
    rng = np.random.default_rng(seed)
    C, J, S, K, T = rng.integers(1, (4, 3, 3, 3, 4))
    demand = rng.integers(0, 9, (C, K, T))
    lanes = rng.integers(1, 9, (2, J, K)).astype(float)
    lanes[0, 0, 0] = np.inf if rng.random() < 0.3 else lanes[0, 0, 0]
    most = max(demand.sum((0, 1)).mean(), 1) * rng.uniform(0.9, 1.5)
    size = np.sort(rng.uniform(0.7, 1.6, (J, S)) * most, axis=1)
    fixed = rng.uniform(0, 9, (J, 1)) * size**0.6
    supply = np.full((2, T), most * rng.uniform(0.5, 1))
    return SupplyNetwork(demand, supply, lanes, rng.integers(1, 9, (J, C)), size, fixed, rng.uniform(0, 2, K))


def least_cost(n: SupplyNetwork) -> float:
    """Try all sizes and all ways to serve, flows by scipy; written from the equations, sharing no line with ours."""
    (C, K, T), (J, S), I = n.demand.shape, n.size.shape, len(n.supply)  # noqa: E741
    flows = [at for at in product(range(I), range(J), range(K), range(T)) if np.isfinite(n.lane_cost[at[:3]])]
    stocks = list(product(range(J), range(K), range(T)))
    place = {at: k for k, at in enumerate([*flows, *stocks])}
    cost = [n.lane_cost[at[:3]] for at in flows] + [n.holding[at[1]] for at in stocks]
    made, through, kept = (
        np.zeros((I * T, len(place))),
        np.zeros((J * T, len(place))),
        np.zeros((J * K * T, len(place))),
    )
    for i, j, k, t in flows:
        made[i * T + t, place[i, j, k, t]] = through[j * T + t, place[i, j, k, t]] = 1
        kept[(j * K + k) * T + t, place[i, j, k, t]] = 1
    for j, k, t in stocks:
        kept[(j * K + k) * T + t, place[j, k, t]] = -1
        if t:
            kept[(j * K + k) * T + t, place[j, k, t - 1]] = 1
    best, total = np.inf, n.demand.sum((1, 2))
    for centres in product(range(J), repeat=C):
        asked = np.zeros((J, K, T))
        np.add.at(asked, list(centres), n.demand)
        serve = sum(n.serve_cost[j, c] * total[c] for c, j in enumerate(centres))
        for sizes in product(range(S), repeat=len(used := sorted(set(centres)))):
            room, fixed = np.zeros((J, T)), sum(n.fixed[j, s] for j, s in zip(used, sizes))
            room[used] = n.size[used, sizes][:, None]
            limits = np.r_[n.supply.ravel(), room.ravel()]
            found = linprog(cost, np.r_[made, through], limits, kept, asked.ravel())
            best = min(best, fixed + serve + found.fun) if found.status == 0 else best
    return best


def test_no_bound_is_above_the_least_cost_and_no_cost_below_it():
    plans = 0
    for seed in range(320):
        network = drawn(seed)
        least = least_cost(network)
        if not np.isfinite(least):
            assert solve(network_program(network)).status == "infeasible"
            continue
        plans += 1
        noise = 1e-7 * (1 + least)
        for gap in (0.0, 0.2):  # proven, and cut off early as a time limit would
            found = solve(network_program(network), gap=gap).require()
            assert found.bound <= least + noise and found.bound <= found.objective + 1e-9 * (1 + least), seed
            assert found.objective >= least - noise, seed
            assert found.objective <= least * (1 + gap) / (1 - gap) + noise, seed
    assert plans >= 200, "too few of the networks have a plan at all"


def each_alone(n: SupplyNetwork) -> float:
    """Sum the plans of single periods, the fixed cost shared out over them."""
    T = n.demand.shape[2]
    parts = [replace(n, demand=n.demand[:, :, [t]], supply=n.supply[:, [t]], fixed=n.fixed / T) for t in range(T)]
    return sum(plan_network(one).cost for one in parts)


@pytest.mark.parametrize("seed", range(12))
def test_periods_alone_cost_no_more_where_stock_cannot_help(seed):
    """Where there is room stock is of no use, so alone is a relaxation; equal where no period differs."""
    network = drawn(seed)
    asked = network.demand.sum()
    ample = replace(network, supply=network.supply + asked, size=network.size + asked)
    assert each_alone(ample) <= plan_network(ample).cost + 1e-6
    same = replace(ample, demand=np.repeat(network.demand[:, :, :1], network.demand.shape[2], axis=2))
    assert np.isclose(each_alone(same), plan_network(same).cost)


def test_the_sum_of_single_periods_is_neither_a_plan_nor_a_bound():
    moves = SupplyNetwork([[[1, 0], [0, 1]]], [[9, 9]], [[[1, 5], [5, 1]]], [[0], [0]], [[9], [9]], [[0], [0]], [0, 0])
    assert np.isclose(each_alone(moves), 2) and np.isclose(plan_network(moves).bound, 6), "one centre throughout"
    stored = SupplyNetwork([[[4, 8]]], [[6, 8]], [[[1]]], [[1]], [[6, 10]], [[5, 8]], [0.5])
    assert np.isclose(each_alone(stored), 30.5) and np.isclose(plan_network(stored).cost, 30), "stock carried over"
