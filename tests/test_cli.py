"""The command line: what it answers, with which exit code, and that no mistake of a user ends in a traceback."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import tiny_case

import lepton_nb
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data.reading import read_folder
from lepton_nb.workbook.cli import COMMANDS, main
from lepton_nb.workbook.verify import read_results


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with tiny_case.importable(tmp_path_factory.mktemp("cases")) as place:
        yield place


@pytest.fixture
def say(place, tmp_path, monkeypatch, capsys):
    """Say words to the command line in an empty folder; get exit code, output, messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")  # wide enough that no sentence is wrapped

    def speak(*words):
        try:
            code = main([str(w) for w in words], **place)
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return speak


@pytest.mark.parametrize(
    "words, says",
    [
        (["rum"], "did you mean run?"),
        (["--run"], "--help"),
        (["run"], "CASE"),
        (["run", "shp"], "did you mean shop?"),
        (["run", "zzz"], "no such case; Known: shop"),
        (["run", "shop", "-p"], "found no value"),
        (["run", "shop", "-p", "units"], "-p units: found no value"),
        (["run", "shop", "-p", "unit", "3"], "did you mean units?"),
        (["run", "shop", "-p", "units", "many"], "found 'many'"),
        (["run", "shop", "-p", "units", "-inf"], "from 0 to 1000"),
        (["run", "shop", "-p", "units=3", "-p", "units", "4"], "given 2 times"),
        (["run", "shop", "-p", "source", "own:nowhere"], "does not exist"),
        (["run", "shop", "-f", "no.yaml"], "cannot be read"),
        (["run", "shop", "--threads", "0"], "at least 1"),
        (["run", "shop", "--fource"], "--fource"),
        (["params", "shp"], "did you mean shop?"),
        (["params", "shop", "-p", "units", "many"], "found 'many'"),
        (["publish", "nowhere"], "not a finished run"),
        (["publish"], "RUN"),
        (["verify", "nowhere"], "no such case"),
        (["verify", "nowhere.json"], "no such file"),
        (["verify", "shop"], "no published results of shop"),
        (["run", "shop", "units=3"], "to set a parameter write -p units=3"),
        (["run", "shop", "three"], "see `lepton-nb"),
        (["run", "shop", "--out", "/proc/nowhere"], "there is no such place"),
        (["cases", "-p", "units", "3"], "takes no parameters"),
        (["run", "../shop"], "no such case"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence_and_2(say, words, says, tmp_path):
    code, out, err = say(*words)
    assert code == 2 and says in err and out == ""
    assert not list(tmp_path.iterdir()), "a refusal writes nothing"


def test_help_version_and_lists(say):
    code, out, _ = say("--help")
    assert code == 0 and all(name in out for name in COMMANDS) and "exit statuses" in out
    assert say() == (0, out, "")
    for name in COMMANDS:
        assert say(name, "--help")[0] == 0
    assert say("--version")[1].strip() == f"lepton-nb {lepton_nb.__version__}"
    code, out, _ = say("cases")
    assert code == 0 and "shop" in out and "A small shop" in out


def test_params_shows_the_table_the_schema_and_what_a_file_would_change(say, tmp_path):
    code, out, _ = say("params", "shop")
    assert code == 0 and "a whole number, from 0 to 1000" in out and "units sold" in out and "*" not in out
    (tmp_path / "mine.yaml").write_text("units: 12\ncode: 0042\n")
    code, out, _ = say("params", "shop", "-f", "mine.yaml", "-p", "units", "13")
    assert code == 0 and "13 *" in out and "0042 *" in out
    schema = json.loads(say("params", "shop", "--json-schema")[1])
    assert schema["properties"]["units"]["maximum"] == 1000


def test_run_publish_and_verify(say, tmp_path):
    (tmp_path / "mine.yaml").write_text("units: 12\n")
    code, page, err = say("run", "shop", "-f", "mine.yaml", "--quiet", "--threads", "1")
    assert code == 0 and err == "" and (tmp_path / page.strip()).is_file() and page.startswith("runs/shop/")
    folder = (tmp_path / page.strip()).parent
    assert read_results(folder)["parameters"]["units"] == 12

    code, out, err = say("run", "shop", "-p", "units=12", "--publish")
    assert code == 0 and "already done" in err and "report: reports/shop/report.html" in out and "MB" in out
    assert (tmp_path / "reports" / "index.html").is_file()
    assert say("publish", folder)[:2] == (0, "published: reports/shop/report.html\n")

    published = tmp_path / "reports" / "shop.results.json"
    assert say("verify", published, folder / "results.json")[0] == 0
    code, out, _ = say("verify", "shop", "--quiet")  # runs it afresh
    assert code == 0 and "1 of 1 results as promised" in out

    promised = json.loads(published.read_text())
    promised["results"]["revenue"]["value"] *= 1.05
    promised["results"]["waste"] = {"value": 3, "unit": "units", "tolerance": 0, "meaning": ""}
    published.write_text(json.dumps(promised))
    code, out, _ = say("verify", published, folder)
    assert code == 1 and "differs" in out and "missing" in out and "0 of 2 results as promised: not verified" in out
    published.write_text("{not json")
    code, _, err = say("verify", published, folder)
    assert code == 2 and "not a results.json" in err


def test_templates_are_written_once_and_can_be_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def say(*words):
        code, said = main(list(words)), capsys.readouterr()
        return code, said.out, said.err

    code, out, _ = say("template", "retail", "mine")
    assert code == 0 and "mine/sales.csv" in out and len(read_folder(CONTRACT, tmp_path / "mine")["sales"]) == 3
    code, _, err = say("template", "retail", "mine")
    assert code == 2 and "exists already" in err and "empty folder" in err


def test_only_the_files_beside_the_tables_decide_whether_a_run_is_done(say, tmp_path):
    (tmp_path / "mine" / "old").mkdir(parents=True)
    (tmp_path / "mine" / "sales.csv").write_text("date\n")
    words = ("run", "shop", "-p", "source", f"own:{tmp_path / 'mine'}")
    assert say(*words)[0] == 0
    (tmp_path / "mine" / "old" / "sales.csv").write_text("date\n")
    assert "already done" in say(*words)[2]
    (tmp_path / "mine" / "sales.csv").write_text("date,units\n")
    assert "already done" not in say(*words)[2]


@pytest.mark.parametrize(
    "do, code, says", [("fail", 1, "IndexError"), ("refuse", 2, "sales.csv, row 12, units: found -3")]
)
def test_a_case_that_fails_gives_its_exit_code_and_a_report(say, do, code, says, tmp_path):
    found, out, err = say("run", "shop", "-p", "do", do, "--publish")
    assert found == code and says in err and out == "" and not (tmp_path / "reports").exists()
    page = tmp_path / err.split("report on it: ")[1].strip()
    assert page.is_file() and page.parent.name.endswith(".failed")
    assert say("publish", page.parent)[0] == 2


def test_a_reader_that_leaves_early_is_no_error(place):
    code = (
        "import sys\nfrom lepton_nb.workbook.cli import main\n"
        "sys.exit(main(['params', 'shop', '--json-schema'], module='tiny'))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(timeout=120) == 0
    process.stderr.close()


def test_an_installed_package_runs_its_own_cases_in_its_own_kernel(place, tmp_path):
    site, here = tmp_path / "site", tmp_path / "here"
    shutil.copytree(Path(lepton_nb.__file__).parent, site / "lepton_nb", ignore=shutil.ignore_patterns("__pycache__"))
    here.mkdir()
    tiny_case.write(tmp_path / "written")
    package = site / "lepton_nb" / "cases" / "shop"
    shutil.copytree(tmp_path / "written" / "tiny" / "shop", package)
    notebook = nbformat.read(package / "pages" / "report.ipynb", 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("tiny.shop", "lepton_nb.cases.shop")
    notebook.cells.append(nbformat.v4.new_code_cell("import lepton_nb; lepton_nb.__file__"))
    nbformat.write(notebook, package / "pages" / "report.ipynb")
    environment = {**os.environ, "PYTHONPATH": str(site), "HOME": str(tmp_path / "home")}
    said = subprocess.run(
        [sys.executable, "-m", "lepton_nb.workbook.cli", "run", "shop", "--quiet", "-p", "units=3"],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    folder = (here / said.stdout.strip()).parent
    assert str(site) in nbformat.read(folder / "report.ipynb", 4).cells[-1].outputs[0]["data"]["text/plain"]
    assert "installed versions" in (folder / "ro-crate-metadata.json").read_text()
    assert sorted(p.name for p in here.iterdir()) == ["runs"], "nothing but runs/ is written"
