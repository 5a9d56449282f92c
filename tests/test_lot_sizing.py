"""Lots, rolling plans, requirements: brute force on tiny instances, properties, forms of files, what is refused."""

import math
import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_sync import ROOT

from lepton_nb.allocation import lot_sizing
from lepton_nb.allocation.lot_problem import (
    LotError,
    LotSizing,
    broken_limits,
    judge_lots,
    read_trigeiro,
    readable_program,
)
from lepton_nb.allocation.lot_programs import best_quantities, cost_step, facility_program, plain_program
from lepton_nb.allocation.lot_sizing import plan_lots, rule_plan, silver_meal, wagner_whitin
from lepton_nb.allocation.requirements import plan_requirements, read_bill, total_requirements
from lepton_nb.allocation.rolling import late_units, nervousness, peg_late, roll
from lepton_nb.data.findings import DataError
from lepton_nb.solve.door import InfeasibleError, solve


def one_item(demand, setup_cost, holding_cost) -> LotSizing:
    return LotSizing([demand], np.inf, [setup_cost], [holding_cost])


@st.composite
def instances(draw, items=2, periods=3, strict=False):
    """Draw small problems with one or two lines, overtime, late units and opening stock."""
    whole = lambda low, high: st.integers(low, high)  # noqa: E731
    two = draw(st.booleans())
    item, line = ([*range(items), 0], [0] * items + [1]) if two else (list(range(items)), [0] * items)
    routes, late = len(item), not strict and draw(st.booleans())
    one = lambda low, high, count: draw(st.lists(whole(low, high), min_size=count, max_size=count))  # noqa: E731
    return LotSizing(
        demand=[one(0, 30, periods) for _ in range(items)],
        capacity=[one(30, 90, periods) for _ in range(1 + two)],
        setup_cost=one(0, 60, routes),
        holding_cost=one(0, 5, items),
        setup_time=one(0, 10, routes),
        unit_time=1 if draw(st.booleans()) else [0.5 + 0.5 * k for k in one(0, 2, routes)],
        item=item,
        line=line,
        overtime=draw(whole(0, 20)),
        overtime_cost=draw(whole(0, 4)),
        backlog_cost=draw(whole(1, 12)) if late else math.inf,
        unmet_cost=draw(whole(20, 90)) if late else math.inf,
        stock=one(-10 if late else 0, 15, items),
    )


def brute_force(p: LotSizing) -> float:
    """Return the least cost over every choice of set-ups, infinity where none has a plan."""
    a = plain_program(p)
    free = np.flatnonzero(a.integer & (a.up > 0))
    costs = []
    for choice in product((0.0, 1.0), repeat=len(free)):
        ready = np.zeros(len(a.cost))
        ready[free] = choice
        found = best_quantities(a, ready[a.integer])
        costs.append(found.objective if found.ok else math.inf)
    return min(costs)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=7), st.integers(0, 150), st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_wagner_whitin_is_the_best_of_all_choices_of_lots(demand, setup_cost, holding_cost):
    lots, cost = wagner_whitin(demand, setup_cost, holding_cost)
    p = one_item(demand, setup_cost, holding_cost)
    assert math.isclose(judge_lots(p, lots[None]).cost, cost) and not broken_limits(p, lots[None])
    starts, best = [t for t, d in enumerate(demand) if d > 0], math.inf
    for choice in product((0, 1), repeat=max(len(starts) - 1, 0)):  # lots start where something is asked for
        made, last = np.zeros(len(demand)), None
        for t, begin in zip(starts, (1, *choice)):
            last = t if begin else last
            made[last] += demand[t]
        best = min(best, judge_lots(p, made[None]).cost)
    assert math.isclose(cost, best if starts else 0.0)
    rule = silver_meal(demand, setup_cost, holding_cost)
    assert not broken_limits(p, rule[None]) and judge_lots(p, rule[None]).cost >= cost - 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_wagner_whitin_costs_what_both_programs_cost(seed):
    rng = np.random.default_rng(seed)
    demand, setup_cost = rng.integers(0, 60, 9), int(rng.integers(50, 200))
    p, cost = one_item(demand, setup_cost, 2), wagner_whitin(demand, setup_cost, 2)[1]
    for program in (plain_program(p), facility_program(p), readable_program(p)):
        assert math.isclose(solve(program, gap=0).objective, cost, abs_tol=1e-4)


def test_costs_that_change_by_period():
    assert wagner_whitin([5, 5, 5], [100, 1, 100], [1, 0, 9])[1] == 101 + 0 and wagner_whitin([0, 0], 9, 1)[1] == 0


@given(instances(periods=2))
@settings(max_examples=25, deadline=None)
def test_a_plan_is_the_best_of_all_set_ups(p):
    best = brute_force(p)
    if math.isinf(best):
        with pytest.raises(InfeasibleError):
            plan_lots(p)
        return
    plan = plan_lots(p)
    assert plan.proven and plan.source == "program" and not broken_limits(p, plan.made)
    assert math.isclose(plan.cost, best, abs_tol=0.011) and plan.bound <= plan.cost + 1e-6
    assert math.isclose(plan_lots(p, form="facility").cost, best, abs_tol=0.011)


@given(instances())
@settings(max_examples=25, deadline=None)
def test_three_programs_and_the_judge_agree(p):
    found = [solve(program, gap=0) for program in (readable_program(p), plain_program(p), facility_program(p))]
    assert len({each.ok for each in found}) == 1
    if found[0].ok:
        costs = [found[0].objective + p.holding_cost @ np.maximum(p.stock[:, None] - p.demand.cumsum(1), 0).sum(1)]
        costs += [each.objective for each in found[1:]] + [plan_lots(p).cost]
        assert max(costs) - min(costs) < 0.02


@given(instances(periods=3))
@settings(max_examples=25, deadline=None)
def test_whole_data_make_whole_costs_in_steps(p):
    p = replace(p, unit_time=1.0)
    step, a = cost_step(p), plain_program(p)
    assert step >= 1 or (step == 0 and not any(v[np.isfinite(v)].any() for v in (p.setup_cost, p.holding_cost)))
    for flag in (0, 1):
        found = best_quantities(a, np.full(int(a.integer.sum()), flag))
        if found.ok and step:
            assert abs(found.objective / step - round(found.objective / step)) < 1e-6


@given(instances(strict=True))
@settings(max_examples=40, deadline=None)
def test_hours_that_are_said_to_help_do_help(p):
    try:
        plan_lots(p)
    except InfeasibleError as error:
        if error.limits is not None:
            more = np.zeros(p.capacity.shape)
            for row in error.limits.itertuples():
                more[p.lines.index(row.line), p.periods.index(row.period)] += row.missing + 1e-6
            assert more.sum() > 0 and plan_lots(replace(p, overtime=p.overtime + more), gap=1.0).books.cost >= 0
        assert "No plan keeps all limits" in str(error)


@given(instances())
@settings(max_examples=25, deadline=None)
def test_the_rule_keeps_every_limit(p):
    made = rule_plan(p)
    if made is not None:
        assert not broken_limits(p, made)


def full_line(seed: int = 0, items: int = 5, periods: int = 10) -> LotSizing:
    rng = np.random.default_rng(seed)
    head = [rng.integers(low, high, items) for low, high in ((200, 900), (1, 5), (10, 40))]
    return LotSizing(rng.integers(60, 120, (items, periods)), np.full((1, periods), 160 * items), *head)


def test_out_of_time_the_rule_has_a_plan_and_says_so(monkeypatch):
    real = solve

    def no_time(program, time_limit=60.0, *args, **kwargs):
        found = real(program, time_limit, *args, **kwargs)
        return replace(found, status="limit", x=None, bound=math.nan) if program.integer.any() else found

    monkeypatch.setattr(lot_sizing, "solve", no_time)
    plan = plan_lots(full_line())
    assert plan.source == "rule" and not plan.proven and not broken_limits(plan.problem, plan.made)
    assert "rule of thumb" in plan.message and "up to" in plan.message and plan.gap > 0


def test_a_search_cut_short_has_a_bound_below_the_best():
    p = full_line(seed=1, items=8, periods=14)
    cut, best = plan_lots(p, time_limit=0.05), plan_lots(p, gap=0.02)
    assert cut.bound <= best.cost and not broken_limits(cut.problem, cut.made)


def test_stock_at_the_start_is_used_first_and_debts_are_paid():
    p = LotSizing([[10, 10, 10]], 100, [50], [2], stock=[25])
    plan = plan_lots(p)
    assert plan.made.sum() == 5 and plan.books.money["holding"] == 2 * (15 + 5) and plan.cost == 90
    owed = plan_lots(replace(p, stock=[-5.0], backlog_cost=9.0, unmet_cost=99.0))
    assert owed.made.sum() == 35 and owed.cost == 50 + 2 * (20 + 10)


def test_a_part_that_is_short_is_named():
    p = LotSizing([[10, 10]], 100, [5], [1], use=[[2]], supply=[[20, 30]], parts=["axle"])
    with pytest.raises(InfeasibleError, match="axle is short 10 units in period 2: 40 are needed by then and 30"):
        plan_lots(p)
    late = plan_lots(replace(p, backlog_cost=3, unmet_cost=7))
    assert late.books.late[0].tolist() == [0, 5] and late.cost == 10 + 5 * 7


def test_frozen_periods_stay_and_changes_cost():
    p = LotSizing([[20, 50, 10, 60]], 100, [100], [1], backlog_cost=30, unmet_cost=300)
    before = np.array([[20.0, 60.0, 0.0, np.nan]])
    kept = plan_lots(p, before=before, frozen=2)
    assert kept.made[0, :2].tolist() == [20, 60] and kept.made.sum() == 140
    dear = plan_lots(p, before=before, change_cost=1000)
    assert np.nansum(np.abs(dear.made - before)) == 0 and dear.change == 0
    moved = plan_lots(p, before=np.array([[30.0, 60.0, 0.0, np.nan]]), change_cost=1)
    assert moved.proven and moved.change == np.nansum(np.abs(moved.made[0, :3] - [30, 60, 0]))
    too_much = plan_lots(p, before=np.array([[90.0, 90.0, 90.0, 90.0]]), frozen=4)
    assert too_much.made.sum() == 360 and not broken_limits(p, too_much.made)


def test_a_frozen_plan_that_cannot_be_kept_is_told():
    p = LotSizing([[20, 50]], 60, [100], [1])
    with pytest.raises(InfeasibleError, match="frozen"):
        plan_lots(p, before=np.array([[0.0, 0.0]]), frozen=2)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"demand": [1, 2]}, "demand has shape"),
        ({"demand": [[1, -2]]}, "demand is -2 somewhere"),
        ({"demand": [[1, np.nan]]}, "demand is .*nan"),
        ({"setup_cost": [1, 2, 3]}, "setup_cost has shape"),
        ({"holding_cost": "much"}, "holding_cost holds something that is not a number"),
        ({"item": [0, 4], "setup_cost": 1}, "item must name one of 0 to 0"),
        ({"item": [0, 0], "setup_cost": 1}, "two routes on line 1"),
        ({"items": ["a", "b"]}, "items has 2 different names; 1 are needed"),
        ({"use": [[1]]}, "use and supply belong together"),
        ({"capacity": [[-1, 2]]}, "capacity is -1"),
        ({"unit_time": np.inf}, "unit_time is .*inf"),
    ],
)
def test_nonsense_is_refused_by_name(change, words):
    given = {"demand": [[1, 2]], "capacity": [[5, 5]], "setup_cost": [1], "holding_cost": [1]} | change
    with pytest.raises(LotError, match=words):
        LotSizing(**given)


def test_an_item_without_a_line_is_named():
    with pytest.raises(LotError, match="red is asked for, but no line can make it"):
        LotSizing([[1, 2], [3, 4]], [[9, 9]], [1], [1, 1], item=[0], items=["blue", "red"])


# files


def written(p: LotSizing, form: str) -> str:
    """Write a problem as the files of the literature do: tabs, fixed width, or two blocks."""
    rows = [list(p.shape[::3]), [1], [int(p.capacity[0, 0])]]
    rows += np.stack([p.unit_time, p.holding_cost, p.setup_time, p.setup_cost], 1).tolist()
    columns = np.split(p.demand.T, range(15, len(p.demand), 15), axis=1) if form != "wide" else [p.demand.T]
    rows += [row for block in columns for row in block.astype(int).tolist()]
    if form == "tabs":
        return (
            "\r\n".join("\t".join(f"{v:g}" for v in row) + "\t\t" for row in rows)
            + "\r\nBi\thi\tsu\tsu\r\n\ttime\tcost\r\n"
        )
    return (
        "\n".join("".join(f"{v:7.2f}" if isinstance(v, float) else f"{v:7d}" for v in row) for row in rows)
        + "\n Bi hi\n"
    )


@pytest.mark.parametrize("items", [2, 15, 16, 31])
@pytest.mark.parametrize("form", ["tabs", "fixed", "wide"])
def test_files_of_every_form_are_read(tmp_path, items, form):
    p = full_line(seed=items, items=items, periods=4)
    file = tmp_path / "x.dat"
    file.write_text(written(p, form), encoding="utf-8-sig" if form == "tabs" else "utf-8")
    back = read_trigeiro(file)
    assert (back.demand == p.demand).all() and (back.setup_cost == p.setup_cost).all()
    assert (back.setup_time == p.setup_time).all() and (back.holding_cost == p.holding_cost).all()
    assert (back.capacity == p.capacity).all()


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("2 3", "2 3 4", "x.dat, line 1: found 3 numbers; the line of items and periods has 2"),
        ("2 3", "2.5 3", "x.dat, line 1: found 2.5 3; items and periods must be whole"),
        ("2 3", "two 3", "x.dat, line 1, column 1: found 'two'"),
        ("728", "", "line 4: found 4 numbers; the line of the hours has 1"),
        ("1 2 10 400", "1 2 10", "x.dat, line 4: found 3 numbers; an item"),
        ("7 8", "7", "x.dat, line 6: found 1 numbers; a period's row of demand has 2"),
        ("7 8", "7 -8", "x.dat, line 6, column 2: found '-8'"),
        ("7 8", "7 nan", "x.dat, line 6, column 2: found 'nan'"),
        ("11 12\n", "", "x.dat, line 8, column 1: found 'Bi'"),
        ("11 12\n", "11 12\n13 14\n", "x.dat, line 9: numbers after the last of 3 periods"),
        ("9 10\n11 12\nBi hi", "9 10", "the file ends after line 7"),
    ],
)
def test_a_file_that_does_not_fit_is_told_by_line(tmp_path, old, new, words):
    text = "2 3\n1\n728\n1 2 10 400\n1 3 20 600\n7 8\n9 10\n11 12\nBi hi\n"
    file = tmp_path / "x.dat"
    file.write_text(text)
    assert read_trigeiro(file).demand.tolist() == [[7, 9, 11], [8, 10, 12]]
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(LotError, match=words):
        read_trigeiro(file)


def test_a_file_that_is_not_there_or_empty_is_told(tmp_path):
    with pytest.raises(LotError, match="cannot be read"):
        read_trigeiro(tmp_path / "none.dat")
    (tmp_path / "empty.dat").write_text("\n\n")
    with pytest.raises(LotError, match="empty.dat: the file ends after line 0"):
        read_trigeiro(tmp_path / "empty.dat")


# rolling plans


@given(instances(periods=4), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_every_late_unit_has_a_reason_and_none_is_told_twice(p, seed):
    p = replace(p, backlog_cost=5.0, unmet_cost=50.0)
    made = np.round(plan_lots(p, gap=0.2).made * np.random.default_rng(seed).uniform(0.3, 1, (p.shape[1], 1)), 2)
    late = late_units(p, made)
    assert np.isclose(
        (late["units"] * (late["made"] - late["due"].clip(lower=0))).sum(), judge_lots(p, made).late.sum()
    )
    why = peg_late(p, made)
    assert np.isclose(why["units"].sum(), late["units"].sum(), atol=1e-3) and (why["reason"].str.len() > 20).all()


def test_without_room_on_the_line_nothing_is_late_by_choice():
    p = LotSizing([[150, 10]], 100, [0], [1], backlog_cost=5, unmet_cost=50, lines=["press"])
    why = peg_late(p, plan_lots(p).made)
    assert why["kind"].tolist() == ["line"] and why["units"].tolist() == [50]
    assert "press was full in period 1 (100 of 100 h)" in why["reason"].iloc[0]
    q = LotSizing([[50, 150, 10]], 100, [0], [1], backlog_cost=5, unmet_cost=50)
    told = peg_late(q, np.array([[50.0, 100.0, 60.0]]))
    assert set(told["kind"]) == {"cost"} and told["units"].sum() == 50 and "room in period 1" in told["reason"].iloc[0]


def test_a_forecast_that_was_too_low_is_the_reason():
    p = LotSizing([[10, 30]], 100, [1], [1], backlog_cost=5, unmet_cost=50)
    forecasts = [np.array([[10.0, 12.0]]), np.array([[30.0]])]
    why = peg_late(p, np.array([[10.0, 12.0]]), forecasts, frozen=1)
    assert (
        why["kind"].tolist() == ["forecast"] and "22 were expected up to period 2 and 40 came" in why["reason"].iloc[0]
    )


def test_rolling_with_known_demand_is_the_plan_itself():
    p = replace(full_line(3, 3, 6), backlog_cost=40, unmet_cost=400, capacity=380)
    whole = plan_lots(p)
    rolled = roll(p, horizon=6, gap=0.0, change_cost=1e-3)
    assert rolled.books.cost <= whole.cost + 0.02 and rolled.changes["changed"].sum() < 1e-6
    assert len(rolled.plans) == 6 and rolled.plans[4].shape == (3, 2)


def test_rolling_needs_a_price_for_late_units_and_a_forecast_that_reaches():
    p = full_line(3, 3, 6)
    with pytest.raises(LotError, match="must be finite"):
        roll(p, 3)
    p = replace(p, backlog_cost=40, unmet_cost=400)
    with pytest.raises(LotError, match="must reach 3 periods ahead"):
        roll(p, 3, lambda t: p.demand[:, t : t + 1])


def test_nervousness_counts_only_what_both_plans_cover():
    told = nervousness([np.array([[1, 2, 3.0]]), np.array([[2, 5, 9.0]]), np.array([[0, 9.0]])])
    assert (
        told["changed"].tolist() == [2, 5] and told["setups"].tolist() == [0, 1] and told["planned"].tolist() == [5, 14]
    )


# requirements


@st.composite
def bills(draw):
    """Draw a bill without cycles: parts only go into parts of a lower number."""
    size = draw(st.integers(2, 7))
    pairs = [(f"p{i}", f"p{j}") for i in range(size) for j in range(i + 1, size)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=12))
    rows = [(a, b, draw(st.integers(1, 4)), draw(st.sampled_from([0.0, 0.0, 0.2, 0.5]))) for a, b in chosen]
    return pd.DataFrame(rows, columns=["parent", "part", "quantity", "scrap"])


def walk(bom: pd.DataFrame, part: str, units: float) -> dict[str, float]:
    need = {part: units}
    for row in bom[bom["parent"] == part].itertuples():
        for below, more in walk(bom, row.part, units * row.quantity / (1 - row.scrap)).items():
            need[below] = need.get(below, 0.0) + more
    return need


@given(bills(), st.integers(1, 50))
@settings(max_examples=80, deadline=None)
def test_one_solve_is_the_walk_down_all_ways(bom, units):
    bill, top = read_bill(bom), bom["parent"].iloc[0]
    by_hand = pd.Series(walk(bom, top, units)).reindex(bill.names).fillna(0.0)
    assert np.allclose(total_requirements(bill, pd.Series({top: units}, name="all"))["all"], by_hand)
    plan = plan_requirements(bill, pd.DataFrame({"part": [top], "period": [0], "units": [units]}), [0]).table
    assert np.allclose(plan.set_index("part")["planned"][bill.names], by_hand)
    for row in bill.rows.itertuples():
        assert bill.codes[row.parent] < bill.codes[row.part]
    doubled = bom.duplicated(["parent", "part"]).any()
    assert bool(bill.notes) == bool(doubled)


@given(bills(), st.integers(0, 30), st.integers(0, 7), st.integers(0, 20), st.integers(0, 2))
@settings(max_examples=50, deadline=None)
def test_stock_never_falls_below_nothing_and_units_are_conserved(bom, stock, pack, minimum, lead):
    bill, top = read_bill(bom), bom["parent"].iloc[0]
    parts = pd.DataFrame({"part": bill.names, "stock": stock, "pack": pack, "minimum": minimum, "lead_time": lead})
    asked = pd.DataFrame({"part": top, "period": range(6), "units": [3, 0, 8, 1, 0, 5]})
    plan = plan_requirements(bill, asked, list(range(6)), parts)
    for part, rows in plan.table.groupby("part"):
        assert (rows["stock"] > -1e-6).all()
        balance = stock + rows["receipts"].sum() + rows["planned"].sum() - rows["gross"].sum()
        assert np.isclose(balance, rows["stock"].iloc[-1]) and np.isclose(rows["planned"].sum(), rows["released"].sum())
        lots = rows["planned"][rows["planned"] > 0]
        assert (lots >= minimum - 1e-6).all() and (
            pack == 0 or np.allclose(lots / max(pack, 1), np.round(lots / max(pack, 1)))
        )
        assert np.isclose(plan.late.loc[plan.late["part"] == part, "units"].sum(), rows["planned"].head(lead).sum())


def table_of(*rows, **columns) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["parent", "part", "quantity"]).assign(**columns)


@pytest.mark.parametrize(
    "bom, words",
    [
        (table_of(("A", "B", 1), ("B", "A", 1)), r"row \d: the parts go round: (A > B > A|B > A > B)"),
        (table_of(("X", "A", 1), ("A", "B", 1), ("B", "C", 1), ("C", "A", 1), ("C", "Y", 1)), "the parts go round"),
        (table_of(("A", "A", 1)), "A > A"),
        (table_of(("A", "B", 0)), "column quantity, row 2: 0 is not above zero"),
        (table_of(("A", "B", 1), ("A", "C", "lots")), "column quantity, row 3: 'lots' is not above zero"),
        (table_of(("A", None, 1)), "column part, row 2: an empty cell"),
        (table_of(("A", "B", 1), scrap=[1.0]), "column scrap, row 2: 1 is no share"),
        (table_of(("A", "B", 1), valid_from=[5], valid_to=[3]), "valid until 3 and from 5"),
        (
            table_of(("A", "B", 1), ("A", "B", 2), valid_from=[1, 3], valid_to=[4, 9]),
            "row 3: A and B stand in row 2 too",
        ),
        (table_of(("A", "B", 1), ("A", "B", 2), valid_from=[None, 3]), "valid for ever"),
        (table_of(("A", "B", 1), ("C", "B", 2), phantom=[True, False]), "a phantom in some rows and none in others"),
        (table_of(("A", "B", 1)).drop(columns="quantity"), "column quantity: the column is missing"),
    ],
)
def test_a_wrong_bill_is_refused_in_words(bom, words):
    with pytest.raises(DataError, match=words):
        read_bill(bom)


def test_parts_units_and_products_are_checked_against_their_tables():
    bom = table_of(("A", "B", 1), ("A", "C", 1), unit=["kg", "piece"])
    parts = pd.DataFrame({"part": ["B"], "unit": ["piece"]})
    with pytest.raises(DataError) as told:
        read_bill(bom, parts, products=["A", "Z"])
    assert len(told.value.problems) == 3
    for words in (
        "'B' is counted in 'kg' here and in 'piece' in parts",
        "'C' is not in parts",
        "product Z has no parts",
    ):
        assert words in str(told.value)


def test_a_later_row_may_replace_an_earlier_one_by_date():
    days = list(pd.date_range("2026-01-05", periods=3, freq="7D"))
    bom = table_of(("A", "B", 1), ("A", "B", 3))
    bom["valid_from"], bom["valid_to"] = [pd.NaT, days[2]], [days[1], pd.NaT]
    asked = pd.DataFrame({"part": "A", "period": days, "units": 10})
    plan = plan_requirements(read_bill(bom), asked, days).table
    assert plan[plan["part"] == "B"]["gross"].tolist() == [10, 10, 30]


def test_the_same_validity_twice_is_added_up():
    bom = table_of(("A", "B", 1), ("A", "B", 2), valid_from=[1, 1], valid_to=[4, 4])
    bill = read_bill(bom)
    assert (
        bill.rows["quantity"].tolist() == [3] and "rows 2 and 3" in bill.notes[0] and "added up to 3" in bill.notes[0]
    )


@pytest.mark.parametrize(
    "kind, rows, words",
    [
        ("demand", {"part": ["Q"], "period": [1], "units": [1]}, "demand, column part, row 2: 'Q' is not in bom"),
        ("demand", {"part": ["A"], "period": [9], "units": [1]}, "9 is not a period of the plan"),
        ("receipts", {"part": ["B"], "period": [1], "units": [-1]}, "receipts, column units, row 2: -1"),
        ("parts", {"part": ["B", "B"]}, "parts, column part, row 3: 'B' stands there twice"),
        ("parts", {"part": ["B"], "lead_time": [1.5]}, "parts, column lead_time, row 2: 1.5"),
        ("parts", {"part": ["B"], "stock": [-3]}, "parts, column stock, row 2: -3"),
    ],
)
def test_wrong_tables_beside_the_bill_are_refused(kind, rows, words):
    bill, asked = read_bill(table_of(("A", "B", 1))), pd.DataFrame({"part": ["A"], "period": [1], "units": [1]})
    tables = {"demand": asked} | {kind: pd.DataFrame(rows)}
    with pytest.raises(DataError, match=words):
        plan_requirements(bill, periods=[1, 2], **tables)


def test_forecasts_of_a_rolling_plan_are_kept_and_executed_lots_obey_the_line():
    p = replace(full_line(4, 3, 6), backlog_cost=30, unmet_cost=300, capacity=330, overtime=40, overtime_cost=5)
    rolled = roll(p, 3, lambda t: np.round(p.demand[:, t:] * 0.9), frozen=1, gap=0.01)
    assert not broken_limits(p, rolled.made) and len(rolled.forecasts) == 6
    for old, new in zip(rolled.plans[:-1], rolled.plans[1:]):
        assert np.allclose(new[:, 0], old[:, 1])


def test_the_benchmark_writes_a_row_an_instance(tmp_path):
    for name, seed in (("F2", 2), ("F10", 3)):
        (tmp_path / f"{name}.dat").write_text(written(full_line(seed, 2, 4), "tabs"))
    (tmp_path / "F3.dat").write_text("2 3\n1\n728\nnothing")
    reference = plan_lots(read_trigeiro(tmp_path / "F2.dat")).cost
    (tmp_path / "reference_values.csv").write_text(f"instance,best_objective\nF2,{reference}\n")
    script = [sys.executable, str(ROOT / "benchmarks" / "lot_sizing.py"), "--data", str(tmp_path)]
    run = subprocess.run([*script, "--out", str(tmp_path / "out.csv")], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    table = pd.read_csv(tmp_path / "out.csv")
    assert table.columns.tolist() == ["name", "value", "bound", "proven", "cpu_s", "peak_mb"]
    assert table["name"].tolist() == ["F2", "F3", "F10"] and table["proven"].tolist() == [True, False, True]
    assert table["value"].iloc[0] == table["bound"].iloc[0] == reference and (table["peak_mb"] > 10).all()
    assert "F3.dat, line 4, column 1: found 'nothing'" in run.stdout and "as the reference" in run.stdout
