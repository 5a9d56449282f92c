"""What a run folder promises: complete by its hashes, held by its process, and nobody else's file lost."""

import json
import os
import shutil
import socket
import time

import nbformat
import pytest
import tiny_case
from tiny_case import left_in, run

from lepton_nb.workbook import execute as execute_module
from lepton_nb.workbook import run as run_module
from lepton_nb.workbook.case import find_case
from lepton_nb.workbook.files import held, lock_folder, write_together
from lepton_nb.workbook.manifest import file_sha256
from lepton_nb.workbook.parameters import OWN_PLACE, UserError
from lepton_nb.workbook.run import (
    KEPT_FAILURES,
    RunFailed,
    changed_files,
    hidden_folder,
    is_complete,
    plan,
    settle,
    sweep_leftovers,
)
from lepton_nb.workbook.verify import read_results


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with tiny_case.importable(tmp_path_factory.mktemp("cases")) as place:
        yield place


@pytest.fixture(scope="module")
def whole(place, tmp_path_factory):
    return run(place, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def done(whole, tmp_path):
    """A finished run of its own for each test."""
    return shutil.copytree(whole, tmp_path / "shop" / whole.name)


@pytest.mark.parametrize("name", ["results.json", "report.html", "report.ipynb", "ro-crate-metadata.json"])
def test_a_file_that_was_cut_makes_a_run_incomplete(done, name):
    assert is_complete(done) and changed_files(done) == []
    (done / name).write_bytes((done / name).read_bytes()[:-7])
    assert not is_complete(done)


def test_a_cut_result_is_worked_out_again_and_said(place, done, tmp_path):
    before, told = (done / "results.json").read_bytes(), []
    (done / "results.json").write_bytes(before[:-40])
    assert run(place, tmp_path, notify=told.append) == done
    assert "results.json is not as the run wrote it" in told[0]
    assert (done / "results.json").read_bytes() == before and is_complete(done) and left_in(tmp_path) == [done.name]


@pytest.mark.parametrize("name", ["../report.html", "/etc/hostname", "..", ".", "a/../results.json"])
def test_a_manifest_that_names_a_file_elsewhere_is_none(done, name):
    file = done / "ro-crate-metadata.json"
    graph = json.loads(file.read_text())
    entity = {"@id": name, "@type": "File", "sha256": "0" * 64}
    if os.path.isfile(done / name):
        entity["sha256"] = file_sha256(done / name)
    next(e for e in graph["@graph"] if e["@id"] == "./")["hasPart"].append({"@id": name})
    graph["@graph"].append(entity)
    file.write_text(json.dumps(graph))
    assert not is_complete(done)


def test_a_manifest_nested_deeply_is_none(done):
    (done / "ro-crate-metadata.json").write_text("[" * 200_000)
    assert not is_complete(done)


def test_force_keeps_what_it_did_not_write(place, done, tmp_path):
    (done / "notes.txt").write_text("of the reader")
    (done / "pictures").mkdir()
    run(place, tmp_path, force=True)
    assert (done / "notes.txt").read_text() == "of the reader" and (done / "pictures").is_dir() and is_complete(done)


def test_a_success_keeps_what_was_put_beside_the_failure(place, tmp_path):
    key = plan(find_case("shop", **place), **place).key
    (tmp_path / "shop" / f"{key}.failed").mkdir(parents=True)
    (tmp_path / "shop" / f"{key}.failed" / "notes.txt").write_text("of the reader")
    assert (run(place, tmp_path) / "notes.txt").read_text() == "of the reader" and left_in(tmp_path) == [key]


def test_a_file_in_the_place_of_the_folder_is_told_before_anything_runs(place, tmp_path):
    key = plan(find_case("shop", **place), **place).key
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / key).write_text("mine")
    with pytest.raises(UserError, match="is in the way"):
        run(place, tmp_path, ("trace", ""), force=True)
    assert (tmp_path / "shop" / key).read_text() == "mine" and left_in(tmp_path) == [key]


def test_the_oldest_failed_folders_go(place, tmp_path):
    folder = tmp_path / "shop"
    for age in range(KEPT_FAILURES + 2):
        old = folder / f"{age:016x}.failed"
        old.mkdir(parents=True)
        os.utime(old, (age + 9e9, age + 9e9))  # by a clock that went ahead
    (folder / f"{0:016x}.failed" / "notes.txt").write_text("of the reader")
    os.utime(folder / f"{0:016x}.failed", (0, 0))
    with pytest.raises(RunFailed) as caught:
        run(place, tmp_path, ("do", "fail"))
    assert is_failed(caught.value.folder)
    kept = left_in(tmp_path)
    assert f"{0:016x}.failed" in kept and f"{1:016x}.failed" not in kept and len(kept) == KEPT_FAILURES + 1


def test_a_live_run_outlives_any_clock(tmp_path, monkeypatch):
    target = tmp_path / "shop" / "0123"
    with hidden_folder(target) as mine:
        os.utime(mine, (0, 0))
        monkeypatch.setattr(time, "time", lambda: 1e11)
        monkeypatch.setattr(run_module.psutil, "pid_exists", lambda _: False)  # as seen from another container
        assert sweep_leftovers(target.parent) == [] and mine.is_dir()
    assert not mine.exists()


def test_the_sockets_of_a_live_kernel_outlive_a_run_that_does_not_see_its_process(monkeypatch):
    with execute_module.private_folder() as mine:
        monkeypatch.setattr(execute_module.psutil, "pid_exists", lambda _: False)
        with execute_module.private_folder() as other:
            assert os.path.isdir(mine) and other != mine
    assert not os.path.exists(mine)


def test_what_another_machine_is_at_stays(tmp_path):
    other = tmp_path / ".0123~elsewhere~12~abcdefgh"
    other.mkdir()
    os.utime(other, (0, 0))
    assert sweep_leftovers(tmp_path) == [] and other.exists()


def test_a_result_that_was_being_replaced_comes_back(tmp_path):
    aside = tmp_path / f".0123~{socket.gethostname()}~4194305~abcdefgh~old"
    aside.mkdir()
    (aside / "report.html").write_text("whole")
    assert sweep_leftovers(tmp_path) == [aside] and (tmp_path / "0123" / "report.html").read_text() == "whole"


def test_a_rename_that_fails_puts_the_old_result_back(tmp_path, monkeypatch):
    target, rename = tmp_path / "0123", os.rename
    target.mkdir()
    (target / "report.html").write_text("old")

    def full(source, place):
        if os.path.basename(source).startswith(".") and not str(source).endswith("~old"):
            raise OSError(28, "No space left on device")
        rename(source, place)

    with hidden_folder(target) as mine:
        monkeypatch.setattr(os, "rename", full)
        with pytest.raises(OSError):
            settle(mine, target, replace_old=True)
        monkeypatch.undo()
    assert os.listdir(tmp_path) == ["0123"] and (target / "report.html").read_text() == "old"


def test_everything_is_on_the_disk_before_the_rename(tmp_path, monkeypatch):
    done, fsync, rename = [], os.fsync, os.rename
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    monkeypatch.setattr(os, "rename", lambda *names: (done.append("rename"), rename(*names)))
    with hidden_folder(tmp_path / "0123") as mine:
        done.clear()
        (mine / "report.html").write_text("page")
        settle(mine, tmp_path / "0123", replace_old=False)
    assert done == [str(mine / "report.html"), str(mine), "rename", str(tmp_path)]


def test_a_second_run_says_that_it_waits_even_when_quiet(place, tmp_path):
    trace, out = tmp_path / "trace", tmp_path / "runs"
    key = plan(find_case("shop", **place), [("trace", str(trace))], **place).key
    words = ("run", "shop", "-p", "trace", str(trace), "--out", str(out), "--quiet")
    with run_module.only_one(out / "shop" / key):
        second = tiny_case.start(*words)
        said = second.stderr.readline()
        assert "same run of shop" in said and "waiting" in said and not trace.exists()
    second.communicate(timeout=120)
    assert second.returncode == 0 and trace.exists()


def test_a_log_that_cannot_be_written_does_not_fail_the_run(place, tmp_path):
    (tmp_path / "log.jsonl").mkdir()
    told = []
    assert is_complete(run(place, tmp_path, notify=told.append)) and "the run itself is whole" in told[-1]


def test_locks_are_opened_in_a_folder_of_ours_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = lock_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "victim").write_text("precious")
    name = next(iter(run_lock(folder, tmp_path)))
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "victim")
    with pytest.raises(UserError, match="a link is in the way"), run_module.storage(tmp_path):
        with run_module.only_one(tmp_path / "0123"):
            pass
    assert (tmp_path / "victim").read_text() == "precious"
    folder.chmod(0o777)
    with pytest.raises(UserError, match="yours alone"):
        lock_folder()
    shutil.rmtree(folder)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="yours alone"):
        lock_folder()


def is_failed(folder):
    """Say whether the report of a failed run is there."""
    return "FailedActionStatus" in (folder / "ro-crate-metadata.json").read_text()


def run_lock(folder, tmp_path):
    """Name the lock of a run folder."""
    with run_module.only_one(tmp_path / "0123"):
        return os.listdir(folder)


def test_a_held_folder_is_free_after_its_holder(tmp_path):
    with held(tmp_path) as first, held(tmp_path) as second:
        assert (first, second) == (True, False)
    with held(tmp_path) as again:
        assert again is True


def test_several_files_are_written_all_or_none(tmp_path, monkeypatch):
    write_together(tmp_path, {"a.html": "old", "b.html": "old"}, ours=lambda _: False)
    fsync, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write_together(tmp_path, {"a.html": "new", "b.html": "new", "new/c.html": "new"}, ours=lambda _: True)
    assert sorted(os.listdir(tmp_path)) == ["a.html", "b.html"]
    assert {(tmp_path / name).read_text() for name in ("a.html", "b.html")} == {"old"}


# own data


def test_no_file_of_a_run_names_the_folders_above_own_data(place, tmp_path):
    own = tmp_path / "home" / "somebody" / "mine"
    own.mkdir(parents=True)
    (own / "sales.csv").write_text("units\n1\n")
    file = tiny_case.page_of(next(p for p in map(tiny_case.Path, os.sys.path) if (p / "tiny").is_dir()))
    before = file.read_text()
    notebook = nbformat.read(file, 4)
    notebook.cells.append(
        nbformat.v4.new_code_cell(
            "from lepton_nb.workbook.parameters import own_place\n"
            "place = own_place(params.source.removeprefix('own:'))\n"
            "assert (place / 'sales.csv').read_text() == 'units\\n1\\n'\n"
            "print(params.source, place / 'sales.csv', 'is read')"
        )
    )
    nbformat.write(notebook, file)
    try:
        done = run(place, tmp_path / "runs", ("source", f"own:{own}"))
    finally:
        file.write_text(before)
    for written in done.iterdir():
        assert "somebody" not in written.read_text(encoding="utf-8"), written.name
    assert read_results(done)["parameters"]["source"] == "own:mine" and OWN_PLACE not in os.environ
    assert "own:mine mine/sales.csv is read" in (done / "report.ipynb").read_text()


def test_own_data_of_one_name_and_other_content_are_another_run(place, tmp_path):
    shop, keys = find_case("shop", **place), []
    for folder, units in (("a", 1), ("b", 2), ("c", 1)):
        (tmp_path / folder / "mine").mkdir(parents=True)
        (tmp_path / folder / "mine" / "sales.csv").write_text(f"units\n{units}\n")
        keys.append(plan(shop, [("source", f"own:{tmp_path / folder / 'mine'}")], **place).key)
    assert keys[0] != keys[1] and keys[0] == keys[2]
