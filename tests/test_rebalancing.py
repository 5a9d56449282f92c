"""Flows against another solver, plans by hand, and the judge against one that walks rider by rider."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from lepton_nb.allocation.rebalancing import (
    BikeStations,
    FlowError,
    flow_program,
    follow,
    half_full,
    made_bike_city,
    rebalance,
    ride_day,
)
from lepton_nb.solve.door import solve


def nothing(hour, stock):
    return []


def small(seed: int = 1, stations: int = 8):
    return made_bike_city(seed, stations=stations, rides=40, hours=12)


@pytest.mark.parametrize("seed", range(8))
def test_a_flow_is_the_cheapest_and_whole(seed):
    rng = np.random.default_rng(seed)
    tail, head = np.array([(i, j) for i in range(7) for j in range(7) if i != j]).T
    cost, room = rng.uniform(0, 9, len(tail)), rng.integers(1, 8, len(tail)).astype(float)
    supply = rng.integers(-4, 5, 7).astype(float)
    supply[-1] -= supply.sum()
    matrix = np.zeros((7, len(tail)))
    matrix[tail, np.arange(len(tail))], matrix[head, np.arange(len(tail))] = 1, -1
    other = linprog(cost, A_eq=matrix, b_eq=supply, bounds=[(0, r) for r in room], method="highs-ipm")
    found = solve(flow_program(tail, head, cost, room, supply))
    assert other.success and np.isclose(found.objective, other.fun)
    assert np.allclose(matrix @ found.x, supply) and (found.x == np.round(found.x)).all()


def test_a_plan_by_hand():
    wanted, none = np.array([[0, 0], [0, 3.0]]), np.zeros((2, 2))
    for docks, money, moved in ((5, 2.1, 3), (2, 4.4, 2)):
        pair = BikeStations([[0, 0], [0, 1]], [5, docks], [4, 0])
        plan = rebalance(pair, wanted, none, pieces=1)
        assert np.isclose(plan.expected, money) and plan.moves.to_numpy().tolist() == [[0, 0, 1, moved]]
    # riders of the first hour cannot wait for a van, and a ride that costs less than a bike carried is let go
    first = rebalance(pair, wanted[:, ::-1], none, pieces=1)
    assert np.isclose(first.expected, 9) and first.moves.empty
    cheap = rebalance(pair, wanted, none, pieces=1, value=0.5)
    assert np.isclose(cheap.expected, 1.5) and cheap.moves.empty


def test_returns_without_a_dock_are_counted_or_carried_away():
    full = BikeStations([[0, 0], [0, 1]], [4, 9], [4, 0])
    comes = np.array([[0, 0, 2.0], [0, 0, 0]])
    plan = rebalance(full, np.zeros((2, 3)), comes, pieces=1)
    assert np.isclose(plan.expected, 1.4) and plan.moves["bikes"].sum() == 2
    assert np.isclose(rebalance(full, np.zeros((2, 3)), comes, pieces=1, value=0.5).expected, 1.0)


@pytest.mark.parametrize("pieces", [1, 6])
def test_a_plan_is_whole_and_can_be_carried_out(pieces):
    city = small()
    starts, returns = city.expected()
    plan = rebalance(city.stations, starts, returns, pieces=pieces)
    assert plan.fraction < 1e-9 and (plan.moves["bikes"] > 0).all()
    assert (plan.moves["from"] != plan.moves["to"]).all() and plan.moves["hour"].between(0, 11).all()


def test_a_hedge_costs_no_more_than_no_moves_by_its_own_books():
    city = small(3)
    starts, returns = city.expected()
    free = rebalance(city.stations, starts, returns)
    held = rebalance(city.stations, starts, returns, carry=1e5)  # nothing is carried at this price
    assert held.moves.empty and 0 <= free.expected <= held.expected + 1e-6


def walked(stations: BikeStations, rides: pd.DataFrame, carry) -> tuple[int, int, int]:
    """Walk rider by rider: lost, turned away, carried; and no bike appears or vanishes."""
    stock, total = [int(b) for b in stations.bikes], int(stations.bikes.sum())
    far = np.hypot(*(stations.at[:, None] - stations.at).transpose(2, 0, 1))
    lost = away = carried = 0

    def arrive(at: int) -> bool:
        if stock[at] < stations.docks[at]:
            stock[at] += 1
            return True
        near = next(j for j in np.argsort(far[at], kind="stable") if stock[j] < stations.docks[j])
        stock[near] += 1
        return False

    for hour in range(int(rides["hour"].max()) + 1):
        van, on_the_way = [], []
        for start, end, bikes in carry(hour, np.array(stock)):
            for _ in range(int(bikes)):
                if stock[start]:
                    stock[start] -= 1
                    van.append(end)
        for _, start, end in rides[rides["hour"] == hour].itertuples(index=False):
            if stock[start]:
                stock[start] -= 1
                on_the_way.append(end)
            else:
                lost += 1
        # whoever has a dock at the own station takes it before others come by for one
        room = {s: int(stations.docks[s]) - stock[s] for s in set(on_the_way)}
        count = {s: on_the_way.count(s) for s in room}
        direct = [s for s in room for _ in range(min(room[s], count[s]))]
        over = [s for s in sorted(room) for _ in range(max(count[s] - room[s], 0))]
        assert all([arrive(s) for s in direct])
        away += len(over)
        for s in over:
            arrive(s)
        carried += len(van)
        room = {s: int(stations.docks[s]) - stock[s] for s in set(van)}
        left = [s for s in sorted(room) for _ in range(max(van.count(s) - room[s], 0))]
        for s in [end for end in room for _ in range(min(room[end], van.count(end)))]:
            arrive(s)
        for s in left:
            arrive(s)
        assert sum(stock) == total and all(0 <= b <= d for b, d in zip(stock, stations.docks))
    return lost, away, carried


@pytest.mark.parametrize("seed", range(4))
def test_the_judge_is_the_one_who_walks(seed):
    city = small(seed)
    day = city.day(np.random.default_rng(seed))
    plan = rebalance(city.stations, *city.expected())
    for way in (nothing, half_full(city.stations), follow(plan)):
        judged = ride_day(city.stations, day, way)
        assert (judged.lost, judged.turned_away, judged.carried) == walked(city.stations, day, way)
        assert judged.rides == len(day)


def test_what_is_not_there_is_not_carried():
    pair = BikeStations([[0, 0], [3, 4]], [5, 5], [2, 0])
    riders = pd.DataFrame({"hour": [1], "start": [1], "end": [0]})
    day = ride_day(pair, riders, lambda hour, stock: [(0, 1, 9)] if hour == 0 else [])
    assert (day.carried, day.lost) == (2, 0) and np.isclose(day.money, 2 * 0.4 + 2 * 5 * 0.3)


def test_plans_save_rides_in_worlds_on_which_nothing_was_tried():
    gains = []
    for seed in range(300, 306):
        city = made_bike_city(seed, stations=30)
        plans = [rebalance(city.stations, *city.expected(), pieces=pieces) for pieces in (1, 6)]
        days = [city.day(np.random.default_rng([seed, day])) for day in range(4)]
        ways = [nothing, *map(follow, plans)]
        gains.append([np.mean([ride_day(city.stations, day, way).money for day in days]) for way in ways])
    none, expected, hedged = np.array(gains).T
    assert (hedged < none).all() and hedged.mean() < expected.mean() < none.mean()


STATIONS = BikeStations([[0, 0], [0, 1]], [5, 5], [4, 0])
RATES = np.ones((2, 3))
WRONG = [
    (lambda: BikeStations([[0, 0]], [5, 5], [4, 0]), r"2 stations need \(2, 2\)"),
    (lambda: BikeStations([[0, 0], [0, 1]], [5, 5], [6, 0]), r"station \[0\] begins with \[6.\] bikes at \[5.\] docks"),
    (lambda: BikeStations([[0, 0], [0, 1]], [5, 0], [1, 0]), r"has a dock at least"),
    (lambda: BikeStations([[0, 0], [0, 1]], [5, 5], [1.5, 0]), r"bikes must be whole numbers"),
    (lambda: BikeStations([[0, np.nan], [0, 1]], [5, 5], [1, 0]), r"at is nan in entry"),
    (lambda: rebalance(STATIONS, RATES[:1], RATES[:1]), r"a row for each of 2 stations"),
    (lambda: rebalance(STATIONS, RATES, RATES[:, :2]), r"a row for each of 2 stations"),
    (lambda: rebalance(STATIONS, -RATES, RATES), r"must be 0 or more"),
    (lambda: rebalance(STATIONS, RATES * np.inf, RATES), r"starts is inf"),
    (lambda: rebalance(BikeStations([[0, 0]], [5], [1]), RATES[:1], RATES[:1]), r"nothing can be carried"),
    (lambda: flow_program([0], [1], [1.0], [1.0], [1.0, 0.0]), r"supply adds up to 1"),
    (lambda: flow_program([0], [1], [1.0], [-1.0], [0.0, 0.0]), r"capacity must be 0 or more"),
]


@pytest.mark.parametrize("wrong, words", WRONG, ids=[w[1][:30] for w in WRONG])
def test_what_makes_no_sense_is_refused_in_words(wrong, words):
    with pytest.raises(FlowError, match=words):
        wrong()
