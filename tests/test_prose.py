"""Corner cases of prose with holes: what is refused, what is made harmless, which sides of a condition were read."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lepton_nb.workbook.markup import markdown_html
from lepton_nb.workbook.prose import ProseError, literal, prose_cells, render, unread


@pytest.mark.parametrize(
    "name", ["<b>x</b>", "a_b*c*", "[x](http://y)", "$x^2$ and $5", "`code`", "![p](q.png)", "# x"]
)
def test_a_name_from_data_is_read_as_it_is_written(name):
    page = markdown_html(literal(render("Order **{{ name }}** today.", {"name": name})), trusted=False)
    for markup in ("<b>", "<em>", "<a ", "<math", "<code", "<img", "<h1"):
        assert markup not in page
    assert "<strong>" in page and name[:1] in page.replace("&lt;", "<")


@pytest.mark.parametrize(
    "text, says",
    [
        ("{{ gian }}", "'gian' is not defined; did you mean 'gain'"),
        ("{% if gian %}a{% endif %}", "did you mean 'gain'"),
        ("{{ gian | number }}", "'gian'"),
        ("{{ gain | mony }}", "line 1"),
        ("one\n{% if gain %}", "line"),
        ('{{ "x" | money("EUR") }}', "prose:"),
    ],
)
def test_a_hole_that_cannot_be_filled_stops_with_its_reason(text, says):
    with pytest.raises(ProseError, match=says):
        render(text, {"gain": 1.0})


def test_every_side_of_every_condition_is_asked_for(tmp_path):
    text = "{% if a %}x{% elif b %}y{% endif %} {{ 'p' if c else 'q' }}"
    page = new_notebook(cells=[new_markdown_cell("%%prose"), new_code_cell("%%prose\n" + text), new_code_cell("1")])
    nbformat.write(page, tmp_path / "page.ipynb")
    [cell] = prose_cells(tmp_path / "page.ipynb")
    assert cell == text and len(unread(cell, [])) == 6
    some = [{"a": True, "b": False, "c": True}, {"a": False, "b": True, "c": True}]
    assert [line.split(":")[0] for line in unread(cell, some)] == ["line 1, when false", "line 1, when false"]
    assert unread(cell, [*some, {"a": False, "b": False, "c": False}]) == []
