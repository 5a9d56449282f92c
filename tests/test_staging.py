"""Staging against every plan tried, calls against a player that keeps a calendar, and what is refused."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from lepton_nb.allocation import staging
from lepton_nb.allocation.medians import p_median
from lepton_nb.allocation.staging import (
    KEEP_COVER,
    NEAREST,
    CallLog,
    StagingError,
    answer_calls,
    busiest_places,
    busy_share,
    expected_cover,
    greedy_staging,
    mexclp_program,
    plan_staging,
    practice_calls,
    practised_staging,
    response_summary,
)
from lepton_nb.solve.door import solve

MINUTES, CALLS, _ = practice_calls(zones=15, days=20)
WEIGHT = np.bincount(CALLS.zone, minlength=15).astype(float)


@pytest.mark.parametrize("room", [None, 1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_program_finds_the_best_of_all_plans(seed, room):
    rng = np.random.default_rng(seed)
    minutes, weight, busy = rng.uniform(0, 16, (5, 9)), rng.integers(0, 9, 9).astype(float), rng.uniform(0.05, 0.8)
    plans = [p for p in combinations_with_replacement(range(5), 4) if np.bincount(p).max() <= (room or 4)]
    best = max(expected_cover(minutes, weight, np.array(p), 8, busy) for p in plans)
    assert np.isclose(solve(mexclp_program(minutes, weight, 4, 8, busy, room)).objective, best)
    found = plan_staging(minutes, weight, 4, 8, busy, room)
    assert np.isclose(found.cover, best) and found.greedy <= best + 1e-9 and np.isclose(found.bound, best, rtol=1e-3)
    assert np.bincount(found.plan).max() <= (room or 4)
    assert np.bincount(greedy_staging(minutes, weight, 4, 8, busy, room)).max() <= (room or 4)


def slow(minutes, plan, calls):
    """Send the nearest free vehicle, by a calendar of who is back when."""
    back, told = {v: -np.inf for v in range(len(plan))}, []
    for minute, zone, stay in zip(calls.minute, calls.zone, calls.stay):
        free = [v for v in back if back[v] <= minute]
        who = min(free, key=lambda v: minutes[plan[v], zone]) if free else min(back, key=back.get)
        begin = max(minute, back[who])
        told.append(begin - minute + minutes[plan[who], zone])
        back[who] = begin + 2 * minutes[plan[who], zone] + stay
    return np.array(told)


@pytest.mark.parametrize("fleet", [2, 4, 7])
def test_calls_are_answered_as_by_a_calendar(fleet):
    plan = busiest_places(MINUTES, WEIGHT, fleet)
    assert np.allclose(answer_calls(MINUTES, plan, CALLS)["response"], slow(MINUTES, plan, CALLS))


@pytest.mark.parametrize("rule", [NEAREST, KEEP_COVER])
def test_compiled_or_not_the_answer_is_the_same(rule, monkeypatch):
    few = CALLS.some(np.arange(300))
    given = MINUTES, np.array([0, 3, 5, 5]), few, rule, 8.0, WEIGHT, 0.4
    fast = answer_calls(*given)
    monkeypatch.setattr(staging, "_play_fast", staging._play)
    assert fast.equals(answer_calls(*given))


def test_keeping_cover_sends_somebody_who_is_in_time_wherever_the_nearest_is():
    plan = plan_staging(MINUTES, WEIGHT, 12, 8.0, 0.3).plan
    calm = CallLog(np.arange(200) * 500.0, CALLS.zone[:200], 30.0)  # everybody is home when a call comes
    near, kept = (
        answer_calls(MINUTES, plan, calm, rule, 8.0, WEIGHT, 0.3)["response"] for rule in (NEAREST, KEEP_COVER)
    )
    assert ((near <= 8) == (kept <= 8)).all() and (kept >= near).all()


def test_practice_never_makes_past_calls_later():
    plans = [busiest_places(MINUTES, WEIGHT, 5), p_median(MINUTES.T, 5, WEIGHT).open]
    plan = practised_staging(MINUTES, plans, CALLS, 8.0)

    def late(p):
        played = answer_calls(MINUTES, p, CALLS)["response"]
        return (played > 8).mean() + 0.01 * played.mean() / 8

    assert late(plan) <= min(map(late, plans)) + 1e-12
    told = response_summary(answer_calls(MINUTES, plan, CALLS), 8.0)
    assert told["mean"] <= told["p90"] <= told["maximum"] and told["worst_zone_mean"] <= told["maximum"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: busy_share(9.0, 60.0, 3), "keep 9.0 vehicles busy"),
        (lambda: plan_staging(MINUTES, WEIGHT, 31, 8.0, 0.3, room=2), "31 vehicles are to wait"),
        (lambda: plan_staging(MINUTES, WEIGHT, 0, 8.0, 0.3), "vehicles is 0"),
        (lambda: plan_staging(MINUTES, WEIGHT, 2, 8.0, 1.0), "busy is 1"),
        (lambda: plan_staging(MINUTES, 0 * WEIGHT, 2, 8.0, 0.3), "not all 0"),
        (lambda: answer_calls(MINUTES, [0], CALLS, rule="farthest"), "farthest"),
        (lambda: answer_calls(MINUTES, [99], CALLS), "number of its place"),
        (lambda: answer_calls(np.where(MINUTES > 9, np.inf, MINUTES), [0], CALLS), "no way"),
        (lambda: CallLog([3.0, 1.0], [0, 0], 5.0), "order of time"),
        (lambda: practised_staging(MINUTES, [], CALLS, 8.0), "plans is empty"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(wrong, words):
    with pytest.raises(StagingError, match=words):
        wrong()
