"""What a caller is told when it is not the one that executes.

Lives only here: state of a record → replay or refusal, the wording, and the rule that what cannot be written down is not
sent. Must not know brakes, flights or how a record was found. Called by the room.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, assert_never

from gateway.ledger.allowances import exhausted
from gateway.ledger.windows import windows
from gateway.model.admission import Replay
from gateway.model.claim import Claim, Found, KeySource, Mismatch, Overspent, State
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.tool import Tool
from gateway.model.work import JournalUnavailable, StoreUnavailable

_RETRY_AFTER_MS: Final = 1_000


def served(found: Found, claim: Claim, tool: Tool, source: KeySource, *, joined: bool) -> Replay:
    """What somebody who was here before left. Raises Refused: outcome-unknown, key-in-flight."""
    match found.state:
        case State.DONE:
            assert found.kept is not None
            return Replay(found.kept, source, joined, claim, found.token, windows(tool, source).delivered_s)
        case State.DOUBT:
            when = datetime.fromtimestamp(found.since, UTC).isoformat(timespec="seconds")
            raise Refused(
                Reason.OUTCOME_UNKNOWN,
                f"Call {found.call_id} sent {tool.id} at {when} and got no usable answer; it may have been carried out.",
                original=found.call_id,
            )
        case State.CLAIMED | State.SENT:
            raise still_running(found.call_id, tool, claim)
        case _:
            assert_never(found.state)


def left(answer: Found | Mismatch | Overspent, claim: Claim, tool: Tool, source: KeySource, now: float) -> Replay:
    """What there is for whoever did not win. Raises Refused."""
    match answer:
        case Found():
            return served(answer, claim, tool, source, joined=False)
        case Mismatch():
            raise reused(tool, source)
        case Overspent():
            refusal = exhausted(answer.spend, answer.left, answer.resets_at, now)
            raise turned_away(refusal, resends=answer.resends)
        case _:
            assert_never(answer)


def reused(tool: Tool, source: KeySource) -> Refused:
    """The same key, another fingerprint."""
    if source == "once":
        return Refused(
            Reason.KEY_REUSED,
            f"{tool.id} is carried out once for each {' with '.join(tool.terms.once)}, and an earlier call came first: "
            "the same business key, with other arguments.",
            retry="never",
            remedy="Find out what the earlier call did, instead of doing it once more.",
        )
    return Refused(
        Reason.KEY_REUSED, f"The idempotency key stands for an earlier call, not for {tool.id} with these arguments."
    )


def turned_away(refusal: Refusal, *, resends: bool) -> Refused:
    """Not this time; where an earlier send is in doubt, perhaps before."""
    return Refused.of(refusal.unsure() if resends else refusal)


def in_flight(detail: str, awaited: str | None = None) -> Refused:
    """Somebody else is at it, and waiting was of no use."""
    return Refused(Reason.KEY_IN_FLIGHT, detail, retry_after_ms=_RETRY_AFTER_MS, awaited=awaited)


def still_running(call_id: str, tool: Tool, claim: Claim) -> Refused:
    """Somebody else is at it, and was waited for."""
    return in_flight(f"Call {call_id} of {tool.id} with the same key still runs.", claim.record.hex())


def ended_meanwhile(tool: Tool) -> Refused:
    """What was waited for left nothing to serve. Whoever waits for one execution must not become a second one."""
    return Refused(
        Reason.KEY_IN_FLIGHT,
        f"An earlier call of {tool.id} was waited for; it has ended, and its answer went to its own caller.",
        remedy="Nothing was sent for this one. Find out what became of the first; make the call again if it is still meant.",
    )


def unwritten() -> Refused:
    """What departs must be in the journal first."""
    return Refused(Reason.AUDIT_UNAVAILABLE, "The audit journal cannot be written; nothing was sent.")


@contextmanager
def fails_closed() -> Iterator[None]:
    """Raises Refused: audit-unavailable, store-unavailable."""
    try:
        yield
    except JournalUnavailable:
        raise unwritten() from None
    except StoreUnavailable:
        raise Refused(Reason.STORE_UNAVAILABLE, "The ledger cannot be written; nothing was sent.") from None
