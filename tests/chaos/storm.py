"""The storm: agents that duplicate and repeat, while gateways die; then peace, and every open question asked once more."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.agents import Agents
from tests.chaos.books import Blow
from tests.chaos.field import Field
from tests.chaos.havoc import Havoc
from tests.chaos.plan import Operation
from tests.chaos.told import Told
from tests.chaos.weather import Weather, now

AT_ONCE = 24
ATTEMPTS = 60
PATIENCE_S = 5.0
CLOSED_WITHIN_S = 30


@dataclass
class Log:
    """What the storm leaves for the checker, beside ground truth and journals."""

    told: list[Told] = field(default_factory=list)
    blows: list[Blow] = field(default_factory=list)
    began: float = 0.0
    over: float = 0.0
    """When the havoc ended."""
    closed_after_s: float = 0.0
    """How long after it the last intent of the storm was closed; infinite if one never was."""


class Storm:
    """Drives the operations of a plan over a field."""

    def __init__(self, ground: Field, plan: Sequence[Operation], seed: int, weather: Weather, havoc: Havoc) -> None:
        self._field, self._plan, self._weather, self._havoc = ground, plan, weather, havoc
        self._draw = random.Random(f"storm {seed}")
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._of: dict[str, list[Told]] = {one.name: [] for one in plan}
        self.log = Log()

    async def rage(self) -> Log:
        agents = Agents([gateway.url for gateway in self._field.gateways], self._field.tokens)
        over, log = asyncio.Event(), self.log
        log.began = now()
        havoc = asyncio.ensure_future(self._havoc.run(over))
        storm = asyncio.gather(*(self._operation(agents, one, place) for place, one in enumerate(self._plan)))
        await asyncio.wait((havoc, storm), return_when=asyncio.FIRST_COMPLETED)  # havoc ends first only by failing
        over.set()
        await havoc
        await storm
        log.over, log.blows = now(), self._havoc.blows
        await asyncio.to_thread(self._field.calm)
        await self._field.ready()
        await self._closed()
        await self._settled(agents)
        await agents.close()
        return log

    async def _closed(self) -> None:
        """Waits until every intent of the storm has its end, no longer than it may take."""
        books, log = self._field.books(), self.log
        while True:
            await asyncio.to_thread(books.read)
            log.closed_after_s = now() - log.over
            if not books.open(log.over):
                return
            if log.closed_after_s > CLOSED_WITHIN_S:
                log.closed_after_s = float("inf")
                return
            await asyncio.sleep(0.5)

    async def _settled(self, agents: Agents) -> None:
        """Asks again, in peace, about every operation nobody was told the end of."""
        left = [one for one in self._plan if not over(self._of[one.name])]
        if any(one.tool == "pay_probed" for one in left):
            await asyncio.sleep(max(0.0, self.log.over + self._weather.settles_s + 1 - now()))
        await asyncio.gather(*(self._copy(agents, one, 0, obeys=True) for one in left))

    async def _operation(self, agents: Agents, one: Operation, place: int) -> None:
        await asyncio.sleep(place / self._weather.rate)
        async with self._gate:
            await asyncio.gather(*(self._copy(agents, one, number) for number in range(one.copies)))
            strong = one.source != "derived" or one.tool not in {"note", "put"}
            luck = self._draw.random()
            if strong and luck < 0.06:  # a bridge that sends once more although the answer was there
                await self._attempt(agents, one)
            elif one.source != "derived" and luck < 0.1 and self._answered(one):
                await self._attempt(agents, one, mismatched=True)

    def _answered(self, one: Operation) -> bool:
        return any(told.said == "success" for told in self._of[one.name])

    async def _copy(self, agents: Agents, one: Operation, number: int, *, obeys: bool = False) -> None:
        """One dispatch of the operation, repeated until somebody says how it ended."""
        await asyncio.sleep(number * self._draw.uniform(0.002, 0.004))
        first = self._draw.randrange(len(self._field.gateways))
        doubted = 0
        for attempt in range(ATTEMPTS):
            told = await self._attempt(agents, one, (first + number + attempt) % len(self._field.gateways), obeys=obeys)
            if told.final and told.executed != "unknown":
                return
            if told.executed == "unknown" and told.retry == "never":
                doubted += 1
                if obeys or doubted > 1 or self._draw.random() < 0.6:
                    return
            pause_s = told.retry_after_ms / 1000 if told.retry_after_ms else self._draw.uniform(0.05, 0.3)
            await asyncio.sleep(min(pause_s, 1.0))

    async def _attempt(
        self,
        agents: Agents,
        one: Operation,
        gateway: int | None = None,
        *,
        obeys: bool = False,
        mismatched: bool = False,
    ) -> Told:
        where = self._draw.randrange(len(self._field.gateways)) if gateway is None else gateway
        hasty = not obeys and self._draw.random() < 0.06
        patience_s = self._draw.uniform(0.005, 0.2) if hasty else PATIENCE_S if not obeys else 30.0
        era = self._draw.choice(("modern", "legacy"))
        told = await agents.ask(one, self._draw.choice(one.people), where, era, patience_s, mismatched=mismatched)
        self.log.told.append(told)
        self._of[one.name].append(told)
        return told


def over(told: Sequence[Told]) -> bool:
    """Nothing is left to ask: somebody has the answer, or everybody was told that nothing was done."""
    return any(one.said == "success" for one in told) or all(one.executed == "no" and one.final for one in told)
