"""The site in a real Chromium: method pages at four widths, terms that lead to their page, a search, two clicks."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from test_browser import violations

from lepton_nb.workbook.markup import page_address
from lepton_nb.workbook.methods import Executed, execute_methods, method_notebooks
from lepton_nb.workbook.site import TERMS, broken_links, publish_methods, write_front

ROOT = Path(__file__).parents[1]
SMALL = ("allocation/01_inventory", "demand/03_rules", "solve/02_highs", "guide/02_terms")
WIDTHS = (390, 768, 1280, 1920)


@pytest.fixture(scope="module")
def done():
    """A few notebooks, executed or taken from the cache."""
    executed = execute_methods(ROOT, [Path("nbs") / f"{name}.ipynb" for name in SMALL])
    assert [one.fault for one in executed] == [""] * len(SMALL)
    return executed


@pytest.fixture(scope="module")
def reports(done, tmp_path_factory):
    """A site of these notebooks."""
    folder = tmp_path_factory.mktemp("reports")
    publish_methods(done, folder, ROOT)
    write_front(folder)
    return folder


def test_every_notebook_is_a_page_or_a_method():
    methods = {path.as_posix() for path in method_notebooks(ROOT)}
    rest = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nbs").glob("**/*.ipynb")} - methods
    rest = {name for name in rest if ".ipynb_checkpoints" not in name}
    assert len(methods) > 90 and all(
        name.startswith("nbs/cases/") or name in ("nbs/index.ipynb", "nbs/front.ipynb") for name in rest
    )


def test_the_same_notebooks_give_the_same_bytes(done, reports, tmp_path):
    publish_methods(done, tmp_path, ROOT)
    write_front(tmp_path)
    pages = sorted(path.relative_to(reports) for path in reports.rglob("*.html"))
    assert len(pages) == len(SMALL) + 1
    assert all((reports / page).read_bytes() == (tmp_path / page).read_bytes() for page in pages)


def test_a_page_that_is_gone_leaves_the_site_and_a_broken_link_is_told(done, tmp_path):
    publish_methods(done, tmp_path, ROOT)
    publish_methods(done[:2], tmp_path, ROOT)
    assert sorted(path.name for path in tmp_path.rglob("*.html")) == ["inventory.html", "rules.html"]
    assert broken_links(tmp_path) == [
        "allocation/inventory.html: ../index.html leads nowhere",
        "allocation/inventory.html: ../index.html#search leads nowhere",
        "demand/rules.html: ../index.html leads nowhere",
        "demand/rules.html: ../index.html#search leads nowhere",
    ]


def test_terms_lead_to_their_page(reports):
    assert broken_links(reports) == []
    terms = (reports / TERMS).read_text(encoding="utf-8")
    assert '<td><a class="term" href="../allocation/inventory.html">newsvendor</a>' in terms
    own = (reports / "allocation" / "inventory.html").read_text(encoding="utf-8")
    assert 'href="inventory.html"' not in own, "no page leads to itself"


def _targets(path: Path) -> set[str]:
    """Return the addresses in the site of what the prose cells of a notebook name, outside its own folder."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.source.startswith("%%prose")]
    named = [name for text in cells for name in re.findall(r"\]\((\.\./[^)#\s]+)", text)]
    return {page_address((path.parent / name).resolve().relative_to(ROOT / "nbs").as_posix()) for name in named}


def test_prose_of_published_pages_leads_to_the_methods_it_names():
    pages = [*(ROOT / "nbs" / "cases").glob("*/*.ipynb"), *(ROOT / "nbs" / "guide").glob("*.ipynb")]
    named = {path: _targets(path) for path in pages}
    named = {path: targets for path, targets in named.items() if targets}
    for path, targets in named.items():
        page = ROOT / "reports" / page_address(path.relative_to(ROOT / "nbs").as_posix().removeprefix("cases/"))
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        links = {link["href"].partition("#")[0] for link in soup.select("article a.term")}
        found = {(page.parent / href).resolve().relative_to(ROOT / "reports").as_posix() for href in links}
        assert targets & found, f"{path.name}: none of {targets} is linked"
    assert len(named) > 5
    claims = BeautifulSoup((ROOT / "reports/guide/claims.html").read_text(encoding="utf-8"), "html.parser")
    assert len(claims.select("article td a.term")) > 30


def test_only_a_module_is_said_to_be_in_the_library(reports):
    said = {
        page: "In the library" in (reports / page).read_text(encoding="utf-8") for page in ("demand/rules.html", TERMS)
    }
    assert said == {"demand/rules.html": True, TERMS: False}


def test_terms_stand_in_order_and_lead_to_a_notebook_each():
    notebook = nbformat.read(ROOT / "nbs" / "guide" / "02_terms.ipynb", 4)
    text = "\n".join(cell.source for cell in notebook.cells)
    rows = re.findall(r"^\| \[([^\]]+)\]\(\.\./([^)]+)\) \| (.+) \|$", text, re.M)
    terms = [term for term, _, _ in rows]
    assert len(rows) > 60 and terms == sorted(set(terms), key=str.lower)
    assert [path for _, path, _ in rows if not (ROOT / "nbs" / path).is_file()] == []
    assert [term for term, _, meaning in rows if len(meaning.split()) > 25 or meaning.endswith(".")] == []


def test_a_notebook_that_fails_is_told_with_its_cell_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "nbs" / "solve"
    folder.mkdir(parents=True)
    cells = [nbformat.v4.new_code_cell(text) for text in ("#| slow\n1 / 0", "1 / 0")]
    (tmp_path / "settings.ini").write_text("[DEFAULT]\ntst_flags = notest slow\n")
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "01_x.ipynb")
    for _ in range(2):
        (failed,) = execute_methods(tmp_path)
        assert failed.notebook is None and "01_x.ipynb, cell 1" in failed.fault and "ZeroDivision" in failed.fault
    nbformat.write(nbformat.v4.new_notebook(cells=cells[:1]), folder / "01_x.ipynb")
    assert execute_methods(tmp_path)[0].fault == ""


def test_a_notebook_that_cannot_be_read_is_told_beside_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    paths = [Path("nbs") / "solve" / name for name in ("01_good.ipynb", "02_bad.ipynb")]
    (tmp_path / "nbs" / "solve").mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6 * 7")]), tmp_path / paths[0])
    (tmp_path / paths[1]).write_text("{", encoding="utf-8")
    done, failed = execute_methods(tmp_path, paths)
    assert done.fault == "" and done.notebook.cells[0].outputs[0].data["text/plain"] == "42"
    assert failed.notebook is None and "JSON" in failed.fault


def test_a_process_that_dies_is_a_notebook_that_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "nbs" / "solve").mkdir(parents=True)
    cell = nbformat.v4.new_code_cell("import os; os._exit(3)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "nbs" / "solve" / "01_x.ipynb")
    (failed,) = execute_methods(tmp_path)
    assert failed == Executed(failed.path, None, failed.fault) and "ended without a word" in failed.fault


@pytest.mark.browser
def test_pages_fit_and_are_accessible(reports, visit, axe):
    for path in sorted(reports.rglob("*.html")):
        page = visit(path, bypass_csp=True)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path.name} is {wide} px wide at {width}"
        assert violations(page, axe) == [] and page.said == []
        assert not [url for url in page.asked if not url.startswith(("file:", "data:"))]


@pytest.mark.browser
def test_the_search_finds_words_headings_and_says_when_there_is_nothing(reports, visit):
    page = visit(reports / "index.html")
    page.fill("#search-box", "economic order")
    links = page.eval_on_selector_all("#search-found a", "found => found.map(a => a.getAttribute('href'))")
    assert "allocation/inventory.html" in links and "allocation/inventory.html#economic-order-quantity" in links
    page.fill("#search-box", "xyzzy")
    assert page.inner_text("#search-told") == "No page has all these words."
    page.click("text=Inventory")
    page.wait_for_url("**/allocation/inventory.html")
    page.click("a[rel=next]")
    page.wait_for_url("**/demand/rules.html")


@pytest.mark.browser
def test_examples_are_open_and_exports_are_folded_to_their_signature(reports, visit):
    page = visit(reports / "allocation" / "inventory.html")
    assert page.locator("pre.cell").first.is_visible()
    fold = page.locator("details.code", has_text="economic_order_quantity(order_cost, holding_cost, demand)").first
    assert fold.locator("pre").is_hidden()
    fold.locator("summary").click()
    assert fold.locator("pre").is_visible()
