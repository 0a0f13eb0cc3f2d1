"""Texts in CEL as `config.yaml` has them: `accept`, `found` and the arguments of a probe.

Lives only here: that a bad one is a fault of the configuration, at its place. Must not know how they are evaluated. Part of
`upstreams.ToolSettings`.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, StringConstraints

_Kind = Literal["ACCEPT", "FOUND", "TEMPLATE"]
_LONGEST: Final = 1_000


def _checked(kind: _Kind) -> Callable[[str], str]:
    def check(text: str) -> str:
        from gateway import expressions  # the library is loaded only where an expression is

        if faults := expressions.faults(text, getattr(expressions, kind)):
            raise ValueError(f"the expression {'; '.join(faults)}")
        return text

    return check


Accept = Annotated[str, StringConstraints(max_length=_LONGEST), AfterValidator(_checked("ACCEPT"))]
Found = Annotated[str, StringConstraints(max_length=_LONGEST), AfterValidator(_checked("FOUND"))]
Template = Annotated[str, StringConstraints(max_length=_LONGEST), AfterValidator(_checked("TEMPLATE"))]
