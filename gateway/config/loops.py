"""The shape of `loops` in `config.yaml`: when an agent repeats itself, and what is done about it.

Lives only here: names, types, defaults and bounds. Must not know how loops are found. Part of `schema.Config`.
"""

from datetime import timedelta
from typing import Final, Literal

from pydantic import Field

from gateway.config.values import Duration, Section

RING: Final = 64
"""Attempts that are remembered per caller; no threshold can be above it."""


class Loops(Section):
    """When an agent goes round in circles, counted over the last 64 attempts of a proven run, else of agent and user."""

    in_a_row: int = Field(3, ge=2, le=RING, description="R1: identical calls in a row")
    in_twenty: int = Field(5, ge=2, le=20, description="R1: identical calls among the last twenty")
    rounds: int = Field(3, ge=2, le=10, description="R2: times that a cycle of two to six calls comes round")
    same_result: int = Field(3, ge=2, le=RING - 1, description="R3: times that identical calls brought the same result")
    alike: int = Field(8, ge=3, le=RING, description="R4: calls of one tool in a row that bring nothing new")
    failures: int = Field(5, ge=2, le=RING - 1, description="R5: failures of one tool in a row")
    steps: int = Field(100, ge=1, description="R6: calls of one proven run")
    window: Duration = Field(timedelta(minutes=15), description="what is older counts only within a proven run")
    reads: Literal["hint", "refuse"] = Field("hint", description="what happens to reads and tools of unset effect")
