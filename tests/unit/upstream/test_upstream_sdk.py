"""The upstream leg against real servers of the public MCP SDK: each era over HTTP, JSON and SSE, and over stdio."""

import asyncio
import sys
from pathlib import Path

import pytest
from sdk_peer import CALLS, sdk_server
from upstream_kit import RealClock, nothing, outbound, soon, tool, upstream

from gateway.config.upstreams import McpHttp, McpStdio
from gateway.model.outcome import Answered, AnsweredError
from gateway.tasks import Tasks
from gateway.upstream.http import McpHttpUpstream
from gateway.upstream.make import make_upstream
from gateway.upstream.stdio import McpStdioUpstream

_ROOT = Path(__file__).parents[3]
_NAMES = ["echo0", "fail0", "echo1", "fail1", "echo2", "fail2"]


async def _use(up, era: str) -> None:
    tools = await up.list_tools(soon(30))
    assert [entry["name"] for entry in tools] == _NAMES
    assert tools[0]["inputSchema"]["$defs"] == {"kept": {}}
    echo, fail = (tool(name, tools[0]["inputSchema"]) for name in ("echo0", "fail0"))
    outcomes = await asyncio.gather(*(up.send(outbound({"text": f"ä{n}"}, tool=echo), soon()) for n in range(8)))
    assert [outcome.result["content"][0]["text"] for outcome in outcomes] == [f"ä{n}" for n in range(8)]
    assert outcomes[0].result.get("resultType") == ("complete" if era == "modern" else None)
    failed = await up.send(outbound({"text": "x"}, tool=fail), soon())
    assert isinstance(failed, Answered)
    assert failed.result["isError"] is True


@pytest.mark.parametrize("json_response", [True, False], ids=["json", "sse"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_server_of_one_era_is_listed_and_called(era, json_response) -> None:
    async with sdk_server(era, json_response=json_response) as url, upstream(url, era="auto") as up:
        await _use(up, era)


async def test_a_server_of_both_eras_is_spoken_to_in_the_modern_one() -> None:
    async with sdk_server("both", json_response=True) as url, upstream(url, era="auto") as up:
        await _use(up, "modern")


async def test_a_restarted_legacy_server_opens_a_new_session_and_executes_once() -> None:
    async with sdk_server("legacy", json_response=True) as url, upstream(url, era="auto") as up:
        await up.list_tools(soon())
        link = up._links.shared.link
        await up._exchange.delete(link.headers, 5)
        CALLS.clear()
        assert isinstance(await up.send(outbound(tool=tool("echo0")), soon()), Answered)
        assert CALLS == ["echo0"]
        assert up._links.shared.link != link


async def test_wrong_params_are_an_answer() -> None:
    async with sdk_server("modern", json_response=True) as url, upstream(url, era="auto") as up:
        outcome = await up.send(outbound(["no", "object"], tool=tool("echo0")), soon())
        assert isinstance(outcome, AnsweredError)


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_stdio_server_is_listed_and_called(era) -> None:
    tasks = Tasks()
    config = McpStdio(
        kind="mcp-stdio",
        command=sys.executable,
        args=(str(Path(__file__).with_name("sdk_peer.py")),),
        env={"PYTHONPATH": str(_ROOT)},
        era="auto" if era == "modern" else era,
    )
    up = make_upstream("notes", config, RealClock(), tasks, nothing)
    assert isinstance(up, McpStdioUpstream)
    try:
        await _use(up, era)
    finally:
        await up.close()
        assert await tasks.drain(5) == 0


def test_the_configuration_decides_the_class() -> None:
    config = McpHttp(kind="mcp-http", url="http://127.0.0.1:1/mcp")
    assert isinstance(make_upstream("a", config, RealClock(), Tasks(), nothing), McpHttpUpstream)
