"""The one door to a solver: a program in PuLP or in arrays goes to HiGHS and comes back with what is true of it.

The folder itself is the door too, so that ``from lepton_nb import solve`` gives something to call.

>>> from lepton_nb.solve import array_program, solve
>>> bakery = array_program([3, 5], [[1, 2], [1, 1]], row_up=[12, 8], maximise=True)
>>> solve(bakery).objective
32.0
"""

import sys
from importlib import import_module
from types import ModuleType
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


def __getattr__(name: str) -> Any:
    """Import a name's module when the name is first used, so that importing the folder loads no solver."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    """Name what the folder offers."""
    return sorted({*globals(), *_HOME})


class _Door(ModuleType):
    """Let the folder be called like its one function."""

    def __call__(self, problem: Any, **options: Any) -> Any:
        """Solve a problem and say what is true of the result; see lepton_nb.solve.door.solve."""
        return self.solve(problem, **options)


sys.modules[__name__].__class__ = _Door
