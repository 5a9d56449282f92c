"""Where vehicles wait: MEXCLP and a practised plan against the busiest zones and the p-median, in Barcelona.

    python benchmarks/staging.py --data FOLDER [--load 1] [--stay 45] [--out FILE.csv]

`--data` is a folder with `city/accidents`: each accident of 2017 is a call. Zones are cells of 1 km with an accident
before the last 90 days; vehicles may wait in each of them. A way is 1.3 times the straight line at 30 km/h and 1.5
minutes to set out. Everything is planned on the first part of the year and judged on whole weeks of the last 90 days;
minutes within an hour and times on the spot are drawn once for all plans. With `--load 2` two halves of
each part are laid over each other, for twice as many calls an hour. The gain over a plan is paired by week. Processor
seconds of one thread.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402
from risk import barcelona  # noqa: E402
from scipy.stats import t as student  # noqa: E402

from lepton_nb.allocation.medians import p_median  # noqa: E402
from lepton_nb.allocation.staging import (  # noqa: E402
    KEEP_COVER,
    NEAREST,
    CallLog,
    answer_calls,
    busiest_places,
    busy_share,
    plan_staging,
    practised_staging,
    response_summary,
)

WITHIN, DAYS, WEEK = 8.0, 90, 7 * 1440


def zones_of(events: pd.DataFrame, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell of each event, -1 where nothing was seen before, and the middles of the cells in km."""
    at = np.floor(events[["x", "y"]].to_numpy(float) / 1000).astype(int)
    cells, inverse = np.unique(at, axis=0, return_inverse=True)
    seen = np.unique(inverse[known])
    number = np.full(len(cells), -1)
    number[seen] = np.arange(len(seen))
    return number[inverse], cells[seen] + 0.5


def overlaid(minute: np.ndarray, zone: np.ndarray, load: int, stay: float, seed: int) -> tuple[CallLog, int]:
    """Lay so many parts of whole weeks over each other; return the calls and the weeks of a part."""
    whole = int((minute.max() + 1) // WEEK) // load * load  # weeks
    inside = minute < whole * WEEK
    minute, zone = minute[inside], zone[inside]
    left = whole // load
    moved = minute - WEEK * left * (minute // (WEEK * left))
    order = np.argsort(moved, kind="stable")
    drawn = np.random.default_rng([seed, 1]).exponential(stay, len(order))
    return CallLog(moved[order], zone[order], drawn), left


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--load", type=int, default=1)
    ask.add_argument("--stay", type=float, default=45.0)
    ask.add_argument("--fleet", type=int, nargs="+", default=list(range(4, 13)))
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    events = barcelona(given.data / "city" / "accidents").sort_values("time", ignore_index=True)
    drawn = np.random.default_rng(0).uniform(0, 60, len(events))
    events["time"] = events["time"] + pd.to_timedelta(drawn, unit="min")
    events = events.sort_values("time", ignore_index=True)
    border = events["time"].max().normalize() + pd.Timedelta(days=1 - DAYS)
    known = (events["time"] < border).to_numpy()
    zone, place = zones_of(events, known)
    minutes = 1.5 + 60 * 1.3 * np.hypot(*(place[:, None] - place).transpose(2, 0, 1)) / 30
    parts = []
    for part, start in ((known, events["time"].min().normalize()), (~known & (zone >= 0), border)):
        since = (events["time"][part] - start).dt.total_seconds().to_numpy() / 60
        parts.append(overlaid(since, zone[part], given.load, given.stay, len(parts)))
    (past, weeks_before), (later, weeks) = parts
    weight = np.bincount(past.zone, minlength=len(place)).astype(float)
    print(
        f"{len(place)} zones, {len(past.minute):,} calls to plan on, {len(later.minute):,} in {weeks} weeks to judge by"
    )
    rows = [row for fleet in given.fleet for row in judge(fleet, minutes, weight, past, weeks_before, later, weeks)]
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    if given.out:
        table.to_csv(given.out, index=False)


def judge(fleet: int, minutes, weight, past: CallLog, weeks_before: int, later: CallLog, weeks: int) -> list[dict]:
    """Plan a fleet in each way and play the later calls."""
    took = past.stay.mean() + 2 * np.average(minutes[busiest_places(minutes, weight, fleet)].min(0), weights=weight)
    busy = busy_share(len(past.minute) / (weeks_before * 168), took, fleet)
    ways, seconds, proof = {}, {}, {}
    for name, make in {
        "busiest zones": lambda: busiest_places(minutes, weight, fleet),
        "p-median": lambda: p_median(minutes.T, fleet, weight).open,
        "MEXCLP": lambda: plan_staging(minutes, weight, fleet, WITHIN, busy),
        "practised": lambda: practised_staging(minutes, list(ways.values()), past, WITHIN),
    }.items():
        began = time.process_time()
        made = make()
        seconds[name] = time.process_time() - began
        if name == "MEXCLP":
            proof[name], made = made.bound / made.cover - 1, made.plan
        ways[name] = made
    plays = {name: (plan, NEAREST) for name, plan in ways.items()} | {
        "practised, keep cover": (ways["practised"], KEEP_COVER)
    }
    rows, weekly = [], {}
    for name, (plan, rule) in plays.items():
        played = answer_calls(minutes, plan, later, rule, WITHIN, weight, busy)
        weekly[name] = np.bincount((played["minute"] // WEEK).astype(int), played["response"] <= WITHIN, weeks)
        told = response_summary(played, WITHIN).to_dict()
        gain = {f"a_week_over_{other}": interval(weekly[name] - weekly[other]) for other in list(weekly)[:2]}
        rows.append(
            {"vehicles": fleet, "busy": busy, "plan": name}
            | {k: told[k] for k in ("within", "mean", "p90", "p95", "maximum", "worst_zone_mean")}
            | gain
            | {"gap": proof.get(name, np.nan), "seconds": seconds.get(name, np.nan)}
        )
    return rows


def interval(gain: np.ndarray) -> str:
    """Write a mean by week and its 95% interval."""
    half = student.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    return f"{gain.mean():.1f} ({gain.mean() - half:.1f} to {gain.mean() + half:.1f})"


if __name__ == "__main__":
    main()
