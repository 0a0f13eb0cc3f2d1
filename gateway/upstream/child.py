"""One incarnation of a child process that speaks newline-delimited JSON-RPC: pipes, ids in flight, and its end.

Lives only here: starting with a scrubbed environment, matching answers to requests, draining stderr, killing the process
group. Must not know eras, restarts or tools. Called by `stdio.py`.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from typing import Any, Final

from gateway.config.upstreams import McpStdio
from gateway.model.outcome import Lost, Unsent
from gateway.ports import Reached
from gateway.tasks import Tasks
from gateway.upstream.answer import Other
from gateway.upstream.verdict import Exchanged, Heard
from gateway.wire import jsonrpc
from gateway.wire.strict_json import MalformedJson, dump, parse

KILL_AFTER_S: Final = 2.0
LAST_WORDS_S: Final = 1.0
"""After the end of a process, for what it wrote before."""
_CHUNK: Final = 65536
_LOG_LINE: Final = 1000
_MAX_UNREAD: Final = 8 * 1024 * 1024
"""Bytes that may wait for a child which does not read; without a bound every timed-out call would leave its own."""
_KEPT_ENVIRONMENT: Final = ("PATH", "HOME", "LANG")
_log = logging.getLogger("sallyport.upstream")


class _Exit(asyncio.subprocess.SubprocessStreamProtocol):
    """Sees the exit by itself: `Process.wait` waits for the end of every pipe as well."""

    transport: asyncio.SubprocessTransport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(_CHUNK, loop)
        self.seen = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.seen.set()


class Child:
    """A running process. `alive` turns false once, for good; then everything in flight has been answered as lost."""

    def __init__(
        self,
        upstream: str,
        process: asyncio.subprocess.Process,
        exit_: "_Exit",
        max_line: int,
        tasks: Tasks,
        hear: Other,
    ) -> None:
        self._upstream = upstream
        self._exit = exit_
        self._hear = hear
        self._process = process
        self._max_line = max_line
        self._flying: dict[jsonrpc.Id, asyncio.Future[Exchanged]] = {}
        self.alive = True
        tasks.start(self._drain(), f"stderr of {upstream}")
        self.ended = tasks.start(self._read(), f"stdout of {upstream}")
        """Done when the process and its group are gone."""
        tasks.start(self._let_go(), f"end of {upstream}")

    @classmethod
    async def start(cls, upstream: str, config: McpStdio, tasks: Tasks, hear: Other) -> "Child":
        """Starts the command in its own process group; `hear` takes what it says that answers nothing.

        Raises OSError or ValueError when it cannot be started.
        """
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        environment |= {name: value.get_secret_value() for name, value in config.env.items()}
        pipe = asyncio.subprocess.PIPE
        loop = asyncio.get_running_loop()
        transport, exit_ = await loop.subprocess_exec(
            lambda: _Exit(loop),
            config.command,
            *config.args,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
            cwd=config.cwd,
            start_new_session=True,
        )
        exit_.transport = transport
        process = asyncio.subprocess.Process(transport, exit_, loop)
        return cls(upstream, process, exit_, config.max_result, tasks, hear)

    async def ask(self, message: Mapping[str, Any], wait_s: float | None, reached: Reached) -> Exchanged:
        """Sends a request and waits for its answer, without `wait_s` for as long as the process lives.

        Any other message only leaves. Never raises for the other side.
        """
        try:
            line = dump(message) + b"\n"
        except (TypeError, ValueError):
            return Unsent("it has no JSON form", cause="unfit")
        stdin = self._process.stdin
        if not self.alive or stdin is None or stdin.is_closing():
            return Unsent("its process has ended", cause="unreached")
        if wait_s is not None and wait_s <= 0:
            return Unsent("no time was left to send it")
        if stdin.transport.get_write_buffer_size() > _MAX_UNREAD:
            return Unsent("its process does not read what it is sent", cause="unreached")
        reached("upstream.before-send")
        stdin.write(line)
        reached("upstream.after-send")
        if "method" not in message or (own := message.get("id")) is None:
            return Heard(None)
        heard = await self._answer(own, wait_s)
        if isinstance(heard, Heard):
            reached("upstream.answered")
        return heard

    async def stop(self) -> None:
        """Ends the process group: stdin closed and SIGTERM, SIGKILL after 2 s. Nothing of the group is left behind."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_AFTER_S):
                await self._exit.seen.wait()
        self._signal(signal.SIGKILL)
        await self._exit.seen.wait()

    async def _answer(self, own: jsonrpc.Id, wait_s: float | None) -> Exchanged:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Exchanged] = loop.create_future()
        self._flying[own] = answer
        late = Lost("no answer in time", timed_out=True)
        timer = None if wait_s is None else loop.call_later(wait_s, _resolve, answer, late)
        try:
            exchanged = await answer
        except asyncio.CancelledError:
            self._tell_cancelled(own)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._flying.pop(own, None)
        if isinstance(exchanged, Lost) and exchanged.timed_out:
            self._tell_cancelled(own)
        return exchanged

    def _tell_cancelled(self, own: jsonrpc.Id) -> None:
        message = jsonrpc.notification("notifications/cancelled", {"requestId": own, "reason": "the caller went away"})
        if self.alive and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(dump(message) + b"\n")

    async def _read(self) -> None:
        """Reads until the process ends or a line is over the limit; either way this incarnation is over."""
        why = "its process ended before it answered"
        try:
            if not await self._read_lines():
                why = f"an answer of more than {self._max_line} bytes"
        finally:
            self.alive = False
            for answer in tuple(self._flying.values()):
                _resolve(answer, Lost(why))
            self._signal(signal.SIGTERM)
        await self.stop()

    async def _read_lines(self) -> bool:
        """False when a line was over the limit: nobody can tell whose answer it was, nor where the next one starts."""
        assert self._process.stdout is not None
        buffer = bytearray()
        while chunk := await self._process.stdout.read(_CHUNK):
            start = len(buffer)
            buffer += chunk
            while 0 <= (end := buffer.find(b"\n", start)) <= self._max_line:
                self._line(bytes(buffer[:end]))
                del buffer[: end + 1]
                start = 0
            if len(buffer) > self._max_line:
                return False
        return True

    def _line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            frame = jsonrpc.classify(parse(line))
        except MalformedJson:
            frame = jsonrpc.Invalid("malformed JSON")
        match frame:
            case jsonrpc.Result(id=own) | jsonrpc.Error(id=str() | int() as own) if own in self._flying:
                _resolve(self._flying[own], Heard(frame))
            case jsonrpc.Request() | jsonrpc.Notification():
                self._hear(frame)
            case _:
                pass  # log lines on stdout, answers that came too late

    async def _drain(self) -> None:
        """Keeps stderr empty, so that the child never blocks on it; what it says goes to the log, shortened."""
        assert self._process.stderr is not None
        line = bytearray()
        while chunk := await self._process.stderr.read(_CHUNK):
            *whole, rest = chunk.split(b"\n")
            for part in whole:
                line += part[:_LOG_LINE]
                self._log_line(line)
                line.clear()
            line += rest[: _LOG_LINE - len(line)] if len(line) < _LOG_LINE else b""
        self._log_line(line)

    def _log_line(self, line: bytearray) -> None:
        if text := bytes(line[:_LOG_LINE]).decode(errors="replace").strip():
            _log.info("upstream %s says: %r", self._upstream, text)

    async def _let_go(self) -> None:
        """A helper that outlives the process in a group of its own may hold its pipes: they are closed, or nobody would ever
        see its end.
        """
        await self._exit.seen.wait()
        await asyncio.wait((self.ended,), timeout=LAST_WORDS_S)
        self._exit.transport.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _resolve(answer: asyncio.Future[Exchanged], exchanged: Exchanged) -> None:
    if not answer.done():
        answer.set_result(exchanged)
