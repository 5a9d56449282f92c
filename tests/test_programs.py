"""The door to a solver: each known trap of PuLP 3.3 is shown first, then what ours says instead."""

import copy
import itertools
import math
import pickle
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pulp
import pytest
from scipy import sparse

from lepton_nb.solve import door, highs
from lepton_nb.solve.arrays import array_program, block_names, find_place, size, to_arrays
from lepton_nb.solve.door import InfeasibleError, explain_infeasible, solve
from lepton_nb.solve.highs import Options, load_highs, run_highs
from lepton_nb.solve.infeasible import _keep_only, _list_limits, _smallest_core, explain_arrays
from lepton_nb.solve.kept import KeptModel, scan
from lepton_nb.workbook.parameters import UserError


def cbc():
    return pulp.COIN_CMD(path=pulp.PULP_CBC_CMD.pulp_cbc_path, msg=False)


def highs_of_pulp(**options):
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
    kind = pulp.LpInteger if integer else pulp.LpContinuous
    x = [problem.add_variable(f"x_{j}", 0, 1 if integer else None, kind) for j in range(n)]
    weights = rng.uniform(1, 100, (m, n))
    problem.setObjective(pulp.LpAffineExpression(dict(zip(x, rng.uniform(1, 100, n).tolist()))))
    for i, line in enumerate(weights.tolist()):
        terms = pulp.LpAffineExpression(dict(zip(x, line)))
        problem.addConstraint(pulp.LpConstraint(terms, pulp.LpConstraintLE, f"limit_{i}", sum(line) / 2))
    return problem


# traps of PuLP, one by one


@pytest.mark.parametrize("sense", [pulp.LpMaximize, pulp.LpMinimize])
def test_shadow_price_is_the_change_of_the_objective_in_both_senses(sense):
    problem, *_ = bakery(sense)
    found = solve(problem)
    for name in [limit.name for limit in problem.constraints()]:
        more = problem.deepcopy()
        more.get_constraint_by_name(name).constant -= 0.5
        assert found.duals[name] == pytest.approx((solve(more).objective - found.objective) / 0.5)


def test_trap_duals_of_pulp_differ_in_sign_between_solvers():
    signs = []
    for solver in (cbc(), highs_of_pulp()):
        problem, *_ = bakery()
        problem.solve(solver)
        signs.append([problem.get_constraint_by_name(name).pi for name in ("oven", "shelf")])
    assert np.allclose(signs[0], np.negative(signs[1]))  # the trap
    assert solve(bakery()[0]).duals.tolist() == pytest.approx([2, 1])


@pytest.mark.parametrize("seed", range(6))
def test_reduced_cost_is_the_change_of_the_objective_when_a_bound_moves(seed):
    problem = random_problem(seed)
    found = solve(problem)
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
        problem.solve(highs_of_pulp(timeLimit=0.02))
    assert pulp.LpStatus[problem.status] == "Optimal" and problem.sol_status != pulp.LpSolutionOptimal  # the trap
    found = solve(problem, time_limit=0.02)
    assert found.status in ("limit", "feasible")
    if found.status == "limit":
        assert math.isnan(found.objective) and problem.variables()[0].varValue is None
        with pytest.raises(UserError, match="within the time limit"):
            found.require()


def test_trap_a_program_with_whole_numbers_cut_by_the_time_limit_is_called_optimal():
    problem = heavy()
    problem.solve(highs_of_pulp(timeLimit=0.5))
    assert (
        pulp.LpStatus[problem.status] == "Optimal" and problem.sol_status == pulp.LpSolutionIntegerFeasible
    )  # the trap
    found = solve(problem, time_limit=0.5)
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
    problem.solve(highs_of_pulp())
    assert pulp.LpStatus[problem.status] == "Infeasible"  # the trap


@pytest.mark.parametrize("integer", [False, True])
def test_unbounded_is_called_unbounded_and_says_what_runs_away(integer):
    problem = endless(integer)
    found = solve(problem)
    assert found.status == "unbounded" and pulp.LpStatus[problem.status] == "Unbounded"
    with pytest.raises(UserError, match="has no end: changing (x, y|y)"):
        found.require()


@pytest.mark.parametrize("integer", [False, True])
def test_infeasible_with_an_endless_objective_is_infeasible(integer):
    problem = endless(integer)
    problem += problem.variables()[0] <= -1, "never"
    assert solve(problem).status == "infeasible"


def test_trap_infeasible_leaves_values_behind():
    problem, bread, cake = bakery()
    problem += bread + cake >= 9, "orders"
    problem.solve(highs_of_pulp())
    assert bread.varValue is not None  # the trap
    bread.varValue = 99.0
    found = solve(problem)
    assert found.status == "infeasible" and found.values == {} and found.duals is None
    assert bread.varValue is None and problem.get_constraint_by_name("oven").pi is None
    assert math.isnan(found.value(bread)) and pulp.LpStatus[problem.status] == "Infeasible"


def test_all_digits_come_back():
    problem = pulp.LpProblem("digits")
    x, y = problem.add_variable("x", 0), problem.add_variable("y", 0)
    problem += x + y
    problem += x == 12345678.912345, "many"
    problem += y - x >= 0.5, "above"
    found = solve(problem)
    assert found.value(x) == 12345678.912345 and found.max_violation < 1e-8


def test_without_highs_the_door_says_why(monkeypatch):
    monkeypatch.setattr(highs, "highspy", None)
    problem, bread, _ = bakery()
    for door_of in (solve, KeptModel):
        with monkeypatch.context() as here:
            here.setitem(sys.modules, "ortools", object())
            with pytest.raises(UserError, match="OR-Tools is loaded in this Python process"):
                door_of(problem)
    monkeypatch.delitem(sys.modules, "ortools", raising=False)
    with pytest.raises(UserError, match="highspy is not installed"):
        solve(problem)
    assert bread.varValue is None


@pytest.mark.parametrize("name", ["cbc", "gurobi", "", None])
def test_another_solver_is_refused_in_words(name):
    with pytest.raises(UserError, match="HiGHS solves every program of this workbook"):
        solve(bakery()[0], solver=name)


def test_another_number_of_threads_before_does_not_make_it_fail():
    problem, *_ = bakery()
    problem.solve(pulp.HiGHS(msg=False))
    assert solve(problem, threads=2).status == solve(problem, threads=1).status == "optimal"


def test_trap_not_a_number_is_taken_without_a_word():
    problem, bread, cake = bakery()
    problem += pulp.LpAffineExpression({bread: math.nan, cake: 1}) <= 3, "broken"
    problem.solve(highs_of_pulp())
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


@pytest.mark.parametrize("option", [{"time_limit": 0}, {"gap": -1}, {"threads": 0}, {"time_limit": math.nan}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(UserError):
        solve(bakery()[0], **option)


# shapes of problems


def test_corner_cases_of_a_model():
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
    found = solve(problem)
    assert found.status == "optimal" and found.objective == pytest.approx(-2 - 4 - 2 + 10)
    assert found.values == pytest.approx({"a_free_one": -2, "fixed": 3, "whole": 2, "alone": -2})
    assert found.value({"x": free + 1})["x"] == pytest.approx(-1) and found.value([fixed, alone]) == pytest.approx(
        [3, -2]
    )


def test_a_false_constant_row_is_infeasible():
    problem, *_ = bakery()
    problem += pulp.LpAffineExpression(constant=2.0) >= 5, "never"
    assert solve(problem).status == "infeasible"


def test_problems_without_objective_rows_or_variables():
    empty = pulp.LpProblem("empty")
    assert solve(empty).status == "optimal"
    x = empty.add_variable("x", 2, 4)
    empty += x
    assert solve(empty).objective == 2
    goalless, y = pulp.LpProblem("goalless"), empty.add_variable("y", 0)
    goalless += y >= 3, "row"
    found = solve(goalless)
    assert found.status == "optimal" and found.value(y) >= 3 - 1e-9


def test_crossed_bounds_are_infeasible():
    problem, bread, _ = bakery()
    bread.bounds(4, 3)
    assert solve(problem).status == "infeasible"
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


def test_a_point_that_breaks_a_limit_is_an_error_and_no_plan(monkeypatch):
    monkeypatch.setattr(door, "run_highs", lambda model, a, options: highs.RawAnswer("optimal", np.array([9.0, 9.0])))
    problem, bread, _ = bakery()
    bread.varValue = 99.0
    found = solve(problem)
    assert found.status == "error" and found.worst == "oven" and found.max_violation == 15 and bread.varValue is None
    with pytest.raises(UserError, match="could not be solved.*misses oven by 15"):
        found.require()


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_the_door_and_cbc_agree_on_random_problems(seed, integer):
    problem = random_problem(seed, integer)
    found = solve(problem, gap=0)
    values = []
    for solver in (highs_of_pulp(mip_rel_gap=0), cbc()):
        problem.solve(solver)
        values.append(problem.objective.value())
    assert found.status == "optimal" and values == pytest.approx([found.objective] * 2, rel=1e-6)
    assert (found.bound - found.objective) * found.arrays.sign == pytest.approx(0, abs=1e-5)
    if not integer:
        assert found.gap < 1e-9  # proven by the prices


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
    cake.cat, problem.get_constraint_by_name("oven").constant = "Integer", -11.0
    assert solve(problem).duals is None
    priced = solve(problem, fixed_duals=True)
    assert priced.value(cake) in (3, 4) and priced.duals.sum() == pytest.approx(3)  # bread fills what cake leaves


# arrays


def shelf(demand, cost):
    """Write a shelf of several items and days twice: row by row in PuLP, and in blocks."""
    items, days = demand.shape
    problem = pulp.LpProblem("shelf", pulp.LpMaximize)
    cells = list(itertools.product(range(items), range(days)))
    buy, stock = (
        {cell: problem.add_variable("_".join([n, *map(str, cell)]), 0) for cell in cells} for n in ("buy", "stock")
    )
    goal = {buy[cell]: -cost[cell] for cell in cells} | dict.fromkeys(stock.values(), -0.1)
    problem.setObjective(pulp.LpAffineExpression(goal, constant=3.0))
    for i, t in cells:
        terms = {buy[i, t]: 1.0, stock[i, t]: -1.0} | ({stock[i, t - 1]: 1.0} if t else {})
        row = pulp.LpConstraint(pulp.LpAffineExpression(terms), pulp.LpConstraintEQ, f"balance_{i}_{t}", demand[i, t])
        problem.addConstraint(row)
    for t in range(days):
        terms = pulp.LpAffineExpression({stock[i, t]: 1.0 + i for i in range(items)})
        problem.addConstraint(pulp.LpConstraint(terms, pulp.LpConstraintLE, f"room_{t}", 6.0))
    shift = sparse.eye_array(days, k=-1) - sparse.eye_array(days)
    balance = [sparse.eye_array(items * days), sparse.kron(sparse.eye_array(items), shift)]
    room = sparse.kron(1.0 + np.arange(items)[None, :], sparse.eye_array(days))
    matrix = sparse.block_array([balance, [None, room]])
    need = demand.ravel()
    return problem, array_program(
        np.concatenate([-cost.ravel(), np.full(need.size, -0.1)]),
        matrix,
        np.concatenate([need, np.full(days, -np.inf)]),
        np.concatenate([need, np.full(days, 6.0)]),
        maximise=True,
        offset=3.0,
        names=block_names("buy", items, days) + block_names("stock", items, days),
        row_names=block_names("balance", items, days) + block_names("room", days),
        name="shelf",
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_program_in_blocks_is_the_program_in_rows(seed):
    rng = np.random.default_rng(seed)
    demand, cost = rng.integers(0, 6, (3, 5)).astype(float), rng.uniform(1, 3, (3, 5))
    problem, blocks = shelf(demand, cost)
    rows = to_arrays(problem)
    assert rows.names == blocks.names and rows.row_names == blocks.row_names and rows.offset == blocks.offset == 3
    assert (rows.matrix.toarray() == blocks.matrix.toarray()).all()
    for end in ("cost", "low", "up", "row_low", "row_up", "integer"):
        assert (getattr(rows, end) == getattr(blocks, end)).all(), end
    one, other = solve(problem), solve(blocks)
    assert one.status == other.status == "optimal" and one.objective == pytest.approx(other.objective, abs=1e-9)
    assert one.duals.to_numpy() == pytest.approx(other.duals.to_numpy(), abs=1e-9)
    assert other.value("stock 2 1") == other.x[find_place(blocks, "variable", "stock_2_1")]
    problem.solve(cbc())
    assert problem.objective.value() == pytest.approx(other.objective)


def test_arrays_pass_through_every_part_of_the_door():
    ends = dict(row_up=[12, 8], maximise=True, names=["bread", "cake"], row_names=["oven", "shelf"], name="bakery")
    bakery_table = array_program([3, 5], [[1, 2], [1, 1]], **ends)
    assert solve(bakery_table).duals.to_dict() == {"oven": 2, "shelf": 1} and size(bakery_table)["entries"] == 4
    assert solve(bakery_table).values == {"bread": 4, "cake": 4} and to_arrays(bakery_table) is bakery_table
    assert scan(bakery_table, "oven", [8, 16], watch={"bread": "bread"}).bread.tolist() == [8, 0]
    ordered = array_program([3, 5], [[1, 2], [1, 1]], low=[7, 4], **ends)
    with pytest.raises(InfeasibleError, match="bread|cake") as error:
        solve(ordered).require()
    assert {"bread", "cake"} <= set(error.value.limits.name)
    with pytest.raises(UserError, match="has no end: changing cake"):
        solve(array_program([3, 5], [[1, 0]], row_up=2, maximise=True, names=["bread", "cake"])).require()
    twice = sparse.coo_array(([1.0, 1.0, 1.0], ([0, 0, 0], [0, 0, 1])), shape=(1, 2))  # an entry given twice is a sum
    assert solve(array_program([1, 1], twice, row_low=4, up=[9, 0], integer=[True, False])).values == {
        "x_0": 2,
        "x_1": 0,
    }


def broken_table(**changed):
    ends = dict(
        cost=[3, 5], matrix=[[1, 2], [1, 1]], row_up=[12, 8], names=["bread", "cake"], row_names=["oven", "shelf"]
    )
    return array_program(**ends | changed)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"matrix": [[1, math.nan], [1, 1]]}, "Row oven: the coefficient of cake is nan"),
        ({"matrix": [["a", 1], [1, 1]]}, "the matrix is not one of numbers"),
        ({"cost": [3, math.inf]}, "Objective: the coefficient of cake is inf"),
        ({"cost": [3]}, "cost has shape (1,); the matrix asks for (2,)"),
        ({"cost": ["three", 5]}, "cost holds something that is not a number"),
        ({"offset": math.nan}, "Objective: its constant is nan"),
        ({"row_up": [12, math.nan]}, "Row shelf: the right-hand side is nan"),
        ({"row_up": [12, -math.inf]}, "Row shelf: the right-hand side is -inf"),
        ({"row_low": [math.inf, 0]}, "Row oven: the right-hand side is inf"),
        ({"row_low": [1, 2, 3]}, "row_low has shape (3,); the matrix asks for (2,)"),
        ({"low": [0, math.nan]}, "Variable cake: its bounds are nan and inf"),
        ({"names": ["bread"]}, "has 2 variables and 1 names"),
        ({"matrix": [1, 2]}, "a row for each limit and a column for each variable"),
        ({"matrix": [[1j, 2], [1, 1]]}, "of real numbers"),
        ({"integer": [math.nan, 0]}, "integer says true or false for each variable"),
        ({"integer": 0.5}, "integer says true or false for each variable"),
        ({"row_up": math.inf}, "its rows limit nothing"),
        ({"names": ["bread", "bread"]}, "Two variables are called bread"),
        ({"row_names": ["oven", "oven"]}, "Two rows are called oven"),
    ],
)
def test_arrays_that_make_no_sense_are_refused_with_their_place(changed, said):
    assert solve(broken_table()).status == "optimal"
    with pytest.raises(UserError) as error:
        broken_table(**changed)
    assert said in str(error.value)


def test_a_row_whose_ends_cross_is_told_as_two_limits():
    crossed = array_program([1.0], [[1.0]], row_low=5.0, row_up=3.0, row_names=["milk"])
    table = explain_infeasible(crossed)
    assert table.name.tolist() == ["milk", "milk"] and table.gives_alone.tolist() == [2, 2]
    with pytest.raises(InfeasibleError, match="milk lowered by 2, or milk raised by 2"):
        solve(crossed).require()


@pytest.mark.parametrize("thing", [None, np.eye(2), "problem"])
def test_what_is_no_problem_is_refused(thing):
    with pytest.raises(UserError, match="A problem is a pulp.LpProblem or an array_program"):
        solve(thing)


def test_rows_without_a_name_get_those_of_pulp():
    problem, bread, cake = bakery()
    problem += bread <= 3
    problem += cake <= 4
    assert to_arrays(problem).row_names == ["oven", "shelf", "_C1", "_C2"]
    assert solve(problem).duals.to_dict() == {"oven": 0, "shelf": 0, "_C1": 3, "_C2": 5}


# the front door


def test_the_front_door_is_the_door_and_opens_without_loading_a_solver():
    import lepton_nb.solve as front

    assert front.solve is solve and front.scan is scan and {"solve", "array_program", "KeptModel"} <= set(dir(front))
    assert all(getattr(front, name).__name__ == name for name in front._HOME)
    assert front(bakery()[0], time_limit=5).objective == 32
    with pytest.raises(AttributeError, match="no attribute 'linprog'"):
        _ = front.linprog
    code = "import sys, lepton_nb.solve; print('pulp' in sys.modules or 'highspy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


# deprecations of PuLP


def test_the_door_uses_nothing_that_pulp_4_drops():
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        problem, bread, cake = bakery()
        solve(problem), scan(problem, "oven", [4, 8]), size(problem)
        problem += bread >= 9, "orders"
        with pytest.raises(InfeasibleError):
            solve(problem).require()


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
    a = replace(_keep_only(a, limits, kept), cost=np.zeros_like(a.cost))
    return run_highs(load_highs(a, Options()), a, Options()).status == "infeasible"


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
    a = to_arrays(problem)
    limits, table = _list_limits(a), explain_arrays(a)
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
            if (row := changed.get_constraint_by_name(line.name)) is not None:
                row.constant -= push[line.demands] * amount
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

    def clash(chosen):
        return any(core <= set(chosen) for core in cores)

    found = _smallest_core(clash, list(range(12)))
    assert clash(found) and not any(clash(fewer) for fewer in itertools.combinations(found, len(found) - 1))


def test_repeating_a_solve_gives_the_same_plan():
    plans = [solve(heavy(30, 5), seed=4).values for _ in range(2)]
    assert plans[0] == plans[1]


def test_solving_prints_nothing():
    code = "from lepton_nb.solve import array_program, solve; solve(array_program([1.0], [[1.0]], row_low=2.0))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
