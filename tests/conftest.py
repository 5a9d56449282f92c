"""Fixtures that several test files share: an executed sample report, and a browser."""

import os
import shutil

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
