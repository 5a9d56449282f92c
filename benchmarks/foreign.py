"""Coverage of the elasticity intervals in worlds that are not built from the estimator's own terms.

The simulated chain and `estimate` were written by the same hands: the season of the one is made of the harmonics that
the other removes, its heat begins at the same temperature, its noise is of the kind that the errors suppose. Here each
of these is changed, one at a time and together. Truth is the elasticity that made the demand; what is counted is the
share of items whose 95% interval holds it, over several seeds, beside the same for the doubleml package where it is
installed. Managers mark goods up once a week, by what season and weather did to demand in the four weeks before.

    python benchmarks/foreign.py [--seeds 20] [--peer] [--out FILE.csv]

    own terms      two harmonics, heat above 18 degrees, dips of one and two weeks after a promotion, Poisson noise
    hinge          heat above 25 degrees and frost below 3, which the estimator does not know
    no harmonics   a season of straight pieces with steps at school holidays, other every year
    other dip      the dip after a promotion fades day by day, and its lift wears off while it runs
    other noise    negative binomial counts, and shocks of all stores and of each item that last for days
    all            everything at once
    same day       no harmonics, and marked up day by day with the season itself: nothing seen tells the two apart
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from lepton_nb.business.elasticity import Market, estimate  # noqa: E402

RESULTS = Path(__file__).parent / "results"
CHANGES = ("hinge", "no harmonics", "other dip", "other noise")
WORLDS = {
    "own terms": (),
    **{change: (change,) for change in CHANGES},
    "all": CHANGES,
    "same day": ("no harmonics", "same day"),
}


def lasting(rng: np.random.Generator, shape: tuple, keep: float, spread: float) -> np.ndarray:
    """Draw shocks that fade by a share each day, of a given spread, along the last axis."""
    out = rng.normal(0, spread, shape)
    for t in range(1, shape[-1]):
        out[..., t] = keep * out[..., t - 1] + np.sqrt(1 - keep**2) * out[..., t]
    return out


def season_of(rng: np.random.Generator, days: pd.DatetimeIndex, harmonics: bool) -> np.ndarray:
    """Draw a season: two waves a year, or straight pieces with steps (T,)."""
    if harmonics:
        angle = 2 * np.pi * days.dayofyear.to_numpy() / 365.25
        return 0.35 * np.sin(angle + rng.uniform(0, 6)) + 0.12 * np.sin(2 * angle + rng.uniform(0, 6))
    t = np.arange(len(days))
    turns = np.sort(rng.choice(t[20:-20], 9, replace=False))
    out = np.interp(t, np.r_[0, turns, t[-1]], rng.normal(0, 0.3, len(turns) + 2))
    for first in rng.choice(t[:-30], 6, replace=False):
        out[first : first + rng.integers(7, 28)] += rng.choice([-0.25, 0.25])
    return out


def promotions_of(rng: np.random.Generator, items: int, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw promotions of one or two weeks and their discounts, log (I, T) each."""
    on, discount = np.zeros((items, days)), np.zeros((items, days))
    for i in range(items):
        at = int(rng.integers(10, 60))
        while at < days - 20:
            length = int(rng.choice([7, 14]))
            on[i, at : at + length], discount[i, at : at + length] = 1, np.log(1 - rng.uniform(0.1, 0.35))
            at += length + int(rng.integers(28, 80))
    return on, discount


def echoes(rng: np.random.Generator, on: np.ndarray, fading: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the lift while promotions run and the dip after them, log (I, T) each."""
    lift, dip = rng.uniform(0.1, 0.4, (len(on), 1)) * on, np.zeros(on.shape)
    for i, row in enumerate(on):
        starts = np.flatnonzero(np.diff(np.r_[0, row]) == 1)
        ends = np.flatnonzero(np.diff(np.r_[row, 0]) == -1)
        for first, last in zip(starts, ends):
            gone = np.arange(on.shape[1]) - last
            after = gone > 0
            if fading:
                lift[i, first : last + 1] *= 1.5 * np.exp(-np.arange(last + 1 - first) / 10)
                dip[i] -= np.where(after, 0.2 * np.exp(-np.maximum(gone, 0) / 8), 0)
            else:
                dip[i] -= 0.12 * (after & (gone <= 7)) + 0.05 * (after & (gone > 7) & (gone <= 14))
    return lift, np.where(on > 0, 0, dip)


def foreign_world(
    seed: int,
    changes: tuple[str, ...] = (),
    items: int = 16,
    stores: int = 3,
    days: int = 730,
) -> tuple[Market, np.ndarray, np.ndarray]:
    """Draw a market whose managers price with the season: market, temperature, true elasticities."""
    if unknown := set(changes) - {*CHANGES, "same day"}:
        raise ValueError(f"changes: {sorted(unknown)[0]!r} is none of {', '.join(CHANGES)}, same day")
    rng, dates = np.random.default_rng(seed), pd.date_range("2022-01-03", periods=days)
    season = season_of(rng, dates, "no harmonics" not in changes)
    warm = -np.cos(2 * np.pi * (dates.dayofyear.to_numpy() - 20) / 365.25)
    temperature = 12 + 9 * warm + lasting(rng, (days,), 0.8, 3.5)
    hinges = [np.maximum(temperature - 25, 0), np.maximum(3 - temperature, 0)]
    weather = 0.06 * hinges[0] - 0.04 * hinges[1] if "hinge" in changes else 0.03 * np.maximum(temperature - 18, 0)
    elasticity = -rng.uniform(0.8, 3.0, items)
    on, discount = promotions_of(rng, items, days)
    lift, dip = echoes(rng, on, "other dip" in changes)
    cost = 0.03 * np.cumsum(rng.choice([-1, 0, 1], (items, days), p=[0.01, 0.98, 0.01]), axis=1)
    seen = season + weather
    if "same day" not in changes:
        seen = pd.Series(seen).rolling(28, min_periods=1).mean().shift(1, fill_value=0).to_numpy()
        seen = seen[np.arange(days) // 7 * 7]
    rise = 0.04 * np.round(3 * seen[None] * rng.uniform(0.3, 1, (items, 1)))  # dearer when it sells
    log_price = cost + rise + discount
    shock = np.zeros((items, days))
    if "other noise" in changes:
        shock = lasting(rng, (1, days), 0.7, 0.12) + lasting(rng, (items, days), 0.8, 0.15)
    week = 0.25 * (dates.dayofweek.to_numpy() >= 4)
    eta = (
        np.log(rng.uniform(4, 40, (items, 1))) + season + weather + week + elasticity[:, None] * log_price + lift + dip
    )
    mean = np.exp(eta + shock)[None] * rng.uniform(0.5, 1.5, (stores, 1, 1))
    if "other noise" in changes:
        mean = mean * rng.gamma(4.0, 1 / 4.0, mean.shape)
    demand = rng.poisson(mean).astype(float)
    usual = np.quantile(demand, 0.97, axis=2, keepdims=True)
    shelf = np.where(rng.random(demand.shape) < 0.05, np.floor(0.5 * usual), np.inf)
    market = Market(
        pd.Index([f"item {i:02d}" for i in range(items)]),
        pd.Index([f"store {s}" for s in range(stores)]),
        dates,
        np.array(["a", "b"])[np.arange(items) * 2 // items],
        np.minimum(demand, shelf),
        np.broadcast_to(2.0 * np.exp(log_price), demand.shape).copy(),
        np.broadcast_to(on, demand.shape).copy(),
        demand > shelf,
    )
    return market, temperature, elasticity


def covered(table: pd.DataFrame, truth: np.ndarray, world: str, who: str, seed: int) -> dict:
    """Count the items whose interval holds the truth."""
    table = table.assign(truth=pd.Series(truth, [f"item {i:02d}" for i in range(len(truth))]))
    table = table.dropna(subset=["low", "high"])
    return {
        "world": world,
        "estimate": who,
        "seed": seed,
        "items": len(table),
        "inside": int(((table["low"] < table["truth"]) & (table["truth"] < table["high"])).sum()),
        "bias": (table["elasticity"] - table["truth"]).mean(),
        "mean_error": (table["elasticity"] - table["truth"]).abs().mean(),
        "median_width": (table["high"] - table["low"]).median(),
    }


def measure(world: str, seed: int, with_peer: bool) -> list[dict]:
    """Score ours, and the peer where asked, on one world."""
    market, temperature, truth = foreign_world(seed, WORLDS[world])
    rows = []
    for shared in (1, 4):
        table = estimate(market, temperature=temperature, shared=shared).table
        who = f"ours, clusters of {shared} week{'s' if shared > 1 else ''}"
        rows.append(covered(table[table["status"] == ""], truth, world, who, seed))
    if with_peer:
        from pricing import peer

        rows.append(covered(peer(market, None, temperature), truth, world, "doubleml", seed))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--peer", action="store_true", help="doubleml too")
    parser.add_argument("--out", type=Path, default=RESULTS / "foreign.csv")
    args = parser.parse_args()
    rows = [row for world in WORLDS for seed in range(args.seeds) for row in measure(world, seed, args.peer)]
    found = pd.DataFrame(rows)
    found.round(4).to_csv(args.out, index=False)
    whole = found.groupby(["world", "estimate"], sort=False).agg(
        items=("items", "sum"),
        inside=("inside", "sum"),
        bias=("bias", "mean"),
        mean_error=("mean_error", "mean"),
        median_width=("median_width", "mean"),
    )
    print(whole.assign(share=whole["inside"] / whole["items"]).round(3).to_string())


if __name__ == "__main__":
    main()
