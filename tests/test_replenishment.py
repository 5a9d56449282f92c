"""Corner cases of the simulator, the plans and the lots: odd chains, limits, bad input, random chains."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.chain.lots import (
    LotPlan,
    choose_lots,
    envelope,
    foresight_bound,
    leftover_worth,
    lot_grid,
    perfect_foresight,
    point_lp,
    stochastic,
)
from lepton_nb.cases.retail.chain.plans import limit_prices, replenishment_program, scan_limit
from lepton_nb.cases.retail.chain.replenishment import (
    Chain,
    ChainError,
    State,
    audit,
    balance,
    chain_from_tables,
    check_chain,
    commit,
    nights_to_next_order,
    opening,
    ration,
    run_down,
    simulate,
    smallest_order,
)
from lepton_nb.cases.retail.chain.rules import base_stock, newsvendor_policy, order_up_to_average
from lepton_nb.demand.scenarios import Paths, ScenarioError
from lepton_nb.solve.door import solve


def wild_chain(seed, n=40, **limits):
    rng = np.random.default_rng(seed)
    days = rng.random((n, 7)) < 0.4
    days[np.arange(n), rng.integers(0, 7, n)] = True
    limits = dict(store_capacity=rng.uniform(60, 200, 3), dock_capacity=150.0, weekly_budget=800.0) | limits
    return Chain(
        ids=[f"s{i % 3}/i{i // 3}" for i in range(n)],
        price=rng.uniform(4, 9, n),
        cost=rng.uniform(1, 4, n),
        store=np.arange(n) % 3,
        volume=rng.uniform(0.2, 2, n),
        shelf_life=rng.choice([1, 2, 3, 9, 40, np.inf], n),
        pack=rng.integers(1, 7, n),
        minimum=rng.choice([0, 5], n),
        lead_time=rng.integers(1, 6, n),
        may_order=days,
        holding=rng.uniform(0, 0.05, n),
        goodwill=0.1,
        **limits,
    )


def sample_paths(seed, n, days, count=20):
    return Paths(
        {
            day: np.random.default_rng(seed + day).poisson(2.5, (count, n, 28)).astype(np.float32)
            for day in range(0, days, 7)
        }
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("policy", ["random", "average", "base", "newsvendor", "stochastic", "point", "foresight"])
def test_every_policy_keeps_every_limit_and_loses_no_unit(seed, policy):
    chain, rng = wild_chain(seed), np.random.default_rng(seed)
    demand = rng.poisson(2.5, (len(chain), 56))
    paths = sample_paths(seed, len(chain), 28)
    made = {
        "random": lambda state: rng.uniform(-2, 15, len(chain)),
        "average": order_up_to_average(demand, 28),
        "base": base_stock(demand, 28),
        "newsvendor": newsvendor_policy(paths),
        "stochastic": stochastic(paths),
        "point": point_lp(paths),
        "foresight": perfect_foresight(demand[:, 28:]),
    }[policy]
    start, due = rng.integers(0, 3, len(chain)), rng.integers(0, 2, (len(chain), 5))
    book = simulate(
        chain,
        demand[:, 28:],
        made,
        start,
        dates=pd.date_range("2024-05-02", periods=28),
        start_on_order=np.zeros((len(chain), 5)),
    )
    report = audit(book)
    assert report["ok"].all(), report[~report["ok"]]
    assert np.abs(balance(book)).max() < 1e-9
    bound = foresight_bound(chain, demand[:, 28:], start, dates=book.dates)
    assert (book.money()["profit"].sum(1) <= bound + 1e-6).all()
    free = simulate(chain, demand[:, 28:], lambda state: np.zeros(len(chain)), start, due)
    assert np.abs(balance(free)).max() < 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_run_down_is_the_simulator_without_orders(seed):
    chain = wild_chain(seed, store_capacity=np.inf)
    rng = np.random.default_rng(seed)
    n, demand = len(chain), rng.poisson(1.5, (len(chain), 30)).astype(float)
    ages, due = rng.integers(0, 4, (n, 8)) * (np.arange(8) < chain.shelf_life[:, None]), rng.integers(0, 5, (n, 5))
    book = simulate(chain, demand, lambda state: np.zeros(n), ages, due)
    sold, waste = run_down(State(-1, 6, *opening(chain, 30, ages, due), None, np.inf, chain), demand.T)
    assert np.array_equal(sold.T, book.sales) and np.array_equal(waste.T, book.waste)


def test_one_series_one_day_and_no_demand():
    chain = Chain(ids=["a/b"], price=2.0, cost=1.0)
    book = simulate(chain, np.zeros((1, 1)), lambda state: np.ones(1))
    assert book.orders.sum() == 1 and book.summary()["profit"] == 0
    assert simulate(chain, np.zeros((1, 10)), stochastic(Paths({0: np.zeros((5, 1, 7), np.float32)}))).orders.sum() == 0


def test_unit_shelf_life_sells_on_the_day_of_arrival_only():
    chain = Chain(ids=["a/rolls"], price=2.0, cost=1.0, shelf_life=1)
    book = simulate(chain, [[0, 2, 2, 2]], lambda state: np.array([3.0]))
    assert book.sales.tolist() == [[0, 2, 2, 2]] and book.waste.tolist() == [[0, 1, 1, 1]] and (book.stock == 0).all()


def test_contradictions_name_store_and_item():
    chain = Chain(
        ids=["north/milk", "north/rice"],
        price=2.0,
        cost=1.0,
        volume=[1, 3],
        minimum=[0, 40],
        store_capacity=[100.0],
        store_names=("north",),
    )
    with pytest.raises(
        ChainError,
        match=r"north/rice: the smallest order \(40 units, 120 litres\) exceeds the capacity of north \(100 litres\)",
    ):
        check_chain(chain)
    for change, words in (
        (dict(lead_time=0), "lead_time is 0"),
        (dict(may_order=False), "no weekday"),
        (dict(price=0.0), "price is 0"),
        (dict(cost=np.nan), "cost is nan"),
        (dict(pack=0), "pack_size is 0"),
        (dict(shelf_life=0), "shelf_life is 0"),
        (dict(weekly_budget=-1.0), "weekly_budget is -1"),
        (dict(weekly_budget=30.0), "weekly budget of 30"),
        (dict(dock_capacity=50.0), "dock's 50 a day"),
    ):
        with pytest.raises(ChainError, match=words):
            check_chain(replace(chain, store_capacity=np.array([1e9]), **change))


def test_a_budget_of_zero_plans_nothing_and_warns():
    chain = Chain(ids=["a/b"], price=2.0, cost=1.0, weekly_budget=0.0)
    with pytest.warns(UserWarning, match="weekly budget is 0"):
        book = simulate(chain, np.ones((1, 14)), stochastic(sample_paths(0, 1, 14)))
    assert book.orders.sum() == 0 and audit(book)["ok"].all()


def test_wishes_that_are_no_numbers_are_named():
    chain = Chain(ids=["a/b", "a/c"], price=2.0, cost=1.0)
    for wish, words in ((np.array([1.0, np.nan]), "a/c"), (np.ones(3), "shape"), (1.0, "shape")):
        with pytest.raises(ChainError, match=words):
            commit(chain, wish, np.ones(2, bool), np.zeros((2, 1)))


def test_ration_is_fair_and_uses_the_room():
    chain = Chain(ids=list("abcd"), price=2.0, cost=1.0, pack=[1, 1, 2, 5])
    cut = ration(chain, np.array([10.0, 10, 10, 10]), np.ones(4), 20.0)
    assert cut.sum() <= 20 and cut.sum() >= 19 and (np.abs(cut - 5) <= 1).all()
    assert ration(chain, np.array([10.0, 0, 0, 0]), np.ones(4), -3.0).sum() == 0


def test_old_stock_expires_inside_the_run_even_when_life_is_longer_than_it():
    chain = Chain(ids=["a/jam"], price=2.0, cost=1.0, shelf_life=30)
    ages = np.zeros((1, 30))
    ages[0, 2] = 5
    book = simulate(chain, np.zeros((1, 6)), lambda state: np.zeros(1), ages)
    assert book.waste.tolist() == [[0, 0, 5, 0, 0, 0]]


def test_paths_use_the_latest_forecast_and_never_a_later_one():
    paths = Paths({0: np.full((1, 1, 7), 1.0), 7: np.full((1, 1, 7), 2.0)})
    assert paths.at(-1, 7).max() == 1 and paths.at(5, 7).max() == 1 and paths.at(6, 7).min() == 2
    with pytest.raises(ScenarioError, match="earliest starts in period 3"):
        Paths({3: np.ones((1, 1, 7))}).at(0, 5)


def test_rules_do_not_look_ahead():
    chain, rng = wild_chain(1), np.random.default_rng(3)
    demand = rng.poisson(2.5, (len(chain), 60))
    changed = demand.copy()
    changed[:, 45:] = rng.poisson(50, changed[:, 45:].shape)
    for rule in (order_up_to_average, base_stock):
        one, two = (simulate(chain, known[:, 30:45], rule(known, 30)) for known in (demand, changed))
        assert np.array_equal(one.orders, two.orders)


def test_gaps_between_orders_wrap_round_the_week():
    chain = Chain(ids=["a/b"], price=2.0, cost=1.0, may_order=np.arange(7) == 3)
    assert nights_to_next_order(chain).tolist() == [[3, 2, 1, 7, 6, 5, 4]]


def test_grid_of_lots_rises_and_respects_pack_and_minimum():
    chain = wild_chain(2)
    lots = lot_grid(chain, np.full(len(chain), 10.0), np.linspace(0, 5000, len(chain)))
    assert (np.diff(lots, axis=1) >= 0).all() and (lots[:, 0] == 0).all()
    assert np.allclose(lots / chain.pack[:, None], np.round(lots / chain.pack[:, None]))
    assert (lots[:, 1] >= smallest_order(chain) - 1e-9).all()


def test_leftovers_are_worth_between_cost_and_price():
    chain = wild_chain(3)
    worth = leftover_worth(chain, np.moveaxis(sample_paths(1, len(chain), 7).made[0], 2, 0))
    assert (worth >= chain.cost - 1e-9).all() and (worth <= chain.price + 1e-9).all()


def test_envelope_keeps_what_a_line_through_its_neighbours_does_not_beat():
    lots, profit = np.array([[0.0, 1, 2, 3, 4]]), np.array([[0.0, 1, 4, 5, 3]])
    assert envelope(lots, profit).tolist() == [[True, False, True, True, False]]


def test_no_room_at_all_chooses_nothing():
    choice = choose_lots(np.array([[0.0, 2], [0.0, 3]]), np.array([[0.0, 5], [0.0, 6]]), {"dock": (np.ones(2), -4.0)})
    assert choice.lots.tolist() == [0, 0] and choice.profit == 0


def test_program_says_what_limit_it_does_not_have():
    chain = Chain(ids=["a/b"], price=2.0, cost=1.0, dock_capacity=4.0)
    by_age, on_order = opening(chain, 3)
    plan = replenishment_program(
        State(0, 0, by_age, on_order, np.array([True]), np.inf, chain), np.full((3, 1, 1), 9.0), evenings=[0, 1]
    )
    answer = solve(plan.problem)
    assert answer.objective == pytest.approx(2 * 4 * (2 - 1))
    assert limit_prices(plan, answer)["shadow_price"].tolist() == pytest.approx([1, 1])
    with pytest.raises(ChainError, match="budget"):
        scan_limit(plan, "budget", [1.0])
    with pytest.raises(ChainError, match="series"):
        replenishment_program(State(0, 0, by_age, on_order, np.array([True]), np.inf, chain), np.ones((3, 1, 2)))
    with pytest.raises(ChainError, match="demand of a/b on day 3 is not a number"):
        hole = np.where(np.arange(3) == 2, np.nan, 1.0)[:, None, None]
        replenishment_program(State(0, 0, by_age, on_order, np.array([True]), np.inf, chain), hole)


def test_more_knowledge_is_worth_more():
    chain = replace(
        wild_chain(5, n=120, store_capacity=np.inf), dock_capacity=np.inf, weekly_budget=np.inf, goodwill=0.0
    )
    rng = np.random.default_rng(0)
    rate = rng.gamma(2, 3, len(chain))[:, None, None]
    run = rng.negative_binomial(2, 2 / (2 + np.broadcast_to(rate[:, :, 0], (len(chain), 42))))
    chance = 2 / (2 + np.broadcast_to(rate, (len(chain), 60, 28)))
    drawn = [np.moveaxis(rng.negative_binomial(2, chance), 0, 1).astype(np.float32) for _ in range(3)]
    paths = Paths(dict(zip(range(0, 42, 14), drawn)))
    profit = [
        simulate(chain, run, policy).summary()["profit"]
        for policy in (point_lp(paths), stochastic(paths), perfect_foresight(run))
    ]
    assert profit == sorted(profit)


def test_same_paths_same_plan():
    chain, paths = wild_chain(7), sample_paths(7, 40, 28)
    demand = np.random.default_rng(7).poisson(2.5, (40, 28))
    one, two = (simulate(chain, demand, LotPlan(paths)) for _ in range(2))
    assert np.array_equal(one.orders, two.orders)


def test_tables_without_the_item_are_refused_by_name():
    tables = {
        "stores": pd.DataFrame({"store": ["n"], "capacity": [9.0]}),
        "suppliers": pd.DataFrame({"supplier": ["x"], "lead_time": [1], "order_days": ["mon"]}),
        "items": pd.DataFrame(
            {
                "item": ["tea"],
                "cost": [1.0],
                "volume": [1.0],
                "shelf_life": [None],
                "supplier": ["x"],
                "pack_size": [1],
                "minimum_order": [0],
            }
        ),
        "sales": pd.DataFrame(
            {"date": pd.date_range("2024-01-01", periods=2), "store": "n", "item": "tea", "price": 2.0}
        ),
    }
    chain = chain_from_tables(tables, ["n/tea"], pd.Timestamp("2024-01-03"), order_line_cost=0.2)
    assert np.isinf(chain.shelf_life[0]) and chain.order_line_cost == 0.2
    with pytest.raises(ChainError, match="no store 'm'"):
        chain_from_tables(tables, ["m/tea"], pd.Timestamp("2024-01-03"))
