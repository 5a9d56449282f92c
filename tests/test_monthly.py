"""Months: the level by hand, outcomes cut in training, the pull to the recent mean, and no look ahead."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.backtest import assert_no_leak
from lepton_nb.demand.features import history, level
from lepton_nb.demand.models import MODELS, Recent
from lepton_nb.demand.panel import Panel
from lepton_nb.demand.rows import Rows, training
from lepton_nb.demand.rules import Average


@pytest.fixture(scope="module")
def cars():
    rng, ds = np.random.default_rng(1), pd.date_range("2019-01-01", periods=60, freq="MS")
    size = rng.lognormal(5, 1, 30)[:, None] * (1 + 0.3 * np.sin(2 * np.pi * ds.month.to_numpy() / 12))
    y = rng.poisson(size * np.exp(np.cumsum(rng.normal(0, 0.1, size.shape), axis=1)))
    tidy = pd.DataFrame({"unique_id": np.repeat([f"model {i:02}" for i in range(30)], 60), "ds": np.tile(ds, 30)})
    return Panel.from_frames(tidy.assign(y=y.ravel().astype(float)), freq="MS")


def test_the_level_of_months_by_hand(cars):
    y, means = cars.y[:, :48].astype(float), {}
    for w in (3, 6, 12):
        means[w] = y[:, -w:].mean(1)
    hand = 0.5 * means[3] + 0.3 * means[6] + 0.2 * means[12]
    assert np.allclose(level(history(cars.cut(48)), 48), hand, rtol=1e-4)


def test_a_product_that_comes_back_from_nothing_is_cut(cars):
    y = cars.y.copy()
    y[0, 10:40], y[0, 40:] = 0, 5000
    back = Panel(cars.ids, cars.ds, y, {}, cars.static, cars.censored, "MS", cars.groups)
    chunks = list(training(history(back.cut(48)), 48, Rows()))
    assert max(np.nanmax(c.y) for c in chunks) == 4.0
    assert np.allclose(chunks[0].weight, np.repeat(chunks[0].scale ** 0.5, chunks[0].shape[1]))


def test_recent_is_the_mean_of_three_months(cars):
    h = history(cars.cut(48))
    assert np.allclose(
        Recent().fit(h, 48).predict(h, 48, 12), Average(3).fit(h, 48).predict(h, 48, 12), rtol=1e-4, atol=0.02
    )


def test_steady_lies_between_its_members_and_looks_at_no_future(cars):
    h = history(cars.cut(48))
    steady = MODELS["steady"]().fit(h, 48)
    parts = [member.predict(h, 48, 12) for _, member in steady.members]
    assert np.allclose(steady.predict(h, 48, 12), 0.6 * parts[0] + 0.4 * parts[1], rtol=1e-3, atol=0.05)
    assert_no_leak(MODELS["steady"], cars, 48, 12)
