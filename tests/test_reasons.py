"""Why an order is what it is: the log of a plan under every limit, checked, forged, written and read."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.chain.lots import LotPlan, point_lp, stochastic
from lepton_nb.cases.retail.chain.reasons import (
    AuditError,
    audit_log,
    find_line,
    hash_of,
    limit_use,
    read_audit,
    recheck,
    row_profit,
    watch,
    why,
    write_audit,
)
from lepton_nb.cases.retail.chain.replenishment import Chain, simulate, with_holding
from lepton_nb.demand.scenarios import Paths


def world(seed=0, n=12, days=21, **limits):
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0.5, 3, n)
    chain = with_holding(
        Chain(
            ids=[f"s{i % 3}/i{i}" for i in range(n)],
            price=cost * rng.uniform(1.2, 2, n),
            cost=cost,
            store=np.arange(n) % 3,
            volume=rng.uniform(0.3, 2, n),
            shelf_life=rng.choice([2, 4, 9, np.inf], n),
            pack=rng.choice([1, 4, 6], n),
            minimum=rng.choice([0, 12], n),
            lead_time=rng.choice([1, 2], n),
            may_order=np.array([[1, 1, 1, 1, 1, 1, 0], [1, 0, 1, 0, 1, 0, 0]], bool)[np.arange(n) % 2],
            store_names=("s0", "s1", "s2"),
            **limits,
        )
    )
    rate = rng.uniform(2, 20, n)[:, None]
    demand, sample = (
        rng.poisson(np.tile(rate, (1, days))),
        rng.poisson(np.tile(rate, (1, days + 28)), (40, n, days + 28)).astype(np.float32),
    )
    return (
        chain,
        demand,
        Paths({t: sample[:, :, t : t + 14] for t in range(days)}),
        pd.date_range("2024-03-04", periods=days),
    )


LIMITS = {
    "none": {},
    "budget": {"weekly_budget": 900.0},
    "dock": {"dock_capacity": 110.0},
    "stores": {"store_capacity": [90.0, 120.0, 1e9]},
    "all": {"weekly_budget": 1100.0, "dock_capacity": 120.0, "store_capacity": 130.0},
}


@pytest.fixture(scope="module")
def runs():
    out = {}
    for name, limits in LIMITS.items():
        chain, demand, paths, dates = world(**limits)
        plan = watch(stochastic(paths))
        out[name] = plan, simulate(chain, demand, plan, start_stock=demand[:, :3].sum(1), dates=dates)
    return out


@pytest.mark.parametrize("name", LIMITS)
def test_the_log_is_the_ledger_and_holds(name, runs):
    plan, ledger = runs[name]
    log = audit_log(plan, ledger.dates, "abc", {"seed": 0})
    laid = np.zeros_like(ledger.orders)
    laid[
        pd.Index(ledger.chain.ids).get_indexer(log["unique_id"]),
        ledger.dates.get_indexer(pd.to_datetime(log["evening"])),
    ] = log["ordered"]
    assert np.array_equal(laid, ledger.orders)
    assert recheck(log, "abc", {"seed": 0}).empty, recheck(log, "abc", {"seed": 0}).head()
    assert ((log["limit_cost"] > 0).any()) == (name != "none")
    changed = ledger.changed.sum()
    assert np.isclose(log["cut_budget"].sum(), changed["budget"]) and np.isclose(log["cut_dock"].sum(), changed["dock"])
    assert all(
        isinstance(why(row), str) and why(row).endswith(".") and "nan" not in why(row) for _, row in log.iterrows()
    )


def test_watching_changes_nothing(runs):
    chain, demand, paths, dates = world(**LIMITS["all"])
    plain = stochastic(paths)
    ledger = simulate(chain, demand, plain, start_stock=demand[:, :3].sum(1), dates=dates)
    assert np.array_equal(ledger.orders, runs["all"][1].orders) and plain.log == runs["all"][0].log


def test_watching_keeps_every_setting_and_forgets_the_last_run(runs):
    plan, _ = runs["none"]
    other = watch(LotPlan(plan.paths, horizon=20, lots=16, caution=0.3, overbook=0.1, leftover=0.8))
    assert (other.horizon, other.lots, other.caution, other.overbook, other.leftover) == (20, 16, 0.3, 0.1, 0.8)
    assert not watch(plan).evenings and not watch(plan).log and plan.evenings


def test_a_cautious_plan_and_a_point_plan_can_be_rechecked():
    chain, demand, paths, dates = world(seed=5)
    for plan in (watch(stochastic(paths, caution=0.5, leftover=0.7)), watch(point_lp(paths))):
        ledger = simulate(chain, demand, plan, dates=dates)
        log = audit_log(plan, dates)
        assert log["ordered"].sum() == ledger.orders.sum() and recheck(log).empty
        assert np.allclose(row_profit(log), log["profit"])


@pytest.mark.parametrize(
    "column, by, check",
    [
        ("ordered", 1, "cuts by the limits"),
        ("wish", 0.4, "profit of the lot"),
        ("expected", 1, "safety"),
        ("profit", 5, "profit of the lot"),
        ("on_hand", 2, "position"),
        ("best_lot", -1e6, "limits only take"),
        ("profit_more", 1e6, "no better lot beside it"),
    ],
)
def test_each_forgery_is_found(column, by, check, runs):
    plan, ledger = runs["none"]
    log = audit_log(plan, ledger.dates)
    at = int(np.flatnonzero(log[column].notna())[4])
    log.loc[at, column] += by
    found = recheck(log)
    assert check in set(found.loc[found["row"] == at, "check"]) and found["row"].min() == at


def test_moved_lines_and_other_data_are_found(runs):
    plan, ledger = runs["none"]
    log = audit_log(plan, ledger.dates, "abc", {"seed": 0})
    swapped = log.iloc[[1, 0, *range(2, len(log))]].reset_index(drop=True)
    assert set(recheck(swapped)["check"]) == {"seal"}
    assert set(recheck(log, data_hash="other")["check"]) == {"data"} and set(
        recheck(log, parameters={"seed": 1})["check"]
    ) == {"parameters"}
    for column in ("asked", "position", "minimum", "unique_id"):
        with pytest.raises(AuditError, match=f"lacks {column}"):
            recheck(log.drop(columns=column))
    assert set(recheck(log.iloc[:-3], last_seal=log["seal"].iloc[-1])["check"]) == {"last seal"}
    assert set(recheck(log.iloc[:0], last_seal="abc")["check"]) == {"last seal"} and recheck(log.iloc[:0]).empty


def test_questions_without_an_answer_are_answered(runs):
    plan, ledger = runs["none"]
    log = audit_log(plan, ledger.dates)
    with pytest.raises(AuditError, match="no series 'x/y'"):
        find_line(log, "x/y", "2024-03-04")
    with pytest.raises(AuditError, match="has no line on 2031-01-01"):
        find_line(log, log["unique_id"].iloc[0], "2031-01-01")
    for wrong in ("someday", None, [1]):
        with pytest.raises(AuditError, match="evening is"):
            find_line(log, log["unique_id"].iloc[0], wrong)
    with pytest.raises(AuditError, match="5 dates were given"):
        audit_log(plan, ledger.dates[:5])
    with pytest.raises(AuditError, match="the log is empty"):
        find_line(log.iloc[:0], "x/y", "2024-03-04")
    with pytest.raises(AuditError, match="keeps no reasons"):
        audit_log(stochastic(plan.paths), ledger.dates)
    with pytest.raises(AuditError, match="has not run yet"):
        audit_log(watch(plan), ledger.dates)


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_a_log_comes_back_as_it_was(kind, runs, tmp_path):
    plan, ledger = runs["all"]
    log = audit_log(plan, ledger.dates, "0012", {"seed": 0})
    back = read_audit(write_audit(log, tmp_path / "deep" / f"log{kind}"))
    assert (
        recheck(back, "0012", {"seed": 0}).empty
        and list(back.columns) == list(log.columns)
        and back["data_hash"].iloc[0] == "0012"
    )
    assert np.array_equal(back["profit"], log["profit"])
    assert [p.name for p in (tmp_path / "deep").iterdir()] == [f"log{kind}"]


def test_names_with_commas_quotes_and_scripts_survive(tmp_path):
    chain, demand, paths, dates = world(n=3)
    chain = replace(chain, ids=np.array(['s0/"a", b', "s1/<script>alert(1)</script>", "s2/茶🍵/x"], object))
    plan = watch(stochastic(paths))
    simulate(chain, demand, plan, dates=dates)
    log = audit_log(plan, dates)
    back = read_audit(write_audit(log, tmp_path / "log.csv"))
    assert recheck(back).empty and set(back["unique_id"]) == set(log["unique_id"])
    line = find_line(back, "s2/茶🍵/x", back.loc[back.unique_id == "s2/茶🍵/x", "evening"].iloc[0])
    assert "茶🍵/x in s2" in why(line)


def test_a_write_that_fails_leaves_the_old_log(runs, tmp_path, monkeypatch):
    plan, ledger = runs["none"]
    log, path = audit_log(plan, ledger.dates), tmp_path / "log.csv"
    write_audit(log, path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk gone")))
    with pytest.raises(OSError, match="disk gone"):
        write_audit(log.head(2), path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["log.csv"]
    with pytest.raises(AuditError, match=r"written as \.csv or \.parquet"):
        write_audit(log, tmp_path / "log.xlsx")
    with pytest.raises(AuditError, match="there is no audit log"):
        read_audit(tmp_path / "none.csv")


def test_limits_are_charged_to_those_who_use_them():
    chain, *_ = world()
    assert np.array_equal(limit_use("budget", chain), chain.cost)
    dock = limit_use("dock, lead 2", chain)
    assert (dock[chain.lead_time == 1] == 0).all() and np.array_equal(
        dock[chain.lead_time == 2], chain.volume[chain.lead_time == 2]
    )
    shop = limit_use("store s1, lead 1", chain)
    assert set(np.flatnonzero(shop)) == set(np.flatnonzero((chain.store == 1) & (chain.lead_time == 1)))
    odd = replace(chain, store_names=("a, lead 1", "b", "c"))
    assert (limit_use("store a, lead 1, lead 2", odd)[(odd.store == 0) & (odd.lead_time == 2)] > 0).all()


def test_hashes_do_not_hang_on_the_order_of_names():
    assert hash_of({"a": 1, "b": 2}) == hash_of({"b": 2, "a": 1}) != hash_of({"a": 1, "b": 3})
    assert hash_of(np.arange(3)) == hash_of(np.arange(6)[:3])


def reason(runs, **numbers) -> str:
    """The reason of a line, with some of its numbers otherwise."""
    plan, ledger = runs["none"]
    row = audit_log(plan, ledger.dates).iloc[0].copy()
    base = {"ordered": 12.0, "asked": 12.0, "wish": 12.0, "best_lot": 12.0, "pack": 12.0, "covered_days": 2.0}
    base |= {"expected": 30.0, "on_hand": 10.0, "on_order": 0.0, "safety": -8.0, "lasts": 0.4, "daily_mean": 5.0}
    base |= {"first": 12.0, "later": 0.0, "rest": 0.0, "order_line_cost": 0.3}
    for name, value in (base | numbers).items():
        row[name] = value
    return why(row)


@pytest.mark.parametrize(
    "numbers, said",
    [
        ({}, ": 12 units (1 pack of 12), because 30 are expected to be asked for"),
        ({}, "(2 days), with 10 on the shelf; this falls 8 short of them and lasts in 40% of the sampled futures"),
        (
            {"on_hand": 0.0, "lasts": 0.0},
            "with nothing on the shelf or under way; this falls 8 short of them and lasts in none of",
        ),
        (
            {"expected": 1.0, "covered_days": 1.0},
            "1 is expected to be asked for until a later order can arrive (1 day)",
        ),
        (
            {"expected": 122.0, "on_hand": 123.0, "safety": 13.0, "lasts": 0.97},
            "122 are expected to be asked for until a later order can arrive (2 days), which the 123 on the shelf "
            "would serve; the order is for safety, leaves a safety stock of 13 and lasts in 97%",
        ),
        (
            {"expected": 17.0, "on_hand": 10.0, "on_order": 9.0, "safety": 14.0, "lasts": 1.0},
            "which the 10 on the shelf and 9 under way would serve; the order saves later order lines at 0.30 each",
        ),
        ({"safety": -0.01}, "this leaves no safety stock and"),
        (
            {"ordered": 0.0, "wish": 0.0, "asked": 0.0, "best_lot": 0.0, "first": 0.0, "safety": 40.0},
            ": nothing, because 30 are",
        ),
        ({"ordered": 1.0, "pack": 1.0}, ": 1 unit, because"),
        ({"first": 11.0}, "1 of it is likely to be thrown away"),
    ],
)
def test_a_reason_fits_what_is_there(runs, numbers, said):
    assert said in reason(runs, **numbers)


def test_no_reason_says_nonsense(runs):
    for plan, ledger in runs.values():
        for _, row in audit_log(plan, ledger.dates, lines_only=False).iterrows():
            told = why(row)
            assert not any(
                words in told for words in (" 0 on the shelf", " 0 under way", "stock of 0 ", "-0 ", "(1 packs", " 0%")
            ), told
            covered = row["ordered"] > 0 and 0 < row["on_hand"] + row["on_order"] >= row["expected"]
            assert ("would serve" in told) == covered, told
