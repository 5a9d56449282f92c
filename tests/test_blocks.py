"""Blocks in a real browser: what a reader searches, sorts, picks and moves, and what is there without a script."""

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lepton_nb.business.returns import Investment, appraise, cash_flows
from lepton_nb.workbook import blocks, controls, figures
from lepton_nb.workbook.figures import Figure
from lepton_nb.workbook.prose import number
from lepton_nb.workbook.publish import render

WIDTHS = [390, 768, 1280, 1920]
CASE = Investment(40_000, 12_000, 1507.0, reach=0.9, fade=0.05, season=0.97)
NUMBERS = {name: float(getattr(CASE, name)) for name in CASE.__dataclass_fields__}
SLIDERS = [
    controls.Slider("weekly_gain", "gain a week", "EUR", 0, 3000, 1),
    controls.Slider("build", "building", "EUR", 0, 100_000, 500),
    controls.Slider("running", "running", "EUR a year", 0, 50_000, 500),
    controls.Slider("build_months", "months to build", "months", 0, 12, 0.5),
    controls.Slider("half", "months until half follow", "months", 0, 12, 0.5),
    controls.Slider("reach", "share that follows", "", 0, 1, 0.01),
    controls.Slider("fade", "share lost a year", "", 0, 0.5, 0.01),
]

TRIED = controls.Tried(
    {"price": [2.0, 3.5, 2.0, 3.5, 1_000.0], "door": ["<open>", "<open>", "shut", "shut", "shut"]},
    {"money": [40.25, 55.5, 0.125, None, -12_345.6], "dust": [1.0, 2.0, 3.0, 4.0, 5.0]},
    {"price": "EUR", "money": "EUR/day"},
    {"money": "taken in a day", "dust": ""},
)


def tried(price: int, door: int) -> tuple[float, str]:
    """Return the values at two stops of the sliders."""
    return [2.0, 3.5, 1_000.0][price], ["<open>", "shut"][door]


def lines(count=193):
    """A decision of many lines, with odd names among them."""
    rng = np.random.default_rng(3)
    cost = rng.uniform(1, 160, count).round(2)
    return pd.DataFrame(
        {
            "store": rng.choice(["harbour", "market square", "retail park"], count),
            "item": [f"item {i} <b>&co" if i == 7 else f"item {i}" for i in range(count)],
            "supplier": rng.choice(["Fresh & Co", "Dairy"], count),
            "units": rng.integers(1, 140, count),
            "cost": cost,
            "reason": "122 are expected until Friday and 20 are on the way; one more would earn less than it costs.",
        }
    )


def all_blocks():
    rng = np.random.default_rng(1)
    ways = pd.DataFrame(
        {"way": ["perfect foresight", "plan", "newsvendor", "up to average"], "gain": [2959.0, 1507, 1366, -412]}
    )
    middle = rng.uniform(5, 60, (40, 14))
    fans = controls.Fans(
        [f"store {i // 20}/item {i}" for i in range(40)],
        [f"2026-11-{d:02d}" for d in range(1, 15)],
        middle * 0.6,
        middle,
        middle * 1.5,
        middle * 1.1,
        middle * 0.9,
        middle * 1.2,
    )
    flows = cash_flows(CASE)
    nodes = pd.DataFrame({"name": ["A", "B", "C"], "x": [0, 4, 4], "y": [0, 0, 3], "kind": "junction"})
    links = pd.DataFrame({"start": ["A", "B"], "end": ["B", "C"], "kind": ["arterial", "street"]})
    return [
        blocks.answer_card(
            "simulated",
            "a chain made up with a known truth",
            "Order up to the level that nine futures in ten ask for.",
            "+€1,366 a week",
            "95%: €980 to €1,750",
            "against what was done",
            [blocks.Assumption("cost of an order line", "€0.30", "order_line_cost")],
        ),
        blocks.bars(
            ways.assign(low=ways["gain"] - 200, high=ways["gain"] + 200),
            "way",
            "gain",
            "Gain over today",
            "EUR a week",
            "The rule earns most.",
            low="low",
            high="high",
        ),
        blocks.gain_waterfall(
            ways[:3][::-1], "way", "gain", "Where it comes from", "EUR a week", "Mostly the rule.", left="out of reach"
        ),
        blocks.gain_by_week(
            pd.Series([1520.0, -180, 1710, 940], [f"week {i}" for i in range(41, 45)]),
            400,
            1600,
            "Gain of each week",
            "EUR a week",
            "One week lost.",
        ),
        controls.decision_table(
            lines(), "Tonight's order", "cost", ["store", "supplier"], {"cost": "EUR"}, {"cost": 2}
        ),
        controls.fan(fans, "What may come", "units a day", "90% of what may come", "A band and what came."),
        controls.payback_sliders(
            NUMBERS, flows[["month", "cumulated"]], SLIDERS, "Pays back.", "EUR", "Does it pay?", "Money so far."
        ),
        controls.swept_sliders(TRIED, "What if", "Every value was worked out.", first=1),
        blocks.tornado_bars(
            pd.DataFrame({"what": ["a long name of an assumption", "b"], "low": [-2e4, 1e4], "high": [5e4, 4e4]}),
            3e4,
            "What would change it",
            "EUR",
            "The first matters most.",
        ),
        blocks.heat_map(
            pd.DataFrame(rng.uniform(0.5, 2, (8, 104)), columns=[f"w{i}" for i in range(104)]),
            "Hot spots",
            "times",
            "Some weeks.",
        ),
        blocks.schematic_map(nodes, links, "Three junctions", "Two links."),
        blocks.audit_sample(["48 units of butter: 61 are expected."], 193, 0),
    ]


def figures_of_all_kinds():
    """Lines on dates, upright and stacked bars, bars that lie, points on a log scale: values are known."""
    words = {"alt": "Known values.", "caption": "They can be read off."}
    with Figure(title="Lines", x="day", y="units per day", **words) as ax:
        ax.plot(pd.date_range("2026-03-02", periods=5), [31.0, 28, 61, 35, 44], marker="o")
    with Figure(title="Bars", x="shop", y="gain (EUR)", **words) as ax:
        ax.bar(["north", "south"], [120.0, -40])
        ax.bar(["north"], [30.0], bottom=[120.0])
    with Figure(title="Lying", x="profit (EUR)", y="way", **words) as ax:
        ax.barh(["rule", "plan"], [1366.0, 1507])
    with Figure(title="Log", x="size (rows)", y="share", **words) as ax:
        ax.scatter([10, 1000, 100_000], [0.2, 0.5, 0.9])
        ax.set_xscale("log")


@pytest.fixture(scope="module")
def page_of_figures(tmp_path_factory):
    """Figures on one page, made as a report is made."""
    folder, shown = tmp_path_factory.mktemp("figures"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "show", lambda thing, slot=None: shown.append(thing.data))
        figures_of_all_kinds()
    cells = [new_markdown_cell("# Figures\n\n> Values on hover."), new_markdown_cell("## All")]
    for text in shown:
        cells.append(new_code_cell("show()", outputs=[new_output("display_data", {"text/html": text})]))
    nbformat.write(new_notebook(cells=cells), folder / "figures.ipynb")
    return render(folder / "figures.ipynb", folder / "figures.html", {"case": "figures", "title": "Figures"})


def told(page, which, kind):
    """All that the arrow keys read off a figure, from left to right."""
    box = page.locator(f".lnb-{kind}[data-read]").nth(which)
    box.locator("svg").focus()
    said = []
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        text = box.locator(".lnb-tip").inner_text().replace("\n", " ")
        said += [text] if text not in said else []
    return said


@pytest.mark.browser
@pytest.mark.parametrize("width, kind", [(390, "narrow"), (1280, "wide")])
def test_the_values_read_off_a_figure_are_those_that_were_drawn(visit, axe, page_of_figures, width, kind):
    page = visit(page_of_figures, width)
    assert page.said == []
    days = [f"day: 2026-03-0{2 + i} units per day: {v}" for i, v in enumerate([31, 28, 61, 35, 44])]
    assert told(page, 0, kind) == days
    bars = told(page, 1, kind)
    assert set(bars) == {
        "shop: north gain (EUR): 120",
        "shop: north gain (EUR): 120 to 150",
        "shop: south gain (EUR): −40",
    }
    assert set(told(page, 2, kind)) == {"profit (EUR): 1,366 way: rule", "profit (EUR): 1,507 way: plan"}
    assert told(page, 3, kind) == [
        f"size (rows): {x} share: {y}" for x, y in zip(["10", "1,000", "100,000"], [0.2, 0.5, 0.9])
    ]
    page.locator(f".lnb-{kind} svg").first.hover()
    assert page.locator(f".lnb-{kind} .lnb-tip").first.inner_text() in [
        text.replace(" units", "\nunits") for text in days
    ]
    page.mouse.move(1, 1)
    assert page.locator(f".lnb-{kind} .lnb-tip").first.inner_text() == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    assert page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"] == []


@pytest.fixture(scope="module")
def page_of_blocks(tmp_path_factory):
    """All blocks on one page, made as a report is made."""
    folder = tmp_path_factory.mktemp("blocks")
    cells = [new_markdown_cell("# Blocks\n\n> Every block of a page."), new_markdown_cell("## All of them")]
    for block in all_blocks():
        cells.append(new_code_cell("show()", outputs=[new_output("display_data", block._repr_mimebundle_())]))
    nbformat.write(new_notebook(cells=cells), folder / "blocks.ipynb")
    return render(folder / "blocks.ipynb", folder / "blocks.html", {"case": "blocks", "title": "Blocks"})


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_at_any_width_and_nothing_is_asked(visit, axe, page_of_blocks, width, scheme):
    page = visit(page_of_blocks, width, scheme)
    assert page.said == [] and page.failed == []
    assert all(address.startswith(("file:", "data:")) for address in page.asked)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overflowing = page.evaluate("""() => [...document.querySelectorAll('article *')].filter(e => {
        if (e.closest('.lnb-scroll, svg, .lnb-hidden, pre')) return false;
        const box = e.getBoundingClientRect();
        return box.width && (box.right > innerWidth + 1 || box.left < -1);
    }).map(e => e.outerHTML.slice(0, 120))""")
    assert overflowing == []
    small = page.evaluate("""() => [...document.querySelectorAll('article *')].filter(e =>
        e.children.length === 0 && e.textContent.trim() && !e.closest('svg') && e.getClientRects().length
        && parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.outerHTML.slice(0, 100))""")
    assert small == []
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"][:200], rule["nodes"][0]["failureSummary"]) for rule in found] == []


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_bars_are_as_long_as_their_amounts_and_nothing_covers_them(visit, page_of_blocks, width):
    page = visit(page_of_blocks, width)
    rows = page.locator(".lnb-bars").first.locator("li")
    wide = [row.locator(".bar").bounding_box()["width"] for row in rows.all()]
    assert np.allclose(np.divide(wide, wide[0]), np.divide([2959, 1507, 1366, 412], 2959), atol=0.003)
    scales = page.evaluate("""[...document.querySelectorAll('ul.bars')].map(list => new Set(
        [...list.querySelectorAll('.track')].map(track => track.getBoundingClientRect())
        .map(box => Math.round(box.left) + ',' + Math.round(box.width))).size)""")
    assert set(scales) == {1}  # all bars of a block on one scale
    assert max(row.locator(".whisker").bounding_box()["height"] for row in rows.all()) < 4
    assert (
        page.evaluate("""[...document.querySelectorAll('ul.bars .bar:not(.open)')].filter(b =>
        parseFloat(getComputedStyle(b).borderTopWidth) > 0).length""")
        == 0
    )
    clash = page.evaluate("""[...document.querySelectorAll('ul.bars li')].filter(row => {
        const [a, b, c] = ['.name', '.track', '.value'].map(k => row.querySelector(k).getBoundingClientRect());
        const over = (p, q) => p.left < q.right - 1 && q.left < p.right - 1
            && p.top < q.bottom - 1 && q.top < p.bottom - 1;
        return over(a, b) || over(a, c) || over(b, c) }).map(row => row.textContent)""")
    assert clash == []


@pytest.mark.parametrize("levels", [[], [1.0, np.nan]])
def test_a_waterfall_without_numbers_is_refused(levels):
    with pytest.raises(ValueError, match="waterfall: column 'gain'"):
        blocks.gain_waterfall(
            pd.DataFrame({"way": levels, "gain": levels}, dtype=float), "way", "gain", "t", "EUR", "c"
        )


def test_a_mean_outside_its_interval_is_refused():
    with pytest.raises(ValueError, match="the mean 2 lies outside its interval, 3 to 4"):
        blocks.gain_by_week(pd.Series([1.0, 3.0]), 3, 4, "t", "EUR", "c")


@pytest.mark.browser
def test_the_table_is_searched_filtered_sorted_and_saved(visit, page_of_blocks):
    page = visit(page_of_blocks)
    frame, box = lines(), page.locator(".lnb-decisions")
    assert box.locator("tbody tr").count() == 193
    assert box.locator(".count").inner_text() == f"193 lines, {frame['cost'].sum():,.0f} EUR"
    box.locator("select").nth(1).select_option("Fresh & Co")
    part = frame[frame["supplier"] == "Fresh & Co"]
    assert box.locator(".count").inner_text() == f"{len(part)} lines, {part['cost'].sum():,.0f} EUR"
    with page.expect_download() as saved:
        box.get_by_role("button", name="Save as CSV").click()
    read = pd.read_csv(saved.value.path())
    assert read["cost"].tolist() == part["cost"].tolist() and list(read.columns) == list(frame.columns)
    box.locator("input[type=search]").fill("item 7 <b>")
    assert box.locator("tbody tr:not([hidden])").count() == (part["item"] == "item 7 <b>&co").sum()
    box.locator("input[type=search]").fill("")
    box.locator("select").nth(1).select_option("")
    box.get_by_role("button", name="cost").click()
    first = [float(x) for x in box.locator("tbody tr td:nth-child(5)").evaluate_all("c => c.map(e => e.dataset.v)")]
    assert first == sorted(frame["cost"])
    box.get_by_role("button", name="cost").click()
    assert box.locator("th[aria-sort=descending]").count() == 1


@pytest.mark.browser
def test_a_forecast_is_picked(visit, page_of_blocks):
    page = visit(page_of_blocks)
    before = page.locator(".lnb-fan path.middle").get_attribute("d")
    page.locator("[data-pick]").select_option("store 1/item 25")
    after = page.locator(".lnb-fan path.middle").get_attribute("d")
    assert before != after and page.locator(".lnb-fan .still").inner_text() == "store 1/item 25"
    page.locator("[data-pick]").select_option("store 0/item 0")
    assert page.locator(".lnb-fan path.middle").get_attribute("d") == before  # the page draws as Python did
    page.locator(".lnb-fan svg").hover()
    assert "middle" in page.locator(".lnb-fan .hover").inner_text()
    page.locator(".lnb-fan svg").focus()
    page.keyboard.press("ArrowLeft")
    before = page.locator(".lnb-fan .hover").inner_text()
    page.keyboard.press("ArrowRight")
    assert before != page.locator(".lnb-fan .hover").inner_text() and before.startswith("2026-11-")
    assert page.locator(".lnb-fan path.inner").get_attribute("d")


@pytest.mark.browser
@pytest.mark.parametrize(
    "moved",
    [
        {},
        {"weekly_gain": 700.0},
        {"build": 0.0, "build_months": 0.0},
        {"build": 0.0, "running": 0.0},
        {"build_months": 2.5, "half": 0.0},
        {"reach": 0.4, "fade": 0.3, "running": 20_000.0},
    ],
)
def test_sliders_give_what_the_library_gives(visit, page_of_blocks, moved):
    page = visit(page_of_blocks)
    for name, value in {"weekly_gain": NUMBERS["weekly_gain"], **moved}.items():
        page.locator(f"input[name={name}]").evaluate(
            "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", value
        )
    box = page.locator("[data-payback]")
    told = appraise(Investment(**{**NUMBERS, **moved, "years": 3}))
    assert float(box.get_attribute("data-worth")) == pytest.approx(told["npv"], abs=1e-6)
    when = told["discounted_payback_months"]
    assert float(box.get_attribute("data-when").replace("Infinity", "inf")) == pytest.approx(when, abs=1e-9)
    said = box.locator(".verdict").inner_text()
    assert ("Does not pay back" in said) == np.isinf(when)
    assert np.isinf(when) or (f"month {int(np.ceil(when))};" if when > 0 else "Pays back at once;") in said


@pytest.mark.browser
@pytest.mark.parametrize("price", range(3))
@pytest.mark.parametrize("door", range(2))
def test_a_swept_parameter_moves_over_what_was_worked_out(visit, page_of_blocks, price, door):
    page = visit(page_of_blocks)
    box = page.locator("[data-swept]")
    for name, value in (("price", price), ("door", door)):
        box.locator(f"input[name={name}]").evaluate(
            "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", value
        )
    at = [i for i in range(5) if (TRIED.parameters["price"][i], TRIED.parameters["door"][i]) == tried(price, door)]
    for name, values in TRIED.results.items():
        assert box.locator(f"[data-result='{name}']").inner_text() == (number(values[at[0]]) if at else "n/a")
    assert box.locator(".missing").inner_text() == ("" if at else "This setting was not worked out.")
    shown = [text.inner_text() for text in box.locator("output").all()]
    assert shown == [f"{number(tried(price, door)[0])} EUR", tried(price, door)[1]]


@pytest.fixture(scope="module")
def page_to_walk(tmp_path_factory):
    """Four kinds of bars, a small heat map with an empty cell, and a map."""
    folder = tmp_path_factory.mktemp("walk")
    frame = pd.DataFrame([[1, 3, 2.5], [1.5, np.nan, 0.5], [2, 4, 6]], ["r0", "r1", "r2"], ["w0", "w1", "w2"])
    shown = [block for block in all_blocks() if "lnb-bars" in block.html or "lnb-map" in block.html]
    shown.insert(-1, blocks.heat_map(frame, "Hot spots", "times", "Some weeks."))
    cells = [new_markdown_cell("# Walk\n\n> By keyboard."), new_markdown_cell("## All")]
    cells += [new_code_cell("x", outputs=[new_output("display_data", b._repr_mimebundle_())]) for b in shown]
    nbformat.write(new_notebook(cells=cells), folder / "walk.ipynb")
    return render(folder / "walk.ipynb", folder / "walk.html", {"case": "walk", "title": "Walk"})


WALKED = "article :is(ul.bars, ul.heat, .lnb-map svg)"
HOVERED = """kinds => [...document.querySelectorAll(kinds)].map(box =>
    [...box.querySelectorAll('[title], circle')].map(e => e.getAttribute('title') || e.textContent))"""


def tip(page):
    """What is shown beside a part of a figure, with nothing of it cut off."""
    [shown] = [box for box in page.locator("figure > .lnb-tip").all() if box.is_visible()]
    place = shown.bounding_box()
    assert place["x"] >= 0 and place["x"] + place["width"] <= page.viewport_size["width"]
    assert shown.get_attribute("role") == "status"
    return shown.inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("width, scheme", [(360, "dark"), (1280, "light")])
def test_the_arrow_keys_tell_all_that_hovering_tells(visit, axe, page_to_walk, width, scheme):
    page = visit(page_to_walk, width, scheme)
    hovered = page.evaluate(HOVERED, WALKED)
    assert [len(texts) for texts in hovered] == [4, 4, 5, 2, 8, 3]
    assert hovered[0][1] == "plan: 1,507 EUR a week, 1,307 to 1,707" and hovered[5][1] == "B, junction"
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        if stops and page.locator(".skip:focus").count():  # once around
            break
        here = page.evaluate(
            """kinds => { const e = document.activeElement, all = [...document.querySelectorAll(kinds)];
            return {at: all.indexOf(e), in: !!e.closest('.lnb-told'), name: e.getAttribute('aria-label'),
            line: getComputedStyle(e).outlineStyle} }""",
            WALKED,
        )
        stops += [here["at"]] if here["in"] else []
        if here["at"] < 0:
            assert page.locator("figure > .lnb-tip:visible").count() == 0
            continue
        assert here["line"] == "solid" and here["name"].endswith("The arrow keys read it out.")
        told = [tip(page)]
        for _ in hovered[here["at"]][1:]:
            page.keyboard.press("ArrowRight")
            told.append(tip(page))
        assert told == hovered[here["at"]]
        assert page.locator(".told").count() == 1
        page.evaluate(axe)
        assert page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"] == []
    assert [at for at in stops if at >= 0] == list(range(6))  # each figure is one stop
    assert stops.count(-1) == 7  # its CSV is another, and the map's fold


@pytest.mark.browser
def test_a_heat_map_is_walked_in_both_directions_and_left_by_escape(visit, page_to_walk):
    page = visit(page_to_walk)
    page.locator("ul.heat").focus()
    page.keyboard.press("ArrowRight")
    walk = {"ArrowDown": "r2, w1: 4", "ArrowUp": "r0, w1: 3", "End": "r2, w2: 6", "Home": "r0, w0: 1"}
    for key, text in walk.items():  # the cell between the first two is empty
        page.keyboard.press(key)
        assert tip(page) == text
    page.keyboard.press("ArrowUp")
    assert tip(page) == "r0, w0: 1"
    page.keyboard.press("Escape")
    assert page.locator("figure > .lnb-tip:visible").count() == 0 and page.locator(".told").count() == 0
    page.locator("ul.heat i").nth(1).click()
    assert tip(page) == "r0, w1: 3"
    page.locator("h1").click()
    assert page.locator("figure > .lnb-tip:visible").count() == 0


@pytest.mark.browser
def test_without_a_script_no_part_of_a_figure_is_a_stop_and_places_are_in_a_fold(visit, page_to_walk):
    page = visit(page_to_walk, java_script_enabled=False)
    assert page.locator("figure [tabindex]").count() == 0
    assert page.get_by_role("img", name="r0, w1: 3").count() == 1  # a screen reader has each cell
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.locator(".lnb-map summary:focus").count():
            break
    page.keyboard.press("Enter")
    assert page.locator(".lnb-map details li").all_inner_texts() == ["A, junction", "B, junction", "C, junction"]


@pytest.mark.browser
def test_the_page_says_the_same_without_a_script(visit, page_of_blocks):
    page = visit(page_of_blocks, java_script_enabled=False)
    assert page.locator(".lnb-decisions tbody tr").count() == 193
    assert page.locator(".lnb-decisions .controls").is_hidden() and page.locator(".lnb-fan .controls").is_hidden()
    assert page.locator(".verdict").inner_text() == "Pays back."
    assert page.locator(".lnb-fan path.middle").get_attribute("d").startswith("M0 ")


@pytest.mark.browser
def test_a_filtered_table_prints_alone(visit, page_of_blocks):
    page = visit(page_of_blocks)
    page.evaluate("window.print = () => { window.seen = document.body.className; }")
    page.locator(".lnb-decisions select").first.select_option("harbour")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.seen") == "only-printed"
    assert page.locator("body.only-printed").count() == 0


def test_blocks_are_the_same_bytes_every_time():
    assert [block.html for block in all_blocks()] == [block.html for block in all_blocks()]
