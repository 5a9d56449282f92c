"""Parameters and prose that nobody meant: they are taken as they stand or refused in a sentence, never with a trace."""

import os

import pytest
import yaml
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lepton_nb.cases.retail.parameters import Parameters
from lepton_nb.workbook.parameters import (
    ParameterError,
    from_namespace,
    parse_pairs,
    read_parameter_file,
    to_text,
)
from lepton_nb.workbook.prose import ProseError, inline, render

# LEPTON_NB_FUZZ=20000 tries as many examples of each
MANY = settings(
    max_examples=int(os.environ.get("LEPTON_NB_FUZZ", 200)),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
NAMES = some.sampled_from([*Parameters.model_fields, "sevice_level", "", "__class__", "seed "]) | some.text(max_size=20)
TEXTS = (
    some.text(max_size=40)
    | some.integers().map(str)
    | some.floats().map(str)
    | some.sampled_from(["nan", "inf", "-inf", "none", "true", "0,95", "1e400", "１２", "٣", "own:\0", "[1]"])
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20) | some.binary(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def told(error: Exception) -> bool:
    """Whether a refusal is a sentence of ours."""
    return bool(str(error).strip()) and "Traceback" not in str(error) and "pydantic" not in str(error)


@MANY
@given(some.lists(some.tuples(NAMES, TEXTS), max_size=4))
def test_pairs_give_parameters_that_write_themselves_or_a_sentence(pairs):
    try:
        params = parse_pairs(Parameters, pairs)
    except ParameterError as error:
        assert told(error)
    else:
        again = [(name, to_text(getattr(params, name))) for name, _ in pairs]
        assert parse_pairs(Parameters, again) == params


@MANY
@given(some.dictionaries(NAMES, VALUES, max_size=4))
def test_names_of_a_notebook_give_parameters_or_a_sentence(names):
    try:
        assert isinstance(from_namespace(Parameters, names), Parameters)
    except ParameterError as error:
        assert told(error)


@MANY
@given(some.binary(max_size=200) | VALUES.map(lambda v: yaml.safe_dump(v).encode()) | some.text().map(str.encode))
def test_any_file_is_a_parameter_file_or_is_refused_by_its_name(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "odd.yaml"
    path.write_bytes(content)
    try:
        pairs = read_parameter_file(path)
    except ParameterError as error:
        assert "odd.yaml" in str(error) and told(error)
    else:
        assert all(isinstance(name, str) for name, _ in pairs)


PIECES = [
    *("{{", "}}", "{%", "%}", "{#", "#}", " gain ", " if ", " else ", "endif", " for x in ", "endfor", "|money('EUR')"),
    *("|number", "|percent(0)", "|plural('week')", "|earns('EUR')", "|day", ".real", "[0]", "()", "*", "/", "0", "'"),
    *("<b>", "$x$", "\n", " week ", " name ", "**", "is none", "not ", "~", "-", ":", "1e309", "''", "%", "lists.gain"),
]
HOLES = {"gain": -12.5, "week": 3, "name": "<i>Ü & co</i>", "none": None, "many": [1, 2]}
WORDS = [*HOLES, "0", "9", "2", "number", "money('EUR')", "day", "plural('a')", "first", "nothing"]
MARKS = ["<", ">", "&", '"', "script", "`", "*", "[a](b)", "\\", "{{ gain }}", "{% if"]


SUMS = some.tuples(
    some.sampled_from([*HOLES, "0", "1e308"]),
    some.sampled_from(["/", "**", "%", "<", "[", "|"]),
    some.sampled_from(WORDS),
).map(lambda part: "{{ " + " ".join(part) + ("] }}" if part[1] == "[" else " }}"))


@MANY
@given(SUMS | some.lists(some.sampled_from(PIECES), max_size=14).map("".join) | some.text(max_size=60))
def test_any_prose_is_rendered_or_refused_in_a_sentence(text):
    try:
        assert isinstance(render(text, HOLES), str)
    except ProseError as error:
        assert str(error).startswith("prose: ")


@MANY
@given(some.text(max_size=60) | some.lists(some.sampled_from(MARKS)).map("".join))
def test_a_value_in_prose_never_becomes_markup(value):
    shown = render("{{ value }}", {"value": value})
    for html in (shown, inline(value)):
        assert not BeautifulSoup(html, "html.parser").find(["script", "img", "a", "iframe", "style"]), html


def test_a_value_that_looks_like_prose_is_not_evaluated():
    assert "12" not in render("{{ name }}", {"name": "{{ 3 * 4 }}"})


@pytest.mark.parametrize(
    "text",
    ["{{ gain / 0 }}", "{{ 1e308 ** 9 }}", "{{ many[9] }}", "{% include 'x' %}"]
    + ["{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"],
)
def test_a_hole_that_cannot_be_filled_is_named_as_one(text):
    with pytest.raises(ProseError, match="^prose: "):
        render(text, HOLES)
