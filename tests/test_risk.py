"""Corner cases of demand.risk: what is refused, and what must hold of probabilities, folds, thresholds and prices."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.risk import (
    PHYSICS,
    WAYS,
    Calibration,
    RiskError,
    RiskModel,
    alarm_cost,
    alarm_scores,
    alarm_sentence,
    best_threshold,
    cost_curve,
    derive,
    expected_calibration_error,
    explain_alarm,
    hold_out,
    judge_nested,
    label_ahead,
    practice_lathe,
    reliability,
    sensor_readings,
)

TABLE, TRUE = practice_lathe(30)
SENSORS = ["air_temp", "process_temp", "speed", "torque", "wear"]
FAILED = TABLE["failed"]


def given(table=TABLE, sensors=SENSORS, **changes):
    return sensor_readings(
        table.assign(**changes), "failed", "run", [*sensors, *(c for c in changes if c not in TABLE)], PHYSICS
    )


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: given(sensors=["torqe"]), "torqe.*torque"),
        (lambda: given(failed=0), "all .* rows are 0"),
        (lambda: given(failed=1), "all .* rows are 1"),
        (lambda: given(failed=FAILED * 2), "found 2"),
        (lambda: given(failed=FAILED.replace(0, np.nan)), "label"),
        (lambda: given(torque=TABLE["torque"].where(TABLE.index != 7)), "'torque', row 7"),
        (lambda: given(torque=np.inf), "'torque', row 0"),
        (lambda: given(quality="L"), "quality.*'L': 0"),
        (lambda: given(TWF=(FAILED * (TABLE["wear"] > 100)).astype(int)), "TWF.*part of the label"),
        (lambda: given(ok=1 - FAILED), "'ok'.*part of the label"),
        (lambda: given(downtime_h=FAILED * 1.0), "named like a failure"),
        (lambda: given(after=TABLE["torque"] + 1000 * FAILED), "alone tells every failure"),
        (lambda: given(air_temp=TABLE["air_temp"] - 273.15), "Celsius.*Kelvin|273.15"),
        (lambda: given(air_temp=TABLE["air_temp"].where(TABLE.index != 4, 25.0)), "'air_temp', row 4"),
        (lambda: given(run=1), "all failures are in one"),
        (lambda: given(run=TABLE["run"].where(TABLE.index != 3)), "row 3: no run"),
        (
            lambda: sensor_readings(TABLE, "failed", "run", SENSORS, {"odd": lambda r: r["wear"] / 0 * 0}),
            "derived column 'odd'",
        ),
        (lambda: RiskModel().risk(TABLE), "fit"),
        (lambda: alarm_cost(FAILED, FAILED > 0, -1, 4), "miss"),
        (lambda: cost_curve(TRUE, FAILED.to_numpy(), (0.5,)), "ratios"),
        (lambda: reliability(np.array([1.5]), np.array([1])), "between 0 and 1"),
        (lambda: reliability(np.array([np.nan]), np.array([1])), "risk"),
    ],
)
def test_what_must_not_be_learnt_from_is_refused_in_words(call, words):
    with pytest.raises(RiskError, match=words):
        call()


def test_celsius_everywhere_is_no_mistake():
    both = TABLE.assign(air_temp=TABLE["air_temp"] - 273.15, process_temp=TABLE["process_temp"] - 273.15)
    assert np.allclose(given(both).x["difference"], given().x["difference"])


def test_folds_hold_whole_runs_and_failures():
    data = given()
    seen = []
    for inside, outside in hold_out(data.failed, data.run, 4):
        assert not set(data.run[inside]) & set(data.run[outside]) and data.failed[outside].sum() > 0
        seen.extend(outside)
    assert sorted(seen) == list(range(len(data.failed)))


def test_the_outcome_of_a_held_out_run_changes_nothing_of_its_risk():
    data, quick = given(), {"boosting": WAYS["boosting"]}
    inside, outside = hold_out(data.failed, data.run, 3)[0]
    other = np.array(data.failed)
    other[outside] = 1 - other[outside]
    told = [
        RiskModel(quick, folds=3).fit(d, inside).risk(d.sensors.iloc[outside])
        for d in (data, given(TABLE.assign(failed=other)))
    ]
    assert np.array_equal(*told)


def test_a_score_that_says_double_is_mended_and_keeps_its_order():
    rng = np.random.default_rng(0)
    true = rng.beta(1, 8, 20_000)
    failed, score = (rng.random(20_000) < true).astype(int), np.minimum(2 * true, 1)
    said = expected_calibration_error(reliability(score, failed))
    for kind in ("sigmoid", "isotonic"):
        mended = Calibration.fit(kind, score[:10_000], failed[:10_000])(score[10_000:])
        assert expected_calibration_error(reliability(mended, failed[10_000:])) < said / 3
        order = np.argsort(score[10_000:], kind="stable")
        assert (np.diff(mended[order]) >= 0).all() and mended.min() >= 0 and mended.max() <= 1


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(1)
    for _ in range(20):
        risk, failed = rng.random(40).round(1), (rng.random(40) < 0.3).astype(int)
        found = alarm_scores(failed, risk >= best_threshold(risk, failed))["F1"]
        assert np.isclose(found, max(alarm_scores(failed, risk >= t)["F1"] for t in np.unique(risk)))


def test_the_price_threshold_is_best_for_a_true_risk():
    rng = np.random.default_rng(2)
    risk = rng.beta(0.4, 4, 200_000)
    failed = (rng.random(len(risk)) < risk).astype(int)
    costs = {t: alarm_cost(failed, risk >= t, 100, 4) for t in (0.01, 0.02, 0.04, 0.08, 0.16, 0.5)}
    assert min(costs, key=costs.get) == 0.04


def test_readings_of_a_machine_that_stands():
    time = pd.date_range("2026-01-05", periods=6, freq="h")
    log = pd.DataFrame({"machine": ["a"] * 6 + ["b"] * 6, "time": [*time, *time], "torque": 40.0})
    down = pd.DataFrame({"machine": ["a"], "start": [time[3]], "end": [time[5]]})
    with pytest.raises(RiskError, match="machine 'a'.*2026-01-05 03:00.*2 such rows"):
        label_ahead(log, down, "1h")
    kept = label_ahead(log, down, "1h", down="drop")
    assert len(kept) == 10 and kept.loc[kept["fails"] == 1, ["machine", "time"]].values.tolist() == [["a", time[2]]]
    for wrong, words in (
        (lambda: label_ahead(log, down.assign(end=time[0]), "1h"), "is back before"),
        (lambda: label_ahead(log, down.drop(columns="end"), "1h"), "'end'"),
        (lambda: label_ahead(log, down, "-1h"), "within"),
        (lambda: label_ahead(log, down, "1h", down="keep"), "'keep'"),
    ):
        with pytest.raises(RiskError, match=words):
            wrong()


def test_nested_choice_explains_itself():
    data, quick = given(practice_lathe(60)[0]), {"boosting": WAYS["boosting"]}
    judged = judge_nested(data, 3, lambda: RiskModel(quick, folds=3))
    assert len(judged.chosen) == 3 and ((judged.risk >= 0) & (judged.risk <= 1)).all()
    model = RiskModel(quick, folds=3).fit(data)
    quiet = explain_alarm(model, data, data.sensors.median(), usual=20)
    row = data.sensors.median()
    row["torque"], row["speed"] = 70.0, 1400.0
    loud = explain_alarm(model, data, row, usual=20)
    assert loud["share"].sum() > quiet["share"].sum() + 0.2 and loud["name"][0] == "torque"
    text = alarm_sentence(loud, 0.8)
    assert text.startswith("Risk of failure 80%: ") and "power is 10,2" in text and "usual" in text
    assert np.isclose(derive(row.to_frame().T, PHYSICS)["power"].iloc[0], 70 * 1400 * 2 * np.pi / 60)
