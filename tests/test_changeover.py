"""A line with a set-up state: transitions by hand, every policy of a tiny line, simulation, and what is refused."""

from itertools import product

import numpy as np
import pytest

from lepton_nb.allocation.changeover import (
    ChangeoverError,
    OneLine,
    average_cost,
    best_average,
    cyclic,
    learn_line,
    line_chain,
    longest_queue,
    tuned_rule,
)

LINE = OneLine(demand=((0.4, 0.4, 0.2), (0.6, 0.4)))
CHAIN = line_chain(LINE)


def test_a_period_by_hand():
    state = np.flatnonzero((CHAIN.setup == 0) & (CHAIN.stock == [1, -3]).all(1)).item()
    none, two_one = (np.flatnonzero(np.isclose(CHAIN.chance, p)).tolist() for p in (0.4 * 0.6, 0.2 * 0.4))
    after = CHAIN.after[state, 2, two_one[-1]]  # change to model 1: one made; 2 and 1 are asked for
    assert CHAIN.setup[after] == 1 and CHAIN.stock[after].tolist() == [-1, -3]
    assert CHAIN.cost[state, 2, two_one[-1]] == 2 + 4 * 1 + 4 * 3
    rest = CHAIN.cost[state, 0, two_one[-1]]
    assert rest == 4 * 1 + 4 * 3 + 20, "resting loses the fourth late unit"
    assert np.isclose(CHAIN.chance.sum(), 1) and len(none)


def test_no_policy_of_a_tiny_line_is_cheaper():
    tiny = line_chain(OneLine(demand=((0.5, 0.3, 0.2),), most=2, late=1, setup_cost=0))
    costs = [average_cost(tiny, np.array(policy)).high for policy in product(range(2), repeat=4)]
    assert np.isclose(best_average(tiny).cost, min(costs), atol=1e-5)


def test_the_exact_cost_is_that_of_a_simulation():
    told, rng = tuned_rule(CHAIN, cyclic), np.random.default_rng(1)
    state, seen = np.zeros(2000, int), []
    for period in range(400):
        comes = rng.choice(len(CHAIN.chance), len(state), p=CHAIN.chance)
        decision = told.decision[state]
        if period >= 100:
            seen.append(CHAIN.cost[state, decision, comes])
        state = CHAIN.after[state, decision, comes]
    each = np.mean(seen, 0)
    assert abs(each.mean() - told.cost) < 4 * each.std() / np.sqrt(len(each))


def test_no_rule_and_no_learner_beats_the_optimum():
    best = best_average(CHAIN)
    policies = [longest_queue(CHAIN, 2), cyclic(CHAIN, 2), learn_line(CHAIN, 300, seed=2)]
    assert all(average_cost(CHAIN, policy).high >= best.low - 1e-6 for policy in policies)
    assert (learn_line(CHAIN, 50, seed=3) == learn_line(CHAIN, 50, seed=3)).all()


def test_what_makes_no_sense_is_refused_in_words():
    for wrong, words in (
        ({"demand": ((np.inf, 0),)}, "model 0"),
        ({"demand": ((0.2, 0.2),)}, "sum 1"),
        ({"demand": ((1.0,),), "holding": np.nan}, "holding is nan"),
        ({"demand": ((1.0,),), "rate": -2}, "0 or more"),
        ({"demand": ((1.0,),) * 7}, "too many"),
    ):
        with pytest.raises(ChangeoverError, match=words):
            OneLine(**wrong)
    with pytest.raises(ChangeoverError, match="one decision"):
        average_cost(CHAIN, np.full(len(CHAIN.setup), 9))
    with pytest.raises(ChangeoverError, match="discount"):
        learn_line(CHAIN, 5, discount=1.0)
