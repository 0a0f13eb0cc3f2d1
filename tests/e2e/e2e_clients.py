"""Callers of the gateway: the public SDK in either era, and several at the same moment."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx2
from e2e_kit import Gateway
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

T = TypeVar("T")


@contextlib.asynccontextmanager
async def sdk(gateway: Gateway, token: str, mode: str, path: str = "/mcp") -> AsyncIterator[Client]:
    """A session of the public client; `mode` is `2026-07-28`, `legacy` or `auto`."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, verify=False) as http,
        Client(streamable_http_client(gateway.url + path, http_client=http), mode=mode) as session,
    ):
        yield session


def together(calls: Iterable[Callable[[], T]]) -> list[T]:
    """All at once, each in a thread of its own; the answers in the order of the calls."""
    made = list(calls)
    with ThreadPoolExecutor(len(made)) as pool:
        return list(pool.map(lambda call: call(), made))
