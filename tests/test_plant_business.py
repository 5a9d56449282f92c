"""Ways of building, incentives, subscription and buyers of a plant, and every side of their pages."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_pages import changed, sides
from test_plant_study import PAGES, SMALL, names_of, said_by

from lepton_nb.allocation.build_mode import (
    FINISHED_LATE,
    TO_ORDER,
    TO_STOCK,
    BuildModeError,
    LineHours,
    ModeTerms,
    Product,
    build_offers,
    choose_builds,
    mode_money,
    play_mode,
)
from lepton_nb.cases.manufacturing import business_pages, study
from lepton_nb.cases.manufacturing.parameters import Parameters
from lepton_nb.cases.manufacturing.study.business import (
    business_of,
    incentives_of,
    modes_of_models,
    paid_shares,
    plan_incentives,
    true_elasticity,
)
from lepton_nb.cases.manufacturing.study.buyers import buyers_of, fleets_of, private_buyers, spells_of
from lepton_nb.cases.manufacturing.study.known import known_of
from lepton_nb.cases.manufacturing.study.whole import study_of
from lepton_nb.cases.manufacturing.world.buyers import draw_buyers
from lepton_nb.cases.manufacturing.world.market import ELASTICITY
from lepton_nb.people.replacement import ReplacementError, fit_hazard, life_table, replaced_within
from lepton_nb.workbook.case import PageOmitted
from lepton_nb.workbook.prose import prose_cells, unread

VAN = Product("Van", "L1", 100.0, 10.0, 30_000.0, 3_000.0, 90.0, 0.1, wait=4.0, lead=3.0, variants=50)


@pytest.fixture(scope="module")
def small():
    return study(SMALL)


@pytest.fixture(scope="module")
def bare(bare_plant):
    return bare_plant


# ---- ways of building


def test_patience_moves_the_choice_and_a_station_needs_room():
    terms, lines = ModeTerms(), {"L1": LineHours(20.0)}
    calm = choose_builds(build_offers([VAN], replace(terms, patience=500.0)), lines, terms, [VAN])
    assert calm.modes["Van"] == TO_ORDER and calm.stations == 0
    late = replace(terms, station_cost=10.0, finish_cost=0.0, takes_other=0.0, patience=3.0, station_room=1_000.0)
    many = replace(VAN, variants=5_000)
    assert choose_builds(build_offers([many], late), lines, late, [many]).modes["Van"] == FINISHED_LATE
    full = replace(late, station_room=10.0, stations=1)
    assert choose_builds(build_offers([many], full), lines, full, [many]).modes["Van"] != FINISHED_LATE


def test_hours_that_are_missing_cost_cars_and_overtime():
    terms = ModeTerms(patience=500.0)
    short = choose_builds(build_offers([VAN], terms), {"L1": LineHours(5.0, 2.0, 100.0)}, terms, [VAN])
    assert short.overtime["L1"] == pytest.approx(2.0) and short.unbuilt["Van"] > 20
    with pytest.raises(BuildModeError, match="L1"):
        choose_builds(build_offers([VAN], terms), {"L2": LineHours(5.0)}, terms, [VAN])


@pytest.mark.parametrize("mode", [TO_STOCK, TO_ORDER, FINISHED_LATE])
def test_a_played_week_earns_what_the_formula_says(mode):
    came = np.maximum(np.random.default_rng(3).normal(VAN.demand, VAN.spread, (20, 250)), 0)
    played = play_mode(VAN, ModeTerms(), mode, 1.2, came)[40:].mean()
    told = mode_money(VAN, ModeTerms(), mode, 1.2)
    assert played["money"] == pytest.approx(float(told["money"]), rel=0.02)
    assert played["held"] == pytest.approx(float(told["held"]), rel=0.12, abs=2)


def test_the_choice_is_made_before_the_weeks_that_judge_it(small):
    known = small.known
    demand = known.course.demand.copy()
    demand[..., known.judged :] *= 3
    other = replace(known, course=replace(known.course, demand=demand))
    from lepton_nb.cases.manufacturing.study.business import _mode_terms, _products

    before, after = (_products(SMALL, k, small.forecast, k.judged, 8) for k in (known, other))
    assert before == after and build_offers(list(before.values()), _mode_terms(SMALL, known)).shape[0] == 3 * len(
        before
    )
    played = modes_of_models(SMALL, other, small.forecast).judged["money"]
    assert (played.to_numpy() > small.business.modes.judged["money"].to_numpy()).all()


def test_what_the_models_say_is_zero_and_the_gain_is_their_difference(small):
    modes = small.business.modes
    judged = modes.judged.set_index("choice")
    assert judged.loc["as the models say", "over_today"] == 0
    assert modes.gain[0] == pytest.approx(judged.loc["chosen together", "over_today"])
    assert modes.gain[1] <= modes.gain[0] <= modes.gain[2]
    assert (modes.by_patience[[TO_ORDER, TO_STOCK, FINISHED_LATE]].sum(axis=1) == len(modes.modes)).all()
    at = modes.by_patience.set_index("weeks")["gain"]
    assert at[SMALL.patience] == pytest.approx(modes.gain[0])
    if (modes.modes["mode"] == TO_STOCK).all():
        assert (at.diff().dropna() <= 1e-6).all(), "who waits longer leaves less to be gained by building to stock"


# ---- incentives


def test_true_elasticities_are_found_in_the_truth_and_covered(small):
    true, models = true_elasticity(small.known), small.known.data.tables["models"].set_index("model")
    assert np.allclose(true, models["segment"].map(ELASTICITY)[true.index], atol=0.02)
    assert small.business.incentives.inside >= 0.8 and small.business.incentives.measured


def test_intervals_cover_in_other_worlds(small):
    inside = []
    for seed in range(20, 26):
        params = SMALL.model_copy(update={"world_seed": seed})
        known = known_of(params)
        told = incentives_of(params, known, small.forecast)[0].elasticities  # no forecast has a part in them
        told = told.dropna(subset=["elasticity", "true"])
        inside += ((told["low"] < told["true"]) & (told["true"] < told["high"])).tolist()
    assert np.mean(inside) > 0.85


def test_a_dear_margin_gets_incentives_a_target_the_cheapest_and_an_empty_purse_none():
    base, price, elasticity = np.array([100.0, 80, 60]), np.array([2e4, 3e4, 4e4]), np.array([2.4, 2.0, 1.2])
    rich = plan_incentives(base, price, 0.7 * price, elasticity, list("abc"), 1e9)
    assert rich.lines["share"].iloc[0] > 0 and rich.gain > 0
    thin = plan_incentives(base, price, 0.1 * price, elasticity, list("abc"), 1e9)
    assert thin.spend == 0 and thin.gain == 0
    asked = plan_incentives(base, price, 0.1 * price, elasticity, list("abc"), 1e9, target=3.0)
    assert asked.feasible and asked.extra >= 3 and asked.gain < 0
    trials = [
        plan_incentives(base, price, 0.1 * price, elasticity, list("abc"), budget, target=3.0).feasible
        for budget in (0.0, asked.spend + 1)
    ]
    assert trials == [False, True]


def test_no_incentive_on_record_is_told_in_a_sentence(bare):
    assert bare.business.incentives is None and "No incentive is on record" in bare.business.missing["incentives"]
    assert paid_shares(bare.known) is None and incentives_of(SMALL, bare.known, bare.forecast)[0] is None
    assert true_elasticity(bare.known) is None


def test_assumptions_of_business_make_no_plan_again(small, monkeypatch):
    def again(*_):
        raise AssertionError("worked out a second time")

    monkeypatch.setattr("lepton_nb.cases.manufacturing.study.decision.plant_trial", again)
    other = study_of(SMALL.model_copy(update={"patience": 500.0, "sub_fee": 0.04}), small.known.data)
    assert (other.business.modes.modes["mode"] == TO_ORDER).all()
    assert (other.business.subscription.cars["worth"] > small.business.subscription.cars["worth"]).all()
    fees = (told.business.subscription.cars["fee_needed"] for told in (other, small))
    assert np.allclose(*fees), "the fee that draws level is no matter of the fee"


# ---- buyers


def test_spells_of_a_day_know_nothing_of_later_ones():
    purchases, cut = draw_buyers(7).purchases, pd.Timestamp("2022-01-01")
    early = spells_of(purchases[purchases["day"] < cut], cut)
    assert early.equals(spells_of(purchases, cut)) and (early["steps"] >= 0).all()
    assert (~early["replaced"]).sum() == early["buyer"].nunique()


def test_the_hazard_beats_repeat_models_and_is_calibrated_in_other_draws():
    off, better = [], []
    for seed in (1, 2, 3, 4):
        made = draw_buyers(seed).purchases
        private = private_buyers(made[made["kind"] == "private"], made["day"].max() + pd.Timedelta(days=1))
        off.append(private.totals["hazard"] / private.totals["came"] - 1)
        better.append(private.brier["hazard"] < private.brier.drop("hazard").min())
        assert private.off < 0.03
    assert all(better) and np.abs(np.mean(off)) < 0.15


def test_fleets_come_within_the_interval_as_often_as_it_says():
    inside = []
    for seed in range(12):
        made = draw_buyers(100 + seed).purchases
        fleets = fleets_of(made[made["kind"] == "fleet"], made["day"].max() + pd.Timedelta(days=1), 7)
        inside.append(fleets.low <= fleets.came <= fleets.high)
        assert (fleets.due["expected"] <= fleets.due["cars"]).all()
    assert sum(inside) >= 8


def test_too_few_purchases_are_told_in_a_sentence():
    rows = pd.DataFrame({"buyer": ["a", "b"], "day": pd.to_datetime(["2020-01-01", "2021-01-01"])})
    known = SimpleNamespace(kind="own", data=SimpleNamespace(tables={"purchases": rows}))
    told = buyers_of(Parameters(), known)
    assert told.private is None and told.fleets is None
    assert "at least 20" in told.missing["private"] and "kind fleet" in told.missing["fleets"]


def test_an_own_table_of_purchases_is_used(small):
    made = draw_buyers(3).purchases
    data = replace(small.known.data, tables=dict(small.known.data.tables) | {"purchases": made}, truth=None)
    told = buyers_of(SMALL, replace(small.known, data=data, kind="own"))
    assert told.truth is None and told.private.buyers == 5_000 and told.fleets.fleets == 220


def test_a_hazard_needs_replacements_and_ends_of_contracts_show():
    with pytest.raises(ReplacementError, match="at least 20"):
        fit_hazard(np.arange(9), np.ones(9, bool))
    rng = np.random.default_rng(1)
    due = np.where(rng.random(3_000) < 0.5, 8, -1)
    steps = np.where(due == 8, np.where(rng.random(3_000) < 0.5, 8, 20), 20)
    model = fit_hazard(steps, steps == 8, due=due)
    near, far = (replaced_within(model, np.array([7]), 2, due=np.array([d]))[0] for d in (8, -1))
    assert near > 0.4 > 0.1 > far
    table = life_table(steps, steps == 8, 20)
    assert table["replaced"].sum() == (steps == 8).sum() and table["waiting"].is_monotonic_decreasing


# ---- the pages


@pytest.mark.parametrize("name", ["forecast", "business", "people"])
def test_the_page_takes_every_parameter(name):
    import nbformat

    cell = next(
        c for c in nbformat.read(PAGES / f"{name}.ipynb", 4).cells if "parameters" in c.metadata.get("tags", [])
    )
    given: dict = {}
    exec(cell.source, given)
    assert {name: given[name] for name in Parameters.model_fields} == dict(Parameters())


def read_on(page: str, examples: list[dict]) -> list[str]:
    """Every side is read, and makes sense."""
    for cell in prose_cells(PAGES / f"{page}.ipynb"):
        assert unread(cell, examples) == []
    return [said_by(names, PAGES / f"{page}.ipynb") for names in examples]


def test_every_side_of_the_forecast_page(small, bare):
    names, plain = (names_of(s, PAGES / "forecast.ipynb") for s in (small, bare))
    f = small.forecast
    judged = pd.DataFrame({"WAPE": [0.2, 0.1, 0.15]}, index=["fast", "level and season", "seasonal_naive"])
    said = read_on(
        "forecast",
        sides(
            names,
            plain,
            {"f": changed(f, judged=judged, by_parameter=False, inside=0.99), "rule_error": 0.1, "new": ["Tarn II"]},
            {"f": changed(f, chosen="level and season", inside=0.9), "behind": [], "ending": ["Tarn"], "outside": 1},
            {"new": [], "ending": [], "behind": ["Tarn"], "drivers": names["drivers"][:0], "outside": 0},
            {"outside": 0},
            {"outside": 2, "rule_error": 9.0, "f": changed(f, inside=0.5)},
        ),
    )
    assert "no better than repeating last year" in said[2] and "wider than it need be" in said[2]
    assert "Running out: Tarn" in said[3] and "misses it" not in said[4] and "too narrow" in said[6]
    assert "Simulated" in said[0] and "Simulated" not in said[1]


def test_every_side_of_the_business_page(small, bare):
    page = PAGES / "business.ipynb"
    names, plain = names_of(small, page), names_of(bare, page)
    told, asked, sold = names["told"], names["asked"], small.business.incentives
    scheme = changed(small.business.subscription, pays=0.4)
    modes = changed(small.business.modes, choice=changed(small.business.modes.choice, stations=2))
    lines = sold.plan.lines.assign(share=0.02)
    offers, centers = names["offers"], names["centers"]
    none = dict.fromkeys(("way", "gain", "low", "high", "weeks", "share", "practised", "worlds", "apart"))
    said = read_on(
        "business",
        sides(
            names,
            plain,
            {
                "told": told
                | {"changed": 0, "low": -9.0, "high": -1.0, "gain": -5.0, "turn": None, "simple_behind": 9.0}
            },
            {"told": told | {"low": -9.0, "high": 5.0, "gain": 1.0, "turn": 8.0, "unbuilt": 3.0, "overtime": 4.0}},
            {
                "told": told | {"gone": 16.0, "low": 5.0, "changed": 3, "simple_behind": 7.0},
                "modes": modes,
                "scheme": scheme,
            },
            {"sold": changed(sold, plan=changed(sold.plan, feasible=False), inside=None)},
            {
                "sold": changed(sold, plan=changed(sold.plan, lines=lines), measured=False),
                "asked": asked | {"given": 2},
            },
            {"asked": asked | {"cheapest": -5.0}, "best": pd.Series({"worth": 900.0, "fee_needed": 0.02})},
            {"asked": asked | {"cheapest": None}, "scheme": changed(scheme, pays=0.0)},
            {"p": small.params.model_copy(update={"order_weeks": 5.0}), "sold": changed(sold, inside=0.8)},
            {"sold": changed(sold, inside=1.0)},
            {
                "offers": offers
                | {"parts": 1, "split": 1, "alone": False, "gain": 5e3, "low": -1.0, "high": 1e4, "near_off": -0.02}
            },
            {"offers": offers | {"proven": False, "barred": "belt", "left_out": "tyre", "low": 1.0, "high": 9e3}},
            {"centers": centers | {"moved": "South from East", "resized": "", "low": -9.0, "apart": 70.0}},
            {"centers": centers | none | {"same": True, "fits": False, "recorded": False}},
            {"centers": centers | {"proven": False, "apart": 0.0, "worlds": None, "little": True}},
        ),
    )
    assert "Serve South from East.**" in said[13] and "saves €70.00 a week against one centre a region" in said[13]
    assert "Leave it with today's centres" in said[14] and "No choice gives every region one" in said[14]
    assert "column `today` of `serving`" in said[14] and "not proven to be the best for the year" in said[15]
    assert "That is little" in said[15] and "That is little" not in said[0]
    assert "Leave every region where it is, and change sizes (" in said[0] and "needs the table `serving`" in said[1]
    assert "Stay with the cheapest offers" in said[0] and "name one supplier for each part" in said[1]
    assert "1 part has more than one offer" in said[11] and "That cannot be told from nothing" in said[11]
    assert "may not deliver all of belt" in said[12] and "no choice for tyre" in said[12]
    assert "Build every model as the table of models says" in said[2] and "That is a loss" in said[2]
    assert "cannot be told from nothing" in said[3] and "by 2 stations" in said[4]
    assert "which nobody has measured" in said[0] and "If they wait 2 weeks, the same choice" in said[0]
    assert "from 16 weeks on nothing is gained" in said[4]
    assert "cannot be had" in said[5] and "that is not judged" in said[6] and "true response" in said[0]
    assert "No incentive is on record" in said[1] and "more by subscription" in said[7]


def test_every_side_of_the_people_page(small, bare):
    page = PAGES / "people.ipynb"
    names = names_of(small, page)
    said, missing = names["said"], {"private": "Nothing of private.", "fleets": "Nothing of fleets."}
    fleets = names["fleets"]
    examples = sides(
        names,
        {"private": None, "missing": missing},
        {"fleets": None, "missing": missing, "s": changed(small, buyers=changed(small.buyers, truth=None))},
        {"said": said | {"repeat": None, "better": False, "best_age": 9}},
        {"fleets": changed(fleets, came=fleets.high + 1, due=fleets.due[:0])},
    )
    told = read_on("people", examples)
    assert "Nothing of private." in told[1] and "Nothing of fleets." in told[2] and "Simulated" not in told[2]
    assert "BG/NBD, a model" not in told[3] and "outside the interval" in told[4] and "inside the interval" in told[0]
    with pytest.raises(PageOmitted, match="purchases"):
        names_of(bare, page)


def test_tables_and_figures_of_the_pages_stand_on_small_data(small, bare):
    for s in (small, bare):
        lines = business_pages.modes_lines(s)
        assert lines["reason"].str.contains("customers go").all() and not lines["reason"].str.contains("nan").any()
        assert business_pages.scheme_moves(s)["what"].notna().all()
        assert len(business_pages.model_errors(s)) >= 8 and business_pages.week_errors(s).notna().all().all()
        assert business_pages.patience_bars(s).html.count("<li") == 7
        business_pages.week_errors_figure(s)
    assert len(business_pages.frontier_lines(small)) and len(business_pages.due_lines(small))
    assert small.business.missing == {} and business_of(SMALL, small.known, small.forecast).modes.gain
