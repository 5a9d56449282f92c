"""The study of the manufacturing case, and both sides of every condition on its page."""

import json
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from test_pages import changed, sane, sides

from lepton_nb.allocation.policy import Gain
from lepton_nb.business.returns import appraise
from lepton_nb.cases.manufacturing import CASE, Parameters, pages, study
from lepton_nb.cases.manufacturing.plant.floor import PlantError
from lepton_nb.cases.manufacturing.study.decision import BOOK, FORMULA, JOINT, LEAST, TODAY, way_in_words
from lepton_nb.cases.manufacturing.study.known import known_of
from lepton_nb.cases.manufacturing.study.whole import study_of
from lepton_nb.workbook import figures
from lepton_nb.workbook.case import find_case, pages_of
from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.prose import prose_cells, render, unread

PAGES = Path(__file__).resolve().parent.parent / "nbs" / "cases" / "manufacturing"
PAGE, BEHIND = PAGES / "decide.ipynb", PAGES / "method.ipynb"
SMALL = Parameters(judged_weeks=8, warm_weeks=8, worlds=20, model="fast")


@pytest.fixture(scope="module")
def small():
    return study(SMALL)


@pytest.fixture(scope="module")
def bare(bare_plant):
    return bare_plant


def names_of(s, page: Path = PAGE) -> dict:
    """Run the cells of the page that only bind names, on a study at hand."""
    names: dict = {}
    for cell in nbformat.read(page, 4).cells:
        if cell.cell_type != "code" or cell.source.startswith("%%"):
            continue
        if "study(from_namespace(" in cell.source:
            exec(cell.source.replace("study(from_namespace(Parameters, globals()))", "s"), names | {"s": s}, names)
            return names
        exec(cell.source, names)
    raise AssertionError("the page does not call study")


def said_by(names: dict, page: Path = PAGE) -> str:
    """Everything that the prose of the page says."""
    return "\n".join(" ".join(sane(render(cell, names)).split()) for cell in prose_cells(page))


# ---- the study


def test_the_case_is_whole_and_its_page_takes_every_parameter():
    case = find_case("manufacturing")
    pages = ["decide", "method", "forecast", "floor", "quality", "business", "people", "data", "alarms", "market"]
    assert case is CASE and list(pages_of(case)) == pages
    for page in (PAGE, BEHIND):
        cell = next(c for c in nbformat.read(page, 4).cells if "parameters" in c.metadata.get("tags", []))
        given: dict = {}
        exec(cell.source, given)
        assert {name: given[name] for name in Parameters.model_fields} == dict(Parameters())


def test_the_parts_are_frozen_and_the_weeks_apart(small):
    for part in (small.known, small.forecast, small.decision, small.returns):
        assert is_dataclass(part)
        with pytest.raises(AttributeError):
            setattr(part, fields(part)[0].name, None)
    known = small.known
    assert known.judged - known.practice == 8 and known.judged == len(known.weeks) - 8
    assert known.course.worlds == 20 and known.recorded and small.decision.zero == TODAY


def test_gains_are_differences_of_what_the_books_cost(small):
    decision, cost = small.decision, small.decision.figures["cost a week"]
    assert set(decision.books) == {TODAY, BOOK, FORMULA, LEAST, JOINT}
    for way, gain in decision.gains.items():
        assert gain.mean == pytest.approx(cost[TODAY] - cost[way]) and gain.low <= gain.mean <= gain.high
        assert len(gain.each) == 8 and len(decision.by_world[way].each) == 20
    assert np.allclose(decision.costs.sum(), cost)
    assert decision.practised[decision.best] == decision.practised.max()


def test_the_program_and_the_bound_stand_beside_the_ways(small):
    decision = small.decision
    program = decision.program
    assert program.hedge == JOINT and len(program.gain.each) == 20 and program.planned == 20 * 8
    assert 0 <= program.gave_up <= program.planned and set(decision.gone.index) == set(decision.books)
    assert decision.gone[FORMULA] == 0 and (decision.gone < 1).all() and decision.bound > 0
    told = dict((r.name, r.value) for r in small.results)
    assert told["program.gain_per_week"] == program.gain.mean and told["bound.per_week"] == decision.bound


def test_next_week_of_every_way_is_worked_out_again_from_its_reasons(small):
    from lepton_nb.cases.manufacturing.study.decision import _next_week

    for way in (BOOK, FORMULA, LEAST, JOINT):
        lines, failing = _next_week(small.known, small.forecast, way, small.decision.settings[way])
        assert failing == 0 and (lines["do"] == "call off").sum() > 10, way


def test_settings_are_tuned_on_the_practice_weeks_alone(small):
    course = small.known.course
    demand = course.demand.copy()
    demand[..., small.known.judged :] *= 3
    from lepton_nb.cases.manufacturing.study.decision import _settings_of, _trial_of

    known = replace(small.known, course=replace(course, demand=demand))
    trial = _trial_of(SMALL, known, small.forecast)
    assert _settings_of(SMALL, known.book_weeks, trial) == small.decision.settings


def test_every_line_of_the_plan_has_a_reason_that_gives_its_amount(small):
    assert small.decision.failing == 0
    for way, plan in small.decision.plans.items():
        assert plan["reason"].str.len().gt(20).all() and (plan["amount"] > 0).all(), way
        parts = small.known.data.tables["parts"].set_index("part")
        calls = plan[plan["do"] == "call off"].set_index("what")
        assert (calls["amount"] % parts["pack"].reindex(calls.index) == 0).all()
        assert np.allclose(calls["value"], calls["amount"] * parts["value"].reindex(calls.index))
        for line in calls.reset_index().itertuples():
            used, kept, there, coming = (
                float(text.replace(",", ""))
                for text in re.findall(r"([\d,]+) (?:are (?:used|kept|there)|on)", line.reason)
            )
            missing = used + kept - there - coming
            assert 0.9 * missing - 3 <= line.amount <= 1.15 * missing + parts["pack"][line.what] + 500, line


def test_a_plant_that_records_nothing_is_compared_with_a_named_rule(bare):
    assert bare.known.kind == "own" and not bare.known.recorded and bare.decision.zero == BOOK
    assert TODAY not in bare.decision.books and BOOK not in bare.decision.gains
    assert bare.known.notes[:-2] == tuple(bare.known.data.assumed) and len(bare.known.notes) == 7
    assert bare.decision.worlds_are == "deliveries and repairs"
    assert "is not on record" in said_by(names_of(bare)) and "tuned book" in pages.plan_against(bare)
    assert "today" not in pages.plan_answer(bare)
    assert dict((r.name, r.value) for r in bare.results)["today.weeks"] == "none"


def test_weeks_given_for_today_are_taken_and_the_money_alone_makes_no_plan_again(small, monkeypatch):
    given = known_of(SMALL.model_copy(update={"book_weeks": 1.25}), small.known.data)
    assert given.book_weeks == 1.25

    def again(*_):
        raise AssertionError("worked out a second time")

    monkeypatch.setattr("lepton_nb.cases.manufacturing.study.decision.plant_trial", again)
    other = study_of(SMALL.model_copy(update={"project_cost": 1_000.0}), small.known.data)
    assert other.returns.venture.build == 1_000 and other.decision.figures.equals(small.decision.figures)


def test_too_few_weeks_are_refused_by_the_names_of_their_parameters(small):
    tables = dict(small.known.data.tables)
    tables["demand"] = tables["demand"][tables["demand"]["week"] < "2020-09-01"]
    with pytest.raises(PlantError, match="judged_weeks=26.*warm_weeks=26"):
        known_of(Parameters(), replace(small.known.data, tables=tables))
    with pytest.raises(UserError):
        study(Parameters(source="own:no such folder"))


def test_a_dearer_stand_is_another_plant():
    dear = known_of(SMALL.model_copy(update={"stand_cost": 12_345.0}))
    assert (dear.plant.stand_cost == 12_345).all()


def test_the_sliders_hold_the_payback(small):
    from lepton_nb.business.returns import Investment

    numbers = small.returns.sliders | {"years": int(small.returns.sliders["years"])}
    assert appraise(Investment(**numbers))["npv"] == pytest.approx(small.returns.likely["npv"])
    for gain in (-1234.0, 0.0, 0.4, 14_572.0):
        s = replace(small, returns=replace(small.returns, venture=replace(small.returns.venture, weekly_gain=gain)))
        for slider in pages.plan_sliders(s):
            assert slider.low <= s.returns.sliders[slider.name] <= slider.high and slider.step > 0, slider


# ---- the page


def gain(mean: float, half: float = 1_000.0) -> Gain:
    return Gain(np.full(8, mean), mean - half, mean + half)


def worlds(mean: float, half: float = 1_000.0) -> Gain:
    return Gain(np.full(20, mean), mean - half, mean + half)


def with_gains(small, judged: Gain, others: Gain, best: str = LEAST):
    """A study whose best way gains what is given."""
    decision = small.decision
    changes = {"best": best, "gains": decision.gains | {LEAST: judged}, "by_world": decision.by_world | {LEAST: others}}
    plans = dict.fromkeys(decision.plans | {LEAST: 0}, decision.plans[TODAY])
    return replace(small, decision=replace(decision, plans=plans, **changes))


def page_sides(small, bare) -> list[dict]:
    names = names_of(small)

    def own(judged: Gain, others: Gain, best: str = LEAST, **more) -> dict:
        return names_of(with_gains(small, judged, others, best)) | more

    f = names["f"]
    judged = pd.DataFrame({"WAPE": 0.1}, index=["accurate", "level and season", "seasonal_naive"])
    fine = changed(f, judged=judged, by_parameter=False, chosen="accurate", ahead=1)
    return sides(
        names,
        own(gain(5_000.0), worlds(9_000.0)),
        own(gain(-5_000.0), worlds(-9_000.0)),
        own(gain(500.0), worlds(500.0), s=replace(small, returns=replace(small.returns, in_worlds=-5.0))),
        own(gain(0.0), worlds(0.0), best=TODAY),
        names_of(bare),
        {"s": changed(small, returns=replace(small.returns, in_worlds=5.0)), "f": fine, "rule_error": 0.2},
        {"f": changed(fine, chosen="level and season"), "rule_error": 0.05},
        {"ahead": 0, "d": changed(small.decision, failing=1)},
        {"program": replace(small.decision.program, gain=worlds(5_000.0)), "gone": 0.25},
        {"program": replace(small.decision.program, gain=worlds(-5_000.0), gave_up=1), "gone": -0.25},
        {"program": replace(small.decision.program, gain=worlds(5.0), gave_up=3)},
        {"gone": 0.25, "d": changed(small.decision, best=TODAY)},
        {"gone": -0.25, "d": changed(small.decision, best=TODAY)},
        {"d": changed(small.decision, failing=2)},
    )


def test_every_side_of_the_page_is_read_and_makes_sense(small, bare):
    examples = page_sides(small, bare)
    for cell in prose_cells(PAGE):
        assert unread(cell, examples) == []
    said = [said_by(names) for names in examples]
    assert "That is a gain" in said[1] and "That is a loss" in said[2] and "cannot be told from nothing" in said[3]
    assert "No way of planning did better than today's book" in said[4] and "ahead in none" in said[8]
    assert "1 line could not be worked out again from its reason" in said[8]
    assert "simulated" in said[0] and "simulated" not in said[5]
    assert "would have done a little better" in said[7] and "level and season by" not in said[7]
    assert "a gain over the rule" in said[9] and "has gone 25%" in said[9] and "in time" not in said[9]
    assert "the rule is the better plan" in said[10] and "In 1 week of" in said[10] and "is as near to" in said[10]
    assert "so a rule is preferred" in said[11] and "In 3 weeks of" in said[11]
    assert "bound, today's book has gone" in said[12] and "as near to that bound as today's book" in said[13]


def test_every_side_of_the_page_behind_it_is_read_and_makes_sense(small, bare):
    names = names_of(small, BEHIND)
    chosen = changed(small.forecast, by_parameter=False)
    examples = sides(names, names_of(bare, BEHIND), {"f": chosen, "held": 0.9}, {"held": 0.7}, {"held": 0.99})
    for cell in prose_cells(BEHIND):
        assert unread(cell, examples) == []
    said = [said_by(one, BEHIND) for one in examples]
    assert "simulated" in said[0] and "is not on record" in said[1] and "too narrow." in said[3]
    assert "so it is too wide" in said[4] and "so it is too" not in said[2]


def test_the_tables_behind_the_answer_add_up(small, bare):
    for s in (small, bare):
        parts, ways = pages.cost_parts(s), pages.tuned_ways(s).set_index("way")
        costs = (
            parts[parts["part of the cost"].isin(s.decision.costs.index)].drop(columns="part of the cost").sum() * 1e3
        )
        assert np.allclose(costs[ways.index], ways["judged"]) and ways["keeps"].str.contains("every part|service").all()
        assert pages.gains_by_week(s).mean() == pytest.approx(s.decision.over_zero.mean)
        assert pages.gains_by_world(s)["gain"].mean() == pytest.approx(s.decision.in_worlds.mean)
        assert pages.forecast_scores(s)["practice"].notna().all() and len(pages.plant_card(s)) > 3


def test_every_side_of_the_answer_is_read(small):
    names = pages.plan_answer_names(small) | {"best": LEAST, "zero": TODAY, "advised": LEAST, "over": TODAY}
    names |= {"recorded": True, "gain": 3_000.0, "low": 1_000.0, "worlds_gain": 9_000.0, "worlds": 24, "book_gain": 5.0}
    stay = {"advised": TODAY, "zero": TODAY}
    examples = sides(
        names,
        {"low": -1.0, "book_gain": -1.0},
        {"gain": -50.0, "low": -90.0},
        {"recorded": False, "zero": BOOK, "over": "the tuned book"},
        stay | {"best": TODAY},
        stay | {"worlds_gain": 1.0, "upkeep": 2.0},
        stay | {"worlds_gain": 9.0, "upkeep": 2.0},
        {"advised": BOOK, "zero": BOOK, "best": BOOK, "recorded": False},
    )
    assert unread(pages.PLANT_ANSWER, examples) == []
    said = [" ".join(sane(render(pages.PLANT_ANSWER, one)).split()) for one in examples]
    assert said[0].startswith("Plan by the **formula with a least**") and "cannot tell" not in said[0]
    assert "alone cannot tell that from nothing, but over 24 worlds" in said[1] and "saves nothing" in said[1]
    assert "it cost" in said[2] and "more than today's book" in said[2] and "today" not in said[3]
    assert all(text.startswith("Keep") for text in said[4:]) and "does not earn its upkeep" in said[5]
    assert "Try it on a few parts" in said[6]


@pytest.mark.parametrize(
    "judged, others, way",
    [
        (gain(5_000.0), worlds(9_000.0), LEAST),
        (gain(500.0), worlds(9_000.0), LEAST),
        (gain(500.0), worlds(900.0), TODAY),
        (gain(-9_000.0), worlds(-9_000.0), TODAY),
        (gain(5_000.0), worlds(100.0), TODAY),
    ],
)
def test_advice_follows_what_is_told_from_nothing_and_earns_its_upkeep(small, judged, others, way):
    s = with_gains(small, judged, others)
    assert pages.plan_advised(s) == way
    assert pages.plan_answer(s).startswith("Plan by" if way == LEAST else "Keep")


def test_what_a_manager_asks_first_stands_first(small, bare):
    for s in (small, bare):
        first, d = s.results[:5], s.decision
        assert [r.name.partition(".")[0] for r in first] == ["gain", "standstill", "stock", "late", "return"]
        assert "(95%: " in first[0].meaning and first[0].value == d.over_zero.mean
        assert [r.value for r in first[1:4]] == list(
            d.figures.loc[d.best, ["hours at a stand", "value of parts", "cars late"]]
        )
        assert all((f"by {way_in_words(d.zero)})" in r.meaning) == (d.best != d.zero) for r in first[1:4])
        assert len({r.name for r in s.results}) == len(s.results)


def test_the_frontier_names_today_and_every_tuned_way(small, bare, monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "show", lambda html, slot=None: shown.append(html.data))
    for s in (small, bare):
        pages.frontier_figure(s)
        wide, narrow = BeautifulSoup(shown.pop(), "html.parser").select("svg")
        for drawing in (wide, narrow):
            said = [text.get_text() for text in drawing.select("text")]
            assert all(said.count(way) == 1 for way in s.decision.settings)
        assert all(f"{way}: " in wide.get_text() for way in s.decision.settings)


def test_joint_service_has_no_article(small):
    names = pages.plan_answer_names(small) | {"best": JOINT, "advised": JOINT, "zero": TODAY, "gain": 9.0, "low": 1.0}
    assert render(pages.PLANT_ANSWER, names).strip().startswith("Plan by **joint service**: keep")
    ways = [TODAY, BOOK, LEAST, JOINT]
    assert [way_in_words(way) for way in ways] == [TODAY, "the tuned book", "the formula with a least", "joint service"]


def test_captions_make_sense(small, bare):
    losing = replace(small.returns, likely=pd.Series({"discounted_payback_months": np.inf, "npv": -4.0}))
    for s in (small, bare, with_gains(small, gain(0.0), worlds(0.0), TODAY), replace(small, returns=losing)):
        for write in (
            pages.plant_in_words,
            pages.plan_against,
            pages.plan_answer,
            pages.plan_title,
            pages.plan_gains_read,
            pages.frontier_read,
            pages.orders_read,
            pages.plan_verdict,
            pages.plan_payback_read,
            pages.plan_tornado_read,
        ):
            assert sane(write(s)), write.__name__
        for step in pages.plan_steps(s):
            sane(f"{step['what']}: {step['told']}")
    assert (pages.orders_fans(small).middle.sum(1) > 0).all(), "a model that is not sold any more is not offered"


@pytest.mark.slow
def test_the_page_that_decides_is_short_and_whole(plant_run, small):
    found = json.loads((plant_run / "results.json").read_text(encoding="utf-8"))["results"]
    assert len(found) > len(small.results) > 20  # some pages record results of their own
    assert all(found[one.name]["value"] == one.value for one in small.results)
    soup = BeautifulSoup((plant_run / "decide.html").read_text(encoding="utf-8"), "html.parser")
    assert [head.get_text() for head in soup.select("article h2")][:6] == [
        "Next week's plan",
        "Where the money comes from",
        "What may come",
        "Does it pay?",
        "What would change the answer",
        "Next steps",
    ]
    assert "SIMULATED" in soup.select_one(".lnb-badge").get_text()
    lines = soup.select(".lnb-decisions tbody tr")
    assert len(lines) > 40 and all(line.select("td")[-1].get_text().strip() for line in lines)
    for part in soup.select("script, style, svg, table, pre, details, select, nav, header, footer"):
        part.decompose()
    told = soup.get_text(" ")
    assert 300 < len(told.split()) <= 1_400 and not re.search(r"\b(nan|NaN|None)\b|\{\{|\{%|a week a week", told)


@pytest.mark.parametrize("page", [PAGE, BEHIND], ids=["decide", "method"])
def test_no_code_stands_on_a_page(page):
    cells = nbformat.read(page, 4).cells
    assert not [
        c.source[:60] for c in cells if c.cell_type == "code" and "hide_input" not in c.metadata.get("tags", [])
    ]
