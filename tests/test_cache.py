"""What a step gave is kept as long as everything behind it is the same, and not a moment longer."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from lepton_nb.workbook.execute import execute, prune

MAIN = """
import sys, json
sys.path.insert(0, {folder!r})
from lepton_nb.workbook import cache
if {pinned!r}:
    cache._installed = lambda: {pinned!r}
from shop.steps import total, dear
kept = cache.remembered(total, {data!r}, rate={rate!r})
top = cache.remembered(dear, kept)
print(json.dumps([kept.value, kept.reused, top.value, top.reused]))
"""


@pytest.fixture
def shop(tmp_path):
    """A package of two modules that are steps, one importing the other's helper."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sums.py").write_text("def add(values):\n    return sum(values)\n")
    (package / "other.py").write_text("x = 1\n")
    (package / "steps.py").write_text(
        "from .sums import add\n\ndef total(values, rate):\n    return rate * add(values)\n\n"
        "def dear(amount):\n    return amount > 10\n"
    )
    return tmp_path


def run(shop, data=(1, 2, 3), rate=2, pinned=""):
    code = MAIN.format(folder=str(shop), data=list(data), rate=rate, pinned=pinned)
    environment = {**os.environ, "LEPTON_NB_CACHE": str(shop / "kept"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_second_time_comes_from_disk(shop):
    assert run(shop) == [12, False, True, False]
    assert run(shop) == [12, True, True, True]


def test_a_changed_function_is_called_again(shop):
    run(shop)
    steps = shop / "shop" / "steps.py"
    steps.write_text(steps.read_text().replace("amount > 10", "amount > 100"))
    assert run(shop)[2:] == [False, False]


def test_a_changed_function_that_is_imported_counts(shop):
    run(shop)
    (shop / "shop" / "sums.py").write_text("def add(values):\n    return sum(values) + 1\n")
    assert run(shop) == [14, False, True, False]


def test_a_changed_module_that_is_not_imported_does_not_count(shop):
    run(shop)
    (shop / "shop" / "other.py").write_text("x = 2\n")
    assert run(shop) == [12, True, True, True]


def test_changed_data_parameters_and_packages_count(shop):
    run(shop)
    assert run(shop, data=(1, 2, 4)) == [14, False, True, False]
    assert run(shop, rate=1) == [6, False, False, False]
    assert run(shop, pinned="another lock")[1] is False
    assert run(shop) == [12, True, True, True]


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-3], lambda raw: b"x" + raw[1:], lambda raw: b""])
def test_a_spoilt_entry_is_found_and_made_again(shop, spoil):
    run(shop)
    for entry in (shop / "kept").glob("*.joblib"):
        entry.write_bytes(spoil(entry.read_bytes()))
    assert run(shop) == [12, False, True, False]
    assert run(shop) == [12, True, True, True]


def test_two_at_once_do_the_work_once(shop):
    steps = shop / "shop" / "steps.py"
    steps.write_text(
        steps.read_text().replace(
            "    return rate",
            f"    import time; open({str(shop / 'log')!r}, 'a').write('x'); time.sleep(1)\n    return rate",
        )
    )
    code = MAIN.format(folder=str(shop), data=[1, 2, 3], rate=2, pinned="")
    environment = {**os.environ, "LEPTON_NB_CACHE": str(shop / "kept")}
    both = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    values = [json.loads(process.communicate()[0])[0] for process in both]
    assert values == [12, 12] and (shop / "log").read_text() == "x"


NAP = """
    import os, time
    open({log!r}, 'a').write('x')
    for _ in range(1200 * (os.environ['GO'] != '')):
        if os.path.exists(os.environ['GO']):
            break
        time.sleep(0.05)
"""


def start(shop, go=""):
    """Start a process that is at its first step until a file named `go` is there."""
    steps = shop / "shop" / "steps.py"
    if "sleep" not in steps.read_text():
        nap = NAP.format(log=str(shop / "log")).lstrip("\n")
        steps.write_text(steps.read_text().replace("    return rate", nap + "    return rate"))
    code = MAIN.format(folder=str(shop), data=[1, 2, 3], rate=2, pinned="")
    environment = {**os.environ, "LEPTON_NB_CACHE": str(shop / "kept"), "GO": str(shop / go) if go else ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)


def at_work(shop, times=1):
    """Wait until so many processes have begun with the step."""
    deadline = time.monotonic() + 60
    while not (shop / "log").exists() or len((shop / "log").read_text()) < times:
        assert time.monotonic() < deadline, "no process came to the step"
        time.sleep(0.05)


def test_the_second_of_two_says_what_it_waits_for_and_goes_on(shop):
    first = start(shop, "go")
    at_work(shop)
    second = start(shop)
    said = second.stderr.readline()
    told = f"waiting: process {first.pid} is working out the step total of shop.steps; what it gives is used here too\n"
    assert said == told
    (shop / "go").touch()
    (made, quiet), (taken, rest) = first.communicate(timeout=60), second.communicate(timeout=60)
    assert json.loads(made)[:2] == [12, False] and json.loads(taken)[:2] == [12, True]
    assert quiet == "" and rest.count("step total") == 0
    assert not list((shop / "kept").glob("*.holder"))


def test_who_waits_for_a_process_that_is_killed_takes_its_place(shop):
    first = start(shop, "never")
    at_work(shop)
    second = start(shop, "go")
    assert second.stderr.readline().startswith(f"waiting: process {first.pid} is")
    first.kill()
    first.communicate()
    at_work(shop, times=2)
    third = start(shop)
    assert third.stderr.readline().startswith(f"waiting: process {second.pid} is"), "of the holder now, not of the dead"
    (shop / "go").touch()
    assert json.loads(second.communicate(timeout=60)[0])[:2] == [12, False]
    assert json.loads(third.communicate(timeout=60)[0])[:2] == [12, True]


def test_what_a_killed_process_left_does_not_block(shop):
    first = start(shop, "never")
    at_work(shop)
    first.kill()
    first.communicate()
    assert list((shop / "kept").glob("*.holder")), "it could not take its name away"
    made, said = start(shop).communicate(timeout=60)
    assert json.loads(made)[:2] == [12, False] and said == ""


def test_a_page_says_it_to_whoever_runs_it_and_not_to_its_reader(shop, monkeypatch):
    said = []

    def write(text):
        said.append(text)
        (shop / "go").touch()

    first = start(shop, "go")
    at_work(shop)
    code = f"import sys\nsys.path.insert(0, {str(shop)!r})\nfrom shop.steps import total\n"
    code += "from lepton_nb.workbook.cache import remembered\nprint('before', file=sys.stderr)\n"
    code += "print(remembered(total, [1, 2, 3], rate=2).value)"
    for name, value in (("LEPTON_NB_CACHE", str(shop / "kept")), ("GO", "")):
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", SimpleNamespace(write=write, flush=lambda: None, isatty=lambda: False))
        done = execute(prune(new_notebook(cells=[new_code_cell(code)])), threads=1)
    first.communicate(timeout=60)
    texts = {output.name: output.text for output in done.notebook.cells[0].outputs}
    assert done.failure is None and texts == {"stdout": "12\n", "stderr": "before\n"}
    assert "".join(said).startswith(f"waiting: process {first.pid} is working out the step total")


def test_a_killed_run_goes_on_where_it_was(shop):
    steps = shop / "shop" / "steps.py"
    nap = "    import os, time; time.sleep(float(os.environ.get('NAP', 0)))\n    return amount"
    steps.write_text(steps.read_text().replace("    return amount", nap))
    code = MAIN.format(folder=str(shop), data=[1, 2, 3], rate=2, pinned="")
    environment = {**os.environ, "LEPTON_NB_CACHE": str(shop / "kept"), "NAP": "60"}
    killed = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 60
    while not list((shop / "kept").glob("*.joblib")) and time.monotonic() < deadline:
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert run(shop) == [12, True, True, False]


def test_the_folder_stays_below_its_size(shop, monkeypatch):
    from lepton_nb.workbook import cache

    folder = shop / "kept"
    folder.mkdir()
    for i in range(4):
        cache._store(folder, f"k{i}", os.urandom(1000))
        os.utime(next(folder.glob(f"k{i}.*")), (i, i))
    cache._tidy(folder, largest=2500)
    assert sorted(path.name[:2] for path in folder.glob("*.joblib")) == ["k2", "k3"]
