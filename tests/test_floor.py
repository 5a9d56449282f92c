"""The recursion of a line and the simulation of its processes say the same on the same draws."""

import builtins

import numpy as np
import pytest

from lepton_nb.allocation.floor import Line, LineError, departures, draw_work, line_output, simulate_line


def line_of(seed: int, stations: int) -> Line:
    rng = np.random.default_rng(seed)
    return Line(
        rng.uniform(0.5, 2, stations).tolist(),
        rng.integers(0, 5, stations - 1).tolist(),
        rng.uniform(5, 40, stations).tolist(),
        rng.uniform(0, 9, stations).tolist(),
    )


def step_by_step(work: np.ndarray, buffers, before: bool) -> np.ndarray:
    """Move parts by hand: at each moment whatever can move does, clock in hand."""
    parts, stations = work.shape
    left = np.full((parts, stations), np.inf)
    at, done, held = [None] * stations, [np.inf] * stations, [[] for _ in range(stations)]
    held[0], clock = list(range(parts)), 0.0
    room = [np.inf, *(b + 1 for b in buffers)]  # places at a station, its own among them
    taken = [0] * stations

    def move() -> bool:
        for k in reversed(range(stations)):
            part = at[k]
            free = k == stations - 1 or taken[k + 1] < room[k + 1]
            if part is not None and done[k] <= clock and (before or free):
                left[part, k], at[k] = clock, None
                if k:
                    taken[k] -= 1
                if k < stations - 1:
                    held[k + 1].append(part)
                    taken[k + 1] += not before
                return True
            if at[k] is None and held[k] and (not before or free):
                at[k] = held[k].pop(0)
                done[k] = clock + work[at[k], k]
                if before and k < stations - 1:
                    taken[k + 1] += 1
                return True
        return False

    while np.isinf(left[-1, -1]):
        while move():
            pass
        ahead = [done[k] for k in range(stations) if at[k] is not None and done[k] > clock]
        clock = min(ahead) if ahead else clock
    return left


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("before", [False, True])
def test_against_parts_that_are_moved_by_hand(seed, before):
    line = line_of(seed, 2 + seed % 3)
    work = draw_work(line, 40, 1, seed)[:, :, 0]
    assert departures(work, line.buffers, before) == pytest.approx(step_by_step(work, line.buffers, before))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("before", [False, True])
def test_against_simpy(seed, before):
    pytest.importorskip("simpy")
    line = line_of(seed, 1 + seed % 6)
    work = draw_work(line, 150, 3, seed)
    fast = departures(work, line.buffers, before)
    for r in range(3):
        assert fast[:, :, r] == pytest.approx(simulate_line(work[:, :, r], line.buffers, before), abs=1e-9)


def test_without_simpy_it_is_said(monkeypatch):
    usual = builtins.__import__

    def none(name, *rest):
        if name == "simpy":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", none)
    with pytest.raises(LineError, match="pip install simpy"):
        simulate_line(np.ones((2, 2)), [1])


def test_runs_are_those_computed_alone_and_draws_repeat():
    line = line_of(2, 4)
    work = draw_work(line, 60, 5, 9)
    assert np.array_equal(work, draw_work(line, 60, 5, 9)) and not np.array_equal(work, draw_work(line, 60, 5, 8))
    together = departures(work, line.buffers)
    assert np.array_equal(together[:, :, 3], departures(work[:, :, 3], line.buffers))


def test_parts_that_come_late_wait_for_nobody():
    work = np.ones((3, 2))
    left = departures(work, [1], release=np.array([0.0, 10.0, 10.5]))
    assert left.tolist() == [[1, 2], [11, 12], [12, 13]]


@pytest.mark.parametrize("b", [0, 2])
def test_two_exponential_stations(b):
    work = np.random.default_rng(1).exponential(size=(6000, 2, 40))
    left = departures(work, [b])[:, -1]
    rate = 5000 / (left[-1] - left[999])
    assert rate.mean() == pytest.approx((b + 2) / (b + 3), rel=0.01)


@pytest.mark.parametrize("before", [False, True])
def test_time_is_spent_in_one_of_four_ways(before):
    line = line_of(4, 5)
    out = line_output(line, draw_work(line, 300, 20, 4), before)
    assert out.stations.sum(axis=1).to_numpy() == pytest.approx(np.ones(5))
    assert (out.stations.to_numpy() >= -1e-12).all() and out.low < out.rate < out.high
    assert out.stations["works"].to_numpy() == pytest.approx(out.rate * np.array(line.cycle), rel=0.1)


def test_more_places_never_hurt_on_the_same_draws():
    line = line_of(5, 4)
    work = draw_work(line, 200, 10, 5)
    for before in (False, True):
        narrow, wide = departures(work, [0, 1, 2], before), departures(work, [0, 2, 2], before)
        assert (wide <= narrow + 1e-12).all()
    assert (departures(work, [1, 1, 1], True) >= departures(work, [1, 1, 1])).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"buffers": [1, 1]}, "buffers has 2 entries; a line of 2 stations needs 1"),
        ({"buffers": [1.5]}, "part of a place"),
        ({"buffers": [-1]}, "buffers is -1"),
        ({"cycle": [1, -2]}, "cycle is -2"),
        ({"uptime": [0, 1]}, "uptime must be above 0"),
        ({"repair": [1, np.inf]}, "repair is inf"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(changed, words):
    with pytest.raises(LineError, match=words):
        Line(**{"cycle": [1, 1], "buffers": [1], "uptime": [np.inf, 5], "repair": [1, 1]} | changed)
    with pytest.raises(LineError, match="buffers has"):
        departures(np.ones((3, 2)), [])
