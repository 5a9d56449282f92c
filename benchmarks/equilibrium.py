"""User equilibrium: Sioux Falls and towns of 2,500 to 2,900 links, by paths, by Frank-Wolfe and by aequilibrae.

    python benchmarks/equilibrium.py --data FOLDER [--out FILE.csv] [--towns SEED]

FOLDER holds SiouxFalls_net.tntp and SiouxFalls_trips.tntp, or folders with such pairs of files; all pairs are solved.
The towns are made up: their seeds follow the given one, on which nothing was tried. Processor seconds of one thread,
from the checked network to flows; the first call, which compiles, is timed apart, and so is plain Python, which runs
the same code where numba is missing. Each gap is computed anew from the flows, by another search than the one that
found them. aequilibrae takes part where it is installed: bi-conjugate Frank-Wolfe, one core, no progress bars; reading
its graph is not counted. Every figure is the best of three runs.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("AEQ_SHOW_PROGRESS", "FALSE")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402

from lepton_nb.allocation.equilibrium import Assignment, frank_wolfe, made_town, relative_gap  # noqa: E402
from lepton_nb.allocation.paths import user_equilibrium  # noqa: E402
from lepton_nb.allocation.roads import RoadNetwork, read_tntp  # noqa: E402

TOWNS = {"town, 4,000 pairs": (25, 4000, 60_000), "town, 6,000": (25, 6000, 80_000), "town, 8,000": (26, 8000, 90_000)}
PLAIN = """
import sys, time
from lepton_nb.allocation.paths import user_equilibrium
from lepton_nb.allocation.roads import read_tntp
network = read_tntp(*sys.argv[1:])
began = time.process_time()
user_equilibrium(network)
print(time.process_time() - began)
"""


def stored(folder: Path):
    """Yield the networks of a folder."""
    for net in sorted(folder.rglob("*_net.tntp")):
        trips = net.with_name(net.name.replace("_net", "_trips"))
        yield net.name.removesuffix("_net.tntp"), read_tntp(net, trips), (net, trips)


def made(seed: int):
    """Yield towns of the sizes that are asked for."""
    for number, (name, (side, pairs, vehicles)) in enumerate(TOWNS.items()):
        town, _ = made_town(seed + number, side, 26, zones=110, vehicles=vehicles, pairs=pairs)
        yield name, town, None


def row(name: str, method: str, began: float, network: RoadNetwork, flow: np.ndarray, rounds: int) -> dict:
    """Return what is reported of flows that were found just now."""
    took = time.process_time() - began
    links = network.links["free_time"] != 0.5
    return {
        "name": name,
        "method": method,
        "cpu_s": took,
        "gap": relative_gap(network, flow),
        "rounds": rounds,
        "objective": network.objective(flow),
        "links": len(flow),
        "pairs": len(network.graph.demand),
        "most_load": float((flow / network.links["capacity"])[links].max()),
    }


def ours(name: str, network: RoadNetwork, gap: float, method=user_equilibrium) -> dict:
    """Solve by one of ours."""
    began = time.process_time()
    found: Assignment = method(network, gap)
    return row(name, f"{method.__name__} to {gap:g}", began, network, found.flow, len(found.gaps))


def best_of_three(solve, *given) -> list[dict]:
    """Return the quickest of three runs; none where the peer is not installed."""
    rows = [found for found in (solve(*given) for _ in range(3)) if found]
    return [min(rows, key=lambda r: r["cpu_s"])] if rows else []


def peer(name: str, network: RoadNetwork, gap: float) -> dict | None:
    """Solve by aequilibrae, where it is installed and its one form of the curve fits."""
    try:
        from aequilibrae.matrix import AequilibraeMatrix
        from aequilibrae.paths import Graph, TrafficAssignment, TrafficClass
    except ImportError:
        return None
    ends = pd.unique(network.trips[["origin", "destination"]].to_numpy(object).ravel())
    others = pd.unique(network.links[["from", "to"]].to_numpy(object).ravel())
    number = {node: i for i, node in enumerate([*ends, *(n for n in others if n not in set(ends))], 1)}
    table = network.links.reset_index(drop=True)
    links = pd.DataFrame({"link_id": np.arange(1, len(table) + 1), "direction": 1})
    links = links.assign(id=links["link_id"], a_node=table["from"].map(number), b_node=table["to"].map(number))
    links = links.assign(**table[["free_time", "capacity", "b", "power"]])
    graph, zones = Graph(), np.arange(1, len(ends) + 1)
    graph.network, graph.network_ok, graph.status = links, True, "OK"
    graph.cost = graph.free_flow_time = links["free_time"].to_numpy()
    graph.capacity = links["capacity"].to_numpy()
    graph.prepare_graph(zones)
    graph.set_graph("free_time")
    graph.set_blocked_centroid_flows(bool(network.no_through))
    trips = np.zeros((len(ends), len(ends)))
    at = [network.trips[c].map(number).to_numpy() - 1 for c in ("origin", "destination")]
    np.add.at(trips, tuple(at), np.where(at[0] == at[1], 0, network.trips["vehicles"]))
    matrix = AequilibraeMatrix()
    matrix.create_empty(zones=len(ends), matrix_names=["matrix"], memory_only=True)
    matrix.index[:], matrix.matrix["matrix"][:, :] = zones, trips
    matrix.computational_view(["matrix"])
    began = time.process_time()
    run = TrafficAssignment()
    run.add_class(TrafficClass("car", graph, matrix))
    run.set_vdf("BPR")
    run.set_vdf_parameters({"alpha": "b", "beta": "power"})
    run.set_capacity_field("capacity")
    run.set_time_field("free_time")
    run.set_algorithm("bfw")
    run.max_iter, run.rgap_target = 2000, gap
    run.set_cores(1)
    run.execute(log_specification=False)
    flow = run.results()["PCE_AB"].reindex(np.arange(1, len(table) + 1)).fillna(0).to_numpy()
    return row(name, f"aequilibrae to {gap:g}", began, network, flow, run.assignment.iter)


def plain(files: tuple[Path, Path]) -> float:
    """Return the processor seconds of the same code without a compiler."""
    environment = {**os.environ, "LEPTON_NB_COMPILE": "0"}
    run = subprocess.run(
        [sys.executable, "-c", PLAIN, *map(str, files)], env=environment, capture_output=True, text=True
    )
    return float(run.stdout)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--out", type=Path)
    ask.add_argument("--towns", type=int, default=31)
    given = ask.parse_args()
    if given.data is None:
        print("equilibrium.py: no --data FOLDER with TNTP files, nothing measured")
        return
    began = time.process_time()
    user_equilibrium(made_town(0)[0])
    print(f"first call {time.process_time() - began:.1f} s (compiled, or loaded where it was before)")
    rows = []
    for name, network, files in [*stored(given.data), *made(given.towns)]:
        for gap in (1e-4, 1e-10, 1e-12):
            rows += best_of_three(ours, name, network, gap)
        if network.links["b"].max() > 1:  # Braess: straight lines, which the peers' curves are not made for
            continue
        rows += best_of_three(ours, name, network, 1e-4, frank_wolfe) + best_of_three(peer, name, network, 1e-4)
        if files:
            rows.append({"name": name, "method": "plain Python to 1e-10", "cpu_s": plain(files)})
    table = pd.DataFrame(rows)
    table.insert(3, "times", table["cpu_s"] / table.groupby("name")["cpu_s"].transform("first"))
    print(table.to_string(index=False, float_format=lambda v: f"{v:.4g}" if abs(v) < 1e4 else f"{v:,.4f}"))
    if given.out:
        table.to_csv(given.out, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
