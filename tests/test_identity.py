"""Linking records of several channels: awkward people and tables, and that the probabilities keep their promise."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.world import simulate
from lepton_nb.data.findings import DataError
from lepton_nb.people import identity
from lepton_nb.people.comparing import (
    FIELDS,
    LEVELS,
    _parted,
    _plain,
    candidate_pairs,
    checked,
    compare_records,
    edit_distance,
    standardise,
)
from lepton_nb.people.identity import (
    clerical_review,
    count_customers,
    fit_weights,
    link,
    link_by_rules,
    pair_scores,
    unify,
)


@pytest.fixture(scope="module")
def chain():
    return simulate.embedded(None)


@pytest.fixture(scope="module")
def linked(chain):
    return link(chain[0]["contacts"])


def people(*rows, **more) -> pd.DataFrame:
    """Contacts from (channel, record, name, email) rows."""
    return pd.DataFrame(rows, columns=["channel", "record", "name", "email"]).assign(**more)


def bought(*rows) -> pd.DataFrame:
    """Purchases from (channel, record, units) rows, one receipt each."""
    frame = pd.DataFrame(rows, columns=["channel", "record", "units"])
    return frame.assign(
        date=pd.Timestamp("2025-03-01"),
        hour=9.0,
        receipt=[f"b{k}" for k in range(len(frame))],
        store="S1",
        item="007",
        price=2.0,
    )


# text


@pytest.mark.parametrize(
    "name, given, family",
    [
        ("Berger, Anna", "anna", "berger"),
        ("ANNA BERGER", "anna", "berger"),
        ("  Anna   Berger ", "anna", "berger"),
        ("A. Berger", "a", "berger"),
        ("Berger", "", "berger"),
        ("Berger,", "", "berger"),
        ("Jean-Luc O'Brien", "jeanluc", "obrien"),
        ("王芳", "芳", "王"),
        ("王 芳 🌻", "芳", "王"),
        ("Mia 🌻 Falk", "mia", "falk"),
        ("🌻", "", ""),
        ("", "", ""),
        ("<script>alert('x')</script>", "", ""),
        ('Eva Falk"><img src=x onerror=alert(1)>', "eva", "falk"),
        ("<b>Eva</b> Falk", "eva", "falk"),
        ("Eva Falk <img src=x", "eva", "falk"),
        ("Zoë Weiß", "zoe", "weiss"),
        ("Ş. Şahin", "s", "sahin"),
    ],
)
def test_names_are_parted(name, given, family):
    assert _parted(name) == (given, family)


def test_plain_text_has_no_tags_and_no_signs():
    assert _plain("<a href='javascript:alert(2)'>Mill&nbsp;Lane</a>, No. 7") == "mill lane no 7"


def test_distance_of_long_and_empty_texts():
    long = "a" * 200
    assert edit_distance(np.array([long, "", "ab"], object), np.array([long + "b", "", "ba"], object)).tolist() == [
        1,
        0,
        1,
    ]
    assert edit_distance(np.array([], object), np.array([], object)).tolist() == []


def test_comparison_does_not_depend_on_the_order_of_a_pair(chain):
    clean = standardise(checked(chain[0]["contacts"].iloc[::5].reset_index(drop=True)))
    pairs = candidate_pairs(clean)
    assert np.array_equal(
        compare_records(clean, pairs.left, pairs.right), compare_records(clean, pairs.right, pairs.left)
    )


def test_levels_stay_on_their_scales(chain):
    clean = standardise(checked(chain[0]["contacts"]))
    rng = np.random.default_rng(0)
    levels = compare_records(clean, rng.integers(0, len(clean), 5000), rng.integers(0, len(clean), 5000))
    assert all(levels[:, k].max() < len(LEVELS[name]) and levels[:, k].min() >= 0 for k, name in enumerate(FIELDS))


# tables that are refused


@pytest.mark.parametrize(
    "contacts, words",
    [
        (people(), "there are no contacts"),
        (None, "there are no contacts"),
        (pd.DataFrame({"channel": ["till"]}), "record"),
        (pd.DataFrame({"record": ["1"]}), "channel"),
        (people(("till", "7", "A", None), ("till", "7", "B", None)), "earlier row|stands twice"),
        (people(("till", "7", "A", None), ("till", "7", "A", None)), "'7' stands twice in the channel 'till'"),
        (people(("ti/ll", "7", "A", None)), "contains a slash"),
        (people(("till", None, "A", None)), "record"),
        (people(("till", "", "A", None)), "record"),
    ],
)
def test_contacts_that_name_nobody_are_refused(contacts, words):
    for way in (link, link_by_rules):
        with pytest.raises(DataError, match=words):
            way(contacts)


@pytest.mark.parametrize("threshold", [0, 1, -1, 2, float("nan")])
def test_thresholds_that_are_no_probability_are_refused(threshold):
    with pytest.raises(DataError, match="threshold"):
        link(people(("till", "7", "A", None)), threshold=threshold)


def test_persons_that_do_not_say_who_is_who_are_refused():
    lines = bought(("till", "7", 1), ("web", "7", 1))
    persons = pd.DataFrame({"channel": ["till", "web"], "record": ["7", "7"], "person": ["a", "b"]})
    for wrong, words in (
        (persons.drop(columns="channel"), "'7' is used in several channels"),
        (persons.iloc[:0], "no rows"),
        (persons.drop(columns="person"), "lacks record or person"),
        (pd.concat([persons, persons]), "'till/7' stands twice"),
        (persons.assign(person=["a", None]), "empty cell"),
    ):
        with pytest.raises(DataError, match=words):
            unify(lines, wrong)
    for wrong, words in ((lines.iloc[:0], "no rows"), (lines.drop(columns=["store", "item"]), "lacks store, item")):
        with pytest.raises(DataError, match=words):
            unify(wrong, persons)


def test_score_needs_every_record_of_the_truth():
    truth = pd.DataFrame({"channel": "till", "record": ["1", "2"], "person": ["a", "b"]})
    with pytest.raises(DataError, match="missing"):
        pair_scores(truth.iloc[:1], truth)


# people


def test_the_same_number_in_two_channels_joins_nobody():
    both = people(("till", "007", "Anna Berger", "a@mail.example"), ("web", "007", "Li Wei", "w@mail.example"))
    assert link(both).persons.person.nunique() == 2 and link_by_rules(both).person.nunique() == 2
    lines = unify(bought(("till", "007", 1), ("web", "007", 2)), link(both).persons)
    assert lines.person.nunique() == 2


@pytest.mark.parametrize(
    "contacts",
    [
        people(("till", "1", None, None)),
        people(("till", "1", None, None), ("web", "1", None, None)),
        people(("till", "1", "🌻", None), ("web", "2", "<script>", None)),
        people(("till", "1", "Li", "x@y.example"), ("web", "2", "Li", "x@y.example"))[["channel", "record", "email"]],
    ],
)
def test_few_and_empty_contacts_do_not_break(contacts):
    made = link(contacts)
    assert len(made.persons) == len(contacts) and made.persons.person.notna().all()
    assert len(link_by_rules(contacts)) == len(contacts) and isinstance(clerical_review(made, contacts), pd.DataFrame)


def test_a_value_that_everybody_has_is_no_evidence(chain, linked):
    tables, truth = chain
    mail = tables["contacts"].email.where(tables["contacts"].email.notna(), "none@none.example")
    born = tables["contacts"].birth_date.fillna(pd.Timestamp("1970-01-01"))
    worn = link(tables["contacts"].assign(email=mail, birth_date=born))
    assert pair_scores(worn.persons, linked.persons)["f1"] > 0.98
    crowd = pd.DataFrame(
        {
            "channel": "till",
            "record": [f"{k:03d}" for k in range(200)],
            "name": [f"{chr(97 + k % 26)}x{k} y{k}z" for k in range(200)],
            "phone": "0000",
        }
    )
    assert link(crowd).persons.person.nunique() == 200


def test_the_embedded_people_are_found(chain, linked):
    tables, truth = chain
    owners = truth.people.person_of
    good, rules = pair_scores(linked.persons, owners), pair_scores(link_by_rules(tables["contacts"]), owners)
    assert good["precision"] > 0.94 and good["recall"] > 0.93 and good["whole f1"] > 0.9
    assert rules["f1"] < 0.85 and rules["mixed persons"] > 3 * good["mixed persons"]


def test_few_twins_become_one(chain, linked):
    tables, truth = chain
    owners = truth.people.person_of.assign(found=linked.persons.person.to_numpy()).merge(
        truth.people.persons, on="person"
    )
    born = tables["contacts"].set_index(["channel", "record"]).birth_date
    owners["born"] = owners.set_index(["channel", "record"]).index.map(born)
    shared = owners.dropna(subset="born").groupby(["household", "born"]).person.nunique()
    twins = owners.merge(shared[shared > 1].reset_index()[["household", "born"]], on=["household", "born"])
    mixed = twins.groupby("found").person.nunique() > 1
    assert twins.person.nunique() > 20 and mixed.mean() < 0.5


def test_probabilities_are_honest(chain, linked):
    owner = chain[1].people.person_of.person.to_numpy()
    same = owner[linked.pairs.left] == owner[linked.pairs.right]
    bins = np.digitize(linked.pairs.chance, [0.1, 0.3, 0.5, 0.7, 0.9])
    promised, true = linked.pairs.chance.groupby(bins).mean(), pd.Series(same).groupby(bins).mean()
    assert (promised - true).abs().max() < 0.15 and abs(linked.pairs.chance.sum() / same.sum() - 1) < 0.05


def test_another_sample_of_strangers_changes_little(chain, linked):
    other = link(chain[0]["contacts"], seed=9)
    joined = linked.persons.assign(other=other.persons.person)
    agree = pair_scores(linked.persons, other.persons)
    assert agree["f1"] > 0.98 and len(joined) == len(other.persons)


def test_the_order_of_the_records_does_not_matter(chain, linked):
    shuffled = chain[0]["contacts"].sample(frac=1, random_state=4).reset_index(drop=True)
    assert pair_scores(link(shuffled).persons, linked.persons)["f1"] > 0.98


def test_estimation_needs_no_labels_and_finds_the_shares(chain):
    tables, truth = chain
    clean = standardise(checked(tables["contacts"]))
    pairs = candidate_pairs(clean)
    weights = fit_weights(clean, compare_records(clean, pairs.left.to_numpy(), pairs.right.to_numpy()))
    n, every = truth.people.person_of.groupby("person").size(), len(clean) * (len(clean) - 1) / 2
    assert abs(weights.share["person"] * every / (n * (n - 1) / 2).sum() - 1) < 0.05
    assert np.isclose(weights.share.sum(), 1) and all(np.allclose(c[1:].sum(0), 1) for c in weights.chance.values())


def test_no_personal_data_in_the_list_for_review(chain, linked):
    tables, _ = chain
    text = clerical_review(linked, tables["contacts"]).to_csv()
    contacts = tables["contacts"]
    assert not any(
        value in text
        for name in ("email", "street", "phone")
        for value in contacts[name].dropna().sample(300, random_state=1)
    )


# lines


def test_lines_keep_returns_and_leave_anonymous_ones_out():
    lines = unify(
        bought(("till", "1", 2), ("till", "1", -1), ("till", None, 5), ("till", "", 5), ("web", "9", 1)),
        pd.DataFrame({"channel": ["till"], "record": ["1"], "person": ["a"]}),
    )
    assert (
        lines.person.tolist() == ["a", "a", "web/9"]
        and lines.units.tolist() == [2, -1, 1]
        and tuple(lines) == identity._LINES
    )


def test_without_persons_every_account_is_one():
    assert unify(bought(("web", "17850", 1))).person.tolist() == ["c17850"]
    assert unify(bought(("web", "1", 1), ("till", "1", 1))).person.tolist() == ["web/1", "till/1"]
    assert unify(bought(("web", "1", 1)).drop(columns="hour")).hour.isna().all()


def test_lines_without_a_record_are_not_counted_and_nothing_but_such_is_refused():
    one = pd.DataFrame({"channel": ["till"], "record": ["1"], "person": ["a"]})
    assert count_customers(
        bought(("till", "1", 1), ("till", "", 1), ("till", None, 1)), {"one": one}
    ).customers.tolist() == [1]
    with pytest.raises(DataError, match="no line says who bought"):
        count_customers(bought(("till", "", 1), ("till", None, 1)), {"one": one})


def test_counting_by_hand():
    lines = pd.concat(
        [
            bought(("till", "1", 1), ("web", "1", 1)).assign(date=pd.to_datetime(["2024-01-01", "2024-12-30"])),
            bought(("till", "2", -1)),
        ]
    ).assign(date=lambda t: t.date.clip(upper=pd.Timestamp("2024-12-30")))
    one = pd.DataFrame({"channel": ["till", "web", "till"], "record": ["1", "1", "2"], "person": ["a", "a", "b"]})
    told = count_customers(lines, {"apart": one.assign(person=["a", "x", "b"]), "together": one}).set_index("way")
    assert (
        told.customers.tolist() == [3, 2]
        and told["silent accounts of active customers"].tolist() == [0, 1]
        and told["silent customers"].tolist() == [1, 0]
    )
