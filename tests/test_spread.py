"""Work spread over workers that are processes: answers equal to the last bit, nothing lost, and refusals in words."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clusters import Cluster, until

import lepton_nb
from lepton_nb.cases.city.network.bikes import judge_bikes
from lepton_nb.cases.city.network.safety import staging_books
from lepton_nb.cases.city.network.streets import PRESENT, hour_controls, signal_books, street_hour
from lepton_nb.cases.city.world.simulate import shipped_city
from lepton_nb.cases.manufacturing.plant.judging import plant_trial, tune_by_world
from lepton_nb.cases.manufacturing.plant.rules import fixed_weeks
from lepton_nb.cases.manufacturing.plant.week_order import week_order
from lepton_nb.cases.manufacturing.world import simulate
from lepton_nb.cases.retail.chain.judging import judge_chain
from lepton_nb.cases.retail.chain.replenishment import Chain, Weeks
from lepton_nb.cases.retail.chain.rules import order_up_to_average
from lepton_nb.demand.forecasting import forecast
from lepton_nb.workbook import spread
from lepton_nb.workbook.cache import remembered
from lepton_nb.workbook.case import Case
from lepton_nb.workbook.parameters import CaseParameters, UserError
from lepton_nb.workbook.spread import map_over, working_with

distributed = pytest.importorskip("distributed", reason="the extra `scale` is not installed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"), workers=2)
    yield made
    made.end()


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster.address, set_as_default=False) as made:
        made.wait_for_workers(2, timeout=60)
        yield made


def sold(series: int, days: int = 250) -> pd.DataFrame:
    """Make daily sales with a week and series of all sizes."""
    rng, ds = np.random.default_rng(3), pd.date_range("2024-01-01", periods=days)
    mean = rng.gamma(1, 4, series)[:, None] * (1 + 0.4 * (ds.dayofweek >= 5))
    names = np.repeat([f"s{k:03d}" for k in range(series)], days)
    return pd.DataFrame({"unique_id": names, "ds": np.tile(ds, series), "y": rng.poisson(mean).ravel()})


def refusal(*given, **named) -> str:
    with pytest.raises(UserError) as told:
        map_over(*given, **named)
    return str(told.value)


@pytest.mark.parametrize("model", ["auto", "accurate", "average"])
def test_a_forecast_with_a_client_is_that_without_one(client, model):
    past = sold(40)
    here, there = (forecast(past, h=14, freq="D", model=model, client=one) for one in (None, client))
    pd.testing.assert_frame_equal(there, here, check_exact=True)


def test_answers_come_in_order_and_what_fails_in_a_piece_is_raised_here(client):
    assert map_over(lambda k: k * k, range(9), client) == [k * k for k in range(9)]
    assert map_over(abs, [], client) == []

    def divide(k: int) -> float:
        if k == 2:
            raise UserError("row 2: found 0; give a number above 0")
        return 1 / k

    with pytest.raises(ZeroDivisionError):
        map_over(divide, [1, 0, 2], client)
    with pytest.raises(UserError, match="row 2: found 0"):
        map_over(divide, [1, 2, 0], client)
    with pytest.raises(FileNotFoundError):
        map_over(open, ["nowhere/at/all"], client)


def slow(folder: Path, big: np.ndarray, k: int) -> float:
    """Note that a piece was begun, take a while, and add up."""
    (folder / f"{k}-{os.getpid()}").touch()
    time.sleep(0.3)
    return float(big[k::7].sum())


def test_a_worker_killed_in_mid_work_loses_nothing(tmp_path):
    cluster = Cluster(tmp_path, workers=2)
    work = partial(slow, tmp_path, np.random.default_rng(1).normal(size=100_000))
    sys.modules["__main__"].slow = slow  # a worker cannot import this file, so the function itself is sent
    slow.__module__ = "__main__"
    try:
        with distributed.Client(cluster.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            with ThreadPoolExecutor(1) as pool:
                running = pool.submit(map_over, work, range(8), client)
                until(lambda: len(list(tmp_path.glob("*-*"))) >= 3)
                cluster.workers[0].kill()
                assert running.result(60) == map_over(work, range(8))
            assert len(client.nthreads()) == 1
            cluster.workers[1].kill()
            until(lambda: not client.nthreads())
            assert "no worker is left" in refusal(abs, [1], client, patience=1.0)
            cluster.scheduler.kill()
            until(lambda: client.status != "running")
            assert "start again with a client" in refusal(abs, [1], client, patience=1.0)
    finally:
        cluster.end()


def test_a_client_that_cannot_work_is_refused_with_what_to_do(cluster, monkeypatch):
    assert "give a client of Dask" in refusal(abs, [1], "tcp://127.0.0.1:8786")
    with distributed.Client(cluster.address, set_as_default=False) as closed:
        pass
    assert "is closed; start again" in refusal(abs, [1], closed)
    with pytest.raises(UserError, match="is closed"):
        forecast(sold(3), h=7, freq="D", model="fast", client=closed)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'lepton_nb[scale]'" in refusal(abs, [1], closed)


def test_a_worker_with_other_versions_or_without_the_package_is_refused(client, monkeypatch):
    here = spread.versions()
    with monkeypatch.context() as patch:
        patch.setattr(spread, "versions", lambda: here | {"numpy": "9.9"})
        told = refusal(abs, [1], client)
        assert "numpy" in told and "not 9.9" in told and "not comparable" in told
    with pytest.raises(UserError, match="has no package lepton_other; install it where the worker runs"):
        spread.check_workers(client, here, ("lepton_other",))
    with pytest.raises(UserError, match="numpy .*, not 9.9"):
        spread.work_on(b"", b"", {}, here | {"numpy": "9.9"})


def equal_books(here: dict, there: dict) -> None:
    """Hold books against each other, to the last bit."""
    assert list(there) == list(here)
    for name, book in here.items():
        for part, values in book.entries.items():
            np.testing.assert_array_equal(there[name].entries[part], values, err_msg=f"{name}, {part}", strict=True)


def test_plans_of_a_city_with_a_client_are_those_without(client):
    tables = shipped_city()[0]
    equal_books(*(staging_books(tables, (7, 19), 4, "2025-12-01", client=one) for one in (None, client)))
    plans = hour_controls(tables, street_hour(tables, 17))
    plans = {name: plans[name] for name in (PRESENT, "Webster")}
    equal_books(*(signal_books(tables, 17, plans, (7,), 0.2, client=one) for one in (None, client)))
    stations = tables["stations"].head(4)
    rides = tables["rides"].loc[lambda d: d[["start", "end"]].isin(list(stations["station"])).all(axis=1)]
    last = rides["time"].max().normalize()
    told = stations, rides, rides[rides["time"] < last], last, (0.4, 0.3, 3.0), 2
    here, there = (judge_bikes(*told, client=one) for one in (None, client))
    assert there.shares == here.shares and list(there.books) == list(here.books)
    pd.testing.assert_frame_equal(there.moves, here.moves, check_exact=True)
    for name, book in here.books.items():
        pd.testing.assert_frame_equal(there.books[name].days, book.days, check_exact=True)


def test_plans_of_a_plant_with_a_client_are_those_without(client):
    worlds = [simulate.draw_world(seed) for seed in (3100, 3101)]
    trial = plant_trial(
        simulate.world_plant(worlds[0]), simulate.world_course(worlds), *simulate.model_weeks(), weeks=8
    )
    grid = {"weeks": [1.0, 2.0, 3.0]}
    here, there = (tune_by_world(trial, fixed_weeks, grid, client=one) for one in (None, client))
    np.testing.assert_array_equal(there["weeks"], here["weeks"], strict=True)
    start = trial.judged.start
    given = (
        trial.floor.plant,
        start,
        trial.rule(fixed_weeks, weeks=2.0)(start),
        trial.before_judged.expected[0, :, start.week, 0],
        trial.floor.course.shift[:, start.week],
    )
    here, there = (week_order(*given, client=one) for one in (None, client))
    pd.testing.assert_frame_equal(there, here, check_exact=True)


def test_plans_of_stores_with_a_client_are_those_without(client):
    rng, count, days = np.random.default_rng(5), 30, 56
    cost, ids = rng.uniform(0.5, 4, count), [f"s{i % 2}/i{i // 2}" for i in range(count)]
    chain = Chain(ids=ids, price=cost * 1.5, cost=cost, store=np.arange(count) % 2, shelf_life=4, lead_time=1)
    demand = rng.poisson(rng.gamma(1.5, 4, count)[:, None], (count, days)).astype(float)
    price, dates = np.tile(chain.price[:, None], days - 28), pd.date_range("2024-01-29", periods=days - 28)
    weeks = Weeks(28, demand[:, 28:], price, demand[:, 27], np.zeros((count, 1)), demand, dates)
    policies = {f"{more:g} days": order_up_to_average(demand, 28, extra_days=more) for more in (0.0, 1.0, 6.0)}
    here, there = (judge_chain(chain, weeks, policies, client=one) for one in (None, client))
    assert list(there) == list(here)
    for name, ledger in here.items():
        np.testing.assert_array_equal(there[name].orders, ledger.orders, strict=True)
        assert there[name].summary().equals(ledger.summary())


def test_a_study_lays_its_client_at_hand_and_its_cache_does_not_see_it(client, tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path))
    past = sold(5)

    def made(params):
        here = map_over(lambda piece: os.getpid(), range(4))
        return here, forecast(past, h=7, freq="D", model="fast"), remembered(sold, 2, days=7)

    case = Case("made", "Made", CaseParameters, study=made)
    monkeypatch.setattr("lepton_nb.workbook.case.find_case", lambda name: case)
    alone, spread_out = lepton_nb.study("made"), lepton_nb.study("made", client=client)
    assert set(alone[0]) == {os.getpid()} and os.getpid() not in spread_out[0]
    pd.testing.assert_frame_equal(alone[1], spread_out[1], check_exact=True)
    assert spread_out[2].reused and not alone[2].reused and spread_out[2].key == alone[2].key
    with working_with(client), pytest.raises(UserError, match="give a client of Dask"), working_with("tcp://host:8786"):
        raise AssertionError("no client was taken for one")
