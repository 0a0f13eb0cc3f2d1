"""A call that wants to be the one that executes: what it claims, under which name, for how long.

Lives only here: from a resolved call to a `Claim`. Must not know stores, brakes or who else wants the same. Called by the
room.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.ledger.case import Case
from gateway.ledger.key import RecordKeys, derived_key, round_of
from gateway.model.claim import Claim, KeySource, Spend
from gateway.model.dialogue import QUESTION_S
from gateway.model.tool import Effect
from gateway.model.work import Entry

LEASE_MARGIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to claim."""

    case: Case
    source: KeySource
    claim: Claim

    def named(self, intent: Entry | None) -> Entry | None:
        """The intent with the record it stands for, by which recovery finds out whether the call was sent."""
        if intent is None:
            return None
        key = {"source": self.source, "record": self.claim.record.hex(), "state": "claimed"}
        return lambda: {**intent(), "key": key}


class Attempts:
    """Makes attempts, in the name of one process."""

    def __init__(self, secret: bytes, owner: str, spends: Callable[[Case], tuple[Spend, ...]]) -> None:
        self._keys = RecordKeys(secret)
        self._owner = owner
        self._spends = spends

    def of(self, case: Case, call_id: str, left_s: float) -> Attempt:
        """`left_s`: seconds the call may still take, which its lease outlives."""
        principal, call, asked = case.principal, case.call, case.asked
        source: KeySource
        if asked.key is not None:
            source = asked.key_source or "header"
            record = self._keys.record(principal, "x", asked.key, round_of(asked))
        else:
            source = "derived"
            alone = call_id if call.tool.derived == "off" else None  # claimed all the same: a crash must leave a doubt
            record = self._keys.record(
                principal, "d", derived_key(case.fingerprint, call.occurrence, alone), round_of(asked)
            )
        asks_s = QUESTION_S if asked.dialogue.capabilities else 0.0  # then it may wait for its caller beside
        lease_s = max(0.0, left_s) + LEASE_MARGIN_S + asks_s
        # Repeating an idempotent call is harmless by the operator's own word, so its doubt holds nobody up (ledger §1.7).
        resend_s = math.inf if call.tool.effect is Effect.IDEMPOTENT else None
        claim = Claim(record, case.fingerprint, call_id, self._owner, lease_s, resend_s, self._spends(case))
        return Attempt(case, source, claim)
