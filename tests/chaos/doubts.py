"""Whether a doubt had a reason: the server hid its answer, or a gateway or the store was struck while the call was open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.books import STORE, Blow
from tests.chaos.faults import FAULTS
from tests.chaos.repeats import Ended
from tests.chaos.told import Told
from tests.chaos.weather import TIMEOUT_S

HIDING = {fault.name for fault in FAULTS if fault.hides}
LAG_S = 0.25
"""How far the consequences of a blow to the store reach."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one operation."""

    truth: Sequence[dict[str, Any]]
    calls: Sequence[Ended]
    """Calls of it that had an intent."""
    told: Sequence[Told]
    blows: Sequence[Blow]


def causes(known: Evidence) -> Iterator[str]:
    """Everything that may have hidden the answer, the server's own faults first; nothing when nothing did."""
    for line in known.truth:
        if line["what"] == "arrived" and line["fault"] in HIDING:
            yield line["fault"]
    broken = [Ended(told.gateway, told.began, told.ended) for told in known.told if told.said == "broken"]
    for call in (*known.calls, *broken):  # of a broken attempt the death may have taken the intent too
        for blow in known.blows:
            if blow.gateway == call.gateway and blow.struck(call.began, call.ended):
                yield blow.what
            if blow.gateway == STORE and blow.struck(call.began, call.ended + LAG_S):
                yield blow.what
    for line in known.truth:
        begun = [call.began for call in known.calls if call.began <= line["at"]]
        if line["what"] == "answered" and begun and line["at"] > max(begun) + TIMEOUT_S:
            yield "late"
