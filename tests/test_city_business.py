"""Fares by the hour, a pass and rides on demand: what no answer of theirs may break, on small made-up cities."""

import re
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import lepton_nb.cases.city as city
from lepton_nb.allocation.policy import Gain
from lepton_nb.cases.city import business_pages
from lepton_nb.cases.city.network.fares import (
    CAREFUL,
    FLAT,
    FareError,
    FareResponse,
    FareTerms,
    FareWeek,
    Tariff,
    choose_tariff,
    corners,
    fare_effects,
    fare_weeks,
    local_boardings,
    tariff_books,
    tariff_grid,
)
from lepton_nb.cases.city.network.on_demand import (
    ALL_LINES,
    MIX,
    OnDemandError,
    OnDemandTerms,
    QuietNights,
    RideRequests,
    least_fleet,
    plan_modes,
    play_requests,
    quiet_hours,
    size_fleets,
    stop_tree,
)
from lepton_nb.cases.city.network.passes import (
    HALF_OFF,
    WIDEST,
    PassError,
    PassTerms,
    judge_passes,
    pass_outcome,
    rides_by_month,
)
from lepton_nb.cases.city.parameters import Parameters
from lepton_nb.cases.city.study.business import business_part
from lepton_nb.cases.city.study.known import known_of
from lepton_nb.cases.city.study.whole import Study
from lepton_nb.workbook.prose import prose_cells, render, unread

PAGE = Path(__file__).resolve().parents[1] / "nbs" / "cases" / "city" / "business.ipynb"
TERMS = FareTerms(3.0, 0.1, 0.1)
DRIVE = OnDemandTerms(80.0, 30.0, 45.0, 15.0)


def week(peak: float = 900.0) -> FareWeek:
    """Return a week of two stops, one of them all in the peak."""
    work = np.full((2, 24), 100.0)
    work[0] = 0.0
    work[:, [7, 8, 17]] += peak
    return FareWeek(work, np.array([50.0, 500.0]), 5.0)


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_lost_by_moving(seed):
    rng = np.random.default_rng(seed)
    fares, base = rng.choice([1.0, 2.0, 3.0], (4, 24)), rng.uniform(0, 100, 24)
    effects = fare_effects(fares, FareResponse(2.0, 0.0, 0.3))
    assert np.allclose(effects.after(base).sum(1), base.sum())
    assert np.allclose(effects.stay + effects.moved, 1) and (effects.moved[:, [0, 1, 22, 23]] >= 0).all()
    cheapest = fares == fares.min(1, keepdims=True)
    assert (effects.moved[cheapest] == 0).all(), "nobody leaves the cheapest hour"


def test_one_fare_for_all_hours_follows_the_elasticity():
    book = tariff_books(Tariff((0, 0), (0, 0), (3.0, 3.0, 3.0)), [week()], FareResponse(2.5, 0.4, 0.1), TERMS).iloc[0]
    rides = week().work.sum() + week().other.sum()
    assert np.isclose(book["kept"], 1.2**0.6) and np.isclose(book["boardings"], rides * (1.2**-0.4 - 1))
    assert book["moved"] == 0 and np.isclose(book["dearest"], 0.2)


def test_who_moves_loses_less_than_who_pays():
    fares = np.full(24, 2.0)
    fares[8] = 3.0
    stiff, moving = (fare_effects(fares, FareResponse(2.0, 0.0, move)).surplus[0, 8] for move in (0.0, 0.5))
    assert stiff == -1.0 < moving < 0


def test_a_careful_choice_keeps_revenue_whatever_riders_do():
    usual, grid = FareResponse(2.5, 0.4, 0.09), tariff_grid(2.5, 2, 4)
    best, careful = (choose_tariff(grid, week(), usual, TERMS, 1.0, 0.3, careful=c) for c in (False, True))
    for corner in corners(usual):
        assert tariff_books(careful, [week()], corner, TERMS)["kept"].item() >= 1 - 1e-9
    worth = {t: tariff_books(t, [week()], usual, TERMS).iloc[0] for t in grid}
    allowed = [b["worth"] for b in worth.values() if b["kept"] >= 1 - 1e-9 and b["dearest"] <= 0.3 + 1e-9]
    assert np.isclose(worth[best]["worth"], max(allowed)) and worth[careful]["worth"] <= worth[best]["worth"]


def test_a_tight_limit_leaves_one_fare_and_an_impossible_one_is_told():
    usual, grid = FareResponse(2.5, 0.4, 0.09), tariff_grid(2.5, 2, 4)
    chosen = choose_tariff(grid, week(), usual, TERMS, 1.0, 0.0)
    assert max(tariff_books(chosen, [week()], usual, TERMS)["dearest"]) <= 1e-9
    with pytest.raises(FareError, match="lower revenue_floor or raise fare_rise"):
        choose_tariff(grid, week(), usual, TERMS, 1.9, 0.05)
    with pytest.raises(FareError, match="give sizes from 0 on"):
        FareResponse(2.5, -0.4, 0.1)


def test_boardings_are_counted_on_the_citys_clock_and_none_is_lost():
    times = pd.date_range("2025-03-02 23:00", periods=24 * 28, freq="h")  # local midnight, before the clocks change
    taps = pd.DataFrame({"stop": "A", "time": times, "boardings": 1.0})
    seen = local_boardings({"taps": taps}, "Europe/Berlin", [pd.Timestamp("2025-03-05")])
    assert seen.iloc[0]["day"] == pd.Timestamp("2025-03-03") and seen.iloc[0]["hour"] == 0
    weeks = fare_weeks(seen, pd.Timestamp("2025-03-03"), pd.Timestamp("2025-03-31"), ["A"])
    assert [w.days for w in weeks] == [4, 5, 5, 5] and sum(w.work.sum() + w.other.sum() for w in weeks) == 24 * 28 - 1
    with pytest.raises(FareError, match="no whole week"):
        fare_weeks(seen, pd.Timestamp("2025-03-28"), pd.Timestamp("2025-03-31"), ["A"])


def made_rides(months: int = 4) -> pd.DataFrame:
    """Return rides of a member who rides daily, of one who rides once a month, and of a guest."""
    days = pd.date_range("2025-01-01", periods=30 * months, freq="D")
    often = pd.DataFrame({"time": days, "person": "often"})
    rare = pd.DataFrame({"time": days[::30], "person": "rare"})
    return pd.concat([often, rare, pd.DataFrame({"time": days[:3], "person": None})], ignore_index=True)


def test_months_before_the_first_ride_are_no_months_without_one():
    rides = made_rides()
    late = pd.DataFrame({"time": [pd.Timestamp("2025-03-09")], "person": ["late"]})
    months = rides_by_month(pd.concat([rides, late]), pd.Timestamp("2025-05-01"))
    assert (
        months.shape == (3, 4) and months.isna().sum().sum() == 2 and not {"often", "rare", "late"} & set(months.index)
    )
    assert months.sum().sum() == rides["person"].notna().sum() + 1
    with pytest.raises(PassError, match="2 whole months"):
        rides_by_month(rides, pd.Timestamp("2025-03-02"))


@pytest.mark.parametrize("price", [1.0, 20.0, 1e9])
def test_a_passs_money_adds_up(price):
    rng = np.random.default_rng(1)
    before, rides, terms = (
        rng.poisson(9, 500).astype(float),
        rng.poisson(9, 500).astype(float),
        PassTerms(1.5, 0.3, 0.2),
    )
    told = pass_outcome(before, rides, price, terms)
    till = np.where(told["holds"], price, 1.5 * rides).sum() - 1.5 * rides.sum()
    assert np.isclose(told["idle"].sum() - told["anyway"].sum(), till)
    assert np.isclose(told["net"].sum(), till - 0.2 * 0.3 * rides[told["holds"]].sum())
    assert (told["holds"] == (1.5 * before > price)).all()
    assert pass_outcome(before, rides, price, terms, knows=True)["idle"].sum() == 0, "who knows never overpays"


def test_a_pass_that_only_regulars_take_is_told_to_lose():
    day, end = pd.Timestamp("2025-04-01"), pd.Timestamp("2025-05-01")
    found = judge_passes(made_rides(), day, end, PassTerms(1.5, 0.0, 0.0))
    cheap = found.prices[found.prices["price"] < 28 * 1.5]  # the shortest month costs more without a pass
    assert (cheap["net"] < 0).all() and (cheap["idle"] == 0).all() and found.months == 1
    assert found.judged["low"].le(found.judged["net"]).all()


def made_nights(seed: int, rate: float) -> QuietNights:
    """Return two nights of three stops and three zones in a row, two hours each."""
    rng, requests = np.random.default_rng(seed), []
    at = np.array([0.0, 3, 6, 1, 4, 7])
    for _ in range(2):
        n = rng.poisson(2 * rate)
        minute = np.sort(rng.uniform(120, 240, n))
        end = rng.integers(3, 6, n)
        requests.append(RideRequests(minute, (minute // 60).astype(int), rng.integers(0, 3, n), end, end - 3))
    return QuietNights(requests, np.abs(np.subtract.outer(at, at)), (2, 3), 0)


@pytest.mark.parametrize("seed", range(4))
def test_no_vehicle_is_in_two_places_and_nobody_waits_too_long(seed):
    nights = made_nights(seed, 25.0)
    for fleet in (0, 1, 3):
        for requests in nights.requests:
            night = play_requests(requests, {2: fleet, 3: fleet}, nights.minutes, DRIVE, 0)
            assert least_fleet(night.tours, nights.minutes) <= fleet
            assert night.served.any() == (fleet > 0) and np.isnan(night.wait[~night.served]).all()
            assert (night.wait[night.served] <= DRIVE.shuttle_wait + DRIVE.hold).all() and (night.busy >= 0).all()


def test_more_asked_more_vehicles_and_too_much_is_told():
    few, many = (size_fleets(made_nights(5, rate), DRIVE) for rate in (3.0, 120.0))
    assert all(few[hour] < many[hour] for hour in (2, 3))
    with pytest.raises(OnDemandError, match="raise shuttle_wait"):
        size_fleets(made_nights(5, 60.0), OnDemandTerms(80, 30, 45, 0.0))


@pytest.mark.parametrize("rate, on_demand", [(1.0, True), (200.0, False)])
def test_quiet_hours_go_on_demand_and_busy_ones_keep_lines(rate, on_demand):
    nights = made_nights(2, rate)
    dear = OnDemandTerms(800.0, 10.0, 45.0, 15.0)
    plans, _ = plan_modes(nights, stop_tree(nights.minutes[:3, :3], 0), dear if on_demand else DRIVE)
    cost = {name: sum(plan.cost.values()) for name, plan in plans.items()}
    assert plans["chosen by hour and stop"].cells.any() == on_demand
    assert cost["chosen by hour and stop"] <= min(cost.values()) + 1e-9


def test_hours_are_quiet_against_the_busiest():
    seen = pd.DataFrame({"hour": [2, 8, 12], "workday": True, "boardings": [5.0, 100.0, 30.0]})
    assert {2, 3} <= set(quiet_hours(seen)) and not {8, 12} & set(quiet_hours(seen))


@pytest.fixture(scope="module")
def full():
    """Return a study of nothing but fares, a pass and rides on demand."""
    known = known_of(Parameters())
    parts = dict.fromkeys(("joined", "outlook", "signals", "ways", "safety", "bikes", "people", "returns"))
    return Study(params=Parameters(), known=known, business=business_part(Parameters(), known), **parts)


def business_sides(full):
    """Return studies in which fares, a pass and rides on demand come out in each way."""
    b = full.business
    fares, quiet, bought = b.fares, b.on_demand, b.passes
    flat = replace(
        fares, tariffs=fares.tariffs | {CAREFUL: fares.tariffs[FLAT]}, profile=fares.profile.assign(fare=2.5)
    )
    loss = Gain(np.array([-9.0, -8.0]), -10.0, -7.0)
    poor = {CAREFUL: fares.books[CAREFUL].assign(worth=-9.0, revenue=-9.0, riders=9.0, capacity=-1.0)}
    bad = fares.drawn.assign(worth=-8.0)
    losing = replace(fares, gain=loss, books=fares.books | poor, drawn=bad, corners=fares.corners.assign(worth=-3.0))
    unsure = replace(fares, drawn=bad, weeks=np.inf, gain=Gain(np.array([1.0, 3.0]), -4.0, 8.0))
    sure = replace(fares, gain=Gain(np.array([1.0, 3.0]), 0.5, 3.5))
    down = replace(fares, stops=fares.stops.assign(change=-0.1))
    up = replace(fares, stops=fares.stops.assign(change=0.1))
    dear = quiet.plans[MIX].cells | True
    taken = quiet.plans | {MIX: replace(quiet.plans[MIX], cells=dear, fleet=dict.fromkeys(quiet.plans[MIX].fleet, 3))}
    lines = quiet.plans | {MIX: quiet.plans[ALL_LINES]}
    adopted = replace(quiet, plans=taken, saving=900.0, gain=Gain(np.array([9.0, 8.0]), 7.0, 10.0))
    small = replace(quiet, plans=taken, saving=1.0, gain=Gain(np.array([9.0, -8.0]), -7.0, 10.0))
    row = bought.judged.iloc[[0]]
    earning = replace(bought, judged=pd.concat([row.assign(way=WIDEST, net=90.0, low=10.0, high=170.0), bought.judged]))
    nothing = replace(bought, judged=bought.judged.assign(way=HALF_OFF).iloc[:0])
    lost = replace(bought, judged=bought.judged.assign(net=-50.0, low=-90.0, high=-10.0, needed=0.5))
    real = replace(full, known=replace(full.known, kind="own"))
    why = {"fares": "No table taps is in these data.", "passes": "Rides name nobody.", "on_demand": "No links."}
    changes = [{"fares": flat}, {"fares": losing}, {"fares": unsure}, {"fares": sure}, {"fares": down}, {"fares": up}]
    changes += [{"on_demand": adopted}, {"on_demand": small}, {"on_demand": replace(quiet, plans=lines, saving=0.0)}]
    changes += [{"passes": earning}, {"passes": nothing}, {"passes": lost}, {}]
    changes += [dict.fromkeys(why) | {"missing": why}]
    return [real, *(replace(full, business=replace(b, **change)) for change in changes)]


def test_every_side_of_fares_and_modes_is_read(full, monkeypatch):
    told, said = [], []
    for k, made in enumerate(business_sides(full)):
        names: dict = {"display": lambda block: None}
        monkeypatch.setattr(city, "study", lambda params, made=made: made)
        for cell in nbformat.read(PAGE, 4).cells:
            if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
                binds = "study" in cell.source
                if binds or (k in (1, 7, 11, 14) and not cell.source.startswith("%%prose")):  # figures take long
                    exec(cell.source, names)
        text = " ".join([business_pages.business_answer(made), *(render(c, names) for c in prose_cells(PAGE))])
        assert not re.search(r"\bnan\b|\binf\b|\bNone\b|\bn/a\b|unlimited", text), text
        told.append(names)
        said.append(text)
    left = {cell[:40]: unread(cell, told) for cell in prose_cells(PAGE)}
    assert not any(left.values()), left
    assert "Try a fare" in said[0] and "Keep **one fare**" in said[1] and "Keep **one fare**" in said[2]
    assert "trial, no more" in said[3] and "Run **vehicles on demand**" in said[7] and "Offer a **pass" in said[10]


def test_fares_and_modes_say_what_the_data_lack(full):
    data = full.known.data
    few = {"rides": data.tables["rides"].assign(person=None), "taps": data.tables["taps"]}
    left = business_part(Parameters(), replace(full.known, data=replace(data, tables=few)))
    assert left.fares is not None and set(left.missing) == {"passes", "on_demand"}
    assert "name nobody" in left.missing["passes"] and "links" in left.missing["on_demand"]
    dear = business_part(
        Parameters().model_copy(update={"revenue_floor": 1.9}), replace(full.known, data=replace(data, tables=few))
    )
    assert "lower revenue_floor or raise fare_rise" in dear.missing["fares"]
