"""Learning to order on the classical lost-sales test bed, against the exact optimum, rules of thumb, and PPO.

    python benchmarks/adaptive.py bed    # 32 instances: exact, rules, deep controlled learning; results/adaptive.csv
    python benchmarks/adaptive.py peers  # Q-learning, PPO, deep controlled learning; results/adaptive_peers.csv
    python benchmarks/adaptive.py speed  # days a second of the vectorised environment; results/adaptive_speed.csv

Demand is Poisson or geometric with mean 5, holding cost 1, lead time 1 to 4, penalty 4, 9, 19 or 39 (Zipkin 2008).
Every cost is exact: the policy's, on its own transition matrix. Deep controlled learning has one setting for all
instances (the default `Effort`) and starts from a capped base stock tuned by simulation; it never sees the transition
matrix. Its seconds cover the tuning, the learning and the choice among its generations, in one process with one
thread. Rules of thumb have their exact best settings.

The settings of the learner were chosen on five of these instances (Poisson with lead times 2 and 4, geometric with 1,
2 and 4), by regret.

PPO, of stable-baselines3, runs on 64 stores at once, 64 days a batch, discount 0.98, GAE 0.95, minibatches of 512,
two layers of 64, a learning rate falling linearly from 1e-3, an entropy bonus of 0.005; observations are divided by
mean demand, costs by ten times mean demand. No episode ever ends, so no end is learned. The best of eight checkpoints
by exact cost is taken, which favours it. Its setting was not searched.
"""

import argparse
import os
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 - after the threads are set
import pandas as pd  # noqa: E402
from scipy.stats import poisson  # noqa: E402

from lepton_nb.allocation.adaptive import (  # noqa: E402
    Effort,
    capped_order_up_to,
    coordinate_search,
    learn,
    q_learning,
)
from lepton_nb.allocation.dynamic import (  # noqa: E402
    LostSales,
    best_base_stock,
    best_capped,
    best_constant,
    exact_cost,
    geometric,
    myopic,
    order_bounds,
    value_iteration,
)
from lepton_nb.allocation.environment import Forecast, Item, Steady, rollout, tabulate  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results"
DEMANDS = {"poisson": poisson.pmf(np.arange(60), 5) / poisson.pmf(np.arange(60), 5).sum(), "geometric": geometric(5)}
PENALTIES, LEADS = (4, 9, 19, 39), (1, 2, 3, 4)


def instance(demand: str, lead_time: int, penalty: float) -> tuple[LostSales, Item]:
    """Return the exact model and the simulated store of one instance, with the same limits on orders."""
    system = LostSales(DEMANDS[demand], lead_time, stockout_cost=penalty)
    bounds = order_bounds(system)
    return system, Item(
        Steady(system.demand), lead_time, stockout_cost=penalty, most_order=int(bounds[0]), most_units=int(bounds[-1])
    )


def timed(call, *args, **options):
    """Call and return the result and its processor seconds."""
    begun = time.process_time()
    return call(*args, **options), time.process_time() - begun


def controlled(item: Item, seed: int = 1, effort: Effort = Effort()):  # noqa: B008 - frozen, so that it can be shared
    """Tune a capped base stock by simulation and improve it."""
    guess = (int(0.8 * item.most_units), int(np.ceil(item.demand.mean)) + 2)
    setting, _ = coordinate_search(
        item, lambda level, cap: capped_order_up_to(item, level, max(cap, 0)), guess, replications=2000, days=200
    )
    return learn(item, capped_order_up_to(item, *setting), effort, seed)


def bed(path: Path) -> pd.DataFrame:
    """Measure all instances, the quick ones first; the table on disk grows as they are done."""
    rows = []
    for lead_time in LEADS:
        for demand in DEMANDS:
            for penalty in PENALTIES:
                system, item = instance(demand, lead_time, penalty)
                best, exact_seconds = timed(value_iteration, system)
                learned, seconds = timed(controlled, item)
                capped, rule_seconds = timed(best_capped, system)
                rule = myopic(system)
                costs = {
                    "optimal": best.cost,
                    "learned": exact_cost(system, learned.policy).cost,
                    "capped": capped.cost,
                    "base_stock": best_base_stock(system).cost,
                    "myopic": exact_cost(system, rule).cost,
                    "constant": best_constant(system).cost,
                }
                gaps = {
                    f"{name}_regret_percent": 100 * (cost / best.cost - 1)
                    for name, cost in costs.items()
                    if name != "optimal"
                }
                rows.append(
                    {
                        "demand": demand,
                        "lead_time": lead_time,
                        "penalty": penalty,
                        **costs,
                        **gaps,
                        "exact_seconds": exact_seconds,
                        "learned_seconds": seconds,
                        "capped_seconds": rule_seconds,
                    }
                )
                pd.DataFrame(rows).round(6).to_csv(path, index=False)
                print(
                    f"{demand} L={lead_time} p={penalty}: optimum {best.cost:.4f} in {exact_seconds:.1f} s; "
                    f"learned +{abs(gaps['learned_regret_percent']):.3f}% in {seconds:.1f} s; "
                    f"capped +{gaps['capped_regret_percent']:.3f}% in {rule_seconds:.1f} s",
                    flush=True,
                )
    table = pd.DataFrame(rows)
    print(
        f"learned: worst {table['learned_regret_percent'].max():.3f}%, mean "
        f"{table['learned_regret_percent'].mean():.3f}%; better than capped base stock in "
        f"{(table['learned'] < table['capped'] - 1e-5).sum()} of {len(table)}; "
        f"at most {table['learned_seconds'].max():.0f} s"
    )
    return table


def peers(path: Path, steps: int = 1_000_000) -> pd.DataFrame:
    """Compare the learners on three instances; PPO for a fixed number of steps."""
    rows = []
    for demand, lead_time, penalty in (("poisson", 1, 4), ("geometric", 2, 9), ("poisson", 4, 39)):
        system, item = instance(demand, lead_time, penalty)
        best, seconds = timed(value_iteration, system)
        rows.append((demand, lead_time, penalty, "exact", 0, best.cost, 0.0, seconds))

        def add(
            name: str, days: int, policy, seconds: float, key=(demand, lead_time, penalty), of=(system, best)
        ) -> None:
            cost = exact_cost(of[0], policy, tolerance=1e-5).cost
            rows.append((*key, name, days, cost, max(100 * (cost / of[1].cost - 1), 0.0), seconds))
            print(*rows[-1], flush=True)

        add("capped base stock", 0, (capped := timed(best_capped, system))[0].policy, capped[1])
        learned, seconds = timed(controlled, item)
        add("deep controlled learning", int(learned.history["days"].iloc[-1]), learned.policy, seconds)
        tabular, seconds = timed(q_learning, item, days=10_000, replications=2000, seed=1)
        add("q-learning", 20_000_000, tabular.policy, seconds)
        policies, seconds = timed(ppo, item, steps)
        add("ppo", steps, min(policies, key=lambda policy: exact_cost(system, policy, tolerance=1e-4).cost), seconds)
        columns = ["demand", "lead_time", "penalty", "method", "days", "cost", "regret_percent", "seconds"]
        pd.DataFrame(rows, columns=columns).round(6).to_csv(path, index=False)
    return pd.DataFrame(rows, columns=columns)


PPO_SETTING = {
    "n_steps": 64,
    "batch_size": 512,
    "gamma": 0.98,
    "gae_lambda": 0.95,
    "ent_coef": 0.005,
    "learning_rate": lambda left: 1e-3 * left,
}


def ppo(item: Item, steps: int, count: int = 64, looks: int = 8, seed: int = 1) -> list:
    """Train PPO and return its policies at eight moments."""
    import torch
    from gymnasium import spaces
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecEnv

    from lepton_nb.allocation.environment import draw, largest_order, observe, reset, step

    torch.set_num_threads(1)
    scale = np.float32(item.demand.mean)

    class Stores(VecEnv):
        """Offer replications of a store that never ends."""

        def __init__(self):
            self.rng, self.state, self.day = np.random.default_rng(seed), None, 0
            width = observe(item, reset(item, self.rng, 1)).shape[1]
            super().__init__(
                count,
                spaces.Box(0, np.float32(item.most_units / scale), (width,), np.float32),
                spaces.Discrete(item.orders),
            )

        def reset(self):
            self.state = reset(item, self.rng, count)
            return observe(item, self.state) / scale

        def step_async(self, actions):
            self.actions = actions

        def step_wait(self):
            if self.day % 50 == 0:
                self.noise = draw(item, self.rng, 50, self.state)
            self.state, cost = step(
                item, self.state, np.minimum(self.actions, largest_order(item, self.state)), self.noise[self.day % 50]
            )
            self.day += 1
            return (
                observe(item, self.state) / scale,
                -cost / (10 * scale),
                np.zeros(count, bool),
                [{} for _ in range(count)],
            )

        def close(self):
            pass

        def get_attr(self, name, indices=None):
            return [None] * count

        def set_attr(self, name, value, indices=None):
            pass

        def env_method(self, name, *args, indices=None, **more):
            return [None] * count

        def env_is_wrapped(self, wrapper, indices=None):
            return [False] * count

    model, done = PPO("MlpPolicy", Stores(), seed=seed, device="cpu", **PPO_SETTING), []

    def look(local, _):
        """Keep a copy of the network at eight moments of the training."""
        if local["self"].num_timesteps >= (len(done) + 1) * steps // looks:
            done.append({k: v.clone() for k, v in local["self"].policy.state_dict().items()})
        return True

    model.learn(steps, callback=look)
    done.append({k: v.clone() for k, v in model.policy.state_dict().items()})

    def frozen(weights):
        """Write the network's likeliest orders into a table."""
        model.policy.load_state_dict(weights)

        def policy(state):
            with torch.no_grad():
                seen = torch.as_tensor(observe(item, state) / scale)
                return model.policy.get_distribution(seen).distribution.logits.argmax(dim=1).numpy()

        return tabulate(item, policy)

    return [frozen(weights) for weights in done]


def speed(path: Path) -> pd.DataFrame:
    """Measure days a processor second of the vectorised environment under a rule, drawing of demand included."""
    weekly = Forecast([4, 4, 5, 5, 7, 9, 8], [0.2, 0.2, 0.3])
    items = {
        "lost sales, lead time 1": instance("poisson", 1, 9)[1],
        "lost sales, lead time 4": instance("poisson", 4, 9)[1],
        "shelf life 4": Item(Steady(DEMANDS["poisson"]), 1, 4, waste_cost=1.0),
        "shelf life 4 and forecast": Item(weekly, 1, 4, waste_cost=1.0),
    }
    rows = []
    for name, item in items.items():
        for count in (1000, 4000, 16_000):
            rule = tabulate(item, capped_order_up_to(item, 5 * (item.lead_time + 2), 9))
            seconds = min(timed(rollout, item, rule, count, 200, 0)[1] for _ in range(3))
            rows.append((name, count, 200 * count / seconds / 1e6))
            print(f"{name}, {count} replications: {rows[-1][2]:.1f} million days a second", flush=True)
    table = pd.DataFrame(rows, columns=["store", "replications", "million_days_per_second"])
    table.round(2).to_csv(path, index=False)
    return table


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("bed", "peers", "speed"))
    part = parser.parse_args().part
    RESULTS.mkdir(exist_ok=True)
    if part == "bed":
        bed(RESULTS / "adaptive.csv")
    elif part == "peers":
        peers(RESULTS / "adaptive_peers.csv")
    else:
        speed(RESULTS / "adaptive_speed.csv")


if __name__ == "__main__":
    main()
