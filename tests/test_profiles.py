"""Corner cases of people.profiles, people.lifetime and people.worth: odd customers, odd names, odd lines."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from lepton_nb.people.lifetime import (
    BetaGeometric,
    _log_likelihood,
    alive,
    buying_history,
    comes_back,
    draw_customers,
    expected_spend,
    expected_visits,
    fit_spend,
    fit_visits,
)
from lepton_nb.people.profiles import (
    _LINES,
    ProfileError,
    _coverage,
    _rfm_scores,
    _silence_check,
    channel_preference,
    check_lines,
    hot_hours,
    hot_places,
    large_enough,
    profiles,
    stickiness,
    top_share,
    visits,
)
from lepton_nb.people.segments import segments, value_by
from lepton_nb.people.worth import (
    _choose,
    _corrected,
    _forecasts,
    _judge,
    _morning,
    _outcome_after,
    calibration,
    calibration_error,
    consents,
    customer_lifetime_value,
    held_out,
    margin_share,
    win_back,
)
from lepton_nb.workbook.figures import table_html

NASTY = "<script>alert('x')</script>"
END = pd.Timestamp("2024-07-01")


def rows(*entries):
    """Lines from (person, date, channel, units, price), each on a receipt of its own."""
    return pd.DataFrame(
        [
            {
                "person": p,
                "date": pd.Timestamp(d),
                "hour": 10,
                "channel": c,
                "store": "North",
                "item": "milk",
                "units": u,
                "price": m,
                "receipt": f"r{i}",
            }
            for i, (p, d, c, u, m) in enumerate(entries)
        ],
        columns=_LINES,
    )


def shop(people=400, seed=1, until=END):
    """Lines of customers drawn from BG/NBD, one line a visit."""
    rng = np.random.default_rng(seed)
    weeks = rng.uniform(20, 60, people)
    crowd = draw_customers(BetaGeometric(0.9, 3.0, 0.5, 6.0), weeks, seed)
    out = []
    for i, (T, x, t_x) in enumerate(crowd[["T", "x", "t_x"]].to_numpy()):
        first = until - pd.Timedelta(days=int(T * 7) + 1)
        days = np.unique(
            np.r_[0, np.round(np.sort(rng.uniform(0, t_x * 7, max(int(x) - 1, 0)))), np.round(t_x * 7)]
        ).astype(int)
        out += [(f"p{i}", first + pd.Timedelta(days=int(d)), "till", 1, float(rng.gamma(4, 3))) for d in days]
    return rows(*out)


LINES_OF_SHOP = shop()


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d.drop(columns=["price", "receipt"]), "price, receipt"),
        (lambda d: d.assign(date="yesterday"), "column date"),
        (lambda d: d.assign(date=d["date"].where(d.index > 0)), "1 empty"),
        (lambda d: d.assign(date=d["date"].dt.tz_localize("UTC")), "time zone"),
        (lambda d: d.assign(units="two"), "column units"),
        (lambda d: d.assign(price=np.nan), "column price"),
        (lambda d: d.assign(person=""), "none of 2 lines has a person"),
        (lambda d: d.iloc[:0], "none of 0 lines"),
        (lambda d: None, "lines are a NoneType"),
        (lambda d: d.to_dict("list"), "lines are a dict"),
    ],
)
def test_lines_that_cannot_be_used_are_refused_in_words(change, words):
    with pytest.raises(ProfileError, match=words):
        check_lines(change(rows(("a", "2024-01-01", "till", 1, 2.0), ("b", "2024-01-02", "web", 1, 2.0))))


def test_customers_with_one_purchase_or_returns_only_keep_a_row_with_a_note():
    people = profiles(
        rows(
            ("once", "2024-06-01", "till", 1, 5.0),
            ("back", "2024-06-02", "till", -2, 3.0),
            ("twice", "2024-05-01", "till", 1, 5.0),
            ("twice", "2024-06-10", "till", 1, 5.0),
            ("undone", "2024-06-01", "till", 1, 5.0),
            ("undone", "2024-06-02", "till", -1, 5.0),
            ("undone", "2024-06-03", "till", 1, 0.0),
        ),
        END,
    )
    assert people["note"].to_dict() == {
        "back": "returns only",
        "once": "one visit",
        "twice": "",
        "undone": "all brought back",
    }
    assert (
        people.loc["back", "monetary"] == -6
        and np.isnan(people.loc["back", "recency"])
        and not people.loc["back", "silent"]
    )
    assert _rfm_scores(people).loc["back", "R"] == 1


def test_returns_only_everywhere_is_said_and_not_divided_by():
    lines = rows(("a", "2024-06-01", "till", -1, 5.0), ("b", "2024-06-02", "till", -1, 5.0))
    assert (profiles(lines, END)["note"] == "returns only").all()
    with pytest.raises(ProfileError, match="nobody bought anything"):
        buying_history(visits(check_lines(lines)), END)

    assert (
        stickiness(lines, END).empty
        and channel_preference(profiles(lines, END)).empty
        and np.isnan(top_share(profiles(lines, END)))
    )
    assert (segments(profiles(lines, END)).of == "returns only").all() and hot_places(lines).receipts.empty
    with pytest.raises(ProfileError, match="no line of a purchase has an hour"):
        hot_hours(lines)


def test_fewer_persons_than_a_row_may_show_are_not_shown():
    people = profiles(rows(*[(f"p{i}", "2024-06-01", "till", 1, 4.0) for i in range(4)]), END)
    assert channel_preference(people).empty and value_by(people, people["channel"]).empty
    assert (
        channel_preference(people, least=4)["persons"].tolist()
        == [4]
        == value_by(people, people["channel"], least=4)["persons"].tolist()
    )
    with pytest.raises(ProfileError, match="days is 0"):
        value_by(people, people["channel"], days=0)


def test_two_lines_of_a_day_without_receipt_are_one_receipt():
    lines = rows(
        ("a", "2024-06-01 09:00", "till", 1, 5.0),
        ("a", "2024-06-01 17:30", "till", 1, 5.0),
        ("a", "2024-06-02", "till", 1, 5.0),
    ).assign(receipt=None)
    assert profiles(lines, END).loc["a", "receipts"] == 2


def test_stickiness_counts_whole_months_only():
    sticky = stickiness(rows(*[("a", f"2024-06-{d:02d}", "till", 1, 4.0) for d in range(1, 31)]), END)
    assert sticky["stickiness"].tolist() == [1.0] and sticky.index[0] == END - pd.Timedelta(days=28)


def test_one_purchase_each_has_profiles_and_no_lifetimes():
    lines = rows(*[(f"p{i}", "2024-05-01", "till", 1, 4.0) for i in range(30)])
    assert (profiles(lines, END)["note"] == "one visit").all()
    assert segments(profiles(lines, END)).of.nunique() == 1
    with pytest.raises(ProfileError, match="none of 30 customers came twice"):
        fit_visits(buying_history(visits(check_lines(lines)), END))


def test_names_in_any_script_and_markup_stay_text():
    people = profiles(rows(("李雷", "2024-06-01", "网店 🛒", 1, 5.0), (NASTY, "2024-06-01", NASTY, 1, 5.0)), END)
    assert set(people.index) == {"李雷", NASTY} and people.loc["李雷", "channel"] == "网店 🛒"
    for shown in (people, channel_preference(people, least=1), value_by(people, people["channel"], least=1)):
        assert "<script" not in table_html(shown.reset_index(), "Profiles.").lower().replace("&lt;script", "")


def test_the_order_of_lines_does_not_matter():
    shuffled = LINES_OF_SHOP.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(profiles(LINES_OF_SHOP, END), profiles(shuffled, END))


def test_lines_after_the_end_change_nothing():
    cut = pd.Timestamp("2024-04-01")
    pd.testing.assert_frame_equal(
        profiles(LINES_OF_SHOP, cut), profiles(LINES_OF_SHOP[LINES_OF_SHOP["date"] < cut], cut)
    )
    days = visits(check_lines(LINES_OF_SHOP))
    early = _morning(days, cut, 28)
    pd.testing.assert_frame_equal(early.history, _morning(days[days["date"] < cut], cut, 28).history)


def test_anonymous_lines_are_counted_apart():
    lines = rows(
        ("a", "2024-06-01", "till", 1, 30.0), (None, "2024-06-01", "till", 1, 10.0), ("", "2024-06-01", "till", 1, 10.0)
    )
    assert len(check_lines(lines)) == 1 and np.isclose(_coverage(lines), 0.6)


def test_hot_spots_hide_small_cells_and_need_hours():
    spots = hot_hours(LINES_OF_SHOP, least=30)
    seen = spots.persons.to_numpy()
    assert np.nanmin(seen) >= 30 and (np.isnan(spots.value.to_numpy()) == np.isnan(seen)).all()
    assert hot_hours(LINES_OF_SHOP, least=10**6).receipts.isna().all().all()
    assert hot_places(LINES_OF_SHOP).receipts.shape == (1, 7)
    for wrong, words in (
        (np.nan, "no line of a purchase has an hour"),
        (25, "holds 25 in row"),
        ("nine", "holds nine in row"),
    ):
        with pytest.raises(ProfileError, match=words):
            hot_hours(LINES_OF_SHOP.assign(hour=wrong))


@pytest.mark.parametrize("sizes", [(20, 3), (20, 12, 3), (4, 3), (15, 10, 9), (50, 1, 1, 1)])
def test_no_published_group_is_small_and_none_can_be_subtracted(sizes):
    group = pd.Series(np.repeat([f"g{i}" for i in range(len(sizes))], sizes))
    merged = large_enough(group, 10).value_counts()
    assert merged.sum() == sum(sizes) and (merged >= min(10, sum(sizes))).all()


@pytest.mark.parametrize(
    "change", [{"channel": None}, {"store": None}, {"receipt": None}, {"hour": np.nan}, {"price": 0.0}, {"price": -1.0}]
)
def test_a_column_that_says_nothing_leaves_the_rest_to_say(change):
    lines = LINES_OF_SHOP.assign(**change)
    people = profiles(lines, END)
    assert (
        len(people) == LINES_OF_SHOP["person"].nunique()
        and (people["frequency"] == profiles(LINES_OF_SHOP, END)["frequency"]).all()
    )
    assert value_by(people, segments(people, resamples=2).of)["persons"].sum() == len(people)
    assert hot_places(lines).persons.shape[1] == 7 and len(channel_preference(people)) == 1


def test_names_of_segments_are_told_apart_even_without_channels():
    people = profiles(LINES_OF_SHOP.assign(channel=None), END)
    found = segments(people, numbers=[5], threshold=0.0, resamples=2)
    assert found.chosen == 5 and found.of.nunique() == 5


def test_silence_needs_history():
    with pytest.raises(ProfileError, match="no line before"):
        _silence_check(LINES_OF_SHOP, ["1999-01-01"])
    with pytest.raises(ProfileError, match="take an earlier day"):
        _silence_check(LINES_OF_SHOP, [END - pd.Timedelta(days=20)])


@pytest.mark.parametrize("x, t_x, T", [(0, 0, 30), (800, 129.9, 130), (800, 60, 130), (3, 5, 500)])
def test_extreme_histories_give_finite_numbers(x, t_x, T):
    one = pd.DataFrame({"x": [float(x)], "t_x": [float(t_x)], "T": [float(T)]})
    model = BetaGeometric(0.9, 2.6, 0.5, 6.0)
    many = expected_visits(model, one, np.array([1.0, 52.0, 520.0]))[0]
    assert np.isfinite(_log_likelihood(model, one)).all() and 0 <= alive(model, one)[0] <= 1
    assert np.isfinite(many).all() and (np.diff(many) >= -1e-9).all() and many[0] >= 0
    assert 0 <= comes_back(model, one, 8)[0] <= alive(model, one)[0]


@pytest.mark.parametrize("a", [0.3, 1.0, 1.4, 3.0])
@pytest.mark.parametrize("x, t_x, T, t", [(0, 0, 30, 8), (3, 20, 40, 52), (300, 99, 100, 104)])
def test_expected_visits_are_the_integral_over_dropout(a, x, t_x, T, t):
    one, model = pd.DataFrame({"x": [float(x)], "t_x": [float(t_x)], "T": [float(T)]}), BetaGeometric(0.9, 2.6, a, 6.0)

    def more(p):
        return -np.expm1(-(model.r + x) * np.log1p(p * t / (model.alpha + T))) / p * beta.pdf(p, a, model.b + x)

    top = beta.isf(1e-14, a, model.b + x)
    integral = sum(
        quad(more, low, high, limit=200)[0]
        for low, high in zip(*(lambda cuts: (cuts[:-1], cuts[1:]))(top * np.array([0, 1e-6, 1e-4, 1e-2, 0.1, 0.4, 1])))
    )
    assert np.isclose(expected_visits(model, one, t)[0], alive(model, one)[0] * integral, rtol=2e-4)


def test_who_came_once_is_active_and_longer_silence_never_raises_it():
    model, wait = BetaGeometric(0.9, 2.6, 0.5, 6.0), np.arange(20.0, 200.0, 5)
    some = pd.DataFrame({"x": 10.0, "t_x": 20.0, "T": wait})
    assert (np.diff(alive(model, some)) < 0).all() and alive(model, some.assign(x=0.0, t_x=0.0)).tolist() == [
        1.0
    ] * len(wait)


def test_spend_is_drawn_to_everybody_where_little_is_known():
    rng = np.random.default_rng(0)
    history = pd.DataFrame({"visits": rng.integers(1, 30, 500), "spend": rng.gamma(5, 4, 500)})
    model = fit_spend(history)
    few, many = (expected_spend(model, pd.DataFrame({"visits": [n], "spend": [100.0]}))[0] for n in (1, 50))
    assert 20 < few < many < 100
    with pytest.raises(ProfileError, match="3 customers left money"):
        fit_spend(history.head(3))


def test_a_correction_repairs_odds_that_are_off_together():
    rng = np.random.default_rng(1)
    true = rng.beta(1, 2, 4000)
    said, came = true / (true + 3 * (1 - true)), rng.random(4000) < true
    later = rng.random(4000) < true
    assert calibration_error(calibration(_corrected(said, came, said), later)) < 0.4 * calibration_error(
        calibration(said, later)
    )
    assert (_corrected(said, np.zeros(4000, bool), said) == said).all()


def test_the_forecast_chosen_never_looks_at_what_came():
    days = visits(check_lines(LINES_OF_SHOP))
    start = END - pd.Timedelta(days=28)
    told = held_out(days, start, 28)
    rng = np.random.default_rng(0)
    other = days.assign(
        value=np.where(days["date"] >= start, days["value"] * rng.uniform(0, 9, len(days)), days["value"])
    )
    again = held_out(other[(other["date"] < start) | (rng.random(len(other)) < 0.3)], start, 28)
    assert told.chosen == again.chosen and not told.scores.equals(again.scores)
    pd.testing.assert_frame_equal(told.forecast, again.forecast)
    assert np.array_equal(told.said, again.said)


def test_a_short_history_still_gives_a_forecast():
    days = visits(check_lines(LINES_OF_SHOP))
    begin = days["date"].min()
    assert held_out(days, begin + pd.Timedelta(days=150), 120, least=10**6).chosen == "BG/NBD"


def test_a_period_without_days_or_without_records_is_refused():
    days = visits(check_lines(LINES_OF_SHOP))
    for start, length, words in (
        (END + pd.Timedelta(days=60), 28, "nothing tells what came"),
        (END - pd.Timedelta(days=28), 0, "0 days cannot be forecast"),
    ):
        with pytest.raises(ProfileError, match=words):
            held_out(days, start, length)


def test_the_mean_of_all_is_that_of_those_known_a_period_ago():
    days, back = visits(check_lines(LINES_OF_SHOP)), pd.Timedelta(days=100)
    past, now = _morning(days, END - 2 * back, 100), _morning(days, END - back, 100)
    mean = _forecasts(now, past, _outcome_after(days, past))["mean of all"]["visits"].iloc[0]
    assert len(now.history) > len(past.history) and np.isclose(mean, _outcome_after(days, past)[0].mean())


def test_the_choice_is_by_all_four_errors():
    scores = pd.DataFrame(
        {
            "visits_MAE": [2, 1, 0.9, 0.8],
            "visits_RMSE": [2, 1, 0.9, 0.8],
            "value_MAE": [2, 1, 0.9, 0.8],
            "value_RMSE": [2, 1, 0.9, 9],
        },
        index=["mean of all", "same as the last period", "BG/NBD", "blend"],
    )
    assert _choose(scores) == "BG/NBD"
    assert _choose(scores.mul([1, 1, 1.2, 1], axis=0)) == "same as the last period", "a free forecast may be the best"


def test_visits_are_scored_by_absolute_error_with_the_median_and_squared_with_the_mean():
    people = pd.Index(["a", "b", "c", "d"], name="person")
    told = pd.DataFrame({"visits": 0.5, "value": 2.0, "median_visits": [0.0, 0.0, 0.0, 1.0]}, index=people)
    scores = _judge({"one": told}, (np.array([0.0, 0.0, 0.0, 3.0]), np.array([0.0, 0.0, 0.0, 8.0]))).loc["one"]
    by_hand = [2 / 4, np.sqrt((3 * 0.25 + 2.5**2) / 4), 12 / 4, np.sqrt((3 * 4 + 36) / 4)]
    assert np.allclose(scores[["visits_MAE", "visits_RMSE", "value_MAE", "value_RMSE"]], by_hand)


def test_every_forecast_says_a_median_that_halves_what_came_in_a_world_of_its_own():
    days = visits(check_lines(LINES_OF_SHOP))
    told = held_out(days, END - pd.Timedelta(days=56), 56)
    for name, made in told.forecasts.items():
        assert list(made) == ["visits", "value", "median_visits"], name
    came, said = told.outcome[0], told.forecasts["BG/NBD"]
    assert np.abs(said["median_visits"] - came).mean() <= np.abs(said["visits"] - came).mean()
    assert 0.4 < ((came > said["median_visits"]) + 0.5 * (came == said["median_visits"])).mean() < 0.6


def test_letters_go_to_nobody_without_consent_and_not_at_any_price():
    made = _morning(visits(check_lines(LINES_OF_SHOP)), END, 28)
    everybody, nobody = win_back(made, 0.3, response=0.2), win_back(made, 0.3, response=0.2, letter=10**6)
    assert everybody.gain > 0 and nobody.gain == 0 and np.isnan(nobody.break_even)
    some = pd.Series(np.arange(len(made.history)) % 2 == 0, index=made.history.index)
    allowed = win_back(made, 0.3, response=0.2, consent=some).people["write"]
    assert not (allowed & ~some).any() and allowed.any()
    for wrong in ({"response": 0}, {"response": 1.5}, {"letter": -1}, {"half_life": 0}):
        with pytest.raises(ProfileError, match="response is"):
            win_back(made, 0.3, **wrong)


def test_margins_need_a_cost_and_stay_near_the_common_one_for_small_buyers():
    lines = rows(("big", "2024-06-01", "till", 1000, 1.0), ("small", "2024-06-01", "till", 1, 1.0))
    lines["item"] = ["bread", "milk"]
    share = margin_share(lines, pd.DataFrame({"item": ["bread", "milk"], "cost": [0.5, 0.9]}))
    assert abs(share["big"] - 0.5) < 0.01 and abs(share["small"] - 0.5) < 0.02
    with pytest.raises(ProfileError, match="check the column price"):
        margin_share(lines.assign(price=0.0), pd.DataFrame({"item": ["bread"], "cost": [0.5]}))
    with pytest.raises(ProfileError, match="no item"):
        margin_share(lines, pd.DataFrame({"item": ["tea"], "cost": [1.0]}))


def test_value_falls_with_discount_and_grows_with_time():
    made = _morning(visits(check_lines(LINES_OF_SHOP)), END, 28)
    year, two, dear = (
        customer_lifetime_value(made, 0.3, 52),
        customer_lifetime_value(made, 0.3, 104),
        customer_lifetime_value(made, 0.3, 104, yearly_rate=0.5),
    )
    assert (two >= year - 1e-9).all() and dear.sum() < two.sum()
    ten = [customer_lifetime_value(made, 0.3, 10, 0.0, step).sum() for step in (1, 4, 10)]
    assert np.allclose(ten, ten[0]), "weeks after the last whole step were left out"
    for wrong in ({"weeks": 0}, {"step": 0}, {"yearly_rate": -1}):
        with pytest.raises(ProfileError, match="must be above"):
            customer_lifetime_value(made, 0.3, **wrong)
    for wrong in ("0.3", np.nan, None):
        with pytest.raises(ProfileError, match="margin is"):
            customer_lifetime_value(made, wrong)


def test_consent_is_found_whatever_the_type_of_the_record_and_silence_is_none():
    asked = pd.DataFrame({"channel": "till", "record": [1, 2, 3], "consent": ["yes", None, "no"]})
    whose = pd.DataFrame({"channel": "till", "record": ["1", "2", "3"], "person": ["Ann", "Bo", "Cy"]})
    assert consents(asked, whose).to_dict() == {"Ann": True, "Bo": False, "Cy": False}


WEB = Path(os.environ.get("LEPTON_NB_DATA", "")) / "retail/online_retail/online_retail.parquet"


@pytest.mark.skipif(not os.environ.get("LEPTON_NB_DATA") or not WEB.is_file(), reason="the public set is not at hand")
def test_real_customers_are_closer_than_the_mean_and_than_the_last_period():
    raw = pd.read_parquet(WEB)
    raw = raw[raw["CustomerID"].notna() & (raw["UnitPrice"] > 0)]
    lines = pd.DataFrame(
        {
            "person": "c" + raw["CustomerID"].astype(str),
            "date": raw["InvoiceDate"].astype("datetime64[ns]"),
            "hour": raw["InvoiceDate"].dt.hour,
            "channel": "web",
            "store": "warehouse",
            "item": raw["StockCode"].astype(str),
            "units": raw["Quantity"],
            "price": raw["UnitPrice"],
            "receipt": raw["InvoiceNo"].astype(str),
        }
    )
    told = held_out(visits(check_lines(lines)), pd.Timestamp("2011-10-01"), 70)
    assert (told.scores.loc[told.chosen] < told.scores.loc[["mean of all", "same as the last period"]].min()).all()
