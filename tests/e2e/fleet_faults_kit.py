"""A fleet on a Redis that can be killed, paused, emptied, filled and set back, and what people and agents hear meanwhile."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import redis_kit
from e2e_kit import ROOT, Gateway, HelpDesk, helpdesk_config, outcome, wait_for
from e2e_peer import SlowPeer
from fleet_kit import ORDER, TOOL, Fleet

from gateway.operator.access import token_hash
from gateway.store.redis_names import GENERATION

EVERY_WRITE = {"appendonly": "yes", "appendfsync": "always"}
"""A server that loses nothing when it is killed."""
READ = ("helpdesk_order_get", {"id": ORDER})
ROWS = """
g, user:bob,   role:lead,     default
g, user:local, role:approver, default
p, everything,   role:lead,     default, *, */*,                call,    -, allow
p, ask-mail,     role:lead,     default, *, helpdesk/mail_send, call,    -, ask
p, approve-mail, role:approver, default, *, helpdesk/mail_send, approve, -, allow
"""
VIEWER = "the operator token of vera"


def refund(reason: str) -> dict[str, Any]:
    return {"order_id": ORDER, "amount_cents": 1, "reason": reason}


@dataclass(frozen=True)
class Heard:
    """What one call was told, and how long it took."""

    reason: str
    """`done` when it was answered by the tool."""
    executed: str
    took_s: float


class Faulty(Fleet):
    """Help desk and a peer that answers when it is let, before gateways that know their Redis already."""

    def __init__(self, folder: Path, desk: HelpDesk, size: int = 2, server: dict[str, str] = EVERY_WRITE) -> None:
        self.peer = SlowPeer()
        config = helpdesk_config(desk.url, [])
        config["upstreams"] |= self.peer.config()["upstreams"]
        config["agents"]["ops-bot"]["tools"] += ["peer/*"]
        rows = folder / "policy.csv"
        rows.write_text(ROWS, encoding="utf-8")
        config["policy"] = {"model": str(ROOT / "policies/model.conf"), "rows": str(rows), "conditions": None}
        config["operator"] = {"tokens": [{"id": "vera", "hash": token_hash(VIEWER)}]}
        del config["identity"]
        super().__init__(folder, desk, size, server, **config)
        with self.redis() as client:
            client.set(GENERATION, redis_kit.BORN)  # so that nobody waits for one

    def close(self) -> None:
        super().close()
        self.peer.close()

    def redis(self) -> redis.Redis:
        return redis.Redis(port=self.valkey.port)

    def kill(self) -> None:
        self.valkey.terminate()

    def back(self) -> None:
        self.valkey.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        os.kill(redis_kit.pid(self.valkey), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(redis_kit.pid(self.valkey), signal.SIGCONT)

    def ask(self, gateway: Gateway, tool: str, arguments: dict[str, Any], key: str | None = None) -> Heard:
        began = time.monotonic()
        answer = gateway.call(self.token, tool, arguments, headers={"Idempotency-Key": key} if key else {})
        took_s = time.monotonic() - began
        if "result" in answer and "io.sallyport/outcome" not in answer["result"]["_meta"]:
            assert answer["result"].get("isError") is not True, answer
            return Heard("done", "yes", took_s)
        told = outcome(answer)
        return Heard(told["reason"], told["executed"], took_s)

    def pay(self, gateway: Gateway, reason: str) -> Heard:
        """One refund under a key of its own, as the driver makes it."""
        return self.ask(gateway, TOOL, refund(reason), reason.replace(" ", "-"))

    def well(self, within_s: float = 20.0) -> float:
        """Until every gateway calls its store well; how long that took."""
        began = time.monotonic()
        for gateway in self.gateways:
            wait_for(lambda gateway=gateway: store_of(gateway) == "ok", "a store that is well", within_s)
        return time.monotonic() - began


def store_of(gateway: Gateway) -> str:
    """What /readyz says of the store; a store is never a reason not to be ready."""
    answer = gateway.operator("GET", "/readyz")
    assert answer.status_code == 200, answer.text
    return answer.json()["store"]


def sallyport(gateway: Gateway, *words: str) -> subprocess.CompletedProcess[str]:
    """`sallyport …` as a person runs it beside this gateway."""
    command = [sys.executable, "-m", "gateway", *words, "--config", str(gateway.path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
