"""A fourth case in under 150 lines: the runner, the cache, the command line and the site take it as it is."""

import os
import shutil
import subprocess
import sys
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


def test_a_case_outside_the_library_is_found_by_the_option_or_the_variable(tmp_path, monkeypatch, capsys):
    shutil.copytree(HERE / "toy_case", tmp_path / "florists")
    page = tmp_path / "florists" / "stand" / "pages" / "decide.ipynb"
    page.write_text(page.read_text(encoding="utf-8").replace("toy_case", "florists"), encoding="utf-8")
    monkeypatch.delenv("PYTHONPATH")
    told = _asked("run", "stand", "--cases", "florists", "--publish", "--quiet")
    assert told.returncode == 0 and told.stdout.strip() == "reports/stand/decide.html", told.stderr
    text = (tmp_path / "reports" / "stand" / "decide.html").read_text(encoding="utf-8")
    assert "lepton-nb run stand --cases florists" in text, "the command on the page repeats the run"
    monkeypatch.setenv("LEPTON_NB_CASES", "florists")
    assert "A flower stand" in _asked("cases").stdout
    assert main(["template", "stand", "mine.yaml", "--cases", "florists"]) == 0
    assert "check stand --cases florists" in capsys.readouterr().out
    swept = _asked("sweep", "stand", "-g", "price=6,9", "--workers", "1", "--quiet")
    assert swept.returncode == 0 and swept.stdout.strip() == "sweeps/stand/sweep.html", swept.stderr
    assert "sweep stand --cases florists" in (tmp_path / "sweeps" / "stand" / "sweep.html").read_text(encoding="utf-8")


def _asked(*words: str) -> subprocess.CompletedProcess:
    """Give a command as a shell does, in the working folder."""
    env = os.environ | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lepton_nb.workbook.cli", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize(
    ("files", "words", "says"),
    [
        ({}, ["cases", "--cases", "nowhere"], "--cases nowhere: no such package here; run this in the folder that"),
        ({}, ["--cases", "nowhere.deep", "cases"], "--cases nowhere.deep: no such package here"),
        ({"one.py": "x = 1"}, ["cases", "--cases", "one"], "--cases one: is one file; give the folder"),
        (
            {"own1/a/__init__.py": "\nx = ("},
            ["params", "a", "--cases", "own1"],
            "--cases own1: cannot be imported. SyntaxError: '(' was never closed (__init__.py, line 2)",
        ),
        (
            {"own2/a/__init__.py": "import numpy\nimport nothing_like_it"},
            ["params", "a", "--cases", "own2"],
            "ModuleNotFoundError: No module named 'nothing_like_it' (__init__.py, line 2)",
        ),
        ({"own3/a/__init__.py": ""}, ["params", "a", "--cases", "own3"], "a: no such case; Known: none in own3"),
    ],
)
def test_what_is_wrong_with_a_package_of_cases_is_told(files, words, says, tmp_path, capsys):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    path, variables = list(sys.path), dict(os.environ)
    assert main(words) == 2 and says in capsys.readouterr().err
    assert (sys.path, dict(os.environ)) == (path, variables), "nothing of it stays in the process"
