"""The server behind the suite is what it claims: every scenario directly, one era where told, and what no scenario asks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conformance import behind, run, suite
from tests.conformance.suite import Outcome

ACCEPT = {"Accept": "application/json, text/event-stream"}
DECLARED = {"sampling": {}, "elicitation": {}, "roots": {}}


@pytest.fixture(scope="module")
def both() -> Iterator[str]:
    with behind.everything("both") as url:
        yield url


@pytest.mark.parametrize(("revision", "most"), [("2025-11-25", 30), ("2026-07-28", 37)])
def test_every_scenario_and_every_extra_passes_directly(
    both: str, revision: suite.Revision, most: int, tmp_path: Path
) -> None:
    suite.install()

    outcomes = suite.run(both, revision, tmp_path)

    assert [one for one in outcomes if one.failures or one.warnings or one.skipped or one.idle] == []
    assert [one.scored for one in outcomes].count(True) == most
    assert [one.scored for one in outcomes].count(False) == 3


def test_a_server_of_the_other_era_fails_the_suite(tmp_path: Path) -> None:
    suite.install()

    with behind.everything("modern") as url:
        (ping,) = suite.run(url, "2025-11-25", tmp_path, ["ping"])

    assert not ping.passed
    assert "FAIL ping" in run.table({"legacy": [ping]})


def test_a_scenario_that_proved_nothing_is_not_shown_as_a_pass() -> None:
    shown = run.table({"cell": [Outcome("quiet", scored=True, idle=True), Outcome("good", scored=True)]})

    assert shown.splitlines()[1].split() == ["quiet", "idle"]
    assert shown.splitlines()[2].split() == ["good", "pass"]


def test_the_lock_of_the_suite_names_no_registry() -> None:
    lock = json.loads((suite.FOLDER / "package-lock.json").read_text(encoding="utf-8"))

    packages = [entry for path, entry in lock["packages"].items() if path]
    assert packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages)


def test_one_era_alone_refuses_the_other() -> None:
    with behind.everything("legacy") as legacy, behind.everything("modern") as modern, httpx2.Client() as http:
        assert _modern(http, legacy, "tools/list", {})["error"]["code"] == -32600
        opened = http.post(modern, json=_initialize(), headers=ACCEPT)

    assert opened.status_code == 400
    assert opened.json()["error"] == {
        "code": -32022,
        "message": "Unsupported protocol version",
        "data": {"supported": ["2026-07-28"], "requested": ""},
    }


def test_what_a_modern_client_is_asked_in_rounds_a_session_is_asked_on_the_stream(both: str) -> None:
    name = "test_input_required_result_multi_round"

    with httpx2.Client() as http:
        first = _modern(http, both, "tools/call", {"name": name}, name)["result"]
        session = _opened(http, both, DECLARED)
        said = _session_call(http, both, session, name)

    assert list(first["inputRequests"]) == ["step1"]
    assert [one["params"]["message"].split(":")[0] for one in said if "method" in one] == ["Step 1", "Step 2"]
    assert said[-1]["result"]["content"][0]["text"] == "yes likes yes"


def test_a_session_that_cannot_be_asked_is_told_so(both: str) -> None:
    with httpx2.Client() as http:
        said = _session_call(http, both, _opened(http, both, {}), "test_sampling", {"prompt": "x"})

    assert said[-1]["result"]["isError"]
    assert "sampling" in said[-1]["result"]["content"][0]["text"]


def test_a_change_reaches_listeners_and_sessions(both: str) -> None:
    listen = {"notifications": {"toolsListChanged": True}}

    with httpx2.Client(timeout=5) as http:
        session = _opened(http, both, {})
        with (
            http.stream("POST", both, **_request("subscriptions/listen", listen)) as modern,
            http.stream("GET", both, headers=ACCEPT | session) as legacy,
        ):
            heard_modern, heard_legacy = _messages(modern), _messages(legacy)
            assert next(heard_modern)["method"] == "notifications/subscriptions/acknowledged"
            before = _names(http, both)
            _modern(http, both, "tools/call", {"name": "test_trigger_tool_change"}, "test_trigger_tool_change")
            told = next(heard_modern), next(heard_legacy)
        after = _names(http, both)

    assert {one["method"] for one in told} == {"notifications/tools/list_changed"}
    assert before ^ after == {"test_come_and_go"}


def _names(http: httpx2.Client, url: str) -> set[str]:
    return {one["name"] for one in _modern(http, url, "tools/list", {})["result"]["tools"]}


def _request(method: str, params: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": DECLARED,
    }
    headers = (
        ACCEPT | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method} | ({"Mcp-Name": name} if name else {})
    )
    return {
        "headers": headers,
        "json": {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}},
    }


def _modern(http: httpx2.Client, url: str, method: str, params: dict[str, Any], name: str | None = None) -> Any:
    answer = http.post(url, **_request(method, params, name))
    if answer.headers["content-type"].startswith("application/json"):
        return answer.json()
    return [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")][-1]


def _initialize(capabilities: dict[str, Any] | None = None) -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": capabilities or {}, "clientInfo": client}
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}


def _opened(http: httpx2.Client, url: str, capabilities: dict[str, Any]) -> dict[str, str]:
    """Headers of a new session."""
    opened = http.post(url, json=_initialize(capabilities), headers=ACCEPT)
    session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
    http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=ACCEPT | session)
    return session


def _session_call(
    http: httpx2.Client, url: str, session: dict[str, str], name: str, arguments: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Everything on the stream of the call; every question is accepted with `yes` in each field."""
    params = {"name": name, "arguments": arguments or {}}
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    said = []
    with http.stream("POST", url, json=body, headers=ACCEPT | session) as stream:
        for message in _messages(stream):
            said.append(message)
            if "method" in message and "id" in message:
                fields = message["params"]["requestedSchema"]["properties"]
                result = {"action": "accept", "content": dict.fromkeys(fields, "yes")}
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                assert http.post(url, json=answer, headers=ACCEPT | session).status_code == 202
    return said


def _messages(stream: httpx2.Response) -> Iterator[dict[str, Any]]:
    for line in stream.iter_lines():
        if line.startswith("data:") and line[5:].strip():
            yield json.loads(line[5:])
