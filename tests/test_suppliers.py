"""The choice of suppliers: the judge against the program, rules that keep to limits, and draws that fail together."""

from dataclasses import replace

import numpy as np
import pytest

from lepton_nb.allocation.suppliers import (
    PartNeed,
    SupplierError,
    Suppliers,
    SupplyDraws,
    best_split,
    choose_suppliers,
    sample_supply,
    sourcing_costs,
    split_by_price,
)

FOUR = Suppliers(
    price=[10, 10.4, 10.9, 11.5],
    fixed=[60, 90, 80, 50],
    least=[0.2] * 4,
    capacity=[900, 700, 1000, 600],
    extra=[3, 2, 1, 1.5],
    lead=[30, 20, 15, 10],
    scatter=[0.4, 0.3, 0.2, 0.2],
    risk=[0.12, 0.08, 0.05, 0.03],
    outage=[50, 40, 60, 30],
    region=[0, 0, 1, 2],
)
NEED = PartNeed(1000, 40, holding=0.01, late=0.1, region_risk=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_the_program_counts_what_the_judge_counts_and_no_shares_cost_less(seed):
    draws = sample_supply(FOUR, NEED, 60, seed)
    plan = choose_suppliers(FOUR, NEED, draws)
    assert np.isclose(sourcing_costs(FOUR, NEED, draws, plan.shares, plan.sources).mean(), plan.cost)
    assert plan.bound <= plan.cost + 1e-6
    rng, tried = np.random.default_rng(seed), 0
    for _ in range(400):
        shares = rng.dirichlet(np.ones(4)) * (rng.random(4) < 0.7)
        if not shares.any():
            continue
        try:
            cost = sourcing_costs(FOUR, NEED, draws, shares / shares.sum()).mean()
        except SupplierError:
            continue
        tried += 1
        assert cost >= plan.cost - 1e-6
    assert tried > 20
    assert sourcing_costs(FOUR, NEED, draws, best_split(FOUR, NEED, draws)).mean() >= plan.cost - 1e-6


def test_rules_keep_to_capacities_and_least_shares():
    assert np.allclose(split_by_price(FOUR, NEED), [0.7, 0.3, 0, 0])
    assert np.allclose(split_by_price(FOUR, NEED, (1.0,)), [0.8, 0.2, 0, 0])  # 0.9 and 0.1, of which nobody makes 0.1
    small = replace(FOUR, capacity=[500, 700, 1000, 600])
    assert np.allclose(split_by_price(small, NEED), [0.5, 0.5, 0, 0])


def test_a_region_is_out_for_all_its_suppliers_at_once():
    alone = replace(FOUR, risk=[0.0] * 4, outage=[40.0] * 4)
    arrives = sample_supply(alone, NEED, 4000, 1).arrives
    assert np.array_equal(arrives[0], arrives[1]) and (arrives[0] < 1).any()
    assert 0.02 < (arrives[2] < 1).mean() < 0.04
    assert ((arrives[0] < 1) & (arrives[2] < 1)).mean() < 0.005


def test_what_arrives_late_or_early_costs_by_the_day():
    sure = replace(FOUR, scatter=[1e-3] * 4)
    assert sample_supply(sure, NEED, 100).timing.max() < 0.01
    assert (
        sample_supply(FOUR, NEED, 5000).timing.mean(1)[:-1] > sample_supply(FOUR, NEED, 5000).timing.mean(1)[1:]
    ).all()


def test_without_failures_the_cheapest_is_enough():
    wide = replace(FOUR, capacity=[2000] * 4)
    plan = choose_suppliers(wide, NEED, SupplyDraws(np.ones((4, 5)), np.zeros((4, 5))))
    assert plan.sources.tolist() == [True, False, False, False] and np.isclose(plan.cost, 10_060)


def test_a_split_that_nobody_can_deliver_is_refused():
    with pytest.raises(SupplierError, match="no supplier and no pair"):
        best_split(replace(FOUR, capacity=[300] * 4), NEED, sample_supply(FOUR, NEED, 5))
