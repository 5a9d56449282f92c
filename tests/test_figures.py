"""Corner cases of figures, tables, key numbers and prose that would crowd the notebook."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote

import matplotlib
import numpy as np
import pandas as pd
import pytest

from lepton_nb.workbook import figures, prose
from lepton_nb.workbook.figures import Figure, Kpi, csv_link, csv_text, fill, literal, money, number, plain, table_html
from lepton_nb.workbook.parameters import CaseParameters, param

ASKED = {"title": "A title", "x": "day", "y": "units per day", "alt": "A line that rises.", "caption": "It rises."}


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would have displayed."""
    seen = []
    monkeypatch.setattr(figures, "show", lambda thing, slot=None: seen.append((thing.data, slot)))
    return seen


def drawings(page):
    return re.findall(r"<svg.*?</svg>", page, re.S)


@pytest.mark.parametrize("name", list(ASKED))
def test_each_missing_part_is_named(name):
    with pytest.raises(ValueError, match=rf"needs {name}:"):
        Figure(**(ASKED | {name: " "}))


def test_an_axis_of_numbers_needs_a_unit_but_categories_and_dates_do_not(shown):
    with pytest.raises(ValueError, match="y='sales' labels numbers without a unit"):
        with Figure(**(ASKED | {"y": "sales"})) as ax:
            ax.plot([1, 2, 3])
    with Figure(**(ASKED | {"x": "shop", "y": "sales (units)"})) as ax:
        ax.bar(["north", "south"], [1, 2])
    with Figure(**(ASKED | {"x": "time"})) as ax:
        ax.plot(pd.date_range("2024-01-01", periods=3), [1, 2, 3])
    assert len(shown) == 2


@pytest.mark.parametrize("log", [False, True])
def test_a_bar_is_not_cut_at_its_foot_but_a_bridge_may_float(shown, log):
    with pytest.raises(ValueError, match="its bars start at 0, and the axis shows"):
        with Figure(**ASKED) as ax:
            ax.bar(["a", "b"], [100, 103])
            ax.set_yscale("log" if log else "linear")
            ax.set_ylim(95, 105)
    with pytest.raises(ValueError, match="start at 0"):
        with Figure(**(ASKED | {"x": "units (EUR)"})) as ax:
            ax.barh(["a", "b"], [100, 103])
            ax.set_xlim(95, 105)
    with Figure(**(ASKED | {"x": "units (EUR)"})) as ax:
        ax.barh(["a", "b"], [3, -2], left=[100, 103])
        ax.set_xlim(95, 105)
    assert len(shown) == 1


@pytest.mark.parametrize("most, ticks", [(4_000, {"200", "500", "1,000", "2,000"}), (4e7, {"1,000", "10,000,000"})])
def test_a_logarithmic_axis_is_labelled_with_plain_numbers(shown, most, ticks):
    with Figure(**ASKED) as ax:
        ax.plot([1, 2], [150, most])
        ax.set_yscale("log")
    page = shown[0][0]["text/html"] if isinstance(shown[0][0], dict) else str(shown[0][0])
    texts = {text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", page)}
    assert ticks <= texts and "mathdefault" not in page and "\\" not in "".join(texts)


def test_a_fault_in_the_block_shows_nothing_and_restores_settings(shown):
    before = dict(matplotlib.rcParams)
    with pytest.raises(ZeroDivisionError):
        with Figure(**ASKED):
            raise ZeroDivisionError
    assert not shown and dict(matplotlib.rcParams) == before


def test_drawings_are_wellformed_named_and_free_of_fixed_ink(shown):
    with Figure(**ASKED, panels=(1, 2), sharey=True) as axes:
        axes[0].plot([1, 2, 3], marker="o", label="a & b")
        axes[0].legend()
        axes[1].scatter(np.arange(50), np.arange(50), color="black")
    page = shown[0][0]
    assert len(drawings(page)) == 2
    for drawing in drawings(page):
        root = ET.fromstring(drawing)
        names = [e.get("id") for e in root.iter() if e.get("id")]
        assert root.get("role") == "img" and set(root.get("aria-labelledby").split()) <= set(names)
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', drawing))
        assert used <= set(names) and len(names) == len(set(names))
        for word in ("#000000", "#010203", "#010204", "DejaVu", "<style", "metadata", "xlink"):
            assert word not in drawing
        assert "a &amp; b" in drawing


def test_many_figures_share_no_name_and_repeat_byte_for_byte(shown):
    for title in ("One", "Two", "One"):
        with Figure(**(ASKED | {"title": title})) as ax:
            ax.plot([1, 2, 3], marker="o")
    one, two, again = (page for page, _ in shown)

    def names(text):
        return set(re.findall(r' id="([^"]+)"', text))

    assert one == again and not names(one) & names(two)


def test_a_heat_map_is_an_image_with_text_round_it(shown):
    with Figure(**(ASKED | {"y": "row"})) as ax:
        ax.pcolormesh(np.random.default_rng(1).random((60, 400)))
        ax.set_yticks([0.5], ["first"])
    page = shown[0][0]
    assert page.count("<image") == 2 and ">first</text>" in page and len(page) < 400_000
    assert page.count("<path") < 60


def test_a_cloud_of_points_stays_small(shown):
    points = np.random.default_rng(1).random((2, 20_000))
    with Figure(**(ASKED | {"x": "share", "y": "share"})) as ax:
        ax.scatter(*points, s=4)
    assert len(shown[0][0]) < 500_000 and "first 2,000 of" not in drawings(shown[0][0])[0]


def test_panels_stack_on_a_phone_and_each_keeps_its_labels(shown):
    with Figure(**(ASKED | {"x": ["a (kg)", "b (kg)", "c (kg)"]}), panels=(1, 3), sharey=True) as axes:
        for ax in axes:
            ax.plot([1, 2, 3])
    wide, narrow = drawings(shown[0][0])

    def height(text):
        return float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', text)[1])

    assert height(narrow) > 2 * height(wide) and wide.count("units per day") == 1 and narrow.count("units per day") == 3
    assert all(f">{label}<" in narrow for label in ("a (kg)", "b (kg)", "c (kg)"))
    with pytest.raises(ValueError, match="2 labels for 3 panels"):
        with Figure(**(ASKED | {"x": ["a (kg)", "b (kg)"]}), panels=(1, 3)) as axes:
            axes[0].plot([1, 2])


def test_a_colour_is_named_once(shown):
    for wanted, named in (("", 1), ("legend", 1), ("ends", 1)):
        with Figure(**(ASKED | {"panels": (1, 2)})) as axes:
            for ax in axes:
                ax.plot([1, 2], [2, 3], label="ordered")
            if wanted == "legend":
                axes[1].legend()
            elif wanted == "ends":
                figures.label_lines(axes[0])
        wide = drawings(shown[-1][0])[0]
        assert wide.count(">ordered<") == named, wanted


def test_text_from_data_never_becomes_markup(shown):
    evil = '"><script>alert(1)</script>&'
    with Figure(
        title=evil, x="shop", y=f"{evil} (kg)", alt=evil, caption=evil, data=pd.DataFrame({evil: [evil]})
    ) as ax:
        ax.bar([evil], [1])
    page = (
        shown[0][0]
        + table_html(pd.DataFrame({evil: [evil]}), evil, units={evil: evil})
        + figures.kpi_html([Kpi(evil, evil, evil, evil, True)])
    )
    assert "<script" not in page and "alert(1)" in page
    for drawing in drawings(page):
        ET.fromstring(drawing)


def test_csv_is_rounded_cut_and_says_so():
    text, rows = csv_text(pd.DataFrame({"x": [1 / 3, 1e9 / 7]}))
    assert text == "x\n0.333333\n1.42857e+08\n" and rows == 2
    wide = pd.DataFrame(np.random.default_rng(0).random((1500, 60)))
    text, rows = csv_text(wide)
    assert len(text.encode()) <= 100_000 and 0 < rows < 1500
    link = csv_link(wide, "Wide & long")
    assert f"first {rows:,} of 1,500 rows" in link and 'download="wide-long.csv"' in link
    frame = pd.DataFrame({"name": ["a,b", 'c"d', "é%&#"]})
    held = unquote(re.search(r'href="data:text/csv;charset=utf-8,([^"]*)"', csv_link(frame, "t"))[1])
    assert held == frame.to_csv(index=False)


def test_csv_keeps_an_index_that_means_something():
    frame = pd.DataFrame({"v": [1]}, index=pd.Index(["a"], name="key"))
    assert csv_text(frame)[0] == "key,v\na,1\n"


@pytest.mark.parametrize(
    "values, text",
    [
        ([True, False], ["yes", "no"]),
        ([1, 20000], ["1", "20,000"]),
        ([0.5, np.nan], ["0.500", "n/a"]),
        ([np.inf, 1.5], ["unlimited", "1.50"]),
        (pd.to_datetime(["2024-01-02", None]), ["2024-01-02", "n/a"]),
        (["a", None], ["a", "n/a"]),
        (pd.array([1, None], dtype="Int64"), ["1", "n/a"]),
    ],
)
def test_columns_are_written_in_one_form(values, text):
    assert figures.column_text(pd.Series(values)) == text


def test_tables_have_headers_units_and_a_said_cut():
    frame = pd.DataFrame({"shop": [f"s{i}" for i in range(50)], "sold": range(50)})
    page = table_html(frame, "Sales by shop.", units={"sold": "units"}, max_rows=10)
    assert page.count("<tr") == 11 and "first 10 of 50 rows" in page and "CSV, 50 rows" in page
    assert page.count('scope="col"') == 2 and page.count('scope="row"') == 10 and 'tabindex="0"' in page
    with pytest.raises(ValueError, match="caption"):
        table_html(frame, " ")
    assert "<tbody></tbody>" in table_html(frame.head(0), "No sales.")
    two = frame.set_index(["shop", "sold"]).assign(x=1)
    assert '<th scope="col">shop' in table_html(two, "Two keys.")


def test_duplicate_column_names_are_shown_as_they_are():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert ">1<" in table_html(frame, "Twice.") and ">2<" in table_html(frame, "Twice.")


def test_numbers_and_money():
    assert [number(x) for x in (0, 0.0, 1234.56, 12.34, 1.234, 0.1234, -5, None, float("-inf"))] == [
        "0",
        "0",
        "1,235",
        "12.3",
        "1.23",
        "0.123",
        "−5",
        "n/a",
        "−unlimited",
    ]
    assert money(float("nan"), "EUR") == "n/a" and money(0, "EUR") == "€0" and money(-1500.4, "GBP") == "−£1,500"
    assert number(np.float32(2.5), 1) == "2.5" and number(np.int64(7)) == "7"


def test_dollars_are_money_and_code_is_left_alone():
    assert literal("between $5 and $9, say $x_1$") == r"between \$5 and \$9, say $x_1$"
    assert literal("`$HOME` and `a<b`") == "`$HOME` and `a<b`"
    assert literal(r"already \$5") == r"already \$5"
    assert plain("*a*\nb") == r"\*a\* b"


def test_fill_takes_text_or_anything_displayable(monkeypatch):
    shown = []
    monkeypatch.setattr(prose, "show", lambda thing, slot=None: shown.append((thing.data, slot)))
    fill("place", "<p>now</p>")
    assert shown == [("<p>now</p>", "place")]


def test_labels_at_line_ends_do_not_touch(shown):
    with Figure(**ASKED) as ax:
        for i in range(5):
            ax.plot([1, 2, 3], [i, 0, 10 + i / 50], label=f"line {i}")
        figures.label_lines(ax)
    for drawing in drawings(shown[0][0]):
        heights = sorted(float(y) for y in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*>line \d<', drawing))
        assert len(heights) == 5 and np.diff(heights).min() > 14


def luminance(colour):
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_style_sheet_has_the_palette_with_enough_contrast_in_both_schemes():
    style = (Path(figures.__file__).parent / "template" / "style.css").read_text(encoding="utf-8")
    tones = {
        name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    }
    assert [tones[f"lnb-{i}"] for i in range(1, 7)] == list(zip(figures.PALETTE, figures.PALETTE_DARK))
    for scheme in (0, 1):
        paper, panel, mark = (tones[name][scheme] for name in ("lnb-paper", "panel", "mark"))
        assert all(contrast(tones[f"lnb-{i}"][scheme], paper) >= 3 for i in range(1, 7))
        for name in [f"lnb-t{i}" for i in range(1, 7)] + ["ink", "soft", "link", "accent", "good", "bad"]:
            assert contrast(tones[name][scheme], paper) >= 4.5, name
        for name in ("code-word", "code-text", "code-number", "code-name", "code-note", "ink", "soft", "link"):
            assert contrast(tones[name][scheme], panel) >= 4.5, name
        assert contrast(tones["ink"][scheme], mark) >= 7


def test_the_card_of_parameters_writes_values_as_they_are_typed(shown):
    class Shop(CaseParameters):
        budget: float | None = param(None, ge=0, meaning="most that may be spent")
        weekend: bool = param(True, meaning="whether it is open")

    figures.parameters_card(Shop(weekend=False))
    assert ">none<" in shown[0][0] and "false (changed)" in shown[0][0] and "None" not in shown[0][0]


def test_names_with_dollars_and_backslashes_are_drawn_as_they_are(shown):
    names = ["S$\\bad$", "5$ shop", "a $x$ b"]
    with Figure(
        title="Sales in $ and $",
        x="Store",
        y="Units (units/day)",
        alt="Bars of sales of three stores.",
        caption="Sales.",
        data=pd.DataFrame({"n": names}),
    ) as ax:
        ax.bar(names, [1, 2, 3])
    assert all(name in shown[0][0] for name in names)
