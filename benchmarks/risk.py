"""Accidents by zone and hour: shrunk rates against the product of two averages, on two real cities and a simulated one.

    python benchmarks/risk.py [--data FOLDER] [--out FILE.csv]

`--data` is a folder with `city/accidents` (Barcelona 2017, West Yorkshire 2024); without it only the simulated city is
judged. Cells of 1 km: those with an accident before the last 90 days, and their neighbours; accidents elsewhere count
as missed. The last 90 days are forecast from what came before; the setting is chosen on the last quarter of that. The
gain in the hit rate is paired by week. Processor seconds of one thread.
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

from lepton_nb.cases.city.world.simulate import shipped_city  # noqa: E402
from lepton_nb.demand.rates import (  # noqa: E402
    EventCounts,
    RateSetting,
    calibration_by_decile,
    choose_setting,
    count_events,
    fit_rates,
    hit_rate,
    product_of_averages,
    square_cells,
)

DAYS = 90
HOLIDAYS = {  # public holidays on weekdays and Saturdays
    "Barcelona": "2017-01-06 2017-04-14 2017-04-17 2017-05-01 2017-06-05 2017-06-24 2017-08-15 2017-09-11 2017-09-25 "
    "2017-10-12 2017-11-01 2017-12-06 2017-12-08 2017-12-25 2017-12-26",
    "West Yorkshire": "2024-01-01 2024-03-29 2024-04-01 2024-05-06 2024-05-27 2024-08-26 2024-12-25 2024-12-26",
}


def barcelona(folder: Path) -> pd.DataFrame:
    """Return time, x, y (metres) of the accidents of 2017."""
    table = pd.read_csv(folder / "barcelona_accidents_2017.csv")
    day = table["Day"].astype(str) + " " + table["Month"].str.strip() + " 2017"
    time_ = pd.to_datetime(day, format="%d %B %Y") + pd.to_timedelta(table["Hour"], unit="h")
    north = 111_200 * table["Latitude"]
    return pd.DataFrame(
        {"time": time_, "x": 111_200 * np.cos(np.radians(41.4)) * table["Longitude"], "y": north}
    ).dropna()


def west_yorkshire(folder: Path) -> pd.DataFrame:
    """Return time, x, y (metres) of the accidents of 2024."""
    table = pd.read_csv(folder / "stats19_west_yorkshire_2024_accidents.csv", low_memory=False)
    when = pd.to_datetime(table["date"] + " " + table["time"], format="%d/%m/%Y %H:%M")
    east, north = table["location_easting_osgr"], table["location_northing_osgr"]
    return pd.DataFrame({"time": when, "x": east, "y": north}).dropna()


def counted(events: pd.DataFrame, holidays: str = "") -> tuple[EventCounts, int]:
    """Return the counts of a year in cells known before the last 90 days, and accidents of those days elsewhere."""
    events = events.sort_values("time", ignore_index=True)
    first, end = events["time"].min().normalize(), events["time"].max().normalize() + pd.Timedelta(days=1)
    known = (events["time"] < end - pd.Timedelta(days=DAYS)).to_numpy()
    cell, place = square_cells(events["x"].to_numpy(float), events["y"].to_numpy(float), 1000.0, known)
    counts = count_events(cell, events["time"], place, first, end, holidays.split())
    return counts, int((cell[~known] < 0).sum())


def judge(name: str, counts: EventCounts, missed: int) -> list[dict]:
    """Forecast the last 90 days in every way, and score each."""
    past, later = counts.between(0, -DAYS), counts.between(-DAYS, None)
    began = time.process_time()
    setting, _ = choose_setting(past)
    ours = fit_rates(past, setting).on(later.kind)
    took = time.process_time() - began
    ways = {
        "product of averages": product_of_averages(past, later.days),
        "shrunk rates, setting as given": fit_rates(past, RateSetting()).on(later.kind),
        "shrunk rates": ours,
    }
    rows, base = [], None
    for way, rate in ways.items():
        hit = hit_rate(rate, later.count, missed=missed)
        weekly = weekly_hits(rate, later.count)
        base = weekly if base is None else base
        gain = weekly - base
        half = student.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
        groups = calibration_by_decile(rate, later.count)
        off = (abs(groups["happened"] - groups["said"]) / groups["said"]).mean()
        rows.append(
            {"city": name, "zones": len(rate), "events": int(later.count.sum()) + missed, "missed": missed, "way": way}
            | {"hit_rate": hit, "to_product": hit / (rows[0]["hit_rate"] if rows else hit)}
            | {"more_hits_a_week": gain.mean(), "low": gain.mean() - half, "high": gain.mean() + half}
            | {"at_rate_0": int(later.count[rate == 0].sum()), "off_by_decile": off}
            | {"seconds": took if way == "shrunk rates" else np.nan, "setting": vars(setting)}
        )
    return rows


def weekly_hits(rate: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the events met in each whole week when the top twentieth of all zone-hours is watched."""
    border = np.quantile(rate, 0.95)
    met = np.where(rate >= border, count, 0).sum(axis=(0, 2))
    weeks = len(met) // 7
    return met[-7 * weeks :].reshape(weeks, 7).sum(axis=1)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path)
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    cities = {"Aldermouth (simulated)": simulated()}
    if given.data:
        folder = given.data / "city" / "accidents"
        for name, read in (("Barcelona", barcelona), ("West Yorkshire", west_yorkshire)):
            cities[name] = counted(read(folder), HOLIDAYS[name])
    table = pd.DataFrame([row for name, city in cities.items() for row in judge(name, *city)])
    print(table.round(3).to_string(index=False))
    if given.out:
        table.to_csv(given.out, index=False)


def simulated() -> tuple[EventCounts, int]:
    """Return the accidents of the embedded city by its zones."""
    tables, _ = shipped_city()
    zones, events = tables["zones"], tables["incidents"]
    far = np.hypot(*(events[a].to_numpy()[:, None] - zones[a].to_numpy() for a in ("x", "y")))
    place = zones[["x", "y"]].to_numpy() / 700.0  # zones are 500 by 1,000 metres
    return count_events(far.argmin(axis=1), events["time"], place, "2025-01-01", "2026-01-01"), 0


if __name__ == "__main__":
    main()
