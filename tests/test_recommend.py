"""Recommenders against brute force, bad input, and the rule that nothing looks across the cut."""

import numpy as np
import pandas as pd
import pytest

from lepton_nb.people.blend import (
    _GRID,
    Settings,
    _bought_again,
    _earlier,
    _habit,
    _lift,
    _recall,
    _share_repeated,
    _timely,
    best_list,
    blend,
    tune_blend,
)
from lepton_nb.people.newcomers import (
    _auc,
    _faded_counts,
    _first_visits,
    _hide_items,
    evaluate_newcomers,
    popular_here,
    resemblance,
    with_new_items,
)
from lepton_nb.people.next_items import recommend
from lepton_nb.people.offers import item_margin, item_pairs, list_worth, margin_spread, study_lists, trial_size
from lepton_nb.people.recommend import (
    RecommendError,
    _lists,
    _top,
    because,
    bought_later,
    bought_matrix,
    buyers,
    compare_methods,
    difference,
    ease,
    ease_weights,
    evaluate,
    freshest,
    gram,
    item_item,
    oracle,
    per_person,
    popularity,
    purchase_history,
    purchase_matrix,
    scores,
    taste_world,
    top_items,
)
from lepton_nb.people.repeats import neighbour_baskets, own_frequency
from lepton_nb.workbook.parameters import UserError

CUT = "2024-09-01"


@pytest.fixture(scope="module")
def world():
    lines, liking = taste_world(persons=300, items=60, seed=11)
    past = purchase_history(lines, CUT)
    return lines, liking, past, bought_later(lines, past)


def brute(model, lines, past, k, repeats):
    """Recall, NDCG, coverage and novelty with sets and loops."""
    before = lines[(lines["date"] < CUT) & (lines["units"] > 0)]
    after = lines[(lines["date"] >= CUT) & (lines["units"] > 0)]
    had, got = before.groupby("person")["item"].agg(set), after.groupby("person")["item"].agg(set)
    owners = before.groupby("item")["person"].nunique()
    recall, ndcg, shown_to_anybody, novelty = [], [], set(), []
    for row, person in enumerate(past.persons):
        wanted = (got.get(person, set()) & set(past.items)) - (set() if repeats else had[person])
        if not wanted:
            continue
        score = scores(model, np.array([row]))[0]
        allowed = [i for i, name in enumerate(past.items) if repeats or name not in had[person]]
        chosen = [
            past.items[i] for i in sorted(allowed, key=lambda i: (-round(score[i] / np.abs(score).max(), 9), i))[:k]
        ]
        hits = [name in wanted for name in chosen]
        recall.append(sum(hits) / min(k, len(wanted)))
        ndcg.append(
            sum(h / np.log2(r + 2) for r, h in enumerate(hits))
            / sum(1 / np.log2(r + 2) for r in range(min(k, len(wanted))))
        )
        shown_to_anybody |= set(chosen)
        novelty += [-np.log2(owners[name] / len(past.persons)) for name in chosen]
    return np.mean(recall), np.mean(ndcg), len(shown_to_anybody) / len(past.items), np.mean(novelty)


@pytest.mark.parametrize("make", [popularity, item_item, ease, blend, own_frequency, neighbour_baskets])
@pytest.mark.parametrize("repeats", [False, True])
def test_the_judge_agrees_with_sets_and_loops(world, make, repeats):
    lines, _, past, relevant = world
    model = make(past)
    found = evaluate(model, relevant, 7, repeats)
    assert np.allclose(found[["recall", "ndcg", "coverage", "novelty"]], brute(model, lines, past, 7, repeats))


@pytest.mark.parametrize("make", [popularity, item_item, ease, blend, own_frequency, neighbour_baskets])
def test_explanations_add_up_to_the_score(world, make):
    past = world[2]
    model = make(past)
    for row in (0, 17, 101):
        for item in (0, 5, 33):
            parts = because(model, past.persons[row], past.items[item])
            assert np.isclose(parts["contribution"].sum(), scores(model, np.array([row]))[0, item])
            assert parts["contribution"].is_monotonic_decreasing


def test_ease_is_the_minimum_of_its_problem(world):
    past = world[2]
    seen = bought_matrix(past).toarray()

    def loss(weights):
        return ((seen - seen @ weights) ** 2).sum() + 50 * (weights**2).sum()

    best = ease_weights(seen.T @ seen, 50.0)
    draw = np.random.default_rng(0)
    for _ in range(20):
        step = draw.normal(0, 1e-3, best.shape)
        np.fill_diagonal(step, 0.0)
        assert loss(best + step) > loss(best)
    assert np.allclose(np.diag(best), 0)


def test_ease_solves_each_item_as_a_ridge_regression(world):
    past = world[2]
    seen, target = bought_matrix(past).toarray(), 4
    others = np.delete(np.arange(seen.shape[1]), target)
    left = seen[:, others].T @ seen[:, others] + 80 * np.eye(len(others))
    assert np.allclose(
        np.linalg.solve(left, seen[:, others].T @ seen[:, target]), ease(past, 80.0).weights[others, target]
    )


@pytest.mark.parametrize("make", [popularity, item_item, ease, blend, own_frequency, neighbour_baskets])
def test_nothing_after_the_cut_changes_a_list(world, make):
    lines, past = world[0], world[2]
    after = lines["date"] >= CUT
    shuffled = lines.copy()
    for column in ("person", "item"):
        shuffled.loc[after, column] = np.random.default_rng(1).permutation(lines.loc[after, column])
    people = list(past.persons)
    for changed in (shuffled, lines[~after], lines.assign(units=np.where(after, -1, 1))):
        pd.testing.assert_frame_equal(
            top_items(make(purchase_history(changed, CUT)), people), top_items(make(past), people)
        )


def test_tuning_sees_nothing_from_the_cut_on(world):
    lines, grid = world[0], {"trend": (0.0, 0.5), "own": (0.5, 3.0)}
    known = lines["date"] < CUT
    first, trials = tune_blend(lines, CUT, grid, span=60)
    pd.testing.assert_frame_equal(tune_blend(lines[known], CUT, grid, span=60)[1], trials)
    past, relevant = _earlier(lines, CUT, 60)
    assert past.until == pd.Timestamp("2024-07-03")
    best = trials.loc[trials["taken"], "recall"].max() if trials["taken"].any() else None
    if best is not None:
        model, share = blend(past, first), _share_repeated(past, relevant)
        marks = [evaluate(model, relevant, repeats=again)["recall"] for again in (False, True)]
        assert 0 < share < 1 and np.isclose((1 - share) * marks[0] + share * marks[1], best)


def test_order_of_the_rows_does_not_matter(world):
    lines, past = world[0], world[2]
    mixed = lines.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(
        top_items(blend(purchase_history(mixed, CUT)), list(past.persons[:50])),
        top_items(blend(past), list(past.persons[:50])),
    )


def test_the_seed_repeats_the_world():
    pd.testing.assert_frame_equal(taste_world(50, 20, seed=4)[0], taste_world(50, 20, seed=4)[0])
    assert not taste_world(50, 20, seed=4)[0].equals(taste_world(50, 20, seed=5)[0])


def test_nobody_is_shown_what_they_have(world):
    past = world[2]
    shown = _lists(blend(past), np.arange(past.shape[0]), 10)
    had = bought_matrix(past).toarray() > 0
    assert not any(had[u, i] for u, row in enumerate(shown) for i in row if i >= 0)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in shown)


def test_a_list_ends_where_items_end():
    day = pd.Timestamp("2024-01-01")
    lines = pd.DataFrame({"person": ["a", "a", "b"], "date": day, "item": ["x", "y", "x"], "units": 1})
    past = purchase_history(lines, least=1)
    assert top_items(popularity(past), ["a", "b"], 5)[["person", "item"]].values.tolist() == [["b", "y"]]
    assert _lists(popularity(past), np.array([0]), 5).tolist() == [[-1] * 5]


def test_ties_go_to_the_first_name():
    assert _top(np.array([[2.0, 2.0 + 1e-14, 5.0, 2.0]]), 3).tolist() == [[2, 0, 1]]
    assert _top(np.zeros((1, 4)), 2).tolist() == [[0, 1]]


def test_odd_customers():
    day = pd.Timestamp("2024-01-01")
    rows = [
        ("once", "tea", 1),
        ("back", "tea", -1),
        ("", "tea", 1),
        (None, "milk", 1),
        ("李雷", "tea", 2),
        ("🙂", "milk", 1),
        ("<script>alert(1)</script>", "milk", 1),
        ("both", "tea", 1),
        ("both", "tea", -1),
        ("both", "milk", 1),
        ("gift", "milk", 1),
    ]
    lines = pd.DataFrame(rows, columns=["person", "item", "units"]).assign(date=day, price=[1.0] * 10 + [0.0])
    past = purchase_history(lines, "2024-01-02", least=1)
    assert list(past.persons) == sorted(["once", "李雷", "🙂", "<script>alert(1)</script>", "both"])
    assert (
        past.left_out["lines without a person or item"] == 2
        and past.left_out["persons with returns or gifts only"] == 2
    )
    assert list(top_items(ease(past, 1.0), ["once"])["item"]) == ["milk"]
    with pytest.raises(RecommendError, match="'back' is not among the 5 known ones.*newcomers"):
        top_items(ease(past, 1.0), ["back"])


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.drop(columns=["person", "units"]), "no column person, units"),
        (lambda t: t[:0], "0 purchases"),
        (lambda t: t.assign(units=-1), "0 purchases"),
        (lambda t: t.assign(person=None), "0 purchases"),
        (lambda t: t.assign(item=[f"i{n}" for n in range(len(t))]), "no item among them was bought 5 times"),
    ],
)
def test_lines_that_teach_nothing_are_refused_in_words(world, change, words):
    with pytest.raises(UserError, match=words):
        purchase_history(change(world[0][:200]), CUT)


def test_a_message_about_an_unknown_person_names_nobody_else(world):
    past = world[2]
    with pytest.raises(RecommendError) as refused:
        top_items(ease(past), [past.persons[0] + "x"])
    assert "did you mean" not in str(refused.value)
    with pytest.raises(RecommendError, match=f"did you mean {past.items[0]}"):
        because(ease(past), past.persons[0], past.items[0] + "x")


def test_lines_without_a_date_are_counted(world):
    lines = world[0]
    past = purchase_history(lines.assign(date=lines["date"].where(lines.index >= 7)), CUT)
    assert past.left_out["lines without a date"] == 7 and past.left_out["lines without a person or item"] == 0


def test_other_refusals(world):
    lines, _, past, relevant = world
    for call, words in (
        (lambda: ease(past, 0.0), "penalty is 0"),
        (lambda: _top(np.zeros((1, 2)), 0), "k is 0"),
        (lambda: gram(bought_matrix(past), most=4), "items.*GB"),
        (lambda: because(ease(past), past.persons[0], "caviar"), "item 'caviar' is not among"),
        (lambda: per_person(ease(past), bought_later(lines[:0], past)), "nobody known before 2024-09-01"),
        (lambda: Settings(floor=1.5), "floor is 1.5"),
        (lambda: _faded_counts(lines, "1999-01-01"), "no purchase before 1999"),
        (
            lambda: popular_here(_faded_counts(lines.assign(city="Rome"), CUT, ["city"]), {"city": "Mars"}),
            "city 'Mars'",
        ),
        (
            lambda: evaluate_newcomers(lines.assign(channel="c"), "2030-01-01"),
            "nobody came for the first time",
        ),
        (
            lambda: list_worth(ease(past), popularity(past), relevant, np.ones(past.shape[1]), 8, acceptance=2),
            "acceptance 2",
        ),
        (lambda: trial_size(1.0, 0.0), "effect above 0"),
        (lambda: trial_size(1.0, 1.0, power=1.0), "below 1"),
        (lambda: item_pairs(popularity(past)), "no weights between items"),
        (lambda: ease(past, float("nan")), "penalty is nan"),
        (lambda: item_item(past, neighbours=0), "neighbours is 0"),
        (lambda: tune_blend(lines, CUT, {"speed": (1,)}), "'speed' is no setting"),
        (lambda: top_items(ease(past), past.persons[0]), "give a list"),
        (lambda: _first_visits(lines, CUT, where=("city", "channel")), "no column city, channel"),
        (lambda: _faded_counts(lines.drop(columns="units"), CUT), "no column units"),
        (lambda: purchase_history(lines.assign(date="soon"), CUT), "no dates"),
        (lambda: item_margin(lines, pd.DataFrame({"item": ["i001", "i001"], "cost": 1.0}), past), "stands twice"),
    ):
        with pytest.raises(UserError, match=words):
            call()


def test_too_many_items_are_cut_to_the_most_bought(world):
    lines = world[0]
    past = purchase_history(lines, CUT, most_items=10)
    whole = purchase_history(lines, CUT)
    assert past.shape[1] == 10 and past.left_out["items beyond the 10 most bought"] == whole.shape[1] - 10
    times = lines[lines["date"] < CUT]["item"].value_counts()
    assert times[list(past.items)].min() >= times.drop(list(past.items)).max()


def test_freshest_and_counts_by_brute_force(world):
    lines, _, past, _ = world
    known = lines[(lines["date"] < CUT) & lines["item"].isin(past.items)]
    age = (pd.Timestamp(CUT) - known.groupby(["person", "item"])["date"].max()).dt.days
    days = known.drop_duplicates(["person", "item", "date"]).groupby(["person", "item"]).size()
    rows, items = (
        past.persons.get_indexer(age.index.get_level_values(0)),
        past.items.get_indexer(age.index.get_level_values(1)),
    )
    assert np.allclose(freshest(past).toarray()[rows, items], age) and np.allclose(
        purchase_matrix(past).toarray()[rows, items], days.loc[age.index]
    )
    recent = known[known["date"] >= pd.Timestamp(CUT) - pd.Timedelta(days=30)].groupby("item")["person"].nunique()
    assert np.allclose(buyers(past, 30), recent.reindex(past.items, fill_value=0))


def test_the_blend_without_time_is_ease(world):
    past = world[2]
    plain = Settings(half_life=1e9, row_power=0.0, count_power=0.0, trend=0.0, own=0.0, penalty=60.0)
    rows = np.arange(past.shape[0])
    assert np.allclose(scores(blend(past, plain), rows), scores(ease(past, 60.0), rows))
    assert np.allclose(_lift(past, 1e6, 2.0), 1.0)


def test_a_method_differs_from_itself_by_nothing(world):
    past, relevant = world[2:]
    assert (difference(ease(past), ease(past), relevant) == 0).all()
    gap = difference(ease(past), popularity(past), relevant)
    marks = compare_methods([ease(past), popularity(past)], relevant)
    assert np.isclose(gap["mean"], marks["recall"].diff().iloc[1] * -1) and gap["low"] < gap["mean"] < gap["high"]


def test_knowing_everything_is_best(world):
    _, liking, past, relevant = world
    marks = compare_methods([popularity(past), ease(past), oracle(past, liking)], relevant)
    assert marks["recall"].idxmax() == "best possible"


def test_a_frame_in_and_a_list_for_everybody_out(world):
    lines, _, past, _ = world
    frame = lines[["person", "item", "date"]]
    out = recommend(frame, [past.persons[5], "nobody", past.persons[2]], k=4, until=CUT)
    assert list(out) == ["person", "rank", "item", "score", "because"] and out["rank"].tolist() == [1, 2, 3, 4] * 3
    assert out["person"].tolist() == [past.persons[5]] * 4 + ["nobody"] * 4 + [past.persons[2]] * 4
    alone = top_items(blend(past), [past.persons[5], past.persons[2]], 4)
    known = out[out["person"] != "nobody"].reset_index(drop=True)
    assert known["item"].tolist() == alone["item"].tolist() and np.allclose(known["score"], alone["score"])
    assert out.loc[out["person"] == "nobody", "score"].is_monotonic_decreasing and out.attrs["left_out"]
    after = frame[pd.to_datetime(frame["date"]) < CUT]
    pd.testing.assert_frame_equal(out, recommend(after, [past.persons[5], "nobody", past.persons[2]], k=4, until=CUT))


@pytest.mark.parametrize(
    "frame, more, words",
    [
        (None, {}, "df is a NoneType"),
        (pd.DataFrame(), {}, "no column person, item, date; found none"),
        (pd.DataFrame({"person": ["a"], "item": ["b"], "date": ["soon"]}), {}, "'soon' and what follows are no dates"),
        (pd.DataFrame({"person": ["a"], "item": ["b"], "date": ["2024-01-01"]}), {}, "bought 5 times"),
        (pd.DataFrame({"person": ["a"], "item": ["b"], "date": ["2024-01-01"]}), {"least": 1, "k": 0}, "k is 0"),
        (pd.DataFrame({"person": ["a"], "item": ["b"], "date": ["2024-01-01"]}), {"persons": "a"}, "a single text"),
        (
            pd.DataFrame({"person": ["a"], "item": ["b"], "date": ["2024-01-01"]}),
            {"persons": ["z"], "least": 1, "k": 0},
            "k is 0",
        ),
        (pd.DataFrame({"person": ["a"], "item": ["b"], "date": ["2024-01-01"], "units": ["x"]}), {}, "column units"),
        (pd.DataFrame([["a", "b", "c", "2024-01-01"]], columns=["person", "item", "item", "date"]), {}, "two columns"),
    ],
)
def test_a_frame_that_teaches_nothing_is_refused_in_words(frame, more, words):
    with pytest.raises(RecommendError, match=words):
        recommend(frame, **more)


def test_newcomers_by_brute_force():
    day = pd.Timestamp("2024-01-10")
    rows = [
        ("a", 1, "s", "till", "tea"),
        ("a", 2, "s", "till", "milk"),
        ("b", 3, "t", "web", "milk"),
        ("c", 12, "t", "web", "tea"),
        ("a", 12, "s", "till", "tea"),
        ("d", 14, "s", "till", "milk"),
        ("d", 15, "s", "till", "jam"),
    ]
    lines = pd.DataFrame(rows, columns=["person", "date", "store", "channel", "item"]).assign(units=1)
    lines["date"] = day - pd.Timedelta(days=10) + pd.to_timedelta(lines["date"], unit="D")
    where = ("store", "channel")
    new = _first_visits(lines, day, where=where)
    assert (
        list(new.index) == ["c", "d"] and new.loc["d", "items"] == {"milk", "jam"} and new.loc["c", "channel"] == "web"
    )
    marks = evaluate_newcomers(lines, day, where=where, k=1)
    assert marks["newcomers"] == 2 and marks["best sellers of all time"] == 0.5
    counts = _faded_counts(lines, day, where, half_life=2.0)
    assert np.isclose(counts["s", "till", "tea"], 0.5 ** (9 / 2)) and np.isclose(
        counts.sum(), 0.5**4.5 + 0.5**4 + 0.5**3.5
    )


def test_new_items_are_scored_and_explained_like_others(world):
    lines, _, past, _ = world
    hidden = _hide_items(past, parts=10, seed=2)[0]
    known = purchase_history(lines[~lines["item"].isin(hidden)], CUT)
    assert sorted(sum(_hide_items(past, 10, seed=2), [])) == list(past.items)
    texts = {item: f"{item} group{int(item[1:]) % 5}" for item in past.items}
    model = with_new_items(blend(known), resemblance(texts, list(known.items), hidden))
    assert not set(hidden) & set(known.items) and model.history.shape[1] == known.shape[1] + len(hidden)
    old = scores(blend(known), np.arange(5))
    assert np.allclose(scores(model, np.arange(5))[:, : known.shape[1]], old), "known items keep their scores"
    parts = because(model, known.persons[3], hidden[0])
    assert np.isclose(parts["contribution"].sum(), scores(model, np.array([3]))[0, known.shape[1]])
    with pytest.raises(RecommendError, match="no text"):
        resemblance({}, list(known.items), hidden)
    with pytest.raises(RecommendError, match="no weights"):
        with_new_items(popularity(known), resemblance(texts, list(known.items), hidden))


def test_pairs_ranked_right_by_counting():
    draw = np.random.default_rng(0)
    score, buyer = draw.integers(0, 6, 40).astype(float), draw.random(40) < 0.3
    by_hand = [(a > b) + 0.5 * (a == b) for a in score[buyer] for b in score[~buyer]]
    half = np.arange(40) % 2
    within = [
        (a > b) + 0.5 * (a == b)
        for h in (0, 1)
        for a in score[buyer & (half == h)]
        for b in score[~buyer & (half == h)]
    ]
    assert np.isclose(_auc(score, buyer, half), np.mean(within))
    assert np.isclose(_auc(score, buyer), np.mean(by_hand)) and np.isnan(_auc(score, np.zeros(40, bool)))


def test_money_behind_the_hits_by_brute_force(world):
    lines, _, past, relevant = world
    items = pd.DataFrame({"item": past.items, "cost": np.linspace(0.5, 2.5, past.shape[1])})
    margin = item_margin(lines, items, past)
    assert np.allclose(margin, 2.0 - items["cost"])
    model, rival = ease(past), popularity(past)
    found = list_worth(model, rival, relevant, margin, weeks=13, acceptance=0.1, cost=10.0)
    got = relevant.toarray() > 0
    new, total = got & (bought_matrix(past).toarray() == 0), 0.0
    for row in np.nonzero(new.any(1))[0]:
        for sign, each in ((1, model), (-1, rival)):
            total += sign * sum(margin[i] for i in _lists(each, np.array([row]), 10)[0] if i >= 0 and new[row, i])
    assert np.isclose(found.margin, 4 * total) and np.isclose(found.gain, 0.4 * total)
    assert np.isclose(found.break_even, 10 / (4 * total)) if total > 0 else found.break_even == np.inf
    assert margin_spread(lines, items, CUT) > 0


def test_pairs_show_no_handful_of_persons(world):
    past = world[2]
    shown = item_pairs(ease(past), least=25)
    common = gram(bought_matrix(past))
    assert (shown["persons"] >= 25).all() and (shown["bought"] != shown["shown"]).all()
    for row in shown.itertuples():
        assert common[past.items.get_loc(row.bought), past.items.get_loc(row.shown)] == row.persons
    assert len(item_pairs(ease(past), least=10**6)) == 0


def test_the_study_says_what_its_parts_say(world):
    lines, liking, past, relevant = world
    done = study_lists(lines, CUT)
    assert np.isclose(done.new.loc["blend", "recall"], evaluate(blend(past), relevant)["recall"])
    assert 0 < done.weeks < 20 and np.allclose(done.model.weights, _timely(past, Settings()))
    sold = (
        lines[(lines["date"] < CUT) & (lines["date"] >= pd.Timestamp(CUT) - pd.Timedelta(days=30))]
        .drop_duplicates(["person", "item", "date"])["item"]
        .value_counts()
    )
    by_hand = liking.loc[past.persons[:5], past.items] * sold.reindex(past.items, fill_value=0)
    assert np.allclose(scores(best_list(past, np.log(liking)), np.arange(5)), by_hand) and set(_GRID) <= set(
        Settings.__dataclass_fields__
    )


@pytest.mark.parametrize("closed", [31, 90])
def test_where_nothing_was_sold_lately_the_lift_says_nothing(world, closed):
    lines = world[0]
    known = lines[lines["date"] < pd.Timestamp(CUT) - pd.Timedelta(days=closed - 1)]
    past = purchase_history(known, CUT)
    assert past.age.min() >= closed - 1 and np.allclose(_lift(past, 30, 0.9), 1)
    relevant = bought_later(lines, past)
    for repeats in (False, True):
        with_it, without = (
            evaluate(blend(past, Settings(trend=power)), relevant, repeats=repeats)["recall"] for power in (0.9, 0.0)
        )
        assert np.isclose(with_it, without)


def test_a_single_purchase_of_late_turns_no_list_upside_down(world):
    lines = world[0]
    known = lines[lines["date"] < "2024-07-15"]
    rare = known["item"].value_counts().loc[lambda times: times >= 5].index[-1]
    last = known.head(1).assign(item=rare, date=pd.Timestamp(CUT) - pd.Timedelta(days=1))
    past = purchase_history(pd.concat([known, last]), CUT)
    relevant, lift = bought_later(lines, past), _lift(past, 30, 0.9)
    assert np.delete(lift, past.items.get_loc(rare)).std() < 0.05 and lift[past.items.get_loc(rare)] == lift.max()
    plain = evaluate(blend(past, Settings(trend=0.0)), relevant)["recall"]
    assert evaluate(blend(past), relevant)["recall"] > 0.95 * plain


def test_the_lift_moves_demand_and_adds_none(world):
    past = world[2]
    for window in (10, 30, 90):
        lift = _lift(past, window, 0.9)
        assert np.isclose(buyers(past) @ lift, buyers(past).sum())
    table = pd.DataFrame({"ever": buyers(past), "lately": buyers(past, 30), "lift": _lift(past, 30, 0.9)})
    ordered = table.sort_values(["ever", "lately"])
    same = ordered["ever"].diff() == 0
    rises = ordered["lift"].diff()[same] * ordered["lately"].diff()[same]
    assert same.sum() > 10 and (rises >= -1e-12).all() and (rises > 0).any(), (
        "of as many buyers, more of late lift more"
    )


def once_each(lines):
    """Keep each person's first purchase of each item: books, not milk."""
    return lines.sort_values("date", kind="stable").drop_duplicates(["person", "item"])


def test_tuning_gives_no_weight_to_repeats_where_there_are_none(world):
    lines = once_each(world[0])
    past, relevant = _earlier(lines, CUT, 60)
    assert _share_repeated(past, relevant) == 0 and not _bought_again(past).any() and not _habit(past, 90, 9).data.any()
    model = blend(past)
    assert _recall(model, relevant, 10, 0.0) == evaluate(model, relevant)["recall"]
    found, trials = tune_blend(lines, CUT, {"trend": (0.0, 0.5), "penalty": (50.0,)}, span=60)
    best = evaluate(blend(past, found), relevant)["recall"]
    assert best >= trials["recall"].max() - 1e-12
    with_repeats, _ = tune_blend(world[0], CUT, {"trend": (0.0, 0.5)}, span=60, repeats=1.0)
    past, relevant = _earlier(world[0], CUT, 60)
    both = [
        evaluate(blend(past, Settings(trend=t)), relevant, repeats=True)["recall"] for t in (Settings().trend, 0.0, 0.5)
    ]
    assert with_repeats.trend == (Settings().trend, 0.0, 0.5)[int(np.argmax(both))]
    with pytest.raises(RecommendError, match="repeats is 1.5"):
        tune_blend(lines, CUT, {}, span=60, repeats=1.5)


def test_where_everything_is_a_repeat_only_repeats_are_judged(world):
    lines = world[0]
    before = lines[lines["date"] < "2024-07-01"]
    known = set(zip(before["person"], before["item"]))
    same = lines[[pair in known for pair in zip(lines["person"], lines["item"])]]
    past, relevant = _earlier(same, CUT, 60)
    assert _share_repeated(past, relevant) == 1
    _, trials = tune_blend(same, CUT, {"own": (3.0,)}, span=60)
    again = evaluate(blend(past, Settings(own=3.0)), relevant, repeats=True)["recall"]
    assert np.isclose(trials["recall"].iloc[0], again)


def test_shares_bought_again_by_brute_force(world):
    lines, _, past, _ = world
    days = lines[lines["date"] < CUT].drop_duplicates(["person", "item", "date"]).groupby(["item", "person"]).size()
    again, ever = (days > 1).groupby("item").sum()[past.items], days.groupby("item").size()[past.items]
    by_hand = (again + 10 * again.sum() / ever.sum()) / (ever + 10)
    assert np.allclose(_bought_again(past), by_hand)
    fading = (2.0 ** (-past.age / 100))[(past.person == 3)]
    mine = np.bincount(past.item[past.person == 3], fading, minlength=past.shape[1])
    assert np.allclose(_habit(past, 100, 2.0)[[3]].toarray()[0], 2 * by_hand * mine)


def test_rules_of_thumb_for_repeats_by_brute_force(world):
    lines, _, past, _ = world
    known = lines[lines["date"] < CUT].drop_duplicates(["person", "item", "date"])
    count = known.groupby(["person", "item"]).size()
    owners = known.groupby("item")["person"].nunique()
    for person in past.persons[[0, 40, 200]]:
        mine = count[person]
        want = sorted(past.items, key=lambda item: (-mine.get(item, 0), -owners[item], item))[:10]
        assert list(top_items(own_frequency(past), [person], 10, repeats=True)["item"]) == want
    seen = purchase_matrix(past, 0.5 ** (past.age / 80)).toarray()
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    for row in (0, 40):
        cosine = (unit @ unit[row]).round(10)
        cosine[row] = -1
        near = sorted(range(len(seen)), key=lambda other: (-cosine[other], other))[:7]
        want = 0.3 * seen[row] + 0.7 * seen[near].mean(axis=0)
        got = scores(neighbour_baskets(past, 7, 0.3, 80.0), np.array([row]))[0]
        assert np.allclose(got, want, atol=2e-6)


def test_neighbours_are_refused_where_nobody_is_alike(world):
    alone = world[0][world[0]["person"] == world[2].persons[0]]
    with pytest.raises(RecommendError, match="1 person"):
        neighbour_baskets(purchase_history(alone, least=1))
    few = world[0][world[0]["person"].isin(world[2].persons[:3])]
    assert neighbour_baskets(purchase_history(few, least=1)).name == "neighbours' baskets"
