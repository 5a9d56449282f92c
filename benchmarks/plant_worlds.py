"""Ways of planning a plant in many simulated worlds: book, formula, joint service, rolling program, and the bound.

All know the same forecast and past deliveries and meet the same floor. Settings are chosen on 26 weeks by the judge's
tuner over all worlds together, and judged on the 26 weeks after them. The rolling program takes the safety stock of a
tuned rule as its hedge and is not tuned itself. "At the book's stock" is the joint service whose price of a missing
week is the highest that had no more parts in stock than the tuned book, on the practice weeks.

    python benchmarks/plant_worlds.py --worlds 80 --first 4000

Worlds differ in demand, lead times, disruptions and failures. Costs of an hour at a stand are moved by 3 either way,
rare events are left out, and last every order comes on its day, which shows what the scatter of lead times costs;
those trials leave the programs out. The bound knows what comes.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from lepton_nb.allocation.policy import Book
from lepton_nb.cases.manufacturing.plant.floor import Course
from lepton_nb.cases.manufacturing.plant.foresight import plant_bound, way_to_bound
from lepton_nb.cases.manufacturing.plant.joint import joint_safety, joint_service
from lepton_nb.cases.manufacturing.plant.judging import PlantTrial, gain_over_worlds, plant_trial, yearly_figures
from lepton_nb.cases.manufacturing.plant.rolling import parts_plan
from lepton_nb.cases.manufacturing.plant.rules import fixed_weeks, service_level
from lepton_nb.cases.manufacturing.world.simulate import draw_world, model_weeks, world_course, world_plant

RESULT = Path(__file__).parent / "results" / "plant_worlds.csv"
WEEKS = {"weeks": [0.5, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 4.0]}
LEVELS = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999]
LEAST = [0.0, 1.0, 1.25, 1.5, 1.75]
PRICES = [0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0]  # of a week without cars
ON_TIME = "every order on its day"
BOOK, FORMULA, LEAST_RULE, JOINT = "book, tuned", "formula, tuned", "formula and a least, tuned", "joint service, tuned"
RULES: dict[str, tuple[Callable, dict]] = {
    BOOK: (fixed_weeks, WEEKS),
    "book, one week": (fixed_weeks, {"weeks": [1.0]}),
    FORMULA: (service_level, {"level": LEVELS}),
    LEAST_RULE: (service_level, {"level": LEVELS[2:9], "least": LEAST}),
    JOINT: (joint_service, {"shortage": PRICES}),
}


def on_time(course: Course) -> Course:
    """Let every order take the mean of its source, to the day."""
    mean = np.maximum(np.round(course.lead.mean(-1, keepdims=True)), 1).astype(int)
    return replace(course, lead=np.broadcast_to(mean, course.lead.shape))


def parts_in_practice(trial: PlantTrial, make: Callable, **one) -> float:
    """Return the mean value of parts in stock on the practice weeks."""
    return float(trial.play(make, False, **one).entries["value of parts"].mean())


def at_the_books_stock(trial: PlantTrial, weeks: float) -> dict[str, float]:
    """Return the highest price of a missing week with no more parts in practice than the book."""
    most = parts_in_practice(trial, fixed_weeks, weeks=weeks)
    fits = [price for price in PRICES if parts_in_practice(trial, joint_service, shortage=price) <= most]
    return {"shortage": max(fits, default=PRICES[0])}


def programs(found: dict[str, dict]) -> dict[str, tuple[Callable, dict]]:
    """Return the ways that solve a program, with the settings of the rules that hedge them."""
    price = found[JOINT]["shortage"]
    hedge = partial(joint_safety, shortage=price)
    return {
        "joint program of kits, same price": (joint_service, {"shortage": price, "together": True, "futures": 1000}),
        "rolling program, hedged by formula and least": (parts_plan, found[LEAST_RULE]),
        "rolling program, hedged by joint service": (parts_plan, {"safety": hedge}),
        "rolling program, no hedge": (parts_plan, {}),
    }


def ratio(mine: Book, other: Book, rounds: int = 2000) -> tuple[float, float, float]:
    """Return standstill over that of another way, with its 95% interval over resampled worlds."""
    hours = np.stack([book.entries["hours at a stand"].sum(-1) for book in (mine, other)])
    drawn = np.random.default_rng(0).integers(0, hours.shape[1], (rounds, hours.shape[1]))
    each = hours[0][drawn].sum(1) / hours[1][drawn].sum(1)
    return float(hours[0].sum() / hours[1].sum()), *np.quantile(each, [0.025, 0.975])


def told(name: str, settings: dict) -> str:
    """Write settings in one word each."""
    return " ".join(f"{key}={value:g}" for key, value in settings.items() if isinstance(value, float))


def standing(trial: PlantTrial, name: str, solving: bool) -> pd.DataFrame:
    """Play every way and compare it with the tuned book, the tuned formula and the bound."""
    books, found, spent = {}, {}, {}

    def play(way: str, make: Callable, settings: dict, began: float) -> None:
        books[way] = replace(trial.play(make, **settings), name=way)
        found[way], spent[way] = settings, time.process_time() - began

    for way, (make, grid) in RULES.items():
        began = time.process_time()
        play(way, make, trial.tuned(make, grid), began)
    began = time.process_time()
    play("joint service, at the book's stock", joint_service, at_the_books_stock(trial, found[BOOK]["weeks"]), began)
    for way, (make, settings) in programs(found).items() if solving else ():
        play(way, make, settings, time.process_time())
    began = time.process_time()
    bound = plant_bound(trial.floor, trial.judged)
    print(f"{name}: bound {bound.mean():,.0f} a week, {time.process_time() - began:.1f} s", flush=True)
    rows = []
    for way, book in books.items():
        row = {"trial": name, "way": way, "settings": told(way, found[way])}
        row |= yearly_figures(book).mean().round(1).to_dict()
        for short, other in (("book", BOOK), ("formula", FORMULA)):
            gain, part = gain_over_worlds(book, books[other]), ratio(book, books[other])
            row |= {f"gain over {short}": gain.mean, f"its low {short}": gain.low, f"its high {short}": gain.high}
            row |= {f"standstill over {short}": part[0], f"least {short}": part[1], f"most {short}": part[2]}
            row |= {f"worlds ahead of {short}": int((gain.each > 0).sum())}
        way_gone = way_to_bound(book, books[FORMULA], bound)
        rows.append(row | {"bound": way_gone.bound, "share of the way": way_gone.share, "cpu": spent[way]})
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
        (ON_TIME, 0.0, 1.0),
    ):
        worlds = [draw_world(seed, rare) for seed in range(given.first, given.first + given.worlds)]
        plant = world_plant(worlds[0])
        plant = replace(plant, stand_cost=plant.stand_cost * stand)
        course = world_course(worlds)
        trial = plant_trial(plant, on_time(course) if name == ON_TIME else course, *model_weeks())
        tables.append(standing(trial, name, name == "usual"))
        print(tables[-1].drop(columns="trial").round(2).to_string(), flush=True)
    pd.concat(tables).round(4).to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
