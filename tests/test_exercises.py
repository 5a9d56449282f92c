"""Exercises: pages and checks hold together, hints give nothing away, and what is no answer is told in words."""

import importlib
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from lepton_nb.workbook.exercises import Exercise, ExerciseError, judge_answer

ROOT = Path(__file__).parents[1]
CASES = ("retail", "manufacturing", "city")


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """A case: its checks, the exercises made from its data, and the cells of its page."""
    module = importlib.import_module(f"lepton_nb.cases.{request.param}.exercises")
    (page,) = (ROOT / "nbs" / "guide").glob(f"*_exercises_{request.param}.ipynb")
    made = {name: make() for name, make in module.EXERCISES.items()}
    return module.check, made, nbformat.read(page, 4).cells


def test_each_exercise_has_a_question_an_open_answer_and_a_folded_solution(case):
    _, made, cells = case
    asked = [cell.source for cell in cells if cell.source.startswith("answer = ...")]
    folded = [cell.source for cell in cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert 4 <= len(made) <= 6 and len(asked) == len(folded) == len(made)
    for name, open_cell, solution in zip(made, asked, folded):
        assert f'check("{name}", answer)' in open_cell and solution.startswith(f"# Solution of {name}\n")
        assert f'assert check("{name}", answer).right' in solution


def test_named_mistakes_get_their_hint_and_no_hint_gives_the_answer(case):
    check, made, _ = case
    for name, exercise in made.items():
        assert check(name, exercise.right).words == "Right." and len(exercise.mistakes) >= 3
        for mistake in exercise.mistakes:
            told = check(name, mistake.value)
            assert (told.right, told.mistake) == (False, mistake.name) and mistake.hint in told.words
            shown = exercise.right if isinstance(exercise.right, str) else f"{exercise.right:.4g}"
            assert shown not in told.words


def test_what_is_no_answer_is_told_by_its_type_shape_and_numbers(case):
    check, made, _ = case
    for name, exercise in made.items():
        assert check(name, ...).mistake == "untouched"
        wrong = (3.0, None) if isinstance(exercise.right, str) else (np.nan, np.inf, "12", None, True, pd.DataFrame())
        assert {check(name, value).mistake for value in wrong} == {"type"}
    with pytest.raises(ExerciseError, match="no exercise 'x.1'"):
        check("x.1", 1)


def test_a_typical_wrong_answer_in_each_case_is_named():
    expected = {
        "retail": ("retail.2", "sold instead of demand"),
        "manufacturing": ("manufacturing.3", "service level as factor"),
        "city": ("city.1", "universal time"),
    }
    for case, (name, mistake) in expected.items():
        module = importlib.import_module(f"lepton_nb.cases.{case}.exercises")
        assert mistake in [known.name for known in module.EXERCISES[name]().mistakes]


@pytest.mark.parametrize("value", [7, 7.0, np.int64(7), np.float32(7), np.array([[7.0]]), pd.Series([7.0])])
def test_one_number_counts_in_whatever_holds_it(value):
    assert judge_answer(Exercise("units", 7.0, ()), value).right


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((2, 3)), "shape (2, 3)"),
        ([], "holds 0"),
        (7 + 1j, "complex"),
        (object(), "object"),
        (pd.NaT, "NaT"),
        (pd.Series(["a"]), "Series"),
        (-7.0, "too low"),
        (1e300, "too high"),
    ],
)
def test_odd_answers_are_refused_in_words(value, words):
    told = judge_answer(Exercise("units", 7.0, ()), value)
    assert not told.right and words in told.words
