"""A gateway whose policy wants a person's yes, the people who may say it, and the agent that waits for it."""

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
from e2e_kit import HTTP, ROOT, Gateway, HelpDesk, api_key, helpdesk_config, outcome, wait_for

ROWS = """
g, user:alice, role:support,  default
g, user:alice, role:approver, default
g, user:carol, role:approver, default
p, read-tickets,    role:support,  default, *, helpdesk/ticket_get,    call,    -, allow
p, ask-refund,      role:support,  default, *, helpdesk/refund_create, call,    -, ask
p, ask-customer,    role:support,  default, *, helpdesk/customer_get,  call,    -, ask
p, approve-all,     role:approver, default, *, helpdesk/*,             approve, -, allow
"""
PEOPLE = {"alice": ["viewer"], "carol": ["viewer"], "dave": ["viewer"], "olga": ["viewer", "operator"]}
"""Alice may approve what others ask for, carol everything; dave only looks, and olga works the brakes."""
REFUND = "helpdesk_refund_create"
ORDER = 30
Json = dict[str, Any]


class Asking:
    """Alice's agent calls; people answer."""

    def __init__(self, folder: Path, helpdesk: HelpDesk, hold: str, **more: Any) -> None:
        self.helpdesk = helpdesk
        self.rows = folder / "policy.csv"
        self.rows.write_text(more.pop("rows", ROWS), encoding="utf-8")
        self.alice, entry = api_key("alice-key", "support-bot", "alice")
        self.tokens = {who: f"the operator token of {who}" for who in PEOPLE}
        config = helpdesk_config(helpdesk.url, [entry])
        config["policy"] = {"model": str(ROOT / "policies/model.conf"), "rows": str(self.rows), "conditions": None}
        config["operator"] = {"tokens": [_token(who, self.tokens[who]) for who in PEOPLE]}
        config["approvals"] = {"hold": hold, **more.pop("approvals", {})}
        self.gateway = Gateway(folder, {**config, **more})
        self.gateway.start()

    def refund(self, reason: str, cents: int = 1, **more: Any) -> Json:
        arguments = {"order_id": ORDER, "amount_cents": cents, "reason": reason, **more.pop("arguments", {})}
        return self.gateway.call(self.alice, REFUND, arguments, **more)

    def paid(self, reason: str) -> int:
        """How many refunds the tool has written for this reason."""
        with contextlib.closing(sqlite3.connect(self.helpdesk.db)) as db:
            return db.execute("SELECT count(*) FROM refunds WHERE reason = ?", (reason,)).fetchone()[0]

    def ask(self, who: str, method: str, path: str, **more: Any) -> httpx2.Response:
        """One request of a person at the operator plane."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return HTTP.request(method, self.gateway.operator_url + path, headers=headers, **more)

    def answer(self, who: str, question: str, decision: str = "approve", why: str = "a test") -> httpx2.Response:
        return self.ask(who, "POST", f"/approvals/{question}", json={"decision": decision, "why": why})

    def questions(self, state: str | None = None) -> list[Json]:
        """Newest first."""
        asked: list[Json] = self.ask("carol", "GET", "/approvals").json()
        return [one for one in asked if state is None or one["state"] == state]

    def question(self, question: str) -> Json:
        found: Json = self.ask("carol", "GET", f"/approvals/{question}").json()
        return found

    def cli(self, who: str, *verb: str) -> subprocess.CompletedProcess[str]:
        """`sallyport approvals …` as a person runs it."""
        command = [sys.executable, "-m", "gateway", "approvals", *verb, "--config", str(self.gateway.path)]
        environment = {**os.environ, "SALLYPORT_OPERATOR_TOKEN": self.tokens[who]}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20, check=False
        )

    @contextlib.contextmanager
    def held(self, reason: str, **more: Any) -> Iterator[tuple[str, Future[Json]]]:
        """The agent waits in its call while the block runs; the question's id, and what becomes of the call."""
        before = {one["id"] for one in self.questions()}
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(self.refund, reason, **more)
            new = wait_for(
                lambda: [one for one in self.questions("pending") if one["id"] not in before], "a question", 5
            )
            assert not answered.done()
            yield new[0]["id"], answered


def pending(answer: Json) -> str:
    """The id of the question an agent was told of; it was told nothing else, and well."""
    told = outcome(answer)
    assert (told["reason"], told["code"], told["executed"], told["retry"]) == ("approval-pending", 20200, "no", "after")
    assert told["retry_after_ms"] > 0
    assert answer["result"]["isError"] is True
    return told["approval"]


def _token(who: str, token: str) -> Json:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return {"id": f"{who}-at-the-desk", "user": who, "hash": f"sha256:{digest}", "roles": PEOPLE[who]}
