"""Hourly forecasts: look-ups that cannot leak, and a rhythm that is learnt."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.demand.backtest import assert_no_leak
from lepton_nb.demand.hourly import Hourly, HourNaive, hours_before
from lepton_nb.demand.panel import Panel, PanelError


def panel_of(days: int = 70) -> Panel:
    rng, ds = np.random.default_rng(2), pd.date_range("2025-01-06", periods=24 * days, freq="h")
    mean = 30 + 25 * np.sin(2 * np.pi * (ds.hour - 7) / 24) * np.where(ds.dayofweek < 5, 1, 0.3)
    rain = np.repeat(rng.integers(0, 2, days), 24)
    y = rng.poisson(mean * (1 - 0.4 * rain)).astype(float)
    table = pd.DataFrame({"unique_id": "s", "ds": ds, "y": y})
    return Panel.from_frames(table, known=pd.DataFrame({"ds": ds, "rain": rain.astype(float)}), freq="h")


def test_look_ups_are_before_the_origin():
    origin, target = np.repeat(100, 48), 100 + np.arange(48)
    for season in (24, 168):
        back = hours_before(origin, target, season, 3)
        assert (back < 100).all() and ((target[:, None] - back) % season == 0).all()


def test_rain_and_rhythm_are_learnt_without_leaks():
    panel, error = panel_of(), {}
    origin = panel.end - 7 * 24
    for name, model in (("hourly", Hourly(trees=60).fit(panel, origin)), ("naive", HourNaive())):
        days = [origin + 24 * k for k in range(7)]
        error[name] = np.mean([np.mean((model.predict(panel, o, 24) - panel.y[:, o : o + 24]) ** 2) for o in days])
    assert error["hourly"] < 0.5 * error["naive"], error
    assert_no_leak(lambda: Hourly(trees=5), panel, origin, 24)
    assert_no_leak(lambda: Hourly(trees=5, weather_lag=24), panel, origin, 24, unknown=["rain"])


def test_quantiles_keep_their_order():
    panel = panel_of()
    model = Hourly(trees=20).fit(panel, panel.end - 24)
    ends = model.quantiles(panel, panel.end - 24, 24, (0.05, 0.1, 0.5, 0.9))
    assert ends.shape == (4, 1, 24) and (np.diff(ends, axis=0) >= 0).all()


def test_too_little_or_another_frequency_is_refused():
    with pytest.raises(PanelError, match="three weeks"):
        Hourly().fit(panel_of(), 100)
    days = pd.DataFrame({"unique_id": "s", "ds": pd.date_range("2025-01-01", periods=99), "y": 1.0})
    with pytest.raises(PanelError, match="freq='D'"):
        Hourly().fit(Panel.from_frames(days), 90)
