"""One Redis or Valkey server: connections, time limits, scripts, and every fault as `StoreUnavailable` in our words.

Lives only here: redis-py and hiredis. No command takes longer than `COMMAND_S`, and none is sent twice: a script whose
answer did not come may have run (`Unanswered`), and only its caller knows what that means. Every new connection asks the
server who it is and whether it might forget. Must not know what keys and scripts mean. Used by the Redis homes.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError

from gateway.model.work import StoreUnavailable
from gateway.store.redis_names import Script
from gateway.store.redis_server import Server
from gateway.store.redis_words import Address

COMMAND_S: Final = 0.25
"""Time limit of one command, with the wait for a connection and its greeting."""
CONNECTIONS: Final = 64
_SILENCE_S: Final = 5.0
"""A subscription that is silent this long is asked whether it still stands."""


class Unanswered(StoreUnavailable):
    """It was sent and no answer came: it may have been carried out, or may yet be."""


class RedisLink:
    """Connections to one server. Every method raises StoreUnavailable."""

    def __init__(self, url: str, *, assume_noeviction: bool = False, command_s: float = COMMAND_S) -> None:
        """Connects to nothing yet. Raises ValueError for a URL that is none."""
        retry = Retry(NoBackoff(), 0)
        # no time limit of its own: below Python 3.12 it would swallow a cancellation, and with it ours
        pool = ConnectionPool.from_url(url, protocol=2, driver_info=None, retry=retry, socket_timeout=None)
        self._make: Callable[[], Any] = pool.make_connection
        options = pool.connection_kwargs
        self.place = f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        self._address = Address(self.place, options.get("db", 0), issubclass(pool.connection_class, SSLConnection))
        self._assume_noeviction = assume_noeviction
        self._command_s = command_s
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[Any] = []
        self._down: str | None = f"the store {self.place} was not asked yet"
        self.server: Server | None = None
        """Who answered last; None before anybody did."""

    @property
    def fault(self) -> str | None:
        """What is wrong now, in one sentence; None when the server answers and is fit to keep a ledger."""
        if self._down is not None:
            return self._down
        return self.server.unfit if self.server is not None else None

    async def run(
        self, script: Script, keys: Sequence[str], args: Sequence[Any] = (), ready: Callable[[], None] | None = None
    ) -> Any:
        """Runs a script once. `ready` is called when the connection stands and nothing was sent: it may raise, and may
        still change `args`.
        """

        async def talk(connection: Any) -> Any:
            try:
                return await _ask(connection, "EVALSHA", script.sha, len(keys), *keys, *args)
            except NoScriptError:  # then it did not run
                return await _ask(connection, "EVAL", script.text, len(keys), *keys, *args)

        return await self._within(talk, ready)

    async def command(self, *words: Any) -> Any:
        """One command, as RESP2 answers it."""
        return await self._within(lambda connection: _ask(connection, *words), None)

    async def inspect(self) -> None:
        """Asks the server again who and how it is; `server` and `fault` say."""
        await self._within(self._greet, None)

    async def listen(self, channel: str) -> AsyncGenerator[str, None]:
        """Messages of a channel, beginning with an empty one when the subscription stands."""
        connection = self._make()
        try:
            async with asyncio.timeout(self._command_s):
                await connection.connect()
                await _ask(connection, "SUBSCRIBE", channel)
            yield ""
            silent = False
            while True:
                heard = await connection.read_response(timeout=_SILENCE_S)
                if heard is not None:
                    silent = False
                    if heard[0] == b"message":
                        yield heard[2].decode()
                elif silent:
                    raise StoreUnavailable(f"the store {self.place} fell silent")
                else:
                    silent = True
                    await connection.send_command("PING")
        except (RedisError, OSError) as error:
            raise StoreUnavailable(self._said(error)) from None
        finally:
            await _drop(connection)

    async def close(self) -> None:
        """Closes what is idle; nothing may be under way."""
        for connection in self._idle:
            await connection.disconnect()
        self._idle.clear()

    async def _within(self, talk: Callable[[Any], Awaitable[Any]], ready: Callable[[], None] | None) -> Any:
        connection, sent, whole = None, False, True
        try:
            async with asyncio.timeout(self._command_s), self._slots:
                connection = await self._connected()
                if ready is not None:
                    ready()
                sent, whole = True, False
                answer = await talk(connection)
                whole = True
        except (RedisError, OSError) as error:
            refused = isinstance(error, ResponseError)
            whole = whole or refused
            self._down = self._said(error)
            raise (Unanswered if sent and not refused else StoreUnavailable)(self._down) from None
        finally:
            if connection is not None:
                if whole:
                    self._idle.append(connection)
                else:  # its answer may still come, and must not be taken for that of another command
                    await _drop(connection)
        self._down = None
        return answer

    async def _connected(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_connected and not await connection.can_read():
                return connection
            await _drop(connection)
        connection = self._make()
        try:
            await connection.connect()
            await self._greet(connection)
        except BaseException:
            await _drop(connection)
            raise
        return connection

    async def _greet(self, connection: Any) -> None:
        try:
            told = await _ask(connection, "INFO")
        except NoPermissionError:
            told = b""
        self.server = Server.of(told.decode(), assume_noeviction=self._assume_noeviction)

    def _said(self, error: Exception) -> str:
        return self._address.said(error, self._command_s, met=self.server is not None)


async def _ask(connection: Any, *words: Any) -> Any:
    await connection.send_packed_command(pack_command(words))
    return await connection.read_response()


async def _drop(connection: Any) -> None:
    await connection.disconnect(nowait=True)
