"""One line with a set-up state: rules and a learner against the exact optimum, as regret over seeds.

    python benchmarks/changeover.py [--seeds 10] [--periods 2000] [--out FILE.csv]

Costs are exact, not simulated. Rules have the base stock that costs least. Each seed is one run of the learner; told
are the median, the best and the worst, and the share of seeds that fail, which is more than twice the optimum. A
learner whose table starts at 0 is beside one whose table starts at the cost of the cyclic rule. Processor seconds of
one thread.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402

from lepton_nb.allocation.changeover import (  # noqa: E402
    OneLine,
    average_cost,
    best_average,
    cyclic,
    learn_line,
    line_chain,
    longest_queue,
    tuned_rule,
)

LINES = {
    "two models, load 0.6": OneLine(demand=((0.4, 0.4, 0.2), (0.6, 0.4))),
    "two models, load 0.8": OneLine(demand=((0.3, 0.4, 0.3), (0.4, 0.6))),
    "two models, dear change-overs": OneLine(demand=((0.4, 0.4, 0.2), (0.6, 0.4)), setup_cost=10.0),
    "three models": OneLine(demand=((0.6, 0.4), (0.6, 0.4), (0.7, 0.3)), most=3, late=2),
}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, help="not used: lines are stated")
    ask.add_argument("--seeds", type=int, default=10)
    ask.add_argument("--periods", type=int, default=2000)
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    rows = []
    for title, line in LINES.items():
        chain = line_chain(line)
        best = best_average(chain)
        rules = {rule.__name__: tuned_rule(chain, rule).high for rule in (longest_queue, cyclic)}
        for name, cost in rules.items():
            rows.append({"line": title, "policy": name, "regret": 100 * (cost / best.cost - 1)})
        known = rules["cyclic"]
        for discount, power, start in (
            (0.97, 0.9, 0),
            (0.97, 0.6, 0),
            (0.995, 0.6, 0),
            (0.97, 0.6, known),
            (0.995, 0.6, known),
        ):
            began = time.process_time()
            learned = [
                learn_line(chain, given.periods, discount=discount, power=power, start=start, seed=seed)
                for seed in range(given.seeds)
            ]
            seconds = (time.process_time() - began) / given.seeds
            costs = [average_cost(chain, policy, steps=3000).high for policy in learned]
            each = 100 * (np.array(costs) / best.cost - 1)
            rows.append(
                {
                    "line": title,
                    "policy": f"learner, discount {discount}, steps n^-{power}"
                    + (", starts at cyclic" if start else ""),
                    "regret": np.median(each),
                    "best": each.min(),
                    "worst": each.max(),
                    "failed": (each > 100).mean(),
                    "cpu_s": seconds,
                }
            )
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    if given.out:
        table.round(4).to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
