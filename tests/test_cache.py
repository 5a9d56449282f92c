"""What a step gave is kept as long as everything behind it is the same, and not a moment longer."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

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
