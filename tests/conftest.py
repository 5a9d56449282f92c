"""Fixtures that several test files share: an executed sample report, and a browser."""

import os
import shutil
from pathlib import Path

import grammars  # noqa: F401 (before what imports jsonschema)
import nbformat
import papermill
import pytest
import sample_report
from filelock import FileLock

from lepton_nb.cases import manufacturing
from lepton_nb.workbook.parameters import parse_pairs
from lepton_nb.workbook.run import run_case

LONGEST = (
    "test_retail.py",
    "test_plant_study.py",
    "test_city_study.py",
    "test_plant_rolling.py",
    "test_plant_bad_input.py",
    "test_excel.py",
    "test_plant_pages.py",
    "test_privacy.py",
    "test_plant_business.py",
    "test_plant.py",
)  # files that take longest begin first, or the machine waits for one of them at the end


def pytest_collection_modifyitems(items):
    """Put the longest files first and the published pages last."""
    ranks = {name: at for at, name in enumerate(LONGEST)}

    def rank(item) -> int:
        return (
            len(ranks) + 1 if item.name.startswith("test_published_pages_") else ranks.get(item.path.name, len(ranks))
        )

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Take half as many workers again as there are cores: many tests wait for a kernel, a browser or a scheduler."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + cores // 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep the tests of a file on one worker, for what they share; published pages go to whoever is free at the end."""
    from xdist.scheduler import LoadFileScheduling

    class PagesApart(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return nodeid if "::test_published_pages_" in nodeid else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return PagesApart(config, log) if config.getvalue("dist") == "loadfile" else None


def execute(folder, fails: bool = False):
    """Run the sample notebook under Papermill, as the runner does."""
    folder.mkdir(parents=True, exist_ok=True)
    source, done = folder / "source.ipynb", folder / "executed.ipynb"
    nbformat.write(sample_report.notebook(fails), source)
    try:
        papermill.execute_notebook(source, done, progress_bar=False, kernel_name="python3", cwd=folder)
    except papermill.PapermillExecutionError:
        if not fails:
            raise
    return done


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that all workers have, empty when the tests start; what is kept there is locked while it is made."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def plant_given() -> list[tuple[str, str]]:
    """Parameters of a small study of the plant."""
    return [("judged_weeks", "8"), ("warm_weeks", "8"), ("worlds", "20"), ("model", "fast")]


@pytest.fixture(scope="module")
def plant_run(shared, plant_given) -> Path:
    """The run folder of the small plant; whoever comes second waits for the first."""
    return run_case("manufacturing", plant_given, out=shared / "plant-runs", progress=False)


@pytest.fixture(scope="session")
def bare_plant(shared, plant_given):
    """The small study of a plant that brought the smallest folder, without incentives; worked out once for all."""
    folder, gone = shared / "smallest-plant", ["delivered", "incentive", "in_transit", "mtbf", "mttr", "speed", "yield"]
    with FileLock(shared / "smallest-plant.lock"):
        if not folder.exists():
            tables, made = manufacturing.CASE.sources.load("embedded").tables, shared / "smallest-plant-made"
            tables |= {"demand": tables["demand"][tables["demand"]["week"] < "2021-06-01"]}
            made.mkdir()
            for name in manufacturing.CASE.contract.required:
                tables[name].drop(columns=gone, errors="ignore").to_csv(made / f"{name}.csv", index=False)
            made.rename(folder)
    return manufacturing.study(parse_pairs(manufacturing.Parameters, [("source", f"own:{folder}"), *plant_given]))


@pytest.fixture(scope="session")
def executed(tmp_path_factory):
    """The sample notebook after a real Papermill run."""
    return execute(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def executed_failing(tmp_path_factory):
    """The sample notebook after a run that failed half way."""
    return execute(tmp_path_factory.mktemp("failing"), fails=True)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium without any traffic of its own; skips with a sentence where there is none, fails in CI."""
    path = os.environ.get("LEPTON_NB_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
    )
    if path is None or not os.path.exists(path):
        say = "no Chromium found on PATH: install it, or name it in LEPTON_NB_CHROMIUM"
        pytest.fail(say) if os.environ.get("CI") == "true" else pytest.skip(say)
    sync_api = (
        pytest.importorskip("playwright.sync_api")
        if os.environ.get("CI") != "true"
        else __import__("playwright.sync_api", fromlist=["sync_api"])
    )
    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_api.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


def watched(context):
    """Open a page with the network off; every request and every message of the console is kept."""
    context.set_offline(True)
    page = context.new_page()
    page.asked, page.said, page.failed = [], [], []

    def gate(route):
        page.asked.append(route.request.url)
        route.continue_() if route.request.url.startswith(("file:", "data:")) else route.abort()

    page.route("**/*", gate)
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("requestfailed", lambda request: page.failed.append((request.url, request.failure)))
    page.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: page.said.append(f"error: {error}"))
    return page


@pytest.fixture
def visit(chromium):
    """Go to a page in a window of its own."""
    contexts = []

    def go(path, width=1440, scheme="light", **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        page = watched(context)
        page.goto(Path(path).as_uri())
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def window(chromium):
    """One window for many pages, where nothing is clicked: to open one takes as long as half of what is checked."""
    context = chromium.new_context(bypass_csp=True)
    yield watched(context)
    context.close()


@pytest.fixture
def look_at(window):
    """Go to a page in the window that is open, with what was said of the page before forgotten."""

    def go(path, width=1440, scheme="light"):
        window.goto("about:blank")
        window.set_viewport_size({"width": width, "height": 900})
        window.emulate_media(color_scheme=scheme)
        for heard in (window.asked, window.said, window.failed):
            heard.clear()
        window.goto(Path(path).as_uri())
        return window

    return go


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, as it comes with its Python package."""
    import axe_playwright_python

    return next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
