"""Credit risk: tables that are refused, points against the regression, intervals, costs and groups by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lepton_nb.data.catalog import SourceError, in_place
from lepton_nb.people.credit import (
    CREDIT_SETS,
    CreditError,
    JudgedRisk,
    Scorecard,
    applications,
    compare_credit,
    cost_threshold,
    credit_set,
    draw_applications,
    group_report,
    judge_credit,
    mean_cost,
    network,
    points,
    points_table,
    reliability_of,
)

RAW, CHANCE = draw_applications(1200, seed=4)
BANK = applications(RAW, sensitive=("sex", "age"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.drop(columns="default"), "no column 'default'"),
        (lambda t: t.assign(default=2), "write 1 for a default"),
        (lambda t: t.assign(default=0), "0 loans of one kind"),
        (lambda t: t.assign(income=np.inf), "column 'income': 1200 of 1200"),
        (lambda t: t.assign(home=t["home"].where(t.index > 2)), "column 'home': 3 of 1200"),
        (lambda t: t.assign(home="  "), "no number and no text"),
        (lambda t: t[["default", "sex"]], "no column is left"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused_with_words(change, told):
    with pytest.raises(CreditError, match=told):
        applications(change(RAW), sensitive=("sex",))


def test_protected_columns_are_features_only_on_request():
    assert not {"sex", "age"} & set(BANK.features)
    assert {"sex", "age"} <= set(applications(RAW, sensitive=("sex", "age"), use_sensitive=True).features)


def test_points_add_up_to_the_log_odds_and_doubling_odds_costs_twenty():
    card = Scorecard().fit(BANK.features, BANK.default)
    total, odds = points(card, BANK.features).sum(axis=1), -card.decision_function(BANK.features)
    slope = np.polyfit(odds, total, 1)[0]
    assert abs(slope * np.log(2) - 20) < 0.5
    assert np.allclose(card.predict_proba(BANK.features)[:, 1], 1 / (1 + np.exp(odds)))
    assert all(slope > 0 for slope in card.coef_.values()), "no column turns its evidence around"
    assert set(points_table(card)["column"]) == set(card.coef_)


def test_unseen_categories_and_constant_columns_count_for_nothing():
    features = BANK.features.assign(constant=1.0)
    card = Scorecard().fit(features, BANK.default)
    assert "constant" not in card.coef_
    moon = points(card, features.assign(home="on the moon"))
    assert (
        moon["home"].nunique() == 1 and np.isfinite(card.decision_function(features.assign(home="on the moon"))).all()
    )
    with pytest.raises(CreditError, match="no column tells"):
        Scorecard().fit(features[["constant"]], BANK.default)


def test_nobody_is_judged_by_a_model_that_saw_them():
    """Labels without a cause cannot be foreseen, unless the judged rows were learnt from."""
    rng = np.random.default_rng(0)
    luck = applications(RAW.assign(default=rng.integers(0, 2, len(RAW))), sensitive=("sex", "age"))
    judged = judge_credit(luck, {"scorecard": Scorecard(bins=30, least=0.002)}, repeats=1)
    seen = Scorecard(bins=30, least=0.002).fit(luck.features, luck.default).decision_function(luck.features)
    assert roc_auc_score(luck.default, judged.risk["scorecard"][0]) < 0.55 < roc_auc_score(luck.default, seen)


def test_the_interval_of_a_difference_is_paired():
    rng = np.random.default_rng(1)
    noisy = np.clip(CHANCE + rng.normal(0, 0.02, len(CHANCE)), 0, 1)
    judged = JudgedRisk({"network": CHANCE[None], "scorecard": noisy[None]}, RAW["default"].to_numpy())
    row = compare_credit(judged, draws=100).loc["AUC"]
    alone = row["high network"] - row["low network"]
    assert row["high difference"] - row["low difference"] < alone / 2
    again = compare_credit(judged, draws=100).loc["AUC"]
    assert again.equals(row), "the same seed, the same interval"
    with pytest.raises(CreditError, match="no model 'forest'"):
        compare_credit(judged, "forest")


def test_the_network_repeats_under_its_seed():
    first, second = (network(3).fit(BANK.features, BANK.default).decision_function(BANK.features) for _ in range(2))
    assert np.array_equal(first, second)


def test_no_other_threshold_is_cheaper_where_the_chances_are_true():
    rng = np.random.default_rng(2)
    chance = rng.random(200_000)
    default = (rng.random(len(chance)) < chance).astype(int)
    at = {cut: mean_cost(default, chance > cut, 5.0) for cut in (0.08, cost_threshold(5.0), 0.25, 0.5)}
    assert min(at, key=at.get) == cost_threshold(5.0)
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(CreditError):
            cost_threshold(wrong)


def test_groups_by_hand():
    default, risk = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.1, 0.9])
    report = group_report(default, risk, pd.Series(["a", "a", "a", "b"]), 0.2).set_index("group")
    assert report.loc["a", "approved"] == 2 / 3 and report.loc["a", "good approved"] == 1 / 2
    assert report.loc["b", "approved"] == 0 and np.isnan(report.loc["b", "good approved"])
    assert np.isclose(report.loc["a", "happened less said"], 1 / 3 - 0.2)
    told = reliability_of(default, risk, bins=2)
    assert told["rows"].tolist() == [2, 2] and told["happened"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("name", list(CREDIT_SETS))
def test_a_public_set_is_read_as_published(name):
    known, sensitive = CREDIT_SETS[name]
    if in_place(known) != "here":
        pytest.skip(f"{known.ways[0][0].path} is not at hand: set LEPTON_NB_DATA to the folder that holds it")
    data = credit_set(name)
    assert len(data) in (1000, 30_000) and 0.2 < data.default.mean() < 0.31
    assert list(data.sensitive) == list(sensitive) and not set(sensitive) & set(data.features)


def test_a_set_that_is_not_here_is_told_with_what_to_get(monkeypatch, tmp_path):
    monkeypatch.delenv("LEPTON_NB_DATA", raising=False)
    monkeypatch.setattr("lepton_nb.data.catalog.cache", lambda: tmp_path)
    with pytest.raises(SourceError) as told:
        credit_set("german-credit")
    for words in ("retail/german_credit/germancredit.csv", "CC BY 4.0", "set 144", str(tmp_path)):
        assert words in str(told.value)
    with pytest.raises(CreditError, match="did you mean 'german-credit'"):
        credit_set("german-credits")
