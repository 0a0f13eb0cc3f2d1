"""Who dies, who stands still and who is slow, drawn from the seed; every blow with its time, so that a doubt can be judged."""

import asyncio
import contextlib
import os
import random
import signal

import redis

from tests.chaos.books import STORE, Blow, What
from tests.chaos.field import Field, redis_kit
from tests.chaos.weather import Weather, now


class Havoc:
    """Deals one blow after another until it is told to stop."""

    def __init__(self, field: Field, seed: int, weather: Weather, *, gently: bool) -> None:
        self._field = field
        self._draw = random.Random(f"havoc {seed}")
        self._gently = gently
        self._weather = weather
        self._paused: set[int] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self.blows: list[Blow] = []

    async def run(self, over: asyncio.Event) -> None:
        """Leaves everybody alive."""
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), self._draw.uniform(*self._weather.every_s))
                break
            await self._blow()
        if self._under_way:
            await asyncio.wait(self._under_way)
        for done in self._under_way:
            done.result()

    async def _blow(self) -> None:
        luck = self._draw.random()
        standing = [number for number in range(len(self._field.gateways)) if number not in self._paused]
        if self._field.valkey is not None and luck < 0.1 and not self._gently:
            await self._store()
        elif standing:
            victim = self._draw.choice(standing)
            if luck < 0.3 and not self._gently:
                pause = asyncio.ensure_future(self._pause(victim, self._draw.uniform(1, self._weather.longest_pause_s)))
                self._under_way.add(pause)
                self._paused.add(victim)
            else:
                await self._kill(victim)

    async def _kill(self, victim: int) -> None:
        gateway, began = self._field.gateways[victim], now()
        how = signal.SIGTERM if self._gently else signal.SIGKILL
        code = await asyncio.to_thread(gateway.stop, how)
        self.blows.append(Blow(victim, "term" if self._gently else "kill", began, now()))
        assert code == (0 if self._gently else -signal.SIGKILL), f"gateway {victim} ended by itself with {code}"
        await asyncio.to_thread(gateway.start)

    async def _pause(self, victim: int, seconds: float) -> None:
        process = self._field.gateways[victim].process
        assert process is not None
        began = now()
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(process.pid, signal.SIGCONT)
        self.blows.append(Blow(victim, "pause", began, now()))
        self._paused.discard(victim)

    async def _store(self) -> None:
        valkey = self._field.valkey
        assert valkey is not None
        began, seconds = now(), self._draw.uniform(0.2, 2)
        what: What = "store-pause" if self._draw.random() < 0.5 else "store-stop"
        if what == "store-pause":
            await asyncio.to_thread(_client_pause, valkey.port, seconds)
            await asyncio.sleep(seconds)
        else:
            pid = redis_kit.pid(valkey)
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
        self.blows.append(Blow(STORE, what, began, now()))


def _client_pause(port: int, seconds: float) -> None:
    with redis.Redis(port=port) as client:
        client.client_pause(int(seconds * 1000))
