"""Bikes between stations: plans as flows and rules of thumb, judged by the riders of made-up cities, and a large plan.

    python benchmarks/rebalancing.py [--worlds 20] [--seed 100] [--out FILE.csv]

Each world is a city of 60 stations and 3,600 rides a day (another `made_bike_city`), with a forecast of each station's
hours that is 20% off. The rule of thumb is tuned on five days, everything is judged on ten others; nothing of a plan is
tuned. What a way saves is paired with doing nothing, on the same riders; its interval is that of the mean of worlds.
Then one day of 500 stations is planned. Processor seconds of one thread.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402
from scipy.stats import t as student  # noqa: E402

from lepton_nb.allocation.rebalancing import BikeCity, follow, half_full, made_bike_city, rebalance, ride_day  # noqa: E402

GRID = [(low, high) for low in (0.2, 0.3, 0.4, 0.5) for high in (0.7, 0.8, 0.9, 1.0)]


def nothing(hour: int, stock: np.ndarray) -> list:
    return []


def tuned(city: BikeCity, seed: int):
    """Return the rule of thumb that spends least on five practice days."""
    days = [city.day(np.random.default_rng([seed, 1, day])) for day in range(5)]
    rules = [half_full(city.stations, *at) for at in GRID]
    return min(rules, key=lambda rule: sum(ride_day(city.stations, day, rule).money for day in days))


def world(seed: int) -> list[dict]:
    """Judge all ways in one city."""
    city, rng = made_bike_city(seed), np.random.default_rng([seed, 0])
    told = [rates * rng.lognormal(-0.02, 0.2, rates.shape) for rates in city.expected()]
    ways = {
        "nothing": nothing,
        "half full, tuned": tuned(city, seed),
        "plan for the expected": follow(rebalance(city.stations, *told, pieces=1)),
        "plan that hedges": follow(rebalance(city.stations, *told)),
    }
    days = [city.day(np.random.default_rng([seed, 2, day])) for day in range(10)]
    return [
        {"world": seed, "day": d, "way": name, **vars(ride_day(city.stations, day, way))}
        for d, day in enumerate(days)
        for name, way in ways.items()
    ]


def summary(judged: pd.DataFrame) -> pd.DataFrame:
    """Return means of each way, and what it saves against the ways before it, with the interval over worlds."""
    mean = judged.groupby(["world", "way"], sort=False).mean(numeric_only=True)
    table = mean.groupby("way", sort=False).mean()[["rides", "lost", "turned_away", "carried", "money"]]
    money = mean["money"].unstack()
    for other in ("nothing", "half full, tuned", "plan for the expected"):
        gain = -money.sub(money[other], axis=0)
        half = student.ppf(0.975, len(gain) - 1) * gain.std() / np.sqrt(len(gain))
        told = [
            f"{gain[w].mean():.0f} ({gain[w].mean() - half[w]:.0f} to {gain[w].mean() + half[w]:.0f})"
            for w in table.index
        ]
        table[f"saves against {other}"] = told
    return table


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--worlds", type=int, default=20)
    ask.add_argument("--seed", type=int, default=100)
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    judged = pd.DataFrame([row for seed in range(given.seed, given.seed + given.worlds) for row in world(seed)])
    table = summary(judged)
    print(table.round(0).to_string())
    large = made_bike_city(given.seed, stations=500)
    for pieces in (1, 6):
        began = time.process_time()
        plan = rebalance(large.stations, *large.expected(), pieces=pieces)
        took = time.process_time() - began
        print(
            f"500 stations, {pieces} arcs to stay: {plan.arcs:,} arcs, {took:.2f} s, largest fraction {plan.fraction:g}"
        )
    if given.out:
        table.to_csv(given.out)


if __name__ == "__main__":
    main()
