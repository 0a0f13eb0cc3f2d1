"""Callers of the gateway: the public SDK in either era, and several at the same moment."""

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx2
from e2e_kit import Gateway
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

T = TypeVar("T")


@contextlib.asynccontextmanager
async def sdk(gateway: Gateway, token: str, mode: str, path: str = "/mcp", **able: Any) -> AsyncIterator[Client]:
    """A session of the public client; `mode` is `2026-07-28`, `legacy` or `auto`, `able` what it can be asked."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, verify=False) as http,
        Client(streamable_http_client(gateway.url + path, http_client=http), mode=mode, **able) as session,
    ):
        yield session


def together(calls: Iterable[Callable[[], T]]) -> list[T]:
    """All at once, each in a thread of its own; the answers in the order of the calls."""
    made = list(calls)
    with ThreadPoolExecutor(len(made)) as pool:
        return list(pool.map(lambda call: call(), made))


@contextlib.contextmanager
def under_load(call: Callable[[], T], workers: int = 3) -> Iterator[list[T]]:
    """Repeats `call` in threads for as long as the block runs; yields the answers so far."""
    answers: list[T] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            answers.append(call())

    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work) for _ in range(workers)]
        try:
            yield answers
        finally:
            over.set()
        for one in running:
            one.result(20)
