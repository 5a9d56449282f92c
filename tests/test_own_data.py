"""Own data as people export them: small files that used to give wrong numbers without a word, with the right ones."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.chain.replenishment import chain_from_tables
from lepton_nb.cases.retail.cleaning import by_day
from lepton_nb.cases.retail.pricing import market_from_tables
from lepton_nb.cases.retail.setting import build_panel, from_tables
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.data.catalog import SourceError
from lepton_nb.data.findings import DataError
from lepton_nb.workbook.parameters import UserError

DAYS = pd.date_range("2024-01-01", periods=200)


def daily(days: pd.DatetimeIndex = DAYS, mean: float = 6.0, **columns) -> pd.DataFrame:
    units = np.random.default_rng(5).poisson(mean, len(days)) + 1
    return pd.DataFrame({"date": days, "store": "S1", "item": "i1", "units": units, "price": 3.0}).assign(**columns)


@pytest.fixture
def own(tmp_path):
    """Write tables as CSV files and load them."""

    def load(**tables):
        options = {name: tables.pop(name) for name in ("currency", "zone") if name in tables}
        for name, table in tables.items():
            file = tmp_path / f"{name}.csv"
            file.write_text(table, encoding="utf-8") if isinstance(table, str) else table.to_csv(file, index=False)
        return SOURCES.load(f"own:{tmp_path}", **options)

    return load


def rules(data) -> set[str]:
    return set(data.log.rule)


# ---- rows that are alike


def lines_of(sales: pd.DataFrame) -> pd.DataFrame:
    """The same sales as lines of a till, one unit each."""
    return sales.loc[sales.index.repeat(sales["units"])].assign(units=1).reset_index(drop=True)


@pytest.mark.parametrize("receipts", [True, False])
def test_lines_of_a_till_are_sales_with_and_without_their_receipts(own, receipts):
    sales = daily()
    lines = lines_of(sales)
    lines = lines.assign(receipt=[f"B{i}" for i in range(len(lines))]) if receipts else lines
    data = own(sales=lines)
    assert data.tables["sales"].units.tolist() == sales.units.tolist() and "days exported twice" not in rules(data)


def test_days_exported_twice_count_once_and_the_log_says_how_much(own):
    sales = pd.concat([daily(item="i1"), daily(item="i2", mean=3)], ignore_index=True)
    again = sales[sales["date"].between("2024-03-01", "2024-03-07")]
    data = own(sales=pd.concat([sales, again]))
    assert data.tables["sales"].units.sum() == sales.units.sum()
    assert data.log.loc[data.log.rule == "days exported twice", "units"].item() == again.units.sum()


def test_a_file_written_twice_counts_once(own):
    sales = daily()
    assert own(sales=pd.concat([sales, sales])).tables["sales"].units.sum() == sales.units.sum()


# ---- bookings taken back


@pytest.mark.parametrize("later", [0, 1, 3])
def test_a_mistyped_amount_that_was_booked_back_leaves_no_trace(own, later):
    sales = daily()
    void = sales.iloc[[100, 100]].assign(units=[9999, -9999])
    void["date"] = [void["date"].iloc[0], void["date"].iloc[0] + pd.Timedelta(days=later)]
    data = own(sales=pd.concat([sales, void]))
    assert data.tables["sales"].units.tolist() == sales.units.tolist() and "booked and booked back" in rules(data)
    assert not data.tables["sales"].returns.any()


@pytest.mark.parametrize("later", [0, 1])
def test_an_ordinary_return_stays_a_return(own, later):
    sales = daily()
    sales.loc[100, "units"] = 1
    back = sales.iloc[[100]].assign(units=-1, date=sales["date"].iloc[100 + later])
    data = own(sales=pd.concat([sales, back]))
    assert data.tables["sales"].returns.sum() == 1 and data.tables["sales"].units.sum() == sales.units.sum()


# ---- two names for one thing, one name for two


@pytest.mark.parametrize(
    "names, events",
    [
        (["Harvest Fest", "harvest  fest"], 1),
        (["Buyer's Day", "Buyers Day"], 1),
        (["Buyer's Day", "Buyer\u2019s Day"], 1),
        (["Sale -20%", "Sale +20%"], 2),
        (["F\u00eate", "Fe\u0302te"], 1),
        (["A/B", "A B"], 2),
    ],
)
def test_an_event_keeps_all_its_dates(own, names, events):
    calendar = pd.DataFrame({"date": DAYS[20:140:20], "event": [names[i % 2] for i in range(6)]})
    known = from_tables(own(sales=daily(), calendar=calendar).tables).known
    dates = {name: values.sum() for name, values in known.items() if name.startswith("event_")}
    assert len(dates) == events and sum(dates.values()) == 6


@pytest.mark.parametrize("column", ["store", "item", "channel"])
@pytest.mark.parametrize("one, other", [("K\u00f6ln", "Ko\u0308ln"), ("Nord  1", "Nord\u00a01"), ("MILK", "milk")])
def test_two_spellings_are_one_thing_and_the_log_says_so(own, column, one, other):
    sales = daily(channel="till")
    sales[column] = [one if i % 3 else other for i in range(len(sales))]
    data = own(sales=sales)
    assert data.tables["sales"][column].unique().tolist() == [one]
    assert data.log.loc[data.log.rule == f"spelling ({column})", "rows"].item() == sum(i % 3 == 0 for i in range(200))


def test_two_items_that_are_listed_stay_two(own):
    sales = daily()
    sales["item"] = ["aB" if i % 2 else "AB" for i in range(len(sales))]
    items = pd.DataFrame({"item": ["aB", "AB"], "cost": [1.0, 2.0]})
    assert own(sales=sales, items=items).tables["sales"].item.nunique() == 2


def test_a_shop_listed_in_another_unicode_form_is_known(own):
    stores = pd.DataFrame({"store": ["Ko\u0308ln"], "capacity": [500]})
    assert own(sales=daily(store="K\u00f6ln"), stores=stores).tables["sales"].store.nunique() == 1


# ---- several rows for one day


def test_a_price_by_channel_is_what_was_paid_everywhere(own):
    sales = pd.concat([daily(units=6, channel="store"), daily(units=1, price=6.0, channel="online")])
    tables, paid = own(sales=sales).tables, (6 * 3 + 6) / 7
    panel = from_tables(tables)
    assert (panel.y * panel.known["price"]).sum() == pytest.approx((sales.units * sales.price).sum())
    assert np.nanmedian(market_from_tables(tables).price) == pytest.approx(paid)
    assert chain_from_tables(tables, list(panel.ids), DAYS[-1]).price == pytest.approx([paid])
    assert tables["items"].cost.item() == pytest.approx(0.7 * paid, abs=0.01)
    assert by_day(tables["sales"]).price.to_numpy() == pytest.approx(paid)


@pytest.mark.parametrize("hours", ["in the date", "in a column"])
def test_the_closing_stock_is_that_of_the_last_hour_whatever_the_order(own, hours):
    evening, morning = daily(stock_on_hand=0.0), daily(stock_on_hand=40.0)
    if hours == "in the date":
        evening["date"], morning["date"] = evening["date"] + pd.Timedelta("18h"), morning["date"] + pd.Timedelta("9h")
    else:
        evening["hour"], morning["hour"] = 18, 9
    tables = own(sales=pd.concat([evening, morning]).sort_values("date", ascending=False, kind="stable")).tables
    assert (tables["sales"].stock_on_hand == 0).all() and from_tables(tables).censored.all()


def test_stock_that_contradicts_itself_is_unknown(own):
    data = own(sales=pd.concat([daily(channel="a", stock_on_hand=5.0), daily(channel="b", stock_on_hand=7.0)]))
    assert data.tables["sales"].stock_on_hand.isna().all() and "stock that contradicts itself" in rules(data)


# ---- no row is not always zero


def test_a_shop_closed_for_weeks_sold_nothing_because_it_was_closed(own):
    sales = daily(mean=3.0)
    gap = sales[~sales["date"].between(DAYS[-28], DAYS[-8])]
    y = from_tables(own(sales=gap).tables).y[0]
    assert np.isnan(y[-28:-7]).all() and np.isfinite(np.delete(y, range(172, 193))).all()


def test_a_weekly_closing_day_stays_a_day_without_demand(own):
    sales = daily()
    y = from_tables(own(sales=sales[sales["date"].dt.dayofweek < 6]).tables).y[0]
    assert np.isfinite(y).all() and (y[6::7] == 0).all()


def test_a_row_left_out_of_a_file_that_writes_its_zeros_is_unknown(own):
    other = daily(item="i2")
    sales = daily(units=[0 if i % 5 else 4 for i in range(200)]).drop(index=[51, 52, 53])
    data = own(sales=pd.concat([sales, other]))
    assert np.isnan(from_tables(data.tables).y[0, 51:54]).all() and "days without a row" in rules(data)


def test_an_item_that_closed_at_zero_and_has_no_row_was_sold_out(own):
    sales = daily(stock_on_hand=20.0)
    sales.loc[50, "stock_on_hand"] = 0.0
    data = own(sales=pd.concat([sales.drop(index=[51, 52]), daily(item="i2", stock_on_hand=9.0)]))
    assert from_tables(data.tables).censored[0, 50:54].tolist() == [True, True, True, False]


# ---- dates


@pytest.mark.parametrize("where", ["after", "before"])
def test_one_stray_date_is_named(own, where):
    stray = DAYS[-1] + pd.Timedelta(days=175) if where == "after" else DAYS[0] - pd.Timedelta(days=90)
    with pytest.raises(DataError, match=f"{stray:%Y-%m-%d} is"):
        own(sales=pd.concat([daily(), daily().iloc[[0]].assign(date=stray)]))


def test_a_shop_that_reopened_is_no_stray_date(own):
    assert len(own(sales=daily(DAYS.append(pd.date_range("2024-12-01", periods=30)))).tables["sales"]) == 230


def test_a_table_of_another_year_is_named(own):
    weather = pd.DataFrame({"date": pd.date_range("2014-01-01", periods=200), "temperature": 8.0})
    with pytest.raises(DataError, match="weather, column date: no date lies between 2024-01-01 and 2024-07-18"):
        own(sales=daily(), weather=weather)


def test_moments_in_utc_need_the_zone_of_the_shop(own):
    local = daily()
    late = local.assign(date=(local["date"] + pd.Timedelta("20h")).dt.tz_localize("America/Chicago"))
    utc = late.assign(date=late["date"].dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    with pytest.raises(DataError, match="the day depends on the place"):
        own(sales=utc)
    with pytest.raises(DataError, match="'Chicago' is not known"):
        own(sales=utc, zone="Chicago")
    assert own(sales=utc, zone="America/Chicago").tables["sales"].units.tolist() == local.units.tolist()
    shown = late.assign(date=late["date"].map(lambda moment: moment.isoformat()))
    data = own(sales=shown)
    assert data.tables["sales"].units.tolist() == local.units.tolist(), "an own clock with summer time is local"
    assert not data.log.why.str.contains("the local one").any(), "nobody said that it is"


def test_moments_of_parquet_in_utc_need_the_zone_as_well(own, tmp_path):
    own(sales=daily())
    (tmp_path / "sales.csv").unlink()
    late = (daily()["date"] + pd.Timedelta("20h")).dt.tz_localize("America/Chicago")
    daily(date=late.dt.tz_convert("UTC")).to_parquet(tmp_path / "sales.parquet")
    for zone, word in (("", "the zone of the place is not given"), ("Chicago", "but America/Chicago is")):
        with pytest.raises(DataError, match=f"{word}; moments are in UTC"):
            own(zone=zone)
    assert own(zone="America/Chicago").tables["sales"].units.tolist() == daily().units.tolist()


@pytest.mark.parametrize(
    "wrong, word",
    [
        ("2024-03-01 25:00", "a time of day that no clock shows"),
        ("2024-03-01 99:99:99", "a time of day that no clock shows"),
        ("9999-12-31", "lies outside the years 1980 to 2100"),
        ("2024-W10", "is a week"),
        ("2024-03", "is a month"),
    ],
)
def test_what_is_no_day_is_named_as_what_it_is(own, wrong, word):
    text = daily().astype({"date": str})
    text.loc[60, "date"] = wrong
    with pytest.raises(DataError, match=f"row 62: '{wrong}' .*{word}"):
        own(sales=text)


def test_years_of_parquet_dates_do_not_wrap(own, tmp_path):
    own(sales=daily())
    (tmp_path / "sales.csv").unlink()
    far = daily().astype({"date": "datetime64[s]"})
    far.loc[3, "date"] = np.datetime64("9999-12-31", "s")
    far.to_parquet(tmp_path / "sales.parquet")
    with pytest.raises(DataError, match="lies outside the years 1980 to 2100"):
        own()


@pytest.mark.parametrize("freq, word", [("14D", "every 14 days"), ("MS", "monthly")])
def test_fortnights_and_months_are_refused_with_what_would_be_needed(own, freq, word):
    data = own(sales=daily(pd.date_range("2019-01-01", periods=70, freq=freq)))
    with pytest.raises(UserError, match=f"its sales are recorded {word}.*Export the sales by day.*or by week"):
        build_panel(data)


# ---- prices and money


@pytest.mark.parametrize("first, second, since", [(3.0, 18.0, 110), (3.0, 0.6, 179)])
def test_a_price_that_stays_is_no_outlier(own, first, second, since):
    price = np.where(np.arange(200) < since, first, second)
    assert own(sales=daily(price=price)).tables["sales"].price.tolist() == price.tolist()


def test_a_decimal_point_out_of_place_is_one(own):
    price = np.where(np.arange(200) == 90, 300.0, 3.0)
    data = own(sales=daily(price=price))
    assert (data.tables["sales"].price == 3.0).all() and "price outliers" in rules(data)


def test_the_currency_is_that_of_the_file_or_told(own):
    assert own(sales=daily(price="$3.00")).currency == "USD"
    with pytest.raises(SourceError, match="EUR was given, but the files say USD"):
        own(sales=daily(price="$3.00"), currency="EUR")
    assert own(sales=daily(), currency="CHF").currency == "CHF"
    assert any("Currency: EUR" in word for word in own(sales=daily()).assumed)


def test_two_currencies_are_refused_in_one_column_and_in_two(own):
    price = ["$3.00" if i % 2 else "3.00 €" for i in range(200)]
    with pytest.raises(DataError, match="two currencies stand in one column"):
        own(sales=daily(price=price))
    with pytest.raises(
        DataError, match="is in EUR, but price of sales.csv in USD|is in USD, but cost of items.csv in EUR"
    ):
        own(sales=daily(price="$3.00"), items=pd.DataFrame({"item": ["i1"], "cost": ["2 €"]}))


def test_sales_without_store_price_and_channel_are_those_of_one_shop(own):
    items = pd.DataFrame({"item": ["i1"], "cost": [1.4]})
    data = own(sales=daily()[["date", "item", "units"]], items=items)
    assert data.tables["sales"].price.unique().tolist() == [2.0] and data.tables["stores"].store.tolist() == ["shop"]
    assert any(word.startswith("Price of 1 item without any") for word in data.assumed)
    assert {"default (store)", "default (channel)"} <= rules(data)


def test_sales_without_any_money_are_refused(own):
    with pytest.raises(DataError, match="Write a price in at least one row of each item, or its cost"):
        own(sales=daily()[["date", "item", "units"]])


# ---- smaller things that were refused or taken wrongly


def test_a_purchase_without_a_price_takes_that_of_its_item(own):
    bought = daily().iloc[:40].assign(receipt=[f"r{i}" for i in range(40)], channel="till", record="1", units=1)
    bought.loc[7, "price"] = np.nan
    contacts = pd.DataFrame({"channel": ["till"], "record": ["1"], "name": ["P Q"]})
    data = own(sales=daily(), purchases=bought, contacts=contacts)
    assert (data.tables["purchases"].price == 3.0).all() and len(data.tables["purchases"]) == 40
    assert data.log[(data.log.table == "purchases") & (data.log.rule == "missing prices")].rows.item() == 1


def test_a_purchase_without_a_price_takes_what_was_paid_across_channels(own):
    sales = pd.concat([daily(units=6, channel="store"), daily(units=1, price=6.0, channel="online")])
    bought = daily().iloc[:2].assign(receipt=["r1", "r2"], channel="till", record="1", units=1, price=[np.nan, 3.0])
    contacts = pd.DataFrame({"channel": ["till"], "record": ["1"], "name": ["P Q"]})
    tables = own(sales=sales, purchases=bought, contacts=contacts).tables
    assert tables["purchases"].price.tolist() == [pytest.approx(24 / 7), 3.0]


def test_a_header_may_run_over_lines(own):
    text = daily().to_csv(index=False).replace("units", '"units\n(pcs)"', 1)
    assert own(sales=text).tables["sales"].units.tolist() == daily().units.tolist()
    with pytest.raises(DataError, match="column units, row 4: 'many'"):
        own(sales=text.replace(f"2024-01-02,S1,i1,{daily().units[1]},", "2024-01-02,S1,i1,many,"))


@pytest.mark.parametrize("word", ["none", "0", "NONE", "n/a"])
def test_a_word_for_none_is_no_event(own, word):
    calendar = pd.DataFrame({"date": DAYS, "event": [word if i % 40 else "Fair" for i in range(200)]})
    known = from_tables(own(sales=daily(), calendar=calendar).tables).known
    assert [name for name in known if name.startswith("event_")] == ["event_fair"]


def test_units_and_money_are_conserved_by_everything_that_is_not_logged(own):
    rng = np.random.default_rng(8)
    rows = daily(DAYS.repeat(5)).assign(units=rng.integers(-1, 5, 1000), price=rng.choice([2.0, 2.5], 1000))
    rows = rows.assign(item=rng.choice(["a", "b"], 1000), channel=rng.choice(["till", "web"], 1000), ticket=range(1000))
    sales = own(sales=rows).tables["sales"]
    assert sales.units.sum() - sales.returns.sum() == rows.units.sum()
