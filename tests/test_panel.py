"""Corner cases of the demand panel and of the reconstruction of censored demand."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.retail.setting import from_tables
from lepton_nb.demand.panel import Groups, Panel, PanelError, at_least, reconstruct
from lepton_nb.workbook.parameters import UserError


def sales(**columns) -> pd.DataFrame:
    return pd.DataFrame(
        {"unique_id": ["a/x", "a/x", "a/y"], "ds": ["2026-01-01", "2026-01-03", "2026-01-02"], "y": [1.0, 2.0, 3.0]}
        | columns
    )


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (sales().drop(columns="y"), "'y' is missing"),
        (sales().iloc[:0], "no rows"),
        (sales(y=[1.0, np.inf, 2.0]), "infinite"),
        (sales(y=[1.0, -2.0, 2.0]), "'a/x', day 2026-01-03: a negative value (-2.0)"),
        (sales(ds=["2026-01-01", "tomorrow", "2026-01-02"]), "row 1: 'tomorrow' is not a date"),
        (sales(ds=["2026-01-01", "2026-01-01", "2026-01-02"]), "second row"),
    ],
)
def test_unusable_rows_are_refused_with_place_and_remedy(frame, words):
    with pytest.raises(PanelError) as caught:
        Panel.from_frames(frame)
    assert words in str(caught.value) and isinstance(caught.value, UserError)


def test_gaps_and_prefix():
    zero, missing = Panel.from_frames(sales()), Panel.from_frames(sales(), gaps="missing")
    assert zero.y[0].tolist() == [1, 0, 2] and np.isnan(missing.y[0, 1])
    assert np.isnan(zero.y[1, 0]) and zero.y[1, 2] == 0
    with pytest.raises(PanelError, match="'zero' or 'missing'"):
        Panel.from_frames(sales(), gaps="drop")


def test_leading_zeros_are_not_history():
    panel = Panel.from_frames(
        pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2026-01-01", periods=4), "y": [0, 0, 5, 0]})
    )
    assert np.isnan(panel.y[0, :2]).all() and panel.y[0, 2:].tolist() == [5, 0]


def test_a_series_that_never_sold_has_no_history_and_no_crash():
    panel = Panel.from_frames(pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2026-01-01", periods=4), "y": 0.0}))
    assert panel.end == 0 and panel.to_frame().empty


def test_covariates_by_series_by_day_and_by_label():
    price = pd.DataFrame({"unique_id": ["a/x", "nobody"], "ds": ["2026-01-02", "2026-01-02"], "price": [2.5, 9.0]})
    events = pd.DataFrame({"ds": ["2026-01-02", "2026-01-05"], "event": ["Easter + May Day", "Easter"]})
    panel = Panel.from_frames(sales(), known=[price, events], horizon=1)
    assert panel.y.shape == (2, 6) and panel.known["price"].shape == (2, 6)
    assert panel.known["price"][0, 1] == 2.5 and np.isfinite(panel.known["price"]).sum() == 1
    assert panel.known["event_easter"].tolist() == [0, 1, 0, 0, 1, 0] and panel.known["event_may_day"].tolist() == [
        0,
        1,
        0,
        0,
        0,
        0,
    ]


def test_dates_as_text_and_with_hours_fall_on_their_day():
    table = sales(ds=pd.to_datetime(["2026-01-01 09:00", "2026-01-03 23:59", "2026-01-02 00:00"]))
    panel = Panel.from_frames(table, freq="D")
    assert len(panel.ds) == 3 and panel.ds[0] == pd.Timestamp("2026-01-01")


def test_static_table_must_cover_all_series():
    with pytest.raises(PanelError, match="no row for series 'a/y'"):
        Panel.from_frames(sales(), static=pd.DataFrame({"unique_id": ["a/x"], "store": ["a"]}))
    static = pd.DataFrame({"unique_id": ["a/y", "a/x"], "group": ["g2", "g1"]})
    assert Panel.from_frames(sales(), static=static).static["group"].tolist() == ["g1", "g2"]


def test_round_trip():
    panel = Panel.from_frames(sales(censored=[True, False, False], price=[1.0, 2.0, 3.0]))
    again = Panel.from_frames(panel.to_frame(), freq="D")
    assert np.array_equal(panel.y, again.y, equal_nan=True) and np.array_equal(panel.censored, again.censored)
    assert list(again.known) == ["price"]


def test_cut_forgets_and_keeps_the_rest():
    panel = Panel.from_frames(sales(censored=[True, True, True]))
    past = panel.cut(1)
    assert past.end == 1 and past.censored.sum() == 1 and panel.end == 3
    assert past.days(1, 2).equals(panel.ds[1:3])


def test_tables_of_a_chain_add_channels_and_leave_the_weather_out():
    tables = {
        "sales": pd.DataFrame(
            {
                "date": pd.to_datetime(["2026-01-01", "2026-01-01", "2026-01-02"]),
                "store": "s",
                "item": "i",
                "channel": ["store", "online", "store"],
                "units": [2.0, 3.0, 4.0],
                "price": 1.0,
                "promotion": [False, True, False],
                "stock_on_hand": [0.0, 0.0, 2.0],
            }
        ),
        "items": pd.DataFrame({"item": ["i"], "group": ["g"]}),
        "calendar": pd.DataFrame(
            {"date": pd.date_range("2026-01-01", "2026-02-01"), "event": [None] * 3 + ["fair"] + [None] * 28}
        ),
        "weather": pd.DataFrame({"date": pd.date_range("2026-01-01", "2026-01-02"), "temperature": [1.0, 2.0]}),
    }
    panel = from_tables(tables, horizon=3)
    assert panel.y.shape == (1, 5) and panel.y[0, :2].tolist() == [5, 4] and panel.end == 2
    assert panel.censored[0].tolist() == [True, False, False, False, False] and panel.known["promotion"][0, 0] == 1
    assert panel.known["event_fair"].tolist() == [0, 0, 0, 1, 0] and "temperature" not in panel.known
    assert panel.static.loc["s/i", "group"] == "g"
    for name in ("calendar", "weather"):
        tables.pop(name)
    tables["sales"] = tables["sales"].drop(columns="stock_on_hand")
    assert not from_tables(tables).censored.any()


def test_at_least_stays_finite_far_from_the_mean():
    out = at_least(np.array([0.01, 0.5, 1e-6, 400.0]), np.array([30.0, 0.0, 3.0, 10.0]))
    assert np.isfinite(out).all() and (out >= [30, 0.5, 3, 400]).all()


def test_reconstruction_without_a_past_keeps_sales():
    panel = Panel.from_frames(sales(censored=True))
    assert (np.nan_to_num(reconstruct(panel).y) >= np.nan_to_num(panel.y)).all() and not reconstruct(
        panel
    ).censored.any()


def test_reconstruction_is_nearer_to_the_truth_of_the_simulated_chain():
    from lepton_nb.cases.retail.world.simulate import supermarket

    tables, truth = supermarket(seed=3, stores=2, items=40, days=300)
    panel = from_tables(tables)
    demand = truth.demand[truth.ids.get_indexer(panel.ids)]
    hidden = panel.censored & np.isfinite(panel.y)
    assert 0.02 < hidden.mean() < 0.3
    raw, filled = (p.y[hidden].sum() / demand[hidden].sum() - 1 for p in (panel, reconstruct(panel)))
    assert raw < filled < 0.02 and abs(filled) < 0.6 * abs(raw)


@pytest.mark.parametrize("freq", ["5min", "15min", "h", "D", "W-MON", "W-SAT", "MS", "ME", "QS-JAN"])
def test_every_frequency_is_read_off_the_dates_and_comes_back(freq):
    ds = pd.date_range("2024-01-01", periods=30, freq=freq)
    panel = Panel.from_frames(pd.DataFrame({"unique_id": "a", "ds": ds, "y": 100.0}), horizon=3)
    assert panel.freq == freq and len(panel.ds) == 33 and panel.ds[:30].equals(ds.rename("ds"))
    assert panel.y[0, :30].tolist() == [100] * 30 and panel.end == 30, "no period is made up between two rows"


@pytest.mark.parametrize(
    ("table", "given", "words"),
    [
        (sales(y=[1.0, "many", 2.0]), {}, "no number (many)"),
        (sales(ds=["2026-01-01", "2026-01-03", "2026-01-05"]), {}, "cannot be told from 3 distinct dates"),
        (sales(ds=["2026-01-01", "2026-01-03", "2026-01-02"]), {"freq": "mothly"}, "freq: found 'mothly'"),
        (sales(ds=["2026-01-01", "2026-02-01", "2026-01-15"]), {"freq": "MS"}, "2026-01-15 is not on the grid"),
        (sales(ds=["2026-01-01", "2026-01-03", "2026-01-02"]), {"freq": "7min"}, "has no season"),
        (sales(unique_id=["a", None, "b"]), {}, "'unique_id', row 1: it is empty"),
        (sales(ds=pd.date_range("2026-01-01", periods=3, tz="UTC")), {}, "time zone"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(table, given, words):
    with pytest.raises(UserError) as caught:
        Panel.from_frames(table, **given).rhythm  # noqa: B018
    assert words in str(caught.value)


def test_an_empty_y_is_a_gap_and_never_a_zero():
    ds = pd.date_range("2026-01-01", periods=5)
    table = pd.DataFrame({"unique_id": "a", "ds": ds, "y": [1.0, np.nan, 2.0, np.nan, np.nan]}).drop(index=3)
    panel = Panel.from_frames(table)
    assert np.isnan(panel.y[0, 1]) and panel.end == 3 and np.isnan(panel.y[0, 3:]).all()


def test_a_number_that_differs_within_a_series_and_date_is_refused_and_two_events_are_not():
    price = pd.DataFrame({"unique_id": ["a/x"] * 2, "ds": ["2026-01-01"] * 2, "price": [1.0, 2.0]})
    with pytest.raises(PanelError, match="column 'price', series 'a/x', day 2026-01-01: it has more than one value"):
        Panel.from_frames(sales(), known=price)
    fairs = pd.DataFrame({"ds": ["2026-01-01"] * 2, "event": ["fair", "strike"]})
    assert Panel.from_frames(sales(), known=[price.assign(price=1.0), fairs]).known["event_strike"][0] == 1


def test_series_of_two_frequencies_are_refused_unless_the_gaps_are_meant():
    days = pd.date_range("2026-01-01", periods=60)
    table = pd.DataFrame({"unique_id": ["a"] * 60 + ["b"] * 9, "ds": [*days, *days[::7]], "y": 1.0})
    with pytest.raises(UserError, match="series 'b': its rows are 7 periods apart"):
        Panel.from_frames(table)
    assert Panel.from_frames(table, freq="D").y.shape == (2, 60)


def test_groups_are_named_by_the_case():
    static = pd.DataFrame({"unique_id": ["a/x", "a/y"], "plant": ["p", "q"], "line": ["1", "1"]})
    panel = Panel.from_frames(sales(), static=static, groups=Groups(means=("plant|line",)))
    assert panel.key("plant|line").tolist() == ["p|1", "q|1"] and panel.key("nobody") is None
    assert panel.places().tolist() == [0, 1] and panel.grouping().means == ("plant|line",)


@pytest.mark.parametrize(
    "one, other, columns",
    [
        ("Harvest Fest", "harvest fest", 1),
        ("Buyer's Day", "Buyers Day", 1),
        ("Sale -20%", "Sale +20%", 2),
        ("A/B", "A B", 2),
    ],
)
def test_spellings_of_one_label_share_a_column_and_no_two_labels_do(one, other, columns):
    events = pd.DataFrame({"ds": ["2026-01-02", "2026-01-05"], "event": [one, other]})
    known = Panel.from_frames(sales(), known=events, horizon=1).known
    marked = {name: values.sum() for name, values in known.items() if name.startswith("event_")}
    assert len(marked) == columns and sum(marked.values()) == 2


@pytest.mark.parametrize("y", ["1e4294967297", "1e2147483648"])
def test_an_exponent_beyond_all_numbers_is_infinite_and_refused(y):
    with pytest.raises(PanelError, match="an infinite value"):
        Panel.from_frames(sales().astype({"y": object}).assign(y=lambda t: [y, *t["y"][1:]]))
