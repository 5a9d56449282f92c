"""Reports in a real headless Chromium with the network off: what a reader, a keyboard and a screen reader meet."""

import json
from pathlib import Path

import nbformat
import pytest
import sample_report

from lepton_nb.workbook.failure import failure_notebook
from lepton_nb.workbook.parameters import CaseParameters, parameter_table
from lepton_nb.workbook.publish import recorded, render
from lepton_nb.workbook.site import publish

ROOT = Path(__file__).parents[1]
PUBLISHED = sorted((ROOT / "reports").glob("**/*.html"))
CASES = {file.name.removesuffix(".results.json") for file in (ROOT / "reports").glob("*.results.json")}
IN_THE_DARK = {
    path for i, path in enumerate(PUBLISHED) if path.parent.name in CASES or i % 4 == 0
}  # colours are shared
VIEWS = [(1440, "light"), (1440, "dark"), (360, "light"), (360, "dark")]


@pytest.fixture(scope="session")
def pages(executed, executed_failing, tmp_path_factory):
    """The sample report, a failed one, and the front page."""
    run, reports = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("reports")
    render(executed, run / "report.html", sample_report.MANIFEST)
    (run / "results.json").write_text(
        json.dumps({"case": "bakery", "parameters": {}, "results": recorded(nbformat.read(executed, 4))})
    )
    report = publish(sample_report.seal(run), reports)
    failed = render(executed_failing, run / "failed.html", sample_report.MANIFEST | {"status": "failed"})
    told = sample_report.FAILED
    failure = render(failure_notebook(told, parameter_table(CaseParameters)), run / "failure.html", told)
    return {"report": report, "failed": failed, "failure": failure, "front": reports / "index.html"}


# A page has hundreds of words of one look in its code and tables: of each look the contrast of three is measured.
# A look is all that contrast depends on there, where nothing lies over anything else: the ink, and each ground below.
# One letter is no example: where its contrast fails, axe calls it undecided. A word of code that is none of the three
# is text of its line again, which no other rule can tell from what it was; a cell of a table stays.
ALIKE = """() => {
    const looks = new Map(), times = new Map(), words = [[], []];
    const style = (e, names) => { const s = getComputedStyle(e); return names.map(name => s[name]).join(); };
    const ground = e => {
        if (!e) return '';
        if (!looks.has(e)) looks.set(e, ground(e.parentElement) + '/' + style(e,
            ['backgroundColor', 'backgroundImage', 'opacity', 'filter', 'mixBlendMode', 'position', 'visibility']));
        return looks.get(e);
    };
    document.querySelectorAll('.axe-alike').forEach(e => e.classList.remove('axe-alike'));
    for (const e of document.querySelectorAll('pre, pre *, td, td *, th, th *')) {
        const own = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('');
        if (own && e.getClientRects().length && !e.closest('svg')) words[own.length > 1 ? 0 : 1].push(e);
    }
    const alike = words.map((some, letter) => some.filter(e => {
        const look = ground(e) + '#' + style(e, ['color', 'fontSize', 'fontWeight', 'textShadow']);
        times.set(look, (times.get(look) || 0) + (letter ? 0 : 1));
        return times.get(look) > (letter ? 2 : 3);
    })).flat();
    for (const e of alike) {
        const bare = e.matches('pre span') && !e.children.length && e.getAttributeNames().every(n => n === 'class');
        if (bare) e.replaceWith(e.textContent); else e.classList.add('axe-alike');
    }
    axe.configure({rules: [{id: 'color-contrast', selector: '*:not(.axe-alike)'}]});
}"""


def violations(page, axe, rules=None):
    """Every rule of axe-core that the page breaks, with the places."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    page.evaluate(ALIKE)
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:120]} ({node.get('failureSummary', '')[:200]})"
        for rule in found
        for node in rule["nodes"][:3]
    ]


@pytest.mark.parametrize("place", ["pre span", "td", "article p"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_one_pale_word_among_many_alike_is_found(pages, visit, axe, place, scheme):
    page = visit(pages["report"], 1440, scheme, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert violations(page, axe, ["color-contrast"]) == []
    pale = """place => {
        const words = [...document.querySelectorAll(place)].filter(e => e.textContent.trim().length > 1
            && e.getClientRects().length && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
        words.pop().style.color = 'color-mix(in srgb, currentColor 20%, transparent)';
        return words.length }"""
    assert page.evaluate(pale, place) > 4
    found = violations(page, axe, ["color-contrast"])
    assert len(found) == 1 and "color-contrast" in found[0]


def check(page, path):
    """What holds for every page at every width."""
    foreign = [url for url in page.asked if not url.startswith(("file:", "data:"))]
    assert not foreign, f"asked of another host: {foreign}"
    assert set(url for url in page.asked if url.startswith("file:")) == {Path(path).as_uri()}
    assert page.said == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert (
        page.evaluate(
            """[...document.querySelectorAll('img')].filter(i => !(i.alt || '').trim())
            .map(i => i.outerHTML.slice(0, 100))"""
        )
        == []
    )
    assert (
        page.evaluate("""[...document.querySelectorAll('svg')].filter(s => s.getAttribute('role') !== 'img' ||
        !(s.getAttribute('aria-label') || '').trim() && (s.getAttribute('aria-labelledby') || '').split(' ')
            .some(id => !(document.getElementById(id)?.textContent || '').trim())).length""")
        == 0
    )
    heads = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])")
    assert heads[0] == 1 and heads.count(1) == 1 and all(b <= a + 1 for a, b in zip(heads, heads[1:])), heads
    small = page.evaluate("""[...document.querySelectorAll('p, li, td, th, dd, dt, summary, a, button, figcaption')]
        .filter(e => e.getClientRects().length
        && parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.outerHTML.slice(0, 80))""")
    assert small == [], f"text under 12 px: {small[:3]}"


def svg_text_sizes(page):
    """Sizes on the screen of the text in the drawings that are shown, in pixels."""
    return page.evaluate("""[...document.querySelectorAll('svg text')].filter(t => t.getClientRects().length)
        .map(t => { const m = t.getScreenCTM();
            return parseFloat(getComputedStyle(t).fontSize) * Math.hypot(m.a, m.b) })""")


@pytest.mark.parametrize(
    "name, width, scheme",
    [("report", *view) for view in VIEWS] + [(n, *v) for n in ("failed", "failure", "front") for v in VIEWS[::3]],
)
def test_pages_are_readable_quiet_and_accessible(pages, visit, axe, name, width, scheme):
    page = visit(pages[name], width, scheme, bypass_csp=True)
    check(page, pages[name])
    assert violations(page, axe) == []
    sizes = svg_text_sizes(page)
    assert bool(sizes) is (name != "failure"), "that page alone has no drawing"
    assert all(size > 9.5 for size in sizes), f"smallest text in a drawing: {min(sizes):.1f} px"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0] < 80")
    assert dark == (scheme == "dark")
    assert pages[name].stat().st_size < 1_500_000


@pytest.mark.parametrize("path", PUBLISHED, ids=[path.relative_to(ROOT / "reports").as_posix() for path in PUBLISHED])
def test_published_pages_are_readable_quiet_and_accessible(look_at, axe, path):
    page = look_at(path, 360)
    check(page, path)
    page.set_viewport_size({"width": 1440, "height": 900})
    check(page, path)
    assert violations(page, axe) == []
    if path in IN_THE_DARK:
        page.emulate_media(color_scheme="dark")
        assert violations(page, axe, ["color-contrast"]) == []
    assert path.stat().st_size < 1_500_000


def test_every_fold_is_accessible_when_open(pages, visit, axe):
    for scheme in ("light", "dark"):
        page = visit(pages["report"], 1440, scheme, bypass_csp=True)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert violations(page, axe, ["color-contrast", "scrollable-region-focusable", "region"]) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_content_policy_lets_only_our_script_run(pages, visit):
    page = visit(pages["report"])
    assert page.evaluate("document.documentElement.dataset.view") == "full"
    assert page.locator("#theme").is_visible()  # our script ran and showed it
    page.evaluate("""() => { const s = document.createElement('script');
        s.textContent = 'window.foreign = 1'; document.body.append(s);
        const i = document.createElement('img');
        i.alt = 'x'; i.src = 'https://example.org/x.png'; document.body.append(i); }""")
    page.wait_for_timeout(200)
    assert page.evaluate("window.foreign === undefined")
    assert page.failed == [("https://example.org/x.png", "csp")]
    assert any("Content Security Policy" in said for said in page.said)


def until(page, condition):
    """Wait until something holds.

    The page's own policy forbids the tool's way of waiting, which evaluates text in the page.
    """
    for _ in range(60):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never held: {condition}")


def focused(page):
    return page.evaluate("""() => { const e = document.activeElement;
        return {tag: e.tagName, cls: e.className, text: e.textContent.trim().slice(0, 60),
        inContents: !!e.closest('.contents'), outline: getComputedStyle(e).outlineStyle} }""")


def test_the_keyboard_reaches_skip_link_contents_and_folds(pages, visit):
    page = visit(pages["report"])
    page.keyboard.press("Tab")
    assert focused(page)["cls"] == "skip" and page.locator(".skip").bounding_box()["x"] >= 0
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if seen[-1]["tag"] == "SUMMARY" and not seen[-1]["inContents"]:
            break
    assert any(s["inContents"] and s["tag"] == "A" for s in seen) and all(s["outline"] != "none" for s in seen)
    assert seen[-1]["text"].startswith("Code:")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True
    assert page.locator("details.code[open] pre").first.is_visible()


def test_the_skip_link_leads_past_the_contents(pages, visit):
    page = visit(pages["report"])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_contents_mark_the_current_section(pages, visit):
    page = visit(pages["report"], reduced_motion="reduce")
    for name in ("results", "the-data", "the-rule-and-where-it-comes-from"):
        page.evaluate(f"document.getElementById('{name}').scrollIntoView()")
        until(page, f"document.querySelector('.contents [aria-current]')?.hash === '#{name}'")
    page.locator(".contents a[href='#references']").click()  # so near the end that it cannot reach the top
    until(page, "document.querySelector('.contents [aria-current]')?.hash === '#references'")
    assert page.locator(".contents [aria-current]").count() == 1


def test_contents_fold_on_a_phone_and_open_on_a_desk(pages, visit):
    phone, desk = visit(pages["report"], 360), visit(pages["report"], 1440)
    assert phone.evaluate("document.querySelector('.contents details').open") is False
    assert desk.evaluate("document.querySelector('.contents details').open") is True
    assert desk.evaluate("getComputedStyle(document.querySelector('.contents')).position") == "sticky"
    phone.locator(".contents summary").click()
    assert phone.locator(".contents a").first.is_visible()


def test_brief_view_and_all_code(pages, visit):
    page = visit(pages["report"])
    full = page.evaluate("document.body.innerText.length")
    page.locator("#brief").click()
    assert page.locator("#brief").get_attribute("aria-pressed") == "true"
    assert page.locator("details.code").first.is_hidden() and page.locator("#where-the-errors-are").is_hidden()
    assert page.locator("#results").is_visible() and page.evaluate("document.body.innerText.length") < 0.9 * full
    page.locator("#code").click()
    assert page.locator("#brief").get_attribute("aria-pressed") == "false"
    assert page.evaluate("[...document.querySelectorAll('details.code')].every(d => d.open)")
    brief = visit(pages["report"])
    brief.goto(pages["report"].as_uri() + "#brief")
    until(brief, "document.documentElement.dataset.view === 'brief'")


def test_the_theme_button_overrides_the_system(pages, visit):
    page = visit(pages["report"], scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.evaluate("getComputedStyle(document.querySelector('svg text')).fill") != ink
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_a_phone_gets_the_narrow_drawing(pages, visit):
    for width, shown, other in ((360, ".lnb-narrow", ".lnb-wide"), (1440, ".lnb-wide", ".lnb-narrow")):
        page = visit(pages["report"], width)
        assert page.locator(f"{shown} svg").first.is_visible() and page.locator(f"{other} svg").first.is_hidden()
        cut = page.evaluate("""[...document.querySelectorAll('svg text')]
            .filter(t => t.getClientRects().length).filter(t => {
            const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();
            return a.left < b.left - 6 || a.right > b.right + 6 || a.top < b.top - 6 || a.bottom > b.bottom + 6 })
            .map(t => t.textContent)""")
        assert cut == []


def test_csv_downloads_work_offline(pages, visit):
    page = visit(pages["report"])
    with page.expect_download() as waiting:
        page.locator("a.lnb-csv").first.click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert waiting.value.suggested_filename.endswith(".csv") and text.startswith("plan,profit,waste")


def test_without_a_script_everything_can_still_be_read(pages, visit):
    page = visit(pages["report"], java_script_enabled=False)
    assert (
        page.locator("h1").is_visible()
        and page.locator(".contents a").first.is_visible()
        and page.locator("#theme").is_hidden()
    )
    page.locator("details.code summary").first.click()
    assert page.locator("details.code pre").first.is_visible()


def test_print_is_light_and_leaves_out_what_paper_cannot_do(pages, visit):
    page = visit(pages["report"], 800, "dark")
    page.emulate_media(media="print")
    for hidden in (".tools", ".contents", "details.code", ".lnb-csv"):
        assert page.locator(hidden).first.is_hidden(), hidden
    assert page.locator(".lnb-wide svg").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)[0] < 80")
    assert len(page.pdf(format="A4")) > 20_000
