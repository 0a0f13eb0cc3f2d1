"""Starts or reaches every imported server once and lists its tools.

Lives only here: the deadline of that, and what is said where it fails. Servers run exactly as the gateway would run them.
Called by `init`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.cli.importer import Imported, Server
from gateway.cli.importer_secrets import REFERENCE
from gateway.clock import SystemClock
from gateway.config.upstreams import UpstreamConfig
from gateway.ports import UpstreamFault
from gateway.tasks import Tasks
from gateway.upstream.make import make_upstream

_WAIT_S: Final = 45.0
"""Package runners may install a server before it starts."""
_SECTION: TypeAdapter[UpstreamConfig] = TypeAdapter(UpstreamConfig)

Listing = Sequence[Mapping[str, Any]] | str
"""The tools, or why they could not be listed."""


def ask(found: Imported) -> dict[str, Listing]:
    """Tools per upstream id; all servers are asked at the same time."""
    return asyncio.run(_all(found))


async def _all(found: Imported) -> dict[str, Listing]:
    variables = found.vault.known()
    listings = await asyncio.gather(*(_one(server, variables) for server in found.servers))
    return {server.id: listing for server, listing in zip(found.servers, listings, strict=True)}


async def _one(server: Server, variables: Mapping[str, str]) -> Listing:
    missing = sorted({name for name in _references(server.section) if name not in variables})
    if missing:
        return f"not asked: {', '.join(missing)} is not set"
    try:
        config = _SECTION.validate_python({**_resolved(server.section, variables), "timeout": f"{_WAIT_S:g}s"})
    except ValidationError as error:
        first = error.errors()[0]
        return f"not asked: {'.'.join(map(str, first['loc'][1:]))}: {first['msg']}"
    clock, tasks = SystemClock(), Tasks()
    upstream = make_upstream(server.id, config, clock, tasks, lambda _: None)
    try:
        async with asyncio.timeout(_WAIT_S + 5):
            return await upstream.list_tools(clock.monotonic() + _WAIT_S)
    except UpstreamFault as fault:
        return str(fault)
    except TimeoutError:
        return f"no answer within {_WAIT_S:g} s"
    finally:
        await upstream.close()
        await tasks.close()


def _references(value: Any) -> set[str]:
    match value:
        case str():
            return set(REFERENCE.findall(value))
        case Mapping():
            return set().union(*map(_references, value.values()))
        case list():
            return set().union(*map(_references, value))
        case _:
            return set()


def _resolved(value: Any, variables: Mapping[str, str]) -> Any:
    match value:
        case str():
            return REFERENCE.sub(lambda found: variables[found[1]], value)
        case Mapping():
            return {key: _resolved(item, variables) for key, item in value.items()}
        case list():
            return [_resolved(item, variables) for item in value]
        case _:
            return value
