"""Plans and controllers: formulas against programs, guards, the judge, and a rule that learns."""

import numpy as np
import pytest

from lepton_nb.allocation.policy import gain_by_period, judge
from lepton_nb.allocation.queues import made_grid
from lepton_nb.allocation.signals import (
    RULES,
    Control,
    Hours,
    SignalError,
    SignalSimulator,
    coordinated_plan,
    formula_delay,
    learn_rule,
    policies,
    queue_flows,
    splits_program,
    standard_rules,
    webster,
    webster_plan,
)
from lepton_nb.solve.door import solve

NETWORK, ROUTES, VEHICLES = made_grid(8, 2, 2, load=0.6)
FLOW = queue_flows(NETWORK, ROUTES, VEHICLES)
HALF = SignalSimulator(NETWORK, ROUTES, VEHICLES, seconds=1200.0, after=600.0)


def test_webster_keeps_least_green_and_longest_cycle():
    for ratio in ([0.01, 0.5], [0.6, 0.6], [0.0, 0.0], [0.1, 0.2, 0.45]):
        cycle, green = webster(ratio, 4.0 * len(ratio))
        assert green.min() >= 8 - 1e-9 and cycle <= 120 + 1e-9
        assert np.isclose(cycle, green.sum() + 4 * len(ratio))
    with pytest.raises(SignalError, match="raise longest"):
        webster([0.1] * 12, 48.0)


def test_webster_is_near_the_best_cycle_of_the_formula():
    plan = webster_plan(NETWORK, FLOW, least=1.0)

    def told(factor):
        return formula_delay(NETWORK, FLOW, plan["green_s"].to_numpy() * factor).sum()

    assert told(1.0) < min(told(0.5), told(2.5))


def test_splits_leave_equal_reserves():
    answer = solve(splits_program([0.2, 0.3, 0.1], [4.0, 4.0, 4.0], 90.0, least=1.0))
    green = np.array([answer.values[f"green_{i}"] for i in range(3)])
    assert np.allclose(green / [0.2, 0.3, 0.1], 78 / 0.6)


def test_a_coordinated_plan_has_one_cycle():
    plan = coordinated_plan(NETWORK, FLOW, time_limit=2.0)
    cycles = (plan["green_s"] + plan["yellow_s"]).groupby(plan["node"]).sum()
    assert np.allclose(cycles, cycles.iloc[0]) and plan["offset_s"].between(0, cycles.iloc[0]).all()
    with pytest.raises(SignalError, match="holds no"):
        coordinated_plan(NETWORK, FLOW, cycle=10.0)


def test_the_judge_gives_all_the_same_hours():
    controls = {"Webster": Control(plan=webster_plan(NETWORK, FLOW))} | standard_rules()
    books = judge(HALF, Hours((0, 1, 2)), policies(controls))
    assert len({tuple(book.entries["vehicles"]) for book in books.values()}) == 1
    again = judge(HALF, Hours((0, 1, 2)), policies({"look-ahead": controls["look-ahead"]}))
    assert (gain_by_period(again["look-ahead"], books["look-ahead"]).each == 0).all()
    best = max(books, key=lambda name: books[name].summary()["profit"])
    assert best != "Webster"  # there is room on this grid


def test_a_rule_learns():
    middle, told = learn_rule([HALF], seed=1, rounds=3, draws=8)
    assert middle.shape == (7,) and told["median"].iat[-1] < told["median"].iat[0]


def test_settings_are_refused_in_words():
    with pytest.raises(SignalError, match="must be one of"):
        Control("max wave")
    with pytest.raises(SignalError, match="needs a plan"):
        Control(RULES[0])
    with pytest.raises(SignalError, match="guard is 0"):
        Control("look-ahead", guard=0)
