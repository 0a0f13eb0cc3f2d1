"""`python -m bench.overload`: more reads than one process can carry, from callers who do not wait for each other.

Measures first what the gateway carries at its best, 64 callers in turn; then offers it so many times that rate, half of it
by an ordinary agent and half by one with `priority: batch`, each with up to 240 requests open. Of either: what was offered,
carried and turned away per second, how long those took that were carried, and those that were turned away.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httptools
import uvloop

from bench.load import Load
from bench.road import ROOT, Bench

OPEN: Final = 240
"""Requests of one agent at once; what would be more is not sent, and counts as missed."""


class _Connection(asyncio.Protocol):
    """One connection of a crowd, asked for one thing after another."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        self._crowd.lost(self)

    def ask(self, request: bytes, since: float) -> None:
        self._since, self._body, self._parser = since, b"", httptools.HttpResponseParser(self)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        carried = self._parser.get_status_code() == 200 and b"isError" not in self._body
        ends = "carried" if carried else "shed" if b'"overloaded"' in self._body else "other"
        self._crowd.took[ends].append(time.perf_counter() - self._since)
        self._crowd.idle.append(self)


class Crowd:
    """The callers of one agent; they ask at moments that were fixed before, whoever still waits."""

    def __init__(self, spec: dict[str, Any], token: str) -> None:
        self._port = spec["port"]
        self._load = Load(spec | {"token": token})
        self._open = self._missed = 0
        self.idle: list[_Connection] = []
        self.took: dict[str, list[float]] = {"carried": [], "shed": [], "other": []}

    def ask(self, number: int) -> None:
        since = time.perf_counter()
        if self.idle:
            self.idle.pop().ask(self._load.request(number), since)
        elif self._open < OPEN:
            self._open += 1
            self._opening = asyncio.ensure_future(self._connected(self._load.request(number), since))
        else:
            self._missed += 1

    async def _connected(self, request: bytes, since: float) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
        connection.ask(request, since)

    def lost(self, connection: _Connection) -> None:
        self._open -= 1
        if connection in self.idle:
            self.idle.remove(connection)

    def told(self, seconds: float) -> dict[str, float]:
        told = {f"{ends}/s": len(took) / seconds for ends, took in self.took.items()}
        told["missed/s"] = self._missed / seconds
        for ends in ("carried", "shed"):
            took = sorted(self.took[ends]) or [0.0]
            told |= {f"{ends} p50 ms": took[len(took) // 2] * 1e3, f"{ends} p99 ms": took[len(took) * 99 // 100] * 1e3}
        return told


async def offered(spec: dict[str, Any]) -> list[dict[str, float]]:
    """One run: both crowds in turn, at the rate of the spec."""
    crowds = [Crowd(spec, token) for token in spec["tokens"]]
    began, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < spec["seconds"]:
        while sent < passed * spec["rate"]:
            sent += 1
            crowds[sent % 2].ask(spec["offset"] + sent)
        await asyncio.sleep(0.001)
    told = [crowd.told(spec["seconds"]) for crowd in crowds]
    await asyncio.sleep(1.0)  # what is open comes to its end, and counts no more
    return told


def main() -> None:
    """Runs and prints the table."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=float, default=5.0)
    asked.add_argument("--times", type=float, action="append")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as name:
        bench = Bench(Path(name), "sqlite")
        bench.start()
        try:
            bench.measure("sallyport", "read_1kb", 64, 1)
            best = statistics.median(bench.measure("sallyport", "read_1kb", 64, 2)["per_s"] for _ in range(3))
            print(f"best: {best:.0f}/s")
            for times in options.times or (0.5, 1, 2, 3, 5):
                run(bench, best, times, options.seconds)
        finally:
            bench.stop()


def run(bench: Bench, best: float, times: float, seconds: float) -> None:
    spec = {
        "port": bench.ports["sallyport"],
        "path": "/mcp",
        "tool": "read_1kb",
        "tokens": [bench.token, bench.night],
        "seconds": seconds,
        "rate": best * times,
        "offset": int(times * 1e10),
    }
    command = [sys.executable, "-m", "bench.overload", "--offer", json.dumps(spec)]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    carried = sum(one["carried/s"] for one in told)
    print(f"{times:g} x offered, {carried / best:.2f} x carried")
    for who, one in zip(("ordinary", "batch"), told, strict=True):
        print(f"  {who:<8} " + "  ".join(f"{name} {figure:.0f}" for name, figure in one.items()), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--offer"]:
        print(json.dumps(uvloop.run(offered(json.loads(sys.argv[2])))))
    else:
        main()
