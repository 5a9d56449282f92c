"""Every exit that is not a result is a sentence with a status, whatever is typed, read, or in the way of the output."""

import json
import subprocess
import sys

import pytest
import tiny_case

from lepton_nb.workbook import cli
from lepton_nb.workbook.cli import main
from lepton_nb.workbook.parameters import ParameterError, parse_pairs, read_parameter_file


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with tiny_case.importable(tmp_path_factory.mktemp("cases")) as place:
        yield place


@pytest.fixture
def say(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def speak(*words):
        code = main([str(w) for w in words], **place)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return speak


def shell(words: str, **options) -> subprocess.CompletedProcess:
    """Say words in a process of its own, through a shell; LNB stands for the command."""
    code = 'import sys; from lepton_nb.workbook.cli import main; sys.exit(main(sys.argv[1:], module="tiny"))'
    words = words.replace("LNB", f"{sys.executable} -c '{code}'")
    run = subprocess.run(
        ["bash", "-c", words], capture_output=True, text=True, errors="replace", timeout=120, **options
    )
    assert "Traceback" not in run.stdout + run.stderr and "Exception ignored" not in run.stderr
    return run


@pytest.mark.parametrize(
    "words",
    [
        ("run", "shop", "--out", "x" * 5000),
        ("run", "shop", "--out", "a\udcffb"),
        ("run", "shop", "-p", "source", "own:a\udcffb"),
        ("run", "shop", "-p", "source", "own:" + "x" * 5000),
        ("run", "shop", "-p", "code", "a\nb"),
        ("run", "shop", "--publish", "/dev/null/x", "--out", "/dev/null/y"),
        ("run", "sh\x00op"),
        ("run", "shop", "-f", "x" * 5000),
        ("run", "shop", "-f", "."),
        ("publish", "x" * 5000),
        ("publish", "/dev/null"),
        ("verify", "x" * 5000 + ".json"),
        ("verify", "a.json", "b.json"),
        ("verify", "."),
        ("verify", "/dev/null"),
        ("", "shop"),
        ("run", ""),
    ],
)
def test_odd_names_are_answered_with_a_sentence_and_2(say, words):
    code, out, err = say(*words)
    assert code == 2 and err.startswith("lepton-nb: ") and out == "" and "fault of lepton_nb" not in err


@pytest.mark.parametrize(
    "content",
    [
        "[" * 50_000,
        "{a: " * 20_000,
        "units: " + "[" * 900,
        "? [a, b]\n: c",
        "? {a: b}\n: c",
        "\x00",
        "a: &a [*a]",
        "- " * 9000,
    ],
)
def test_a_parameter_file_nested_deeply_is_refused(tmp_path, content):
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(ParameterError):
        read_parameter_file(tmp_path / "mine.yaml")


def test_a_parameter_file_without_end_is_refused():
    with pytest.raises(ParameterError, match="1,000,000"):
        read_parameter_file("/dev/zero")


WHOLE = {"case": "shop", "parameters": {}, "results": {"gain": {"value": 1.0, "unit": "EUR"}}}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 99_999, json.dumps(WHOLE)[:-4].encode(), b"{}"])
def test_a_damaged_results_file_in_verify(say, tmp_path, content):
    (tmp_path / "good.json").write_text(json.dumps(WHOLE))
    (tmp_path / "bad.json").write_bytes(content)
    assert say("verify", "good.json", "good.json")[0] == 0
    for pair in (("good.json", "bad.json"), ("bad.json", "good.json"), ("bad.json",)):
        code, out, err = say("verify", *pair)
        assert code == 2 and "bad.json: not a results.json" in err and out == ""


def test_a_reason_is_printed_and_a_change_of_sign_is_a_difference(say, tmp_path):
    wide = {"value": 17.0, "unit": "EUR", "tolerance": "200%", "meaning": "", "reason": "few weeks"}
    for name, value in (("a", 17.0), ("b", 20.0), ("c", -1.0)):
        results = {"gain": wide | {"value": value}, "cost": {"value": 1.0, "unit": "EUR"}}
        (tmp_path / f"{name}.json").write_text(json.dumps(WHOLE | {"results": results}))
    for words in (("a.json", "b.json"), ("a.json", "b.json", "--quiet")):
        code, out, _ = say("verify", *words)
        assert code == 0 and "few weeks" in out and "2 of 2" in out
    code, out, _ = say("verify", "a.json", "c.json")
    assert code == 1 and "another sign" in out


def test_a_full_output_is_a_sentence_and_2(place):
    for words in ("LNB params shop > /dev/full", "LNB --help > /dev/full", "LNB cases > /dev/full"):
        run = shell(words)
        assert run.returncode == 2 and "the output could not be written (No space left on device)" in run.stderr


def test_no_output_and_no_error_output_at_all(place):
    assert shell("LNB cases >&-").returncode == 0
    assert shell("LNB rum 2>&-").returncode == 2
    assert shell("LNB rum 2> /dev/full").returncode == 2


def test_signs_that_a_terminal_does_not_know_are_spelled_out(place):
    run = shell("PYTHONIOENCODING=ascii LNB run shop -p do fail --out /proc/x; PYTHONIOENCODING=ascii LNB params shop")
    assert run.returncode == 0 and "units" in run.stdout


def test_a_reader_that_leaves_early_does_not_hide_a_difference(place, tmp_path):
    many = {f"gain.{i}": {"value": 1.0, "unit": "EUR"} for i in range(3000)}
    (tmp_path / "a.json").write_text(json.dumps(WHOLE | {"results": many}))
    (tmp_path / "b.json").write_text(json.dumps(WHOLE | {"results": many | {"gain.0": {"value": 2.0, "unit": "EUR"}}}))
    run = shell("LNB verify a.json b.json | head -1; echo ${PIPESTATUS[0]}", cwd=tmp_path)
    assert run.stdout.split()[-1] == "1" and run.stderr == ""


def test_a_fault_of_ours_is_told_as_one(say, monkeypatch):
    def broken(_):
        raise KeyError("seconds")

    monkeypatch.setitem(cli.COMMANDS, "cases", (broken, *cli.COMMANDS["cases"][1:]))
    code, out, err = say("cases")
    assert (
        code == 3 and "fault of lepton_nb" in err and "KeyError: 'seconds'" in err and "test_run_exits.py, line" in err
    )


# numbers as people type them


@pytest.mark.parametrize(
    "text, advice",
    [
        ("10,000", "write 10000, without"),
        ("1,000,000", "write 1000000, without"),
        ("1.000.000", "write 1000000, without"),
        ("10'000", "write 10000, without"),
        ("10 000", "write 10000, without"),
        ("-10,000", "write -10000, without"),
        ("10.000", "write 10000 or 10, whichever"),
        ("12.500", "write 12500 or 12.5, whichever"),
        ("0,95", "a decimal point, not a comma: 0.95"),
        ("0,950", "a decimal point, not a comma: 0.950"),
        ("12,5", "a decimal point, not a comma: 12.5"),
    ],
)
def test_a_number_with_separators_is_advised_as_it_was_meant(text, advice):
    from lepton_nb.cases.retail.parameters import Parameters

    with pytest.raises(ParameterError) as caught:
        parse_pairs(Parameters, [("weekly_budget", text)])
    assert advice in str(caught.value)
    for advised in advice.replace(",", " ").split():
        if advised.strip("-").replace(".", "").isdigit() and not advised.startswith(("-", "0.9")):
            parse_pairs(Parameters, [("weekly_budget", advised)])


def test_whole_numbers_are_read_likewise_and_plain_ones_are_taken():
    from lepton_nb.cases.retail.parameters import Parameters

    for text in ("1,000", "1.000"):
        with pytest.raises(ParameterError, match="write 1000"):
            parse_pairs(Parameters, [("seed", text)])
    for text, value in (("10000", 1e4), ("1250.5", 1250.5), ("1.125", 1.125), ("1e4", 1e4), ("10.0", 10.0)):
        assert parse_pairs(Parameters, [("weekly_budget", text)]).weekly_budget == value
