"""A plain HTTP service behind us, described by an OpenAPI document.

Lives only here: where the document comes from, which operations are known now, and what goes out beside a call's arguments:
the operator's headers, trace context and idempotency key, never a caller's credentials. Must not know who calls or what a
tool may do; requests, answers and documents are read and written by the pure files `openapi_*.py`. Called by the pipeline
and the catalog's refresh.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

from gateway.config.upstreams import OpenApi
from gateway.model.news import Hear
from gateway.model.outbound import Outbound
from gateway.model.outcome import Carried, Lost, Unsent
from gateway.model.tool import Beside
from gateway.ports import Clock, Permit, Reached, UpstreamFault
from gateway.upstream import envelope
from gateway.upstream import openapi_answer as answer
from gateway.upstream.answer import Reader
from gateway.upstream.exchange import HttpExchange
from gateway.upstream.openapi_document import Found, read
from gateway.upstream.openapi_match import HttpRoutes, Routes
from gateway.upstream.openapi_operation import Operation
from gateway.upstream.openapi_request import HttpRequest, Unwritable, request
from gateway.upstream.openapi_text import LARGEST, BadDocument, value_of
from gateway.upstream.permits import Permits

_MOST_LOGGED: Final = 50
_READER: Final = ThreadPoolExecutor(1, "openapi")
"""One document at a time: reading a hostile one takes 100 MB and every moment in which no call wants the interpreter."""
_log = logging.getLogger("sallyport.upstream")


class OpenApiUpstream:
    """One service; implements `ports.Upstream`."""

    def __init__(
        self,
        id: str,  # noqa: A002
        config: OpenApi,
        clock: Clock,
        reached: Reached,
        base: Path,
        routes: HttpRoutes,
        *,
        shared: bool = False,
    ) -> None:
        """`base` is the folder of the configuration, `routes` where the HTTP plane finds the operations; `shared`: more than
        one agent may use it.
        """
        self.id: Final = id
        url = URL(config.url).with_query(None).with_fragment(None)
        self.address: Final = str(url.with_user(None))
        self._url = str(url).rstrip("/")
        self._config = config
        self._clock = clock
        self._reached = reached
        self._folder = base
        self._headers = {name: value.get_secret_value() for name, value in config.headers.items()}
        accept = ", ".join(("application/json", *config.pass_types))
        standing = {"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "sallyport"}
        self._exchange = HttpExchange(self._url, self._headers, config.max_result, clock, standing)
        self._reader = Reader(config.max_result, clock)
        self._permits = Permits(id, config.max_in_flight, config.queue, clock, shared=shared)
        self._read: str | None = None
        """SHA-256 of the document that was read last."""
        self._refused: tuple[str, str] | None = None
        """SHA-256 of the last document that could not be used, and why: reading it again would only take time again."""
        self._operations: Mapping[str, Operation] = {}
        self._routes = Routes(id)
        self._public = routes
        routes.learn(id, self._routes)

    def try_permit(self, agent: str) -> Permit | None:
        return self._permits.try_permit(agent)

    async def permit(self, deadline: float, agent: str) -> Permit:
        return await self._permits.permit(deadline, agent)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        operation = self._operations.get(call.tool.name)
        if operation is None or operation.definition != call.tool.definition:
            return Unsent("its document has changed")
        try:
            wanted = request(operation, call.arguments)
        except Unwritable as fault:
            return Unsent(str(fault), cause="unfit")
        if self._leads_elsewhere(operation, wanted):
            return Unsent("an argument would turn it into another operation", cause="unfit")
        said = envelope.timed(call, deadline - self._clock.monotonic())
        headers = wanted.headers | envelope.context_headers(said)
        if call.idempotency_key is not None:
            headers["Idempotency-Key"] = call.idempotency_key
        url = URL(f"{self._url}{wanted.path}{'?' if wanted.query else ''}{wanted.query}", encoded=True)
        told = await self._exchange.carry(wanted.method, url, wanted.body, headers, deadline, self._reached, self._hear)
        match told:
            case Unsent() | Lost():
                return told
            case answer.Told():
                return answer.carried(told, self._config.trust_status, self._config.pass_types)

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        data = await self._document(deadline)
        digest = hashlib.sha256(data).hexdigest()
        if digest != self._read:
            if self._refused is None or self._refused[0] != digest:
                await self._take(data, digest)
            if self._refused is not None:
                raise UpstreamFault(f"The document of upstream {self.id} cannot be used: {self._refused[1]}.")
        return [operation.definition for operation in self._operations.values()]

    async def list_beside(self, deadline: float) -> Beside:  # noqa: ARG002  a service has nothing beside operations
        return Beside()

    async def follow(self, hear: Hear) -> None:  # noqa: ARG002  a service tells nothing
        await asyncio.Event().wait()

    def want(self, uris: frozenset[str]) -> None:
        """Nothing is told."""

    async def close(self) -> None:
        await self._exchange.close()

    def _leads_elsewhere(self, operation: Operation, wanted: HttpRequest) -> bool:
        """`GET /pets/{id}` with the id `mine` is `GET /pets/mine`: another operation, with other permissions."""
        matched = self._routes.match(wanted.method, wanted.path)
        return matched is None or matched.operation is not operation

    async def _take(self, data: bytes, digest: str) -> None:
        """Reads a document that is new here, in a thread: it may take seconds."""
        try:
            configured = frozenset(name.lower() for name in self._headers)
            found = await asyncio.get_running_loop().run_in_executor(_READER, _found, data, configured)
        except BadDocument as fault:
            self._refused = digest, str(fault)
        else:
            self._learn(found)
            self._read, self._refused = digest, None

    def _learn(self, found: Found) -> None:
        for problem in found.problems[:_MOST_LOGGED]:
            _log.warning("upstream %s: %s", self.id, problem)
        if len(found.problems) > _MOST_LOGGED:
            _log.warning("upstream %s: and %d more like these", self.id, len(found.problems) - _MOST_LOGGED)
        self._operations = {operation.name: operation for operation in found.operations}
        self._routes = Routes(self.id, found.routes)
        self._public.learn(self.id, self._routes)

    async def _document(self, deadline: float) -> bytes:
        """Raises UpstreamFault."""
        place = self._config.document
        if place.startswith(("http://", "https://")):
            return await self._fetched(place, deadline)
        try:
            return await asyncio.to_thread(_file, self._folder / place)
        except OSError:
            raise UpstreamFault(f"The document of upstream {self.id} cannot be read from its file.") from None

    async def _fetched(self, place: str, deadline: float) -> bytes:
        """The operator's headers go along only to the service they are for. Redirects are not followed."""
        try:
            url = URL(place)
            headers = self._headers if url.origin() == URL(self._url).origin() else {}
        except ValueError:
            raise UpstreamFault(f"The document of upstream {self.id} is not at a URL.") from None
        standing = {"Accept": "application/json, */*", "Accept-Encoding": "identity", "User-Agent": "sallyport"}
        exchange, reader = HttpExchange(str(url), headers, LARGEST, self._clock, standing), Reader(LARGEST, self._clock)

        async def heard(response: aiohttp.ClientResponse) -> answer.Told:
            return await answer.hear(reader, response)

        try:
            told = await exchange.carry("GET", url, None, {}, deadline, _unnoticed, heard)
        finally:
            await exchange.close()
        match told:
            case Unsent(why) | Lost(why):
                pass
            case answer.Told(status=200, body=bytes() as data):
                return data
            case answer.Told(status=status, why=unusable):
                why = unusable or f"HTTP {status}"
        raise UpstreamFault(f"The document of upstream {self.id} could not be fetched: {why}.")

    async def _hear(self, response: aiohttp.ClientResponse) -> answer.Told:
        return await answer.hear(self._reader, response)


def _found(data: bytes, configured: frozenset[str]) -> Found:
    return read(value_of(data), configured)


def _file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def _unnoticed(_point: str) -> None:
    """Reading a document is no crash point of the road."""
