"""The field of the storm: the server in trouble, one gateway on SQLite or three on one Valkey, and what is read from outside."""

import asyncio
import json
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Literal

sys.path.extend(str(Path(__file__).parents[1] / name) for name in ("e2e", "crash", "."))

import redis_kit
from crash_births import Nursery
from e2e_kit import PATIENCE_S, ROOT, Gateway, api_key, wait_for

from tests.chaos.books import Books
from tests.chaos.plan import PEOPLE
from tests.chaos.weather import TIMEOUT_S, Weather

Store = Literal["sqlite", "redis"]
LEGS = {"till": "modern", "shop": "legacy"}
"""One server under two ids, one for each era."""


class Mortal(Gateway):
    """A gateway over a state folder that outlives it."""

    def __init__(self, folder: Path, config: dict[str, Any], nursery: Nursery, turn: threading.Lock) -> None:
        super().__init__(folder, config)
        self.journal = folder / "state/journal"
        self._nursery, self._turn = nursery, turn

    def start(self, *extra: str, ready: bool = True) -> None:
        with self._turn:
            self.process = self._nursery.born(["run", "--config", str(self.path), *extra], self.log)  # type: ignore[assignment]
        if ready:
            wait_for(self._answers, "the gateway")

    def _answers(self) -> bool:
        with self._turn:
            return self._started()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with self._turn:
                code = self.process.poll()
            if code is not None:
                return code
            time.sleep(0.01)
        raise AssertionError(f"{self.folder} does not stop; its log ends:\n{self.log.read_text()[-2000:]}")


class Field:
    """Everything that runs."""

    def __init__(
        self, folder: Path, store: Store, seed: int, weather: Weather, *, faulty: str, deduplicates: bool
    ) -> None:
        self._weather = weather
        self.truth = folder / "truth.jsonl"
        self.truth.touch()
        options = ["--truth", str(self.truth), "--seed", str(seed), "--faulty", faulty]
        command = [sys.executable, "-m", "tests.chaos.upstream", *options]
        self._upstream = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._upstream.stdout is not None
        assert select.select([self._upstream.stdout], [], [], PATIENCE_S)[0], "the server in trouble did not start"
        self._url = f"http://127.0.0.1:{int(self._upstream.stdout.readline())}"
        self.valkey = redis_kit.server(data_dir=folder / "valkey", persist=True) if store == "redis" else None
        self._nursery, turn = Nursery(), threading.Lock()
        keys = [api_key(f"key-{number}", agent, user) for number, (agent, user) in enumerate(PEOPLE)]
        self.tokens = [token for token, _ in keys]
        secret = folder / "secret.key"
        secret.write_text(secrets.token_hex(32) + "\n")
        secret.chmod(0o600)
        state: dict[str, Any] = {"dir": "state", "secret_file": str(secret)}
        if self.valkey is not None:
            state["store"] = f"redis://127.0.0.1:{self.valkey.port}/0"
        config = {
            "state": state,
            "policy": _policy(folder),
            "identity": {"keys": [entry for _, entry in keys]},
            "upstreams": {name: self._declared(era, name, deduplicates) for name, era in LEGS.items()},
            "agents": {agent: {"tools": ["*/*"]} for agent, _ in PEOPLE},
            "loops": "off",
        }
        self.gateways: list[Mortal] = []
        for number in range(1 if store == "sqlite" else 3):
            own = folder / f"gateway-{number}"
            own.mkdir()
            self.gateways.append(Mortal(own, config, self._nursery, turn))

    def _declared(self, era: str, name: str, deduplicates: bool) -> dict[str, Any]:
        derived = {} if deduplicates else {"derived": "off"}
        once = {"once": ["args.op"]} if deduplicates else {}
        probe = {
            "tool": f"{name}/seen",
            "args": {"op": "args.op"},
            "found": "result.structuredContent.carried_out > 0",
            "settles": f"{self._weather.settles_s}s",
        }
        tools: dict[str, Any] = {
            "pay": {"effect": "mutating", **derived},
            "bill": {"effect": "mutating", **once, **derived},
            "note": derived,
            "put": {"effect": "idempotent", **derived},
            "pay_probed": {"effect": "mutating", "on_in_doubt": "probe", "probe": probe, **derived},
            "seen": {"effect": "read"},
        }
        url = f"{self._url}/{era}"
        return {"kind": "mcp-http", "url": url, "era": era, "timeout": f"{TIMEOUT_S:.0f}s", "tools": tools}

    def books(self) -> Books:
        """The journals of all gateways, from the first entry."""
        return Books([gateway.journal for gateway in self.gateways])

    def start(self) -> None:
        for gateway in self.gateways:
            gateway.start(ready=False)
        for gateway in self.gateways:
            wait_for(gateway._answers, "a gateway of the storm")

    def calm(self) -> None:
        """Ends the trouble, and waits until nothing that began in it is still at work."""
        request = urllib.request.Request(f"{self._url}/calm", method="POST", data=b"")
        wait_for(lambda: json.load(urllib.request.urlopen(request))["at_work"] == 0, "the server to come to rest")

    async def ready(self) -> None:
        for gateway in self.gateways:
            await asyncio.to_thread(
                wait_for, lambda gateway=gateway: gateway.operator("GET", "/readyz").status_code == 200, "readiness"
            )

    def close(self) -> None:
        for gateway in self.gateways:
            if gateway.process is not None and gateway.process.poll() is None:
                gateway.stop(signal.SIGKILL)
        self._nursery.close()
        self._upstream.terminate()
        self._upstream.communicate(timeout=PATIENCE_S)
        if self.valkey is not None and self.valkey.is_running():
            self.valkey.stop()


def _policy(folder: Path) -> dict[str, str]:
    rows, conditions = folder / "policy.csv", folder / "conditions.yaml"
    people = [f"g, user:{user}, role:everybody, default" for user in sorted({user for _, user in PEOPLE})]
    rows.write_text("\n".join([*people, "p, all, role:everybody, default, *, */*, call, -, allow\n"]), encoding="utf-8")
    conditions.write_text("{}\n", encoding="utf-8")
    return {"model": str(ROOT / "policies/model.conf"), "rows": str(rows), "conditions": str(conditions)}
