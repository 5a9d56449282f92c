"""Which suppliers, and how much from each: shares kept, prices charged, and offers that leave no choice."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_plant_study import SMALL

from lepton_nb.cases.manufacturing import study
from lepton_nb.cases.manufacturing.plant.floor import PlantError
from lepton_nb.cases.manufacturing.plant.rules import fixed_weeks
from lepton_nb.cases.manufacturing.plant.sourcing import first_offers, split_orders, split_rule
from lepton_nb.cases.manufacturing.study.decision import worlds_to_judge
from lepton_nb.cases.manufacturing.study.known import known_of
from lepton_nb.cases.manufacturing.study.sourcing import ALONE, sourcing_of


@pytest.fixture(scope="module")
def small():
    return study(SMALL)


def with_offers(s, change) -> tuple:
    """Return params, known, forecast and decision with another table of offers."""
    tables = dict(s.known.data.tables)
    tables["supply"] = change(tables["supply"].copy())
    return s.params, known_of(s.params, replace(s.known.data, tables=tables)), s.forecast, s.decision


def test_what_is_tuned_and_judged_pays_its_prices(small):
    found = small.sourcing
    assert found.taken == ALONE == found.practised.idxmax()
    assert found.figures.at[ALONE, "dearer parts"] == 0
    for way, gain in found.gains.items():
        costs = found.figures["cost a week"]
        assert np.isclose(gain.mean, costs[ALONE] - costs[way])
        assert found.figures.at[way, "dearer parts"] > 0
    assert "dearer parts" not in small.decision.costs.index, "no way of planning pays more than the cheapest offer"


def test_no_choice_costs_more_than_the_cheapest_offer_alone_and_each_is_proven(small):
    choices = small.sourcing.choices
    assert (choices["saved"] >= -1e-6 * choices["cost"]).all() and small.sourcing.unproven == 0
    assert (choices["level price"] < choices["second price"]).all() == (choices["share of second"] == 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_splits_keep_every_piece_and_the_largest_share(small, seed):
    plant, rng = small.known.plant, np.random.default_rng(seed)
    shares, several = first_offers(plant), np.flatnonzero(np.bincount(plant.part_of) > 1)
    for part in several:
        main, second = np.flatnonzero(plant.part_of == part)
        shares[second] = rng.uniform(0, 0.5)
        shares[main] = 1 - shares[second]
    order = np.zeros((3, len(plant.part_of)))
    order[:, plant.main_source] = rng.integers(0, 60, (3, len(plant.parts))) * plant.pack[plant.main_source]
    plant = replace(plant, minimum=rng.choice([0.0, 100.0], len(plant.part_of)))
    order[order < plant.minimum] = 0
    given = split_orders(plant, order, shares)
    for part in range(len(plant.parts)):
        of = plant.part_of == part
        assert np.allclose(given[:, of].sum(1), order[:, of].sum(1))
        assert (given[:, of] <= np.where(shares[of] < 0.5, 0.5, 1.0) * order[:, of].sum(1, keepdims=True) + 1e-9).all()
    assert (given >= 0).all() and (given % plant.pack == 0).all()
    assert ((given == 0) | (given >= plant.minimum)).all()


def test_the_same_shares_as_a_rule_alone_are_the_rule(small):
    trial = worlds_to_judge(small.params, small.known, small.forecast)
    alone = trial.play(fixed_weeks, weeks=2.0)
    same = trial.play(split_rule(fixed_weeks, first_offers(small.known.plant)), weeks=2.0)
    assert (alone.entries["profit"] == same.entries["profit"]).all()


def test_a_second_offer_at_the_same_price_and_sooner_is_chosen_and_one_that_is_dear_is_not(small):
    def equal(supply: pd.DataFrame) -> pd.DataFrame:
        first = supply.groupby("part")["price"].transform("min")
        hit = supply["part"].eq("exhaust") & supply["supplier"].eq("Injecta")
        return supply.assign(price=supply["price"].where(~hit, first + 0.01))

    found = sourcing_of(*with_offers(small, equal))
    assert found.choices.set_index("part")["share of second"]["exhaust"] == pytest.approx(0.5)
    assert found.figures["dearer parts"].min() == 0 and "chosen part by part" in found.figures.index


def test_one_supplier_a_part_leaves_nothing_to_decide(small):
    once = with_offers(small, lambda supply: supply.drop_duplicates("part"))
    assert sourcing_of(*once) is None


def test_offers_that_may_not_deliver_all_are_named(small):
    def little(supply: pd.DataFrame) -> pd.DataFrame:
        tyre, belt = supply["part"].eq("tyre"), supply["part"].eq("belt")
        return supply.assign(share_max=supply["share_max"].mask(tyre, 0.3).mask(belt, 0.6))

    found = sourcing_of(*with_offers(small, little))
    assert found.left_out == ("tyre",) and found.barred == ("belt",) and found.taken != ALONE
    assert "tyre" not in set(found.choices["part"])
    belt = found.choices.set_index("part").loc["belt"]
    assert 0.4 - 1e-6 <= belt["share of second"] <= 0.6 + 1e-6


def test_shares_that_are_none_are_refused(small):
    plant = small.known.plant
    order, shares = np.zeros((1, len(plant.part_of))), first_offers(plant)
    for wrong, words in (
        (shares * 0.5, "do not add up"),
        (shares[:-1], "a number from 0 to 1"),
        (shares * np.nan, "shares"),
    ):
        with pytest.raises(PlantError, match=words):
            split_orders(plant, order, wrong)
