"""Whole pages: a real Papermill run published, a failed one, and input that would break a careless renderer."""

import json
import os
import re
from html.parser import HTMLParser

import nbformat
import pytest
import sample_report
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lepton_nb.workbook.markup import markdown_html, mathml, set_aside, summary_line
from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.publish import recorded, render
from lepton_nb.workbook.site import publish, publish_methods, write_front

VOID = {"meta", "link", "img", "br", "hr", "input", "mspace", "path", "use", "rect", "image", "col", "wbr"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed, and ids, headings and addresses are kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.heads, self.addresses, self.faults = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [v for k, v in attrs if k in ("src", "href")]
        if re.fullmatch("h[1-6]", tag):
            self.heads.append(int(tag[1]))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


@pytest.fixture(scope="module")
def page(executed, tmp_path_factory):
    return render(executed, tmp_path_factory.mktemp("page") / "report.html", sample_report.MANIFEST).read_text(
        encoding="utf-8"
    )


def made(tmp_path, *cells, **manifest):
    path = tmp_path / "executed.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return render(path, tmp_path / "report.html", {"case": "x"} | manifest).read_text(encoding="utf-8")


def body(page):
    return re.search(r"<article>(.*)</article>", page, re.S)[1]


def test_slots_are_filled_under_papermill(executed, page):
    first = [cell for cell in nbformat.read(executed, 4).cells if cell.source == "slot('answer')"][0]
    assert len(first.outputs) == 1 and "lnb-answer" in first.outputs[0].data["text/html"]
    text = body(page)
    assert text.index("lnb-answer") < text.index("lnb-figure") < text.index("The situation") and "lnb-slot" not in text
    assert text.count('class="lnb-answer"') == 1 and text.count("closes half of the distance") >= 2


def test_the_page_is_sound(page):
    read = Page(page)
    assert read.faults == [] and read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert read.heads[0] == 1 and read.heads.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(read.heads, read.heads[1:]))
    inside = {a[1:] for a in read.addresses if a.startswith("#") and len(a) > 1}
    assert inside <= set(read.ids)
    assert len(page.encode()) < 1_500_000


def test_nothing_is_asked_of_another_host(page):
    read = Page(page)
    outside = [a for a in read.addresses if not a.startswith(("#", "data:"))]
    assert outside == ["https://www.sup.org/"]
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page and "script-src 'sha256-" in page


def test_the_same_run_gives_the_same_bytes(executed, tmp_path, page):
    notebook = nbformat.read(executed, 4)
    for cell in notebook.cells:
        cell["id"] = "other" + cell["id"]
    nbformat.write(notebook, tmp_path / "executed.ipynb")
    assert (
        render(tmp_path / "executed.ipynb", tmp_path / "b.html", sample_report.MANIFEST).read_text(encoding="utf-8")
        == page
    )


def test_formulas_are_mathml_and_money_is_money(page):
    text = body(page)
    assert text.count("<math") > 20 and "mathvariant" in text or "<mi>" in text
    assert (
        "costs $0.60" in text
        and "sells at $1.80" in text
        and "\\frac" not in re.sub(r"<details.*?</details>", "", text, flags=re.S)
    )


def test_downloads_hold_the_manifest_and_the_results(page, executed):
    from urllib.parse import unquote

    links = dict(re.findall(r'<a download="([^"]+)" href="data:application/json;charset=utf-8,([^"]*)"', page))
    assert json.loads(unquote(links["bakery.manifest.json"])) == sample_report.MANIFEST
    results = json.loads(unquote(links["bakery.results.json"]))["results"]
    assert results == recorded(nbformat.read(executed, 4)) and set(results) == {
        "profit.plan",
        "profit.gain",
        "fill.rate",
    }


def test_the_brief_view_marks_detail(page):
    assert re.search(
        r'<h3 class="detail" id="where-the-errors-are">|<h3 id="where-the-errors-are" class="detail">', page
    )
    assert re.search(r'<div class="detail"><figure class="lnb-figure"[^>]*><p[^>]*><strong>Demand breathes', page)
    assert not re.search(r'<div class="detail"><figure class="lnb-figure"[^>]*><p[^>]*><strong>Saturday', page)


def test_a_failed_run_says_what_where_and_what_to_do(executed_failing, tmp_path):
    text = render(executed_failing, tmp_path / "r.html", sample_report.MANIFEST | {"status": "failed"}).read_text(
        encoding="utf-8"
    )
    read = Page(text)
    assert read.faults == [] and "This run stopped before its end" in text
    assert "ValueError: the budget of 0 EUR buys nothing: set budget above 0" in text
    assert (
        "failed-cell" in read.ids and "#failed-cell" in read.addresses and "What follows this cell did not run." in text
    )
    assert "What to do on Monday" not in text and "An Exception was encountered" not in text and "\x1b" not in text


def test_the_runners_own_words_about_a_failure_are_used(tmp_path):
    failure = {
        "section": "The plan",
        "cell": 4,
        "error": "InfeasibleError",
        "message": "capacity is below what is ordered",
        "mend": "Raise capacity to 40.",
        "by_user": True,
    }
    text = made(tmp_path, new_markdown_cell("# T"), status="failed", failure=failure)
    assert (
        "Cell 4 (section “The plan”) could not be completed." in text
        and "Raise capacity to 40." in text
        and "InfeasibleError:" not in text
    )


def test_markup_from_data_stays_text(tmp_path):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    text = made(
        tmp_path,
        new_markdown_cell("# T"),
        new_code_cell(
            "1",
            outputs=[
                new_output("stream", name="stdout", text=evil),
                new_output("display_data", data={"text/markdown": evil}),
                new_output("execute_result", data={"text/plain": evil}),
            ],
        ),
        parameters={"name": evil},
        changed=["name"],
        title=evil,
        data={evil: evil},
        command=evil,
    )
    assert "<script>alert" not in text and "<img src=x" not in text and "&lt;script&gt;" in text


def test_cards_survive_a_title_with_markup(tmp_path):
    text = made(tmp_path, new_markdown_cell("# A <em>good</em> `b` & $x^2$\n> One & all."))
    card = json.loads(re.search(r'id="lepton-card">(.*?)</script>', text, re.S)[1])
    assert (
        card["case"] == "x"
        and "<math" in card["title"]
        and "<em>good</em>" in card["title"]
        and Page(text).faults == []
    )


@pytest.mark.parametrize(
    "cells",
    [
        (),
        (new_markdown_cell(""),),
        (new_markdown_cell("no title"),),
        (new_code_cell("x = 1"),),
        (new_markdown_cell("#### deep\n## then"),),
    ],
)
def test_poor_notebooks_still_make_a_page(tmp_path, cells):
    read = Page(made(tmp_path, *cells))
    assert (
        read.faults == [] and read.heads.count(1) == 1 and all(b <= a + 1 for a, b in zip(read.heads, read.heads[1:]))
    )


def test_the_way_between_the_pages_is_a_word_a_page(tmp_path):
    siblings = [("decide", "A long title of one page"), ("who_buys", "A < B")]
    text = made(tmp_path, new_markdown_cell("# A long title of one page"), page="decide", siblings=siblings)
    way = BeautifulSoup(text, "html.parser").select("ul.way a")
    assert [a.text for a in way] == ["Decide", "Who buys"] and [a["href"] for a in way] == [
        "decide.html",
        "who_buys.html",
    ]
    assert [a["title"] for a in way] == ["A long title of one page", "A < B"] and way[0]["aria-current"] == "page"


def test_pictures_get_a_description_and_none_is_fetched(tmp_path):
    (tmp_path / "map.png").write_bytes(b"\x89PNG")
    text = made(
        tmp_path,
        new_markdown_cell("# T\n\n![the map](map.png) ![far](https://example.org/a.png) <img src='x.gif'>"),
        new_code_cell("# Stock by day\nplot()", outputs=[new_output("display_data", data={"image/png": "iVBORw0=\n"})]),
    )
    images = re.findall(r"<img[^>]*>", text)
    assert (
        len(images) == 2
        and all(re.search(r'alt="[^"]+"', i) and 'src="data:' in i for i in images)
        and "Stock by day" in images[1]
    )


def test_hidden_cells_and_plumbing_are_left_out(tmp_path):
    text = made(
        tmp_path,
        new_markdown_cell("# T"),
        new_code_cell("#| hide\nsecret = 1"),
        new_code_cell("#| echo: false\nquiet = 2", outputs=[new_output("stream", text="said")]),
        new_code_cell("masked = 3", metadata={"tags": ["hide"]}),
        new_code_cell("slot('answer')"),
        new_code_cell("#| export\nshown = 4"),
    )
    assert "secret" not in text and "quiet" not in text and "masked" not in text and "slot(" not in text
    assert "said" in text and "shown" in text and "#| export" not in text


def test_dollar_rules():
    same = [
        "It costs $5.",
        "from $5 to $10",
        "$5–$10",
        "US$ and $",
        "`$a$`",
        "```\n$x$\n```",
        r"\$x\$",
        "$ x $",
        "a $5, b `c` d $6",
    ]
    assert all(set_aside(text)[1] == [] for text in same)
    for text, count in [
        ("$x$", 1),
        ("$a$ and $b$", 2),
        ("($x$), $y$.", 2),
        ("$$x\n+y$$", 1),
        ("\\begin{align*}a&=b\\end{align*}", 1),
        ("costs $5, so $x = 5$.", 1),
    ]:
        assert len(set_aside(text)[1]) == count, text


def test_formulas_in_tables_lists_and_headings():
    text = markdown_html("## The ratio $\\tau$\n\n| a | b |\n|---|---:|\n| $x_{1}|y$ | $\\sum_i p_i$ |\n\n- $a<b$\n")
    assert text.count("<math") == 4 and "\ue000" not in text and 'class="num"' in text and "&#x0003C;" in text


@pytest.mark.parametrize(
    "latex",
    [
        r"\mathbb{E}[X]",
        r"\hat{y}_{t+h\mid t}",
        r"\begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}",
        r"\lfloor x \rfloor",
        r"\operatorname{arg\,max}_x f",
        r"\left\{ x \mid a \le x \right\}",
        r"\frac{1}{|\Omega|}\sum_{\omega}",
        r"\boldsymbol{x}^\top \mathbf{A}",
        r"\bar{x}\,\tilde{y}\;\dot{z}",
        r"\max\{0, x\}",
        r"\underbrace{a+b}_{c}",
        r"\lVert x \rVert_2",
        r"\ldots \cdots \quad \ge \ne \approx",
        r"\arg\min_b f(b)",
        "a,\\\n\\text{b\\_c}",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
    ],
)
def test_usual_formulas_translate_whole(latex):
    assert mathml(latex).startswith("<math") and "\\" not in mathml(latex).replace(r"\u", "")


def test_summaries():
    assert (
        summary_line('with Figure(title="Sales by week", x="w") as ax:\n    ax.plot()') == "the figure “Sales by week”"
    )
    assert summary_line("say(f'x')") == "a sentence with numbers from the run" and summary_line("#| hide\n") == "empty"


def test_publishing_makes_the_front_page(executed, tmp_path, page):
    run, reports = tmp_path / "run", tmp_path / "reports"
    run.mkdir()
    (run / "report.html").write_text(page, encoding="utf-8")
    (run / "results.json").write_text(
        json.dumps({"case": "bakery", "parameters": {}, "results": recorded(nbformat.read(executed, 4))})
    )
    sample_report.seal(run)
    assert publish(run, reports) == reports / "bakery" / "report.html"
    published = (reports / "bakery" / "report.html").read_text(encoding="utf-8")
    assert "index.html" not in page and '<a href="../index.html">All pages</a>' in published
    assert sorted(p.name for p in reports.iterdir()) == ["bakery", "bakery.results.json", "index.html"]
    front = (reports / "index.html").read_text(encoding="utf-8")
    read = Page(front)
    assert read.faults == [] and len(read.ids) == len(set(read.ids)) and read.heads == [1, 2, 3]
    for word in (
        "How much bread to bake",
        "Bake by the stochastic program.",
        "67,891",
        "profit of the stochastic plan",
        "21 November 2026",
        "min read",
        "<svg",
        "lnb-kpis",
    ):
        assert word in front, word
    assert 'href="bakery/report.html"' in front and "retail" not in front and len(front) < 200_000
    assert write_front(reports).read_text(encoding="utf-8") == front


def test_two_reports_on_the_front_page_share_no_name(tmp_path, page):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.html").write_text(
            page.replace('"case": "bakery"', f'"case": "{name}"'), encoding="utf-8"
        )
    (tmp_path / "notes.html").write_text("<p>not a report</p>")
    read = Page(write_front(tmp_path).read_text(encoding="utf-8"))
    assert len(read.ids) == len(set(read.ids)) and read.faults == [] and read.heads.count(2) == 2


def test_an_empty_front_page_says_how_to_begin(tmp_path):
    assert "No report has been published yet" in write_front(tmp_path / "reports").read_text(encoding="utf-8")


def test_only_a_finished_run_is_published(executed_failing, tmp_path):
    with pytest.raises(UserError, match="not a finished run"):
        publish(tmp_path, tmp_path / "reports")
    run = tmp_path / "run"
    render(executed_failing, run / "report.html", sample_report.MANIFEST | {"status": "failed"})
    (run / "results.json").write_text("{}")
    with pytest.raises(UserError, match="not a page of a run that finished"):
        publish(sample_report.seal(run), tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path, monkeypatch, executed):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        render(executed, tmp_path / "out" / "report.html", {})
    assert list(tmp_path.iterdir()) == [], "nor a folder that was made for it"


# what is published may say anything, and the folder may hold anything


@pytest.fixture
def finished(page, tmp_path):
    """A finished run, and what a changed page of it makes of it."""
    run = tmp_path / "run"
    run.mkdir()

    def make(was='"case": "bakery"', now='"case": "bakery"'):
        assert was in page
        (run / "report.html").write_text(page.replace(was, now), encoding="utf-8")
        results = {"case": "bakery", "parameters": {}, "results": {"gain": {"value": 1.0, "unit": "EUR"}}}
        (run / "results.json").write_text(json.dumps(results))
        return sample_report.seal(run)

    return make


def all_files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "now",
    [
        '"case": "../x"',
        '"case": "/tmp/x"',
        '"case": ".."',
        '"case": ""',
        '"case": "solve"',
        '"case": ["bakery"]',
        '"source": "public:../../x"',
        '"siblings": [["../x", "a page"]]',
        '"page": null',
        '"case": "bakery"]',
    ],
)
def test_a_report_cannot_say_where_it_is_published(finished, tmp_path, now):
    run = finished('"words": ', f'{now}, "words": ') if now.startswith(('"s', '"p')) else finished(now=now)
    before = all_files(tmp_path)
    with pytest.raises(UserError):
        publish(run, tmp_path / "reports")
    assert all_files(tmp_path) == before


def test_a_cut_result_is_not_published(finished, tmp_path):
    run = finished()
    (run / "results.json").write_text((run / "results.json").read_text()[:-3])
    with pytest.raises(UserError, match="results.json is not as the run wrote it"):
        publish(run, tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("name", ["index.html", "bakery/report.html", "bakery.results.json", "bakery"])
def test_what_others_wrote_is_never_written_over(finished, tmp_path, name):
    run, theirs = finished(), tmp_path / "reports" / name
    theirs.parent.mkdir(parents=True, exist_ok=True)
    theirs.write_text("<p>mine</p>")
    before = all_files(tmp_path)
    with pytest.raises((UserError, OSError)):
        publish(run, tmp_path / "reports")
    assert all_files(tmp_path) == before


def test_what_others_put_beside_the_pages_stays(finished, tmp_path):
    run, reports = finished(), tmp_path / "reports"
    publish(run, reports)
    for name in ("bakery/mine.html", "solve/mine.html", "mine.results.json"):
        (reports / name).parent.mkdir(exist_ok=True)
        (reports / name).write_text("<p>mine</p>")
    publish(run, reports)
    write_front(reports)
    publish_methods([], reports)
    assert {"bakery/mine.html", "solve/mine.html", "mine.results.json"} < all_files(reports).keys()


def test_a_folder_that_is_a_link_leads_nowhere(finished, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "bakery").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="leads out of"):
        publish(finished(), tmp_path / "reports")
    assert all_files(tmp_path / "elsewhere") == {} and not (tmp_path / "reports" / "index.html").exists()


@pytest.mark.parametrize("nth", range(1, 4))
def test_a_full_disk_publishes_nothing_at_all(finished, tmp_path, monkeypatch, nth):
    publish(finished(), tmp_path / "reports")
    before = all_files(tmp_path / "reports")
    run = finished("How much bread to bake", "How much rye to bake")
    calls, fsync = [], os.fsync

    def full(handle):
        calls.append(handle)
        if len(calls) == nth:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        publish(run, tmp_path / "reports")
    assert all_files(tmp_path / "reports") == before
    monkeypatch.undo()
    publish(run, tmp_path / "reports")
    assert "How much rye" in (tmp_path / "reports" / "index.html").read_text()


def test_a_published_page_that_was_damaged_does_not_stop_the_front_page(finished, tmp_path):
    reports = tmp_path / "reports"
    publish(finished(), reports)
    (reports / "old").mkdir()
    text = (reports / "bakery" / "report.html").read_text()
    for name, now in (("a", '"kind": 3'), ("b", '"kind": "case", "heads": 7'), ("c", '"kind": "ca')):
        (reports / "old" / f"{name}.html").write_text(text.replace('"kind": "case"', now))
    assert 'href="bakery/report.html"' in write_front(reports).read_text()
