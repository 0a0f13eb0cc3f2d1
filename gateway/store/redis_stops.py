"""The kill switch's rows in Redis.

Lives only here: one hash, the version that tells other gateways that it changed, that an emptied server lifts nothing (what
this process knew stays, and is put back when an operator has accepted the loss), and that a row nobody can read stops what
it is named after. Must not know what a stop touches.
Called by the ledger's `Stops` through `homes.StopStore`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, cast

from gateway.model.stop import STRICTNESS, Stop, StopKind
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
        self._last[stop.name] = stop

    async def lift(self, kind: StopKind, target: str) -> bool:
        lifted = await self._change(kind, target, b"")
        self._last.pop((kind, target), None)
        return lifted

    async def all(self) -> Sequence[Stop]:
        """Oldest first. While the memory is lost, what this process knew as well: a row that is gone was not lifted."""
        rows: list[bytes] = await self._guard.link.command("HGETALL", STOPS)  # name, row, name, row …
        named = zip(rows[::2], rows[1::2], strict=True)
        found = {stop.name: stop for stop in (_stop(name.decode(), row) for name, row in named)}
        self._last = self._last | found if self._guard.lost else found
        return sorted(self._last.values(), key=lambda stop: stop.at)

    async def restore(self) -> None:
        """After a loss: puts back what this process knew and the server does not."""
        for stop in tuple(self._last.values()):
            await self.put(stop)

    async def _change(self, kind: StopKind, target: str, row: bytes) -> bool:
        keys = (STOPS, STOPS_VERSION)
        return bool(await self._guard.link.run(_STOP, keys, (f"{kind}:{target}", row, CHANNEL, STOPS_TOPIC)))


def _stop(name: str, row: bytes) -> Stop:
    """Rows of before there were modes have none."""
    try:
        stop = Stop(**parse(row))
        if f"{stop.kind}:{stop.target}" == name and stop.mode in STRICTNESS and isinstance(stop.at, int | float):
            return stop
    except (ValueError, TypeError):
        pass
    kind, _, target = name.partition(":")
    return Stop(
        cast(StopKind, kind), target, "its row in the store cannot be read; lift it and stop it anew", "store", 0.0
    )
