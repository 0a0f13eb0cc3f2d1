"""Spans of a real gateway in a real collector: whose children they are, what they say, and that nobody waits for them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from e2e_collector import Collector, Overhearing, attributes
from e2e_kit import Gateway, api_key, outcome, wait_for
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

OURS = "00-{trace}-2222222222222222-{flags}"
HTTP = "00-" + "5" * 32 + "-" + "6" * 16 + "-01"


class Scene:
    """A gateway between a caller and a peer, with a collector beside it."""

    def __init__(self, folder: Any, **telemetry: Any) -> None:
        self.collector, self.peer = Collector(), Overhearing()
        self.token, entry = api_key("bob-key", "ops-bot", "bob")
        told = {"otlp": self.collector.url, "otlp_headers": {"X-Collector-Key": "k-123"}, "service_name": "the-gateway"}
        self.gateway = Gateway(
            folder, {**self.peer.config(entry), "telemetry": {**told, "log_format": "json"} | telemetry}
        )
        self.gateway.start()

    def call(self, name: str, trace: str = "", flags: str = "01", **more: Any) -> dict[str, Any]:
        meta = {"traceparent": OURS.format(trace=trace, flags=flags)} if trace else {}
        return self.gateway.call(self.token, name, {}, meta=meta, **more)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.gateway.log.read_text().splitlines()]

    def close(self) -> None:
        self.gateway.stop()
        self.collector.close()
        self.peer.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("seen"))
    yield made
    made.close()


def test_one_trace_goes_from_the_caller_through_the_gateway_to_the_tool(scene: Scene) -> None:
    trace = "a1" * 16

    answer = scene.call("peer_work", trace, headers={"traceparent": HTTP})

    server, client = scene.collector.wait("tools/call peer_work", trace), scene.collector.wait("tools/call work", trace)
    assert (server.kind, client.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert server.parent_span_id.hex() == "2" * 16
    assert client.parent_span_id == server.span_id
    assert scene.peer.metas[-1]["traceparent"] == f"00-{trace}-{client.span_id.hex()}-01"
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in server.links] == [("5" * 32, "6" * 16)]
    assert server.start_time_unix_nano < client.start_time_unix_nano < client.end_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano
    call_id = answer["result"]["_meta"]["io.sallyport/provenance"]["call_id"]
    assert attributes(server).items() >= {
        "mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "peer_work",
        "mcp.protocol.version": "2026-07-28", "network.transport": "tcp", "sallyport.call.id": call_id,
        "sallyport.tool": "peer/work", "sallyport.outcome": "answered", "sallyport.decision": "allow",
        "sallyport.idempotency": "claimed",
    }.items()  # fmt: skip
    assert attributes(server)["sallyport.policy.version"]
    assert attributes(server)["sallyport.policy.rules"]
    at = {"server.address": "127.0.0.1", "server.port": int(scene.peer.url.rpartition(":")[2].partition("/")[0])}
    assert attributes(client).items() >= {"gen_ai.tool.name": "work", **at}.items()
    assert scene.collector.services == {"the-gateway"}
    assert {headers.get("X-Collector-Key") or headers["x-collector-key"] for headers in scene.collector.headers} == {
        "k-123"
    }
    [record] = scene.gateway.records(kind="call", call=call_id)
    assert (record["trace"]["id"], record["trace"]["span"]) == (trace, server.span_id.hex())
    assert record["trace"]["client"] == client.span_id.hex()


def test_a_call_without_a_context_begins_a_trace_and_a_replay_reaches_no_tool(scene: Scene) -> None:
    for _ in range(2):
        scene.call("peer_work", headers={"Idempotency-Key": "once"})
    found = wait_for(
        lambda: [
            span
            for span in scene.collector.named("tools/call peer_work")
            if attributes(span).get("sallyport.idempotency") == "replayed"
        ],
        "the replay's span",
    )[0]

    assert not found.parent_span_id
    assert [span.name for span in scene.collector.spans if span.trace_id == found.trace_id] == ["tools/call peer_work"]


def test_a_refused_call_says_why_and_names_nothing_the_caller_made_up(scene: Scene) -> None:
    trace = "a2" * 16

    refused = scene.call("peer_<no such tool>", trace)

    span = scene.collector.wait("tools/call", trace)
    assert attributes(span)["error.type"] == outcome(refused)["reason"] == "unknown-tool"
    assert attributes(span)["rpc.response.status_code"] == "-32602"
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert b"no such tool" not in span.SerializeToString()


def test_a_list_is_one_span_in_the_callers_trace(scene: Scene) -> None:
    trace = "a3" * 16

    scene.gateway.rpc(scene.token, "tools/list", meta={"traceparent": OURS.format(trace=trace, flags="01")})

    assert scene.collector.wait("tools/list", trace).kind == Span.SPAN_KIND_SERVER


def test_what_the_caller_does_not_want_recorded_is_not_and_the_tool_knows(scene: Scene) -> None:
    quiet, loud = "a4" * 16, "a5" * 16

    scene.call("peer_look", quiet, flags="00")
    assert scene.peer.metas[-1]["traceparent"].endswith("-00")
    scene.call("peer_look", loud)

    scene.collector.wait("tools/call peer_look", loud)
    assert [span for span in scene.collector.spans if span.trace_id.hex() == quiet] == []


def test_an_operators_request_is_one_span_and_so_is_a_stream(scene: Scene) -> None:
    scene.gateway.operator("GET", "/policy", headers={"traceparent": OURS.format(trace="a6" * 16, flags="01")})
    scene.gateway.operator("GET", "/audit", headers={"Accept": "application/x-ndjson"})
    scene.gateway.operator("GET", "/readyz")

    assert scene.collector.wait("GET /policy", "a6" * 16).kind == Span.SPAN_KIND_SERVER
    stream = scene.collector.wait("GET /audit")
    assert [span.name for span in scene.collector.spans if span.trace_id == stream.trace_id] == ["GET /audit"]
    assert [span.name for span in scene.collector.spans if span.trace_id.hex() == "a6" * 16] == ["GET /policy"]
    assert not [span.name for span in scene.collector.spans if "readyz" in span.name or "startupz" in span.name]


def test_spans_that_were_not_sent_yet_go_out_at_the_end_and_a_missing_collector_is_no_trouble(tmp_path: Any) -> None:
    scene = Scene(tmp_path)
    try:
        scene.call("peer_look", "b1" * 16)
        assert scene.gateway.stop() == 0
        assert scene.collector.named("tools/call look", "b1" * 16)

        scene.collector.close()
        scene.gateway.start()
        lost = [scene.call("peer_look") for _ in range(3)]
        assert all("error" not in answer for answer in lost)
        wait_for(lambda: [line for line in scene.log() if "cannot be delivered" in line["message"]], "the complaint")
        scene.call("peer_look")
        assert scene.gateway.stop() == 0
        told = [line for line in scene.log() if "opentelemetry" in line["logger"] or "cannot be" in line["message"]]
        assert len(told) == 1
        assert "k-123" not in scene.gateway.log.read_text()
    finally:
        scene.close()


def test_without_a_collector_the_callers_span_stays_the_tools_parent(tmp_path: Any) -> None:
    scene = Scene(tmp_path, otlp=None)
    try:
        scene.call("peer_look", "b2" * 16)
        scene.call("peer_look")
        with_context, without = scene.peer.metas
        assert with_context["traceparent"] == OURS.format(trace="b2" * 16, flags="01")
        assert "traceparent" not in without
        assert scene.gateway.records(kind="call", order="oldest")[0]["trace"]["id"] == "b2" * 16
        assert scene.collector.spans == []
    finally:
        scene.close()
