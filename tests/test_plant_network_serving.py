"""Which centre serves which region: brute force, cars conserved, a bound that holds, and tables that do not fit."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from test_plant_study import SMALL
from test_plant_tables import cell, change, column, mine, more, only, times  # noqa: F401 (mine is a fixture)

from lepton_nb.cases.manufacturing import business_pages, study
from lepton_nb.cases.manufacturing.plant.centers import (
    CenterChoice,
    CenterNetwork,
    center_bound,
    center_network,
    choose_centers,
    nearest_centers,
    play_centers,
)
from lepton_nb.cases.manufacturing.sources import SOURCES
from lepton_nb.cases.manufacturing.study.known import known_of
from lepton_nb.cases.manufacturing.study.serving import (
    BY_PLANT,
    JOINT_CHOICE,
    NEAREST_CENTER,
    TODAYS_CENTERS,
    serving_of,
)
from lepton_nb.cases.manufacturing.study.whole import study_of
from lepton_nb.data.findings import DataError
from lepton_nb.workbook.parameters import UserError


@pytest.fixture(scope="module")
def small():
    return study(SMALL)


def with_tables(s, **tables):
    """Return what is known with some tables otherwise; None: not there."""
    kept = {name: frame for name, frame in (dict(s.known.data.tables) | tables).items() if frame is not None}
    return known_of(s.params, replace(s.known.data, tables=kept))


# ---- the choice


def some(seed: int) -> tuple[CenterNetwork, np.ndarray]:
    """Return a random network of two plants with ways that are missing, and cars a week."""
    rng = np.random.default_rng(seed)
    last, lane = rng.integers(1, 9, (3, 3)).astype(float), rng.integers(1, 9, (2, 3)).astype(float)
    last[rng.integers(3), rng.integers(1, 3)] = np.inf
    weekly = rng.integers(5, 30, (3, 2)).astype(float)
    room = np.ceil(weekly.sum() * rng.uniform(0.35, 0.7, (3, 1)) * [1.0, 1.7])
    fixed = rng.integers(5, 90, (3, 1)) * np.array([[1.0, 1.4]])
    names = tuple("abc"), ("p", "q"), tuple("xyz")
    return CenterNetwork(*names, last[:, None] + lane, last, np.ones((3, 2, 3)), room, fixed, None), weekly


def cost_of(net: CenterNetwork, orders: np.ndarray, choice: CenterChoice, late: float = 9.0) -> float:
    return float(play_centers(net, orders, choice, late)["cost"].mean())


def every_choice(by_plant: bool):
    """Every way to open three centres in sizes, and to send three regions (and two plants) through them."""
    for size, center in product(product((-1, 0, 1), repeat=3), product(range(3), repeat=6 if by_plant else 3)):
        if all(size[k] >= 0 for k in center):
            yield CenterChoice(np.array(size), np.array(center).reshape(3, -1) + np.zeros((3, 2), int))


@pytest.mark.parametrize("seed, by_plant", [*((seed, False) for seed in range(12)), (0, True)])
def test_no_choice_costs_less_than_the_plan(seed, by_plant):
    net, weekly = some(seed)
    ways, pairs = np.isfinite(net.cost), np.arange(3)[:, None]
    keeps = []
    for one in every_choice(by_plant):
        room = net.capacity[np.arange(3), one.size] * (one.size >= 0)
        through = np.bincount(one.center.ravel(), weekly.ravel(), 3)
        if (through <= room + 1e-9).all() and ways[pairs, [0, 1], one.center].all():
            keeps.append(cost_of(net, weekly[..., None], one))
    if not keeps:
        with pytest.raises(UserError):
            choose_centers(net, weekly, by_plant=by_plant)
        return
    plan = choose_centers(net, weekly, by_plant=by_plant)
    assert cost_of(net, weekly[..., None], plan) == pytest.approx(min(keeps))
    assert by_plant or (plan.center[:, 0] == plan.center[:, 1]).all()


@pytest.mark.parametrize("seed", range(12))
def test_every_car_is_served_once_and_no_choice_beats_the_bound(seed):
    net, weekly = some(seed)
    rng = np.random.default_rng(seed)
    orders, late = rng.poisson(weekly[..., None], (3, 2, 9)).astype(float), float(rng.integers(1, 30))
    bound = center_bound(net, orders, late)
    for k, one in enumerate(every_choice(False)):
        if k % 7 or not np.isfinite(np.take_along_axis(net.cost, one.center[..., None], 2)).all():
            continue
        played = play_centers(net, orders, one, late)
        assert played["passed"].sum() + played["left"].iloc[-1] == pytest.approx(orders.sum())
        room = net.capacity[np.arange(3), one.size] * (one.size >= 0)
        assert (played["passed"] <= room.sum() + 1e-9).all() and (played["left"] >= 0).all()
        assert cost_of(net, orders, one, late) >= bound - 1e-6


def test_the_bound_is_reached_where_nothing_scatters_and_nothing_need_be_split():
    net, weekly = some(3)
    assert center_bound(net, 9 * weekly[..., None], 9.0) > 0, "more than all centres have room for"
    roomy = replace(net, capacity=net.capacity + 1e4)
    orders = np.repeat(weekly[..., None], 5, 2)
    plan = choose_centers(roomy, weekly, by_plant=True)
    assert center_bound(roomy, orders, 9.0) == pytest.approx(cost_of(roomy, orders, plan))


def test_the_rule_goes_to_the_nearest_with_room_and_never_where_no_way_leads():
    last = np.array([[1.0, 2.0], [1.0, 5.0], [np.inf, 3.0]])
    sizes = np.array([[50.0], [50.0]]), np.zeros((2, 1))
    net = CenterNetwork(tuple("abc"), ("p",), ("x", "y"), last[:, None], last, np.ones((3, 1, 2)), *sizes, None)
    assert nearest_centers(net, np.array([[40.0], [30.0], [5.0]])).center.ravel().tolist() == [0, 1, 1]
    assert nearest_centers(net, np.array([[20.0], [30.0], [5.0]])).center.ravel().tolist() == [0, 0, 1]


# ---- the study


def test_what_is_told_adds_up(small):
    found, net = small.serving, center_network(small.known.data.tables)
    cost = found.figures["cost a week"]
    assert found.zero == TODAYS_CENTERS and {NEAREST_CENTER, JOINT_CHOICE, BY_PLANT} == set(found.gains)
    for way, gain in found.gains.items():
        assert gain.mean == pytest.approx(cost[found.zero] - cost[way])
    assert (cost >= found.bound - 1e-6).all() and found.gap < 1e-5
    orders = small.known.data.tables["demand"].groupby("week")["orders"].sum()
    year = orders.iloc[small.known.judged - 52 : small.known.judged].mean()
    assert found.lines["cars"].sum() == pytest.approx(year) == pytest.approx(found.sizes["cars"].sum())
    assert found.taken == found.practised.drop(BY_PLANT).idxmin() and set(found.lines["region"]) == set(net.regions)
    assert len(found.in_worlds.each) == SMALL.worlds


def test_the_judged_weeks_choose_nothing(small):
    demand = small.known.data.tables["demand"]
    late = demand["week"] >= small.known.weeks[small.known.judged]
    other = serving_of(SMALL, with_tables(small, demand=demand.assign(orders=demand["orders"] * np.where(late, 3, 1))))
    assert other.taken == small.serving.taken and other.practised.equals(small.serving.practised)
    assert other.sizes.equals(small.serving.sizes) and not other.figures.equals(small.serving.figures)


def test_without_the_tables_all_else_is_worked_out_anew_and_equal(small):
    bare = {name: frame for name, frame in small.known.data.tables.items() if name not in ("serving", "centers")}
    data = replace(small.known.data, tables=bare, sha256="0" * 64)
    without = study_of(SMALL, data)
    assert without.serving is None and business_pages.serving_told(without)["none"]
    others = [one for one in small.results if not one.name.startswith("serving.")]
    assert without.results == others and len(small.results) > len(others)


def test_one_centre_a_region_leaves_nothing_to_decide(small):
    serving = small.known.data.tables["serving"]
    assert serving_of(SMALL, with_tables(small, serving=serving[serving["today"]])) is None


def test_what_is_not_told_is_not_needed(small):
    """No lanes, no room, no today: last legs alone decide, and gains are measured from the rule."""
    serving = small.known.data.tables["serving"].drop(columns="today")
    found = serving_of(SMALL, with_tables(small, serving=serving, centers=None, lanes=None))
    nearest = serving.loc[serving.groupby("region")["cost"].idxmin()].set_index("region")["center"]
    assert found.zero == NEAREST_CENTER and TODAYS_CENTERS not in found.figures.index
    assert found.lines.set_index("region")["center"].to_dict() == nearest.to_dict()
    assert found.figures.at[NEAREST_CENTER, "cost a week"] == pytest.approx(found.bound)
    s = replace(small, serving=found)
    assert business_pages.serving_lines(s)["do"].str.contains("no limit").sum() == 4
    business_pages.rooms_figure(s)


def test_a_dear_centre_is_closed_and_one_that_is_too_small_moves_a_region(small):
    centers, serving = (small.known.data.tables[name] for name in ("centers", "serving"))
    dear = centers.assign(fixed_cost=centers["fixed_cost"].mask(centers["center"] == "South", 1e6))
    found = serving_of(SMALL, with_tables(small, centers=dear))
    lines = business_pages.serving_lines(replace(small, serving=found)).set_index("what")
    assert lines.at["centre South", "do"] == "closed" and lines.at["region South", "do"] != "from South"
    assert "is closed: keeping it costs more than it saves" in lines.at["region South", "reason"]
    assert lines["reason"].str.len().gt(10).all() and not lines["reason"].str.contains("nan|inf").any()
    tight = pd.DataFrame({"center": ["North", "West", "East", "South"], "capacity": [2_000, 300, 2_000, 2_000.0]})
    moved = serving_of(SMALL, with_tables(small, centers=tight.assign(fixed_cost=0.0)))
    row = business_pages.serving_lines(replace(small, serving=moved)).set_index("what").loc["region West"]
    assert row["do"] == "from North" and "West would cost" in row["reason"] and "has no room left" in row["reason"]


def test_regions_that_fit_only_in_halves_have_no_choice_and_the_page_says_so(small):
    """Room for all in all, and no way to give three of four regions a centre each."""
    rooms = pd.DataFrame({"center": ["North", "West", "East", "South"], "capacity": [830.0, 830.0, 830.0, 10.0]})
    found = serving_of(SMALL, with_tables(small, centers=rooms.assign(fixed_cost=0.0)))
    told = business_pages.serving_told(replace(small, serving=found))
    assert (
        JOINT_CHOICE not in found.figures.index and not told["fits"] and found.taken in (TODAYS_CENTERS, NEAREST_CENTER)
    )


# ---- a planner's own tables

WRONG = {
    "a centre that nobody knows": (
        [("serving", cell(3, "center", "Soth"))],
        "serving.csv, column center, row 3: 'Soth' (1 row) is not in centers.csv",
        "Add it to centers.csv",
    ),
    "a region that nobody knows": (
        [("serving", more(center="North", region="moon", cost="9", days="1", today="yes"))],
        "serving.csv, column region, row 4: 'moon' (1 row) is not in demand.csv",
        "correct it here",
    ),
    "a region that nobody serves": (
        [("demand", lambda f: f.assign(region=["east" if k == 5 else "all" for k in range(len(f))]))],
        "demand.csv, column region, row 7: 'east' is served by no centre of serving.csv",
        "Add a row to serving.csv",
    ),
    "less room than is ordered": (
        [("centers", times(0.1, "capacity"))],
        "centers.csv, column capacity, row 2: centres have room for 47 cars a week, and 94 are ordered",
        "add a size or a centre",
    ),
    "a region that fits nowhere": (
        [("centers", times(0.3, "capacity"))],
        "serving.csv, column region, row 2: 'all' orders more cars a week than any centre that serves it has room for",
        "split the region",
    ),
    "a cost below nothing": (
        [("serving", cell(2, "cost", "-18"))],
        "serving.csv, column cost, row 2: -18 is below 0",
        "Write what a car costs, 0 or more",
    ),
    "no cost": (
        [("serving", cell(3, "cost", ""))],
        "serving.csv, column cost, row 3",
        "remove the row where the centre cannot serve the region",
    ),
    "a pair twice": (
        [("serving", more(center="North", region="all", cost="77", days="1", today="no"))],
        "serving.csv, column region, row 4: 'all' stands in an earlier row with other values",
        "Keep one row.",
    ),
    "a size twice": (
        [("centers", more(center="South", capacity="220", fixed_cost="1"))],
        "centers.csv, column capacity, row 5: 220 stands in an earlier row with other values",
        "Keep one row.",
    ),
    "two centres today": (
        [("serving", cell(3, "today", "yes"))],
        "serving.csv, column region, row 2: 'all' does not have exactly one centre with yes in today",
        "or remove the column",
    ),
    "a centre that is no site": (
        [("sites", only("site", "Milltown", "North"))],
        "serving.csv, column center, row 3: 'South' is no site of sites.csv",
        "Add it to sites.csv",
    ),
    "no lane leads there": (
        [("lanes", column("origin", lambda text: "Newtown"))],
        "serving.csv, column region, row 2: 'all' has no centre that lanes.csv leads to from every plant (Milltown)",
        "take lanes.csv out",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_tables_that_do_not_fit_are_told_in_words(mine, name):  # noqa: F811
    changes, where, mend = WRONG[name]
    for table, how in changes:
        change(mine, table, how)
    with pytest.raises(DataError) as error:
        SOURCES.load(f"own:{mine}")
    assert where in str(error.value) and mend in str(error.value)


def test_own_tables_are_decided_on(mine):  # noqa: F811
    """By the form of the templates: North is nearer, and South in the larger size costs less to keep and to reach."""
    data = SOURCES.load(f"own:{mine}")
    params = SMALL.model_copy(update={"source": f"own:{mine}"})
    found = serving_of(params, known_of(params, data))
    assert found.in_worlds is None and BY_PLANT not in found.figures.index and found.zero == TODAYS_CENTERS
    assert found.lines["region"].tolist() == ["all"] and found.figures.at[TODAYS_CENTERS, "keeping"] == 1_600
    assert found.lines["cost"].item() == 53 and found.sizes.set_index("center")["room"].to_dict() == {
        "North": 250,
        "South": 0,
    }
    assert found.gains[JOINT_CHOICE].mean == pytest.approx(700)


def test_the_world_draws_centres_apart_from_everything_else(small):
    from lepton_nb.cases.manufacturing.world.simulate import car_maker

    kept, tables = small.known.data.tables, car_maker(7)[0]
    pd.testing.assert_frame_equal(kept["serving"], tables["serving"], check_dtype=False)
    other = car_maker(8)[0]
    assert not other["serving"]["cost"].equals(kept["serving"]["cost"]) and other["lanes"].equals(tables["lanes"])
