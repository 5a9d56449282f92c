"""SUMO's files there and back, who gives way, files that cannot be read, and SUMO itself where it is installed."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from lepton_nb.allocation import sumo as module
from lepton_nb.allocation.queues import StreetNetwork, draw_traffic, made_grid, simulate_streets
from lepton_nb.allocation.signals import Control, SignalSimulator, standard_rules
from lepton_nb.allocation.sumo import SumoSimulator, build_net, rank_agreement, sumo_installed
from lepton_nb.allocation.sumo_files import SumoError, read_sumo, read_vehicles, write_sumo, write_vehicles

NETWORK, ROUTES, VEHICLES = made_grid(5, 2, 2, load=0.5)
NAMES = sorted({*NETWORK.links["from"], *NETWORK.links["to"]})
NODES = pd.DataFrame([(n, *(300.0 * float(v) for v in n.split("."))) for n in NAMES], columns=["node", "x", "y"])
rng = np.random.default_rng(4)
PLAN = NETWORK.plan_rows.assign(green_s=rng.integers(10, 40, len(NETWORK.plan_rows)).astype(float))
PLAN["offset_s"] = PLAN["node"].map({node: 3.0 * i for i, node in enumerate(NETWORK.signals)})
with_sumo = pytest.mark.skipif(not sumo_installed(), reason="the extra sumo is not installed")


def opened(network: StreetNetwork) -> set:
    """Return node, phase, movement, yellow_s of all open movements."""
    return set(network.phases[["node", "phase", "movement", "yellow_s"]].itertuples(index=False, name=None))


def same(back, network: StreetNetwork, plan: pd.DataFrame, atol: float) -> None:
    """Hold a network that was read to the one that was written."""
    columns = ["link", "from", "to", "length_m", "free_kmh", "lanes"]
    left = back.network.links[columns].sort_values("link", ignore_index=True)
    right = network.links[columns].sort_values("link", ignore_index=True)
    pd.testing.assert_frame_equal(left, right, check_exact=False, atol=atol, rtol=0)
    assert opened(back.network) == opened(network)
    order = ["node", "phase"]
    told = back.plan.set_index(order)[["green_s", "offset_s"]].sort_index()
    pd.testing.assert_frame_equal(told, plan.set_index(order)[["green_s", "offset_s"]].sort_index(), atol=1e-9, rtol=0)


def test_plain_files_there_and_back(tmp_path):
    written = write_sumo(NETWORK, PLAN, NODES, tmp_path)
    back = read_sumo(tmp_path)
    same(back, NETWORK, PLAN, 1e-9)
    assert back.lights == written.lights and back.network.turns is None
    pd.testing.assert_frame_equal(back.nodes.sort_values("node", ignore_index=True), NODES)


def test_lanes_of_their_own_and_saturation_come_back(tmp_path):
    links = NETWORK.links.assign(lanes=3.0, saturation_vph=np.linspace(1500, 5000, len(NETWORK.links)))
    at = [m for m in NETWORK.phases["movement"] if m.startswith("-1.0-0.0>")]
    assert len(at) == 3
    turns = pd.DataFrame({"movement": at, "queue": ["a", "b", "b"], "lanes": [1.0, 2.0, 2.0]})
    wide = StreetNetwork(links, NETWORK.phases, turns)
    write_sumo(wide, PLAN, NODES, tmp_path)
    back = read_sumo(tmp_path).network
    found = back.turns.set_index("movement")
    assert found["lanes"].to_dict() == turns.set_index("movement")["lanes"].to_dict()
    assert found.at[at[1], "queue"] == found.at[at[2], "queue"] != found.at[at[0], "queue"]
    assert back.links["saturation_vph"].tolist() == links["saturation_vph"].tolist()


def test_vehicles_drive_the_same_on_what_was_read(tmp_path):
    write_sumo(NETWORK, PLAN, NODES, tmp_path)
    traffic = draw_traffic(NETWORK, ROUTES, VEHICLES, 600.0, seed=2)
    write_vehicles(traffic, tmp_path / "cars.rou.xml")
    back = read_sumo(tmp_path)
    again = read_vehicles(tmp_path / "cars.rou.xml", back.network)
    ours, theirs = simulate_streets(traffic, PLAN, 900.0), simulate_streets(again, back.plan, 900.0)
    assert ours.delay.sum() > 0 and np.allclose(np.sort(ours.delay), np.sort(theirs.delay), atol=0.05)
    late = read_vehicles(tmp_path / "cars.rou.xml", back.network, begin=300.0)
    assert len(late.cars.depart) == (np.round(traffic.cars.depart, 3) >= 300).sum()


def test_who_turns_left_gives_way(tmp_path):
    given = write_sumo(NETWORK, PLAN, NODES, tmp_path).lights
    free = write_sumo(NETWORK, PLAN, NODES, tmp_path, yields=False).lights
    for key, (_, letters) in given.items():
        assert "g" not in free[key][1] and letters.upper() == free[key][1].upper()
    moves = ElementTree.parse(tmp_path / "net.tll.xml").getroot().findall("connection")
    mine = {int(m.get("linkIndex")): (m.get("from"), m.get("to")) for m in moves if m.get("tl") == "0.0"}
    waits = {mine[k] for phase in ("rows", "columns") for k, x in enumerate(given["0.0", phase][1]) if x == "g"}
    # from the west to the north, from the east to the south, from the south to the west, from the north to the east
    west, north, east, south = "-1.0", "0.1", "1.0", "0.-1"
    ways = [(west, north), (east, south), (south, west), (north, east)]
    assert waits == {(f"{a}-0.0", f"0.0-{b}") for a, b in ways}


BUILT = """<net>
 <edge id=":X_0" function="internal"><lane id="i" index="0" speed="9" length="9"/></edge>
 <edge id="a" from="A" to="X"><lane id="a_0" index="0" allow="pedestrian" speed="3" length="90"/>
  <lane id="a_1" index="1" speed="10" length="90"/><lane id="a_2" index="2" speed="10" length="92"/></edge>
 <edge id="b" from="X" to="B"><lane id="b_0" index="0" speed="20" length="80"/></edge>
 <edge id="c" from="X" to="C"><lane id="c_0" index="0" speed="20" length="80"/></edge>
 <edge id="path" from="X" to="A"><lane id="p_0" index="0" allow="pedestrian" speed="3" length="80"/></edge>
 <tlLogic id="T" programID="0" offset="5">
  <phase duration="4" state="yr"/><phase duration="30" state="Gr"/><phase duration="3" state="yr"/>
  <phase duration="2" state="rr"/><phase duration="20" state="rG"/></tlLogic>
 <junction id="X" x="0" y="0"/><junction id="A" x="-90" y="0"/><junction id="B" x="80" y="0"/>
 <junction id="C" x="0" y="80"/>
 <connection from="a" to="b" fromLane="1" toLane="0" tl="T" linkIndex="0"/>
 <connection from="a" to="c" fromLane="2" toLane="0" tl="T" linkIndex="1"/></net>"""


def test_a_built_network_is_read(tmp_path):
    path = tmp_path / "one.net.xml"
    path.write_text(BUILT)
    found = read_sumo(path)
    assert found.network.links["link"].tolist() == ["a", "b", "c"]  # lanes for cars alone
    assert found.network.links.loc[0, ["length_m", "free_kmh", "lanes"]].tolist() == [91.0, 36.0, 2.0]
    assert found.network.turns["lanes"].tolist() == [1.0, 1.0]  # a lane each
    # the yellow before the first green belongs to the last phase
    told = found.plan[["node", "green_s", "yellow_s", "offset_s"]].to_numpy().tolist()
    assert told == [["X", 30.0, 5.0, 9.0], ["X", 20.0, 4.0, 9.0]]


def test_trips_take_the_quickest_way(tmp_path):
    (tmp_path / "one.net.xml").write_text(BUILT)
    network = read_sumo(tmp_path / "one.net.xml").network
    trips = '<routes><trip id="1" depart="7" from="a" to="c"/><trip id="2" depart="9" from="b" to="c"/></routes>'
    (tmp_path / "one.rou.xml").write_text(trips)
    with pytest.raises(SumoError, match="no way leads from edge b to edge c"):
        read_vehicles(tmp_path / "one.rou.xml", network)
    with pytest.warns(UserWarning, match="1 of 2 vehicles"):
        traffic = read_vehicles(tmp_path / "one.rou.xml", network, missing="leave out")
    assert traffic.cars.depart.tolist() == [7.0] and np.isclose(traffic.free[0], 91 / 10 + 80 / 20)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("</net>", "", "one.net.xml: not XML"),
        ('length="80"', 'length="far"', "length is 'far'"),
        ("tlLogic", "other", "the light T has no tlLogic"),
        ('state="rG"', 'state="r"', "fewer letters"),
        ("junction", "spot", "it has no node"),
    ],
)
def test_files_are_refused_in_words(tmp_path, old, new, words):
    (tmp_path / "one.net.xml").write_text(BUILT.replace(old, new))
    with pytest.raises(SumoError, match=re.escape(words)):
        read_sumo(tmp_path / "one.net.xml")


def test_what_sumo_cannot_take_is_refused(tmp_path):
    with pytest.raises(SumoError, match=r"no row for 0\.0"):
        write_sumo(NETWORK, PLAN, NODES[NODES["node"] != "0.0"], tmp_path)
    half = StreetNetwork(NETWORK.links.assign(lanes=1.5), NETWORK.phases)
    with pytest.raises(SumoError, match=r"is 1\.5; SUMO takes whole lanes"):
        write_sumo(half, PLAN, NODES, tmp_path)
    street = pd.DataFrame([("main street", "a", "b", 10.0, 30.0, 1.0)], columns=NETWORK.links.columns)
    named = StreetNetwork(street, NETWORK.phases.iloc[:0])
    spots = pd.DataFrame({"node": ["a", "b"], "x": 0.0, "y": 0.0})
    with pytest.raises(SumoError, match="'main street'"):
        write_sumo(named, PLAN.iloc[:0], spots, tmp_path)


def test_a_missing_sumo_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(module.shutil, "which", lambda *a, **k: None)
    monkeypatch.setattr(module.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    assert not sumo_installed()
    for call in (lambda: build_net(tmp_path), module._library, lambda: SumoSimulator(NETWORK, ROUTES, VEHICLES, NODES)):
        with pytest.raises(SumoError, match=re.escape("pip install 'lepton_nb[sumo]'")):
            call()


def test_orders_are_compared():
    one = pd.Series(range(5), list("abcde"), dtype=float)
    assert np.allclose(rank_agreement(one, one), [1, 1, 0])
    assert np.allclose(rank_agreement(one, -one), [-1, -1, 10])
    with pytest.raises(SumoError, match="stands in one of the two alone"):
        rank_agreement(one, one.iloc[:4])


@with_sumo
def test_netconvert_builds_what_was_written(tmp_path):
    written = write_sumo(NETWORK, PLAN, NODES, tmp_path)
    back = read_sumo(build_net(tmp_path))
    same(back, NETWORK, PLAN, 0.02)  # it rounds metres and metres a second to hundredths
    assert back.lights == written.lights


@with_sumo
def test_both_simulators_drive_the_same_vehicles():
    ours = SignalSimulator(NETWORK, ROUTES, VEHICLES, seconds=300.0, after=300.0)
    theirs = SumoSimulator(NETWORK, ROUTES, VEHICLES, NODES, seconds=300.0, after=300.0)
    for control in (Control(plan=PLAN), standard_rules()["look-ahead"]):
        a, b = ours.run(control, 0).summary(), theirs.run(control, 0).summary()
        assert a["vehicles"] == b["vehicles"] == b["arrived"] and 0.5 < b["travel_s"] / a["travel_s"] < 2
    again = theirs.run(control, 0).summary()
    assert again["arrived"] == b["arrived"] and np.isclose(again["delay_s"], b["delay_s"], rtol=0.1)
