"""Published servers over stdio behind the gateway: listed, called, killed, and told nothing of the gateway's environment."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2e_clients import sdk
from e2e_kit import outcome, text, wait_for
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from reference_servers import MARK, NODE, PACKAGES, SERVERS, Yard, arguments, installed, yard

ERAS = ("2026-07-28", "legacy")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    if not installed():
        pytest.fail("the reference servers are not installed: run `make test`, which installs them first")
    with yard(tmp_path_factory.mktemp("servers")) as found:
        wait_for(lambda: len(prefixes(found)) == len(SERVERS), "three lists")
        yield found


def prefixes(three: Yard) -> set[str]:
    listed = three.gateway.rpc(three.token, "tools/list").json()["result"]["tools"]
    return {tool["name"].partition("_")[0] for tool in listed}


@pytest.mark.parametrize("server", SERVERS)
async def test_its_tools_are_listed_as_it_lists_them_itself(three: Yard, server: str) -> None:
    command = StdioServerParameters(command=NODE, args=arguments(server, three.folder))
    async with Client(stdio_client(command)) as alone:
        own = {f"{server}_{tool.name}": tool for tool in (await alone.list_tools()).tools}
    for era in ERAS:
        async with sdk(three.gateway, three.token, era) as session:
            shown = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert {name for name in shown if name.startswith(f"{server}_")} == set(own)
        for name, tool in own.items():
            wanted, published = tool.input_schema.get("properties", {}), shown[name].input_schema.get("properties", {})
            assert {key: value for key, value in published.items() if not key.startswith("x_")} == wanted


@pytest.mark.parametrize("era", ERAS)
async def test_each_is_called_and_what_it_changed_is_on_the_disk(three: Yard, era: str) -> None:
    note = three.folder / f"{era}.txt"
    entity = {"name": f"Ada {era}", "entityType": "person", "observations": ["wrote the first program"]}
    async with sdk(three.gateway, three.token, era) as session:
        total = await session.call_tool("everything_get-sum", {"a": 2, "b": 40})
        wrote = await session.call_tool("filesystem_write_file", {"path": str(note), "content": "as written"})
        read = await session.call_tool("filesystem_read_text_file", {"path": str(note)})
        outside = await session.call_tool("filesystem_read_text_file", {"path": "/etc/hostname"})
        made = await session.call_tool("memory_create_entities", {"entities": [entity]})
        found = await session.call_tool("memory_search_nodes", {"query": f"Ada {era}"})

    assert "42" in total.content[0].text  # type: ignore[union-attr]
    assert not wrote.is_error
    assert note.read_text(encoding="utf-8") == "as written"
    assert read.structured_content == {"content": "as written"}
    assert outside.is_error
    assert not made.is_error
    assert (three.folder / "memory.jsonl").read_text(encoding="utf-8").count(f"Ada {era}") == 1
    assert found.structured_content is not None
    assert found.structured_content["entities"] == [entity]


def test_a_write_repeated_under_its_key_is_done_once(three: Yard) -> None:
    def create() -> dict[str, Any]:
        entities = [{"name": "Once", "entityType": "word", "observations": []}]
        return three.gateway.call(
            three.token, "memory_create_entities", {"entities": entities}, headers={"Idempotency-Key": "once"}
        )

    first = create()
    (three.folder / "memory.jsonl").write_text("", encoding="utf-8")

    assert create()["result"]["structuredContent"] == first["result"]["structuredContent"]
    assert (three.folder / "memory.jsonl").read_text(encoding="utf-8") == ""


def test_the_environment_of_a_server_is_what_the_operator_gave_it(three: Yard) -> None:
    assert three.gateway.process is not None
    assert MARK in psutil.Process(three.gateway.process.pid).environ()

    told = json.loads(text(three.gateway.call(three.token, "everything_get-env")))

    assert told["GIVEN"] == "by the operator"
    assert set(told) <= {"GIVEN", "PATH", "HOME", "LANG"}
    for server in SERVERS:
        assert MARK not in three.child(server).environ()


@pytest.mark.parametrize("server", SERVERS)
def test_the_next_call_after_a_kill_is_answered_by_a_new_process(three: Yard, server: str) -> None:
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "everything": ("everything_echo", {"message": "still there"}),
        "filesystem": ("filesystem_write_file", {"path": str(three.folder / "after"), "content": "still there"}),
        "memory": ("memory_create_entities", {"entities": []}),
    }
    old = three.child(server)
    old.kill()
    old.wait(5)

    answer = three.gateway.call(three.token, *asked[server])

    assert not answer["result"].get("isError"), answer
    assert three.child(server).pid != old.pid
    if server == "filesystem":
        assert (three.folder / "after").read_text(encoding="utf-8") == "still there"


def test_a_server_killed_in_mid_call_leaves_it_in_doubt_and_is_started_again(three: Yard) -> None:
    child = three.child("everything")
    took = child.io_counters().read_chars
    answers: list[dict[str, Any]] = []
    asked = (three.token, "everything_trigger-long-running-operation", {"duration": 30, "steps": 1})
    calling = threading.Thread(target=lambda: answers.append(three.gateway.call(*asked)))
    calling.start()
    wait_for(lambda: child.io_counters().read_chars > took, "the call to reach the server")
    child.kill()
    calling.join(10)

    (lost,) = answers
    assert outcome(lost)["executed"] == "unknown"
    again = three.gateway.call(three.token, "everything_echo", {"message": "back"})
    assert text(again) == "Echo: back"


def test_what_a_server_says_on_stderr_is_in_the_log(three: Yard) -> None:
    log = three.gateway.log.read_text(encoding="utf-8")

    assert "upstream everything says: 'Starting default (STDIO) server...'" in log
    assert "upstream memory says: 'Knowledge Graph MCP Server running on stdio'" in log


def test_no_server_outlives_its_gateway(tmp_path: Path) -> None:
    with yard(tmp_path) as stopped:
        wait_for(lambda: len(prefixes(stopped)) == len(SERVERS), "three lists")
        children = [stopped.child(server) for server in SERVERS]
        stopped.gateway.stop()

        gone, left = psutil.wait_procs(children, 5)

    assert left == []
    assert len(gone) == len(SERVERS)


def test_the_lock_of_the_servers_names_no_registry() -> None:
    lock = json.loads((PACKAGES.parents[1] / "package-lock.json").read_text(encoding="utf-8"))

    packages = [entry for path, entry in lock["packages"].items() if path]
    assert packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages)
