"""Public sources of the manufacturing case, the market that they show, and what they cannot carry."""

import os
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from test_pages import sane, sides

from lepton_nb.cases.manufacturing import Parameters, study
from lepton_nb.cases.manufacturing import market_exhibits as exhibits
from lepton_nb.cases.manufacturing.public import PUBLIC_PLANTS, require_plan
from lepton_nb.cases.manufacturing.sources import SOURCES
from lepton_nb.cases.manufacturing.study.alarms import FORMULAS, OURS, alarms_from, alarms_of
from lepton_nb.cases.manufacturing.study.known import data_of
from lepton_nb.cases.manufacturing.study.market import RECONCILED, market_from, market_of, run_out
from lepton_nb.data.catalog import Dataset, SourceError
from lepton_nb.demand.risk import WAYS
from lepton_nb.workbook.case import PageOmitted
from lepton_nb.workbook.parameters import UserError, default_problems
from lepton_nb.workbook.prose import prose_cells, render, unread

PAGES = Path(__file__).resolve().parent.parent / "nbs" / "cases" / "manufacturing"
FOLDER = Path(os.environ.get("LEPTON_NB_DATA", "") or "nowhere")
NAMES = ["china-autos", "open-ev", "ai4i"]


def public(name: str) -> Dataset:
    known = next(one for one in PUBLIC_PLANTS if one.name == name)
    if not (FOLDER / known.ways[0][0].path).is_file():
        pytest.skip(f"{known.ways[0][0].path} is not at hand: set LEPTON_NB_DATA to the folder that holds it")
    return SOURCES.load(f"public:{name}")


# ---- the sources


@pytest.mark.parametrize("name", NAMES[:2])
def test_a_set_that_is_not_here_is_told_with_what_to_get_and_where_to_put_it(name, monkeypatch, tmp_path):
    monkeypatch.delenv("LEPTON_NB_DATA", raising=False)
    monkeypatch.setattr("lepton_nb.data.catalog.cache", lambda: tmp_path)
    known = next(one for one in PUBLIC_PLANTS if one.name == name)
    with pytest.raises(SourceError) as told:
        SOURCES.load(f"public:{name}")
    for words in (known.origin, known.ways[0][0].path, str(tmp_path), known.licence, "LEPTON_NB_DATA"):
        assert words in str(told.value)


def test_every_set_names_source_and_licence():
    told = SOURCES.available().set_index("source")
    assert {f"public:{name}" for name in NAMES} <= set(told.index) and told["licence"].ne("").all()


def test_the_traps_of_china_are_in_the_log():
    data = public("china-autos")
    log = data.log.set_index("rule")
    assert log.loc["stands twice", "rows"] == 34 and "49 names" in log.loc["maker in the name", "why"]
    assert log.loc["break at 2023-01", "rows"] > 0 and log.loc["lockdown", "before"] == "2020-02, 2022-04"
    raw = pd.read_csv(FOLDER / "manufacturing/car_sales/china_automobile_sales_by_model.csv")
    cars = data.tables["demand"]["orders"].sum() + log.loc["stands twice", "units"]
    assert cars == raw["units_sold"].sum() and len(data.tables["models"]) == 1_372
    assert not data.tables["demand"].duplicated(["model", "week"]).any()


def test_the_registrations_that_are_left_out_are_counted():
    data = public("open-ev")
    raw = pd.read_csv(FOLDER / "manufacturing/car_sales/open_ev_charts_long.csv.gz")
    by_model = raw.loc[raw["series"] == "ElectricCarsByModel", "count"].sum()
    assert data.tables["demand"]["orders"].sum() + data.log["units"].sum() == by_model
    months = data.tables["demand"].groupby("region")["week"].agg(["min", "max", "nunique"])
    assert months.nunique().eq(1).all(), "every country reports the same months"


def test_the_milling_machine_keeps_its_failures():
    data = public("ai4i")
    assert len(data.tables["readings"]) == 10_000 and len(data.tables["failures"]) == 339
    assert data.tables["readings"]["machine"].nunique() == 120
    assert not {"TWF", "HDF", "failure"} & set(data.tables["readings"])


# ---- what cannot be planned


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_is_refused_before_a_file_is_read(name, monkeypatch):
    monkeypatch.setattr(SOURCES.__class__, "load", lambda *_, **__: pytest.fail("a file was read"))
    with pytest.raises(UserError, match=f"public:{name} has .* only, and a plan needs .*bom.*own:FOLDER"):
        study(Parameters(source=f"public:{name}"))
    with pytest.raises(PageOmitted):
        require_plan(f"public:{name}", ("bom",))


def test_pages_without_their_data_are_left_out_with_a_sentence():
    with pytest.raises(PageOmitted, match="stops and its money"):
        alarms_of(Parameters())
    public("ai4i")
    with pytest.raises(PageOmitted, match="no orders"):
        market_of(Parameters(source="public:ai4i"))


@pytest.mark.parametrize("name", ["market", "alarms"])
def test_the_pages_take_every_parameter(name):
    cells = nbformat.read(PAGES / f"{name}.ipynb", 4).cells
    [cell] = [c.source for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert default_problems(cell, Parameters) == []


# ---- the market


@pytest.fixture(scope="module")
def market():
    return market_from(Parameters(), data_of(Parameters()))


def monthly(rows: dict, models: pd.DataFrame) -> Dataset:
    """Lay out orders by the month from 2021 on, the same every year."""
    long = [
        (model, day, float(value))
        for model, values in rows.items()
        for day, value in zip(pd.date_range("2021-01-01", periods=len(values), freq="MS"), values)
        if value is not None
    ]
    demand = pd.DataFrame(long, columns=["model", "week", "orders"])
    return Dataset("own:made", "manufacturing", {"demand": demand, "models": models}, {}, pd.DataFrame(), "", "EUR")


def test_levels_add_up_none_is_negative_and_what_ended_stays_at_zero(market):
    level = market.names["level"].to_numpy()
    for name in ("model", "segment"):
        assert np.allclose(market.expected[level == name].sum(0), market.expected[0])
    assert (market.expected >= 0).all() and (market.values >= 0).all() and (np.diff(market.values, axis=2) >= 0).all()
    ended = np.array(["sells no more" in note for note in market.notes])
    assert ended.sum() == 1 and (market.expected[ended] == 0).all() and 0.8 < market.inside < 0.98


def test_the_window_that_judges_is_not_seen(market):
    data = data_of(Parameters())
    demand = data.tables["demand"]
    late = demand["week"] > demand["week"].max() - pd.Timedelta(weeks=13)
    doubled = demand.assign(orders=demand["orders"].where(~late, 5 * demand["orders"]))
    other = market_from(Parameters(), replace(data, tables=data.tables | {"demand": doubled}))
    assert other.chosen == market.chosen and other.tried.drop(columns="seconds", errors="ignore").equals(
        market.tried.drop(columns="seconds", errors="ignore")
    )


def test_months_run_outs_launches_and_makers():
    season = [100, 80, 120, 110, 100, 90, 80, 90, 110, 130, 120, 150]
    models = pd.DataFrame(
        {
            "model": ["old", "gone", "rival", "new", "to come"],
            "maker": ["A", "A", "B", "A", "B"],
            "segment": ["small", "small", "small", "large", "large"],
            "like": [None, None, None, "old", "old"],
            "first_week": pd.to_datetime([None, None, None, None, "2026-03-01"]),
        }
    )
    rows = {
        "old": season * 5,
        "gone": season * 4 + [100] + [0] * 11,
        "rival": [2 * value for value in season] * 5,
        "new": [None] * 57 + [20, 22, 21],
    }
    m = market_from(Parameters(), monthly(rows, models))
    total = dict(zip(m.names["level"] + " " + m.names["name"], m.expected.sum(1)))
    assert m.monthly and len(m.periods) == 12 and total["model gone"] == 0
    assert total["maker A"] == pytest.approx(total["model old"] + total["model new"])
    assert total["market all"] == pytest.approx(total["maker A"] + total["maker B"])
    assert 0.8 * sum(season) < total["model old"] < 1.2 * sum(season)
    note = dict(zip(m.names["name"], m.notes))
    assert note["new"] == "launch, borrows from old" and note["gone"] == "sells no more"
    come = m.expected[(m.names["name"] == "to come").to_numpy()][0]
    assert (come[:2] == 0).all() and (come[2:] > 0).all(), "nothing before the launch, its like afterwards"


def test_too_few_months_leave_the_page_out():
    models = pd.DataFrame({"model": ["old"]})
    with pytest.raises(PageOmitted, match="20 periods of orders are too few.*39 are needed"):
        market_from(Parameters(), monthly({"old": [100, 90] * 10}, models))


def test_a_model_that_never_began_has_not_run_out():
    seen = np.array([[1.0, 0, 0], [np.nan, np.nan, np.nan], [np.nan, 0, 2]])
    assert run_out(seen, 2).tolist() == [True, False, False]


def test_china_is_forecast_better_than_by_the_year_before():
    m = market_from(Parameters(), public("china-autos"))
    for level in ("model", "segment", "market"):
        assert m.error(level, RECONCILED) < m.error(level, "seasonal_naive"), level
    assert {"market", "maker", "segment", "model"} == set(m.names["level"]) and m.returned < 0.02


# ---- what the pages say


def read_all(page: str, examples: list[dict]) -> None:
    """Render every prose cell on every example; both sides of each condition are read and make sense."""
    for cell in prose_cells(PAGES / f"{page}.ipynb"):
        for names in examples:
            sane(" ".join(render(cell, names).split()))
        assert unread(cell, examples) == [], cell


def test_every_side_of_the_market_page_is_read_and_makes_sense(market):
    names = exhibits.market_names(market) | {"m": market, "data": market.data}
    told = replace(market.data, truth=None, assumed=["Cars sold stand for cars ordered."])
    changes = [
        {"leaning": 0.2},
        {"leaning": -0.2},
        {"leaning": 0.0},
        {"growth": 0.2, "up": "Tarn (by 9%)", "down": "Kiro (by 3%)"},
        {"growth": -0.2, "up": "", "down": ""},
        {"growth": 0.0, "up": "", "down": "Kiro (by 3%)"},
        {"growth": 0.0, "up": "Tarn (by 9%)", "down": ""},
        {"levels": [], "lacking": "public:x has demand only"},
        {"levels": ["segment", "maker"], "data": told},
        {"out": 0, "launches": 0, "borrowing": 0},
        {"out": 2, "launches": 1, "borrowing": 1, "m": replace(market, returned=0.02)},
        {"launches": 3, "borrowing": 2},
        {"launches": 3, "borrowing": 0},
        {"error": 0.2, "naive": 0.1, "model_error": 0.4, "model_naive": 0.3},
        {"error": 0.1, "naive": 0.2, "model_error": 0.3, "model_naive": 0.4},
    ]
    read_all("market", sides(names, *changes))


def test_the_tables_of_the_market_page_hold_every_level(market):
    fans, rows = exhibits.market_fans(market), exhibits.market_rows(market)
    assert fans.ids[0] == "all" and (fans.low <= fans.inner_low).all() and (fans.inner_high <= fans.high).all()
    assert rows[rows["level"] == "model"]["to come"].sum() == pytest.approx(rows["to come"].iloc[0])
    assert exhibits.market_scores(market)["level"].tolist() == ["market", "segment", "model"]
    assert len({result.name for result in exhibits.market_results(market)}) == 7


def lathe() -> Dataset:
    """A machine that fails where the torque is high on a worn edge."""
    rng, n = np.random.default_rng(5), 1_200
    time = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), unit="min")
    readings = pd.DataFrame({"machine": [f"tool {k // 60}" for k in range(n)], "time": time})
    readings["torque"], readings["tool_wear"] = np.clip(rng.normal(40, 10, n), 5, None), np.arange(n) % 60 * 4.0
    fails = readings["torque"] * readings["tool_wear"] > 8_000
    start = readings["time"][fails] + pd.Timedelta(seconds=30)
    failures = pd.DataFrame({"machine": readings["machine"][fails], "start": start, "end": start})
    card = {"title": "A lathe", "size": "1,200 readings", "licence": "ours", "from": "us"}
    return Dataset("public:lathe", "manufacturing", {"readings": readings, "failures": failures}, card, pd.DataFrame(),
                   "", "EUR", ["It has no clock."])  # fmt: skip


def test_every_side_of_the_page_of_alarms_is_read_and_makes_sense():
    a = alarms_from(Parameters(), lathe(), {"boosting": WAYS["boosting"]})
    assert FORMULAS not in a.scores.index and a.scores.loc[OURS, "recall"] > 0.7 and len(a.told) == 20
    assert a.told["risk"].is_monotonic_decreasing and a.told["reason"].str.startswith("Risk of failure").all()
    ours = a.scores.loc[OURS]
    names = {
        "a": a,
        "data": a.data,
        "costs": a.costs,
        "ours": ours,
        "known": False,
        "rule": ours,
        "most": 100.0,
        "saved": 0.3,
    }
    read_all("alarms", sides(names, {"known": True}, {"known": True, "rule": ours.replace(ours["F1"], 1.0)}))
