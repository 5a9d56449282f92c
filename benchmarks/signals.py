"""Controllers of signals in our simulator and in SUMO: the same streets, vehicles, seeds and rules, and two orders.

    python benchmarks/signals.py [--data FOLDER] [--out FILE.csv] [--seeds 3] [--networks NAME ...] [--why]

Made-up grids and the city's hour from 17 to 18; with --data, which holds folders with a .net.xml and a .rou.xml, such
as cologne1 and cologne3 of RESCO, these as well. Delay is seconds a vehicle over an hour of departures and a quarter
of an hour after (the files of --data: their hour), those who never got in included; in SUMO it is time lost plus the
wait to get in, without teleports. A seed draws the vehicles and how SUMO's drivers dawdle; the files of --data have
one set of vehicles, so there a seed is of the drivers alone. One setting of each rule for all networks. The clock is
processor seconds of one thread, the reading of results aside. --why runs SUMO again with no one giving way, and with
drivers who brake and start at once. Without SUMO our side alone is told.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402

from lepton_nb.allocation.queues import made_grid  # noqa: E402
from lepton_nb.allocation.signals import (  # noqa: E402
    Control,
    SignalSimulator,
    queue_flows,
    run_signals,
    standard_rules,
    webster_plan,
)
from lepton_nb.allocation.sumo import (  # noqa: E402
    SumoSimulator,
    moved_controllers,
    rank_agreement,
    run_sumo,
    sumo_installed,
)
from lepton_nb.allocation.sumo_files import read_sumo, read_vehicles  # noqa: E402

GRIDS = {"grid 2 x 2, 0.6": (3, 2, 2, 0.6), "grid 3 x 3, 0.5": (77, 3, 3, 0.5), "grid 3 x 3, 0.7": (78, 3, 3, 0.7)}
CITY, PRESENT, EQUAL_GREEN = "city, 17", "present plan", 26.0
PROMPT = {"accel": "20", "decel": "20", "emergencyDecel": "20", "sigma": "0", "speedDev": "0"}
WHY = {"no one gives way": (False, None), "start at once": (True, PROMPT), "both": (False, PROMPT)}
BARS = ["longest approach", "pressure over length"]


class Contest(NamedTuple):
    """Hold a network's controllers and how each simulator runs one for a seed."""

    controls: dict[str, Control]
    ours: Callable
    theirs: Callable  # of control, seed, whether who turns left gives way, drivers


def contest(network, routes, vehicles, nodes: pd.DataFrame, present: pd.DataFrame) -> Contest:
    """Return a network with expected vehicles, drawn anew for each seed."""
    mine = SignalSimulator(network, routes, vehicles)
    kept = {}

    def theirs(control, seed, yields=True, kind=None):
        """Run SUMO; a network is built once."""
        key = (yields, str(kind))
        if key not in kept:
            kept[key] = SumoSimulator(network, routes, vehicles, nodes, yields=yields, kind=kind)
        return kept[key].run(control, seed)

    webster = webster_plan(network, queue_flows(network, routes, vehicles))
    plans = {PRESENT: Control(plan=present), "Webster": Control(plan=webster)}
    return Contest(plans | standard_rules(), mine.run, theirs)


def grid(seed: int, high: int, wide: int, load: float) -> Contest:
    """Return a made-up grid; its present plan has equal greens."""
    network, routes, vehicles = made_grid(seed, high, wide, load=load)
    names = sorted({*network.links["from"], *network.links["to"]})
    spots = [(name, *(300.0 * float(v) for v in name.split("."))) for name in names]
    nodes = pd.DataFrame(spots, columns=["node", "x", "y"])
    return contest(network, routes, vehicles, nodes, network.plan_rows.assign(green_s=EQUAL_GREEN))


def city() -> Contest:
    """Return the city's hour from 17 to 18 with the plan it has."""
    from lepton_nb.cases.city.network.streets import present_plan, street_hour
    from lepton_nb.cases.city.sources import SOURCES

    tables = SOURCES.load("embedded").tables
    hour = street_hour(tables, 17)
    return contest(hour.network, hour.routes, hour.vehicles, tables["nodes"], present_plan(tables))


def given(folder: Path) -> Contest:
    """Return a network of SUMO with its vehicles of one hour, which do not change with the seed."""
    net, cars = next(folder.glob("*.net.xml")), next(folder.glob("*.rou.xml"))
    streets = read_sumo(net)
    begin = 25_200.0 if folder.name.startswith("cologne") else 0.0
    traffic = read_vehicles(cars, streets.network, begin, begin + 3600.0, missing="leave out")
    counts = passing(traffic)
    plans = {PRESENT: Control(plan=streets.plan), "Webster": Control(plan=webster_plan(streets.network, counts))}
    kind = {"speedDev": "0.1", "length": "4.3", "minGap": "1.5"}  # as the files have them

    def theirs(control, seed, yields=True, other=None):
        """Run SUMO; who gives way is written in the network and stays."""
        return run_sumo(traffic, control, 3600.0, net, streets.lights, seed, kind=kind | (other or {}))

    return Contest(plans | standard_rules(), lambda control, seed: run_signals(traffic, control, 3600.0), theirs)


def passing(traffic):
    """Return the vehicles an hour of each queue, counted from their routes."""
    s, cars = traffic.network.streets, traffic.cars
    flow, last = np.zeros(len(s.link)), np.flatnonzero(s.to[cars.moves] < 0)
    for begin, many in zip(*np.unique(cars.begin, return_counts=True)):
        np.add.at(flow, s.queue[cars.moves[begin : last[np.searchsorted(last, begin)]]], many)
    return flow


def measure(name: str, one: Contest, seeds: int, why: bool) -> list[dict]:
    """Return a row for each controller: delay and processor time of both, means over the seeds."""
    rows, there = [], sumo_installed()
    if there:  # compiles
        one.ours(one.controls["learned"], 0), one.ours(one.controls["Webster"], 0)
    for called, control in one.controls.items():
        row = {"network": name, "controller": called}
        began = process_time()
        told = pd.DataFrame([one.ours(control, seed).summary() for seed in range(seeds)])
        row |= {"ours_s": told["delay_s"].mean(), "ours_cpu_s": (process_time() - began) / seeds}
        if there:
            runs = [one.theirs(control, seed) for seed in range(seeds)]
            delay = pd.Series([run.summary()["delay_s"] for run in runs])
            row |= {"sumo_s": delay.mean(), "sumo_low_s": delay.min(), "sumo_high_s": delay.max()}
            row |= {"sumo_cpu_s": sum(run.cpu_s for run in runs) / seeds}
            row["times"] = row["sumo_cpu_s"] / row["ours_cpu_s"]
            for variant, (yields, kind) in WHY.items() if why else ():
                found = [one.theirs(control, seed, yields, kind).summary()["delay_s"] for seed in range(seeds)]
                row[f"sumo_s, {variant}"] = sum(found) / seeds
        rows.append(row)
        print({k: v if isinstance(v, str) else round(float(v), 3) for k, v in row.items()}, flush=True)
    return rows


def agree(table: pd.DataFrame) -> None:
    """Print how far the two orders agree on each network, who moves, and the gain over the bars."""
    for name, part in table.groupby("network", sort=False):
        part = part.set_index("controller")
        for column in [c for c in part if c.startswith("sumo_s")]:
            told = rank_agreement(part["ours_s"], part[column])
            print(f"{name}, {column}: " + ", ".join(f"{key} {value:.2f}" for key, value in told.items()))
        print(moved_controllers(part["ours_s"], part["sumo_s"]).head(4).to_string())
        bar, present = part.loc[BARS, "sumo_s"].min(), part.at[PRESENT, "sumo_s"]
        for rule in ("look-ahead", "learned"):
            at = part.at[rule, "sumo_s"]
            print(f"{name}: {rule} in SUMO {at / bar:.2f} x the better bar, {at / present:.2f} x the present plan")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--out", type=Path)
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--networks", nargs="*", help="names, or parts of them; all where none is given")
    ask.add_argument("--why", action="store_true")
    asked = ask.parse_args()
    made = {name: (lambda shape=shape: grid(*shape)) for name, shape in GRIDS.items()} | {CITY: city}
    if asked.data:
        folders = sorted({file.parent for file in asked.data.rglob("*.net.xml")})
        made |= {folder.name: (lambda folder=folder: given(folder)) for folder in folders}
    chosen = {n: f for n, f in made.items() if not asked.networks or any(word in n for word in asked.networks)}
    rows = [row for name, make in chosen.items() for row in measure(name, make(), asked.seeds, asked.why)]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format=lambda v: f"{v:.3g}" if abs(v) < 100 else f"{v:,.1f}"))
    if "sumo_s" in table:
        agree(table)
    else:
        print("SUMO is not installed: pip install 'lepton_nb[sumo]'; our side alone was measured.")
    if asked.out:
        table.to_csv(asked.out, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
