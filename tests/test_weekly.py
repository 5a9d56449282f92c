"""A chain that orders by the week: its judge by hand, its limits, its plans, and a shop's own weekly records."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_pages import NAMES, names_of, said_on

from lepton_nb.allocation.policy import check_bound
from lepton_nb.business.elasticity import estimate, promotion_money, surroundings
from lepton_nb.business.partialling import ElasticityError
from lepton_nb.cases.retail import Parameters, pages
from lepton_nb.cases.retail.chain.judging import judge_chain, yearly_gain
from lepton_nb.cases.retail.chain.lots import foresight_bound, point_lp, stochastic, tonight_budget
from lepton_nb.cases.retail.chain.plans import replenishment_program
from lepton_nb.cases.retail.chain.replenishment import (
    Chain,
    State,
    Weeks,
    audit,
    nights_to_next_order,
    opening,
    simulate,
    with_holding,
)
from lepton_nb.cases.retail.chain.rules import base_stock, newsvendor_policy, order_up_to_average
from lepton_nb.cases.retail.pricing import known_demand
from lepton_nb.cases.retail.setting import build_chain, build_panel, daily_table, first_judged_day, opening_state
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.study import study
from lepton_nb.cases.retail.study.business import _market, pricing_of
from lepton_nb.cases.retail.study.known import known_of
from lepton_nb.cases.retail.study.whole import with_costs
from lepton_nb.demand.scenarios import Paths
from lepton_nb.workbook.case import PageOmitted
from lepton_nb.workbook.parameters import UserError

WEEKS, COUNT, BEFORE = 16, 12, 30


@pytest.fixture(scope="module")
def shop():
    """A weekly chain under a budget and a dock, its weeks to be judged, and sample paths of them."""
    rng = np.random.default_rng(11)
    cost, level = rng.uniform(0.5, 4, COUNT), rng.gamma(2.0, 10, COUNT)
    demand = rng.poisson(level[:, None], (COUNT, BEFORE + WEEKS)).astype(float)
    chain = Chain(
        ids=[f"s{i % 2}/i{i // 2}" for i in range(COUNT)],
        price=cost * 1.6,
        cost=cost,
        store=np.arange(COUNT) % 2,
        shelf_life=rng.choice([1, 3, np.inf], COUNT),
        pack=rng.choice([1, 6], COUNT),
        lead_time=rng.choice([1, 2], COUNT),
        weekly_budget=1.1 * float(cost @ level),
        dock_capacity=1.3 * float(level.sum()),
        cycle=1,
    )
    dates = pd.date_range("2024-01-04", periods=BEFORE + WEEKS, freq="7D")
    weeks = Weeks(BEFORE, demand[:, BEFORE:], None, level, None, demand, dates[BEFORE:], 1)
    drawn = {t: rng.poisson(level[:, None], (40, COUNT, 8)).astype(np.float32) for t in range(WEEKS + 1)}
    return with_holding(chain), weeks, Paths(drawn, 1)


def test_a_weeks_end_by_hand():
    chain = Chain(
        ids=["s/milk"], price=3.0, cost=2.0, shelf_life=2, holding=0.7, order_line_cost=0.5, weekly_budget=9.0, cycle=1
    )
    book = simulate(chain, np.array([[3.0, 2.0, 0.0, 4.0]]), lambda state: np.array([4.0]), start_stock=[5])
    assert book.orders.tolist() == [[4, 4, 4, 4]], "the week's money is there again in every week"
    assert book.arrived.tolist() == [[0, 4, 4, 4]] and book.sales.tolist() == [[3, 2, 0, 4]]
    # 5 on the shelf: 3 are sold, 2 stay; they are sold in the second week, and its 4 grow old in the third
    assert book.waste.tolist() == [[0, 0, 4, 0]] and book.stock.tolist() == [[2, 4, 4, 4]]
    assert np.isclose(book.summary()["profit"], 9 * 1.0 - 4 * 2.0 - 14 * 0.7 - 3 * 0.5)
    assert len(book.by_period()) == 4 and (np.diff(book.dates) == np.timedelta64(7, "D")).all()


def test_a_pace_without_a_meaning_is_refused():
    with pytest.raises(UserError, match="give 7 .* or 1"):
        _ = Chain(ids=["s/x"], price=2.0, cost=1.0, cycle=2).pace


def test_every_way_of_ordering_keeps_the_limits_of_each_week(shop):
    chain, weeks, paths = shop
    assert nights_to_next_order(chain).tolist() == [[1]] * COUNT
    policies = {
        "average": order_up_to_average(weeks.history, BEFORE),
        "base stock": base_stock(weeks.history, BEFORE),
        "newsvendor": newsvendor_policy(paths),
        "point": point_lp(paths),
        "plan": stochastic(paths),
    }
    books = judge_chain(chain, weeks, policies)
    for book in books.values():
        report = audit(book)
        assert report["ok"].all(), report[~report["ok"]]
        assert (chain.cost @ book.orders <= chain.weekly_budget + 1e-6).all()
        assert "dock, litres due per week" in set(report["limit"]) and len(book.by_period()) == WEEKS
    assert (chain.cost @ books["average"].orders).max() > 0.9 * chain.weekly_budget, "a budget that nobody feels"
    check_bound(books, float(foresight_bound(chain, weeks.demand, weeks.stock, None, weeks.dates).sum()))
    assert books["plan"].summary()["profit"] > books["average"].summary()["profit"]


def test_a_year_has_52_weeks_of_gain(shop):
    chain, weeks, paths = shop
    plan, rule = stochastic(paths), base_stock(weeks.history, BEFORE)
    books = judge_chain(chain, weeks, {"plan": stochastic(paths), "rule": rule})
    gain = books["plan"].summary()["profit"] - books["rule"].summary()["profit"]
    assert np.isclose(yearly_gain(chain, weeks, plan, rule), gain / WEEKS * 365 / 7)


def test_tonight_may_spend_the_weeks_money_and_the_program_renews_it(shop):
    chain = shop[0]
    by_age, on_order = opening(chain, WEEKS)
    state = State(0, 0, by_age, on_order, chain.may_order[:, 0], 100.0, chain)
    assert tonight_budget(state, np.ones(COUNT)) == 100.0
    program = replenishment_program(state, np.ones((4, 1, COUNT)))
    budgets = program.limits[program.limits["limit"] == "budget"]["allowed"].tolist()
    assert budgets == [100.0] + [chain.weekly_budget] * 3


def test_weeks_and_days_agree_where_only_the_unit_of_time_differs(shop):
    chain, weeks, _ = shop
    weekly = replace(chain, weekly_budget=np.inf, order_line_cost=0.0)  # no economic lots, which are cut at four weeks
    daily = replace(weekly, cycle=7, may_order=True)
    rule = order_up_to_average(weeks.history, BEFORE, window=8)
    by_week, by_day = (simulate(one, weeks.demand, rule, weeks.stock) for one in (weekly, daily))
    assert by_week.orders.sum() > 0 and np.array_equal(by_week.orders, by_day.orders)
    assert by_week.summary().equals(by_day.summary())


# ---- a shop's own weekly records

ITEMS = [f"{i:02d}" for i in range(12)]


def sold(weeks: int = 130, first: str = "2023-01-04") -> pd.DataFrame:
    """Units and prices of a shop by the week, with a season and promotions."""
    rng, dates = np.random.default_rng(3), pd.date_range(first, periods=weeks, freq="7D")
    rows = []
    for i, item in enumerate(ITEMS):
        level = (5 + 6 * i) * (1 + 0.35 * np.sin(2 * np.pi * np.arange(weeks) / 52 + i))
        cut = rng.random(weeks) < 0.12
        units, price = rng.poisson(level * np.where(cut, 1.7, 1)), np.round((1.5 + 0.4 * i) * np.where(cut, 0.8, 1), 2)
        rows += zip(dates, ["S1"] * weeks, [item] * weeks, units, price, cut)
    return pd.DataFrame(rows, columns=["date", "store", "item", "units", "price", "promotion"])


@pytest.fixture
def own(tmp_path):
    """Write tables and load them as a user's own."""

    def load(**tables):
        for name, frame in tables.items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        return SOURCES.load(f"own:{tmp_path}")

    return load


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The study of a shop that has one row a week and item, and nothing else."""
    folder = tmp_path_factory.mktemp("weekly")
    sold().to_csv(folder / "sales.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_NB_CACHE", str(tmp_path_factory.mktemp("cache")))
        return study(Parameters(source=f"own:{folder}", paths=20, model="fast"))


def test_a_shop_with_nothing_but_weekly_sales_gets_an_order(bare):
    known, d = bare.known, bare.decision
    assert known.panel.freq == "W-WED" and known.chain.cycle == 1 and known.weeks.days == 8
    assert known.weeks.calendar_days == 56 and known.practice.days == 8
    assert known.practice.dates[-1] + pd.Timedelta(days=7) == known.dates[0]
    assert d.limits["ok"].all() and not len(d.failing) and len(d.over_today.total) == 8
    assert len(d.tonight) and d.tonight["reason"].str.startswith("Week of ").all()
    assert d.tonight["reason"].str.contains(r"can arrive \(1 week\)").all()
    assert d.standing.over_today <= d.standing.most, "no week earns more than the bound"
    assert 0 < bare.forecast.judged.loc["fast", "WAPE"] < bare.forecast.judged.loc["seasonal_naive", "WAPE"]
    words = " ".join(known.data.assumed)
    assert "each dated by its first day" in words and "2 days, to 1 week" in words


@pytest.mark.parametrize("page", NAMES)
def test_every_page_of_a_weekly_shop_makes_sense(bare, page):
    try:
        said = said_on(page, names_of(page, bare))
    except PageOmitted as omitted:
        assert page in ("prices", "people") and str(omitted).endswith(".")
        return
    assert "evening" not in said and "tonight" not in said.lower()


def test_the_page_that_decides_speaks_of_weeks(bare):
    said = said_on("decide", names_of("decide", bare))
    assert "## This week's order" in said and "repeating the same week of the year before has" in said
    assert pages.order_title(bare) == "Order at the end of the week of Wednesday 25 June 2025"
    assert "weeks what came lies inside" in pages.fans_read(bare) and "S1/" in pages.fans_read(bare)
    assert "a new forecast every week" in set(bare.returns.line["what"]).__str__()


def test_the_upkeep_is_a_share_of_a_year_and_not_of_seven(bare):
    params, _ = with_costs(Parameters(), bare.known.data)
    sales = bare.known.data.tables["sales"]
    assert params.project_cost == pytest.approx(0.008 * (sales["units"] * sales["price"]).sum() / 130 * 365 / 7)


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    """What is known of a weekly shop whose prices move in steps and in promotions; every elasticity is -2."""
    rng, sales = np.random.default_rng(5), sold(156)
    price, units = [], []
    for i, (_, rows) in enumerate(sales.groupby("item", sort=False)):
        step = np.cumsum((rng.random(156) < 1 / 20) * rng.choice([-0.06, 0.06], 156))
        log = step + np.where(rows["promotion"], np.log(1 - rng.uniform(0.1, 0.35, 156)), 0)
        season = 0.35 * np.sin(2 * np.pi * np.arange(156) / 52 + i)
        units.append(rng.poisson((20 + 6 * i) * np.exp(season - 2 * log + 0.3 * rows["promotion"])))
        price.append(np.round((2 + 0.4 * i) * np.exp(log), 2))
    folder = tmp_path_factory.mktemp("priced")
    sales = sales.assign(price=np.concatenate(price), units=np.concatenate(units))
    sales.to_csv(folder / "sales.csv", index=False)
    return known_of(Parameters(source=f"own:{folder}", paths=20, model="fast"))


def test_weekly_sales_tell_what_prices_do(priced):
    told, why = pricing_of(Parameters(), priced)
    table = told.elasticities
    assert why == "" and (table["status"] == "").all() and len(table) == 12
    assert ((table["low"] < -2) & (-2 < table["high"])).sum() >= 10
    assert abs(table["elasticity"].median() + 2) < 0.25
    assert told.dip["period"].tolist() == ["week after", "second week after"]
    assert told.labels is not None and told.movable > 0 and np.isfinite(told.labels.gain)


def test_money_of_a_weekly_promotion_is_that_of_its_weeks(priced):
    market = _market(priced, 0, priced.start)
    found = estimate(market)
    cost = pd.Series(1.0, index=market.items)
    money = promotion_money(market, found, cost)
    on, item = market.promotion[0, 3] > 0.5, market.items[3]
    assert money.loc[item, "days"] == pytest.approx(7 * on.sum() / (np.diff(on.astype(int), prepend=0) == 1).sum())
    usual = market.units[0, 3, ~on].mean() * (np.nanmedian(market.price[0, 3, ~on]) - 1)
    weeks = np.exp(found.theta[3, 2]) + np.exp(found.theta[3, 3]) - 2
    assert money.loc[item, "pull_forward"] == pytest.approx(usual * weeks, abs=0.05 * usual)
    level, base = known_demand(market)
    last = slice(market.units.shape[2] - 8, None)
    assert base[3] == pytest.approx(np.nanmean(np.where(on, np.nan, market.units[0, 3])[last]))


def test_weeks_and_months_too_few_for_prices_are_refused_with_what_is_needed(priced):
    market = _market(priced, 0, priced.start)
    with pytest.raises(ElasticityError, match=r"100 dates, 7 days apart.*104 weeks"):
        estimate(market.until(100))
    with pytest.raises(ElasticityError, match=r"31 days apart: within a month.*104 weeks"):
        estimate(replace(market, days=pd.date_range("2010-01-01", periods=len(market.days), freq="31D")))


def test_an_event_marks_its_week_and_the_one_before():
    days = pd.date_range("2025-01-06", periods=20, freq="7D")  # Mondays
    plain = surroundings(days, knots=91)
    marked = surroundings(days, pd.DataFrame({"date": [pd.Timestamp("2025-03-05")], "event": "fair"}), knots=91)
    before, own = marked[:, plain.shape[1] :].T
    assert days[own > 0].tolist() == [pd.Timestamp("2025-03-03")]
    assert days[before > 0].tolist() == [pd.Timestamp("2025-02-24")]


def test_forty_weeks_are_refused_with_what_is_needed(own):
    panel = build_panel(own(sales=sold(40)))
    with pytest.raises(
        UserError, match=r"40 weeks.* leave 24 weeks .*at least 26 are needed: give more data \(42 weeks"
    ):
        first_judged_day(panel, 8, 8)
    assert first_judged_day(panel, 4, 4) == 36


def test_weeks_on_mixed_weekdays_are_named(own):
    sales = sold(60)
    sales.loc[sales["date"] == sales["date"].max(), "date"] += pd.Timedelta(days=1)
    with pytest.raises(UserError, match="dated by a Wednesday, but 1 of 60 dates are not, such as Thursday 2024-02-22"):
        build_panel(own(sales=sales))


def test_a_week_without_a_row_is_no_demand_and_a_closed_one_is_unknown(own):
    sales = sold(60)
    dates = sorted(sales["date"].unique())
    alone = (sales["date"] == dates[30]) & (sales["item"] == "03")
    data = own(sales=sales[~alone & (sales["date"] != dates[40])])
    panel = build_panel(data)
    assert panel.y[3, 30] == 0 and np.isnan(panel.y[:, 40]).all() and np.isfinite(panel.y[:, 39]).all()
    assert "weeks without sales" in set(data.log["rule"])


def test_deliveries_events_stock_and_suppliers_of_any_day_fall_on_their_week(own):
    sales, rng = sold(90), np.random.default_rng(5)
    sales["stock_on_hand"] = rng.integers(5, 30, len(sales))
    days = rng.choice(pd.date_range("2023-01-04", "2024-09-20"), 400)
    deliveries = pd.DataFrame({"date": days, "store": "S1", "item": rng.choice(ITEMS, 400), "units": 12})
    items = pd.DataFrame({"item": ITEMS, "cost": 0.8, "shelf_life": [3, 15, 30] * 4, "supplier": "farm"})
    suppliers = pd.DataFrame({"supplier": ["farm"], "lead_time": [9], "order_days": ["tue"]})
    calendar = pd.DataFrame({"date": pd.to_datetime(["2024-03-29", "2024-04-01"]), "event": ["Good Friday", "Easter"]})
    data = own(
        sales=sales,
        deliveries=deliveries.drop_duplicates(["date", "store", "item"]),
        items=items,
        suppliers=suppliers,
        calendar=calendar,
    )
    panel = build_panel(data)
    arrived, table = daily_table(data.tables["deliveries"], "units", panel), data.tables["deliveries"]
    assert arrived.sum() == table["units"].sum()
    first = table["date"].between("2023-01-04", "2023-01-10")
    assert arrived[:, 0].sum() == table.loc[first, "units"].sum()
    events = {name: panel.ds[np.ravel(v) > 0] for name, v in panel.known.items() if name.startswith("event_")}
    assert [at.tolist() for at in events.values()] == [[pd.Timestamp("2024-03-27")]] * 2
    chain = build_chain(data, panel, 80, holding_rate=0.2, dock_capacity=100.0)
    assert set(chain.lead_time) == {2} and chain.dock_capacity == 700 and chain.may_order.all()
    assert chain.shelf_life.tolist() == [1, 2, 4] * 4
    told = " ".join(data.assumed)
    assert "4 items keep less and are taken to keep one" in told and "9 days, to 2 weeks" in told
    stock, due = opening_state(data, panel, chain, 80)
    before = sales[sales["date"] == panel.ds[79]].set_index("item")["stock_on_hand"].reindex(ITEMS)
    assert stock.sum(1).tolist() == before.tolist() and np.array_equal(due, arrived[:, 80:82])


def test_a_supplier_slower_than_the_outlook_is_named(own):
    suppliers = pd.DataFrame({"supplier": ["far"], "lead_time": [60], "order_days": ["mon"]})
    data = own(sales=sold(60), suppliers=suppliers)
    panel = build_panel(data)
    with pytest.raises(UserError, match="lead_time of 9 weeks was found; this case looks 8 weeks ahead, give 7"):
        build_chain(data, panel, 50, holding_rate=0.2)


def test_a_shop_with_deliveries_and_stock_is_judged_against_what_it_did(tmp_path, monkeypatch):
    wanted = sold(110)
    units = wanted.pivot(index="item", columns="date", values="units").loc[ITEMS]
    level = units.to_numpy(float)
    made = Chain(ids=[f"S1/{i}" for i in ITEMS], price=2.0, cost=1.0, shelf_life=4, pack=6, cycle=1)
    book = simulate(made, level, order_up_to_average(level, 0, extra_days=0.2), level[:, 0], dates=units.columns)

    def rows(values, name):
        frame = pd.DataFrame(values, ITEMS, units.columns).stack().rename(name).rename_axis(["item", "date"])
        return frame.reset_index().assign(store="S1")

    sales = rows(book.sales, "units").merge(rows(book.stock, "stock_on_hand"))
    sales.assign(price=2.0).to_csv(tmp_path / "sales.csv", index=False)
    came = rows(book.arrived, "units")
    came[came["units"] > 0].to_csv(tmp_path / "deliveries.csv", index=False)
    items = {"item": ITEMS, "cost": 1.0, "shelf_life": 28, "supplier": "farm", "pack_size": 6, "minimum_order": 6}
    pd.DataFrame(items).to_csv(tmp_path / "items.csv", index=False)
    suppliers = pd.DataFrame({"supplier": ["farm"], "lead_time": [3], "order_days": ["mon thu"]})
    suppliers.to_csv(tmp_path / "suppliers.csv", index=False)
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    s = study(Parameters(source=f"own:{tmp_path}", paths=20, model="fast", evaluation_weeks=4, validation_weeks=4))
    assert s.known.recorded and s.decision.standing.today == "what the chain did"
    assert s.decision.replayed == pytest.approx(1, abs=0.005), "the judge sells what the tills counted"
    assert s.decision.limits["ok"].all() and s.known.panel.censored.any()
