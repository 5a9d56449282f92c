"""Sources of different clocks and places become one table; detectors that are wrong are found without the truth."""

import time

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.city.fusion import (
    FAULTS_OF_DETECTORS,
    OF_THE_PLACE,
    UTC,
    FaultLimits,
    clock_of,
    detector_record,
    find_detector_faults,
    fuse_hours,
    in_utc,
    nearest_zone,
    practised_limits,
    score_detector_faults,
)
from lepton_nb.cases.city.world.simulate import shipped_city

ZONE = "Europe/Berlin"


@pytest.fixture(scope="module")
def city():
    return shipped_city()


@pytest.fixture(scope="module")
def fused(city):
    return fuse_hours(city[0], ZONE)


# ---- clocks


def hours(clock: str) -> pd.Series:
    """Return a year of hours as a clock shows them."""
    every = pd.date_range("2025-01-01", periods=8760, freq="h")
    return pd.Series(every if clock == UTC else every.tz_localize("UTC").tz_convert(ZONE).tz_localize(None))


@pytest.mark.parametrize("clock", [UTC, OF_THE_PLACE])
def test_a_record_by_the_hour_tells_its_clock_and_comes_back_in_utc(clock):
    shown = hours(clock)
    assert clock_of(shown, ZONE) == clock
    made = in_utc(shown, ZONE, clock, pd.Series("one", shown.index))
    assert made.tolist() == hours(UTC).tolist()


def test_the_hour_that_comes_twice_is_told_apart_in_each_series():
    shown = pd.concat([hours(OF_THE_PLACE)] * 2, ignore_index=True)
    series = pd.Series(["a"] * 8760 + ["b"] * 8760)
    made = in_utc(shown, ZONE, OF_THE_PLACE, series)
    assert made.groupby(series).nunique().tolist() == [8760, 8760]


def test_moments_that_people_write_down_are_of_the_place():
    few = pd.Series(pd.to_datetime(["2025-01-03 11:20", "2025-03-30 02:10", "2025-07-02 18:00"]))
    assert clock_of(few, ZONE) == OF_THE_PLACE
    assert in_utc(few, ZONE, OF_THE_PLACE).tolist() == [
        pd.Timestamp("2025-01-03 10:20"), pd.Timestamp("2025-03-30 01:00"), pd.Timestamp("2025-07-02 16:00")
    ]  # fmt: skip


# ---- faults


WEEKS = 10
STEPS = WEEKS * 7 * 24 * 12


def made_counts(seed: int, sensors: int = 6) -> np.ndarray:
    """Draw counts of a few detectors without a fault."""
    at = np.arange(STEPS) / 12
    day = 1 + np.sin(2 * np.pi * (at % 24 - 9) / 24) + 0.4 * np.sin(4 * np.pi * (at % 24 - 3) / 24)
    week = np.where((at // 24) % 7 >= 5, 0.6, 1.0)
    usual = np.linspace(15, 40, sensors)[:, None] * (0.15 + np.clip(day, 0, None)) * week
    return np.random.default_rng(seed).poisson(usual).astype(float)


def as_table(wide: np.ndarray, again: tuple[int, int, int] | None = None) -> dict:
    """Write counts a row each, what is missing left out, and one stretch sent again."""
    times = pd.date_range("2025-05-05", periods=wide.shape[1], freq="5min")
    frame = pd.DataFrame(wide.T, index=times, columns=[f"D{k}" for k in range(len(wide))])
    frame = frame.rename_axis("time").reset_index().melt("time", var_name="sensor", value_name="vehicles").dropna()
    if again:
        k, a, b = again
        frame = pd.concat([frame, frame[(frame["sensor"] == f"D{k}") & frame["time"].isin(times[a:b])]])
    return {"counts": frame.reset_index(drop=True)}


def spoilt(fault: str, wide: np.ndarray, k: int, a: int, b: int) -> np.ndarray:
    wide, real = wide.copy(), wide[k, a:b]
    made = {
        "missing": np.nan,
        "stuck": real[0],
        "drift": np.round(real * (1 - 0.4 * np.arange(b - a) / (b - a))),
        "clock": wide[k, a - 12 : b - 12],
        "chatter": 4 * real,
        "twice": real,
    }[fault]
    wide[k, a:b] = made
    return wide


SPANS = {"missing": 60, "stuck": 240, "drift": 35 * 288, "clock": 14 * 288, "chatter": 60, "twice": 24}


@pytest.mark.parametrize("fault", FAULTS_OF_DETECTORS)
def test_a_fault_put_into_clean_counts_is_found_and_nothing_else(fault):
    first = 21 * 288 + 100
    last = first + SPANS[fault]
    wide = spoilt(fault, made_counts(5), 2, first, last)
    record = detector_record(as_table(wide, (2, first, last) if fault == "twice" else None), ZONE)
    found = find_detector_faults(record)
    truth = pd.DataFrame(
        [(fault, "D2", record.times[first], record.times[last])], columns=["fault", "sensor", "start", "end"]
    )
    told = score_detector_faults(found, truth).set_index("fault").loc[fault]
    assert told["recall"] == 1.0 and told["precision"] == 1.0, found
    assert set(found["fault"]) == {fault}, found


def test_clean_counts_have_no_fault():
    assert find_detector_faults(detector_record(as_table(made_counts(6)), ZONE)).empty


def test_the_score_counts_what_is_wrong():
    day = pd.Timestamp("2025-01-01")
    spans = lambda *rows: pd.DataFrame(  # noqa: E731
        [(f, s, day + pd.Timedelta(hours=a), day + pd.Timedelta(hours=b)) for f, s, a, b in rows],
        columns=["fault", "sensor", "start", "end"],
    )
    truth = spans(("stuck", "D1", 0, 10), ("stuck", "D2", 0, 10))
    found = spans(("stuck", "D1", 0, 6), ("stuck", "D3", 0, 6), ("drift", "D2", 0, 10), ("stuck", "D2", 0, 4))
    told = score_detector_faults(found, truth).set_index("fault")
    assert told.loc["stuck", "recall"] == 0.5 and told.loc["stuck", "precision"] == pytest.approx(2 / 3)
    assert told.loc["drift", "precision"] == 0.0 and np.isnan(told.loc["drift", "recall"])


def test_limits_are_those_of_the_first_half_and_hold_in_the_second(city):
    tables, truth = city
    record = detector_record(tables, ZONE)
    half = pd.Timestamp("2025-07-01")
    early = truth["faults"][truth["faults"]["end"] < half]
    limits = practised_limits(record, early, half)
    assert limits == FaultLimits(), "the limits that come with the package are those chosen on the first half"
    judged = score_detector_faults(find_detector_faults(record, limits), truth["faults"], since=half)
    assert judged["recall"].min() >= 0.75 and judged["precision"].min() >= 0.75, judged


# ---- the join


def test_every_total_is_conserved_or_said(city, fused):
    tables, _ = city
    table, log = fused.table, fused.log.set_index(["source", "step"])
    assert (
        table["bikes_out"].sum() == len(tables["rides"])
        and table["boardings"].sum() == tables["taps"]["boardings"].sum()
    )
    assert table["accidents"].sum() == len(tables["incidents"]) and table["calls"].sum() == len(tables["calls"])
    counts = log.loc["counts"]
    assert counts["total in"].iloc[0] == tables["counts"]["vehicles"].sum() and counts["rows in"].iloc[0] == len(
        tables["counts"]
    )
    assert np.allclose(counts["total out"].iloc[:-1], counts["total in"].iloc[1:]), (
        "no vehicle is lost between two steps"
    )
    assert counts["total out"].iloc[-1] == pytest.approx(table["vehicles"].sum())


def test_the_table_has_a_row_a_zone_and_hour_and_both_clocks(city, fused):
    table = fused.table
    assert len(table) == 36 * 8760 and not table.duplicated(["zone", "time"]).any()
    assert (table["local"] - table["time"]).isin([pd.Timedelta(hours=1), pd.Timedelta(hours=2)]).all()
    assert table["reporting"].dropna().between(0, 1).all() and table["vehicles"].isna().mean() < 0.6


def test_a_place_belongs_to_the_nearest_zone(city, fused):
    tables, _ = city
    zones = nearest_zone(tables["incidents"].head(50), tables["zones"])
    at = tables["zones"].set_index("zone")
    for (_, one), zone in zip(tables["incidents"].head(50).iterrows(), zones):
        away = np.hypot(at["x"] - one["x"], at["y"] - one["y"])
        assert away[zone] == away.min()


def test_joined_vehicles_are_nearer_to_what_passed_than_counts_as_they_came(city, fused):
    tables, truth = city
    zone_of = pd.Series(nearest_zone(tables["sensors"], tables["zones"]), tables["sensors"]["sensor"])
    passed = truth["passed"].T.groupby(zone_of).sum()
    joined = fused.table.pivot(index="zone", columns="time", values="vehicles").loc[passed.index].to_numpy()
    raw = tables["counts"].assign(
        hour=tables["counts"]["time"].dt.floor("h"), zone=tables["counts"]["sensor"].astype(str).map(zone_of)
    )
    raw = raw.pivot_table(index="zone", columns="hour", values="vehicles", aggfunc="sum", fill_value=0.0).to_numpy()
    known, real = np.isfinite(joined), passed.to_numpy()
    off = {name: np.abs(made[known] - real[known]).sum() for name, made in (("joined", joined), ("raw", raw))}
    assert off["joined"] < 0.6 * off["raw"], off


def test_a_year_is_joined_in_a_few_seconds(city):
    began = time.process_time()
    fuse_hours(city[0], ZONE)
    assert time.process_time() - began < 10  # measured at about one second


def test_few_sources_are_joined_too(city):
    tables, _ = city
    few = {name: tables[name] for name in ("zones", "incidents", "weather")}
    made = fuse_hours(few, ZONE)
    assert made.faults.empty and made.table["accidents"].sum() == len(tables["incidents"])
    assert "vehicles" not in made.table and set(made.log["source"]) == {"incidents", "weather"}
