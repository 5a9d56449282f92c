"""The simulated plant: held to reality, repeated to the digit, and what its rules are worth in many worlds."""

from pathlib import Path

import numpy as np
import pytest

from lepton_nb.allocation.policy import judge
from lepton_nb.cases.manufacturing.plant import floor
from lepton_nb.cases.manufacturing.plant.judging import (
    gain_over_worlds,
    plant_trial,
    stock_against_standstill,
    tune_by_world,
    yearly_figures,
)
from lepton_nb.cases.manufacturing.plant.rules import fixed_weeks, service_level
from lepton_nb.cases.manufacturing.world import simulate
from lepton_nb.data.shipped import rounded_hash
from lepton_nb.data.simulated import reality_card

SEEDS, MANY = range(3000, 3012), range(3000, 3040)
WEEKS = {"weeks": [0.5, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 4.0]}
LEVELS = [0.95, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999]
BOTH = {"level": LEVELS[:6], "least": [0.0, 1.0, 1.25, 1.5, 1.75]}


def trial(seeds, rare: float = 1.0):
    worlds = [simulate.draw_world(seed, rare) for seed in seeds]
    plant = simulate.world_plant(worlds[0])
    return plant_trial(plant, simulate.world_course(worlds), *simulate.model_weeks())


@pytest.fixture(scope="module")
def usual():
    return trial(SEEDS)


def test_the_embedded_data_are_made_again_to_the_digit():
    frames = simulate.SHIPPED.make()
    assert rounded_hash(frames) == simulate.CONTENT_OF_WORLD == rounded_hash(simulate.SHIPPED.load())
    again = simulate.draw_world(7)
    assert not (again.supply.lead == simulate.draw_world(8).supply.lead).all()


@pytest.mark.parametrize("seed", [7, 1, 2, 3])
def test_plants_are_like_real_ones(seed):
    measured = simulate.reality(*simulate.car_maker(seed)).set_index("what")
    off = measured[~measured["value"].between(measured["least"], measured["most"])]
    assert off.empty, off
    effectiveness = measured.loc["overall equipment effectiveness", "value"]
    assert 0.65 <= effectiveness <= 0.85 and 0.75 <= measured.loc["load of the lines", "value"] <= 0.85


def test_a_rule_sees_no_later_week(usual):
    """What comes after a Monday changes nothing that is decided on it."""
    rule = usual.rule(service_level, level=0.99, least=1.0)
    state = usual.judged.start
    before = rule(state)
    changed = trial(range(3000, 3001))
    late = changed.floor.course
    late.demand[..., changed.judged.start.week :] = 999
    late.lead[..., changed.judged.start.week :] = 60
    again = plant_trial(changed.floor.plant, late, *simulate.model_weeks())
    after = again.rule(service_level, level=0.99, least=1.0)(again.judged.start)
    for name in ("build", "order", "overtime"):
        assert np.allclose(getattr(before, name)[:1], getattr(after, name)), name


def test_parts_and_cars_are_conserved(usual):
    floor, state = usual.floor, usual.judged.start
    policy = usual.rule(fixed_weeks, weeks=1.0)
    bought, built, cars = np.zeros_like(state.stock), np.zeros((len(SEEDS), 10)), state.cars.copy()
    for week in usual.judged.events:
        plan = policy(state)
        due = state.due.copy()
        arriving = due[..., :7].sum(-1)
        after, told = floor.step(state, plan, week)
        soon = np.where(floor.course.lead[..., week] < 7, plan.order, 0.0)
        got = arriving + soon
        assert np.allclose(after.due.sum(-1), due.sum(-1) + plan.order - got)
        assert (after.stock >= -1e-6).all() and (told["hours at a stand"] >= 0).all()
        bought += np.stack([np.bincount(floor.plant.part_of, row, 40) for row in got])
        built += after.cars - state.cars + floor.course.demand[..., week]
        state = after
    used = usual.judged.start.stock + bought - state.stock
    needed = built @ floor.plant.usage
    assert (used >= needed * 0.999 - 50).all() and (used <= needed * 1.08 + 2_000).all()
    assert np.allclose(cars + built - floor.course.demand[..., list(usual.judged.events)].sum(-1), state.cars)


def test_plain_python_plays_the_same_weeks_as_the_compiler(usual, monkeypatch):
    def played() -> tuple:
        state, rule, spells = usual.judged.start, usual.rule(fixed_weeks, weeks=1.0), []
        for week in list(usual.judged.events)[:4]:
            state, told = usual.floor.step(state, rule(state), week, spells)
        return state, told, spells

    state, told, spells = played()
    for name in ("_buildable", "_line_day", "_receive"):
        compiled = getattr(floor, name)
        monkeypatch.setattr(floor, name, getattr(compiled, "py_func", compiled))
    plain, plainly, in_words = played()
    for name in ("stock", "due", "cars", "setup", "open_orders"):
        assert np.array_equal(getattr(state, name), getattr(plain, name)), name
    assert all(np.array_equal(told[name], plainly[name]) for name in told)
    assert {one.what for one in spells} == {"repair", "set-up", "work", "wait", "idle"}
    for one, other in zip(spells, in_words, strict=True):
        assert (one.line, one.day, one.what) == (other.line, other.day, other.what)
        assert np.array_equal(one.which, other.which) and np.array_equal(one.hours, other.hours)


def test_the_judge_takes_the_plant(usual):
    alone = trial(range(3000, 3001))
    policies = {f"{weeks} weeks": alone.rule(fixed_weeks, weeks=weeks) for weeks in (1.0, 2.0)}
    books = judge(alone.floor, alone.judged, policies)
    assert books["1.0 weeks"].by_period().shape == (26,)
    side = usual.play(fixed_weeks, weeks=2.0).entries["profit"][0]
    assert np.allclose(side, books["2.0 weeks"].entries["profit"][0])


def test_no_standstill_is_not_what_pays(usual):
    line = stock_against_standstill(usual, fixed_weeks, "weeks", WEEKS["weeks"]).set_index("weeks")
    assert line["hours at a stand"].is_monotonic_decreasing and line["value of parts"].is_monotonic_increasing
    best = line["cost a week"].idxmin()
    assert 1.0 < best < 4.0
    assert line.loc[4.0, "hours at a stand"] < 0.5 * line.loc[best, "hours at a stand"]
    assert line.loc[4.0, "cost a week"] > 1.2 * line.loc[best, "cost a week"]
    assert line.loc[1.0, "cost a week"] > 1.8 * line.loc[best, "cost a week"], "the untuned book"


@pytest.mark.slow
def test_the_formula_beats_the_tuned_book_where_lead_times_are_as_it_supposes():
    calm = trial(range(3000, 3160), rare=0.0)
    book = calm.play(fixed_weeks, **calm.tuned(fixed_weeks, WEEKS))
    formula = calm.play(service_level, **calm.tuned(service_level, {"level": LEVELS}))
    assert gain_over_worlds(formula, book).low > 0
    mine, theirs = (yearly_figures(one).mean() for one in (formula, book))
    assert mine["value of parts"] < theirs["value of parts"] and mine["hours at a stand"] < theirs["hours at a stand"]


@pytest.mark.slow
def test_with_late_orders_it_takes_a_lower_bound_to_beat_the_tuned_book():
    usual = trial(MANY)
    best = usual.tuned(fixed_weeks, WEEKS)
    book = usual.play(fixed_weeks, **best)
    rule = usual.play(service_level, **usual.tuned(service_level, BOTH))
    assert gain_over_worlds(rule, book).low > 0
    mine, theirs = (yearly_figures(one).mean() for one in (rule, book))
    assert mine["value of parts"] < theirs["value of parts"] and mine["hours at a stand"] < theirs["hours at a stand"]
    line = stock_against_standstill(usual, service_level, "level", [0.99, 0.998, 0.999, 0.9999], least=1.5)
    at_equal_stock = np.interp(theirs["value of parts"], line["value of parts"], line["hours at a stand"])
    assert at_equal_stock < 0.8 * theirs["hours at a stand"]
    formula = usual.play(service_level, **usual.tuned(service_level, {"level": LEVELS}))
    assert gain_over_worlds(rule, formula).low > 0


def test_each_world_may_tune_for_itself(usual):
    own = tune_by_world(usual, fixed_weeks, {"weeks": [1.0, 2.0, 3.0]})["weeks"]
    assert own.shape == (len(SEEDS), 1) and set(own.ravel()) <= {1.0, 2.0, 3.0}
    practised = usual.play(fixed_weeks, False, weeks=own).entries["profit"].sum(-1)
    for weeks in (1.0, 2.0, 3.0):
        assert (practised >= usual.play(fixed_weeks, False, weeks=weeks).entries["profit"].sum(-1) - 1e-6).all()


def test_cars_ahead_make_fewer_late_and_cost_stock(usual):
    none, some = (usual.play(service_level, level=0.999, least=1.0, cover=cover) for cover in (0.0, 0.3))
    assert some.entries["cars late"].mean() < 0.6 * none.entries["cars late"].mean()
    assert some.entries["cars in stock"].mean() > none.entries["cars in stock"].mean()


def test_the_card_tells_what_is_measured():
    card = (Path(__file__).parent.parent / "data" / "README.md").read_text(encoding="utf-8")
    assert reality_card(simulate.reality(*simulate.car_maker()), "real plants") in card


def test_the_truth_of_the_market_names_its_models_and_adds_up():
    """A cause once had the name of the column of models and took its place."""
    truth = simulate.SHIPPED.load()["truth/market"]
    assert set(truth["model"]) == set(simulate.CAR_MODELS["model"]) and truth.columns.is_unique
    causes = truth[["level", "life", "season", "price", "fuel", "shock", "market"]]
    assert np.allclose(np.exp(causes.sum(axis=1)), truth["expected"], rtol=1e-4)
