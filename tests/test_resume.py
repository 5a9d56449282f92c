"""A study that was killed goes on where it was, and what changed is worked out again: that, and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lepton_nb.workbook.cli import main
from lepton_nb.workbook.verify import read_results

CASE = """
from pathlib import Path
from types import SimpleNamespace

from lepton_nb.workbook.cache import Kept, remembered
from lepton_nb.workbook.case import Case
from lepton_nb.workbook.manifest import file_sha256
from lepton_nb.workbook.parameters import CaseParameters, own_place, param

from .grinding import ground
from .market import sold
from .milling import milled, sifted


class Parameters(CaseParameters):
    price: float = param(2.0, unit="EUR", ge=0, meaning="of a sack")
    turns: int = param(10, ge=1, meaning="how often is milled")


def study(params, data):
    data = Path(data)
    sacks = remembered(ground, Kept(data.read_text(), file_sha256(data), False))
    flour = sacks
    for turn in range(params.turns):
        flour = remembered(milled, flour, turn=turn)
    bran = remembered(sifted, flour)
    money = remembered(sold, sacks, price=params.price)
    return SimpleNamespace(flour=flour.value, bran=bran.value, money=money.value)


SOURCES = SimpleNamespace(check=lambda folder, zone: {})
CASE = Case("mill", "A mill", Parameters, contract={}, sources=SOURCES, study=study, pages=("report",))
"""
GRINDING = """
from .counting import counted


def ground(text):
    counted("ground")
    return text.split()
"""
MILLING = """
from .burning import burnt
from .counting import counted


def milled(flour, turn):
    counted(f"milled {turn}", turn)
    return burnt(flour, turn)


def sifted(flour):
    counted("sifted")
    return flour[:2]
"""
MARKET = """
from .counting import counted


def sold(sacks, price):
    from .selling import revenue
    counted("sold")
    return revenue(sacks, price)
"""
COUNTING = """
import os, time


def counted(name, turn=-1):
    with open(os.environ["MILL_LOG"], "a") as log:
        log.write(f"{name} {os.getpid()}\\n")
    if str(turn) == os.environ.get("MILL_STOP", ""):
        time.sleep(120)  # until it is killed
"""
BURNING = """
import hashlib, os

WORK = int(os.environ.get("MILL_WORK", "1000"))


def burnt(flour, turn):
    digest = repr((flour, turn)).encode()
    for _ in range(WORK):
        digest = hashlib.sha256(digest).digest()
    return [digest.hex(), turn]
"""
SELLING = "from .accounts import posted\n\n\ndef revenue(sacks, price):\n    return posted(len(sacks) * price)\n"
ACCOUNTS = "def posted(money):\n    return round(money, 2)\n"
PAGE = """
study = CASE.study(params, os.environ["MILL_DATA"])
record("flour", float(int(study.flour[0][:8], 16)), "no unit", meaning="what came out")
record("money", study.money, "EUR", meaning="what it brings")
"""
TURNS = 10


@pytest.fixture
def mill(tmp_path, monkeypatch):
    """A case of thirteen parts: eleven in a chain, of which ten burn processor time, and two beside it."""
    package = tmp_path / "yard" / "mill"
    (package / "pages").mkdir(parents=True)
    files = {"grinding": GRINDING, "milling": MILLING, "market": MARKET, "counting": COUNTING, "burning": BURNING}
    files |= {"selling": SELLING, "accounts": ACCOUNTS, "unused": "x = 1\n"}
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    (package / "__init__.py").write_text(CASE)
    (package.parent / "__init__.py").write_text("")
    (tmp_path / "rye.txt").write_text("rye wheat spelt")
    cells = [
        new_markdown_cell("# A mill\n\n> What it grinds."),
        new_code_cell(
            "#| hide\nimport os\nfrom yard.mill import CASE, Parameters\n"
            "from lepton_nb.workbook.parameters import from_namespace\nfrom lepton_nb.workbook.verify import record"
        ),
        new_code_cell('source = "embedded"\nseed = 7\nprice = 2.0\nturns = 10', metadata={"tags": ["parameters"]}),
        new_code_cell("params = from_namespace(Parameters, globals())"),
        new_code_cell(PAGE.strip()),
    ]
    nbformat.write(new_notebook(cells=cells), package / "pages" / "report.ipynb")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "yard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")])),
        "LEPTON_NB_CACHE": str(tmp_path / "cache"),
        "MILL_LOG": str(tmp_path / "log"),
        "MILL_DATA": str(tmp_path / "rye.txt"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return package


def done(keep: bool = False) -> list[str]:
    """Name the parts that were worked out since the last time it was asked."""
    log = Path(os.environ["MILL_LOG"])
    names = [" ".join(line.split()[:-1]) for line in log.read_text().splitlines()] if log.exists() else []
    if not keep:
        log.unlink(missing_ok=True)
    return names


STUDY = """
import json, os, sys, time
from lepton_nb.workbook import cache
if {lock!r}:
    cache.requirements = lambda: {lock!r}
from yard.mill import Parameters, study
began = time.process_time()
found = study(Parameters({given}), os.environ["MILL_DATA"])
print(json.dumps([vars(found), time.process_time() - began]))
"""


def study(given: str = "", lock: dict | None = None, **environment: str) -> tuple[dict, float, list[str]]:
    """Run the study in a process of its own: what it found, its processor seconds, the parts it worked out."""
    done()
    code = STUDY.format(lock=lock or {}, given=given)
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    found, seconds = json.loads(run.stdout)
    return found, seconds, done()


ALL = ["ground", *(f"milled {turn}" for turn in range(TURNS)), "sifted", "sold"]
CHAIN = [name for name in ALL if name not in ("ground", "sold")]


def test_a_study_killed_at_four_fifths_needs_less_than_a_third_and_gives_the_same(mill, tmp_path, monkeypatch):
    monkeypatch.setenv("MILL_WORK", "400000")
    whole, seconds, parts = study(LEPTON_NB_CACHE=str(tmp_path / "other"))
    assert parts == ALL and seconds > 0.1
    code, stop = STUDY.format(lock={}, given=""), {"MILL_STOP": "8"}
    killed = subprocess.Popen([sys.executable, "-c", code], env=os.environ | stop, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while "milled 8" not in done(keep=True):
        assert killed.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert done() == ["ground", *(f"milled {turn}" for turn in range(9))], "eight of ten are done, one is on its way"
    again, rest, parts = study()
    assert again == whole
    assert parts == ["milled 8", "milled 9", "sifted", "sold"], "what was done is not done again"
    burning = [name for name in parts if name.startswith("milled")]
    assert len(burning) / TURNS < 0.3 and rest < 0.3 * seconds, (rest, seconds)
    assert study()[2] == []


@pytest.mark.parametrize(
    ("module", "old", "new", "again"),
    [
        ("accounts", "2)", "1)", ["sold"]),  # imported by what a part imports inside of it
        ("burning", "turn)).encode()", "turn, 1)).encode()", CHAIN),  # and all that rests on it
        ("milling", "flour[:2]", "flour[:1]", CHAIN),  # the parts of one module share its code
        ("unused", "1", "2", []),  # nobody imports it
    ],
)
def test_a_changed_function_makes_what_rests_on_it_again_and_nothing_else(mill, module, old, new, again):
    study()
    file = mill / f"{module}.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert study()[2] == again and study()[2] == []


def test_a_changed_file_of_data_makes_all_of_it_again_and_the_old_one_nothing(mill):
    first = study()
    data = Path(os.environ["MILL_DATA"])
    data.write_text("rye wheat oats")
    second = study()
    assert second[2] == ALL and second[0] != first[0]
    data.write_text("rye wheat spelt")
    assert study()[0] == first[0] and done() == []
    os.utime(data, (1, 1))
    assert study()[2] == [], "the content counts, not the time"


def test_a_changed_parameter_makes_the_parts_that_use_it_again(mill):
    first = study()
    dearer = study("price=3.0")
    assert dearer[2] == ["sold"] and dearer[0]["flour"] == first[0]["flour"] and dearer[0]["money"] == 9.0
    longer = study("turns=12")
    assert longer[2] == ["milled 10", "milled 11", "sifted"], "the first ten turns are those of before"
    assert study("seed=8")[2] == [], "no part uses it"


def test_a_changed_lock_makes_everything_again(mill):
    versions = {"numpy": "2.0.0", "scipy": "1.14.0"}
    study(lock=versions)
    assert study(lock=versions)[2] == []
    assert study(lock=versions | {"scipy": "1.14.1"})[2] == ALL
    assert study(lock=versions)[2] == []


# ---- a run says what it took from earlier ones


def run(*words: str) -> Path:
    done()
    assert main(["run", "mill", *words], module="yard") == 0
    return max(Path("runs/mill").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)


def log_line() -> dict:
    return json.loads(Path("runs/log.jsonl").read_text().splitlines()[-1])


def test_a_run_says_on_its_page_in_its_log_and_on_the_screen_which_steps_it_reused(mill, capsys):
    first = run()
    assert "0 of 13 steps taken from earlier runs" in capsys.readouterr().out
    page = (first / "report.html").read_text(encoding="utf-8")
    assert "13, all worked out in this run" in page and log_line()["reused"] == [] and len(log_line()["made"]) == 13
    dearer = run("-p", "price", "3")
    assert done() == ["sold"] and "12 of 13 steps taken from earlier runs" in capsys.readouterr().out
    page = (dearer / "report.html").read_text(encoding="utf-8")
    assert "13; taken from earlier runs: ground, milled" in page and log_line()["made"] == ["sold"]
    graph = json.loads((dearer / "ro-crate-metadata.json").read_text())["@graph"]
    told = {e["name"]: e["description"] for e in graph if e["@id"].startswith("#step/")}
    assert told["yard.mill.market.sold"] == "worked out in this run"
    assert told["yard.mill.milling.sifted"] == "taken from an earlier run"


def test_fresh_ignores_what_is_kept_and_gives_the_same(mill, capsys):
    first = read_results(run())["results"]
    kept = sorted(path.name for path in Path(os.environ["LEPTON_NB_CACHE"]).iterdir())
    assert run("--force") and done() == [], "--force runs the pages again, on steps that are kept"
    again = read_results(run("--fresh"))["results"]
    assert done() == ALL and again == first
    assert "0 of 13 steps taken from earlier runs" in capsys.readouterr().out
    assert sorted(path.name for path in Path(os.environ["LEPTON_NB_CACHE"]).iterdir()) == kept


def test_a_run_that_was_killed_is_taken_up_by_the_next(mill, monkeypatch, capsys):
    code = "from lepton_nb.workbook.cli import main\nmain(['run', 'mill', '--quiet'], module='yard')"
    own = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    killed = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"MILL_STOP": "8"}, **own)
    deadline = time.monotonic() + 60
    while "milled 8" not in done(keep=True):
        assert killed.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    kernel = int(Path(os.environ["MILL_LOG"]).read_text().split()[-1])
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    with_kernel = [kernel] if Path(f"/proc/{kernel}").exists() else []
    for process in with_kernel:  # a kernel may be in a session of its own
        os.kill(process, signal.SIGKILL)
    run()
    assert done() == ["milled 8", "milled 9", "sifted", "sold"]
    assert "9 of 13 steps taken from earlier runs" in capsys.readouterr().out
    assert not [left for left in Path("runs/mill").iterdir() if left.name.startswith(".")]
