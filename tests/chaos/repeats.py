"""When a call without a key, of a tool of unset effect, may rightly be carried out again: its guard ends when its answer arrived.

Whether an answer arrived, nobody but its agent knows. Where the agent hung up after the gateway had ended the call, the
answer and the hanging-up may have crossed on the wire; where it hung up before, the guard must hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.plan import Operation
from tests.chaos.told import Told

PROMPT_S = 0.25
"""How much later than the gateway an agent may notice that its answer is there."""


@dataclass(frozen=True)
class Ended:
    """A call that had an intent, with when and where it began and when it ended."""

    gateway: int
    began: float
    ended: float


def open_to_repeats(one: Operation) -> bool:
    """Whether nothing but an undelivered answer guards it."""
    return one.tool == "note" and one.source == "derived"


def delivered(early: dict[str, Any], late: dict[str, Any], told: Sequence[Told]) -> bool:
    """Whether somebody had the answer about the early effect when the late one began."""
    return any(
        each.answer is not None and each.answer[3] == early["receipt"] and each.ended <= late["arrived"] + PROMPT_S
        for each in told
    )


def crossed(early: dict[str, Any], told: Sequence[Told], calls: Sequence[Ended]) -> bool:
    """Whether the agent may have hung up while the answer about the early effect was on the wire."""
    about = [call for call in calls if call.began <= early["arrived"] and early["at"] <= call.ended]
    return any(
        each.said == "broken" and each.gateway == call.gateway and each.began <= call.began and call.ended <= each.ended
        for each in told
        for call in about
    )
