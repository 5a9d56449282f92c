"""A case that runs in a second and does what it is told: work, fail, refuse, wait. Written into a folder of a test."""

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lepton_nb.workbook import run as run_module
from lepton_nb.workbook.run import run_case

IMPORTS = """
from tiny.shop import Parameters
from lepton_nb.workbook.parameters import UserError, from_namespace
from lepton_nb.workbook.verify import record, record_data
import os, sys, time
open_file = open
"""
PACKAGE = """
from types import SimpleNamespace
from typing import Literal

from lepton_nb.workbook.case import Case
from lepton_nb.workbook.parameters import CaseParameters, param


class Parameters(CaseParameters):
    do: Literal["work", "fail", "refuse", "wait", "fill"] = param("work", meaning="what happens in the run")
    units: int = param(100, unit="units", ge=0, le=1000, meaning="units sold")
    open: bool = param(True, meaning="whether the shop is open")
    code: str = param("007", meaning="an article")
    trace: str = param("", meaning="file to which every run adds a line")


SOURCES = SimpleNamespace(check=lambda folder, zone: {}, is_database=lambda place: False)
CASE = Case("shop", "A small shop", Parameters, contract={}, sources=SOURCES, study=print, pages=("report",))
"""
ASSIGNED = (
    'source = "embedded"\nseed = 7\ndo = "work"\nunits = 100  # units=sold\nopen = True\ncode = "007"\ntrace = ""'
)
ACTS = """
if params.trace:
    with open_file(params.trace, "a") as file:
        print(os.getpid(), file=file, flush=True)
if params.do == "fail":
    [][params.units]
if params.do == "refuse":
    raise UserError("sales.csv, row 12, units: found -3; give 0 or more")
if params.do == "wait":
    time.sleep(60)
if params.do == "fill":
    print("x" * 300_000)
"""


def write(folder: Path, assigned: str = ASSIGNED, kernel: str = "somebody-elses") -> dict:
    """Write the case `shop`; give `module` for `run_case` and `main`."""
    cells = [
        new_markdown_cell("# A small shop\n\n> What it takes in a day."),
        new_code_cell("#| hide\n" + IMPORTS.strip()),
        new_code_cell(assigned, metadata={"tags": ["parameters"]}),
        new_code_cell("params = from_namespace(Parameters, globals())"),
        new_markdown_cell("## The day\n\nIt goes as it was told to."),
        new_code_cell(ACTS.strip()),
        new_code_cell("#| eval: false\n1 / 0"),
        new_markdown_cell("## What came of it"),
        new_code_cell(
            'record("revenue", 2.5 * params.units, "EUR", meaning="money taken")\n'
            'record_data("sales", "ab" * 32, "embedded", "CC0")'
        ),
        new_code_cell("[sys.executable, os.environ['OMP_NUM_THREADS'], os.getcwd()]"),
    ]
    notebook = new_notebook(
        cells=cells, metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    )
    page_of(folder).parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, page_of(folder))
    (page_of(folder).parents[1] / "__init__.py").write_text(PACKAGE)
    return {"module": "tiny"}


def page_of(folder: Path) -> Path:
    """Name the page of the case written into a folder."""
    return folder / "tiny" / "shop" / "pages" / "report.ipynb"


@contextmanager
def importable(folder: Path) -> Iterator[dict]:
    """Write the case where its module can be imported from; forget it afterwards.

    The package is hashed once, so that an editor that saves meanwhile does not rename the runs of a test.
    """
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    _forget()
    path = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), path]))
    hashes, run_module.code_hashes = run_module.code_hashes, cache(run_module.code_hashes)
    try:
        yield write(folder)
    finally:
        os.environ["PYTHONPATH"] = path
        run_module.code_hashes = hashes
        sys.path.remove(str(folder))
        _forget()


def _forget() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "tiny"]:
        del sys.modules[name]


def run(place: dict, out: Path, *pairs: tuple[str, str], **options) -> Path:
    """Run the case in this process."""
    return run_case("shop", pairs, out=out, progress=False, threads=1, **options, **place)


def left_in(out: Path) -> list[str]:
    """Name what is in the case's folder of runs, hidden folders included."""
    return sorted(p.name for p in (out / "shop").iterdir()) if (out / "shop").exists() else []


def start(*words: str, before: str = "") -> subprocess.Popen:
    """Start `lepton-nb` with words in a process of its own; the case is found through PYTHONPATH."""
    code = f"import sys\n{before}\nfrom lepton_nb.workbook.cli import main\nsys.exit(main(module='tiny'))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for_line(file: Path, seconds: float = 120) -> int:
    """Wait until a run has written its line; give the process id of its kernel."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if file.exists() and file.read_text().endswith("\n"):
            return int(file.read_text().split()[-1])
        time.sleep(0.05)
    raise AssertionError("the run did not reach its cell")


def gone(pid: int, seconds: float = 30) -> bool:
    """Say whether a process ends within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False
