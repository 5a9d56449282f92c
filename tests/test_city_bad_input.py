"""What the files of a city get wrong: each fault in words with its file and row, and what is mended is written down."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.city.sources import SOURCES
from lepton_nb.cases.city.tables import CONTRACT
from lepton_nb.data.findings import DataError


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Return the example files as frames of texts."""
    folder = tmp_path_factory.mktemp("example") / "files"
    CONTRACT.write_templates(folder)
    return {file.stem: pd.read_csv(file, dtype=str, keep_default_na=False) for file in folder.iterdir()}


def put(frames: dict, folder) -> str:
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return f"own:{folder}"


def told(frames: dict, folder, zone: str = "") -> pd.DataFrame:
    """Return the problems that a folder is refused for."""
    with pytest.raises(DataError) as refused:
        SOURCES.load(put(frames, folder), zone=zone)
    assert "Traceback" not in str(refused.value)
    return refused.value.problems


def changed(frames: dict, table: str, row: int, **cells) -> dict:
    """Change cells of one record, by its row in the file."""
    frame = frames[table].copy()
    for name, value in cells.items():
        frame.loc[row - 2, name] = value
    return frames | {table: frame}


def without(frames: dict, table: str, **where) -> dict:
    """Take out the records that match."""
    frame = frames[table]
    match = np.logical_and.reduce([frame[name].isin(values) for name, values in where.items()])
    return frames | {table: frame[~match]}


def streets(frames: dict) -> dict:
    """Return the four files that are needed."""
    return {name: frames[name] for name in CONTRACT.required}


def says(problems: pd.DataFrame, file: str, row: int | None, *words: str) -> None:
    """Hold that one problem of a file and row says all words."""
    here = problems[problems["file"] == file]
    if row is not None:
        here = here[here["row"] == row]
    text = here["found"] + " " + here["mend"]
    assert text.map(lambda line: all(word in line for word in words)).any(), problems.to_string()


CELLS = [
    ("links", 3, {"capacity_vph": "0"}, ("0 is not above 0",)),
    ("links", 3, {"free_kmh": "-5"}, ("-5 is not above 0",)),
    ("links", 4, {"length_m": "0"}, ("0 is not above 0",)),
    ("links", 4, {"to": "N9"}, ("'N9' is not in nodes.csv", "Add it")),
    ("nodes", 2, {"crs": ""}, ("an empty cell where a value is needed", "EPSG")),
    ("zones", 3, {"people": "0", "jobs": "0"}, ("'middle' is a zone without people",)),
    ("trips", 5, {"origin": "nowhere"}, ("'nowhere' is neither a zone of zones.csv nor a node",)),
    ("trips", 5, {"hour": "24"}, ("24 is no hour from 0 to 23",)),
    ("phases", 2, {"movement": "N1-N2"}, ("'N1-N2' does not lead through its node", "A1-B1>B1-C1")),
    ("phases", 2, {"max_s": "3"}, ("3 is less than the least green",)),
    ("facilities", 3, {"x": "90000"}, ("'post middle' lies outside the city",)),
    ("sensors", 2, {"link": "N1-N9"}, ("'N1-N9' (1 row) is not in links.csv",)),
    ("counts", 9, {"sensor": "D7"}, ("'D7' (1 row) is not in sensors.csv",)),
    ("counts", 9, {"vehicles": "99999"}, ("99999 vehicles in 60 minutes are more than the lanes carry",)),
    ("counts", 9, {"time": "2031-01-05 07:00"}, ("days from the other times",)),
    ("counts", 9, {"time": "2026-01-05 07:23"}, ("off the steps of 60 minutes: the clock jumps",)),
    ("rides", 4, {"end": "Moon"}, ("'Moon' is no station of stations.csv",)),
    ("events", 2, {"end": "2026-01-16 18:00"}, ("is before the start",)),
    ("incidents", 2, {"severity": "bad"}, ("neither slight nor serious nor fatal",)),
    ("weather", 2, {"temperature": "277"}, ("no temperature of the air in degrees Celsius",)),
]

RESTS_ON = {"counts": ["sensors"], "rides": ["stations"]}  # what a wrong cell is held against; all files take longer


@pytest.mark.parametrize("table, row, cells, words", CELLS, ids=[f"{c[0]}-{'-'.join(c[2])}" for c in CELLS])
def test_one_wrong_cell_is_told(example, tmp_path, table, row, cells, words):
    few = streets(example) | {name: example[name] for name in (table, *RESTS_ON.get(table, ()))}
    says(told(changed(few, table, row, **cells), tmp_path), f"{table}.csv", row, *words)


def test_a_pair_without_a_path_is_named(example, tmp_path):
    one_way = {"link": ["N1-N2", "S1-S2"]}
    problems = told(without(streets(example), "links", **one_way), tmp_path)
    says(problems, "trips.csv", 2, "'west' to 'middle' has", "vehicles a day and no path")


def test_a_dead_end_and_a_beginning_of_a_one_way_street_are_told(example, tmp_path):
    problems = told(without(streets(example), "links", link=["N1-N2", "N1-S1"]), tmp_path)
    says(problems, "nodes.csv", 2, "'N1' is the dead end of a one-way street")
    (tmp_path / "two").mkdir()
    problems = told(without(streets(example), "links", link=["N2-N1", "S1-N1"]), tmp_path / "two")
    says(problems, "nodes.csv", 2, "'N1' begins a one-way street")


def test_a_network_that_falls_apart_is_told(example, tmp_path):
    across = ["N1-N2", "N2-N1", "S1-S2", "S2-S1"]
    problems = told(without(streets(example), "links", link=across), tmp_path)
    says(problems, "nodes.csv", 2, "falls apart", "2 nodes (N1, S1)")


def test_a_street_that_stands_twice_is_told_and_an_equal_row_is_one(example, tmp_path):
    links = example["links"]
    again = links.tail(1).assign(link="other name")
    says(
        told(example | {"links": pd.concat([links, again])}, tmp_path),
        "links.csv",
        len(links) + 2,
        "joins the same two",
    )
    (tmp_path / "equal").mkdir()
    data = SOURCES.load(put(example | {"links": pd.concat([links, links.tail(1)])}, tmp_path / "equal"))
    assert len(data.tables["links"]) == len(links) and "equal rows" in data.log["rule"].tolist()


def test_no_reference_system_is_told(example, tmp_path):
    problems = told(example | {"nodes": example["nodes"].drop(columns="crs")}, tmp_path)
    says(problems, "nodes.csv", 1, "the column is missing", "reference system")
    (tmp_path / "odd").mkdir()
    problems = told(example | {"nodes": example["nodes"].assign(crs="the usual")}, tmp_path / "odd")
    says(problems, "nodes.csv", 2, "'the usual' names no one reference system")


def in_degrees(frame: pd.DataFrame) -> pd.DataFrame:
    """Put places on the globe, near 13 degrees east and 52 north."""
    x, y = frame["x"].astype(float), frame["y"].astype(float)
    return frame.assign(x=(13.4 + x / 67_910).round(7).astype(str), y=(52.5 + y / 111_278).round(7).astype(str))


PLACED = ("nodes", "zones", "sensors", "facilities", "stations", "stops", "incidents", "calls")


def test_degrees_become_metres_and_swapped_ones_are_told(example, tmp_path):
    globe = example | {name: in_degrees(example[name]) for name in PLACED}
    globe["nodes"] = globe["nodes"].assign(crs="EPSG:4326")
    data = SOURCES.load(put(globe, tmp_path))
    nodes = data.tables["nodes"].set_index("node")
    assert np.hypot(*(nodes.loc["N1", ["x", "y"]] - nodes.loc["S1", ["x", "y"]])) == pytest.approx(400, rel=2e-4)
    assert np.hypot(*(nodes.loc["N1", ["x", "y"]] - nodes.loc["N3", ["x", "y"]])) == pytest.approx(1000, rel=2e-4)
    assert data.log["rule"].eq("laid flat").sum() == len(PLACED)
    (tmp_path / "swapped").mkdir()
    turned = {name: globe[name].rename(columns={"x": "y", "y": "x"}) for name in PLACED}
    says(
        told(globe | turned, tmp_path / "swapped"),
        "nodes.csv",
        2,
        "only if longitude and latitude are swapped",
        "x is the longitude",
    )


def test_degrees_called_metres_and_a_file_of_another_system_are_told(example, tmp_path):
    globe = example | {name: in_degrees(example[name]) for name in PLACED}
    says(told(globe, tmp_path), "nodes.csv", 2, "look like degrees", "EPSG:4326")
    (tmp_path / "one").mkdir()
    shifted = example["calls"].assign(x=lambda d: (d["x"].astype(float) + 4e5).astype(str))
    says(told(example | {"calls": shifted}, tmp_path / "one"), "calls.csv", 2, "are of another system than the nodes")


def test_lengths_in_kilometres_are_told(example, tmp_path):
    links = example["links"].assign(length_m=lambda d: (d["length_m"].astype(float) / 1000).astype(str))
    says(told(example | {"links": links}, tmp_path), "links.csv", 2, "look like kilometres")


def test_signals_without_phases_and_movements_without_green_are_told(example, tmp_path):
    problems = told(without(example, "phases", node=["S2"]), tmp_path)
    says(problems, "nodes.csv", 6, "'S2' is a junction with signals and without phases")
    (tmp_path / "one").mkdir()
    problems = told(without(example, "phases", movement=["N1-N2>N2-N3"]), tmp_path / "one")
    says(problems, "phases.csv", None, "the movement 'N1-N2>N2-N3' of 'N2' is in no phase", "forbidden")


def test_a_turn_that_is_not_allowed_leaves_the_phases(example, tmp_path):
    phases = example["phases"]
    turn = phases["movement"] == "N1-N2>N2-S2"
    assert turn.sum() == 1
    data = SOURCES.load(
        put(example | {"phases": phases.assign(phase=phases["phase"].where(~turn, "forbidden"))}, tmp_path)
    )
    assert len(data.tables["phases"]) == len(phases) - 1 and "turns not allowed" in data.log["rule"].tolist()


def test_crossing_greens_are_told_and_a_left_turn_before_oncoming_traffic_is_not(tmp_path, example):
    """A cross of four arms: through traffic of both streets in one phase is refused, opposite left turns are not."""
    nodes = example["nodes"].head(1)
    place = {"M": (0, 0), "N": (0, 500), "E": (500, 0), "S": (0, -500), "W": (-500, 0)}
    nodes = pd.concat(
        [nodes.assign(node=n, x=str(x), y=str(y), signal="yes" if n == "M" else "no") for n, (x, y) in place.items()]
    )
    ends = [(a, b) for arm in "NESW" for a, b in ((arm, "M"), ("M", arm))]
    link = example["links"].head(1)
    links = pd.concat([link.assign(**{"link": f"{a}-{b}", "from": a, "to": b, "length_m": "500"}) for a, b in ends])
    moves = [(a, f"{a}-M>M-{b}") for a in "NESW" for b in "NESW" if a != b]
    row = example["phases"].head(1).assign(node="M")
    good = pd.concat([row.assign(phase="one" if a in "NS" else "two", movement=name) for a, name in moves])
    zone = example["zones"].head(1)
    zones = pd.concat([zone.assign(zone=n, x=str(x), y=str(y)) for n, (x, y) in place.items() if n != "M"])
    trips = example["trips"].head(1).assign(origin="N", destination="S")
    small = {"nodes": nodes, "links": links, "zones": zones, "trips": trips, "phases": good}
    assert len(SOURCES.load(put(small, tmp_path)).tables["phases"]) == 12
    bad = good.assign(phase=good["phase"].where(good["movement"] != "W-M>M-E", "one"))
    (tmp_path / "bad").mkdir()
    problems = told(small | {"phases": bad}, tmp_path / "bad")
    says(problems, "phases.csv", None, "conflicting greens", "'W-M>M-E'", "'N-M>M-S'", "two phases")


def test_a_sensor_that_is_stuck_or_counts_too_much_throughout_is_told(example, tmp_path):
    counts = example["counts"]
    stuck = counts.assign(vehicles=counts["vehicles"].where(counts["sensor"] != "D2", "12"))
    says(told(example | {"counts": stuck}, tmp_path), "counts.csv", None, "'D2' is stuck: it says 12", "times in a row")
    (tmp_path / "many").mkdir()
    many = counts.assign(vehicles=(counts["vehicles"].astype(int) * 40).astype(str))
    problems = told(example | {"counts": many}, tmp_path / "many")
    says(problems, "counts.csv", None, "more than the lanes carry", "not of the day")


def test_counts_of_a_day_are_too_few_and_a_day_of_one_sensor_is_told(example, tmp_path):
    counts = example["counts"]
    says(
        told(example | {"counts": counts[counts["time"].str.startswith("2026-01-06")]}, tmp_path),
        "counts.csv",
        None,
        "1 day",
    )
    (tmp_path / "alone").mkdir()
    gone = counts["time"].str.startswith("2026-01-06") & (counts["sensor"] == "D2")
    data = SOURCES.load(put(example | {"counts": counts[~gone]}, tmp_path / "alone"))
    assert any("one detector alone reports, first on 2026-01-06" in word for word in data.assumed)


def test_two_numbers_for_one_moment_are_told(example, tmp_path):
    counts = example["counts"]
    again = counts.iloc[[7]].assign(vehicles="1")
    problems = told(example | {"counts": pd.concat([counts, again])}, tmp_path)
    says(problems, "counts.csv", len(counts) + 2, "stands twice for its sensor, with different numbers")


def year_of_counts(example: dict, spring: bool, autumn: bool) -> pd.DataFrame:
    """Return a year of hourly counts on a clock that leaves out and doubles an hour, or does not."""
    hours = pd.date_range("2025-01-01", "2025-12-31 23:00", freq="h")
    if spring:
        hours = hours[hours != "2025-03-30 02:00"]
    if autumn:
        hours = hours.insert(hours.get_loc("2025-10-26 02:00"), pd.Timestamp("2025-10-26 02:00"))
    frame = pd.DataFrame({"sensor": "D1", "time": hours, "vehicles": np.arange(len(hours)) % 97})
    return frame.assign(time=frame["time"].dt.strftime("%Y-%m-%d %H:%M"), vehicles=frame["vehicles"].astype(str))


def test_an_hour_missing_or_twice_at_the_change_of_the_clock_is_told(example, tmp_path):
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
    lost = told(example | {"counts": year_of_counts(example, True, False)}, tmp_path / "a")
    says(lost, "counts.csv", None, "02:00 is left out on 2025-03-30", "on 2025-10-26", "missing")
    twice = told(example | {"counts": year_of_counts(example, False, True)}, tmp_path / "b")
    says(twice, "counts.csv", None, "the hour from 02:00 stands twice on 2025-10-26", "one of the two is too many")
    for name, change in (("c", True), ("d", False)):
        frame = year_of_counts(example, change, change)
        data = SOURCES.load(put(example | {"counts": frame}, tmp_path / name))
        assert data.tables["counts"]["vehicles"].sum() == frame["vehicles"].astype(float).sum()


def test_moments_in_utc_ask_for_the_zone(example, tmp_path):
    counts = example["counts"].assign(time=example["counts"]["time"].str.replace(" ", "T") + ":00Z")
    says(
        told(example | {"counts": counts}, tmp_path), "counts.csv", None, "moments are in UTC", "-p zone Europe/Berlin"
    )
    data = SOURCES.load(f"own:{tmp_path}", zone="Europe/Berlin")
    assert data.tables["counts"]["time"].min() == pd.Timestamp("2026-01-05 01:00")


def test_trips_of_one_pair_and_hour_are_added_up(example, tmp_path):
    trips = example["trips"]
    data = SOURCES.load(put(example | {"trips": pd.concat([trips, trips.head(3)])}, tmp_path))
    assert (
        data.tables["trips"]["vehicles"].sum()
        == trips["vehicles"].astype(float).sum() + trips["vehicles"].head(3).astype(float).sum()
    )
    assert len(data.tables["trips"]) == len(trips) and "added up" in data.log["rule"].tolist()


def test_a_person_is_never_repeated_in_a_message(example, tmp_path):
    rides = example["rides"].assign(person="Erika Musterfrau", minutes="-3")
    with pytest.raises(DataError) as refused:
        SOURCES.load(put(example | {"rides": rides}, tmp_path))
    assert "Erika" not in str(refused.value)
