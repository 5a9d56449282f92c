"""Members of the loyalty programme.

What they buy was sold, what is written down is as bad as it should be, and own files of the kind are read.
"""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.cleaning import clean
from lepton_nb.cases.retail.public import invoice_purchases
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.cases.retail.world import contacts, people, simulate
from lepton_nb.data.contract import check_tables, conform, content_hash, template
from lepton_nb.data.findings import DataError
from lepton_nb.data.reading import read_folder
from lepton_nb.data.shipped import rounded_hash

SALES_OF = {"till": "store", "web": "online", "app": "online"}
SALES = "date,store,item,units,price\n2025-03-01,S1,007,3,1.99\n2025-03-02,S1,007,2,1.99\n"
CONTACTS = "channel,record,name,birth_date\n"
PURCHASES = "date,hour,receipt,channel,record,store,item,units,price\n"


@pytest.fixture(scope="module")
def embedded():
    return simulate.embedded(None)


@pytest.fixture(scope="module")
def small():
    return simulate.supermarket(seed=5, stores=2, items=30, days=120, members=60)


def put(folder, **files):
    for name, text in {"sales": SALES, **files}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def problems(folder, **files) -> pd.DataFrame:
    with pytest.raises(DataError) as error:
        read_folder(CONTRACT, put(folder, **files))
    return error.value.problems


# the simulation


@pytest.mark.parametrize("which", ["embedded", "small"])
def test_members_never_buy_more_than_was_sold(which, request):
    tables, _ = request.getfixturevalue(which)
    cell = ["date", "store", "item", "channel"]
    bought = (
        tables["purchases"]
        .query("units > 0")
        .assign(channel=lambda t: t.channel.map(SALES_OF))
        .groupby(cell)
        .units.sum()
    )
    both = tables["sales"].set_index(cell)[["units", "price"]].join(bought.rename("known"), how="inner")
    assert len(both) == len(bought) and (both.known <= both.units).all()


def test_prices_paid_are_the_prices_of_the_day(embedded):
    tables, _ = embedded
    bought = (
        tables["purchases"]
        .query("units > 0")
        .sample(5000, random_state=1)
        .assign(channel=lambda t: t.channel.map(SALES_OF))
    )
    priced = bought.merge(tables["sales"], on=["date", "store", "item", "channel"])
    assert len(priced) == 5000 and np.allclose(priced.price_x, priced.price_y)


def test_every_return_was_bought_before(embedded):
    tables, truth = embedded
    lines = tables["purchases"]
    back, sold = lines[lines.units < 0], lines[lines.units > 0]
    paid = back.merge(sold, on=["store", "item"], suffixes=("", "_bought"))
    match = paid[
        (paid.price == paid.price_bought)
        & (paid.date > paid.date_bought)
        & (paid.date <= paid.date_bought + pd.Timedelta(days=14))
        & (-paid.units <= paid.units_bought)
    ]
    assert match.drop_duplicates(["receipt", "item"]).shape[0] == len(back.drop_duplicates(["receipt", "item"]))


def test_accounts_belong_to_one_person_and_numbers_do_not(embedded):
    tables, truth = embedded
    owners = truth.people.person_of
    assert not owners.duplicated(["channel", "record"]).any() and set(owners.person) == set(truth.people.persons.person)
    pd.testing.assert_frame_equal(owners[["channel", "record"]], tables["contacts"][["channel", "record"]])
    assert (owners.groupby("record").person.nunique() > 1).sum() > 500
    known = tables["purchases"].dropna(subset="record").merge(owners, on=["channel", "record"], how="left")
    assert known.person.notna().all()


def test_a_second_card_is_used_from_its_day_on(embedded):
    tables, truth = embedded
    owners, till = truth.people.person_of, tables["purchases"].query("channel == 'till' and units > 0")
    span = (
        till.merge(owners, on=["channel", "record"])
        .groupby(["person", "record"])
        .date.agg(["min", "max"])
        .reset_index()
        .sort_values(["person", "min"])
    )
    again = span.person.duplicated()
    assert again.sum() > 50 and (span["min"][again].to_numpy() > span["max"].shift()[again].to_numpy()).all()


def test_the_awkward_ones_are_there(embedded):
    tables, truth = embedded
    people_, names = truth.people.persons, tables["contacts"].name.dropna()
    known = tables["purchases"].merge(truth.people.person_of, on=["channel", "record"])
    seen = known.groupby("person").agg(receipts=("receipt", "nunique"), most=("units", "max"))
    assert (seen.receipts == 1).sum() > 200 and (seen.most < 0).sum() >= 10
    assert (
        names.str.contains("<script>", regex=False).any()
        and names.str.contains("[\u4e00-\u9fff]").sum() > 20
        and names.str.contains("🌻|🐝|🎸|☕|🦊|✨").sum() > 5
    )
    mail = (
        tables["contacts"]
        .merge(truth.people.person_of, on=["channel", "record"])
        .dropna(subset="email")
        .groupby("email")
        .person.nunique()
    )
    assert (mail > 1).sum() > 100, "some e-mail addresses are shared by a household"
    full = tables["contacts"].merge(truth.people.person_of, on=["channel", "record"]).groupby("name").person.nunique()
    assert (full > 1).sum() > 100, "some names are those of several persons"
    born = (
        tables["contacts"]
        .merge(truth.people.person_of, on=["channel", "record"])
        .dropna(subset="birth_date")
        .groupby("person")
        .birth_date.nunique()
    )
    assert (born > 1).sum() > 30, "some birth dates are transposed"
    assert people_.lost.isna().mean() > 0.3 and (people_.lost.dropna() >= people_.joined[people_.lost.notna()]).all()


def test_the_drawn_rates_can_be_found_again(embedded):
    """Visits of those who have not left, over the time since joining, against the sum of their rates.

    A twentieth of the cards is forgotten.
    """
    tables, truth = embedded
    who = truth.people.persons
    stay = who[who.lost.isna() & (who.joined < truth.ds[-1] - pd.Timedelta(weeks=26))]
    weeks = (truth.ds[-1] - stay.joined).dt.days / 7
    bought = (
        tables["purchases"]
        .query("units > 0")
        .dropna(subset="record")
        .merge(truth.people.person_of, on=["channel", "record"])
    )
    visits = bought.groupby("person").date.nunique().reindex(stay.person).fillna(0).to_numpy()
    assert 0.85 < visits.sum() / (1 + stay.rate * weeks).sum() < 1.0


def test_taste_shows_in_what_is_bought(embedded):
    tables, truth = embedded
    lines = (
        tables["purchases"]
        .query("units > 0")
        .merge(truth.people.person_of, on=["channel", "record"])
        .merge(truth.people.persons, on="person")
        .merge(tables["items"], on="item")
    )
    share = pd.crosstab(lines.taste, lines.group, normalize="index")
    expected = people.TASTES.T.loc[share.index, share.columns]
    relative = np.log(share / share.mean())
    assert np.corrcoef(relative.to_numpy().ravel(), (expected - expected.mean()).to_numpy().ravel())[0, 1] > 0.85


def test_a_seed_repeats_and_the_chain_does_not_depend_on_its_members(small):
    again = simulate.supermarket(seed=5, stores=2, items=30, days=120, members=60)
    none = simulate.supermarket(seed=5, stores=2, items=30, days=120, members=0)
    assert rounded_hash(simulate.frames_of(*small)) == rounded_hash(simulate.frames_of(*again))
    assert none[1].people is None and "contacts" not in none[0]
    pd.testing.assert_frame_equal(none[0]["sales"], small[0]["sales"])


@pytest.mark.parametrize("members", [1, 2, 5])
def test_a_handful_of_members_is_a_programme_too(members):
    tables, truth = simulate.supermarket(seed=2, stores=1, items=10, days=60, members=members)
    assert (
        len(truth.people.persons) == members
        and check_tables(CONTRACT, {name: conform(CONTRACT, frame, name) for name, frame in tables.items()}).empty
    )


def test_a_programme_is_written_and_read_again(tmp_path, small):
    simulate.write_embedded(tmp_path / "r", *small)
    tables, truth = simulate.embedded(tmp_path / "r")
    for name in ("contacts", "purchases"):
        pd.testing.assert_frame_equal(tables[name], small[0][name])
    for part in ("person_of", "persons", "tastes"):
        pd.testing.assert_frame_equal(getattr(truth.people, part), getattr(small[1].people, part))


def test_slips_keep_short_names_and_are_small():
    assert contacts.typo("Li", 0.99) == "Li" and contacts.typo("", 0.5) == ""
    assert all(contacts.typo("Katharina", u) for u in np.linspace(0, 0.999, 200))
    born = pd.Series(pd.to_datetime(["2000-02-29", "1980-03-04"]))
    assert contacts.transposed(born, np.array([True, True])).dt.strftime("%Y-%m-%d").tolist() == [
        "1990-02-28",
        "1980-04-03",
    ]


# files of one's own


def test_own_contacts_and_purchases_are_read_as_written(tmp_path):
    put(
        tmp_path,
        contacts=CONTACTS + "till,007,王芳 🌻,1938-05-17\nweb,007,<script>alert(1)</script>,\n",
        purchases=PURCHASES + "2025-03-01,17,b1,till,007,S1,007,2,1.99\n2025-03-01,17,b1,till,007,S1,007,2,1.99\n"
        "2025-03-02,,b2,web,,S1,long gone,-1,1.99\n",
    )
    data = SOURCES.load(f"own:{tmp_path}")
    known, bought = data.tables["contacts"], data.tables["purchases"]
    assert (
        known.record.tolist() == ["007", "007"]
        and known.name[0] == "王芳 🌻"
        and known.name[1] == "<script>alert(1)</script>"
    )
    assert (
        known.birth_date.tolist()[0] == pd.Timestamp("1938-05-17")
        and known.birth_date.isna()[1]
        and not known.consent.any()
    )
    assert bought.units.tolist() == [4, -1] and bought.record.isna().tolist() == [False, True] and bought.hour.isna()[1]
    assert "scans added up" in set(data.log.rule)


def test_every_problem_of_contacts_and_purchases_is_reported_at_once(tmp_path):
    found = problems(
        tmp_path,
        contacts=CONTACTS + "till,1,Anna,1838-05-17\nti/ll,2,Eva,\ntill,,Ole,\ntill,3,A,\ntill,3,B,\n",
        purchases=PURCHASES
        + "2025-03-01,25,b1,till,1,S1,007,2,1.99\n2025-03-01,x,b1,till,1,S1,007,2,-1\nsoon,3,,till,1,S1,007,two,1\n",
    )
    assert set(zip(found.file, found.column, found.row)) == {
        ("contacts.csv", "birth_date", 2),
        ("contacts.csv", "channel", 3),
        ("contacts.csv", "record", 4),
        ("contacts.csv", "record", 6),
        ("purchases.csv", "hour", 3),
        ("purchases.csv", "price", 3),
        ("purchases.csv", "date", 4),
        ("purchases.csv", "receipt", 4),
        ("purchases.csv", "units", 4),
    }
    assert found.mend.str.len().gt(5).all()


def test_an_hour_that_is_none_is_named(tmp_path):
    found = problems(
        tmp_path, purchases=PURCHASES + "2025-03-01,25,b1,till,1,S1,007,2,1.99\n2025-03-01,7.5,b1,till,1,S1,007,2,1\n"
    )
    assert found.column.tolist() == ["hour", "hour"] and "0 to 23" in found.found[0]


def test_missing_columns_are_asked_for_and_alike_names_are_recognised(tmp_path):
    found = problems(
        tmp_path,
        contacts="channel,recrod,brith_date\ntill,1,1980-01-01\n",
        purchases="date,units,price\n2025-03-01,1,1\n",
    )
    assert {"record", "birth_date"} <= set(found[found.file == "contacts.csv"].column)
    assert {"receipt", "item", "record"} == set(found[found.file == "purchases.csv"].column)


def test_templates_of_the_new_tables_are_valid(tmp_path):
    for name in ("contacts", "purchases"):
        template(CONTRACT, name).to_csv(tmp_path / f"{name}.csv", index=False)
    tables, _ = clean(read_folder(CONTRACT, put(tmp_path)))
    assert len(tables["contacts"]) == 2 and len(tables["purchases"]) == 3


def test_the_hash_knows_the_people(tmp_path):
    put(tmp_path, contacts=CONTACTS + "till,1,Anna,\n")
    one = content_hash(read_folder(CONTRACT, tmp_path))
    put(tmp_path, contacts=CONTACTS + "till,1,Anne,\n")
    assert content_hash(read_folder(CONTRACT, tmp_path)) != one


def test_invoices_without_customers_give_no_purchases():
    lines = pd.DataFrame(
        {
            "InvoiceNo": ["1"],
            "StockCode": ["A"],
            "units": [1.0],
            "CustomerID": [np.nan],
            "InvoiceDate": pd.to_datetime(["2011-01-01"]),
            "UnitPrice": [1.0],
        }
    )
    assert invoice_purchases(lines)[0].empty
