"""Corner cases of allocation.maintenance: what is refused, and properties that hold for any parameters."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.allocation.maintenance import (
    MaintenanceError,
    WeibullLife,
    age_replacement,
    fit_life,
    inspect_or_not,
    inspection_plan,
    limit_cost,
    replacement_cost,
    risk_limit,
    stop_now,
)

LINE = pd.DataFrame({"station": ["a", "b"], "defects": 0.02, "cost": 1.0, "found": 0.7, "mend": 10.0})


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda: WeibullLife(0, 10), "shape"),
        (lambda: WeibullLife(2, np.nan), "scale"),
        (lambda: age_replacement(WeibullLife(2, 10), 0, 5), "planned"),
        (lambda: age_replacement(WeibullLife(2, 10), 1, np.inf), "failure"),
        (lambda: replacement_cost(WeibullLife(2, 10), -1, 1, 5), "age"),
        (lambda: fit_life([1.0, 2.0, 0.0]), "entry 2"),
        (lambda: fit_life([5.0, 5.0]), "2 at least"),
        (lambda: fit_life([5.0, 6.0], [False, False]), "0 failures"),
        (lambda: fit_life([5.0, 6.0], [True]), "entries"),
        (lambda: stop_now([1.2], 1, 5), "between 0 and 1"),
        (lambda: stop_now([np.nan], 1, 5), "risk"),
        (lambda: limit_cost([0.1, 0.2], 0.5, 1, 5), "shape"),
        (lambda: limit_cost([[0.1, 0.2]], 0.05, 1, 5), "before its first"),
        (lambda: risk_limit(np.array([[0.0, 0.2]]), 5, 5), "run to failure"),
        (lambda: inspect_or_not(1.2, 1, 0.5, 1, 9), "defective"),
        (lambda: inspect_or_not(0.1, -1, 0.5, 1, 9), "cost"),
        (lambda: inspection_plan(LINE.drop(columns="mend"), 9), "mend"),
        (lambda: inspection_plan(pd.concat([LINE] * 7), 9), "14 stations"),
        (lambda: inspection_plan(LINE.assign(found=1.5), 9), "found"),
    ],
)
def test_nonsense_is_refused_by_name(call, word):
    with pytest.raises(MaintenanceError, match=word):
        call()


@pytest.mark.parametrize("shape", [1.2, 2.0, 4.0])
@pytest.mark.parametrize("failure", [1.5, 5.0, 40.0])
def test_no_other_age_is_cheaper(shape, failure):
    life = WeibullLife(shape, 700)
    best = age_replacement(life, 1, failure)
    tried = [replacement_cost(life, age, 1, failure) for age in np.geomspace(5, 7000, 60)]
    assert best.cost <= min(tried) * (1 + 1e-9) and best.cost <= best.run_to_failure * (1 + 1e-12)


def test_a_dearer_failure_means_an_earlier_stop():
    ages = [age_replacement(WeibullLife(2.5, 1000), 1, cost).age for cost in (1.0, 2, 4, 16, 64)]
    assert np.isinf(ages[0]) and ages == sorted(ages, reverse=True) and ages[-1] < ages[1]


def test_the_unit_of_age_does_not_matter():
    hours, days = (age_replacement(WeibullLife(2.5, scale), 400, 2500) for scale in (2400, 100))
    assert np.isclose(hours.age, 24 * days.age) and np.isclose(24 * hours.cost, days.cost)


def test_very_regular_lives_are_fitted():
    age = np.random.default_rng(0).normal(1000, 5, 400)
    assert fit_life(age).shape > 100 and abs(fit_life(age).mean - 1000) < 2


def test_an_age_is_a_limit_on_a_risk_of_age_alone():
    life, day = WeibullLife(2.5, 100), np.arange(1000)
    risk = 1 - life.survival(day + 1) / np.maximum(life.survival(day), 1e-300)
    by_risk = risk_limit(risk[None, :600], 400, 2500)
    stop = int(np.argmax(risk >= by_risk.limit))
    best = age_replacement(life, 400, 2500)
    assert abs(stop - best.age) <= 1.5
    assert abs(by_risk.cost / best.cost - 1) < 0.02, "whole days cost about what continuous age does"


def test_no_limit_is_cheaper_on_random_rising_risks():
    rng = np.random.default_rng(2)
    for _ in range(20):
        risks = np.sort(rng.random((6, 12)) ** rng.uniform(1, 6), axis=1)
        best = risk_limit(risks, 1.0, rng.uniform(1.5, 30))
        assert np.isfinite(best.cost) and best.length >= 1
    risks = np.sort(rng.random((6, 12)) ** 4, axis=1)
    best = risk_limit(risks, 1.0, 9.0)
    for limit in np.unique(risks)[1:]:
        if (risks[:, 0] < limit).any():
            assert best.cost <= limit_cost(risks, limit, 1.0, 9.0).cost + 1e-9


def test_an_inspection_that_finds_nothing_never_pays():
    assert not inspect_or_not(0.5, 1, 0, 1, 9).inspect and np.isinf(inspect_or_not(0.5, 1, 0, 1, 9).break_even)
    assert not inspect_or_not(0.5, 1, 1, 9, 9).inspect, "mending as dear as an escape"


def test_dearer_escapes_never_mean_fewer_inspections():
    counts = [inspection_plan(LINE, escape)["inspect"].sum() for escape in (0, 60, 500, 5000)]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == 2
