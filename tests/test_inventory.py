"""Corner cases of allocation.inventory: what is refused, and properties that hold for any parameters."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from lepton_nb.allocation.inventory import (
    InventoryError,
    base_stock_normal,
    check_probability,
    critical_ratio,
    economic_order_quantity,
    expected_cost,
    newsvendor_discrete,
    newsvendor_normal,
    renewal_density,
    s_S_policy,
)


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda: newsvendor_normal(0, 1, 5, 1), "holding_cost"),
        (lambda: newsvendor_normal(1, -1, 5, 1), "stockout_cost"),
        (lambda: newsvendor_normal(1, 1, 5, -1), "deviation"),
        (lambda: newsvendor_discrete(1, 1, [0.5, 0.4]), "sums to 0.9"),
        (lambda: newsvendor_discrete(1, 1, [1.5, -0.5]), "negative"),
        (lambda: newsvendor_discrete(1, 1, []), "shape"),
        (lambda: newsvendor_discrete(1, 1, [np.nan, 1.0]), "probability"),
        (lambda: base_stock_normal(1, 9, 10, 2, -1), "lead_time"),
        (lambda: economic_order_quantity(1, 0, 5), "holding_cost"),
        (lambda: s_S_policy(1, 9, -1, [0.5, 0.5]), "order_cost"),
        (lambda: s_S_policy(1, 9, 5, [1.0]), "always 0"),
    ],
)
def test_nonsense_is_refused_by_name(call, word):
    with pytest.raises(InventoryError, match=word):
        call()


def test_a_dearer_stockout_never_lowers_the_level():
    pmf = nbinom.pmf(np.arange(400), 2, 0.1)
    levels = [newsvendor_discrete(1, p, pmf / pmf.sum())[0] for p in (0.2, 1, 5, 25, 99)]
    assert levels == sorted(levels) and levels[0] < levels[-1]


def test_poisson_of_large_mean_agrees_with_the_normal():
    level, cost = newsvendor_discrete(0.18, 0.70, poisson.pmf(np.arange(1500), 1000))
    normal, price = newsvendor_normal(0.18, 0.70, 1000, np.sqrt(1000))
    assert abs(level - normal) < 1.5 and abs(cost / price - 1) < 0.01


def test_levels_below_zero_and_above_the_support_are_costed_by_hand():
    cost = expected_cost(2.0, 3.0, np.array([0.25, 0.5, 0.25]), np.array([-4, 0, 9]))
    assert np.allclose(cost, [3 * 5, 3 * 1, 2 * 8])


def test_renewal_density_satisfies_its_equation():
    pmf = np.array([0.3, 0.2, 0.4, 0.1])
    m = renewal_density(pmf, 12)
    for j in range(12):
        assert np.isclose(m[j], (j == 0) + sum(pmf[k] * m[j - k] for k in range(min(j, 3) + 1)))


@pytest.mark.parametrize("mean, order_cost", [(0.3, 2), (3, 0.5), (8, 30), (25, 100)])
def test_no_neighbour_of_the_best_pair_is_better_in_a_long_simulation(mean, order_cost):
    policy = s_S_policy(1, 9, order_cost, poisson.pmf(np.arange(int(mean) + 100), mean))
    demand = np.random.default_rng(0).poisson(mean, 60_000)

    def run(s, S):
        level, total = S, 0.0
        for asked in demand:
            if level <= s:
                level, total = S, total + order_cost
            level -= asked
            total += max(level, 0) + 9 * max(-level, 0)
        return total / len(demand)

    own = run(policy.s, policy.S)
    assert abs(own / policy.cost - 1) < 0.02
    for s, S in ((policy.s - 2, policy.S), (policy.s + 2, max(policy.S, policy.s + 3)), (policy.s, policy.S + 4)):
        assert run(s, S) > own * 0.995


def test_a_lead_time_enters_through_the_wait():
    one, three = poisson.pmf(np.arange(80), 5), poisson.pmf(np.arange(120), 15)
    near, far = s_S_policy(1, 9, 20, one), s_S_policy(1, 9, 20, one, wait=three)
    assert far.s > near.s + 5 and far.cost > near.cost


CALLS = [
    (economic_order_quantity, {"order_cost": 8.0, "holding_cost": 0.2, "demand": 1300.0}),
    (critical_ratio, {"holding_cost": 0.2, "stockout_cost": 0.7}),
    (newsvendor_normal, {"holding_cost": 0.2, "stockout_cost": 0.7, "mean": 50.0, "deviation": 8.0}),
    (expected_cost, {"holding_cost": 1.0, "stockout_cost": 4.0, "probability": [0.5, 0.5], "levels": [0, 1]}),
    (check_probability, {"probability": [0.5, 0.5]}),
    (newsvendor_discrete, {"holding_cost": 1.0, "stockout_cost": 4.0, "probability": [0.5, 0.5]}),
    (base_stock_normal, {"holding_cost": 1.0, "stockout_cost": 4.0, "mean": 5.0, "deviation": 2.0, "lead_time": 3}),
    (renewal_density, {"probability": np.array([0.5, 0.5]), "size": 4}),
    (s_S_policy, {"holding_cost": 1.0, "stockout_cost": 4.0, "order_cost": 6.0, "probability": [0.2, 0.5, 0.3]}),
]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, "many"])
@pytest.mark.parametrize(
    "function, given, name",
    [(function, given, name) for function, given in CALLS for name in given],
    ids=lambda value: getattr(value, "__name__", None) or (value if isinstance(value, str) else "given"),
)
def test_numbers_that_are_none_are_refused_by_the_name_of_the_parameter(function, given, name, bad):
    function(**given)
    value = [*given[name][:-1], bad] if isinstance(given[name], (list, np.ndarray)) else bad
    with pytest.raises(InventoryError, match=f"{name} is"):
        function(**given | {name: value})
