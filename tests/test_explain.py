"""Explanations of forecasts: exact sums, models that cannot be explained, a missing library."""

import numpy as np
import pytest

from lepton_nb.demand import explain as module
from lepton_nb.demand.explain import (
    GROUPS,
    ExplainError,
    brute_force,
    coalitions,
    dependence,
    explain,
    explain_linear,
    forecast_sentence,
    group_of,
    in_general,
    linear_shapley,
    shap_library,
    share_out,
    tree_shapley,
)
from lepton_nb.demand.features import features, history
from lepton_nb.demand.models import MODELS
from lepton_nb.demand.panel import Panel
from lepton_nb.demand.rows import Rows
from lepton_nb.demand.rules import practice_chain
from lepton_nb.demand.trees import Boosting, Forest


@pytest.fixture(scope="module")
def book():
    """Two hundred days of a chain with prices, promotions and events."""
    panel, _ = practice_chain(days=260)
    rng, shape = np.random.default_rng(0), panel.y.shape
    promotion = (rng.random(shape) < 0.1).astype(np.float32)
    price = (5 - promotion).astype(np.float32)
    known = {
        **panel.known,
        "price": price,
        "promotion": promotion,
        "event_fair": (np.arange(shape[1]) % 30 == 0).astype(np.float32),
    }
    boosted = np.where(np.isfinite(panel.y), np.round(panel.y * (1 + 0.8 * promotion)), np.nan).astype(np.float32)
    return history(Panel(panel.ids, panel.ds, boosted, known, panel.static, panel.censored))


@pytest.fixture(scope="module")
def origin(book):
    return len(book.panel.ds) - 14


@pytest.fixture(scope="module")
def ridge(book, origin):
    return MODELS["fast"]().fit(book, origin)


@pytest.mark.parametrize(
    "maker",
    [
        MODELS["fast"],
        MODELS["linear"],
        lambda: Boosting(Rows(limit=5_000), trees=8),
        lambda: Forest(Rows(limit=3_000), trees=3),
    ],
    ids=["ridge", "linear", "boosting", "forest"],
)
def test_parts_add_up_to_the_forecast_of_any_model(maker, book, origin):
    model = maker().fit(book, origin)
    told = explain(model, book, origin, [0, 7], steps=(1, 5), background=8)
    groups = [c for c in told if c in GROUPS]
    assert {"price", "promotion", "weekday", "events"} <= set(groups)
    assert np.allclose(told["usual"] + told[groups].sum(axis=1), told["forecast"], atol=1e-3)
    made = model.predict(book, origin, 5)[[0, 0, 7, 7], [0, 4, 0, 4]]
    assert np.allclose(np.maximum(told["forecast"], 0), made, rtol=1e-3, atol=1e-3)


def test_a_promotion_is_found_as_the_reason(ridge, book, origin):
    on = np.argwhere(book.promoted[:, origin : origin + 7])
    i, h = on[0]
    told = explain(ridge, book, origin, [int(i)], steps=[int(h) + 1], background=30)
    assert told["promotion"].iloc[0] + told["price"].iloc[0] > 0.2 * told["level"].iloc[0]
    assert "promotion" in forecast_sentence(told.iloc[0]) or "price" in forecast_sentence(told.iloc[0])


def test_a_closed_day_is_told_as_closed(book, origin):
    closed = np.zeros(book.y.shape, np.float32)
    closed[:, origin + 1] = 1
    shut = history(
        Panel(
            book.panel.ids,
            book.panel.ds,
            book.panel.y,
            {**book.panel.known, "closed": closed},
            book.panel.static,
            book.panel.censored,
        )
    )
    model = MODELS["fast"]().fit(shut, origin)
    told = explain(model, shut, origin, [2], steps=(1, 2))
    assert told["closed"].tolist() == [False, True] and model.predict(shut, origin, 2)[2, 1] == 0
    assert forecast_sentence(told.iloc[1]).endswith(
        "the store is closed, so nothing is expected."
    ) and "units expected" in forecast_sentence(told.iloc[0])


def test_shares_of_games_known_by_hand():
    additive = coalitions(4) @ np.array([1.0, 2, 3, 4])
    assert np.allclose(share_out(additive), [1, 2, 3, 4])
    unanimous = coalitions(3).all(1).astype(float)
    assert np.allclose(share_out(unanimous), 1 / 3)
    assert np.allclose(share_out(np.stack([additive, 2 * additive], 1))[:, 1], [2, 4, 6, 8])
    with pytest.raises(ExplainError, match="16 players"):
        coalitions(16)


def test_closed_form_is_brute_force_with_products_inside():
    rng = np.random.default_rng(2)
    beta, rows, others = rng.normal(size=5), rng.normal(size=(5, 3)), rng.normal(size=(5, 40))
    tried = np.column_stack([brute_force(lambda z: z @ beta + 3.0, rows[:, k], others.T) for k in range(3)])
    assert np.allclose(linear_shapley(beta, rows, others), tried)


def test_every_feature_has_a_planners_word(book, origin):
    x, _ = features(book, origin, 7)
    assert {group_of(name) for name in x} <= set(GROUPS) and group_of("price.log") == "price"
    assert all(group_of(name) != "weather and the like" for name in x if not name.startswith("other."))


def test_the_line_explains_all_series_at_once(ridge, book, origin):
    parts = explain_linear(ridge, book, origin, 7)
    total = sum(parts.values())
    assert np.allclose(np.maximum(total, 0), ridge.predict(book, origin, 7), atol=2e-2)
    general = in_general(parts)
    assert general["share"].is_monotonic_decreasing and (general["share"] >= 0).all()
    with pytest.raises(ExplainError, match="Boosting is not linear"):
        explain_linear(Boosting(), book, origin)


def test_what_cannot_be_explained_is_said(ridge, book, origin):
    naive = MODELS["seasonal_naive"]().fit(book, origin)
    with pytest.raises(ExplainError, match="SeasonalNaive has no features"):
        explain(naive, book, origin, [0])
    with pytest.raises(ExplainError, match="no series 'nobody/nothing'; there are 24, such as 'shop a/item 0'"):
        explain(ridge, book, origin, ["nobody/nothing"])
    with pytest.raises(ExplainError, match="no series 99"):
        explain(ridge, book, origin, [99])
    with pytest.raises(ExplainError, match="one series or more"):
        explain(ridge, book, origin, [])
    for wrong in ([], [0], [1, -2], [1.5], ["Monday"]):
        with pytest.raises(ExplainError, match="steps is"):
            explain(ridge, book, origin, [0], steps=wrong)
    for ask in (explain, lambda *a: explain_linear(*a[:3])):
        with pytest.raises(ExplainError, match="Ridge has learned nothing yet"):
            ask(MODELS["fast"](), book, origin, [0])
    with pytest.raises(ExplainError, match="background is 0"):
        explain(ridge, book, origin, [0], background=0)
    with pytest.raises(ExplainError, match="3 values"):
        share_out(np.zeros(3))
    with pytest.raises(ExplainError, match="not made of trees"):
        tree_shapley(ridge, book, origin, [0])
    with pytest.raises(ExplainError, match="no feature 'price.tomorrow'"):
        dependence(ridge, book, origin, "price.tomorrow", [1.0], horizon=14)


def test_a_missing_library_is_said_with_what_to_do(monkeypatch, book, origin):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(module.importlib, "import_module", missing)
    with pytest.raises(ExplainError, match=r"pip install 'lepton_nb\[explain\]'"):
        shap_library()


def test_a_lower_price_raises_the_forecast_and_no_change_changes_nothing(ridge, book, origin):
    prices = [name for name in ("price.to_mean28", "price.to_mean364", "price.log")]
    curve = dependence(ridge, book, origin, prices, [0.0, np.log(0.8)], shift=True, horizon=14)
    assert np.isclose(curve.forecast[0], ridge.predict(book, origin, 14).mean(), rtol=1e-3)
    assert curve.forecast[1] > curve.forecast[0]


def test_trees_feature_by_feature(book, origin):
    pytest.importorskip("shap")
    model = Boosting(Rows(limit=5_000), trees=8).fit(book, origin)
    told = tree_shapley(model, book, origin, ["shop b/item 2"], steps=(1, 2), background=20)
    assert np.allclose(
        told[model.names].sum(axis=1) + told["usual"], model.predict(book, origin, 2)[10], rtol=2e-3, atol=2e-3
    )
    assert (
        told["ds"].tolist() == list(book.panel.ds[origin : origin + 2]) and (told["unique_id"] == "shop b/item 2").all()
    )


def test_a_forecast_that_is_partly_a_rule_is_not_explained_as_the_models(book):
    with pytest.warns(UserWarning, match="60 days of history are few"):
        short = MODELS["fast"]().fit(book, 60)
    for tell in (lambda: explain(short, book, 60, [0]), lambda: explain_linear(short, book, 60)):
        with pytest.raises(ExplainError, match="mixed with the seasonal average"):
            tell()
