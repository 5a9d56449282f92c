"""The page that a failed run leaves: what happened, whose fault, how far it came, what next; and the exit statuses."""

import os
import re
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
import tiny_case
from bs4 import BeautifulSoup
from test_publish import Page

from lepton_nb.workbook.cli import EXITS, main
from lepton_nb.workbook.execute import Execution, Failure

HERE = Path(__file__).parent
TOY = {"module": "toy_case"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    with tiny_case.importable(tmp_path_factory.mktemp("cases")) as place:
        yield place


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")])))
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def failed(words, place, capsys) -> tuple[int, str, Path]:
    """Run a case that fails: the exit status, what is said, and the page that is named there."""
    status = main(["run", *words, "--quiet", "--threads", "1"], **place)
    said = capsys.readouterr().err
    page = Path(said.split("report on it: ")[1].strip())
    assert page.name == "failure.html" and page.parent.name.endswith(".failed")
    assert not (page.parent / "results.json").exists()
    return status, said, page


def read(page: Path) -> tuple[str, BeautifulSoup]:
    """Read a page: the words that are open, and its elements."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    shown = BeautifulSoup(str(soup.body), "html.parser")
    for element in shown.find_all(["details", "script"]):
        element.decompose()
    return " ".join(shown.get_text(" ").split()), soup


def rows(soup: BeautifulSoup, caption: str) -> list[list[str]]:
    """Read the rows of a table."""
    table = next(t for t in soup.find_all("table") if t.caption.get_text().startswith(caption))
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in table.tbody.find_all("tr")]


@pytest.mark.parametrize(
    "do, status, message",
    [("fail", 1, "IndexError: list index out of range"), ("refuse", 2, "sales.csv, row 12, units: found -3")],
)
def test_it_says_what_happened_how_far_it_came_and_what_next(tiny, here, capsys, do, status, message):
    found, said, page = failed(["shop", "-p", "do", do, "-p", "units", "7"], tiny, capsys)
    words, soup = read(page)
    assert found == status and f"The command ended with status {status}:" in words
    assert message in words and message in said and "Cell 7 of the page report (section “The day”)" in words
    assert ("Try without the changed do, units first" in words) is (status == 1)
    assert ("Mend what the message names" in words) is (status == 2)
    reached, asked = rows(soup, "How far the run came"), rows(soup, "Parameters of the run")
    assert reached[-1][:2] == ["page report", "stopped in cell 7, section “The day”"]
    assert [row[:4] for row in asked if row[0] in ("units", "code")] == [
        ["units", "7", "100", "units"],
        ["code", "007", "007", ""],
    ]
    took = re.search(
        r"It took ([\d.]+) s, ([\d.]+) s of processor time, and at most ([\d,]+) MB .* has ([\d,]+) MB", words
    )
    memory, machine = (int(took[i].replace(",", "")) for i in (3, 4))
    assert 0 < float(took[2]) < 60 and 20 < memory < 2000 < machine
    assert f"lepton-nb run shop -p do {do} -p units 7" in words


def test_a_trace_stands_folded_for_a_fault_and_nowhere_for_a_mistake(tiny, here, capsys):
    _, _, fault = failed(["shop", "-p", "do", "fail"], tiny, capsys)
    _, _, mistake = failed(["shop", "-p", "do", "refuse"], tiny, capsys)
    words, soup = read(fault)
    assert (
        "Traceback" not in words
        and "Traceback (most recent call last)" in soup.select_one("main details pre").get_text()
    )
    for page in (mistake, mistake.with_name("report.html")):
        text = page.read_text(encoding="utf-8")
        assert "Traceback" not in text and "UserError:" not in text and "What the program said" not in text
    assert str(HERE.parent) not in fault.read_text(encoding="utf-8")


def test_it_has_the_shell_of_all_pages_and_leads_to_the_cell(tiny, here, capsys):
    _, _, page = failed(["shop", "-p", "do", "fail"], tiny, capsys)
    text, other = page.read_text(encoding="utf-8"), page.with_name("report.html").read_text(encoding="utf-8")
    shell = Page(text)
    assert shell.faults == [] and len(set(shell.ids)) == len(shell.ids) and shell.heads[0] == 1
    assert all(b - a <= 1 for a, b in zip(shell.heads, shell.heads[1:]))
    assert [a for a in shell.addresses if not a.startswith(("#", "data:"))] == [
        "failure.html",
        "report.html",
        "report.html#failed-cell",
    ]
    assert 'id="failed-cell"' in other and 'href="failure.html"' in other
    for part in (r"<style>.*?</style>", r"<script>.*?</script>", r'<meta http-equiv="Content-Security-Policy"[^>]*>'):
        assert re.search(part, text, re.S)[0] == re.search(part, other, re.S)[0]


def test_data_that_are_refused_leave_it_without_a_kernel(here, capsys, monkeypatch):
    Path("mine").mkdir()
    Path("mine/sold.csv").write_text("ds,units\n2026-01-05,-3\nsoon,4\n")
    monkeypatch.setattr("lepton_nb.workbook.run.execute", lambda *_: pytest.fail("a kernel was started"))
    status, said, page = failed(["stand", "-p", "source", "own:mine"], TOY, capsys)
    words, soup = read(page)
    assert status == 2 and sorted(p.name for p in page.parent.iterdir()) == ["failure.html", "ro-crate-metadata.json"]
    for told in (said, words):
        assert "column units, row 2: -3 is below 0" in told and "column ds, row 3: 'soon'" in told
    assert "The check of your data found what has to be mended." in words and "lepton-nb check stand FOLDER" in words
    assert [row[1] for row in rows(soup, "How far the run came")] == [
        "own:mine: refused, with the problems above",
        "not begun",
    ]
    assert str(here) not in page.read_text(encoding="utf-8")


def test_it_names_the_step_that_was_under_way_and_the_rows_that_were_checked(here, capsys):
    Path("mine").mkdir()
    weeks = "".join(f"2025-{1 + week // 4:02d}-{1 + 7 * (week % 4):02d},{30 + week % 7}\n" for week in range(40))
    Path("mine/sold.csv").write_text("ds,units\n" + weeks)
    status, said, page = failed(["stand", "-p", "source", "own:mine", "-p", "price", "3"], TOY, capsys)
    words, soup = read(page)
    assert status == 2 and "stockout_cost is 0.0; it must be above 0" in words
    reached = rows(soup, "How far the run came")
    assert reached[0][:2] == ["check of the data", "own:mine: nothing to mend (sold 40 rows)"]
    assert reached[1][:2] == ["step worked out", "begun and not finished"]
    assert reached[2][1].startswith("stopped in cell ")


def test_a_kernel_that_dies_leaves_the_step_it_was_at(here, capsys, monkeypatch):
    """As where memory runs out: nothing in the kernel can tell any more."""
    package = here / "code" / "toy_case"
    shutil.copytree(HERE / "toy_case", package)
    init = package / "stand" / "__init__.py"
    init.write_text(
        init.read_text().replace("    stand = Week(params,", "    __import__('os')._exit(9)\n    stand = Week(params,")
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here / "code"), os.environ["PYTHONPATH"]]))
    status, said, page = failed(["stand"], TOY, capsys)
    words, soup = read(page)
    assert status == 1 and "DeadKernelError" in said and "mostly for want of memory" in words
    assert ["step worked out", "begun and not finished"] in [row[:2] for row in rows(soup, "How far the run came")]


def test_a_run_for_which_no_page_can_be_made_leaves_it(tiny, here, capsys, monkeypatch):
    def nothing(notebook, *_):
        now = datetime.now(timezone.utc)
        return Execution(notebook, now, now, 0.1, 1, Failure("", 0, "PageOmitted", "nobody is known", "", True))

    monkeypatch.setattr("lepton_nb.workbook.run.execute", nothing)
    status, said, page = failed(["shop"], tiny, capsys)
    words, soup = read(page)
    assert status == 2 and "no page of the case can be made from these data (report: nobody is known)" in words
    assert rows(soup, "How far the run came")[-1][:2] == ["page report", "left out: nobody is known"]


# ---- exit statuses


def test_they_are_told_once_and_shown_by_the_help_and_the_readme(capsys):
    assert main(["--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    readme = " ".join((HERE.parent / "README.md").read_text(encoding="utf-8").split())
    for status, meaning in EXITS.items():
        assert f"{status} {meaning}" in told and f"| {status} | {meaning} |" in readme


def test_what_comes_out_is_what_they_say(tiny, here, capsys, monkeypatch):
    """Every status but those of a signal, which test_faults.py sends to a process."""
    assert set(EXITS) == {0, 1, 2, 3, 130, 143}
    assert main(["run", "shop", "--quiet"], **tiny) == 0
    folder = next(Path("runs/shop").iterdir())
    assert main(["verify", str(folder), str(folder)], **tiny) == 0
    results = (folder / "results.json").read_text()
    Path("other.json").write_text(results.replace("250.0", "251.0"))
    assert main(["verify", str(folder), "other.json"], **tiny) == 1
    assert main(["run", "shop", "-p", "do", "fail"], **tiny) == 1
    for words in (
        ["shop", "-p", "do", "refuse"],
        ["shop", "-p", "unitz", "3"],
        ["shap"],
        ["shop", "-p", "units", "-1"],
    ):
        assert main(["run", *words], **tiny) == 2
    monkeypatch.setattr("lepton_nb.workbook.run.plan", lambda *_: 1 / 0)
    assert main(["run", "shop"], **tiny) == 3
