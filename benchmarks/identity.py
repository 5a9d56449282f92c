"""Linking the contacts of the embedded loyalty programme: ours beside splink on DuckDB, one run.

Both are scored against the truth.

    python benchmarks/identity.py

Needs splink and duckdb. splink is given the same cleaned fields and the same keys, and is set up as its documentation
advises: no two comparisons of the same thing (postcode or address, not both; e-mail by exact agreement), terms weighed
by frequency, the probability of a match from deterministic rules, u from random pairs, m from expectation and
maximisation on several blocking passes, so that every comparison is trained on one that does not block on it. Its
thresholds, 0.9, 0.95 and 0.99, were named beforehand; ours has none to choose.
"""

import logging
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.people.comparing import checked, standardise
from lepton_nb.people.identity import _grouped, _named, link, link_by_rules, pair_scores

RESULT = Path(__file__).parent / "results" / "identity.csv"


KEYS = [
    ("email",),
    ("phone",),
    ("address",),
    ("birth", "family0"),
    ("birth", "given0"),
    ("family", "given"),
    ("family", "postcode"),
    ("street", "given0"),
]
SURE = [("email",), ("phone",), ("given", "family", "birth"), ("given", "family", "address")]  # deterministic rules
PASSES = [("family", "given"), ("birth",), ("email",), ("phone",), ("postcode", "family")]
THRESHOLDS = (0.9, 0.95, 0.99)


def comparisons(place: str) -> list:
    """Return splink's comparisons, with the postcode or the address for where somebody lives."""
    import splink.comparison_library as cl

    where = {
        "postcode": cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
        "address": cl.LevenshteinAtThresholds("address", [2]),
    }
    return [
        cl.JaroWinklerAtThresholds("given", [0.9, 0.7]).configure(term_frequency_adjustments=True),
        cl.JaroWinklerAtThresholds("family", [0.9]).configure(term_frequency_adjustments=True),
        cl.ExactMatch("email"),
        cl.ExactMatch("phone"),
        cl.DamerauLevenshteinAtThresholds("birth", [1]),
        where[place],
    ]


def pairs_by_splink(contacts: pd.DataFrame, place: str) -> pd.DataFrame:
    """Weigh pairs with splink's Fellegi-Sunter model on DuckDB."""
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    clean = standardise(checked(contacts)).replace("", None).assign(unique_id=np.arange(len(contacts)))
    clean["given0"], clean["family0"] = clean["given"].str[:1], clean["family"].str[:1]
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[block_on(*key) for key in KEYS],
        comparisons=comparisons(place),
    )
    linker = Linker(DuckDBAPI().register(clean), settings)
    train = linker.training
    train.estimate_probability_two_random_records_match([block_on(*rule) for rule in SURE], recall=0.7)
    train.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    for key in PASSES:
        train.estimate_parameters_using_expectation_maximisation(block_on(*key))
    return linker.inference.predict(threshold_match_probability=min(THRESHOLDS)).as_pandas_dataframe()


def persons_of(contacts: pd.DataFrame, pairs: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Join all records that pairs above a threshold connect."""
    sure = pairs[pairs["match_probability"] >= threshold]
    return _named(contacts, _grouped(len(contacts), sure["unique_id_l"].to_numpy(), sure["unique_id_r"].to_numpy()))


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
    rows = []
    for name, make in ways.items():
        persons, seconds = timed(make)
        rows.append({"way": name, **pair_scores(persons, truth).round(4).to_dict(), "cpu_s": round(seconds, 2)})
        print(rows[-1])
    for place in ("postcode", "address") if find_spec("splink") else ():
        pairs, seconds = timed(lambda place=place: pairs_by_splink(contacts, place))
        for threshold in THRESHOLDS:
            scores = pair_scores(persons_of(contacts, pairs, threshold), truth).round(4).to_dict()
            rows.append({"way": f"splink, {place}, threshold {threshold}", **scores, "cpu_s": round(seconds, 2)})
            print(rows[-1])
    RESULT.parent.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULT, index=False)


if __name__ == "__main__":
    main()
