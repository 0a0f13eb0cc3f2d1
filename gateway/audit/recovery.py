"""At start: every call that was left open by a process that died gets its one terminal entry.

Lives only here: what is true of a call whose gateway stopped under it. Must not know SQLite or the ledger's states: the
open intents and `state_of` come in from outside. Called by app once, after index and ledger are up, before listening.
Running it twice writes nothing twice, because the index knows the terminal entries of the first time.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from gateway.audit import record
from gateway.model.claim import State
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import TABLE, Reason
from gateway.model.work import Entry, Work
from gateway.ports import Clock, Writer

_KEPT: Final = (
    "call", "era", "version", "method", "peer", "tenant", "agent", "agent_proof", "user", "user_proof", "run", "trace",
    "asked", "tool", "upstream", "address", "effect", "tool_digest", "decision", "rules", "policy", "key",
    "arguments_sha256",
)  # fmt: skip
"""What a terminal entry repeats of its intent, so that queries find it."""

_LEFT: Final = frozenset({State.SENT, State.DOUBT, State.DONE})
"""States of a ledger record that only a call that was sent can reach."""
StateOf = Callable[[str], Awaitable[State | None]]
"""State of the ledger record with this key (hex)."""


def terminal(intent: Mapping[str, Any], moment: float, *, sent: bool) -> dict[str, Any]:
    """The entry that ends an open intent."""
    facts = {name: intent[name] for name in _KEPT if name in intent}
    if sent:
        unknown = Reason.OUTCOME_UNKNOWN
        facts |= {"outcome": AuditOutcome.IN_DOUBT, "reason": unknown.value, "code": TABLE[unknown].code}
        facts |= {"executed": "unknown", "detail": "The gateway stopped after the call was sent."}
    else:
        facts |= {"outcome": AuditOutcome.FAILED, "executed": "no", "detail": "The gateway stopped before sending."}
    return record.entry("call", moment, {**facts, "ms": {}})


async def close_open_calls(
    intents: Iterable[Mapping[str, Any]], state_of: StateOf, writer: Writer, clock: Clock
) -> int:
    """Ends every open intent and returns how many; durable when it returns. Raises JournalUnavailable.

    An intent without a record key counts as sent, because the ledger cannot tell: "not done" must never be a guess.
    """
    entries: list[Entry] = []
    for intent in intents:
        key = intent.get("key", {}).get("record")
        sent = key is None or await state_of(key) in _LEFT
        entries.append(partial(terminal, intent, clock.now(), sent=sent))
    if entries:
        await writer.submit(Work(entries=lambda _: entries, durable=True, needs_journal=True))
    return len(entries)
