"""Every home of the ledger's records with what a test needs beside it: a clock, a journal, and a hand that spoils rows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis_kit

from gateway.homes import ClaimStore
from gateway.model.claim import Claim, Doubted, Kept, Won
from gateway.model.work import Work
from gateway.store.ledger_sqlite import SCHEMA, SqliteClaims
from gateway.store.redis_names import key
from gateway.store.writer import GroupWriter

RECORD, OTHER, ALSO = b"r" * 32, b"o" * 32, b"a" * 32
LEASE_S = 30.0


@dataclass
class ListJournal:
    entries: list[Mapping[str, Any]] = field(default_factory=list)
    broken: bool = False
    unsynced: bool = False

    def append(self, entries: Any) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        for entry in entries:  # what a shared store adds is its own matter
            self.entries.append({name: fact for name, fact in entry.items() if name != "memory"})

    def sync(self) -> None:
        if self.unsynced:
            raise OSError(5, "Input/output error")


@dataclass
class Home:
    """One implementation with what a test needs beside it."""

    store: ClaimStore
    clock: redis_kit.Ticking
    journal: ListJournal
    commit: Callable[[], Any]
    """Makes the store commit something unrelated, for what rides along."""
    told: Callable[[], Any]
    """Returns when what nobody waits for has reached the store, as far as it goes there by itself."""
    shared: bool
    """By several processes: intents are written while the store decides, so that one of a call that did not depart may
    stand in the journal; and what a dead process left is told by its lease, not by a recovery."""
    spoil: Callable[..., Awaitable[None]]
    """Writes facts into the row of a record, past the store; None takes one away."""

    async def doubts(self) -> list[Doubted]:
        return list(await self.store.doubts())


async def _sqlite(path: Path) -> AsyncIterator[Home]:
    clock, journal = redis_kit.Ticking(), ListJournal()
    writer = GroupWriter(path / "ledger.db", journal, reached=lambda _: None, schema=SCHEMA)
    store = SqliteClaims(writer, clock, b"secret" * 6, lambda _: None)

    async def spoil(record: bytes, **facts: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in facts)
        statement = f"UPDATE claims SET {names} WHERE record = ?"
        await writer.submit(Work(lambda db: db.execute(statement, (*facts.values(), record)), durable=True))

    def commit() -> Awaitable[Any]:
        return store.claim(claim(record=b"unrelated"), None)

    yield Home(store, clock, journal, commit, _nothing, shared=False, spoil=spoil)
    await writer.close()


async def _redis(path: Path) -> AsyncIterator[Home]:
    clock, journal = redis_kit.Ticking(), ListJournal()
    writer = GroupWriter(path / "ledger.db", journal, reached=lambda _: None, schema=())
    async with redis_kit.opened(path, clock, writer) as gateway:

        async def spoil(record: bytes, **facts: Any) -> None:
            for name, fact in facts.items():
                row = key("claim", record.hex())
                await gateway.link.command(*(("HDEL", row, name) if fact is None else ("HSET", row, name, fact)))

        yield Home(gateway.claims, clock, journal, gateway.told, gateway.told, shared=True, spoil=spoil)
    await writer.close()


async def _nothing() -> None:
    pass


HOMES = {"sqlite": _sqlite, "redis": _redis}


def claim(call_id: str = "call-1", record: bytes = RECORD, fingerprint: bytes = b"f" * 32, **more: Any) -> Claim:
    return Claim(record, fingerprint, call_id, "owner", LEASE_S, **more)


def entry(name: str) -> Callable[[], Mapping[str, Any]]:
    return lambda: {"name": name}


def kept(text: bytes = b'{"content":[]}', call_id: str = "call-1") -> Kept:
    return Kept("result", text, "0" * 64, len(text), is_error=False, call_id=call_id, at=1.5)


async def won(home: Home, asked: Claim, *, departing: bool) -> int:
    answer = await home.store.claim(asked, entry("intent") if departing else None)
    assert isinstance(answer, Won)
    assert answer.departed is departing
    return answer.token
