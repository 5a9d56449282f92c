"""A manufacturer's own files: what runs as it is, and every fault in words with its file and row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.manufacturing.plant.judging import plant_trial
from lepton_nb.cases.manufacturing.plant.rules import fixed_weeks
from lepton_nb.cases.manufacturing.plant.setting import course_of, on_sale_weeks, plant_of, weekly_orders
from lepton_nb.cases.manufacturing.sources import SOURCES
from lepton_nb.cases.manufacturing.tables import CONTRACT
from lepton_nb.data.findings import DataError


@pytest.fixture
def mine(tmp_path) -> Path:
    CONTRACT.write_templates(tmp_path / "mine")
    return tmp_path / "mine"


def change(folder: Path, table: str, how) -> None:
    """Rewrite one file; `how` gets and gives the table as texts."""
    frame = pd.read_csv(folder / f"{table}.csv", dtype=str, keep_default_na=False)
    how(frame).to_csv(folder / f"{table}.csv", index=False)


def more(**cells):
    """Add one row."""
    return lambda frame: pd.concat([frame, pd.DataFrame([cells])], ignore_index=True).fillna("")


def cell(row: int, name: str, value: str):
    """Write one cell; rows are those of a spreadsheet."""

    def put(frame):
        frame.loc[row - 2, name] = value
        return frame

    return put


def column(name: str, make):
    return lambda frame: frame.assign(**{name: [make(text) for text in frame[name]]})


def only(name: str, *values: str):
    return lambda frame: frame[frame[name].isin(values)]


def times(factor: float, name: str):
    return column(name, lambda text: f"{float(text) * factor:g}" if text else "")


def running_total(frame):
    frame["orders"] = (
        frame["orders"].astype(float).groupby([frame["model"], frame["week"].str[:4]]).cumsum().astype(int)
    )
    return frame


def by_month(frame):
    moped = frame[frame["model"] == "moped"].assign(week=lambda d: d["week"].str[:8] + "01")
    return pd.concat([frame[frame["model"] == "scooter"], moped.drop_duplicates("week")])


def labelled(frame):
    return frame.assign(tool_days=["0", "0", "1"])


FAULTS = {
    "cycle": (
        "bom",
        more(parent="motor", part="drive", quantity="1", unit="piece", phantom="no"),
        "bom.csv, column part, row 8",
        "drive > motor > drive",
    ),
    "part missing": (
        "bom",
        cell(4, "part", "engine"),
        "bom.csv, column part, row 4",
        "'engine' is neither a bought part nor made of anything",
    ),
    "model without parts": (
        "models",
        more(
            model="trike", price="1", first_week="", last_week="", like="moped", build="order", segment="x", margin="1"
        ),
        "models.csv, column model, row 4",
        "'trike' has no part in bom.csv",
    ),
    "quantity": ("bom", cell(5, "quantity", "0"), "bom.csv, column quantity, row 5", "0 is not above 0"),
    "units differ": (
        "bom",
        cell(6, "unit", "kg"),
        "bom.csv, column unit, row 6",
        "'wheel' is in 'kg' here and in 'piece' in parts.csv",
    ),
    "model without routing": (
        "routings",
        only("model", "scooter"),
        "models.csv, column model, row 3",
        "'moped' is built on no line of routings.csv",
    ),
    "set-up beyond the shift": (
        "routings",
        cell(3, "setup_time", "30"),
        "routings.csv, column setup_time, row 3",
        "30 hours are more than a day's shifts have",
    ),
    "minutes for hours": (
        "routings",
        times(60, "unit_time"),
        "routings.csv, column unit_time, row 2",
        "the times look like minutes",
    ),
    "unknown line": (
        "routings",
        cell(2, "line", "L9"),
        "routings.csv, column line, row 2",
        "'L9' (1 row) is not in lines.csv",
    ),
    "part without supplier": (
        "supply",
        only("part", "motor", "chain"),
        "parts.csv, column part, row 4",
        "'wheel' has no supplier in supply.csv",
    ),
    "lead time missing": (
        "supply",
        cell(2, "lead_time", ""),
        "supply.csv, column lead_time, row 2",
        "an empty cell where a value is needed",
    ),
    "lead time zero": ("supply", cell(3, "lead_time", "0"), "supply.csv, column lead_time, row 3", "0 is not above 0"),
    "lead time negative": (
        "supply",
        cell(3, "lead_time", "-7"),
        "supply.csv, column lead_time, row 3",
        "-7 is not above 0",
    ),
    "lead time in weeks": (
        "supply",
        times(1 / 7, "lead_time"),
        "supply.csv, column lead_time, row 2",
        "they look like weeks",
    ),
    "arrived before ordered": (
        "deliveries",
        cell(7, "arrived", "2025-01-02"),
        "deliveries.csv, column arrived, row 7",
        "'2025-01-02' is before the order",
    ),
    "all deliveries open": (
        "deliveries",
        column("arrived", lambda text: ""),
        "deliveries.csv, column arrived",
        "is empty in every row, so no lead time is known",
    ),
    "no history": (
        "demand",
        only("model", "scooter"),
        "models.csv, column model, row 3",
        "'moped' has no orders in demand.csv, and none of a model that it is like",
    ),
    "cumulative": ("demand", running_total, "demand.csv, column orders, row 2", "they look like running totals"),
    "cancellations": ("demand", cell(9, "orders", "-4"), "demand.csv, column orders, row 9", "-4 is below 0"),
    "months and weeks": (
        "demand",
        by_month,
        "demand.csv, column week, row 132",
        "'moped' is given by the month and 'scooter' by the week",
    ),
    "off the grid": (
        "demand",
        cell(12, "week", "2024-03-13"),
        "demand.csv, column week, row 12",
        "is no whole number of weeks from the first one",
    ),
    "week 53": (
        "demand",
        column("week", lambda text: "2025-W53" if text == "2025-12-29" else f"{pd.Timestamp(text):%G-W%V}"),
        "demand.csv, column week, row 106",
        "'2025-W53' is no week: 2025 has 52",
    ),
    "sales after the end": (
        "models",
        cell(3, "last_week", "2026-05-25"),
        "demand.csv, column week, row 258",
        "'2026-06-01' is after the last week of the model in models.csv",
    ),
    "negative stock": ("parts", cell(3, "stock", "-5"), "parts.csv, column stock, row 3", "-5 is below 0"),
    "transit without an order": (
        "parts",
        cell(2, "in_transit", "80"),
        "parts.csv, column in_transit, row 2",
        "80 in transit, and no order of the part is open in deliveries.csv",
    ),
    "readings after the failure": (
        "readings",
        cell(4, "time", "2026-05-06 12:00"),
        "readings.csv, column time, row 4",
        "is during a failure of the machine",
    ),
    "labels by name": (
        "readings",
        lambda frame: frame.assign(**{"Machine failure": ["0", "0", "1"]}),
        "readings.csv, column failure, row 2",
        "is a label among the sensors",
    ),
    "labels by value": ("readings", labelled, "readings.csv, column tool_days, row 4", "it is a label"),
    "Celsius": (
        "readings",
        column("temperature", lambda text: f"{float(text) - 273.15:.1f}"),
        "readings.csv, column temperature, row 2",
        "look like degrees Celsius",
    ),
    "no class of failures": (
        "failures",
        cell(2, "machine", "press7"),
        "failures.csv, column machine, row 2",
        "no machine of readings.csv ever fails",
    ),
    "no class without": (
        "readings",
        lambda frame: frame[2:],
        "readings.csv, column time",
        "every reading is followed by a failure within a day",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told_in_words(mine, name):
    table, how, place, words = FAULTS[name]
    change(mine, table, how)
    with pytest.raises(DataError) as told:
        SOURCES.check(mine)
    lines = [line for line in str(told.value).splitlines() if words in line]
    assert lines and lines[0].startswith(f"- {place}:"), str(told.value)
    assert lines[0].rstrip().endswith("."), "how to mend it"


def test_overlapping_days_are_refused_and_days_in_turn_are_not(mine):
    def twice(end):
        def put(frame):
            frame = pd.concat([frame, frame[frame["part"] == "chain"]], ignore_index=True)
            return frame.assign(
                valid_from=["", "", "", "", "", "", "2025-01-01"], valid_to=["", "", "", end, "", "", ""]
            )

        return put

    change(mine, "bom", twice("2025-01-15"))
    with pytest.raises(
        DataError, match=r"bom.csv, column part, row 8: 'chain' stands twice in one parent on the same days"
    ):
        SOURCES.check(mine)
    change(mine, "bom", lambda frame: frame.assign(valid_to=["", "", "", "2024-12-31", "", "", ""]))
    assert len(SOURCES.check(mine)["bom"]) == 7


def test_a_part_that_stands_twice_is_added_up_and_told(mine):
    change(mine, "bom", more(parent="scooter", part="wheel", quantity="1", unit="piece", phantom="no"))
    data = SOURCES.load(f"own:{mine}")
    assert data.tables["bom"].query("parent == 'scooter' and part == 'wheel'")["quantity"].item() == 3
    assert data.log.query("rule == 'added up'")["rows"].item() == 2


def test_demand_that_equals_deliveries_is_told(mine):
    change(mine, "demand", lambda frame: frame.assign(delivered=frame["orders"]))
    assert any("demand is at least this" in words for words in SOURCES.load(f"own:{mine}").assumed)


def test_all_faults_are_told_at_once(mine):
    for name in ("cycle", "minutes for hours", "part without supplier", "sales after the end", "Celsius"):
        table, how, *_ = FAULTS[name]
        change(mine, table, how)
    with pytest.raises(DataError) as told:
        SOURCES.check(mine)
    assert len(told.value.problems) >= 5 and set(told.value.problems["file"]) >= {
        "bom.csv",
        "routings.csv",
        "parts.csv",
        "demand.csv",
        "readings.csv",
    }


def test_weeks_may_be_written_as_weeks(mine):
    plain = SOURCES.load(f"own:{mine}").tables["demand"]
    change(mine, "demand", column("week", lambda text: f"KW {pd.Timestamp(text):%V/%G}"))
    pd.testing.assert_frame_equal(SOURCES.load(f"own:{mine}").tables["demand"], plain)


@pytest.mark.parametrize("least", [False, True])
def test_own_files_can_be_judged(mine, least):
    if least:
        for file in mine.iterdir():
            if file.stem not in CONTRACT.required:
                file.unlink()
    tables = SOURCES.load(f"own:{mine}").tables
    plant = plant_of(tables)
    course = course_of(tables, plant, worlds=2)
    trial = plant_trial(plant, course, *on_sale_weeks(tables, weekly_orders(tables)[1]))
    books = {weeks: trial.play(fixed_weeks, weeks=weeks).entries for weeks in (0.0, 3.0)}
    assert books[3.0]["hours at a stand"].sum() <= books[0.0]["hours at a stand"].sum()
    assert all(np.isfinite(values).all() for book in books.values() for values in book.values())


def test_the_parts_of_a_period_keep_the_cars(mine):
    change(mine, "demand", lambda frame: frame.assign(week=frame["week"].str[:7]))
    change(
        mine,
        "demand",
        lambda frame: frame.astype({"orders": int}).groupby(["model", "week"], as_index=False)["orders"].sum(),
    )
    before = pd.read_csv(mine / "demand.csv")["orders"].sum()
    data = SOURCES.load(f"own:{mine}")
    assert data.tables["demand"]["orders"].sum() == before and "months" in set(data.log["rule"])
