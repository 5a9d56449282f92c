"""The network of windows: what is said without PyTorch, no leak, one answer a seed, blends, gaps and unknown series."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_models import chain

from lepton_nb.demand.backtest import Origins, assert_no_leak, backtest
from lepton_nb.demand.features import features, history
from lepton_nb.demand.forecasting import forecast
from lepton_nb.demand.intervals import Calibrated
from lepton_nb.demand.linear import Ridge
from lepton_nb.demand.models import MODELS, WITH_TORCH, Ensemble, fit_all, maker_of
from lepton_nb.demand.panel import Panel, PanelError
from lepton_nb.demand.rows import Rows
from lepton_nb.demand.rules import Average
from lepton_nb.demand.windows import TorchError, WindowNetwork, require_torch, warped
from lepton_nb.workbook.parameters import UserError

ORIGIN, HORIZON = 380, 14


def small(**changes) -> WindowNetwork:
    pytest.importorskip("torch")
    return WindowNetwork(**{"rows": Rows(limit=4000), "hidden": (8,), "passes": 2, "batch": 16, "copies": 1} | changes)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return chain()


@pytest.fixture(scope="module")
def fitted(panel) -> WindowNetwork:
    return small().fit(panel, ORIGIN)


# ---- without PyTorch


class NoTorch:
    """Find every package but PyTorch."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> None:
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", list(WITH_TORCH))
def test_naming_the_model_without_torch_says_which_extra_to_install(name, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoTorch, *sys.meta_path])
    table = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2025-01-01", periods=100), "y": 1.0})
    asks = (lambda: maker_of(name), lambda: forecast(table, 7, model=name), lambda: fit_all(chain(), ORIGIN, [name]))
    for ask in (*asks, WindowNetwork, require_torch):
        with pytest.raises(TorchError, match=r"pip install 'lepton_nb\[torch\]'") as told:
            ask()
        assert isinstance(told.value, UserError)


def test_the_package_is_imported_without_torch_and_never_imports_it_by_itself():
    code = "import sys, lepton_nb.demand.forecasting; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_no_choice_hangs_on_what_is_installed():
    assert not set(WITH_TORCH) & set(MODELS)
    with pytest.raises(PanelError, match="did you mean 'windows'"):
        maker_of("window")


# ---- with PyTorch


def test_it_learns_nothing_from_the_days_to_come(panel):
    assert_no_leak(small, panel, ORIGIN, HORIZON)


def test_one_seed_one_answer_and_no_trace_in_the_state_of_others(panel, fitted):
    torch = pytest.importorskip("torch")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again = small().fit(panel, ORIGIN).predict(panel, ORIGIN, HORIZON)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(again, fitted.predict(panel, ORIGIN, HORIZON))
    assert not np.array_equal(again, small(seed=1).fit(panel, ORIGIN).predict(panel, ORIGIN, HORIZON))


def test_its_quantiles_do_not_cross_and_any_horizon_may_be_asked(panel, fitted):
    for horizon in (1, HORIZON):
        ends = fitted.quantiles(panel, ORIGIN, horizon)
        assert ends.shape == (len(panel.ids), horizon, 3) and np.isfinite(ends).all() and (ends >= 0).all()
        assert (np.diff(ends, axis=2) >= 0).all()
    with pytest.raises(PanelError, match="call fit"):
        small().quantiles(panel, ORIGIN, 1)


def test_it_enters_backtest_blend_and_intervals(panel):
    makers = {
        "average": Average,
        "windows": small,
        "blend": lambda: Ensemble(members=[(0.5, Ridge()), (0.5, small())]),
    }
    tried = backtest(panel, makers, Origins((ORIGIN - 20, ORIGIN), HORIZON, "validation", panel.end))
    scores = tried.summary()
    assert set(scores.index) == set(makers) and np.isfinite(scores["RMSSE"]).all()
    found = fit_all(panel, ORIGIN, makers)
    assert found["blend"].members[1][1] is found["windows"], "trained once"
    ridge, windows = (m.predict(panel, ORIGIN, HORIZON) for m in (found["blend"].members[0][1], found["windows"]))
    assert np.allclose(found["blend"].predict(panel, ORIGIN, HORIZON), (ridge + windows) / 2, atol=1e-4)
    spread = Calibrated.fit(found["windows"], panel)
    assert np.isfinite(spread.quantiles(windows, np.array([0.1, 0.9]))).all()


def test_a_block_is_judged_by_networks_that_have_not_seen_it(panel, fitted):
    x, scale = features(history(panel), 300, HORIZON)
    one, other, both = (fitted.apply(x, (len(scale), HORIZON), b) for b in (0, 1, None))
    assert not np.allclose(one, other) and np.allclose((one + other) / 2, both, atol=1e-5)


def test_series_and_groups_that_it_does_not_know_get_an_answer(panel, fitted):
    odd = replace(panel, ids=panel.ids + "!", static=("new " + panel.static).set_axis(panel.ids + "!"))
    assert np.isfinite(fitted.predict(odd, ORIGIN, HORIZON)).all()


def test_it_cannot_be_asked_about_features_without_their_history(panel, fitted):
    x, scale = features(history(panel), ORIGIN, HORIZON)
    with pytest.raises(PanelError, match="reads the history itself"):
        fitted.apply(dict(x), (len(scale), HORIZON))


@pytest.mark.parametrize(("freq", "periods", "h"), [("MS", 60, 6), ("W-MON", 150, 8), ("h", 900, 24), ("D", 60, 7)])
def test_every_frequency_and_a_short_history(freq, periods, h, monkeypatch):
    monkeypatch.setitem(WITH_TORCH, "windows", small)
    ds, rng = pd.date_range("2024-01-01", periods=periods, freq=freq), np.random.default_rng(0)
    table = pd.concat([pd.DataFrame({"unique_id": k, "ds": ds, "y": rng.poisson(5, periods)}) for k in "ab"])
    small()
    told = forecast(table, h, model="windows")
    assert len(told) == 2 * h and np.isfinite(told["yhat"]).all() and told["model"].str.startswith("windows").all()


def test_a_warped_window_keeps_its_length_and_its_ends():
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    line = torch.arange(40.0).expand(6, 2, 40)
    bent = warped(line, 1.0, generator)
    assert bent.shape == line.shape and torch.allclose(bent[..., [0, -1]], line[..., [0, -1]], atol=1e-4)
    assert (bent.diff(dim=-1) >= -1e-5).all() and not torch.allclose(bent, line)
    assert torch.equal(warped(line, 0.0, generator), line)
    assert torch.allclose(warped(torch.ones(3, 2, 40), 1.0, generator), torch.ones(3, 2, 40), atol=1e-6)


def test_added_gradients_stand_for_a_larger_batch(panel):
    """Without anything random in a batch, two batches of one window each step like one of two."""
    still = {"dropout": 0.0, "jitter": 0.0, "warp": 0.0, "hide": 0.0, "power": 0.0, "passes": 1}
    whole = small(batch=32, **still).fit(panel, ORIGIN).predict(panel, ORIGIN, HORIZON)
    parts = small(batch=16, accumulate=2, **still).fit(panel, ORIGIN).predict(panel, ORIGIN, HORIZON)
    alone = small(batch=16, **still).fit(panel, ORIGIN).predict(panel, ORIGIN, HORIZON)
    assert np.abs(parts - whole).mean() < 0.5 * np.abs(alone - whole).mean()


def test_training_ends_when_the_latest_windows_get_no_better(panel):
    model = small(passes=30, patience=1, rate=0.05).fit(panel, ORIGIN)
    for (curve,) in model.curves.values():
        assert len(curve) < 30 and len(curve) - 1 - int(np.argmin(curve)) == 1
