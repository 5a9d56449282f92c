"""Safety stock by guaranteed service against every whole quote tried one by one, and bounds that never lie."""

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lepton_nb.allocation.guaranteed_service import (
    SupplyChain,
    SupplyChainError,
    bridged,
    local_search,
    longest_times,
    placement_table,
    pooled_deviation,
    prove_by_chords,
    read_chain,
    stock_costs,
    stock_value,
    tighten,
    unit_values,
    waits,
)
from lepton_nb.allocation.waiting_prices import prove_by_prices, quote_levels

WILLEMS = Path(os.environ.get("LEPTON_NB_DATA", "no data")) / "manufacturing/supply_chain/willems2008"
HEAD = "stage_id,lead_time,max_s_time,cost_rate,risk_pool,ext_demand_mean,ext_demand_std,ext_demand_thres,up_stages\n"


def network(seed: int, layers=(2, 2, 2), whole: bool = True, longest: int = 4) -> SupplyChain:
    """Layers, each stage with suppliers in any layer before; the last and some others serve outside."""
    rng, n = np.random.default_rng(seed), sum(layers)
    layer, arcs = np.repeat(np.arange(len(layers)), layers), []
    for i in np.flatnonzero(layer > 0):
        earlier = np.flatnonzero(layer < layer[i])
        for j in rng.choice(earlier, min(len(earlier), 1 + rng.integers(2)), replace=False):
            arcs.append((int(j), int(i), float(rng.integers(1, 3))))
    outside = (layer == len(layers) - 1) | (rng.random(n) < 0.15)
    time = rng.integers(0, longest, n) if whole else rng.uniform(0, longest, n)
    promise = np.where(outside, rng.integers(0, 3, n), np.inf)
    value = rng.lognormal(1, 1, n)
    names = [f"s{i}" for i in range(n)]
    return SupplyChain(names, time, value, arcs, promise, outside * rng.uniform(1, 9, n), outside * 1.5)


def try_all(chain: SupplyChain) -> float:
    cost, best = stock_costs(chain), np.inf
    top = np.minimum(longest_times(chain), chain.promise).astype(int)
    for quoted in product(*(range(t + 1) for t in top)):
        x = waits(chain, np.array(quoted)) + chain.time - quoted
        if (x >= 0).all():
            best = min(best, cost @ np.sqrt(x))
    return float(best)


@pytest.mark.parametrize("seed", range(15))
def test_plans_and_bounds_against_every_whole_quote(seed):
    chain = network(seed)
    best = try_all(chain)
    chords, prices, search = prove_by_chords(chain), prove_by_prices(chain).placement, local_search(chain)
    assert chords.value == pytest.approx(best, rel=1e-4) and chords.bound <= best + 1e-6
    assert prices.bound <= best + 1e-6 and prices.value >= best - 1e-6 and search.value >= best - 1e-6
    for plan in (chords, prices, search):
        assert stock_value(chain, plan.quoted) == pytest.approx(plan.value)
        assert (bridged(chain, plan.quoted) >= 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_on_a_tree_prices_find_the_optimum(seed):
    rng = np.random.default_rng(seed)
    n = 14  # each stage but the last has one customer: an assembly tree
    arcs = [(i, int(rng.integers(i + 1, n)), 1.0) for i in range(n - 1)]
    promise, ends = np.full(n, np.inf), np.arange(n) == n - 1
    promise[-1] = 2
    chain = SupplyChain(
        list(range(n)), rng.integers(0, 9, n), rng.uniform(1, 9, n), arcs, promise, ends * 5.0, ends * 1.0
    )
    prices, chords = prove_by_prices(chain, gap=1e-7).placement, prove_by_chords(chain)
    assert prices.gap <= 1e-6
    assert prices.value <= chords.value * (1 + 1e-9) and chords.bound <= prices.value * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("resolution", [3, 20, 10**6])
def test_a_bound_holds_for_any_breakpoints_and_real_times(seed, resolution):
    chain = network(seed, (3, 3, 3), whole=False, longest=20)
    known = prove_by_chords(chain)
    rough = prove_by_prices(chain, sweeps=30, resolutions=(resolution,)).placement
    assert rough.bound <= known.value * (1 + 1e-9) and known.bound <= rough.value * (1 + 1e-9)


def test_a_price_list_never_falls_and_history_only_improves():
    proof = prove_by_prices(network(3, (8, 8, 8), longest=30))
    assert all((np.diff(price) >= -1e-9).all() for _, price in proof.lists.values())
    assert (np.diff(proof.history[:, 1]) <= 0).all() and (np.diff(proof.history[:, 2]) >= 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_levels_hold_the_quotes_of_the_optimum(seed):
    chain = network(seed)
    levels, best, cost = quote_levels(chain, 10**6), np.inf, stock_costs(chain)
    for quoted in product(*levels):
        x = waits(chain, np.array(quoted)) + chain.time - quoted
        best = min(best, cost @ np.sqrt(np.maximum(x, 0))) if (x > -1e-9).all() else best
    assert best == pytest.approx(try_all(chain))


def test_units_go_over_all_paths():
    arcs = [(0, 1, 2), (0, 2, 3), (1, 3, 1), (2, 3, 4), (2, 4, 1)]
    ends = np.array([0, 0, 0, 1, 1])
    chain = SupplyChain("abcde", [1] * 5, [1, 2, 3, 4, 5], arcs, np.where(ends, 0, np.inf), [0, 0, 0, 3, 4], ends)
    assert unit_values(chain).tolist() == [1, 4, 6, 4 + 4 + 24, 5 + 6]
    assert pooled_deviation(chain)[0] == pytest.approx(np.hypot(3 * (2 + 12), 4 * 3))


@pytest.mark.parametrize("seed", range(6))
def test_tightening_never_costs(seed):
    chain = network(seed, (3, 3, 3))
    rng = np.random.default_rng(seed)
    quoted = np.zeros(9)
    for i in chain.order:  # quotes that can be kept
        most = max((quoted[j] for j in chain.suppliers[i]), default=0) + chain.time[i]
        quoted[i] = min(rng.integers(0, 9), most, chain.promise[i])
    assert stock_value(chain, tighten(chain, quoted)) <= stock_value(chain, quoted) + 1e-9


def test_a_placement_is_told_stage_by_stage():
    chain = network(1)
    table = placement_table(chain, local_search(chain).quoted)
    assert table["value"].sum() == pytest.approx(local_search(chain).value)
    told = table["waits"] + table["takes"] - table["quotes"]
    assert told.to_numpy() == pytest.approx(table["bridges"].to_numpy())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"time": [-1, 1]}, "time of stage a is -1"),
        ({"time": [np.inf, 1]}, "time of stage a must be finite"),
        ({"added": [1]}, "added has shape"),
        ({"promise": [np.inf, np.inf]}, "stage b has demand and no promise"),
        ({"arcs": [(0, 1, 1), (1, 0, 1)]}, "in a circle, a among them"),
        ({"arcs": [(0, 5, 1)]}, "must go between two stages"),
        ({"arcs": [(0, 1, 0)]}, "more than 0 units"),
        ({"deviation": [0, np.nan]}, "deviation of stage b is nan"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(changed, words):
    usual = {"names": "ab", "time": [1, 1], "added": [1, 1], "arcs": [(0, 1, 1)], "promise": [np.inf, 0]}
    with pytest.raises(SupplyChainError, match=words):
        SupplyChain(**usual | {"deviation": [0, 1], "factor": [0, 1]} | changed)


def test_quotes_that_cannot_be_kept_are_refused():
    chain = SupplyChain("ab", [1, 1], [1, 1], [(0, 1, 1)], [np.inf, 0], [0, 1], [0, 1])
    for quoted in ([2, 0], [0, 1], [-1, 0]):
        with pytest.raises(SupplyChainError, match="quotes what it cannot"):
            stock_value(chain, np.array(quoted))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stage,lead\n", "line 1: the columns must be stage_id"),
        (HEAD + "a,x,,1,2,,,\n", "line 2, column lead_time: found 'x'"),
        (HEAD + "a,,,1,2,,,\n", "line 2, column lead_time: found empty"),
        (HEAD + "a,1,,-1,2,,,\n", "column cost_rate: found '-1'"),
        (HEAD + "a,1,,1,2,,,\na,1,,1,2,,,\n", "line 3: stage a stands there twice"),
        (HEAD + "a,1,,1,2,,,\nb,1,0,1,2,5,1,1,c,1\n", "line 3, column up_stages: there is no stage 'c'"),
        (HEAD + "a,1,,1,2,,,\nb,1,0,1,2,5,1,1,a\n", "must come in pairs"),
        (HEAD + "a,1,,1,2,,,\nb,1,0,1,2,5,1,1,a,0\n", "units of a are '0'"),
        (HEAD + "a,1,,1,2,5,1,1\n", "chain.csv: stage a has demand and no promise"),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path, text, words):
    file = tmp_path / "chain.csv"
    file.write_text(text)
    with pytest.raises(SupplyChainError, match=words):
        read_chain(file)


@pytest.mark.skipif(not WILLEMS.is_dir(), reason="the public files are not here")
@pytest.mark.parametrize(("number", "value"), [(2, 27_188_806.10), (4, 139_918.53), (17, 3_108_718.36)])
def test_chains_of_willems(number, value):
    chain = read_chain(WILLEMS / f"willems_{number:02d}.csv")
    found = prove_by_prices(chain, gap=1e-6).placement
    assert found.value == pytest.approx(value, abs=0.01) and found.gap <= 1e-6
