"""A request that has ended, as the audit trail shows it to those who count and trace.

Lives only here: that one value. Must not know metrics, spans or how an entry is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ended:
    """What an observer gets; its times are Unix seconds, apart as the steady clock measured."""

    facts: Mapping[str, Any]
    """The terminal entry before it is written, under the names of `record.schema.json`. Read it now: it is not kept."""
    began: float
    ended: float
    sent: tuple[float, float] | None = None
    """From the first send to the last answer; None when nothing was to be carried."""
