"""A person's word on a call in doubt: was it carried out or not?

Lives only here: what is shown of a doubt, and that the word is written into the audit chain before it counts. Must not know
FastAPI, stores or how a probe looks. Called by the operator plane through `operator.desk.DoubtDesk`, never on the road.
"""

from collections.abc import Sequence

from gateway import about, ports
from gateway.doubting import Keeping
from gateway.homes import ClaimStore
from gateway.model.claim import Done, Doubted, Kept, NotDone
from gateway.operator.desk import Doubt, Resolution
from gateway.replies import NS
from gateway.wire.strict_json import dump


class Resolving:
    """Implements `operator.desk.DoubtDesk`. Raises StoreUnavailable; then nothing was resolved."""

    def __init__(
        self,
        store: ClaimStore,
        sanitize: ports.Sanitizer,
        trail: ports.AuditTrail,
        clock: ports.Clock,
        keeping: Keeping,
    ) -> None:
        self._store = store
        self._sanitize = sanitize
        self._trail = trail
        self._clock = clock
        self._keeping = keeping

    async def all(self) -> Sequence[Doubt]:
        """Oldest first."""
        return [_shown(doubted) for doubted in await self._store.doubts()]

    async def get(self, call: str) -> Doubt | None:
        """None where that call is not in doubt."""
        found = await self._find(call)
        return None if found is None else _shown(found)

    async def resolve(self, call: str, *, by: str, executed: bool, why: str, result: str | None) -> Resolution:
        """Raises Refused where the result could not be cleaned, JournalUnavailable."""
        found = await self._find(call)
        if found is None:
            return "not-in-doubt"
        known = about.read(found.about)
        kept = self._kept(call, result)
        verdict = Done(kept, self._keeping.of(known)) if executed else NotDone()
        resolved = "executed" if executed else "not-executed"
        await self._trail.operator(by, "doubt.resolve", {"call": call, "resolved": resolved, "why": why})
        entry = self._trail.resolved(
            call=call,
            **({} if known is None else known.facts),
            key={"record": found.record.hex()},
            resolved=resolved,
            by="operator",
        )
        held = await self._store.resolve(found.record, found.token, verdict, entry)
        return "resolved" if held else "resolved-before"

    async def _find(self, call: str) -> Doubted | None:
        return next((doubted for doubted in await self._store.doubts() if doubted.call_id == call), None)

    def _kept(self, call: str, result: str | None) -> Kept:
        """What the same call is served from now on; without a result that it was carried out, and no more."""
        body = None
        if result is not None:
            text = self._sanitize.value(result).value
            body = dump({"content": [{"type": "text", "text": text}], "_meta": {f"{NS}/reconstructed": True}})
        return Kept.of("withheld" if body is None else "result", body, call_id=call, at=self._clock.now())


def _shown(doubted: Doubted) -> Doubt:
    known = about.read(doubted.about)
    if known is None:
        return Doubt(doubted.call_id, about.key_of(doubted), doubted.since)
    return Doubt(
        doubted.call_id,
        about.key_of(doubted),
        doubted.since,
        known.tool,
        known.upstream,
        known.tenant,
        known.agent,
        known.user,
        known.arguments,
    )
