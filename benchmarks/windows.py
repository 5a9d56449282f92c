"""What the network of windows brings to forecasts on M5 FOODS_1, alone and in a blend, and what it costs.

    python benchmarks/windows.py                # the judged origins; writes results/windows.csv
    python benchmarks/windows.py --validate     # three earlier origins, on which settings were chosen; prints

432 series, 28 days ahead from three origins, as in forecast.py, which also says what the scores are. Processor seconds
cover fit and forecast from all three origins, one thread; `blended` is half `boosting`, a member of `accurate`, and
half `windows`, and is given the seconds of both models. Differences are to `accurate` in the same run, with 95%
intervals from drawing series, the same for both.

Settings were chosen on the columns 1689, 1745 and 1801. There `accurate` scores 0.6877, and the network alone with
350,000 rows of three years 0.6897; all rows 0.6873; twice as many origins 0.6860, the same without augmentation 0.6878,
with half the rate and twice the dropout 0.6872; five years 0.6844; three passes with a falling rate 0.6845; four passes
at twice the rate with two to three times the augmentation 0.6831; five at three times the rate with three to five times
the augmentation 0.6817, which was taken. All with one network a block; two are averaged for the judged origins.
The judged origins were measured once.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from forecast import HORIZON, panel_of, retail  # noqa: E402

from lepton_nb.demand.backtest import pinball, revenue_weights, rmsse  # noqa: E402
from lepton_nb.demand.features import history  # noqa: E402
from lepton_nb.demand.intervals import Calibrated  # noqa: E402
from lepton_nb.demand.models import maker_of  # noqa: E402

HERE = Path(__file__).resolve().parent
VALIDATION = (1689, 1745, 1801)


LEVELS = np.array([0.1, 0.5, 0.9])


def interval(off: np.ndarray, weight: np.ndarray, draws: int = 2000) -> np.ndarray:
    """Return the ends of the interval of a weighted mean difference (N,), from drawing series."""
    rng = np.random.default_rng(0)
    at = rng.integers(0, len(off), (draws, len(off)))
    return np.quantile((off * weight)[at].sum(1) / weight[at].sum(1), [0.025, 0.975])


def losses_of(actual: np.ndarray, ends: np.ndarray) -> list[float]:
    """Return the pinball loss of each level."""
    return [float(pinball(actual, ends[..., k], tau)) for k, tau in enumerate(LEVELS)]


def from_origin(panel, origin: int, seconds: dict, losses: dict) -> dict[str, np.ndarray]:
    """Forecast by each model, and note its seconds and the losses of its quantiles."""
    past, actual, told = history(panel.cut(origin)), panel.y[:, origin : origin + HORIZON], {}
    for name in ("accurate", "windows"):
        start = time.process_time()
        model = maker_of(name)().fit(past, origin)
        told[name] = model.predict(past, origin, HORIZON)
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - start
        if name == "accurate":
            boosting = model.members[0][1].predict(past, origin, HORIZON)
        ends = Calibrated.fit(model, past.panel).quantiles(told[name], LEVELS)
        losses.setdefault(name, []).append(losses_of(actual, ends))
    losses.setdefault("windows, its own", []).append(losses_of(actual, model.quantiles(past, origin, HORIZON)))
    return told | {"blended": (boosting + told["windows"]) / 2}


def main() -> None:
    """Forecast from each origin and print scores, intervals and seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validate", action="store_true", help="on the origins of the choice")
    parser.add_argument("--out", default=str(HERE / "results" / "windows.csv"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    panel = panel_of(retail())
    origins = VALIDATION if args.validate else [panel.end - k * HORIZON for k in (3, 2, 1)]
    errors, losses, weights, seconds, rows = {}, {}, [], {}, []
    for origin in origins:
        weights.append(revenue_weights(panel.y[:, :origin], panel.known["price"][:, :origin], HORIZON))
        for name, told in from_origin(panel, origin, seconds, losses).items():
            each = rmsse(panel.y[:, origin : origin + HORIZON], told, panel.y[:, :origin])
            errors.setdefault(name, []).append(each)
    seconds["blended"] = seconds["accurate"] + seconds["windows"]
    earned = np.mean(weights, axis=0)
    plain = {name: np.mean(each, axis=0) for name, each in errors.items()}
    revenue = {name: np.mean(np.array(each) * weights, axis=0) / earned.clip(1e-12) for name, each in errors.items()}
    for name in plain:
        row = {"model": name}
        for score, each, weight in (("rmsse", plain, np.ones(len(earned))), ("weighted_rmsse", revenue, earned)):
            low, high = interval(each[name] - each["accurate"], weight)
            row |= {score: np.average(each[name], weights=weight), f"{score}_low": low, f"{score}_high": high}
        rows.append(row | {"cpu_seconds": seconds[name]})
    result = pd.DataFrame(rows)
    print(result.round(4).to_string(index=False))
    for name, values in losses.items():
        print("pinball at 0.1, 0.5, 0.9:", name, np.mean(values, axis=0).round(4))
    if not args.validate:
        result.round(4).to_csv(args.out, index=False)


if __name__ == "__main__":
    main()
