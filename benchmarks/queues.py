"""The queue simulator beside UXsim's C++ engine: grids of 4 x 4 and 6 x 6 junctions with fixed signals, an hour each.

    python benchmarks/queues.py [--data FOLDER] [--out FILE.csv] [--seed SEED]

Both get the same streets, signals, routes, vehicles and departure times, one vehicle a platoon, a step of a second, the
same room in a queue and the same speed of the wave that runs back through it. UXsim takes part where it is installed.
The clock runs from the ready network to the last step, in processor seconds of one thread, the best of three runs after
one that compiles. With --data, which holds the city's tables, its hour from 17 to 18 is timed as well.
"""

import argparse
import gc
import os
import time
from dataclasses import replace
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402

from lepton_nb.allocation.queues import (  # noqa: E402
    SATURATION,
    StreetTraffic,
    draw_traffic,
    made_grid,
    simulate_streets,
)

HOUR, AFTER, GREEN, YELLOW = 3600.0, 900.0, 26.0, 4.0
SIZES = {"4 x 4": (4, 4), "6 x 6": (6, 6)}
LOADS = (0.4, 0.6, 0.75)
REACTION = 1.0  # seconds, which is UXsim's step for platoons of one vehicle
COLUMNS = ["link", "from", "to", "length_m", "lanes", "free_kmh"]


def ours(traffic: StreetTraffic) -> dict:
    """Drive the vehicles through our simulator under equal greens."""
    plan = traffic.network.plan_rows.assign(green_s=GREEN)
    began = time.process_time()
    run = simulate_streets(traffic, plan, HOUR + AFTER)
    took = time.process_time() - began
    done = ~np.isnan(run.state.arrive)
    return {"method": "ours", "cpu_s": took, "travel_s": run.travel[done].mean(), "arrived": int(done.sum())}


def peer_world(traffic: StreetTraffic):
    """Return the same streets, signals and vehicles as a world of UXsim."""
    from uxsim import World

    network, cars, s = traffic.network, traffic.cars, traffic.network.streets
    world = World(
        name="", deltan=1, reaction_time=REACTION, tmax=HOUR + AFTER, random_seed=0, print_mode=0, save_mode=0,
        show_mode=0, cpp=True, duo_update_time=10 * HOUR,
        reduce_memory_delete_vehicle_route_pref=True,
    )  # fmt: skip
    first = network.plan_rows.drop_duplicates("node").set_index("node")["phase"]
    opens = network.phases.assign(link=network.phases["movement"].str.split(">").str[0]).set_index("link")["phase"]
    for node in sorted({*network.links["from"], *network.links["to"]}):  # groups 1 and 3 are the yellow times
        world.addNode(node, 0, 0, signal=[GREEN, YELLOW, GREEN, YELLOW] if node in first.index else [0])
    for name, start, end, metres, lanes, kmh in network.links[COLUMNS].itertuples(index=False):
        group = 0 if end not in first.index or opens[name].iat[0] == first[end] else 2
        world.addLink(
            name, start, end, length=metres, free_flow_speed=kmh / 3.6, jam_density_per_lane=1 / network.spacing,
            number_of_lanes=int(lanes), signal_group=[group], capacity_out=SATURATION * lanes / 3600.0,
        )  # fmt: skip
    names = network.links["link"].to_numpy()
    start, end = network.links["from"].to_numpy(), network.links["to"].to_numpy()
    for depart, begin in zip(cars.depart, cars.begin):
        last = begin + int(np.argmax(s.to[cars.moves[begin:]] < 0))
        way = s.link[s.queue[cars.moves[begin : last + 1]]]
        vehicle = world.addVehicle(start[way[0]], end[way[-1]], float(depart))
        vehicle.enforce_route(list(names[way]))
    return world


def peer(traffic: StreetTraffic) -> dict | None:
    """Drive the vehicles through UXsim, where it is installed."""
    try:
        world = peer_world(traffic)
    except ImportError:
        return None
    began = time.process_time()
    world.exec_simulation()
    took = time.process_time() - began
    world.analyzer.basic_analysis()
    a = world.analyzer
    told = {"method": "UXsim, C++", "cpu_s": took, "travel_s": a.average_travel_time, "arrived": int(a.trip_completed)}
    del world, a
    gc.collect()
    return told


def best_of_three(drive, traffic: StreetTraffic) -> list[dict]:
    """Return the quickest of three runs; none where the peer is not installed."""
    rows = [found for found in (drive(traffic) for _ in range(3)) if found]
    return [min(rows, key=lambda row: row["cpu_s"])] if rows else []


def city(folder: Path) -> StreetTraffic:
    """Return the city's traffic from 17 to 18."""
    from lepton_nb.cases.city.network.streets import street_hour

    tables = {
        name: pd.read_parquet(folder / f"{name}.parquet") for name in ("nodes", "links", "phases", "zones", "trips")
    }
    hour = street_hour(tables, 17)
    return draw_traffic(hour.network, hour.routes, hour.vehicles, HOUR, 0)


def grids(seed: int):
    """Yield grids of several sizes and loads with their traffic."""
    for name, (high, wide) in SIZES.items():
        for load in LOADS:
            network, routes, vehicles = made_grid(seed, high, wide, load=load)
            network = replace(network, wave_speed=network.spacing / REACTION)
            yield name, load, draw_traffic(network, routes, vehicles, HOUR, seed)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--out", type=Path)
    ask.add_argument("--seed", type=int, default=71)
    given = ask.parse_args()
    rows = []
    for name, load, traffic in grids(given.seed):
        ours(traffic)
        for row in best_of_three(ours, traffic) + best_of_three(peer, traffic):
            rows.append({"network": name, "load": load, "vehicles": len(traffic.cars.depart)} | row)
            print(
                {name: value if isinstance(value, str) else float(round(value, 4)) for name, value in rows[-1].items()},
                flush=True,
            )
    if given.data:
        traffic = city(given.data)
        rows += [
            {"network": "city, 17", "vehicles": len(traffic.cars.depart)} | row for row in best_of_three(ours, traffic)
        ]
    table = pd.DataFrame(rows)
    by = [table["network"], table["load"].fillna(0)]
    for column, name in (("cpu_s", "times"), ("travel_s", "travel against ours")):
        table[name] = table[column] / table.groupby(by)[column].transform("first")
    print(table.to_string(index=False, float_format=lambda v: f"{v:.3g}" if abs(v) < 100 else f"{v:,.1f}"))
    if given.out:
        table.to_csv(given.out, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
