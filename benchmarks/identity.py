"""Linking the contacts of the embedded loyalty programme: ours beside splink on DuckDB, one run.

Both are scored against the truth.

    python benchmarks/identity.py

Needs splink and duckdb. splink is given the same cleaned fields, the same kind of comparison levels and the same
keys; its u come from random sampling, its m from expectation and maximisation on two blocking passes, as its
documentation recommends.
"""

import logging
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.people.comparing import checked, standardise
from lepton_nb.people.identity import _grouped, _named, link, link_by_rules, pair_scores

RESULT = Path(__file__).parent / "results" / "identity.csv"


def by_splink(contacts: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Link with splink's Fellegi-Sunter model on DuckDB."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    clean = standardise(checked(contacts)).replace("", None).assign(unique_id=np.arange(len(contacts)))
    clean["given0"], clean["family0"] = clean["given"].str[:1], clean["family"].str[:1]
    keys = [
        ("email",),
        ("phone",),
        ("address",),
        ("birth", "family0"),
        ("birth", "given0"),
        ("family", "given"),
        ("family", "postcode"),
        ("street", "given0"),
    ]
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[block_on(*key) for key in keys],
        comparisons=[
            cl.JaroWinklerAtThresholds("given", [0.9, 0.7]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("family", [0.9]).configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("email", [1]),
            cl.ExactMatch("phone"),
            cl.DamerauLevenshteinAtThresholds("birth", [1]),
            cl.LevenshteinAtThresholds("address", [2]),
            cl.ExactMatch("postcode"),
        ],
    )
    database = DuckDBAPI()
    linker = Linker(database.register(clean), settings)
    linker.training.estimate_probability_two_random_records_match([block_on("email"), block_on("phone")], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for key in (("family", "given"), ("birth",)):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*key))
    pairs = linker.inference.predict(threshold_match_probability=threshold).as_pandas_dataframe()
    return _named(contacts, _grouped(len(contacts), pairs["unique_id_l"].to_numpy(), pairs["unique_id_r"].to_numpy()))


def timed(make) -> tuple[pd.DataFrame, float]:
    """Give a result and the processor seconds it took."""
    start = time.process_time()
    return make(), time.process_time() - start


def main() -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    data = SOURCES.load("embedded")
    contacts, truth = data.tables["contacts"], data.truth.people.person_of
    ways = {
        "rules": lambda: link_by_rules(contacts),
        "ours, two kinds of pairs": lambda: link(contacts, households=False).persons,
        "ours, with households": lambda: link(contacts).persons,
    }
    ways |= {f"splink, threshold {t}": lambda t=t: by_splink(contacts, t) for t in (0.5, 0.95, 0.9999)}
    rows = []
    for name, make in ways.items():
        persons, seconds = timed(make)
        rows.append({"way": name, **pair_scores(persons, truth).round(4).to_dict(), "cpu_s": round(seconds, 2)})
        print(rows[-1])
    RESULT.parent.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULT, index=False)


if __name__ == "__main__":
    main()
