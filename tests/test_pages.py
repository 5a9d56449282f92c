"""What the pages of retail say: every prose cell on made-up studies, until both sides of each condition are read."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail import Parameters, pages
from lepton_nb.cases.retail.study import study
from lepton_nb.workbook.case import PageOmitted
from lepton_nb.workbook.prose import prose_cells, render, unread

PAGES = Path(__file__).resolve().parent.parent / "nbs" / "cases" / "retail"
NAMES = ["decide", "method", "ways", "prices", "people", "privacy", "data"]
NONSENSE = re.compile(
    r"\bnan\b|\bNone\b(?! of)|\binf\b|\b1 (weeks|years|lines|items|evenings)\b|−0(?![.\d])|\*\*\*\*|\{\{|n/a"
)


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
        assert page in ("prices", "people", "privacy") and str(omitted)
        return
    for cell in prose_cells(PAGES / f"{page}.ipynb"):
        said = render(cell, names)
        assert not NONSENSE.search(said), said


def varied(small) -> list[dict]:
    """Names of the page that decides, with everything the other way round as well."""
    known, at = small.known, small.decision.standing
    other = replace(
        small,
        known=replace(known, kind="simulated", notes=("The budget is 0.",)),
        decision=replace(small.decision, standing=replace(at, recorded=True, over_point=5.0, over_rule=3.0)),
    )
    low = replace(
        other, decision=replace(other.decision, standing=replace(at, recorded=False, over_point=-5.0, over_rule=-3.0))
    )
    out = []
    for s, on_top, edge, privacy, npv in (
        (small, 0.0, None, None, -1e9),
        (other, 9.0, 0.4, 1, 1e9),
        (low, 0, None, None, 0),
    ):
        names = names_of("decide", s)
        returns = SimpleNamespace(
            chance=s.returns.chance,
            likely=SimpleNamespace(npv=npv),
            edge=edge and SimpleNamespace(wape=edge),
            counted=s.returns.counted,
            on_top=on_top,
        )
        truth = object() if edge else None
        data = SimpleNamespace(truth=truth)
        made = SimpleNamespace(
            params=s.params,
            known=SimpleNamespace(kind=s.known.kind, notes=s.known.notes, data=data),
            returns=returns,
            people=SimpleNamespace(privacy=privacy),
        )
        steps = [{"way": "the rule", "running": 3.0, "net": 5.0}, {"way": "the plan", "running": 9.0, "net": -2.0}]
        out.append(names | {"s": made, "steps": steps, "truth": 0.2 if edge else None})
    return out


def test_every_side_of_the_page_that_decides_is_read(small):
    examples = varied(small)
    for cell in prose_cells(PAGES / "decide.ipynb"):
        assert unread(cell, examples) == []
        for names in examples:
            assert not NONSENSE.search(render(cell, names)), render(cell, names)


def test_every_side_of_the_answer_is_read(small):
    names = pages.answer_names(small)
    changes = (
        {"pays": False, "rule_pays": False},
        {"pays": True, "rule_pays": True, "share": 0.9, "over_rule": -1.0},
        {"pays": True, "rule_pays": True, "share": 0.9, "over_rule": 9.0, "plan_net": 2.0, "rule_net": 1.0},
        {"pays": True, "rule_pays": True, "share": 0.9, "over_rule": 9.0, "plan_net": 1.0, "rule_net": 2.0},
        {"pays": True, "rule_pays": True, "share": 0.4},
        {"pays": True, "rule_pays": True, "share": 1.13, "over_rule": -1.0},
    )
    assert unread(pages.ANSWER, [names | change for change in changes]) == []
    assert all(not NONSENSE.search(render(pages.ANSWER, names | change)) for change in changes)


def test_captions_and_titles_make_sense(small):
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
        assert write(small) and not NONSENSE.search(write(small)), write(small)
    assert (pages.tonight_of(small)["reason"].str.len() > 10).all()


def cell_with(page: str, words: str) -> str:
    """The prose cell of a page in which some words stand."""
    (found,) = [cell for cell in prose_cells(PAGES / f"{page}.ipynb") if words in cell]
    return found


def read_both_ways(page: str, words: str, names: dict, *changes: dict) -> list[str]:
    """Render a prose cell with every change of its names; fails on a side that none of them reads, and on nonsense."""
    cell, examples = cell_with(page, words), [names | change for change in ({}, *changes)]
    assert unread(cell, examples) == []
    said = [render(cell, example) for example in examples]
    assert not [text for text in said if NONSENSE.search(text)], said
    assert not [text for text in said if re.search(r"(earns|gains|loses|earn|cost|costs) \*{0,2}−", text)], said
    return said


def test_prices_are_read_both_ways():
    prices = SimpleNamespace(elasticities=range(9), movable=3, inside=0.9, inside_naive=0.5, promotions=range(4))
    names = {"clear": pd.Series([-2.0, -1.0]), "prices": prices, "middle": 4.0, "losing": 1, "currency": "EUR"}
    blind = SimpleNamespace(**vars(prices) | {"inside": None})
    none = SimpleNamespace(**vars(prices) | {"promotions": []})
    said = read_both_ways(
        "prices",
        "can be told",
        names,
        {"clear": pd.Series(dtype=float)},
        {"middle": -4.0},
        {"prices": blind},
        {"prices": none},
    )
    assert "So no price is moved" in said[1] and "No promotion is on record" in said[4]
    prices = SimpleNamespace(low=1.0, high=9.0, measured=True, gain=5.0)
    priced = SimpleNamespace(labels=[3, 9], earned=[5.0, 2.0])
    names = {"prices": prices, "priced": priced, "currency": "EUR"}
    both = SimpleNamespace(labels=[3, 9], earned=[-5.0, -2.0])
    said = read_both_ways(
        "prices",
        "fixed markup does better",
        names,
        {"prices": SimpleNamespace(**vars(prices) | {"gain": -5.0}), "priced": both},
        {"prices": SimpleNamespace(**vars(prices) | {"measured": False})},
        {"prices": SimpleNamespace(**vars(prices) | {"measured": False, "gain": -5.0})},
        {"priced": SimpleNamespace(labels=[3, 9], earned=[5.0, 8.0])},
    )
    assert "leave the labels as they are" in said[1] and "beats" not in said[1] and "take it instead" in said[4]


def test_letters_are_read_both_ways():
    letters = SimpleNamespace(sent=3, consented=True, gain=50.0, response=0.05, break_even=0.01)
    names = {"letters": letters, "lists": None, "currency": "EUR"}
    said = read_both_ways(
        "people",
        "A letter that pays",
        names,
        {"letters": SimpleNamespace(**vars(letters) | {"sent": 0, "break_even": None}), "lists": 1},
        {"letters": SimpleNamespace(**vars(letters) | {"consented": False})},
        {"letters": None},
    )
    assert "No letter pays" in said[1] and "0 customers" not in said[1]


def test_ways_near_to_turning_and_subscriptions_are_read_both_ways():
    deals = SimpleNamespace(pool=0.1, stopping=0.02, deals=range(4), gain=60.0, best="milk")
    modes = SimpleNamespace(
        profile=pd.DataFrame({"break_even": [0.1, -0.2]}, index=["fish", "tea"]), subscriptions=deals
    )
    names = {"modes": modes, "currency": "EUR", "s": None, "exhibits": SimpleNamespace(paying=lambda s: 2)}
    names["p"] = SimpleNamespace(van_fee=50.0, premium=0.2, handling=0.1, singles_fee=4.0)
    far = SimpleNamespace(profile=modes.profile - 0.5, subscriptions=SimpleNamespace(**vars(deals) | {"gain": 0.0}))
    said = read_both_ways(
        "ways",
        "nearest to turning",
        names,
        {"modes": far},
        {"modes": SimpleNamespace(profile=modes.profile, subscriptions=None)},
    )
    assert "No whole group is near" in said[1] and "At no discount" in said[1]


def test_the_method_is_read_both_ways(small):
    at = small.decision.standing
    weeks = SimpleNamespace(low=-1.0, high=2.0)

    def decided(**changes):
        return SimpleNamespace(**{"over_rule": weeks, "redeciding": 3.0} | changes)

    names = {
        "at": replace(at, over_rule=4.0, closed=0.1, over_point=2.0, over_today=9.0),
        "d": decided(),
        "currency": "EUR",
    }
    said = read_both_ways(
        "method",
        "value of the stochastic solution",
        names,
        {
            "at": replace(at, over_rule=-4.0, closed=None, over_point=-2.0, over_today=900.0),
            "d": decided(redeciding=-3.0),
        },
        {"d": decided(over_rule=SimpleNamespace(low=1.0, high=2.0))},
    )
    assert "loses" in said[1] and "would have done as well" in said[1]
    names = {"f": SimpleNamespace(chosen="fast", by_parameter=False), "error": 0.3, "naive": 0.4, "truth": 0.29}
    read_both_ways(
        "method",
        "repeating last week has",
        names,
        {"truth": None, "f": SimpleNamespace(chosen="fast", by_parameter=True)},
        {"truth": 0.1},
    )
