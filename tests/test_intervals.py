"""Corner cases and statistics of intervals, sample paths and reconciliation; teaching tests are in the notebooks."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import lsq_linear
from scipy.special import ndtr
from scipy.stats import nbinom

from lepton_nb.demand.backtest import backtest, known_mean
from lepton_nb.demand.intervals import Calibrated, IntervalError, add_quantiles, conformal_levels, outcomes
from lepton_nb.demand.panel import Panel
from lepton_nb.demand.reconcile import (
    ReconcileError,
    SeasonalWindow,
    aggregate,
    aggregate_panel,
    error_variance,
    hierarchy,
    level_scores,
    reconcile,
    reconcile_backtest,
)

warnings.simplefilter("error")


def panel_of(y, stores=None, start="2024-01-01", censored=None):
    y = np.asarray(y, np.float32)
    stores = ["S"] * len(y) if stores is None else list(stores)
    ids = pd.Index([f"{s}/i{i}" for i, s in enumerate(stores)], name="unique_id")
    static = pd.DataFrame(
        {"store": stores, "item": [f"i{i}" for i in range(len(y))], "group": [str(i % 3) for i in range(len(y))]},
        index=ids,
    )
    return Panel(
        ids,
        pd.date_range(start, periods=y.shape[1], name="ds"),
        y,
        {},
        static,
        np.zeros(y.shape, bool) if censored is None else censored,
    )


def told(truth):
    class Told:
        def fit(self, panel, origin):
            return self

        def predict(self, panel, origin, horizon):
            return truth[:, origin : origin + horizon]

    return Told


def persistent(rng, shape, share):
    z = rng.normal(size=shape)
    for t in range(1, shape[-1]):
        z[..., t] = share * z[..., t - 1] + np.sqrt(1 - share**2) * z[..., t]
    return z


def world(seed=0, stores=4, products=15, T=1100, common=0.3, own=0.5, scale=1.0, continuous=False):
    """Correlate scores by own**k from day to day and by `common` between products of a store on a day."""
    rng = np.random.default_rng(seed)
    N, code = stores * products, np.repeat(np.arange(stores), products)
    truth = np.repeat(np.exp(rng.normal(scale, 0.8, N))[:, None], T, axis=1)
    z = np.sqrt(1 - common) * persistent(rng, (N, T), own) + np.sqrt(common) * persistent(rng, (stores, T), own)[code]
    if continuous:
        y = 100 * truth * np.exp(0.3 * z - 0.045)
        return panel_of(y, code.astype(str)), 100 * truth, z
    return panel_of(nbinom.ppf(ndtr(z), 2.0, 2.0 / (2.0 + truth)), code.astype(str)), truth, z


@pytest.fixture(scope="module")
def counted():
    panel, truth, _ = world()
    material = backtest(panel, {"m": told(truth)}, range(100, 900, 10), 10)
    return panel, truth, material, Calibrated.fit(material, panel)


def correlation(values):
    """Correlate residual arrays (n, N, H): one day apart in a series, and the same day in two series of a store."""
    e = (values - values.mean(axis=0)) / values.std(axis=0)
    return (e[:, :, 1:] * e[:, :, :-1]).mean(), (e[:, 0] * e[:, 1]).mean()


# marginals


def test_marginals_of_the_paths_are_the_quantiles(counted):
    panel, truth, _, cal = counted
    mean = truth[:, :6]
    taus = (0.05, 0.25, 0.5, 0.75, 0.95)
    drawn = np.quantile(cal.paths(mean, 4000, 1), taus, axis=0, method="inverted_cdf").transpose(1, 2, 0)
    assert (np.abs(drawn - cal.quantiles(mean, taus)) <= np.maximum(1, 0.06 * drawn)).mean() > 0.99
    assert np.allclose(cal.paths(mean, 4000, 1).mean(), mean.mean(), rtol=0.05)


def test_quantiles_ascend_and_are_whole_and_nonnegative(counted):
    _, truth, _, cal = counted
    q = cal.quantiles(truth[:, :5], np.linspace(0.01, 0.99, 25))
    assert q.shape == (60, 5, 25) and (np.diff(q, axis=2) >= 0).all() and (q >= 0).all() and (q == np.round(q)).all()


def test_later_outcomes_are_uniform_in_their_distribution(counted):
    panel, truth, _, cal = counted
    rows = outcomes(backtest(panel, {"m": told(truth)}, range(900, 1090, 10), 10), panel)
    places = cal.pit(rows)
    assert np.abs(np.histogram(places, 10, (0, 1))[0] / len(places) - 0.1).max() < 0.03


def test_dispersion_sharpens_where_products_differ():
    rng = np.random.default_rng(4)
    truth = np.full((40, 800), 5.0)
    lively = np.arange(40) % 2 == 0
    y = np.where(lively[:, None], nbinom.ppf(rng.random((40, 800)), 0.8, 0.8 / 5.8), rng.poisson(5.0, (40, 800)))
    panel = panel_of(y)
    cal = Calibrated.fit(backtest(panel, {"m": told(truth)}, range(370, 720, 10), 10), panel)
    q = cal.quantiles(truth[:, :1], (0.9,))[:, 0, 0]
    assert q[lively].mean() > 1.3 * q[~lively].mean()
    blind = Calibrated.fit(backtest(panel, {"m": told(truth)}, range(370, 720, 10), 10), panel, parts=1)
    bt = backtest(panel, {"m": told(truth)}, range(720, 790, 10), 10)
    loss = [add_quantiles(bt, c, panel, "m", (0.9,)).summary()["pinball 0.9"].item() for c in (cal, blind)]
    assert loss[0] < loss[1]


def test_continuous_sales_are_scaled_with_the_forecast():
    panel, truth, _ = world(continuous=True)
    bt = backtest(panel, {"m": told(truth)}, range(100, 900, 10), 10)
    cal = Calibrated.fit(bt, panel)
    assert not cal.counts
    later = add_quantiles(backtest(panel, {"m": told(truth)}, range(900, 1090, 10), 10), cal, panel, "m", (0.1, 0.9))
    assert abs(later.summary()["coverage 80%"].item() - 0.8) < 0.04
    ten = cal.quantiles(10 * truth[:, :1], (0.9,)) / cal.quantiles(truth[:, :1], (0.9,))
    assert np.median(np.abs(ten - 10)) < 0.5


# correlation


def test_correlations_of_counts_match_those_of_the_process(counted):
    _, truth, material, cal = counted
    mean = np.full((60, 10), 3.0)
    paths = cal.paths(mean, 3000, 2, variability=np.full(60, np.median(cal.variability)))
    rng = np.random.default_rng(3)
    code = np.repeat(np.arange(4), 15)
    z = (
        np.sqrt(0.7) * persistent(rng, (3000, 60, 10), 0.5)
        + np.sqrt(0.3) * persistent(rng, (3000, 4, 10), 0.5)[:, code]
    )
    real = nbinom.ppf(ndtr(z), 2.0, 2.0 / 5.0)
    for ours, theirs in zip(correlation(paths), correlation(real)):
        assert abs(ours - theirs) < 0.06
    e = (paths - paths.mean(axis=0)) / paths.std(axis=0)
    assert abs((e[:, 0] * e[:, 20]).mean()) < 0.06  # different stores share nothing here


@pytest.mark.parametrize("own,common", [(0.0, 0.0), (0.5, 0.3), (0.8, 0.1)])
def test_sums_over_days_have_the_right_variance(own, common):
    panel, truth, _ = world(seed=5, own=own, common=common, T=1000)
    cal = Calibrated.fit(backtest(panel, {"m": told(truth)}, range(90, 1000 - 14, 14), 14), panel)
    paths = cal.paths(truth[:, :14], 1500, 6).sum(axis=2)
    rng, code = np.random.default_rng(7), np.repeat(np.arange(4), 15)
    z = (
        np.sqrt(1 - common) * persistent(rng, (1500, 60, 14), own)
        + np.sqrt(common) * persistent(rng, (1500, 4, 14), own)[:, code]
    )
    real = nbinom.ppf(ndtr(z), 2.0, 2.0 / (2.0 + truth[:, :14])).sum(axis=2)
    assert abs(np.median(paths.std(axis=0) / real.std(axis=0)) - 1) < 0.1
    for s in range(4):
        assert 0.75 < paths[:, code == s].sum(axis=1).std() / real[:, code == s].sum(axis=1).std() < 1.25


def test_continuous_correlations_are_recovered():
    panel, truth, z = world(seed=8, continuous=True)
    cal = Calibrated.fit(backtest(panel, {"m": told(truth)}, range(100, 1090, 10), 10), panel)
    assert np.allclose(cal.total[:4], 0.5 ** np.arange(4), atol=0.05)
    assert np.allclose(cal.place[:3], 0.3 * 0.5 ** np.arange(3), atol=0.05) and abs(cal.far[0]) < 0.05


def test_sparse_counts_do_not_hide_their_correlation():
    panel, truth, _ = world(seed=9, scale=-0.7, T=1500)
    cal = Calibrated.fit(backtest(panel, {"m": told(truth)}, range(100, 1490, 10), 10), panel)
    assert panel.y.mean() < 0.8 and abs(cal.total[1] - 0.5) < 0.12 and abs(cal.place[0] - 0.3) < 0.08


def test_seeds_repeat_and_differ(counted):
    _, truth, _, cal = counted
    a, b, c = (cal.paths(truth[:, :5], 20, s) for s in (1, 1, 2))
    assert a.dtype == np.float32 and (a == b).all() and (a != c).any()


def test_paths_reach_beyond_the_horizon_of_the_fit(counted):
    _, truth, _, cal = counted
    assert cal.paths(truth[:, :40], 5, 0).shape == (5, 60, 40)


# conformal


@pytest.mark.parametrize("n", [19, 99])
def test_conformal_levels_cover_a_fresh_outcome(n):
    rng = np.random.default_rng(n)
    past, fresh = rng.beta(0.5, 0.5, (4000, n)), rng.beta(0.5, 0.5, 4000)  # places of a bad forecast: a bowl
    high = np.array([conformal_levels(row, np.array([0.9]))[0] for row in past])
    assert 0.885 < (fresh <= high).mean() < 0.9 + 1 / n + 0.015


def test_conforming_mends_a_bias(counted):
    panel, truth, material, _ = counted
    high = backtest(panel, {"m": told(1.3 * truth)}, range(900, 1090, 10), 10)
    wrong = Calibrated.fit(material, panel)
    mended = wrong.conform(backtest(panel, {"m": told(1.3 * truth)}, range(600, 900, 10), 10), panel)
    below = [
        (high.actual <= add_quantiles(high, c, panel, "m", (0.5,)).quantiles["m"][0.5]).mean() for c in (wrong, mended)
    ]
    honest = backtest(panel, {"m": told(truth)}, range(900, 1090, 10), 10)
    target = (honest.actual <= add_quantiles(honest, wrong, panel, "m", (0.5,)).quantiles["m"][0.5]).mean()
    assert below[0] - target > 0.08 and abs(below[1] - target) < 0.04


# material


def test_out_of_fold_rows_serve_as_well_as_a_backtest(counted):
    panel, truth, material, cal = counted
    o, n, h = np.indices(material.actual.shape)
    oof = {
        "forecast": material.forecasts["m"].ravel(),
        "outcome": material.actual.ravel(),
        "series": n.ravel(),
        "origin": np.array(material.origins)[o.ravel()],
        "step": h.ravel(),
    }

    class Fitted:
        pass

    fitted = Fitted()
    fitted.oof = pd.DataFrame(oof)
    same = Calibrated.fit(fitted, panel)
    assert np.allclose(same.table, cal.table) and np.allclose(same.total, cal.total)
    named = Calibrated.fit({**oof, "series": panel.ids.to_numpy()[n.ravel()], "step": h.ravel() + 1}, panel)
    assert np.allclose(named.table, cal.table)


def test_sold_out_days_keep_their_weight_above_their_sale():
    rng = np.random.default_rng(6)
    truth = np.full((30, 600), 6.0)
    demand = rng.poisson(truth)
    shelf = rng.integers(4, 14, demand.shape)
    panel = panel_of(np.minimum(demand, shelf), censored=demand >= shelf)
    bt = backtest(panel, {"m": told(truth)}, range(100, 590, 10), 10)
    rows = outcomes(bt, panel)
    assert rows.censored.mean() > 0.15 and len(rows.outcome) == bt.actual.size
    aware = Calibrated.fit(bt, panel).quantiles(truth[:, :1], (0.5, 0.8, 0.9)).mean(axis=(0, 1))
    naive = (
        Calibrated.fit(bt, panel_of(np.minimum(demand, shelf)))
        .quantiles(truth[:, :1], (0.5, 0.8, 0.9))
        .mean(axis=(0, 1))
    )
    right = np.quantile(demand, (0.5, 0.8, 0.9), method="inverted_cdf")
    assert np.abs(aware - right).max() < 0.6 and (naive[1:] < right[1:] - 0.4).all()


def test_thinned_rows_leave_no_holes_in_the_correlations(counted):
    panel, _, material, cal = counted
    o, n, h = np.indices(material.actual.shape)
    kept = ((h + o + n) % 3 == 0).ravel()
    thin = {
        "forecast": material.forecasts["m"].ravel()[kept],
        "outcome": np.float32(1 / 3) * material.actual.ravel()[kept] * 3,
        "series": n.ravel()[kept],
        "origin": np.array(material.origins)[o.ravel()][kept],
        "step": h.ravel()[kept] + 1,
    }
    same = Calibrated.fit(thin, panel)
    assert same.counts and same.total[0] == 1 and 0.05 < same.total[1] and abs(same.total[3] - cal.total[3]) < 0.05
    assert abs(same.place[0] - cal.place[0]) < 0.05 and abs(same.place[1] - cal.place[1]) < 0.05


def test_missing_material_is_one_sentence(counted):
    panel, truth, material, cal = counted
    with pytest.raises(IntervalError, match="no out-of-fold outcomes"):
        Calibrated.fit({"forecast": [1.0]}, panel)
    two = backtest(panel, {"a": told(truth), "b": told(truth)}, (100,), 5)
    with pytest.raises(IntervalError, match="name one"):
        Calibrated.fit(two, panel)
    with pytest.raises(IntervalError, match="not one outcome"):
        Calibrated.fit({"forecast": [1.0], "outcome": [np.nan], "series": [0], "origin": [5], "step": [0]}, panel)
    with pytest.raises(IntervalError, match="levels lie between 0 and 1"):
        cal.quantiles(truth[:, :2], (0.5, 1.0))
    with pytest.raises(IntervalError, match="for other series than those of the fit"):
        cal.paths(truth[:3, :2], 2, 0)


@pytest.mark.parametrize(
    "y",
    [
        np.zeros((3, 60)),  # never sold
        np.full((1, 10), 2.0),  # one series, ten days
        np.vstack([np.full(60, np.nan), np.arange(60.0) % 3]),  # one not yet on sale
        np.random.default_rng(0).gamma(2, 50, (2, 30)),  # little and continuous
    ],
)
def test_small_and_odd_panels(y):
    panel = panel_of(y)
    mean = np.nan_to_num(np.repeat(known_mean(y, axis=1)[:, None], y.shape[1], axis=1))
    cal = Calibrated.fit(backtest(panel, {"m": told(mean)}, range(4, y.shape[1], 1), 1), panel)
    q, x = cal.quantiles(mean[:, :1], (0.1, 0.5, 0.9)), cal.paths(mean[:, :1], 7, 0)
    assert q.shape == (len(y), 1, 3) and x.shape == (7, len(y), 1) and np.isfinite(q).all() and np.isfinite(x).all()
    if not np.nansum(y):
        assert (q == 0).all() and (x == 0).all()
    assert cal.paths(mean[:, :8], 3, 0).shape == (3, len(y), 8)


def test_a_forecast_of_zero_stays_zero_only_where_it_always_did():
    y = np.zeros((2, 300))
    y[1] = np.random.default_rng(0).poisson(2, 300)
    panel = panel_of(y)
    truth = np.array([0.0, 2.0])[:, None] * np.ones(300)
    cal = Calibrated.fit(backtest(panel, {"m": told(truth)}, range(50, 290, 7), 7), panel)
    assert cal.paths(truth[:, :7], 200, 0)[:, 0].max() == 0
    wrong = Calibrated.fit(backtest(panel, {"m": told(0 * truth)}, range(50, 290, 7), 7), panel)
    assert wrong.quantiles(0 * truth[:, :7], (0.9,)).max() > 0


# reconciliation


def test_coherent_and_closed_form_on_a_hand_instance():
    tree = hierarchy(pd.DataFrame({"store": ["N", "N", "S"]}), ("chain", "store"))
    done = reconcile(
        np.array([[4.0], [2.0], [1.0]]), np.array([[9.0], [np.nan], [np.nan]]), tree, np.ones(3), np.ones(3)
    )
    assert np.allclose(done.ravel(), [4.5, 2.5, 1.5])  # gap 2 over 3 + 1
    sums = aggregate(done, tree)
    assert np.isclose(sums[0], sums[1] + sums[2]).all()


def test_nothing_moves_when_totals_already_agree():
    rng = np.random.default_rng(0)
    tree = hierarchy(pd.DataFrame({"store": rng.choice(list("ab"), 9), "group": rng.choice(list("xy"), 9)}))
    b = rng.gamma(2, 1, (9, 4))
    assert np.allclose(reconcile(b, aggregate(b, tree), tree, np.ones(9), np.ones(len(tree))), b)


@pytest.mark.parametrize("seed", range(5))
def test_nonnegative_answers_are_close_to_the_best_nonnegative_ones(seed):
    rng = np.random.default_rng(seed)
    tree = hierarchy(pd.DataFrame({"store": rng.choice(list("abc"), 30), "group": rng.choice(list("xy"), 30)}))
    b, w, v = rng.gamma(0.5, 2, (30, 1)), rng.gamma(1, 1, 30) + 0.1, rng.gamma(2, 1, len(tree)) + 0.1
    a = 0.5 * aggregate(b, tree)
    S = np.vstack([aggregate(np.eye(30), tree), np.eye(30)]) / np.sqrt(np.concatenate([v, w]))[:, None]
    target = np.concatenate([a[:, 0], b[:, 0]]) / np.sqrt(np.concatenate([v, w]))
    best = lsq_linear(S, target, bounds=(0, np.inf))
    ours = reconcile(b, a, tree, w, v)[:, 0]
    loss, start = ((S @ ours - target) ** 2).sum() / 2, ((S @ b[:, 0] - target) ** 2).sum() / 2
    assert (ours >= 0).all() and loss <= best.cost * 1.02 + 1e-9 and best.cost < 0.5 * start


def test_aggregated_panel_keeps_unknown_and_averages_covariates():
    y = np.array([[np.nan, 1.0, 2.0], [np.nan, np.nan, 3.0]])
    panel = panel_of(y, "SS")
    panel.known["price"] = np.array([[1.0, 1, 2], [np.nan, 3, 4]], np.float32)
    panel.known["event"] = np.array([0.0, 1, 0], np.float32)
    top = aggregate_panel(panel, hierarchy(panel.static, ("chain",)))
    assert np.allclose(top.y, [[np.nan, 1, 5]], equal_nan=True) and np.allclose(top.known["price"], [[1, 2, 3]])
    assert top.known["event"].tolist() == [0, 1, 0] and list(top.ids) == ["chain:all"]


@pytest.mark.parametrize("days", [1, 5, 10])
def test_seasonal_window_on_short_histories(days):
    panel = panel_of(np.ones((2, days + 3)) * [[0.0], [2.0]])
    out = SeasonalWindow().predict(panel, days, 3)
    assert np.allclose(out, [[0.0] * 3, [2.0] * 3])


def test_reconciling_a_backtest_keeps_its_shape_and_checks_its_origins(counted):
    panel, truth, material, _ = counted
    tree = hierarchy(panel.static, ("chain", "store"))
    top = aggregate_panel(panel, tree)
    a, b = (backtest(top, {"w": SeasonalWindow}, o, 10) for o in ((500, 510), (520, 530)))
    s, t = (backtest(panel, {"m": told(truth)}, o, 10) for o in ((500, 510), (520, 530)))
    joined = reconcile_backtest(t, "m", b, "w", tree, error_variance(s, "m"), error_variance(a, "w"))
    assert joined.forecasts["reconciled"].shape == t.actual.shape and set(level_scores(joined, b, tree)["level"]) == {
        "series",
        "chain",
        "store",
    }
    with pytest.raises(ReconcileError, match="same ones"):
        reconcile_backtest(s, "m", b, "w", tree, error_variance(s, "m"), error_variance(a, "w"))


def test_wrong_levels_shapes_and_variances_are_refused():
    static = pd.DataFrame({"store": ["a", "b"]})
    with pytest.raises(ReconcileError, match="level 'region'"):
        hierarchy(static, ("region",))
    tree = hierarchy(static, ("chain",))
    with pytest.raises(ReconcileError, match="same numbers of rows"):
        reconcile(np.ones((3, 1)), np.ones((1, 1)), tree, np.ones(3), np.ones(1))
    with pytest.raises(ReconcileError, match="at least 0"):
        reconcile(np.ones((2, 1)), np.ones((1, 1)), tree, np.array([1.0, -1.0]), np.ones(1))
