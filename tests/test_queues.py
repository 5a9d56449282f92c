"""The queue simulator: the same numbers with and without a compiler, nobody lost, tables refused in words."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lepton_nb.allocation.queues import (
    QueueError,
    StreetNetwork,
    draw_traffic,
    made_grid,
    simulate_streets,
    traffic_of,
)
from lepton_nb.allocation.signals import Control, run_signals

SHORT = """
from lepton_nb.allocation.queues import draw_traffic, made_grid, simulate_streets
from lepton_nb.allocation.signals import Control, run_signals
network, routes, vehicles = made_grid(3, 2, 2, load=0.8)
traffic = draw_traffic(network, routes, vehicles, 240.0, 5)
plan = network.plan_rows.assign(green_s=20.0)
for run in (simulate_streets(traffic, plan, 400.0), run_signals(traffic, Control("look-ahead"), 400.0)):
    print(run.delay.sum().hex(), run.travel.sum().hex(), int(run.state.stops.sum()))
"""


def printed(compiles: str) -> str:
    """Run the same hours in a process of their own."""
    environment = {**os.environ, "LEPTON_NB_COMPILE": compiles}
    return subprocess.run(
        [sys.executable, "-c", SHORT], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_plain_python_gives_the_same_numbers_as_the_compiler():
    plain = printed("0")
    assert plain == printed("1") and len(plain.splitlines()) == 2


@pytest.mark.parametrize("rule", ["fixed", "longest approach", "pressure", "look-ahead"])
def test_nobody_is_lost_and_no_street_holds_more_than_it_can(rule):
    network, routes, vehicles = made_grid(4, 3, 3, load=1.1)
    traffic = draw_traffic(network, routes, vehicles, 1800.0, 2)
    control = Control(rule, network.plan_rows.assign(green_s=26.0) if rule == "fixed" else None)
    run = run_signals(traffic, control, 1500.0)
    s = run.state
    inside, outside = s.entered - s.left, int(s.size[len(network.streets.link) :].sum())
    arrived = ~np.isnan(s.arrive)
    assert (inside >= 0).all() and (inside <= network.streets.storage).all()
    assert (traffic.cars.depart < 1500).sum() == inside.sum() + outside + arrived.sum()
    assert np.allclose((run.travel - run.delay)[arrived], traffic.free[arrived])
    assert np.isclose(run.by_node()["delay_h"].sum(), run.delay.sum() / 3600)


def test_a_shorter_step_changes_travel_time_little():
    network, routes, vehicles = made_grid(5, 2, 3, load=0.6)
    traffic = draw_traffic(network, routes, vehicles, 1800.0, 1)
    plan = network.plan_rows.assign(green_s=26.0)
    coarse, fine = (simulate_streets(traffic, plan, 2400.0, step).travel.mean() for step in (1.0, 0.25))
    assert abs(coarse / fine - 1) < 0.02


def test_tables_are_refused_in_words():
    network, routes, _ = made_grid(1, 2, 2)
    links, phases = network.links, network.phases
    with pytest.raises(QueueError, match="there twice"):
        StreetNetwork(pd.concat([links, links.iloc[:1]]), phases)
    with pytest.raises(QueueError, match="length_m of link"):
        StreetNetwork(links.assign(length_m=0.0), phases)
    with pytest.raises(QueueError, match="no such link"):
        StreetNetwork(links, phases.assign(movement="x>y"))
    with pytest.raises(QueueError, match="lacks the column phase"):
        StreetNetwork(links, phases.drop(columns="phase"))
    with pytest.raises(QueueError, match="in no phase"):
        traffic_of(network, [[routes[0][0], routes[0][0]]], [0.0], [0])
    with pytest.raises(QueueError, match="no green_s"):
        simulate_streets(traffic_of(network, routes, [0.0], [0]), network.plan_rows.iloc[:1].assign(green_s=9.0), 10.0)
