"""Sourcing and subscription: corner cases, brute force in bulk, formulas against simulation, and bad input in words."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from lepton_nb.business.modes import (
    Limit,
    SupplyContract,
    cautious,
    choose_modes,
    compare_choices,
    inside,
    merge_offers,
    money_of,
    one_mode,
    taken,
    with_leaving_out,
)
from lepton_nb.business.seasons import (
    SourcingError,
    character,
    decompose,
    forecastability,
    noise_strength,
    open_days,
    spectral_entropy,
    strength,
    weekly_sums,
)
from lepton_nb.cases.retail.sourcing import (
    OnDemand,
    break_even_premium,
    flips,
    offers_of,
    on_demand_money,
    patience,
    patience_by_item,
    seasonal_rule,
    stock_books,
)
from lepton_nb.cases.retail.subscription import (
    SubscriptionMarket,
    Terms,
    all_modes,
    best_discount,
    break_even_churn,
    break_even_fresh,
    calm,
    fit_survival,
    habit_churn,
    habits_of,
    lifetime_value,
    mixed_lifetime_value,
    regular_buyers,
    safety_holding,
    subscribed_share,
    subscription_money,
    subscription_offers,
    survival,
    uncertain_variance,
    until_delivery,
)


def random_books(rng, lines=8, series=3, days=28):
    """Book a random shelf of `series` series a line."""
    n = lines * series
    demand = rng.poisson(rng.gamma(1, 3, (n, 1)), (n, days)).astype(float)
    sales = np.minimum(demand, rng.integers(1, 8, (n, days)))
    price = rng.uniform(1, 9, n)
    return stock_books(
        np.repeat([f"l{i}" for i in range(lines)], series),
        demand,
        sales,
        rng.poisson(0.3, (n, days)),
        rng.integers(0, 6, (n, days)),
        rng.random((n, days)) < 0.3,
        price,
        0.7 * price,
        0.001 * price,
        0.3,
        volume=rng.uniform(0.2, 2, n),
        store=np.tile([f"s{i}" for i in range(series)], lines),
    )


def offers_frame(rng, lines, modes=("stock", "on demand", "subscription")):
    frame = pd.DataFrame(
        [(f"l{i}", mode, f"s{i % 3}") for i in range(lines) for mode in modes], columns=["line", "mode", "supplier"]
    )
    return frame.assign(
        money=rng.integers(-9, 30, len(frame)).astype(float),
        litres=rng.integers(0, 9, len(frame)).astype(float),
        demanded=rng.integers(0, 6, len(frame)).astype(float),
    )


def enumerate_best(offers, limits, contracts):
    rows = np.array(list(product(*offers.groupby("line", sort=False).indices.values())))
    x = np.zeros((len(rows), len(offers)))
    np.put_along_axis(x, rows, 1, axis=1)
    money, kept = x @ offers["money"].to_numpy(), np.ones(len(x), bool)
    for one in limits:
        kept &= x @ (offers[one.column] * inside(offers, one.where)).to_numpy() <= one.room + 1e-9
    for one in contracts:
        signed = x @ inside(offers, one.where) > 0
        money = money - one.fee * signed
        kept &= ~signed | (x @ (offers[one.column] * inside(offers, one.where)).to_numpy() >= one.least - 1e-9)
    return money[kept].max(initial=-np.inf)


@pytest.mark.parametrize("seed", range(12))
def test_the_program_finds_what_enumeration_finds(seed):
    rng = np.random.default_rng(seed)
    offers = offers_frame(rng, 7)
    limits = [
        Limit("litres", "litres", float(rng.integers(8, 35))),
        Limit("singles", "demanded", float(rng.integers(4, 16)), {"mode": "on demand"}),
        Limit("of s0", "litres", float(rng.integers(2, 14)), {"supplier": "s0"}),
    ]
    contracts = [
        SupplyContract(
            f"c{s}", {"mode": "on demand", "supplier": f"s{s}"}, float(rng.integers(0, 9)), float(rng.integers(0, 5))
        )
        for s in range(3)
    ]
    best = enumerate_best(offers, limits, contracts)
    if np.isinf(best):
        with pytest.raises(SourcingError, match="No choice of modes keeps"):
            choose_modes(offers, limits, contracts)
    else:
        found = choose_modes(offers, limits, contracts)
        assert found.money == pytest.approx(best)
        assert (found.use["used"] <= found.use["room"] + 1e-6).all()


def test_the_colliding_limits_are_the_smallest_set_and_the_stretch_is_enough():
    offers = pd.DataFrame(
        [
            ("a", "stock", 5.0, 8.0, 0.0),
            ("a", "on demand", 4.0, 0.0, 5.0),
            ("b", "stock", 3.0, 6.0, 0.0),
            ("b", "on demand", 2.0, 0.0, 4.0),
        ],
        columns=["line", "mode", "money", "litres", "demanded"],
    )
    limits = [Limit("shelf", "litres", 5), Limit("singles", "demanded", 6), Limit("unfelt", "litres", 50)]
    with pytest.raises(SourcingError) as refused:
        choose_modes(offers, limits)
    text = str(refused.value)
    assert "shelf (5) and singles (6) together" in text and "unfelt" not in text and "shelf (5) by 1" in text
    assert choose_modes(offers, [Limit("shelf", "litres", 6), limits[1]]).modes.to_dict() == {
        "a": "on demand",
        "b": "stock",
    }
    with pytest.raises(SourcingError, match=r"keeps tiny \(1\)\. .*raise tiny \(1\) by"):
        choose_modes(offers[offers["mode"] == "stock"], [Limit("tiny", "litres", 1)])


def test_a_contract_is_signed_only_when_it_pays_and_its_least_volume_is_met():
    offers = pd.DataFrame(
        [
            (i, m, v, 0.0, d)
            for i, v_, d_ in (("a", 3.0, 2.0), ("b", 2.0, 3.0))
            for m, v, d in (("stock", 0.0, 0.0), ("on demand", v_, d_))
        ],
        columns=["line", "mode", "money", "litres", "demanded"],
    )

    def sign(fee, least):
        return choose_modes(offers, (), [SupplyContract("singles", {"mode": "on demand"}, fee, least)])

    assert sign(4.0, 0.0).signed == ["singles"] and sign(4.0, 0.0).money == 1.0
    assert sign(5.5, 0.0).signed == [] and sign(5.5, 0.0).money == 0.0
    assert sign(1.0, 5.0).money == 4.0 and sign(1.0, 5.1).money == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_break_even_premium_is_where_the_money_crosses(seed):
    books = random_books(np.random.default_rng(seed))
    terms = OnDemand(0.2, 0.1, 0.6, goodwill=0.4)
    edge = break_even_premium(books, terms)
    assert np.allclose(on_demand_money(books, replace(terms, premium=edge)), books["stock"])
    table = flips(books, terms)
    need = table["patient_needed"].reindex(books.index)
    there = on_demand_money(books, replace(terms, patient=need.clip(0, 1)))
    inside_ = need.between(0, 1)
    assert inside_.sum() >= 2
    assert np.allclose(there[inside_], books["stock"].clip(lower=0)[inside_])


def test_stock_books_adds_up_and_scales_to_weeks():
    rng = np.random.default_rng(1)
    books = random_books(rng, lines=4, days=14)
    parts = books["revenue"] - books["purchase"] - books[["lost", "waste", "holding", "orders"]].sum(axis=1)
    assert np.allclose(books["stock"], parts)
    assert (
        books["litres"].sum() <= books.filter(like="litres, ").sum().sum() + 1e-9
    )  # stores need not be fullest on the same day
    twice = stock_books(
        ["a"],
        np.ones((1, 14)),
        np.ones((1, 14)),
        np.zeros((1, 14)),
        np.zeros((1, 14)),
        np.zeros((1, 14)),
        [2.0],
        [1.0],
        [0.0],
    )
    assert twice.loc["a", "units"] == 7 and twice.loc["a", "stock"] == 7
    cross = stock_books(
        ["a"], np.ones((1, 7)), np.zeros((1, 7)), *(np.zeros((1, 7)),) * 3, [2.0], [1.0], [0.0], goodwill=0.5
    )
    assert cross.loc["a", "stock"] == 7 - 7 * 1.5


def test_a_family_stocks_what_a_mode_does_not_offer():
    rng = np.random.default_rng(2)
    offers = with_leaving_out(offers_of(random_books(rng), OnDemand(), None))
    only = offers[~((offers["mode"] == "on demand") & offers["line"].isin(["l0", "l1"]))]
    family = pd.Series({f"l{i}": "even" if i % 2 == 0 else "odd" for i in range(8)})
    merged = merge_offers(only, family).set_index(["line", "mode"])["money"]
    by_hand = money_of(
        one_mode(only[only["line"].isin(family.index[family == "even"])], "on demand"),
        only[only["line"].isin(family.index[family == "even"])],
    )
    assert merged["even", "on demand"] == pytest.approx(by_hand)
    assert merged.groupby("mode").sum()["stock"] == pytest.approx(offers.loc[offers["mode"] == "stock", "money"].sum())
    assert choose_modes(offers).money >= choose_modes(merge_offers(offers, family)).money - 1e-6


def test_hindsight_is_never_beaten_without_limits():
    rng = np.random.default_rng(3)
    offers = offers_frame(rng, 20)
    best = choose_modes(offers, gap=0.0).modes
    table = compare_choices(
        {"best": best, **{m: one_mode(offers, m) for m in ("stock", "on demand", "subscription")}}, offers
    )
    assert table.loc[0, "choice"] == "best" and table.set_index("choice").loc["stock", "over_stock"] == 0


def test_weeks_end_on_the_last_day_and_closed_days_take_the_week_before():
    assert weekly_sums(np.arange(16)[None]).tolist() == [[sum(range(2, 9)), sum(range(9, 16))]]
    daily = np.ones((2, 14)) * np.arange(1, 15)
    daily[:, 10] = 0
    assert open_days(daily)[:, 10].tolist() == [4, 4] and daily[0, 10] == 0


def test_season_strength_does_not_depend_on_scale_and_noise_stays_below_its_yardstick():
    rng = np.random.default_rng(6)
    y = np.sin(np.arange(156) * 2 * np.pi / 52) + rng.normal(0, 0.3, 156)
    one, ten = (strength(*decompose(s, 52)[1:]) for s in (y, 10 * y + 5))
    assert one == pytest.approx(ten) and one > 0.8
    limit = noise_strength(156, 52, draws=60, seed=1)
    assert np.mean([strength(*decompose(rng.normal(size=156), 52)[1:]) < limit for _ in range(60)]) > 0.85
    assert strength(np.zeros(5), np.zeros(5)) == 0.0


def test_days_of_more_returns_than_sales_do_not_stop_the_character():
    daily = np.random.default_rng(1).integers(-2, 6, (1, 800))
    pd.testing.assert_frame_equal(character(["tea"], daily), character(["tea"], np.maximum(daily, 0)))


def test_character_of_thin_lines_is_told_and_not_guessed():
    marks = character(["never", "steady"], np.stack([np.zeros(400), np.full(400, 3.0)]))
    assert marks["season"].isna().all() and not marks["seasonal"].any() and marks.loc["steady", "weekday"] == 0
    assert (seasonal_rule(marks) == "stock").all()
    assert np.allclose(spectral_entropy(np.ones((2, 20))), 1)
    scores = forecastability(
        ["a", "b"], [[1.0, np.nan], [0.0, 0.0]], [[2.0, 1.0], [0.0, 1.0]], [[3.0, 1.0], [0.0, 0.0]]
    )
    assert scores.loc["a", "wape"] == 1 and scores.loc["a", "relative"] == 0.5 and np.isnan(scores.loc["b", "wape"])


@pytest.mark.parametrize(
    "mean, variance, share, skip", [(30, 30, 0.2, 0.0), (30, 90, 0.5, 0.1), (8, 40, 0.75, 0.3), (50, 200, 1.0, 0.2)]
)
def test_variance_left_agrees_with_simulation(mean, variance, share, skip):
    rng = np.random.default_rng(7)
    n, extra = 300_000, variance - mean
    rate = rng.gamma(mean**2 / extra, extra / mean, n) if extra else np.full(n, float(mean))
    others = rng.binomial(rng.poisson(rate), 1 - share)
    late = rng.binomial(round(share * mean), skip, n)  # of as many units as were promised
    assert (others - late).var() == pytest.approx(uncertain_variance(mean, variance, share, skip), rel=0.02)


def test_calm_pools_series_by_their_deviations():
    factor = calm(["a", "a", "b"], [4, 9, 5], [4, 9, 0], pd.Series({"a": 0.19, "b": 0.5}))
    assert factor["a"] == pytest.approx(0.9) and factor["b"] == 1.0  # Poisson: the square root of 0.81
    assert safety_holding(["a", "a"], [4, 9], [0.1, 0.2], z=1.0)["a"] == pytest.approx(7 * (0.2 + 0.6))


def test_until_delivery_covers_the_days_asked_and_pools_by_line():
    actual, forecast = np.ones((2, 3, 4)) * 2, np.ones((2, 3, 4))
    mean, variance = until_delivery(["a", "b"], actual, forecast, [2, 9])
    assert mean.tolist() == [2, 4] and variance.tolist() == [4, 16]
    actual[0, 0, 0] = np.nan
    assert until_delivery(["a", "b"], actual, forecast, [2, 9])[1].tolist() == [4, 16]


def test_lifetime_value_three_ways():
    rng = np.random.default_rng(9)
    for margin, churn, rate, won in rng.uniform([0.5, 0.02, 0.0, 0], [5, 0.5, 0.02, 30], (20, 4)):
        month = np.arange(3000)
        assert lifetime_value(margin, churn, rate, won) == pytest.approx(
            (margin * ((1 - churn) / (1 + rate)) ** month).sum() - won
        )
        edge = break_even_churn(margin, won, rate)
        assert edge == 1.0 or lifetime_value(margin, edge, rate, won) == pytest.approx(0, abs=1e-9)
    left = rng.beta(0.7, 3.0, 200_000)
    stays = rng.geometric(np.maximum(left, 1e-6))
    assert ((1 - 1.02 ** -stays.astype(float)) / (1 - 1 / 1.02)).mean() == pytest.approx(
        mixed_lifetime_value(1.0, 0.7, 3.0, 0.02), rel=0.02
    )
    assert fit_survival(1e6 * survival(0.9, 2.5, np.arange(9))) == pytest.approx((0.9, 2.5), rel=0.01)


def test_nobody_in_the_pool_changes_nothing():
    books = random_books(np.random.default_rng(4))
    line = np.repeat(books.index, 2)
    series = dict(line=line, mean=np.full(16, 5.0), variance=np.full(16, 9.0))
    none = subscription_money(books, SubscriptionMarket(pool=0.0), Terms(), 0.1, **series)
    assert np.allclose(none["gain"], 0) and np.allclose(none["money"], books["stock"]) and none["value"].isna().all()
    assert subscription_offers(books, SubscriptionMarket(pool=0.0), Terms(), **series).empty
    some = subscription_money(books, SubscriptionMarket(pool=pd.Series({"l0": 0.5})), Terms(), 0.1, **series)
    assert (some.loc[some.index != "l0", "share"] == 0).all() and some.loc["l0", "share"] > 0


def test_gain_is_level_at_the_break_even_share_of_new_business():
    books = random_books(np.random.default_rng(5)).assign(
        lost=1.0, waste=0.5
    )  # little to be calmed: the discount must be earned by new business
    series = dict(line=books.index, mean=books["units"].to_numpy(), variance=2 * books["units"].to_numpy(), safety=0.3)
    terms = Terms(delivery=0.05, acquisition=0.1)
    needed = break_even_fresh(books, SubscriptionMarket(), terms, 0.05, **series)
    assert needed.between(0, 1, inclusive="neither").sum() >= 3
    for line, share in needed[needed > 0].items():
        assert subscription_money(books, SubscriptionMarket(), replace(terms, fresh=share), 0.05, **series).loc[
            line, "gain"
        ] == pytest.approx(0, abs=1e-8)


def test_a_least_margin_takes_deep_discounts_off_the_list():
    books = random_books(np.random.default_rng(6))  # cost is 70% of the price
    series = dict(line=books.index, mean=books["units"].to_numpy(), variance=books["units"].to_numpy())
    offers = subscription_offers(
        books, SubscriptionMarket(), Terms(least_margin=0.2), (0.05, 0.10, 0.15, 0.2), **series
    )
    assert set(offers["off"]) == {0.05, 0.10}
    best = best_discount(offers)
    assert (
        best["line"].is_unique
        and best.set_index("line")["money"].to_dict() == offers.groupby("line")["money"].max().to_dict()
    )


def test_returns_and_strangers_are_no_regular_buyers():
    rows = pd.DataFrame(
        {
            "person": ["a"] * 6 + [None] * 6,
            "date": list(pd.date_range("2024-01-01", periods=6, freq="30D")) * 2,
            "units": 1.0,
            "item": "tea",
        }
    )
    back = rows.assign(units=-1.0, date=rows["date"] + pd.Timedelta(days=1))
    table, pairs = regular_buyers(pd.concat([rows, back]), "item", pd.Timestamp("2024-12-01"))
    assert table.loc["tea", "buyers"] == 1 and len(pairs) == 1
    only = regular_buyers(back, "item", pd.Timestamp("2024-12-01"))[0]
    assert only.empty and habit_churn(back, "item", pd.Timestamp("2024-12-01")).empty


def test_take_up_grows_with_the_discount_and_with_time():
    market = SubscriptionMarket(pool=pd.Series({"a": 0.5, "b": 0.1}))
    months = [subscribed_share(market, 0.05, m)["a"] for m in (0, 1, 12, 600)]
    assert (
        months[0] == 0 and months == sorted(months) and months[-1] == pytest.approx(subscribed_share(market, 0.05)["a"])
    )
    assert (subscribed_share(market, 0.15) > subscribed_share(market, 0.05)).all()


def weekly_offers(gains):
    """Make offers of two lines over as many weeks as there are gains of the first line's on-demand purchase."""

    def rows(gain):
        return [
            ("a", "stock", 10.0, 5.0),
            ("a", "on demand", 10.0 + gain, 0.0),
            ("b", "stock", 4.0, 2.0),
            ("b", "on demand", 6.0, 0.0),
        ]

    return [
        pd.DataFrame(rows(gain), columns=["line", "mode", "money", "litres"]).assign(supplier="s") for gain in gains
    ]


def test_caution_takes_off_what_chance_may_have_given():
    asked = pd.Series({"a": 3.0, "b": 3.0})
    steady, wild = cautious(weekly_offers([2.0, 2.0, 2.0]), asked), cautious(weekly_offers([-10.0, 2.0, 14.0]), asked)

    def money(offers):
        return offers.set_index(["line", "mode"])["money"]["a", "on demand"]

    assert money(steady) == pytest.approx(12.0)
    assert money(wild) == pytest.approx(
        12.0 - 1.0607 * 12 / 3**0.5, abs=0.001
    )  # t with 2 degrees of freedom, one-sided 80%
    assert choose_modes(steady).modes["a"] == "on demand" and choose_modes(wild).modes["a"] == "stock"
    assert money(cautious(weekly_offers([-10.0, 2.0, 14.0]), asked, level=0.5)) == pytest.approx(12.0)


def test_a_line_nobody_asked_for_stays_and_so_does_a_mode_missing_in_a_week():
    weeks = weekly_offers([2.0, 2.0])
    assert choose_modes(cautious(weeks, pd.Series({"a": 0.0, "b": 1.0}))).modes.to_dict() == {
        "a": "stock",
        "b": "on demand",
    }
    weeks[1] = weeks[1].drop(index=3)
    assert choose_modes(cautious(weeks, pd.Series({"a": 1.0, "b": 1.0}))).modes.to_dict() == {
        "a": "on demand",
        "b": "stock",
    }


def test_litres_of_several_weeks_are_those_of_the_fullest():
    weeks = weekly_offers([1.0, 1.0])
    weeks[1].loc[weeks[1]["mode"] == "stock", "litres"] = [1.0, 7.0]
    assert cautious(weeks, pd.Series({"a": 1.0, "b": 1.0})).set_index(["line", "mode"])["litres"].xs(
        "stock", level="mode"
    ).to_dict() == {"a": 1.0, "b": 7.0}


def test_patience_reads_lead_times_and_the_web_share_before_the_day():
    tables = {
        "sales": pd.DataFrame(
            {
                "date": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-02-01"]),
                "item": ["1", "1", "1"],
                "channel": ["store", "online", "online"],
                "units": [3.0, 1.0, 99.0],
            }
        ),
        "items": pd.DataFrame({"item": [1, 2], "supplier": ["x", "y"]}),
        "suppliers": pd.DataFrame({"supplier": ["x", "y"], "lead_time": [2, 1]}),
    }
    found = patience_by_item(tables, pd.Timestamp("2024-01-15"), leaving=0.5, leaving_online=0.0)
    assert found["1"] == pytest.approx(0.25 + 0.75 * 0.25) and found["2"] == pytest.approx(0.5)
    without = {**tables, "sales": tables["sales"].drop(columns="channel")}
    assert patience_by_item(without, pd.Timestamp("2024-01-15"), leaving=0.5)["1"] == pytest.approx(0.25)


def test_without_persons_there_is_no_subscription():
    books = random_books(np.random.default_rng(8))
    series = dict(line=books.index, mean=books["units"].to_numpy(), variance=books["units"].to_numpy())
    assert set(all_modes(books, OnDemand(), None, **series)["mode"]) == {"stock", "on demand", "left out"}
    empty = pd.DataFrame({"date": pd.to_datetime([]), "channel": [], "record": [], "item": [], "units": []})
    assert habits_of(empty, pd.Timestamp("2024-01-01")) is None and habits_of(None, pd.Timestamp("2024-01-01")) is None
    strangers = pd.DataFrame(
        {
            "date": pd.date_range("2023-01-01", periods=9, freq="20D"),
            "channel": "till",
            "record": [None] * 9,
            "item": "tea",
            "units": 1.0,
        }
    )
    assert habits_of(strangers, pd.Timestamp("2024-01-01")) is None


def test_names_of_any_script_are_only_labels():
    purchases = pd.DataFrame(
        {
            "person": ["<script>alert(1)</script>"] * 6,
            "date": pd.date_range("2024-01-01", periods=6, freq="20D"),
            "units": 1.0,
            "item": "茶 🍵 <b>",
        }
    )
    table, pairs = regular_buyers(purchases, "item", pd.Timestamp("2024-06-01"))
    assert table.index.tolist() == ["茶 🍵 <b>"] and len(pairs) == 1
    offers = offers_frame(np.random.default_rng(1), 3).assign(
        line=lambda t: t["line"].map({"l0": "茶 🍵", "l1": "<b>x</b>", "l2": "a'b\"c"})
    )
    assert set(choose_modes(offers).modes.index) == {"茶 🍵", "<b>x</b>", "a'b\"c"}


FRAME = pd.DataFrame([("a", "stock", 1.0, 1.0)], columns=["line", "mode", "money", "litres"])


@pytest.mark.parametrize(
    "act, words",
    [
        (lambda: decompose(np.arange(60), 52), "at least 104"),
        (lambda: decompose([1, np.nan] * 60, 52), "60 missing"),
        (lambda: spectral_entropy([1, 2]), "8 or more"),
        (lambda: forecastability(["a"], [[1]], [[1, 2]], [[1]]), "agree in shape"),
        (
            lambda: stock_books(["a"], [[1.0]], [[2.0]], [[0.0]], [[0.0]], [[0.0]], [1.0], [1.0], [0.0]),
            "sales exceed demand",
        ),
        (
            lambda: stock_books(["a"], [[1.0]], [[1.0]], [[0.0, 1.0]], [[0.0]], [[0.0]], [1.0], [1.0], [0.0]),
            "waste has shape",
        ),
        (
            lambda: stock_books(["a"], [[1.0]], [[1.0, 1.0]], [[0.0]], [[0.0]], [[0.0]], [1.0], [1.0], [0.0]),
            "sales has shape",
        ),
        (
            lambda: stock_books(["a"], [[1.0]], [[np.nan]], [[0.0]], [[0.0]], [[0.0]], [1.0], [1.0], [0.0]),
            "sales has numbers missing",
        ),
        (
            lambda: stock_books(["a", "b"], [[1.0]], [[1.0]], [[0.0]], [[0.0]], [[0.0]], [1.0], [1.0], [0.0]),
            "2 lines of goods for 1 series",
        ),
        (
            lambda: choose_modes(FRAME, (), [SupplyContract("van", {"mode": "stock"}, 1.0, 9.0, "litres")]),
            "least volumes of the contracts",
        ),
        (lambda: character([], np.ones((0, 800))), "no series"),
        (lambda: habits_of(pd.DataFrame({"channel": ["till"]}), pd.Timestamp("2024-01-01")), "no column"),
        (
            lambda: regular_buyers(
                pd.DataFrame({"person": ["a"], "date": ["2024-01-01"], "units": [1], "item": ["tea"]}),
                "item",
                pd.Timestamp("2024-02-01"),
            ),
            "no dates",
        ),
        (lambda: OnDemand(patient=1.3), "patient is"),
        (lambda: OnDemand(premium=float("nan")), "premium is"),
        (lambda: patience(0.1, -1), "below 0"),
        (lambda: choose_modes(FRAME.drop(columns="money")), "no column"),
        (lambda: choose_modes(FRAME.iloc[:0]), "no offer"),
        (lambda: choose_modes(pd.concat([FRAME, FRAME])), "offered twice"),
        (lambda: choose_modes(FRAME.assign(money=np.nan)), "number missing"),
        (lambda: choose_modes(FRAME, [Limit("van", "parcels", 3)]), "no column 'parcels'"),
        (lambda: choose_modes(FRAME, [Limit("shelf", "litres", -3)]), "0 or more"),
        (lambda: taken(pd.Series({"a": "on demand"}), FRAME), "a has no offer of mode 'on demand'"),
        (lambda: merge_offers(FRAME.assign(supplier=""), pd.Series({"b": "x"})), "no family"),
        (lambda: cautious([FRAME], pd.Series({"a": 1.0})), "2 or more"),
        (lambda: cautious([FRAME, FRAME], pd.Series({"a": 1.0}), level=1.0), "level is"),
        (lambda: SubscriptionMarket(join=(0.1,)), "join is"),
        (lambda: Terms(fresh=1.0), "fresh below 1"),
        (lambda: Terms(rate=pd.Series([0.0])), "rate has values"),
        (lambda: lifetime_value(1.0, 0.0, 0.0), "infinitely much"),
        (lambda: mixed_lifetime_value(1.0, 1.0, 1.0, 0.0), "above 0"),
        (lambda: uncertain_variance(1, 1, 1.2), "share is"),
        (lambda: until_delivery(["a"], np.ones((1, 2)), np.ones((1, 2)), [1]), "series, origins, days"),
        (lambda: until_delivery(["a"], np.ones((1, 2, 3)), np.ones((1, 2, 3)), [0]), "below 1"),
    ],
)
def test_bad_input_is_refused_in_words(act, words):
    with pytest.raises(SourcingError, match=words):
        act()
