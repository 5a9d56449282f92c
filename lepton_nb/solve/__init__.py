"""The one door to a solver: a program in PuLP or in arrays goes to HiGHS and comes back with what is true of it.

>>> from lepton_nb.solve import array_program, solve
>>> bakery = array_program([3, 5], [[1, 2], [1, 1]], row_up=[12, 8], maximise=True)
>>> solve(bakery).objective
32.0
"""

from importlib import import_module
from typing import Any

_HOME = {
    "solve": "door",
    "Solution": "door",
    "InfeasibleError": "door",
    "explain_infeasible": "door",
    "array_program": "arrays",
    "block_names": "arrays",
    "size": "arrays",
    "KeptModel": "kept",
    "scan": "kept",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    """Import a name's module when the name is first used, so that importing the folder loads no solver."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
