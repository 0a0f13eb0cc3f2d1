"""The kill switch: what is stopped, in memory for every call, in the store for the next start.

Lives only here: which rows touch a call, and the order memory → store. A stop acts before it is durable, because an
operator who stops something must not wait for a disk; it is lifted only after the store forgot it. Must not know calls
in flight: those who wait listen to `changed`. Asked by the room at admission and again right before a departure; set by
the operator plane.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.homes import StopStore
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.stop import Stop, StopKind
from gateway.model.tool import Tool


class Stops:
    """The rows of the kill switch in force."""

    def __init__(self, store: StopStore) -> None:
        self._store = store
        self._rows: dict[tuple[StopKind, str], Stop] = {}
        self._unsaved: dict[tuple[StopKind, str], Stop] = {}
        """Stops in force that the store does not know yet: reading it must not lift them."""
        self._in_step = asyncio.Lock()
        """Held while the store is read or written: rows that were read before a change must not undo it."""
        self._changed: asyncio.Future[None] | None = None

    async def load(self) -> None:
        """Reads the rows of the store: at start, and when another process changed them. Raises StoreUnavailable."""
        async with self._in_step:
            stored = {(stop.kind, stop.target): stop for stop in await self._store.all()}
            before, self._rows = self._rows, stored | self._unsaved
        if self._rows.keys() - before.keys():
            self._tell()

    def check(self, principal: Principal, tool: Tool) -> None:
        """Raises Refused: stopped."""
        if not self._rows:
            return
        names: list[tuple[StopKind, str]] = [
            ("all", ""),
            ("tenant", principal.tenant),
            ("agent", principal.agent),
            ("tool", tool.id),
            ("upstream", tool.upstream),
        ]
        if principal.user is not None:
            names.append(("user", principal.user))
        for name in names:
            if (stop := self._rows.get(name)) is not None:
                raise Refused(Reason.STOPPED, _told(stop))

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
        """Stops at once. Raises ValueError for a target that could never match.

        Raises StoreUnavailable when the stop, in force already, would not survive a restart.
        """
        self.must_match(stop.kind, stop.target)
        name = stop.kind, stop.target
        self._rows[name] = self._unsaved[name] = stop
        self._tell()
        async with self._in_step:
            await self._store.put(stop)
            if self._unsaved.get(name) is stop:
                del self._unsaved[name]

    async def lift(self, kind: StopKind, target: str) -> bool:
        """False when it was not stopped. Raises StoreUnavailable; then the stop stays."""
        async with self._in_step:
            lifted = await self._store.lift(kind, target)
            self._unsaved.pop((kind, target), None)
            return self._rows.pop((kind, target), None) is not None or lifted

    def stops(self) -> Sequence[Stop]:
        """All rows, oldest first."""
        return sorted(self._rows.values(), key=lambda stop: stop.at)

    @property
    def changed(self) -> asyncio.Future[None]:
        """Done at the next stop; ask again for the one after it."""
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None


def _told(stop: Stop) -> str:
    what = "Everything" if stop.kind == "all" else f"{stop.kind.capitalize()} {stop.target}"
    since = datetime.fromtimestamp(stop.at, UTC).isoformat(timespec="seconds")
    return f"{what} is stopped by an operator since {since}: {stop.why}"
