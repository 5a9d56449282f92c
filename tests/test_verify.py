"""Held to the last digit: what a comparison lets pass, and what it says of files that are none."""

import json

import pytest

from lepton_nb.workbook.parameters import UserError
from lepton_nb.workbook.verify import SAME, holds, read_results, record, verify


def results(tolerance=SAME, reason="", **values):
    known = {"unit": "EUR", "tolerance": tolerance, "meaning": ""} | ({"reason": reason} if reason else {})
    entries = {name: known | {"value": value} for name, value in values.items()}
    return {"case": "shop", "parameters": {}, "data": {}, "results": entries}


def verdict(before, after, **told):
    lines = verify(results(gain=before, **told), results(gain=after))
    assert holds(lines) is (lines["verdict"].item() == "same")
    return lines["verdict"].item()


@pytest.mark.parametrize(
    "before, after, says",
    [
        (262309.33774822624, 262309.33774822624, "same"),
        (262309.33774822624, 262309.3377483, "same"),
        (262309.33774822624, 261354.83639864132, "differs"),  # 0.4%: the whole gain of the plan
        (4464, 4465, "differs"),
        (5_000_000, 5_000_001, "differs"),
        (0.0, 1e-15, "same"),
        (0.0, 1e-3, "differs"),
        (17.8, -0.2, "another sign"),
        ("never", 2.5, "differs"),
        (True, 1, "differs"),
    ],
)
def test_a_number_is_held_to_its_last_digits(before, after, says):
    assert verdict(before, after) == says


def test_a_wide_tolerance_counts_with_its_reason_alone():
    assert verdict(100.0, 101.0, tolerance="25%") == "differs", "as in files of before, where no reason was asked for"
    assert verdict(100.0, 101.0, tolerance="25%", reason="few weeks") == "same"
    assert verdict(17.8, -0.2, tolerance="200%", reason="few weeks") == "another sign"
    lines = verify(results("25%", "few weeks", gain=100.0), results(gain=101.0))
    assert lines["reason"].item() == "few weeks" and lines["allowed"].item() == 25.0
    for wide in ("1%", 0.5):
        with pytest.raises(ValueError, match="needs a reason"):
            record("gain", 100.0, tolerance=wide)
    record("gain", 100.0, tolerance="1%", reason="few weeks")
    record("gain", 5_000_000)
    record("payback", "never")


def test_parameters_are_compared_exactly():
    before, after = results(gain=1.0), results(gain=1.0)
    before["parameters"], after["parameters"] = {"rate": 0.2}, {"rate": 0.20000000001}
    assert not holds(verify(before, after))


WHOLE = {"case": "shop", "parameters": {}, "data": {}, "results": {"gain": {"value": 1.0, "unit": "EUR"}}}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "\x00",
        "[" * 100_000,
        json.dumps({**WHOLE, "case": 3}),
        json.dumps({**WHOLE, "case": None}),
        json.dumps({**WHOLE, "data": ["sales"]}),
        json.dumps({**WHOLE, "parameters": {"a": {"b": 1}}}),
        json.dumps({**WHOLE, "results": {"gain": "value"}}),
        json.dumps({**WHOLE, "results": {"gain": {"value": None}}}),
        json.dumps({**WHOLE, "results": {"gain": {"value": 1.0, "tolerance": "much"}}}),
        json.dumps({**WHOLE, "results": {"gain": {"value": 1.0, "unit": ["EUR"]}}}),
        json.dumps({**WHOLE, "results": {"gain": {"value": 10**400}}}),
        json.dumps(WHOLE).replace("1.0", "1e999"),
        json.dumps(WHOLE).replace("1.0", "NaN"),
        json.dumps(WHOLE).replace("1.0", "1" * 5000),
        json.dumps(WHOLE)[:-9],
    ],
)
def test_a_damaged_file_is_answered_with_a_sentence(tmp_path, content):
    (tmp_path / "results.json").write_text(json.dumps(WHOLE))
    assert read_results(tmp_path) == WHOLE
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match="not a results.json"):
        read_results(tmp_path)


def test_a_path_that_is_odd_is_answered_with_a_sentence(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "bytes", tmp_path / "no", tmp_path / ("x" * 300), tmp_path):
        with pytest.raises(UserError):
            read_results(path)


def test_a_new_parameter_that_is_none_is_new_and_no_fault():
    promise = {"case": "shop", "parameters": {}, "data": {}, "results": {}}
    lines = verify(promise, promise | {"parameters": {"repair_cost": None}})
    assert lines[["name", "verdict"]].to_numpy().tolist() == [["repair_cost", "new"]]
