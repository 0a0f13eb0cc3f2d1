"""The same machine as in `test_ledger_machine.py` over a real Valkey server, whose clock is the machine's."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import redis_kit
from hypothesis import settings
from hypothesis.stateful import initialize
from test_ledger_machine import FakeClock, LedgerMachine

from gateway.model.claim import Claim


class RedisLedgerMachine(LedgerMachine):
    @initialize()
    def open(self) -> None:
        self.loop, self.clock, self.life, self.calls, self.truth = asyncio.new_event_loop(), FakeClock(), 0, 0, {}
        self.folder = tempfile.TemporaryDirectory()
        server, writer = redis_kit.shared(), redis_kit.Writing()
        self.run(redis_kit.emptied(server))
        self.gateway = redis_kit.gateway(server, Path(self.folder.name), self.clock, writer, at=self.clock.now)
        self.run(self.gateway.guard.tick())
        self.store = self.gateway.claims

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.run(self.gateway.close())
            self.loop.close()
            self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def delivered(self, claim: Claim, token: int, keep_s: float) -> None:
        async def told() -> None:
            self.store.delivered(claim, token, keep_s)
            await self.gateway.told()

        self.run(told())


RedisLedgerMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestRedisLedgerMachine = RedisLedgerMachine.TestCase
