"""A parameter that is a secret: where it comes from, and that nothing that is written, shown or sent holds it."""

import html
import json
import os
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lepton_nb.workbook.case import find_case
from lepton_nb.workbook.cli import main
from lepton_nb.workbook.parameters import default_problems, parameter_table
from lepton_nb.workbook.run import plan

SECRET = "tok3n/of & \"the' harbour"  # signs that an address, a page and a program each write in another way
FORMS = [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), html.escape(SECRET), repr(SECRET)[1:-1]]
FORMS += [json.dumps(SECRET)[1:-1], "tok3n"]
PACKAGE = """
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

from pydantic import SecretStr

from lepton_nb.workbook.cache import remembered
from lepton_nb.workbook.case import Case
from lepton_nb.workbook.parameters import CaseParameters, UserError, param


class Parameters(CaseParameters):
    token: SecretStr = param(SecretStr(""), meaning="opens the register of ships")
    do: Literal["work", "say", "fail", "refuse"] = param("work", meaning="what happens")
    ships: int = param(3, ge=0, meaning="ships in the harbour")


@dataclass(frozen=True)
class Study:
    params: Parameters  # kept on disk with the rest
    open: bool

    @property
    def results(self):
        return [SimpleNamespace(name="seen", value=2 * self.params.ships, unit="ships", meaning="seen")]


def worked_out(params):
    token = params.token.get_secret_value()
    if params.do == "fail":
        raise KeyError(f"no such token {token!r} at ftp://x/?t={token}")
    if params.do == "refuse":
        raise UserError(f"the token {token} is not known; ask for one")
    return Study(params, len(token) == TOKEN)


def study(params):
    return remembered(worked_out, params).value


SOURCES = SimpleNamespace(check=lambda folder, zone: {}, is_database=lambda place: False)
CASE = Case("port", "A harbour", Parameters, contract={}, sources=SOURCES, study=study, pages=("decide",))
"""
CELLS = [
    'source = "embedded"\nseed = 7\ndo = "work"\nships = 3',
    "params = from_namespace(Parameters, globals())",
    "made = study(params)\nmade.params, made.open",
    'record("open", "yes" if made.open else "no", "no unit", meaning="whether the register opened")',
    'if params.do == "say":\n    token = params.token.get_secret_value()\n    print(token, repr(token))\n    '
    'record("said", token, "no unit", meaning="what nobody should record")\n    display(HTML(escape(token)))',
]
IMPORTS = "from quay.port import Parameters, study\nfrom lepton_nb.workbook.parameters import from_namespace\n"
IMPORTS += "from lepton_nb.workbook.verify import record\nfrom html import escape\nfrom IPython.display import HTML"
PLACE = {"module": "quay"}


@pytest.fixture
def port(tmp_path, monkeypatch):
    """A case with a secret, in a folder that holds all that a run may write."""
    package = tmp_path.parent / f"{tmp_path.name}-code" / "quay" / "port"
    (package / "pages").mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE.replace("TOKEN", str(len(SECRET))))
    cells = [new_code_cell(source) for source in (IMPORTS, *CELLS)]
    cells[1].metadata["tags"] = ["parameters"]
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A harbour"), *cells]), package / "pages" / "decide.ipynb")
    root = str(package.parents[1])
    monkeypatch.syspath_prepend(root)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")])))
    for name, value in {"CACHE": "cache", "SECRET_TOKEN": SECRET}.items():
        monkeypatch.setenv(f"LEPTON_NB_{name}", value if name == "SECRET_TOKEN" else str(tmp_path / value))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "quay"]:
        del sys.modules[name]


def leaks(folder: Path) -> list[str]:
    """Name the files that hold the secret in some spelling."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [f"{path.name}: {form}" for path in files for form in FORMS if form.encode() in path.read_bytes()]


def test_no_file_and_no_word_of_a_run_holds_it(port, capfd):
    assert main(["run", "port", "--publish"], **PLACE) == 0
    (results,) = Path("runs").rglob("results.json")
    found = json.loads(results.read_text())
    assert found["results"]["open"]["value"] == "yes" and found["parameters"] == {
        "source": "embedded",
        "seed": 7,
        "do": "work",
        "ships": 3,
    }
    assert main(["run", "port", "-p", "do", "say"], **PLACE) == 0
    assert (
        "***"
        in next(path for path in Path("runs").rglob("decide.html") if "what nobody" in path.read_text()).read_text()
    )
    assert main(["run", "port", "-p", "do", "fail"], **PLACE) == 1
    assert main(["run", "port", "-p", "do", "refuse"], **PLACE) == 2
    assert main(["verify", str(results.parent)], **PLACE) == 0
    names = {path.name for path in port.rglob("*") if path.is_file()}
    assert {
        "decide.ipynb",
        "decide.html",
        "failure.html",
        "results.json",
        "ro-crate-metadata.json",
        "log.jsonl",
    } <= names
    assert list(Path("cache").glob("*.joblib")), "the step that holds the parameters is kept"
    said = "".join(capfd.readouterr())
    assert leaks(port) == [] and not [form for form in FORMS if form in said]
    assert "no such token" in said and "the token *** is not known" in said


def test_no_file_and_no_word_of_a_sweep_holds_it(port, capfd):
    pytest.importorskip("distributed")
    words = ["sweep", "port", "-g", "ships=1,2", "--workers", "1", "--quiet"]
    assert main([*words, "--out", "good"], **PLACE) == 0
    assert main([*words, "-p", "do", "fail", "--out", "bad"], **PLACE) == 1
    assert "no such token" in Path("bad/points.csv").read_text()
    said = "".join(capfd.readouterr())
    assert leaks(port) == [] and not [form for form in FORMS if form in said]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "port", "-p", "token", SECRET],
        ["run", "port", "-p", f"token={SECRET}", "-p", "token", SECRET],
        ["run", "port", "-f", "mine.yaml"],
        ["params", "port", "-p", "token", SECRET],
        ["sweep", "port", "-g", f"token={SECRET},other"],
        ["sweep", "port", "-g", f"token={SECRET},{SECRET}"],
        ["sweep", "port", "--list", "points.csv"],
        ["sweep", "port", "-g", "ships=1,2", "-p", "token", SECRET],
    ],
)
def test_typed_or_in_a_file_it_is_refused_and_not_repeated(port, capfd, words):
    Path("mine.yaml").write_text("token: abcd-tok3n\n")
    Path("points.csv").write_text("ships,token\n1,abcd-tok3n\n")
    assert main(words, **PLACE) == 2
    said = "".join(capfd.readouterr())
    assert "LEPTON_NB_SECRET_TOKEN of the environment, or a file that LEPTON_NB_SECRET_TOKEN_FILE names" in said
    assert "tok3n" not in said and not Path("runs").exists() and not Path("sweeps").exists()


def test_it_comes_from_a_file_too_and_changes_no_key(port, monkeypatch, capsys):
    case = find_case("port", **PLACE)
    with plan(case, **PLACE) as first:
        assert first.params.token.get_secret_value() == SECRET
    monkeypatch.delenv("LEPTON_NB_SECRET_TOKEN")
    monkeypatch.setenv("LEPTON_NB_SECRET_TOKEN_FILE", "token.txt")
    assert main(["run", "port"], **PLACE) == 2
    assert (
        "token: the file that LEPTON_NB_SECRET_TOKEN_FILE names cannot be read (No such file" in capsys.readouterr().err
    )
    Path("token.txt").write_text("another\n")
    with plan(case, **PLACE) as second:
        assert second.params.token.get_secret_value() == "another" and second.key == first.key
    shown = parameter_table(second.params).set_index("name").loc["token"]
    assert shown["value"] == "given" and not shown["changed"] and "LEPTON_NB_SECRET_TOKEN" in shown["range"]


def test_a_notebook_may_not_hold_it(port):
    model = find_case("port", **PLACE).Parameters
    assert default_problems(CELLS[0], model) == []
    (problem,) = default_problems(CELLS[0] + f"\ntoken = {SECRET!r}", model)
    assert problem.startswith("token: is a secret") and "tok3n" not in problem
