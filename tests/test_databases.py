"""Own data out of a database: the same tables as out of files, and no word of a password anywhere."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from test_retail import small_chain

from lepton_nb.cases.retail.parameters import Parameters
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.study.whole import study
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data import databases
from lepton_nb.data.databases import read_database, refusal_of
from lepton_nb.data.findings import DataError
from lepton_nb.data.reading import read_folder
from lepton_nb.workbook.case import cases, find_case
from lepton_nb.workbook.cli import main
from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.run import plan, run_case
from lepton_nb.workbook.sweep import plan_sweep, run_sweep
from lepton_nb.workbook.verify import read_results

sa = pytest.importorskip("sqlalchemy")
pytest.importorskip("duckdb_engine")
HERE = Path(__file__).parent
PLACE = {"module": "toy_case"}
SECRET = "s3cr3t/w@rd'n\"more"  # signs that an address must write in another way


# ---- the same rows as files and in databases


def rows() -> dict[str, pd.DataFrame]:
    """Two tables with what exports hold: other names of columns, gaps, zeros in front, money to the cent."""
    days = pd.date_range("2024-01-01", periods=70).date
    sold = pd.DataFrame({"Datum": days, "Filiale": "S1", "item": ["007", "Crème"] * 35, "quantity": range(70)})
    sold["price"] = [None if i % 9 == 0 else Decimal(199 + i).scaleb(-2) for i in range(70)]
    sold["promotion"] = [i % 5 == 0 for i in range(70)]
    sold["remark"] = "nothing"
    items = pd.DataFrame({"item": ["007", "Crème"], "cost": [Decimal("1.10"), Decimal("0.85")], "group": ["a", None]})
    return {"sales": sold, "items": items}


TYPES = {
    date: sa.Date(),
    float: sa.Float(),
    Decimal: sa.Numeric(10, 2),
    bool: sa.Boolean(),
    int: sa.Integer(),
    str: sa.Text(),
}


def write_tables(url, tables: dict[str, pd.DataFrame]) -> None:
    """Write tables into a database, each column with the type of its values."""
    engine, known = sa.create_engine(url, poolclass=sa.NullPool), sa.MetaData()
    with engine.begin() as connection:
        for name, frame in tables.items():
            kinds = {column: next((type(v) for v in frame[column].tolist() if not pd.isna(v)), str) for column in frame}
            table = sa.Table(name, known, *(sa.Column(column, TYPES[kind]) for column, kind in kinds.items()))
            table.create(connection)
            told = frame.astype(object).where(frame.notna(), None).to_dict("records")
            connection.execute(table.insert(), told)
    engine.dispose()


def from_files(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    folder.mkdir()
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def same(found, wanted) -> None:
    """Hold that tables and log are equal, but for how a table is named in messages."""
    assert list(found) == list(wanted)
    for name, frame in wanted.items():
        pd.testing.assert_frame_equal(found[name], frame)
    assert sorted(found.log.rule) == sorted(wanted.log.rule) and len(wanted.log) > 3
    logs = [
        log.drop(columns="table").sort_values(["rule", "before"], ignore_index=True) for log in (found.log, wanted.log)
    ]
    pd.testing.assert_frame_equal(*logs)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_database_gives_the_tables_and_the_log_of_the_same_files(tmp_path, kind):
    files = from_files(tmp_path / "files", rows())
    file = tmp_path / f"shop.{kind}"
    write_tables(sa.URL.create(kind, database=str(file)), rows())
    same(read_database(CONTRACT, file), read_folder(CONTRACT, files))
    wanted, found = SOURCES.load(f"own:{files}"), SOURCES.load(f"own:{file}")
    assert found.sha256 == wanted.sha256 and found.kind == "own" and found.assumed == wanted.assumed


def as_typed(contract, file: Path) -> pd.DataFrame:
    """Read a form with numbers and dates as what they are, as a database would hold them."""
    frame = pd.read_csv(file, dtype=str)
    for name in frame:
        kind = contract.columns[file.stem][name].metadata["kind"]
        if kind in ("number", "whole"):
            frame[name] = pd.to_numeric(frame[name]).convert_dtypes().astype(object)
        elif kind in ("date", "birthday", "week") and frame[name].str.fullmatch(r"[\d-]{10}").all():
            frame[name] = pd.to_datetime(frame[name]).dt.date
    return frame


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_the_forms_of_every_case_are_the_same_out_of_a_database(tmp_path, case, kind):
    contract = find_case(case).contract
    contract.write_templates(tmp_path / "forms")
    tables = {file.stem: as_typed(contract, file) for file in (tmp_path / "forms").iterdir()}
    write_tables(sa.URL.create(kind, database=str(tmp_path / "forms.db")), tables)
    (tmp_path / "all.yaml").write_text(
        "url_from: FORMS\ntables:\n" + "".join(f"  {name}: SELECT * FROM {name}\n" for name in tables)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORMS", f"{kind}:///{tmp_path / 'forms.db'}")
        found, wanted = read_database(contract, tmp_path / "all.yaml"), read_folder(contract, tmp_path / "forms")
    assert list(found) == list(wanted) == sorted(contract.columns)
    for name, frame in wanted.items():
        pd.testing.assert_frame_equal(found[name], frame)
    pd.testing.assert_frame_equal(found.log.drop(columns="table"), wanted.log.drop(columns="table"))


def test_a_query_for_each_table_and_a_view_do_the_same(tmp_path):
    files, file = from_files(tmp_path / "files", rows()), tmp_path / "till.db"
    write_tables(f"sqlite:///{file}", {"receipts": rows()["sales"], "articles": rows()["items"]})
    with sqlite3.connect(file) as till:
        till.execute("CREATE VIEW sold AS SELECT * FROM receipts")
    till.close()
    config = tmp_path / "shop.yaml"
    for asked in (
        "sold",
        "SELECT * FROM receipts -- all of it; really\n",
        "SELECT * FROM receipts WHERE item LIKE '%' ;",
    ):
        config.write_text(f"file: till.db\ntables:\n  sales: |\n    {asked}\n  items: articles\n")
        same(read_database(CONTRACT, config), read_folder(CONTRACT, files))


def test_typed_cells_that_no_file_has(tmp_path):
    import duckdb

    with duckdb.connect(str(tmp_path / "shop.duckdb")) as shop:
        shop.execute(
            "CREATE TABLE sales AS SELECT TIMESTAMP '2025-03-01 08:30:00' + INTERVAL (i) DAY AS date, 'S1' AS store,"
            " i % 3 AS item, CAST(i AS HUGEINT) AS units, CAST('nan' AS DOUBLE) AS price, '\\x00'::BLOB AS picture,"
            " [1, 2] AS list FROM range(40) t(i)"
        )
    tables = read_database(CONTRACT, tmp_path / "shop.duckdb")
    assert tables["sales"].item.tolist()[:3] == ["0", "1", "2"] and tables["sales"].units.tolist()[-1] == 39
    assert tables["sales"].price.isna().all() and tables["sales"].date[0] == pd.Timestamp("2025-03-01 08:30")
    not_used = tables.log[tables.log.rule == "column not used"].before.tolist()
    assert not_used == ["picture", "list"], "what is no value of a table does no harm where no column takes it"
    (tmp_path / "shop.yaml").write_text(
        "file: shop.duckdb\ntables:\n  sales: SELECT date, picture AS item, promo AS promotion, list AS units FROM"
        " (SELECT *, DATE '2025-01-01' AS promo FROM sales)\n"
    )
    with pytest.raises(DataError) as refused:
        read_database(CONTRACT, tmp_path / "shop.yaml")
    told = str(refused.value)
    assert "column item, row 1: '...' is binary data in the database, and a text is needed" in told
    assert "column units, row 1: '...' is" in told and "is a date or a time in the database" in told


def test_moments_with_a_zone_are_read_as_in_a_file(tmp_path):
    import duckdb

    with duckdb.connect(str(tmp_path / "shop.duckdb")) as shop:
        shop.execute("SET TimeZone = 'Asia/Tokyo'")
        shop.execute(
            "CREATE TABLE sales AS SELECT TIMESTAMPTZ '2025-03-01 23:30:00+00' + INTERVAL (i) DAY AS date,"
            " 'x' AS item, i AS units, 1.5 AS price FROM range(40) t(i)"
        )
    days = pd.date_range("2025-03-01 23:30", periods=40, tz="UTC")
    frame = pd.DataFrame({"date": days, "item": "x", "units": range(40), "price": 1.5})
    files = from_files(tmp_path / "files", {"sales": frame})
    for zone in ("Europe/Berlin", "America/New_York"):
        wanted = read_folder(CONTRACT, files, zone)["sales"]
        pd.testing.assert_frame_equal(read_database(CONTRACT, tmp_path / "shop.duckdb", zone)["sales"], wanted)
    with pytest.raises(DataError, match="moments are in UTC, .* and the day depends on the place"):
        read_database(CONTRACT, tmp_path / "shop.duckdb")


def test_a_study_of_a_table_gives_the_results_of_the_same_file(tmp_path, monkeypatch):
    import duckdb

    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    folder = small_chain(tmp_path / "files", days=300)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as shop:
        shop.execute(f"CREATE TABLE sales AS SELECT * FROM read_csv('{folder / 'sales.csv'}')")
    quick = {"evaluation_weeks": 2, "validation_weeks": 4, "paths": 20, "model": "fast"}
    found = [study(Parameters(source=f"own:{place}", **quick)) for place in (folder, tmp_path / "shop.duckdb")]
    results = [{result.name: result.value for result in one.results} for one in found]
    assert len(results[0]) > 20 and results[0] == results[1]


# ---- what is refused, in words


@pytest.fixture
def till(tmp_path):
    """A SQLite file with two tables, and what writes a configuration for it."""
    write_tables(f"sqlite:///{tmp_path / 'till.sqlite'}", rows())

    def ask(text: str) -> Path:
        (tmp_path / "shop.yaml").write_text(text)
        return tmp_path / "shop.yaml"

    return ask


def refused(place: Path) -> str:
    with pytest.raises(UserError) as error:
        read_database(CONTRACT, place)
    return str(error.value)


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ("sales: receipts", "table receipts: the table receipts cannot be read (no such table: receipts)"),
        ("sales: SELECT nix FROM sales", "query sales: the query is not understood (no such column: nix)"),
        ("sales: SELEC 1", "begins with SELEC and not with SELECT or WITH; it is not sent"),
        ("sales: DROP TABLE sales", "begins with DROP"),
        ("sales: SELECT 1; DROP TABLE sales", "holds more than one statement; it is not sent"),
        ("sales: WITH x AS (DELETE FROM sales RETURNING *) SELECT * FROM x", "holds the word DELETE, which writes"),
        ("sales: SELECT * FROM sales WHERE item = 'nobody'", "the query gives no rows"),
        (
            "sales: SELECT Datum, item, price FROM sales",
            "column units: the column is missing (found: Datum, item, price)",
        ),
        ("sales: SELECT item, item, Datum FROM sales", "column item: the column stands in the header twice"),
        ("items: items", "shop.yaml, table sales: the table is missing. Add a line to `tables`: sales, and a query."),
        ("sale: sales", "shop.yaml, sale: is not a known table, but its name is like sales"),
    ],
)
def test_a_wrong_table_or_query_is_told_in_words(till, tables, says):
    told = refused(till(f"file: till.sqlite\ntables:\n  {tables}\n"))
    assert says in told and "Traceback" not in told and "sqlalche.me" not in told


def test_all_problems_of_all_tables_are_told_at_once(till):
    told = refused(
        till(
            "file: till.sqlite\ntables:\n  sales: SELECT nix FROM sales\n  items: SELECT item, -cost cost FROM items\n"
        )
    )
    assert told.startswith("3 problems") and "no such column: nix" in told and "-1.1 is below 0" in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file: nix.sqlite\n", "the database nix.sqlite is not there"),
        ("tables:\n  sales: sales\n", "does not say where the database is"),
        ("file: till.sqlite\nurl_from: X\n", "both say where the database is"),
        ("file: till.sqlite\ntabels:\n  sales: sales\n", "shop.yaml, tabels: is not known"),
        ("file: till.sqlite\ntables: sales\n", "shop.yaml, tables: is no list of tables"),
        ("file: till.csv\n", "till.csv has no known ending"),
        ("a: [", "is not YAML (line 1)"),
        ("nothing", "is no list of settings"),
        ("url_from: NO_SUCH_VARIABLE\n", "the variable NO_SUCH_VARIABLE of the environment is not set"),
        ("url_file: nix.txt\n", "nix.txt cannot be read"),
        (
            f"url: postgresql://me:{SECRET}@host/shop\n".replace("'", ""),
            "may hold a password, which must not stand here",
        ),
        ("url_from: postgresql://me:s3cr3t@host/shop\n", "is no name of a variable"),
    ],
)
def test_a_wrong_configuration_is_told_in_words(till, text, says):
    told = refused(till(text))
    assert says in told and "s3cr3t" not in told


def test_a_file_that_is_no_database_or_absent_is_told(tmp_path):
    (tmp_path / "shop.sqlite").write_text("date,item,units\n" * 100)
    (tmp_path / "shop.duckdb").write_text("date,item,units\n" * 1000)
    assert "file is not a database" in refused(tmp_path / "shop.sqlite")
    assert "cannot be reached" in refused(tmp_path / "shop.duckdb")
    assert "the file is not there" in refused(tmp_path / "nix.duckdb")
    write_tables(f"sqlite:///{tmp_path / 'other.db'}", {"weather_log": rows()["items"]})
    assert "no table has a known name (found: weather_log)" in refused(tmp_path / "other.db")


def test_without_the_extra_one_sentence_says_what_to_install(till, monkeypatch):
    place = till("file: till.sqlite\n")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert "pip install 'lepton_nb[sql]'" in refused(place)


def test_a_driver_that_is_not_there_is_named(till, monkeypatch):
    monkeypatch.setenv("SHOP", "firebird://me:s3cr3t@host/shop")
    told = refused(till("url_from: SHOP\n"))
    assert "no driver for firebird is installed" in told and "s3cr3t" not in told


def test_nothing_can_be_written_even_past_the_first_wall(tmp_path):
    from lepton_nb.data import databases

    for kind in ("sqlite", "duckdb"):
        file = tmp_path / f"shop.{kind}"
        write_tables(sa.URL.create(kind, database=str(file)), rows())
        before = file.read_bytes()
        configuration = databases.configuration_of(file)
        with (
            databases._opened(configuration) as connection,
            pytest.raises(sa.exc.DBAPIError, match=r"(?i)read-?\s?only"),
        ):
            connection.exec_driver_sql("DELETE FROM sales")
        assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT 'a;b' FROM t", ""),
        ("SELECT a /* ; DROP TABLE t */ FROM t -- ; more", ""),
        ('SELECT last_update, "delete" FROM t;', ""),
        ("((SELECT 1) UNION (SELECT 2))", ""),
        ("SELECT $$;$$", ""),
        ("SELECT E'\\'', 1; DROP TABLE t; --'", "more than one"),
        ("SELECT 1;;SELECT 2", "more than one"),
        ("SELECT * INTO copy_of FROM t", "INTO"),
        ("PRAGMA writable_schema = 1", "PRAGMA"),
        ("ATTACH 'x' AS y", "ATTACH"),
        ("/* */", "begins with"),
    ],
)
def test_a_statement_is_judged_by_what_it_does(statement, why):
    assert why in refusal_of(statement) and bool(why) == bool(refusal_of(statement))


# ---- large tables, and databases that go away


def test_ten_million_rows_are_refused_by_the_limit_of_files_before_they_are_read(till, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_MAX_MB", "2")
    begun = os.times().user
    import duckdb

    place = till(
        "file: big.duckdb\ntables:\n"
        "  sales: SELECT DATE '2025-01-01' AS date, i AS item, i AS units FROM range(10000000) t(i)\n"
    )
    duckdb.connect(str(place.parent / "big.duckdb")).close()
    told = refused(place)
    assert (
        "is larger than the limit (2.0" in told
        and " rows, " in told
        and "limit 2 MB" in told
        and "LEPTON_NB_MAX_MB" in told
    )
    assert os.times().user - begun < 5


def test_rows_that_are_the_limit_of_a_file_are_that_of_a_table(tmp_path, monkeypatch):
    sales = pd.concat([rows()["sales"]] * 300, ignore_index=True)
    files = from_files(tmp_path / "files", {"sales": sales})
    write_tables(f"sqlite:///{tmp_path / 'shop.db'}", {"sales": sales})
    size = (files / "sales.csv").stat().st_size / 1e6
    for share, fits in ((0.8, False), (1.2, True)):
        monkeypatch.setenv("LEPTON_NB_MAX_MB", str(size * share))
        for read, place in ((read_folder, files), (read_database, tmp_path / "shop.db")):
            if fits:
                assert len(read(CONTRACT, place)["sales"]) == 21_000
            else:
                with pytest.raises(DataError, match="is larger than the limit"):
                    read(CONTRACT, place)


def test_a_database_that_breaks_in_the_middle_is_told_with_the_rows_so_far(tmp_path):
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as shop:
        shop.execute("CREATE TABLE sales (date TEXT, item TEXT, units INTEGER)")
        shop.executemany("INSERT INTO sales VALUES ('2025-01-01', ?, 1)", ((f"article {i}",) for i in range(60_000)))
    shop.close()
    raw = bytearray(file.read_bytes())
    leaves = [at for at in range(0, len(raw), 4096) if raw[at] == 13]
    for at in leaves[len(leaves) // 2 :]:  # the disk gave half of it
        raw[at : at + 4096] = b"\xff" * 4096
    file.write_bytes(raw)
    told = refused(file)
    assert told.startswith("1 problem") and "the reading broke off after" in told and "malformed" in told
    assert "after 0 rows" not in told


# ---- no word of a password


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def stand(tmp_path, monkeypatch):
    """The toy case with its weeks in a DuckDB file whose address, with a secret, stands in the environment."""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    weeks = pd.DataFrame({"ds": pd.date_range("2025-01-06", periods=40, freq="W-MON").date, "units": range(30, 70)})
    write_tables(f"sqlite:///{tmp_path / 'weeks.db'}", {"weeks": weeks})
    address = sa.URL.create("sqlite", database=str(tmp_path / "weeks.db"), query={"password": SECRET})
    monkeypatch.setenv("STAND_URL", address.render_as_string(hide_password=False))
    (tmp_path / "mine.yaml").write_text(
        "url_from: STAND_URL\ntables:\n  sold: SELECT ds, units FROM weeks ORDER BY ds\n"
    )
    return tmp_path


def spellings() -> list[bytes]:
    from urllib.parse import quote, quote_plus

    return [form.encode() for form in {SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET)}] + [b"s3cr3t"]


def test_no_file_of_a_run_and_no_word_of_a_command_holds_the_secret(stand, capfd):
    assert main(["check", "stand", "mine.yaml"], **PLACE) == 0
    assert main(["run", "stand", "-p", "source", "own:mine.yaml", "--publish"], **PLACE) == 0
    said = "".join(capfd.readouterr())
    assert "nothing to mend" in said and "s3cr3t" not in said
    written = files_of(stand)
    assert {"decide.ipynb", "decide.html", "results.json", "ro-crate-metadata.json", "log.jsonl"} <= {
        f.name for f in written
    }
    assert not [file for file in written for form in spellings() if form in file.read_bytes()]
    assert not list((stand / "tmp").rglob("*.parquet")), "what a run took out of the database goes with it"
    (folder,) = [f.parent for f in written if f.name == "results.json" and "runs" in f.parts]
    assert read_results(folder)["parameters"]["source"] == "own:mine.yaml"


def test_a_failing_run_and_a_broken_database_hold_no_secret(stand, capfd, monkeypatch):
    assert main(["run", "stand", "-p", "source", "own:mine.yaml", "-p", "cost", "9"], **PLACE) == 2  # in a cell
    with sqlite3.connect("weeks.db") as weeks:
        weeks.execute("UPDATE weeks SET units = -1 WHERE rowid = 3")
    weeks.close()
    assert main(["run", "stand", "-p", "source", "own:mine.yaml"], **PLACE) == 2
    assert len([file for file in files_of(stand) if file.name == "failure.html"]) == 2
    Path("weeks.db").write_bytes(b"no database" * 100)
    assert main(["run", "stand", "-p", "source", "own:mine.yaml"], **PLACE) == 2
    assert main(["check", "stand", "mine.yaml"], **PLACE) == 2
    Path("weeks.db").unlink()
    assert main(["check", "stand", "mine.yaml"], **PLACE) == 2
    said = "".join(capfd.readouterr())
    assert "row 3: -1 is below 0" in said and "is not a database" in said and "is not there" in said
    assert not [file for file in files_of(stand) for form in spellings() if form in file.read_bytes()]
    assert "s3cr3t" not in said and "fault of lepton_nb" not in said


@pytest.mark.parametrize(
    "words",
    [
        ["run", "stand", "-p", "source", "postgresql://me:s3cr3t@host/shop"],
        ["run", "stand", "-p", "source", "own:postgresql://me:s3cr3t@host/shop"],
        ["run", "stand", "-p", "source", "own:a", "-p", "source", "own:postgresql://me:s3cr3t@host/shop"],
        ["params", "stand", "-p", "source=own:postgresql://me:s3cr3t@host/shop"],
        ["params", "stand", "-p", "source", "own:postgresql://me:s3cr3t/a b@c'@host/shop"],
        ["params", "stand", "-p", "price", "postgresql://me:s3cr3t/a b@c'@host/shop"],
        ["check", "stand", "postgresql://me:s3cr3t@host/shop"],
        ["template", "stand", "postgresql://me:s3cr3t@host/shop"],
        ["run", "stand", "postgresql://me:s3cr3t@host/shop"],
    ],
)
def test_an_address_typed_as_a_parameter_is_refused_and_not_repeated(stand, capfd, words):
    assert main(words, **PLACE) == 2
    said = "".join(capfd.readouterr())
    assert "s3cr3t" not in said and said.strip()
    assert not [file for file in files_of(stand) if "s3cr3t" in str(file)] and not Path("postgresql:").exists()


def test_a_changed_cell_is_another_run_and_is_computed_again(stand):
    def key():
        with plan(find_case("stand", **PLACE), [("source", "own:mine.yaml")], **PLACE) as made:
            assert made.own.name == "mine.yaml" and made.own.is_dir()
        assert not made.own.exists()
        return made.key

    first, options = key(), dict(out="runs", progress=False, threads=1, **PLACE)
    done = run_case("stand", [("source", "own:mine.yaml")], **options)
    assert done.name == first == key()
    said = []
    assert run_case("stand", [("source", "own:mine.yaml")], notify=said.append, **options) == done
    assert said and said[0].startswith("already done")
    with sqlite3.connect("weeks.db") as weeks:
        weeks.execute("UPDATE weeks SET units = 500 WHERE rowid = 20")
    weeks.close()
    later = run_case("stand", [("source", "own:mine.yaml")], **options)
    assert later.name == key() != first
    results = [read_results(folder)["results"]["gain"]["value"] for folder in (done, later)]
    assert results[0] != results[1] and len(list((stand / "cache").glob("*.joblib"))) == 2


def test_a_sweep_reads_a_database_once_and_gives_what_runs_give(stand, monkeypatch):
    taken = []
    monkeypatch.setattr(databases, "take", lambda *given, take=databases.take: taken.append(given) or take(*given))
    with plan_sweep("stand", ["price=5,6"], [("source", "own:mine.yaml")], **PLACE) as planned:
        assert len(taken) == 1 and planned.own[0].place.is_dir()
        swept = run_sweep(planned, "sweep", workers=1, progress=False)
    assert not planned.own[0].place.exists() and set(swept.points["failure"]) == {""}
    pairs = [("source", "own:mine.yaml"), ("price", "6")]
    done = run_case("stand", pairs, out="runs", progress=False, threads=1, **PLACE)
    found = {name: one["value"] for name, one in read_results(done)["results"].items()}
    assert done.name == planned.keys[1] and swept.points.loc[1, list(found)].to_dict() == found


def test_template_writes_a_configuration_that_runs_once_the_database_is_there(stand, capfd, monkeypatch):
    assert main(["template", "stand", "new.yaml"], **PLACE) == 0
    assert main(["template", "stand", "new.yaml"], **PLACE) == 2, "never overwritten"
    assert main(["check", "stand", "new.yaml"], **PLACE) == 2
    said = "".join(capfd.readouterr())
    assert "the file exists already" in said and "LEPTON_NB_DATABASE_URL of the environment is not set" in said
    with sqlite3.connect("weeks.db") as weeks:
        weeks.execute("ALTER TABLE weeks RENAME TO sold")
    weeks.close()
    monkeypatch.setenv("LEPTON_NB_DATABASE_URL", os.environ["STAND_URL"])
    assert main(["check", "stand", "new.yaml"], **PLACE) == 0
    Path("address.txt").write_text(os.environ["STAND_URL"] + "\n")
    Path("new.yaml").write_text("url_file: address.txt\n")
    assert main(["check", "stand", "new.yaml"], **PLACE) == 0


# ---- a server


def server_programs() -> Path | None:
    """The folder of the programs of PostgreSQL, if it is installed."""
    found = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True))]
    return next((Path(program).resolve().parent for program in found if program), None)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL server of our own on a free port, with a password; skipped where it is not installed."""
    programs = server_programs()
    if programs is None:
        assert not os.environ.get("LEPTON_NB_NEEDS_POSTGRES"), "PostgreSQL is not installed, and has to be"
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"lepton_nb_pg_{os.getpid()}"  # the path of a socket is short, and another user reads it
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    other = shutil.which("runuser", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))
    user = [other, "-u", "postgres", "--"] if os.getuid() == 0 else []  # PostgreSQL refuses to run as root
    (folder / "word").write_text(SECRET)
    (folder / "word").chmod(0o644)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def do(program, *words):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
        subprocess.run([*user, str(programs / program), *words], check=True, timeout=120, **quiet)

    data = str(folder / "data")
    try:
        do(
            "initdb",
            "-D",
            data,
            "-U",
            "me",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(folder / "word"),
            "-E",
            "UTF8",
            "-N",
        )
        do("pg_ctl", "-D", data, "-w", "-o", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -F", "start")
        yield sa.URL.create("postgresql", "me", SECRET, "127.0.0.1", port, "postgres")
    finally:
        if (folder / "data").exists():
            subprocess.run(
                [*user, str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop"], check=False, cwd="/"
            )
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hosted(server, monkeypatch):
    """The server with the two tables, its address in the environment."""
    engine = sa.create_engine(server.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    write_tables(server.set(drivername="postgresql+psycopg"), rows())
    monkeypatch.setenv("SHOP_URL", server.render_as_string(hide_password=False))
    return engine


def test_a_server_gives_the_tables_of_the_same_files_and_cannot_be_written(tmp_path, hosted):
    files, config = from_files(tmp_path / "files", rows()), tmp_path / "shop.yaml"
    config.write_text('url_from: SHOP_URL\ntables:\n  sales: SELECT * FROM sales ORDER BY "Datum"\n  items: items\n')
    same(read_database(CONTRACT, config), read_folder(CONTRACT, files))
    config.write_text("url_from: SHOP_URL\n")
    assert read_database(CONTRACT, config)["items"].cost.tolist() == [1.1, 0.85]
    config.write_text("url_from: SHOP_URL\ntables:\n  sales: SELECT nextval('counter') AS units\n")
    with hosted.begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE counter")
    assert "read-only transaction" in refused(config)


def test_a_wrong_password_and_a_server_that_is_not_there_are_told_without_it(tmp_path, hosted, server, monkeypatch):
    config = tmp_path / "shop.yaml"
    config.write_text("url_from: SHOP_URL\n")
    monkeypatch.setenv("SHOP_URL", server.set(password="wr0ng/" + SECRET).render_as_string(hide_password=False))
    told = refused(config)
    assert "cannot be reached" in told and "password authentication failed" in told and "s3cr3t" not in told
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("SHOP_URL", server.set(port=port).render_as_string(hide_password=False))
    told = refused(config)
    assert "cannot be reached" in told and "s3cr3t" not in told


def test_a_server_that_goes_away_while_it_is_read(tmp_path, hosted, server, monkeypatch):
    with hosted.begin() as connection:
        connection.exec_driver_sql("DROP TABLE sales")
        connection.exec_driver_sql(
            "CREATE TABLE sales AS SELECT DATE '2025-01-01' AS date, repeat('x', 80) || i AS item, i AS units"
            " FROM generate_series(1, 400000) t(i)"
        )
    with cut_off_after(server, 4_000_000) as port:
        monkeypatch.setenv("SHOP_URL", server.set(port=port).render_as_string(hide_password=False))
        (tmp_path / "shop.yaml").write_text("url_from: SHOP_URL\ntables:\n  sales: sales\n  items: items\n")
        told = refused(tmp_path / "shop.yaml")
    assert told.startswith("1 problem") and "the reading broke off after" in told and "s3cr3t" not in told
    assert "after 0 rows" not in told


class cut_off_after:  # noqa: N801 (used as a word of a sentence)
    """Pass on what a server and its client say, and cut the line after so many bytes of the server."""

    def __init__(self, server, size: int):
        self.server, self.left, self.listening = (
            (server.host, server.port),
            size,
            socket.create_server(("127.0.0.1", 0)),
        )

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return self.listening.getsockname()[1]

    def __exit__(self, *_):
        self.listening.close()

    def _serve(self):
        client, _ = self.listening.accept()
        server = socket.create_connection(self.server)
        threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
        while self.left > 0 and (piece := server.recv(65536)):
            client.sendall(piece)
            self.left -= len(piece)
        for line in (client, server):
            line.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _pass_on(client, server):
        try:
            while piece := client.recv(65536):
                server.sendall(piece)
        except OSError:
            pass


def test_datetimes_are_as_in_a_file(tmp_path):
    frame = pd.DataFrame(
        {"date": [datetime(2025, 1, 1 + i, 9) for i in range(28)], "item": "x", "units": 1, "price": 2}
    )
    files = from_files(tmp_path / "files", {"sales": frame})
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        frame.to_sql("sales", shop, index=False)
    shop.close()
    pd.testing.assert_frame_equal(
        read_database(CONTRACT, tmp_path / "shop.db")["sales"], read_folder(CONTRACT, files)["sales"]
    )
