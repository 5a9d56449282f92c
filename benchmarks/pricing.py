"""Elasticities beside the doubleml package and beside plain regressions, in one run.

Data are several chains with a known truth, and weekly orange juice. Chains are simulated with seeds given on the
command line; the embedded chain is seed 7. Each estimate is scored against the true elasticities: share of items
whose truth lies inside the 95% interval, mean and median absolute error, processor seconds. doubleml (partially
linear model, "partialling out") is set up as its authors would: the same log sales, surroundings, promotion flags and
ridge as ours, the weeks after a promotion and the prices and promotions of up to twelve neighbours in price as
controls, errors clustered by week and folds of whole weeks. Its days are those with sales and without a stock-out,
since it knows neither counts nor censoring; its intervals are its
own. Then the price plan: promised and earned on the last eight weeks, by way of pricing.

    python benchmarks/pricing.py [--seeds 7 11 12] [--no-peer]
"""

import argparse
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.business.elasticity import (  # noqa: E402
    RIVALS,
    Market,
    estimate,
    naive,
    pool,
    rest_of_chain,
    shrunk,
    surroundings,
    weeks_after,
)
from lepton_nb.business.partialling import ridge  # noqa: E402
from lepton_nb.cases.retail.pricing import (  # noqa: E402
    Limits,
    fixed_markup,
    gain,
    judge_prices,
    market_from_tables,
    offer_from,
    plan_prices,
    solve_prices,
)
from lepton_nb.cases.retail.world.simulate import embedded, supermarket  # noqa: E402

RESULTS = Path(__file__).parent / "results"


def controls(market: Market, pooled: dict, base: np.ndarray, i: int) -> np.ndarray:
    """Lay out what doubleml is told besides the item's own price, (T, P)."""
    group = np.flatnonzero((market.groups == market.groups[i]) & (np.arange(len(market.items)) != i))
    near = group[np.argsort(np.abs(pooled["level"][group] - pooled["level"][i]), kind="stable")[: RIVALS - 1]]
    own = pooled["promotion"][[i]]
    after = [weeks_after(own, first, last)[0] for first, last in ((1, 7), (8, 14))]
    rest = 0.7 * rest_of_chain(pooled["y"], market.groups, market.groups[i])
    return np.column_stack([base, rest, own[0], *after, pooled["price"][near].T, pooled["promotion"][near].T])


def peer(market: Market, calendar: pd.DataFrame, temperature: np.ndarray) -> pd.DataFrame:
    """Estimate every item with doubleml: elasticity, low, high."""
    from doubleml import DoubleMLData, DoubleMLPLR

    pooled, base, rows = pool(market), surroundings(market.days, calendar, temperature), {}
    week = np.arange(len(market.days)) // 7
    np.random.seed(0)  # doubleml draws its folds from numpy's global state
    for i, item in enumerate(market.items):
        y, p = np.nansum(pooled["y"][:, i], 0), pooled["price"][i]
        use = (y > 0) & (pooled["exposure"][i] > 0) & ~market.censored[:, i].any(0)
        if use.sum() < 200 or np.std(p[use]) < 0.002:
            continue
        X = controls(market, pooled, base, i)[use]
        X = X[:, X.std(axis=0) > 0]
        data = DoubleMLData.from_arrays(X, np.log(y[use]), p[use], cluster_vars=week[use])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = DoubleMLPLR(data, ridge(), ridge(), n_folds=5, score="partialling out")
            model.fit()
        rows[item] = (model.coef[0], *model.confint().to_numpy()[0])
    return pd.DataFrame.from_dict(rows, orient="index", columns=["elasticity", "low", "high"])


def score(seed: int, who: str, found: pd.DataFrame, true: pd.Series, seconds: float) -> dict:
    """Score one set of estimates."""
    t, error = true.reindex(found.index), (found["elasticity"] - true.reindex(found.index)).abs()
    return {
        "seed": seed,
        "estimate": who,
        "items": int(error.notna().sum()),
        "truth_inside": ((found["low"] < t) & (t < found["high"]))[error.notna()].mean(),
        "mean_error": error.mean(),
        "median_error": error.median(),
        "median_width": (found["high"] - found["low"]).median(),
        "cpu_seconds": seconds,
    }


def timed(work, *arguments):
    """Run and count processor seconds."""
    began = time.process_time()
    return work(*arguments), time.process_time() - began


def one_chain(seed: int, with_peer: bool) -> tuple[list[dict], list[dict]]:
    """Score all estimates and price plans on one chain."""
    tables, truth = embedded() if seed == 7 else supermarket(seed)
    whole = market_from_tables(tables)
    start = len(whole.days) - 56
    market, true = whole.until(start), truth.elasticity
    known = tables["calendar"], tables["weather"]["temperature"].to_numpy()[:start]
    ours, seconds = timed(estimate, market, *known)
    told = ours.table["status"] == ""
    rows = [
        score(seed, "ours", ours.table[told], true, seconds),
        score(seed, "ours, shrunk within groups", shrunk(ours)[told.to_numpy()], true, seconds),
    ]
    rows.append(score(seed, "plain regression", naive(market)[told.to_numpy()], true, 0))
    if with_peer:
        found, seconds = timed(peer, market, *known)
        rows.append(score(seed, "doubleml", found[found.index.isin(ours.table.index[told])], true, seconds))
    ahead = replace(
        whole,
        days=whole.days[start:],
        **{name: getattr(whole, name)[:, :, start:] for name in ("units", "price", "promotion", "censored")},
    )
    share, cost, limits = 1 - ahead.promotion.mean((0, 2)), tables["items"].set_index("item")["cost"], Limits()
    offer = offer_from(market, ours, cost, share=share)
    raw = offer_from(market, ours.table.assign(se=1e-9, cross_se=1e-9), cost, n=2, share=share)
    knows = truth.items.set_index("item").assign(
        se=1e-9, cross=lambda t: t["cross_elasticity"], cross_se=1e-9, status=ours.table["status"]
    )
    perfect = offer_from(market, knows, cost, n=2, share=share)
    plan, seconds = timed(plan_prices, offer, limits)
    ways = {
        "price plan": (plan.price, plan.gain.mean(), seconds),
        "plan on raw estimates": (p := solve_prices(raw, limits), gain(raw, p)[0], np.nan),
        "fixed markup": (p := fixed_markup(offer, limits), gain(offer, p).mean(), np.nan),
        "plan with the truth": (p := solve_prices(perfect, limits), gain(perfect, p)[0], np.nan),
    }
    low, high = 7 * np.quantile(plan.gain, [0.05, 0.95])
    plans = [
        {
            "seed": seed,
            "way": name,
            "labels": int((np.abs(p - offer.price) > 0.004).sum()),
            "promised_week": 7 * promised,
            "earned_week": 7 * judge_prices(ahead, offer, p, limits, truth).mean(),
            "low_week": low if name == "price plan" else np.nan,
            "high_week": high if name == "price plan" else np.nan,
            "cpu_seconds": spent,
        }
        for name, (p, promised, spent) in ways.items()
    ]
    return rows, plans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11, 12, 13])
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    results = [one_chain(seed, not options.no_peer) for seed in options.seeds]
    for name, place in (("elasticity", 0), ("pricing", 1)):
        table = pd.DataFrame([row for result in results for row in result[place]])
        table.round(4).to_csv(RESULTS / f"{name}.csv", index=False)
        print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
