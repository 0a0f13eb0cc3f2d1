"""The modern conversation (MCP 2026-07-28): every request stands for itself.

Lives only here: the methods a stateless client may use and what their results carry. Later revisions of the house add
theirs (`subscriptions/listen`, prompts, resources, completion) as arms of the one `match`. Must not know sessions, HTTP
headers beyond what `Head` keeps, or rooms behind the road. Called by `plane`.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.listener import eras
from gateway.listener.asking import asked
from gateway.listener.render import ACCEPTED, Answer, Pen
from gateway.listener.visit import Visit, first_of_page, listed, page, passed, walk
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.ports import Road
from gateway.wire import headers, jsonrpc
from gateway.wire.strict_json import dump

_DISCOVERY_TTL_MS: Final = 60_000
_MOST_SCHEMAS: Final = 1_024
_LIST_TTL_MS: Final = 10_000
"""Short: rights and tools change behind a list, and nothing announces it to a stateless client yet."""


class _Mirrors:
    """Which schemas ask for `Mcp-Param-*` at all; most do not, and walking a large one costs more than this whole room."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Mapping[str, Any], bool]] = {}

    def wanted_by(self, schema: Mapping[str, Any]) -> bool:
        if (known := self._known.get(id(schema))) is None:
            if len(self._known) >= _MOST_SCHEMAS:
                self._known.clear()
            # The schema is kept with its answer, so that its id cannot become another schema's.
            known = self._known[id(schema)] = (schema, b'"x-mcp-header"' in dump(schema))
        return known[1]


class Modern:
    """Answers messages that carry their own envelope."""

    def __init__(self, road: Road, pen: Pen) -> None:
        self._road = road
        self._pen = pen
        self._mirrors = _Mirrors()

    async def answer(self, visit: Visit, frame: jsonrpc.Frame) -> Answer:
        """Raises Refused with the record still open."""
        match frame:
            case jsonrpc.Request():
                passed(eras.modern_request(frame, visit.head))
                return await self._request(visit, frame)
            case jsonrpc.Notification():
                passed(eras.modern_notification(frame, visit.head))
                self._road.forget(visit.record)
                return ACCEPTED
            case _:
                raise Refused(Reason.INVALID_REQUEST, "Nobody asked for this response.")

    async def _request(self, visit: Visit, request: jsonrpc.Request) -> Answer:
        match request.method:
            case "tools/call":
                return await self._call(visit, request)
            case "tools/list":
                return await self._list(visit, request)
            case "server/discover":
                self._road.forget(visit.record)
                return self._discovery(visit)
            case _:
                raise Refused(Reason.UNKNOWN_METHOD, "This method is not served.")

    def _discovery(self, visit: Visit) -> Answer:
        return self._pen.result(
            visit.voice,
            {
                "supportedVersions": list(eras.SUPPORTED),
                "capabilities": {"tools": {}},
                "ttlMs": _DISCOVERY_TTL_MS,
                "cacheScope": "private",
            },
        )

    async def _list(self, visit: Visit, request: jsonrpc.Request) -> Answer:
        first = first_of_page(request.params)
        seen = await listed(self._road, visit, request.params, "tools")
        if isinstance(seen, Refusal):
            return self._pen.refusal(visit.voice, seen, visit.record.call_id)
        return self._pen.result(
            visit.voice, {**page("tools", seen, first), "ttlMs": _LIST_TTL_MS, "cacheScope": "private"}
        )

    async def _call(self, visit: Visit, request: jsonrpc.Request) -> Answer:
        wanted = asked(request.params, visit.head, "modern", jsonrpc.MODERN)
        # An unknown tool has no schema and no headers to check; the road refuses it, in its own words.
        schema = self._road.schema(visit.principal, wanted.name)
        if schema is not None and self._mirrors.wanted_by(schema):
            why = headers.param_mismatch(visit.head.mcp, schema, wanted.arguments)
            if why is not None:
                raise Refused(Reason.HEADER_MISMATCH, f"Headers and arguments disagree: {why}.")
        ending = await walk(self._road, visit, wanted)
        return self._pen.ending(visit.voice, ending, visit.record.call_id)
