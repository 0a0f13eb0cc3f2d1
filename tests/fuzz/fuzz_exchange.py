"""One HTTP exchange with the agent plane in this process: what is sent, whether the caller is still there, what came back."""

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

from fuzz_oracle import Unsound, events, shows_nothing, sound
from fuzz_shots import Shot


class Exchange:
    """A shot on its way. `arrived` counts what came to the upstream because of it."""

    def __init__(self, shot: Shot, seed: int, number: int, sessions: dict[str, str]) -> None:
        self.shot, self.seed, self.number = shot, seed, number
        self.sessions = dict(sessions)
        """Whose each session was when this was sent."""
        self.arrived = 0
        self.call_id: str | None = None
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.done = False
        self.told = asyncio.Event()
        self._gone = asyncio.Event()
        middle = len(shot.body) // 2
        self._parts = [shot.body] if number % 3 else [shot.body[:middle], shot.body[middle:]]
        self.task: asyncio.Task[Any] | None = None
        if shot.leaves:
            self.leave()

    @property
    def scope(self) -> dict[str, Any]:
        raw = self.shot.target.encode()
        return {
            "type": "http",
            "method": self.shot.method,
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
            "raw_path": raw,
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.1", 4711),
            "headers": [(name.encode(), value) for name, value in self.shot.lines],
        }

    def leave(self) -> None:
        """The caller closes its connection."""
        self._gone.set()

    async def receive(self) -> dict[str, Any]:
        if self._parts:
            return {"type": "http.request", "body": self._parts.pop(0), "more_body": bool(self._parts)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await asyncio.sleep(0)
        if self._gone.is_set() and self.shot.leaves:
            return  # as uvicorn does
        if message["type"] == "http.response.start":
            if self.status:
                raise Unsound("two heads")
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        elif not self.status or self.done:
            raise Unsound("a body without a head, or after its end")
        else:
            self.body += message["body"]
            self.done = not message["more_body"]
        self.told.set()

    @property
    def streams(self) -> bool:
        return self.headers.get("content-type") == "text/event-stream"

    def so_far(self) -> list[Any]:
        """Messages of a stream that goes on."""
        return events(self.body) if self.streams else []

    def judged(self, leaks: tuple[bytes, ...]) -> list[Any]:
        """The messages, once it is over. Raises Unsound."""
        if self._gone.is_set() and not self.done:
            return self.so_far()
        if not self.done:
            raise Unsound(f"no answer: {self.status} {self.body[:300]!r}")
        shows_nothing(repr(self.headers).encode() + self.body, leaks)
        kind = self.headers.get("content-type", "")
        plain = "application/problem+json" if self.shot.target.startswith("/http/") else "application/json"
        if kind not in ("application/json", plain, "text/event-stream", ""):
            raise Unsound(f"an answer of {kind}")
        announced = self.headers.get("content-length")
        if announced is not None and self.shot.method != "HEAD" and int(announced) != len(self.body):
            raise Unsound(f"{announced} bytes announced, {len(self.body)} sent")
        return sound(self.shot, self.status, kind, self.body)
