"""Corner cases of metrics, origins, backtests and the leak test; the teaching tests stand in the notebook."""

import warnings

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.backtest import (
    BacktestError,
    Origins,
    assert_no_leak,
    backtest,
    bias,
    choose,
    coverage,
    known_mean,
    mae,
    mase,
    mse,
    naive_scale,
    pinball,
    revenue_weights,
    rmsse,
    split_origins,
    wape,
)
from lepton_nb.demand.features import history
from lepton_nb.demand.models import MODELS
from lepton_nb.demand.panel import Panel

warnings.simplefilter("error")


def panel_of(y, price=None, censored=None, start="2025-01-06"):
    y = np.asarray(y, np.float32)
    ids = pd.Index([f"S{i % 2}/item{i}" for i in range(len(y))], name="unique_id")
    static = pd.DataFrame(
        {
            "store": [f"S{i % 2}" for i in range(len(y))],
            "item": [f"item{i}" for i in range(len(y))],
            "group": ["a" if i < len(y) // 2 else "b" for i in range(len(y))],
        },
        index=ids,
    )
    known = {} if price is None else {"price": np.asarray(price, np.float32)}
    return Panel(
        ids,
        pd.date_range(start, periods=y.shape[1], name="ds"),
        y,
        known,
        static,
        np.zeros(y.shape, bool) if censored is None else censored,
    )


class Mean:
    """Repeat the mean of all that is known."""

    def fit(self, panel, origin):
        self.fitted_at = origin
        return self

    def predict(self, panel, origin, horizon):
        return np.repeat(np.nan_to_num(known_mean(panel.y[:, :origin], axis=1))[:, None], horizon, axis=1)


@pytest.fixture
def panel():
    y = np.random.default_rng(0).poisson(3.0, (6, 200)).astype(np.float32)
    y[5, :120] = np.nan
    return panel_of(y, price=np.arange(1, 7)[:, None] * np.ones(200))


# metrics


def test_metrics_agree_with_loops():
    rng = np.random.default_rng(1)
    y, f, past = rng.poisson(2, (5, 9)).astype(float), rng.gamma(2, 1, (5, 9)), rng.poisson(2, (5, 40)).astype(float)
    y[0, :4], past[1, :10] = np.nan, np.nan
    for i in range(5):
        seen = [(a, b) for a, b in zip(y[i], f[i]) if not np.isnan(a)]
        steps = [(b - a) for a, b in zip(past[i], past[i][1:]) if not np.isnan(a)]
        square = sum((a - b) ** 2 for a, b in seen) / len(seen)
        assert np.isclose(rmsse(y, f, past)[i], np.sqrt(square / (sum(s**2 for s in steps) / len(steps))))
        assert np.isclose(
            mase(y, f, past)[i], sum(abs(a - b) for a, b in seen) / len(seen) / (sum(map(abs, steps)) / len(steps))
        )
        loss = sum(max(0.9 * (a - b), 0.1 * (b - a)) for a, b in seen) / len(seen)
        assert np.isclose(pinball(y[i], f[i], 0.9), loss)


def test_seasonal_naive_has_mase_one_on_its_own_history():
    past = np.random.default_rng(2).poisson(4, (3, 70)).astype(float)
    assert np.allclose(mase(past[:, 7:], past[:, :-7], past, season=7), 1.0)


def test_mean_and_median_minimise_their_metrics():
    sold = np.random.default_rng(3).poisson(0.6, 4000).astype(float)
    grid = np.arange(0, 2, 0.02)
    assert abs(grid[np.argmin([mse(sold, np.full(4000, g)) for g in grid])] - sold.mean()) <= 0.02
    assert grid[np.argmin([mae(sold, np.full(4000, g)) for g in grid])] == np.median(sold)
    best = grid[np.argmin([pinball(sold, np.full(4000, g), 0.9) for g in grid])]
    assert abs(best - np.quantile(sold, 0.9)) < 0.03


@pytest.mark.parametrize("metric", [mse, mae, wape, bias])
def test_nothing_known_is_nan_without_a_warning(metric):
    assert np.isnan(metric(np.full((2, 3), np.nan), np.ones((2, 3))))


def test_scale_of_short_flat_and_empty_histories():
    assert np.isnan(naive_scale(np.array([[3.0]]))).all()
    assert np.isnan(naive_scale(np.zeros((2, 10)))).all()
    assert np.isnan(naive_scale(np.full((1, 10), np.nan))).all()
    assert np.isnan(naive_scale(np.ones((1, 5)), season=7)).all()


def test_weights_without_sales_are_equal_and_price_may_be_missing():
    assert np.allclose(revenue_weights(np.zeros((4, 30))), 0.25)
    price = np.array([[np.nan, 2.0], [1.0, 1.0]])
    assert np.allclose(revenue_weights(np.array([[5.0, 1.0], [1.0, 1.0]]), price), [0.5, 0.5])


def test_shapes_and_levels_are_refused_by_name():
    with pytest.raises(BacktestError, match=r"shape \(2,\).*\(3,\)"):
        mse(np.ones(2), np.ones(3))
    with pytest.raises(BacktestError, match="tau: found 1.0"):
        pinball(np.ones(2), np.ones(2), 1.0)


def test_coverage_counts_the_ends():
    assert coverage(np.array([1.0, 2.0, 3.0, np.nan]), np.ones(4), np.full(4, 2.0)) == 2 / 3


# origins


@pytest.mark.parametrize("evaluation,validation,step", [(1, 1, None), (3, 3, None), (2, 5, 7), (4, 0, None)])
def test_windows_are_disjoint(evaluation, validation, step):
    split = split_origins(400, 14, evaluation, validation, step)
    judged = {d for o in split.evaluation for d in range(o, o + 14)}
    chosen = {d for o in split.validation for d in range(o, o + 14)}
    assert (
        not judged & chosen
        and max(judged) == 399
        and len(judged) == 14 * evaluation
        and len(split.validation) == validation
    )


def test_ten_days_give_one_window_each_and_a_sentence_for_more():
    assert split_origins(10, 3, 1, 1).validation.columns == (4,)
    with pytest.raises(
        BacktestError, match="10 days of history are too few for 3 evaluation and 3 validation windows of 3 days"
    ):
        split_origins(10, 3)
    with pytest.raises(BacktestError, match="horizon 0"):
        split_origins(100, 0)


def test_a_validation_window_cannot_reach_the_evaluation_weeks():
    with pytest.raises(BacktestError, match="validation origin 90.*past 95"):
        Origins((80, 90), 7, "validation", stop=95)


# backtest


def test_each_model_sees_only_its_past(panel):
    seen = []

    class Spy(Mean):
        def fit(self, panel, origin):
            seen.append((origin, np.isfinite(panel.y[:, origin:]).any(), panel.censored[:, origin:].any()))
            return self

    backtest(panel, {"spy": Spy}, (100, 150), 7)
    assert seen == [(100, False, False), (150, False, False)]


def test_refit_false_fits_once(panel):
    fits = []

    class Counted(Mean):
        def fit(self, panel, origin):
            fits.append(origin)
            return self

    backtest(panel, {"m": Counted}, (100, 107, 114), 7, refit=False)
    assert fits == [100]


def test_fit_may_return_nothing(panel):
    class Quiet(Mean):
        def fit(self, panel, origin):
            self.level = 2.0

        def predict(self, panel, origin, horizon):
            return np.full((6, horizon), self.level)

    assert (backtest(panel, {"m": Quiet}, (100,), 3).forecasts["m"] == 2).all()


def test_series_not_yet_on_sale_are_not_scored(panel):
    bt = backtest(panel, {"m": Mean}, (60, 90), 14)
    assert np.isnan(bt.actual[:, 5]).all() and np.isfinite(bt.actual[:, :5]).all()
    assert np.isfinite(bt.summary().to_numpy()).all()
    assert bt.by("series").query("series == 'S1/item5'").empty


def test_stock_outs_are_left_out_unless_asked_for():
    y = np.full((1, 40), 4.0)
    y[0, 35] = 0.0
    y[0, :5] = 3.0
    out = np.zeros((1, 40), bool)
    out[0, 35] = True
    bt = backtest(panel_of(y, censored=out), {"m": Mean}, (30,), 10)
    assert np.isnan(bt.actual[0, 0, 5]) and bt.summary()["MAE"].item() < 0.2
    assert backtest(panel_of(y, censored=out), {"m": Mean}, (30,), 10, skip_censored=False).actual[0, 0, 5] == 0


@pytest.mark.parametrize(
    "y,origin,horizon",
    [
        (np.zeros((3, 30)), 20, 5),  # never sold
        (np.full((1, 10), 2.0), 7, 3),  # one series, ten days
        (np.arange(20.0)[None], 10, 1),  # one day ahead
    ],
)
def test_small_and_odd_panels(y, origin, horizon):
    bt = backtest(panel_of(y), {"m": Mean}, (origin,), horizon)
    assert np.isfinite(bt.summary()["MSE"]).all()
    for segment in ("step", "weekday", "velocity", "store", "item", "group", "origin", "series"):
        assert len(bt.by(segment)) >= 1


def test_all_zero_series_give_undefined_scaled_errors_and_a_sentence():
    y = np.zeros((3, 60))
    split = split_origins(panel_of(y), 7, 1, 2)  # the panel ends where its history ends
    bt = backtest(panel_of(y), {"m": Mean}, split.validation)
    assert np.isnan(bt.summary()["RMSSE"]).all()
    with pytest.raises(BacktestError, match="RMSSE.*undefined.*give MSE"):
        choose(bt)
    assert choose(bt, "MSE") == "m"


def test_segments_partition_the_cells(panel):
    bt = backtest(panel, {"m": Mean}, (100, 130, 150), 14)
    cells = np.isfinite(bt.actual).sum()
    for segment in ("step", "weekday", "velocity", "store", "group", "item", "origin", "series"):
        table = bt.by(segment)
        assert table["cells"].sum() == cells
        assert np.isclose((table["MSE"] * table["cells"]).sum() / cells, mse(bt.actual, bt.forecasts["m"]))


def test_weekday_segment_names_the_right_days():
    y = np.tile([1.0, 2, 3, 4, 5, 6, 7], 10)[None]  # Monday sells 1, Sunday 7
    table = backtest(panel_of(y), {"m": Mean}, (40,), 14).by("weekday")
    assert dict(zip(table["weekday"], table["mean"])) == dict(
        zip(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], range(1, 8))
    )


def test_the_median_serves_absolute_and_the_mean_squared_errors(panel):
    bt = backtest(panel, {"m": Mean}, (100,), 14)
    low = np.zeros(bt.actual.shape + (1,))
    with_median = bt.with_quantiles("m", (0.5,), low).summary()
    assert np.isclose(with_median["MAE"].item(), known_mean(bt.actual))
    assert np.isclose(with_median["MSE"].item(), bt.summary()["MSE"].item())
    with pytest.raises(BacktestError, match="give a model of"):
        bt.with_quantiles("other", (0.5,), low)


@pytest.mark.parametrize(
    "bad,message",
    [
        (lambda h: np.ones((6, h + 1)), "shape"),
        (lambda h: np.full((6, h), np.nan), "no number"),
    ],
)
def test_broken_forecasts_are_refused(panel, bad, message):
    class Broken(Mean):
        def predict(self, panel, origin, horizon):
            return bad(horizon)

    with pytest.raises(BacktestError, match=f"model 'broken'.*{message}"):
        backtest(panel, {"broken": Broken}, (100,), 7)


def test_windows_outside_the_history_are_refused(panel):
    with pytest.raises(BacktestError, match="origin 196.*columns 1 to 200"):
        backtest(panel, {"m": Mean}, (196,), 7)
    with pytest.raises(BacktestError, match="at least one origin"):
        backtest(panel, {"m": Mean}, (), 7)


# choice


def test_choice_refuses_everything_but_validation(panel):
    split = split_origins(panel, 7)
    bt = backtest(panel, {"m": Mean}, split.validation)
    assert choose(bt) == "m"
    for origins in (split.evaluation, list(split.validation)):
        with pytest.raises(BacktestError, match="needs validation origins"):
            choose(backtest(panel, {"m": Mean}, origins, 7))
    for metric in ("coverage 80%", "nonsense"):
        with pytest.raises(BacktestError, match="cannot choose"):
            choose(bt, metric)


def test_a_tie_goes_to_the_first_and_bias_counts_by_size(panel):
    class High(Mean):
        def predict(self, panel, origin, horizon):
            return super().predict(panel, origin, horizon) * 1.005

    class Low(Mean):
        def predict(self, panel, origin, horizon):
            return super().predict(panel, origin, horizon) * 0.5

    bt = backtest(panel, {"low": Low, "high": High, "mean": Mean}, split_origins(panel, 7).validation)
    assert choose(bt, tolerance=0.02) == "high" and choose(bt, "bias") != "low"


# leaks


@pytest.mark.parametrize("leak", ["y", "censored", "covariate"])
def test_the_leak_test_finds_each_kind_of_leak(panel, leak):
    panel.known["temperature"] = np.ones(200, np.float32)

    class Leaks(Mean):
        def predict(self, panel, origin, horizon):
            extra = {
                "y": np.nan_to_num(panel.y[:, origin]),
                "censored": panel.censored[:, origin + 1].astype(float),
                "covariate": np.full(6, panel.known["temperature"][origin]),
            }[leak]
            return super().predict(panel, origin, horizon) + extra[:, None]

    with pytest.raises(AssertionError, match="leak: series"):
        assert_no_leak(Leaks, panel, 100, 7, unknown=("temperature",))
    assert_no_leak(Mean, panel, 100, 7, unknown=("temperature",))


@pytest.mark.parametrize("name", ["seasonal_naive", "average", "linear", "fast"])
@pytest.mark.filterwarnings("ignore")
def test_the_library_s_models_do_not_leak(panel, name):
    assert_no_leak(MODELS[name], panel, 160, 14)


def test_preparing_once_an_origin_changes_no_forecast_and_sees_no_future():
    panel = panel_of(np.random.default_rng(5).poisson(4, (6, 200)))
    seen = []

    def prepared(past):
        seen.append(past.end)
        return history(past)

    plain, other = (
        backtest(panel, {n: MODELS[n] for n in ("average", "ridge")}, [150, 170], 7, prepare=p)
        for p in (None, prepared)
    )
    assert seen == [150, 170]
    assert all(np.array_equal(plain.forecasts[n], other.forecasts[n]) for n in plain.forecasts)
