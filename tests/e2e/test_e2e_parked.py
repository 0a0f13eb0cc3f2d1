"""A stateless client before a server of sessions that asks in the middle of a call: parked, finished, lost, let go."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import ROOT, Gateway, wait_for

from tests.conformance.behind import everything

META = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}, "sampling": {}}}
PERSON = {"action": "accept", "content": {"username": "ada", "email": "ada@x.example"}}
MODEL = {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "none"}


@pytest.fixture(scope="module")
def desk() -> Iterator[str]:
    with everything("legacy") as url:
        yield url


@pytest.fixture
def gateway(tmp_path: Path, desk: str) -> Iterator[Gateway]:
    rows = tmp_path / "policy.csv"
    rows.write_text("p, all, user:ada, default, *, desk/*, call, -, allow\n")
    effects = {"test_elicitation": {"effect": "mutating"}, "*": {"effect": "read"}}
    before = Gateway(
        tmp_path,
        {
            "identity": {"anonymous": {"agent": "bot", "user": "ada"}},
            "upstreams": {"desk": {"kind": "mcp-http", "url": desk, "prefix": "", "tools": effects}},
            "agents": {"bot": {"tools": ["desk/*"]}},
            "policy": {"model": str(ROOT / "policies/model.conf"), "rows": str(rows), "conditions": None},
        },
    )
    before.start()
    try:
        yield before
    finally:
        before.stop(signal.SIGKILL)


def call(gateway: Gateway, name: str, **params: Any) -> Any:
    answer = gateway.rpc(None, "tools/call", {"name": name, **params}, meta=META)
    return json.loads(answer.text if answer.text.startswith("{") else answer.text.rpartition("data: ")[2])["result"]


def parked(gateway: Gateway, name: str = "test_elicitation", **arguments: str) -> dict[str, Any]:
    """What the retry is made of, without its answers."""
    asked = arguments or {"message": "Who are you?"}
    first = wait_for(lambda: call(gateway, name, arguments=asked), "a first answer")
    assert first["resultType"] == "input_required", first
    return {"arguments": asked, "requestState": first["requestState"], "keys": list(first["inputRequests"])}


def retry(gateway: Gateway, parked: dict[str, Any], answer: Any, name: str = "test_elicitation") -> Any:
    keys = dict.fromkeys(parked["keys"], answer)
    state = parked["requestState"]
    return call(gateway, name, arguments=parked["arguments"], requestState=state, inputResponses=keys)


def test_elicitation_and_sampling_are_answered_by_the_retry_and_the_record_names_the_call(gateway: Gateway) -> None:
    done = retry(gateway, parked(gateway), PERSON)
    assert '"ada@x.example"' in done["content"][0]["text"]
    done = retry(gateway, parked(gateway, "test_sampling", prompt="Capital?"), MODEL, "test_sampling")
    assert done["content"][0]["text"] == "LLM response: Paris"
    for tool, kind in (
        ("desk/test_elicitation", "elicitation/create"),
        ("desk/test_sampling", "sampling/createMessage"),
    ):
        first, second = sorted(gateway.records(tool=tool, kind="call"), key=lambda record: "continues" in record)
        assert (first["outcome"], first["executed"], first["asks"]) == ("answered", "yes", {kind: 1})
        assert (second["outcome"], second["continues"]) == ("answered", first["call"])


def test_a_call_that_was_parked_in_a_process_that_died_is_never_made_again(gateway: Gateway) -> None:
    held = parked(gateway)
    gateway.stop(signal.SIGKILL)
    gateway.start()
    told = wait_for(lambda: retry(gateway, held, PERSON), "an answer")["_meta"]["io.sallyport/outcome"]
    assert (told["reason"], told["executed"], told["retry"]) == ("input-expired", "unknown", "never")
    again = call(gateway, "test_elicitation", arguments=held["arguments"])["_meta"]["io.sallyport/outcome"]
    assert (again["reason"], again["executed"]) == ("outcome-unknown", "unknown")


def test_a_stop_lets_a_parked_call_go_and_its_record_is_written(gateway: Gateway) -> None:
    parked(gateway)
    assert gateway.stop() == 0
    gateway.start()
    [record] = wait_for(lambda: gateway.records(tool="desk/test_elicitation", kind="call"), "the record")
    assert (record["outcome"], record["executed"]) == ("answered-error", "yes")
