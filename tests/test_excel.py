"""Excel workbooks as they come from an office: read as they are meant, or refused with the cell that is wrong."""

import re
import struct
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbooks import DAY_OWN, MOMENT, MONEY, PERCENT, Cell, Sheet, write_ods, write_xls, write_xlsx

from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data.biff import workbook_stream
from lepton_nb.data.findings import DataError
from lepton_nb.data.parsing import PARSERS
from lepton_nb.data.reading import Cells, parse_cells, read_folder
from lepton_nb.privacy.erasure import ErasureError, erase_from_folder
from lepton_nb.privacy.pseudonyms import new_key, parse_key
from lepton_nb.workbook.cli import main

pytest.importorskip("python_calamine")
HEAD = ["date", "store", "item", "units", "price"]
FIRST, SECOND = date(2025, 3, 1), date(2025, 3, 2)
ROWS = [HEAD, [FIRST, "S1", "007", 12, 1.99], [SECOND, "S1", "milk", 4.5, 1.29]]


def read(folder: Path, **sheets) -> dict:
    write_xlsx(folder / "sales.xlsx", sheets)
    return read_folder(CONTRACT, folder)


def faults(folder: Path, **sheets) -> pd.DataFrame:
    with pytest.raises(DataError) as caught:
        read(folder, **sheets)
    assert caught.value.problems["mend"].str.len().gt(5).all(), "every fault says how to mend it"
    return caught.value.problems


def only(folder: Path, **sheets) -> dict:
    found = faults(folder, **sheets)
    assert len(found) == 1, found.to_string()
    return found.iloc[0].to_dict()


def noted(tables) -> dict[str, str]:
    return {row.rule: f"{row.before} {row.after} {row.why}" for row in tables.log.itertuples()}


def same_as_csv(folder: Path, tables, text: str) -> None:
    (folder / "csv").mkdir()
    (folder / "csv" / "sales.csv").write_text(text, encoding="utf-8")
    pd.testing.assert_frame_equal(tables["sales"], read_folder(CONTRACT, folder / "csv")["sales"])


# ---- what is read


def test_a_workbook_is_read_like_the_same_csv(tmp_path):
    tables = read(tmp_path, sales=ROWS)
    same_as_csv(tmp_path, tables, ",".join(HEAD) + "\n2025-03-01,S1,007,12,1.99\n2025-03-02,S1,milk,4.5,1.29\n")


def test_a_german_export_of_texts(tmp_path):
    head = ["Datum", "Filiale", "Artikel", "Menge", "Preis"]
    rows = [["01.03.2025", "S1", "007", "1.012", "1.001,99"], ["02.03.2025", "S1", "Käse", "4,5", "1,29"]]
    tables = read(tmp_path, Tabelle1=[head, *rows])
    text = ",".join(HEAD) + "\n2025-03-01,S1,007,1012,1001.99\n2025-03-02,S1,Käse,4.5,1.29\n"
    same_as_csv(tmp_path, tables, text)
    assert "decimal comma (price)" in noted(tables) and "DD.MM.YYYY" in noted(tables)["date format (date)"]


def test_a_german_export_of_typed_cells(tmp_path):
    head = ["Datum", "Filiale", "Artikel", "Menge", "Preis"]
    typed = [Cell(FIRST, DAY_OWN), "S1", "007", 12, Cell(1001.99, MONEY)]
    tables = read(tmp_path, Tabelle1=[head, typed, ["02.03.2025", "S1", "Käse", "4,5", "1,29"]])
    text = ",".join(HEAD) + "\n2025-03-01,S1,007,12,1001.99\n2025-03-02,S1,Käse,4.5,1.29\n"
    same_as_csv(tmp_path, tables, text)


def test_the_case_loads_a_workbook_and_the_check_says_so(tmp_path, capsys):
    days = pd.date_range("2025-01-01", periods=70)
    rows = [[day.to_pydatetime(), "S1", item, 3 + day.day % 3, 2.5] for day in days for item in ("a", "b")]
    write_xlsx(tmp_path / "chain.xlsx", {"Sales": [HEAD, *rows], "items": [["item", "cost"], ["a", 1], ["b", 2]]})
    data = SOURCES.load(f"own:{tmp_path}")
    assert len(data.tables["sales"]) == 140 and data.tables["items"]["cost"].tolist() == [1, 2]
    assert main(["check", "retail", str(tmp_path)]) == 0 and "nothing to mend" in capsys.readouterr().out


def test_the_check_names_file_sheet_row_and_cell(tmp_path, capsys):
    rows = [
        HEAD,
        [FIRST, "S1", "a", "twelve", 2.5],
        [SECOND, "S1", "a", Cell(error="#N/A", formula="VLOOKUP(A3,B:B,2)"), 1],
    ]
    write_xlsx(tmp_path / "sales.xlsx", {"Sales": rows})
    assert main(["check", "retail", str(tmp_path)]) != 0
    told = capsys.readouterr().err
    assert "sales.xlsx, sheet Sales, column units, row 2: 'twelve' is not a number" in told
    assert "sales.xlsx, sheet Sales, column units, row 3: cell D3 shows #N/A. Mend the formula" in told


@pytest.mark.parametrize("name", ["sales.xlsx", "SALES.XLSX", "sales.xlsm", "Verkäufe.xlsx", "ventas.xlsx"])
def test_the_name_of_the_workbook_may_tell_the_table(tmp_path, name):
    write_xlsx(tmp_path / name, {"Tabelle1": ROWS})
    assert len(read_folder(CONTRACT, tmp_path)["sales"]) == 2


def test_the_header_may_stand_below_a_title(tmp_path):
    title = [["Umsatz der Filialen 2025"], [None], ["Stand:", FIRST, "units"], [None]]
    tables = read(tmp_path, Sales=[*title, HEAD, *ROWS[1:], [None], [FIRST, "S2", "a", 1, 1]])
    assert len(tables["sales"]) == 3 and "row 5" in noted(tables)["header"] and "empty rows" in noted(tables)
    found = faults(tmp_path, Sales=[*title, HEAD, *ROWS[1:], [None], [FIRST, "S2", "a", "x", 1]])
    assert found["row"].tolist() == [9]


def test_a_table_need_not_begin_in_the_first_column(tmp_path):
    tables = read(tmp_path, Sales=Sheet([[None, None, *row] for row in ROWS], first=4))
    assert tables["sales"]["units"].tolist() == [12, 4.5]


def test_which_sheet_was_read_is_logged(tmp_path):
    tables = read(tmp_path, notes=[["remember the milk"]], Export=ROWS)
    assert noted(tables)["sheet"].startswith("Export sales") and "sheet not used" in noted(tables)


def test_two_sheets_of_one_table_are_refused(tmp_path):
    fault = only(tmp_path, Januar=ROWS, Februar=ROWS)
    assert "several sheets may be the table: Januar, Februar" in fault["found"]
    assert len(read(tmp_path, Januar=ROWS, sales=ROWS)["sales"]) == 2, "one of them has its name"


def test_a_table_in_two_files_is_refused(tmp_path):
    (tmp_path / "sales.csv").write_text(",".join(HEAD) + "\n2025-03-01,S1,007,12,1.99\n")
    assert "holds the same table" in only(tmp_path, sales=ROWS)["found"]


def test_a_sheet_with_a_name_like_a_table_is_not_taken_on_faith(tmp_path):
    fault = only(tmp_path, sales=ROWS, item=[["item", "cost"], ["007", 1], ["milk", 1]])
    assert fault["file"] == "sales.xlsx, sheet item" and "like items" in fault["found"]


def test_a_hidden_sheet_is_not_read_and_said(tmp_path):
    tables = read(tmp_path, sales=ROWS, items=Sheet([["item", "cost"], ["007", 1]], state="hidden"))
    assert "items" not in tables and "hidden" in noted(tables)["sheet not used"]
    found = faults(tmp_path, Tabelle1=[], sales=Sheet(ROWS, state="hidden"))
    assert found["found"].str.contains("the sheet is hidden").any()


def test_a_workbook_that_names_no_table_is_told_how(tmp_path):
    write_xlsx(tmp_path / "Export 2025.xlsx", {"Tabelle1": ROWS})
    with pytest.raises(DataError) as caught:
        read_folder(CONTRACT, tmp_path)
    assert "no sheet has the name of a table (found: Tabelle1)" in str(caught.value)


def test_the_lock_of_an_open_workbook_is_no_table(tmp_path):
    (tmp_path / "~$sales.xlsx").write_bytes(b"\x05Anna" + bytes(160))
    assert len(read(tmp_path, sales=ROWS)["sales"]) == 2


def test_hidden_rows_are_read_and_said(tmp_path):
    tables = read(tmp_path, sales=Sheet(ROWS, hidden_rows=(3,)))
    assert len(tables["sales"]) == 2 and "hidden rows" in noted(tables)


# ---- cells


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"])
def test_an_error_is_named_with_its_cell(tmp_path, error):
    rows = [["Report"], HEAD, [FIRST, "S1", "a", 1, Cell(error=error, formula="1/0")]]
    fault = only(tmp_path, sales=rows)
    assert fault["found"] == f"cell E3 shows {error}" and fault["row"] == 3 and fault["column"] == "price"


def test_many_errors_are_counted(tmp_path):
    rows = [[FIRST + timedelta(i), "S1", "a", 1, Cell(error="#N/A")] for i in range(9)]
    found = faults(tmp_path, sales=[HEAD, *rows])
    assert found["row"].tolist() == [2, 3, 4] and found["found"].iloc[2].endswith("(and 6 further like it)")


def test_errors_beside_the_table_do_no_harm(tmp_path):
    rows = [[*HEAD, "margin"], [*ROWS[1], Cell(error="#DIV/0!")], [*ROWS[2], Cell(formula="A1")]]
    assert len(read(tmp_path, sales=rows)["sales"]) == 2


def test_a_formula_has_its_result(tmp_path):
    rows = [HEAD, [Cell(45717, DAY_OWN, "A1+1"), Cell("S1", formula='"S"&1'), "a", Cell(12, formula="6*2"), 1]]
    sales = read(tmp_path, sales=rows)["sales"]
    assert sales["units"].tolist() == [12] and sales["store"].tolist() == ["S1"]
    assert sales["date"].tolist() == [pd.Timestamp("2025-03-01")]


def test_a_formula_that_was_never_calculated_is_named(tmp_path):
    fault = only(tmp_path, sales=[HEAD, [FIRST, "S1", "a", Cell(formula="6*2"), 1]])
    assert fault["found"] == "cell D2 holds a formula without a result" and fault["column"] == "units"


@pytest.mark.parametrize("place", ["D2:D3", "D2:E2", "D1:D3"])
def test_merged_cells_of_the_table_are_named(tmp_path, place):
    rows = [HEAD, [FIRST, "S1", "a", 12, 1], [SECOND, "S1", "a", None if place == "D2:D3" else 3, 1]]
    found = faults(tmp_path, sales=Sheet(rows, merged=(place,)))
    assert found["found"].str.startswith(f"cells {place} are merged").any()


def test_merged_cells_above_the_header_or_empty_ones_do_no_harm(tmp_path):
    rows = [["Report", None, None], HEAD, *ROWS[1:], [None, None]]
    assert len(read(tmp_path, sales=Sheet(rows, merged=("A1:C1", "A5:B5")))["sales"]) == 2


@pytest.mark.parametrize(
    "column, cell, what",
    [
        ("item", date(2025, 4, 3), "'2025-04-03' is a date or a time in the workbook, and a text is needed"),
        ("item", True, "'yes' is yes or no in the workbook, and a text is needed"),
        ("price", date(2025, 5, 1), "'2025-05-01' is a date or a time in the workbook, and a number is needed"),
        ("units", True, "'yes' is yes or no in the workbook, and a number is needed"),
        ("date", time(8, 30), "'08:30:00' is a date or a time in the workbook, and a date is needed"),
        ("date", date(1960, 1, 1), "'1960-01-01' lies outside the years 1980 to 2100"),
        ("date", "soon", "'soon' is not a date"),
        ("units", "3 kg", "'3 kg' has a unit or a word beside the number"),
        ("units", 1e12, "1e+12 is beyond a billion"),
        ("units", None, "an empty cell where a value is needed"),
    ],
)
def test_a_cell_of_the_wrong_sort_is_named(tmp_path, column, cell, what):
    written = Cell(8.5 / 24, MOMENT) if isinstance(cell, time) else cell
    odd = [written if name == column else value for name, value in zip(HEAD, ROWS[1])]
    found = faults(tmp_path, sales=[HEAD, *ROWS[1:], odd])
    assert found["found"].str.startswith(what).any() and set(found["row"]) == {4}, found.to_string()


def test_numbers_as_names_keep_no_point_and_are_said(tmp_path):
    tables = read(tmp_path, sales=[HEAD, [FIRST, 1, 4711, 1, 1], [FIRST, 1, "0815", 1, 1]])
    assert tables["sales"]["item"].tolist() == ["4711", "0815"] and "identifier (item)" in noted(tables)


def test_days_since_1904(tmp_path):
    write_xlsx(tmp_path / "sales.xlsx", {"sales": ROWS}, epoch_1904=True)
    assert read_folder(CONTRACT, tmp_path)["sales"]["date"].tolist() == [pd.Timestamp(FIRST), pd.Timestamp(SECOND)]
    write_xlsx(tmp_path / "sales.xlsx", {"sales": [HEAD, [44255, "S1", "a", 1, 1]]}, epoch_1904=True)
    with pytest.raises(DataError, match="since 1904"):
        read_folder(CONTRACT, tmp_path)


def test_moments_and_serial_numbers_are_days(tmp_path):
    sales = read(tmp_path, sales=[HEAD, [datetime(2025, 3, 1, 8, 30), "S1", "a", 1, 1], [45718, "S1", "a", 1, 1]])[
        "sales"
    ]
    assert sales["date"].tolist() == [pd.Timestamp("2025-03-01 08:30"), pd.Timestamp("2025-03-02")]


def test_a_header_twice_and_cells_without_a_header(tmp_path):
    assert "twice" in only(tmp_path, sales=[[*HEAD, "units"], [*ROWS[1], 3]])["found"]
    tables = read(tmp_path, sales=[[*HEAD, None], [*ROWS[1], "remark"]])
    assert "column F" in noted(tables)["column not used"]


KIND = st.sampled_from(["date", "number", "whole", "text", "yes/no"])
TEXT = st.one_of(
    st.text(max_size=8), st.sampled_from(["1,5", "1.234", "01.03.2025", "03/04/2025", "", " x ", "ja", "45717"])
)


@settings(max_examples=100, deadline=None)  # of many cells each, since a call costs as much as a hundred
@given(st.lists(TEXT, max_size=30), KIND)
def test_text_cells_are_read_by_the_parser_of_csv(texts, kind):
    cells = Cells.of(texts)
    told, plain = parse_cells(cells.values, kind), PARSERS[kind](pd.Series(cells.values, dtype=object))
    np.testing.assert_array_equal(told.values, plain.values)
    assert told.bad.tolist() == plain.bad.tolist() and told.refused == plain.refused and told.said == plain.said
    why = np.full(len(cells.values), plain.what, object) if plain.why is None else plain.why
    assert told.why[told.bad].tolist() == why[plain.bad].tolist()


TYPED = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.integers(-(10**9), 10**9),
    st.dates(date(1900, 3, 1), date(9999, 1, 1)), st.times(), st.timedeltas(timedelta(0), timedelta(9)),
    st.datetimes(datetime(1900, 3, 1), datetime(9999, 1, 1)),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(TYPED, TEXT), max_size=8), KIND, st.booleans())
def test_no_cell_breaks_the_reader_and_texts_do_not_mind_their_neighbours(column, kind, since_1904):
    cells = Cells.of(column)
    assert len(set(map(type, map(cells.values.__getitem__, cells.codes)))) == len({type(cell) for cell in column})
    parsed = parse_cells(cells.values, kind, since_1904=since_1904)
    assert len(parsed.values) == len(parsed.bad) == len(parsed.why) == len(cells.values)
    numbers = [(cell, value) for cell, value in zip(cells.values, parsed.values) if type(cell) is float]
    if kind == "number":
        assert all(cell == value for cell, value in numbers)
    if kind in ("text", "number", "whole"):
        dates = [bad for cell, bad in zip(cells.values, parsed.bad) if isinstance(cell, date | time | timedelta)]
        assert all(dates)


# ---- workbooks that cannot be read


def bad_book(folder: Path, content: bytes) -> dict:
    (folder / "sales.xlsx").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_folder(CONTRACT, folder)
    first = caught.value.problems.iloc[0].to_dict()
    assert first["file"].startswith("sales.xlsx") and first["mend"]
    return first


def test_a_cut_or_broken_workbook_is_refused(tmp_path):
    whole = write_xlsx(tmp_path / "sales.xlsx", {"sales": ROWS}).read_bytes()
    for cut in (30, 500, len(whole) // 2, len(whole) - 10):
        assert "broken or cut off" in bad_book(tmp_path, whole[:cut])["found"]
    for place in range(40, len(whole) - 30, 97):
        hurt = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        (tmp_path / "sales.xlsx").write_bytes(hurt)
        try:
            read_folder(CONTRACT, tmp_path)
        except DataError:
            pass


def test_other_files_by_the_name_of_a_workbook(tmp_path):
    assert "is empty" in bad_book(tmp_path, b"")["found"]
    assert "is not an Excel workbook" in bad_book(tmp_path, b"date,store,item\n")["found"]
    assert "is not an Excel workbook" in bad_book(tmp_path, b"<html><table></table></html>")["found"]
    assert "broken" in bad_book(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))["found"]
    letter = write_xls(tmp_path / "sales.xlsx", {"sales": ROWS}).read_bytes()
    letter = letter.replace("Workbook".encode("utf-16-le"), "WordDocu".encode("utf-16-le"))
    assert "no Excel workbook" in bad_book(tmp_path, letter)["found"]


def test_a_password_is_named(tmp_path):
    container = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + "EncryptedPackage".encode("utf-16-le") + bytes(500)
    fault = bad_book(tmp_path, container)
    assert fault["found"] == "is protected by a password" and "without a password" in fault["mend"]


@pytest.mark.parametrize("name", ["sales.xlsb", "sales.numbers"])
def test_other_workbooks_are_refused_with_the_way_out(tmp_path, name):
    write_ods(tmp_path / name, {"sales": ROWS})
    with pytest.raises(DataError) as caught:
        read_folder(CONTRACT, tmp_path)
    assert caught.value.problems.query("file == @name")["mend"].str.contains("sales.xlsx").any()


# ---- workbooks of Excel 97 to 2003 and of LibreOffice

WRITERS = {".xlsx": write_xlsx, ".xls": write_xls, ".ods": write_ods}
EVERY = pytest.mark.parametrize("make", WRITERS)


def faults_of(folder: Path) -> pd.DataFrame:
    with pytest.raises(DataError) as caught:
        read_folder(CONTRACT, folder)
    return caught.value.problems


@EVERY
def test_every_make_reads_the_same(tmp_path, make):
    odd = [datetime(2025, 3, 3, 8, 30), "Bäcker", "milk", Cell(0.19, PERCENT), Cell(1.29, MONEY)]
    done = [SECOND, "S1", Cell("007", formula="A1"), Cell(3, formula="1+2"), Cell(1.99, formula="2-0.01")]
    sheets = {
        "Notes": [["remark"]],
        "Sales": Sheet([["Report"], HEAD, *ROWS[1:], odd, done], hidden_rows=(5,), first=3),
    }
    items = [["item", "cost"], ["007", 1], ["milk", 0.5]]
    WRITERS[make](tmp_path / f"chain{make}", {**sheets, "items": items, "stores": Sheet(ROWS, state="hidden")})
    tables = read_folder(CONTRACT, tmp_path)
    assert noted(tables)["hidden rows"].startswith("  rows that are not shown")
    assert "hidden" in noted(tables)["sheet not used"] and tables["items"]["cost"].tolist() == [1, 0.5]
    assert tables.row_of("sales", 0) == 5 and set(tables) == {"sales", "items"}
    text = "date,store,item,units,price\n2025-03-01,S1,007,12,1.99\n2025-03-02,S1,milk,4.5,1.29\n"
    text += "2025-03-03 08:30,Bäcker,milk,0.19,1.29\n2025-03-02,S1,007,3,1.99\n"
    same_as_csv(tmp_path, tables, text)


@EVERY
def test_every_make_tells_errors_and_formulas_without_a_result(tmp_path, make):
    rows = [
        [SECOND, "S1", "milk", Cell(error="#N/A"), 1],
        [SECOND, "S1", "ham", 1, Cell(error="#DIV/0!", formula="1/0")],
    ]
    rows += [[SECOND, "S1", "egg", Cell(formula="B1*2"), 2], [SECOND, "S1", "tea", 1, Cell(None, formula="1+1")]]
    WRITERS[make](tmp_path / f"chain{make}", {"Notes": [["remark"]], "sales": [*ROWS, *rows]})
    told = faults_of(tmp_path)
    assert set(told["file"]) == {f"chain{make}, sheet sales"}
    found = dict(zip(told["found"], zip(told["column"], told["row"])))
    assert found == {
        "cell D4 shows #N/A": ("units", 4),
        "cell E5 shows #DIV/0!": ("price", 5),
        "cell D6 holds a formula without a result": ("units", 6),
        "cell E7 holds a formula without a result": ("price", 7),
    }


@EVERY
def test_every_make_tells_merged_cells(tmp_path, make):
    rows = [*ROWS, [SECOND, "S2", "ham", 3, 1.0], [SECOND, "S2", "egg", None, 1.0]]
    WRITERS[make](tmp_path / f"sales{make}", {"sales": Sheet(rows, merged=("D4:D5",))})
    assert any("cells D4:D5 are merged" in found for found in faults_of(tmp_path)["found"])


@EVERY
def test_every_make_by_another_name_is_read_as_what_it_is(tmp_path, make):
    for name in (*WRITERS, ".XLS"):
        folder = tmp_path / f"as{name}"
        folder.mkdir()
        WRITERS[make](folder / f"sales{name}", {"sales": ROWS})
        assert len(read_folder(CONTRACT, folder)["sales"]) == 2


@pytest.mark.parametrize("make", [".xls", ".ods"])
def test_old_and_free_workbooks_with_a_password_or_broken(tmp_path, make):
    path = WRITERS[make](tmp_path / f"sales{make}", {"sales": ROWS}, password=True)
    assert faults_of(tmp_path)["found"].tolist()[0] == "is protected by a password"
    whole = WRITERS[make](path, {"sales": ROWS * 40}).read_bytes()
    for cut in (30, 600, len(whole) // 2, len(whole) * 3 // 4):
        path.write_bytes(whole[:cut])
        assert "broken or cut off" in faults_of(tmp_path)["found"].tolist()[0], cut
    for place in range(0, len(whole), max(len(whole) // 50, 1)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read_folder(CONTRACT, tmp_path)
        except DataError:
            pass


def test_days_since_1904_in_an_old_workbook(tmp_path):
    write_xls(tmp_path / "sales.xls", {"sales": ROWS}, epoch_1904=True)
    assert read_folder(CONTRACT, tmp_path)["sales"]["date"].tolist() == [pd.Timestamp(FIRST), pd.Timestamp(SECOND)]
    write_xls(tmp_path / "sales.xls", {"sales": [HEAD, [44255, "S1", "a", 1, 1]]}, epoch_1904=True)
    assert faults_of(tmp_path)["found"].str.contains("since 1904").any()


def test_a_short_stream_of_an_old_workbook_lies_in_small_sectors():
    stream = bytes(range(200)) + b"end"
    sector = (512).__mul__
    chain = struct.pack("<6I", 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFE, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF)
    small = struct.pack("<5I", 1, 2, 3, 0xFFFFFFFE, 0xFFFFFFFF)

    def entry(name, start, size):
        text = (name + "\0").encode("utf-16-le")
        return text.ljust(64, b"\0") + struct.pack("<H", len(text)) + bytes(50) + struct.pack("<IQ", start, size)

    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 2, 1, 0xFFFFFFFE, 0) + struct.pack("<I", 0)
    parts = [head.ljust(sector(1), b"\xff"), chain.ljust(sector(1), b"\xff")]
    parts += [entry("Root Entry", 3, 256) + entry("Workbook", 0, len(stream)), small.ljust(sector(1), b"\xff"), stream]
    assert workbook_stream(b"".join(part.ljust(sector(1), b"\0") for part in parts)) == stream


def test_an_error_that_other_programs_write_as_the_number_0(tmp_path):
    path = write_ods(tmp_path / "sales.ods", {"sales": [*ROWS, [SECOND, "S1", "ham", Cell(7, formula="1/0"), 1]]})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    cell = b'office:value="7"></table:table-cell>'
    assert parts["content.xml"].count(cell) == 1
    parts["content.xml"] = parts["content.xml"].replace(
        cell, cell.replace(b"7", b"0").replace(b"></", b"><text:p>#WERT!</text:p></")
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert faults_of(tmp_path)["found"].tolist() == ["cell D4 shows #WERT!"]


def test_errors_in_a_sheet_without_addresses_are_not_silent(tmp_path):
    rows = [*ROWS, [SECOND, "S1", "ham", Cell(error="#N/A"), 1]]
    path = write_xlsx(tmp_path / "sales.xlsx", {"sales": rows})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = re.sub(rb' r="[A-Z]*\d+"', b"", parts[sheet]).replace(b't="e"', b"t='e'")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "a cell shows #N/A, and the file does not say which" in faults_of(tmp_path)["found"].tolist()


def test_a_large_archive_in_a_small_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "1")
    path = write_xlsx(tmp_path / "sales.xlsx", {"sales": ROWS})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", bytes(5_000_000))
    assert path.stat().st_size < 20_000 and "larger than the limit" in bad_book(tmp_path, path.read_bytes())["found"]


def test_an_archive_that_lies_about_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "1")
    path = write_xlsx(tmp_path / "sales.xlsx", {"sales": ROWS})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", bytes(5_000_000))
    told = path.read_bytes().replace(struct.pack("<I", 5_000_000), struct.pack("<I", 50))
    assert zipfile.ZipFile(path).getinfo("xl/media/zeros.bin").file_size == 5_000_000
    assert "larger than the limit" in bad_book(tmp_path, told)["found"]


def test_a_cell_far_away_makes_no_large_table(tmp_path):
    path = write_xlsx(tmp_path / "sales.xlsx", {"sales": ROWS})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    parts[sheet] = parts[sheet].replace(b"</sheetData>", far)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "reaches to cell XFD1048576" in bad_book(tmp_path, path.read_bytes())["found"]


def test_a_workbook_of_many_rows_is_read_in_pieces(tmp_path):
    rows = [[FIRST + timedelta(i % 900), f"S{i % 7}", f"item {i % 50}", i % 11, 1 + i % 13 / 4] for i in range(40_000)]
    rows[39_990][3] = Cell(error="#REF!")
    fault = only(tmp_path, sales=[HEAD, *rows])
    assert fault["found"] == "cell D39992 shows #REF!" and fault["row"] == 39_992


# ---- erasure


@pytest.mark.parametrize("state", ["visible", "hidden"])
@pytest.mark.parametrize("title", ["contacts", "Kunden"])
def test_persons_in_a_workbook_are_not_erased_silently(tmp_path, state, title):
    people = [["channel", "record", "name"], ["till", "7", "Anna Berger"]]
    path = write_xlsx(tmp_path / "chain.xlsx", {"sales": ROWS, title: Sheet(people, state=state)})
    before = path.read_bytes()
    (tmp_path / "purchases.csv").write_text(
        "date,receipt,channel,record,store,item,units\n2025-03-01,b1,till,7,S1,007,1\n"
    )
    identity = pd.DataFrame({"channel": ["till"], "record": ["7"], "person": ["p1"]})
    key = parse_key(new_key(), "your key")
    with pytest.raises(ErasureError, match="workbook cannot be rewritten.*Nothing was changed"):
        erase_from_folder(CONTRACT, tmp_path, "till/7", identity, key, "2025-04-01")
    assert path.read_bytes() == before


def test_weeks_that_are_dates_in_a_workbook_are_taken_as_they_are():
    import lepton_nb.data.weeks  # noqa: F401 (makes the kind known)

    parsed = parse_cells([date(2026, 2, 9), datetime(2026, 2, 16), "2026-02-23", True], "week")
    told = [str(day)[:10] for day in parsed.values[:3]]
    assert told == ["2026-02-09", "2026-02-16", "2026-02-23"] and parsed.bad.tolist() == [False, False, False, True]
