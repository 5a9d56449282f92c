"""A sweep on a real scheduler with workers that are processes: each point once, each shared step once, nothing lost."""

import errno
import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from clusters import Cluster, until

from lepton_nb.workbook import sweep as sweep_module
from lepton_nb.workbook.cli import main
from lepton_nb.workbook.files import held
from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.prose import number
from lepton_nb.workbook.run import run_case
from lepton_nb.workbook.site import publish
from lepton_nb.workbook.sweep import plan_sweep, run_sweep, work_out
from lepton_nb.workbook.sweep_page import write_sweep_page
from lepton_nb.workbook.verify import read_results

distributed = pytest.importorskip("distributed", reason="the extra `scale` is not installed")
dask = importlib.import_module("dask")

HERE = Path(__file__).parent
PLACE = {"module": "swept_cases"}
PACKAGE = """
import os
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal

from lepton_nb.workbook.cache import remembered
from lepton_nb.workbook.case import Case
from lepton_nb.workbook.parameters import CaseParameters, UserError, param


class Parameters(CaseParameters):
    grain: int = param(1, ge=1, le=9, meaning="sort, which the slow step depends on")
    price: float = param(3.0, unit="EUR", gt=0, meaning="of a sack")
    seconds: float = param(0.0, unit="s", ge=0, meaning="that a point takes")
    do: Literal["work", "fail", "refuse", "die", "divide"] = param("work", meaning="what happens at a point")
    trace: str = param("", meaning="file to which every step adds a line")


@dataclass(frozen=True)
class Result:
    name: str
    value: float
    unit: str
    meaning: str


@dataclass(frozen=True)
class Study:
    results: list


def note(trace: str, text: str) -> None:
    if trace:
        with open(trace, "a") as file:
            file.write(text + "\\n")


def ground(grain: int, trace: str) -> float:
    note(trace, f"ground {grain}")
    time.sleep(0.3)
    return 10.0 * grain


def study(params: Parameters) -> Study:
    flour = remembered(ground, params.grain, params.trace).value
    note(params.trace, f"point {params.grain} {params.price}")
    time.sleep(params.seconds)
    if params.do == "fail":
        [][3]
    if params.do == "refuse":
        raise UserError("grain.csv, row 12: found -3; give 0 or more")
    if params.do == "die":
        os._exit(3)
    money = float("nan") if params.do == "divide" else flour * params.price
    dust = Result("dust", flour / 10, "kg", "left on the floor")
    return Study([Result("money", money, "EUR/day", "taken in a day"), dust])


SOURCES = SimpleNamespace(is_database=lambda place: False)
CASE = Case("mill", "A mill", Parameters, {}, SOURCES, study, aims=("max money", "min dust"))
"""
ASSIGNED = 'source = "embedded"\nseed = 7\ngrain = 1\nprice = 3.0\nseconds = 0.0\ndo = "work"\ntrace = ""'


@pytest.fixture(scope="module")
def around(tmp_path_factory):
    """The mill, where processes that are started here find it, and a cache of its own."""
    folder = tmp_path_factory.mktemp("cases")
    package = folder / "swept_cases" / "mill"
    (package / "pages").mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE)
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": []}
    page = {"cells": [cell | {"execution_count": None, "source": ASSIGNED}], "metadata": {}, "nbformat": 4}
    (package / "pages" / "decide.ipynb").write_text(json.dumps(page | {"nbformat_minor": 5}))
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join(filter(None, [str(folder), str(HERE), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("PYTHONPATH", path)
        patch.setenv("LEPTON_NB_CACHE", str(folder / "steps"))
        patch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        yield folder


def cli(*words: str) -> subprocess.Popen:
    """Start `lepton-nb` with words."""
    code = "from lepton_nb.workbook.cli import main; exit(main(module='swept_cases'))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def cluster(around, tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"), workers=2)
    yield made
    made.end()


@pytest.fixture
def trace(tmp_path) -> Path:
    return tmp_path / "trace.txt"


def planned(*grid: str, trace: Path | None = None, **values) -> sweep_module.Sweep:
    """Plan a sweep of the mill."""
    pairs = [*((name, str(value)) for name, value in values.items()), *([("trace", str(trace))] if trace else [])]
    return plan_sweep("mill", grid, pairs, **PLACE)


def lines(trace: Path) -> Counter:
    return Counter(trace.read_text().splitlines()) if trace.exists() else Counter()


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "points").glob("*.json"))


def test_each_shared_step_is_worked_out_once_and_the_results_are_those_of_the_study(around, cluster, trace, tmp_path):
    asked = planned("grain=1:4:4", "price=2,3", trace=trace)
    swept = run_sweep(asked, tmp_path / "out", scheduler=cluster.address, progress=False)
    assert lines(trace) == Counter(
        [f"ground {g}" for g in (1, 2, 3, 4)] + [f"point {g} {p}" for g in (1, 2, 3, 4) for p in ("2.0", "3.0")]
    )
    assert swept.points["money"].tolist() == [10.0 * g * p for g in (1, 2, 3, 4) for p in (2, 3)]
    table = pd.read_csv(tmp_path / "out" / "points.csv")
    assert table["money"].tolist() == swept.points["money"].tolist() and list(table.columns[:3]) == [
        "point",
        "grain",
        "price",
    ]
    assert [p.stem for p in kept(tmp_path / "out")] == sorted(asked.keys)


@contextmanager
def sweeping(*given, **named) -> Iterator[Future]:
    """Run a sweep beside the test."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run_sweep, *given, progress=False, **named)


def test_a_worker_killed_in_mid_sweep_loses_nothing(around, cluster, trace, tmp_path):
    asked = planned("price=1:12:12", trace=trace, seconds=0.4)
    with distributed.Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        with sweeping(asked, tmp_path, scheduler=cluster.address) as running:
            until(lambda: len(kept(tmp_path)) >= 2)
            until(lambda: all(client.processing().values()))  # each of the two has a point
            cluster.workers[0].kill()
            swept = running.result(60)
        assert len(client.nthreads()) == 1
    assert swept.reused == 0 and (swept.points["status"] == "done").all() and len(kept(tmp_path)) == 12
    assert swept.points["money"].tolist() == [10.0 * p for p in range(1, 13)]
    begun = sum(n for text, n in lines(trace).items() if text.startswith("point"))
    assert begun <= 14, "begun again at most: what the dead worker had, and the next where its answer was on the way"


def test_a_sweep_killed_and_started_again_works_out_what_is_missing(around, cluster, trace, tmp_path):
    words = ("sweep", "mill", "-g", "price=1:10:10", "-p", "seconds=0.4", "-p", f"trace={trace}")
    out = tmp_path / "out"
    first = cli(*words, "--scheduler", cluster.address, "--out", str(out), "--quiet")
    until(lambda: len(kept(out)) >= 3)
    first.kill()
    first.communicate()
    before = {file.name: file.stat().st_mtime_ns for file in kept(out)}
    assert 3 <= len(before) < 10
    (out / "points" / ".half.part").write_text("{")
    asked = planned("price=1:10:10", trace=trace, seconds=0.4)
    swept = run_sweep(asked, out, scheduler=cluster.address, progress=False)
    assert swept.reused == len(before) and swept.points["money"].tolist() == [10.0 * p for p in range(1, 11)]
    assert {name: (out / "points" / name).stat().st_mtime_ns for name in before} == before
    assert sorted(p.name for p in (out / "points").iterdir()) == sorted(f"{key}.json" for key in asked.keys)
    assert run_sweep(asked, out, progress=False).reused == 10, "without a worker, since nothing is missing"


def test_failed_points_stay_and_what_the_machine_did_is_tried_again(around, tmp_path, capsys):
    words = (
        "-g",
        "do=work,fail,refuse,divide,die",
        "-p",
        "seconds=0.2",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
    )
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        assert main(["sweep", "mill", *words], **PLACE) == 0
    said = capsys.readouterr()
    assert "5 points, 0 of them were there already, 4 failed" in said.out
    assert "5/5" in said.err and "4 failed" in said.err and "Traceback" not in said.err
    table = pd.read_csv(tmp_path / "out" / "points.csv").set_index("do")
    assert table.loc["work", "money"] == 30 and table.loc["work", "status"] == "done"
    assert "IndexError: list index out of range (__init__.py, line" in table.loc["fail", "failure"]
    assert table.loc["refuse", "failure"] == "grain.csv, row 12: found -3; give 0 or more"
    assert "a result is a finite number" in table.loc["divide", "failure"]
    assert "every process that worked on it died" in table.loc["die", "failure"]
    assert len(kept(tmp_path / "out")) == 4, "the point that died is not on record"
    page = (tmp_path / "out" / "sweep.html").read_text(encoding="utf-8")
    assert "5 points, 4 of them failed" in page and "row 12: found -3" in page


def test_a_point_gives_what_results_json_of_a_run_holds(around, tmp_path):
    folder = run_case("stand", [("price", "7")], out=tmp_path, progress=False, threads=1, module="toy_case")
    run = read_results(folder)
    asked = plan_sweep("stand", ["price=7,8"], module="toy_case")
    assert asked.keys[0] == folder.name
    point = work_out("stand", "toy_case", asked.params[0].model_dump(mode="json"))
    assert point["results"] == {n: {k: r[k] for k in ("value", "unit", "meaning")} for n, r in run["results"].items()}


def test_the_published_page_of_a_point_has_what_was_swept_behind_sliders(around, cluster, tmp_path):
    folder = run_case("stand", [("price", "7")], out=tmp_path, progress=False, threads=1, module="toy_case")
    asked = plan_sweep("stand", ["price=7,8"], module="toy_case")
    swept = run_sweep(asked, tmp_path / "swept", scheduler=cluster.address, progress=False)
    write_sweep_page(swept)
    page = publish(folder, tmp_path / "reports", tmp_path / "swept").read_text(encoding="utf-8")
    told = json.loads(BeautifulSoup(page, "html.parser").select_one("article [data-swept]")["data-swept"])
    assert told["stops"] == {"price": ["7", "8"]} and told["at"] == {"price": [0, 1]}
    for name, shown in told["results"].items():
        assert shown[0] == number(read_results(folder)["results"][name]["value"])
    assert 'data-swept="' not in publish(folder, tmp_path / "reports").read_text(encoding="utf-8")
    other = run_case("stand", [("price", "9")], out=tmp_path, progress=False, threads=1, module="toy_case")
    told = refusal(publish, other, tmp_path / "reports", tmp_path / "swept")
    assert "is no point of this sweep; add its own values of price to the grid" in told
    assert "no sweep wrote it" in refusal(publish, folder, tmp_path / "reports", tmp_path)


def refusal(call, *given, **named) -> str:
    """Give the sentence with which something is refused."""
    with pytest.raises(UserError) as caught:
        call(*given, **named)
    return str(caught.value)


@pytest.mark.parametrize(
    "words, says",
    [
        ([], "give the points with -g"),
        (["-g", "prize=1,2"], "prize: no such parameter; did you mean price?"),
        (["-g", "price"], "write -g NAME=from:to:count"),
        (["-g", "price=1:2:1"], "a range is from:to:count"),
        (["-g", "price=1,,2"], "found an empty value"),
        (["-g", "price=1,2", "-g", "price=3"], "given twice"),
        (["-g", "price=1,2", "-p", "price=3"], "given with -p and swept too"),
        (["-g", "price=-1:1:3"], "found '-1'; allowed: a number, above 0 [EUR]"),
        (["-g", "grain=1:9:4"], "found '3.66666666667'; allowed: a whole number"),
        (["-g", "do=work,fly"], "found 'fly'; allowed: one of work"),
        (["-g", "price=1:2:5000", "-g", "grain=1:9:9"], "the grid has 45,000 points; at most 5,000"),
        (["-g", "price=1,2", "--sample", "0"], "at least 1"),
        (["-g", "price=1,2", "-p", "gran=3"], "did you mean grain?"),
        (["-g", "price=1,2", "--list", "points.csv"], "or else with --list"),
        (["--list", "nowhere.csv"], "cannot be read"),
        (["-g", "source=own:nowhere,embedded"], "does not exist"),
        (["-g", "price=1,2", "--out", "/proc/nowhere"], "there is no such place"),
        (["-g", "price=1,2", "--front", "max money"], "expected 2"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(around, words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep_module, "dask_package", lambda: pytest.fail("a process was started"))
    assert main(["sweep", "mill", *words], **PLACE) == 2
    said = capsys.readouterr()
    assert says in said.err and "Traceback" not in said.err and said.out == ""
    assert not list(tmp_path.iterdir()), "a refusal writes nothing"


@pytest.mark.parametrize(
    "content, says",
    [
        ("price\n", "the first row names the parameters"),
        ("price,price\n1,2\n", "each once"),
        ("price,grain\n1\n", "1 cells in row 2, not 2"),
        ("prize\n1\n", "did you mean price?"),
        ("price\n1\nmany\n", "found 'many'"),
        (b"\xff\xfe\x00", "is not a CSV file"),
    ],
)
def test_a_list_is_checked_as_a_grid_is(around, content, says, tmp_path):
    file = tmp_path / "points.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert says in refusal(plan_sweep, "mill", file=file, **PLACE)


def test_a_list_is_swept_row_by_row(around, tmp_path):
    (tmp_path / "points.csv").write_text("price,grain\n2,1\n3,4\n2,1\n")
    asked = plan_sweep("mill", file=tmp_path / "points.csv", **PLACE)
    assert [(p.price, p.grain) for p in asked.params] == [(2.0, 1), (3.0, 4)] and not asked.whole


def test_a_scheduler_that_is_not_there_or_has_no_worker(around, tmp_path):
    asked, quick = planned("price=1,2"), {"patience": 1, "progress": False}
    for address in ("tcp://127.0.0.1:9", "localhost:9"):
        assert "cannot be reached" in refusal(run_sweep, asked, tmp_path, scheduler=address, **quick)
    assert "is no address" in refusal(run_sweep, asked, tmp_path, scheduler="gopher://x", **quick)
    with distributed.LocalCluster(n_workers=0, processes=True, dashboard_address="127.0.0.1:0") as alone:
        told = refusal(run_sweep, asked, tmp_path, scheduler=alone.scheduler_address, **quick)
        assert f"has no worker; start some: dask worker {alone.scheduler_address}" in told


def test_other_versions_are_refused(around, cluster, tmp_path, monkeypatch):
    here = sweep_module.versions()
    monkeypatch.setattr(sweep_module, "versions", lambda: here | {"numpy": "9.9"})
    told = refusal(run_sweep, planned("price=1,2"), tmp_path, scheduler=cluster.address, progress=False)
    assert "numpy" in told and "not 9.9" in told and "not comparable" in told


def test_without_dask_it_says_what_to_install(around, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    told = refusal(run_sweep, planned("price=1,2"), tmp_path, progress=False)
    assert "pip install 'lepton_nb[scale]'" in told


def test_two_sweeps_do_not_write_to_one_folder_and_foreign_files_stay(around, tmp_path):
    with held(tmp_path) as mine:
        assert mine
        assert "another sweep is writing there" in refusal(run_sweep, planned("price=1,2"), tmp_path, progress=False)
    (tmp_path / "points.csv").write_text("mine")
    assert "was not written by a sweep" in refusal(run_sweep, planned("price=1,2"), tmp_path, progress=False)
    assert (tmp_path / "points.csv").read_text() == "mine"
    (tmp_path / "points.csv").rename(tmp_path / "settings.json")
    assert "settings.json: is there already" in refusal(run_sweep, planned("price=1,2"), tmp_path, progress=False)
    assert (tmp_path / "settings.json").read_text() == "mine"


def test_a_full_disk_keeps_what_was_written(around, cluster, tmp_path, monkeypatch):
    written, whole = [], sweep_module.write_whole

    def full(path, text):
        written.append(path)
        if len(written) == 4:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return whole(path, text)

    monkeypatch.setattr(sweep_module, "write_whole", full)
    asked = planned("price=1:6:6")
    told = refusal(run_sweep, asked, tmp_path / "out", scheduler=cluster.address, progress=False)
    assert "no space is left" in told and len(kept(tmp_path / "out")) == 2
    monkeypatch.setattr(sweep_module, "write_whole", whole)
    assert run_sweep(asked, tmp_path / "out", scheduler=cluster.address, progress=False).reused == 2


def test_a_worker_without_the_case_is_refused(around, cluster, tmp_path):
    alive = sum(worker.poll() is None for worker in cluster.workers)
    bare = cluster.add(PYTHONPATH=os.pathsep.join(p for p in sys.path if p and "cases" not in p))
    with distributed.Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(alive + 1, timeout=60)
    told = refusal(run_sweep, planned("price=1,2"), tmp_path, scheduler=cluster.address, progress=False)
    assert "has no package swept_cases; install it where the worker runs" in told
    bare.kill()
    bare.wait()


def test_a_scheduler_that_goes_in_mid_sweep_costs_what_was_under_way(around, cluster, tmp_path):
    asked, said = planned("price=1:6:6", seconds=0.4), []
    with sweeping(asked, tmp_path, scheduler=cluster.address, patience=2, notify=said.append) as running:
        until(lambda: len(kept(tmp_path)) >= 2)
        cluster.scheduler.kill()
        with pytest.raises(UserError, match="scheduler has gone; what is finished is kept"):
            running.result(60)
    assert 2 <= len(kept(tmp_path)) < 6
