"""The HTTP conversation: `METHOD /http/{upstream}/path?query` is a call of the tool behind that operation.

For agents that speak plain HTTP. The request is matched to an operation of the upstream's OpenAPI document, takes that
operation's canonical id and walks the same road as any MCP call: the same curation, policy, ledger, cleaning and record.
It is no tunnel: what goes out is made from the call's arguments, what comes back is written anew (`http_answers`).
Repeats are deduplicated without a key; `Idempotency-Key` makes it certain, `X-Request-Timeout` shortens the wait,
`traceparent` continues a trace, and leaving the connection cancels.

Lives only here: from a request to a call. Must not know OpenAPI or how endings look. Called by `plane`.
"""

from typing import Final

from gateway.listener import http_answers
from gateway.listener.asking import MAX_NAME, asked
from gateway.listener.body import json_body
from gateway.listener.door import Service
from gateway.listener.head import Head
from gateway.listener.limits import Slot
from gateway.listener.render import Answer
from gateway.listener.visit import Visit, walk
from gateway.model.call import Asked
from gateway.model.operation import HttpOperation, HttpTools
from gateway.ports import Road

_VERSION: Final = "http"
_NEVER_AN_ARGUMENT: Final = frozenset({"authorization", "cookie", "proxy-authorization", "sallyport-user"})
"""Credentials for us; a document that declares a parameter of such a name does not get them."""


class HttpCalls:
    """Answers requests to plain HTTP upstreams."""

    def __init__(self, road: Road, tools: HttpTools | None) -> None:
        """`tools` is None where no such upstream is configured: then no path has an operation behind it."""
        self._road = road
        self._tools = tools

    async def answer(self, visit: Visit, service: Service, slot: Slot) -> Answer:
        """Raises Refused with the record still open."""
        wanted = await self._asked(visit, service, slot)
        return http_answers.ending(await walk(self._road, visit, wanted), visit.record.call_id)

    async def _asked(self, visit: Visit, service: Service, slot: Slot) -> Asked:
        head = visit.head
        operation = self._operation(head.method, service)
        name = None if operation is None else self._road.published(visit.principal, operation.tool)
        if operation is None or name is None:
            # No published name holds a space. So the road refuses this one, absent or hidden, and counts it as a guess.
            unknown = f"{head.method} {service.root}{service.path}"
            return asked({"name": unknown[:MAX_NAME]}, head, "modern", _VERSION)
        visit.record.note(kind="call", asked=name)
        body = await json_body(head, slot, visit.caller.receive, optional=True)
        arguments = operation.arguments(head.query, _fields(head), body)
        return asked({"name": name, "arguments": dict(arguments)}, head, "modern", _VERSION)

    def _operation(self, method: str, service: Service) -> HttpOperation | None:
        if self._tools is None:
            return None
        found = self._tools.match(service.upstream, method, service.path)
        if found is None and method == "HEAD":  # RFC 9110 §9.3.2: a GET whose answer stays here
            found = self._tools.match(service.upstream, "GET", service.path)
        return found


def _fields(head: Head) -> dict[str, str]:
    """Headers by name; those that stand there more than once are joined, as RFC 9110 §5.3 has it."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in head.lines:
        name, value = raw_name.decode("latin-1").lower(), raw_value.strip(b" \t").decode("latin-1")
        if name not in _NEVER_AN_ARGUMENT:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
