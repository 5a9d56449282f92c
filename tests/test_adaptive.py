"""Corner cases of allocation.dynamic, environment and adaptive: properties, what is refused, brute force."""

from itertools import product

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scipy.stats import nbinom, poisson

from lepton_nb.allocation.adaptive import (
    Effort,
    best_orders,
    candidate_orders,
    capped_order_up_to,
    classify,
    compare_costs,
    coordinate_search,
    item_of,
    learn,
    q_learning,
    rollouts,
)
from lepton_nb.allocation.dynamic import (
    LostSales,
    best_base_stock,
    best_capped,
    capped_base_stock,
    constant_order_cost,
    exact_cost,
    geometric,
    leftover,
    myopic,
    order_bounds,
    period_cost,
    pipelines,
    value_iteration,
)
from lepton_nb.allocation.environment import (
    Forecast,
    Item,
    ItemEnv,
    ItemVectorEnv,
    Steady,
    draw,
    largest_order,
    reset,
    rollout,
    step,
    tabulate,
)
from lepton_nb.allocation.inventory import InventoryError

PMF = poisson.pmf(np.arange(40), 5) / poisson.pmf(np.arange(40), 5).sum()
SMALL = LostSales([0.3, 0.3, 0.2, 0.2], lead_time=2, stockout_cost=5)


def by_hand(system: LostSales, policy, periods: int = 4000) -> float:
    """Average cost of a policy from its chain written state by state with a dictionary, no arrays."""
    states, chain = [(0,) * system.lead_time], {}
    while states:
        state = states.pop()
        if state in chain:
            continue
        order, moves = int(policy(np.array(state)[:, None])[0]), {}
        for demand, chance in enumerate(system.demand):
            ahead = (*state[1:], order)
            after = (max(state[0] - demand, 0) + ahead[0], *ahead[1:])
            moves[after] = moves.get(after, 0) + chance
        cost = sum(
            q * (system.holding_cost * max(state[0] - d, 0) + system.stockout_cost * max(d - state[0], 0))
            for d, q in enumerate(system.demand)
        )
        chain[state] = (cost, moves)
        states += list(moves)
    share = dict.fromkeys(chain, 1 / len(chain))
    for _ in range(periods):
        fresh = dict.fromkeys(chain, 0.0)
        for state, weight in share.items():
            for after, chance in chain[state][1].items():
                fresh[after] += weight * chance
        if sum(abs(fresh[s] - share[s]) for s in chain) < 1e-11:
            break
        share = fresh
    return sum(weight * chain[state][0] for state, weight in share.items())


def test_a_policy_costs_what_a_dictionary_says():
    for policy in (capped_base_stock(5), capped_base_stock(6, 2), myopic(SMALL), value_iteration(SMALL)):
        assert exact_cost(SMALL, policy, limit=8).cost == pytest.approx(by_hand(SMALL, policy), abs=1e-5)


def test_no_policy_of_a_tiny_system_beats_value_iteration():
    system = LostSales([0.5, 0.5], lead_time=1, stockout_cost=3)
    best = value_iteration(system).cost
    costs = [
        exact_cost(system, lambda s, t=table: t[np.minimum(s[0], 3)], limit=8).cost
        for orders in product(range(3), repeat=4)
        for table in [np.array(orders)]
        if orders[3] == 0 and orders[2] <= 1
    ]
    assert min(costs) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("lead_time, penalty", [(1, 2), (2, 9), (3, 30)])
def test_overdispersed_demand_keeps_the_order_of_policies(lead_time, penalty):
    demand = nbinom.pmf(np.arange(120), 1.5, 0.4)
    system = LostSales(demand / demand.sum(), lead_time, stockout_cost=penalty)
    best, capped, plain = value_iteration(system), best_capped(system), best_base_stock(system)
    assert best.upper - best.lower < 1e-6 and best.lower <= best.cost <= best.upper
    assert best.cost <= capped.cost + 1e-5 <= plain.cost + 2e-5
    assert exact_cost(system, best).cost == pytest.approx(best.cost, abs=3e-6)
    assert value_iteration(system, slack=2).cost == pytest.approx(best.cost, abs=3e-6)


def test_costs_scale_with_money_and_rise_with_the_lead_time():
    twice = LostSales(SMALL.demand, 2, holding_cost=2, stockout_cost=10)
    assert value_iteration(twice).cost == pytest.approx(2 * value_iteration(SMALL).cost, abs=1e-5)
    costs = [value_iteration(LostSales(SMALL.demand, lead, stockout_cost=5)).cost for lead in (1, 2, 3, 4)]
    assert costs == sorted(costs) and costs[0] < costs[-1]


def test_the_best_order_falls_by_at_most_a_unit_for_a_unit_more_and_least_for_the_stock():
    best = value_iteration(LostSales(PMF, 2, stockout_cost=9))
    hand, under_way = np.meshgrid(np.arange(15), np.arange(8), indexing="ij")
    orders = best(np.array([hand.ravel(), under_way.ravel()])).reshape(15, 8)
    down, across = -np.diff(orders, axis=0), -np.diff(orders, axis=1)
    assert ((down >= 0) & (down <= 1)).all() and ((across >= 0) & (across <= 1)).all()
    assert (across[:-1] >= down[:, :-1]).all()  # L-natural convexity: the later unit counts for more


def test_leftover_rows_are_distributions_and_cost_matches_term_by_term():
    left = leftover(SMALL, 9)
    assert np.allclose(left.sum(axis=1), 1) and np.allclose(left, np.tril(left))
    expected = [sum(q * (max(x - d, 0) + 5 * max(d - x, 0)) for d, q in enumerate(SMALL.demand)) for x in range(9)]
    assert np.allclose(period_cost(SMALL, 9), expected)


def test_pipelines_are_all_and_only_those_within_the_bounds():
    listed = {tuple(row) for row in pipelines(np.array([3, 5, 6]), 3)}
    wanted = {p for p in product(range(4), repeat=3) if p[2] + p[1] <= 5 and p[1] + p[0] <= 5 and sum(p) <= 6}
    assert listed == wanted


def test_a_constant_order_costs_the_same_by_simulation():
    item = Item(Steady(PMF), 2, stockout_cost=4, most_order=4, most_units=10_000)
    seen = rollout(item, lambda state: np.full(state.shape[1], 4), 2000, 2000, 500)
    assert abs(seen.mean - constant_order_cost(LostSales(PMF, 2), 4)) < 5 * seen.error


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda: LostSales([0.5, 0.5], 1.5), "lead_time"),
        (lambda: LostSales([0.5, 0.5], 1, holding_cost=0), "holding_cost"),
        (lambda: LostSales([0.5, 0.5], 1, stockout_cost=0), "stockout_cost"),
        (lambda: LostSales([1.0], 1), "always 0"),
        (lambda: value_iteration(SMALL, most_sweeps=2), "most_sweeps"),
        (lambda: exact_cost(SMALL, lambda s: np.full(s.shape[1], -1)), "less than 0"),
        (lambda: exact_cost(SMALL, lambda s: np.full(s.shape[1], 3)), "larger limit"),
        (lambda: exact_cost(LostSales(SMALL.demand, 9), capped_base_stock(9)), "too many states"),
        (lambda: constant_order_cost(SMALL, 2), "grow without end"),
        (lambda: Item(Steady(PMF), 1, stockout_cost=-1), "0 or more"),
        (lambda: Item(Steady(PMF), 1, most_order=0), "most_order"),
        (lambda: Item(Steady(PMF), 1, most_units=20_000), "packs"),
        (lambda: Forecast([1] * 7, [-0.1]), "news"),
        (lambda: Forecast([0] * 7, [0.1]), "profile"),
        (lambda: Forecast([1] * 7, [0.1], size=0), "size"),
        (lambda: q_learning(Item(Steady(PMF), 5, 5)), "too many states"),
        (lambda: Effort(generations=0, states=0), "states, generations"),
    ],
)
def test_nonsense_is_refused_by_name(call, word):
    with pytest.raises(InventoryError, match=word):
        call()


@pytest.mark.parametrize("lead_time", [0, 1, 2, 4])
@pytest.mark.parametrize("shelf_life", [None, 1, 3])
def test_no_unit_appears_or_vanishes(lead_time, shelf_life):
    item = Item(Steady(PMF), lead_time, shelf_life, 0, 1, 1, most_order=9, most_units=40)
    rng = np.random.default_rng(0)
    state = reset(item, rng, 50)
    noise = draw(item, rng, 60, state)
    for day in noise:
        order = rng.integers(0, largest_order(item, state).astype(int) + 1)
        fresh, cost = step(item, state, order, day)
        held = state.sum(axis=0) + order - fresh.sum(axis=0)  # sold or wasted
        lost_and_wasted = cost  # each costs one
        sold = np.minimum(day[0], state[: item.ages].sum(axis=0) + (order if lead_time == 0 else 0))
        assert np.allclose(held - sold + day[0] - sold, lost_and_wasted) and (fresh >= 0).all()
        state = fresh


def test_the_oldest_are_sold_first_and_age_by_a_day():
    item = Item(Steady(PMF), 3, 2, 0.5, 7, 3)
    state = np.array([[4], [5], [6], [2]], np.int16)  # last day, fresh, arriving tomorrow, the day after
    fresh, cost = step(item, state, np.array([1]), np.array([[3]], np.int16))
    assert fresh.T.tolist() == [[5, 6, 2, 1]] and cost == 3 * 1 + 0.5 * 5


def test_same_seed_same_customers_other_seed_others():
    item = item_of(SMALL)
    one, two, other = (rollout(item, capped_order_up_to(item, 5), 50, 40, seed=seed).cost for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_a_table_orders_as_the_policy_it_was_made_of():
    item = item_of(SMALL)
    policy = capped_order_up_to(item, 6, 3)
    state = draw_states(item, policy)
    assert np.array_equal(tabulate(item, policy)(state), np.minimum(policy(state), largest_order(item, state)))


def draw_states(item, policy):
    """States after some days of a policy."""
    rng = np.random.default_rng(5)
    state = reset(item, rng, 200)
    for day in draw(item, rng, 9, state):
        state, _ = step(item, state, np.minimum(policy(state), largest_order(item, state)), day)
    return state


@pytest.mark.parametrize(
    "item", [Item(Steady(PMF), 0), Item(Steady(PMF), 1, 1), Item(Forecast([3] * 7, [0.1, 0.2], 4), 2, 3)]
)
def test_gymnasium_accepts_every_kind(item):
    check_env(ItemEnv(item, days=5))
    many = ItemVectorEnv(item, 3, days=4)
    seen, _ = many.reset(seed=1)
    assert many.observation_space.contains(seen)
    cuts = [many.step(many.action_space.sample())[3].all() for _ in range(11)]
    assert (
        cuts == [False] * 3 + [True] + [False] * 4 + [True] + [False] * 2
    )  # four days, one call that empties, four days, ..


def test_rollouts_of_equal_orders_are_equal_and_candidates_stay_allowed():
    item = item_of(LostSales(PMF, 2, stockout_cost=9))
    policy = tabulate(item, capped_order_up_to(item, 18, 7))
    state = draw_states(item, policy)[:, :20]
    money = rollouts(item, policy, state, np.full((3, 20), 4), 5, 12, np.random.default_rng(0), columns=64)
    assert np.array_equal(money[0], money[1]) and np.array_equal(money[0], money[2])
    orders, open_ = candidate_orders(item, policy, state, 3)
    assert (
        (orders <= largest_order(item, state)).all()
        and open_.any(axis=0).all()
        and (np.diff(orders, axis=0)[open_[1:]] == 1).all()
    )


def test_halving_finds_an_obvious_best_order():
    item = Item(Steady(np.eye(6)[5]), 0, 1, 0, 10, 1, most_order=9)  # five customers every day, nothing keeps
    state = np.zeros((1, 30), np.int16)
    assert (best_orders(item, lambda s: np.full(s.shape[1], 3), state, 3, 2, 2, np.random.default_rng(0)) == 5).all()


def test_learning_repeats_and_never_returns_worse_than_it_began_with():
    item, little = (
        item_of(SMALL),
        Effort(states=60, scenarios=2, horizon=6, generations=2, layers=(8,), epochs=5, trials=200, trial_days=60),
    )
    one, two = (learn(item, capped_order_up_to(item, 6, 2), little, seed=3) for _ in range(2))
    assert one.history.equals(two.history) and len(one.stages) == 3
    best = one.history["cost"].idxmin()
    assert one.policy is one.stages[best] and one.history["cost"].min() <= one.history["cost"][0]


def test_one_class_and_two_classes_make_policies():
    item = item_of(SMALL)
    state = draw_states(item, capped_order_up_to(item, 6))
    assert (classify(item, state, np.ones(200, int), (4,), 3, 0)(state) <= 1).all()
    label = (state[0] > 1).astype(int)
    assert (
        classify(item, state, label, (16,), 200, 0)(state) == np.minimum(label, largest_order(item, state))
    ).mean() > 0.9


def test_tune_walks_to_the_best_of_a_bowl_and_compare_ranks():
    item = item_of(SMALL)
    (level, cap), cost = coordinate_search(
        item, lambda level, cap: capped_order_up_to(item, level, max(cap, 0)), (3, 1), replications=500, days=100
    )
    assert cost <= rollout(item, capped_order_up_to(item, 3, 1), 500, 100).mean and level > 3 and cap >= 2
    ranked = compare_costs(SMALL, Effort(states=300, scenarios=16, horizon=12, layers=(16,), trials=500))
    assert (
        ranked["policy"][0] == "optimal" and ranked["regret"].is_monotonic_increasing and ranked["percent"].iloc[-1] > 1
    )


def test_geometric_demand_has_its_mean_and_sums_to_one():
    for mean in (0.5, 5, 40):
        pmf = geometric(mean)
        assert pmf.sum() == pytest.approx(1) and pmf @ np.arange(len(pmf)) == pytest.approx(mean, rel=1e-8)
        assert order_bounds(LostSales(pmf, 1)).shape == (2,)


def test_the_optimum_orders_nothing_outside_its_bounds():
    best = value_iteration(SMALL)
    top = int(best.lattice.bounds[0])
    assert best(np.array([[999, 0, 0], [0, top + 1, top]])).tolist() == [0, 0, int(best.orders[0, top])]
