"""The amnesia guard: nothing is sent on the word of a server that has forgotten (ledger §1.8).

Lives only here: the generation (a random name of this memory), the beat (a count that every write of the ledger and every
gateway moves), and the quarantine that begins when one of them is missing, another, or went back. A gateway that finds
such a loss marks it on the server, so that also one that starts on the emptied server stops; only an operator ends it.
Must not know claims or budgets. Every step of the Redis ledger runs through `step`; the watch calls `tick`.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from gateway.model.work import StoreUnavailable
from gateway.ports import Clock
from gateway.store.redis_generation import LOST, Generation, Remembered, Witness
from gateway.store.redis_link import RedisLink
from gateway.store.redis_names import BEAT, ENDED_VERSION, GENERATION, SECRET, STOPS_VERSION, Script

SETTLE_S: Final = 3.0
"""For so long after a restart of the server nobody writes, and no newcomer takes an empty one for new: whoever saw more than
is there now looks each second, and objects meanwhile."""
_BEAT: Final = Script.of("beat")
_GENERATION: Final = Script.of("generation")
_WENT_BACK: Final = "it went back to an earlier state"
_RESTARTED: Final = "the store was restarted; its memory is being compared"
_log = logging.getLogger("sallyport.store")


class Guard:
    """Knows whether the server remembers. Raises StoreUnavailable where it does not."""

    def __init__(
        self,
        link: RedisLink,
        clock: Clock,
        remembered: Remembered,
        secret: bytes,
        at: Callable[[], float] | None = None,
    ) -> None:
        """`secret` is what the ledger's records are named with. `at` replaces the server's clock; only tests have one."""
        self.link = link
        self._clock = clock
        self._file = remembered
        self._at = at
        self._mark = hmac.digest(secret, b"sallyport store v1", "sha256").hex()[:16].encode()
        self._compared: Generation | None = None
        """The memory of which it is known whether it is kept with our secret."""
        self._foreign = False
        before = remembered.read()
        self._known, self._highest, self._run_before = before.generation, before.beat, before.run
        self._met = False
        """Whether this process, and not only an earlier one, has seen the generation it knows."""
        self._empty_since: float | None = None
        self._lost: str | None = None
        self._writable = True
        self._run: str | None = None
        self._evicted = 0
        self._settles_at = 0.0
        self._judging = asyncio.Lock()

    @property
    def fault(self) -> str | None:
        """What keeps calls that leave traces from being sent, in one sentence."""
        return self.link.fault or self._closed()

    @property
    def lost(self) -> bool:
        """Whether the memory is known to be incomplete: then what it does not say means nothing."""
        return self._lost is not None

    @property
    def known(self) -> Generation | None:
        """The generation in force."""
        return self._known

    @property
    def witness(self) -> str:
        """What this process knows of the memory, for the record of a call: whoever reads it must find at least that."""
        return str(Witness(self._known, self._highest))

    @property
    def unbroken(self) -> bool:
        """Whether the server is the process it was when an earlier process of this state folder last saw it.

        Only then is a call that it does not know one that never reached it.
        """
        return self._run_before != "" and self.link.server is not None and self.link.server.run == self._run_before

    def recall(self, witnessed: str) -> None:
        """What the journal says that an earlier process knew, which may be more than it had time to save."""
        known = Witness(self._known, self._highest).joined(Witness.of(witnessed))
        self._known, self._highest = known.generation, known.beat

    async def step(self, script: Script, keys: Sequence[str], args: Sequence[Any], *, sends: bool) -> list[Any]:
        """One step of the ledger, by a server that has settled. With `sends` it leads to a call and needs one that is fit."""
        known = str(self._known) if self._known is not None else ""
        moment = repr(self._at()) if self._at is not None else ""
        ready = self._must_be_open if sends else self._must_be_settled
        answer = await self.link.run(script, (GENERATION, BEAT, *keys), (known, self._highest, moment, *args), ready)
        match answer:
            case [int(beat), *said] if beat >= 0:
                self._highest = max(self._highest, beat)
                return said
            case [-2]:
                if known == str(self._known):
                    await self._lose(_WENT_BACK, known)
                raise StoreUnavailable("the store went back to an earlier state")
            case [-1]:
                raise StoreUnavailable("the store does not remember what this gateway knows")
            case _:
                raise StoreUnavailable("the store gave an unexpected answer")

    async def tick(self) -> tuple[str, str]:
        """Looks at the server's memory; the versions of kill switch and ended sessions."""
        async with self._judging:
            return await self._look()

    async def accept_loss(self) -> bool:
        """An operator's word that calls of before may be made again: begins a new generation for every gateway.

        False when nothing was lost.
        """
        async with self._judging:
            await self._look()
            if self._known is not None and self._lost is None and not self._foreign:
                return False
            found = ((await self.link.command("GET", GENERATION)) or b"").decode()
            older = [one.born for one in (self._known, Generation.of(found)) if one is not None]
            new = Generation.new("accepted", max([int(self._clock.now()), *(born + 1 for born in older)]))
            if not await self._replace(found, str(new), self._mark):
                raise StoreUnavailable("another gateway changed the generation at the same moment; try again")
            self._adopt(new, 0)
            await self._compare()
            return True

    def save(self) -> None:
        """Lets the next process of this state folder remember."""
        if self._known is not None and self._met:
            self._file.write(Witness(self._known, self._highest, self._run or ""))

    async def _look(self) -> tuple[str, str]:
        known, seen = str(self._known) if self._known is not None else "", self._highest
        keys, args = (GENERATION, BEAT, STOPS_VERSION, ENDED_VERSION), [known, seen, 0]

        def ready() -> None:  # only a connection shows that the server is another process now
            args[2] = int(self._settled())

        found, beat, stops, ended, writable = await self.link.run(_BEAT, keys, args, ready)
        self._writable = bool(writable)
        await self._judge(found.decode(), int(beat), seen)
        await self._compare()
        return stops.decode(), ended.decode()

    async def _judge(self, found: str, beat: int, seen: int) -> None:
        """`seen` is the highest beat when the question was put: a step that was answered since may know more."""
        generation = Generation.of(found)
        if self._known is None:
            await self._newcomer(found, generation, beat)
        elif generation == self._known and self._lost is None:
            self._met = True
            if beat < seen:
                await self._lose(_WENT_BACK, found)
            elif self._evicted_some():
                await self._lose("it evicted keys", found)
            else:
                self._highest = max(self._highest, beat)
        elif generation is not None and generation.accepted_after(self._known):
            self._adopt(generation, beat)
        elif found == LOST:
            self._lost = self._lost or "another gateway found that"
        elif generation == self._known:
            await self._lose(self._lost or "", found)  # known already, but the mark was not made
        else:
            await self._lose("it was emptied" if not found else "it is another one", found)

    async def _compare(self) -> None:
        """Once for each memory: gateways with different secrets name the same call differently, and both would send it."""
        known = self._known
        if known is None or known == self._compared:
            return
        found = await self.link.command("GET", SECRET)  # first: a full server can still be read
        found = found or await self.link.command("SET", SECRET, self._mark, "NX", "GET") or self._mark
        self._compared, self._foreign = known, found != self._mark

    async def _newcomer(self, found: str, generation: Generation | None, beat: int) -> None:
        if generation is not None:
            self._adopt(generation, beat)
            return
        if found == LOST:
            self._lost = "another gateway found that"
            return
        now = self._clock.monotonic()
        if self._empty_since is None:
            self._empty_since = now
        elif now - self._empty_since >= SETTLE_S:
            new = Generation.new("first", int(self._clock.now()))
            if await self._replace("", str(new)):
                self._adopt(new, beat)

    async def _lose(self, why: str, found: str) -> None:
        """Quarantine. Where the memory is known here and less than it was, or gone altogether, everybody must know."""
        if self._lost is None:
            _log.error("the store %s lost its memory: %s", self.link.place, why)
        self._lost = why
        if self._met or found in {"", str(self._known)}:
            with suppress(StoreUnavailable):
                await self._replace(found, LOST)

    async def _replace(self, found: str, new: str, mark: bytes = b"") -> bool:
        return bool(await self.link.run(_GENERATION, (GENERATION, SECRET), (found, new, mark)))

    def _adopt(self, generation: Generation, beat: int) -> None:
        self._known, self._highest, self._met, self._lost, self._empty_since = generation, beat, True, None, None
        self._evicted = self.link.server.evicted if self.link.server is not None else 0
        self.save()

    def _evicted_some(self) -> bool:
        return self.link.server is not None and self.link.server.evicted > self._evicted

    def _settled(self) -> bool:
        """A restarted server may have lost its last writes: whoever saw them must find the beat where it stood."""
        server = self.link.server
        if server is not None and server.run != self._run:
            self._evicted = server.evicted if self._run is None else 0
            up_s = server.up_s if self._run is None else 0.0
            self._settles_at = self._clock.monotonic() + max(0.0, SETTLE_S - up_s)
            self._run = server.run
        return self._clock.monotonic() >= self._settles_at

    def _must_be_settled(self) -> None:
        if not self._settled():
            raise StoreUnavailable(_RESTARTED)

    def _must_be_open(self) -> None:
        self._must_be_settled()
        closed = self._closed()
        unfit = self.link.server.unfit if self.link.server is not None else None
        if closed is not None or unfit is not None:
            raise StoreUnavailable(closed or unfit or "")

    def _closed(self) -> str | None:
        if self._lost is not None:
            return (
                f"the store lost its memory ({self._lost}): calls it knew of might be made a second time, so none that leave "
                "traces are sent until an operator accepts that with `sallyport store accept-loss`"
            )
        if self._known is None or self._compared != self._known:
            return "the store is new; it is taken into use in a moment"
        if self._foreign:
            return (
                "the store is kept with another secret, so calls that others sent could be sent again: give every gateway the "
                "same state.secret_file, or let an operator take it over with `sallyport store accept-loss`"
            )
        if not self._writable:
            return "the store cannot be written (memory full, or a read-only replica)"
        if self._clock.monotonic() < self._settles_at:
            return _RESTARTED
        return None
