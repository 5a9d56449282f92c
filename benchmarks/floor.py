"""A serial line with breakdowns: the recursion against SimPy on the same random numbers.

    python benchmarks/floor.py [--out FILE.csv] [--runs 1000] [--parts 500]

One event is one part leaving one station, for both; SimPy's own events, of which there are several to each, are told
beside it. Processor seconds of one thread, draws not included (they are the same for both, and timed apart). SimPy
simulates the first runs only, one after the other; the departures must be equal to 1e-9.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402
from facility import peak  # noqa: E402

from lepton_nb.allocation.floor import Line, departures, draw_work, simulate_line  # noqa: E402


def timed(call, *args):
    """Call and return the result and its processor seconds."""
    began = time.process_time()
    return call(*args), time.process_time() - began


def own_events(work: np.ndarray, buffers, before: bool) -> int:
    """Count the events that SimPy handles in a run."""
    import simpy

    count, step = [0], simpy.Environment.step
    simpy.Environment.step = lambda env: (count.__setitem__(0, count[0] + 1), step(env))[1]
    try:
        simulate_line(work, buffers, before)
    finally:
        simpy.Environment.step = step
    return count[0]


def measure(stations: int, before: bool, parts: int, runs: int, slow_runs: int) -> dict:
    """Run one line both ways."""
    line = Line([1.0] * stations, [3] * (stations - 1), [20.0] * stations, [5.0] * stations)
    work, drawing = timed(draw_work, line, parts, runs, 1)
    left, fast = min((timed(departures, work, line.buffers, before) for _ in range(3)), key=lambda pair: pair[1])
    row = {
        "name": f"{stations} stations, blocking {'before' if before else 'after'} service",
        "value": float(np.mean((parts - parts // 5) / (left[-1, -1] - left[parts // 5 - 1, -1]))),
        "cpu_s": fast,
        "peak_mb": peak(),
        "events": work.size,
        "events_per_s": work.size / fast,
        "draws_cpu_s": drawing,
    }
    try:
        import simpy  # noqa: F401
    except ImportError:
        return row
    copies = [np.ascontiguousarray(work[:, :, r]) for r in range(slow_runs)]
    truth, slow = timed(lambda: [simulate_line(each, line.buffers, before) for each in copies])
    apart = max(float(np.abs(left[:, :, r] - each).max()) for r, each in enumerate(truth))
    assert apart < 1e-9, f"the recursion and SimPy differ by {apart}"
    rate = parts * stations * slow_runs / slow
    own = own_events(copies[0], line.buffers, before) * slow_runs / slow
    return row | {
        "simpy_per_s": rate,
        "simpy_own_events_per_s": own,
        "times": work.size / fast / rate,
        "times_own_events": work.size / fast / own,
    }


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", help="not needed: everything is drawn")
    ask.add_argument("--out", type=Path)
    ask.add_argument("--runs", type=int, default=1000)
    ask.add_argument("--parts", type=int, default=500)
    given = ask.parse_args()
    rows = [measure(k, before, given.parts, given.runs, 10) for k in (3, 6, 12) for before in (False, True)]
    table = pd.DataFrame(rows).set_index("name")
    print(table.round(4).T.to_string())
    if given.out:
        table.round(4).to_csv(given.out)


if __name__ == "__main__":
    main()
