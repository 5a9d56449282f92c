"""The door to a solver: each known trap of PuLP 3.3 is shown first, then what ours says instead."""

import copy
import itertools
import math
import pickle
import warnings

import numpy as np
import pulp
import pytest

from lepton_nb.solve import engines, programs
from lepton_nb.solve.infeasible import explain_arrays, keep_only, list_limits, smallest_core
from lepton_nb.solve.programs import (
    InfeasibleError,
    KeptModel,
    add_rows,
    explain_infeasible,
    objective,
    row,
    row_array,
    scan,
    size,
    solve,
    variable_array,
    variables,
)
from lepton_nb.workbook.parameters import UserError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BOTH = pytest.mark.parametrize("solver", ["highs", "cbc"])


def cbc():
    return pulp.PULP_CBC_CMD(msg=False)


def highs(**options):
    return pulp.HiGHS(msg=False, threads=1, **options)


def bakery(sense=pulp.LpMaximize):
    problem = pulp.LpProblem("bakery", sense)
    bread, cake = problem.add_variable("bread", 0), problem.add_variable("cake", 0)
    problem += (3 * bread + 5 * cake) * (1 if sense == pulp.LpMaximize else -1)
    problem += bread + 2 * cake <= 12, "oven"
    problem += bread + cake <= 8, "shelf"
    return problem, bread, cake


def random_problem(seed, integer=False, n=8, m=6):
    """Draw a feasible, bounded problem with rows of all senses."""
    rng = np.random.default_rng(seed)
    problem = pulp.LpProblem("random", rng.choice([pulp.LpMinimize, pulp.LpMaximize]))
    low = np.where(rng.random(n) < 0.3, -5, 0)
    x = [
        problem.add_variable(f"x{j}", int(low[j]), 9, "Integer" if integer and j % 2 else "Continuous")
        for j in range(n)
    ]
    inside = rng.integers(0, 5, n)
    problem += pulp.lpSum(float(c) * v for c, v in zip(rng.normal(size=n), x)) + 7
    for i in range(m):
        weights = rng.integers(-3, 4, n) * (rng.random(n) < 0.6)
        total, terms = int(weights @ inside), pulp.lpSum(int(w) * v for w, v in zip(weights, x))
        if i % 3 == 0:
            problem += terms <= total + 1, f"r{i}"
        elif i % 3 == 1:
            problem += terms >= total - 1, f"r{i}"
        else:
            problem += terms == total, f"r{i}"
    return problem


def heavy(n=200, m=30, seed=1, integer=True):
    """Draw a knapsack of many limits, far too large for a fraction of a second."""
    rng = np.random.default_rng(seed)
    problem = pulp.LpProblem("heavy", pulp.LpMaximize)
    x = variable_array("x", n, up=1 if integer else None, integer=integer)
    weights = rng.uniform(1, 100, (m, n))
    problem += objective(dict(zip(x, rng.uniform(1, 100, n).tolist())))
    add_rows(problem, row_array("limit", [(np.tile(x, (m, 1)), weights)], "<=", weights.sum(axis=1) / 2))
    return problem


# traps of PuLP, one by one


@BOTH
@pytest.mark.parametrize("sense", [pulp.LpMaximize, pulp.LpMinimize])
def test_shadow_price_is_the_change_of_the_objective_for_both_solvers_and_senses(sense, solver):
    problem, *_ = bakery(sense)
    found = solve(problem, solver=solver)
    for name, limit in problem._constraints.items():
        more = problem.deepcopy()
        more.get_constraint_by_name(name).constant -= 0.5
        assert found.duals[name] == pytest.approx((solve(more, solver=solver).objective - found.objective) / 0.5)


def test_trap_duals_of_pulp_differ_in_sign_between_solvers():
    signs = []
    for solver in (cbc(), highs()):
        problem, *_ = bakery()
        problem.solve(solver)
        signs.append([problem.get_constraint_by_name(name).pi for name in ("oven", "shelf")])
    assert np.allclose(signs[0], np.negative(signs[1]))  # the trap
    assert solve(bakery()[0], solver="cbc").duals.tolist() == pytest.approx(solve(bakery()[0]).duals.tolist())


@BOTH
@pytest.mark.parametrize("seed", range(6))
def test_reduced_cost_is_the_change_of_the_objective_when_a_bound_moves(solver, seed):
    problem = random_problem(seed)
    found = solve(problem, solver=solver)
    kept = KeptModel(problem)
    for variable in problem.variables():
        low, up = variable.lowBound, variable.upBound
        at = found.value(variable)
        if abs(at - low) > 1e-6 and abs(at - up) > 1e-6:
            assert found.reduced_costs[variable.name] == pytest.approx(0, abs=1e-6)
            continue
        changes = []
        for step in (1e-3, -1e-3):  # at a corner of many limits the two directions differ, and the price lies between
            moved = (low + step, up) if abs(at - low) <= 1e-6 else (low, up + step)
            changes.append((kept.resolve(bounds={variable: moved}).objective - found.objective) / step)
        assert min(changes) - 1e-4 <= found.reduced_costs[variable.name] <= max(changes) + 1e-4


def test_trap_a_linear_program_cut_by_the_time_limit_is_called_optimal():
    problem = heavy(900, 700, integer=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(highs(timeLimit=0.02))
    assert pulp.LpStatus[problem.status] == "Optimal" and problem.sol_status != pulp.LpSolutionOptimal  # the trap
    found = solve(problem, time_limit=0.02)
    assert found.status in ("limit", "feasible")
    if found.status == "limit":
        assert math.isnan(found.objective) and problem.variables()[0].varValue is None
        with pytest.raises(UserError, match="within the time limit"):
            found.require()


@BOTH
def test_trap_a_program_with_whole_numbers_cut_by_the_time_limit_is_called_optimal(solver):
    problem = heavy()
    problem.solve(highs(timeLimit=0.5))
    assert (
        pulp.LpStatus[problem.status] == "Optimal" and problem.sol_status == pulp.LpSolutionIntegerFeasible
    )  # the trap
    found = solve(problem, time_limit=0.5, solver=solver)
    assert found.status == "feasible" and found.gap > 1e-4
    assert found.bound > found.objective > 0 and pulp.LpStatus[problem.status] != "Optimal"
    assert found.x.max() <= 1 and (found.x == np.round(found.x)).all()


def endless(integer):
    problem = pulp.LpProblem("endless", pulp.LpMaximize)
    x, y = (problem.add_variable(name, 0, None, "Integer" if integer else "Continuous") for name in "xy")
    problem += x + y
    problem += x - y <= 1, "near"
    return problem


def test_trap_unbounded_comes_back_as_infeasible():
    problem = endless(True)
    problem.solve(highs())
    assert pulp.LpStatus[problem.status] == "Infeasible"  # the trap


@BOTH
@pytest.mark.parametrize("integer", [False, True])
def test_unbounded_is_called_unbounded_and_says_what_runs_away(solver, integer):
    problem = endless(integer)
    found = solve(problem, solver=solver)
    assert found.status == "unbounded" and pulp.LpStatus[problem.status] == "Unbounded"
    with pytest.raises(UserError, match="has no end: changing (x, y|y)"):
        found.require()


@BOTH
@pytest.mark.parametrize("integer", [False, True])
def test_infeasible_with_an_endless_objective_is_infeasible(solver, integer):
    problem = endless(integer)
    problem += problem.variables()[0] <= -1, "never"
    assert solve(problem, solver=solver).status == "infeasible"


def test_trap_infeasible_leaves_values_behind():
    problem, bread, cake = bakery()
    problem += bread + cake >= 9, "orders"
    problem.solve(highs())
    assert bread.varValue is not None  # the trap
    for solver in ("highs", "cbc"):
        bread.varValue = 99.0
        found = solve(problem, solver=solver)
        assert found.status == "infeasible" and found.values == {} and found.duals is None
        assert bread.varValue is None and problem.get_constraint_by_name("oven").pi is None
        assert math.isnan(found.value(bread)) and pulp.LpStatus[problem.status] == "Infeasible"


def test_trap_cbc_gives_eight_digits():
    problem = pulp.LpProblem("digits")
    x, y = problem.add_variable("x", 0), problem.add_variable("y", 0)
    problem += x + y
    problem += x == 12345678.912345, "many"
    problem += y - x >= 0.5, "above"
    exact, printed = solve(problem), solve(problem, solver="cbc")
    assert exact.value(x) == 12345678.912345 and exact.max_violation < 1e-8
    assert printed.status == "optimal" and printed.value(x) == pytest.approx(12345678.912345, rel=1e-7)


def test_or_tools_in_the_process_is_survived(monkeypatch):
    monkeypatch.setattr(engines, "highspy", None)
    monkeypatch.setattr(programs, "highspy", None)
    monkeypatch.setitem(__import__("sys").modules, "ortools", object())
    problem, bread, _ = bakery()
    assert solve(problem).solver == "cbc" and bread.varValue == 4
    with pytest.raises(UserError, match="OR-Tools is loaded"):
        KeptModel(problem)


def test_another_number_of_threads_before_does_not_make_it_fail():
    problem, *_ = bakery()
    problem.solve(pulp.HiGHS(msg=False))
    assert solve(problem, threads=2).status == solve(problem, threads=1).status == "optimal"


def test_trap_not_a_number_is_taken_without_a_word():
    problem, bread, cake = bakery()
    problem += pulp.LpAffineExpression({bread: math.nan, cake: 1}) <= 3, "broken"
    problem.solve(highs())
    assert pulp.LpStatus[problem.status] == "Optimal"  # the trap
    with pytest.raises(UserError, match="Row broken: the coefficient of bread is nan"):
        solve(problem)


@pytest.mark.parametrize(
    "break_it, said",
    [
        (
            lambda p, x: setattr(p, "objective", pulp.LpAffineExpression({x: math.inf})),
            "Objective: the coefficient of bread is inf",
        ),
        (lambda p, x: p.get_constraint_by_name("oven").changeRHS(math.nan), "Row oven: the right-hand side is nan"),
        (lambda p, x: p.get_constraint_by_name("oven").changeRHS(-math.inf), "Row oven: the right-hand side is -inf"),
        (lambda p, x: x.bounds(math.nan, 3), "Variable bread: its bounds are nan and 3"),
        (
            lambda p, x: p.get_constraint_by_name("oven").expr.update({x: "two"}),
            "Row oven: the coefficient of bread is 'two'",
        ),
        (lambda p, x: p.sos1.update(a={x: 1}), "special ordered sets are not supported"),
    ],
)
def test_nonsense_is_refused_with_its_place(break_it, said):
    problem, bread, _ = bakery()
    break_it(problem, bread)
    with pytest.raises(UserError) as error:
        solve(problem)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "option", [{"time_limit": 0}, {"gap": -1}, {"threads": 0}, {"time_limit": math.nan}, {"solver": "cplex"}]
)
def test_options_out_of_range_are_refused(option):
    with pytest.raises(UserError):
        solve(bakery()[0], **option)


# shapes of problems


@BOTH
def test_corner_cases_of_a_model(solver):
    problem = pulp.LpProblem("corners")
    free = problem.add_variable("a free one")
    fixed, whole, alone = (
        problem.add_variable("fixed", 3, 3),
        problem.add_variable("whole", 0.5, 2.5, "Integer"),
        problem.add_variable("alone", -2, 5),
    )
    problem += free + 2 * alone - whole + 10
    problem += free + fixed == 1, "an equality"
    problem += pulp.LpAffineExpression(constant=2.0) <= 5, "constant only"
    found = solve(problem, solver=solver)
    assert found.status == "optimal" and found.objective == pytest.approx(-2 - 4 - 2 + 10)
    assert found.values == pytest.approx({"a_free_one": -2, "fixed": 3, "whole": 2, "alone": -2})
    assert found.value({"x": free + 1})["x"] == pytest.approx(-1) and found.value([fixed, alone]) == pytest.approx(
        [3, -2]
    )


@BOTH
def test_a_false_constant_row_is_infeasible(solver):
    problem, *_ = bakery()
    problem += pulp.LpAffineExpression(constant=2.0) >= 5, "never"
    assert solve(problem, solver=solver).status == "infeasible"


@BOTH
def test_problems_without_objective_rows_or_variables(solver):
    empty = pulp.LpProblem("empty")
    assert solve(empty, solver=solver).status == "optimal"
    x = empty.add_variable("x", 2, 4)
    empty += x
    assert solve(empty, solver=solver).objective == 2
    goalless, y = pulp.LpProblem("goalless"), empty.add_variable("y", 0)
    goalless += y >= 3, "row"
    found = solve(goalless, solver=solver)
    assert found.status == "optimal" and found.value(y) >= 3 - 1e-9


@BOTH
def test_crossed_bounds_are_infeasible(solver):
    problem, bread, _ = bakery()
    bread.bounds(4, 3)
    assert solve(problem, solver=solver).status == "infeasible"
    table = explain_infeasible(problem)
    assert set(table.name[table.collides]) == {"bread"} and table.gives_alone.tolist() == pytest.approx([1, 1])


def test_two_variables_of_one_name_are_refused():
    problem = pulp.LpProblem("twins")
    problem += problem.add_variable("a b", 0) + problem.add_variable("a_b", 0)
    with pytest.raises(UserError, match="Two variables are called a_b"):
        solve(problem)


def test_binary_by_category_and_copies_of_a_problem():
    problem, bread, cake = bakery()
    bread.cat = "Binary"
    assert solve(problem).value(bread) == 1
    for other in (problem.deepcopy(), copy.deepcopy(bakery()[0]), pickle.loads(pickle.dumps(bakery()[0]))):
        assert solve(other).status == "optimal"


def test_fallback_when_highs_fails_or_its_point_breaks_a_limit(monkeypatch):
    real = engines.run_highs
    monkeypatch.setattr(programs, "run_highs", lambda highs, a, options: engines.Raw("optimal", np.array([9.0, 9.0])))
    problem, bread, _ = bakery()
    found = solve(problem)
    assert found.solver == "cbc" and found.status == "optimal" and bread.varValue == 4
    monkeypatch.setattr(programs, "run_cbc", lambda a, options: engines.Raw("optimal", np.array([9.0, 9.0])))
    found = solve(problem)
    assert found.status == "error" and found.worst == "oven" and found.max_violation == 15 and bread.varValue is None
    with pytest.raises(UserError, match="could not be solved.*misses oven by 15"):
        found.require()
    assert real is not programs.run_highs


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_highs_and_cbc_agree_on_random_problems(seed, integer):
    problem = random_problem(seed, integer)
    one, other = solve(problem, gap=0), solve(problem, gap=0, solver="cbc")
    problem.solve(highs(mip_rel_gap=0))
    assert one.status == other.status == "optimal"
    assert (
        one.objective == pytest.approx(other.objective, rel=1e-6) == pytest.approx(problem.objective.value(), rel=1e-6)
    )
    assert (one.bound - one.objective) * one.arrays.sign == pytest.approx(0, abs=1e-5)
    if not integer:
        assert one.gap < 1e-9  # proven by the prices


def test_whole_numbers_are_whole_though_rounding_breaks_a_row():
    problem = pulp.LpProblem("big_m")
    x, use = problem.add_variable("x", 0), problem.add_variable("use", 0, 1, "Integer")
    problem += use * 1000 - x
    problem += x <= 1e6 * use, "only_if_used"
    problem += x <= 3, "little"
    found = solve(problem)
    assert (
        found.status == "optimal" and found.value(use) in (0.0, 1.0) and found.objective == pytest.approx(0, abs=1e-6)
    )


def test_prices_of_a_program_with_whole_numbers_only_if_asked_for():
    problem, bread, cake = bakery()
    cake.cat, problem._constraints["oven"].constant = "Integer", -11.0
    assert solve(problem).duals is None
    priced = solve(problem, fixed_duals=True)
    assert priced.value(cake) in (3, 4) and priced.duals.sum() == pytest.approx(3)  # bread fills what cake leaves


# writing


def test_quick_writing_gives_pulps_own_objects(tmp_path):
    x = variables("cost of", ["a b", "c-d"], low=1, up=[4, np.inf], integer=True)
    y = pulp.LpProblem().add_variable("cost of_a b", 1, 4, "Integer")
    mine, theirs = vars(x["a b"]).copy(), vars(y).copy()
    assert mine.pop("hash") == id(x["a b"]) and theirs.pop("hash") == id(y) and mine == theirs
    assert x["c-d"].upBound is None and variables("t", [1, 2], ["u"])[2, "u"].name == "t_2_u"
    quick, slow = row({x["a b"]: 2, x["c-d"]: -1}, ">=", 3, "at least"), 2 * x["a b"] - x["c-d"] >= 3
    slow.name = "at least"
    assert {k: v for k, v in vars(quick).items() if k != "expr"} == {k: v for k, v in vars(slow).items() if k != "expr"}
    assert dict(quick.expr) == dict(slow.expr) and vars(quick.expr) == vars(slow.expr)
    files = []
    for limit, goal in (
        (quick, objective(dict(x=0) and {x["a b"]: 1, x["c-d"]: 2}, 5)),
        (slow, x["a b"] + 2 * x["c-d"] + 5.0),
    ):
        problem = pulp.LpProblem("same")
        problem += goal
        problem += limit
        problem.writeLP(tmp_path / "m.lp")
        files.append((tmp_path / "m.lp").read_text())
    assert files[0] == files[1]


def test_a_quickly_written_model_is_solved_identically_by_pulp():
    rng = np.random.default_rng(0)
    x = variable_array("x", (4, 5), up=rng.uniform(1, 3, (4, 5)))
    problem = pulp.LpProblem("assign", pulp.LpMaximize)
    problem += objective(dict(zip(x.ravel(), rng.uniform(1, 9, 20).tolist())), 3)
    add_rows(problem, row_array("row", [(x, rng.uniform(1, 2, (4, 5)))], "<=", [5.0] * 4))
    add_rows(problem, row_array("column", [(x.T, 1.0)], "<=", [3.0] * 5, labels=[list("abcde")]))
    found = solve(problem)
    mine = {v.name: v.varValue for v in problem.variables()}
    for solver in (highs(), cbc()):
        problem.solve(solver)
        assert problem.objective.value() == pytest.approx(found.objective)
        assert {v.name: v.varValue for v in problem.variables()} == pytest.approx(mine, abs=1e-6)
    assert "column_c" in problem._constraints and size(problem) == {
        "variables": 20,
        "integer": 0,
        "rows": 9,
        "entries": 40,
    }


def test_what_writing_refuses():
    x = variable_array("x", (2, 2))
    problem = pulp.LpProblem("p")
    for broken, said in [
        (lambda: row({x[0, 0]: 1}, "<", 1, "r"), "the sense is '<'"),
        (lambda: row({x[0, 0]: 1}, "<=", math.inf, "r"), "Row r: the right-hand side is inf"),
        (lambda: row_array("r", [(x, 1)], "<=", [1, math.nan]), "Row r_1: the right-hand side is nan"),
        (lambda: row_array("r", [(x, 1)], "<=", [1, 2, 3]), r"the right-hand side has shape (3,), a term has (2, 2)"),
        (lambda: variable_array("x", 2, up=[1, math.nan]), "a bound is not a number"),
        (lambda: add_rows(problem, [row({x[0, 0]: 1}, "<=", 1, "r")] * 2), "two rows are called r"),
    ]:
        with pytest.raises(UserError) as error:
            broken()
        assert said in str(error.value)
    twice = row_array("r", [(x[0], 1), (x[0], 2), (np.array([None, x[1, 1]]), 1)], "<=", [1, 2])
    assert dict(twice[0].expr) == {x[0, 0]: 3} and dict(twice[1].expr) == {x[0, 1]: 3, x[1, 1]: 1}


# kept models


@pytest.mark.parametrize("integer", [False, True])
def test_a_kept_model_gives_what_a_cold_solve_gives_and_forgets_changes(integer):
    problem = random_problem(3, integer)
    kept = KeptModel(problem, gap=0)
    base = solve(problem, gap=0).objective
    x0 = problem.variables()[0]
    for rhs, costs, bounds in [
        ({"r0": 3}, {}, {}),
        ({}, {"x1": 4.0}, {}),
        ({}, {}, {x0: (1, None)}),
        ({"r0": 9, "r1": -9}, {x0: -1}, {"x3": (0, 2)}),
        ({}, {}, {}),
    ]:
        cold = problem.deepcopy()
        for name, number in rhs.items():
            cold.get_constraint_by_name(name).changeRHS(number)
        for variable, number in costs.items():
            cold.objective[next(v for v in problem.variables() if v.name == str(variable))] = number
        saved = {v: (v.lowBound, v.upBound) for v in problem.variables()}
        for variable, (low, up) in bounds.items():
            next(v for v in problem.variables() if v.name == str(variable)).bounds(low, up)
        wanted = solve(cold, gap=0)
        for variable, pair in saved.items():
            variable.bounds(*pair)
        found = kept.resolve(rhs=rhs, objective=costs, bounds=bounds)
        assert found.status == wanted.status
        assert found.status != "optimal" or found.objective == pytest.approx(wanted.objective, abs=1e-6)
    assert found.objective == pytest.approx(base) and problem.variables()[0].varValue == pytest.approx(found.value(x0))


def test_a_kept_model_recovers_from_an_infeasible_right_hand_side_and_from_the_clock():
    problem, bread, _ = bakery()
    kept = KeptModel(problem, time_limit=0.5)
    assert kept.resolve(rhs={"shelf": -1}).status == "infeasible" and bread.varValue is None
    kept.highs.setOptionValue("time_limit", 0.0)
    assert kept.resolve().objective == 32 and bread.varValue == 4


def test_scan_reads_prices_and_watches():
    problem, bread, cake = bakery()
    table = scan(problem, "oven", [-1, 14, 4], watch={"bread": bread, "trays": bread + cake})
    assert table.status.tolist() == ["infeasible", "optimal", "optimal"] and table.shadow_price.tolist()[1:] == [2, 3]
    assert table.bread.tolist()[1:] == [2, 4] and table.trays.tolist()[1:] == [8, 4] and math.isnan(table.objective[0])
    with pytest.raises(UserError, match="no row called ovn. Did you mean oven"):
        scan(problem, "ovn", [1])
    with pytest.raises(UserError, match="right-hand side is nan"):
        scan(problem, "oven", [math.nan])


# infeasible problems


def collides(a, limits, kept):
    a = engines.replace(keep_only(a, limits, kept), cost=np.zeros_like(a.cost))
    return engines.run_highs(engines.load_highs(a, engines.Options()), a, engines.Options()).status == "infeasible"


def draw_infeasible(seed, integer):
    """Draw limits until they collide."""
    rng = np.random.default_rng(seed)
    while True:
        problem = pulp.LpProblem("clash")
        x = [
            problem.add_variable(
                f"x{j}", 0, float(rng.integers(2, 6)) if j % 2 else None, "Integer" if integer else "Continuous"
            )
            for j in range(4)
        ]
        for i in range(7):
            terms = pulp.lpSum(int(w) * v for w, v in zip(rng.integers(-2, 4, 4), x))
            at = float(rng.integers(-2, 9)) + (0.5 if integer else 0)
            problem += (terms <= at, f"r{i}") if i % 2 else (terms >= at, f"r{i}")
        problem += x[0] + x[1] - 2 * x[2] == 0, "equal"
        if solve(problem).status == "infeasible":
            return problem


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_the_core_collides_and_none_of_it_can_be_spared(seed, integer):
    problem = draw_infeasible(seed, integer)
    a = engines.to_arrays(problem)
    limits, table = list_limits(a), explain_arrays(a)
    named = {(name, demand) for name, demand in zip(table.name[table.collides], table.demands[table.collides])}
    names = [
        ((a.row_names if side < 2 else a.names)[at], "at least" if side in (0, 2) else "at most")
        for side, at in zip(limits.side, limits.at)
    ]
    core = np.array([name in named for name in names])
    assert core.any() and table.attrs["smallest"]
    background = limits.given if not (limits.given & core).any() else np.zeros(len(core), bool)
    assert collides(a, limits, core | background)
    for i in np.flatnonzero(core):
        fewer = core.copy()
        fewer[i] = False
        assert not collides(a, limits, fewer | background)


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_what_must_give_is_enough_and_not_more_than_needed(seed, integer):
    problem = draw_infeasible(seed, integer)
    table = explain_infeasible(problem)
    push = {"at least": -1, "at most": 1}

    def status(gives):
        changed = problem.deepcopy()
        bounds = {v: (v.lowBound, v.upBound) for v in problem.variables()}
        for line, amount in gives:
            if line.name in changed._constraints:
                changed._constraints[line.name].constant -= push[line.demands] * amount
            else:
                next(v for v in bounds if v.name == line.name).upBound += amount
        found = solve(changed).status
        for variable, pair in bounds.items():
            variable.bounds(*pair)
        return found

    lines = list(table.itertuples())
    assert status([(line, line.gives_together + 1e-6) for line in lines]) == "optimal"
    for line in lines:
        if line.name != "equal" and line.gives_alone > 0:
            assert status([(line, line.gives_alone + 1e-6)]) == "optimal"
            assert status([(line, line.gives_alone * 0.98 - 1e-3)]) == "infeasible"
            scale = max(1, abs(line.amount))
            assert (table.gives_together / table.amount.abs().clip(lower=1)).sum() <= line.gives_alone / scale + 1e-6


def test_the_error_speaks_of_the_business():
    problem, bread, cake = bakery()
    problem += cake >= 7, "cake ordered"
    with pytest.raises(InfeasibleError) as error:
        solve(problem).require()
    said = str(error.value)
    assert (
        "cake ordered (at least 7)" in said
        and "oven (at most 12)" in said
        and "oven raised by 2" in said
        and "cake ordered lowered by 1" in said
    )
    assert set(error.value.limits.name) == {"oven", "cake_ordered"}


def test_a_feasible_problem_has_nothing_to_explain():
    assert not len(explain_infeasible(bakery()[0]))


def test_given_limits_are_shown_when_they_contradict_themselves():
    problem, bread, cake = bakery()
    problem += bread + cake == 3, "one"
    problem += bread + cake == 4, "other"
    table = explain_infeasible(problem)
    assert set(table.name[table.collides]) == {"one", "other"} and table.gives_alone.tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_halving_finds_a_smallest_core(seed):
    rng = np.random.default_rng(seed)
    cores = [set(rng.choice(12, rng.integers(1, 5), replace=False).tolist()) for _ in range(3)]
    clash = lambda chosen: any(core <= set(chosen) for core in cores)
    found = smallest_core(clash, list(range(12)))
    assert clash(found) and not any(clash(fewer) for fewer in itertools.combinations(found, len(found) - 1))


def test_repeating_a_solve_gives_the_same_plan():
    plans = [solve(heavy(30, 5), seed=4).values for _ in range(2)]
    assert plans[0] == plans[1]
