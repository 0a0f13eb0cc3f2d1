"""The shape of `idempotency` in `config.yaml`: what makes two calls the same, for all tools.

Lives only here: names, types, defaults and bounds. What one tool says of itself stands in `upstreams.ToolSettings`. Must
not know keys or stores. Part of `schema.Config`.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from gateway.config.values import Duration, Section

LONGEST = timedelta(days=30)


def _bounded(value: timedelta) -> timedelta:
    if value > LONGEST:
        raise ValueError("answers are kept for 30d at most")
    return value


Kept = Annotated[Duration, AfterValidator(_bounded)]
"""How long an answer is kept, from the end of its call."""
MetaName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]


class Idempotency(Section):
    """What makes two calls the same."""

    ttl: Kept = Field(timedelta(hours=24), description="how long the answer to a call with a key is kept")
    once_ttl: Kept = Field(LONGEST, description="the same for a business key (`once` of a tool)")
    scope: Literal["agent", "run", "user"] = Field(
        "agent", description="who shares a key: user with agent; all agents of a proven run; all agents of the user"
    )
    call_ids: tuple[MetaName, ...] = Field(
        (), description="`_meta` members that name one call of a model, such as claudecode/toolUseId"
    )
    repeat_argument: Literal["x_occurrence", "off"] = Field(
        "x_occurrence", description="argument added to mutating tools, by which a model repeats a call on purpose"
    )
