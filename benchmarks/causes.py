"""What promotions and closures did, estimated without knowing, against the truth of many simulated worlds.

    python benchmarks/causes.py --chains 20 --boosted 8 --closures 60

Chains: the promotion waves of the last months of each simulated chain, by every way of `cases.retail.promotions`; the
Shapley values of boosting beside those of the fast linear forecast, on the last waves of some chains. Closures: a link
of the city is closed both ways at five on workdays; the truth is the difference of two user equilibria, counted with
noise on the streets that have detectors. The street judged is the counted one that the closure moves most; donors
are the counted streets far from the closure, or all of them. Intervals are over chains or closures.

The synthetic control stands beside the form it had before (demeaned without a penalty, interval by shifts in time),
beside the same with each mend alone, and beside the ridge-augmented form of Ben-Michael, Feller and Rothstein (2021).
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from lepton_nb.allocation.paths import user_equilibrium
from lepton_nb.allocation.policy import mean_interval
from lepton_nb.allocation.roads import close_links
from lepton_nb.business.elasticity import Market, estimate, market_from_series
from lepton_nb.business.synthetic_control import (
    ControlError,
    before_after,
    difference_in_differences,
    interval_for,
    simplex_weights,
    synthetic_control,
)
from lepton_nb.cases.city.world.days import draw_days, hours_utc, local_time
from lepton_nb.cases.city.world.movement import road_network
from lepton_nb.cases.city.world.place import DETECTORS, LINKS, NODES
from lepton_nb.cases.retail.promotions import (
    PROMOTION_WAYS,
    Wave,
    fill_waves,
    promotion_effects,
    units_by_shapley,
    wave_outcome,
    waves_on_record,
)
from lepton_nb.cases.retail.setting import build_panel
from lepton_nb.cases.retail.world.simulate import supermarket
from lepton_nb.data.catalog import Dataset
from lepton_nb.data.simulated import fading_shocks
from lepton_nb.demand.explain import explain
from lepton_nb.demand.features import History, history
from lepton_nb.demand.models import MODELS
from lepton_nb.demand.panel import Panel, reconstruct

RESULTS = Path(__file__).parent / "results"
BOOSTED = "Shapley value of boosting"
AUGMENTED, FITTED = "ridge-augmented synthetic control", "synthetic control, fitted weights"
SHARES = (0.01, 0.1, 0.3, 1.0, 10.0, np.inf)  # of the donors' largest squared singular value: penalties of the ridge
HOUR, BEFORE, AFTER, FAR = 17, 40, 10, 1_500.0  # local hour; workdays; metres


def market_of(panel: Panel) -> Market:
    """Cut the days on record out of a panel."""
    parts, days = (panel.y, panel.known["price"], panel.known["promotion"], panel.censored), slice(panel.end)
    return market_from_series(panel.ids, panel.ds[days], *(part[:, days] for part in parts), panel.static["group"])


def augmented_weights(donors: np.ndarray, treated: np.ndarray, penalty: float) -> np.ndarray:
    """Return weights of the simplex moved by a ridge regression of what they miss; their sum stays 1."""
    weights = simplex_weights(donors, treated)
    if np.isinf(penalty):
        return weights
    away = donors - donors.mean(1, keepdims=True)
    left = treated - donors @ weights
    return weights + away.T @ np.linalg.solve(away @ away.T + penalty * np.eye(len(away)), left)


def ridge_augmented(y: pd.DataFrame, treated, start, left_out=()) -> float:
    """Return the effect a period by the demeaned ridge-augmented form; each period before left out for the penalty."""
    own, others = y[treated].to_numpy(float), y.drop(columns=[treated, *left_out]).to_numpy(float)
    first = y.index.get_loc(start)
    spread = np.linalg.norm((centred := others[:first] - others[:first].mean(0)) - centred.mean(1, keepdims=True), 2)

    def gap(fitted: np.ndarray, share: float) -> np.ndarray:
        moved, donors = own - own[fitted].mean(), others - others[fitted].mean(0)
        return moved - donors @ augmented_weights(donors[fitted], moved[fitted], share * spread**2)

    before = np.arange(len(y)) < first
    missed = [np.mean([gap(before & (np.arange(len(y)) != t), one)[t] ** 2 for t in range(first)]) for one in SHARES]
    return float(gap(before, SHARES[int(np.argmin(missed))])[first:].mean())


def other_controls(y: pd.DataFrame, treated, start, left_out=(), counts: bool = False) -> dict[str, float]:
    """Return effects a period of the other forms of the synthetic control, and ends of their intervals."""
    row = {AUGMENTED: ridge_augmented(y, treated, start, left_out)}
    enough = interval_for(y.shape[1] - 1 - len(left_out)) == "placebos"
    for form, interval in (("demeaned", "shifts"), ("demeaned", "placebos"), ("penalised", "shifts")):
        if interval == "placebos" and not enough:
            continue
        told = synthetic_control(y, treated, start, left_out, form, interval=interval, counts=counts)
        row |= {f"{form}, {interval}: low": told.low, f"{form}, {interval}: high": told.high}
        row |= {FITTED: told.mean} if form == "demeaned" else {}
    if not counts:
        return row
    told = synthetic_control(y, treated, start, left_out)
    return row | {"without widening: low": told.low, "without widening: high": told.high}


def boosted_shapley(model, book: History, market: Market, wave: Wave) -> float:
    """Return what price and promotion move a forecast of boosting by, units in all stores."""
    series = [name for name in book.panel.ids if name.split("/", 1)[1] == market.items[wave.item]]
    origin = book.panel.ds.get_loc(market.days[wave.first])
    told = explain(model, book, origin, series, range(1, wave.end - wave.first + 1), background=8)
    return float(told[["price", "promotion"]].sum().sum())


def with_other_controls(effects: pd.DataFrame, market: Market) -> pd.DataFrame:
    """Put the units by other forms of the synthetic control beside the waves of a chain."""
    rows = []
    for wave, told in zip(waves_on_record(market)[-len(effects) :], effects["synthetic control"]):
        y, usual = wave_outcome(market, wave)
        size, item = usual * (y.index >= market.days[wave.first]).sum(), market.items[wave.item]
        found = other_controls(y, item, market.days[wave.first], counts=True) if np.isfinite(told) else {}
        rows.append({name: value * size for name, value in found.items()})
    return effects.join(pd.DataFrame(rows, effects.index))


def of_chain(seed: int, boosted: bool) -> pd.DataFrame:
    """Return the waves of one chain with a column each way."""
    tables, truth = supermarket(seed=seed, stores=4, items=60, days=730, members=0)
    panel = build_panel(Dataset("made", "retail", tables, {"frequency": "daily"}, pd.DataFrame(), "", "EUR", [], truth))
    record, book = market_of(panel), history(panel)
    filled = market_of(reconstruct(panel))
    market, fast = fill_waves(filled, record), MODELS["fast"]().fit(book, panel.end)
    estimates = estimate(record, tables["calendar"])
    out = promotion_effects(market, estimates, lambda wave: units_by_shapley(fast, book, market, wave), truth, most=80)
    out = with_other_controls(out, market)
    usual = promotion_effects(filled, estimates, lambda wave: 0.0, truth, most=80)
    out = out.join(usual[[*PROMOTION_WAYS[:4], "low", "high"]].add_prefix("filled as usual: "))
    if boosted:
        model, waves = MODELS["boosting"]().fit(book, panel.end), waves_on_record(market)[-8:]
        out.loc[out.index[-8:], BOOSTED] = [boosted_shapley(model, book, market, wave) for wave in waves]
    return out.assign(chain=seed)


def errors_by(effects: pd.DataFrame, ways: list[str]) -> pd.DataFrame:
    """Return the absolute errors of a chain or closure, as a share of its true effects, on what all ways answer."""
    told = effects.dropna(subset=ways)
    off = told[ways].sub(told["true"], axis=0).abs().groupby(told["chain"]).sum()
    return off.div(told["true"].abs().groupby(told["chain"]).sum(), axis=0)


def table_of(effects: pd.DataFrame, ways: list[str], against: str) -> pd.DataFrame:
    """Return each way's error with its interval, its bias, and its error less that of one way, paired."""
    told, error = effects.dropna(subset=ways), errors_by(effects, ways)
    rows = []
    for way in ways:
        over = error[way] - error[against]
        bias = (told[way] - told["true"]).sum() / told["true"].abs().sum()
        ends = mean_interval(over.to_numpy()) if over.any() else (0.0, 0.0)
        rows.append((way, error[way].mean(), bias, over.mean(), *ends))
    return pd.DataFrame(rows, columns=["way", "error", "bias", f"over {against}", "low", "high"])


def coverage(effects: pd.DataFrame) -> pd.DataFrame:
    """Return how often each interval holds the truth, over chains or closures, its misses on each side, its width."""
    rows = []
    for name in [one.removesuffix(": low") for one in effects if one.endswith(": low")]:
        told = effects.dropna(subset=[f"{name}: low", f"{name}: high"])
        low, high, true = told[f"{name}: low"], told[f"{name}: high"], told["true"]
        within = true.between(low, high).groupby(told["chain"]).mean()
        ends = mean_interval(within.to_numpy())
        wide = (high - low).median() / true.abs().median()
        rows.append((name, len(told), within.mean(), *ends, (true > high).mean(), (true < low).mean(), wide))
    return pd.DataFrame(rows, columns=["interval", "cases", "inside", "from", "to", "above", "below", "width"])


def counted(rng: np.random.Generator) -> pd.DataFrame:
    """Close a link at random: workdays down, counted streets across, with the true changes in `attrs`."""
    network, pairs = road_network(0, HOUR), LINKS[["from", "to"]].apply(tuple, axis=1)
    a, b = pairs[rng.integers(len(pairs))]
    shut = [pair for pair in ((a, b), (b, a)) if pair in set(pairs)]
    flows = [user_equilibrium(one, gap=1e-5).table() for one in (network, close_links(network, shut))]
    before, after = (
        one.set_index(["from", "to"])["flow"].reindex(pd.MultiIndex.from_tuples(pairs), fill_value=0.0).to_numpy()
        for one in flows
    )
    place = LINKS.reset_index(drop=True).reset_index().set_index("link")["index"].loc[DETECTORS["link"]].to_numpy()
    days, local = draw_days(rng), local_time(hours_utc())
    hours = np.flatnonzero((days.kind == 0) & (local.hour == HOUR))
    hours = hours[(first := rng.integers(len(hours) - BEFORE - AFTER)) : first + BEFORE + AFTER]
    treated = np.arange(BEFORE + AFTER) >= BEFORE
    rate = np.where(treated[:, None], after[place], before[place]) * days.level[hours, None]
    noise = np.stack([fading_shocks(rng.normal(size=len(hours)), 0.3, 0.05) for _ in place], 1)
    junction = NODES.set_index("node")[["x", "y"]]
    middle = junction.loc[[a, b]].to_numpy().mean(0)
    away = np.hypot(*(DETECTORS[["x", "y"]].to_numpy() - middle).T)
    frame = pd.DataFrame(rng.poisson(rate * np.exp(noise)), columns=DETECTORS["sensor"].astype(str)).astype(float)
    level = days.level[hours][treated].mean()
    change = (after - before)[place] * level
    change[np.isin(place, [k for k, pair in enumerate(pairs) if pair in shut])] = 0.0
    frame.attrs = {"change": change, "away": away}
    return frame


def of_closure(seed: int) -> dict | None:
    """Return the effect on the counted street that one closure moves most, by every way; None where none moves."""
    y = counted(np.random.default_rng(seed))
    change, near = y.attrs["change"], y.columns[y.attrs["away"] < FAR]
    usual = y.iloc[:BEFORE].mean().to_numpy()
    if (np.abs(change) < 0.05 * usual).all():
        return None
    street = y.columns[np.abs(change).argmax()]
    scaled, size = y / usual, usual[np.abs(change).argmax()]
    left_out = [name for name in near if name != street]
    row = {"chain": seed, "true": change[np.abs(change).argmax()]}
    row |= {"before and after": size * before_after(scaled, street, BEFORE)}
    try:
        row["difference in differences"] = size * difference_in_differences(scaled, street, BEFORE, left_out)
        row["difference in differences, neighbours in"] = size * difference_in_differences(scaled, street, BEFORE)
        for name, out in (("synthetic control", left_out), ("synthetic control, neighbours in", [])):
            interval = interval_for(len(scaled.columns) - 1 - len(out))
            told = synthetic_control(scaled, street, BEFORE, out, interval=interval)
            others = other_controls(scaled, street, BEFORE, out)
            kind = name.removeprefix("synthetic control")
            row |= {
                name: size * told.mean,
                FITTED + kind: size * others[FITTED],
                AUGMENTED + kind: size * others[AUGMENTED],
            }
            row |= {f"interval{kind}: low": size * told.low, f"interval{kind}: high": size * told.high}
            row |= {one.replace(": ", f"{kind}: "): size * ends for one, ends in others.items() if ": " in one}
    except ControlError as error:
        row["refused"] = str(error)
    return row


def main() -> None:
    """Run both parts and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, count in (("chains", 20), ("boosted", 8), ("closures", 60)):
        parser.add_argument(f"--{name}", type=int, default=count)
    given = parser.parse_args()
    if given.chains:
        waves = pd.concat([of_chain(1_000 + k, k < given.boosted) for k in range(given.chains)], ignore_index=True)
        table = table_of(waves, list(PROMOTION_WAYS), "Shapley value")
        table.to_csv(RESULTS / "causes_promotions.csv", index=False, float_format="%.4f")
        print(table.round(3).to_string())
        told = waves.dropna(subset=list(PROMOTION_WAYS))
        print(len(waves), "waves,", len(told), "told by all;", (waves["refused"] != "").sum(), "refused")
        inside = coverage(told.rename(columns={"low": "interval: low", "high": "interval: high"}))
        inside.to_csv(RESULTS / "causes_intervals.csv", index=False, float_format="%.4f")
        print(inside.round(3).to_string())
        forms = [
            "synthetic control",
            FITTED,
            AUGMENTED,
            "difference in differences",
            *(f"filled as usual: {one}" for one in PROMOTION_WAYS[:4]),
        ]
        print(table_of(waves, forms, "synthetic control").round(4).to_string())
        print(table_of(waves, list(PROMOTION_WAYS), "before and after").round(3).to_string())
        if given.boosted:
            print(table_of(waves, [*PROMOTION_WAYS, BOOSTED], BOOSTED).round(3).to_string())
    if given.closures:
        rows = pd.DataFrame([row for k in range(given.closures) if (row := of_closure(k))])
        starts = ("before", "diff", "synth", "ridge")
        ways = [name for name in rows if name.startswith(starts) and not name.endswith(("low", "high"))]
        table = table_of(rows, ways, "difference in differences")
        table.to_csv(RESULTS / "causes_closures.csv", index=False, float_format="%.4f")
        print(table.round(3).to_string())
        print(
            len(rows), "closures that move a counted street;", rows.get("refused", pd.Series()).notna().sum(), "refused"
        )
        print(coverage(rows).round(3).to_string())
        print(table_of(rows, ["synthetic control", FITTED, AUGMENTED], "synthetic control").round(3).to_string())


if __name__ == "__main__":
    main()
