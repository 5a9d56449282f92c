"""The simulated city: held to reality, made again to the digit, and its faults, rides and clocks as they are told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.city.world import days, detectors, incidents, place, rides, simulate
from lepton_nb.data.shipped import rounded_hash
from lepton_nb.data.simulated import reality_card
from lepton_nb.workbook.parameters import UserError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def world():
    return simulate.draw_city()


def test_the_embedded_city_is_made_again_to_the_digit(world):
    tables = simulate.city_tables(world)
    frames = {name: tables[name] for name in sorted(tables)} | simulate.city_truth(world)
    assert rounded_hash(frames) == simulate.CONTENT_OF_CITY == rounded_hash(simulate.SHIPPED.load())
    assert not simulate.draw_city(8).rides.rides.equals(world.rides.rides)


def test_the_embedded_city_stays_small():
    assert sum(file.stat().st_size for file in (ROOT / "data/city").rglob("*") if file.is_file()) < 4e6


def test_the_data_card_states_the_measured_figures(world):
    card = (ROOT / "data/README.md").read_text(encoding="utf-8")
    assert reality_card(simulate.city_reality(world), "real cities") in card


@pytest.mark.parametrize("seed", [1, 2])
def test_cities_are_like_real_ones(seed):
    measured = simulate.city_reality(simulate.draw_city(seed)).set_index("what")
    off = measured[~measured["value"].between(measured["least"], measured["most"])]
    assert off.empty, off


@pytest.mark.parametrize("seed", [-1, 1.5, True, "7", 2**63])
def test_a_seed_that_is_none_is_told(seed):
    with pytest.raises(UserError, match="seed = "):
        simulate.draw_city(seed)


def test_every_count_is_what_passed_or_a_fault_says_why_not(world):
    reports, when = world.reports, detectors.step_times()
    told = detectors.faults_table(reports)
    outside = np.ones(reports.passed.shape, bool)
    number = {name: k for k, name in enumerate(place.DETECTORS["sensor"])}
    for one in told.itertuples(index=False):
        outside[number[one.sensor], (when >= one.start) & (when < one.end)] = False
    come = outside & ~np.isnan(reports.reported)
    assert (reports.reported[come] == reports.passed[come]).all() and come.sum() > 0.85 * come.size
    late = told[told["fault"] == "clock"].iloc[0]
    inside = slice(*np.searchsorted(when, [late.start, late.end]))
    before = slice(inside.start - 12, inside.stop - 12)
    reported, passed = reports.reported[number[late.sensor], inside], reports.passed[number[late.sensor], before]
    assert (reported[~np.isnan(reported)] == passed[~np.isnan(reported)]).all()


def test_a_year_of_counts_comes_with_every_step_once_and_the_resent_ones_twice(world):
    tables = simulate.city_tables(world)
    counts = simulate.counts_table(tables["counts"], tables["resent"])
    assert len(counts) == tables["counts"].notna().to_numpy().sum() + len(tables["resent"])
    assert counts["vehicles"].sum() == np.nansum(world.reports.reported) + tables["resent"]["vehicles"].sum()
    assert counts.duplicated(["sensor", "time"]).sum() == len(tables["resent"]) > 0


def test_rides_follow_from_wishes_bikes_and_docks():
    docks, names = place.BIKE_STATIONS["docks"].to_numpy(), list(place.BIKE_STATIONS["station"])
    bikes, begin, end = np.round(0.52 * docks).astype(int), names.index("E3"), names.index("B1")
    many = pd.DataFrame({"minute": range(bikes[begin] + 5), "start": begin, "end": end})
    played = rides.play_rides(many, hours=4)
    assert played.asked["served"].tolist() == [True] * bikes[begin] + [False] * 5
    assert len(played.rides) == bikes[begin] > docks[end] - bikes[end]
    assert (played.rides["end"] == end).sum() == docks[end] - bikes[end], "who finds no dock rides on"


def test_the_night_of_a_weekend_is_the_one_before_a_free_day():
    local = pd.DatetimeIndex(
        ["2025-03-07 23:00", "2025-03-08 03:00", "2025-03-09 02:00", "2025-03-09 23:00", "2025-03-08 12:00"]
    )
    assert incidents.weekend_night(local).tolist() == [True, True, True, False, False]


def test_holidays_and_clock_changes_are_known():
    local = pd.DatetimeIndex(["2025-05-01 09:00", "2025-05-02 09:00", "2025-05-03 09:00", "2025-05-04 09:00"])
    assert days.day_kind(local).tolist() == [2, 0, 1, 2]
    there = pd.Series(pd.to_datetime(["2025-07-01 12:00", "2025-01-15 12:00", "2025-10-26 02:30"]))
    assert days.universal_time(there).dt.strftime("%H:%M").tolist() == ["10:00", "11:00", "00:30"]
    assert (days.local_time(pd.DatetimeIndex(days.universal_time(there))) == there).all()
