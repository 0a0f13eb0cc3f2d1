"""The kill switch: what is stopped, in memory for every call, in the store for the next start.

Lives only here: which rows are in force, and the order memory → store. A stop acts before it is durable, because an
operator who stops something must not wait for a disk; it is lifted or loosened only after the store knows. Must not know
calls in flight: those who wait listen to `changed`, those who carry reads hear `on_change`. Asked by the room at admission
and again right before a departure; set by the operator plane, by trips, and by the stop file, which needs no store.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gateway.homes import StopStore
from gateway.ledger.barring import barred, names
from gateway.ledger.staleness import Staleness
from gateway.model.principal import Principal
from gateway.model.refusal import Refusal, Refused
from gateway.model.stop import STRICTNESS, Stop, StopKind
from gateway.model.tool import Tool

Name = tuple[StopKind, str]


class Stops:
    """The rows of the kill switch in force."""

    def __init__(self, store: StopStore, staleness: Staleness | None = None) -> None:
        """Without `staleness` the store is this process's own, and what is known of it never too old."""
        self._store = store
        self._staleness = staleness
        self._rows: dict[Name, Stop] = {}
        self._unsaved: dict[Name, Stop] = {}
        """Stops in force that the store does not know yet: reading it must not lift them."""
        self._pulled: Stop | None = None
        """What the stop file says; the store knows nothing of it."""
        self._in_step = asyncio.Lock()
        """Held while the store is read or written: rows that were read before a change must not undo it."""
        self._changed: asyncio.Future[None] | None = None
        self.on_change: Callable[[], None] | None = None
        """Called at once when something is stopped, or stopped further."""

    async def load(self) -> None:
        """Reads the rows of the store: at start, and when another process changed them or the store was away.

        What was stopped without the store is saved then, for others to hear of it. Raises StoreUnavailable.
        """
        async with self._in_step:
            stored = {stop.name: stop for stop in await self._store.all()}
            unsaved = {name: stop for name, stop in self._unsaved.items() if _further(stop, stored.get(name))}
            before, self._rows, self._unsaved = self._rows, stored | unsaved, unsaved
            if _tightened(before, self._rows):
                self._tell()
            for stop in tuple(unsaved.values()):
                await self._save(stop)

    def check(self, principal: Principal, tool: Tool) -> None:
        """At admission and right before a departure. Raises Refused: stopped, paused, store-unavailable."""
        refusal = self._barred(principal, tool, waiting=False)
        if refusal is None and self._staleness is not None:
            refusal = self._staleness.bars(tool)
        if refusal is not None:
            raise Refused.of(refusal)

    def still(self, principal: Principal, tool: Tool) -> None:
        """While a call waits for a person or a twin. Raises Refused: stopped."""
        if (refusal := self.ended(principal, tool)) is not None:
            raise Refused.of(refusal)

    def ended(self, principal: Principal, tool: Tool) -> Refusal | None:
        """Why a call that waits, or a read that was sent already, must not go on."""
        return self._barred(principal, tool, waiting=True)

    def must_match(self, kind: StopKind, target: str) -> None:
        """Raises ValueError. A stop that matches nothing is worse than none: somebody believes in it."""
        if kind == "all":
            if target:
                raise ValueError("`all` takes no target")
        elif not target or target.startswith(f"{kind}:"):
            raise ValueError(f"name the {kind} by its id, without `{kind}:`")
        elif kind == "tool" and "/" not in target:
            raise ValueError("name the tool by its canonical id, `upstream/tool`")

    async def stop(self, stop: Stop) -> None:
        """Stops at once, or changes the mode of a stop. Raises ValueError for a target that could never match.

        Raises StoreUnavailable when the stop, in force already, would not survive a restart.
        """
        self.must_match(stop.kind, stop.target)
        if _looser(stop, self._rows.get(stop.name)):
            await self._loosen(stop)
        else:
            await self._put(stop)

    async def tighten(self, stop: Stop) -> None:
        """As `stop`, of what was seen to call; what goes as far already stays, for no machine undoes what a person did."""
        if _further(stop, self._rows.get(stop.name)):
            await self._put(stop)

    async def _put(self, stop: Stop) -> None:
        self._rows[stop.name] = self._unsaved[stop.name] = stop
        self._tell()
        async with self._in_step:
            await self._save(stop)

    async def _save(self, stop: Stop) -> None:
        await self._store.put(stop)
        if self._unsaved.get(stop.name) is stop:
            del self._unsaved[stop.name]

    async def _loosen(self, stop: Stop) -> None:
        async with self._in_step:
            meant = self._rows.get(stop.name)
            await self._store.put(stop)
            if self._rows.get(stop.name) is meant:  # a stop that came meanwhile is another one
                self._rows[stop.name] = stop
                self._unsaved.pop(stop.name, None)

    async def lift(self, kind: StopKind, target: str) -> bool:
        """False when it was not stopped. Raises StoreUnavailable; then the stop stays."""
        name = kind, target
        async with self._in_step:
            meant = self._rows.get(name)
            lifted = await self._store.lift(kind, target)
            if self._rows.get(name) is meant:  # as in `_loosen`
                self._rows.pop(name, None)
                self._unsaved.pop(name, None)
            return lifted or meant is not None

    def pull(self, pulled: Stop | None) -> None:
        """Says what the stop file says; None: there is none."""
        before, self._pulled = self._pulled, pulled
        if before is None and pulled is not None:
            self._tell()

    def stops(self) -> Sequence[Stop]:
        """All rows, oldest first."""
        pulled = () if self._pulled is None else (self._pulled,)
        return sorted((*self._rows.values(), *pulled), key=lambda stop: stop.at)

    def row(self, kind: StopKind, target: str) -> Stop | None:
        """The row of exactly this target."""
        return self._rows.get((kind, target))

    @property
    def changed(self) -> asyncio.Future[None]:
        """Done at the next stop; ask again for the one after it."""
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def _barred(self, principal: Principal, tool: Tool, *, waiting: bool) -> Refusal | None:
        if self._pulled is None and not self._rows:
            return None
        touching = [stop for name in names(principal, tool) if (stop := self._rows.get(name)) is not None]
        if self._pulled is not None:
            touching.append(self._pulled)
        return barred(touching, tool, waiting=waiting)

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None
        if self.on_change is not None:
            self.on_change()


def _looser(stop: Stop, before: Stop | None) -> bool:
    return before is not None and STRICTNESS[stop.mode] < STRICTNESS[before.mode]


def _further(stop: Stop, before: Stop | None) -> bool:
    return before is None or _looser(before, stop)


def _tightened(before: Mapping[Name, Stop], after: Mapping[Name, Stop]) -> bool:
    return any(_further(stop, before.get(name)) for name, stop in after.items())
