"""Flows of the city: each sensor, every street, with nothing from the future."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.city.network.flows import CityFlowError, count_grid, flow_forecast, flow_model, spread_flows
from lepton_nb.cases.city.world.simulate import shipped_city

NOW = pd.Timestamp("2025-10-14 07:00")


@pytest.fixture(scope="module")
def city():
    tables, _ = shipped_city()
    return tables, flow_model(tables, NOW, days=30)


def test_each_sensor_has_three_horizons_in_order(city):
    ahead = flow_forecast(*(city[0], NOW, city[1]))
    assert list(ahead) == ["sensor", "link", "horizon", "mean", "lo-80", "hi-80"]
    assert (ahead["lo-80"] <= ahead["mean"]).all() and (ahead["mean"] <= ahead["hi-80"]).all()
    by = ahead.groupby("horizon")["mean"].sum()
    assert by[15] < by[30] < by[60]


def test_the_future_does_not_matter(city):
    tables, model = city
    later = tables["counts"]["time"] >= NOW
    changed = {**tables, "counts": tables["counts"].assign(vehicles=tables["counts"]["vehicles"].where(~later, 999.0))}
    assert np.allclose(flow_forecast(changed, NOW, model)["mean"], flow_forecast(tables, NOW, model)["mean"])


def test_half_of_the_usual_at_the_sensors_is_less_everywhere(city):
    tables, _ = city
    usual = spread_flows(tables, pd.DataFrame({"link": ["B4-B5"], "mean": 1.0, "lo-80": 1.0, "hi-80": 1.0}), 8)
    seen = usual[usual["link"].isin(tables["sensors"]["link"])][["link", "usual"]]
    seen = seen.assign(**{"mean": seen["usual"] / 2, "lo-80": seen["usual"] / 2, "hi-80": seen["usual"] / 2})
    half = spread_flows(tables, seen, 8)
    assert 0.4 < half["mean"].sum() / half["usual"].sum() < 0.6
    assert np.allclose(half.set_index("link").loc[seen["link"], "mean"], seen["mean"])


def test_what_cannot_be_used_is_refused(city):
    with pytest.raises(CityFlowError, match="sensors"):
        count_grid({"counts": city[0]["counts"]})
    with pytest.raises(CityFlowError, match="not among the links"):
        spread_flows(city[0], pd.DataFrame({"link": ["Z9"], "mean": 1.0, "lo-80": 1.0, "hi-80": 1.0}), 8)
