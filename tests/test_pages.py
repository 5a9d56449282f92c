"""What the pages of retail say: every prose cell on made-up studies, until both sides of each condition are read."""

import re
from dataclasses import is_dataclass, replace
from pathlib import Path
from types import SimpleNamespace as Made

import nbformat
import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail import Parameters, exhibits, pages
from lepton_nb.cases.retail.chain.pace import WEEKS
from lepton_nb.cases.retail.pricing import PricingError
from lepton_nb.cases.retail.study import business, study
from lepton_nb.cases.retail.study.known import known_of
from lepton_nb.workbook.case import PageOmitted
from lepton_nb.workbook.prose import prose_cells, render, unread

PAGES = Path(__file__).resolve().parent.parent / "nbs" / "cases" / "retail"
NAMES = ["decide", "method", "ways", "prices", "people", "privacy", "data"]
THINGS = "week|year|month|day|line|item|evening|store|label|customer|account|pair|place|cell|reason|card holder"
NONSENSE = {
    "a number that is none": r"\bnan\b|\bNone\b|\binf\b|n/a|unlimited",
    "a hole": r"\{\{|\{%|\*\*\*\*",
    "one of many": rf"(?<![\d.,])1 ({THINGS})s\b",
    "none of them, as a number": rf"(?<![\d.,])0 ({THINGS})s\b",
    "a zero below zero": r"−(\D{0,4})0(\.0+)?(?![.,\d])",
    "a loss called a gain": r"\b(earn|gain|add|lose|cost|save|bring|leave)(s|ed)? \*{0,2}(−|-)\D{0,4}\d",
    "more of less": r"(−|-)\D{0,4}[\d.,]+ (a week )?(more|less)\b",
    "a value below zero": r"\b(value|gain) of (at most )?−",
    "no space after a sentence": r"[a-z0-9%]\.[A-Z]",
    "nothing between two signs": r" ,| \.(\s|$)|\(\)|, \.|\s;",
}


def sane(said: str) -> str:
    """Return what a page says; fails on nonsense."""
    found = {what: match.group() for what, pattern in NONSENSE.items() if (match := re.search(pattern, said))}
    assert not found, f"{found} in: {said}"
    return said


@pytest.mark.parametrize(
    "said",
    [
        "It earns −€4.94 more.",
        "It earns **−€4.94** a week.",
        "a gain of −€3.00",
        "Writing to the 0 customers",
        "the last 1 weeks",
        "It breaks even at n/a.",
        "−€0.00 a week",
        "a shelf of 003.So it is not run",
        "€−5 more",
    ],
)
def test_nonsense_is_noticed(said):
    with pytest.raises(AssertionError):
        sane(said)


@pytest.mark.parametrize(
    "said", ["10 weeks", "0.1 weeks", "worth between −€4.10 and €0.50 a week", "1 week", "2.0 days"]
)
def test_sense_is_let_through(said):
    assert sane(said)


def changed(thing, **changes):
    """Return a part of a study with some of it otherwise."""
    return replace(thing, **changes) if is_dataclass(thing) else Made(**vars(thing) | changes)


def sides(base: dict, *changes: dict) -> list[dict]:
    """Return names of a page, and the same with each change."""
    return [base, *(base | change for change in changes)]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The study of a shop that brought nothing but its sales."""
    folder, rng = tmp_path_factory.mktemp("mine"), np.random.default_rng(3)
    days = pd.date_range("2025-01-01", periods=240)
    rows = [
        (day, f"S{s}", f"00{i}", rng.poisson((3 + 2 * i) * (1.4 if day.weekday() > 4 else 1.0)), 1.5 + i)
        for s in range(2)
        for i in range(4)
        for day in days
    ]
    pd.DataFrame(rows, columns=["date", "store", "item", "units", "price"]).to_csv(folder / "sales.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_NB_CACHE", str(tmp_path_factory.mktemp("cache")))
        return study(Parameters(source=f"own:{folder}", evaluation_weeks=2, validation_weeks=4, paths=20, model="fast"))


def names_of(page: str, s) -> dict:
    """Run the cells of a page that only bind names, on a study at hand."""
    names: dict = {}
    for cell in nbformat.read(PAGES / f"{page}.ipynb", 4).cells:
        if cell.cell_type != "code" or cell.source.startswith("%%"):
            continue
        if "study(from_namespace(" in cell.source:
            exec(cell.source.replace("study(from_namespace(Parameters, globals()))", "s"), names | {"s": s}, names)
            return names
        exec(cell.source, names)
    raise AssertionError(f"{page} does not call study")


@pytest.mark.parametrize("page", NAMES)
def test_what_a_small_shop_reads_makes_sense(small, page):
    try:
        names = names_of(page, small)
    except PageOmitted as omitted:
        assert page in ("prices", "people") and str(omitted).endswith(".")
        return
    for cell in prose_cells(PAGES / f"{page}.ipynb"):
        sane(render(cell, names))


# ---- every page, every side


def decide_sides(small) -> list[dict]:
    names, at = names_of("decide", small), small.decision.standing

    def s(kind="own", years=3, notes=(), truth=None, orders=3, ahead=1, edge=None, counted=5.0, on_top=0.0):
        return Made(
            params=Made(years=years),
            known=Made(kind=kind, notes=notes, data=Made(truth=truth)),
            decision=Made(tonight=range(orders), over_today=Made(ahead=ahead)),
            returns=Made(edge=edge and Made(wape=edge), counted=counted, on_top=on_top),
        )

    step = {"way": "The newsvendor rule", "running": 3.0, "gain": 8.0, "net": 5.0}
    told = {"what": "the price plan", "told": "adds €3.00 a week", "basis": "assumed", "page": ""}
    return sides(
        names,
        {"s": s()},
        {"s": s("simulated", 1, ("The budget is 0.",), object(), 0, 0, 0.4, -5.0, 9.0), "weeks": 1, "truth": 0.2},
        {"s": s(edge=np.inf), "at": replace(at, recorded=True, today="what the chain did", best_rule="newsvendor")},
        {"failing": 1, "told": "newsvendor", "steps": [step, step | {"gain": 2.0, "net": -1.0}]},
        {"told": "stochastic plan", "steps": [step | {"running": 0.0, "gain": -8.0, "net": -8.0}]},
        {"next_steps": [told, told | {"page": "prices.html"}]},
    )


def method_sides(small) -> list[dict]:
    names = names_of("method", small)
    at, d, f = names["at"], names["d"], names["f"]
    levels = pd.DataFrame({"reconciled": [0.2], f.chosen: [0.3]}, index=["series"])

    def solves(binding, gap=0.0):
        return changed(d.solves, binding=binding, gap=gap)

    def over(low, high):
        return changed(d.over_rule, low=low, high=high)

    return sides(
        names,
        {"s": Made(known=Made(kind="simulated")), "truth": 0.29, "error": 0.3},
        {"truth": 0.1, "error": 0.3},
        {"d": changed(d, replayed=0.97, over_rule=over(1.0, 2.0), redeciding=3.0, solves=solves(1, 0.01))},
        {"d": changed(d, replayed=None, over_rule=over(-1.0, 2.0), solves=solves(len(d.solves.evenings)))},
        {"d": changed(d, redeciding=-3.0, solves=solves(0)), "at": replace(at, over_today=900.0)},
        {"f": changed(f, by_parameter=False, levels=levels, overfitting=1, price_response=0.07)},
        {"f": changed(f, by_parameter=True, levels=1 - levels, overfitting=None, price_response=-0.07)},
        {"f": changed(f, levels=None, price_response=None)},
        {"f": changed(f, price_response=0.0)},
        {"at": replace(at, over_rule=4.0, closed=0.1, over_point=2.0, to_foresight=0.0)},
        {"at": replace(at, over_rule=4.0, closed=0.001, over_point=-2.0)},
        {"at": replace(at, over_rule=4.0, closed=None, over_point=0.0)},
    )


def ways_sides(small) -> list[dict]:
    names = names_of("ways", small)
    modes, p = names["modes"], names["p"]
    deals = Made(pool=0.1, stopping=0.02, deals=range(4), gain=60.0, best="milk")
    earns = modes.earns.copy()
    earns["seasonal goods on demand"] = -9.0
    exhibit = Made(paying=lambda s: 2)
    return sides(
        names | {"exhibits": exhibit},
        {"s": Made(known=Made(kind="simulated")), "moved": ["tea (left out)"], "net": -4.94, "leave": -4.94},
        {"moved": ["tea (left out)", "cod (on demand)"], "net": 4.0, "leave": 9.0, "low": -1.0, "high": 9.0},
        {"moved": ["tea (left out)"] * 3, "net": 4.0, "leave": 0.0, "low": 1.0, "high": 9.0},
        {"modes": changed(modes, season_told=True, seasonal=0, subscriptions=deals)},
        {"modes": changed(modes, season_told=True, seasonal=1, waited=-3.0, subscriptions=changed(deals, gain=5.0))},
        {"modes": changed(modes, season_told=True, seasonal=2, waited=3.0, subscriptions=changed(deals, gain=0.0))},
        {"modes": changed(modes, season_told=True, seasonal=2, earns=earns)},
        {"nearest": "fish", "premium": 0.1, "profile": range(3), "p": p},
        {"nearest": "fish", "premium": -0.1, "profile": range(3)},
        {"nearest": "", "premium": float("nan"), "profile": range(3)},
    )


def prices_sides(small) -> list[dict]:
    labels = Made(changes=range(3), low=-1.0, high=9.0, measured=True, gain=5.0)
    missing = {"labels": "No price is moved: no cost is known.", "promoted": "No promotion is on record."}
    ways = ["before and after", "synthetic control", "double machine learning", "Shapley value"]
    score = Made(table=pd.DataFrame({"way": ways, "error": [0.2, 0.1, 0.05, 0.3]}), compared=9, inside=0.9, width=0.6)
    worse = changed(score, table=score.table.assign(error=[0.1, 0.2, 0.05, 0.3]), inside=0.7)
    prices = Made(elasticities=range(9), movable=3, inside=0.9, inside_naive=0.5, promotions=range(4), missing=missing)
    prices = changed(prices, promoted=score)
    base = {
        "s": small,
        "clear": pd.Series([-2.0, -1.0, -3.0, -1.5]),
        "prices": prices,
        "labels": labels,
        **{"middle": 4.0, "losing": 1, "currency": "EUR", "plan": 5.0, "markup": 2.0, "trial": 7, "stores": 6},
    }
    own = changed(labels, measured=False)
    return sides(
        base,
        {"clear": pd.Series(dtype=float), "labels": None, "prices": changed(prices, movable=0, inside=None)},
        {
            "clear": pd.Series([-2.0]),
            "prices": changed(prices, movable=0, promoted=worse),
            "middle": -27.0,
            "losing": 2,
        },
        {"losing": 0, "s": Made(known=Made(kind="simulated"))},
        {"prices": changed(prices, promotions=[], promoted=None), "labels": changed(labels, changes=[])},
        {"labels": changed(labels, changes=[1], gain=-5.0), "plan": -5.0, "markup": -2.0, "trial": 0},
        {"markup": 8.0, "trial": 1, "stores": 1},
        {"labels": own, "trial": 300, "prices": changed(prices, promoted=changed(score, inside=None))},
        {"labels": changed(own, gain=-4.94), "plan": -4.94, "markup": 3.0, "trial": 300, "stores": 1},
    )


def people_sides(small) -> list[dict]:
    ours = pd.Series({"customers": 30.0, "money a year": 90.0})
    counts = pd.DataFrame({"whole recall": [0.5]}, index=["rules"])
    who = Made(records=40, persons=30, doubtful=2, saved=4.5, ours=ours, counts=counts)
    clients = Made(best_fifth=0.5, silent=0.2, returned_silent=0.1, returned_others=0.8, model="average")
    clients = changed(clients, miscalibration=0.05, error_ratio=pd.Series({"value_RMSE": 0.9, "visits": 0.8}))
    letters = Made(sent=3, consented=True, gain=50.0, response=0.05, break_even=0.01, trial=None, low=None, high=None)
    trial = Made(persons=500, treated=250, more=0.04, more_low=0.01, more_high=0.07, response=0.08, low=0.02, high=0.14)
    measured = changed(letters, trial=trial, response=0.08, low=-4.0, high=90.0)
    none = changed(trial, more=-0.01, more_low=-0.04, more_high=0.02, response=-0.02, low=-0.08, high=0.04)
    lists = Made(
        recall_new=0.1,
        recall_repeats=0.4,
        rule_repeats=0.3,
        persons=30,
        margin=900.0,
        low=-20.0,
        high=1800.0,
        gain=45.0,
        upkeep=20.0,
        break_even=0.02,
    )
    base = {"s": small, "who": who, "clients": clients, "letters": letters, "lists": lists, "currency": "EUR"}
    base |= {
        "p": small.params,
        "silent": 2,
        "missing": dict.fromkeys(["identity", "clientele", "lists"], "Nobody is named."),
    }
    found = who.ours.copy()
    found["whole recall"] = 0.9
    return sides(
        base,
        {"s": Made(known=Made(kind="simulated")), "who": None, "clients": None, "letters": None, "lists": None},
        {"silent": 0, "who": changed(who, doubtful=0, ours=found), "clients": changed(clients, silent=0.0)},
        {
            "silent": 1,
            "who": changed(who, doubtful=1),
            "clients": changed(clients, error_ratio=clients.error_ratio + 0.5),
        },
        {"clients": changed(clients, error_ratio=pd.Series({"value_RMSE": 1.1, "visits": 0.8}))},
        {"letters": changed(letters, sent=0, break_even=None)},
        {"letters": changed(letters, sent=0, consented=False, break_even=None)},
        {"letters": changed(letters, sent=1, consented=False)},
        {"lists": changed(lists, margin=-9.0, gain=-0.5, break_even=np.inf)},
        {"lists": changed(lists, gain=10.0, break_even=0.1)},
        {"lists": changed(lists, gain=10.0, break_even=1.7)},
        {"lists": changed(lists, recall_repeats=0.3)},
        {"letters": measured},
        {"letters": changed(letters, sent=0, gain=0.0, response=-0.02, break_even=None, trial=none)},
        {"missing": base["missing"] | {"trial": "The mailing in the data does not tell: nobody came."}},
    )


def privacy_sides(small) -> list[dict]:
    names = names_of("privacy", small)
    trial = Made(held=Made(cells=12, small=2, more=1), lost=0.03, left=0)
    return sides(
        names,
        {"trial": trial, "held": 3, "s": Made(known=Made(kind="simulated"))},
        {"trial": changed(trial, left=1), "held": 0},
        {"trial": changed(trial, left=2), "held": 0},
    )


def data_sides(small) -> list[dict]:
    names = names_of("data", small)
    known, data = names["known"], names["data"]
    other = changed(known, recorded=True, notes=("The budget is 0.",))
    return sides(
        names,
        {"known": other, "data": changed(data, log=data.log[:0], assumed=[], truth=object()), "people": object()},
        {"data": changed(data, log=data.log[:1])},
    )


@pytest.mark.parametrize("page", NAMES)
def test_every_side_of_every_page_is_read_and_makes_sense(small, page):
    examples = globals()[f"{page}_sides"](small)
    for cell in prose_cells(PAGES / f"{page}.ipynb"):
        assert unread(cell, examples) == []
        for names in examples:
            sane(render(cell, names))


@pytest.mark.parametrize("page", ["decide", "method", "data"])
def test_where_orders_go_out_by_the_week_no_page_speaks_of_days(small, page):
    for names in globals()[f"{page}_sides"](small):
        blank = {"f": changed(names["f"], reason="")} if "f" in names else {}  # the reason is of a study by the day
        blank |= {"data": changed(names["data"], assumed=[])} if page == "data" else {}  # days of suppliers stay days
        said = said_on(page, names | blank | {"words": WEEKS, "practice": 8, "repeated": WEEKS.naive})
        found = re.findall(r"(?i)[^.]*\b(?:evening|tonight|morning|day|daily|yesterday|night)s?\b[^.]*", said)
        both = ("in nights or", "by the day or by the week")  # said of either pace
        assert not [text for text in found if not any(part in text for part in both)], found
    by_week = said_on("decide", decide_sides(small)[0] | {"words": WEEKS, "repeated": WEEKS.naive})
    assert "## This week's order" in by_week and "repeating the same week of the year before has" in by_week
    assert "## Tonight's order" in said_on("decide", decide_sides(small)[0])


@pytest.mark.parametrize("page", NAMES)
def test_no_code_stands_on_a_page(page):
    cells = nbformat.read(PAGES / f"{page}.ipynb", 4).cells
    shown = [c.source[:60] for c in cells if c.cell_type == "code" and "hide_input" not in c.metadata.get("tags", [])]
    assert shown == []


@pytest.mark.parametrize("page", NAMES)
def test_every_page_with_money_says_that_it_is_simulated(small, page):
    for names in globals()[f"{page}_sides"](small):
        if names["s"].known.kind == "simulated":
            said = said_on(page, names).lower()
            assert page == "data" or "simulated" in said or "invented" in said


def said_on(page: str, names: dict) -> str:
    """Everything that the prose of a page says."""
    return "\n".join(" ".join(sane(render(cell, names)).split()) for cell in prose_cells(PAGES / f"{page}.ipynb"))


def test_prices_that_lose_are_left_and_those_unmeasured_are_not_praised(small):
    sides_ = [said_on("prices", names) for names in prices_sides(small)]
    assert "It beats the fixed markup" in sides_[0] and "for 7 weeks" in sides_[0] and "6 stores" in sides_[0]
    assert "off by 30%, the synthetic control by 10%" in sides_[0] and "no better" not in sides_[0]
    assert "for 90% of them and is 60% of the effect wide." in sides_[0]
    assert "too narrow" in sides_[2] and "no better here than the plain" in sides_[2]
    assert "No promotion is on record" in sides_[4] and "none is scored" in sides_[7]
    assert "no price is moved" in sides_[1].lower() and "no cost is known" in sides_[1]
    assert "leave the labels as they are" in sides_[5] and "beats" not in sides_[5] and "would have lost" in sides_[5]
    assert "take it instead" in sides_[6] and "changes between new and old" in sides_[6] and "for 1 week." in sides_[6]
    for said in sides_[7:]:
        assert "no measurement" in said and "beats" not in said and "instead" not in said and "nobody waits" in said
    assert "Leave the labels as they are" in sides_[4] and "What a trial takes" not in sides_[4]


def test_letters_and_lists_that_do_not_pay_are_said_to(small):
    sides_ = [said_on("people", names) for names in people_sides(small)]
    assert sides_[1].count("Nobody is named.") == 3 and "Simulated" in sides_[1]
    assert "No letter pays among those who agreed" in sides_[5] and "No letter pays, so" in sides_[6]
    assert (
        "best sellers do as well" in sides_[8]
        and "brings" not in sides_[8].partition("best sellers do")[0].split("hits")[1]
    )
    assert "does not pay** at this size: 10.0% would have to" in sides_[9] and "not even if every hit" in sides_[10]
    assert "rule of thumb is as good" in sides_[11] and "rule of thumb is as good" not in sides_[0]
    assert "95%: −€20.00 to €1,800" in sides_[0] and "draws level at 2.0%" in sides_[0]


def test_a_response_is_assumed_until_a_trial_has_measured_it(small):
    sides_ = [said_on("people", names) for names in people_sides(small)]
    assumed, measured, nothing, why = sides_[0], *sides_[-3:]
    assert "5% of those who would stay away responding (`letter_response`)" in assumed and "lot" not in assumed
    assert "of 500 persons 250 got the letter" in measured and "by 4.0 points (95%: 1.0 to 7.0)" in measured
    assert "estimated response of **8.0%**" in measured and "(95%: 2.0% to 14.0%)" in measured
    assert "−€4.00 and €90.00" in measured and "only a trial" not in measured and "holds 0" not in measured
    assert "No letter pays" in nothing and "too small to tell" in nothing and "the same letters" not in nothing
    assert "nobody came. So the response stays an assumption" in why and "(`letter_response`)" in why


def test_ways_that_lose_are_losses(small):
    sides_ = [said_on("ways", names) for names in ways_sides(small)]
    assert "1 leaves the shelf" in sides_[1] and "loses €4.94 a week" in sides_[1] and "Simulated" in sides_[1]
    assert "cannot tell it from nothing" in sides_[2] and "cannot tell" not in sides_[3]
    assert "No group is near to turning" in sides_[9] and "nearest" not in sides_[9].lower().replace("the nearest", "")
    assert "so it is not run" in sides_[5] and "so it pays" in sides_[4] and "any item, so it is not run" in sides_[6]


def test_the_law_is_shown_without_people_and_people_with_the_reasons(small):
    said = said_on("privacy", names_of("privacy", small))
    assert "The law, article by article" in said and small.people.missing["privacy"][:40] in said
    with pytest.raises(PageOmitted, match="who bought what"):
        names_of("people", small)
    assert "people.html" not in said_on("data", names_of("data", small))


def test_the_page_that_decides_says_what_is_not_followed(small):
    sides_ = [said_on("decide", names) for names in decide_sides(small)]
    assert "orders nothing" in sides_[2] and "1 year is worth" in sides_[2] and "none of 1 week" in sides_[2]
    assert "at any error of the forecast" in sides_[3] and "No rule of thumb earns more" in sides_[1]
    assert "The answer above is the newsvendor rule" in sides_[4] and "1 reason of the log" in sides_[4]
    assert "loses €8.00 a week and costs nothing to keep up." in sides_[5]
    assert "more than it earns" in sides_[4] and "€5.00 a week is left" in sides_[4]


# ---- the answer


def answer_said(names: dict) -> str:
    return " ".join(sane(render(pages.ANSWER, names)).split())


def test_every_side_of_the_answer_is_read(small):
    names = pages.answer_names(small) | {"today": "base stock", "rule": "newsvendor"}
    names |= {"rule_cost": 2.0}
    none, both = {"pays": False, "rule_pays": False}, {"pays": True, "rule_pays": True}
    examples = sides(
        names,
        none | {"recorded": True},
        none | {"rule": "base stock"},
        both | {"share": 0.9, "over_rule": -1.0, "plan_net": 1.0, "rule_net": 2.0},
        both | {"share": 0.9, "over_rule": 9.0, "plan_net": 2.0, "rule_net": 1.0, "plan_cost": 0.0, "rule_cost": 0.0},
        both | {"share": 0.9, "over_rule": 9.0, "plan_net": 1.0, "rule_net": 2.0},
        both | {"share": 0.9, "over_rule": 9.0, "plan_net": 2.0, "rule_net": 1.0},
        both | {"share": 0.4, "plan_net": 2.0, "rule_net": 1.0, "gain": 9.0},
        both | {"share": 1.0, "rule": "ordering up to average", "over_rule": -1.0, "plan_net": 1.0, "rule_net": 2.0},
        both | {"rule": "base stock", "gain": 9.0, "plan_cost": 0.0, "rule_cost": 0.0},
        both | {"rule": "base stock", "gain": 9.0, "recorded": True},
    )
    assert unread(pages.ANSWER, examples) == []
    said = [answer_said(example) for example in examples]
    assert "Keep ordering as today" in said[1] and "base stock** rule, which needs no forecast" in said[2]
    assert "on the new forecast" in said[3] and "on the new forecast" not in said[8]


def test_the_answer_is_the_way_that_leaves_most():
    rng = np.random.default_rng(5)
    for _ in range(500):
        rule_gain, over_rule = max(rng.normal(5, 8), 0.0), rng.normal(2, 8)
        same = rule_gain == 0
        rule_cost, plan_cost = 0.0 if same else rng.exponential(4), rng.exponential(4)
        gain, rule_net = rule_gain + over_rule, rule_gain - rule_cost
        plan_net = rule_net + over_rule - plan_cost
        names = {
            "today": "base stock",
            "recorded": bool(rng.integers(2)),
            "rule": "base stock" if same else "newsvendor",
            "share": min(1.0, rule_gain / gain) if gain > 0 else 1.0,
            **{"rule_gain": rule_gain, "rule_net": rule_net, "rule_pays": rule_net > 0, "over_rule": over_rule},
            **{"rule_cost": rule_cost, "plan_cost": plan_cost, "plan_net": plan_net, "pays": plan_net > 0},
            **{"gain": gain, "currency": "EUR"},
        }
        said = answer_said(names)
        best = max(0.0, rule_net, plan_net)
        if best == 0:
            assert "its upkeep" in said and "full plan" not in said
        elif best == plan_net:
            assert "Order by the **full plan**" in said or "comes second" in said and rule_net > 0
        else:
            assert said.startswith("Order by the **newsvendor** rule") and "second" not in said


def test_the_gain_beside_the_answer_is_never_that_of_today_over_itself(small):
    at = small.decision.standing
    assert at.best_rule == at.today and pages.way_told(small) == "stochastic plan"
    gain, low, high = pages.best_interval(small)
    assert gain == pytest.approx(at.over_today) and low < gain < high
    assert pages.against(small).startswith(f"the full plan against the {at.today} rule")


def test_captions_and_titles_make_sense(small):
    recorded = replace(small.decision.standing, recorded=True, over_rule=-3.0, rule_share=1.0)
    ahead = replace(small.decision.standing, best_rule="newsvendor", rule_share=0.6, over_rule=3.0)
    for at in (small.decision.standing, recorded, ahead):
        s = replace(small, decision=replace(small.decision, standing=at))
        for write in (
            pages.data_in_words,
            pages.against,
            pages.order_title,
            pages.gains_read,
            pages.weeks_read,
            pages.fans_read,
            pages.payback_read,
            pages.tornado_read,
            pages.verdict_of,
        ):
            assert sane(write(s))
        for step in pages.next_steps(s):
            sane(step["told"])
    assert (pages.tonight_of(small)["reason"].str.len() > 10).all()


@pytest.mark.parametrize(
    "years, month, said", [(1, 0.0, "Pays back at once; 1 year is"), (3, 4.2, "month 5; 3 years are")]
)
def test_the_verdict_counts_years_and_months(small, years, month, said):
    likely = pd.Series({"discounted_payback_months": month, "npv": -4.0})
    venture = replace(small.returns.venture, years=years)
    assert said in pages.verdict_of(replace(small, returns=replace(small.returns, likely=likely, venture=venture)))


def test_a_single_year_and_a_free_upkeep_are_said_as_such(small):
    one = replace(small, params=small.params.model_copy(update={"years": 1}))
    assert pages.worth_unit(one) == "EUR in 1 year" and pages.worth_unit(small) == "EUR in 3 years"
    line = small.returns.line.assign(per_week=0.0)
    steps = pages.next_steps(replace(small, returns=replace(small.returns, line=line)))
    assert {step["told"] for step in steps} == {"adds nothing", "costs nothing"}
    assert all("of this" not in step["what"] for step in steps)


def test_sliders_hold_the_numbers_of_the_case(small):
    for gain in (-1234.0, -1.23, 0.0, 0.4, 1492.0):
        s = replace(small, returns=replace(small.returns, venture=replace(small.returns.venture, weekly_gain=gain)))
        for slider in pages.sliders_of(s):
            assert slider.low <= s.returns.sliders[slider.name] <= slider.high and slider.step > 0, slider


def test_the_plan_alone_is_not_on_top_of_a_rule_that_is_today(small):
    assert [step["way"] for step in pages.steps_of(small)] == ["The full plan"]
    at = replace(small.decision.standing, best_rule="newsvendor")
    other = pages.steps_of(replace(small, decision=replace(small.decision, standing=at)))
    assert [step["way"] for step in other] == ["The newsvendor rule on the new forecast", "The full plan, on top of it"]


# ---- prices that move


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """What is known of a shop whose prices move."""
    folder, rng = tmp_path_factory.mktemp("moving"), np.random.default_rng(3)
    rows = []
    for i in range(4):
        for k, day in enumerate(pd.date_range("2025-01-01", periods=240)):
            factor = [1, 0.9, 1.1, 1][(k // 21 + i) % 4]
            for s in range(2):
                rows.append((day, f"S{s}", f"00{i}", rng.poisson(12 * factor**-1.2), round((1.5 + i) * factor, 2)))
    pd.DataFrame(rows, columns=["date", "store", "item", "units", "price"]).to_csv(folder / "sales.csv", index=False)
    params = Parameters(source=f"own:{folder}", evaluation_weeks=2, validation_weeks=4)
    return params, known_of(params)


def test_elasticities_are_kept_where_no_price_can_be_planned(moving, monkeypatch):
    params, known = moving

    def refuse(*_, **__):
        raise PricingError("No item can be priced: no cost.")

    monkeypatch.setattr(business, "offer_from", refuse)
    pricing, none = business.pricing_of(params, known)
    assert none == "" and pricing.labels is None and "no cost" in pricing.missing["labels"]
    assert (pricing.elasticities["status"] == "").all() and pricing.movable == 0


def test_a_trial_is_larger_for_a_smaller_gain_and_shared_by_the_stores(moving):
    params, known = moving
    pricing, _ = business.pricing_of(params, known)
    labels = pricing.labels
    assert len(labels.changes) == labels.priced["labels"][0]
    market = business._market(known, 0, known.start)
    cost, moved = known.data.tables["items"]["cost"].to_numpy(float), np.array([True, False, False, False])
    sizes = [business._trial(market, cost, moved, gain) for gain in (1.0, 2.0, 4.0)]
    assert sizes[0] > 3.9 * sizes[1] - 8 and sizes[1] > 3.9 * sizes[2] - 8 > 0
    assert (
        business._trial(market, cost, moved, -1.0) is None
        and business._trial(market, cost, ~moved & moved, 1.0) is None
    )
    for stores, weeks in ((1, 20), (2, 10), (5, 5)):
        static = pd.DataFrame({"store": [f"S{i}" for i in range(stores)]})
        s = Made(
            business=Made(pricing=changed(pricing, labels=replace(labels, trial=10))),
            known=Made(panel=Made(static=static)),
        )
        assert exhibits.trial_weeks(s) == weeks


def test_a_shop_without_a_moving_price_is_told_why(small):
    assert small.business.pricing is None
    assert small.missing["pricing"] == "Nothing can be told of the prices: no price variation."


def test_what_promotions_sold_is_told_where_days_and_promotions_are_on_record(moving):
    _, known = moving
    pricing, _ = business.pricing_of(*moving)
    assert pricing.promoted is None and "No promotion" in pricing.missing["promoted"]
    start, panel = known.start, known.panel
    promoted = np.zeros(panel.y.shape)
    promoted[::4, start - 40 : start - 26] = 1  # one item in both stores
    static = panel.static.assign(group=panel.ids.str[-3:])
    together = panel.y * (1 + 0.8 * np.sin(2 * np.pi * np.arange(panel.y.shape[1]) / 7))
    parts = {"y": together, "static": static, "known": {**panel.known, "promotion": promoted}}
    marked = replace(known, panel=replace(panel, **parts))
    assert business._promoted(marked, Made(theta=np.full((4, 2), np.nan))) is None
    score = business._promoted(marked, Made(theta=np.zeros((4, 2))))
    assert (score.compared, score.refused, score.inside) == (1, 0, None) and "error" not in score.table
    assert exhibits.promoted_figure(score) is not None
    one_group = replace(marked, panel=replace(marked.panel, static=panel.static))
    assert business._promoted(one_group, Made(theta=np.zeros((4, 2)))) is None
