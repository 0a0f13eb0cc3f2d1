"""Callers that hear and answer, and servers that speak while a call runs."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from upstream_kit import EraServer, reply, result

from gateway.model.dialogue import Unanswered

FORM = {"elicitation": {"form": {}}}
SSE = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


class Caller:
    """Implements Dialogue; answers with what it was given, or raises it."""

    def __init__(self, answer: Any = None, **facts: Any) -> None:
        self.session: bytes | None = facts.get("session")
        self.capabilities: Mapping[str, Any] = facts.get("capabilities", {})
        self.log_level = facts.get("log_level")
        self.progress_token = facts.get("progress_token")
        self.stateless: bool = facts.get("stateless", False)
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.answering = asyncio.Event()
        self.cancelled = asyncio.Event()
        self._answer = answer

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        self.told.append((method, params))

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((method, params))
        self.answering.set()
        try:
            answer = self._answer(method, params) if callable(self._answer) else self._answer
            if asyncio.iscoroutine(answer):
                answer = await answer
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if isinstance(answer, Unanswered):
            raise answer
        return answer


def event(message: Any, **fields: str) -> bytes:
    lines = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return f"{lines}data: {json.dumps(message) if message != '' else ''}\n\n".encode()


def note(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}


def question(own: Any = "q", method: str = "elicitation/create", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": own, "method": method, "params": params}


class Talker:
    """A legacy server with sessions whose tools speak on the stream of their call, as `say` does.

    `say` is an async generator over what it sends: a message, or bytes. What the client posts back is in `answers`.
    """

    def __init__(self, say: Callable[[Any, "Talker"], Any], capabilities: Mapping[str, Any] | None = None) -> None:
        self.sessions = EraServer("legacy")
        self.say = say
        self.capabilities = capabilities or {}
        self.opened: list[Mapping[str, Any]] = []
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.streams: dict[str, asyncio.StreamWriter] = {}
        self.listening = asyncio.Event()

    async def __call__(self, seen, writer) -> None:
        if seen.head.startswith("GET"):
            writer.write(SSE)
            await writer.drain()
            self.streams[seen.headers["mcp-session-id"]] = writer
            self.listening.set()
            await writer.wait_closed()
        elif seen.method == "tools/call":
            writer.write(SSE)
            async for said in self.say(seen, self):
                writer.write(said if isinstance(said, bytes) else event(said))
                await writer.drain()
            writer.write(event(result(seen)))
            await writer.drain()
            writer.close()
        elif isinstance(seen.message, dict) and "method" not in seen.message:
            self.answers.put_nowait(seen.message)
            writer.write(reply(202))
        elif seen.method == "initialize":
            self.opened.append(seen.message["params"])
            self.sessions.sessions += 1
            own = f"s{self.sessions.sessions}"
            self.sessions.known.add(own)
            said = {"protocolVersion": "2025-11-25", "capabilities": self.capabilities, "serverInfo": {}}
            writer.write(reply(200, result(seen, said), mcp_session_id=own))
        elif seen.method and not seen.method.startswith("notifications/"):
            writer.write(reply(200, result(seen, {})))
        else:
            await self.sessions(seen, writer)

    async def answer(self) -> Any:
        return await asyncio.wait_for(self.answers.get(), 5)
