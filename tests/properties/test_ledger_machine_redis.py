"""The same machine as in `test_ledger_machine.py` over a real Valkey server, whose clock is the machine's."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import redis_kit
from hypothesis import settings
from hypothesis.stateful import initialize
from ledger_book import Attempt, Book, Times
from test_ledger_machine import BookClock, LedgerMachine


class RedisLedgerMachine(LedgerMachine):
    @initialize()
    def open(self) -> None:
        self.loop, self.times, self.calls = asyncio.new_event_loop(), Times(one_clock=True), 0
        self.book, self.folder = Book(self.times), tempfile.TemporaryDirectory()
        server, writer = redis_kit.shared(), redis_kit.Writing()
        clock = BookClock(self.times)
        self.run(redis_kit.emptied(server))
        self.gateway = redis_kit.gateway(server, Path(self.folder.name), clock, writer, at=clock.now)
        self.run(self.gateway.guard.tick())
        self.store = self.gateway.claims

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.run(self.gateway.close())
            self.loop.close()
            self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def delivered(self, attempt: Attempt, keep_s: float) -> None:
        async def told() -> None:
            self.store.delivered(attempt.claim, attempt.token, keep_s)
            await self.gateway.told()

        self.run(told())


RedisLedgerMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestRedisLedgerMachine = RedisLedgerMachine.TestCase
