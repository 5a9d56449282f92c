"""What the words of a description are worth for the first four weeks of gifts new to a range.

    python benchmarks/descriptions.py        # writes results/descriptions.csv

UCI Online Retail (541,909 invoice lines of a British gift wholesaler, CC0): sales by day without returns, repeated
lines and orders cancelled the same day. An item first sold 60 days or more after the record begins is a newcomer. On
the first of a month, models learn from all that is known that day, and are asked about the items launched during it.

The form of the model (single words or pairs or letters; newcomers alone or with the established range) was chosen on
the launches of May to July. Those of August to November were looked at once before, when models learnt from newcomers
alone: words beside price then gained nothing sure. They were judged once as it stands.
"""

import argparse
import time
from pathlib import Path

import pandas as pd

from lepton_nb.cases.retail.public import online_retail_tables
from lepton_nb.cases.retail.sources import RETAIL, invoice_lines
from lepton_nb.data.catalog import collect
from lepton_nb.demand.descriptions import judge_launches, launch_gain, launch_scores

HERE = Path(__file__).resolve().parent
PARTS = {"May to July (choice)": ("2011-05-01", "2011-08-01"), "August to November": ("2011-08-01", "2011-12-01")}
PAIRS = (("words and price", "price"), ("words", "price"), ("words and price", "mean"), ("price", "mean"))


def read() -> tuple[pd.DataFrame, pd.Series]:
    """Return sales by item and day, and the first description of each item."""
    lines = invoice_lines(*collect(RETAIL).values())
    named = lines[lines["Description"].notna()].assign(item=lines["StockCode"].str.upper())
    texts = named.groupby("item")["Description"].first().str.lower()
    sales = online_retail_tables(lines, least_days=1)[0]["sales"]
    return sales[sales["item"].isin(texts.index)], texts


def main() -> None:
    """Judge each way on both parts of the year."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(HERE / "results" / "descriptions.csv"))
    args, rows = parser.parse_args(), []
    sales, texts = read()
    for part, (begin, end) in PARTS.items():
        start = time.process_time()
        judged = judge_launches(sales, texts, pd.date_range(begin, end, freq="MS"))
        seconds = time.process_time() - start
        print(f"{part}: {len(judged)} items, {seconds:.0f} s\n{launch_scores(judged).round(3).to_string()}")
        for one, other in PAIRS:
            for score in ("RMSLE", "WAPE"):
                gain, low, high = launch_gain(judged, one, other, score)
                rows.append((part, len(judged), one, other, score, gain, low, high))
                print(f"  {score}, {one} less {other}: {gain:+.3f} ({low:+.3f} to {high:+.3f})")
    names = ["launched", "items", "one", "other", "score", "difference", "low", "high"]
    pd.DataFrame(rows, columns=names).round(4).to_csv(args.out, index=False)


if __name__ == "__main__":
    main()
