"""Two runs laid over each other: what was planted is found, what is the same is not, and what is no run is refused."""

import json
import os
import re
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import tiny_case
from nbformat.v4 import new_code_cell
from test_browser import check, violations

from lepton_nb.workbook.cli import main
from lepton_nb.workbook.compare import (
    ComparedRun,
    compare_lines,
    compare_runs,
    compare_sides,
    comparison_page,
    decision_lines,
)
from lepton_nb.workbook.controls import decision_table
from lepton_nb.workbook.manifest import file_sha256
from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.prose import money
from lepton_nb.workbook.run import MANIFEST, RunFailed

DECIDED = """
import pandas as pd
from lepton_nb.workbook.blocks import answer_card
from lepton_nb.workbook.controls import decision_table
display(answer_card("simulated", "made up", f"Order **{params.units} units**.", f"+€{params.units}", "95%", "today"))
lines = pd.DataFrame({
    "item": ["bread", "milk", "eggs"], "units": [params.units, 20, 30], "reason": ["as told", "as ever", "as ever"]
})
decision_table(lines[lines["units"] > 0], "The order")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    with tiny_case.importable(folder) as place:
        page = tiny_case.page_of(folder)
        notebook = nbformat.read(page, 4)
        notebook.cells.insert(-1, new_code_cell(DECIDED.strip()))
        nbformat.write(notebook, page)
        shutil.copytree(page.parents[1], page.parents[2] / "other")
        other = page.parents[2] / "other" / "__init__.py"
        other.write_text(other.read_text().replace('Case("shop"', 'Case("other"'))
        (page.parents[2] / "other" / "pages" / "report.ipynb").write_text(
            page.read_text().replace("tiny.shop", "tiny.other")
        )
        yield place


@pytest.fixture(scope="module")
def made(place, tmp_path_factory):
    """Publish a default run of the shop, then run it with 40 units; give the folder that holds runs and reports."""
    root, here = tmp_path_factory.mktemp("made"), os.getcwd()
    os.chdir(root)
    try:
        assert main(["run", "shop", "--quiet", "--threads", "1", "--publish"], **place) == 0
        tiny_case.run(place, root / "runs", ("units", "40"))
        with pytest.raises(RunFailed):
            tiny_case.run(place, root / "runs", ("do", "fail"))
    finally:
        os.chdir(here)
    return root


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """Stand in a copy of the folder, so that a test may spoil it."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "here"


@pytest.fixture
def say(place, capsys):
    def speak(*words):
        code = main(["compare", *map(str, words)], **place)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return speak


def runs() -> dict[int, Path]:
    """Name the finished runs by their units."""
    found = [p for p in Path("runs/shop").iterdir() if (p / "results.json").exists()]
    return {json.loads((p / "results.json").read_text())["parameters"]["units"]: p for p in found}


def forge(run: Path, name: str, old: str, new: str) -> None:
    """Change a file of a run and its hash in the manifest, so that the run looks as if it had given this."""
    before, text = file_sha256(run / name), (run / name).read_text(encoding="utf-8")
    assert old in text
    (run / name).write_text(text.replace(old, new), encoding="utf-8")
    manifest = (run / MANIFEST).read_text(encoding="utf-8")
    (run / MANIFEST).write_text(manifest.replace(before, file_sha256(run / name)), encoding="utf-8")


def test_a_run_against_the_default_is_told_layer_by_layer(here, say):
    code, out, _ = say("default", runs()[40])
    assert code == 1
    for told in (
        "Parameters: 1 of 7 differs.",
        "Data: the same in both (sales abababababab).",
        "Results: 1 of 1 differs beyond the tolerance recorded in A.",
        "A: Order 100 units. +€100 (95%; today)",
        "B: Order 40 units. +€40 (95%; today)",
        "The order: 3 lines in A, 3 in B; 1 changed.",
        "units 100 → 40",
        "They differ in parameters, results, answer and decision.",
    ):
        assert told in out, out
    assert re.search(r"units +100 +40 +units +units sold", out) and re.search(r"revenue +250 +100 +−150 .*EUR", out)


def test_the_same_run_twice_differs_in_nothing(here, say):
    code, out, _ = say("default", runs()[100])
    assert code == 0 and "Nothing differs." in out and "none differs" in out and "A: reports/shop.results.json" in out


def test_a_run_is_named_by_key_by_its_digits_or_by_one_of_its_files(here, say):
    key = runs()[40].name
    for named in (
        key,
        key[:6],
        f"shop/{key}",
        f"shop/{key[:6]}",
        f"runs/shop/{key}/report.html",
        runs()[40] / "results.json",
    ):
        code, out, _ = say("default", named)
        assert code == 1 and f"B: runs/shop/{key}\n" in out, named
    code, out, _ = say(key, "default")
    assert code == 1 and "units 40 → 100" in out and "B: reports/shop.results.json" in out
    shutil.copytree(runs()[40], f"runs/shop/{key[:6]}0000000000")
    assert "may be any of" in say("default", key[:6])[2]


@pytest.mark.parametrize(
    "old, new, found",
    [
        ('"value": 250.0', '"value": 250.01', False),  # within a ten-thousandth
        ('"value": 250.0', '"value": 250.05', True),  # twice the tolerance
        ('"value": 250.0', '"value": -250.0', True),
        ('"unit": "EUR"', '"unit": "USD"', True),
        ('"ababab', '"cdabab', True),
        ('"code": "007"', '"code": "7"', True),
    ],
)
def test_a_planted_difference_is_found(here, say, old, new, found):
    forge(runs()[100], "results.json", old, new)
    code, out, err = say("default", runs()[100])
    assert (code, err) == (int(found), "") and ("Nothing differs." in out) is not found


def test_a_planted_line_is_found(here, say):
    forge(runs()[100], "report.html", "milk,20,as%20ever", "milk,21,as%20ever")
    code, out, _ = say("default", runs()[100])
    assert code == 1 and "They differ in decision." in out and "units 20 → 21" in out


def test_a_line_is_known_by_its_name():
    def lines(**amounts: int) -> pd.DataFrame:
        frame = pd.DataFrame({"item": list(amounts), "supplier": "mill", "units": list(amounts.values())})
        return decision_lines(decision_table(frame, "Order").html)[0]

    before, after = lines(bread=3, milk=4, eggs=5), lines(eggs=5, milk=6, salt=1)
    told = compare_lines(before, after).set_index("item")["change"].to_dict()
    assert told == {"milk": "changed", "salt": "added", "bread": "removed"}
    assert set(compare_lines(lines(bread=3), lines(milk=3))["change"]) == {"added", "removed"}
    assert compare_lines(before.iloc[:0], before)["change"].tolist() == ["added"] * 3
    again = pd.concat([before, before], ignore_index=True)
    assert compare_lines(before, again)["change"].tolist() == ["added"] * 3
    other = compare_lines(before, pd.DataFrame({"street": ["A2"]}))
    assert other["change"].tolist() == ["changed", "removed", "removed"], "tables with no column in common go by place"
    dearer = compare_lines(before, before.assign(price="2.50"))
    assert dearer["what changed"].tolist() == ["price none → 2.50"] * 3


def test_a_table_that_is_too_long_for_its_page_is_told():
    long = pd.DataFrame({"item": [f"article {i}" for i in range(50)], "units": 1})
    page = decision_table(long, "Order").html.replace("50 rows", "first 50 of 90 rows")
    run = ComparedRun("a", {"case": "shop", "parameters": {}, "data": {}, "results": {}}, "", decision_lines(page))
    assert "first 50 of 90 rows" in compare_sides(run, run).untold[0]


def test_the_page_is_whole_and_tells_every_line(here, say):
    code, out, _ = say("default", runs()[40], "--page", "what/changed.html")
    assert code == 1 and "page: what/changed.html" in out
    page = Path("what/changed.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page) and page.count("<h1>") == 1
    for told in ("units 100 → 40", "Change from A to B", "lepton-nb run shop -p units 40", "Order 40 units."):
        assert told in page, told
    assert say("default", runs()[40], "--page", "what/changed.html")[0] == 1, "its own page may be written again"
    assert Path("what/changed.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("name, says", [("notes.html", "was not written by"), ("notes.txt", "ends in .html")])
def test_a_page_of_somebody_else_stays(here, say, name, says):
    Path(name).write_text("mine")
    code, out, err = say("default", runs()[40], "--page", name)
    assert code == 2 and says in err and out == "" and Path(name).read_text() == "mine"


def test_a_published_report_is_not_written_over(here, say):
    page = Path("reports/shop/report.html")
    before = page.read_bytes()
    assert say("default", runs()[40], "--page", page)[0] == 2 and page.read_bytes() == before
    assert say("default", runs()[40], "--page", "reports/shop/changed.html")[0] == 1
    assert main(["publish", str(runs()[40])], module="tiny") == 0
    assert Path("reports/shop/changed.html").exists(), "publishing leaves a comparison alone"


def test_words_with_signs_do_not_break_the_page():
    told = {"unit": "<b>", "tolerance": 0, "meaning": "<script>"}
    content = {"case": "shop", "parameters": {"a": "<i>"}, "data": {}, "results": {"gain": told | {"value": "<u>"}}}
    other = {**content, "parameters": {"a": "&"}, "results": {"gain": told | {"value": 1.0}}}
    lines = decision_lines(decision_table(pd.DataFrame({"item": ['<a "b", c>'], "units": [1]}), "Order <x>").html)
    page = comparison_page(compare_sides(ComparedRun("<A>", content, "", lines), ComparedRun("B", other, "", [])))
    body = page.partition("<article>")[2]
    assert "<A>" not in page and not re.search(r"<(i|u|b|x)>", body) and "&lt;script&gt;" in body


@pytest.mark.parametrize(
    "words, says",
    [
        (("default", "default"), "give a run"),
        (("default", "nowhere"), "no such run under runs (the latest there: runs/shop/"),
        (("default", "0000"), "no such run"),
        (("default", "reports"), f"no run folder, it has no {MANIFEST}"),
        (("default", "reports/index.html"), "is no run"),
        (("reports/shop.results.json", "nowhere.json"), "no such run"),
        (("default", ""), "no run folder"),
        (("default", "/nowhere/at/all"), "no such run"),
        (("default", "**/*"), "no such run"),
        (("default", "../x[y"), "no such run"),
    ],
)
def test_what_is_no_run_is_refused(here, say, words, says):
    code, out, err = say(*words)
    assert code == 2 and out == "" and says in err, err


def test_runs_that_did_not_reach_their_end_are_refused(here, say):
    failed = next(Path("runs/shop").glob("*.failed"))
    code, _, err = say("default", failed)
    assert code == 2 and "this run failed (IndexError: list index out of range)" in err
    hidden = Path(f"runs/shop/.{runs()[40].name}~host~1~ab")
    hidden.mkdir()
    assert "has not reached its end" in say("default", hidden)[2]
    bare = json.loads((runs()[40] / MANIFEST).read_text())
    bare["@graph"] = [e for e in bare["@graph"] if e["@id"] != "results.json"]
    run = runs()[40]
    (run / MANIFEST).write_text(json.dumps(bare))
    assert "has no results, it did not reach its end" in say("default", run)[2]
    (run / MANIFEST).write_text('{"@graph": 3}')
    assert "cannot be read as the manifest" in say("default", run)[2]


def test_results_changed_by_hand_are_refused(here, say):
    run = runs()[40]
    text = (run / "results.json").read_text()
    (run / "results.json").write_text(text.replace("100.0", "110.0"))
    code, _, err = say("default", run)
    assert code == 2 and f"results.json is not as the run wrote it (the hash in {MANIFEST} is another)" in err
    assert "lepton-nb run shop -p units 40 --force" in err
    (run / "results.json").unlink()
    assert say("default", run)[0] == 2
    (run / "results.json").write_text(text)
    assert say("default", run)[0] == 1
    (run / "report.html").write_text("another page")
    assert "report.html is not as the run wrote it" in say("default", run)[2]
    published = Path("reports/shop.results.json")
    published.write_text(published.read_text().replace("250.0", "260.0"))
    assert "is not as it was published" in say("default", runs()[100])[2]


def test_two_cases_are_not_compared(here, say, place):
    assert main(["run", "other", "--quiet", "--threads", "1"], **place) == 0
    other = next(Path("runs/other").iterdir())
    code, _, err = say(runs()[40], other)
    assert code == 2 and "is a run of shop" in err and "of other; give two runs of one case" in err
    code, _, err = say("default", other)
    assert code == 2 and "no published results of other" in err


def test_the_default_has_no_parameter_changed(here, say):
    assert main(["publish", str(runs()[40])], module="tiny") == 0
    code, _, err = say("default", runs()[100])
    assert code == 2 and "is of a run with another units" in err and "lepton-nb run shop --publish" in err


def test_results_without_their_page_are_compared_as_far_as_they_go(here, say):
    shutil.copy("reports/shop.results.json", "kept.json")
    code, out, _ = say("kept.json", runs()[40])
    assert code == 1 and "The decision lines were not compared: no page is at hand for kept.json." in out
    assert say("kept.json", "kept.json")[0] == 0


def test_a_case_that_is_not_installed_can_be_compared(here):
    for name, units in (("a", 1), ("b", 2)):
        content = {"case": "gone", "parameters": {"units": units}, "data": {}, "results": {}}
        Path(f"{name}.json").write_text(json.dumps(content))
    made = compare_runs("a.json", "b.json", module="tiny")
    assert made.differs == ["parameters"] and "lepton-nb run gone" not in comparison_page(made)
    with pytest.raises(UserError, match="no published results of gone"):
        compare_runs("default", "b.json", module="tiny")


def test_a_file_of_own_data_that_differs_is_named(here, say, place):
    Path("mine").mkdir()
    Path("mine/sales.csv").write_text("units\n3\n")
    Path("mine/prices.csv").write_text("price\n2\n")
    first = tiny_case.run(place, here / "runs", ("source", "own:mine"))
    Path("mine/sales.csv").write_text("units\n4\n")
    Path("mine/.hidden").write_text("x")
    second = tiny_case.run(place, here / "runs", ("source", "own:mine"))
    code, out, _ = say(first, second)
    assert code == 1 and "They differ in data." in out and "Data: 1 differs, set or file." in out
    assert re.search(r"\nsales.csv +[0-9a-f]{12} +[0-9a-f]{12}\n", out) and "prices.csv" not in out
    code, out, _ = say("default", first)
    assert "source  embedded  own:mine" in out and re.search(r"\nprices.csv +none +[0-9a-f]{12}\n", out)


@pytest.mark.parametrize("width, scheme", [(1440, "light"), (360, "dark")])
def test_the_page_and_the_strip_are_readable_and_accessible(here, say, visit, axe, width, scheme):
    assert say("default", runs()[40], "--page", "changed.html")[0] == 1
    for place in (here / "changed.html", here / runs()[40] / "report.html"):
        page = visit(place, width, scheme, bypass_csp=True)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        check(page, place)
        assert violations(page, axe) == []


STRIP = '<aside class="against"'


def strip_of(run: Path) -> str:
    """Give the strip of a page in words; empty where it has none."""
    page = (run / "report.html").read_text(encoding="utf-8")
    found = re.search(rf"{STRIP}.*?</aside>", page, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def test_the_first_screen_tells_what_was_changed_and_what_moved(made, place, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    told = strip_of(runs()[40])
    assert told == (
        "Changed against the default: units 100 → to 40 units Moved: +€100 → to +€40 ; money taken 250 → to 100 EUR "
        "1 of 1 results moved, and the answer before The answer was: Order 100 units. +€100 (95%; today) "
        "money taken 250 → to 100 EUR"
    ), told
    assert strip_of(runs()[100]) == "" and "Changed</dt>" not in (runs()[40] / "report.html").read_text()
    monkeypatch.chdir(tmp_path)  # nothing is published here: nothing is said of results
    alone = strip_of(tiny_case.run(place, tmp_path / "runs", ("units", "40")))
    assert alone == "Changed against the default: units 100 → to 40 units"


def test_other_data_are_named_and_compared_with_themselves_alone(made, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/sales.csv").write_text("units\n3\n")
    own = ("source", "own:mine")
    assert main(["run", "shop", "--quiet", "--threads", "1", "--publish", "-p", *own], **place) == 0
    assert Path("reports/shop-own.results.json").exists()
    alone = strip_of(tiny_case.run(place, tmp_path / "runs", own, force=True))
    assert alone == "Changed against the default: source embedded → to own:mine"
    both = strip_of(tiny_case.run(place, tmp_path / "runs", own, ("units", "40")))
    assert "Moved against the default on the same data: +€100 → to +€40" in both


def test_a_published_run_of_other_data_or_parameters_is_no_default(made, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    published = json.loads((made / "reports" / "shop.results.json").read_text())
    for n, part in enumerate(({"data": {"sales": "cd" * 32}}, {"parameters": {**published["parameters"], "seed": 8}})):
        (tmp_path / f"{n}.json").write_text(json.dumps(published | part))
        run = tiny_case.run(place, tmp_path / f"runs{n}", ("units", "40"), reference=tmp_path / f"{n}.json")
        assert strip_of(run) == "Changed against the default: units 100 → to 40 units"


def test_the_example_of_the_readme_moves_the_answer_as_it_says():
    """Worked out from the published results: the plan is left where it costs more than it adds to the rule."""
    root = Path(__file__).parents[1]
    told = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    run = json.loads((root / "reports" / "retail.results.json").read_text(encoding="utf-8"))
    value, asked = {name: entry["value"] for name, entry in run["results"].items()}, run["parameters"]
    (cost,) = set(re.findall(r"-p running_cost (\d+)", told))
    over_rule, whole = value["gain.per_week"], value["gain.over_today_per_week"]
    share = 1 - asked["rule_cost_share"]
    before, after = share * 12_000 / 52, share * int(cost) / 52
    assert before < over_rule < after < whole, "the example changes nothing on the first screen"
    for amount in (money(over_rule, "EUR"), money(before, "EUR"), money(after, "EUR")):
        assert f"{amount} " in told, amount
    for amount in (whole, whole - over_rule):
        assert f"+{money(amount, 'EUR')} a week" in told, amount
    assert f"paid back in {value['return.payback_years']:.1f} years" in told


def test_a_damaged_table_of_a_published_page_is_told(here, say):
    page = Path("reports/shop/report.html")
    page.write_text(page.read_text(encoding="utf-8").replace("milk,20,", "milk,"), encoding="utf-8")
    code, _, err = say("default", runs()[40])
    assert code == 2 and "reports/shop.results.json: its decision table is not as a run writes it" in err
