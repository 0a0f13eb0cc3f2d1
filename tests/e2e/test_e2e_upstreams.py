"""Upstreams of either era and over stdio, behind clients of either era; dead ones, hung ones, and those that come back."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2e_clients import sdk
from e2e_kit import EFFECTS, Gateway, HelpDesk, api_key, free_port, outcome, structured, wait_for

REFUND = {"order_id": 5, "amount_cents": 100, "reason": "scratched"}


@dataclass
class Street:
    """One gateway before five upstreams: an old and a new one, a child, one that is dead and one that hangs."""

    gateway: Gateway
    bob: str
    old: HelpDesk
    new: HelpDesk
    dead_port: int
    folder: Path
    seen_while_one_hung: set[str]

    def names(self) -> set[str]:
        return {tool["name"] for tool in self.gateway.rpc(self.bob, "tools/list").json()["result"]["tools"]}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    for name in ("old", "new", "dead"):
        (folder / name).mkdir()
    old, new, dead_port = HelpDesk(folder / "old", "legacy"), HelpDesk(folder / "new", "modern"), free_port()
    stdio = ["-m", "examples.helpdesk.stdio", "--db", str(folder / "new/helpdesk.db")]
    cwd = str(Path(__file__).resolve().parents[2])
    bob, entry = api_key("bob-key", "ops-bot", "bob")
    with socket.create_server(("127.0.0.1", 0)) as hung:
        urls = {"old": old.url, "new": new.url, "dead": f"http://127.0.0.1:{dead_port}/mcp"}
        urls["hung"] = f"http://127.0.0.1:{hung.getsockname()[1]}/mcp"
        config: dict[str, Any] = {
            "identity": {"keys": [entry]},
            "upstreams": {
                name: {"kind": "mcp-http", "url": url, "tools": EFFECTS, "refresh": "500ms"}
                for name, url in urls.items()
            },
            "agents": {"ops-bot": {"tools": ["*/*"]}},
            "loops": "off",
        }
        config["upstreams"]["notes"] = {"kind": "mcp-stdio", "command": sys.executable, "args": stdio, "cwd": cwd}
        gateway = Gateway(folder, config)
        street = Street(gateway, bob, old, new, dead_port, folder, set())
        gateway.start(ready=False)
        try:
            wait_for(lambda: {"old_ticket_get", "new_ticket_get", "notes_note_list"} <= street.names(), "three lists")
            if gateway.operator("GET", "/startupz").status_code == 503:
                street.seen_while_one_hung = street.names()
            yield street
        finally:
            gateway.stop()
            for desk in (street.old, street.new):
                desk.close()


def test_an_upstream_that_hangs_or_is_dead_neither_delays_nor_hides_the_lists_of_the_others(street: Street) -> None:
    assert {"old_ticket_get", "new_ticket_get", "notes_note_list"} <= street.seen_while_one_hung
    assert not {name for name in street.seen_while_one_hung if name.startswith(("dead_", "hung_"))}


@pytest.mark.parametrize("front", ["2026-07-28", "legacy"])
async def test_every_era_calls_every_era(street: Street, front: str) -> None:
    amount = 100 if front == "legacy" else 101
    async with sdk(street.gateway, street.bob, front) as session:
        listed = {tool.name: tool for tool in (await session.list_tools()).tools}
        for behind in ("old", "new"):
            desk = getattr(street, behind)
            before = desk.count("refunds")
            read = await session.call_tool(f"{behind}_ticket_get", {"id": 3})
            done = await session.call_tool(f"{behind}_refund_create", {**REFUND, "amount_cents": amount})
            failed = await session.call_tool(f"{behind}_ticket_get", {"id": 99_999})

            assert read.structured_content is not None
            assert read.structured_content["id"] == 3
            assert not done.is_error
            assert desk.count("refunds") == before + 1
            assert failed.is_error
        notes = await session.call_tool("notes_note_list", {"ticket_id": 1})

    assert not notes.is_error
    assert "notes" in json.loads(notes.content[0].text)  # type: ignore[union-attr]
    assert listed["old_ticket_get"].input_schema == listed["new_ticket_get"].input_schema
    assert len([name for name in listed if name.startswith("old_")]) == len(
        [name for name in listed if name.startswith("new_")]
    )


def test_an_upstream_that_comes_back_is_listed_and_one_that_goes_again_is_refused_unsent(street: Street) -> None:
    def refund() -> dict[str, Any]:
        return street.gateway.call(street.bob, "dead_refund_create", REFUND)

    with closing(HelpDesk(street.folder / "dead", "modern", street.dead_port)):
        wait_for(lambda: "dead_ticket_get" in street.names(), "the dead upstream's tools")

    gone = outcome(refund())
    assert (gone["reason"], gone["executed"]) == ("upstream-unavailable", "no")
    assert "dead_ticket_get" in street.names()
    with closing(HelpDesk(street.folder / "dead", "legacy", street.dead_port)) as again:
        before = again.count("refunds")
        assert structured(refund())["amount_cents"] == 100
        assert structured(refund())["amount_cents"] == 100
        assert again.count("refunds") == before + 1


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_restart_of_an_upstream_fails_no_call_and_repeats_none(street: Street, era: str) -> None:
    name = "old" if era == "legacy" else "new"
    desk = getattr(street, name)
    port = int(desk.url.rpartition(":")[2].partition("/")[0])
    async with sdk(street.gateway, street.bob, "legacy") as session:
        await session.call_tool(f"{name}_ticket_get", {"id": 1})
        desk.close()
        setattr(street, name, fresh := HelpDesk(street.folder / name, era, port))
        before = fresh.count("refunds")
        done = await session.call_tool(f"{name}_refund_create", {**REFUND, "amount_cents": 222})
        read = await session.call_tool(f"{name}_ticket_get", {"id": 1})

    assert not done.is_error
    assert not read.is_error
    assert fresh.count("refunds") == before + 1


def test_a_child_that_was_killed_is_started_again(street: Street) -> None:
    assert street.gateway.process is not None
    (child,) = psutil.Process(street.gateway.process.pid).children()
    child.kill()
    child.wait(5)

    def answers() -> bool:
        return not street.gateway.call(street.bob, "notes_note_list", {"ticket_id": 1})["result"].get("isError")

    wait_for(answers, "the child to answer again", 5)
