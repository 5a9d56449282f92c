"""How close forecasts of every customer's visits and money come, on real and on simulated customers.

Each is asked on several mornings.

Sets: `online-retail` (one year of a wholesaler's web shop) and the embedded chain (two and a half years of a loyalty
programme). On every morning each forecast knows the past only; the choice among them is made a period earlier. The
free rivals are the mean of all and the same as the last period; the regression is the simple peer.

    python benchmarks/lifetime.py [--sets embedded public:online-retail]
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from lepton_nb.cases.retail.sources import SOURCES  # noqa: E402
from lepton_nb.people.profiles import check_lines, visits  # noqa: E402
from lepton_nb.people.worth import calibration, calibration_error, held_out  # noqa: E402

RESULTS = Path(__file__).parent / "results"
MORNINGS = {
    "public:online-retail": (
        ("2011-10-01", 70),
        ("2011-10-01", 56),
        ("2011-10-14", 56),
        ("2011-09-01", 60),
        ("2011-08-15", 56),
        ("2011-07-23", 70),
    ),
    "embedded": (("2024-11-04", 56), ("2024-09-09", 56), ("2024-07-15", 56), ("2024-03-01", 91)),
}


def lines_of(name: str) -> pd.DataFrame:
    """Read the lines of known persons; on the embedded set, accounts are linked by the truth."""
    data = SOURCES.load(name)
    bought = data.tables["purchases"]
    bought = bought[bought["record"].fillna("") != ""]
    if data.truth is not None:
        return bought.merge(data.truth.people.person_of, on=["channel", "record"])
    return bought.assign(person="c" + bought["record"].astype(str), hour=bought.get("hour"))


def measure(name: str) -> pd.DataFrame:
    """Judge every forecast on every morning of a set."""
    days, rows = visits(check_lines(lines_of(name))), []
    for start, length in MORNINGS[name]:
        began = time.process_time()
        told = held_out(days, pd.Timestamp(start), length)
        seconds = time.process_time() - began
        came, free = told.outcome[0] > 0, told.scores.loc[["mean of all", "same as the last period"]].min()
        for forecast, scores in told.scores.iterrows():
            rows.append(
                {
                    "set": name,
                    "morning": start,
                    "days": length,
                    "customers": len(came),
                    "forecast": forecast,
                    "chosen": forecast == told.chosen,
                    **scores,
                    "worst_ratio_to_free": (scores / free).max(),
                    "calibration_error": calibration_error(calibration(told.said, came)),
                    "AUC": roc_auc_score(came, told.said),
                    "cpu_seconds_of_all": seconds,
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(MORNINGS), choices=list(MORNINGS))
    found = pd.concat([measure(name) for name in parser.parse_args().sets], ignore_index=True)
    RESULTS.mkdir(exist_ok=True)
    found.round(4).to_csv(RESULTS / "lifetime.csv", index=False)
    print(
        found[found["chosen"] | found["forecast"].isin(["same as the last period", "BG/NBD"])]
        .round(3)
        .to_string(index=False)
    )


if __name__ == "__main__":
    main()
