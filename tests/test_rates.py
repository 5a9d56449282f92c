"""Shrunk rates against a loop, what they must keep, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.rates import (
    RateError,
    RateSetting,
    calibration_by_decile,
    choose_setting,
    count_events,
    day_kinds,
    fit_rates,
    hit_rate,
    practice_events,
    product_of_averages,
    rate_surface,
    shrink_zones,
    square_cells,
)

WORLD, TRUTH = practice_events(days=120)


def test_counts_are_those_of_a_loop():
    rng = np.random.default_rng(3)
    time = pd.Series(pd.Timestamp("2026-03-02") + pd.to_timedelta(rng.integers(0, 10 * 1440, 300), unit="min"))
    zone = rng.integers(-1, 4, 300)
    counts = count_events(zone, time, np.zeros((4, 2)), "2026-03-03", "2026-03-10", free_days=["2026-03-04"])
    by_hand = np.zeros((4, 7, 24), int)
    for z, t in zip(zone, time):
        day = (t.normalize() - pd.Timestamp("2026-03-03")).days
        if z >= 0 and 0 <= day < 7:
            by_hand[z, day, t.hour] += 1
    assert (counts.count == by_hand).all()
    assert counts.kind.tolist() == [1, 6, 3, 4, 5, 6, 0]


def test_the_product_keeps_the_totals_of_zones_and_hours():
    whole = WORLD.between(0, 112)
    said = product_of_averages(whole, whole.days)
    assert np.allclose(said.sum(axis=(1, 2)), whole.count.sum(axis=(1, 2)))
    for day in range(7):
        of = whole.days.dayofweek == day
        assert np.allclose(said[:, of].sum(axis=(0, 1)), whole.count[:, of].sum(axis=(0, 1)))


@pytest.mark.parametrize("own", [3.0, np.inf])
def test_rates_are_positive_and_add_up_to_what_happened(own):
    rates = fit_rates(WORLD, RateSetting(own=own))
    assert (rates.rate > 0).all()
    assert np.isclose(rates.on(WORLD.kind).sum(), WORLD.count.sum())


def test_a_zone_without_history_has_a_rate_and_more_of_it_beside_busy_ones():
    count = WORLD.count.copy()
    count[[0, 44]] = 0
    rate = fit_rates(replace(WORLD, count=count)).rate.sum(axis=(1, 2))
    assert rate[44] > rate[0] > 0


def test_a_surface_spreads_and_loses_nothing():
    place = np.random.default_rng(1).uniform(0, 5, (30, 2))
    events = np.random.default_rng(2).poisson(3.0, 30).astype(float)
    for width in (0.1, 0.5, 2.0):
        assert np.isclose(rate_surface(events, place, width).sum(), events.sum())
    spread = [np.std(shrink_zones(events, 50, place, RateSetting(shape=shape))) for shape in (1.0, 10.0, 100.0)]
    assert spread[0] > spread[1] > spread[2]


def test_a_hit_rate_by_hand_and_by_loop():
    rng = np.random.default_rng(4)
    rate, count = rng.permutation(100) + 0.5, rng.poisson(1.0, 100)
    top = np.argsort(-rate)[:5]
    assert hit_rate(rate, count) == count[top].sum() / count.sum()
    assert np.isclose(hit_rate(np.ones(100), count), 0.05)
    assert calibration_by_decile(rate, count)["happened"].sum() == count.sum()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: square_cells(np.array([np.nan]), np.zeros(1), 1.0, [True]), "x is nan"),
        (lambda: square_cells(np.zeros(1), np.zeros(1), 0.0, [True]), "size is 0 m"),
        (lambda: square_cells(np.zeros(1), np.zeros(1), 1.0, [False]), "no event is known"),
        (lambda: RateSetting(shape=np.nan), "shape is nan"),
        (lambda: RateSetting(own=0.0), "above 0"),
        (lambda: fit_rates(replace(WORLD, count=0 * WORLD.count)), "nothing happened"),
        (lambda: choose_setting(WORLD.between(0, 20)), "too few"),
        (lambda: product_of_averages(WORLD.between(0, 3), WORLD.days), "a week at least"),
        (lambda: hit_rate([1.0, np.inf], [0, 1]), "rate is inf"),
        (lambda: hit_rate([1.0, 2.0], [0, 0]), "nothing happened"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(wrong, words):
    with pytest.raises(RateError, match=words):
        wrong()


def test_holidays_are_sundays():
    days = pd.date_range("2026-12-24", periods=3, freq="D")
    assert day_kinds(days, ["2026-12-25"]).tolist() == [3, 6, 5]
