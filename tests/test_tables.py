"""Files as users bring them: what is accepted, what is refused with which words, and what cleaning does to them."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.cleaning import cancel_bookings, clean, missing_days
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data.contract import check_tables, conform, content_hash, describe, write_templates
from lepton_nb.data.findings import DataError
from lepton_nb.data.parsing import parse_date, parse_number, parse_yes_no
from lepton_nb.data.reading import read_folder
from lepton_nb.workbook.parameters import UserError

SALES = "date,store,item,units,price\n2025-03-01,S1,007,3,1.99\n2025-03-02,S1,007,2,1.99\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def put(folder, **files):
    """Write files; `sales_csv` becomes sales.csv."""
    for name, content in files.items():
        path = folder / re.sub("_(?=csv|parquet|gz|xlsx|txt)", ".", name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def faults(folder, **files) -> pd.DataFrame:
    with pytest.raises(DataError) as error:
        read_folder(CONTRACT, put(folder, **files))
    assert error.value.problems.mend.str.len().gt(5).all(), "every fault says how to mend it"
    return error.value.problems


def only(folder, **files) -> dict:
    found = faults(folder, **files)
    assert len(found) == 1, found.to_string()
    return found.iloc[0].to_dict()


def rows(text: str) -> str:
    return "date,store,item,units,price\n" + text


# ---- files that cannot be read


def test_folder_is_not_there(tmp_path):
    with pytest.raises(DataError, match="is not there"):
        read_folder(CONTRACT, tmp_path / "nowhere")


def test_folder_is_a_file(tmp_path):
    with pytest.raises(DataError, match="is a file"):
        read_folder(CONTRACT, put(tmp_path, sales_csv=SALES) / "sales.csv")


def test_folder_is_empty(tmp_path):
    assert only(tmp_path)["found"] == "the table is missing"


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (PNG, "PNG picture"),
        (b"PK\x03\x04xxxx", "Excel workbook"),
        (b"%PDF-1.4", "PDF"),
        (b"date,store\x00\x01\x02", "binary data"),
        (b"\x1f\x8bxxxx", "gzip"),
    ],
)
def test_unreadable_content(tmp_path, content, words):
    assert words in only(tmp_path, sales_csv=content)["found"]


def test_header_only(tmp_path):
    assert only(tmp_path, sales_csv="date,store,item,units,price\n")["found"] == "the table has no rows"


def test_two_gigabytes_are_refused_before_they_are_read(tmp_path):
    with open(tmp_path / "sales.csv", "wb") as stream:
        stream.truncate(2 * 10**9)  # sparse: no room on the disk
    fault = faults(tmp_path).iloc[0]
    assert "2,000 MB, limit 500 MB" in fault.found and "Parquet" in fault.mend and "LEPTON_NB_MAX_MB" in fault.mend


def test_limit_holds_for_what_a_gzip_file_unpacks_to(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "1")
    put(tmp_path, sales_csv_gz=gzip.compress((SALES + "2025-03-03,S1,007,1,1\n" * 100_000).encode()))
    assert (tmp_path / "sales.csv.gz").stat().st_size < 1e5
    assert "limit 1 MB" in faults(tmp_path).iloc[0].found


def test_limit_can_be_raised(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "0.00001")
    assert "larger than the limit" in only(tmp_path, sales_csv=SALES)["found"]
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "1")
    assert len(read_folder(CONTRACT, tmp_path)["sales"]) == 2


def test_broken_gzip(tmp_path):
    assert "cannot be read" in only(tmp_path, sales_csv_gz=gzip.compress(SALES.encode())[:-9])["found"]


def test_broken_parquet(tmp_path):
    assert "not a readable Parquet" in only(tmp_path, sales_parquet=b"PAR1nothing")["found"]


def test_large_parquet_is_refused_by_its_metadata(tmp_path, monkeypatch):
    pd.DataFrame({"units": np.zeros(100_000)}).to_parquet(tmp_path / "sales.parquet")
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "0.1")
    assert "would take 1 MB in memory" in only(tmp_path)["found"]


def test_excel_workbook(tmp_path):
    fault = only(tmp_path, sales_xlsx=b"PK\x03\x04")
    assert "broken or cut off workbook" in fault["found"] and "save it as CSV" in fault["mend"]


def test_two_files_of_one_table(tmp_path):
    assert "same table" in only(tmp_path, sales_csv=SALES, sales_txt=SALES)["found"]


def test_file_with_a_similar_name(tmp_path):
    assert "like sales" in only(tmp_path, sale_csv=SALES)["found"]


def test_other_files_are_left_alone_and_said(tmp_path):
    tables = read_folder(CONTRACT, put(tmp_path, sales_csv=SALES, sales2019_csv="x", notes_txt="remember the milk"))
    assert set(tables.log.loc[tables.log.rule == "file not used", "table"]) == {"sales2019.csv", "notes.txt"}


def test_limit_that_is_no_number(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "lots")
    with pytest.raises(UserError, match="number of megabytes"):
        read_folder(CONTRACT, put(tmp_path, sales_csv=SALES))


# ---- columns


def test_separators_at_the_end_of_lines(tmp_path):
    tables = read_folder(CONTRACT, put(tmp_path, sales_csv=SALES.replace("\n", ";;\n").replace(",", ";")))
    assert len(tables["sales"]) == 2 and "column not used" not in tables.log.rule.tolist()


def test_missing_column(tmp_path):
    fault = only(tmp_path, sales_csv="date,store,item,price\n2025-03-01,S1,007,3\n")
    assert fault["column"] == "units" and fault["row"] == 1 and "is missing" in fault["found"]


@pytest.mark.parametrize(
    "header, column", [("unit", "units"), ("sales", "units"), ("Amount", "units"), ("untis", "units")]
)
def test_renamed_column_is_suggested_not_guessed(tmp_path, header, column):
    fault = only(tmp_path, sales_csv=SALES.replace("units", header))
    assert (
        fault["column"] == column
        and f"'{header}' looks like it" in fault["found"]
        and fault["mend"].startswith(f"Rename {header} to {column}")
    )


@pytest.mark.parametrize(
    "header, column",
    [
        ("qty", "units"),
        ("Quantité (pcs)", "units"),
        ("Menge", "units"),
        ("MENGE [Stück]", "units"),
        ("Cantidad", "units"),
    ],
)
def test_a_name_that_can_mean_one_column_only_is_taken_and_said(tmp_path, header, column):
    tables = read_folder(CONTRACT, put(tmp_path, sales_csv=SALES.replace("units", header)))
    said = tables.log[tables.log.rule == "header"]
    assert tables["sales"][column].tolist() == [3, 2] and said[["before", "after"]].values.tolist() == [
        [header, column]
    ]


def test_optional_column_with_a_similar_name_is_not_ignored(tmp_path):
    fault = only(tmp_path, sales_csv=SALES.replace("price", "price,promotoin").replace("1.99", "1.99,yes"))
    assert fault["column"] == "promotion"


def test_unknown_column_is_said(tmp_path):
    log = read_folder(
        CONTRACT, put(tmp_path, sales_csv=SALES.replace("price", "price,cashier").replace("1.99", "1.99,Ann"))
    ).log
    assert log.loc[log.rule == "column not used", "before"].tolist() == ["cashier"]


def test_header_twice(tmp_path):
    assert "twice" in faults(tmp_path, sales_csv="date,store,item,units,price,price\n2025-03-01,S1,7,1,1,2\n").found[0]


def test_header_in_other_case(tmp_path):
    text = SALES.replace("date,store,item,units,price", "Date, Store,ITEM,Units,Price,Stock on-hand").replace(
        "1.99", "1.99,4"
    )
    assert read_folder(CONTRACT, put(tmp_path, sales_csv=text))["sales"].stock_on_hand.tolist() == [4, 4]


# ---- cells, with the row a spreadsheet shows


@pytest.mark.parametrize(
    "row, column, words",
    [
        ("2025-03-03,S1,007,three,1.99", "units", "'three' is not a number"),
        ("2025-03-03,S1,007,,1.99", "units", "an empty cell where a value is needed"),
        ("2025-03-03,S1,007,NaN,1.99", "units", "an empty cell"),
        ("2025-03-03,S1,007,inf,1.99", "units", "inf is not finite"),
        ("2025-03-03,S1,007,1,-1.99", "price", "-1.99 is below 0"),
        ("2025-03-03,S1,007,1,-inf", "price", "not finite"),
        ("2025-02-30,S1,007,1,1.99", "date", "'2025-02-30' is not a date"),
        (",S1,007,1,1.99", "date", "an empty cell"),
        ("03/04/2025,S1,007,1,1.99", "date", "is not a date of the form YYYY-MM-DD like the others"),
        ("1025-03-03,S1,007,1,1.99", "date", "lies outside the years 1980 to 2100"),
        ("2025-03-03,,007,1,1.99", "store", "an empty cell"),
    ],
)
def test_bad_cell(tmp_path, row, column, words):
    fault = only(tmp_path, sales_csv=SALES + row + "\n")
    assert (fault["file"], fault["column"], fault["row"]) == ("sales.csv", column, 4) and words in fault["found"]


def test_row_numbers_survive_blank_lines_quoted_newlines_and_short_rows(tmp_path):
    text = rows("2025-03-01,S1,007,3,1.99\n\n,,,,\n2025-03-02,S1,007\n2025-03-03,S1,007,x,1.99\n")
    found = faults(tmp_path, sales_csv=text)
    assert sorted(found.row) == [5, 6] and found.found.str.contains("3 cells where the header has 5").any()


def test_all_faults_of_all_files_at_once(tmp_path):
    found = faults(
        tmp_path,
        sales_csv=rows("2025-03-01,S1,007,x,-1\n2025-03-02,S9,008,1,1\n"),
        items_csv="item,cost\n007,\n",
        stores_csv="store,capacity\nS1,0\n",
        suppliers_csv="supplier,lead_time,order_days\nsupplier,0,montag\n",
    )
    assert set(zip(found.file, found.column)) == {
        ("sales.csv", "units"),
        ("sales.csv", "price"),
        ("sales.csv", "store"),
        ("sales.csv", "item"),
        ("items.csv", "cost"),
        ("stores.csv", "capacity"),
        ("suppliers.csv", "lead_time"),
        ("suppliers.csv", "order_days"),
    }


def test_repeated_fault_is_counted(tmp_path):
    found = faults(tmp_path, sales_csv=rows("2025-03-01,S1,007,1,-1\n" * 1000))
    assert len(found) == 3 and "997 further rows" in found.found.iloc[-1]


def test_reference_is_reported_once_with_first_row(tmp_path):
    fault = only(
        tmp_path, sales_csv=SALES + "2025-03-03,S1,008,1,1\n2025-03-04,S1,008,1,1\n", items_csv="item,cost\n007,1\n"
    )
    assert (fault["column"], fault["row"]) == ("item", 4) and "'008' (2 rows) is not in items.csv" in fault["found"]


def test_contradicting_items(tmp_path):
    fault = only(tmp_path, sales_csv=SALES, items_csv="item,cost\n007,1\n007,2\n007,1\n")
    assert fault["row"] == 3 and "earlier row with other values" in fault["found"]


def test_ambiguous_dates_show_both_readings(tmp_path):
    fault = only(tmp_path, sales_csv=rows("03/04/2025,S1,007,1,1\n05/06/2025,S1,007,1,1\n"))
    assert "3 April 2025 (DD/MM/YYYY)" in fault["found"] and "4 March 2025 (MM/DD/YYYY)" in fault["found"]


def test_ambiguous_number_shows_both_readings(tmp_path):
    fault = only(tmp_path, sales_csv=rows('2025-03-01,S1,007,"1,234",1\n'))
    assert "1,234 or 1.234" in fault["found"]


# ---- what is accepted


@pytest.mark.parametrize(
    "first, second",
    [
        ("2025-12-31", "2026-01-01"),
        ("31/12/2025", "01/01/2026"),
        ("12/31/2025", "01/01/2026"),
        ("31.12.2025", "1.1.2026"),
        ("31.12.25", "01.01.26"),
        ("46022", "46023"),
        ("20251231", "20260101"),
        ("2025/12/31", "2026/01/01"),
        ("31-Dec-2025", "01-Jan-2026"),
        ("31-12-2025", "01-01-2026"),
        ("2025-12-31T23:30:00+01:00", "2026-01-01T00:30:00+01:00"),
        ("2025-12-31 08:15", "2026-01-01 17:40"),
        ("12/31/2025 11:59:00 PM", "1/1/2026 12:01:00 AM"),
    ],
)
def test_dates(tmp_path, first, second):
    tables = read_folder(CONTRACT, put(tmp_path, sales_csv=rows(f"{first},S1,007,1,1\n{second},S1,007,1,1\n")))
    assert tables["sales"].date.dt.normalize().tolist() == [pd.Timestamp("2025-12-31"), pd.Timestamp("2026-01-01")]
    assert first == "2025-12-31" or tables.log.rule.str.contains("date").any(), "what was interpreted is said"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_encodings_and_separators(tmp_path, encoding, mark):
    text = SALES.replace("007", "crème brûlée").replace(",", mark)
    tables = read_folder(CONTRACT, put(tmp_path, sales_csv=text.encode(encoding)))
    assert tables["sales"].item.unique().tolist() == ["crème brûlée"]
    assert (encoding in ("utf-8", "utf-8-sig")) == (not tables.log.rule.eq("encoding").any())


@pytest.mark.parametrize(
    "texts, semicolon, values",
    [
        (["1,99", "2,5"], True, [1.99, 2.5]),
        (["1,99", "2,5"], False, [1.99, 2.5]),
        (["1.234,5", "6"], True, [1234.5, 6]),
        (["1,234.5", "6"], False, [1234.5, 6]),
        (["1,234"], True, [1.234]),
        (["1,234", "12.5"], False, [1234, 12.5]),
        (["0.125", "1.250"], True, [0.125, 1.25]),
        (["1 234", "€ 5"], False, [1234, 5]),
        (["1,5", "2.5"], False, [1.5, 2.5]),
        (["1e3", "-4"], False, [1000, -4]),
        (["", "n/a"], False, [np.nan, np.nan]),
    ],
)
def test_numbers(texts, semicolon, values):
    parsed = parse_number(pd.Series(texts), semicolon)
    np.testing.assert_array_equal(parsed.values, values)
    assert not parsed.refused and not parsed.bad.any()


@pytest.mark.parametrize("text", ["12a", "1..2", "--1", "1,2,3", "0x10", ".", "twelve"])
def test_not_numbers(text):
    assert parse_number(pd.Series([text, "1"])).bad.tolist() == [True, False]


def test_no_fixed_reading_depends_on_the_order_of_rows():
    texts = ["03/04/2025", "31/12/2025", "05/06/2025"]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        parsed = parse_date(pd.Series([texts[i] for i in order]))
        assert not parsed.refused and sorted(parsed.values)[0] == pd.Timestamp("2025-04-03")


def test_yes_no():
    parsed = parse_yes_no(pd.Series(["Yes", "0", "", "wahr", "maybe"]))
    assert parsed.values.tolist()[:4] == [True, False, False, True] and parsed.bad.tolist() == [False] * 4 + [True]


def test_excel_separator_hint(tmp_path):
    assert len(read_folder(CONTRACT, put(tmp_path, sales_csv="sep=;\n" + SALES.replace(",", ";")))["sales"]) == 2
    put(tmp_path, sales_csv="sep=;\n" + SALES.replace(",", ";") + "x;S1;007;1;1\n")
    assert faults(tmp_path).row.tolist() == [5]


def test_identifiers_stay_text(tmp_path):
    tables = read_folder(CONTRACT, put(tmp_path, sales_csv=SALES + "2025-03-03,1,1e3,1,1\n2025-03-03,01,NA,1,1\n"))
    assert tables["sales"].item.tolist() == ["007", "007", "1e3", "NA"] and tables["sales"].store.tolist() == [
        "S1",
        "S1",
        "1",
        "01",
    ]


def test_parquet_with_types_of_its_own(tmp_path):
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(["2025-03-01", "2025-03-02"]).tz_localize("Europe/Berlin"),
            "store": pd.Categorical(["S1", "S1"]),
            "item": [7, 8],
            "units": np.array([1, 2], "int16"),
            "price": [1.5, None],
            "promotion": [True, False],
        }
    )
    frame.to_parquet(tmp_path / "sales.parquet")
    tables = read_folder(CONTRACT, tmp_path)
    assert tables["sales"].item.tolist() == ["7", "8"] and tables["sales"].date.tolist() == list(
        pd.to_datetime(["2025-03-01", "2025-03-02"])
    )
    assert {"time zone (date)", "identifier (item)"} <= set(tables.log.rule)


def test_parquet_with_dates_and_texts(tmp_path):
    frame = pd.DataFrame(
        {"date": pd.to_datetime(["2025-03-01"]).date, "store": "S1", "item": "007", "units": ["3"], "price": ["1,5"]}
    )
    frame.to_parquet(tmp_path / "sales.parquet")
    sales = read_folder(CONTRACT, tmp_path)["sales"]
    assert sales.price.item() == 1.5 and sales.date.item() == pd.Timestamp("2025-03-01")


def test_packed_file(tmp_path):
    assert len(read_folder(CONTRACT, put(tmp_path, sales_csv_gz=gzip.compress(SALES.encode())))["sales"]) == 2


def test_templates_read_and_describe_every_column(tmp_path):
    write_templates(CONTRACT, tmp_path)
    tables = read_folder(CONTRACT, tmp_path)
    assert set(tables) == set(CONTRACT.columns) and tables.log.empty and check_tables(CONTRACT, tables).empty
    told = describe(CONTRACT)
    for table, frame in tables.items():
        assert (
            list(frame)
            == told.loc[
                (told.table == table) & ~told.column.isin(["snap", "hour"])
                | (told.table == "purchases") & (table == "purchases"),
                "column",
            ].tolist()
        )
    with pytest.raises(DataError, match="exists already"):
        write_templates(CONTRACT, tmp_path)


def test_required_columns_are_required(tmp_path):
    needed = describe(CONTRACT).query("required").groupby("table").column.agg(list).to_dict()
    for turn in range(max(map(len, needed.values()))):  # one column of every table at a time
        folder, gone = (
            tmp_path / str(turn),
            {table: columns[turn] for table, columns in needed.items() if turn < len(columns)},
        )
        write_templates(CONTRACT, folder)
        for table, column in gone.items():
            pd.read_csv(folder / f"{table}.csv", dtype=str).drop(columns=column).to_csv(
                folder / f"{table}.csv", index=False
            )
        assert {(f"{table}.csv", column) for table, column in gone.items()} <= set(
            faults(folder)[["file", "column"]].itertuples(index=False, name=None)
        )


# ---- cleaning


def chain(seed: int, rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "date": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 60, rows), unit="D"),
            "store": rng.choice(["A", "B"], rows),
            "item": rng.choice(list("wxyz"), rows),
            "channel": rng.choice(["store", "online"], rows),
            "units": rng.integers(-2, 9, rows).astype(float),
            "price": rng.uniform(1, 2, rows).round(2),
            "promotion": rng.random(rows) < 0.1,
        }
    )
    return pd.concat([frame, frame.sample(20, random_state=seed)], ignore_index=True)


@pytest.mark.parametrize("seed", range(4))
def test_units_are_accounted_for(seed):
    raw = chain(seed)
    tables, log = clean({"sales": raw})
    sales = tables["sales"]
    assert sales.units.sum() - sales.returns.sum() == pytest.approx(raw.units.sum())
    assert (sales.units >= 0).all() and not sales.duplicated(["date", "store", "item", "channel"]).any()
    undone = log.loc[log.rule == "booked and booked back", "units"].sum()
    assert sales.units.sum() == raw.units.clip(lower=0).sum() - undone
    paid = cancel_bookings(raw)[0].query("units > 0").eval("units * price").sum()
    assert sales.eval("units * price").sum() == pytest.approx(paid)
    assert check_tables(CONTRACT, {"sales": conform(CONTRACT, sales, "sales")}).empty
    again, _ = clean(tables)
    pd.testing.assert_frame_equal(again["sales"], sales)


@pytest.mark.parametrize("seed", range(4))
def test_units_without_a_price_are_all_told(seed):
    raw = chain(seed)
    raw.loc[np.random.default_rng(seed).random(len(raw)) < 0.2, "price"] = np.nan
    tables, log = clean({"sales": raw})
    left = cancel_bookings(raw)[0].query("units > 0")
    assert log.loc[log.rule == "missing prices", "units"].sum() == left.loc[left.price.isna(), "units"].sum() > 0
    assert tables["sales"].eval("units * price").sum() > left.eval("units * price").sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("delisted_after", [0, 7, 28])
def test_missing_days_against_a_loop(seed, delisted_after):
    sales = chain(seed, 120).drop_duplicates(["date", "store", "item", "channel"])
    wanted = set()
    for (store, item, channel), part in sales.groupby(["store", "item", "channel"]):
        opened = sorted(sales.date[sales.store == store].unique())
        end = opened[-1] if (opened[-1] - part.date.max()).days <= delisted_after else part.date.max()
        wanted |= {(store, item, channel, day) for day in opened if part.date.min() <= day <= end} - {
            (store, item, channel, day) for day in part.date
        }
    found = missing_days(sales, delisted_after)
    assert set(found.itertuples(index=False, name=None)) == wanted and len(found) == len(wanted)


def test_prices_that_are_merely_volatile_are_left_alone():
    days = pd.date_range("2025-01-01", periods=200)
    swinging = np.exp(np.random.default_rng(1).normal(0, 0.8, 200))
    sales = pd.DataFrame(
        {
            "date": days,
            "store": "A",
            "item": "x",
            "channel": "store",
            "units": 1.0,
            "price": swinging,
            "promotion": False,
        }
    )
    assert "price outliers" not in clean({"sales": sales})[1].rule.tolist()


@pytest.mark.parametrize("slip", [0.0, 0.01, 10.0, 100.0])
def test_slipped_decimal_points_are_found(slip):
    sales = pd.DataFrame(
        {
            "date": pd.date_range("2025-01-01", periods=60),
            "store": "A",
            "item": "x",
            "channel": "store",
            "units": 1.0,
            "price": np.where(np.arange(60) % 7 == 0, 1.6, 2.0),
            "promotion": False,
        }
    )
    sales.loc[30, "price"] *= slip
    tables, log = clean({"sales": sales})
    assert tables["sales"].price[30] == 2.0 and log.loc[log.rule == "price outliers", "rows"].tolist() == [1]


def test_days_the_store_was_closed_are_not_zeros():
    days = pd.date_range("2025-01-01", periods=30)
    open_days = days[days.weekday != 6]
    sales = pd.DataFrame(
        {
            "date": open_days,
            "store": "A",
            "item": "x",
            "channel": "store",
            "units": 1.0,
            "price": 1.0,
            "promotion": False,
        }
    )
    assert len(clean({"sales": sales})[0]["sales"]) == len(open_days)


def test_tickets_of_one_day_are_added_those_that_are_alike_too(tmp_path):
    text = rows("2025-03-01 08:00,S1,007,1,2\n2025-03-01 09:00,S1,007,1,4\n2025-03-01 09:00,S1,007,1,4\n")
    tables, log = clean(read_folder(CONTRACT, put(tmp_path, sales_csv=text)))
    assert tables["sales"].units.tolist() == [3] and tables["sales"].price.tolist() == [pytest.approx(10 / 3)]
    assert {"added up", "time of day"} <= set(log.rule) and "days exported twice" not in set(log.rule)


def test_one_store_one_item_ten_days_is_allowed_and_remarked(tmp_path):
    text = rows("".join(f"2025-03-{day:02d},S1,007,1,2\n" for day in range(1, 11)))
    log = clean(read_folder(CONTRACT, put(tmp_path, sales_csv=text)))[1]
    assert {"few days", "one store", "one item"} <= set(log.rule) and log.loc[
        log.rule == "few days", "rows"
    ].item() == 10


def test_missing_prices_are_carried_forward_and_said():
    sales = pd.DataFrame(
        {
            "date": pd.date_range("2025-01-01", periods=4),
            "store": "A",
            "item": "x",
            "channel": "store",
            "units": 1.0,
            "price": [np.nan, 2.0, np.nan, 3.0],
            "promotion": False,
        }
    )
    tables, log = clean({"sales": sales})
    assert tables["sales"].price.tolist() == [2, 2, 2, 3] and log.loc[log.rule == "missing prices", "rows"].item() == 2


def test_content_hash_is_of_content():
    frame = pd.DataFrame({"date": pd.to_datetime(["2025-01-01"]), "item": ["a"], "units": [1.0]})
    assert (
        content_hash({"t": frame}) == "144ccdad3b70987116cf314c2560a1a3bcaf046e3160ad134f266102247b85dd"
    )  # the same for ever
    assert content_hash({"t": frame}) == content_hash(
        {"t": frame.astype({"date": "datetime64[us]", "units": "int8", "item": "category"})}
    )
    assert content_hash({"t": frame}) != content_hash({"u": frame})
    assert content_hash({"t": frame.assign(item="b")}) != content_hash({"t": frame})
    assert content_hash({"t": frame.assign(units=np.nan)}) == content_hash(
        {"t": frame.assign(units=pd.array([None], "Int64"))}
    )


def test_schemas_are_pandera_schemas_of_the_declared_columns():
    for name, columns in CONTRACT.columns.items():
        assert list(CONTRACT.schema(name).columns) == list(columns)
    arriving = CONTRACT.schema("sales", cleaned=False).columns["units"]
    assert len(arriving.checks) < len(CONTRACT.schema("sales").columns["units"].checks), "returns arrive as negatives"


# ---- what a trial by a newcomer found


def test_dates_in_two_forms_are_named_though_no_cell_can_be_read_both_ways(tmp_path):
    text = rows("2025-01-13,S1,007,1,2\n14/01/2025,S1,007,1,2\n2025-01-15,S1,007,1,2\n16/01/2025,S1,007,1,2\n")
    found = faults(tmp_path, sales_csv=text)
    assert found.found.str.contains(r"'2025-01-13' \(YYYY-MM-DD\) and '14/01/2025' \(DD/MM/YYYY\)").any()


def test_a_slash_in_the_name_of_a_store_is_refused_and_in_that_of_an_item_is_not(tmp_path):
    fault = only(tmp_path, sales_csv=rows("2025-01-13,Nord/Ost,007,1,2\n"))
    assert (
        fault["column"] == "store" and "'Nord/Ost' contains a slash" in fault["found"] and "store/item" in fault["mend"]
    )
    assert read_folder(CONTRACT, put(tmp_path, sales_csv=rows("2025-01-13,S1,bread/rolls,1,2\n")))[
        "sales"
    ].item.tolist() == ["bread/rolls"]


@pytest.mark.parametrize("cell", ["1e300", "-2e9"])
def test_numbers_beyond_belief_are_refused(tmp_path, cell):
    fault = only(tmp_path, sales_csv=rows(f"2025-01-13,S1,007,{cell},2\n"))
    assert fault["row"] == 2 and "beyond a billion" in fault["found"]


def test_a_missing_table_names_the_command_that_writes_an_example(tmp_path):
    assert "lepton-nb template" in only(tmp_path)["mend"]
