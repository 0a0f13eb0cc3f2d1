"""Whether a doubt had a reason: the server hid its answer, or a gateway or the store was struck while the call was open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.books import STORE, Blow
from tests.chaos.faults import FAULTS
from tests.chaos.weather import TIMEOUT_S

HIDING = {fault.name for fault in FAULTS if fault.hides}
LAG_S = 0.25
"""How long an answer that the server has written may wait in a busy gateway."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one operation: lines of the truth, intents with their `gateway` and `at`, and all blows."""

    truth: Sequence[dict[str, Any]]
    intents: Sequence[dict[str, Any]]
    blows: Sequence[Blow]


def causes(known: Evidence) -> Iterator[str]:
    """Everything that may have hidden the answer, the server's own faults first; nothing when nothing did."""
    for line in known.truth:
        if line["what"] == "arrived" and line["fault"] in HIDING:
            yield line["fault"]
    keys = {line["n"]: line["key"] for line in known.truth if line["what"] == "arrived"}
    answers = [(keys[line["n"]], line["at"]) for line in known.truth if line["what"] == "answered"]
    for intent in known.intents:
        begins, asked = intent["at"], {intent["key"]["record"], None}
        answered = min((at for key, at in answers if key in asked and at >= begins), default=begins + TIMEOUT_S)
        for blow in known.blows:
            if blow.gateway in {intent["gateway"], STORE} and blow.struck(begins, answered + LAG_S):
                yield blow.what
        if answered > begins + TIMEOUT_S:
            yield "late"
