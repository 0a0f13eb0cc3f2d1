"""A client of legacy sessions that keeps its streams open and reads their events, for the listener's tests."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from listener_kit import ALICE, Exchange, FakeRoad, Lines, scope, send

from gateway.listener.legacy_table import Held
from gateway.listener.plane import AgentPlane
from gateway.listener.sessions import Session
from gateway.model.call import Asked, Reply
from gateway.model.dialogue import PROGRESS
from gateway.model.principal import Principal
from gateway.wire import jsonrpc, sse

ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
FORM = {"message": "Which one?", "requestedSchema": {"type": "object", "properties": {}}}


@dataclass
class Stream:
    """One request whose response is still read."""

    exchange: Exchange
    task: asyncio.Task[None]

    @property
    def events(self) -> list[sse.Event]:
        return sse.Parser(1_000_000).feed(self.exchange.body)

    @property
    def messages(self) -> list[Any]:
        return [json.loads(event.data) for event in self.events if event.data]

    @property
    def said(self) -> list[Any]:
        """In short: steps of progress, methods of everything else, ids of answers."""
        return [
            m["params"]["progress"] if m.get("method") == PROGRESS else m.get("method", m.get("id"))
            for m in self.messages
        ]

    async def message(self, number: int) -> Any:
        """Waits for a message, counted from 0."""
        await until(lambda: len(self.messages) > number)
        return self.messages[number]

    async def begun(self) -> None:
        async with asyncio.timeout(5):
            await self.exchange.started.wait()

    async def end(self) -> None:
        async with asyncio.timeout(5):
            await self.task

    async def break_off(self) -> None:
        """The client's connection is lost, and the gateway has noticed."""
        self.exchange.gone.set()
        for _ in range(5):
            await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0)


def begin(app: AgentPlane, body: Any, lines: Lines, method: str = "POST") -> Stream:
    exchange = Exchange([json.dumps(body).encode()] if method == "POST" else [])
    return Stream(exchange, asyncio.ensure_future(app(scope(lines, method), exchange.receive, exchange.send)))


def events(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*lines, ("accept", "application/json, text/event-stream")]


def call(number: Any = 3, method: str = "tools/call", **params: Any) -> dict[str, Any]:
    return jsonrpc.request(number, method, {"name": "helpdesk_echo", "arguments": {}, **params})


def opened(app: AgentPlane, lines: list[tuple[str, str]], principal: Principal = ALICE) -> Session:
    """The session that these lines name."""
    return app._legacy.session(lines[-1][1], principal)


def held(app: AgentPlane, lines: list[tuple[str, str]], principal: Principal = ALICE) -> Held | None:
    """What is kept of the session that these lines name."""
    return app._legacy._table.find(opened(app, lines, principal))


async def respond(app: AgentPlane, lines: Lines, number: Any, result: Mapping[str, Any]) -> None:
    answer = await send(app, jsonrpc.result(number, result), lines)
    assert answer.status == 202


async def listen(app: AgentPlane, lines: list[tuple[str, str]], seen: str | None = None) -> Stream:
    """A GET stream that has begun."""
    stream = begin(app, None, lines if seen is None else [*lines, ("last-event-id", seen)], "GET")
    await stream.begun()
    return stream


def asking(method: str = "elicitation/create", params: Mapping[str, Any] = FORM) -> FakeRoad:
    """A road on which every call asks, and answers with what it was told."""

    async def walk(asked: Asked) -> Reply:
        answer = await asked.dialogue.ask(method, params)
        return Reply({"content": [{"type": "text", "text": json.dumps(answer)}]})

    return FakeRoad(walk=walk)


def walking(walk: Callable[[Asked], Awaitable[Any]]) -> FakeRoad:
    """A road whose calls do this, and then are answered."""

    async def whole(asked: Asked) -> Reply:
        await walk(asked)
        return Reply({"content": []})

    return FakeRoad(walk=whole)
