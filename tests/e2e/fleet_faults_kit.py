"""A fleet on a Redis that can be killed, paused, emptied, filled and set back; what people and agents hear meanwhile."""

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

import httpx2
import redis
import redis_kit
from e2e_kit import HTTP, ROOT, Gateway, HelpDesk, helpdesk_config, outcome, wait_for
from e2e_peer import SlowPeer
from fleet_kit import ORDER, TOOL, Fleet

from gateway.app import DRAIN_S
from gateway.operator.access import token_hash
from gateway.store.redis_names import GENERATION

EVERY_WRITE = {"appendonly": "yes", "appendfsync": "always"}
"""A server that loses nothing when it is killed."""
LAST_WORDS_S = 10.0
LOOKED = ("helpdesk_order_get", {"id": ORDER})
VIEWER = "the operator token of vera"
ROWS = """
g, user:bob,   role:lead,     default
g, user:local, role:approver, default
p, everything,   role:lead,     default, *, */*,                call,    -, allow
p, ask-mail,     role:lead,     default, *, helpdesk/mail_send, call,    -, ask
p, approve-mail, role:approver, default, *, helpdesk/mail_send, approve, -, allow
"""
AWAY = "ok for reads, but not for long; calls that leave traces are refused: "
PATIENT = {"kill_switch": {"refuse_after": "1h"}}
"""However slow this machine is, reads go on while the store is away."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """What a caller was told."""

    reason: str
    """`done` when the tool answered."""
    executed: str
    took_s: float
    replayed: bool = False


class Faulty(Fleet):
    """Before a help desk and a peer that answers when it is let; mails wait for a person."""

    def __init__(self, folder: Path, desk: HelpDesk, size: int = 2, server: dict[str, str] | None = None) -> None:
        self.peer = SlowPeer()
        config = helpdesk_config(desk.url, [])
        del config["identity"]
        config["upstreams"] |= self.peer.config()["upstreams"]
        config["agents"]["ops-bot"]["tools"] += ["peer/*"]
        rows = folder / "policy.csv"
        rows.write_text(ROWS, encoding="utf-8")
        config["policy"] = {"model": str(ROOT / "policies/model.conf"), "rows": str(rows), "conditions": None}
        config["operator"] = {"tokens": [{"id": "vera", "hash": token_hash(VIEWER)}]}
        super().__init__(folder, desk, size, EVERY_WRITE if server is None else server, **config | PATIENT)
        with self.redis() as client:
            client.set(GENERATION, redis_kit.BORN)  # so that nobody waits for one

    def close(self) -> None:
        """A gateway whose store is away or lost goes on for a while to settle what was on its way."""
        self.peer.close()
        running = [one.process for one in self.gateways if one.process is not None and one.process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            process.wait(DRAIN_S + LAST_WORDS_S)
        super().close()

    def redis(self) -> "redis.Redis[bytes]":
        return redis.Redis(port=self.valkey.port)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """The server stands still and keeps its connections."""
        os.kill(redis_kit.pid(self.valkey), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(redis_kit.pid(self.valkey), signal.SIGCONT)

    def ask(self, gateway: Gateway, tool: str, arguments: Json, key: str | None = None, **headers: str) -> Heard:
        began = time.monotonic()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = gateway.call(self.token, tool, arguments, headers=more | ({"Idempotency-Key": key} if key else {}))
        took_s = time.monotonic() - began
        if "result" in answer and "io.sallyport/outcome" not in answer["result"]["_meta"]:
            assert answer["result"].get("isError") is not True, answer
            return Heard("done", "yes", took_s, "io.sallyport/replayed" in answer["result"]["_meta"])
        told = outcome(answer)
        return Heard(told["reason"], told["executed"], took_s)

    def pay(self, gateway: Gateway, reason: str) -> Heard:
        """One refund, under the key that the driver gives it."""
        return self.ask(gateway, TOOL, refund(reason), reason.replace(" ", "-"))

    def look(self, gateway: Gateway) -> Heard:
        return self.ask(gateway, *LOOKED)

    def refuses(self, gateway: Gateway, reason: str) -> Heard:
        """The call is refused because of the store, plainly not executed; reads go on beside it."""
        heard = self.pay(gateway, reason)
        assert (heard.reason, heard.executed) == ("store-unavailable", "no")
        assert self.look(gateway).reason == "done"
        return heard

    def well(self, within_s: float = 10.0) -> float:
        """Until every gateway says that its store is well; how long that took."""
        began = time.monotonic()
        for gateway in self.gateways:
            wait_for(lambda gateway=gateway: store_of(gateway) == "ok", "a store that is well", within_s)
        return time.monotonic() - began

    def unwell(self, *why: str) -> None:
        """Until every gateway says why calls that leave traces are refused."""
        for gateway in self.gateways:
            wait_for(
                lambda gateway=gateway: any(AWAY in store_of(gateway) and w in store_of(gateway) for w in why), why
            )

    def accept_loss(self, gateway: Gateway, token: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return HTTP.post(f"{gateway.operator_url}/store/accept-loss", headers=headers, json={"why": "drill"})


def refund(reason: str) -> Json:
    return {"order_id": ORDER, "amount_cents": 1, "reason": reason}


def store_of(gateway: Gateway) -> str:
    """What /readyz says of the store, which is never a reason not to be ready."""
    answer = HTTP.get(f"{gateway.operator_url}/readyz")
    assert answer.status_code == 200, answer.text
    return answer.json()["store"]


def sallyport(gateway: Gateway, *words: str) -> subprocess.CompletedProcess[str]:
    """`sallyport …` as a person runs it beside this gateway."""
    command = [sys.executable, "-m", "gateway", *words, "--config", str(gateway.path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def operator_acts(gateway: Gateway) -> list[tuple[str, str]]:
    """Who did what at this gateway, oldest first."""
    return [(one["who"], one["action"]) for one in gateway.records(kind="operator", order="oldest")]
