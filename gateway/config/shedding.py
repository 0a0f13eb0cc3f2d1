"""The shape of `shedding` in `config.yaml`: when the gateway itself is too busy for everything it is asked.

Lives only here: names, types, defaults and bounds. Must not know how load is measured. Part of `schema.Config`.
"""

from datetime import timedelta

from pydantic import Field

from gateway.config.values import Duration, Section


class Shedding(Section):
    """Under load the least important goes first: lists and reads of batch agents, then reads, then new mutating calls."""

    lag: Duration = Field(
        timedelta(milliseconds=100),
        description="delay of the event loop from which batch agents' reads are shed; at 2x all reads, at 4x new calls",
    )
    memory: float = Field(
        0.85,
        gt=0,
        le=1,
        description="share of the memory limit from which batch agents' reads are shed; later all reads, then new calls",
    )
