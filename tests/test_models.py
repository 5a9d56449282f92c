"""Corner cases of features and models: leaks, short and odd panels, errors in a user's words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.features import closed_days, features, history, windows
from lepton_nb.demand.intervals import Calibrated
from lepton_nb.demand.linear import Ridge
from lepton_nb.demand.models import MODELS, Ensemble, fit_all
from lepton_nb.demand.network import Network
from lepton_nb.demand.panel import Panel, PanelError
from lepton_nb.demand.rows import Rows, training, training_origins
from lepton_nb.demand.scrutiny import complexity, drivers
from lepton_nb.demand.trees import Boosting, Forest

SMALL = {
    "boosting": lambda: Boosting(trees=8),
    "forest": lambda: Forest(trees=4, rows=Rows(limit=3000)),
    "network": lambda: Network(rows=Rows(limit=2000), rounds=2),
    "accurate": lambda: Ensemble(members=[(0.6, Boosting(trees=8)), (0.4, Ridge())]),
}
ALL = {name: SMALL.get(name, make) for name, make in MODELS.items()}


def chain(stores: int = 2, items: int = 5, days: int = 420, seed: int = 0, horizon: int = 14) -> Panel:
    """Return a panel with price, promotion, events, censoring and items that start late."""
    rng = np.random.default_rng(seed)
    ds = pd.date_range("2025-01-01", periods=days + horizon, name="ds")
    ids = pd.Index([f"s{s}/i{i}" for s in range(stores) for i in range(items)], name="unique_id")
    shape = len(ids), len(ds)
    promotion = (rng.random(shape) < 0.05).astype(np.float32)
    price = np.where(promotion > 0, 1.5, 2.0).astype(np.float32) * rng.uniform(1, 3, (shape[0], 1)).astype(np.float32)
    mean = rng.uniform(0.3, 12, (shape[0], 1)) * (1 + 0.4 * (ds.dayofweek >= 4)) * (1 + promotion)
    y = rng.poisson(mean).astype(np.float32)
    y[:, days:] = np.nan
    y[1, :300] = np.nan
    y[2, :days] = np.nan  # has not sold yet
    event = ((ds.month == 4) & (ds.day == 10)).astype(np.float32)
    static = pd.DataFrame(
        {"store": ids.str[:2], "item": ids.str[3:], "group": [f"g{int(i[-1]) % 2}" for i in ids]}, index=ids
    )
    censored = (rng.random(shape) < 0.05) & np.isfinite(y)
    return Panel(
        ids,
        ds,
        y,
        {"price": price, "promotion": promotion, "event_fair": event, "school": (ds.month == 8).astype(np.float32)},
        static,
        censored,
    )


@pytest.fixture(scope="module")
def panel() -> Panel:
    return chain()


def with_noise(panel: Panel, origin: int) -> Panel:
    """Overwrite all that is not known at the origin: demand, stock-outs."""
    rng, future = np.random.default_rng(9), np.arange(len(panel.ds)) >= origin
    return replace(
        panel,
        y=np.where(future, rng.exponential(40, panel.y.shape), panel.y).astype(np.float32),
        censored=np.where(future, rng.random(panel.y.shape) < 0.5, panel.censored),
    )


@pytest.mark.parametrize("name", list(ALL))
def test_the_future_overwritten_with_noise_changes_no_forecast(panel, name):
    origin = 380
    noisy = with_noise(panel, origin)
    first, second = (ALL[name]().fit(p, origin).predict(p, origin, 14) for p in (panel, noisy))
    assert np.array_equal(first, second)
    assert np.array_equal(first, ALL[name]().fit(panel.cut(origin), origin).predict(panel.cut(origin), origin, 14))
    assert first.shape == (10, 14) and np.isfinite(first).all() and (first >= 0).all()


def test_out_of_fold_rows_do_not_see_the_future_either(panel):
    model, other = Ridge().fit(panel, 380), Ridge().fit(with_noise(panel, 380), 380)
    pd.testing.assert_frame_equal(model.oof, other.oof)
    assert (model.oof["origin"] + model.oof["step"] <= 380).all()


def test_out_of_fold_rows_come_from_the_other_block(panel):
    model = Ridge().fit(panel, 380)
    for block in (0, 1):
        chunks = [c for c in training(history(panel), 380, model.rows, model.power) if c.block != block]
        alone = Ridge()
        alone.start()
        for c in chunks:
            alone.take(c)
        alone.finish()
        assert np.allclose(alone.beta, model.without[block][0], atol=1e-5)


def young(days: int = 660, series: int = 60, seed: int = 0) -> Panel:
    """Return a panel without trend or season of the year, of which the first year has no year behind it."""
    rng, ds = np.random.default_rng(seed), pd.date_range("2024-01-01", periods=days, name="ds")
    mean = rng.uniform(5, 20, (series, 1)) * np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.5, 0.8])[ds.dayofweek]
    names = np.repeat([f"p{i % 4}/i{i}" for i in range(series)], days)
    return Panel.from_frames(
        pd.DataFrame({"unique_id": names, "ds": np.tile(ds, series), "y": rng.poisson(mean).ravel().astype(float)})
    )


@pytest.mark.parametrize("name", ["boosting", "forest"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_gap_is_no_large_value_to_trees_that_never_saw_one(name, seed):
    panel = young(seed=seed)
    oof = MODELS[name]().fit(panel, 660).oof
    first = oof["origin"] < np.median(oof["origin"].unique())
    for part in (oof[first], oof[~first]):
        assert abs(part["forecast"].sum() / part["outcome"].sum() - 1) < 0.03


def test_quantiles_of_a_history_under_two_years_are_exceeded_as_often_as_they_say():
    tails = []
    for seed in range(3):
        whole = young(days=688, seed=seed)
        noise = np.random.default_rng(seed).lognormal(0, 0.2, whole.y.shape)
        whole = replace(whole, y=(whole.y * noise).astype(np.float32))
        panel, came = whole.cut(660), whole.y[:, 660:]
        model = MODELS["accurate"]().fit(panel, 660)
        ends = Calibrated.fit(model, panel).quantiles(model.predict(panel, 660, 28), [0.1, 0.9])
        tails.append([(came < ends[..., 0]).mean(), (came > ends[..., 1]).mean()])
    assert np.abs(np.mean(tails, axis=0) - 0.1).max() < 0.015, "half the data are enough to tell how far forecasts miss"


def test_fitted_once_predicts_at_later_origins_and_other_horizons(panel):
    model = SMALL["accurate"]().fit(panel, 350)
    h = history(panel)
    for origin, horizon in ((350, 14), (377, 1), (420, 14)):
        assert np.array_equal(model.predict(panel, origin, horizon), model.predict(h, origin, horizon))


def test_same_seed_same_forecast(panel):
    for name in ("forest", "network", "accurate"):
        a, b = (ALL[name]().fit(panel, 380).predict(panel, 380, 7) for _ in range(2))
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("days", [4, 10, 40])
def test_short_history(name, days):
    short = chain(days=days, horizon=3)
    out = ALL[name]().fit(short, days).predict(short, days, 3)
    assert np.isfinite(out).all() and (out >= 0).all() and (days < 10 or 0 < out.mean() < 60)


def test_too_short_a_history_says_so():
    with pytest.raises(PanelError, match="at least 4 periods"):
        Ridge().fit(chain(days=3), 3)
    empty = chain(days=30)
    with pytest.raises(PanelError, match="at least 4 periods with demand"):
        Ridge().fit(replace(empty, y=np.full_like(empty.y, np.nan), censored=np.zeros_like(empty.censored)), 30)


@pytest.mark.parametrize("name", ["linear", "ridge", "accurate", "network"])
def test_one_series_without_covariates(name):
    days = pd.date_range("2025-01-01", periods=200)
    one = Panel.from_frames(
        pd.DataFrame({"unique_id": "only", "ds": days, "y": 10 + 5.0 * (days.dayofweek == 5)}), horizon=7
    )
    out = (Network if name == "network" else ALL[name])().fit(one, 200).predict(one, 200, 7)
    assert out.shape == (1, 7) and abs(out.mean() - one.y[0, :196].mean()) < 2.5


def test_one_series_learns_its_weekday():
    days = pd.date_range("2025-01-01", periods=200)
    one = Panel.from_frames(
        pd.DataFrame({"unique_id": "only", "ds": days, "y": 10 + 5.0 * (days.dayofweek == 5)}), horizon=7
    )
    out = Ridge().fit(one, 200).predict(one, 200, 7)[0]
    assert out.argmax() == int(np.flatnonzero(one.ds[200:].dayofweek == 5)[0])


def test_missing_covariates(panel):
    known = dict(panel.known)
    known["price"] = np.where(np.random.default_rng(1).random(panel.y.shape) < 0.3, np.nan, known["price"])
    known["price"][3] = np.nan  # never priced
    known["price"][:, 400:] = np.nan  # no price list for the future
    known["promotion"] = np.where(np.arange(len(panel.ds)) < 400, known["promotion"], np.nan)
    known["school"] = np.full(len(panel.ds), np.nan, np.float32)
    model = SMALL["accurate"]()
    holes = replace(panel, known=known)
    assert np.isfinite(model.fit(holes, 400).predict(holes, 400, 14)).all()


def test_unknown_future_price_is_the_last_regular_one(panel):
    known = dict(panel.known, price=panel.known["price"].copy())
    known["price"][:, 400:] = np.nan
    known["promotion"] = np.where(np.arange(len(panel.ds)) == 399, 1, known["promotion"]).astype(np.float32)
    h = history(replace(panel, known=known))
    regular = [panel.known["price"][i][:400][known["promotion"][i][:400] == 0][-1] for i in range(10)]
    assert np.allclose(np.exp(h.price[0][:, 405]), regular)


def test_closed_days_are_forecast_as_zero():
    days = pd.date_range("2023-01-01", periods=800)
    rng = np.random.default_rng(0)
    y = rng.poisson(40, (3, 800)).astype(float)
    fair = ((days.month == 5) & (days.day == 1)).astype(float)
    y[:, fair > 0] = 0
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["s/a", "s/b", "s/c"], 800),
            "ds": np.tile(days, 3),
            "y": y.ravel(),
            "closed": np.tile(days == "2025-02-20", 3).astype(float),
        }
    )
    closing = Panel.from_frames(
        frame,
        known=pd.DataFrame({"ds": pd.date_range("2023-01-01", periods=900), "event": None}).assign(
            event=lambda d: np.where((d.ds.dt.month == 5) & (d.ds.dt.day == 1), "may day", None)
        ),
    )
    h, origin = history(closing), int(np.flatnonzero(closing.ds == "2025-02-18")[0])
    out = Ridge().fit(h, origin).predict(h, origin, 90)
    zero = closing.days(origin, 90)[(out == 0).all(0)]
    assert zero.strftime("%m-%d").tolist() == ["02-20", "05-01"]
    assert out[:, 5].min() > 20 and closed_days(h, origin, np.arange(origin, origin + 90)).sum() == 6


def test_an_event_of_some_series_is_theirs_alone():
    days, rng = 420, np.random.default_rng(0)
    ds = pd.date_range("2025-01-01", periods=days + 14)
    fair = np.zeros((6, days + 14))
    fair[3:, 20::30] = 1  # the first three series never have it
    y = rng.poisson(30 * (1 + fair)).astype(float)
    y[:, days:] = np.nan
    names = np.repeat([f"{'ab'[i // 3]}/{i}" for i in range(6)], days + 14)
    frame = pd.DataFrame({"unique_id": names, "ds": np.tile(ds, 6), "y": y.ravel(), "event_fair": fair.ravel()})
    panel = Panel.from_frames(frame)
    day = int(np.flatnonzero(fair[5, days - 14 : days])[0])
    at = days - 14
    x, _ = features(history(panel), at, 14)
    effect = np.broadcast_to(x["event.place"], (6, 14))[:, day]
    assert (effect[3:] > 0.5).all() and (effect[:3] == 0).all() and (x["event.day"][:, day] == [0, 0, 0, 1, 1, 1]).all()
    out = Ridge().fit(panel, at).predict(panel, at, 14)[:, day]
    assert out[3:].min() > 45 and out[:3].max() < 40


def test_an_event_closes_only_those_whom_it_always_closed():
    days, rng = 400, np.random.default_rng(0)
    fast = np.zeros((4, days))
    fast[2:, 30::50] = 1
    y = rng.poisson(40, (4, days)) * (1 - fast)
    names = np.repeat(["a/0", "a/1", "b/2", "b/3"], days)
    ds = np.tile(pd.date_range("2025-01-01", periods=days), 4)
    panel = Panel.from_frames(pd.DataFrame({"unique_id": names, "ds": ds, "y": y.ravel(), "event_fast": fast.ravel()}))
    shut = closed_days(history(panel), 325, np.arange(325, 400))
    assert np.array_equal(shut, fast[:, 325:] > 0)


def test_a_new_item_starts_from_its_groups_mean(panel):
    out = Ridge().fit(panel, 420).predict(panel, 420, 14)
    other = panel.y[7, 392:420].mean()  # the same item in the other store
    assert 0.4 * other < out[2].mean() < 2.5 * other


def test_errors_in_a_users_words(panel):
    with pytest.raises(PanelError, match="before predict"):
        Ridge().predict(panel, 380, 7)
    model = Ridge().fit(panel, 380)
    with pytest.raises(PanelError, match="calendar's end"):
        model.predict(panel, 420, 15)
    with pytest.raises(PanelError, match="at least 1"):
        model.predict(panel, 0, 7)
    with pytest.raises(PanelError, match="no features to shuffle"):
        drivers(MODELS["average"](), panel, 380)
    with pytest.raises(PanelError, match="smaller `held`"):
        complexity(chain(days=60), 60)


def test_windows_against_brute_force():
    rng = np.random.default_rng(3)
    y = np.where(rng.random((5, 90)) < 0.2, np.nan, rng.poisson(3, (5, 90))).astype(np.float32)
    w, origin, days = windows(y), 71, np.arange(71, 90)
    assert np.allclose(w.mean(origin - 28, origin), np.nanmean(y[:, 43:71], axis=1), atol=1e-5)
    for weeks in (1, 4, 26):
        same = [[np.r_[d % 7 : origin : 7][-weeks:] for d in days]] * 5
        expected = [
            [np.nanmean(row[s]) if np.isfinite(row[s]).any() else np.nan for s in at] for row, at in zip(y, same)
        ]
        assert np.allclose(w.seasonal_mean(origin, days, weeks), expected, atol=1e-5, equal_nan=True)


def test_features_fit_the_grid_and_origins_stay_in_the_past(panel):
    x, scale = features(history(panel), 200, 14)
    assert all(np.broadcast_shapes(v.shape, (10, 14)) == (10, 14) for v in x.values()) and (scale > 0).all()
    assert {"event.store", "promotion.lift", "price.to_mean28", "other.school", "group.item_level"} <= set(x)
    assert max(training_origins(200, Rows())) < 200 and len({o % 7 for o in training_origins(900, Rows())}) == 7


def test_promotion_raises_the_forecast(panel):
    day, on = np.arange(len(panel.ds)) == 425, panel.known["promotion"] > 0
    offered = dict(
        panel.known,
        promotion=np.where(day, 1, on).astype(np.float32),
        price=np.where(day & ~on, 0.75, 1) * panel.known["price"],
    )
    plain = dict(
        panel.known,
        promotion=np.where(day, 0, on).astype(np.float32),
        price=np.where(day & on, 1 / 0.75, 1) * panel.known["price"],
    )
    with_offer, without = (
        Ridge().fit(p, 420).predict(p, 420, 14)[:, 5].sum() for p in (replace(panel, known=k) for k in (offered, plain))
    )
    assert 1.3 < with_offer / without < 2.5, "promotions doubled demand in the past"


def offers(days: int = 500, series: int = 12) -> tuple[Panel, np.ndarray]:
    """Return amounts with promotions every other week that lift Mondays most, and 40% more on the eve of a closing."""
    rng, ds = np.random.default_rng(0), pd.date_range("2024-01-01", periods=days + 28)
    weekday, promotion = ds.dayofweek.to_numpy(), ((np.arange(days + 28) // 7) % 2 == 0).astype(float)
    shut = (rng.random(days + 28) < 0.05).astype(float)
    lift = promotion * np.array([1.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2])[weekday]
    mean = rng.uniform(500, 900, (series, 1)) * (1 + lift) * (1 + 0.4 * np.roll(shut, -1)) * (1 - shut)
    y = np.broadcast_to(mean, (series, days + 28)) * rng.lognormal(0, 0.03, (series, days + 28))
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat([f"p{i:02d}/a" for i in range(series)], days + 28),
            "ds": np.tile(ds, series),
            "y": y.ravel(),
        }
    )
    panel = Panel.from_frames(frame.assign(promotion=np.tile(promotion, series), closed=np.tile(shut, series)))
    return panel, np.broadcast_to(mean, y.shape)


def test_a_promotions_lift_is_known_by_weekday_and_a_closing_by_its_neighbours():
    panel, mean = offers()
    x, _ = features(history(panel.cut(500)), 500, 28)
    ds, on = panel.ds[500:528], np.broadcast_to(panel.known["promotion"], panel.y.shape)[0, 500:528] > 0
    shut = np.broadcast_to(panel.known["closed"], panel.y.shape)[0]
    by_weekday = np.broadcast_to(x["promotion.lift_weekday8"], (12, 28))
    assert (by_weekday[:, ~on] == 0).all()
    assert by_weekday[:, on & (ds.dayofweek == 0)].min() > by_weekday[:, on & (ds.dayofweek == 3)].max() + 0.2
    for name, step in (("before", -1), ("after", 1), ("after2", 2)):
        inside = np.arange(500, 526)
        assert np.array_equal(x[f"closed.{name}"][0, :26], shut[inside + step]), name
    out = Ridge().fit(panel.cut(500), 500).predict(panel.cut(500), 500, 28)
    assert np.sqrt(((out - mean[:, 500:528]) ** 2).mean()) < 0.06 * mean.mean()


def test_fit_all_forecasts_as_separate_fits(panel):
    together = fit_all(panel, 380, SMALL | {name: MODELS[name] for name in ("average", "linear", "ridge", "fast")})
    for name, model in together.items():
        alone = ALL[name]().fit(panel, 380)
        assert np.array_equal(model.predict(panel, 380, 14), alone.predict(panel, 380, 14)), name
        if hasattr(alone, "oof"):
            pd.testing.assert_frame_equal(model.oof, alone.oof)
    assert together["fast"] is together["ridge"] and together["accurate"].members[1][1] is together["ridge"]


def test_fit_all_keeps_models_on_other_rows_apart(panel):
    makers = {"short": lambda: Ridge(rows=Rows(horizon=7)), "long": Ridge, "flat": lambda: Ridge(power=1.0)}
    together = fit_all(panel, 380, makers)
    for name, make in makers.items():
        assert np.array_equal(together[name].predict(panel, 380, 14), make().fit(panel, 380).predict(panel, 380, 14))
    with pytest.raises(PanelError, match="no model 'forrest'.*'forest'"):
        fit_all(panel, 380, ["ridge", "forrest"])


def test_out_of_fold_rows_are_whole_horizons(panel):
    oof = Ridge(rows=Rows(limit=2000)).fit(panel, 380).oof
    steps = oof[oof["origin"] <= 380 - 28].groupby(["series", "origin"])["step"].agg(["size", "max"])
    assert (steps["size"] == 28).all() and (steps["max"] == 28).all()
    assert len(oof) <= 2000 * 1.1 and oof["series"].nunique() == 9, "every series with a history takes its turn"
