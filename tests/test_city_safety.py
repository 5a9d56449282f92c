"""Risk, staging and sites of the simulated city: nothing is learnt from later days, all plans meet the same calls."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.city.network.safety import (
    risk_forecast,
    road_minutes,
    site_books,
    site_table,
    sites,
    stage,
    staging_books,
    staging_summary,
)
from lepton_nb.cases.city.world.simulate import shipped_city
from lepton_nb.workbook.parameters import UserError

DAY = "2025-10-01"


@pytest.fixture(scope="module")
def tables():
    return shipped_city()[0]


def before(tables, name):
    return tables | {name: tables[name][tables[name]["time"] < DAY]}


def test_risk_is_forecast_from_what_came_before(tables):
    risk = risk_forecast(tables, DAY, days=2)
    assert list(risk) == ["zone", "hour", "rate", "band"] and len(risk) == 36 * 48
    assert risk["hour"].min() == pd.Timestamp(DAY) and (risk["rate"] > 0).all()
    assert risk.equals(risk_forecast(before(tables, "incidents"), DAY, days=2))
    assert risk.groupby("band")["rate"].min()["high"] >= risk.groupby("band")["rate"].max()["raised"]
    expected, happened = risk_forecast(tables, DAY, days=90)["rate"].sum(), (tables["incidents"]["time"] >= DAY).sum()
    assert 0.7 < expected / happened < 1.4


def test_staging_learns_from_earlier_calls_alone_and_says_why(tables):
    plan = stage(tables, (19, 7), 5, until=DAY)
    assert len(plan) == 5 and list(plan) == ["vehicle", "site", "reason"]
    assert plan["reason"].str.contains("of the calls are within").all()
    assert plan.equals(stage(before(tables, "calls"), (19, 7), 5, until=DAY))


def test_every_plan_meets_the_same_calls(tables):
    books = staging_books(tables, (7, 19), 4, DAY)
    calls = {name: book.entries["calls"] for name, book in books.items()}
    inside = tables["calls"]["time"].dt.hour.between(7, 18) & (tables["calls"]["time"] >= DAY)
    last = pd.Timestamp(DAY) + pd.Timedelta(weeks=len(books["MEXCLP"].by_period()))
    assert calls["MEXCLP"].sum() == (inside & (tables["calls"]["time"] < last)).sum()
    assert all((one == calls["MEXCLP"]).all() for one in calls.values())
    told = staging_summary(books, tables["zones"]["zone"])
    assert told["within"].astype(float).between(0, 1).all()
    assert books["practised"].by_period().sum() > books["busiest zones"].by_period().sum()


def test_sites_that_stand_stay_and_new_ones_shorten_the_mean(tables):
    opened = sites(tables, 2, DAY)
    posts = tables["facilities"].query("kind == 'ambulance post'")
    assert set(posts.loc[posts["existing"], "site"]) == set(opened.loc[opened["stands"], "site"])
    table = site_table(tables, 2, DAY)
    assert table["mean"].astype(float).idxmin() == "p-median"
    assert table["within"].astype(float).idxmax() == "most within the limit"
    assert table.loc["greedy", "mean"] >= table.loc["p-median", "mean"] - 1e-9
    assert len(site_books(tables, (7, 19), 4, 1, DAY)) == 5


def test_ways_follow_the_roads(tables):
    nodes = tables["nodes"]
    minutes = road_minutes(tables, nodes, nodes, slower=1.0)
    number = {node: k for k, node in enumerate(nodes["node"])}
    links = tables["links"]
    direct = minutes[links["from"].map(number), links["to"].map(number)]
    assert (np.diag(minutes) == 0).all() and (direct <= 0.06 * links["length_m"] / links["free_kmh"] + 1e-9).all()
    assert np.isfinite(minutes).all() and not np.allclose(minutes, minutes.T)  # some streets are one-way


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda t: stage(t, (7, 7), 4), "hours is"),
        (lambda t: stage(t, (7, 19), 1, until=DAY), "keep"),
        (lambda t: stage(t, (7, 19), np.nan), "vehicles is nan"),
        (lambda t: stage(t, (7, 19), 4, until="2024-01-01"), "no call of these hours"),
        (lambda t: staging_books(t, (7, 19), 4, "2025-12-30"), "no whole week"),
        (lambda t: sites(t, 10), "can open"),
        (lambda t: sites(t, 1, kind="fire station"), "there are"),
        (lambda t: risk_forecast({"zones": t["zones"]}, DAY), "incidents is missing"),
        (lambda t: risk_forecast(t, "2025-01-01"), "nothing is known"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(tables, wrong, words):
    with pytest.raises(UserError, match=words):
        wrong(tables)
