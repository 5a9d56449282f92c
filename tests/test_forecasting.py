"""The one call from a table to a forecast: any frequency, short and odd series, errors in a user's words."""

import time
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.forecasting import forecast
from lepton_nb.demand.models import MODELS
from lepton_nb.demand.panel import Panel
from lepton_nb.workbook.parameters import UserError


def table(freq="D", periods=200, series=3, seed=0, season=7, scale=1.0) -> pd.DataFrame:
    rng, ds = np.random.default_rng(seed), pd.date_range("2023-01-01", periods=periods, freq=freq)
    wave = 1 + 0.6 * np.sin(2 * np.pi * np.arange(periods) / season)
    y = rng.poisson(np.linspace(20, 80, series)[:, None] * wave) * scale
    return pd.DataFrame(
        {"unique_id": np.repeat(range(series), periods), "ds": np.tile(ds, series), "y": y.ravel().astype(float)}
    )


@pytest.mark.parametrize(
    ("freq", "periods", "season", "h"),
    [
        ("5min", 288 * 4 + 36, 288, 72),
        ("h", 24 * 30, 24, 24),
        ("D", 200, 7, 14),
        ("W-SUN", 160, 52, 8),
        ("MS", 72, 12, 12),
    ],
)
def test_every_frequency_follows_its_season_within_seconds(freq, periods, season, h):
    df, began = table(freq, periods + h, season=season), time.process_time()
    past, came = (part.reset_index() for _, part in df.groupby(df.groupby("unique_id").cumcount() >= periods))
    out = forecast(past.drop(columns="index"), h)
    assert time.process_time() - began < 20
    assert out["ds"].tolist() == came["ds"].tolist() and out["unique_id"].tolist() == came["unique_id"].tolist()
    miss, flat = (
        out["yhat"] - came["y"],
        past.groupby("unique_id")["y"].mean().loc[came["unique_id"]] - came["y"].values,
    )
    assert np.sqrt((miss**2).mean()) < 0.5 * np.sqrt((flat**2).mean())
    inside = came["y"].between(out["yhat-lo-95"], out["yhat-hi-95"]).mean()
    assert inside > 0.75


def test_shares_are_forecast_like_units():
    units, shares = (forecast(table(scale=s), 7, model="fast") for s in (1.25, 0.00125))
    assert np.allclose(shares["yhat"], units["yhat"] / 1000, rtol=0.05)
    assert (shares["yhat-hi-80"] > shares["yhat-lo-80"]).all()


@pytest.mark.parametrize("days", [1, 2, 5, 9])
def test_a_short_history_gets_its_average_and_says_so(days):
    df = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2026-01-01", periods=days), "y": np.arange(1.0, days + 1)}
    )
    out = forecast(df, 3, freq="D")
    assert np.allclose(out["yhat"], df["y"].mean()) and set(out["model"]) == {"average"}


def chance(days: int, series: int, seed: int, h: int = 14) -> tuple[pd.DataFrame, np.ndarray]:
    """Return counts with a weekday profile, and what comes in the h days after them."""
    rng, ds = np.random.default_rng(seed), pd.date_range("2026-01-05", periods=days + h)
    mean = rng.uniform(5, 20, (series, 1)) * np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.5, 0.8])[ds.dayofweek]
    y = rng.poisson(mean).astype(float)
    names = np.repeat([f"a/{i}" for i in range(series)], days)
    return pd.DataFrame({"unique_id": names, "ds": np.tile(ds[:days], series), "y": y[:, :days].ravel()}), y[:, days:]


@pytest.mark.parametrize(("days", "share"), [(10, 0.0), (40, 0.37), (120, 1.0)])
def test_a_short_history_is_no_worse_than_its_mean_and_says_so(days, share):
    h, miss = 14, {"fast": [], "accurate": [], "average": []}
    for seed in range(6):
        df, came = chance(days, 2, seed)
        panel = Panel.from_frames(df, horizon=h)
        for name in miss:
            model = MODELS[name]()
            if share < 1 and name != "average":
                with pytest.warns(UserWarning, match=f"{days} days of history are few.*{share:.0%}"):
                    model.fit(panel, days)
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    model.fit(panel, days)
            miss[name].append(((model.predict(panel, days, h) - came) ** 2).mean())
    average = np.mean(miss.pop("average"))
    assert all(np.mean(m) < 1.02 * average for m in miss.values()), {k: np.mean(m) / average for k, m in miss.items()}


@pytest.mark.parametrize(("days", "said"), [(20, "fast with seasonal_average"), (120, "fast")])
def test_the_table_says_how_far_a_short_history_was_trusted(days, said):
    df, _ = chance(days, 3, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert set(forecast(df, 3, freq="D", model="fast")["model"]) == {said}


def test_a_series_without_demand_is_forecast_as_none():
    df = table()
    out = forecast(df.assign(y=df["y"].where(df["unique_id"] != 1, 0.0)), 7)
    none = out[out["unique_id"] == 1]
    assert (none[["yhat", "yhat-hi-95"]] == 0).all(axis=None) and (out.loc[out["unique_id"] == 0, "yhat"] > 0).all()


def test_missing_rows_are_told_and_an_empty_y_is_no_zero():
    df = table()
    with pytest.warns(UserWarning, match="1 missing rows were taken as zero"):
        forecast(df.drop(index=50), 7, model="average")
    empty = df.assign(y=df["y"].where(df.index % 4 > 0))
    assert abs(forecast(empty, 7, model="average")["yhat"].mean() / df["y"].mean() - 1) < 0.1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "acurate"}, "did you mean 'accurate'"),
        ({"model": "Seasonal-Averge"}, "did you mean 'seasonal_average'"),
        ({"model": "aut"}, "did you mean 'auto'"),
        ({"model": ["fast"]}, "no model ['fast']"),
        ({"h": 0}, "h: found 0"),
        ({"h": 2.5}, "h: found 2.5"),
        ({"level": (80, 100)}, "level: found 100"),
        ({"level": ("wide",)}, "level: found 'wide'"),
        ({"freq": "dayly"}, "freq: found 'dayly'"),
        ({"gaps": "drop"}, "'zero' or 'missing'"),
    ],
)
def test_unusable_arguments_are_refused_by_name(given, words):
    with pytest.raises(UserError, match=None) as caught:
        forecast(table(periods=40), **{"h": 7} | given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.inf, "an infinite value"),
        (-np.inf, "an infinite value"),
        (1e39, "an infinite value"),
        ("few", "no number (few)"),
    ],
)
def test_an_infinite_or_written_demand_is_refused_with_its_place(value, words):
    df = table(periods=60).astype({"y": object})
    df.loc[70, "y"] = value
    with pytest.raises(UserError) as caught:
        forecast(df, 7)
    assert words in str(caught.value) and "column 'y', series '1', day 2023-01-11" in str(caught.value)


@pytest.mark.parametrize("nothing", [np.nan, None, pd.NA])
def test_a_missing_demand_is_missing_and_not_zero(nothing):
    df, holes = table(periods=60), table(periods=60).astype({"y": object})
    at = df.index % 5 == 2
    holes.loc[at, "y"] = nothing
    dropped = forecast(df[~at], 7, freq="D", model="fast", gaps="missing")
    assert np.allclose(forecast(holes, 7, model="fast")["yhat"], dropped["yhat"], rtol=1e-5)


def test_a_series_of_which_nothing_is_known_is_told():
    df = table(periods=60)
    with pytest.warns(UserWarning, match="series '1' .1 in all. has no value of y"):
        forecast(df.assign(y=df["y"].where(df["unique_id"] != 1)), 7, model="average")
    with pytest.raises(UserError, match="no value at all"):
        forecast(df.assign(y=np.nan), 7)


def test_the_same_call_gives_the_same_forecast():
    assert forecast(table(), 7).equals(forecast(table(), 7))


def test_series_of_their_own_place_each_take_a_tenth_of_a_megabyte():
    days, rng, n = pd.date_range("2024-01-01", periods=200), np.random.default_rng(1), 800
    y, names = rng.poisson(rng.gamma(2, 5, n)[:, None] * np.ones(200)), np.repeat([f"s{i:04d}" for i in range(n)], 200)
    past = pd.DataFrame({"unique_id": names, "ds": np.tile(days, n), "y": y.ravel()})
    tracemalloc.start()
    try:
        forecast(past, h=14, freq="D", model="fast")
        assert tracemalloc.get_traced_memory()[1] < 150_000 * n  # a table of series by places took 750,000
    finally:
        tracemalloc.stop()
