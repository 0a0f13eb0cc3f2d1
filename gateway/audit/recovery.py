"""At start: every call that was left open by a process that died gets its one terminal entry.

Lives only here: what is true of a call whose gateway stopped under it. Must not know SQLite or the ledger's states: the
open intents and `fate` come in from outside. Called by app once, after index and ledger are up, before listening.
Running it twice writes nothing twice, because the index knows the terminal entries of the first time.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, assert_never

from gateway.audit import record
from gateway.homes import Writer
from gateway.model.claim import State
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import TABLE, Reason
from gateway.model.work import Entry, Work
from gateway.ports import Clock

_KEPT: Final = (
    "call", "era", "version", "method", "peer", "tenant", "agent", "agent_proof", "user", "user_proof", "session", "run",
    "run_proof", "trace",
    "asked", "tool", "upstream", "address", "effect", "tool_digest", "decision", "rules", "policy", "key",
    "arguments_sha256",
)  # fmt: skip
"""What a terminal entry repeats of its intent, so that queries find it."""

Fate = Callable[[str, str], Awaitable[State | None]]
"""What became of the ledger record (hex) of a call; None when it is not, or no longer, this call's."""


def terminal(intent: Mapping[str, Any], moment: float, left: State | None) -> dict[str, Any]:
    """The entry that ends an open intent; `left` is what the call left in the ledger."""
    facts = {name: intent[name] for name in _KEPT if name in intent}
    reserved = {"cost": intent["cost"]} if "cost" in intent else {}
    match left:
        case State.SENT | State.DOUBT:
            unknown = Reason.OUTCOME_UNKNOWN
            facts |= {"outcome": AuditOutcome.IN_DOUBT, "reason": unknown.value, "code": TABLE[unknown].code}
            facts |= {"executed": "unknown", "detail": "The gateway stopped after the call was sent.", **reserved}
        case State.DONE:
            facts |= {"outcome": AuditOutcome.ANSWERED, "executed": "yes", **reserved}
            facts |= {"detail": "The gateway stopped before the outcome was on disk; the ledger holds the answer."}
        case State.CLAIMED | State.RETRYABLE | None:
            facts |= {"outcome": AuditOutcome.FAILED, "executed": "no", "detail": "The gateway stopped before sending."}
        case _:
            assert_never(left)
    return record.entry("call", moment, {**facts, "ms": {}})


async def close_open_calls(intents: Iterable[Mapping[str, Any]], fate: Fate, writer: Writer, clock: Clock) -> int:
    """Ends every open intent and returns how many; durable when it returns. Raises JournalUnavailable.

    An intent without a record key counts as sent, because the ledger cannot tell: "not done" must never be a guess.
    """
    entries: list[Entry] = []
    ended: set[str] = set()
    for intent in intents:
        if (call := str(intent["call"])) in ended:
            continue  # it was asked about twice, and ends once
        ended.add(call)
        key = intent.get("key", {}).get("record")
        left = State.SENT if key is None else await fate(key, call)
        entries.append(partial(terminal, intent, clock.now(), left))
    if entries:
        await writer.submit(Work(entries=lambda _: entries, durable=True, needs_journal=True))
    return len(entries)
