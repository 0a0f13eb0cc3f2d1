"""The kill switch survives a restart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.model.stop import Stop
from gateway.store.stops_sqlite import SCHEMA, SqliteStops
from gateway.store.writer import GroupWriter

EVERYTHING = Stop("all", "", "fire drill", "ops", 1.5)
BOT = Stop("agent", "support-bot", "sends nonsense", "ops", 2.5)


class NoJournal:
    def append(self, entries: Any) -> None:
        raise AssertionError("the kill switch writes no entries of its own")

    def sync(self) -> None:
        pass


async def test_what_was_put_is_there_after_a_restart_and_gone_once_lifted(tmp_path: Path) -> None:
    def writer() -> GroupWriter:
        return GroupWriter(tmp_path / "ledger.db", NoJournal(), reached=lambda _: None, schema=SCHEMA)

    first = writer()
    await SqliteStops(first).put(BOT)
    await SqliteStops(first).put(EVERYTHING)
    await SqliteStops(first).put(BOT)
    await first.close()
    second = writer()
    stops = SqliteStops(second)
    assert await stops.all() == [EVERYTHING, BOT]
    assert await stops.lift("agent", "support-bot")
    assert not await stops.lift("agent", "support-bot")
    assert await stops.all() == [EVERYTHING]
    await second.close()


async def test_modes_are_kept_and_a_row_can_change_its_own(tmp_path: Path) -> None:
    writer = GroupWriter(tmp_path / "ledger.db", NoJournal(), reached=lambda _: None, schema=SCHEMA)
    stops = SqliteStops(writer)
    await stops.put(replace(BOT, mode="pause"))
    await stops.put(replace(BOT, mode="read-only", why="slower"))
    assert await stops.all() == [replace(BOT, mode="read-only", why="slower")]
    await writer.close()
