"""What the judge of the retail case may say: bounds that hold, limits that were given, records without holes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_replenishment import wild_chain

from lepton_nb.allocation.policy import PolicyError
from lepton_nb.business.returns import Estimate, Stream, gain_bounds
from lepton_nb.cases.retail.chain.lots import (
    foresight_bound,
    information_value,
    perfect_foresight,
    stochastic,
    tonight_budget,
)
from lepton_nb.cases.retail.chain.replenishment import Chain, ChainError, State, simulate
from lepton_nb.cases.retail.parameters import Parameters
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.study.decision import PLAN, RECORD, cheapest_way, standing_of
from lepton_nb.cases.retail.study.known import known_of
from lepton_nb.cases.retail.study.whole import study_of, with_costs
from lepton_nb.demand.scenarios import Paths
from lepton_nb.workbook.parameters import ParameterError, UserError, parse_pairs

QUICK = {"evaluation_weeks": 2, "validation_weeks": 4, "paths": 20, "model": "fast"}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_NB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def shop(folder, days=240, stores=1, **extra):
    """Write what a small shop brings: sales of two items, and other tables as they are given."""
    rng, dates = np.random.default_rng(11), pd.date_range("2024-01-01", periods=days)
    rows = [
        (day, f"S{s + 1}", f"i{i + 1}", rng.poisson((11, 4)[i] * (1.5 if day.weekday() > 4 else 1.0)), (3.0, 4.0)[i])
        for s in range(stores)
        for i in range(2)
        for day in dates
    ]
    sales = pd.DataFrame(rows, columns=["date", "store", "item", "units", "price"])
    sales.to_csv(folder / "sales.csv", index=False)
    for name, table in extra.items():
        (table(sales) if callable(table) else table).to_csv(folder / f"{name}.csv", index=False)
    return Parameters(source=f"own:{folder}", **QUICK)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    params = shop(tmp_path_factory.mktemp("bare"))
    return study_of(params, SOURCES.load(params.source))


@pytest.mark.parametrize("returns", [False, True], ids=["sales alone", "days of returns"])
@pytest.mark.parametrize("room", [np.inf, 90.0, 25.0])
@pytest.mark.parametrize("seed", range(4))
def test_nobody_earns_more_than_the_bound(seed, room, returns):
    """Trucks under way that a full store refuses, and days on which more came back than was sold, once exceeded it."""
    rng, chain = np.random.default_rng(seed), wild_chain(seed, store_capacity=room)
    n, lead = len(chain), int(chain.lead_time.max())
    demand = rng.poisson(0.7, (n, 21)).astype(float)
    demand = np.where(rng.random(demand.shape) < 0.1, -2.0, demand) if returns else demand
    price = rng.uniform(0.5, 9, demand.shape)  # at times below cost
    due = np.where(np.arange(lead) < chain.lead_time[:, None], rng.integers(0, 6, (n, lead)), 0)
    given = (rng.integers(0, 6, n), due, pd.date_range("2024-05-02", periods=21), price)
    bound = foresight_bound(chain, demand, *given)
    for policy in (
        lambda state: np.zeros(n),
        lambda state: rng.uniform(-8, 4, n),
        lambda state: rng.uniform(0, 40, n) * (chain.lead_time == 1),
        perfect_foresight(np.maximum(demand, 0)),
    ):
        earned = simulate(chain, demand, policy, *given).money()["profit"].sum(1)
        assert (earned <= bound + 1e-6).all()


def test_the_bound_stays_tight_where_a_store_refuses_nothing():
    chain = wild_chain(3, store_capacity=np.inf)
    demand = np.random.default_rng(3).poisson(2.0, (len(chain), 21)).astype(float)
    due = np.where(np.arange(5) < chain.lead_time[:, None], 2, 0)
    roomy = replace(chain, store_capacity=np.full(3, 1e9))
    free, loose = (foresight_bound(one, demand, np.full(len(chain), 3), due) for one in (chain, roomy))
    assert (loose >= free - 1e-9).all() and loose.sum() < 1.1 * free.sum()


def test_a_small_shop_is_judged_by_a_bound(bare):
    at, profit = bare.decision.standing, bare.decision.comparison["profit"]
    assert at.most * 2 >= profit.max() and at.to_foresight >= 0 and at.rule_to_foresight >= 0
    assert at.closed is None or 0 <= at.closed <= 1
    told = {result.name: result.value for result in bare.results}
    assert told["profit.bound"] >= max(value for name, value in told.items() if name.startswith("profit."))
    assert "profit.perfect_foresight" not in told, "a plan that looks four weeks ahead is no bound"


def test_a_bound_that_is_none_stops_the_study(bare, monkeypatch):
    from lepton_nb.cases.retail.study import decision

    low = bare.decision.comparison["profit"].max() - 1
    monkeypatch.setattr(decision, "foresight_bound", lambda *_: np.array([low]))
    with pytest.raises(PolicyError, match="is no bound: more is earned by"):
        decision.decision_of(bare.params, bare.known, bare.forecast)


def test_no_share_lies_outside_nothing_and_all():
    profits = {PLAN: 90, "newsvendor": 95, "base stock": 80, "ordering up to average": 70}
    profits |= {"plan on the point forecast": 60}
    at = standing_of(pd.DataFrame({"profit": pd.Series(profits, dtype=float)}), weeks=2, most=100)
    assert at.closed is None, "the plan loses to the rule, so it goes no part of the way"
    assert at.rule_share == 1, "the rule brings more than the plan: all of its gain, and not 150% of it"
    assert "years" not in cheapest_way(Parameters(project_cost=1e3, running_cost=100.0), at), "there is one payback"


def test_what_is_known_is_never_worth_less_than_nothing():
    with pytest.raises(ChainError, match="92.00 was earned without it"):
        information_value(80, 92, 91)
    with pytest.raises(ChainError, match="95.00 was earned without it"):
        information_value(80, 92, 93, rule=95)
    assert information_value(80, 92, 92)["EVPI"] == 0


def test_nobody_who_gave_no_limit_is_cut(bare):
    chain, log = bare.known.chain, bare.decision.log
    assert np.isinf(chain.weekly_budget) and np.isinf(chain.dock_capacity) and np.isinf(chain.store_capacity).all()
    assert not (log["limit_cost"] > 0).any()
    changed = bare.decision.books[PLAN].changed
    assert changed["budget"].sum() == changed["dock"].sum() == 0


def test_a_night_has_money_for_the_smallest_order_there_is():
    chain = Chain(ids=["a/x"], price=3.0, cost=1.0, pack=[1], minimum=[24], weekly_budget=30.0)
    on_order = np.zeros((1, 1))
    state = State(0, 0, np.zeros((1, 1)), on_order, np.array([True]), 30.0, chain)
    assert tonight_budget(state, np.array([4.0])) == 24, "a seventh of the week's money orders nothing at all"
    few = Paths({day: np.full((20, 1, 28), 4.0, np.float32) for day in range(0, 28, 7)})
    book = simulate(chain, np.full((1, 28), 4.0), stochastic(few))
    assert book.orders.sum() > 0


def delivered(sales: pd.DataFrame) -> pd.DataFrame:
    """Give deliveries that bring every morning what is sold that day."""
    return sales[["date", "store", "item", "units"]].query("units > 0")


def test_a_record_of_deliveries_is_todays_way_of_ordering(tmp_path):
    known = known_of(shop(tmp_path, deliveries=delivered))
    assert known.recorded and not [note for note in known.notes if "record" in note]


@pytest.mark.parametrize(
    "holes",
    [
        lambda sales: delivered(sales)[lambda rows: rows["date"] < rows["date"].min() + pd.Timedelta(days=200)],
        lambda sales: delivered(sales)[lambda rows: rows["store"] == "S1"],
        lambda sales: delivered(sales).iloc[::3],
    ],
    ids=["it ends before the judged weeks", "one store of two", "every third line"],
)
def test_a_record_with_holes_is_not_taken_for_what_was_ordered(tmp_path, holes):
    params = shop(tmp_path, stores=2, deliveries=holes)
    known = known_of(params)
    assert not known.recorded and any("the record has holes" in note for note in known.notes)


def test_stock_counts_after_a_day_off_and_without_a_delivery_that_explains_it(tmp_path):
    """The evening before the judged weeks was a day off: the stock of the evening before that is still there."""
    days = pd.date_range("2024-01-01", periods=240)
    rows = pd.DataFrame({"date": days, "store": "S1", "item": "i1", "units": 4, "price": 3.0, "stock_on_hand": 40})
    rows = rows[rows["date"] != days[-15]]
    came = rows[["date", "store", "item", "units"]]
    rows.to_csv(tmp_path / "sales.csv", index=False)
    came.to_csv(tmp_path / "deliveries.csv", index=False)
    known = known_of(Parameters(source=f"own:{tmp_path}", **QUICK))
    assert known.dates[0] == days[-14] and known.weeks.stock.sum() == 40


def test_without_a_record_today_is_a_rule(bare):
    assert not bare.known.recorded and RECORD not in bare.decision.books and not bare.decision.standing.recorded


def test_one_supplier_brings_what_nobody_said_who_brings(bare):
    data = bare.known.data
    assert data.tables["items"]["supplier"].nunique() == 1 and len(data.tables["suppliers"]) == 1
    assert "Supplier: supplier delivers every item." in data.assumed


def test_costs_that_nobody_gave_follow_the_sales_and_are_told(bare):
    sales = bare.known.data.tables["sales"]
    yearly = (sales["units"] * sales["price"]).sum() / 240 * 365
    assert bare.params.project_cost == pytest.approx(0.008 * yearly)
    assert bare.params.running_cost == pytest.approx(0.0024 * yearly)
    told = [word for word in bare.known.data.assumed if word.startswith("Cost of ")]
    assert len(told) == 2 and f"EUR {0.008 * yearly:,.0f}" in told[0]
    given = Parameters(project_cost=5.0, running_cost=1.0)
    assert with_costs(given, bare.known.data) == (given, [])


def test_another_world_is_another_chain_with_limits_of_its_own():
    ours, other = SOURCES.load(), SOURCES.load(world_seed=8)
    assert ours.stated == pytest.approx({"weekly_budget": 81_912.42, "dock_capacity": 36_287.7})
    assert other.sha256 != ours.sha256 and other.stated.keys() == ours.stated.keys() and other.stated != ours.stated
    assert not other.tables["sales"]["units"].equals(ours.tables["sales"]["units"])
    assert SOURCES.load(world_seed=7).sha256 == ours.sha256 and SOURCES.load(world_seed=8).sha256 == other.sha256


def test_a_world_is_asked_for_by_parameter_and_belongs_to_the_simulated_chain(tmp_path):
    known = known_of(Parameters(world_seed=8, **QUICK))
    assert known.data.card["from"].endswith("seed 8") and known.kind == "simulated"
    assert known.chain.weekly_budget == known.data.stated["weekly_budget"]
    with pytest.raises(ParameterError, match="world_seed makes another simulated chain"):
        parse_pairs(Parameters, [("source", "own:mine"), ("world_seed", "8")])
    with pytest.raises(UserError, match="world_seed"):
        parse_pairs(Parameters, [("world_seed", "-1")])
    assert not SOURCES.load(shop(tmp_path).source).stated


def test_losses_are_added_like_gains(bare):
    line = pd.DataFrame(
        {
            "step": ["3 allocate", "4 innovate", "4 innovate", "5 customer", "run"],
            "what": ["plan", "modes", "prices", "recommendations", "people"],
            "per_week": [100.0, 209.0, -30.0, -7.0, -20.0],
            "rests on": "",
            "counted": [True, False, False, False, True],
        }
    )
    told = replace(bare.returns, line=line)
    assert told.on_top == 172 and told.counted == 80
    week = np.full(2, 1.0)
    gains = [Stream("orders", 100 * week), Stream("prices", 60 * week), Estimate("letters", -37, -40, -30)]
    bounds = gain_bounds(gains)
    assert bounds.tolist() == [63, 123, 123] and bounds.is_monotonic_increasing
    assert gain_bounds([Stream("a loss", -5 * week)]).tolist() == [-5, -5, -5] and gain_bounds([])["all_shared"] == 0
