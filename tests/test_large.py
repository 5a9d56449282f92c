"""Ways that are fast because rows are numbers give what the plain ways give, row by row."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lepton_nb.cases.retail.cleaning import NAMED, clean, fill_days, impossible_prices, in_order, mend_prices
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data.contract import at_least, check_table
from lepton_nb.data.contract import column as declare
from lepton_nb.data.findings import DataError
from lepton_nb.data.keys import as_texts, below, carried_from, category, codes_of, days_of, keys_of, rows_at
from lepton_nb.data.reading import Tables, read_csv, read_folder

NAMES = st.lists(st.sampled_from(["a", "b", "B", "c c", "", "é", None]), min_size=1, max_size=30)


def rows_of(text: str, mark: str) -> list[list[str]]:
    """Records of a CSV file by the reader of the standard library."""
    return [[cell.strip() for cell in record] for record in csv.reader(io.StringIO(text, newline=""), delimiter=mark)]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=6)
RECORDS = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(RECORDS, st.sampled_from(",;\t"), st.booleans())
def test_cells_of_a_file_are_those_of_a_plain_reader(tmp_path_factory, records, mark, quoted):
    stream = io.StringIO()
    how = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(stream, delimiter=mark, quoting=how, lineterminator="\n")
    writer.writerows([("one", "two", "three"), *records])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    raw = read_csv(path)
    plain = rows_of(stream.getvalue(), mark)[1:]
    kept = [(number, row) for number, row in enumerate(plain, 2) if any(row)]
    assert not raw.faults and raw.rows.tolist() == [number for number, _ in kept]
    for place, name in enumerate(("one", "two", "three")):
        codes, texts = raw.columns[name]
        assert texts.to_numpy()[codes].tolist() == [row[place] for _, row in kept]


@settings(max_examples=200, deadline=None)
@given(NAMES, st.randoms(use_true_random=False))
def test_keys_agree_where_rows_do(names, random):
    days = pd.Series(pd.to_datetime("2025-01-01") + pd.to_timedelta([random.randint(0, 4) for _ in names], unit="D"))
    frame = pd.DataFrame({"name": names, "day": days, "number": [random.choice([0.5, np.nan, 2**40]) for _ in names]})
    coded = frame.assign(name=pd.Categorical(frame["name"]))
    for table in (frame, coded):
        keys = keys_of(*(values for _, values in table.items()))
        same = frame.groupby(list(frame), dropna=False, sort=False).ngroup()
        assert (pd.factorize(keys.number)[0] == pd.factorize(same)[0]).all()
        assert keys.differ() == (not frame.duplicated().any()) and keys.number.max() < keys.size
        assert (keys.counts() == same.groupby(same).transform("size")).all()
        marked = frame["number"].isna().to_numpy()
        assert (keys.sharing(marked) == same.isin(same[marked])).all()
        order = keys.order()
        sorted_keys = keys.number if order is None else keys.number[order]
        assert (np.diff(sorted_keys) >= 0).all() and len(sorted_keys) == len(frame)
        few = keys.numbered()
        assert (np.argsort(few.number, kind="stable") == np.argsort(keys.number, kind="stable")).all()
        assert set(few.number) == set(range(few.size))


def test_keys_beyond_64_bits_are_numbered_anew():
    columns = [pd.Series(range(i, i + 70_000)) for i in range(6)]
    keys = keys_of(*columns, pd.Series(["a", "b"] * 35_000))
    assert keys.differ() and keys.counts().max() == 1 and 70_000**6 > 2**63


@pytest.mark.parametrize("odd", ["2025-03-01 08:00", "1700-01-01", None])
def test_dates_that_are_no_plain_days_keep_their_order(odd):
    dates = pd.Series(pd.to_datetime(["2025-03-02", odd, "2025-03-01", "2025-03-02"], format="ISO8601"))
    codes, size = codes_of(dates)
    known = dates.notna().to_numpy()
    assert codes.max() < size and codes[0] == codes[3]
    assert (np.argsort(codes[known], kind="stable") == dates[known].argsort(kind="stable")).all()
    assert days_of(dates).equals(dates.dt.normalize())


@given(st.lists(st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(0, 9))), min_size=1, max_size=30))
def test_values_are_carried_as_pandas_carries_them(cells):
    frame = pd.DataFrame(sorted(cells, key=lambda cell: cell[0]), columns=["series", "value"]).astype(float)
    known, series = frame["value"].notna().to_numpy(), frame["series"].to_numpy()
    for backward in (False, True):
        place = carried_from(known, series, backward)
        carried = np.where(place < 0, np.nan, frame["value"].to_numpy()[place])
        groups = frame.groupby("series")["value"]
        np.testing.assert_array_equal(carried, groups.bfill() if backward else groups.ffill())


@given(NAMES)
def test_categories_are_texts_in_less_room(names):
    codes, listed = pd.factorize(pd.Series(names))
    made = category(np.where(codes < 0, len(listed), codes), [*listed, None])
    frame = pd.DataFrame({"name": made, "n": range(len(names))})
    assert as_texts(frame)["name"].tolist() == names and made.codes.itemsize == 1
    assert rows_at(frame, np.array([0]))["name"].isna().tolist() == [names[0] is None]
    assert as_texts(below(frame, frame.iloc[:1]))["name"].tolist() == [*names, names[0]]


# ---- checks on distinct values

NUMBERS = st.lists(st.sampled_from([0.0, 1.0, -1.0, 2e9, np.inf, np.nan]), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(NUMBERS, NAMES, st.booleans())
def test_a_table_passes_where_pandera_passes_it(numbers, names, nullable):
    from dataclasses import replace

    columns = {
        "n": declare("number", "a number", nullable=nullable, check=at_least(0)),
        "t": declare("text", "a text", nullable=nullable),
    }
    contract = replace(CONTRACT, columns={"made": columns}, arriving={}, references=(), required=(), described=())
    size = min(len(numbers), len(names))
    frame = pd.DataFrame({"n": numbers[:size], "t": pd.Series(names[:size], dtype=object)})
    try:
        contract.schema("made").validate(frame, lazy=True)
        passes = True
    except Exception:
        passes = False
    told = check_table(contract, frame, "made")
    assert (not told) == passes
    assert check_table(contract, frame.assign(t=pd.Categorical(frame["t"])), "made") == told


# ---- cleaning


def chain(seed: int) -> pd.DataFrame:
    """A few days of a small chain with every flaw, rows in any order."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2025-01-01", periods=int(rng.integers(1, 40)))
    full = pd.MultiIndex.from_product([days, ["S2", "S1"], ["b", "a"], ["store", "online"]], names=["date", *NAMED])
    sales = full.to_frame(index=False).sample(frac=rng.choice([0.5, 0.95]), random_state=seed)
    count = len(sales)
    units = rng.poisson(2, count) * rng.choice([1, 1, 1, 1, -1, 40], count)
    price = np.where(sales["item"] == "a", 2.0, 5.0) * rng.choice([1, 1, 1, 1, 0.8, 100, np.nan], count)
    stock = rng.choice([0, 0, 3, np.nan], count)
    sales = sales.assign(units=units.astype(float), price=price, promotion=False, stock_on_hand=stock)
    return pd.concat([sales, sales.sample(frac=rng.choice([0, 0.1]), random_state=seed)], ignore_index=True)


@pytest.mark.parametrize("seed", range(12))
def test_cleaning_conserves_units_and_ends_in_order(seed):
    sales = chain(seed)
    if sales.empty:
        return
    before = sales.copy(deep=True)
    cleaned = clean({"sales": sales})[0]["sales"]
    pd.testing.assert_frame_equal(sales, before)  # what was given is left as it was
    assert cleaned[NAMED].map(type).eq(str).all().all()
    keys = [*NAMED, "date"]
    assert not cleaned.duplicated(keys).any() and cleaned.equals(cleaned.sort_values(keys, ignore_index=True))
    once = sales.groupby([*NAMED, "date"])["units"].sum().sum()
    assert np.isclose(cleaned["units"].sum() - cleaned["returns"].sum(), once) or sales.duplicated().any()
    coded = clean({"sales": sales.astype(dict.fromkeys(NAMED, "category"))})[0]["sales"]
    pd.testing.assert_frame_equal(as_texts(coded), cleaned)
    handed = Tables({"sales": sales})
    pd.testing.assert_frame_equal(clean(handed, consume=True)[0]["sales"], cleaned)
    assert not handed, "a table that was handed over is not kept"


@pytest.mark.parametrize("seed", range(12))
def test_prices_are_judged_and_mended_series_by_series(seed):
    sales = chain(seed).drop_duplicates(["date", *NAMED]).assign(returns=0.0)
    if sales.empty:
        return
    filled = fill_days(sales)[0]
    whole = impossible_prices(filled)
    mended = mend_prices(filled)[0]
    for _, rows in filled.groupby(["store", "item"]):
        assert (impossible_prices(rows.reset_index(drop=True)) == whole[rows.index]).all()
    for _, rows in filled.groupby(NAMED):
        kept = rows["price"].mask(whole[rows.index])
        expected = kept.ffill().bfill()
        known = expected.notna()
        np.testing.assert_array_equal(mended["price"][rows.index][known], expected[known])


@pytest.mark.parametrize("seed", range(8))
def test_days_are_filled_as_one_does_by_hand(seed):
    sales = chain(seed).drop_duplicates(["date", *NAMED]).assign(returns=0.0, stock_on_hand=1.0, units=1.0)
    if sales.empty:
        return
    filled = fill_days(sales, delisted_after=3)[0]
    opened = {store: set(rows["date"]) for store, rows in sales.groupby("store")}
    expected = set()
    for (store, item, channel), rows in sales.groupby(NAMED):
        last = (
            max(opened[store])
            if max(opened[store]) - rows["date"].max() <= pd.Timedelta(3, "D")
            else rows["date"].max()
        )
        days = {day for day in opened[store] if rows["date"].min() <= day <= last} - set(rows["date"])
        expected |= {(store, item, channel, day) for day in days}
    added = filled[filled["filled"]]
    assert set(zip(added["store"], added["item"], added["channel"], added["date"])) == expected
    assert in_order(filled).equals(filled)


# ---- a file of many rows


@pytest.mark.parametrize("flaw, told", [("", ""), ("2025-13-01", "is not a date"), ("x", "is not a date")])
def test_rows_far_down_keep_their_number(tmp_path, flaw, told):
    days = pd.date_range("2024-01-01", periods=400).strftime("%Y-%m-%d")
    lines = [f"{day},S{s},i{i},{(s * i) % 7},{1 + i}.50" for day in days for s in range(10) for i in range(25)]
    lines[77_777] = lines[77_777].replace(lines[77_777][:10], flaw) if flaw else lines[77_777]
    (tmp_path / "sales.csv").write_text("date,store,item,units,price\n" + "\n".join(lines) + "\n")
    if flaw:
        with pytest.raises(DataError) as caught:
            read_folder(CONTRACT, tmp_path)
        fault = caught.value.problems.iloc[0]
        assert fault["row"] == 77_779 and told in fault["found"]
    else:
        tables = read_folder(CONTRACT, tmp_path)
        coded = read_folder(CONTRACT, tmp_path, coded=True)
        assert len(tables["sales"]) == 100_000 and tables["sales"]["store"].map(type).eq(str).all()
        pd.testing.assert_frame_equal(coded.in_texts()["sales"], tables["sales"])
        assert coded["sales"].memory_usage(deep=True).sum() < 0.4 * tables["sales"].memory_usage(deep=True).sum()
