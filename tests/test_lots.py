"""Lots against the simulator, paths beyond their end, and a plan used twice."""

import numpy as np
import pytest

from lepton_nb.cases.retail.chain.lots import LotPlan, cumulate, lot_outcomes, outlook, stochastic
from lepton_nb.cases.retail.chain.replenishment import Chain, State, nights_to_next_order, opening, run_down, simulate
from lepton_nb.demand.scenarios import Paths


def corner_shop(seed: int, n: int = 6) -> Chain:
    rng = np.random.default_rng(seed)
    cost = rng.uniform(1, 3, n)
    return Chain(
        ids=[f"s/{i}" for i in range(n)],
        price=1.5 * cost,
        cost=cost,
        shelf_life=rng.choice([2, 4, 9, np.inf], n),
        pack=rng.integers(1, 4, n),
        lead_time=rng.integers(1, 4, n),
        may_order=np.arange(7) % 2 == 0,
        holding=0.01,
    )


@pytest.mark.parametrize("seed", range(4))
def test_outcomes_of_a_lot_are_what_the_simulator_does_with_it(seed):
    rng, chain, days = np.random.default_rng(seed), corner_shop(seed), 12
    ages = rng.integers(0, 3, (len(chain), 9)) * (np.arange(9) < chain.shelf_life[:, None])
    coming = rng.integers(0, 4, (len(chain), int(chain.lead_time.max()))) * (
        np.arange(chain.lead_time.max()) < chain.lead_time[:, None] - 1
    )
    asked = rng.poisson(1.5, (days, 3, len(chain))).astype(float)
    by_age, on_order = opening(chain, days + 1, ages, coming)
    evening = State(0, 0, by_age, on_order, np.ones(len(chain), bool), np.inf, chain)
    lots, cover, arrive = (
        np.tile([0.0, 6.0, 12.0], (len(chain), 1)) * chain.pack[:, None],
        nights_to_next_order(chain)[:, 0],
        chain.lead_time - 1,
    )
    ours = lot_outcomes(cumulate(asked - run_down(evening, asked)[0]), lots, arrive, cover, chain.shelf_life, block=2)
    for j in range(3):
        books = []
        for q in (np.zeros(len(chain)), lots[:, j]):  # the evening before the first day, on which nobody buys, is day 0

            def order(state, q=q):
                return q if state.t == 0 else np.zeros(len(chain))

            quiet = [np.concatenate([np.zeros((len(chain), 1)), asked[:, s].T], 1) for s in range(3)]
            later = np.concatenate([np.zeros((len(chain), 1)), coming], 1)
            older = np.concatenate([np.zeros((len(chain), 1)), ages], 1)
            books.append([simulate(chain, demand, order, older, later) for demand in quiet])
        gain = np.mean([two.sales - one.sales for one, two in zip(*books)], 0)[:, 1:]
        held = np.mean([two.stock - one.stock for one, two in zip(*books)], 0)[:, 1:]
        soon = np.arange(days) < (arrive + cover)[:, None]
        assert np.allclose(ours.first[:, j], (gain * soon).sum(1)) and np.allclose(
            ours.later[:, j], (gain * ~soon).sum(1)
        )
        after = np.arange(days) >= arrive[:, None]
        assert np.allclose(ours.nights[:, j], (held * after).sum(1))


def test_nights_on_a_part_of_equal_paths_are_the_same():
    chain, rng = corner_shop(9), np.random.default_rng(9)
    total = cumulate(np.repeat(rng.poisson(2.0, (10, 1, len(chain))), 8, 1).astype(float))
    lots, when = np.tile(np.arange(8.0), (len(chain), 1)), np.zeros(len(chain), int)
    all_paths, few = (lot_outcomes(total, lots, when, when + 2, chain.shelf_life, every) for every in (1, 4))
    assert np.allclose(all_paths.nights, few.nights) and all_paths.nights.max() > 0


@pytest.mark.parametrize("t", [-1, 3, 13, 30])
def test_outlook_keeps_what_is_known_and_borrows_whole_weeks(t):
    paths = Paths({0: np.random.default_rng(1).poisson(3.0, (12, 4, 14)).astype(float)})
    ours, plain = outlook(paths, t, 28), paths.at(t, 28)
    known = max(14 - (t + 1), 0)
    assert np.array_equal(ours[:known], plain[:known]) and np.array_equal(np.sort(ours, 1), np.sort(plain, 1))
    week = ours[known : known + 7]
    lenders = [s for s in range(12) if np.array_equal(plain[known : known + 7][:, s], week[:, 0])]
    assert len(lenders) == 1 and lenders[0] != 0  # every series and day of the week from one other path


def test_one_path_is_continued_by_its_own_week():
    paths = Paths({0: np.arange(14.0)[None, None]})
    assert np.array_equal(outlook(paths, -1, 28), paths.at(-1, 28))


def test_a_plan_used_again_starts_afresh():
    chain, rng = corner_shop(5, n=20), np.random.default_rng(5)
    run, paths = rng.poisson(2.0, (20, 28)), Paths({0: rng.poisson(2.0, (16, 20, 28)).astype(np.float32)})
    plan, dear = stochastic(paths), Chain(**{**vars(chain), "order_line_cost": 3.0})
    simulate(chain, run, plan)
    again, fresh = simulate(dear, run, plan).orders, simulate(dear, run, LotPlan(paths)).orders
    assert np.array_equal(again, fresh) and not np.array_equal(again, simulate(chain, run, LotPlan(paths)).orders)
