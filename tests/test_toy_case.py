"""A fourth case in under 150 lines: the runner, the cache, the command line and the site take it as it is."""

import os
from pathlib import Path

import nbformat
import pytest
from toy_case.stand import CASE, Parameters, study

from lepton_nb.workbook.cli import main
from lepton_nb.workbook.run import RunFailed, run_case, run_pages
from lepton_nb.workbook.site import broken_links
from lepton_nb.workbook.verify import read_results

HERE = Path(__file__).parent
PLACE = {"module": "toy_case"}


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


def test_it_is_small():
    page = nbformat.read(HERE / "toy_case" / "stand" / "pages" / "decide.ipynb", 4)
    lines = sum(len(cell.source.splitlines()) for cell in page.cells)
    assert lines + len((HERE / "toy_case" / "stand" / "__init__.py").read_text().splitlines()) < 150


def test_it_runs_is_published_and_verified(tmp_path, capsys):
    assert main(["run", "stand", "--publish", "--quiet"], **PLACE) == 0
    assert capsys.readouterr().out.strip() == "reports/stand/decide.html"
    page = (tmp_path / "reports" / "stand" / "decide.html").read_text(encoding="utf-8")
    assert "Order <strong>" in page and "The newsvendor earns" in page, "no method page is there to link to"
    assert broken_links("reports") == [] and 'href="stand/decide.html"' in Path("reports/index.html").read_text()
    gain = read_results("reports/stand.results.json")["results"]["gain"]["value"]
    profit = study(Parameters()).profit
    assert gain == profit["newsvendor"] - profit["as last week"] > 0
    assert main(["verify", "stand"], **PLACE) == 0


def test_the_page_takes_the_study_from_the_cache(tmp_path):
    study(Parameters())
    (entry,) = (tmp_path / "cache").glob("*.joblib")
    before = entry.stat().st_ino
    run_case("stand", out="runs", progress=False, threads=1, **PLACE)
    assert [kept.stat().st_ino for kept in (tmp_path / "cache").glob("*.joblib")] == [before]
    entry.unlink()
    run_case("stand", out="runs", progress=False, threads=1, fresh=True, **PLACE)
    assert not list((tmp_path / "cache").glob("*.joblib")), "a fresh run keeps to a cache of its own"


def test_own_data_are_written_checked_and_run(tmp_path, capsys):
    assert main(["template", "stand", "mine"], **PLACE) == 0 and main(["check", "stand", "mine"], **PLACE) == 0
    assert "nothing to mend" in capsys.readouterr().out
    sold = CASE.sources.check("mine")["sold"]
    sold.loc[sold.index.repeat(20)].to_csv("mine/sold.csv", index=False)
    folder = run_case("stand", [("source", "own:mine")], out="runs", progress=False, threads=1, **PLACE)
    assert [page.name for page in run_pages(folder)] == ["decide.html"]
    Path("mine/sold.csv").write_text("ds,units\n2026-01-05,-3\n")
    assert (
        main(["check", "stand", "mine"], **PLACE) == 2
        and "column units, row 2: -3 is below 0" in capsys.readouterr().err
    )
    with pytest.raises(RunFailed, match="-3 is below 0"):
        run_case("stand", [("source", "own:mine")], out="runs", progress=False, threads=1, **PLACE)
