"""The shape of `kill_switch` and `trips` in `config.yaml`: how fresh the kill switch must be, and what pulls it by itself.

Lives only here: names, types, defaults and bounds. Must not know rows or who is stopped. Part of `schema.Config`.
"""

from datetime import timedelta
from typing import Final, Literal

from pydantic import Field, model_validator

from gateway.config.values import Amount, Duration, Section

_LOOKS: Final = timedelta(seconds=2)
"""Two looks at a store: below that a healthy one would be too old between them."""


class KillSwitch(Section):
    """What happens while a kill switch that several gateways share cannot be read from their store."""

    read_only_after: Duration = Field(timedelta(seconds=5), description="then only declared reads pass")
    refuse_after: Duration = Field(timedelta(seconds=30), description="then nothing passes; no sooner than the other")

    @model_validator(mode="after")
    def _in_order(self) -> "KillSwitch":
        if self.refuse_after < self.read_only_after:
            raise ValueError("`refuse_after` comes no sooner than `read_only_after`")
        if self.read_only_after < _LOOKS:
            raise ValueError("`read_only_after` is at least 2s: the store is looked at each second")
        return self


class Trip(Section):
    """Too much of something within a window stops whoever did it, until a person lifts that. Counted per gateway process."""

    scope: Literal["tenant", "agent", "user", "tool", "upstream", "run"]
    on: Literal["errors", "refusals", "doubts", "spend"] = Field(
        description="errors: answered with one, or failed. refusals: any but those of the kill switch and of a gateway "
        "that cannot serve. doubts: nobody knows whether it was carried out. spend: money"
    )
    over: Amount = Field(ge=0, decimal_places=6, description="more than so many, or so much money")
    window: Duration = timedelta(minutes=5)
    mode: Literal["stop", "read-only", "pause"] = "stop"

    @model_validator(mode="after")
    def _of_who_was_refused(self) -> "Trip":
        if self.on == "refusals" and self.scope in {"tool", "upstream"}:
            raise ValueError(
                f"refusals say something of who called: counted for a {self.scope}, one agent without permission would stop "
                "it for all others. Count them for a tenant, agent, user or run"
            )
        return self
