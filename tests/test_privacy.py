"""Privacy as a whole: what attackers, backups, crashes and careless cells do.

Canary people must not reach any artefact of a run.
"""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import tiny_case
from hypothesis import given, settings
from hypothesis import strategies as st

from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data.accounts import accounts
from lepton_nb.privacy import vault as vault_module
from lepton_nb.privacy.audit import audit_privacy
from lepton_nb.privacy.differential import Budget, BudgetError, _laplace_counts, private_counts, spend
from lepton_nb.privacy.disclosure import DisclosureError, cells, guard, k_anonymity, publishable
from lepton_nb.privacy.erasure import (
    ErasureError,
    _reappeared,
    access,
    erase,
    erase_from_folder,
    find_subject,
    remains,
    retain,
)
from lepton_nb.privacy.pseudonyms import (
    PrivacyError,
    SecretKeyError,
    collision_probability,
    new_key,
    parse_key,
    pseudonym_key,
    pseudonymise,
    read_key,
    rekey,
)
from lepton_nb.privacy.traces import _search_text, check_published, published_tables, traces
from lepton_nb.privacy.vault import VaultError, read_vault, remove_from_vault, rotate, seal, unseal, write_vault
from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.run import run_case, run_pages
from lepton_nb.workbook.site import publish

KEY, OTHER = parse_key(new_key(), "your key"), parse_key(new_key(), "another key")
HOSTILE = [
    "<script>alert('x')</script>",
    "王小明",
    "🦩🦩",
    "a/b",
    "a\nb",
    "",
    " ",
    "'; drop table people; --",
    "\u202eevil",
    "e\u0301",
    "é",
    "x" * 5000,
    "\0",
]


# Keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomato",
        "A" * 44,
        "A" * 43 + "=",
        "0" * 64,
        "correct horse battery staple, correct horse battery",
        "é" * 44,
        "zz" * 32,
    ],
)
def test_a_bad_key_is_refused_in_words_that_do_not_repeat_it(text, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_KEY", text)
    with pytest.raises(SecretKeyError) as refused:
        read_key()
    assert "LEPTON_NB_KEY" in str(refused.value) and "new_key()" in str(refused.value)
    assert len(text) < 5 or text not in str(refused.value)
    with pytest.raises(SecretKeyError):
        pseudonym_key()


def test_a_missing_key_names_the_variable_and_the_remedy(monkeypatch):
    monkeypatch.delenv("LEPTON_NB_KEY", raising=False)
    with pytest.raises(UserError, match="LEPTON_NB_KEY is not set.*new_key"):
        read_key()


def test_a_key_file_must_exist_be_text_and_be_private(tmp_path):
    file = tmp_path / "key"
    with pytest.raises(SecretKeyError, match="no such key file"):
        read_key(file)
    with pytest.raises(SecretKeyError, match="no such key file"):
        read_key(tmp_path)
    text = new_key()
    file.write_text(text + "\n")
    file.chmod(0o600)
    assert read_key(file) == parse_key(text, f"The key file {file}")
    file.chmod(0o644)
    if os.name == "posix":
        with pytest.raises(SecretKeyError, match="chmod 600"):
            read_key(file)
    file.write_bytes(bytes(range(128, 160)))
    file.chmod(0o600)
    with pytest.raises(SecretKeyError, match="does not hold a key as text"):
        read_key(file)


def test_the_key_as_hexadecimal_is_the_same_key():
    text = new_key()
    assert parse_key(parse_key(text, "").secret.hex(), "").id == parse_key(text, "").id


def test_no_print_of_a_key_shows_it():
    assert KEY.secret.hex() not in f"{KEY} {KEY!r}" and str(KEY.secret) not in f"{KEY} {KEY!r}"


# Pseudonyms


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=30))
def test_different_people_get_different_pseudonyms_that_say_nothing(people):
    made = pseudonymise(pd.Series(people), KEY)
    assert made.is_unique and made.str.fullmatch("p[a-z2-7]{16}").all()
    assert made.equals(pseudonymise(pd.Series(people), KEY)) and not set(made) & set(
        pseudonymise(pd.Series(people), OTHER)
    )


def test_ids_that_collide_across_channels_are_two_people():
    frame = pd.DataFrame({"channel": ["till", "web", "web"], "record": ["17", "17", "1/7"]})
    assert pseudonymise(accounts(frame), KEY).is_unique
    assert accounts(pd.DataFrame({"channel": ["web"] * 3, "record": [None, "", "x"]})).isna().tolist() == [
        True,
        True,
        False,
    ]


def test_too_few_bits_are_noticed_not_hoped_against():
    with pytest.raises(PrivacyError, match="two share a pseudonym"):
        pseudonymise(pd.Series([f"p{i}" for i in range(5000)]), KEY, bits=20)
    assert collision_probability(5000, 20) > 0.999 and collision_probability(10**6, 80) < 1e-12
    for bits in (7, 300, 0):
        with pytest.raises(PrivacyError, match="bits"):
            pseudonymise(pd.Series(["a"]), KEY, bits=bits)


def test_pseudonyms_follow_a_new_key_only_from_the_right_old_one():
    who = pd.Series(HOSTILE[:4] * 2)
    assert rekey(pseudonymise(who, KEY), who, KEY, OTHER).equals(pseudonymise(who, OTHER))
    with pytest.raises(SecretKeyError, match="nothing was changed"):
        rekey(pseudonymise(who, KEY), who, OTHER, KEY)
    assert len(pseudonymise(pd.Series([], dtype=object), KEY)) == 0


# Vault

PEOPLE = pd.DataFrame(
    {
        "channel": ["till"] * len(HOSTILE),
        "record": [str(i) for i in range(len(HOSTILE))],
        "name": HOSTILE,
        "since": pd.to_datetime(["2024-01-01"] * len(HOSTILE)),
    }
)


def test_hostile_text_comes_back_from_the_vault_as_it_was(tmp_path):
    write_vault(tmp_path / "v", PEOPLE, KEY)
    pd.testing.assert_frame_equal(read_vault(tmp_path / "v", KEY), PEOPLE)
    assert traces([tmp_path], ["<script>", "王小明", "drop table"]).empty


def test_a_crash_while_writing_leaves_the_old_vault_and_nothing_else(tmp_path, monkeypatch):
    write_vault(tmp_path / "v", PEOPLE, KEY)
    before = (tmp_path / "v").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vault_module.os, "fsync", full)
    for act in (
        lambda: write_vault(tmp_path / "v", PEOPLE.head(2), KEY),
        lambda: rotate(tmp_path / "v", KEY, OTHER),
        lambda: remove_from_vault(tmp_path / "v", {"till/1"}, KEY),
    ):
        with pytest.raises(VaultError, match="No space left.*as it was before"):
            act()
    assert (tmp_path / "v").read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["v"]


@pytest.mark.parametrize("content", [b"", b"LNBVAULT", b"name,email\nA,b@c.d\n", b"LNBVAULT\x09" + bytes(60)])
def test_what_is_no_vault_is_refused_in_words(tmp_path, content):
    (tmp_path / "v").write_bytes(content)
    for act in (
        lambda: read_vault(tmp_path / "v", KEY),
        lambda: write_vault(tmp_path / "v", PEOPLE, KEY),
        lambda: rotate(tmp_path / "v", KEY, OTHER),
    ):
        with pytest.raises(VaultError):
            act()
    assert (tmp_path / "v").read_bytes() == content


def test_missing_places_are_refused_in_words(tmp_path):
    with pytest.raises(VaultError, match="No such file"):
        read_vault(tmp_path / "v", KEY)
    with pytest.raises(VaultError, match="No such file"):
        write_vault(tmp_path / "none" / "v", PEOPLE, KEY)


def test_a_table_that_parquet_cannot_hold_and_a_vault_without_accounts_are_refused_in_words(tmp_path):
    for table in (pd.DataFrame({"a": [1, "x"]}), pd.DataFrame([[1, 2]], columns=["a", "a"])):
        with pytest.raises(VaultError, match="cannot be stored"):
            write_vault(tmp_path / "v", table, KEY)
    write_vault(tmp_path / "v", pd.DataFrame({"a": [1]}), KEY)
    with pytest.raises(UserError, match="no column channel"):
        remove_from_vault(tmp_path / "v", {"till/1"}, KEY)


def test_two_writings_never_share_a_nonce():
    assert len({seal(PEOPLE, KEY)[15:27] for _ in range(50)}) == 50
    with pytest.raises(SecretKeyError, match=f"made with key {KEY.id}.*another key is key {OTHER.id}"):
        unseal(seal(PEOPLE, KEY), OTHER)


# Disclosure


def square(numbers: np.ndarray) -> pd.DataFrame:
    """A table of counts with all its totals."""
    rows, columns = numbers.shape
    full = np.block(
        [[numbers, numbers.sum(1, keepdims=True)], [numbers.sum(0, keepdims=True), numbers.sum(keepdims=True)]]
    )
    names = [*map(str, range(rows)), "all"], [*map(str, range(columns)), "all"]
    return pd.DataFrame(
        [(a, b, int(full[i, j])) for i, a in enumerate(names[0]) for j, b in enumerate(names[1])],
        columns=["a", "b", "persons"],
    )


def possible(published: pd.DataFrame, shape: tuple[int, int], top: int) -> np.ndarray:
    """Every table of whole numbers up to `top` that a reader cannot rule out, by trying all of them (tables, cells)."""
    shown = published.set_index(["a", "b"]).persons
    names = [(str(i), str(j)) for i in range(shape[0]) for j in range(shape[1])]
    free = [name for name in names if pd.isna(shown[name])]
    guesses = np.stack(np.meshgrid(*[np.arange(top + 1)] * len(free), indexing="ij"), -1).reshape(-1, len(free))
    tables = np.tile([0 if name in free else int(shown[name]) for name in names], (len(guesses), 1))
    tables[:, [names.index(name) for name in free]] = guesses
    cube = tables.reshape(-1, *shape)
    fits = np.ones(len(cube), bool)
    for (a, b), total in shown.dropna().items():
        rows, columns = slice(None) if a == "all" else [int(a)], slice(None) if b == "all" else [int(b)]
        fits &= cube[:, rows, :][:, :, columns].sum(axis=(1, 2)) == total
    return tables[fits]


@pytest.mark.parametrize("seed", [0, 1, 3, 16, 25, 43])
def test_trying_every_table_does_not_find_a_suppressed_cell(seed):
    numbers = np.random.default_rng(seed).choice([0, 1, 2, 4, 5, 6, 8], (2, 3), p=[0.1, 0.15, 0.1, 0.05, 0.2, 0.2, 0.2])
    table = square(numbers)
    held = guard(table, ["a", "b"], k=3)
    inner = held.frame.persons.isna()[(table.a != "all") & (table.b != "all")].to_numpy()
    assert 0 < inner.sum() <= 4  # so few that all tables can be tried
    tables = possible(held.frame, numbers.shape, int(numbers.sum()))
    assert (tables == numbers.ravel()).all(axis=1).any()
    assert (np.ptp(tables, axis=0)[inner] >= 3).all()


def test_no_small_cell_is_shown_in_hundreds_of_random_tables():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        table = square(rng.poisson(rng.choice([2, 6, 20]), (rng.integers(1, 6), rng.integers(1, 5))))
        shown = guard(table, ["a", "b"]).frame.persons.dropna()
        assert not ((shown > 0) & (shown < 5)).any()
        publishable(guard(table, ["a", "b"]).frame, "persons")


def test_sums_disappear_with_their_cell_and_one_dominant_buyer_is_hidden():
    lines = pd.DataFrame(
        {
            "person": [f"c{i}" for i in range(30)],
            "store": ["A"] * 10 + ["B"] * 10 + ["C"] * 10,
            "money": [1000.0] + [1.0] * 29,
        }
    )
    held = guard(cells(lines, ["store"], ["money"]), ["store"])
    row = held.frame.set_index("store")
    assert (
        held.small >= 1
        and pd.isna(row.loc["A", "persons"])
        and row.loc["A"].isna().all()
        and row.isna().all(axis=1).sum() >= 2
    )
    assert "largest" not in held.frame


def test_people_with_returns_only_or_one_purchase_count_as_people():
    lines = pd.DataFrame({"person": ["a", "b", "b"], "store": ["S", "S", "T"], "money": [-5.0, 3.0, -3.0]})
    counted = cells(lines, ["store"], ["money"]).set_index("store")
    assert (
        counted.loc["all", "persons"] == 2
        and counted.loc["S", "money"] == -2
        and 0 <= counted.largest.min() <= counted.largest.max() <= 1
    )


@pytest.mark.parametrize(
    "lines, says",
    [
        ({"person": ["a", None], "store": ["S", "S"]}, "Column person is empty in 1 of 2"),
        ({"person": ["a", "b"], "store": ["S", None]}, "Column store is empty in 1 of 2"),
        ({"person": ["a"], "store": ["all"]}, "label of totals"),
        ({"person": ["a"]}, "no column store"),
    ],
)
def test_lines_that_would_be_lost_are_refused(lines, says):
    with pytest.raises(DisclosureError, match=says):
        cells(pd.DataFrame(lines), ["store"])


def test_an_empty_table_and_an_empty_shop_pass():
    lines = pd.DataFrame({"person": [], "store": [], "money": []})
    assert len(cells(lines, ["store"], ["money"])) <= 1
    assert k_anonymity(lines, ["store"]).rows == 0
    publishable(pd.DataFrame({"store": [], "persons": []}), "persons")


def test_columns_that_are_not_there_are_named():
    lines = pd.DataFrame({"person": ["a"], "store": ["S"]})
    for act, says in (
        (lambda: cells(lines, ["store"], ["money"]), "no column money"),
        (lambda: cells(lines, []), "by is empty"),
        (lambda: k_anonymity(lines, []), "quasi is empty"),
    ):
        with pytest.raises(DisclosureError, match=says):
            act()
    with pytest.raises(DisclosureError, match="names single people"):
        publishable(pd.DataFrame({"person": [1]}, index=pd.Index(["a"], name="person")), None)
    budget = Budget(1.0)
    with pytest.raises(BudgetError, match="Nothing was spent"):
        private_counts(lines, "town", ["S"], budget, 0.5)
    assert budget.left == 1


@pytest.mark.parametrize(
    "frame, says",
    [
        (pd.DataFrame({"store": ["A", "A"], "persons": [9, 9]}), "repeats"),
        (pd.DataFrame({"store": ["A"], "persons": [-1]}), "count of people"),
        (pd.DataFrame({"store": ["A"]}), "no column persons"),
        (pd.DataFrame({"store": ["A"], "persons": ["many"]}), "count of people"),
    ],
)
def test_what_is_no_table_of_cells_is_refused(frame, says):
    with pytest.raises(DisclosureError, match=says):
        guard(frame, ["store"])


@pytest.mark.parametrize(
    "frame, count",
    [
        (pd.DataFrame({"Person": ["x"]}), None),
        (pd.DataFrame({"E-Mail": ["x"]}), None),
        (pd.DataFrame({"Birth date": ["x"]}), None),
        (pd.DataFrame({"customer_id": [1]}), None),
        (pd.DataFrame({"x": ["till/17"]}), None),
        (pd.DataFrame({"item": ["tea"], "p000001": [2]}), None),
        (pd.DataFrame({"n": [1]}, index=pd.Index(["p000001"], name="who")), None),
        (pd.DataFrame({"x": ["mail a.b@c.example now"]}), None),
        (pd.DataFrame({"x": ["a"], "persons": [4]}), "persons"),
        (pd.DataFrame({"x": ["a"], "persons": [np.nan], "money": [3.0]}), "persons"),
        (pd.DataFrame({"x": ["a"]}), "persons"),
    ],
)
def test_the_door_refuses_persons_and_never_repeats_them(frame, count):
    with pytest.raises(DisclosureError) as refused:
        publishable(frame, count, people=["till/17", "p000001"])
    assert not re.search(r"till/17|p000001|a\.b@c", str(refused.value))


# Budget


def test_asking_at_once_cannot_overspend_a_ledger(tmp_path):
    def ask(_: int) -> bool:
        try:
            spend(Budget(1.0, tmp_path / "ledger.json"), "q", 0.1)
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(30))) == 10
    kept = json.loads((tmp_path / "ledger.json").read_text())
    assert len(kept["entries"]) == 10 and [p.name for p in tmp_path.iterdir()] == ["ledger.json"]


@pytest.mark.parametrize(
    "content, says",
    [
        ("", "no ledger"),
        ("[]", "no ledger"),
        ('{"total": "9", "entries": []}', "opened with a budget of 9"),
        ('{"total": "1.0", "entries": [{"question": 1}]}', "no ledger"),
    ],
)
def test_a_foreign_ledger_is_refused(tmp_path, content, says):
    file = tmp_path / "ledger.json"
    file.write_text(content)
    with pytest.raises(BudgetError, match=says):
        spend(Budget(1.0, file), "q", 0.1)
    assert file.read_text() == content


def test_a_refused_question_is_not_answered_and_not_booked():
    lines = pd.DataFrame({"person": ["a", "b"], "store": ["S", "T"]})
    budget = Budget(0.5)
    for bad in (
        {"epsilon": 0.6},
        {"epsilon": 0},
        {"epsilon": float("nan")},
        {"epsilon": 0.1, "contributions": 0},
        {"epsilon": 0.1, "groups": []},
        {"epsilon": 0.1, "groups": ["S", "S"]},
    ):
        with pytest.raises(BudgetError):
            private_counts(lines, "store", **{"groups": ["S"], "budget": budget, **bad})
    assert budget.left == 0.5
    for total in (0, -1, float("inf"), float("nan")):
        with pytest.raises(BudgetError):
            Budget(total)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.3, 1 / 3, 1.0, 7.7])
@pytest.mark.parametrize("contributions", [1, 3, 7])
def test_opendp_certifies_the_stated_epsilon(epsilon, contributions):
    measurement, scale = _laplace_counts([str(i) for i in range(7)], epsilon, contributions)
    assert measurement.map(contributions) <= epsilon and scale == pytest.approx(contributions / epsilon)


def test_groups_that_are_numbers_or_categories_are_counted():
    for store in (pd.Series([1, 1, 2]), pd.Series(["1", "1", "2"], dtype="category")):
        answer = private_counts(
            pd.DataFrame({"person": ["a", "b", "c"], "store": store}), "store", ["1", "2"], Budget(49.0), epsilon=48.0
        )
        assert answer.persons.tolist() == [2, 1]


def test_a_person_in_many_groups_counts_in_as_many_as_allowed():
    lines = pd.DataFrame(
        [("a", f"g{i}") for i in range(9) for _ in range(i + 1)] + [("b", "g0")], columns=["person", "group"]
    )
    answer = private_counts(
        lines, "group", [f"g{i}" for i in range(9)] + ["王"], Budget(49.0), epsilon=48.0, contributions=2
    )
    assert answer.set_index("group").persons.to_dict() == {
        **{f"g{i}": 0 for i in range(1, 7)},
        "g0": 1,
        "g7": 1,
        "g8": 1,
        "王": 0,
    }


# Erasure


def world() -> dict[str, pd.DataFrame]:
    """People with everything that makes an erasure hard."""
    identity = pd.DataFrame(
        {
            "channel": ["till", "web", "web", "app", "till"],
            "record": ["17", "17", "王🦩", "<b>1</b>", "170"],
            "person": ["p1", "p2", "p1", "p1", "p3"],
        }
    )
    purchases = pd.DataFrame(
        {
            "channel": ["till", "web", "web", "till", "till"],
            "record": ["17", "17", "王🦩", "170", None],
            "units": [1, 1, -1, 1, 1],
            "date": pd.to_datetime(["2025-01-01"] * 5),
        }
    )
    lines = purchases.merge(identity, on=["channel", "record"])
    return {
        "identity": identity,
        "purchases": purchases,
        "lines": lines.astype({"person": "category"}),
        "profiles": lines.groupby("person").units.agg(["sum"]),
        "pairs": lines.set_index(["person", "channel"])[["units"]],
        "partner": pd.DataFrame({"who": pseudonymise(identity.person, KEY)}),
    }


@pytest.mark.parametrize("who", ["p1", "till/17", "web/王🦩", "app/<b>1</b>"])
def test_any_name_of_a_person_erases_all_of_them_and_nobody_else(who):
    before = world()
    subject = find_subject(who, before["identity"], KEY)
    after, receipt = erase(before, who, KEY, at="2025-06-01")
    assert remains(after, subject).empty and set(remains(before, subject).table) == set(before)
    assert after["identity"].person.tolist() == ["p2", "p3"] and after["purchases"].record.tolist() == [
        "17",
        "170",
        None,
    ]
    assert "p1" not in after["lines"].person.cat.categories and "p1" not in after["pairs"].index.levels[0]
    assert before["identity"].equals(world()["identity"])
    assert receipt.tables.set_index("table").erased.to_dict() == {
        "identity": 3,
        "purchases": 2,
        "lines": 2,
        "profiles": 1,
        "pairs": 2,
        "partner": 3,
    }
    same = receipt.tables.eval("sha256_before == sha256_after")
    assert not same.any() and json.loads(receipt.to_json())["key_id"] == KEY.id


@pytest.mark.parametrize(
    "name, how",
    [
        ("contacts.csv", {"encoding": "utf-8-sig"}),
        ("contacts.csv", {"encoding": "utf-16", "sep": "\t"}),
        ("contacts.csv.gz", {"sep": ";"}),
        ("contacts.parquet", None),
    ],
)
def test_files_of_any_usual_form_are_erased_in_their_own_form(tmp_path, name, how):
    contacts = pd.DataFrame(
        {
            "channel": ["till", "web", "web"],
            "record": ["17", "17", "王🦩"],
            "name": ["zqana", "<b>é</b>", "zqana"],
            "own column": ["1,50", "", "x"],
        }
    )
    file = tmp_path / name
    contacts.to_parquet(file) if how is None else contacts.to_csv(file, index=False, **how)
    file.chmod(0o640)
    receipt = erase_from_folder(CONTRACT, tmp_path, "p1", world()["identity"], KEY, at="2025-06-01")
    left = pd.read_parquet(file) if how is None else pd.read_csv(file, dtype=str, keep_default_na=False, **how)
    pd.testing.assert_frame_equal(left.reset_index(drop=True), contacts.iloc[[1]].reset_index(drop=True))
    assert receipt.tables.set_index("table").erased["contacts"] == 2 and [p.name for p in tmp_path.iterdir()] == [name]
    assert os.name != "posix" or file.stat().st_mode & 0o777 == 0o640
    assert traces([tmp_path], ["zqana"]).empty


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "is empty"),
        (b"sep=;\nchannel;record\n", "first line"),
        (b"channel,name\ntill,x\n", "no column record"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text file"),
    ],
)
def test_a_file_that_cannot_be_erased_is_named_and_left_alone(tmp_path, content, says):
    (tmp_path / "contacts.csv").write_bytes(content)
    with pytest.raises(ErasureError, match=says):
        erase_from_folder(CONTRACT, tmp_path, "p1", world()["identity"], KEY, at="x")
    assert (tmp_path / "contacts.csv").read_bytes() == content


def test_an_erased_name_is_not_left_in_the_categories_of_a_parquet_file(tmp_path):
    pd.DataFrame(
        {"channel": ["till", "web"], "record": ["17", "17"], "name": pd.Categorical(["zqana", "bo"])}
    ).to_parquet(tmp_path / "contacts.parquet")
    erase_from_folder(CONTRACT, tmp_path, "p1", world()["identity"], KEY, at="x")
    assert b"zqana" not in (tmp_path / "contacts.parquet").read_bytes() and pd.read_parquet(
        tmp_path / "contacts.parquet"
    ).name.tolist() == ["bo"]


def test_columns_of_one_name_and_line_ends_stay_and_lines_of_many_lengths_are_refused(tmp_path):
    file = tmp_path / "contacts.csv"
    file.write_bytes(b"channel;record;note;note\r\ntill;17;a;b\r\nweb;17;c;d\r\n")
    erase_from_folder(CONTRACT, tmp_path, "p1", world()["identity"], KEY, at="x")
    assert file.read_bytes() == b"channel;record;note;note\r\nweb;17;c;d\r\n"
    for content, says in (
        (b"channel;record\ntill;17;\nweb;17;\n", "as many fields"),
        (b"channel;record;record\ntill;17;17\n", "two columns record"),
    ):
        file.write_bytes(content)
        with pytest.raises(ErasureError, match=says):
            erase_from_folder(CONTRACT, tmp_path, "p1", world()["identity"], KEY, at="x")
        assert file.read_bytes() == content


def test_a_folder_with_a_second_copy_or_without_people_is_refused(tmp_path):
    for folder, says in ((tmp_path / "none", "no such folder"), (tmp_path, "neither contacts nor purchases")):
        with pytest.raises(ErasureError, match=says):
            erase_from_folder(CONTRACT, folder, "p1", world()["identity"], KEY, at="x")
    for name in ("contacts.csv", "contacts.csv.gz"):
        pd.DataFrame({"channel": ["till"], "record": ["17"]}).to_csv(tmp_path / name, index=False)
    with pytest.raises(ErasureError, match="same table.*Nothing was changed"):
        erase_from_folder(CONTRACT, tmp_path, "p1", world()["identity"], KEY, at="x")


@pytest.mark.parametrize(
    "frames, who, says",
    [
        ({"extra": [1]}, "p1", "extra is a list"),
        ({}, None, "no text"),
        ({"extra": pd.DataFrame({"channel": ["till"], "record": [17.0]})}, "p1", "as text"),
        ({"identity": pd.DataFrame({"channel": ["till"], "record": ["1"]})}, "p1", "no column person"),
        ({"identity": pd.DataFrame({"record": ["1"], "person": ["p1"]})}, "p1", "no column channel"),
    ],
)
def test_frames_of_the_wrong_kind_are_refused_in_words(frames, who, says):
    with pytest.raises(UserError, match=says):
        erase(world() | frames, who, KEY, at="x")


def test_an_account_linked_to_nobody_is_a_person_of_its_own():
    identity = pd.DataFrame({"channel": ["till"] * 3, "record": ["1", "2", "3"], "person": ["p1", None, None]})
    assert find_subject("till/2", identity, KEY).accounts == ("till/2",)
    for who in ("nan", "None"):
        with pytest.raises(ErasureError, match="Nobody is known"):
            find_subject(who, identity, KEY)
    twice = pd.DataFrame({"person": ["p1", "p2"]}, index=pd.Index(["p1", "p2"], name="person"))
    assert len(erase({"identity": identity, "twice": twice}, "p1", KEY, at="x")[0]["twice"]) == 1


def test_erasing_twice_and_erasing_the_unknown_are_sentences():
    after, receipt = erase(world(), "p1", KEY, at="2025-06-01")
    with pytest.raises(ErasureError, match="was erased on 2025-06-01"):
        erase(after, "p1", KEY, at="later", receipts=[receipt])
    with pytest.raises(ErasureError, match="was erased on 2025-06-01"):
        erase(after, "web/王🦩", KEY, at="later", receipts=[receipt])
    for who in ("p1", "p9", "17", "", "web/18", "P2"):
        with pytest.raises(ErasureError, match="Nobody is known as"):
            erase(after, who, KEY, at="later")
    with pytest.raises(ErasureError, match="Nobody is known as"):
        access(after, "p1", KEY)


def test_who_comes_back_from_a_backup_is_found_only_with_the_key():
    _, receipt = erase(world(), "p1", KEY, at="2025-06-01")
    assert set(_reappeared(world()["identity"], [receipt], KEY)) == {"till/17", "web/王🦩", "app/<b>1</b>"}
    with pytest.raises(PrivacyError, match="right key"):
        _reappeared(world()["identity"], [receipt], OTHER)


def test_a_vault_that_cannot_be_opened_stops_the_erasure(tmp_path):
    write_vault(tmp_path / "v", PEOPLE.assign(channel="till", record="17"), KEY)
    content = (tmp_path / "v").read_bytes()
    with pytest.raises(SecretKeyError):
        erase(world(), "p1", OTHER, at="x", vault=tmp_path / "v", contexts=())
    assert (tmp_path / "v").read_bytes() == content
    _, receipt = erase(world(), "p1", KEY, at="x", vault=tmp_path / "v")
    assert receipt.tables.table.tolist()[-1] == "vault" and len(read_vault(tmp_path / "v", KEY)) == 0


def test_retention_keeps_the_loyal_and_logs_the_rest():
    contacts = pd.DataFrame(
        {
            "channel": "web",
            "record": list("abcd"),
            "since": pd.to_datetime(["2010-01-01", "2010-01-01", "2025-01-01", None]),
        }
    )
    purchases = pd.DataFrame(
        {
            "channel": "web",
            "record": ["a", "b", None],
            "date": pd.to_datetime(["2025-02-01", "2011-01-01", "2011-01-01"]),
        }
    )
    bought, known, log = retain(purchases, contacts, 365, pd.Timestamp("2025-03-01"))
    assert known.record.tolist() == ["a", "c", "d"] and len(bought) == 1 and log.rows.tolist() == [2, 1, 0, 1]
    undated = purchases.assign(date=pd.to_datetime(["2025-02-01", None, "2011-01-01"]))
    assert retain(undated, contacts, 365, pd.Timestamp("2025-03-01"))[2].rows.tolist() == [1, 0, 1, 1]
    with pytest.raises(PrivacyError, match="no dates"):
        retain(purchases.assign(date="2025-02-01"), contacts, 365, pd.Timestamp("2025-03-01"))
    for days in (0, -5, 1.5):
        with pytest.raises(PrivacyError, match="whole number"):
            retain(purchases, contacts, days, pd.Timestamp("2025-03-01"))


# Canaries: people who must not reach any artefact

SPECIAL = 8  # people searched for by every single value; the others by what all canaries share
SHARED = ["zqname", "zqmail", "zqstreet", "zqcity", "zqrec", "zqbon", "zqpost"]
NAMES = [
    "Zqname{i}kx Müller",
    "<script>document.title='zqname{i}kx'</script>",
    "独角兽甲{i} zqname{i}kx",
    "🦩🪬{i} zqname{i}kx",
    "<img src=x onerror=alert('zqname{i}kx')>",
    'O\'Zqname{i}kx & "Söhne"',
]


def canaries(folder: Path, people: int = 60, days: int = 150, items: int = 2) -> list[str]:
    """Write people with a unique text in every field into a folder of own data; give what must not be found."""
    rng = np.random.default_rng(11)
    contacts, purchases = [], []
    for i in range(people):
        channel, record = (
            ["till", "web", "app"][i % 3],
            f"zqrec{i // 2}kx",
        )  # the same record in two channels is two people
        person = {
            "name": NAMES[i % len(NAMES)].format(i=i),
            "email": f"zqmail{i}kx@example.org",
            "phone": f"0151 77{i:03d}481{i:03d}",
            "street": f"Zqstreet{i}kx <b>{i}</b>",
            "postcode": f"zqpost{i}",
            "city": f"Zqcity{i}kx 城",
            "birth_date": f"1931-07-{10 + i % 20}",
            "since": "2024-11-05",
            "consent": "yes",
        }
        again = i >= SPECIAL and i % 5 == 0  # the same person has a second account
        contacts.append({**(contacts[-1] if again else person), "channel": channel, "record": record})
        kind = i % 10
        for visit in range(1 if kind == 8 else 12):  # one purchase only; returns only; the rest come often
            day = pd.Timestamp("2025-01-01") + pd.Timedelta(days=int(rng.integers(0, days)))
            purchases.append(
                {
                    "date": f"{day:%Y-%m-%d}",
                    "hour": int(rng.integers(8, 20)),
                    "receipt": f"zqbon{i}x{visit}",
                    "channel": channel,
                    "record": record,
                    "store": "S0",
                    "item": f"00{min(rng.geometric(0.25), items) - 1}",
                    "units": -1 if kind == 9 else 1,
                    "price": 2.5,
                }
            )
    purchases.append({**purchases[0], "receipt": "zqbonanon", "record": ""})
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(contacts).to_csv(folder / "contacts.csv", index=False)
    pd.DataFrame(purchases).to_csv(folder / "purchases.csv", index=False)
    some = [
        str(row[name]) for row in contacts[:SPECIAL] for name in ("name", "email", "phone", "street", "city", "record")
    ]
    return [
        *SHARED,
        *some,
        *(f"{row['channel']}/{row['record']}" for row in contacts[:SPECIAL]),
        *(re.sub(r"\D", "", row["phone"]) for row in contacts[:SPECIAL]),
        "独角兽",
        "1931-07-1",
    ]


def sales(folder: Path, days: int = 60, items: int = 2) -> Path:
    """Add the sales of one store, so that the folder can be loaded."""
    rng = np.random.default_rng(2)
    rows = [
        (day, "S0", f"00{i}", 30 + rng.poisson(4), 2.5)
        for i in range(items)
        for day in pd.date_range("2025-01-01", periods=days)
    ]
    pd.DataFrame(rows, columns=["date", "store", "item", "units", "price"]).to_csv(folder / "sales.csv", index=False)
    return folder


def test_the_audit_of_hostile_people_names_none_of_them(tmp_path):
    needles = canaries(tmp_path / "mine")
    tables = SOURCES.load(f"own:{sales(tmp_path / 'mine')}").tables
    contacts, purchases = tables["contacts"], tables["purchases"]
    identity = contacts[["channel", "record"]].assign(person=pseudonymise(accounts(contacts), KEY))
    frames = {
        "contacts": contacts,
        "identity": identity,
        "purchases": purchases,
        "lines": purchases.merge(identity, on=["channel", "record"]),
    }
    done = audit_privacy(frames, ["S0"], KEY, Budget(1.0), invented=True)
    for frame, count in [
        (done.table, None),
        (done.held.frame, "persons"),
        (done.answer, None),
        (done.receipt.tables, None),
    ]:
        assert (
            _search_text(
                publishable(frame, count, people={*identity.person, *accounts(contacts)}).to_csv(),
                [*needles, *identity.person[:20]],
            )
            == []
        )
    assert done.left == 0 and done.receipt.erased > 3 and done.held.frame.persons.notna().any()


def test_a_refusal_of_contacts_does_not_repeat_them(tmp_path):
    canaries(tmp_path / "mine")
    contacts = pd.read_csv(sales(tmp_path / "mine") / "contacts.csv", dtype=str)
    contacts.loc[3, "birth_date"] = "zqname3kx was born"
    contacts.to_csv(tmp_path / "mine" / "contacts.csv", index=False)
    with pytest.raises(UserError) as refused:
        SOURCES.load(f"own:{tmp_path / 'mine'}")
    assert "contacts.csv" in str(refused.value) and "birth_date" in str(refused.value) and "row 5" in str(refused.value)
    assert _search_text(str(refused.value), SHARED) == []


SAFE = """
import pandas as pd
from pathlib import Path
from lepton_nb.privacy.disclosure import cells, guard, publishable
from lepton_nb.privacy.differential import Budget, private_counts
from lepton_nb.privacy.erasure import articles, erase
from lepton_nb.data.accounts import accounts
from lepton_nb.privacy.pseudonyms import pseudonym_key, pseudonymise
from lepton_nb.workbook.figures import Figure, say, table
key, folder = pseudonym_key(), Path(params.trace)
names = ("contacts", "purchases")
contacts, purchases = (pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in names)
identity = contacts[["channel", "record"]].assign(person=pseudonymise(accounts(contacts), key))
lines = purchases.astype({"units": float, "price": float}).merge(identity, on=["channel", "record"])
lines = lines.eval("money = units * price")
held = guard(cells(lines, ["store", "channel"], ["money"]), ["store", "channel"])
table(publishable(held.frame, "persons"), caption=held.sentence)
shown = publishable(held.frame, "persons")
with Figure(title="People", x="Channel", y="People (number)", alt="bars", caption="People.", data=shown) as ax:
    ax.bar(held.frame.channel, held.frame.persons.fillna(0).astype(int))
table(private_counts(lines, "channel", ["till", "web", "app"], Budget(1.0), 0.5), caption="With noise.")
everything = {"identity": identity, "contacts": contacts, "purchases": purchases, "lines": lines}
left, receipt = erase(everything, "till/" + contacts.record[0], key, at="today")
table(receipt.tables, caption="The receipt.")
say(f"{receipt.erased} rows were erased.")
table(articles(), caption="The articles.")
"""
LEAKS = {
    0: "table(contacts.loc[[0]], caption='Contacts.')",
    1: "contacts.loc[[1]]",
    2: "record('x', contacts['name'][2], '', 0, 'a leak')",
    3: "print(contacts.email[3])",
    4: "import hashlib; hashlib.sha256(contacts.email[4].encode()).hexdigest()",
    5: "import base64; base64.b64encode(contacts.loc[[5]].to_csv().encode())",
    6: "with Figure(title='x', x='x', y='y (n)', alt='x', caption='x', data=contacts.loc[[6]]) as ax:\n"
    "    ax.bar(['a'], [1])",
    7: "say(f'Our best customer: {contacts.street[7]}')",
}


def run_cells(tmp_path: Path, code: list[str], monkeypatch) -> Path:
    """Run cells of a small case on canary people; give the folder with everything that the run wrote."""
    monkeypatch.setenv("LEPTON_NB_KEY", new_key())
    mine, out = tmp_path / "mine", tmp_path / "runs"
    with tiny_case.importable(tmp_path / "case") as place:
        file = tiny_case.page_of(tmp_path / "case")
        notebook = nbformat.read(file, 4)
        here = next(i for i, cell in enumerate(notebook.cells) if cell.source == tiny_case.ACTS.strip())
        notebook.cells[here : here + 1] = [nbformat.v4.new_code_cell(cell) for cell in code]
        nbformat.write(notebook, file)
        run = tiny_case.run(place, out, ("trace", str(mine)))
        publish(run, tmp_path / "runs" / "reports")
    return out


def test_canaries_stay_out_of_a_report_that_goes_through_the_door(tmp_path, monkeypatch):
    needles = canaries(tmp_path / "mine")
    out = run_cells(tmp_path, [SAFE.strip()], monkeypatch)
    assert len([file for file in out.rglob("*") if file.is_file()]) >= 6
    found = traces([out], [*needles, os.environ["LEPTON_NB_KEY"]])
    assert found.empty, found.to_string()
    page = next(out.glob("shop/*/report.html"))
    assert len(published_tables(page)) == 6 and check_published(page).empty


def test_every_way_to_leak_is_caught(tmp_path, monkeypatch):
    canaries(tmp_path / "mine")
    out = run_cells(tmp_path, [SAFE.strip(), *LEAKS.values()], monkeypatch)
    found = traces(
        [out],
        [f"zqname{i}kx" for i in (0, 1, 2, 5, 6)] + [f"zqmail{i}kx@example.org" for i in (3, 4)] + ["Zqstreet7kx"],
    )
    kinds = {kind: set(part.needle) for kind, part in found.groupby(found.file.map(lambda file: Path(file).name))}
    assert (
        len(kinds["report.ipynb"]) == len(LEAKS)
        and len(kinds["report.html"]) >= len(LEAKS) - 1
        and kinds["results.json"] == {"zqname2kx"}
    )
    assert set(check_published(next(out.glob("shop/*/report.html"))).table) == {"contacts.csv", "x.csv"}
    assert found[found.needle == "zqmail4kx@example.org"].form.str.contains("sha256").all()


@pytest.mark.slow
def test_canaries_stay_out_of_the_retail_report(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_KEY", new_key())
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    needles, quick = (
        canaries(tmp_path / "mine", people=140, items=6),
        {"evaluation_weeks": "2", "validation_weeks": "4", "paths": "20", "model": "fast"},
    )
    run = run_case(
        "retail",
        [("source", f"own:{sales(tmp_path / 'mine', days=150, items=6)}"), *quick.items()],
        out=tmp_path / "runs",
        progress=False,
    )
    publish(run, tmp_path / "runs" / "reports")
    assert list((tmp_path / "cache").rglob("*.joblib")), "what the pages share is kept on disk"
    found = traces([tmp_path / "runs", tmp_path / "cache"], [*needles, os.environ["LEPTON_NB_KEY"]])
    assert found.empty, found.to_string()
    pages = run_pages(run)
    problems = pd.concat([check_published(page) for page in pages])
    offered = [name for page in pages for name, _ in published_tables(page)]
    assert problems.empty, problems.to_string()
    assert any("private" in name for name in offered) and any(
        "segment" in name for name in offered
    )  # the customers were there
    shown = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert "<script>document" not in shown and "onerror=" not in shown and not re.search(r"\bp0\d{5}\b", shown)


def test_the_search_finds_nothing_where_nothing_is():
    assert _search_text("an ordinary page about tea & milk", SHARED + ["独角兽"]) == []
    with pytest.raises(PrivacyError, match="no such file"):
        traces([Path("nowhere")], ["abc"])
