"""Equilibria against hand-worked networks, each other and programs of others; wrong networks refused in words."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from lepton_nb.allocation.equilibrium import (
    all_or_nothing,
    at_marginal_cost,
    frank_wolfe,
    made_town,
    marginal_tolls,
    price_of_anarchy,
    relative_gap,
    rerouted,
    system_optimum,
)
from lepton_nb.allocation.paths import fastest_routes, path_table, user_equilibrium
from lepton_nb.allocation.roads import RoadError, RoadNetwork, close_links, read_tntp, set_tolls
from lepton_nb.data.findings import DataError

SHARED = Path(os.environ.get("LEPTON_NB_DATA", "no data")) / "city" / "traffic_assignment"
TOWNS = [(1, {}), (2, {"rows": 9, "columns": 7, "zones": 14}), (3, {"rows": 5, "columns": 5, "vehicles": 5000})]


def roads(*rows, **columns) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["from", "to", "free_time", "b"])
    return table.assign(**{"capacity": 1.0, "power": 1.0} | columns)


def trips(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["origin", "destination", "vehicles"])


BRAESS = RoadNetwork(
    roads(
        ("A", "C", 1e-8, 1e9), ("A", "D", 50, 0.02), ("C", "B", 50, 0.02), ("C", "D", 10, 0.1), ("D", "B", 1e-8, 1e9)
    ),
    trips(("A", "B", 6.0)),
)


def belled(network: RoadNetwork, cost: np.ndarray) -> np.ndarray:
    """Least cost of each pair by Bellman and Ford on names, sharing nothing with the library's graph."""
    costs = list(zip(network.links["from"], network.links["to"], cost))
    out = []
    for start, end, vehicles in network.trips[["origin", "destination", "vehicles"]].itertuples(index=False):
        if start == end or not vehicles:
            continue
        known = {start: 0.0}
        for _ in range(len(costs)):
            before = dict(known)
            for a, b, c in costs:
                if a in known and (a == start or a not in network.no_through):
                    known[b] = min(known.get(b, np.inf), known[a] + c)
            if known == before:
                break
        out.append((known[end], vehicles))
    return np.array(out)


def own_gap(network: RoadNetwork, flow: np.ndarray) -> float:
    cost = network.cost(flow)
    least = belled(network, cost)
    return 1 - (least[:, 0] @ least[:, 1]) / (flow @ cost)


def unbalanced(network: RoadNetwork, flow: np.ndarray) -> float:
    """Largest miss of what enters and leaves a node against its trips."""
    net = pd.Series(0.0, pd.unique(network.links[["from", "to"]].to_numpy(object).ravel()))
    for ends, sign, count in (
        (network.links["from"], -1, flow),
        (network.links["to"], 1, flow),
        (network.trips["origin"], 1, network.trips["vehicles"]),
        (network.trips["destination"], -1, network.trips["vehicles"]),
    ):
        net = net.add(sign * pd.Series(np.asarray(count), ends.to_numpy(object)).groupby(level=0).sum(), fill_value=0)
    return float(net.abs().max())


# --- by hand ---


def test_braess_with_and_without_its_bridge():
    found = user_equilibrium(BRAESS, 1e-12)
    assert np.allclose(found.flow, [4, 2, 2, 2, 4]) and np.isclose(found.total_time, 6 * 92)
    closed = user_equilibrium(close_links(BRAESS, [("C", "D")]), 1e-12)
    assert np.allclose(closed.flow, 3) and np.isclose(closed.total_time, 6 * 83)
    assert np.isclose(found.objective, 386)  # 5*16 + 102 + 102 + 20+2 + 5*16


def test_two_roads_share_by_their_costs():
    # 10 + x against 20 + x over a middle node: 15 = 10 + 5 on one, 5 beyond it; with 8 in all, all on the first
    links = roads(("A", "B", 10, 0.1), ("A", "M", 20, 0.05), ("M", "B", 1e-9, 0))
    for vehicles, first in ((8, 8), (10, 10), (16, 13), (30, 20)):
        found = user_equilibrium(RoadNetwork(links, trips(("A", "B", vehicles))), 1e-12)
        assert np.isclose(found.flow[0], first), vehicles


def test_a_fixed_road_takes_what_is_over():
    # x hours against a constant hour: power 0 and b 0 both mean constant
    for power, b, minutes in ((0.0, 1.0, 0.5), (1.0, 0.0, 1.0)):
        links = roads(("A", "B", 1e-9, 1e9), ("A", "M", minutes, b), ("M", "B", 1e-9, 0))
        links["power"] = [1.0, power, 1.0]
        network = RoadNetwork(links, trips(("A", "B", 3.0)))
        for found in (user_equilibrium(network, 1e-12), frank_wolfe(network, 1e-9)):
            assert np.allclose(found.flow, [1, 2, 2]), power


def test_pigou_has_the_worst_price_of_anarchy_of_straight_lines():
    pigou = RoadNetwork(roads(("A", "B", 1e-9, 1e9), ("A", "M", 1, 0), ("M", "B", 1e-9, 0)), trips(("A", "B", 1.0)))
    best = system_optimum(pigou, user_equilibrium)
    assert np.isclose(best.flow[0], 0.5) and np.isclose(best.total_time, 0.75)
    assert np.isclose(price_of_anarchy(user_equilibrium(pigou), best), 4 / 3)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_straight_lines_cost_at_most_a_third_more(seed):
    town, _ = made_town(seed % 50, 4, 4, 4, vehicles=3000)
    rng = np.random.default_rng(seed)
    line = town.links.assign(power=1.0, b=rng.uniform(0, 3, len(town.links)))
    town = RoadNetwork(line, town.trips, town.no_through)
    selfish, best = user_equilibrium(town, 1e-9), system_optimum(town, user_equilibrium)
    assert 1 - 1e-9 <= price_of_anarchy(selfish, best) <= 4 / 3 + 1e-9


# --- both forms, and others ---


@pytest.mark.parametrize("seed, size", TOWNS)
def test_both_forms_arrive_at_the_same_flows(seed, size):
    town, _ = made_town(seed, **size)
    exact, rough = user_equilibrium(town, 1e-12), frank_wolfe(town, 1e-4, 3000)
    assert exact.gap <= 1e-12 and rough.gap <= 1e-4
    for found, allowed in ((exact, 5e-12), (rough, 1.01e-4)):
        assert unbalanced(town, found.flow) < 1e-6 and (found.flow >= 0).all()
        assert abs(own_gap(town, found.flow)) <= allowed
        assert np.isclose(own_gap(town, found.flow), relative_gap(town, found.flow), atol=1e-12)
    # the gap bounds how far the objective is from its least
    assert (
        -1e-9 * exact.objective <= rough.objective - exact.objective <= rough.gap * (rough.flow @ town.cost(rough.flow))
    )
    busy = exact.flow > 200
    assert np.abs(rough.flow[busy] / exact.flow[busy] - 1).max() < 0.1


def test_the_gap_in_each_round_is_that_of_the_flows():
    town, _ = made_town(4)
    for rounds in (1, 2, 3, 5):
        found = user_equilibrium(town, 0.0, rounds)
        assert len(found.gaps) == rounds  # after the last gap the flows moved on, to a smaller one
        assert own_gap(town, found.flow) <= found.gap * 1.5
        slow = frank_wolfe(town, 0.0, rounds)
        assert len(slow.gaps) == rounds
    stopped = user_equilibrium(town, 1e-3)
    assert np.isclose(stopped.gap, own_gap(town, stopped.flow), rtol=1e-9)
    stopped = frank_wolfe(town, 1e-2)
    assert np.isclose(stopped.gap, own_gap(town, stopped.flow), rtol=1e-9)


def test_a_small_town_by_a_general_solver():
    """Beckmann's program over all simple paths of a small network, by scipy's SLSQP."""
    links = pd.DataFrame(
        [(a, b, t) for a, b, t in ((1, 2, 3), (1, 3, 2), (2, 3, 1), (3, 2, 1), (2, 4, 2), (3, 4, 4))],
        columns=["from", "to", "free_time"],
    ).assign(capacity=[20.0, 30, 15, 15, 25, 20])
    network = RoadNetwork(links, trips((1, 4, 40.0), (2, 4, 10.0)))
    ways = [[0, 4], [1, 5], [0, 2, 5], [1, 3, 4], [4], [2, 5]]
    of = np.array([[a in way for way in ways] for a in range(6)], float)
    sums = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]])
    done = minimize(
        lambda f: network.objective(of @ np.maximum(f, 0)),
        [10, 10, 10, 10, 5, 5],
        bounds=[(0, None)] * 6,
        constraints={"type": "eq", "fun": lambda f: sums @ f - [40, 10]},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    found = user_equilibrium(network)
    assert np.isclose(found.objective, done.fun, rtol=1e-7) and found.objective <= done.fun + 1e-6
    assert np.allclose(found.flow, of @ done.x, atol=0.05)


def test_all_or_nothing_is_the_cheapest_plan_of_a_program():
    town, _ = made_town(5, 4, 4, 5, vehicles=900)
    cost = town.cost(np.random.default_rng(0).uniform(0, 300, len(town.links)))
    flow, least = all_or_nothing(town, cost)
    g = town.graph
    rows = np.zeros((len(g.nodes), len(cost)))
    rows[g.tail, np.arange(len(cost))], rows[g.head, np.arange(len(cost))] = 1, -1
    total = 0.0
    for start in np.unique(g.origin):
        here = g.origin == start
        net = -np.bincount(g.destination[here], g.demand[here], len(g.nodes))
        net[start] += g.demand[here].sum()
        total += linprog(cost, A_eq=rows, b_eq=net).fun
    assert np.isclose(least, total) and np.isclose(flow @ cost, total) and unbalanced(town, flow) < 1e-9


# --- system optimum, tolls, closures ---


@pytest.mark.parametrize("seed, size", TOWNS)
def test_the_system_optimum_never_costs_more_and_tolls_reproduce_it(seed, size):
    town, _ = made_town(seed, **size)
    selfish, best = user_equilibrium(town, 1e-11), system_optimum(town, lambda n: user_equilibrium(n, 1e-11))
    assert best.total_time <= selfish.total_time * (1 + 1e-12)
    tolls = marginal_tolls(town, best.flow)
    tolled = user_equilibrium(set_tolls(town, tolls), 1e-11)
    assert np.isclose(tolled.total_time, best.total_time, rtol=1e-8)
    assert np.allclose(tolled.flow, best.flow, atol=0.02 * best.flow.max())
    # first order: no small move towards any other plan lowers the total time
    other, _ = all_or_nothing(town, town.times(best.flow) + tolls)
    moved = best.flow + 1e-4 * (other - best.flow)
    assert town.total_time(moved) >= best.total_time * (1 - 1e-9)
    paying = at_marginal_cost(town)
    assert np.allclose(paying.cost(best.flow), town.times(best.flow) + tolls)


def test_a_toll_is_paid_and_is_no_time():
    priced = set_tolls(BRAESS, np.array([0, 0, 0, 20.0, 0]))
    found = user_equilibrium(priced)
    assert found.flow[3] == 0 and np.isclose(found.total_time, 6 * 83)  # 60 + 10 + 20 against 83
    assert np.isclose(set_tolls(BRAESS, 5.0).total_time(found.flow), found.total_time)
    # with z over the bridge, 83 + 4.5 z on the wide ways and 75 + 11 z over it, which pays 5 once more
    assert np.isclose(user_equilibrium(set_tolls(BRAESS, 5.0)).flow[3], 8 / 6.5)


def test_the_system_optimum_ignores_tolls_that_stand():
    priced = set_tolls(BRAESS, np.array([40.0, 0, 0, 0, 0]))
    assert np.allclose(system_optimum(priced, user_equilibrium).flow, [3, 3, 3, 0, 3], atol=1e-4)


def test_a_closed_road_is_empty_and_nothing_is_lost():
    town, _ = made_town(2)
    before = user_equilibrium(town)
    street = before.table().query("free_minutes != 0.5").nlargest(1, "flow").iloc[0]
    after = user_equilibrium(close_links(town, [(street["from"], street["to"])]))
    moved = rerouted(before, after)
    shut = moved[(moved["from"] == street["from"]) & (moved["to"] == street["to"])].iloc[0]
    assert shut["after"] == 0 and np.isnan(shut["minutes_after"]) and shut["change"] == -shut["before"]
    assert len(moved) == len(town.links) and unbalanced(after.network, after.flow) < 1e-6
    assert (moved["change"].abs().diff().dropna() <= 1e-9).all()


def test_what_is_closed_must_exist_and_not_be_the_only_way():
    with pytest.raises(RoadError, match="no link C -> A to close"):
        close_links(BRAESS, [("C", "A")])
    with pytest.raises(DataError, match="6 vehicles go from A to B and no way leads there"):
        close_links(BRAESS, [("A", "C"), ("D", "B")])
    with pytest.raises(DataError, match="origin of A -> B is A, and all its links are closed. Leave one open"):
        close_links(BRAESS, [("A", "C"), ("A", "D")])


# --- paths and routes ---


def test_paths_carry_all_trips_at_equal_minutes():
    town, _ = made_town(6)
    ways = path_table(town, 1e-12)
    carried = ways.groupby(["origin", "destination"])["vehicles"].sum()
    asked = town.trips.set_index(["origin", "destination"])["vehicles"]
    assert np.allclose(carried.sort_index(), asked[asked > 0].sort_index())
    spread = ways.groupby(["origin", "destination"])["minutes"].agg(["min", "max"])
    assert (spread["max"] - spread["min"]).max() < 1e-4
    names = {node for node in town.no_through}
    for path in ways["path"]:
        assert not names & set(path[1:-1]) and len(set(path)) == len(path)


def test_routes_are_the_fastest_and_can_be_driven():
    town, nodes = made_town(7)
    minutes = town.times(user_equilibrium(town).flow)
    ends = ["zone 3", 20, 5, 0]
    least = belled(RoadNetwork(town.links, trips(*((0, end, 1.0) for end in ends[:3])), town.no_through), minutes)
    routes = fastest_routes(town, minutes, 0, ends)
    assert np.allclose([r.minutes for r in routes[:3]], least[:, 0])
    assert routes[3].nodes == [0] and routes[3].minutes == 0 == routes[3].drive(minutes)
    for route in routes[:3]:
        assert np.isclose(route.drive(minutes), route.minutes)
        pairs = list(zip(town.links["from"].iloc[route.links], town.links["to"].iloc[route.links]))
        assert pairs == list(zip(route.nodes[:-1], route.nodes[1:]))


def test_routes_refuse_what_makes_no_sense():
    minutes = BRAESS.times(np.zeros(5))
    with pytest.raises(RoadError, match="no way leads from B to A"):
        fastest_routes(BRAESS, minutes, "B", ["A"])
    with pytest.raises(RoadError, match="Z"):
        fastest_routes(BRAESS, minutes, "A", ["Z"])
    wrong = [(minutes[:3], "5 links need one number each"), (minutes * np.nan, "minutes is nan in entry 0")]
    for minutes_given, words in [*wrong, (minutes * 0, "minutes has an entry of 0; all must be above 0")]:
        with pytest.raises(RoadError, match=words):
            fastest_routes(BRAESS, minutes_given, "A", ["B"])
    with pytest.raises(RoadError, match="gap"):
        user_equilibrium(BRAESS, gap=-1)


# --- the same numbers without a compiler ---

FALLBACK = """
import sys
{block}
import numpy as np
from lepton_nb.allocation.equilibrium import made_town
from lepton_nb.allocation.paths import user_equilibrium
from lepton_nb.solve.compiled import COMPILES
assert not COMPILES
town, _ = made_town(1)
found = user_equilibrium(town, 1e-9)
np.savez(sys.argv[1], flow=found.flow, gaps=found.gaps)
"""


@pytest.mark.parametrize("how", ["not installed", "turned off"])
def test_without_a_compiler_the_numbers_are_the_same(how, tmp_path):
    block = "sys.modules['numba'] = None" if how == "not installed" else ""
    off = {"LEPTON_NB_COMPILE": "0"} if how == "turned off" else {}
    file = tmp_path / "flows.npz"
    code = [sys.executable, "-c", FALLBACK.format(block=block), str(file)]
    run = subprocess.run(code, env={**os.environ, **off}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    plain = np.load(file)
    found = user_equilibrium(made_town(1)[0], 1e-9)
    assert len(found.gaps) == len(plain["gaps"])
    assert np.allclose(found.flow, plain["flow"], rtol=1e-9, atol=1e-6)


# --- wrong networks ---

LINKS = pd.DataFrame({"from": [1, 2, 3, 2], "to": [2, 3, 1, 1], "free_time": 1.0, "capacity": 10.0})
TRIPS = trips((1, 3, 5.0), (3, 2, 1.0))


def at(table: pd.DataFrame, row: int, column: str, value) -> pd.DataFrame:
    table = table.astype(object)
    table.loc[row, column] = value
    return table


def joined(*rows) -> pd.DataFrame:
    more = pd.DataFrame(rows, columns=["from", "to"]).assign(free_time=1.0, capacity=10.0)
    return pd.concat([LINKS, more], ignore_index=True)


WRONG = [
    (at(LINKS, 1, "capacity", 0), TRIPS, {}, r"row 3: capacity of 2 -> 3 is 0; it must be above 0"),
    (at(LINKS, 1, "capacity", -4), TRIPS, {}, r"capacity of 2 -> 3 is -4"),
    (at(LINKS, 2, "free_time", 0), TRIPS, {}, r"row 4: free_time of 3 -> 1 is 0"),
    (at(LINKS, 2, "free_time", np.nan), TRIPS, {}, r"free_time of 3 -> 1 is nan, which is no finite number"),
    (at(LINKS, 0, "free_time", np.inf), TRIPS, {}, r"free_time of 1 -> 2 is inf, which is no finite number"),
    (at(LINKS, 0, "capacity", "wide"), TRIPS, {}, r"capacity of 1 -> 2 is wide, which is no finite number"),
    (LINKS.assign(power=0.5), TRIPS, {}, r"power of 1 -> 2 is 0.5; it must be 0, or 1 or more"),
    (LINKS.assign(b=-1), TRIPS, {}, r"b of 1 -> 2 is -1; it must be 0 or more"),
    (LINKS.assign(toll=-1), TRIPS, {}, r"toll of 1 -> 2 is -1"),
    (LINKS.drop(columns="capacity"), TRIPS, {}, r"links, column capacity: the column is missing"),
    (LINKS, TRIPS.drop(columns="vehicles"), {}, r"trips, column vehicles: the column is missing"),
    (LINKS.iloc[:0], TRIPS, {}, r"links: there are no rows"),
    (at(LINKS, 3, "to", None), TRIPS, {}, r"links, column to, row 5: the node is missing"),
    (joined((1, 2)), TRIPS, {}, r"row 6: the link 1 -> 2 stands in row 2 already"),
    (joined((2, 2)), TRIPS, {}, r"row 6: the link leads from 2 to itself"),
    (joined((3, 4)), TRIPS, {}, r"row 6: dead end: a link leads to 4 and none leads away"),
    (joined((4, 3)), TRIPS, {}, r"row 6: a link leads away from 4 and none leads to it"),
    (joined((8, 9), (9, 8)), TRIPS, {}, r"no link joins the nodes 8, 9 to the rest"),
    (LINKS, TRIPS.assign(vehicles=[np.nan, 1]), {}, r"vehicles of 1 -> 3 is nan, which is no finite number"),
    (LINKS, TRIPS.assign(vehicles=[-1, 1]), {}, r"vehicles of 1 -> 3 is -1; it must be 0 or more"),
    (LINKS, TRIPS.assign(vehicles=0.0), {}, r"no vehicle goes from one node to another"),
    (LINKS, trips((1, 1, 5.0)), {}, r"no vehicle goes from one node to another"),
    (LINKS, trips((1, 7, 5.0)), {}, r"destination of 1 -> 7 is 7, a node of no link"),
    (LINKS, trips((1, 3, 5.0), (1, 3, 2.0)), {}, r"row 3: the pair 1 -> 3 stands in row 2 already"),
    (LINKS, TRIPS, {"no_through": [2]}, r"row 2: 5 vehicles go from 1 to 3 and no way leads there"),
    (LINKS, TRIPS, {"no_through": [6]}, r"no_through names node 6, which no link has"),
]


@pytest.mark.parametrize("links, pairs, more, words", WRONG, ids=[w[3][:50] for w in WRONG])
def test_a_wrong_network_is_refused_in_words(links, pairs, more, words):
    with pytest.raises(DataError, match=words):
        RoadNetwork(links, pairs, **more)


def test_all_that_is_wrong_is_said_at_once():
    links = at(at(LINKS, 1, "capacity", 0), 2, "free_time", -1)
    with pytest.raises(DataError) as told:
        RoadNetwork(links, TRIPS.assign(vehicles=[-1, 1]))
    assert len(told.value.problems) == 3


def test_a_fault_that_repeats_is_not_listed_without_end():
    links = pd.concat([LINKS] * 50, ignore_index=True).assign(capacity=-1)
    with pytest.raises(DataError, match=r"\(and 197 further rows like it\)") as told:
        RoadNetwork(links, TRIPS)
    assert len(told.value.problems) == 6  # three of the capacities, three of the links that come again
    far = pd.concat([LINKS, LINKS.assign(**{"from": LINKS["from"] + 10, "to": LINKS["to"] + 10})])
    links = pd.concat([far, pd.DataFrame({"from": [1], "to": [11], "free_time": 1.0, "capacity": 1.0})])
    pairs = trips(*((a, b, 1.0) for a in (11, 12, 13) for b in (1, 2, 3)))
    with pytest.raises(DataError, match=r"1 vehicles go from 11 to 3 and no way leads there \(and 6 further rows"):
        RoadNetwork(links, pairs)


def test_what_may_be_is_taken():
    """Intrazonal trips, origins without destinations, empty pairs, numbers as text, and names of any kind."""
    text = LINKS.astype({"capacity": str})
    pairs = trips((1, 3, 5.0), (2, 2, 9.0), (3, 2, 0.0), (7, 1, 0.0))
    found = user_equilibrium(RoadNetwork(text, pairs))
    assert np.allclose(found.flow, [5, 5, 0, 0])
    named = LINKS.assign(**{c: LINKS[c].map({1: "Square", 2: ("x", 2), 3: 3}) for c in ("from", "to")})
    assert np.allclose(user_equilibrium(RoadNetwork(named, trips(("Square", 3, 5.0)))).flow, [5, 5, 0, 0])
    with pytest.raises(DataError, match="dead end: a link leads to 4"):
        RoadNetwork(
            pd.concat([named, pd.DataFrame([(("x", 2), 4, 1.0, 1.0)], columns=named.columns)]),
            trips((3, "Square", 1.0)),
        )


def test_a_destination_may_be_a_dead_end():
    RoadNetwork(joined((3, 4)), trips((1, 4, 1.0)))
    RoadNetwork(joined((4, 1)), trips((4, 3, 1.0)))


def test_zones_are_not_driven_through():
    # the short way 1 -> Z -> 3 leads through a zone; its own trips may use both links
    links = pd.DataFrame({"from": [1, "Z", 1, 2, 3], "to": ["Z", 3, 2, 3, 1], "free_time": [1.0, 1, 5, 5, 1]})
    network = RoadNetwork(links.assign(capacity=100.0), trips((1, 3, 10.0), (1, "Z", 2.0), ("Z", 1, 3.0)), ["Z"])
    for found in (user_equilibrium(network), frank_wolfe(network)):
        assert np.allclose(found.flow, [2, 3, 10, 10, 3])
    assert np.allclose(user_equilibrium(RoadNetwork(network.links, network.trips)).flow, [12, 13, 0, 0, 3])


# --- files ---

NET = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 3
<FIRST THRU NODE> 1
<NUMBER OF LINKS> 4
<END OF METADATA>

~ init term capacity length free b power speed toll type ;
\t1\t2\t10\t1\t1\t0.15\t4\t0\t2\t1\t;
\t2\t3\t10\t1\t1\t0.15\t4\t0\t0\t1\t;
\t3\t1\t10\t3\t1\t0.15\t4\t0\t0\t1\t;
\t2\t1\t10\t1\t1\t0.15\t4\t0\t0\t1;
"""
PAIRS = """<NUMBER OF ZONES> 2
<TOTAL OD FLOW> 6.0
<END OF METADATA>

Origin 1
 3 : 5.0;
Origin 2
Origin 3
 2 : 1.0;
"""
FILES = [
    (NET.replace("<END OF METADATA>", ""), PAIRS, RoadError, "a_net.tntp has no line <END OF METADATA>"),
    (
        NET.replace("2\t3\t10", "2\t3\tten"),
        PAIRS,
        RoadError,
        "a_net.tntp, line 9: capacity is 'ten'; it must be a number",
    ),
    (
        NET.replace("2\t3\t10", "2\t3.5\t10"),
        PAIRS,
        RoadError,
        "a_net.tntp, line 9: to is '3.5'; it must be a whole number",
    ),
    (NET.replace("2\t3\t10", "2\t9\t10"), PAIRS, RoadError, "line 9: the link 2 -> 9 has a node outside 1 to 3"),
    (NET.replace("\t0.15\t4\t0\t2\t1\t;", ";"), PAIRS, RoadError, "line 8 has 5 entries; a link needs at least 9"),
    (NET.replace("LINKS> 4", "LINKS> 5"), PAIRS, RoadError, "announces 5 links .* and has 4; is it cut off"),
    (NET.replace("LINKS> 4", "LINKS> four"), PAIRS, RoadError, "line 4: <NUMBER OF LINKS> is 'four'"),
    (NET.replace("2\t3\t10", "2\t3\tinf"), PAIRS, RoadError, "line 9: capacity is 'inf'; it must be a number"),
    (
        NET.replace("2\t3\t10", "2\t3\t0"),
        PAIRS,
        DataError,
        "a_net.tntp, column capacity, row 9: capacity of 2 -> 3 is 0",
    ),
    (
        NET.replace("NODE> 1", "NODE> 3"),
        PAIRS,
        DataError,
        "a_trips.tntp, column destination, row 6: 5 vehicles go from 1",
    ),
    (NET, PAIRS.replace("Origin 1", ""), RoadError, "a_trips.tntp, line 6: trips come before the first line"),
    (NET, PAIRS.replace("3 : 5.0", "3 5.0"), RoadError, "a_trips.tntp, line 6: '3 5.0' is no trip"),
    (NET, PAIRS.replace("3 : 5.0", "3 : many"), RoadError, "a_trips.tntp, line 6: trips is 'many'"),
    (NET, PAIRS.replace("Origin 1", "Origin one"), RoadError, "line 5: the origin is 'one'"),
    (NET, PAIRS.replace("FLOW> 6.0", "FLOW> 60"), RoadError, "announces 60 trips .* and has 6; is it cut off"),
]


def read(folder: Path, net: str, pairs: str, **more) -> RoadNetwork:
    files = folder / "a_net.tntp", folder / "a_trips.tntp"
    for file, text in zip(files, (net, pairs)):
        file.write_text(text, encoding="utf-8")
    return read_tntp(*files, **more)


@pytest.mark.parametrize("net, pairs, kind, words", FILES, ids=[f[3][:50] for f in FILES])
def test_a_wrong_file_is_refused_by_file_and_line(net, pairs, kind, words, tmp_path):
    with pytest.raises(kind, match=words):
        read(tmp_path, net, pairs)


def test_a_file_is_read_as_it_stands(tmp_path):
    network = read(tmp_path, NET, PAIRS)
    assert np.allclose(user_equilibrium(network).flow, [6, 5, 1, 0]) or network.graph.demand.tolist() == [5, 1]
    assert network.links["toll"].tolist() == [0, 0, 0, 0] and list(network.links.index) == [8, 9, 10, 11]
    paid = read(tmp_path, NET, PAIRS, toll_minutes=0.5, length_minutes=2.0)
    assert paid.links["toll"].tolist() == [3, 2, 6, 2]
    with pytest.raises(RoadError, match="is not there"):
        read_tntp(tmp_path / "b_net.tntp", tmp_path / "a_trips.tntp")


# --- published data ---


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not at hand")
def test_sioux_falls_to_its_published_flows():
    folder = SHARED / "SiouxFalls"
    network = read_tntp(folder / "SiouxFalls_net.tntp", folder / "SiouxFalls_trips.tntp")
    found = user_equilibrium(network, 1e-12)
    assert found.gap <= 1e-12 and abs(own_gap(network, found.flow)) < 1e-12
    assert np.isclose(found.objective, 4_231_335.2871, rtol=0, atol=1e-3)
    best = pd.read_csv(folder / "SiouxFalls_flow.tntp", sep=r"\s+")
    told = best.set_index(["From", "To"])["Volume"]
    ours = pd.Series(found.flow, pd.MultiIndex.from_frame(network.links[["from", "to"]]))
    assert np.abs(ours - told.loc[ours.index]).max() < 0.05
    slow = frank_wolfe(network, 1e-3)
    assert 0 <= slow.objective - found.objective <= slow.gap * (slow.flow @ network.cost(slow.flow))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not at hand")
def test_braess_from_its_file():
    folder = SHARED / "Braess-Example"
    network = read_tntp(folder / "Braess_net.tntp", folder / "Braess_trips.tntp")
    assert np.isclose(user_equilibrium(network, 1e-12).total_time, 6 * 92)
