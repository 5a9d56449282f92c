"""The investment case on odd input."""

from dataclasses import replace

import numpy as np
import pytest

from lepton_nb.business.accuracy import break_even, cost_line
from lepton_nb.business.returns import (
    Estimate,
    Investment,
    Range,
    ReturnError,
    Stream,
    adoption,
    appraise,
    carried_by,
    cash_flows,
    chances,
    gain_bounds,
    in_steps,
    irr,
    money_by_month,
    monte_carlo,
    monthly_flows,
    needed_gain,
    npv,
    payback,
    present_value,
    resample_means,
    shared_part,
    tornado,
)

CASE = Investment(build=40_000, running=12_000, weekly_gain=700)


@pytest.mark.parametrize("seed", range(5))
def test_npv_and_irr_agree_with_each_other_on_random_flows(seed):
    flows = np.random.default_rng(seed).normal(0, 100, 20)
    for rate in irr(flows):
        assert abs(npv(rate, flows)) < 1e-8 * npv(rate, np.abs(flows))
    assert np.isclose(npv(0.07, flows), sum(f / 1.07**t for t, f in enumerate(flows)))


def test_a_rate_is_found_in_flows_of_thirty_years():
    flows = monthly_flows(replace(CASE, years=30))["net"]
    with np.errstate(over="raise", invalid="raise"):
        rates = irr(flows)
    assert len(rates) == 1 and abs(npv(rates[0], flows)) < 1e-6 * npv(rates[0], np.abs(flows))


def test_flows_that_never_turn_have_no_rate_and_no_payback():
    assert irr([100, 100]) == [] and irr([-100, -1]) == [] and irr([0, 0, 0]) == []
    assert payback([5, 5]) == 0 and np.isinf(payback([-10, 4])) and payback([-10, 0, 10]) == 2
    assert payback([-10, 20, -15, 20]) > 2, "a payback that does not last was counted"


@pytest.mark.parametrize(
    "change, word",
    [
        ({"build": -1}, "build is -1"),
        ({"reach": 1.2}, "reach is 1.2"),
        ({"fade": 1.0}, "fade is 1"),
        ({"years": 0}, "years is 0"),
        ({"rate": -2}, "rate is -2"),
        ({"half": -3}, "half is -3"),
        ({"weekly_gain": np.nan}, "weekly_gain is nan"),
        ({"build": "40,000"}, "build is '40,000'"),
        ({"running": None}, "running is None"),
        ({"half": np.inf}, "half is inf"),
    ],
)
def test_an_impossible_case_is_refused_by_name(change, word):
    with pytest.raises(ReturnError, match=word):
        replace(CASE, **change)


def test_a_case_that_is_built_too_late_says_so():
    with pytest.raises(ReturnError, match="no gain can break even"):
        needed_gain(replace(CASE, build_months=40))


def test_many_cases_at_once_equal_one_by_one():
    gains, halves = np.array([0.0, 500, 900]), np.array([0.0, 3, 12])
    many = present_value(replace(CASE, weekly_gain=gains, half=halves, build_months=np.array([0, 2.5, 6])))
    one = [
        present_value(replace(CASE, weekly_gain=g, half=h, build_months=b))
        for g, h, b in zip(gains, halves, (0, 2.5, 6))
    ]
    assert np.allclose(many, one)
    assert np.isclose(cash_flows(CASE)["cumulated"].iloc[-1], appraise(CASE)["npv"])


def test_build_is_spent_once_and_running_from_going_live():
    for months in (0, 0.5, 3, 7.25):
        flows = monthly_flows(replace(CASE, build_months=months))
        assert np.isclose(flows["build"].sum(), -40_000) and np.isclose(flows["running"].sum(), -1000 * (36 - months))
    assert (np.diff(adoption(np.arange(0, 40), 5)) > 0).all()


def test_streams_are_checked():
    with pytest.raises(ReturnError, match="stream 'x': its week 1 is not a number"):
        Stream("x", [1.0, np.nan, 2.0])
    with pytest.raises(ReturnError, match="1 weeks"):
        Stream("x", [1.0])
    with pytest.raises(ReturnError, match="counted is 1.5"):
        Stream("x", [1.0, 2.0], counted=1.5)
    with pytest.raises(ReturnError, match="same weeks"):
        monte_carlo(CASE, [Stream("x", [1.0, 2.0]), Stream("y", [1.0, 2.0, 3.0])], {})
    with pytest.raises(ReturnError, match="leave it out"):
        monte_carlo(CASE, [Stream("x", [1.0, 2.0])], {"weekly_gain": Range(0, 1, 2)})
    with pytest.raises(ReturnError, match="estimate 'p': low <= mean <= high"):
        Estimate("p", 1, 2, 3)
    with pytest.raises(ReturnError, match="every run the same weeks"):
        in_steps({"today": [1.0, 2.0], "plan": [1.0, 2.0, 3.0]})
    with pytest.raises(ReturnError, match="one stream at least"):
        monte_carlo(CASE, [Estimate("p", 2, 1, 3)], {})
    assert np.isnan(shared_part([1, 1], [0, 0], [1, 1])) and shared_part([10, 10], [10, 10], [25, 25]) < 0


def test_steps_add_up_whatever_they_share():
    rng = np.random.default_rng(0)
    runs = {name: rng.normal(1000, 50, 6) for name in "abcd"}
    assert np.allclose(sum(s.weekly for s in in_steps(runs)), runs["d"] - runs["a"])
    assert gain_bounds([]).tolist() == [0, 0, 0] and gain_bounds([Stream("x", [-3.0, -1.0])]).tolist() == [-2, -2, -2]


def test_resampled_streams_move_together():
    rng = np.random.default_rng(1)
    common = rng.normal(0, 100, 12)
    draws = resample_means(np.stack([common + rng.normal(0, 10, 12), 500 + common + rng.normal(0, 10, 12)]), 3000, 2, 3)
    assert draws.shape == (3000, 2) and np.corrcoef(draws.T)[0, 1] > 0.95
    with pytest.raises(ReturnError, match="block is 7 weeks of 12"):
        resample_means(common, 10, 7)


def test_the_spread_of_resampled_means_is_that_of_a_mean():
    rng, spread = np.random.default_rng(2), []
    for trial in range(300):
        draws = resample_means(rng.normal(0, 1, 24), 400, 2, trial)
        spread.append(np.subtract(*np.quantile(draws, [0.75, 0.25])))
    from scipy.stats import t

    assert np.isclose(np.mean(spread), 2 * t.ppf(0.75, 11) / np.sqrt(24), rtol=0.06)


def test_a_seed_repeats_and_certain_money_is_certain():
    streams, ranges = [Stream("x", np.full(8, 900.0))], {"running": Range(9_000, 12_000, 20_000)}
    one, two = (monte_carlo(CASE, streams, ranges, n=200, seed=4) for _ in range(2))
    assert one.equals(two) and np.allclose(one["weekly_gain"], 900)
    assert carried_by(one)["running"] < -0.99 and list(carried_by(one).index) == ["running"]
    low, high = (present_value(replace(CASE, weekly_gain=900, running=r)) for r in (20_000, 9_000))
    assert one["npv"].between(low, high).all()
    assert chances(one)["pays"] == 1 and money_by_month(CASE, one)["month"].max() == 36
    nothing = monte_carlo(CASE, [Stream("x", np.zeros(8))], {"half": Range(1, 3, 9)}, n=50)
    assert nothing["npv"].nunique() == 1 and carried_by(nothing).empty, "a result that never varies follows nothing"
    for single in (cash_flows, appraise):
        with pytest.raises(ReturnError, match="holds draws"):
            single(replace(CASE, weekly_gain=np.array([1.0, 2.0])))
    with pytest.raises(ReturnError, match="n is 0"):
        monte_carlo(CASE, streams, ranges, n=0)
    with pytest.raises(ReturnError, match="flow 1 is not a number"):
        irr([-1.0, np.nan, 3.0])
    two_weeks = monte_carlo(CASE, [Stream("x", [800.0, 1000.0])], {}, n=50)
    assert len(two_weeks) == 50


def test_a_tornado_has_the_widest_last():
    frame = tornado(CASE, {"running": Range(9_000, 12_000, 18_000), "rate": Range(0.08, 0.08, 0.08)})
    assert frame["what"].tolist() == ["rate", "running"] and frame["swing"].iloc[0] == 0
    with pytest.raises(ReturnError, match="low <= likely <= high"):
        Range(3, 2, 1)


def test_a_line_says_when_errors_cost_nothing():
    same = np.full(8, 100.0)
    flat = cost_line({"a": 0.2, "b": 0.3, "c": 0.4}, {"a": same, "b": same, "c": same})
    assert break_even(flat, 50.0).wape == np.inf or break_even(flat, 50.0).wape > 1e6
    steep = cost_line({"a": 0.2, "b": 0.3, "c": 0.4}, {"a": same, "b": same - 50, "c": same - 100})
    assert break_even(steep, 1000.0).wape == 0 and not break_even(steep, 1000.0).measured
    level = cost_line(
        {"a": 0.1, "b": 0.2, "c": 0.3}, {name: np.zeros(8) for name in "abc"}
    )  # plans that order nothing earn the same on every forecast
    assert break_even(level, 1.0).wape == 0 and break_even(level, -1.0).wape == np.inf
    assert np.isclose(break_even(steep, 50.0).wape, 0.3) and break_even(steep, 50.0).measured
    with pytest.raises(ReturnError, match="at least 3"):
        cost_line({"a": 0.2, "b": 0.2, "c": 0.4}, {"a": same, "b": same, "c": same})
    with pytest.raises(ReturnError, match="the same weeks"):
        cost_line({"a": 0.2, "b": 0.3, "c": 0.4}, {"a": same, "b": same, "c": same[:5]})
    with pytest.raises(ReturnError, match="finite numbers"):
        cost_line({"a": 0.2, "b": 0.3, "c": 0.4}, {"a": same, "b": same, "c": np.full(8, np.nan)})
