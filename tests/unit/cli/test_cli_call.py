"""call: what leaves on the wire, how answers and refusals are shown, and what a broken line means."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_stage import Run, Scripted, write_config

from gateway.wire import jsonrpc

OUTCOME = {
    "reason": "policy-denied",
    "code": 40302,
    "executed": "no",
    "retry": "never",
    "call_id": "c-9",
    "remedy": "Ask.",
}
ANSWER = {
    "result": {
        "content": [{"type": "text", "text": '{"id": 13}'}, {"type": "text", "text": "more\x1b[2J"}],
        "structuredContent": {"id": 13},
        "_meta": {"io.sallyport/provenance": {"call_id": "c-1"}},
    }
}


def params(plane: Scripted) -> dict[str, Any]:
    """Of the last request."""
    return plane.heard[-1][2]["params"]


def test_a_call_is_framed_as_a_modern_agent_frames_it(sallyport: Run, agent_plane: Scripted) -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    agent_plane.say("tools/list", {"result": {"tools": [{"name": "crm_find", "inputSchema": schema}]}})
    agent_plane.say("tools/call", ANSWER)
    words = ("call", "crm/find", "region=eu", "limit=3", "exact=true", "name=007x", "--key", "k1", "--agent", "bot")
    assert sallyport(*words, "--token", "sp_x").exit_code == 0
    path, headers, request = agent_plane.heard[-1]
    assert path == "/agents/bot/mcp"
    assert headers["authorization"] == "Bearer sp_x"
    assert headers["mcp-protocol-version"] == jsonrpc.MODERN == params(agent_plane)["_meta"][jsonrpc.META_VERSION]
    assert (headers["mcp-method"], headers["mcp-name"], headers["mcp-param-region"]) == ("tools/call", "crm_find", "eu")
    assert {"application/json", "text/event-stream"} <= set(headers["accept"].split(", "))
    assert request["params"]["arguments"] == {"region": "eu", "limit": 3, "exact": True, "name": "007x"}
    assert request["params"]["_meta"][jsonrpc.META_IDEMPOTENCY_KEY] == "k1"


def test_all_pages_of_the_list_are_read(sallyport: Run, agent_plane: Scripted) -> None:
    def page(request: dict[str, Any]) -> tuple[int, str, bytes]:
        last = request["params"].get("cursor") == "2"
        found = {"tools": [{"name": "b_x"}]} if last else {"tools": [{"name": "a_x"}], "nextCursor": "2"}
        return 200, "application/json", json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": found}).encode()

    agent_plane.answers["tools/list"] = page
    agent_plane.say("tools/call", ANSWER)
    assert sallyport("call", "b/x").exit_code == 0
    assert params(agent_plane)["name"] == "b_x"


def test_an_answer_is_printed_once_and_cannot_act_on_the_terminal(sallyport: Run, agent_plane: Scripted) -> None:
    agent_plane.say("tools/call", ANSWER)
    done = sallyport("call", "t")
    assert done.exit_code == 0
    assert done.stdout == '{\n  "id": 13\n}\nmore�[2J\n'
    assert done.stderr.strip() == "call c-1"
    assert json.loads(sallyport("call", "t", "--json").stdout)["result"] == ANSWER["result"]


def test_an_answer_may_come_as_a_stream(sallyport: Run, agent_plane: Scripted) -> None:
    progress = b'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n'
    answer = b'data: {"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"done"}]}}\n\n'
    agent_plane.say("tools/call", progress + answer, kind="text/event-stream")
    assert sallyport("call", "t").stdout == "done\n"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"result": {"isError": True, "content": [], "_meta": {jsonrpc.META_OUTCOME: OUTCOME}}}, 200),
        ({"error": {"code": -32602, "message": "No", "data": {jsonrpc.META_OUTCOME: OUTCOME}}}, 400),
    ],
)
def test_a_refusal_shows_the_whole_outcome(sallyport: Run, agent_plane: Scripted, body: Any, status: int) -> None:
    agent_plane.say("tools/call", body, status)
    done = sallyport("call", "t")
    assert done.exit_code == 1
    for name, value in OUTCOME.items():
        assert f"  {name}: {value}" in done.stderr


def test_a_bare_refusal_of_the_list_is_shown_and_nothing_is_called(sallyport: Run, agent_plane: Scripted) -> None:
    bare = {"error": "unauthenticated", "detail": "No credential.", "remedy": "Send one.", "call_id": "c-2"}
    agent_plane.say("tools/list", bare, 401)
    done = sallyport("call", "t")
    assert done.exit_code == 1
    assert "401 unauthenticated: No credential. Send one." in done.stderr
    assert "c-2" in done.stderr
    assert len(agent_plane.heard) == 1


@pytest.mark.parametrize("body", [b"<html>", b'{"a":1,"a":2}', b"[]", b"", b'{"jsonrpc":"2.0","method":"x"}'])
def test_an_answer_that_is_none_says_that_the_outcome_is_unknown(
    sallyport: Run, agent_plane: Scripted, body: bytes
) -> None:
    agent_plane.say("tools/call", body)
    done = sallyport("call", "t", "--key", "k")
    assert done.exit_code == 3
    assert "is unknown; repeat it with the same --key" in done.stderr


def test_a_gateway_that_does_not_run_is_named(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    done = sallyport("call", "t")
    assert done.exit_code == 3
    assert "Start it with `sallyport run --config config.yaml`" in done.stderr


def test_arguments_may_come_from_a_file_and_pairs_go_on_top(
    sallyport: Run, agent_plane: Scripted, folder: Path
) -> None:
    agent_plane.say("tools/call", ANSWER)
    (folder / "args.json").write_text('{"id": 123456789012345678901234567890, "note": "a"}')
    assert sallyport("call", "t", "note=b=c", "--args", "@args.json").exit_code == 0
    assert params(agent_plane)["arguments"] == {"id": 123456789012345678901234567890, "note": "b=c"}


@pytest.mark.parametrize("words", [("nothing",), ("=x",), ("--args", "[]"), ("--args", "{"), ("--args", "@none.json")])
def test_arguments_that_are_none_are_wrong_usage(sallyport: Run, agent_plane: Scripted, words: tuple[str, ...]) -> None:
    assert sallyport("call", "t", *words).exit_code == 2
    assert agent_plane.heard == []


def test_a_token_that_no_header_can_carry_is_wrong_usage(sallyport: Run, agent_plane: Scripted) -> None:
    done = sallyport("call", "t", "--token", "sp_\nx")
    assert done.exit_code == 2
    assert "sp_" not in done.stderr
