"""Sources: where files are looked for, what is said without a network, and the public sets where they are at hand."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
import pytest

from lepton_nb.cases.manufacturing import sources as plant_sources
from lepton_nb.cases.retail import sources
from lepton_nb.cases.retail.public import Logistics, assume_logistics, m5_tables, online_retail_tables
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data import catalog
from lepton_nb.data.catalog import Dataset, SourceError
from lepton_nb.data.contract import check_tables, content_hash
from lepton_nb.data.findings import DataError

PUBLIC = {known.name: known for known in SOURCES.public}
HERE = Path(os.environ.get("LEPTON_NB_DATA", "") or "nowhere")


def needs(path: str) -> Path:
    if not (HERE / path).exists():
        pytest.skip(f"{path} is not at hand: set LEPTON_NB_DATA to the folder that holds it")
    return HERE / path


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """No data folder, an empty cache, and no network."""
    monkeypatch.delenv("LEPTON_NB_DATA", raising=False)
    monkeypatch.setattr(catalog, "user_cache_dir", lambda name: str(tmp_path / "cache"))

    def unplugged(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", unplugged)
    return tmp_path


# ---- errors a user can cause


@pytest.mark.parametrize(
    "source, words",
    [
        ("public:m5", r"did you mean public:m5-foods1\?"),
        ("publik:m5", "not understood"),
        ("public:m6", "public:m5-foods1"),
        ("", "not understood"),
        ("own:", "not understood"),
        ("embedded:x", "not understood"),
    ],
)
def test_unknown_sources(source, words):
    with pytest.raises(SourceError, match=words):
        SOURCES.load(source)


def test_own_folder_with_faults_is_refused_as_a_whole(tmp_path):
    (tmp_path / "sales.csv").write_text("date,store,item,units,price\n2025-03-01,S1,007,x,-1\n")
    with pytest.raises(DataError) as error:
        SOURCES.load(f"own:{tmp_path}")
    assert len(error.value.problems) == 2


def own(folder, **columns):
    """Write sales of two items as a user would, with some columns replaced; give the source."""
    days = pd.date_range("2025-01-01", periods=120).strftime("%Y-%m-%d")
    sales = pd.DataFrame(
        {"date": [*days, *days], "store": "S1", "item": ["a"] * 120 + ["b"] * 120, "units": 3, "price": 2.0}
    )
    sales.assign(**columns).to_csv(folder / "sales.csv", index=False)
    return f"own:{folder}"


@pytest.mark.parametrize(
    "columns, words",
    [
        ({"price": ["1.5"] * 120 + [""] * 120}, "sales, column price: no price above 0 in any row of 'b'"),
        ({"price": 0}, "'a', 'b'"),
        ({"units": 0}, "sales, column units: no row has units above 0"),
        (
            {"date": ["1990-03-03", *pd.date_range("2025-01-02", periods=239).strftime("%Y-%m-%d")]},
            "1990-03-03 is more than a year from the other dates",
        ),
        (
            {"date": [*pd.date_range("2025-01-02", periods=239).strftime("%Y-%m-%d"), "2052-01-01"]},
            "2052-01-01 is more than a year",
        ),
    ],
)
def test_own_sales_that_carry_no_plan_are_refused_for_what_is_in_them(tmp_path, columns, words):
    with pytest.raises(DataError) as error:
        SOURCES.load(own(tmp_path, **columns))
    assert words in str(error.value) and len(error.value.problems) == 1, (
        "nothing is said of tables that the user never wrote"
    )


def test_a_history_with_a_long_pause_is_no_misdated_one(tmp_path):
    days = [*pd.date_range("2020-01-01", periods=120), *pd.date_range("2025-01-01", periods=120)]
    assert len(SOURCES.load(own(tmp_path, date=[f"{day:%Y-%m-%d}" for day in days], item="a")).tables["sales"]) == 240


@pytest.mark.parametrize("name", ["m5-foods1", "dominicks-oj"])
def test_bring_your_own_copy_says_where_from_and_where_to(alone, name):
    with pytest.raises(SourceError) as error:
        SOURCES.load(f"public:{name}")
    said = str(error.value)
    assert PUBLIC[name].origin in said and "LEPTON_NB_DATA" in said and str(alone / "cache") in said
    assert all(file.path in said for way in PUBLIC[name].ways for file in way)


def test_offline_says_what_was_tried_and_what_to_do(alone):
    with pytest.raises(SourceError) as error:
        SOURCES.load("public:online-retail")
    said = str(error.value)
    assert (
        "no route to host" in said
        and "https://" in said
        and "LEPTON_NB_DATA" in said
        and str(alone / "cache" / "retail/online_retail/onlineretail.rda") in said
    )


def test_data_folder_that_is_none(monkeypatch):
    monkeypatch.setenv("LEPTON_NB_DATA", "/nowhere/at/all")
    with pytest.raises(SourceError, match="not a folder"):
        SOURCES.load("public:m5-foods1")


def test_changed_file_is_refused(alone, monkeypatch):
    file = PUBLIC["m5-foods1"].ways[0][0]
    (alone / file.path).parent.mkdir(parents=True)
    (alone / file.path).write_bytes(b"changed")
    monkeypatch.setenv("LEPTON_NB_DATA", str(alone))
    with pytest.raises(SourceError, match="not the file on record"):
        SOURCES.load("public:m5-foods1")
    assert "not the file on record" in SOURCES.available().set_index("source").loc["public:m5-foods1", "at hand"]


def test_what_is_at_hand_is_told(alone):
    told = SOURCES.available().set_index("source")["at hand"]
    assert (
        told["public:online-retail"] == "fetched on first use"
        and told["public:m5-foods1"] == "bring your own copy"
        and told["embedded"] == "here"
    )


def test_download_is_checked_and_kept(alone, monkeypatch):
    asked = {}
    monkeypatch.setattr(pooch, "retrieve", lambda url, **how: asked.update(how, url=url) or str(alone / "file"))
    file = PUBLIC["online-retail"].ways[1][0]
    assert catalog.fetch(file) == alone / "file"
    assert (
        asked["known_hash"] == f"sha256:{file.sha256}"
        and asked["progressbar"]
        and asked["path"] == alone / "cache" / "retail/online_retail"
    )


def test_every_file_that_is_fetched_is_pinned():
    fetched = [file for known in PUBLIC.values() for way in known.ways for file in way if file.url]
    assert fetched and all(file.sha256 and len(file.url.split("/")[5]) == 40 for file in fetched)


# ---- sources


def test_embedded_is_checked_and_repeats():
    first, second = SOURCES.load(), SOURCES.load("embedded")
    assert isinstance(first, Dataset) and first.sha256 == second.sha256 and first.truth is not None
    assert check_tables(CONTRACT, first.tables).empty and first.card["sha256"] == first.sha256
    with pytest.raises(AttributeError):
        first.name = "other"


def test_own_folder_is_completed_only_where_it_must_be(tmp_path):
    days = pd.date_range("2025-01-01", periods=70)
    pd.DataFrame({"date": days, "store": "S1", "item": "007", "units": 2, "price": 3.0}).to_csv(
        tmp_path / "sales.csv", index=False
    )
    (tmp_path / "items.csv").write_text("item,cost,supplier\n007,1.0,dairy\n")
    own = SOURCES.load(f"own:{tmp_path}", currency="CHF")
    assert (
        own.tables["items"].cost.item() == 1.0
        and own.tables["suppliers"].supplier.tolist() == ["dairy"]
        and own.currency == "CHF"
    )
    assert own.tables["stores"].capacity.isna().all() and not any("Unit cost" in word for word in own.assumed)
    assert any(word.startswith("Room of a store: not known") for word in own.assumed)
    assert any(word.startswith("Every supplier: lead time 2") for word in own.assumed)


def test_own_with_suppliers_but_no_items_uses_the_given_suppliers(tmp_path):
    (tmp_path / "sales.csv").write_text("date,store,item,units,price\n2025-03-01,S1,007,1,2\n2025-03-02,S1,007,1,2\n")
    (tmp_path / "suppliers.csv").write_text("supplier,lead_time,order_days\nall-in-one,4,fri\n")
    assert SOURCES.load(f"own:{tmp_path}").tables["items"].supplier.tolist() == ["all-in-one"]


def test_weekly_rows_are_called_weekly(tmp_path):
    days = pd.date_range("2025-01-01", periods=60, freq="7D")
    pd.DataFrame({"date": days, "store": "S1", "item": "007", "units": 2, "price": 3.0}).to_csv(
        tmp_path / "sales.csv", index=False
    )
    assert SOURCES.load(f"own:{tmp_path}").card["frequency"] == "weekly"


def test_assumptions_do_not_depend_on_the_order_of_rows_or_on_other_items():
    rng = np.random.default_rng(3)
    sales = pd.DataFrame(
        {
            "date": np.tile(pd.date_range("2025-01-01", periods=50), 4),
            "store": "S",
            "item": np.repeat(list("abcd"), 50),
            "channel": "store",
            "units": rng.poisson(4, 200).astype(float),
            "price": 2.0,
            "promotion": False,
        }
    )
    items = assume_logistics({"sales": sales})[0]["items"]
    shuffled = assume_logistics({"sales": sales.sample(frac=1, random_state=1)})[0]["items"]
    pd.testing.assert_frame_equal(items, shuffled)
    pd.testing.assert_frame_equal(
        items[items.item == "b"].reset_index(drop=True),
        assume_logistics({"sales": sales[sales.item == "b"]})[0]["items"],
    )
    half = assume_logistics({"sales": sales}, Logistics(cost_share=0.5))
    assert half[0]["items"].cost.eq(1.0).all() and any("50%" in word for word in half[1])


# ---- public sets, where they are at hand

OUT = ("duplicate rows", "not goods", "stock corrections", "no price", "cancelled the same day")


@pytest.fixture(scope="module")
def invoices() -> pd.DataFrame:
    return sources.invoice_lines(needs("retail/online_retail/online_retail.parquet"))


def test_online_retail_has_the_known_dirt_and_accounts_for_it(invoices):
    tables, log, _ = online_retail_tables(invoices)
    rows, units = log.set_index("rule").rows, log.set_index("rule").units
    assert (rows["negative quantities"], rows["cancellations"], rows["missing customers"], rows["duplicate rows"]) == (
        10_624,
        9_288,
        135_080,
        5_268,
    )
    assert rows["time of day"] == 541_909 - rows[[*OUT, "rarely sold items", "booked and booked back"]].sum(), (
        "every line that is gone is in the log"
    )
    sales = tables["sales"]
    assert sales.units.sum() - sales.returns.sum() == invoices.Quantity.sum() - units[[*OUT, "rarely sold items"]].sum()
    assert sales.units.max() < 74_215, "the two orders that were cancelled within minutes are no demand"
    bought = tables["purchases"]
    assert (
        len(bought) == rows["known customers"]
        and bought.record.nunique() > 4_000
        and (bought.units < 0).any()
        and bought.hour.between(0, 23).all()
    )
    assert not set(bought.item) <= set(tables["items"].item), "rarely sold items are purchases too"


def test_both_forms_of_online_retail_are_one(invoices):
    other = sources.invoice_lines(needs("retail/online_retail/onlineretail.rda"))
    first, second = (
        {"lines": frame.assign(CustomerID=frame.CustomerID.astype("float64")).drop(columns="Description")}
        for frame in (invoices, other)
    )
    assert content_hash(first) == content_hash(second)


def test_dominicks_margin_is_recovered():
    data = pd.read_csv(needs("retail/dominicks/orange_juice_store_week.csv.gz"))
    tables, _, words = sources.dominicks_tables(data)
    margin = 1 - tables["items"].set_index("item").cost / tables["sales"].groupby("item").price.median()
    recorded = data.groupby("brand").profit.median() / 100
    assert abs(margin.median() - recorded.median()) < 0.05 and not any(
        word.startswith("Unit cost: 70%") for word in words
    )
    assert len(tables["sales"]) == len(data)


def test_m5_three_files_give_what_the_long_table_gives(tmp_path):
    long = pd.read_parquet(needs("retail/m5/foods1_CA1_CA2_daily_long.parquet"))
    folder, few = HERE / "retail/m5", sorted(long.item_id.astype(str).unique())[:20]
    wide = pd.read_csv(folder / "sales_FOODS_1_CA_1_CA_2_evaluation.csv")
    wide[wide.item_id.isin(few)].to_csv(tmp_path / "sales_train_evaluation.csv", index=False)
    shutil.copy(folder / "calendar.csv", tmp_path)
    pd.read_parquet(folder / "sell_prices.parquet", filters=[("item_id", "in", few)]).to_csv(
        tmp_path / "sell_prices.csv", index=False
    )
    three = sources.read_m5({path.name: path for path in tmp_path.iterdir()})[0]
    assert content_hash(three) == content_hash(m5_tables(long[long.item_id.isin(few)])[0])


def test_m5_starts_when_an_item_is_listed():
    long = pd.read_parquet(needs("retail/m5/foods1_CA1_CA2_daily_long.parquet"))
    tables, log, _ = m5_tables(long)
    assert tables["sales"].price.notna().all() and tables["sales"].units.sum() == long.units.sum()
    assert log.loc[log.rule == "not yet listed", "rows"].item() == long.sell_price.isna().sum()
    assert tables["sales"].groupby(["store", "item"]).ngroups == 432


def test_the_readme_names_every_public_set_as_it_comes():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    for case in (sources, plant_sources):
        for known in case.SOURCES.public:
            [row] = [line for line in readme.splitlines() if f"`public:{known.name}`" in line and line.startswith("|")]
            fetched = any(all(file.url for file in way) for way in known.ways)
            assert ("| fetched" in row) == fetched and ("bring your own copy" in row) != fetched, known.name
