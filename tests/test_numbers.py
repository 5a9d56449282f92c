"""Every public function of allocation, and of returns and accuracy, that takes numbers refuses those that are none.

A function is found by its annotations. One that is new has to be given an example here, or a reason why it needs none.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import lepton_nb.allocation
from lepton_nb.allocation.build_mode import TO_STOCK, ModeTerms, Product
from lepton_nb.allocation.changeover import OneLine, line_chain
from lepton_nb.allocation.dynamic import LostSales, capped_base_stock, lattice
from lepton_nb.allocation.environment import Item, Steady, reset
from lepton_nb.allocation.floor import Line
from lepton_nb.allocation.guaranteed_service import SupplyChain
from lepton_nb.allocation.location import Facilities
from lepton_nb.allocation.lot_problem import LotSizing
from lepton_nb.allocation.lot_programs import plain_program
from lepton_nb.allocation.maintenance import WeibullLife
from lepton_nb.allocation.network import SupplyNetwork
from lepton_nb.allocation.policy import Book, gain_by_period, run_policy, value_of_information, what_ifs
from lepton_nb.allocation.queues import made_grid, traffic_of
from lepton_nb.allocation.rebalancing import BikeStations
from lepton_nb.allocation.roads import RoadNetwork
from lepton_nb.allocation.sequencing import Lots
from lepton_nb.allocation.signals import Control, SignalSimulator, queue_flows
from lepton_nb.allocation.staging import CallLog, answer_calls
from lepton_nb.allocation.suppliers import PartNeed, Suppliers, SupplyDraws
from lepton_nb.business.accuracy import CostLine
from lepton_nb.business.returns import Investment, Range, Stream
from lepton_nb.workbook.parameters import UserError

STEPS = [module.name for module in pkgutil.iter_modules(lepton_nb.allocation.__path__)]
MODULES = [f"lepton_nb.allocation.{name}" for name in STEPS]
MODULES += ["lepton_nb.business.returns", "lepton_nb.business.accuracy"]

PMF = np.array([0.25, 0.5, 0.25])
SYSTEM = LostSales(PMF, lead_time=2)
STORE = Item(Steady(PMF), lead_time=2, most_order=3, most_units=6)
EMPTY = reset(STORE, np.random.default_rng(0), 4)
RNG = np.random.default_rng(1)
CASE = Investment(build=1000.0, running=100.0, weekly_gain=50.0)
BOOKS = {name: Book(name, {"profit": np.array(weeks)}) for name, weeks in (("a", [1.0, 2]), ("b", [1.0, 3]))}
FRAME = pd.DataFrame({"unique_id": ["x"], "ds": [1], "yhat": [5.0], "yhat-lo-80": [3.0], "yhat-hi-80": [7.0]})
LINE = CostLine(pd.DataFrame({"wape": [0.1, 0.3]}), 100.0, 50.0, np.array([[100.0, 50.0]]))
WAYS = {"item": STORE, "policy": capped_base_stock(4)}
COSTS = {"holding_cost": 1.0, "stockout_cost": 4.0}
THREE = np.array([1.0, 2, 3])
LINE_OF_TWO = Line(cycle=[1.0, 1.0], buffers=[1], uptime=[50.0, np.inf], repair=[2.0, 2.0])
SUPPLY = {"names": ["car", "part"], "time": np.array([1.0, 3]), "added": np.array([5.0, 2]), "arcs": [(1, 0, 1.0)]}
SUPPLY |= {"promise": np.array([0.0, np.inf]), "deviation": np.array([4.0, 0]), "factor": np.array([1.6, 1.6])}
NETWORK = SupplyChain(**SUPPLY)
SITES = {"demand": np.array([4.0, 6]), "capacity": np.array([9.0, 9, 9]), "opening": THREE}
SITES |= {"serving": np.array([[1.0, 2, 3], [2, 1, 3]])}
LOTS = {"demand": np.array([[20.0, 50, 10, 60]]), "capacity": np.array([[90.0, 90, 90, 90]])}
LOTS |= {"setup_cost": 100.0, "holding_cost": 1.0}
PLAN = LotSizing(**LOTS)
MADE = np.array([[20.0, 60, 0, 60]])
BEFORE = {"before": MADE, "change_cost": 1.0, "frozen": 1}
LATE_AT_A_PRICE = LotSizing(**LOTS, backlog_cost=3.0, unmet_cost=9.0)
LIFE = WeibullLife(2.0, 100.0)
FAR = np.array([[0.0, 2, 4], [2, 0, 3], [4, 3, 0]])
STATIONS = pd.DataFrame({"station": ["weld"], "defects": [0.1], "cost": [1.0], "found": [0.9], "mend": [20.0]})
FAILS = {"planned": 10.0, "failure": 100.0}
ASKED = {"asked": np.array([[2.0, 1], [4, 1], [4, 5]]), "per_product": np.ones(2)}
KIT = ASKED | {"holding": np.ones(2), "shortage": 9.0}
LOG = CallLog(THREE, np.array([0, 1, 2]), 9 * THREE)
NEAR = {"weight": THREE, "within": 2.5, "busy": 0.3}

STREETS, WAYS_THROUGH, COMING = made_grid(1, 1, 2)
FLOWS = queue_flows(STREETS, WAYS_THROUGH, COMING)
DRIVERS = traffic_of(STREETS, WAYS_THROUGH, [0.0], [0])
GREENS = STREETS.plan_rows.assign(green_s=20.0)
DRIVEN = {"network": STREETS, "routes": WAYS_THROUGH}
CLOCK = {"traffic": DRIVERS, "seconds": 60.0, "step": 1.0}
PLATOON = pd.DataFrame({"from": ["a"], "to": ["b"], "seconds": [9.0], "vehicles": [5.0]})
FEW_MINUTES = SignalSimulator(STREETS, WAYS_THROUGH, COMING, 60.0, 60.0)

MADE_TO = {"demand": 9.0, "spread": 2.0, "price": 90.0, "margin": 9.0, "holding": 1.0, "hours": 0.1, "wait": 4.0}
MADE_TO |= {"lead": 3.0, "growth": 0.5, "variants": 2}
VAN = Product("Van", "L1", **MADE_TO)
SET_UP = line_chain(OneLine(demand=((0.5, 0.5),), most=1, late=1))
PAIR = RoadNetwork(
    pd.DataFrame({"from": [1, 2], "to": [2, 1], "free_time": 2.0, "capacity": 200.0}),
    pd.DataFrame({"origin": [1], "destination": [2], "vehicles": [100.0]}),
)
ON_PAIR = np.array([100.0, 3.0])
FOLDER = TemporaryDirectory()
FILES = {"net": Path(FOLDER.name) / "a_net.tntp", "trips": Path(FOLDER.name) / "a_trips.tntp"}
FILES["net"].write_text("<END OF METADATA>\n1 2 200 1 2 0.15 4 0 0 1 ;\n2 1 200 1 2 0.15 4 0 0 1 ;\n")
FILES["trips"].write_text("<END OF METADATA>\nOrigin 1\n 2 : 100.0;\n")
CHAIN = {"demand": np.array([[[4.0, 8]]]), "supply": np.array([[6.0, 6]]), "lane_cost": np.ones((1, 1, 1))}
CHAIN |= {"serve_cost": np.ones((1, 1)), "size": np.array([[6.0, 10]]), "fixed": np.array([[5.0, 8]])}
CHAIN |= {"holding": np.array([0.5])}
SOURCES = {name: np.ones(2) for name in ("price", "fixed", "extra", "lead", "scatter", "outage")}
SOURCES |= {"least": np.zeros(2), "capacity": np.array([9.0, 9]), "risk": np.array([0.1, 0.1]), "region": np.zeros(2)}
NEED = {"demand": 9.0, "short": 40.0, "holding": 0.1, "late": 0.2, "region_risk": 0.1, "days": 91.0}
DRAWN = {"arrives": np.ones((2, 3)), "timing": np.zeros((2, 3))}
BUY = {"suppliers": Suppliers(**SOURCES), "need": PartNeed(**NEED)}
SUPPLIED = BUY | {"draws": SupplyDraws(**DRAWN)}
DOCKS = BikeStations([[0, 0], [0, 1]], [5, 5], [4, 0])
RIDERS = {"starts": np.array([[0, 0], [0, 3.0]]), "returns": np.zeros((2, 2))}
ARCS = {"tail": np.array([0, 1]), "head": np.array([1, 2]), "cost": np.ones(2), "capacity": np.ones(2)}
BATCH = {"hours": THREE, "family": np.array([0, 0, 1]), "due": THREE, "late_cost": THREE, "setup": np.ones((2, 2))}
BATCH |= {"setup_cost": np.ones((2, 2)), "begins": 0}
WEEK = {"lots": Lots(**BATCH)}


def same(level: int, cap: int = 3):
    """Return a rule by its settings."""
    return capped_base_stock(level, cap)


# what each function is given where nothing is wrong
GIVEN = {
    "economic_order_quantity": {"order_cost": 8.0, "holding_cost": 0.2, "demand": 1300.0},
    "critical_ratio": COSTS,
    "newsvendor_normal": COSTS | {"mean": 50.0, "deviation": 8.0},
    "expected_cost": COSTS | {"probability": PMF, "levels": np.array([0, 1])},
    "check_probability": {"probability": PMF},
    "newsvendor_discrete": COSTS | {"probability": PMF},
    "normal_loss": {"z": 1.0},
    "base_stock_normal": COSTS | {"mean": 5.0, "deviation": 2.0, "lead_time": 3.0, "level": 20.0},
    "renewal_density": {"probability": PMF, "size": 4},
    "s_S_costs": {"order_cost": 4.0, "cost": THREE, "density": THREE},
    "s_S_policy": COSTS | {"order_cost": 6.0, "probability": PMF, "wait": PMF},
    "profit_by_period": {"profit": np.ones(4), "period": 2},
    "mean_interval": {"values": THREE, "level": 0.9},
    "gain_by_period": {"mine": BOOKS["b"], "other": BOOKS["a"], "level": 0.9},
    "value_of_information": {"books": BOOKS, "informed": "b", "uninformed": "a", "level": 0.9},
    "check_bound": {"books": BOOKS, "bound": 9.0, "tolerance": 1e-9},
    "newsvendor": {"forecast": FRAME, "underage": 2.0, "overage": 1.0},
    "LostSales": COSTS | {"demand": PMF, "lead_time": 2},
    "geometric": {"mean": 5.0, "tail": 1e-9},
    "leftover": {"system": SYSTEM, "size": 5},
    "period_cost": {"system": SYSTEM, "size": 5},
    "order_bounds": {"system": SYSTEM, "slack": 1},
    "pipelines": {"bounds": np.array([2, 3]), "length": 2},
    "lattice": {"system": SYSTEM, "slack": 1},
    "value_iteration": {"system": SYSTEM, "tolerance": 1e-4, "most_sweeps": 500, "slack": 0},
    "reachable_states": {"policy": capped_base_stock(3), "lead_time": 2, "limit": 4},
    "decode": {"code": np.array([4, 5]), "length": 2, "base": 5},
    "next_states": {"state": np.array([[1], [2]]), "order": np.array([1]), "base": 5},
    "exact_cost": {"system": SYSTEM, "policy": same(3), "limit": 6, "tolerance": 1e-4, "most_sweeps": 900},
    "capped_base_stock": {"level": 4, "cap": 2},
    "constant_order_cost": {"system": SYSTEM, "units": 0, "size": 20},
    "downhill": {"cost": lambda at: (at - 3) ** 2, "start": 0},
    "Steady": {"probability": PMF, "rows": 0},
    "Forecast": {"profile": np.ones(7), "news": np.array([0.1, 0.1]), "size": 5.0},
    "Item": COSTS
    | {"demand": Steady(PMF), "lead_time": 2, "shelf_life": 3, "waste_cost": 0.5, "most_order": 3, "most_units": 9},
    "reset": {"item": STORE, "rng": RNG, "n": 4},
    "draw": {"item": STORE, "rng": RNG, "days": 3, "state": EMPTY},
    "sell": {"item": STORE, "stock": EMPTY[:1], "need": np.ones(4)},
    "step": {"item": STORE, "state": EMPTY, "order": np.ones(4), "noise": np.ones((1, 4))},
    "largest_order": {"item": STORE, "state": EMPTY},
    "observe": {"item": STORE, "state": EMPTY},
    "state_number": {"item": STORE, "state": EMPTY},
    "tabulate": WAYS | {"chunk": 1000},
    "rollout": WAYS | {"replications": 5, "days": 4, "warm_up": 1, "seed": 1, "block": 2},
    "observation_space": {"item": STORE, "n": 2},
    "ItemEnv": {"item": STORE, "days": 5},
    "ItemVectorEnv": {"item": STORE, "num_envs": 2, "days": 5, "block": 2},
    "capped_order_up_to": {"item": STORE, "level": 4, "cap": 2},
    "coordinate_search": {"item": STORE, "make": lambda at: same(max(at, 0)), "setting": (3,), "seed": 1},
    "q_learning": {
        **{"item": STORE, "days": 16, "replications": 4, "discount": 0.9, "explore": 0.5, "looks": 2, "seed": 1}
    },
    "rollouts": WAYS
    | {"state": EMPTY, "orders": np.ones((2, 4)), "scenarios": 2, "horizon": 2, "rng": RNG, "columns": 50},
    "candidate_orders": WAYS | {"state": EMPTY, "reach": 1},
    "best_orders": WAYS | {"state": EMPTY, "reach": 1, "scenarios": 2, "horizon": 2, "rng": RNG},
    "visit": WAYS | {"count": 4, "explore": 0.2, "reach": 1, "rng": RNG, "warm_up": 2, "apart": 1, "each": 2},
    "classify": {"item": STORE, "state": EMPTY, "label": np.ones(4), "layers": (4,), "epochs": 1, "seed": 1},
    "Effort": {
        **{"states": 9, "scenarios": 2, "horizon": 2, "reach": 1, "generations": 1, "explore": 0.2, "layers": (4,)},
        **{"epochs": 2, "trial_days": 3, "trials": 4},
    },
    "npv": {"rate": 0.1, "flows": np.array([-1.0, 2])},
    "irr": {"flows": np.array([-1.0, 2])},
    "per_month": {"rate": 0.1},
    "payback": {"flows": np.array([-1.0, 2]), "rate": 0.1},
    "Stream": {"name": "a", "weekly": THREE, "counted": 1.0},
    "in_steps": {"profits": {"today": THREE, "plan": 2 * THREE}},
    "shared_part": {"first": THREE, "second": THREE, "both": THREE},
    "Estimate": {"name": "a", "mean": 2.0, "low": 1.0, "high": 3.0, "counted": 1.0},
    "resample_means": {"weekly": THREE, "n": 9, "block": 1, "seed": 1},
    "adoption": {"months": THREE, "half": 3.0, "reach": 0.9},
    "Investment": {"build": 9.0, "running": 1.0, "weekly_gain": 3.0, "rate": 0.1, "build_months": 1.0, "half": 1.0}
    | {"reach": 0.9, "fade": 0.1, "season": 1.0, "years": 3},
    "Range": {"low": 1.0, "likely": 2.0, "high": 3.0},
    "monte_carlo": {"case": CASE, "streams": [Stream("a", THREE)], "ranges": {"fade": Range(0, 0.1, 0.2)}}
    | {"n": 9, "block": 1, "seed": 1},
    "money_by_month": {"case": CASE, "draws": pd.DataFrame({"fade": [0.1, 0.2]}), "inside": 0.9},
    "cost_line": {"wape": {"a": 0.1, "b": 0.2, "c": 0.3}, "gains": {"a": THREE, "b": THREE, "c": THREE}}
    | {"block": 1, "n": 9, "seed": 1},
    "break_even": {"line": LINE, "needed": 90.0},
    "common_service_levels": KIT,
    "joint_levels": KIT | {"time_limit": 9.0},
    "separate_levels": KIT,
    "kit_costs": KIT | {"levels": np.ones(2)},
    "missing_products": ASKED | {"levels": np.ones(2)},
    "kit_service_levels": {"mean": THREE, "spread": THREE, "holding": THREE, "service": 0.9},
    "lead_time_demand": {"mean": THREE, "spread": THREE, "lead_time": THREE, "lead_time_spread": THREE, "review": 1.0},
    "Line": {"cycle": THREE, "buffers": np.array([1, 2]), "uptime": 50 * THREE, "repair": THREE},
    "departures": {"work": np.ones((4, 3)), "buffers": [1, 2], "release": np.arange(4.0)},
    "simulate_line": {"work": np.ones((4, 3)), "buffers": [1, 2]},
    "draw_work": {"line": LINE_OF_TWO, "parts": 4, "runs": 2, "seed": 1},
    "line_output": {"line": LINE_OF_TWO, "work": np.ones((6, 2, 3)), "warm": 1},
    "SupplyChain": SUPPLY,
    "bridged": {"chain": NETWORK, "quoted": np.array([0, 2.0])},
    "waits": {"chain": NETWORK, "quoted": np.array([0, 2.0])},
    "tighten": {"chain": NETWORK, "quoted": np.array([0, 2.0])},
    "stock_value": {"chain": NETWORK, "quoted": np.array([0, 2.0])},
    "placement_table": {"chain": NETWORK, "quoted": np.array([0, 2.0])},
    "prove_by_chords": {"chain": NETWORK, "gap": 1e-3, "rounds": 1, "time_limit": 9.0},
    "prove_by_prices": {"chain": NETWORK, "gap": 1e-3, "sweeps": 2, "resolutions": (10, 20)},
    "quote_levels": {"chain": NETWORK, "resolution": 10, "most": 20},
    "Facilities": SITES | {"kept": (0,)},
    "locate": {"f": Facilities(**SITES), "most_open": 2, "gap": 1e-6, "time_limit": 9.0},
    "location_program": {"f": Facilities(**SITES), "most_open": 2},
    "who_is_far": {"distance": THREE, "weight": THREE},
    "LotSizing": LOTS
    | {"setup_time": 1.0, "unit_time": 1.0, "overtime": 5.0, "overtime_cost": 2.0, "stock": 1.0, "backlog_cost": 3.0}
    | {"unmet_cost": 9.0, "item": np.array([0]), "line": np.array([0]), "use": np.ones((1, 1))}
    | {"supply": np.full((1, 4), 200.0)},
    "best_quantities": {"a": plain_program(PLAN), "ready": np.ones(4)},
    "units_made": {"p": PLAN, "form": "plain", "x": np.ones(20)},
    "earlier_plan": {"p": PLAN} | BEFORE,
    "broken_limits": {"p": PLAN, "made": MADE},
    "judge_lots": {"p": PLAN, "made": MADE},
    "on_lines": {"p": PLAN, "by_route": MADE},
    "output_of": {"p": PLAN, "made": MADE},
    "cost_step": {"p": PLAN, "before": MADE, "change_cost": 1.0},
    "plain_program": {"p": PLAN} | BEFORE,
    "plan_lots": {"p": PLAN, "time_limit": 9.0, "gap": 0.0, "seed": 1} | BEFORE,
    "rule_plan": {"p": PLAN} | BEFORE,
    "silver_meal": {"demand": THREE, "setup_cost": 9.0, "holding_cost": 1.0},
    "wagner_whitin": {"demand": THREE, "setup_cost": 9.0, "holding_cost": 1.0},
    "WeibullLife": {"shape": 2.0, "scale": 100.0},
    "age_replacement": {"life": LIFE} | FAILS,
    "fit_life": {"age": 30 * THREE, "failed": np.array([1.0, 1, 0])},
    "inspect_or_not": {"defective": 0.02, "cost": 1.0, "found": 0.9, "mend": 20.0, "escape": 300.0},
    "inspection_plan": {"stations": STATIONS, "escape": 300.0},
    "limit_cost": {"risks": THREE[None] / 10, "limit": 0.2} | FAILS,
    "replacement_cost": {"life": LIFE, "age": 30.0} | FAILS,
    "risk_limit": {"risks": THREE[None] / 10} | FAILS,
    "stop_now": {"risk": THREE / 10} | FAILS,
    "centre_program": {"kept": (0,), "distance": FAR, "p": 1},
    "covering_program": {"kept": (0,), "distance": FAR, "radius": 2.0, "p": 1, "weight": THREE},
    "greedy_capacitated": {"kept": (0,), "distance": FAR, "p": 2, "capacity": 3 * THREE, "weight": THREE},
    "greedy_centre": {"kept": (0,), "distance": FAR, "p": 1},
    "greedy_cover": {"kept": (0,), "distance": FAR, "radius": 2.0, "p": 1, "weight": THREE},
    "greedy_median": {"cost": FAR, "p": 2, "kept": (0,)},
    "interchange": {"cost": FAR, "chosen": np.array([0, 1]), "kept": (0,)},
    "median_program": {"kept": (0,), "distance": FAR, "p": 1, "weight": THREE, "capacity": 9 * THREE},
    "p_median": {"kept": (0,), "distance": FAR, "p": 1, "weight": THREE, "most_nodes": 99},
    "CallLog": {"minute": THREE, "zone": np.array([0, 1, 2]), "stay": 9 * THREE},
    "answer_calls": {"minutes": FAR, "plan": np.array([0, 1]), "calls": LOG} | NEAR,
    "busiest_places": {"minutes": FAR, "weight": THREE, "vehicles": 2},
    "busy_share": {"calls": 1.0, "minutes": 60.0, "vehicles": 2},
    "expected_cover": {"minutes": FAR, "plan": np.array([0, 1])} | NEAR,
    "greedy_staging": {"minutes": FAR, "vehicles": 2, "room": 1} | NEAR,
    "mexclp_program": {"minutes": FAR, "vehicles": 2, "room": 1} | NEAR,
    "plan_staging": {"minutes": FAR, "vehicles": 2, "room": 1, "time_limit": 9.0} | NEAR,
    "practice_calls": {"seed": 1, "zones": 5, "per_hour": 1.0, "days": 2, "stay": 9.0},
    "practised_staging": {
        "minutes": FAR,
        "plans": [np.array([0, 1])],
        "past": LOG,
        "within": 2.5,
        "room": 1,
        "sweeps": 1,
    },
    "response_summary": {"played": answer_calls(FAR, np.array([0]), LOG), "within": 2.5},
    "late_units": {"p": PLAN, "made": MADE},
    "nervousness": {"plans": np.ones((2, 1, 4))},
    "peg_late": {"p": PLAN, "made": MADE, "forecasts": [np.ones((1, 4))] * 4, "frozen": 1},
    "StreetNetwork": {"links": STREETS.links, "phases": STREETS.phases, "spacing": 7.5, "wave_speed": 5.0},
    "traffic_of": DRIVEN | {"depart": THREE, "route": np.zeros(3)},
    "draw_traffic": DRIVEN | {"vehicles": COMING, "seconds": 60.0, "seed": 1},
    "simulate_streets": CLOCK | {"plan": GREENS},
    "made_grid": {"seed": 1, "rows": 1, "columns": 2, "load": 0.5, "yellow": 4.0},
    "webster": {"ratio": THREE / 10, "lost": 12.0, "least": 8.0, "longest": 120.0},
    "queue_flows": DRIVEN | {"vehicles": COMING},
    "phase_ratios": {"network": STREETS, "flow": FLOWS},
    "webster_plan": {"network": STREETS, "flow": FLOWS, "least": 8.0, "longest": 120.0},
    "formula_delay": {"network": STREETS, "flow": FLOWS, "green": GREENS["green_s"].to_numpy()},
    "splits_program": {"ratio": THREE / 10, "yellow": THREE, "cycle": 60.0, "least": 8.0},
    "offsets_program": {"handed": PLATOON, "cycle": 60.0},
    "coordinated_plan": {"network": STREETS, "flow": FLOWS, "cycle": 60.0, "time_limit": 2.0},
    "time_of_day_plan": {"network": STREETS, "flows": np.stack([FLOWS, FLOWS]), "blocks": 1},
    "Control": {"rule": "learned", "least": 5.0, "every": 1.0, "horizon": 9.0, "guard": 60.0, "weights": np.ones(4)},
    "run_signals": CLOCK | {"control": Control("look-ahead")},
    "SignalSimulator": DRIVEN | {"vehicles": COMING, "seconds": 60.0, "after": 60.0, "step_s": 1.0},
    "Hours": {"seeds": (1, 2)},
    "learn_rule": {"practice": [FEW_MINUTES], "seed": 1, "rounds": 1, "draws": 4},
    "leaving": {"wait": 4.0, "patience": 6.0},
    "Product": {"name": "Van", "line": "L1"} | MADE_TO,
    "ModeTerms": {name: float(value) for name, value in vars(ModeTerms()).items()},
    "variant_spread": {"product": VAN, "periods": 4.0, "variants": 2},
    "mode_money": {"product": VAN, "terms": ModeTerms(), "mode": TO_STOCK, "z": 1.0},
    "play_mode": {"product": VAN, "terms": ModeTerms(), "mode": TO_STOCK, "z": 1.0, "seed": 1}
    | {"orders": np.full((2, 4), 9.0), "expected": np.full(4, 9.0)},
    "LineHours": {"regular": 20.0, "overtime": 2.0, "cost": 100.0},
    "OneLine": {"demand": ((0.5, 0.5), (0.5, 0.5)), "most": 2, "late": 1, "rate": 2, "rate_after": 1}
    | {"holding": 1.0, "late_cost": 4.0, "setup_cost": 2.0, "lost_cost": 20.0},
    "best_average": {"chain": SET_UP, "tolerance": 1e-4, "steps": 900},
    "average_cost": {"chain": SET_UP, "decision": np.ones(3), "tolerance": 1e-4, "steps": 900},
    "longest_queue": {"chain": SET_UP, "base": 1},
    "cyclic": {"chain": SET_UP, "base": 1},
    "learn_line": {"chain": SET_UP, "periods": 9, "lines": 2, "discount": 0.9, "explore": 0.5, "power": 0.9, "seed": 1}
    | {"start": 1.0},
    "check_links": {"network": PAIR, "name": "flow", "values": ON_PAIR},
    "read_tntp": FILES | {"toll_minutes": 0.5, "length_minutes": 0.5},
    "set_tolls": {"network": PAIR, "toll": ON_PAIR},
    "all_or_nothing": {"network": PAIR, "cost": ON_PAIR},
    "relative_gap": {"network": PAIR, "flow": ON_PAIR},
    "frank_wolfe": {"network": PAIR, "gap": 1e-3, "rounds": 9},
    "made_town": {"seed": 1, "rows": 3, "columns": 3, "zones": 3, "vehicles": 900.0, "pairs": 4},
    "marginal_tolls": {"network": PAIR, "flow": ON_PAIR},
    "user_equilibrium": {"network": PAIR, "gap": 1e-6, "rounds": 9},
    "path_table": {"network": PAIR, "gap": 1e-6},
    "fastest_routes": {"network": PAIR, "minutes": ON_PAIR, "start": 1, "ends": [2]},
    "SupplyNetwork": CHAIN,
    "plan_network": {"n": SupplyNetwork(**CHAIN), "gap": 1e-3, "time_limit": 9.0},
    "flow_program": ARCS | {"supply": np.array([1.0, 0, -1])},
    "BikeStations": {"at": np.array([[0.0, 0], [0, 1]]), "docks": np.array([5, 5]), "bikes": np.array([4, 0])},
    "rebalance": {"stations": DOCKS, "carry": 0.4, "per_km": 0.3, "value": 3.0, "near": 1, "pieces": 2} | RIDERS,
    "ride_day": {"stations": DOCKS, "rides": pd.DataFrame({"hour": [0], "start": [0], "end": [1]})}
    | {"carry": lambda hour, stock: [], "price": (0.4, 0.3, 3.0)},
    "BikeCity": {"stations": DOCKS, "rates": np.ones((3, 2, 2))},
    "made_bike_city": {"seed": 1, "stations": 4, "rides": 9.0, "hours": 6},
    "half_full": {"stations": DOCKS, "low": 0.4, "high": 0.9},
    "Lots": BATCH,
    "lot_times": WEEK | {"orders": np.arange(3)},
    "order_cost": WEEK | {"orders": np.arange(3)},
    "improve_order": WEEK | {"order": np.arange(3), "steps": 9},
    "kicked_order": WEEK | {"order": np.arange(3), "kicks": 2, "seed": 1},
    "exact_order": WEEK | {"start": np.arange(3)},
    "sequence_bound": WEEK | {"known": 99.0, "rounds": 2, "step": 0.5},
    "sequence_lots": WEEK | {"exact": 4, "kicks": 2, "rounds": 2, "step": 0.5, "seed": 1},
    "sequence_table": WEEK | {"order": np.arange(3)},
    "Suppliers": SOURCES,
    "PartNeed": NEED,
    "SupplyDraws": DRAWN,
    "sample_supply": BUY | {"count": 4, "seed": 1},
    "sourcing_costs": SUPPLIED | {"shares": np.array([0.5, 0.5]), "sources": np.ones(2)},
    "split_by_price": BUY | {"parts": (0.7, 0.3)},
    "best_split": SUPPLIED | {"steps": 2},
    "choose_suppliers": SUPPLIED | {"gap": 1e-6, "time_limit": 9.0},
    "roll": {"p": LATE_AT_A_PRICE, "horizon": 3, "frozen": 1, "change_cost": 1.0, "time_limit": 9.0, "gap": 0.001},
}
NOT_CALLED = {
    "best_moves": "works on a lattice of value_iteration, in which infinity bars a move",
    "greedy": "works on a table in which infinity bars an order",
    "learn": "takes minutes; its seed is refused before anything is simulated, see below",
    "learn_order": "the same",
    "compare_costs": "the same",
    "run_sumo": "needs SUMO, which is an extra",
    "SumoSimulator": "the same",
    "SumoRun": "is given back by a run in SUMO",
    "SignalClock": "is kept by a simulation while it runs",
    "read_vehicles": "needs a file of routes",
}
NO_WAY = ("centre_program", "covering_program", "greedy_capacitated", "greedy_centre", "greedy_cover")
NO_WAY += ("median_program", "p_median")
NO_ROAD = (
    "answer_calls",
    "practised_staging",
    "busiest_places",
    "expected_cover",
    "greedy_staging",
    "mexclp_program",
    "plan_staging",
)
MAY_BE_INFINITE = {
    ("Forecast", "size"),  # the Poisson distribution
    ("Line", "uptime"),  # a station that never breaks down
    ("SupplyChain", "promise"),  # nobody outside asks
    ("Facilities", "serving"),  # no lane
    *(("LotSizing", name) for name in ("capacity", "overtime", "backlog_cost", "unmet_cost", "supply")),  # no limit
    ("Control", "guard"),  # no guard
    ("replacement_cost", "age"),  # run to failure
    ("limit_cost", "limit"),  # never stop before the end
    *((name, "distance") for name in NO_WAY),  # no way
    *((name, "minutes") for name in NO_ROAD),  # the same
    ("SupplyNetwork", "lane_cost"),  # no lane
    ("flow_program", "capacity"),  # no limit
}
# an earlier plan says NaN where it did not reach
MAY_BE_NAN = {(name, "before") for name in ("cost_step", "earlier_plan", "plain_program", "plan_lots", "rule_plan")}
RESULTS = {  # made by the library, not by a user
    *("BaseStock", "ReorderPolicy", "Book", "Gain", "Lattice", "Optimum", "ExactCost", "Rule", "Tabulated", "Rollout"),
    *("Learned", "Classifier", "CostLine", "BreakEven", "KitLevels", "Output", "Placement", "Sited", "LotBooks"),
    *("Run", "Streets", "Cars", "QueueState", "RuleSetting", "Reach"),
    *("ProductionPlan", "Inspection", "Replacement", "RiskLimit", "Median", "RollingPlan", "Proof"),
    "StagingPlan",
    *("ModeChoice", "LineChain", "AverageCost", "Assignment", "NetworkPlan", "Route", "BikePlan", "BikeDay", "Graph"),
    *("Sequenced", "SourcingPlan"),
}


def numbers_of(function) -> list[str]:
    """Name the parameters of a function or class that are numbers, or arrays or tuples of them."""
    hints = {name: str(each.annotation) for name, each in inspect.signature(function).parameters.items()}
    return [
        name for name, hint in hints.items() if re.search(r"\b(float|int|ndarray)\b", hint) and "Callable" not in hint
    ]


def public() -> dict[str, object]:
    """Find what takes numbers, by name."""
    found = {}
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            what = getattr(module, name)
            ours = inspect.isfunction(what) or (inspect.isclass(what) and not issubclass(what, Exception))
            if ours and not getattr(what, "_is_protocol", False) and name not in RESULTS and numbers_of(what):
                found[name] = what
    return found


def bad_ones(given: object) -> list:
    """Put what is no number in place of a number, or into a copy of an array or tuple."""
    if isinstance(given, dict):
        first = next(iter(given))
        return [given | {first: one} for one in bad_ones(given[first])]
    if isinstance(given, list):
        return [[*given[:-1], one] for one in bad_ones(given[-1])]
    if isinstance(given, tuple):
        return [(*given[:-1], one) for one in (np.nan, np.inf, -np.inf)]
    if np.ndim(given):
        copies = [np.array(given, float) for _ in range(3)]
        for copy, one in zip(copies, (np.nan, np.inf, -np.inf)):
            copy.flat[copy.size - 1] = one
        return copies
    return [np.nan, np.inf, -np.inf]


def test_nothing_that_takes_numbers_is_forgotten():
    assert set(public()) == GIVEN.keys() | NOT_CALLED.keys()


@pytest.mark.parametrize("name", GIVEN)
def test_numbers_that_are_none_are_refused_in_the_words_of_the_module(name):
    function, given = public()[name], GIVEN[name]
    function(**given)
    assert set(numbers_of(function)) <= given.keys()
    for parameter in numbers_of(function):
        for kind, bad in zip((np.nan, np.inf, -np.inf), bad_ones(given[parameter])):
            if (name, parameter) in (MAY_BE_NAN if np.isnan(kind) else MAY_BE_INFINITE if kind > 0 else ()):
                function(**given | {parameter: bad})
                continue
            with pytest.raises(UserError) as refused:
                function(**given | {parameter: bad})
            assert type(refused.value).__module__ in MODULES, (parameter, kind, refused.value)


@pytest.mark.parametrize("name", ["learn", "learn_order", "compare_costs"])
def test_a_seed_that_is_none_is_refused_before_anything_is_simulated(name):
    given = {"item": STORE, "begin": same(3)} if name == "learn" else {"system": SYSTEM}
    with pytest.raises(UserError, match="seed is nan"):
        public()[name](**given, seed=np.nan)


def test_a_forecast_may_be_poisson_and_nothing_else_without_a_number():
    forecast = public()["Forecast"]
    assert forecast(np.ones(7), np.array([0.1]), np.inf).size == np.inf
    for bad in (np.nan, -np.inf):
        with pytest.raises(UserError, match="size"):
            forecast(np.ones(7), np.array([0.1]), bad)


def test_profit_that_is_no_number_is_named_with_its_policy():
    class Broken(SimpleNamespace):
        def opening(self, window):
            return 0

        def step(self, state, decision, event):
            return state, {"profit": np.nan if event == 2 else 1.0}

    with pytest.raises(UserError, match="profit of rule is nan in entry 1"):
        run_policy(Broken(), SimpleNamespace(events=(1, 2), period=1), lambda state: 0, "rule")
    lost = {**BOOKS, "c": Book("c", {"profit": np.array([1.0, np.nan])})}
    for call in (
        lambda: gain_by_period(lost["c"], lost["a"]),
        lambda: value_of_information(lost, "c", "a"),
        lambda: public()["check_bound"](lost, 9.0),
        lambda: what_ifs({"price": (1.0, 2.0)}, lambda one: np.nan),
    ):
        with pytest.raises(UserError, match="nan"):
            call()
    assert dataclasses.is_dataclass(lattice(SYSTEM))
