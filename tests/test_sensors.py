"""Counts of sensors: what is faulty, what is known, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.sensors import SensorError, SensorForecaster, day_slots, valid_counts


@pytest.fixture(scope="module")
def roads():
    rng, times = np.random.default_rng(1), pd.date_range("2025-03-03", periods=30 * 288, freq="5min")
    shape = 1.2 + np.sin(2 * np.pi * (times.hour + times.minute / 60 - 6) / 24)
    return rng.poisson(np.outer(shape, [10.0, 25, 40])).astype(float), times


def test_a_regular_road_is_forecast_at_its_mean_with_honest_bands(roads):
    counts, times = roads
    model = SensorForecaster().fit(counts[: 21 * 288], times[: 21 * 288])
    at = np.arange(21 * 288, len(counts) - 12, 3)
    for steps, (mean, low, high) in model.replay(counts, times, at).items():
        came = sum(counts[at + k] for k in range(steps))
        assert np.mean((mean - came) ** 2) < 1.15 * came.mean(), "little worse than Poisson noise itself"
        assert 0.74 < np.mean((low <= came) & (came <= high)) < 0.88


def test_gaps_and_the_future_do_not_matter(roads):
    counts, times = roads
    model = SensorForecaster().fit(counts, times)
    gaps, at = counts.copy(), 25 * 288
    gaps[at - 288 : at, 0], gaps[at:] = np.nan, 1e6
    whole, less = (model.replay(x, times, np.array([at]))[12] for x in (counts, gaps))
    assert np.isfinite(less).all() and np.allclose(whole[0, 0, 1:], less[0, 0, 1:], rtol=0.1)
    assert abs(less[0, 0, 0] / whole[0, 0, 0] - 1) < 0.15


def test_faults_are_told_without_the_future():
    usual = np.full((40, 1), 20.0)
    counts = 18.0 + np.arange(40)[:, None] % 3
    counts[10:25], counts[30] = 21.0, 85.0
    assert np.flatnonzero(np.isnan(valid_counts(counts, usual)[:, 0])).tolist() == [*range(15, 25), 30]
    assert np.array_equal(valid_counts(counts[:18], usual[:18]), valid_counts(counts, usual)[:18], equal_nan=True)


def test_slots_know_saturdays_and_holidays():
    when = pd.DatetimeIndex(["2025-03-07 00:00", "2025-03-08 00:00", "2025-03-09 00:00", "2025-03-10 00:00"])
    assert day_slots(when, (when[3],)).tolist() == [0, 288, 576, 576]


def test_what_cannot_be_used_is_refused(roads):
    counts, times = roads
    with pytest.raises(SensorError, match="two weeks"):
        SensorForecaster().fit(counts[:50], times[:50])
    with pytest.raises(SensorError, match="fit first"):
        SensorForecaster().predict(counts, times)
