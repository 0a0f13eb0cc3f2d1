"""The door of the CEL library: its compiled half, without the command line that its package imports.

Lives only here: one import. `import cel` pulls in typer, rich, pygments and prompt_toolkit (26 MB resident and 0.12 s,
measured), none of which evaluates anything. The extension module must be loaded once per process (a second load
panics), so it is registered under its own name, where a later `import cel` finds it. Called
by `cel_lint.py`, by policy's conditions and by `expressions.py`.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, Protocol, cast


class Program(Protocol):
    """A compiled expression."""

    def execute(self, context: dict[str, Any]) -> Any:
        """Raises Exception of many types, with text that may quote values."""

    def variables(self) -> list[str]: ...
    def functions(self) -> list[str]: ...


class Cel(Protocol):
    """The part of the library that is used."""

    def compile(self, expression: str) -> Program:
        """Raises ValueError."""


def _load() -> Cel:
    name = "cel.cel"
    if name not in sys.modules:
        package = find_spec("cel")
        spec = PathFinder.find_spec(name, package.submodule_search_locations if package else None)
        if spec is None or spec.loader is None:
            raise ImportError("common-expression-language is not installed")
        sys.modules[name] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return cast("Cel", sys.modules[name])


cel = _load()
