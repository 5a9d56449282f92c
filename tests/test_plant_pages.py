"""The pages of a plant's floor, machines and data: both sides of every condition, and tables that are missing."""

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from test_pages import changed, sane, sides

from lepton_nb.cases.manufacturing import Parameters, floor_pages, quality_pages, study
from lepton_nb.cases.manufacturing.parameters import Parameters as Declared
from lepton_nb.cases.manufacturing.plant.watching import best_limit, daily_runs, run_cost, runs_lived, usable_sensors
from lepton_nb.cases.manufacturing.study.quality import (
    AS_RECORDED,
    BY_AGE,
    BY_RISK,
    BY_WEAR,
    foreseen_modes,
    quality_of,
    rejects_of,
)
from lepton_nb.cases.manufacturing.study.shopfloor import line_of_machine, machine_stops
from lepton_nb.demand.risk import RiskError
from lepton_nb.workbook.prose import prose_cells, render, unread

PAGES = Path(__file__).resolve().parent.parent / "nbs" / "cases" / "manufacturing"
SMALL = Parameters(judged_weeks=8, warm_weeks=8, worlds=20, model="fast")
NAMES = ["floor", "quality", "data"]


@pytest.fixture(scope="module")
def small():
    return study(SMALL)


@pytest.fixture(scope="module")
def bare(bare_plant):
    return bare_plant


def names_of(page: str, s) -> dict:
    """Run the cells of a page that only bind names, on a study at hand."""
    names: dict = {}
    for cell in nbformat.read(PAGES / f"{page}.ipynb", 4).cells:
        if cell.cell_type != "code" or cell.source.startswith("%%"):
            continue
        if "study(from_namespace(" in cell.source:
            names["s"] = s
            exec(cell.source.replace("study(from_namespace(Parameters, globals()))", "s"), names)
            return names
        exec(cell.source, names)
    raise AssertionError(f"{page} does not call study")


def said_by(page: str, names: dict) -> str:
    """Everything that the prose of a page says."""
    return "\n".join(" ".join(sane(render(cell, names)).split()) for cell in prose_cells(PAGES / f"{page}.ipynb"))


def read(page: str, examples: list[dict]) -> list[str]:
    """Both sides of every condition are read in some example; return what each says."""
    for cell in prose_cells(PAGES / f"{page}.ipynb"):
        assert unread(cell, examples) == []
    return [said_by(page, names) for names in examples]


@pytest.mark.parametrize("page", NAMES)
def test_a_page_takes_every_parameter_and_shows_no_code(page):
    cells = nbformat.read(PAGES / f"{page}.ipynb", 4).cells
    given: dict = {}
    exec(next(c for c in cells if "parameters" in c.metadata.get("tags", [])).source, given)
    assert {name: given[name] for name in Declared.model_fields} == dict(Declared())
    assert not [c for c in cells if c.cell_type == "code" and "hide_input" not in c.metadata.get("tags", [])]


@pytest.mark.parametrize("page", NAMES)
def test_every_cell_of_a_page_runs_on_much_and_on_little(small, bare, page, monkeypatch):
    monkeypatch.setattr("lepton_nb.workbook.figures.show", lambda html, slot=None: None)
    cells = nbformat.read(PAGES / f"{page}.ipynb", 4).cells
    after = next(k for k, cell in enumerate(cells) if "study(from_namespace(" in cell.source) + 1
    for s in (small, bare):
        names = names_of(page, s)
        for cell in cells[after:]:
            if cell.cell_type == "code" and not cell.source.startswith("%%"):
                exec(cell.source, names)


def test_only_the_page_that_decides_names_the_case_in_its_title():
    first = {path.stem: nbformat.read(path, 4).cells[0].source.splitlines()[0] for path in PAGES.glob("[a-z]*.ipynb")}
    assert [page for page, title in first.items() if "Manufacturing" in title] == ["decide"]
    assert all(len(title) <= 62 for title in first.values())


def test_the_page_that_decides_leads_to_them(small):
    text = "\n".join(prose_cells(PAGES / "decide.ipynb"))
    assert all(f"({page}.html)" in text for page in NAMES)


# ---- the floor


def with_floor(s, **changes):
    return replace(s, shopfloor=replace(s.shopfloor, **changes))


def with_order(s, **changes):
    return with_floor(s, order=replace(s.shopfloor.order, **changes))


def test_every_side_of_the_floor_page_makes_sense(small, bare):
    floor = small.shopfloor
    calm, sure = floor.hours.assign(wait=0.0, repair=0.0), floor.cures.assign(saves=900.0, low=500.0, high=1_300.0)
    low = floor.effectiveness.assign(effectiveness=[0.5, 0.7, 0.9][: len(floor.effectiveness)])
    zero, judged = small.decision.zero, floor.order.judged.assign(**{"minutes in turn": 60.0})
    examples = [
        names_of("floor", small),
        names_of("floor", bare),
        names_of("floor", with_floor(small, hours=calm, waits=floor.waits * 0, cures=sure, effectiveness=low)),
        names_of("floor", with_floor(small, effectiveness=low.assign(effectiveness=0.5), cures=sure)),
        names_of("floor", with_floor(small, effectiveness=low.assign(effectiveness=0.9), hours=floor.hours * 100)),
        names_of(
            "floor", with_floor(small, hours=floor.hours.assign(wait=999.0), cures=sure.assign(saves=1.0, low=-9.0))
        ),
        names_of("floor", replace(small, decision=replace(small.decision, best=zero))),
        names_of("floor", with_order(small, judged=judged.assign(**{"minutes found": 10.0}), proven=0.4)),
        names_of("floor", with_order(small, judged=judged.assign(**{"minutes found": 90.0}), classed=True)),
        names_of("floor", with_order(small, judged=judged.assign(**{"minutes found": 60.0}))),
        names_of("floor", with_order(small, lots={})),
    ]
    said = read("floor", examples)
    assert "saves 50 minutes of set-up a week (10 instead of 60)" in said[7] and "in 40% of the weeks" in said[7]
    assert "takes 30 minutes a week more (90 instead of 60)" in said[8] and "setup_class" not in said[8]
    assert "the same time in both" in said[9] and "setup_class" in said[9] and "which first" not in said[10]
    assert "Simulated" in said[0] and "Simulated" not in said[1]
    assert "mtbf and mttr" in said[1] and "a table of failures" in said[1] and "give speed" in said[1]
    assert (
        "no line waited for a part" in said[2] and "saves €900 a week" in said[2] and "No repairs are drawn" in said[2]
    )
    assert "1 line of 3 lies below." in said[2] and "1 line of 3 lies above" in said[2]
    assert "3 lines of 3 lie below." in said[3] and "3 lines of 3 lie above" in said[4]
    assert "All lines lie within." in said[0] and "more than waiting did" not in said[5]


def test_the_order_of_lots_is_the_plan_in_pieces_and_no_dearer_than_in_turn(small, bare):
    for s in (small, bare):
        lots, plan = floor_pages.lots_told(s), floor_pages.plan_advised(s)
        build = s.decision.plans[plan].query("do == 'build'")
        assert lots.groupby("line")["cars"].sum().to_dict() == build.groupby("where")["amount"].sum().to_dict()
        assert lots["reason"].str.endswith(".").all() and not lots["reason"].str.contains(r"cost 0 more").any()
        assert (lots.groupby("line")["place"].diff().dropna() == 1).all() and (lots["end"] > lots["start"]).all()
        for priced in (floor_pages.orders_told(s), s.shopfloor.order.judged):
            assert (priced["cost found"] <= priced["cost in turn"] + 1e-6).all()


def test_a_bad_week_is_not_taken_for_the_mean(small):
    floor = small.shopfloor
    assert floor.in_draws.mean() == pytest.approx(
        floor.hours["wait"].sum()
    ) and "not a usual one" in floor_pages.week_read(small)
    assert floor.spells.loc[floor.spells["what"] == "wait", "hours"].sum() <= floor.in_shown + 1e-6
    told = floor_pages.draws_told(with_floor(small, in_draws=np.array([4.0, 16.0]), in_shown=1e3))
    assert "In the mean of 2 draws lines wait 10 hours in all 8 judged weeks together, from 4 to 16" in told
    assert "In none of 2 draws" in floor_pages.draws_told(with_floor(small, in_draws=np.zeros(2)))


def test_hours_lost_stand_without_a_sign(small):
    shown = floor_pages.stood_bars(small)
    assert "+" not in shown.words and "repairs" in shown.words


def test_hours_of_the_floor_are_those_of_the_books_and_of_the_shifts(small):
    floor, books = small.shopfloor, small.decision.figures["hours at a stand"]
    assert floor.hours["wait"].sum() == pytest.approx(books[floor.way]) == pytest.approx(floor.waits.sum().sum())
    assert floor.waits_best.sum() == pytest.approx(books[small.decision.best])
    shift = small.known.course.shift[:, small.known.judged :].sum(1)
    over = small.known.course.overtime[:, small.known.judged :].sum(1)
    told = floor.hours.sum(axis=1).to_numpy()
    rests = 0.2 * 6 * floor.weeks  # less than a car's time is left at the end of a day
    assert (told > shift - rests).all() and (told <= shift + over + 1e-6).all()
    assert (floor.spells.groupby(["line", "day"])["hours"].sum() <= 16 + 1e-6).all()
    assert (small.shopfloor.effectiveness["effectiveness"] < 1).all()


def test_a_week_names_the_machines_that_were_down_on_record(small):
    floor, failures = small.shopfloor, small.known.data.tables["failures"]
    down = floor.spells[floor.spells["what"] == "repair"]
    assert floor.named and len(down) and (down["which"] != "").all()
    for spell in down.itertuples():
        that_day = floor.monday + pd.Timedelta(days=int(spell.day))
        there = set(failures.loc[failures["start"].dt.normalize() == that_day, "machine"])
        assert set(spell.which.split(", ")) <= there
    lines = small.known.plant.lines
    stops = machine_stops(failures, lines, small.known.weeks)
    assert (stops["line"] == [line_of_machine(name, lines) for name in stops["machine"]]).all()


def test_what_is_waited_for_and_drawn_has_a_name_and_a_caption(small, bare):
    for s in (small, bare, with_floor(small, spells=small.shopfloor.spells.query("what == 'work'"))):
        assert sane(floor_pages.week_read(s)) and floor_pages.stood_bars(s).words
        assert len(floor_pages.floor_cures(s)) == len(s.shopfloor.cures)
        floor_pages.week_figure(s)
        floor_pages.stops_on_record(s)
    assert floor_pages.cure_that_pays(with_floor(small, cures=small.shopfloor.cures.assign(low=-1.0))) == ""
    unknown = with_floor(small, unplaced=("press", "glue", "test", "weld"))
    assert "press, glue, test and others" in " ".join(floor_pages.floor_lacks(unknown))
    assert "repairs are drawn" in " ".join(floor_pages.floor_lacks(with_floor(small, named=False)))


# ---- machines and inspections


def with_quality(s, watch: dict | None = None, **changes):
    changes |= {} if watch is None else {"watch": replace(s.quality.watch, **watch)}
    return replace(s, quality=replace(s.quality, **changes))


def ways(saved_age: float, saved_risk: float, low: float, stops: float = 0.3) -> pd.DataFrame:
    rows = [
        (AS_RECORDED, 9.0, 0.0, 0.2, 0.0, 0.0, 0.0),
        (BY_AGE, 5.0, 0.3, 0.1, saved_age, saved_age - 1, saved_age + 1),
    ]
    rows.append((BY_RISK, 5.0, stops, 0.1, saved_risk, low, saved_risk + 5_000))
    return pd.DataFrame(rows, columns=["way", "cost", "stops", "failures", "saved", "low", "high"])


def quality_sides(small, bare) -> list[dict]:
    watch, rejects = small.quality.watch, small.quality.rejects
    all_run = watch.plan.assign(do="run", when="", saves=0.0)
    one_stop = all_run.assign(do=["stop"] + ["run"] * (len(all_run) - 1))
    modes = watch.modes.assign(foreseen=True)
    one_mode = watch.modes.assign(foreseen=[False] + [True] * (len(watch.modes) - 1))
    poor = watch.scores.assign(Brier=[0.1, 0.2, 0.1])
    level = watch.elsewhere.assign(saved=1.0)
    some = rejects.assign(do=["inspect"] + ["do not inspect"] * (len(rejects) - 1), sure=False)
    one_unsure = rejects.assign(sure=[False] + [True] * (len(rejects) - 1))
    studies = [
        small,
        bare,
        with_quality(
            small, {"ways": ways(9_000.0, 5_000.0, -100.0, 0.9), "plan": all_run, "elsewhere": level}, rejects=some
        ),
        with_quality(small, {"ways": ways(1.0, -5_000.0, -9_000.0), "modes": modes, "age": np.inf}),
        with_quality(small, {"limit": np.inf, "modes": one_mode, "scores": poor, "plan": all_run}),
        with_quality(small, {"plan": one_stop, "elsewhere": None}, rejects=one_unsure),
        with_quality(
            small, {"scores": watch.scores.drop("if wear were known")}, rejects=rejects.assign(do="do not inspect")
        ),
    ]
    return [names_of("quality", s) for s in studies]


def test_every_side_of_the_quality_page_makes_sense(small, bare):
    said = read("quality", quality_sides(small, bare))
    assert (
        "would have saved" in said[0]
        and "Inspect at **" in said[0]
        and "in five other plants".lower() in said[0].lower()
    )
    assert "a table of readings" in said[1] and "a table of inspections" in said[1] and "Simulated" not in said[1]
    assert "cannot be told from nothing" in said[2] and "Stop **no machine**" in said[2] and "not elsewhere" in said[2]
    assert "no less than the limit on risk" in said[2] and "it cannot be told that sensors bring anything" in said[2]
    assert "would have lost €5,000" in said[3] and "Age alone calls for no stop" in said[3] and "as now" in said[3]
    assert "no limit on risk did better" in said[4] and "comes by chance" in said[4] and "did not help" in said[4]
    assert "Stop **1 of" in said[5] and "At 1 station the answer is the other one" in said[5]
    assert "no station" in said[6] and "documented chance" not in said[6]


def test_every_side_of_the_answer_on_stops_is_read(small):
    names = quality_pages.stop_names(small) | {"limited": True, "saved": 9.0, "low": 5.0, "stops": 3, "saves": 900.0}
    examples = sides(names, {"stops": 1}, {"stops": 0}, {"low": -1.0}, {"saved": -900.0}, {"limited": False})
    assert unread(quality_pages.STOP_ANSWER, examples) == []
    for one in examples:
        assert sane(" ".join(render(quality_pages.STOP_ANSWER, one).split()))


def test_captions_of_machines_make_sense(small, bare):
    watch = small.quality.watch
    off = watch.reliability.assign(said=0.9, happened=0.0, rows=99, chance=0.01)
    none = watch.curve.assign(cost=1.0)
    for one in (watch, replace(watch, reliability=off, curve=none)):
        assert sane(quality_pages.ratio_read(one)) and sane(quality_pages.risk_read(one))
    assert "at none of these prices" in quality_pages.ratio_read(replace(watch, curve=none))
    for show in (
        quality_pages.stop_lines,
        quality_pages.ways_bars,
        quality_pages.ratio_figure,
        quality_pages.risk_figure,
    ):
        assert show(bare) is None
    for show in (
        quality_pages.modes_table,
        quality_pages.alarm_table,
        quality_pages.risk_scores,
        quality_pages.inspect_table,
    ):
        assert show(bare) is None
        show(small)


def test_only_wear_shows_and_the_judged_weeks_teach_nothing(small):
    watch, tables = small.quality.watch, small.known.data.tables
    assert watch.modes.loc[watch.modes["foreseen"], "mode"].tolist() == ["wear"]
    until = small.known.weeks[small.known.judged]
    late = tables["failures"]["start"] >= until
    other = tables["failures"].assign(mode=tables["failures"]["mode"].where(~late, "wear"))
    before = foreseen_modes(tables["readings"], tables["failures"], until).set_index("mode")["auc"]
    assert foreseen_modes(tables["readings"], other, until).set_index("mode")["auc"]["wear"] == before["wear"]


def test_stops_are_judged_by_hand(small):
    """One run of four days that fails on the last: a stop on the third day costs a stop over two days."""
    rows = pd.DataFrame({"machine": "m", "run": "a", "age": [0, 1, 2, 3], "fails": [0, 0, 0, 1], "replaced": 0.0})
    every = np.ones(4, bool)
    assert run_cost(runs_lived(rows, ~every, every), 1, 10).cost == pytest.approx(10 / 4)
    assert run_cost(runs_lived(rows, rows["age"].to_numpy() >= 2, every), 1, 10).cost == pytest.approx(1 / 2)
    entered = np.array([False, True, True, True])
    assert runs_lived(rows, rows["age"].to_numpy() == 0, entered).there.sum() == 0, "stopped before it was counted"
    limit = best_limit(rows, np.array([0.0, 0.1, 0.5, 0.9]), every, 1, 10)
    assert limit.cost < 10 / 4 and 0 < limit.limit <= 0.5
    with pytest.raises(RiskError, match="nothing needs watching"):
        best_limit(rows, np.zeros(4), every, 10, 1)


def test_the_ceiling_is_above_what_sensors_reach_and_both_save(small):
    watch = small.quality.watch
    mean = watch.elsewhere.groupby("way")["saved"].mean()
    assert 0 < mean[BY_RISK] <= mean[BY_WEAR] + 30 and mean[BY_AGE] < mean[BY_WEAR]
    assert watch.scores["PR-AUC"]["every day alike"] < watch.scores["PR-AUC"]["risk from readings"]
    assert (watch.plan["saves"] >= 0).all() and (watch.plan["saves"][watch.plan["do"] == "stop"] > 0).all()
    assert watch.plan["reason"].str.len().gt(20).all() and watch.plan["machine"].is_unique


def without(small, **tables):
    """The known part with some tables otherwise; None: not there."""
    kept = dict(small.known.data.tables)
    for name, table in tables.items():
        kept.pop(name) if table is None else kept.update({name: table})
    return replace(small.known, data=replace(small.known.data, tables=kept), kind="own")


@pytest.mark.parametrize(
    "change, part, words",
    [
        ({"readings": None}, "watch", "table of readings"),
        ({"failures": None}, "watch", "one of failures"),
        ({"inspections": None}, "rejects", "table of inspections"),
        ({"readings": "no sensor"}, "watch", "No sensor"),
        ({"failures": "few"}, "watch", "no kind of failure"),
        ({"failures": "early"}, "watch", "In the judged weeks no machine failed"),
    ],
)
def test_a_table_that_is_missing_or_useless_is_told_in_words(small, change, part, words):
    tables = small.known.data.tables
    until = small.known.weeks[small.known.judged]
    made = {
        "no sensor": tables["readings"][["machine", "time"]],
        "few": tables["failures"].iloc[:5],
        "early": tables["failures"][tables["failures"]["start"] < until],
        None: None,
    }
    found = quality_of(SMALL, without(small, **{name: made[kind] for name, kind in change.items()}))
    assert getattr(found, part) is None and words.lower() in found.missing[part].lower()
    assert sane(found.missing[part]).endswith(".")
    other = "rejects" if part == "watch" else "watch"
    assert getattr(found, other) is not None


def test_readings_without_a_counter_begin_a_run_at_each_failure(small):
    tables = small.known.data.tables
    readings = tables["readings"].drop(columns="tool_days")
    wear = tables["failures"][tables["failures"]["mode"] == "wear"]
    rows = daily_runs(readings, wear, usable_sensors(readings))
    ends = rows.groupby("run")["fails"].agg(["sum", "last"])
    assert (ends["sum"] == ends["last"]).all() and (rows.groupby("run")["age"].min() == 0).all()
    assert quality_of(SMALL, without(small, readings=readings)).watch is not None


def test_inspecting_pays_where_defects_are_frequent_enough():
    lots = pd.DataFrame({"lot": "a", "time": pd.Timestamp("2026-01-05"), "station": "body", "found_by": "camera"}, [0])
    file = pd.concat(
        [lots.assign(defect="none", cars=1_000.0), lots.assign(defect="weld", cars=9.0)], ignore_index=True
    )
    params = Parameters(inspect_cost=2.0, found_share=0.9, mend_cost=50.0, escape_cost=600.0)
    row = rejects_of(params, file).iloc[0]
    with_it, without_it = 2 + 0.01 * (0.9 * 50 + 0.1 * 600), 0.01 * 600
    assert row["share"] == pytest.approx(0.01) and row["do"] == "inspect"
    assert row["saves"] == pytest.approx(1_000 * (without_it - with_it)) and row["low"] < 0.01 < row["high"]
    dear = rejects_of(params.model_copy(update={"inspect_cost": 9.0}), file).iloc[0]
    assert dear["do"] == "do not inspect" and dear["saves"] == pytest.approx(1_000 * (0.01 * 0.9 * -550 + 9.0))
    assert len(rejects_of(params, file[file["defect"] != "none"])) == 1


# ---- the data


def test_every_side_of_the_data_page_makes_sense(small, bare):
    log = pd.DataFrame(
        {
            "table": ["bom"],
            "rule": ["added up"],
            "rows": [2],
            "units": [0.0],
            "before": [""],
            "after": [""],
            "why": ["x"],
        }
    )
    mended = changed(small.known.data, log=log)
    parts = small.known.data.tables["parts"]
    tables = small.known.data.tables | {"parts": parts.assign(in_transit=parts["in_transit"] + 10)}
    off = replace(small, known=replace(small.known, data=changed(small.known.data, tables=tables)))
    names = names_of("data", off)
    two = pd.concat([names["apart"], names["apart"]])
    said = read(
        "data",
        [
            names_of("data", small),
            names_of("data", bare),
            names_of("data", replace(small, known=replace(small.known, data=mended))),
            names,
            names | {"apart": two},
            names_of("data", replace(small, serving=None)),
        ],
    )
    assert "Which distribution centre" in said[5] and "(table `serving`;" in said[5]
    assert "Which distribution centre" not in said[0] + said[1]
    assert "18 tables came in." in said[0] and "Totals agree." in said[0] and "No row had to be changed" in said[0]
    assert "that may be given did not" in said[1] and "table of readings" in said[1] and "mtbf and mttr" in said[1]
    assert "1 rule changed rows" in said[2]
    assert "1 total does not agree" in said[3] and "off by 400" in said[3] and "2 totals do not agree" in said[4]


def test_what_is_assumed_is_told_with_its_value_and_parameter(small, bare):
    few, many = floor_pages.assumed_told(small), floor_pages.assumed_told(bare)
    assert len(few) == 2 and {"lead_days", "shift_hours", "book_weeks"} <= set(many["changed by"])
    assert many.set_index("changed by")["taken"]["lead_days"].startswith("14 days")
    assert (floor_pages.conserved(small)["difference"].abs() < 1e-6).all()
    assert (floor_pages.conserved(bare)["difference"].abs() < 1e-6).all()
    for s in (small, bare):
        floor_pages.orders_figure(s)
        floor_pages.changes_table(s)


# ---- in a browser


@pytest.mark.slow
@pytest.mark.parametrize("page", NAMES)
def test_a_page_is_whole_and_fits_a_telephone(plant_run, visit, page):
    for width in (390, 1280):
        seen = visit(plant_run / f"{page}.html", width)
        assert seen.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (page, width)
        assert seen.said == []
    soup = BeautifulSoup((plant_run / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    assert not soup.select(".error, .traceback") and "Traceback" not in soup.get_text()


@pytest.mark.slow
def test_results_of_floor_and_quality_are_of_record(plant_run):
    found = set(json.loads((plant_run / "results.json").read_text(encoding="utf-8"))["results"])
    assert {"effectiveness.A1", "risk.Brier", "stops.by_risk", "inspect.stations"} <= found
