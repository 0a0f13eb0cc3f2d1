"""The shape of `loops` in `config.yaml`: when an agent repeats itself, and what is done about it.

Lives only here: names, types, defaults and bounds. Must not know how loops are found. Part of `schema.Config`.
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from gateway.config.values import Duration, Section


class Loops(Section):
    """The cap on identical repeated calls."""

    repeats: int = Field(5, ge=2, description="identical calls within `window` before the brake acts")
    window: Duration = timedelta(minutes=15)
    reads: Literal["hint", "refuse"] = Field("hint", description="what happens to reads and tools of unset effect")
