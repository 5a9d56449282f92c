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
