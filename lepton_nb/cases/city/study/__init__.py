"""The city's case as a function: `from lepton_nb.cases.city import study`, then `study(params)`."""

import sys
from types import ModuleType

from .whole import Result as Result
from .whole import Study, study


class _Study(ModuleType):
    """Let the package be called like the function of its name: importing a submodule binds the package to that name."""

    def __call__(self, *params, **more) -> Study:
        return study(*params, **more)


sys.modules[__name__].__class__ = _Study
