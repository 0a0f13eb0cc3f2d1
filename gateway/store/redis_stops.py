"""The kill switch's rows in Redis.

Lives only here: one hash, the version that tells other gateways that it changed, and that an emptied server lifts nothing:
what this process knew stays, and is put back when an operator has accepted the loss. Must not know what a stop touches.
Called by the ledger's `Stops` through `homes.StopStore`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from gateway.model.stop import Stop, StopKind
from gateway.store.redis_guard import Guard
from gateway.store.redis_names import CHANNEL, STOPS, STOPS_TOPIC, STOPS_VERSION, Script
from gateway.wire.strict_json import dump, parse

_STOP: Final = Script.of("stop")


class RedisStops:
    """Implements `homes.StopStore`. Raises StoreUnavailable."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._last: dict[tuple[StopKind, str], Stop] = {}

    async def put(self, stop: Stop) -> None:
        await self._change(stop.kind, stop.target, dump(asdict(stop)))
        self._last[stop.kind, stop.target] = stop

    async def lift(self, kind: StopKind, target: str) -> bool:
        lifted = await self._change(kind, target, b"")
        self._last.pop((kind, target), None)
        return lifted

    async def all(self) -> Sequence[Stop]:
        """Oldest first. While the memory is lost, what this process knew as well: a row that is gone was not lifted."""
        rows: list[bytes] = await self._guard.link.command("HVALS", STOPS)
        found = {(stop.kind, stop.target): stop for stop in (Stop(**parse(row)) for row in rows)}
        self._last = self._last | found if self._guard.lost else found
        return sorted(self._last.values(), key=lambda stop: stop.at)

    async def restore(self) -> None:
        """After a loss: puts back what this process knew and the server does not."""
        for stop in tuple(self._last.values()):
            await self.put(stop)

    async def _change(self, kind: StopKind, target: str, row: bytes) -> bool:
        keys = (STOPS, STOPS_VERSION)
        return bool(await self._guard.link.run(_STOP, keys, (f"{kind}:{target}", row, CHANNEL, STOPS_TOPIC)))
