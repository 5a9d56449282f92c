"""Descriptions: what is known on a day, words that help and words that do not, nothing from the days to come."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.descriptions import (
    DescriptionError,
    draw_range,
    judge_launches,
    known_launches,
    launch_gain,
    launch_scores,
    learn_launches,
)

CUTS = pd.date_range("2025-07-01", "2025-10-01", freq="MS")
SALES, TEXTS, TRUTH = draw_range(items=240, seed=5)


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    return judge_launches(SALES, TEXTS, CUTS)


def test_only_items_whose_first_weeks_have_passed_are_known():
    until = pd.Timestamp("2025-08-01")
    known = known_launches(SALES, TEXTS, until)
    new = known[~known["established"]]
    assert (new["start"] + pd.Timedelta(days=28) <= until).all() and (known["start"] < until).all()
    one = new.index[0]
    mine = SALES[SALES["item"] == one]
    first = mine["date"].min()
    assert new.loc[one, "units"] == mine[mine["date"] < first + pd.Timedelta(days=28)]["units"].sum()


def test_the_demand_of_established_items_is_that_of_as_many_days():
    known = known_launches(SALES, TEXTS, "2025-11-01")
    old = known[known["established"]]
    ratio = old["units"] / TRUTH[old.index]
    assert abs(ratio.median() - 1) < 0.05


def test_sales_after_the_day_of_asking_change_nothing(judged):
    cut = CUTS[1]
    known, scrambled = known_launches(SALES, TEXTS, cut), SALES.copy()
    later = scrambled["date"] >= cut
    scrambled.loc[later, "units"] = 1 + scrambled.loc[later, "units"].to_numpy()[::-1]
    pd.testing.assert_frame_equal(known, known_launches(scrambled, TEXTS, cut))
    again = judge_launches(scrambled, TEXTS, CUTS[1:])
    mine = judged[judged["cut"] == cut]
    told = [c for c in judged if c.endswith(("typical", "expected"))]
    pd.testing.assert_frame_equal(again.loc[again["cut"] == cut, told], mine[told])


def test_words_that_matter_help_and_others_are_not_said_to(judged):
    gain, low, high = launch_gain(judged, draws=60)
    assert gain < 0 and low < gain < high < 0
    assert launch_gain(judged, "words", "words", draws=5) == (0.0, 0.0, 0.0)
    sales, texts, _ = draw_range(words=0.0, items=240, seed=5)
    assert launch_gain(judge_launches(sales, texts, CUTS), draws=60)[2] > 0
    assert launch_scores(judged)["RMSLE"].idxmin() == "words and price"


def test_the_known_newcomers_come_out_right_in_total():
    known = known_launches(SALES, TEXTS, "2025-10-01")
    new = known[~known["established"]]
    assert np.isclose(learn_launches(known).expected(new).sum(), new["units"].sum())


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: known_launches(SALES, {}, "2025-08-01"), "items have no description, the first is"),
        (lambda: known_launches(SALES, TEXTS, "2024-01-01"), "nothing was sold before 2024-01-01"),
        (lambda: known_launches(SALES.assign(price=np.nan), TEXTS, "2025-08-01"), "price is nan"),
        (lambda: known_launches(SALES.assign(price=-1.0), TEXTS, "2025-08-01"), "a price is 0 or below"),
        (lambda: known_launches(SALES.drop(columns="item"), TEXTS, "2025-08-01"), "no column item"),
        (lambda: learn_launches(known_launches(SALES, TEXTS, "2025-02-01")), "0 of them newcomers"),
        (lambda: learn_launches(known_launches(SALES, TEXTS, "2025-10-01"), ("colour",)), "found 'colour'"),
    ],
)
def test_what_teaches_nothing_is_refused_with_words(ask, told):
    with pytest.raises(DescriptionError, match=told):
        ask()
