"""Networks in time: arrays against PuLP, limits kept, and what is refused in words."""

import numpy as np
import pytest

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
