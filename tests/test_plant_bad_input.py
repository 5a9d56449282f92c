"""What a planner's files get wrong, through the command line: each fault in words with its file and row."""

import re

import numpy as np
import pandas as pd
import pytest
from test_plant_tables import FAULTS, cell, change, column, mine, more, only, times  # noqa: F401 (mine is a fixture)

from lepton_nb.cases.manufacturing.sources import SOURCES
from lepton_nb.cases.manufacturing.tables import CONTRACT
from lepton_nb.workbook.cli import main


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Say words to the command line; get exit code, output, messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")

    def speak(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return speak


def loop(frame):
    rows = pd.DataFrame({"parent": ["A", "B"], "part": ["B", "A"], "quantity": "1", "unit": "piece", "phantom": "no"})
    return pd.concat([frame, rows], ignore_index=True)


def ended(frame):
    return frame.assign(valid_to=["2025-01-01" if parent == "scooter" else "" for parent in frame["parent"]])


WRONG = {
    "a cycle that no model reaches": ("bom", loop, "bom.csv, column part, row 9", "A > B > A"),
    "thousands for pieces": (
        "bom",
        cell(6, "quantity", "2000"),
        "bom.csv, column quantity, row 6",
        "the parts of 'scooter' cost 70,432 and it is sold for 2,400; most of it is 'wheel', 2,000 in one",
    ),
    "a price in thousands": (
        "models",
        times(0.001, "price"),
        "bom.csv, column quantity, row 4",
        "the parts of 'scooter' cost 502 and it is sold for 2; most of it is 'motor'",
    ),
    "grams for kilograms": (
        "bom",
        cell(5, "unit", "g"),
        "bom.csv, column unit, row 5",
        "'chain' is in 'g' here and in 'piece' in parts.csv",
    ),
    "a bill that has ended": (
        "bom",
        ended,
        "models.csv, column model, row 2",
        "'scooter' has no row in bom.csv that holds on the last day of demand",
    ),
    "a like that nobody knows": (
        "models",
        cell(3, "like", "scoter"),
        "models.csv, column like, row 3",
        "'scoter' is no model of models.csv",
    ),
    "orders before the launch": (
        "models",
        cell(3, "first_week", "2024-01-15"),
        "demand.csv, column week, row 132",
        "'2024-01-01' is before the first week of the model in models.csv",
    ),
    "an end before the launch": (
        "models",
        lambda frame: frame.assign(first_week=["", "2026-07-06"], last_week=["", "2026-06-29"]),
        "models.csv, column last_week, row 3",
        "'2026-06-29' is before the first week of the model",
    ),
    "a mistyped year": (
        "demand",
        cell(3, "week", "2004-01-05"),
        "demand.csv, column week, row 3",
        "'2004-01-05' is 7,301 days from the other dates",
    ),
    "a year far ahead": (
        "demand",
        more(model="moped", week="2029-01-01", orders="3"),
        "demand.csv, column week, row 262",
        "'2029-01-01' is 924 days from the other dates",
    ),
    "a number far too large": (
        "demand",
        cell(4, "orders", "70000"),
        "demand.csv, column orders, row 4",
        "70000 is more than 100 times the model's best weeks",
    ),
    "beyond all hours": (
        "demand",
        times(4, "orders"),
        "routings.csv, column unit_time, row 2",
        "the cars of a usual week would take 115 hours, and the lines have 40",
    ),
    "a line that never works": (
        "shifts",
        column("hours", lambda text: "0"),
        "lines.csv, column line, row 2",
        "'L1' has no hours in a usual week",
    ),
    "promised before ordered": (
        "deliveries",
        cell(4, "promised", "2024-01-01"),
        "deliveries.csv, column promised, row 4",
        "'2024-01-01' is before the order",
    ),
    "arrived after years": (
        "deliveries",
        cell(4, "arrived", "2031-01-01"),
        "deliveries.csv, column arrived, row 4",
        "'2158' days after the order, ten times the usual of the part",
    ),
    "a unit in the cell": (
        "supply",
        cell(2, "lead_time", "3 weeks"),
        "supply.csv, column lead_time, row 2",
        "'3 weeks' has a unit or a word beside the number",
    ),
    "no header": ("demand", lambda frame: frame[:0], "demand.csv", "the table has no rows"),
    "a column missing": (
        "routings",
        lambda frame: frame.drop(columns="unit_time"),
        "routings.csv, column unit_time, row 1",
        "the column is missing (found: model, line, setup_time, setup_cost, yield)",
    ),
    "a word for a number": (
        "demand",
        cell(3, "orders", "many"),
        "demand.csv, column orders, row 3",
        "'many' is not a number",
    ),
    "a cancellation in brackets": (
        "demand",
        cell(3, "orders", "(5)"),
        "demand.csv, column orders, row 3",
        "-5 is below 0",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_check_tells_where_and_how_to_mend(mine, say, name):  # noqa: F811
    table, how, place, words = WRONG[name]
    change(mine, table, how)
    code, out, err = say("check", "manufacturing", mine)
    lines = [line for line in (out + err).splitlines() if words in line]
    assert code == 2 and lines and f"{place}:" in lines[0], out + err
    assert len(lines[0].split(words)[1].split()) > 3 and lines[0].rstrip().endswith("."), "how to mend it"


@pytest.mark.parametrize("name", ["cycle", "minutes for hours", "sales after the end", "months and weeks"])
def test_run_says_what_check_says(mine, say, name):  # noqa: F811
    table, how, place, words = FAULTS[name]
    change(mine, table, how)
    code, out, err = say("run", "manufacturing", "-p", "source", f"own:{mine}", "-p", "worlds", "20")
    assert code == 2 and words in out + err and place in out + err, out + err


def test_an_empty_file_and_a_missing_one(mine, say):  # noqa: F811
    (mine / "demand.csv").write_text("")
    (mine / "bom.csv").unlink()
    code, out, err = say("check", "manufacturing", mine)
    assert code == 2 and "demand.csv: is empty" in out + err and "bom.csv: the table is missing" in out + err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-p", "world", "30"], "did you mean worlds?"),
        (["-p", "worlds", "many"], "found 'many'"),
        (["-p", "worlds", "3"], "from 20 to 200"),
        (["-p", "stand_cost", "-5"], "stand_cost"),
        (["-p", "model", "best"], "level and season"),
        (["-p", "source", "public:chinaautos"], "did you mean public:china-autos?"),
        (["-p", "source", "own:nowhere"], "does not exist"),
    ],
)
def test_parameters_are_refused_by_name(say, words, says):
    code, out, err = say("run", "manufacturing", *words)
    assert code == 2 and says in out + err, out + err


# ---- what is no fault, and is told


def test_units_that_mean_pieces_are_pieces(mine):  # noqa: F811
    change(mine, "parts", column("unit", lambda text: "Stk."))
    change(mine, "bom", column("unit", lambda text: "pcs"))
    assert len(SOURCES.check(mine)["bom"]) == 6


def test_german_files_are_read_to_the_same_tables(mine):  # noqa: F811
    plain = SOURCES.load(f"own:{mine}").tables
    for file in mine.glob("*.csv"):
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        for name in frame:
            frame[name] = [
                re.sub(r"^(\d{4})-(\d\d)-(\d\d)(.*)$", r"\3.\2.\1\4", text)
                if re.match(r"\d{4}-", text)
                else re.sub(r"^(\d+)\.(\d+)$", r"\1,\2", text)
                for text in frame[name]
            ]
        frame.to_csv(file, index=False, sep=";")
    german = SOURCES.load(f"own:{mine}").tables
    for name, table in plain.items():
        pd.testing.assert_frame_equal(german[name], table)


def told(folder) -> str:
    return " ".join(SOURCES.load(f"own:{folder}").assumed)


def test_short_hours_are_told_with_what_is_free_before(mine):  # noqa: F811
    assert "short of" not in told(mine)
    change(mine, "demand", cell(131, "orders", "150"))
    said = told(mine)
    found = re.search(r"Line L1 is short of at least (\d+) h in the week of 2026-06-22: the cars ordered take (\d+) h, "
                      r"shifts give 40 and overtime 6; the two weeks before have (\d+) h free", said)  # fmt: skip
    orders = pd.read_csv(mine / "demand.csv").pivot(index="week", columns="model", values="orders")
    hours = orders["scooter"] * 0.25 / 0.99 + orders["moped"] * 0.4 / 0.98
    free = (46 - hours.iloc[-3:-1]).clip(lower=0).sum()
    assert [int(text) for text in found.groups()] == [round(hours.iloc[-1] - 46), round(hours.iloc[-1]), round(free)]


def test_a_month_without_rows_is_told(mine):  # noqa: F811
    change(mine, "demand", lambda frame: frame[frame["week"].str[:7] != "2025-05"])
    assert "No row of demand in 4 weeks (2025-05-05, 2025-05-12, 2025-05-19 and 1 more)" in told(mine)


def test_a_history_by_the_month_runs_and_says_so(mine):  # noqa: F811
    frame = pd.read_csv(mine / "demand.csv").assign(month=lambda d: d["week"].str[:7])
    frame.groupby(["model", "month"], as_index=False)["orders"].sum().to_csv(mine / "demand.csv", index=False)
    data = SOURCES.load(f"own:{mine}")
    assert data.tables["demand"]["orders"].sum() == frame["orders"].sum()
    assert data.assumed[1].startswith("Orders are by the month")


def test_parts_that_play_no_part_are_told(mine):  # noqa: F811
    for table in ("supply", "deliveries", "suppliers"):
        (mine / f"{table}.csv").unlink()
    rest = {"unit": "piece", "value": "9", "pack": "1", "minimum": "0", "stock": "0", "in_transit": "0"}
    change(mine, "parts", more(part="drive", **rest))
    change(mine, "parts", more(part="bell", **rest))
    said = told(mine)
    assert "stand among the parts: drive; 2 rows of bom unused" in said and "never called off: bell" in said


def test_a_validity_that_has_ended_is_told(mine):  # noqa: F811
    change(mine, "bom", lambda frame: frame.assign(valid_to=["2025-01-01"] + [""] * 5))
    assert "hold no more at the end of the record: drive in scooter" in told(mine)


def test_failures_without_repairs_are_told(mine):  # noqa: F811
    change(mine, "lines", lambda frame: frame.drop(columns="mttr"))
    assert "No failures and repairs of lines" in told(mine)


def test_the_smallest_folder_gives_a_page_that_tells_every_assumption(mine, say, monkeypatch):  # noqa: F811
    monkeypatch.setenv("LEPTON_NB_CACHE", str(mine.parent / "cache"))
    for file in mine.iterdir():
        if file.stem not in CONTRACT.required:
            file.unlink()
    small = ["judged_weeks=8", "warm_weeks=8", "worlds=20", "model=fast"]
    words = [word for pair in small for word in ("-p", *pair.split("="))]
    code, out, err = say("run", "manufacturing", "-p", "source", f"own:{mine}", *words)
    assert code == 0, out + err
    page = next((mine.parent / "runs").rglob("decide.html")).read_text(encoding="utf-8")
    plain = re.sub(r"<[^>]+>", "", page)
    assumed = SOURCES.load(f"own:{mine}").assumed
    assert len(assumed) == 4 and np.all([words in plain for words in assumed]), assumed
