"""The study of the retail case: small chains that lack one thing or another, and what the parts say of it."""

import pickle
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from lepton_nb.allocation.policy import mean_interval
from lepton_nb.business.returns import appraise
from lepton_nb.cases.retail.parameters import Parameters
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.study import Study, study
from lepton_nb.cases.retail.study.decision import PLAN, RECORD, cheapest_way, standing_of
from lepton_nb.cases.retail.study.known import known_of
from lepton_nb.cases.retail.study.returns import investment_of, ranges_of
from lepton_nb.cases.retail.study.whole import (
    _USED_EARLY,
    _USED_FOR_PEOPLE,
    _USED_IN_BUSINESS,
    _known_without_data,
    study_of,
)
from lepton_nb.data.catalog import Dataset
from lepton_nb.workbook.parameters import UserError

SMALL = Parameters(evaluation_weeks=2, validation_weeks=4, paths=20, model="fast")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_NB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def cut(data: Dataset, stores: int, items: int, days: int = 420) -> Dataset:
    """Keep a few stores and items of the embedded chain and its last days; the truth is left out."""
    tables = dict(data.tables)
    shops = sorted(tables["stores"]["store"].astype(str))[:stores]
    goods = sorted(tables["items"]["item"].astype(str))[:items]
    first = tables["sales"]["date"].max() - pd.Timedelta(days=days - 1)
    for name, table in tables.items():
        for column, kept in (("store", shops), ("item", goods)):
            if column in table:
                table = table[table[column].astype(str).isin(kept)]
        if "date" in table and name != "calendar":
            table = table[table["date"] >= first]
        tables[name] = table.reset_index(drop=True)
    return replace(data, tables=tables, truth=None, sha256=f"cut {stores} {items} {days}")


def without(data: Dataset, *names: str) -> Dataset:
    """Leave tables out."""
    tables = {name: table for name, table in data.tables.items() if name not in names}
    return replace(data, tables=tables, sha256=f"{data.sha256} without {' '.join(names)}")


@pytest.fixture(scope="module")
def embedded() -> Dataset:
    return SOURCES.load("embedded")


@pytest.fixture(scope="module")
def small(embedded) -> Study:
    """Two stores and five items with nobody on record."""
    return study_of(SMALL, without(cut(embedded, 2, 5), "purchases", "contacts"))


def test_the_parts_are_there_and_frozen(small):
    for part in (small.known, small.forecast, small.decision, small.business, small.people, small.returns):
        assert is_dataclass(part)
        with pytest.raises(AttributeError):
            setattr(part, fields(part)[0].name, None)
    assert small.known.data.truth is None and small.known.kind == "own"


def test_nobody_on_record_leaves_reasons_and_no_results_of_people(small):
    assert small.people.identity is small.people.letters is small.people.lists is small.people.privacy is None
    assert {"identity", "clientele", "letters", "lists", "privacy", "subscriptions"} <= small.missing.keys()
    assert all(why.endswith(".") and len(why) > 20 for why in small.missing.values())
    names = [result.name for result in small.results]
    assert not [name for name in names if name.split(".")[0] in ("identity", "customers", "recommend", "privacy")]
    assert "pricing.truth_inside" not in names and names[0] == "gain.over_today_per_week"


def test_the_parts_of_the_gain_add_up(small):
    decision, profit = small.decision, small.decision.comparison["profit"]
    assert decision.standing.today == RECORD and decision.standing.recorded
    assert decision.over_today.total.mean() == pytest.approx(decision.standing.over_today)
    assert decision.over_rule.total.mean() == pytest.approx(decision.standing.over_rule)
    assert decision.over_rule.by_source.sum(axis=1).to_numpy() == pytest.approx(decision.over_rule.total)
    assert decision.over_today.low <= decision.standing.over_today <= decision.over_today.high
    assert small.returns.cheapest["gain"].sum() == pytest.approx(decision.standing.over_today)
    assert small.returns.cheapest["running"].sum() == pytest.approx(small.params.running_cost / 52)
    assert (
        decision.standing.most * small.params.evaluation_weeks >= profit.max() and decision.standing.to_foresight >= 0
    )
    counted = decision.standing.over_today - small.params.running_cost / 52
    assert small.returns.counted == pytest.approx(counted)


def test_tonights_order_has_every_line_with_supplier_and_reason(small):
    order, known = small.decision.tonight, small.known
    day = known.dates.get_loc(small.decision.evening)
    ordered = small.decision.books[PLAN].orders[:, day]
    assert len(order) == (ordered > 0).sum() and order["units"].sum() == ordered.sum()
    assert order["cost"].sum() == pytest.approx(ordered @ known.chain.cost)
    assert order[["supplier", "reason"]].notna().all(axis=None) and np.allclose(order["packs"] % 1, 0)
    for line in order.itertuples():
        assert f"{line.item} in {line.store}" in line.reason
    assert small.decision.failing.empty


def test_fans_are_quantiles_of_the_paths_known_that_evening(small):
    fans, evening = small.forecast.fans, min(small.forecast.evenings)
    paths = small.forecast.outlook.made[evening + 1]
    assert fans.values.shape == (len(small.known.chain.ids), len(fans.days), len(fans.shares))
    assert np.allclose(fans.values[3, 2, 2], np.median(paths[:, 3, 2]))
    assert (np.diff(fans.values, axis=2) >= 0).all() and fans.days[0] == small.known.dates[evening + 1]
    frame = fans.frame(3)
    assert fans.inside[3] == ((frame["demand"] >= frame["0.05"]) & (frame["demand"] <= frame["0.95"])).sum()


def test_the_sliders_hold_the_payback(small):
    from lepton_nb.business.returns import Investment

    numbers = small.returns.sliders | {"years": int(small.returns.sliders["years"])}
    assert appraise(Investment(**numbers))["npv"] == pytest.approx(small.returns.likely["npv"])


def test_assumptions_of_the_return_are_parameters(small):
    other = small.params.model_copy(update={"adoption": 0.5, "fading": 0.1, "build_months": 6.0, "half_months": 6.0})
    venture = investment_of(other, small.known, small.decision)
    assert (venture.reach, venture.fade, venture.build_months, venture.half) == (0.5, 0.1, 6.0, 6.0)
    worth = [appraise(replace(case, weekly_gain=2_000.0))["npv"] for case in (venture, small.returns.venture)]
    assert worth[0] < worth[1]
    for extreme in ({"adoption": 1.0, "fading": 0.0}, {"adoption": 0.0, "fading": 0.99, "build_months": 0.0}):
        ranges = ranges_of(investment_of(small.params.model_copy(update=extreme), small.known, small.decision))
        assert all(r.low <= r.likely <= r.high for r in ranges.values())


def test_a_change_of_the_money_makes_no_order_again(small, embedded, monkeypatch):
    def again(*_):
        raise AssertionError("worked out a second time")

    for name in ("study.forecast.backtest", "study.decision.judge_chain"):
        monkeypatch.setattr(f"lepton_nb.cases.retail.{name}", again)
    other = study_of(SMALL.model_copy(update={"project_cost": 1_000.0}), small.known.data)
    assert other.params.project_cost == 1_000 and other.returns.venture.build == 1_000
    assert other.decision.comparison.equals(small.decision.comparison)


def test_a_second_run_takes_every_part_from_disk(small, embedded, monkeypatch):
    def again(*_):
        raise AssertionError("worked out a second time")

    monkeypatch.setattr("lepton_nb.cases.retail.study.forecast.backtest", again)
    monkeypatch.setattr("lepton_nb.cases.retail.study.decision.judge_chain", again)
    second = study_of(SMALL, without(cut(embedded, 2, 5), "purchases", "contacts"))
    assert [(r.name, r.value) for r in second.results] == [(r.name, r.value) for r in small.results]
    assert second.known.data.tables["sales"].equals(small.known.data.tables["sales"])


def test_what_is_kept_of_the_data_names_nobody(embedded):
    data = cut(embedded, 2, 5)
    name = max(data.tables["contacts"]["name"].dropna().astype(str), key=len).encode()
    assert name in pickle.dumps(known_of(SMALL, data)), "the search below would find nothing in any case"
    assert name not in pickle.dumps(_known_without_data(SMALL, data))


def test_one_item_in_one_store_without_deliveries_is_a_chain(embedded):
    bare = without(cut(embedded, 1, 1), "deliveries", "purchases", "contacts", "weather")
    told = study_of(SMALL, bare)
    assert len(told.known.chain.ids) == 1 and len(told.decision.tonight) <= 1
    assert not told.known.recorded and not told.decision.standing.recorded
    assert told.decision.standing.today in ("ordering up to average", "base stock")
    assert told.decision.replayed is None and RECORD not in told.decision.books
    assert "profit.what_the_chain_did" not in [result.name for result in told.results]
    assert told.business.pricing.labels is None and len(told.business.pricing.elasticities) == 1
    assert told.missing["labels"].startswith("No price is moved: 1 of 1 effects can be told; at least 3")
    assert "pricing.gain_per_week" not in [result.name for result in told.results]


def test_purchases_without_contacts_take_every_account_for_a_person(embedded):
    from lepton_nb.cases.retail.study.people import people_of

    known = known_of(SMALL, without(cut(embedded, 2, 5), "contacts"))
    told = people_of(SMALL, known)
    assert "there are no contacts" in told.missing["identity"] and told.identity is None
    assert told.missing["privacy"].endswith("no contacts: nothing was tried here.")


def test_contacts_without_purchases_are_persons_of_whom_nothing_is_known(embedded):
    from lepton_nb.cases.retail.study.people import people_of

    told = people_of(SMALL, known_of(SMALL, without(cut(embedded, 2, 5), "purchases")))
    assert "of whom no purchase is on record" in told.missing["identity"]
    assert told.clientele is told.lists is told.privacy is None


def test_too_few_days_are_refused_before_a_model_is_fitted(embedded):
    with pytest.raises(UserError, match="give more data"):
        study_of(SMALL, without(cut(embedded, 1, 2, days=80), "purchases", "contacts"))


def test_a_gain_of_one_week_has_no_interval():
    assert mean_interval(np.array([5.0])) == (-np.inf, np.inf)
    low, high = mean_interval(np.array([5.0, 5.0]))
    assert low == high == 5


def test_a_plan_worse_than_today_has_no_share_of_a_gain():
    profits = {PLAN: 90, RECORD: 100, "newsvendor": 95, "base stock": 80, "ordering up to average": 70}
    profits |= {"plan on the point forecast": 60}
    at = standing_of(pd.DataFrame({"profit": pd.Series(profits, dtype=float)}), weeks=2, most=100)
    assert at.best_rule == at.today == RECORD and at.rule_share is None and at.closed is None
    assert cheapest_way(Parameters(project_cost=1e3, running_cost=100.0), at)["running"].iloc[0] == 0


def test_a_plain_process_imports_the_study_without_notebooks():
    code = (
        "import sys\n"
        "from lepton_nb.cases.retail import study, Parameters\n"
        "import lepton_nb.cases.retail.study.known\n"
        "assert callable(study) and study.study.__doc__\n"
        "print([name for name in ('IPython', 'nbdev') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parent.parent
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert run.returncode == 0 and run.stdout.strip() == "[]", run.stdout + run.stderr


def test_linear_algebra_keeps_to_one_thread_whatever_was_set(monkeypatch):
    seen = []

    def threads(*_):
        seen.append({library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"})

    monkeypatch.setattr("lepton_nb.cases.retail.study.whole.data_of", lambda *_: None)
    monkeypatch.setattr("lepton_nb.cases.retail.study.whole.study_of", threads)
    with threadpool_limits(2, "blas"):
        threads()
        study()
        threads()
    assert seen == [{2}, {1}, {2}]


def test_parameters_that_cannot_be_used_are_refused_first():
    with pytest.raises(UserError):
        study(Parameters(source="own:no such folder"))


@pytest.mark.parametrize("module, used", [("business", _USED_IN_BUSINESS), ("people", _USED_FOR_PEOPLE)])
def test_a_step_is_given_every_parameter_it_reads_and_no_other(module, used):
    folder = Path(sys.modules["lepton_nb.cases.retail.study.whole"].__file__).parent
    read = set(re.findall(r"\bparams\.(\w+)", (folder / f"{module}.py").read_text(encoding="utf-8")))
    assert read and read <= used, f"what a step reads would be kept at its default: {read - used}"
    assert used - _USED_EARLY <= read, "what no step reads would make it run again for nothing"
