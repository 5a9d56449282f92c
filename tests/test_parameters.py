"""Corner cases of parameters: every kind of text, file and namespace that a user may come with."""

import json
from datetime import date
from enum import Enum
from typing import Literal

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError, model_validator

from lepton_nb.workbook.parameters import (
    CaseParameters,
    ParameterError,
    allowed,
    changed_values,
    command,
    default_problems,
    from_namespace,
    json_schema,
    nearest,
    param,
    parameter_table,
    parse_pairs,
    read_parameter_file,
    to_text,
)


class Mode(Enum):
    fast = "fast"
    careful = "careful"


class Model(CaseParameters):
    share: float = param(0.95, unit="share", gt=0, lt=1, meaning="a share")
    days: int = param(28, unit="days", ge=1, le=56)
    pack: int = param(6, multiple_of=6)
    flag: bool = param(True)
    code: str = param("007", min_length=1, max_length=6, pattern=r"^\w+$")
    solver: Literal["highs", "cbc"] = param("highs")
    weeks: Literal[4, 8] = param(4)
    mode: Mode = param(Mode.fast)
    start: date | None = param(None)
    limit: float | None = param(None, ge=0)
    levels: tuple[float, ...] = param((0.9, 0.95))
    stores: list[str] = param([])

    @model_validator(mode="after")
    def _together(self):
        if self.limit is not None and self.limit < self.days:
            raise ValueError(f"limit ({self.limit}) must be at least days ({self.days})")
        return self


def problems(*pairs, base=()):
    with pytest.raises(ParameterError) as caught:
        parse_pairs(Model, pairs, base)
    return caught.value.problems


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("share", "0.5", 0.5),
        ("share", " 5e-1 ", 0.5),
        ("days", "+7", 7),
        ("days", "007", 7),
        ("days", "14.0", 14),
        ("flag", "false", False),
        ("flag", "No", False),
        ("flag", "0", False),
        ("flag", "TRUE", True),
        ("flag", "on", True),
        ("code", "007", "007"),
        ("code", "false", "false"),
        ("code", "None", "None"),
        ("code", "1e3", "1e3"),
        ("solver", "cbc", "cbc"),
        ("weeks", "8", 8),
        ("mode", "careful", Mode.careful),
        ("start", "2026-11-02", date(2026, 11, 2)),
        ("start", "none", None),
        ("limit", "", None),
        ("limit", "30", 30.0),
        ("levels", "0.5,0.6", (0.5, 0.6)),
        ("levels", "[0.5, 0.6]", (0.5, 0.6)),
        ("levels", "(0.5)", (0.5,)),
        ("levels", "", ()),
        ("stores", "007,a b", ["007", "a b"]),
        ("source", "public:m5-foods1", "public:m5-foods1"),
        ("source", "own:C:/data", "own:C:/data"),
    ],
)
def test_text_is_read_as_what_is_declared(name, text, value):
    found = getattr(parse_pairs(Model, [(name, text)]), name)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "name, text, says",
    [
        ("share", "1", "above 0, below 1"),
        ("share", "95%", "a number"),
        ("share", "0,95", "decimal point"),
        ("share", "nan", "a number"),
        ("share", "inf", "a number"),
        ("share", "", "a number"),
        ("days", "0", "from 1 to 56"),
        ("days", "7.5", "a whole number"),
        ("days", "1e99", "a whole number"),
        ("days", "9" * 400, "from 1 to 56"),
        ("days", "seven", "a whole number"),
        ("days", "none", "a whole number"),
        ("pack", "7", "a multiple of 6"),
        ("flag", "2", "true or false"),
        ("flag", "", "true or false"),
        ("code", "", "at least 1 long"),
        ("code", "a-b", "of the form"),
        ("code", "1234567", "at most 6 long"),
        ("solver", "HIGHS", "one of highs, cbc"),
        ("weeks", "5", "one of 4, 8"),
        ("mode", "slow", "one of fast, careful"),
        ("start", "2.11.2026", "a date such as"),
        ("start", "2026-13-01", "a date such as"),
        ("levels", "0.5,high", "entry 2"),
        ("levels", "0.5,nan", "entry 2"),
        ("limit", "-inf", "or none"),
        ("source", "m5", "public:NAME"),
        ("source", "public:", "public:NAME"),
        ("seed", "-1", "from 0"),
        ("limit", "3", "must be at least days (28)"),
        ("code", "00\x007", "of the form"),
    ],
)
def test_what_does_not_fit_is_refused_with_name_found_and_allowed(name, text, says):
    (problem,) = problems((name, text))
    assert problem.startswith(name) and says in problem and (repr(text) in problem or name == "limit")


@pytest.mark.parametrize(
    "typed, meant", [("Days", "days"), ("dayz", "days"), ("solvr", "solver"), ("level", "levels"), ("sead", "seed")]
)
def test_an_unknown_name_is_answered_with_the_nearest(typed, meant):
    (problem,) = problems((typed, "3"))
    assert f"did you mean {meant}?" in problem and "Known: source, seed, share" in problem


def test_a_name_like_nothing_is_refused_without_a_guess():
    (problem,) = problems(("zzzzqqqq", "3"))
    assert "no such parameter; Known:" in problem
    assert nearest("service-level", ["service_level", "seed"]) == "service_level" and nearest("x", []) == ""


def test_all_problems_come_at_once_and_each_once():
    found = problems(("days", "x"), ("share", "2"), ("nope", "1"), ("flag", "perhaps"), ("seed", "1"), ("seed", "1"))
    assert len(found) == 5


def test_a_rule_is_not_judged_on_a_value_that_was_refused():
    assert len(problems(("days", "x"), ("limit", "3"))) == 1


def test_a_name_given_twice_is_refused_even_with_one_value():
    assert "given 2 times ('7', '7')" in problems(("days", "7"), ("days", "7"))[0]


def test_the_command_line_overrides_the_file_but_a_file_may_not_say_it_twice():
    assert parse_pairs(Model, [("days", "7")], base=[("days", "14"), ("flag", "no")]).days == 7
    assert "given 2 times" in problems(base=[("days", "7"), ("days", "8")])[0]


def written(tmp_path, content, name="params.yaml"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "code: 007\nflag: no\ndays: 14\nlevels:\n- 0.5\n- 0.6\nstart: 2026-11-02\nlimit: null\n",
        '{"code": "007", "flag": false, "days": 14, "levels": [0.5, 0.6], "start": "2026-11-02", "limit": null}',
        "\ufeffcode: '007' # a comment\r\nflag: False\r\ndays: 14\r\nlevels: [0.5, 0.6]\r\nstart: "
        "2026-11-02\r\nlimit: ~\r\n",
    ],
)
def test_a_file_in_yaml_or_json(tmp_path, content):
    params = parse_pairs(Model, [], base=read_parameter_file(written(tmp_path, content)))
    assert (params.code, params.flag, params.days, params.levels, params.start, params.limit) == (
        "007",
        False,
        14,
        (0.5, 0.6),
        date(2026, 11, 2),
        None,
    )


@pytest.mark.parametrize(
    "content, says",
    [
        ("days: 7\ndays: 8\n", "given 2 times"),
        ("days: {a: 1}\n", "line 1: days holds a structure"),
        ("- days\n", "found no names"),
        ("days: [1, [2]]\n", "structure"),
        ("days: 'x\n", "line"),
        (b"\xff\xfe\x00binary", "not a parameter file"),
        ("just words", "found no names"),
        ("a: &x 1\n" * 200_000, "more than 1,000,000"),
        ("[1]: 2\n", "a name holds a structure"),
        ("days: !!python/object/apply:os.system [ls]\n", "days"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, content, says):
    with pytest.raises(ParameterError) as caught:
        parse_pairs(Model, [], base=read_parameter_file(written(tmp_path, content)))
    assert says in str(caught.value)


def test_a_file_that_is_empty_or_missing(tmp_path):
    assert read_parameter_file(written(tmp_path, "# nothing\n")) == []
    for path in (tmp_path / "no.yaml", tmp_path):
        with pytest.raises(ParameterError, match="cannot be read"):
            read_parameter_file(path)


def test_values_of_a_notebook_keep_their_type():
    params = from_namespace(
        Model, {"days": np.int64(7), "share": np.float64(0.5), "levels": [0.5], "flag": np.True_, "Model": Model}
    )
    assert (params.days, params.share, params.levels, params.flag) == (7, 0.5, (0.5,), True) and type(
        params.days
    ) is int
    for name, value in [
        ("days", True),
        ("days", 7.5),
        ("flag", 1),
        ("code", 7),
        ("share", float("nan")),
        ("levels", 0.5),
        ("share", None),
    ]:
        with pytest.raises(ParameterError, match=name):
            from_namespace(Model, {name: value})


def test_names_of_a_notebook_that_are_no_parameters_are_refused_but_not_its_constants_and_modules():
    assert from_namespace(Model, {"PALETTE": ["red"], "_": 3, "np": np, "date": date, "Out": {}, "len": len}) == Model()
    with pytest.raises(ParameterError, match="did you mean share"):
        from_namespace(Model, {"shares": 0.5})


def test_what_is_built_cannot_be_changed_or_built_loosely():
    params = Model()
    with pytest.raises(ValidationError):
        params.days = 3
    for wrong in ({"days": "7"}, {"days": True}, {"nope": 1}, {"share": float("inf")}):
        with pytest.raises(ValidationError):
            Model(**wrong)


def test_a_default_that_breaks_its_own_rule_is_found():
    class Wrong(CaseParameters):
        days: int = param(0, ge=1)

    with pytest.raises(ParameterError, match="days: found 0"):
        parse_pairs(Wrong, [])


def test_table_schema_and_words():
    table = parameter_table(parse_pairs(Model, [("days", "7")])).set_index("name")
    assert (
        list(table.index[table["changed"]]) == ["days"] and table.loc["days", "range"] == "a whole number, from 1 to 56"
    )
    assert table.loc["share", "unit"] == "share" and table["range"].str.len().gt(0).all()
    schema = json_schema(Model)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(Model().model_dump(mode="json"), schema)
    for wrong in ({"days": 0}, {"days": 1.5}, {"nope": 1}, {"solver": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    json.dumps(schema, allow_nan=False)
    assert allowed(Model.model_fields["stores"]) == "a list, separated by commas, each text"


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "share": st.floats(0.01, 0.99),
            "days": st.integers(1, 56),
            "flag": st.booleans(),
            "code": st.from_regex(r"\A[a-z0-9]{1,6}\Z"),
            "start": st.dates(),
            "limit": st.floats(56, 1e12),
            "levels": st.lists(st.floats(-1e9, 1e9), max_size=4).map(tuple),
            "mode": st.sampled_from(Mode),
            "seed": st.integers(0, 2**32 - 1),
        },
    )
)
def test_what_is_written_as_text_is_read_as_the_same_value(values):
    params = Model(**values)
    assert parse_pairs(Model, [(name, to_text(value)) for name, value in changed_values(params).items()]) == params


def test_the_command_quotes_what_a_shell_would_split():
    assert (
        command("shop", parse_pairs(Model, [("source", "own:my data; rm -rf")]))
        == "lepton-nb run shop -p source 'own:my data; rm -rf'"
    )


@pytest.mark.parametrize(
    "cell, says",
    [
        ("days = 28\ndays: int = 7", "days: 7 in the parameters cell"),
        ("days = 28.0", "28.0 in the parameters cell"),
        ("days += 1", "plain"),
        ("import os", "plain assignments"),
        ("days = other", "plain value"),
        ("flag = 1", "flag: 1 in the parameters cell"),
    ],
)
def test_the_parameters_cell_is_held_to_the_model(cell, says):
    assert any(says in problem for problem in default_problems(cell, Model))
