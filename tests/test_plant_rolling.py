"""Joint service, rolling program and perfect foresight on the simulated plant: what each may know, and what holds."""

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lepton_nb.allocation.policy import run_policy
from lepton_nb.cases.manufacturing.plant.floor import Floor, PlantError, PlantState, PlantWeeks, WeekPlan
from lepton_nb.cases.manufacturing.plant.foresight import foresight_program, plant_bound, way_to_bound
from lepton_nb.cases.manufacturing.plant.joint import joint_safety, joint_service, late_orders, weeks_asked
from lepton_nb.cases.manufacturing.plant.judging import gain_over_worlds, plant_trial, yearly_figures
from lepton_nb.cases.manufacturing.plant.rolling import arrival_chances, expected_arrivals, parts_plan, usual_arrivals
from lepton_nb.cases.manufacturing.plant.rules import build_plan, fixed_weeks, service_level
from lepton_nb.cases.manufacturing.world import simulate
from lepton_nb.solve import solve

KEPT = {"level": 0.995, "least": 1.5}
JOINT_HEDGE = {"safety": partial(joint_safety, shortage=1.0)}


def trial(seeds, weeks: int = 13, **changed):
    worlds = [simulate.draw_world(seed) for seed in seeds]
    course = replace(simulate.world_course(worlds), **changed)
    return plant_trial(simulate.world_plant(worlds[0]), course, *simulate.model_weeks(), weeks=weeks)


@pytest.fixture(scope="module")
def four():
    return trial(range(3100, 3104))


@pytest.fixture(scope="module")
def bound(four):
    return plant_bound(four.floor, four.judged)


# ---- what is known


def test_open_orders_are_what_is_on_order_by_age(four):
    state = four.judged.start
    assert np.allclose(state.open_orders.sum(-1), state.on_order) and state.on_order.sum() > 0
    policy = four.rule(service_level, **KEPT)
    for week in list(four.judged.events)[:4]:
        plan = policy(state)
        state, _ = four.floor.step(state, plan, week)
        assert np.allclose(state.open_orders.sum(-1), state.on_order)
        late = four.floor.course.lead[..., week] >= 7
        assert np.allclose(state.open_orders[..., 0], plan.order * late)


@pytest.mark.parametrize("make, settings", [(joint_service, {"shortage": 1.0}), (parts_plan, KEPT)])
def test_no_way_sees_a_later_week(four, make, settings):
    course, start = four.floor.course, four.judged.start.week
    changed = {name: getattr(course, name).copy() for name in ("demand", "lead", "refused", "down")}
    changed["demand"][..., start:], changed["lead"][..., start:] = 999, 60
    changed["refused"][..., start:], changed["down"][:, :, start:] = 0.5, 3.0
    other = trial(range(3100, 3104), **changed)
    before, after = (one.rule(make, **settings)(one.judged.start) for one in (four, other))
    for name in ("build", "order", "overtime"):
        assert np.allclose(getattr(before, name), getattr(after, name)), name


def test_worlds_side_by_side_are_the_worlds_alone(four):
    alone = trial(range(3102, 3103))
    for make, settings in ((joint_service, {"shortage": 1.0}), (parts_plan, JOINT_HEDGE)):
        both, one = (t.play(make, **settings).entries["profit"] for t in (four, alone))
        assert np.allclose(both[2], one[0], rtol=1e-6), make.__name__


# ---- joint service


def test_late_orders_are_found_and_shared():
    days = np.random.default_rng(0).integers(18, 23, (30, 150))
    days[0, 5], days[1, 7] = 35, 33
    late, beyond = late_orders(days)
    assert late.sum() == 2 and late[0, 5] and late[1, 7] and (beyond > 12).all()
    asked = weeks_asked(days, futures=20_000)
    assert (asked.max(1) >= 5).all(), "a part without a late order on record expects one as well"


def test_dear_parts_and_steady_ones_are_kept_less(four):
    plant, course, outlook, state = four.floor.plant, four.floor.course, four.before_judged, four.judged.start
    use = np.ones((4, len(plant.parts), 10))
    low, high = (joint_safety(plant, course, outlook, price)(state, use) for price in (0.5, 4.0))
    assert (high >= low).all() and (high > low).mean() > 0.9 and (low >= 0).all()
    dear = replace(plant, part_holding=np.where(np.arange(len(plant.parts)) == 3, 50.0, 1.0) * plant.part_holding)
    less = joint_safety(dear, course, outlook, 4.0)(state, use)
    assert (less[:, 3] < high[:, 3]).all() and np.allclose(np.delete(less, 3, 1), np.delete(high, 3, 1))
    steady = replace(outlook, past_lead=np.broadcast_to(np.array(14), outlook.past_lead.shape))
    calm = joint_safety(plant, course, steady, 4.0)(state, use)
    assert calm.mean() < 0.6 * high.mean()


def test_what_costs_nothing_to_keep_or_to_miss_is_no_fault(four):
    plant, course, outlook, state = four.floor.plant, four.floor.course, four.before_judged, four.judged.start
    use = np.ones((4, len(plant.parts), 10))
    free = joint_safety(replace(plant, part_holding=0 * plant.part_holding), course, outlook, 1.0)(state, use)
    plain = joint_safety(plant, course, outlook, 1.0)(state, use)
    assert (free >= plain).all()
    worthless = replace(plant, stand_cost=0 * plant.stand_cost, late_cost=0 * plant.late_cost)
    assert (joint_safety(worthless, course, outlook, 1.0)(state, use) == 0).all()


@pytest.mark.parametrize("shortage", [0.0, -1.0, np.nan, np.inf])
def test_a_price_that_is_none_is_refused(four, shortage):
    with pytest.raises(PlantError, match="must cost more than nothing"):
        four.rule(joint_service, shortage=shortage)


def test_without_a_record_there_is_no_joint_service_and_no_program(four):
    bare = replace(four.before_judged, past_lead=None)
    with pytest.raises(PlantError, match="earlier orders took"):
        joint_safety(four.floor.plant, four.floor.course, bare, 1.0)
    with pytest.raises(PlantError, match="earlier orders took"):
        parts_plan(four.floor.plant, four.floor.course, bare)
    with pytest.raises(PlantError, match="at least 8 orders"):
        weeks_asked(np.full((3, 7), 10))


# ---- the rolling program


def test_chances_of_arrival_are_those_of_the_record():
    days = np.random.default_rng(1).integers(1, 40, (5, 300))
    chances = arrival_chances(days, ages=6, weeks=8)
    assert (chances >= 0).all() and np.allclose(chances.sum(-1), 1)
    comes, usual = usual_arrivals(days, days.mean(1) / 7, 8)
    assert ((comes >= 2) & (comes <= 4)).all() and np.isfinite(usual).all()
    by_hand = (days[0] <= 2).mean()
    assert chances[0, 0, 0] == pytest.approx(by_hand)
    left = days[0][days[0] >= 14]
    assert chances[0, 2, 0] == pytest.approx((left <= 16).mean())


def test_what_is_on_order_is_expected_once(four):
    plant, outlook, state = four.floor.plant, four.before_judged, four.judged.start
    coming = np.bincount(plant.part_of, state.on_order[0], len(plant.parts)) * (1 - outlook.refused[0])
    for known in (state, replace(state, open_orders=None)):
        assert np.allclose(expected_arrivals(plant, outlook, known, 0, 10).sum(1), coming)


def test_a_plan_leaves_nothing_out_that_the_book_would_build(four):
    """Else a line would stand without being counted."""
    empty = replace(four.judged.start, stock=0 * four.judged.start.stock)
    for state in (four.judged.start, empty):
        plan = four.rule(parts_plan, **KEPT)(state)
        book, _ = build_plan(four.floor.plant, four.floor.course, four.before_judged, state)
        assert (plan.build.sum(1) >= book.sum(1) - 1e-9).all()
    assert (
        plan.order[:, four.floor.plant.main_source] % four.floor.plant.pack[four.floor.plant.main_source] == 0
    ).all()


def test_a_plan_takes_well_under_a_tenth_of_a_second(four):
    policy = four.rule(parts_plan, **KEPT)
    policy(four.judged.start)
    began = time.process_time()
    policy(four.judged.start)
    assert (time.process_time() - began) / 4 < 0.1 and policy.planned == 8 and not policy.gave_up


def test_out_of_time_the_rules_plan_is_used_and_told(four):
    hurried = four.rule(parts_plan, **KEPT, time_limit=1e-9)
    plan, rule = hurried(four.judged.start), four.rule(service_level, **KEPT)(four.judged.start)
    assert hurried.gave_up == [four.judged.start.week] * 4
    for name in ("build", "order", "overtime"):
        assert np.allclose(getattr(plan, name), getattr(rule, name)), name


def test_without_a_hedge_the_program_loses_and_with_one_it_does_not(four):
    rule, hedged, bare = (
        yearly_figures(four.play(make, **settings)).mean()
        for make, settings in ((service_level, KEPT), (parts_plan, KEPT), (parts_plan, {}))
    )
    assert bare["cost a week"] > 1.5 * rule["cost a week"] and bare["value of parts"] < rule["value of parts"]
    assert hedged["cost a week"] < 1.1 * rule["cost a week"]


@pytest.mark.parametrize(
    "settings, said",
    [({"weeks": 11}, "reaches 10"), ({"time_limit": 0}, "more than 0"), ({"level": 0.9} | JOINT_HEDGE, "one hedge")],
)
def test_a_program_that_cannot_be_is_refused(four, settings, said):
    with pytest.raises(PlantError, match=said):
        four.rule(parts_plan, **settings)


# ---- the bound


def nothing_at_all(floor: Floor):
    """Build and call off nothing."""

    def policy(state: PlantState) -> WeekPlan:
        plant, worlds = floor.plant, len(state.stock)
        shape = (worlds, len(plant.lines), len(plant.models))
        return WeekPlan(np.zeros(shape), np.zeros((worlds, len(plant.part_of))), np.zeros(shape[:2]))

    return policy


def at_random(floor: Floor, seed: int):
    """Build and call off anything, from every source, in fractions."""
    rng = np.random.default_rng(seed)

    def policy(state: PlantState) -> WeekPlan:
        plant, worlds = floor.plant, len(state.stock)
        shape = (worlds, len(plant.lines), len(plant.models))
        order = rng.gamma(0.3, 5_000.0, (worlds, len(plant.part_of)))
        return WeekPlan(rng.integers(0, 300, shape).astype(float), order, rng.uniform(0, 30, shape[:2]))

    return policy


def as_foreseen(floor: Floor, window: PlantWeeks):
    """Carry out what the program that knows everything would do, as far as the floor lets it."""
    plant, worlds, weeks = floor.plant, range(floor.course.worlds), len(window.events)
    plans = [solve(foresight_program(plant, floor.course, window, world)).require().x for world in worlds]
    routes = np.argwhere(np.isfinite(plant.car_hours))
    built = np.stack([x[: len(routes) * weeks].reshape(len(routes), weeks) for x in plans])
    orders = np.stack([x[-len(plant.part_of) * weeks :].reshape(-1, weeks) for x in plans])
    over = np.stack([x[built[0].size :][: len(plant.lines) * weeks].reshape(-1, weeks) for x in plans])

    def policy(state: PlantState) -> WeekPlan:
        k, build = state.week - window.start.week, np.zeros((len(plans), len(plant.lines), len(plant.models)))
        build[:, routes[:, 0], routes[:, 1]] = np.ceil(built[..., k])
        return WeekPlan(build, np.maximum(orders[..., k], 0), np.maximum(over[..., k], 0))

    return policy


def test_no_policy_in_any_world_is_below_the_bound(four, bound):
    ways = {f"book {weeks}": (fixed_weeks, {"weeks": weeks}) for weeks in (0.0, 1.0, 2.0, 4.0)}
    ways |= {f"formula {level}": (service_level, {"level": level}) for level in (0.5, 0.99, 0.99999)}
    ways |= {f"joint {price}": (joint_service, {"shortage": price}) for price in (0.01, 1.0, 10.0)}
    ways |= {"cars ahead": (service_level, KEPT | {"cover": 0.3})}
    ways |= {"program": (parts_plan, JOINT_HEDGE), "no hedge": (parts_plan, {})}
    books = {name: four.play(make, **settings) for name, (make, settings) in ways.items()}
    strange = {"nothing": nothing_at_all(four.floor), "foreseen": as_foreseen(four.floor, four.judged)}
    strange |= {f"random {seed}": at_random(four.floor, seed) for seed in range(4)}
    books |= {name: run_policy(four.floor, four.judged, policy, name) for name, policy in strange.items()}
    assert (bound > 10_000).all(), "a bound of nothing would bound nothing"
    for name, book in books.items():
        cost = -book.entries["profit"].mean(-1)
        assert (cost >= bound).all(), (name, cost, bound)


def test_the_bound_is_near_where_little_is_uncertain(four):
    """One week that begins with full stores: what is there must be held, whoever plans."""
    short = PlantWeeks(four.judged.start, four.judged.start.week + 1)
    least = plant_bound(four.floor, short)
    rule = run_policy(four.floor, short, four.rule(service_level, **KEPT), "rule")
    cost = -rule.entries["profit"][:, 0]
    assert (cost >= least).all() and (least > 0.3 * cost).all()


def test_a_bound_of_other_weeks_is_refused(four, bound):
    book, formula = four.play(fixed_weeks, weeks=2.0), four.play(service_level, level=0.999)
    way = way_to_bound(book, formula, bound)
    assert way.share == pytest.approx((way.first - way.cost) / (way.first - way.bound))
    assert way_to_bound(formula, formula, bound).share == 0
    with pytest.raises(PlantError, match="no bound of these weeks"):
        way_to_bound(book, formula, bound * 50)
    with pytest.raises(PlantError, match="not all among"):
        foresight_program(four.floor.plant, four.floor.course, replace(four.judged, last=10_000))


# ---- in many worlds


@pytest.mark.slow
def test_joint_service_halves_the_standstill_of_the_tuned_book_with_no_more_parts():
    many, prices = trial(range(3000, 3040), weeks=26), [0.25, 0.5, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6]
    best = many.tuned(fixed_weeks, {"weeks": [1.5, 1.75, 2.0, 2.25, 2.5]})
    level = many.tuned(service_level, {"level": [0.99, 0.998, 0.999, 0.9995, 0.9999]})
    book, formula = many.play(fixed_weeks, **best), many.play(service_level, **level)
    tuned = many.play(joint_service, **many.tuned(joint_service, {"shortage": prices}))
    for other in (book, formula):
        assert gain_over_worlds(tuned, other).low > 0
    most = many.play(fixed_weeks, False, **best).entries["value of parts"].mean()
    stock = {one: many.play(joint_service, False, shortage=one).entries["value of parts"].mean() for one in prices}
    same = many.play(joint_service, shortage=max(one for one in prices if stock[one] <= most))
    mine, theirs, formulas = (yearly_figures(one).mean() for one in (same, book, formula))
    assert mine["value of parts"] < theirs["value of parts"]
    assert mine["hours at a stand"] < 0.6 * theirs["hours at a stand"]
    assert mine["hours at a stand"] < 0.75 * formulas["hours at a stand"]
    assert mine["cost a week"] < 0.97 * formulas["cost a week"]
