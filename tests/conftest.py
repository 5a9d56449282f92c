"""Fixtures that several test files share: an executed sample report, and a browser."""

import os
import shutil
from pathlib import Path

import nbformat
import papermill
import pytest
import sample_report


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


@pytest.fixture
def visit(chromium):
    """Open a page with the network off; every request and every message of the console is kept."""
    contexts = []

    def go(path, width=1440, scheme="light", **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
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
        page.goto(Path(path).as_uri())
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, as it comes with its Python package."""
    import axe_playwright_python

    return next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
