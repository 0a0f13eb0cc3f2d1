"""The shape of `kill_switch` and `trips` in `config.yaml`: how fresh the kill switch must be, and what pulls it by itself.

Lives only here: names, types, defaults and bounds. Must not know rows or who is stopped. Part of `schema.Config`.
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from gateway.config.values import Amount, Duration, Section


class KillSwitch(Section):
    """What happens while a shared kill switch cannot be read."""

    read_only_after: Duration = Field(timedelta(seconds=5), description="then only declared reads pass")
    refuse_after: Duration = Field(timedelta(seconds=30), description="then nothing passes")


class Trip(Section):
    """Too much of something within a window stops whoever did it, until a person lifts that."""

    scope: Literal["tenant", "agent", "user", "tool", "upstream", "run"]
    on: Literal["errors", "refusals", "doubts", "spend"]
    over: Amount = Field(gt=0, decimal_places=6, description="more than so many, or so much money")
    window: Duration = timedelta(minutes=5)
    mode: Literal["stop", "read-only", "pause"] = "stop"
