"""A call that wants to be the one that executes: what it claims, under which name, for how long.

Lives only here: from a resolved call to a `Claim`. Must not know stores, brakes or who else wants the same. Called by the
room.
"""

import math
from dataclasses import dataclass
from typing import Final, assert_never

from gateway.about import written
from gateway.ledger.allowances import Owed
from gateway.ledger.case import Case
from gateway.ledger.key import RecordKeys, Scope, Source, answering, business_key, derived_key, round_of
from gateway.model.call import LONGEST_S
from gateway.model.claim import Claim, KeySource
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect, Tool
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

    def __init__(self, secret: bytes, owner: str, scope: Scope = "agent") -> None:
        self._keys = RecordKeys(secret, scope)
        self._owner = owner

    def of(self, case: Case, call_id: str, left_s: float, owed: Owed) -> Attempt:
        """`left_s`: seconds the call may still take, which its lease outlives. Its caller's answers take their own time.

        Raises Refused: invalid-arguments, key-required.
        """
        source, record, also = self._named(case, call_id)
        left_s, asks = max(0.0, left_s), bool(case.asked.dialogue.capabilities)
        resend_s = _resend_within_s(case.call.tool)
        claim = Claim(
            record,
            answering(case.fingerprint, case.asked),
            call_id,
            self._owner,
            left_s + LEASE_MARGIN_S,
            resend_s,
            owed.spends if owed.by_claim else (),
            also,
            written(case.principal, case.call, source, left_s + (LONGEST_S if asks else 0.0)),
            renews=asks,
        )
        return Attempt(case, source, claim)

    def _named(self, case: Case, call_id: str) -> tuple[KeySource, bytes, bytes | None]:
        """Where the key comes from, and the records it names: the operator's word, then the caller's, then our guess."""
        principal, call, asked = case.principal, case.call, case.asked
        tool = call.tool

        def record(source: Source, key: str) -> bytes:
            return self._keys.record(principal, source, key, round_of(asked, source))

        if tool.terms.once:
            return "once", record("o", business_key(call)), None
        if asked.key is not None:
            return asked.key_source or "header", record("x", asked.key), None
        if tool.terms.key_required:
            raise Refused(Reason.KEY_REQUIRED, f"{tool.id} was called without an idempotency key; nothing was sent.")

        def derived(source: Source, only: str | None = None) -> bytes:
            return record(source, derived_key(case.fingerprint, call.occurrence, only))

        off = tool.derived == "off"
        if asked.call_ref is not None:
            again = derived("c", asked.call_ref)
            return ("call-id", again, None) if off else ("call-id", derived("d"), again)
        return "derived", derived("d", call_id if off else None), None  # claimed even so: a crash must leave a doubt


def _resend_within_s(tool: Tool) -> float | None:
    """For how long the operator's own word makes it harmless to send again what is in doubt (ledger §1.7)."""
    if tool.effect is Effect.IDEMPOTENT:
        return math.inf
    match tool.terms.in_doubt:
        case "resend":
            return math.inf
        case "forward_key":
            return tool.terms.dedupes_s
        case "block" | "probe":
            return None
        case _:
            assert_never(tool.terms.in_doubt)
