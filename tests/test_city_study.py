"""The city's study on an hour with little traffic, and every cell of its pages on much and on little."""

import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import lepton_nb.cases.city as city
from lepton_nb.allocation.policy import Gain
from lepton_nb.allocation.roads import RoadError
from lepton_nb.cases.city import pages
from lepton_nb.cases.city.network import flows
from lepton_nb.cases.city.network.closures import BY_CONTROL, BY_WEEKS
from lepton_nb.cases.city.network.flows import count_grid
from lepton_nb.cases.city.parameters import Parameters
from lepton_nb.cases.city.study.known import CityError, data_of, known_of
from lepton_nb.cases.city.study.ways import ways_part
from lepton_nb.cases.city.study.whole import study, study_of
from lepton_nb.cases.city.tables import CONTRACT
from lepton_nb.demand.hourly import Hourly
from lepton_nb.workbook.case import PageOmitted
from lepton_nb.workbook.prose import render

PAGES = Path(__file__).resolve().parents[1] / "nbs" / "cases" / "city"
NAMES = ("decide", "demand", "signals", "routes", "bikes", "safety", "sites", "people", "business", "data")
QUIET = Parameters(hour=3, quiet_hour=2, open_hours=1)


@pytest.fixture(scope="module")
def full():
    """Return a study that learns its forecasts from half a year and with few trees, which takes half the time."""
    data, since = data_of(QUIET), pd.Timestamp("2025-06-30")
    late = {name: data.tables[name][data.tables[name]["time"] >= since] for name in ("counts", "taps")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows, "Hourly", partial(Hourly, trees=60, rate=0.2))
        return study_of(QUIET, replace(data, tables=data.tables | late, sha256="half, few trees"))


@pytest.fixture(scope="module")
def bare(full):
    return replace(
        full, joined=None, outlook=None, signals=None, safety=None, bikes=None, people=None, business=None, returns=None
    )


@pytest.fixture(scope="module")
def losing(full):
    """Return a study in which nothing that is advised gains."""
    loss = Gain(np.array([-2.0, -1.0]), -3.0, -0.5)
    signals, bikes = replace(full.signals, weekly=loss), replace(full.bikes, gain=loss)
    safety = replace(full.safety, gain=loss, shift=None, opened=None)
    returns = replace(full.returns, weekly=loss, likely=full.returns.likely.replace(full.returns.likely["npv"], -5.0))
    return replace(full, signals=signals, bikes=bikes, safety=safety, returns=returns, ways=full.ways)


def read(page: str, made, monkeypatch) -> str:
    """Run every cell of a page on a study and return its prose."""
    monkeypatch.setattr(city, "study", lambda params: made)
    names, said = {"display": lambda block: None}, []
    for cell in nbformat.read(PAGES / f"{page}.ipynb", 4).cells:
        if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", []):
            continue
        if cell.source.startswith("%%prose"):
            said.append(render(cell.source.partition("\n")[2], names))
        else:
            exec(cell.source, names)
    return " ".join(" ".join(said).split())


@pytest.mark.parametrize("page", NAMES)
def test_every_cell_of_a_page_runs_on_much(page, full, monkeypatch):
    text = read(page, full, monkeypatch)
    assert len(text) > 100 and not re.search(r"\bnan\b|\binf\b|\bNone\b", text), text


@pytest.mark.parametrize("page", NAMES)
def test_every_cell_of_a_page_runs_on_little(page, bare, monkeypatch):
    if page in ("demand", "signals", "bikes", "safety", "sites", "people", "business"):
        with pytest.raises(PageOmitted):
            read(page, bare, monkeypatch)
    else:
        text = read(page, bare, monkeypatch)
        assert not re.search(r"\bnan\b|\binf\b|\bNone\b", text), text


@pytest.mark.parametrize("page", ["decide", "bikes", "safety"])
def test_a_loss_is_called_one(page, losing, monkeypatch):
    text = read(page, losing, monkeypatch)
    assert "Load the plans" not in text and "Give the van" not in text
    if page == "safety":
        assert "That is a loss" in text
    answer = pages.city_answer(losing)
    assert "Keep **the present plan" in answer and "rule of thumb" in answer


def test_a_closure_laid_on_counts_is_told_beside_what_was_laid_on(full, monkeypatch):
    trial = full.ways.trial
    said = read("routes", full, monkeypatch)
    assert "No closure is on record here" in said and "a comparison with the weeks before" not in said
    assert trial.way == BY_WEEKS and trial.error == trial.plain_error and trial.inside >= 0.8 * len(trial.streets)
    results = {result.name: result.value for result in full.results}
    assert results["closure.low"] <= results["closure.told_change"] <= results["closure.high"]
    told = trial.streets["told"]
    worse = replace(trial, way=BY_CONTROL, streets=trial.streets.assign(low=told, high=told), donors=1)
    said = read("routes", replace(full, ways=replace(full.ways, trial=worse)), monkeypatch)
    assert "1 street with a detector stays within 5%" in said and "take them for too narrow" in said
    none = replace(full.ways, trial=None, untold="no detectors are in these data")
    said = read("routes", replace(full, ways=none), monkeypatch)
    assert "cannot be tried: no detectors are in these data." in said and "What to do with it" not in said


def test_what_is_decided_adds_up(full):
    lines = pages.city_lines(full)
    loads = lines.loc[lines["do"] == "signal", "reason"].str.extract(r"a load that is (\d+)%")[0].dropna().astype(int)
    assert len(loads) > 40 and loads.is_monotonic_decreasing
    assert {"signal", "ambulance"} <= set(lines["do"]) and lines["reason"].str.len().min() > 10
    assert (lines["do"] == "signal").sum() == len(full.signals.plan)
    assert len(full.known.tables["phases"].drop_duplicates(["node", "phase"])) == len(full.signals.plan)


def test_results_are_numbers_with_names_of_their_own(full):
    names = [result.name for result in full.results]
    assert len(set(names)) == len(names) > 20
    assert all(np.isfinite(r.value) for r in full.results if not isinstance(r.value, str))


def test_what_is_joined_keeps_its_totals(full):
    log = full.joined.log
    for source, table, column in (("rides", "rides", None), ("taps", "taps", "boardings"), ("calls", "calls", None)):
        total = len(full.known.tables[table]) if column is None else full.known.tables[table][column].sum()
        rows = log[log["source"] == source]
        assert (rows["total in"] == total).all() and (rows["total out"] == total).all(), source


def test_every_way_meets_the_same_traffic(full):
    for books in full.signals.books.values():
        vehicles = np.stack([book.entries["vehicles"] for book in books.values()])
        assert (vehicles == vehicles[0]).all()


def test_money_is_hours_times_their_worth(full):
    signals = full.returns.steps.set_index("what").loc["signals", "per week"]
    assert np.isclose(signals, full.signals.weekly.mean * full.returns.worth.sum())


def test_a_bound_is_a_bound(full):
    hours = full.ways.by_hour
    least, traffic, by_map = (hours[name] for name in hours.columns[[4, 3, 2]])
    assert (least <= traffic * (1 + 1e-9)).all() and (least <= by_map * (1 + 1e-9)).all()


def test_a_link_that_is_not_there_is_told(full):
    with pytest.raises(RoadError, match="closed is 'A1-Z9'"):
        ways_part(Parameters(closed="A1-Z9"), full.known)


def test_a_users_own_folder_runs_whole_and_with_the_least(tmp_path):
    CONTRACT.write_templates(tmp_path / "whole")
    least = tmp_path / "least"
    least.mkdir()
    for name in CONTRACT.required:
        shutil.copy(tmp_path / "whole" / f"{name}.csv", least)
    whole, little = (
        study(QUIET.model_copy(update={"source": f"own:{folder}"})) for folder in (tmp_path / "whole", least)
    )
    assert whole.known.kind == "own" and whole.outlook is not None and whole.signals is not None
    assert little.signals is None and little.bikes is None and little.ways.closure.hours >= 0
    counted = whole.known.tables["counts"]["vehicles"].sum()
    assert np.isclose(np.nansum(count_grid(whole.known.tables)[0]), counted)


def test_few_days_are_told(full):
    tables = full.known.tables
    last = tables["counts"]["time"].max()
    few = tables | {"counts": tables["counts"][tables["counts"]["time"] > last - pd.Timedelta(days=40)]}
    with pytest.raises(CityError, match="days are too few: judged_weeks=4"):
        known_of(Parameters(), replace(full.known.data, tables=few))
