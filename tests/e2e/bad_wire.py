"""The agent's side on a raw socket: requests byte by byte, so that everything an HTTP client would prevent can be sent."""

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 8.0
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
KEYS = {name: f"sp_{name}_" + letter * 43 for name, letter in (("alice", "a"), ("bob", "b"), ("nobody", "n"))}
"""Fixed, so that requests can be written down as constants; `nobody` is known to no gateway."""

Headers = list[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Answer:
    """One complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def told(self) -> dict[str, Any]:
        """The outcome object, or the body of a refusal before JSON-RPC; empty for an answer that is no refusal."""
        match self.json:
            case {"error": str()} as bare:
                return {**bare, "reason": bare["error"]}
            case {"error": {"data": {"io.sallyport/outcome": dict(told)}}}:
                return told
            case {"result": {"_meta": {"io.sallyport/outcome": dict(told)}}}:
                return told
        return {}

    @property
    def provenance(self) -> dict[str, Any]:
        """What stands beside every answer that a tool gave, a JSON-RPC error too."""
        match self.json:
            case {"result": {"_meta": dict(meta)}} | {"error": {"data": dict(meta)}}:
                return meta.get("io.sallyport/provenance", {})
        return {}

    @property
    def call_id(self) -> str:
        return self.told.get("call_id") or self.provenance["call_id"]


class Line:
    """One connection to the agent plane."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""

    def say(self, data: bytes) -> None:
        """Sends; a server that has hung up already is no fault of the sender."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(data)

    def answer(self, patience_s: float = PATIENCE_S) -> Answer | None:
        """The next final response, or None when the connection ends before one is complete. Raises TimeoutError."""
        self.sock.settimeout(patience_s)
        try:
            while (head := self._until(b"\r\n\r\n")).startswith(b"HTTP/1.1 1"):
                pass
            first, *lines = head.decode("latin-1").split("\r\n")[:-2]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = b""
            if "content-length" in headers:
                body = self._exactly(int(headers["content-length"]))
            return Answer(int(first.split()[1]), headers, body, head + body)
        except ConnectionError:
            return None

    def closed(self) -> bool:
        """Whether the server ends the connection, with nothing more to say."""
        with contextlib.suppress(ConnectionResetError):
            return self._left == b"" and self.sock.recv(1) == b""
        return True

    def _until(self, end: bytes) -> bytes:
        while end not in self._left:
            self._more()
        found, _, self._left = self._left.partition(end)
        return found + end

    def _exactly(self, size: int) -> bytes:
        while len(self._left) < size:
            self._more()
        found, self._left = self._left[:size], self._left[size:]
        return found

    def _more(self) -> None:
        if not (data := self.sock.recv(65536)):
            raise ConnectionAbortedError
        self._left += data


@contextlib.contextmanager
def line(port: int) -> Iterator[Line]:
    found = Line(port)
    try:
        yield found
    finally:
        found.sock.close()


def written(
    body: Any = b"",
    headers: Headers | None = None,
    *,
    method: str = "POST",
    target: str = "/mcp",
    version: str = "HTTP/1.1",
) -> bytes:
    """A request; Content-Length is added unless `headers` say something about the length themselves."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = list(headers or [])
    if not {name.lower() for name, _ in lines} & {"content-length", "transfer-encoding"}:
        lines.append(("Content-Length", str(len(data))))
    head = f"{method} {target} {version}\r\n".encode()
    for name, value in lines:
        head += (
            name.encode("latin-1") + b": " + (value if isinstance(value, bytes) else value.encode("latin-1")) + b"\r\n"
        )
    return head + b"\r\n" + data


def lines_of(key: str | None = "alice", **more: str) -> Headers:
    """What every client sends; `more` by header name with underscores."""
    found: Headers = [
        ("Host", "localhost"),
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
    ]
    if key is not None:
        found.append(("Authorization", f"Bearer {KEYS[key]}"))
    return found + [(name.replace("_", "-"), value) for name, value in more.items()]


def modern(
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    meta: Mapping[str, Any] | None = None,
    key: str | None = "alice",
    **more: str,
) -> tuple[dict[str, Any], Headers]:
    """(body, headers) of a modern request in agreement with itself."""
    named = {"Mcp-Name": params["name"]} if params and isinstance(params.get("name"), str) else {}
    envelope = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        "params": {**(params or {}), "_meta": {**envelope, **(meta or {})}},
    }
    return body, lines_of(key, **{"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **named, **more})


def call(name: str, arguments: Any, **more: Any) -> tuple[dict[str, Any], Headers]:
    """(body, headers) of a modern tools/call."""
    return modern("tools/call", {"name": name, "arguments": arguments}, **more)


def legacy(
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    session: str | None = None,
    key: str | None = "alice",
    **more: str,
) -> tuple[dict[str, Any], Headers]:
    """(body, headers) of a request of a session, or of `initialize`."""
    of_session = {} if session is None else {"Mcp-Session-Id": session, "MCP-Protocol-Version": LEGACY}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}, lines_of(key, **of_session, **more)


def hello(**more: Any) -> dict[str, Any]:
    """Parameters of `initialize`."""
    return {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}, **more}


def without(headers: Headers, *names: str) -> Headers:
    return [line for line in headers if line[0].lower() not in names]


def replaced(headers: Headers, name: str, value: str | bytes) -> Headers:
    return [*without(headers, name.lower()), (name, value)]
