"""Several uvicorn servers in one event loop, stopped together.

Lives only here: sockets, signals and uvicorn's settings. Must not know what the applications do. Called by `app.py`.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any, Final

import uvicorn

from gateway.listener.connection import Connection

_DOORS: Final = 16
"""uvloop lets one connection in per turn of the loop and listening socket. Under load a turn takes a tenth of a second, and
whoever is new would wait unseen for minutes, not even turned away; a socket may be listened to several times."""


class Lazily:
    """An ASGI application that is built when it is first asked."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._app: Any = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if self._app is None:
            self._app = self._build()
        await self._app(scope, receive, send)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to `serve`, which has two of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def cut_off(self) -> None:
        """Waits for nobody any more; a request that is cancelled may still say so to its caller."""
        self.force_exit = True
        for task in tuple(self.server_state.tasks):
            task.cancel()


async def listen(
    planes: Sequence[tuple[str, Any]],
    stopping: Callable[[], None],
    drain_s: float,
    hurrying: Callable[[], None] = lambda: None,
) -> None:
    """Serves every (address, application) until SIGINT or SIGTERM; `stopping` is told first.

    A second signal means now: requests are cancelled and `hurrying` is told, also after this has returned.
    Raises OSError for an address that cannot be had, before anything is served.
    """
    with contextlib.ExitStack() as bound:
        pairs = [(_server(app, drain_s), _bound(bound, address)) for address, app in planes]

        def stop() -> None:
            again = pairs[0][0].should_exit
            (hurrying if again else stopping)()
            for server, _ in pairs:
                server.should_exit = True
                if again:
                    server.cut_off()

        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, stop)
        await asyncio.gather(*(server.serve(sockets=doors) for server, doors in pairs))


def _bound(stack: contextlib.ExitStack, address: str) -> list[socket.socket]:
    """One listening socket, several times; bound before anything is served, so that a taken port is an error and not a log
    line.
    """
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host.strip("[]"), int(port)))
    sock.listen()  # two sockets that only share an address do not collide before this
    return [sock, *(stack.enter_context(sock.dup()) for _ in range(_DOORS - 1))]


def _server(app: Any, drain_s: float) -> _Server:
    """Lifespan is off: the house opens and closes its rooms itself, once for both planes."""
    return _Server(
        uvicorn.Config(
            app,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=round(drain_s),
        )
    )
