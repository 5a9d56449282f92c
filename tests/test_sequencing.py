"""Orders of lots against every order tried one by one, bounds against exact answers, and what is refused in words."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from lepton_nb.allocation.sequencing import (
    Lots,
    SequenceError,
    batch_by_class,
    exact_order,
    improve_order,
    kicked_order,
    lot_times,
    order_cost,
    sequence_bound,
    sequence_lots,
    sequence_program,
    sequence_table,
)
from lepton_nb.solve.door import solve


def made(seed: int, n: int, classes: int = 3, whole: bool = True) -> Lots:
    """Return lots whose change-overs need not keep the triangle inequality; some cost nothing when late."""
    rng = np.random.default_rng([seed, n, classes])
    hours = rng.integers(1, 9, n) if whole else rng.uniform(0.3, 8, n)
    setup = rng.integers(0, 6, (classes, classes)) if whole else rng.uniform(0, 5, (classes, classes))
    due = rng.uniform(-2, 1.2, n) * hours.sum() if not whole else rng.integers(0, int(hours.sum()) + 1, n)
    late = rng.integers(0, 6, n)
    return Lots(hours, rng.integers(0, classes, n), due, late, setup, rng.integers(0, 20, (classes, classes)), 1)


def by_hand(lots: Lots, order) -> float:
    """Add up what an order costs, lot after lot."""
    hour, family, money = 0.0, lots.begins, 0.0
    for j in order:
        to = lots.family[j]
        hour += lots.setup[family, to] + lots.hours[j]
        money += lots.setup_cost[family, to] + lots.late_cost[j] * max(hour - lots.due[j], 0.0)
        family = to
    return money


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_no_order_is_cheaper_than_the_exact_one(n, whole):
    every = list(permutations(range(n)))
    for seed in range(15):
        lots = made(seed, n, 1 + seed % 4 if seed % 4 else 2, whole)
        costs = [by_hand(lots, order) for order in every]
        assert np.allclose(order_cost(lots, every), costs)
        found = exact_order(lots)
        assert np.isclose(found.cost, min(costs)) and np.isclose(by_hand(lots, found.order), found.cost)
        assert found.gap == 0


def test_the_start_of_the_search_does_not_matter():
    for seed in range(10):
        lots = made(seed, 7)
        worst = max(permutations(range(7)), key=lambda order: by_hand(lots, order))
        assert np.isclose(exact_order(lots, np.array(worst)).cost, exact_order(lots).cost)


def test_the_program_says_the_same():
    for seed in range(6):
        lots = made(seed, 4, whole=seed % 2 == 0)
        assert np.isclose(solve(sequence_program(lots)).require().objective, exact_order(lots).cost, atol=1e-5)


def test_no_bound_exceeds_the_best_order():
    for seed in range(6):
        lots = made(seed, 7, whole=seed % 2 == 0)
        best = exact_order(lots).cost
        for known, step in ((best, None), (1.3 * best + 5, None), (best, 0.29), (best + 1, lots.hours.min())):
            assert sequence_bound(lots, known, 40, step) <= best + 1e-6


def test_the_bound_is_most_of_the_cost_where_set_ups_matter():
    shares = []
    for seed in range(8):
        lots = made(seed, 9)
        best = exact_order(lots).cost
        shares.append(sequence_bound(lots, best, 100, 1.0) / max(best, 1e-9))
    assert np.mean(shares) > 0.85


def test_moves_and_kicks_never_cost_more():
    for seed in range(8):
        lots = made(seed, 12, 4)
        start = batch_by_class(lots)
        moved = improve_order(lots, start)
        kicked = kicked_order(lots, moved, 10, seed)
        costs = order_cost(lots, [start, moved, kicked])
        assert costs[0] >= costs[1] >= costs[2] and sorted(kicked) == list(range(12))
        assert (kicked == kicked_order(lots, moved, 10, seed)).all(), "a seed repeats"


def test_batches_start_from_the_better_of_two():
    lots = made(3, 8, 3)
    due = np.lexsort((-lots.late_cost, lots.due))
    assert order_cost(lots, batch_by_class(lots)) <= order_cost(lots, due)


def test_many_lots_come_with_a_bound_and_few_are_proven():
    many = made(1, 16, 4)
    found = sequence_lots(many, kicks=5, rounds=30, step=1.0)
    assert 0 <= found.bound <= found.cost and np.isclose(found.cost, by_hand(many, found.order))
    assert sequence_lots(made(1, 6)).gap == 0


def test_without_set_ups_and_with_equal_costs_due_dates_are_best_for_lots_of_equal_hours():
    lots = Lots([2] * 6, [0] * 6, [9, 1, 7, 3, 5, 11], [1] * 6, [[0]])
    assert exact_order(lots).cost == order_cost(lots, np.argsort(lots.due))


def test_times_leave_no_hour_out():
    lots = made(2, 9)
    order = np.arange(9)[::-1]
    starts, ends = lot_times(lots, order)
    table = sequence_table(lots, order, [f"lot {j}" for j in range(9)])
    assert np.allclose(ends - starts, lots.hours[order]) and table["lot"][0] == "lot 8"
    assert np.allclose(starts[1:] - ends[:-1], table["change-over"][1:]) and starts[0] == table["change-over"][0]


RIGHT = dict(hours=[1, 2], family=[0, 1], due=[3, 3], late_cost=[1, 1], setup=[[0, 1], [1, 0]])
WRONG = {
    "hours is nan": {"hours": [1, np.nan]},
    "due is inf": {"due": [3, np.inf]},
    "late_cost is nan": {"late_cost": [np.nan, 1]},
    "setup is inf": {"setup": [[0, np.inf], [1, 0]]},
    "setup_cost is nan": {"setup_cost": np.nan},
    "more than 0 hours": {"hours": [1, -1]},
    "no number": {"hours": ["a", 1]},
    "below 0": {"late_cost": [1, -2]},
    "a row and a column": {"setup": [0, 1]},
    "one entry for each": {"due": [1]},
    "is none": {"family": [0, 5]},
    "'x'": {"family": ["x", "y"]},
    "'nan'": {"family": [0, np.nan]},
    "'-1'": {"begins": -1},
    "no lot": {"hours": [], "family": [], "due": [], "late_cost": []},
}


@pytest.mark.parametrize("words", WRONG)
def test_what_makes_no_sense_is_refused_in_words(words):
    with pytest.raises(SequenceError, match=words):
        Lots(**RIGHT | WRONG[words])


def test_orders_and_settings_are_refused_in_words():
    lots = Lots(**RIGHT)
    for order in ([0], [0, 0], [0, 2], [[0, 1], [1, 1]]):
        with pytest.raises(SequenceError, match="once"):
            order_cost(lots, order)
    with pytest.raises(SequenceError, match="too many"):
        exact_order(made(0, 15))
    for step in (0, -1, 5):
        with pytest.raises(SequenceError, match="step is"):
            sequence_bound(lots, 10, step=step)
    with pytest.raises(SequenceError, match="known is nan"):
        sequence_bound(lots, np.nan)
    assert len(replace(lots, begins=1)) == 2
