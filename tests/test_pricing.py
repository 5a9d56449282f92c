"""Corner cases of partialling, elasticity and pricing: known answers, peers, properties, what is refused."""

import importlib.util
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from lepton_nb.business.elasticity import (
    CONSTANT,
    TOGETHER,
    Estimates,
    Market,
    estimate,
    market_from_series,
    naive,
    promotion_money,
    pull_forward,
)
from lepton_nb.business.partialling import ElasticityError, beyond, cross_fit, regress, shrink
from lepton_nb.cases.retail.pricing import (
    Limits,
    Offer,
    PricingError,
    _candidates,
    earned,
    fixed_markup,
    gain,
    lerner_price,
    market_from_tables,
    offer_from,
    plan_prices,
    rungs,
    shelf_prices,
    solve_prices,
    turnover_share,
)


def chain(
    elasticity=(-2.0, -1.0, -1.5), lift=0.3, dip=0.0, cross=0.0, level=(60.0, 20.0, 8.0), days=600, seed=1, shelf=None
):
    """Two stores, items of one group with promotions every few weeks.

    The price falls in the season, as managers do it.
    """
    rng, I, t = np.random.default_rng(seed), len(elasticity), np.arange(days)  # noqa: E741 - the letter of the formula
    season = 0.4 * np.sin(2 * np.pi * t / 365.25)
    promotion, log_price = np.zeros((I, days)), np.zeros((I, days))
    for i in range(I):
        log_price[i] = (
            0.04 * np.cumsum(rng.random(days) < 1 / 60) * rng.choice([-1, 1]) - 0.05 * np.round(season / 0.2) * 0.5
        )
        for first in range(20 + 9 * i, days - 14, 45):
            promotion[i, first : first + 7], log_price[i, first : first + 7] = (
                1,
                log_price[i, first] - rng.uniform(0.05, 0.35),
            )
    after = np.zeros_like(promotion)
    for i in range(I):
        for last in np.flatnonzero((promotion[i, :-1] > 0) & (promotion[i, 1:] == 0)):
            after[i, last + 1 : last + 8] = 1
    other = np.roll(log_price, 1, axis=0)
    eta = (
        np.log(np.array(level))[:, None]
        + season
        + np.array(elasticity)[:, None] * log_price
        + lift * promotion
        - dip * after
    )
    eta[1] += cross * other[1]
    eta[0] += cross * log_price[1]
    demand = rng.poisson(np.exp(np.stack([eta, eta - 0.5]))).astype(float)
    units = (
        demand
        if shelf is None
        else np.minimum(
            demand,
            shelf * np.exp(np.stack([eta - lift * promotion, eta - 0.5 - lift * promotion]).mean(2, keepdims=True)),
        )
    )
    price = np.broadcast_to(np.exp(log_price) * 2, units.shape).copy()
    return Market(
        pd.Index([f"item {i}" for i in range(I)]),
        pd.Index(["a", "b"]),
        pd.date_range("2022-01-03", periods=days),
        np.full(I, "all"),
        np.floor(units),
        price,
        np.broadcast_to(promotion, units.shape).copy(),
        (np.floor(units) < demand),
    )


def one_item(market, k):
    return replace(
        market,
        items=market.items[k : k + 1],
        groups=market.groups[k : k + 1],
        **{name: getattr(market, name)[:, k : k + 1] for name in ("units", "price", "promotion", "censored")},
    )


def test_known_elasticities_lie_in_their_intervals():
    found = [estimate(chain(seed=seed)).table for seed in (1, 2, 3, 4)]
    inside = np.array(
        [
            [(t.low < true).to_numpy() & (true < t.high).to_numpy()]
            for t in found
            for true in [np.array([-2.0, -1.0, -1.5])]
        ]
    )
    assert inside.mean() >= 0.8
    assert abs(np.mean([t.elasticity.iloc[0] for t in found]) + 2.0) < 0.15
    assert all(((t.promotion_low < 0.3) & (0.3 < t.promotion_high)).mean() > 0.5 for t in found)


def foreign():
    """Load the benchmark's worlds that are not built from the estimator's own terms."""
    place = Path(__file__).parents[1] / "benchmarks" / "foreign.py"
    if not place.is_file():
        pytest.skip("the benchmarks are not at hand")
    spec = importlib.util.spec_from_file_location("foreign", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "world, shared, least", [("hinge", 1, 0.8), ("other noise", 1, 0.75), ("no harmonics", 4, 0.8)]
)
def test_intervals_hold_in_worlds_that_are_not_made_of_the_estimators_terms(world, shared, least):
    made, inside, items = foreign(), 0, 0
    for seed in (101, 102):
        market, temperature, truth = made.foreign_world(seed, made.WORLDS[world])
        table = estimate(market, temperature=temperature, shared=shared).table
        row = made.covered(table[table["status"] == ""], truth, world, "ours", seed)
        inside, items = inside + row["inside"], items + row["items"]
    assert items >= 30 and inside / items >= least


def test_wider_clusters_widen_the_intervals_where_the_season_moves_in_steps():
    made = foreign()
    market, temperature, _ = made.foreign_world(103, made.WORLDS["no harmonics"])
    one, four = (estimate(market, temperature=temperature, shared=shared).table for shared in (1, 4))
    assert np.allclose(one["elasticity"], four["elasticity"])
    assert (four["high"] - four["low"]).median() > 1.1 * (one["high"] - one["low"]).median()
    with pytest.raises(ElasticityError, match="shared is 0"):
        estimate(market, shared=0)


def test_a_dip_after_promotions_is_found_where_there_is_one():
    none, some = (pull_forward(estimate(chain(dip=d, level=(60, 40, 50)))) for d in (0.0, 0.2))
    assert none.low[0] < 0 < none.high[0] or abs(none.effect[0]) < 0.02
    assert some.high[0] < 0 and abs(some.effect[0] + 0.2) < 0.06 and abs(some.effect[1]) < 0.06


def test_a_dip_costs_money():
    cost = pd.Series(1.2, index=[f"item {i}" for i in range(3)])
    without, dipped = (promotion_money(m := chain(dip=d, level=(60, 40, 50)), estimate(m), cost) for d in (0.0, 0.25))
    assert (dipped.pull_forward < 0).all() and (dipped.pull_forward < without.pull_forward).all()
    assert (dipped.low <= dipped.net).all() and (dipped.net <= dipped.high).all()


def test_substitutes_are_found_by_their_cross_elasticity():
    t = estimate(chain(cross=0.8, level=(80, 60, 40))).table
    assert t.substitute["item 0"] == "item 1" and t.substitute["item 1"] == "item 0"
    assert t.cross_low["item 0"] < 0.8 < t.cross_high["item 0"] + 0.2
    assert estimate(chain(cross=0.0, level=(80, 60, 40))).table.substitute.isna().sum() >= 2


def test_empty_shelves_bias_less_when_they_are_marked():
    m = chain(level=(60, 40, 50), shelf=1.25, seed=5)
    assert m.censored.mean() > 0.05
    marked, blind = (
        estimate(x).table.elasticity.to_numpy() for x in (m, replace(m, censored=np.zeros_like(m.censored)))
    )
    truth = np.array([-2.0, -1.0, -1.5])
    assert np.abs(marked - truth).mean() < np.abs(blind - truth).mean()


def test_naive_regression_takes_the_promotion_for_the_price():
    m = chain(seed=6)
    assert naive(m).elasticity.mean() < estimate(m).table.elasticity.mean() - 0.3


def test_words_instead_of_numbers():
    m = chain()
    constant = replace(m, price=np.full_like(m.price, 2.0))
    assert (estimate(constant).table.status == CONSTANT).all() and estimate(constant).table.elasticity.isna().all()
    tied = replace(m, price=np.where(m.promotion > 0, 1.6, 2.0))
    t = estimate(tied).table
    assert (t.status == TOGETHER).all() and t.elasticity.isna().all() and t.promotion.notna().all()
    with pytest.raises(PricingError, match=CONSTANT):
        offer_from(constant, estimate(constant).table.assign(elasticity=-1.0, se=0.1), pd.Series(1.0, index=m.items))
    with pytest.raises(ElasticityError, match="own_and_cross"):
        estimate(m.until(40))
    with pytest.raises(ElasticityError, match="at least 3"):
        shrink(np.array([-1.0, np.nan]), np.array([0.1, np.nan]), np.array(["a", "a"]))


def test_an_item_that_never_sold_is_left_alone():
    m = chain()
    units = m.units.copy()
    units[:, 2] = 0
    t = estimate(replace(m, units=units)).table
    assert np.isfinite(t.elasticity.iloc[:2]).all()
    lone = estimate(one_item(m, 0)).table
    assert lone.substitute.isna().all() and np.isfinite(lone.elasticity).all()


def test_cross_fitting_never_sees_the_row_it_predicts():
    class Memory:
        def fit(self, X, y, sample_weight=None):
            self.seen = set(X[:, 0])
            return self

        def predict(self, X):
            assert not self.seen & set(X[:, 0])
            return np.zeros(len(X))

    X = np.arange(100.0)[:, None]
    left = cross_fit(np.ones((100, 2)), X, np.ones(100), np.arange(100) // 10, Memory)
    assert (left == 1).all()


def test_sandwich_and_jackknife_agree_on_many_clusters():
    rng = np.random.default_rng(2)
    D, cluster = rng.normal(size=(4000, 2)), np.repeat(np.arange(400), 10)
    z = D @ [1.0, -2.0] + rng.normal(size=400)[cluster] + rng.normal(size=4000)
    one, two = (regress(z, D, np.ones(4000), cluster, form) for form in ("jackknife", "sandwich"))
    assert np.allclose(one.theta, two.theta) and np.allclose(
        np.diag(one.covariance) / np.diag(two.covariance), 1, atol=0.05
    )


def test_the_same_as_the_doubleml_package():
    doubleml = pytest.importorskip("doubleml")
    rng = np.random.default_rng(3)
    n, block = 300, np.arange(300) // 10
    X = rng.normal(size=(n, 4))
    d = X @ [0.5, -0.2, 0.1, 0] + rng.normal(size=n)
    y = -1.5 * d + X @ [1, 1, 0, -1] + rng.normal(size=n)
    R = cross_fit(np.column_stack([y, d]), X, np.ones(n), block, LinearRegression)
    ours = regress(R[:, 0], R[:, 1:], np.ones(n), np.arange(n), "sandwich")
    theirs = doubleml.DoubleMLPLR(
        doubleml.DoubleMLData.from_arrays(X, y, d),
        LinearRegression(),
        LinearRegression(),
        n_folds=5,
        score="partialling out",
    )
    fold = block % 5
    theirs.set_sample_splitting([[(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)]])
    theirs.fit()
    assert np.isclose(ours.theta[0], theirs.coef[0], atol=1e-9) and np.isclose(
        np.sqrt(ours.covariance[0, 0]), theirs.se[0], rtol=1e-6
    )


@pytest.mark.parametrize("mean, size, sold", [(3.0, 2.0, 4), (20.0, 15.0, 30), (0.4, 1.5, 1), (8.0, 50.0, 0)])
def test_expected_demand_beyond_sales(mean, size, sold):
    draws = np.random.default_rng(0).negative_binomial(size, size / (size + mean), 500_000)
    draws = draws[draws >= sold]
    first, left = beyond(np.array(mean), np.array(float(sold)), np.array(size))
    assert abs(first - draws.mean()) < 0.02 * max(draws.mean(), 1) and abs(
        left * (mean + mean**2 / size) - draws.var()
    ) < 0.04 * max(draws.var(), 1)


def test_a_market_from_series_is_that_from_tables():
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.DataFrame(
        [
            (d, s, i, "store", float(k + 1), 2.0 + k, False)
            for k, (d, s, i) in enumerate(product(days, "ab", ["x/y", "z"]))
        ],
        columns=["date", "store", "item", "channel", "units", "price", "promotion"],
    )
    tables = {
        "sales": pd.concat([sales, sales.assign(channel="online", units=1.0)]),
        "items": pd.DataFrame({"item": ["x/y", "z"], "group": ["g", "h"]}),
    }
    one = market_from_tables(tables)
    ids = pd.Index([f"{s}/{i}" for s in "ab" for i in ["x/y", "z"]])

    def lay(name):
        return sales.pivot_table(index=["store", "item"], columns="date", values=name).to_numpy()

    two = market_from_series(
        ids, days, lay("units") + 1, lay("price"), np.zeros((4, 40)), np.zeros((4, 40), bool), pd.Series(["g", "h"] * 2)
    )
    assert (
        np.array_equal(one.units, two.units)
        and np.array_equal(one.price, two.price)
        and one.items.equals(two.items)
        and list(one.groups) == list(two.groups)
    )
    with pytest.raises(ElasticityError, match="dates"):
        market_from_tables({**tables, "sales": sales[sales.date < days[5]]})


def test_draws_have_the_covariance_of_the_estimates():
    theta, root = np.array([[-1.5, 0.3, np.nan, 0.0, 0.2, np.nan]]), np.zeros((6, 6))
    root[0, 0], root[1, 0], root[1, 1] = 0.3, -0.1, 0.05
    made = Estimates(pd.DataFrame(), theta, (root @ root.T)[None]).draw(20_000, 1)[:, 0]
    assert np.allclose(made.mean(0)[:2], [-1.5, 0.3], atol=0.01) and np.allclose(
        np.cov(made[:, :2].T), (root @ root.T)[:2, :2], atol=0.003
    )
    assert (made[:, 2] == 0).all()


# Prices


def offer(n=4, draws=3, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    price = rng.choice([0.99, 1.49, 1.99, 2.49, 3.29], n)
    partner = np.array([i + 1 if i % 2 == 0 and i + 1 < n else i - 1 if i % 2 else -1 for i in range(n)])
    return Offer(
        pd.Index([f"i{k}" for k in range(n)]),
        np.full(n, "all") if groups is None else np.array(groups),
        price,
        price * rng.uniform(0.55, 0.8, n),
        rng.uniform(2, 30, n),
        -rng.uniform(0.7, 3, (draws, n)),
        partner,
        rng.uniform(0, 0.7, (draws, n)) * (partner >= 0),
        np.ones(n, bool),
    )


def brute(o, limits):
    weight, best = turnover_share(o), -np.inf
    for combination in product(*_candidates(o, limits)):
        p = np.array(combination)
        change = [weight[o.groups == g] @ (p / o.price - 1)[o.groups == g] for g in np.unique(o.groups)]
        fits = all(limits.index[0] - 1 - 1e-9 <= c <= limits.index[1] - 1 + 1e-9 for c in change)
        if fits and (limits.max_changes is None or (np.abs(p - o.price) > 0.004).sum() <= limits.max_changes):
            best = max(best, gain(o, p).mean())
    return best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "limits",
    [
        Limits(max_changes=None, index=(0.9, 1.1)),
        Limits(max_changes=2, min_margin=0.2),
        Limits(index=(0.99, 1.0), max_change=0.2),
    ],
)
def test_the_program_finds_what_trying_everything_finds(seed, limits):
    o = offer(5, seed=seed, groups=["a", "a", "b", "b", "b"])
    assert np.isclose(gain(o, solve_prices(o, limits, gap=0)).mean(), brute(o, limits), atol=1e-6)


def test_one_sided_substitutes_are_counted_too():
    o = replace(offer(4, seed=9), partner=np.array([1, 2, -1, 2]))
    o = replace(o, cross=np.abs(o.cross) * (o.partner >= 0) + 0.3 * (o.partner >= 0))
    limits = Limits(index=(0.9, 1.1), max_changes=3)
    assert np.isclose(gain(o, solve_prices(o, limits, gap=0)).mean(), brute(o, limits), atol=1e-6)
    fixed = replace(o, free=np.array([True, False, True, True]))
    assert np.isclose(gain(fixed, solve_prices(fixed, limits, gap=0)).mean(), brute(fixed, limits), atol=1e-6)


@pytest.mark.parametrize("elasticity, cost", [(-1.8, 1.0), (-3.0, 2.0), (-5.0, 4.0)])
def test_a_fine_ladder_gives_the_lerner_price(elasticity, cost):
    one = Offer(
        pd.Index(["x"]),
        np.array(["g"]),
        np.array([cost * 1.3]),
        np.array([cost]),
        np.array([10.0]),
        np.array([[elasticity]]),
        np.array([-1]),
        np.zeros((1, 1)),
        np.array([True]),
    )
    wide = Limits(max_change=0.99, min_margin=0, max_changes=None, index=(0.0, 9.0), step=0.01, ending=0, most=2000)
    assert abs(solve_prices(one, wide, gap=0)[0] - lerner_price(cost, elasticity)) <= 0.011


def test_every_limit_is_kept():
    o = offer(12, seed=3, groups=["a"] * 6 + ["b"] * 6)
    limits = Limits(max_changes=5, max_change=0.15, min_margin=0.25, index=(0.99, 1.0))
    plan = plan_prices(replace(o, elasticity=np.repeat(o.elasticity, 10, 0), cross=np.repeat(o.cross, 10, 0)), limits)
    moved = np.abs(plan.price - o.price) > 0.004
    assert moved.sum() <= 5 and (np.abs(plan.price / o.price - 1) <= 0.15 + 1e-9).all()
    assert (1 - o.cost / plan.price >= 0.25 - 1e-9)[moved].all() and np.allclose(
        (plan.price[moved] - 0.09) / 0.1, np.round((plan.price[moved] - 0.09) / 0.1)
    )
    for g in "ab":
        assert -0.01 - 1e-9 <= turnover_share(o)[o.groups == g] @ (plan.price / o.price - 1)[o.groups == g] <= 1e-9
    assert len(plan.table()) == moved.sum()


def test_nothing_is_changed_where_nothing_is_certain():
    rng = np.random.default_rng(4)
    o = offer(6, draws=200, seed=4)
    hopeless = replace(o, elasticity=np.minimum(-1 / (1 - o.cost / o.price) + 3 * rng.normal(size=(200, 6)), -0.1))
    assert (plan_prices(hopeless, cautions=(5.0,)).price == o.price).all()


def test_promotions_and_labels_stay_as_planned():
    m = chain()
    o = replace(offer(3), items=m.items, price=np.array([2.0, 2.0, 2.0]), partner=np.full(3, -1))
    new = shelf_prices(m, o, np.array([2.2, 2.0, 1.8]), Limits())
    assert np.array_equal(new[m.promotion > 0.5], m.price[m.promotion > 0.5]) and np.array_equal(
        new[:, 1], m.price[:, 1]
    )
    assert (earned(m, m.units, m.price, o.cost, np.full(3, -2.0), o.partner, np.zeros(3)) == 0).all()


def test_the_rule_of_thumb_keeps_the_band():
    o = offer(10, seed=5)
    assert -0.03 - 1e-9 <= turnover_share(o) @ (fixed_markup(o) / o.price - 1) <= 1e-9


@pytest.mark.parametrize(
    "wrong, word",
    [
        ({"index": (1.01, 1.2)}, "index"),
        ({"index": (0.5, 0.9)}, "index"),
        ({"max_change": 1.0}, "max_change"),
        ({"min_margin": -0.1}, "min_margin"),
        ({"step": -1}, "step"),
        ({"ending": 0.5}, "ending"),
    ],
)
def test_limits_that_make_no_plan_are_refused(wrong, word):
    with pytest.raises(PricingError, match=word):
        Limits(**wrong)


def test_the_ladder():
    assert rungs(0.5, 0.85, Limits()).tolist() == [0.59, 0.69, 0.79] and len(rungs(1.0, 1.05, Limits())) == 0
    assert rungs(0.0, 0.3, Limits(step=0.1, ending=0)).tolist() == [0.1, 0.2, 0.3]
