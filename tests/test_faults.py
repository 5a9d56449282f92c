"""What goes wrong from outside: a kill, a stop, two at once, a full disk.

Nothing half-written and no kernel is left.
"""

import errno
import os
import signal

import pytest
import tiny_case
from tiny_case import left_in, run

from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.run import is_complete


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with tiny_case.importable(tmp_path_factory.mktemp("cases")) as place:
        yield place


def test_killed_outright_nothing_half_written_and_the_kernel_ends(place, tmp_path):
    trace, out = tmp_path / "trace", tmp_path / "runs"
    words = ("run", "shop", "-p", "do", "wait", "-p", "trace", str(trace), "--out", str(out))
    process = tiny_case.start(*words)
    kernel = tiny_case.wait_for_line(trace)
    process.kill()
    process.communicate()
    assert tiny_case.gone(kernel), "the kernel outlived its killed runner"
    (hidden,) = left_in(out)
    assert hidden.startswith(".")
    good = run(place, out)
    assert left_in(out) == [good.name], "the next run takes the leftover away"


IGNORED = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # as a script starts a job in the background


@pytest.mark.parametrize(
    "number, code, before", [(signal.SIGINT, 130, ""), (signal.SIGINT, 130, IGNORED), (signal.SIGTERM, 143, "")]
)
def test_stopped_it_leaves_nothing_and_the_kernel_ends(place, tmp_path, number, code, before):
    trace, out = tmp_path / "trace", tmp_path / "runs"
    process = tiny_case.start(
        "run", "shop", "-p", "do", "wait", "-p", "trace", str(trace), "--out", str(out), before=before
    )
    kernel = tiny_case.wait_for_line(trace)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code and "Traceback" not in said and "stopped" in said
    assert tiny_case.gone(kernel) and left_in(out) == []


def test_two_at_once_do_the_work_once(place, tmp_path):
    trace, out = tmp_path / "trace", tmp_path / "runs"
    words = ("run", "shop", "-p", "trace", str(trace), "--out", str(out), "--quiet")
    both = [tiny_case.start(*words) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0] and len(trace.read_text().split()) == 1
    (name,) = left_in(out)
    assert is_complete(out / "shop" / name)


def test_a_full_disk_is_one_sentence_and_nothing_is_left(place, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    process = tiny_case.start("run", "shop", "-p", "do", "fill", "--out", str(tmp_path / "runs"), before=limit)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2 and "the file would be too large" in said and "Traceback" not in said
    assert left_in(tmp_path / "runs") == []


@pytest.mark.parametrize(
    "number, says", [(errno.EROFS, "the disk is read-only"), (errno.EACCES, "you may not write there")]
)
def test_a_folder_that_is_read_only_is_told_before_a_kernel_starts(place, tmp_path, monkeypatch, number, says):
    done = run(place, tmp_path / "runs")

    def closed(*_, **given):
        raise OSError(number, os.strerror(number), str(given.get("dir")))

    monkeypatch.setattr("lepton_nb.workbook.run.tempfile.mkdtemp", closed)  # rights do not bind the administrator
    monkeypatch.setattr("lepton_nb.workbook.run.execute", lambda *_: pytest.fail("a kernel was started"))
    with pytest.raises(UserError, match=f"{says} .*choose another folder"):
        run(place, tmp_path / "runs", ("units", "3"))
    assert left_in(tmp_path / "runs") == [done.name] and is_complete(done)


def test_a_file_where_the_folder_should_be(place, tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match="a file is in the way"):
        run(place, tmp_path / "runs")
