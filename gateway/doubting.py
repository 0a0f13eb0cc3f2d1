"""What became of a call whose answer never came, found out by its declared probe; and whether a success is seen as one.

Lives only here: when a look settles a doubt. Found is executed, at any time. Not found means not executed only where the
look began `settles` after the last moment at which the call can have left; the next same call is then carried out. Anything
else changes nothing. Several gateways may look at one doubt: its token lets one of them settle it. Must not know how a
probe looks, stores, or who may decide. Called by crossing, and by `app.py` every few seconds.
"""

import asyncio
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway import about, ports
from gateway.about import About
from gateway.conclusion import conclude
from gateway.homes import ClaimStore
from gateway.model.claim import Done, Doubted, Kept, NotDone
from gateway.model.principal import Principal
from gateway.model.terms import Probe
from gateway.model.tool import ResolvedCall, Tool, ToolId
from gateway.model.work import JournalUnavailable, StoreUnavailable
from gateway.probing import LONGEST_S, Looked, Probing, Saw
from gateway.replies import NS, marked, with_text
from gateway.tasks import Tasks
from gateway.wire.strict_json import dump

_log = logging.getLogger("sallyport")
AT_ONCE: Final = 8
"""Looks of one pass that are under way together."""
LONGEST_REST_S: Final = 600.0
"""Between two looks at one doubt; the first rest is one pass long, and each is twice as long as the one before."""
LEAST_REST_S: Final = 1.0
"""The same where calls are made again and again: such a call pays no budget and is no loop, so its looks are bounded here."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many seconds a settled doubt guards against the same call."""

    ttl_s: float
    once_s: float

    def of(self, known: About | None) -> float:
        """The longer one where nobody knows any more what it was."""
        return self.ttl_s if known is not None and known.source != "once" else max(self.ttl_s, self.once_s)


@dataclass(slots=True)
class _Rest:
    until: float
    """Monotonic seconds."""
    pause_s: float


class Doubting:
    """Implements `looks.SecondLooks`; `sweep` is the pass over everything in doubt."""

    def __init__(
        self,
        store: ClaimStore,
        probing: Probing,
        find: Callable[[ToolId], Tool | None],
        sanitize: ports.Sanitizer,
        trail: ports.AuditTrail,
        clock: ports.Clock,
        tasks: Tasks,
        keeping: Keeping,
        counted: Callable[[int], None],
    ) -> None:
        """`counted` is told after every pass how many doubts there are."""
        self._store = store
        self._probing = probing
        self._find = find
        self._sanitize = sanitize
        self._trail = trail
        self._clock = clock
        self._tasks = tasks
        self._keeping = keeping
        self._counted = counted
        self._looking: dict[str, asyncio.Task[Kept | NotDone | None]] = {}
        self._rests: dict[tuple[bytes, int], _Rest] = {}
        self._looked: dict[str, float] = {}
        """When the last look at each began, in monotonic seconds."""
        self._told: set[tuple[bytes, int]] = set()

    async def verified(self, principal: Principal, call: ResolvedCall, key: str, call_id: str, within_s: float) -> Saw:
        """What the probe sees after a success; written down beside the call."""
        assert call.tool.terms.probe is not None
        looked = await self._probing.look(principal, call.tool.terms.probe, call.arguments, key, within_s)
        await self._trail.verified(
            call=call_id,
            tenant=principal.tenant,
            agent=principal.agent,
            user=principal.user,
            tool=call.tool.id,
            upstream=call.tool.upstream,
            key={"record": key},
            verified=looked.saw,
        )
        return looked.saw

    async def resolved(self, doubted: Doubted, *, left: bool = False) -> Kept | NotDone | None:
        """One look; whoever asks while it is under way shares it."""
        call = doubted.call_id
        if (looking := self._looking.get(call)) is None:
            self._looked[call] = self._clock.monotonic()
            looking = self._looking[call] = self._tasks.start(self._looked_into(doubted, left=left), "doubt")
            looking.add_done_callback(lambda _: self._looking.pop(call, None))
        return await asyncio.shield(looking)

    async def reconsidered(self, call_id: str) -> bool:
        """Whether a look ended the doubt about an earlier call. All doubts are read for it, so only as often as it may look."""
        if (looking := self._looking.get(call_id)) is not None:
            return await asyncio.shield(looking) is not None
        if self._clock.monotonic() - self._looked.get(call_id, -math.inf) < LEAST_REST_S:
            return False
        self._looked[call_id] = self._clock.monotonic()
        try:
            doubts = await self._store.doubts()
        except StoreUnavailable:
            return False
        doubted = next((one for one in doubts if one.call_id == call_id), None)
        return doubted is None or await self.resolved(doubted) is not None  # None: somebody else ended it meanwhile

    async def sweep(self) -> None:
        """One pass: whatever has a probe is looked at, and people hear of what stays. Raises StoreUnavailable."""
        doubts = await self._store.doubts()
        due, places = [doubted for doubted in doubts if self._due(doubted)], asyncio.Semaphore(AT_ONCE)

        async def look(doubted: Doubted) -> bool:
            async with places:
                return await self._swept(doubted)

        settled = await asyncio.gather(*map(look, due))
        over = {doubted.name for doubted, ended in zip(due, settled, strict=True) if ended}
        left = [doubted for doubted in doubts if doubted.name not in over]
        names = {doubted.name for doubted in left}
        for doubted in left:
            if doubted.name not in self._told:
                _warn(doubted)
        self._told = names
        self._rests = {name: rest for name, rest in self._rests.items() if name in names}
        calls = {doubted.call_id for doubted in left}
        self._looked = {call: at for call, at in self._looked.items() if call in calls}
        self._counted(len(left))

    def _due(self, doubted: Doubted) -> bool:
        rest = self._rests.get(doubted.name)
        rested = rest is None or self._clock.monotonic() >= rest.until
        return rested and self._probed(about.read(doubted.about)) is not None

    async def _swept(self, doubted: Doubted) -> bool:
        """Whether the doubt is over. One that stays is looked at less and less often."""
        name, now = doubted.name, self._clock.monotonic()
        if await self.resolved(doubted) is not None:
            return True
        rest = self._rests.get(name)
        pause_s = LONGEST_S if rest is None else min(rest.pause_s * 2, LONGEST_REST_S)
        self._rests[name] = _Rest(now + pause_s, pause_s)
        return False

    async def _looked_into(self, doubted: Doubted, *, left: bool) -> Kept | NotDone | None:
        known = about.read(doubted.about)
        tool = self._probed(known)
        if known is None or known.arguments is None or tool is None:
            return None
        probe = _probe(tool)
        settled_s = probe.settles_s + (0.0 if left else known.lasts_s)
        looked = await self._probing.look(known.principal, probe, known.arguments, about.key_of(doubted))
        match looked.saw:
            case "yes":
                kept = self._reconstructed(doubted, tool, looked)
                done = Done(kept, self._keeping.of(known))
                return kept if await self._settled(doubted, known, done) else None
            case "no" if doubted.age_s >= settled_s:  # and this look began later
                return NotDone() if await self._settled(doubted, known, NotDone()) else None
            case _:
                return None

    def _probed(self, known: About | None) -> Tool | None:
        """The tool, where it lets its probe settle doubts."""
        tool = None if known is None else self._find(known.tool)
        return None if tool is None or tool.terms.in_doubt != "probe" or tool.terms.probe is None else tool

    def _reconstructed(self, doubted: Doubted, tool: Tool, looked: Looked) -> Kept:
        """What the probe found, kept like an answer and marked as what it is."""
        assert looked.call is not None
        assert looked.answer is not None
        seen = conclude(looked.answer, looked.call, doubted.call_id, self._sanitize)
        now = self._clock.now()
        if seen.kind != "result":
            return Kept.of("withheld", None, call_id=doubted.call_id, at=now)
        line = f"{tool.id} was carried out and its own answer was lost. This is what {looked.call.tool.id} shows of it."
        body = dump(with_text(marked(json.loads(seen.kept), {f"{NS}/reconstructed": True}), line))
        return Kept.of("result", body, call_id=doubted.call_id, at=now)

    async def _settled(self, doubted: Doubted, known: About, verdict: Done | NotDone) -> bool:
        entry = self._trail.resolved(
            call=doubted.call_id,
            **known.facts,
            key={"source": known.source, "record": doubted.record.hex()},
            resolved="executed" if isinstance(verdict, Done) else "not-executed",
            by="probe",
        )
        try:
            return await self._store.resolve(doubted.record, doubted.token, verdict, entry)
        except (StoreUnavailable, JournalUnavailable):
            return False  # it is in doubt still, and is looked at again


def _probe(tool: Tool) -> Probe:
    assert tool.terms.probe is not None
    return tool.terms.probe


def _warn(doubted: Doubted) -> None:
    known = about.read(doubted.about)
    what = "something of which nothing is known any more"
    if known is not None:
        what = f"{known.tool} by {known.agent} for {known.user or 'nobody'}"
    _log.warning(
        "call %s of %s is in doubt: look at the tool for key %s, then say what became of it: "
        "sallyport doubt resolve %s --executed (or --not-executed) --why TEXT",
        doubted.call_id,
        what,
        about.key_of(doubted),
        doubted.call_id,
    )
