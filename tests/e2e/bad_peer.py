"""An upstream that does what a test tells it to: a raw socket, a thread for each connection, a record of all it saw."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PAY = {
    "type": "object",
    "properties": {"to": {"type": "string", "maxLength": 40}, "cents": {"type": "integer", "minimum": 1}},
    "required": ["to", "cents"],
    "additionalProperties": False,
}
ECHO = {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": False}
REGION = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
SHAPED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOLS = [
    {"name": "echo", "inputSchema": ECHO},
    {"name": "shaped", "inputSchema": ECHO, "outputSchema": SHAPED},
    {"name": "region", "inputSchema": REGION},
    {"name": "pay", "inputSchema": PAY},
    {"name": "hidden", "inputSchema": ECHO},
    {"name": "denied", "inputSchema": ECHO},
]
EVENTS = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n"
OK = {"content": [{"type": "text", "text": "done"}]}


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    headers: Mapping[str, str]
    message: Any

    @property
    def id(self) -> Any:
        return self.message["id"]

    @property
    def method(self) -> str:
        return self.message["method"]

    @property
    def params(self) -> Mapping[str, Any]:
        return self.message["params"]


class HangUp(Exception):
    """A script's word for: close this connection now."""


Script = Callable[[Seen, socket.socket], None]
"""Answers one request on the socket; returns to go on with the connection, raises HangUp to end it."""


@dataclass
class Peer:
    """Answers `tools/call` by `script`, and `tools/list` by `listing`; both may be changed at any time."""

    script: Script
    listing: Script = field(default_factory=lambda: says(lambda seen: reply(200, result(seen, {"tools": TOOLS}))))
    calls: list[Seen] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    meets: Callable[[socket.socket], None] | None = None
    """Meets a connection before anything of it is read."""

    def __post_init__(self) -> None:
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self.port = 0
        self.listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def listen(self) -> None:
        """Begins to accept, again at the port of the first time."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def deaf(self) -> None:
        """Nothing listens here any more: connections are refused until `listen`."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()

    def close(self) -> None:
        self.over.set()
        self.deaf()
        for sock in tuple(self._open):
            sock.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                self._open.add(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, HangUp), sock, sock.makefile("rb") as file:
            if self.meets is not None:
                self.meets(sock)
            while head := file.readline():
                fields: dict[str, str] = {}
                while (line := file.readline().decode("latin-1").strip()) != "":
                    name, _, value = line.partition(":")
                    fields[name.lower()] = value.strip()
                body = file.read(int(fields.get("content-length", 0)))
                if head.startswith(b"POST"):
                    self._answer(Seen(fields, json.loads(body)), sock)
        self._open.discard(sock)

    def _answer(self, seen: Seen, sock: socket.socket) -> None:
        if "id" not in seen.message or "method" not in seen.message:
            sock.sendall(reply(202))
        elif seen.method == "tools/call":
            self.calls.append(seen)
            self.script(seen, sock)
        elif seen.method == "tools/list":
            self.listing(seen, sock)
        else:
            sock.sendall(reply(200, error(seen.id, -32601, "no")))


def reply(
    status: int, body: bytes | Mapping[str, Any] = b"", *, kind: str = "application/json", **headers: str
) -> bytes:
    """A response; its Content-Length is right unless `headers` say something about the length."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    lines = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if not lines.keys() & {"content-length", "transfer-encoding"}:
        lines["content-length"] = str(len(data))
    return (
        f"HTTP/1.1 {status} X\r\n".encode()
        + b"".join(f"{n}: {v}\r\n".encode() for n, v in lines.items())
        + b"\r\n"
        + data
    )


def result(seen: Seen, value: Any = OK) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": seen.id, "result": value}


def error(number: Any, code: int, message: str, **data: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": number,
        "error": {"code": code, "message": message} | ({"data": data} if data else {}),
    }


def sse(*messages: bytes | Mapping[str, Any]) -> bytes:
    """An event stream that ends with its connection."""
    data = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
    return EVENTS + b"".join(b"data: " + one + b"\n\n" for one in data)


def says(make: Callable[[Seen], bytes]) -> Script:
    """Says something and keeps the connection."""
    return lambda seen, sock: sock.sendall(make(seen))


def last(make: Callable[[Seen], bytes]) -> Script:
    """Says something and hangs up."""

    def script(seen: Seen, sock: socket.socket) -> None:
        sock.sendall(make(seen))
        raise HangUp

    return script


def hang_up(_seen: Seen, _sock: socket.socket) -> None:
    raise HangUp


def resets(sock: socket.socket) -> None:
    """RST instead of an orderly end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise HangUp
