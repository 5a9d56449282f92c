"""Perishables: the lean loop against the simulator, shifts within the supplier's terms, learning that repeats and leaves everything else alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lepton_nb.demand.scenarios import Paths

from lepton_nb.cases.retail.chain.futures import (
    Search,
    Visited,
    ageing,
    best_shifts,
    follow,
    levels,
    pick,
    promised,
    rollouts,
    rows_of,
    shifted,
)
from lepton_nb.cases.retail.chain.judging import Weeks, judge
from lepton_nb.cases.retail.chain.lots import stochastic
from lepton_nb.cases.retail.chain.perishables import (
    ShiftedPolicy,
    Shifter,
    features,
    learn_shifts,
    perishable_books,
    perishables,
    train,
    weekly_gain,
)
from lepton_nb.cases.retail.chain.replenishment import Chain, ChainError, State, run_down, simulate, smallest_order
from lepton_nb.cases.retail.chain.rules import newsvendor_policy


def states(seed=0, count=30, life=3, lead=1, paths=1, days=9, **terms):
    rng = np.random.default_rng(seed)
    cost = rng.uniform(1, 2, count)
    chain = Chain(
        **(
            {
                "ids": [f"s/{k}" for k in range(count)],
                "price": cost * rng.uniform(1.2, 2, count),
                "cost": cost,
                "shelf_life": life,
                "lead_time": lead,
                "pack": 2,
                "holding": 0.01,
                "may_order": rng.random((count, 7)) < 0.6,
            }
            | terms
        )
    )
    chain.may_order[:, 2] = True
    stock = np.zeros((count, life), np.float32)
    stock[:, : life - 1] = rng.integers(0, 5, (count, life - 1))
    due = np.zeros((count, lead), np.float32)
    due[:, : lead - 1] = 2 * rng.integers(0, 4, (count, lead - 1))
    demand = rng.poisson(5, (days + lead + 14, paths, count)).astype(np.float32)
    return Visited(chain, np.full(count, 2), np.zeros(count, int), stock, due, 2.0 * rng.integers(0, 5, count), demand)


@pytest.mark.parametrize(
    "life,lead,terms",
    [
        (1, 1, {}),
        (2, 1, {"goodwill": 0.5}),
        (2, 2, {"minimum": 7}),
        (4, 3, {}),
        (5, 1, {"minimum": 5, "order_line_cost": 1.0}),
        (9, 2, {"pack": 6}),
    ],
)
def test_the_lean_loop_is_the_simulator(life, lead, terms):
    days, seen = 9, states(life + lead, life=life, lead=lead, **terms)
    to, orders = levels(seen, days), 2.0 * np.random.default_rng(1).integers(0, 7, (len(seen), 1))
    if "pack" in terms:
        orders = 3 * orders

    def policy(state):
        layers = list(state.by_age[:, : life - 1].T)
        gone = ageing(layers, list(state.on_order.T), to.mean, to.cover[state.t], life)
        return follow(
            state.position - gone,
            to.reorder[state.t],
            to.target[state.t],
            seen.chain.pack,
            smallest_order(seen.chain),
            0.5,
        )

    due = seen.due.copy()
    due[:, -1] += orders[:, 0]
    ledger = simulate(
        seen.chain, seen.demand[:days, 0].T, policy, seen.stock, due, pd.date_range("2024-01-04", periods=days)
    )  # a Thursday
    assert np.allclose(
        rollouts(seen, orders, np.arange(1), to, days)[:, 0, 0], ledger.money()["profit"].sum(1), atol=2e-3
    )
    assert ledger.orders.sum() > 0


@pytest.mark.parametrize("life,lead", [(1, 1), (2, 2), (3, 1), (4, 3), (7, 2)])
def test_ageing_is_the_run_down_of_the_mean(life, lead):
    seen, mean, cover = (
        states(life, life=life, lead=lead),
        np.full(30, 2.5),
        np.random.default_rng(0).integers(1, 8, 30),
    )
    state = State(0, 2, seen.stock.astype(float), seen.due.astype(float), np.ones(30, bool), np.inf, seen.chain)
    expected = (run_down(state, np.tile(mean, (8, 1)))[1] * (np.arange(8)[:, None] < cover)).sum(0)
    assert np.allclose(ageing(list(seen.stock.T), list(seen.due.T), mean, cover, life), expected, atol=1e-5)


def test_the_best_of_a_clear_choice_is_found_in_any_portions():
    seen = states(3, life=1, paths=40, price=3.0, cost=1.0, order_line_cost=0.0, pack=1, may_order=True)
    best = np.sort(seen.demand[0], 0)[26]  # the 27th of 40 covers (3 - 1) / 3
    seen = replace(seen, base=best.astype(float) - np.random.default_rng(0).integers(-2, 4, 30))
    found = best_shifts(seen, Search(days=1))
    money = lambda q: (3 * np.minimum(seen.demand[0], q) - q).mean(0)
    assert (money(seen.base + found) > money(seen.base) - 1e-6).all() and np.abs(
        money(seen.base + found) - money(best)
    ).mean() < 0.05
    assert np.array_equal(found, best_shifts(seen, Search(days=1), most=10))


def test_what_shifts_promise_is_the_money_of_their_futures():
    seen = states(8, life=3, lead=2, paths=12)
    shift = np.random.default_rng(2).integers(-1, 3, len(seen))
    told, to = promised(seen, shift), levels(seen, 10, 0.98)
    orders = np.stack([seen.base, np.maximum(seen.base + 2 * shift, 0)], 1)
    money = rollouts(seen, orders, np.arange(12), to, 10).mean(2)
    assert (
        np.allclose(told, money[:, 1] - money[:, 0], atol=1e-4) and (told[shift == 0] == 0).all() and (told != 0).any()
    )


def test_orders_below_the_smallest_are_no_candidates():
    seen = states(4, minimum=6)
    orders, allowed = shifted(seen, np.array([-2, -1, 0, 1, 2, 3]))
    assert (orders >= 0).all() and allowed[:, 2].all()
    assert (((orders == 0) | (orders >= 6)) | ~allowed | (np.arange(6) == 2)).all()
    chosen = np.asarray(Search().shifts)[:, None] == best_shifts(seen, Search())
    assert (chosen.T & allowed).any(1).all()


def test_features_have_no_unit():
    small = states(5, life=4, lead=2, paths=20)
    chain = replace(small.chain, pack=small.chain.pack * 10, order_line_cost=small.chain.order_line_cost * 10)
    large = replace(
        small, chain=chain, stock=small.stock * 10, due=small.due * 10, base=small.base * 10, demand=small.demand * 10
    )
    one, other = features(small), features(large)
    differing = np.flatnonzero(~np.isclose(one, other, atol=1e-4).all(0))
    assert len(differing) == 1 and np.allclose(
        (other - one)[:, differing], np.log(10), atol=1e-4
    )  # only the logarithm of the level tells them apart
    assert np.isfinite(features(replace(small, demand=small.demand * 0))).all()


def world(seed=0, n=14, days=28, life=(2, 3, 4, np.inf), lead=(1, 2)):
    rng = np.random.default_rng(seed)
    cost = rng.uniform(1, 3, n)
    chain = Chain(
        ids=[f"s/{k}" for k in range(n)],
        price=cost * rng.uniform(1.3, 2.0, n),
        cost=cost,
        shelf_life=np.resize(life, n),
        lead_time=np.resize(lead, n),
        pack=3,
        holding=0.002,
        may_order=[1, 0, 1, 0, 1, 1, 0],
    )
    demand = rng.poisson(5, (n, days)).astype(float)
    paths = Paths({t: rng.poisson(5, (20, n, 14)).astype(np.float32) for t in range(days + 1)})
    stock = np.zeros((n, 4))
    stock[:, 0] = 4
    return (
        chain,
        Weeks(
            0,
            demand,
            np.tile(chain.price[:, None], days),
            stock,
            np.zeros((n, 2)),
            demand,
            pd.date_range("2024-01-01", periods=days),
        ),
        paths,
    )


def test_learning_repeats_and_touches_perishables_only():
    chain, weeks, paths = world()
    first, again = (
        learn_shifts(chain, weeks, paths, newsvendor_policy, Search(epochs=15, confidence=(0.0,)), seed=3)
        for _ in range(2)
    )
    assert np.array_equal(first.series, np.flatnonzero(np.isfinite(chain.shelf_life)))
    pd.testing.assert_frame_equal(first.trials, again.trials)
    sure = replace(first, shifter=replace(first.shifter, confidence=0.0))
    state = State(
        3, 4, np.pad(weeks.stock, ((0, 0), (0, 25))), np.zeros((len(chain), 2)), chain.may_order[:, 4], np.inf, chain
    )
    plain, moved = newsvendor_policy(paths)(state), sure.policy(paths)(state)
    assert np.array_equal(moved, replace(again, shifter=sure.shifter).policy(paths)(state))
    keeps = ~np.isfinite(chain.shelf_life)
    assert np.array_equal(plain[keeps], moved[keeps]) and set((moved - plain) / 3) <= set(Search().shifts)
    assert first.labels.sum() == weeks.days // 7 * 4 * len(first.series)


def test_of_very_many_series_a_part_is_learned_from_and_all_are_shifted():
    chain, weeks, paths = world(5)
    learned = learn_shifts(chain, weeks, paths, newsvendor_policy, Search(epochs=5, states=4 * weeks.days))
    assert learned.labels.sum() == weeks.days // 7 * 4 * 4 and len(learned.series) > 4
    always = replace(learned, shifter=Shifter((), np.array([1]), 0.0, 1.0, Search())).policy(paths)
    judge(chain, weeks, {"shifted": always})
    assert always.made == {1: weeks.days // 7 * 4 * len(learned.series)}


def test_full_confidence_is_the_base_rule():
    chain, weeks, paths = world(1)
    learned = learn_shifts(chain, weeks, paths, stochastic, Search(epochs=5, confidence=(1.0,)))
    assert learned.shifter.confidence == 1
    books = judge(chain, weeks, {"plan": stochastic(paths), "shifted": learned.policy(paths)})
    assert np.array_equal(books["plan"].orders, books["shifted"].orders)
    assert (weekly_gain(books["shifted"], books["plan"], learned.series) == 0).all()
    table = perishable_books(books, learned.series)
    assert np.isclose(table.loc["plan", "chain"], books["plan"].summary()["profit"])
    assert table.loc["plan", "perishables"] <= books["plan"].money()["margin"][learned.series].sum()


def test_shared_limits_hold_for_shifted_orders():
    chain, weeks, paths = world(2)
    tight = replace(chain, weekly_budget=400.0, dock_capacity=60.0, store_capacity=[120.0])
    moved = ShiftedPolicy(
        newsvendor_policy(paths), paths, Shifter((), np.array([3]), 0.0, 1.0, Search()), perishables(chain)
    )
    ledger = judge(tight, weeks, {"moved": moved})["moved"]
    spend = pd.Series(tight.cost @ ledger.orders).groupby(weeks.dates.to_period("W-SUN")).sum()
    assert (spend <= 400 + 1e-6).all() and ledger.changed["budget"].sum() > 0 and moved.made[3] > 0


def test_nothing_perishable_is_one_empty_answer():
    chain, weeks, paths = world(life=(np.inf,))
    learned = learn_shifts(chain, weeks, paths)
    assert len(learned.series) == 0 and learned.shifter is None and len(learned.trials) == 0
    books = judge(chain, weeks, {"plan": stochastic(paths), "same": learned.policy(paths)})
    assert np.array_equal(books["plan"].orders, books["same"].orders)


def test_goods_sold_at_a_loss_are_left_alone():
    chain, _, _ = world(life=(2,))
    assert len(perishables(replace(chain, price=chain.cost))) == 0
    assert len(perishables(chain, most_days=1)) == 0


def test_too_little_practice():
    chain, weeks, paths = world(life=(2,))
    day = replace(
        weeks, demand=weeks.demand[:, :1], price=weeks.price[:, :1], history=weeks.history[:, :1], dates=weeks.dates[:1]
    )
    assert (
        learn_shifts(chain, day, paths, search=Search(epochs=5)).shifter.confidence == 1
    )  # no earlier half: the base rule stays
    never = replace(day, dates=day.dates + pd.Timedelta(days=1))  # a Tuesday, no order day
    with pytest.raises(ChainError, match="could be ordered in the 1 practice days"):
        learn_shifts(chain, never, paths)


@pytest.mark.parametrize(
    "wrong,words",
    [
        ({"shifts": (-1, 1)}, "must include 0"),
        ({"days": 0, "networks": 0}, "days, networks of a search must be 1 or more"),
        ({"epochs": 0}, "1 or more"),
        ({"confidence": (1.2,)}, "between 0 and 1"),
    ],
)
def test_a_search_that_cannot_be_is_refused(wrong, words):
    with pytest.raises(ChainError, match=words):
        Search(**wrong)


def test_one_label_needs_no_network():
    seen = states(6, paths=10)
    always = train(seen, np.full(len(seen), 1))
    assert always.networks == () and (always(seen) == np.where(shifted(seen, np.array([1]))[1][:, 0], 1, 0)).all()


def test_rows_share_no_limit_and_states_can_be_picked():
    chain, _, _ = world()
    part = rows_of(replace(chain, weekly_budget=1.0, dock_capacity=1.0, store_capacity=[1.0]), np.array([0, 0, 3]))
    assert (
        len(part) == 3
        and np.isinf(part.weekly_budget)
        and np.isinf(part.store_capacity).all()
        and part.ids[0] == part.ids[1]
    )
    seen = states(7, paths=4)
    assert len(pick(seen, np.array([4, 4, 2]))) == 3 and np.array_equal(
        pick(seen, np.array([4])).demand[:, :, 0], seen.demand[:, :, 4]
    )
