"""A served application in a process of its own, told to stop once, and told twice."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import uvloop

from gateway.serving import _bound

DRAIN_S = 60
WAIT_S = 10
"""A bound, far below the time to drain."""
SERVED = """
import asyncio, sys, uvloop
from gateway.serving import listen

async def app(scope, receive, send):
    headers = [(b"content-length", b"5")]
    print("asked", flush=True)
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        if scope["path"] == "/mute":
            await asyncio.sleep(3600)
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b"sorry"})

def say(word):
    return lambda: print(word, flush=True)

async def serve():
    await listen([(sys.argv[1], app)], say("stopping"), float(sys.argv[2]), say("hurrying"))
    print("ended", flush=True)

uvloop.run(serve())
"""


class Served:
    """The process, and one request under way in it."""

    def __init__(self, path: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        words = [sys.executable, "-c", SERVED, f"127.0.0.1:{port}", str(DRAIN_S)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        while True:
            assert self.process.poll() is None
            with contextlib.suppress(ConnectionRefusedError):
                self.caller = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
                break
        self.caller.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert self.said() == "asked"

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def told(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        return self.said()

    def heard(self) -> bytes:
        """All that still comes to the caller."""
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while part := self.caller.recv(4096):
                found += part
        return found


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    found = Served(request.param)
    yield found
    found.caller.close()
    found.process.kill()
    found.process.wait(WAIT_S)
    found.process.stdout.close()


@pytest.mark.parametrize("served", ["/"], indirect=True)
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_cancels_what_is_under_way_and_its_caller_is_told(
    served: Served, second: signal.Signals
) -> None:
    assert served.told(signal.SIGTERM) == "stopping"
    with pytest.raises(subprocess.TimeoutExpired):  # once means: wait
        served.process.wait(0.5)
    assert served.told(second) == "hurrying"
    assert served.heard().endswith(b"\r\n\r\nsorry")
    assert served.said() == "ended"
    assert served.process.wait(WAIT_S) == 0


@pytest.mark.parametrize("served", ["/mute"], indirect=True)
def test_a_request_that_does_not_end_even_then_holds_nobody_up(served: Served) -> None:
    assert served.told(signal.SIGINT) == "stopping"
    assert served.told(signal.SIGINT) == "hurrying"
    assert served.said() == "ended"
    assert served.process.wait(WAIT_S) == 0


def test_two_planes_on_one_address_are_an_error_before_anything_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    twice = SERVED.replace("[(sys.argv[1], app)]", "[(sys.argv[1], app)] * 2")
    words = [sys.executable, "-c", twice, address, str(DRAIN_S)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert ended.returncode == 1
    assert "_bound" in ended.stderr
    assert "Address already in use" in ended.stderr


def test_a_crowd_that_came_while_the_loop_was_busy_is_let_in_within_three_turns() -> None:
    """uvloop by itself lets in one for each turn, and a turn may take long: the rest would not even be turned away."""
    come = []

    class Door(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            come.append(transport)

    async def let_in() -> None:
        with contextlib.ExitStack() as stack:
            doors = _bound(stack, "127.0.0.1:0")
            servers = [await asyncio.get_running_loop().create_server(Door, sock=door) for door in doors]
            crowd = [stack.enter_context(socket.create_connection(doors[0].getsockname())) for _ in range(32)]
            for _ in range(3):
                await asyncio.sleep(0)
            for server in servers:
                server.close()
            assert len(come) == len(crowd)

    uvloop.run(let_in())
