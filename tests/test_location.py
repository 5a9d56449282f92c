"""Sites, medians, covers and centres against every plan tried one by one; files that are wrong are refused in words."""

import os
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from lepton_nb.allocation.location import (
    Facilities,
    LocationError,
    drop_sites,
    flows,
    locate,
    location_program,
    read_cap,
    who_is_far,
)
from lepton_nb.allocation.medians import (
    centre_program,
    covering_program,
    greedy_cover,
    greedy_median,
    interchange,
    median_program,
    p_median,
    read_pmed,
)
from lepton_nb.solve.door import InfeasibleError, solve

SHARED = Path(os.environ.get("LEPTON_NB_DATA", "no data"))


def made(seed: int, customers: int = 5, sites: int = 4, sizes: int = 1, lost: float = 0.0) -> Facilities:
    rng = np.random.default_rng(seed)
    demand = rng.integers(1, 9, customers)
    capacity = np.sort(rng.integers(5, 20, (sites, sizes)), axis=1)
    capacity[0, -1] = max(capacity[0, -1], demand.sum() - capacity[1:, -1].sum())
    serving = rng.integers(1, 60, (customers, sites)).astype(float)
    serving[:, 1:][rng.random((customers, sites - 1)) < lost] = np.inf
    return Facilities(demand, capacity, np.sort(rng.integers(5, 60, (sites, sizes)), axis=1), serving)


def flow_cost(f: Facilities, room: np.ndarray) -> float:
    """Cost of the best flow with these capacities, by scipy."""
    J, I = f.serving.shape  # noqa: E741
    cost = np.where(np.isfinite(f.serving), f.serving, 0).ravel()
    bounds = [(0, 1 if np.isfinite(c) else 0) for c in f.serving.ravel()]
    load = np.zeros((I, J * I))
    for i in range(I):
        load[i, i::I] = f.demand
    done = linprog(cost, load, room, np.kron(np.eye(J), np.ones(I)), np.ones(J), bounds)
    return done.fun if done.success else np.inf


def whole_cost(f: Facilities, room: np.ndarray) -> float:
    """Cost of the best plan that serves each row from one site."""
    best, rows = np.inf, range(len(f.demand))
    for choice in product(range(len(room)), repeat=len(f.demand)):
        load = np.bincount(choice, f.demand, len(room))
        if (load <= room + 1e-9).all():
            best = min(best, sum(f.serving[j, choice[j]] for j in rows))
    return best


def try_all(f: Facilities, single: bool = False, kept=(), most: int = 99) -> float:
    best, sizes = np.inf, f.capacity.shape[1]
    for chosen in product(range(-1, sizes), repeat=len(f.capacity)):
        chosen = np.array(chosen)
        if any(chosen[i] < 0 for i in kept) or (chosen >= 0).sum() > most:
            continue
        sites = np.arange(len(chosen))
        room = np.where(chosen >= 0, f.capacity[sites, chosen], 0)
        opening = np.where(chosen >= 0, f.opening[sites, chosen], 0).sum()
        best = min(best, opening + (whole_cost if single else flow_cost)(f, room))
    return best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sizes", [1, 2])
def test_flows_sizes_and_missing_lanes_against_every_plan(seed, sizes):
    f = made(seed, sizes=sizes, lost=0.3)
    best = try_all(f)
    plan = locate(f)
    assert plan.cost == pytest.approx(best) and plan.bound == pytest.approx(best)
    assert drop_sites(f).cost >= best - 1e-6
    assert plan.share.sum(axis=1) == pytest.approx(np.ones(5))
    load = f.demand @ plan.share
    assert (load <= np.where(plan.size >= 0, f.capacity[np.arange(4), plan.size], 0) + 1e-6).all()
    assert not plan.share[~np.isfinite(f.serving)].any()
    sent = flows(f, plan)
    opened = f.opening[plan.open, plan.size[plan.open]].sum()
    assert sent["units"].sum() == pytest.approx(f.demand.sum()) and sent["cost"].sum() + opened == pytest.approx(
        plan.cost
    )


@pytest.mark.parametrize("seed", range(6))
def test_one_site_a_customer_against_every_plan(seed):
    f = made(seed)
    best = try_all(f, single=True)
    if np.isinf(best):
        with pytest.raises((InfeasibleError, LocationError)):
            locate(f, single=True)
        return
    plan = locate(f, single=True)
    assert plan.cost == pytest.approx(best) and plan.cost >= locate(f).cost - 1e-6
    assert set(np.unique(plan.share)) <= {0.0, 1.0}


@pytest.mark.parametrize("seed", range(4))
def test_sites_that_stand_and_a_limit_on_their_number(seed):
    f = made(seed)
    stays = Facilities(f.demand, f.capacity, f.opening, f.serving, kept=[2])
    assert locate(stays).cost == pytest.approx(try_all(f, kept=[2])) and 2 in drop_sites(stays).open
    best = try_all(f, most=2)
    if np.isfinite(best):
        assert locate(f, most_open=2).cost == pytest.approx(best)


def test_rows_for_pairs_are_what_makes_the_relaxation_strong():
    f = made(3, customers=8, sites=6)
    program = location_program(f)
    weak = [r for r, name in enumerate(program.row_names) if not name.startswith("from_an_open_site")]
    from dataclasses import replace

    relaxed = replace(program, integer=np.zeros_like(program.integer))
    few = replace(
        relaxed,
        matrix=relaxed.matrix[weak],
        row_low=relaxed.row_low[weak],
        row_up=relaxed.row_up[weak],
        row_names=[relaxed.row_names[r] for r in weak],
    )
    assert solve(few).objective < solve(relaxed).objective - 1e-6 <= locate(f).cost


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"demand": [-1, 2]}, "demand has an entry below 0"),
        ({"capacity": [1, 1]}, "hold 2 units, demand is 4"),
        ({"opening": [1, 1, 1]}, "opening has shape"),
        ({"serving": [[1, 1]]}, "need (2, 2)"),
        ({"serving": [[1, np.nan], [1, 1]]}, "no number"),
        ({"serving": [[np.inf, np.inf], [1, 1]]}, "can be served from no site"),
        ({"kept": [4]}, "kept names site"),
        ({"demand": [np.inf, 2]}, "finite"),
    ],
)
def test_an_instance_that_makes_no_sense_is_refused(changed, words):
    usual = {"demand": [2, 2], "capacity": [4, 4], "opening": [1, 1], "serving": [[1, 2], [2, 1]]}
    with pytest.raises(LocationError, match=words.replace("(", r"\(").replace(")", r"\)")):
        Facilities(**usual | changed)


def test_who_is_far_weighs_people():
    told = who_is_far([1, 2, 30], [90, 9, 1], ["a", "b", "c"])
    assert told["median"] == 1 and told["p95"] == 2 and told["maximum"] == 30 and told["farthest"] == "c"
    assert told["mean"] == pytest.approx(1.38)
    assert who_is_far([1, 2, 30], [1, 1, 0])["maximum"] == 2  # where nobody lives nobody is far
    with pytest.raises(LocationError, match="weight"):
        who_is_far([1, 2], [0, 0])


def map_of(seed: int, customers: int = 9, sites: int = 7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.round(rng.uniform(0, 50, (customers, sites)), seed % 3)


def best_of(distance: np.ndarray, p: int, value, kept=()) -> float:
    plans = [s for s in combinations(range(distance.shape[1]), p) if set(kept) <= set(s)]
    return min(value(distance[:, list(s)].min(axis=1)) for s in plans)


@pytest.mark.parametrize("seed", range(12))
def test_p_median_against_every_plan(seed):
    distance, weight = map_of(seed), np.random.default_rng(seed).integers(0, 5, 9)
    for p in (1, 2, 4, 6, 7):
        for kept in ((), (3,)):
            best = best_of(distance, p, lambda d: d @ weight, kept)
            found = p_median(distance, p, weight, kept)
            assert found.total == pytest.approx(best) and found.proven and set(kept) <= set(found.open)
            assert len(set(found.open)) == p and found.greedy >= best - 1e-9
    assert solve(median_program(distance, 3, weight)).objective == pytest.approx(
        best_of(distance, 3, lambda d: d @ weight)
    )


def test_a_search_that_is_cut_off_keeps_an_honest_bound():
    rng = np.random.default_rng(0)
    distance = np.round(rng.uniform(0, 100, (60, 60)))
    cut, full = p_median(distance, 6, most_nodes=1), p_median(distance, 6)
    assert full.proven and full.nodes > 1
    assert cut.bound <= full.total <= cut.total and not cut.proven


@pytest.mark.parametrize("seed", range(6))
def test_interchange_ends_where_no_swap_helps(seed):
    cost = map_of(seed, 20, 12)
    chosen, total = interchange(cost, greedy_median(cost, 4))
    swaps = [[*np.delete(chosen, r), i] for r in range(4) for i in range(12) if i not in chosen]
    assert total == pytest.approx(cost[:, chosen].min(axis=1).sum())
    assert total <= min(cost[:, s].min(axis=1).sum() for s in swaps) + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_covering_and_centre_against_every_plan(seed):
    distance, weight = map_of(seed), np.random.default_rng(seed).integers(1, 5, 9)
    assert solve(centre_program(distance, 3)).objective == pytest.approx(best_of(distance, 3, max))
    assert solve(centre_program(distance, 3, kept=[1])).objective == pytest.approx(best_of(distance, 3, max, [1]))
    most = -best_of(distance, 2, lambda d: -((d <= 15) @ weight))
    assert solve(covering_program(distance, 15, 2, weight)).objective == pytest.approx(most)
    rule = (distance[:, greedy_cover(distance, 15, 2, weight)].min(axis=1) <= 15) @ weight
    assert (1 - 1 / np.e) * most <= rule <= most
    wide = distance.min(axis=1).max()
    least = min(p for p in range(1, 8) if best_of(distance, p, max) <= wide)
    assert solve(covering_program(distance, wide)).objective == least <= len(greedy_cover(distance, wide))


def test_a_map_that_makes_no_sense_is_refused():
    distance = map_of(1)
    for change, words in (
        ({"p": 0}, "p is 0"),
        ({"p": 8}, "p is 8"),
        ({"weight": [1, 2]}, "weight has shape"),
        ({"kept": [9]}, "kept names site"),
        ({"p": 1, "kept": [0, 1]}, "2 sites are kept"),
        ({"distance": -distance}, "0 or more"),
    ):
        with pytest.raises(LocationError, match=words):
            p_median(**{"distance": distance, "p": 2} | change)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ends in line 0, where the number of sites"),
        ("1 1\n5 2\n3 4\n1", "line 4: 1 more entries"),
        ("1 1\n5 2\n3", "ends in line 3, where the cost of serving customer 1 from site 1"),
        ("1 1\ncapacity 2\n3 4", "line 2: the capacity of site 1 is 'capacity'"),
        ("1.5 1\n5 2\n3 4", "line 1: the number of sites is '1.5'; it must be a whole number"),
        ("1 1\n5 nan\n3 4", "line 2: the opening cost of site 1 is 'nan'"),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path, text, words):
    file = tmp_path / "cap.txt"
    file.write_text(text)
    with pytest.raises(LocationError, match=words):
        read_cap(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LocationError, match="is not there"):
        read_pmed(tmp_path / "none.txt")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public files are not here")
def test_published_optima():
    sites = SHARED / "manufacturing/facility_location"
    assert locate(read_cap(sites / "cap41.txt")).cost == pytest.approx(1040444.375)
    assert locate(read_cap(sites / "cap64.txt")).cost == pytest.approx(1045650.25)
    for name, best in (("pmed1", 5819), ("pmed6", 7824), ("pmed10", 1255)):
        found = p_median(*read_pmed(SHARED / f"city/p_median/{name}.txt"))
        assert found.total == best and found.proven
