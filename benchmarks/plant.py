"""Rules of a plant's planner in many simulated worlds: the book with fixed weeks and the formula, tuned alike.

All rules build by the same plan, know the same forecast and deliveries, and meet the same floor. Settings are chosen on
26 weeks by the judge's tuner over all worlds, and judged on the 26 weeks after them.

    python benchmarks/plant.py --worlds 80 --first 4000

Worlds differ in demand, lead times, disruptions and failures. Costs of an hour at a stand are moved by 3 either way.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lepton_nb.cases.manufacturing.plant.judging import PlantTrial, gain_over_worlds, plant_trial, yearly_figures
from lepton_nb.cases.manufacturing.plant.rules import fixed_weeks, service_level
from lepton_nb.cases.manufacturing.world.simulate import draw_world, model_weeks, world_course, world_plant

RESULT = Path(__file__).parent / "results" / "plant.csv"
WEEKS = {"weeks": [0.5, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 4.0]}
LEVELS = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999]
LEAST = [0.0, 1.0, 1.25, 1.5, 1.75]
RULES = {
    "the book, tuned": (fixed_weeks, WEEKS),
    "the book, one week": (fixed_weeks, {"weeks": [1.0]}),
    "the formula, tuned": (service_level, {"level": LEVELS}),
    "the formula and a least, tuned": (service_level, {"level": LEVELS[2:9], "least": LEAST}),
    "the same, cars for 0.3 weeks": (service_level, {"level": LEVELS[2:9], "least": LEAST, "cover": [0.3]}),
}


def standing(trial: PlantTrial, name: str) -> pd.DataFrame:
    """Play every rule and compare it with the tuned book."""
    rows, books = [], {}
    for rule, (make, grid) in RULES.items():
        began = time.process_time()
        best = trial.tuned(make, grid)
        books[rule] = trial.play(make, **best)
        gain = gain_over_worlds(books[rule], books["the book, tuned"])
        told = {"trial": name, "rule": rule, "settings": " ".join(f"{k}={v:g}" for k, v in best.items())}
        told |= yearly_figures(books[rule]).mean().round(1).to_dict()
        told |= {"gain a week": gain.mean, "low": gain.low, "high": gain.high, "better worlds": (gain.each > 0).sum()}
        rows.append(told | {"cpu": time.process_time() - began})
    return pd.DataFrame(rows)


def main() -> None:
    """Run the trials and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=80)
    parser.add_argument("--first", type=int, default=4000, help="seed of the first world")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    tables = []
    for name, rare, stand in (
        ("usual", 1.0, 1.0),
        ("no late orders", 0.0, 1.0),
        ("stand / 3", 1.0, 1 / 3),
        ("x 3", 1.0, 3.0),
    ):
        worlds = [draw_world(seed, rare) for seed in range(given.first, given.first + given.worlds)]
        plant = world_plant(worlds[0])
        plant = replace(plant, stand_cost=plant.stand_cost * stand)
        tables.append(standing(plant_trial(plant, world_course(worlds), *model_weeks()), name))
        print(tables[-1].round(1).to_string(), flush=True)
    pd.concat(tables).round(4).to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
