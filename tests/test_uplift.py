"""Trials and uplift: tables that are no trial, odd trials, intervals over many trials, and a chain with a mailing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.parameters import Parameters
from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.study.known import known_of
from lepton_nb.cases.retail.study.people import people_of
from lepton_nb.data.findings import DataError
from lepton_nb.people.trials import (
    TrialError,
    adjusted_effect,
    check_trial,
    difference_in_means,
    draw_trial,
    feature_balance,
    mean_effect,
    persons_needed,
    response_of,
    sample_ratio,
    trial_doubts,
    trial_of,
)
from lepton_nb.people.uplift import (
    advice,
    compare_ways,
    effect_scores,
    effects_by_group,
    effects_by_person,
    learn_effects,
    study_mailing,
    study_trial,
    uplift_curve,
)

SENT = pd.Timestamp("2025-03-03")


def table(n: int = 20, **columns) -> pd.DataFrame:
    frame = pd.DataFrame({"person": range(n), "treated": np.arange(n) % 2, "outcome": np.arange(n) * 1.0})
    return frame.assign(**columns)


# ---- tables that are no trial


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame(), "no rows"),
        (table().drop(columns="treated"), "lacks the column treated; it has person, outcome"),
        (table(treated=1), "no control group: all 20 persons were treated"),
        (table(treated=0), "nobody was treated"),
        (table(treated=[1] + [0] * 19), "1 treated and 19 controls; an effect needs at least 2"),
        (table(treated=["yes", *[0, 1] * 9, 0]), "treated is 'yes' in row 1; write 1"),
        (table(treated=[0.5, *[0, 1] * 9, 0]), "treated is 0.5|treated is np.float64"),
        (table(treated=[np.nan, *[0, 1] * 9, 0]), "treated is nan|treated is np.float64"),
        (table(outcome=[np.nan] * 5 + [1.0] * 15), "outcome is no number in rows 1, 2, 3 and 2 more"),
        (table(outcome=[np.inf] + [1.0] * 19), "outcome is no number in row 1"),
        (table(person=[0, 0, *range(1, 19)]), "person in row 2 stands in an earlier row too"),
        (table(person=[None, *range(19)]), "person is empty in row 1"),
        (table(town="Havenbrook"), "features must be numbers, and town is not"),
        (table(block=[1] * 10 + [2] * 10, treated=[0, 1] * 5 + [1] * 10), "no control group in block 2"),
    ],
)
def test_a_table_that_is_no_trial_is_refused_in_words(frame, says):
    with pytest.raises(TrialError, match=says):
        check_trial(frame)


def test_all_faults_are_told_at_once():
    with pytest.raises(TrialError) as error:
        check_trial(table(treated=[3, *[0, 1] * 9, 0], outcome=[np.nan] + [1.0] * 19, person=0))
    assert all(word in str(error.value) for word in ("treated", "outcome", "person"))


def lists(n: int = 40) -> tuple[pd.DataFrame, pd.DataFrame]:
    mailing = pd.DataFrame({"person": range(n), "sent": SENT, "treated": np.arange(n) % 2})
    before = pd.DataFrame({"person": range(n), "date": SENT - pd.Timedelta(days=10), "value": 5.0})
    after = pd.DataFrame({"person": range(0, n, 3), "date": SENT + pd.Timedelta(days=5), "value": 7.0})
    last = pd.DataFrame({"person": ["x"], "date": [SENT + pd.Timedelta(days=60)], "value": [1.0]})
    return mailing, pd.concat([before, after, last])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda m, p: (m, p[p["date"] < SENT]),
            "all are dated before the mailing of 2025-03-03, the last on 2025-02-21",
        ),
        (lambda m, p: (m, p[p["date"] < SENT + pd.Timedelta(days=9)]), "end on 2025-03-08, and the 56 days after"),
        (lambda m, p: (m.assign(sent="soon"), p), "mailing: sent is no day in rows 1, 2, 3 and 37 more"),
        (lambda m, p: (m.assign(sent=20250303), p), "mailing: sent is no day"),
        (lambda m, p: (m.drop(columns="sent"), p), "mailing: no column sent"),
        (lambda m, p: (m, p.drop(columns="value")), "purchases: no column value"),
        (lambda m, p: (m.iloc[:0], p), "mailing: no rows"),
        (lambda m, p: (pd.concat([m, m.iloc[:1]]), p), "stands in an earlier row too"),
        (lambda m, p: (m.assign(treated=1), p), "no control group"),
    ],
)
def test_lists_that_are_no_trial_are_refused_in_words(change, says):
    with pytest.raises(TrialError, match=says):
        trial_of(*change(*lists()))


def test_what_came_before_the_mailing_is_known_and_never_outcome():
    mailing, bought = lists()
    trial = trial_of(mailing, bought)
    assert trial.outcome.sum() == 7.0 * 14 and (trial_of(mailing, bought, outcome="came").outcome.sum()) == 14
    earlier = pd.concat([bought, pd.DataFrame({"person": [0], "date": [SENT - pd.Timedelta(days=1)], "value": [99.0]})])
    assert trial_of(mailing, earlier).outcome.tolist() == trial.outcome.tolist()
    assert trial_of(mailing, earlier).features.loc[0, "spent"] == 104.0


def test_a_person_in_two_mailings_takes_part_with_the_first():
    mailing, bought = lists()
    again = mailing.assign(sent=SENT - pd.Timedelta(days=100), treated=1 - mailing["treated"])
    both = trial_of(pd.concat([mailing, again]), bought)
    assert (both.treated == again["treated"].to_numpy(bool)).all() and both.outcome.sum() == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda t: study_trial(t, margin=0.3, cost=-1), "cost is -1"),
        (lambda t: study_trial(t, margin=0.0, cost=1), "margin 0.0"),
        (lambda t: study_trial(t, margin=np.nan, cost=1), "margin is nan"),
        (lambda t: compare_ways(t, effects_by_person(t), 0.3, -0.5), "cost is -0.5; a letter costs 0 or more"),
        (lambda t: sample_ratio(t, 1.0), "planned is 1.0"),
        (lambda t: persons_needed(mean_effect(t), 0.0), "worth is 0.0"),
        (lambda t: effects_by_person(t, parts=1), "parts is 1"),
        (lambda t: effects_by_person(t, teachers=10), "teachers is 10; take 1 to 9"),
        (lambda t: learn_effects(t, learner="S"), "learner is 'S'; it must be X or T"),
        (lambda t: learn_effects(replace(t, features=t.features[[]])), "no features"),
        (lambda t: response_of(t), "outcome must be 1 for who came"),
        (lambda t: draw_trial(np.random.default_rng(0), effects="odd"), "effects is 'odd'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(call, says):
    trial, _ = draw_trial(np.random.default_rng(0), 300)
    with pytest.raises(TrialError, match=says):
        call(trial)


# ---- odd trials


def test_the_order_of_rows_changes_no_effect_and_neither_does_the_unit_of_a_feature():
    trial, _ = draw_trial(np.random.default_rng(1), 500)
    frame = trial.features.reset_index().assign(treated=trial.treated.astype(int), outcome=trial.outcome)
    mixed = check_trial(frame.sample(frac=1, random_state=0))
    scaled = check_trial(frame.assign(spent=frame["spent"] * 1e6 + 1e3, twice=frame["spent"] * 2.0))
    for other in (mixed, scaled):
        assert np.isclose(adjusted_effect(other).effect, adjusted_effect(trial).effect)
        assert np.isclose(feature_balance(other).p, feature_balance(trial).p)
    assert feature_balance(scaled).freedom == feature_balance(trial).freedom


def test_holes_are_marked_and_constants_dropped():
    frame = table(40, age=[np.nan, 30.0] * 20, same=1.0, none=np.nan)
    assert list(check_trial(frame).features) == ["age unknown"]
    frame["age"] = np.where(np.arange(40) % 5 == 0, np.nan, np.arange(40.0))
    trial = check_trial(frame)
    assert list(trial.features) == ["age", "age unknown"] and np.isfinite(trial.features.to_numpy()).all()


def test_an_effect_without_spread_has_an_interval_of_no_length():
    same = check_trial(table(outcome=np.where(np.arange(20) % 2, 3.0, 1.0)))
    effect = difference_in_means(same)
    assert (effect.low, effect.effect, effect.high) == (2.0, 2.0, 2.0)


def test_too_many_features_are_refused_and_the_difference_takes_their_place():
    frame = table(**{f"x{k}": np.random.default_rng(k).normal(size=20) for k in range(3)})
    with pytest.raises(TrialError, match="3 features are too many for 10 persons in the smaller group; give up to 1"):
        adjusted_effect(check_trial(frame))
    assert mean_effect(check_trial(frame)) == difference_in_means(check_trial(frame))


def test_blocks_with_shares_of_their_own_do_not_bias():
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        block = rng.integers(0, 2, 400)
        treated = rng.random(400) < np.where(block, 0.8, 0.2)
        outcome = 10.0 * block + rng.normal(size=400) + 0.5 * treated
        trial = check_trial(
            table(400, block=block, treated=treated.astype(int), outcome=outcome, x=rng.normal(size=400))
        )
        found.append([(e.effect, e.low <= 0.5 <= e.high) for e in (difference_in_means(trial), adjusted_effect(trial))])
        assert abs(effect_scores(trial).mean() - difference_in_means(trial).effect) < 1e-9
    mean, covers = np.array(found).mean(0).T
    assert np.abs(mean - 0.5).max() < 0.04 and (covers > 0.9).all()


def test_records_lost_on_one_side_are_noticed():
    trial, _ = draw_trial(np.random.default_rng(2), 3000)
    keep = ~trial.treated | (np.random.default_rng(0).random(3000) < 0.85)
    frame = trial.features.reset_index().assign(treated=trial.treated.astype(int), outcome=trial.outcome)[keep]
    assert trial_doubts(trial, 0.5) == []
    assert "sample-ratio mismatch" in trial_doubts(check_trial(frame), 0.5)[0]


def test_a_letter_that_keeps_people_away_has_a_response_below_zero():
    rng = np.random.default_rng(0)
    treated = rng.random(2000) < 0.5
    came = rng.random(2000) < np.where(treated, 0.3, 0.5)
    found = response_of(check_trial(table(2000, treated=treated.astype(int), outcome=came * 1.0)))
    assert found.high < 0 and found.effect.high < 0
    with pytest.raises(TrialError, match="all controls came"):
        response_of(check_trial(table(outcome=1.0)))


# ---- effects by person


def test_no_person_is_scored_by_a_model_that_saw_them():
    trial, _ = draw_trial(np.random.default_rng(3), 300, effects="mixed")
    for teachers in (None, 3):
        before = effects_by_person(trial, teachers=teachers)
        for k in (3, 6, 9):
            part = before.part == k
            wild = replace(trial, outcome=np.where(part, 1e4, trial.outcome))
            assert np.array_equal(effects_by_person(wild, teachers=teachers).effect[part], before.effect[part])


def test_a_seed_repeats_and_both_learners_find_the_sign():
    trial, truth = draw_trial(np.random.default_rng(4), 4000, effects="mixed")
    for learner in ("X", "T"):
        one, two = (effects_by_person(trial, learner=learner, seed=5) for _ in range(2))
        assert np.array_equal(one.effect, two.effect)
        assert np.corrcoef(one.effect, truth)[0, 1] > 0.35
    assert not np.array_equal(effects_by_person(trial, seed=6).part, one.part)


def test_the_curve_is_that_of_counting():
    rng = np.random.default_rng(0)
    score, order = rng.normal(size=50), rng.normal(size=50)
    curve = uplift_curve(score, order)
    best = score[np.argsort(-order)]
    gains = np.cumsum(best) / 50
    assert np.allclose(curve.curve["gain"].iloc[[2, 50, 100]], gains[[0, 24, 49]])
    area = np.mean((np.concatenate([[0], gains[:-1]]) + gains) / 2)  # trapezoids
    assert np.isclose(curve.auuc, area) and np.isclose(curve.qini, area - gains[-1] / 2) and curve.low < curve.high


def test_ways_keep_their_books():
    trial, _ = draw_trial(np.random.default_rng(5), 2000, effects="mixed")
    told = compare_ways(trial, effects_by_person(trial, teachers=3), 0.3, 0.2, rival=trial.features["spent"].to_numpy())
    ways = told.ways
    assert ways.loc["nobody", ["share", "money", "low", "high"]].eq(0).all()
    assert ways.loc["everybody", ["over_everybody", "over_low", "over_high"]].eq(0).all()
    assert np.allclose(ways["money"] - ways.loc["everybody", "money"], ways["over_everybody"])
    assert np.isclose(ways.loc["as many by lot", "share"], ways.loc["rule", "share"])
    assert abs(ways.loc["as many of the top spenders", "share"] - ways.loc["rule", "share"]) < 0.01
    dear = compare_ways(trial, effects_by_person(trial, teachers=3), 0.3, 50.0)
    assert dear.best == "nobody" and dear.ways.loc["rule", "share"] == 0


def test_scores_are_unbiased_where_the_model_is_nonsense():
    class Wrong:
        def fit(self, x, y):
            return self

        def predict(self, x):
            return 40.0 - 3.0 * x[:, 0]

    found = []
    for k in range(60):
        trial, truth = draw_trial(np.random.default_rng(k), 800, effects="same")
        made = effects_by_person(trial, parts=2, outcomes=lambda n: Wrong(), effects=lambda n: Wrong())
        found.append(effect_scores(trial, made).mean() - truth.mean())
    assert abs(np.mean(found)) < 3.5 * np.std(found) / np.sqrt(60)


def test_small_trials_yield_an_effect_and_no_opinion_on_persons():
    small = study_trial(draw_trial(np.random.default_rng(0), 100)[0], 0.3, 0.2)
    assert small.targeting is None and small.expected.empty and "no opinion on single persons" in small.why
    assert "Whether it pays is open" in advice(small, "EUR") and not small.write.any()
    bare = study_trial(check_trial(table(400, outcome=np.arange(400) % 4 + 5.0 * (np.arange(400) % 2))), 0.5, 0.2)
    assert "alike" in bare.why and bare.write.all() and "pays for everybody" in advice(bare)
    lost = study_trial(check_trial(table(400, outcome=np.arange(400) % 4 * 1.0)), 0.5, 9.0)
    assert not lost.write.any() and "does not pay" in advice(lost)


def test_every_verdict_has_its_words():
    mixed = study_trial(draw_trial(np.random.default_rng(3), 4000, effects="mixed")[0], 0.3, 0.2)
    assert mixed.targeting.best == "rule" and "more than writing to everybody" in advice(mixed, "EUR")
    assert 0 < mixed.write.mean() < 1 and mixed.model.qini > mixed.spenders.qini
    same = study_trial(draw_trial(np.random.default_rng(3), 8000, effects="same")[0], 0.3, 0.05)
    assert same.targeting.best == "everybody" and same.write.all()
    assert "choosing persons was not shown to earn more" in advice(same)
    nobody = study_trial(draw_trial(np.random.default_rng(3), 4000, effects="none")[0], 0.3, 0.6)
    assert nobody.targeting.best == "nobody" and not nobody.write.any() and "Write to nobody" in advice(nobody)
    open_ = study_trial(draw_trial(np.random.default_rng(3), 2000, effects="none")[0], 0.3, 0.0)
    assert open_.targeting.best == "open" and not open_.write.any() and "persons would tell" in advice(open_)


def test_groups_hold_every_judged_person_once():
    trial, _ = draw_trial(np.random.default_rng(6), 1500, effects="mixed")
    turn = effects_by_person(trial, teachers=3)
    groups = effects_by_group(trial, turn, groups=4)
    assert groups["persons"].sum() == (turn.part >= 0).sum() and groups["expected"].is_monotonic_decreasing
    weighted = (groups["measured"] * groups["persons"]).sum() / groups["persons"].sum()
    assert np.isclose(weighted, effect_scores(trial, turn)[turn.part >= 0].mean())


def test_a_study_of_two_lists_is_that_of_their_trial():
    mailing, bought = lists(60)
    assert study_mailing(mailing, bought, 0.3, 0.2).effect == study_trial(trial_of(mailing, bought), 0.3, 0.2).effect


# ---- a chain with a mailing


RHO = 0.3
DAYS = pd.date_range("2024-07-01", periods=330)


def chain_with_a_mailing(seed: int = 0, n: int = 900) -> dict[str, pd.DataFrame]:
    """Customers who come at their own pace and leave, and a letter to half of them, drawn by lot."""
    rng, sent = np.random.default_rng(seed), DAYS[200]
    pace, gone = rng.gamma(1.5, 0.02, n) + 0.004, rng.integers(20, 400, n)
    came = (rng.random((n, len(DAYS))) < pace[:, None]) & (np.arange(len(DAYS)) < gone[:, None])
    came[np.arange(n), rng.integers(0, 20, n)] = True  # everybody came once at the beginning
    treated = rng.random(n) < 0.5
    away = 199 - np.array([np.flatnonzero(row[:200])[-1] for row in came]) + 1
    back = treated & ~came[:, 200:256].any(1) & (rng.random(n) < RHO * 0.5 ** (away / 7 / 26))
    came[np.flatnonzero(back), rng.integers(200, 256, n)[back]] = True
    person, day = np.nonzero(came)
    item = rng.choice(["tea", "milk", "bread"], len(day))
    bought = pd.DataFrame(
        {
            "date": DAYS[day],
            "receipt": [f"b{k}" for k in range(len(day))],
            "record": [f"{k:04d}" for k in person],
            "store": "S1",
            "item": item,
            "units": 1,
            "price": pd.Series(item).map({"tea": 30.0, "milk": 12.0, "bread": 20.0}),
        }
    )
    sales = bought.groupby(["date", "store", "item"], as_index=False).agg(
        units=("units", "sum"), price=("price", "mean")
    )
    record = [f"{k:04d}" for k in range(n)]
    mailings = pd.DataFrame({"sent": sent, "record": record, "treated": np.where(treated, "yes", "no")})
    return {"sales": sales, "purchases": bought, "mailings": mailings}


@pytest.fixture(scope="module")
def people_from(tmp_path_factory):
    """Write tables as CSV files and study the people in them."""

    def people(**tables):
        folder = tmp_path_factory.mktemp("own")
        for name, frame in tables.items():
            frame.to_csv(folder / f"{name}.csv", index=False)
        params = Parameters(source=f"own:{folder}", evaluation_weeks=4, validation_weeks=4)
        return people_of(params, known_of(params))

    return people


def test_a_mailing_in_the_data_turns_the_response_into_an_estimate(people_from):
    tables = chain_with_a_mailing()
    bare = people_from(**{name: tables[name] for name in ("sales", "purchases")})
    assert bare.letters.trial is None and bare.letters.response == 0.05 and "trial" not in bare.missing
    told = people_from(**tables)
    trial, letters = told.letters.trial, told.letters
    assert trial.persons == 900 and 400 < trial.treated < 500 and "trial" not in told.missing
    assert trial.low < RHO < trial.high and trial.low > 0 and letters.response == trial.response
    assert letters.sent > bare.letters.sent and letters.low < letters.gain < letters.high
    assert told.clientele.by_segment.equals(bare.clientele.by_segment)
    late = people_from(**tables | {"mailings": tables["mailings"].assign(sent=DAYS[300])})
    assert late.letters == bare.letters and "are not over" in late.missing["trial"]
    few = people_from(**tables | {"mailings": tables["mailings"].iloc[:40]})
    assert few.letters == bare.letters and "30 on each side" in few.missing["trial"]


def test_a_mailing_to_the_best_customers_is_not_believed(people_from):
    tables = chain_with_a_mailing()
    often = tables["purchases"].loc[tables["purchases"]["date"] < DAYS[200], "record"].value_counts()
    best = tables["mailings"]["record"].map(often) > often.median()
    told = people_from(**tables | {"mailings": tables["mailings"].assign(treated=np.where(best, "yes", "no"))})
    assert (
        told.letters.trial is None and told.letters.response == 0.05 and "hardly drawn by lot" in told.missing["trial"]
    )


def test_letters_that_keep_people_away_are_not_written(people_from):
    tables = chain_with_a_mailing()
    turned = tables["mailings"].assign(treated=tables["mailings"]["treated"].map({"yes": "no", "no": "yes"}))
    letters = people_from(**tables | {"mailings": turned}).letters
    assert letters.trial.response < 0 and letters.sent == 0 and letters.gain == 0 and letters.break_even is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t | {"mailings": t["mailings"].assign(treated="yes")}, "nobody was left out: no control group"),
        (lambda t: t | {"mailings": t["mailings"].assign(treated="no")}, "nobody got the letter"),
        (lambda t: t | {"mailings": t["mailings"].assign(treated="maybe")}, "treated"),
        (lambda t: {k: v for k, v in t.items() if k != "purchases"}, "no table purchases says who came"),
        (lambda t: t | {"mailings": t["mailings"].assign(sent="2026-01-01")}, "came before it"),
        (
            lambda t: t | {"mailings": pd.concat([t["mailings"], t["mailings"].iloc[:1].assign(treated="no")])},
            "drawn the other way|row 902",
        ),
    ],
)
def test_mailings_that_are_no_trial_are_told_when_the_files_are_read(tmp_path, change, says):
    tables = chain_with_a_mailing()
    tables["mailings"].loc[0, "treated"] = "yes"
    for name, frame in change(tables).items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(DataError, match=says):
        SOURCES.load(f"own:{tmp_path}")


def test_rows_of_a_mailing_that_stand_twice_count_once(people_from):
    tables = chain_with_a_mailing()
    twice = people_from(**tables | {"mailings": pd.concat([tables["mailings"]] * 2)})
    assert twice.letters == people_from(**tables).letters


def test_a_row_drawn_both_ways_is_told_where_it_stands_in_the_file(tmp_path):
    tables = chain_with_a_mailing()
    tables["mailings"].loc[0, "treated"] = "yes"
    twice = pd.concat([tables["mailings"], tables["mailings"].iloc[:1].assign(treated="no")])
    for name, frame in tables.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    head, *rows = twice.to_csv(index=False).splitlines()
    (tmp_path / "mailings.csv").write_text("\n".join([head, ",,", ",,", *rows]) + "\n")
    with pytest.raises(DataError) as told:
        SOURCES.load(f"own:{tmp_path}")
    assert told.value.problems[["file", "row"]].to_numpy().tolist() == [["mailings.csv", 904]]
