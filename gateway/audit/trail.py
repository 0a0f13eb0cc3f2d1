"""Records of requests: opened first, filled by every room, ended exactly once.

Lives only here: which entry a record becomes, and that it becomes one. Must not know segments, threads or SQLite: it
hands works to the writer. Made by app; opened by the pipeline for every request, before anything is known of it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from gateway.audit import record
from gateway.homes import Writer
from gateway.model.call import Arrival
from gateway.model.ended import Ended
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import TABLE, Reason
from gateway.model.work import Entry, JournalUnavailable, Work
from gateway.ports import Clock

Redact = Callable[[Any], Any]
Observe = Callable[[Ended], None]

_SERVED = frozenset({AuditOutcome.ANSWERED, AuditOutcome.ANSWERED_ERROR, AuditOutcome.REPLAYED})
"""Outcomes that hand something to the caller; what is sealed rather than closed with these was a read or a replay."""


class Trail:
    """Implements `ports.AuditTrail`."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        redact: Redact,
        reads_when_unwritable: Literal["serve", "refuse"],
        observe: Observe = lambda _: None,
        *,
        ephemeral: bool = False,
    ) -> None:
        """`redact` makes any JSON value fit to be kept; it sees what callers and operators write freely.

        Arguments of calls come redacted from the road. `observe` is shown every request that has ended. `ephemeral`:
        the ledger dies with the pod, and every record says so.
        """
        self._writer, self._clock, self._redact, self._observe = writer, clock, redact, observe
        self._refuse_reads = reads_when_unwritable == "refuse"
        self._always: dict[str, Any] = {"ledger": "ephemeral"} if ephemeral else {}

    def open(self, arrival: Arrival) -> "LiveRecord":
        """A record that knows its call id and peer; its time begins now."""
        opened = LiveRecord(
            arrival, self._writer, self._clock, self._redact, self._observe, refuse_reads=self._refuse_reads
        )
        opened.note(**self._always)
        return opened

    async def operator(self, who: str, action: str, facts: Mapping[str, Any]) -> None:
        """Durable when it returns; waits in memory while the journal cannot be written, so that a stop still stops."""
        made = record.entry(
            "operator", self._clock.now(), {"who": who, "action": action, "facts": self._redact(dict(facts))}
        )
        await self._writer.submit(Work(entries=lambda _: (lambda: made,), durable=True))

    def resolved(self, **facts: Any) -> Entry:
        """A later fact about a call; whoever takes the entry writes it."""
        made = record.entry("resolved", self._clock.now(), record.checked(facts))
        return lambda: made

    async def verified(self, **facts: Any) -> None:
        """Written when it returns, or waiting in memory while the journal cannot be."""
        made = record.entry("verified", self._clock.now(), record.checked(facts))
        await self._writer.submit(Work(entries=lambda _: (lambda: made,)))


class LiveRecord:
    """Implements `ports.Record`. Lives on the event loop; its entries are made on the writer thread from copies."""

    def __init__(
        self,
        arrival: Arrival,
        writer: Writer,
        clock: Clock,
        redact: Redact,
        observe: Observe,
        *,
        refuse_reads: bool,
    ) -> None:
        self._writer, self._clock, self._redact, self._observe = writer, clock, redact, observe
        self._refuse_reads = refuse_reads
        self._facts: dict[str, Any] = {"kind": "request", "call": arrival.call_id, "peer": arrival.peer or None}
        self._opened = self._lapped = clock.monotonic()
        self._rooms: dict[str, float] = {}
        self._sent: tuple[float, float] | None = None
        self._ended = False

    @property
    def call_id(self) -> str:
        call_id: str = self._facts["call"]
        return call_id

    def note(self, **facts: Any) -> None:
        """Adds facts. `kind` is `request` until a room knows better; arguments come redacted; free text is cleaned here.

        Raises TypeError for a name that is not in the schema.
        """
        record.checked(facts)
        proven = (facts.get("run_proof") or self._facts.get("run_proof")) is not None
        for name in record.FREE_TEXTS & facts.keys():
            if facts[name] is not None and not (name == "run" and proven):  # an issuer's word, like the user
                facts[name] = record.cleaned(facts[name])
                if name == "run":
                    facts[name] = self._redact(facts[name])
        self._facts.update(facts)

    def lap(self, room: str) -> None:
        """A room that is entered twice is charged for both."""
        now = self._clock.monotonic()
        if room == "upstream":
            self._sent = (self._lapped if self._sent is None else self._sent[0], now)
        self._rooms[room] = self._rooms.get(room, 0.0) + now - self._lapped
        self._lapped = now

    def intent(self) -> Entry:
        """Everything noted so far; what is noted later belongs to the terminal entry."""
        facts, moment = {name: fact for name, fact in self._facts.items() if name != "kind"}, self._clock.now()
        return lambda: record.entry("intent", moment, facts)

    def close(self, outcome: AuditOutcome, **facts: Any) -> Entry:
        """Raises RuntimeError when the record has ended before: two terminal entries would be one call too many."""
        if self._ended:
            raise RuntimeError(f"the record of {self.call_id} has ended already")
        self.note(**facts)
        self._ended = True
        now, moment = self._clock.monotonic(), self._clock.now()
        ended = {**self._facts, "outcome": outcome, "ms": self._ms(now)}
        if "tool" not in ended and "asked" in ended:  # no name of ours: it may hold anything
            ended["asked"] = self._redact(ended["asked"])
        wall = moment - now
        sent = None if self._sent is None else (self._sent[0] + wall, self._sent[1] + wall)
        self._observe(Ended(ended, self._opened + wall, moment, sent))
        kind = ended.pop("kind")
        return lambda: record.entry(kind, moment, ended)

    def forget(self) -> None:
        """Ends the record without an entry."""
        self._ended = True

    async def seal(self, outcome: AuditOutcome, **facts: Any) -> None:
        """Raises JournalUnavailable when reads are refused without a journal and something was about to be served.

        The record then ends as refused with `audit-unavailable`: the caller must serve nothing.
        """
        if self._ended:
            return
        terminal = self.close(outcome, **facts)
        needs_journal = self._refuse_reads and outcome in _SERVED
        try:
            await self._writer.submit(Work(entries=lambda _: (terminal,), needs_journal=needs_journal))
        except JournalUnavailable:
            await self._writer.submit(Work(entries=lambda _: (lambda: _unserved(terminal()),)))
            raise

    def _ms(self, now: float) -> dict[str, float]:
        spent = {**self._rooms, "total": now - self._opened}
        return {room: round(seconds * 1000, 3) for room, seconds in spent.items()}


def _unserved(terminal: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same call, turned away because its record could not be written; what was executed stays as it was."""
    row = TABLE[Reason.AUDIT_UNAVAILABLE]
    kept = {name: value for name, value in terminal.items() if name != "result"}
    return {**kept, "outcome": row.outcome, "reason": Reason.AUDIT_UNAVAILABLE.value, "code": row.code}
