"""A by-hand MCP client for one call at a time: what an agent of the modern era would send, and what came back.

Lives only here: the requests of `sallyport call`, framed by the wire codecs. The SDK is not used: importing it takes longer
than a call. Must not know terminals, the operator plane or what an answer means. Called by `call`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from gateway.cli.client import client
from gateway.wire import jsonrpc, sse
from gateway.wire.headers import VERSION, mcp_headers
from gateway.wire.strict_json import MalformedJson, dump, parse

_LARGEST: Final = 64 * 1024 * 1024
_WAIT_S: Final = 120.0
_BOTH = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", VERSION: jsonrpc.MODERN}


class NoAnswer(Exception):
    """Nothing usable came back. `sent` says whether the request may have been carried out."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer: the HTTP status, and the JSON-RPC response or the short body of a refusal before JSON-RPC."""

    status: int
    body: Mapping[str, Any]

    @property
    def result(self) -> Mapping[str, Any] | None:
        """The result of a response that succeeded."""
        match self.body:
            case {"result": dict(found)}:
                return found
            case _:
                return None


class AgentPlane:
    """One agent's view of the gateway."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._headers = {**_BOTH, **({"Authorization": f"Bearer {token}"} if token else {})}
        self._id = 0

    def tools(self) -> tuple[list[dict[str, Any]], Heard | None]:
        """All pages of tools/list, and the answer that ended it early, if one did. Raises NoAnswer."""
        found: list[dict[str, Any]] = []
        cursor: Any = None
        while True:
            heard = self._ask("tools/list", {"cursor": cursor} if cursor else {}, {})
            if heard.result is None:
                return found, heard
            found += [tool for tool in heard.result.get("tools", ()) if isinstance(tool, dict)]
            cursor = heard.result.get("nextCursor")
            if not cursor:
                return found, None

    def call(self, name: str, arguments: Mapping[str, Any], schema: Mapping[str, Any] | None, key: str | None) -> Heard:
        """One tools/call. Raises NoAnswer."""
        meta = {jsonrpc.META_IDEMPOTENCY_KEY: key} if key else {}
        headers = mcp_headers("tools/call", name, schema, arguments)
        return self._ask("tools/call", {"name": name, "arguments": dict(arguments)}, meta, headers)

    def _ask(
        self,
        method: str,
        params: Mapping[str, Any],
        meta: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> Heard:
        self._id += 1
        envelope = {
            jsonrpc.META_VERSION: jsonrpc.MODERN,
            jsonrpc.META_CAPABILITIES: {},
            jsonrpc.META_CLIENT_INFO: {"name": "sallyport-call", "version": "1"},
            **meta,
        }
        body = dump(jsonrpc.request(self._id, method, {**params, "_meta": envelope}))
        try:
            with client({**self._headers, **(headers or mcp_headers(method, None, None, {}))}, _WAIT_S) as http:
                response = http.post(self.url, content=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise NoAnswer("does not answer", sent=False) from None
        except httpx2.TransportError as error:
            raise NoAnswer(f"broke off ({type(error).__name__})", sent=True) from None
        return Heard(response.status_code, self._body(response))

    def _body(self, response: httpx2.Response) -> Mapping[str, Any]:
        """The one message of a JSON body, or the response among the events of a stream."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if kind != "text/event-stream":
                messages = [parse(response.content)]
            else:
                messages = [parse(event.data) for event in sse.Parser(_LARGEST).feed(response.content)]
        except (MalformedJson, sse.EventTooLarge):
            messages = []
        for message in messages:
            if isinstance(message, dict) and "method" not in message:
                return message
        raise NoAnswer(f"answered {response.status_code} without a JSON-RPC response", sent=True)
