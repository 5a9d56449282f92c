"""The simulated chain: the committed files are what the code makes, and what it makes obeys its own rules."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.cases.retail.world import ordering, shoppers, simulate, world
from lepton_nb.cases.retail.world import truth as truths
from lepton_nb.data import shipped
from lepton_nb.data.shipped import rounded_hash
from lepton_nb.workbook.parameters import UserError

DATA = Path(__file__).parents[1] / "data"
RETAIL = DATA / "retail"


@pytest.fixture(scope="module")
def made():
    return simulate.supermarket()


@pytest.fixture(scope="module")
def small():
    return simulate.supermarket(seed=11, stores=2, items=30, days=200, start="2023-10-01")


def matrices(tables, truth):
    """Stock at closing time and deliveries as (N, T)."""
    rows = tables["sales"].drop_duplicates(["date", "store", "item"])
    stock = np.zeros(truth.demand.shape)
    stock[truth.ids.get_indexer(rows["store"] + "/" + rows["item"]), truth.ds.get_indexer(rows["date"])] = rows[
        "stock_on_hand"
    ]
    return stock, truths.delivered_units(tables, truth.ids, truth.ds)


# the committed files


def test_committed_files_are_what_the_code_makes(made):
    tables, truth = made
    kept, kept_truth = simulate.embedded(RETAIL)
    for name, frame in simulate.frames_of(tables, truth).items():
        pd.testing.assert_frame_equal(frame, simulate.frames_of(kept, kept_truth)[name])
    assert np.array_equal(truth.expected, kept_truth.expected) and np.array_equal(truth.demand, kept_truth.demand)
    assert np.array_equal(truth.waste, kept_truth.waste)


def test_checksums_agree(made):
    sums = json.loads((RETAIL / "checksums.json").read_text())
    assert rounded_hash(simulate.frames_of(*made)) == sums["content"] == simulate.CONTENT
    assert simulate.EMBEDDED.folder() == RETAIL, "a checkout reads its own files"
    assert set(sums["files"]) == {f.relative_to(RETAIL).as_posix() for f in RETAIL.rglob("*.parquet")}


def test_committed_files_are_small():
    assert sum(file.stat().st_size for file in RETAIL.rglob("*") if file.is_file()) < 3_000_000


def test_data_card_states_the_measured_figures(made):
    card = (DATA / "README.md").read_text(encoding="utf-8")
    assert simulate.card_figures(simulate.measures(*made)) in card


def test_tables_keep_the_contract(small):
    for name, frame in small[0].items():
        CONTRACT.schema(name).validate(frame, lazy=True)
        assert not frame.duplicated(CONTRACT.keys[name]).any()


# other sizes and seeds


def test_a_seed_repeats_and_another_differs(small):
    again = simulate.supermarket(seed=11, stores=2, items=30, days=200, start="2023-10-01")
    other = simulate.supermarket(seed=12, stores=2, items=30, days=200, start="2023-10-01")
    sums = [rounded_hash(simulate.frames_of(*pair)) for pair in (small, again, other)]
    assert sums[0] == sums[1] != sums[2]


@pytest.mark.parametrize(
    "size",
    [
        {"stores": 1, "items": 10, "days": 60},
        {"stores": 8, "items": 150, "days": 60},
        {"stores": 1, "items": 10, "days": 60, "start": "2023-12-31"},
    ],
)
def test_other_sizes_run(size):
    tables, truth = simulate.supermarket(**size)
    assert truth.expected.shape == (size["stores"] * size["items"], size["days"])
    assert tables["stores"]["store"].is_unique and tables["items"]["item"].is_unique
    assert set(tables["items"]["supplier"]) == set(tables["suppliers"]["supplier"])


@pytest.mark.parametrize(
    "wrong, word",
    [
        ({"stores": 0}, "stores"),
        ({"items": 5}, "items"),
        ({"days": 10**6}, "days"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"start": "soon"}, "start"),
        ({"start": None}, "start"),
        ({"shock": float("nan")}, "shock"),
        ({"cover": 1.5}, "cover"),
    ],
)
def test_sizes_that_give_no_chain_are_refused_by_name(wrong, word):
    with pytest.raises(UserError, match=word):
        simulate.supermarket(**wrong)


def test_more_cover_serves_more_and_wastes_more():
    lean, rich = (simulate.supermarket(stores=2, items=40, days=250, cover=cover)[1] for cover in (0, 300))
    assert np.array_equal(lean.demand, rich.demand)  # customers do not change with the planner
    assert lean.lost.sum() > 1.5 * rich.lost.sum() and lean.waste.sum() < rich.waste.sum()


# rules of the simulation


@pytest.mark.parametrize("which", ["made", "small"])
def test_stock_is_conserved_and_lost_demand_means_an_empty_shelf(which, request):
    tables, truth = request.getfixturevalue(which)
    stock, delivered = matrices(tables, truth)
    listed = truth.on_sale[:, 1:]
    assert not (stock[:, :-1] - truth.waste[:, :-1] + delivered[:, 1:] - truth.sales[:, 1:] - stock[:, 1:])[
        listed
    ].any()
    assert not stock[truth.lost > 0].any() and (truth.lost >= 0).all() and (truth.waste <= stock)[truth.on_sale].all()


def test_both_channels_carry_the_same_stock_price_and_promotion(made):
    sales = made[0]["sales"]
    halves = [
        sales[sales["channel"] == name].set_index(["date", "store", "item"])[["price", "promotion", "stock_on_hand"]]
        for name in ("store", "online")
    ]
    pd.testing.assert_frame_equal(*halves)


def test_nothing_sells_when_closed_or_not_listed(made):
    tables, truth = made
    closed = world.event_shapes(truth.ds, tables["calendar"])[1]
    assert closed.sum() == 1 + 5 + 5 and not truth.demand[:, closed].any() and not truth.demand[~truth.on_sale].any()
    assert (truth.expected[:, ~closed][truth.on_sale[:, ~closed]] > 0).all()


def test_stores_are_never_over_full(made):
    tables, truth = made
    stock, _ = matrices(tables, truth)
    litres = (stock * np.tile(tables["items"]["volume"], 6)[:, None]).reshape(6, 120, -1)
    assert (litres.sum(1) <= tables["stores"]["capacity"].to_numpy()[:, None]).all()


def test_prices(made):
    tables, truth = made
    sales = tables["sales"][tables["sales"]["channel"] == "store"].merge(tables["items"], on="item")
    cents = np.rint(100 * sales["price"]).astype(int)
    assert np.allclose(cents / 100, sales["price"], atol=1e-12) and (cents % 10 == 9).all()
    assert (sales["price"] >= 1.05 * sales["cost"] - 1e-9)[sales["promotion"]].all()
    usual = sales.groupby(["store", "item", "promotion"])["price"].mean().unstack()
    assert (usual[True] <= usual[False] * 1.10).all() and (usual[True] < usual[False]).mean() > 0.9


def test_waste_and_sales_agree_with_a_queue_of_units():
    """The cumulative form of first in, first out against a list of dated units."""
    rng = np.random.default_rng(3)
    days, life, lead = 120, 3, 2
    demand = rng.poisson(6, (1, days))
    one = np.array([0])
    covered, takes = ordering.cover_table(
        pd.DataFrame({"supplier": ["x"], "lead_time": [lead], "order_days": ["mon wed sat"]})
    )
    planner = ordering.Planner(one, one, one + 8, one + lead, one + 5, one, one > 0, covered, takes)
    setting = ordering.Setting(one + 1000, one + 10**6, one + life, one, one + days, one + 6.0)
    out = ordering.run_chain(demand, planner, setting, np.zeros((1, days)), 2)
    shelf = []
    for t in range(days):
        shelf += [t] * int(out["delivered"][0, t])
        sold = min(len(shelf), demand[0, t])
        shelf = shelf[sold:]
        assert (out["sold"][0, t], out["stock"][0, t]) == (sold, len(shelf))
        spoilt = [unit for unit in shelf if unit <= t - life + 1]
        shelf = shelf[len(spoilt) :]
        assert out["waste"][0, t] == len(spoilt)
    assert out["waste"].sum() > 0 and out["sold"].sum() < demand.sum()


def test_orders_are_whole_packs_from_order_days(small):
    tables, truth = small
    _, delivered = matrices(tables, truth)
    items, stores = tables["items"], len(tables["stores"])
    pack = np.tile(items["pack_size"], stores)
    lead = np.tile(items["supplier"].map(tables["suppliers"].set_index("supplier")["lead_time"]), stores)
    days = items["supplier"].map(tables["suppliers"].set_index("supplier")["order_days"])
    names = np.array(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
    whole = []
    for k in range(len(truth.ids)):
        first = np.flatnonzero(truth.on_sale[k])[0]
        later = np.flatnonzero(delivered[k, first + 1 :]) + first + 1
        ordered = truth.ds[later] - pd.Timedelta(days=int(lead[k]))
        assert set(names[ordered.dayofweek]) <= set(days.iloc[k % len(items)].split())
        whole += list(delivered[k, later] % pack[k] == 0)
    assert np.mean(whole) > 0.9  # the rest was cut because the store was full


@pytest.mark.parametrize("date", ["2023-10-05", "2023-12-24", "2024-02-01"])
def test_opening_position_has_the_stock_of_the_chain(small, date):
    tables, truth = small
    stock, delivered = matrices(tables, truth)
    t = truth.ds.get_loc(date)
    by_age, under_way = simulate.opening_position(tables, truth.ids, date)
    assert np.array_equal(by_age.sum(1), (stock - truth.waste)[:, t - 1])
    lead = under_way.shape[1]
    assert (under_way <= delivered[:, t : t + lead]).all() and under_way.sum() > 0


def test_every_coefficient_can_be_found_again_in_expected_demand(made):
    """One regression of log expected demand on the design of one series, all else given."""
    tables, truth = made
    factors = truth.factors()
    total = np.exp(sum(factors.values()))
    there = truth.expected > 0
    assert np.allclose(total[there], truth.expected[there], atol=1e-6)
    price = np.log(truth.known.price / truth.items["reference_price"].to_numpy()[:, None]).reshape(truth.demand.shape)
    for k in range(0, 120, 7):
        own = np.stack([price[k], np.tile(truth.known.promotion, (6, 1))[k], np.arange(len(truth.ds)) / 365.25])
        rest = sum(factors[name][k] for name in ("price", "promotion", "trend"))
        found = np.linalg.lstsq(own.T, rest, rcond=None)[0]
        assert np.allclose(
            found, truth.items.loc[k, ["elasticity", "promotion_lift", "growth"]].astype(float), atol=1e-6
        )


def test_noise_is_as_stated_for_slow_and_fast_items(made):
    _, truth = made
    for low, high in ((0.02, 0.5), (0.5, 5), (5, 500)):
        where = (truth.expected > low) & (truth.expected <= high)
        z = (truth.demand - truth.expected)[where] / truth.deviation()[where]
        assert abs(z.mean()) < 0.05 and abs(z.var() - 1) < 0.1


def test_items_of_one_store_share_the_shock_of_the_day(made):
    _, truth = made
    where = truth.expected.mean(1) > 15
    z = np.where(truth.expected > 0, (truth.demand - truth.expected) / np.maximum(truth.deviation(), 1e-9), 0)[where]
    store = pd.Index(truth.ids[where]).str.split("/").str[0]
    c = np.corrcoef(z)
    same = store.to_numpy()[:, None] == store.to_numpy()
    off = ~np.eye(len(c), dtype=bool)
    assert c[same & off].mean() > 0.08 and abs(c[~same].mean()) < 0.02


def test_counts_follow_their_distributions():
    from scipy import stats

    uniform = np.random.default_rng(1).random(4000)
    for mean, size in ((0.3, 1.2), (7.0, 20.0), (90.0, 30.0), (900.0, 60.0)):
        got = shoppers.negative_binomial(uniform, np.full(4000, mean), np.array(size))
        want = stats.nbinom.ppf(uniform, size, size / (size + mean))
        assert (got == want).mean() > 0.999 and np.abs(got - want).max() <= 1
    trials = np.random.default_rng(2).integers(0, 60, 4000)
    assert (
        shoppers.binomial(uniform, trials, np.array(0.2)) == stats.binom.ppf(uniform, trials, 0.2).clip(0)
    ).mean() > 0.999
    assert not shoppers.negative_binomial(uniform, np.zeros(4000), np.array(2.0)).any()


# outside a checkout


@pytest.fixture
def elsewhere(monkeypatch, small):
    """Return a function that puts the small world in place of the embedded one, with a cache and no files."""

    def put(cache, content=None):
        frames = simulate.frames_of(*small)
        world = replace(simulate.EMBEDDED, case="nowhere", content=content or rounded_hash(frames), make=lambda: frames)
        monkeypatch.setattr(simulate, "EMBEDDED", world)
        monkeypatch.setattr(shipped, "user_cache_dir", lambda _: str(cache))
        return world

    return put


def test_without_files_the_data_are_simulated_into_the_cache_and_then_read(tmp_path, monkeypatch, elsewhere):
    world = elsewhere(tmp_path / "deep" / "cache")
    first, _ = simulate.embedded()
    monkeypatch.setattr(simulate, "EMBEDDED", replace(world, make=lambda: pytest.fail("simulated again")))
    second, _ = simulate.embedded()
    pd.testing.assert_frame_equal(first["sales"], second["sales"])
    assert [p.name for p in (tmp_path / "deep" / "cache").iterdir()] == [f"nowhere-{world.content[:12]}"]


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, elsewhere, small):
    (tmp_path / "file").write_text("in the way")
    elsewhere(tmp_path / "file" / "cache")
    assert len(simulate.embedded()[0]["sales"]) == len(small[0]["sales"])


def test_other_numbers_than_promised_are_refused(tmp_path, elsewhere):
    elsewhere(tmp_path / "cache", content=simulate.CONTENT)
    with pytest.raises(UserError, match="checksum"):
        simulate.embedded()
    assert not (tmp_path / "cache").exists()


def test_broken_and_missing_files_are_named(tmp_path, small):
    simulate.write_embedded(tmp_path / "r", *small)
    (tmp_path / "r" / "items.parquet").write_bytes(b"not parquet")
    with pytest.raises(UserError, match="items.parquet"):
        simulate.embedded(tmp_path / "r")
    (tmp_path / "r" / "items.parquet").unlink()
    with pytest.raises(UserError, match="no file"):
        simulate.embedded(tmp_path / "r")
    (tmp_path / "r" / "checksums.json").write_text("{")
    with pytest.raises(UserError, match="checksums.json"):
        simulate.embedded(tmp_path / "r")
    with pytest.raises(UserError, match="write_embedded"):
        simulate.embedded(tmp_path / "nowhere")


def test_two_may_write_the_same_folder_at_once(tmp_path, small):
    with ThreadPoolExecutor(2) as pool:
        sums = list(pool.map(lambda _: simulate.write_embedded(tmp_path / "r", *small), range(4)))
    assert len({s["content"] for s in sums}) == 1
    pd.testing.assert_frame_equal(simulate.embedded(tmp_path / "r")[0]["sales"], small[0]["sales"])


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch, small):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(simulate.pq, "write_table", full)
    with pytest.raises(OSError):
        simulate.write_embedded(tmp_path / "r", *small)
    assert list(tmp_path.iterdir()) == []


def test_best_possible_refuses_days_that_are_not_there(small):
    for first, last in ((0, None), (150, 150), (150, 999)):
        with pytest.raises(UserError, match="first"):
            truths.best_possible(small[1], first, last)


def test_the_planning_simulator_replays_the_chain(made):
    """Two simulators written apart agree on the last eight weeks.

    Deliveries that a full store had cut to less than a case are set aside.
    """
    from lepton_nb.cases.retail.chain import replenishment, rules

    tables, truth = made
    first = len(truth.ds) - 56
    kept = truth.on_sale[:, first:].all(1)
    ids, days = truth.ids[kept], truth.ds[first:]
    stock, under_way = simulate.opening_position(tables, ids, days[0])
    chain = replenishment.chain_from_tables(tables, list(ids), days[0])
    policy = rules.replay(truths.delivered_units(tables, ids, days))
    ledger = replenishment.simulate(
        chain, truth.demand[kept, first:], policy, start_stock=stock, start_on_order=under_way, dates=days
    )
    assert abs(ledger.sales.sum() / truth.sales[kept, first:].sum() - 1) < 0.002
    assert abs(ledger.waste.sum() / truth.waste[kept, first:].sum() - 1) < 0.02
    assert (ledger.sales == truth.sales[kept, first:]).mean() > 0.99
