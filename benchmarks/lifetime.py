"""How close forecasts of every customer's visits and money come, on real and on simulated customers.

Each is asked on several mornings.

Sets: `online-retail` (one year of a wholesaler's web shop), the embedded chain (two and a half years of a loyalty
programme), and one year of 2,377 households of a grocer, a public sample of whose receipt lines is read from a folder
where it is at hand. On every morning each forecast knows the past only; the choice among all of them is made a period
earlier, by the product of the four errors. The free rivals are the mean of all and the same as the last period; the
regression is the simple peer. The absolute error of visits is asked of each forecast's median, all else of its mean.

    python benchmarks/lifetime.py [--sets embedded public:online-retail] [--data FOLDER] [--out FILE.csv]

FOLDER holds transactions_sample.parquet of The Complete Journey (household_id, store_id, product_id, quantity,
sales_value, transaction_timestamp), or is left out.
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
    "complete-journey": (
        ("2017-11-04", 56),
        ("2017-10-01", 56),
        ("2017-09-01", 56),
        ("2017-08-01", 56),
        ("2017-11-04", 28),
        ("2017-08-01", 28),
    ),
}
ERRORS = ["visits_MAE", "visits_RMSE", "value_MAE", "value_RMSE"]
FREE = ["mean of all", "same as the last period"]


def household_lines(folder: Path) -> pd.DataFrame:
    """Read the receipt lines of the grocer's households."""
    raw = pd.read_parquet(folder / "transactions_sample.parquet")
    raw = raw[raw["quantity"] > 0]
    return pd.DataFrame(
        {
            "person": "h" + raw["household_id"].astype(str),
            "date": raw["transaction_timestamp"].dt.tz_localize(None).astype("datetime64[ns]").dt.normalize(),
            "hour": raw["transaction_timestamp"].dt.hour,
            "channel": "till",
            "store": raw["store_id"].astype(str),
            "item": raw["product_id"].astype(str),
            "units": raw["quantity"],
            "price": raw["sales_value"] / raw["quantity"],
            "receipt": raw["basket_id"].astype(str),
        }
    )


def lines_of(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Read the lines of known persons; on the embedded set, accounts are linked by the truth."""
    if name == "complete-journey":
        return household_lines(folder)
    data = SOURCES.load(name)
    bought = data.tables["purchases"]
    bought = bought[bought["record"].fillna("") != ""]
    if data.truth is not None:
        return bought.merge(data.truth.people.person_of, on=["channel", "record"])
    return bought.assign(person="c" + bought["record"].astype(str), hour=bought.get("hour"))


def measure(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Judge every forecast on every morning of a set."""
    days, rows = visits(check_lines(lines_of(name, folder))), []
    for start, length in MORNINGS[name]:
        began = time.process_time()
        told = held_out(days, pd.Timestamp(start), length)
        seconds = time.process_time() - began
        came, free = told.outcome[0] > 0, told.scores.loc[FREE].min()
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


def everywhere(name: str, folder: Path | None, apart: int) -> pd.DataFrame:
    """Judge the chosen forecast on mornings some days apart, for three periods, for all customers and a tenth."""
    days, rows = visits(check_lines(lines_of(name, folder))), []
    first, last, people = days["date"].min(), days["date"].max(), pd.Series(days["person"].unique())
    for share in (1.0, 0.1):
        some = days[days["person"].isin(people.sample(frac=share, random_state=0))]
        for length in (28, 56, 84):
            mornings = pd.date_range(
                first + pd.Timedelta(days=3 * length), last - pd.Timedelta(days=length - 1), freq=f"{apart}D"
            )
            for start in mornings:
                told = held_out(some, start, length)
                ratio = told.scores.loc[told.chosen, ERRORS] / told.scores.loc[FREE, ERRORS].min()
                rows.append(
                    {"set": name, "share": share, "days": length, "morning": start, "chosen": told.chosen, **ratio}
                )
    return pd.DataFrame(rows)


def closer(scan: pd.DataFrame) -> pd.DataFrame:
    """Sum up by set: mornings, share on which each error is below that of both free forecasts, worst ratio."""
    below = scan[ERRORS] < 1
    marks = below.assign(all_four=below.all(axis=1), worst=scan[ERRORS].max(axis=1))
    groups = marks.groupby([scan["set"], scan["share"]], sort=False)
    return groups[[*ERRORS, "all_four"]].mean().assign(mornings=groups.size(), worst=groups["worst"].max())


def ahead(found: pd.DataFrame) -> pd.DataFrame:
    """Count the mornings on which the chosen forecast and BG/NBD are closer than both free ones, error by error."""
    rows = []
    for name, part in found.groupby("set", sort=False):
        keys = ["morning", "days"]
        free = part[part["forecast"].isin(FREE)].groupby(keys)[ERRORS].min()
        best = part.groupby(keys)[ERRORS].min()
        for who, mine in (("chosen", part[part["chosen"]]), ("BG/NBD", part[part["forecast"] == "BG/NBD"])):
            mine = mine.set_index(keys)[ERRORS].loc[free.index]
            rows.append(
                {
                    "set": name,
                    "forecast": who,
                    "mornings": len(mine),
                    **{f"closer on {error}": int((mine[error] < free[error]).sum()) for error in ERRORS},
                    "closer on all four": int((mine < free).all(axis=1).sum()),
                    "best of all on all four": int((mine <= best).all(axis=1).sum()),
                    "ratio to free, mean": (mine / free).to_numpy().mean(),
                    "worst": (mine / free).to_numpy().max(),
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(MORNINGS))
    parser.add_argument("--data", type=Path, help="folder of the households' receipt lines")
    parser.add_argument("--out", type=Path, default=RESULTS / "lifetime.csv")
    args = parser.parse_args()
    sets = args.sets or [name for name in MORNINGS if name != "complete-journey" or args.data]
    found = pd.concat([measure(name, args.data) for name in sets], ignore_index=True)
    args.out.parent.mkdir(exist_ok=True)
    found.round(4).to_csv(args.out, index=False)
    shown = found[found["chosen"] | found["forecast"].isin(["same as the last period", "BG/NBD"])]
    print(shown.round(3).to_string(index=False))
    print(ahead(found).round(3).to_string(index=False))
    scan = pd.concat([everywhere(name, args.data, 70 if name == "embedded" else 21) for name in sets])
    scan.round(4).to_csv(args.out.with_name(f"{args.out.stem}_mornings.csv"), index=False)
    print(closer(scan).round(3).to_string())


if __name__ == "__main__":
    main()
