"""What a call asks for, read from its parameters and headers; and results as older revisions know them."""

import pytest
from listener_kit import scope

from gateway.listener import older
from gateway.listener.asking import asked
from gateway.listener.head import read
from gateway.model.call import LONGEST_S, Asked
from gateway.model.refusal import Reason, Refused

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def ask(params=None, /, *lines: tuple[str, str], **meta) -> Asked:
    return asked({"name": "t", **(params or {}), "_meta": meta}, read(scope(lines)), "modern", "2026-07-28")


def test_a_bare_call_asks_for_nothing_else() -> None:
    found = ask()
    assert found == Asked(name="t", arguments={}, era="modern", version="2026-07-28", trace=found.trace)
    assert (found.trace.parent, found.trace.state, found.trace.sampled, found.trace.link) == (None, None, None, None)


@pytest.mark.parametrize(
    ("lines", "meta", "params", "key", "source"),
    [
        ([("idempotency-key", "k")], {}, {}, "k", "header"),
        ([("idempotency-key", '"k"')], {}, {}, "k", "header"),
        ([], {"io.sallyport/idempotency-key": "k"}, {}, "k", "meta"),
        ([], {"idempotencyKey": "k"}, {}, "k", "meta"),
        ([], {}, {"idempotencyKey": "k"}, "k", "meta"),
        ([("idempotency-key", "k")], {"idempotencyKey": "k"}, {"idempotencyKey": "k"}, "k", "header"),
    ],
)
def test_a_key_may_stand_in_several_places(lines, meta, params, key, source) -> None:
    found = ask(params, *lines, **meta)
    assert (found.key, found.key_source) == (key, source)


@pytest.mark.parametrize(
    ("lines", "meta", "parent", "state", "link"),
    [
        ([], {}, None, None, None),
        ([("traceparent", TRACE), ("tracestate", "a=b")], {}, TRACE, "a=b", None),
        ([("traceparent", OTHER), ("tracestate", "a=b")], {"traceparent": TRACE}, TRACE, None, OTHER),
        ([("traceparent", TRACE)], {"traceparent": TRACE, "tracestate": "a=b"}, TRACE, "a=b", None),
        ([("traceparent", OTHER)], {"traceparent": "torn", "tracestate": "a=b"}, OTHER, None, None),
        ([("traceparent", TRACE)] * 2, {}, None, None, None),
        ([("traceparent", OTHER)] * 2, {"traceparent": TRACE}, TRACE, None, None),
    ],
)
def test_a_trace_is_taken_whole_from_one_place(lines, meta, parent, state, link) -> None:
    found = ask(None, *lines, **meta).trace
    if parent is not None:
        assert parent == f"00-{found.id}-{found.parent}-01"
    assert (found.parent is None, found.state, found.link) == (parent is None, state, link)


@pytest.mark.parametrize(
    ("sent", "kept"), [(0, 0), (3, 3), (999, 999), (1000, 0), (-1, 0), (True, 0), ("2", 0), (2.0, 0)]
)
def test_attempts_of_a_gateway_before_us_count_and_nonsense_does_not(sent, kept) -> None:
    assert ask(None, **{"io.sallyport/attempt": sent}).attempt == kept


@pytest.mark.parametrize(
    ("header", "meta", "expected"),
    [
        (None, 500, 500),
        ("2", None, 2_000),
        ("0.25", 500, 250),
        ("2", 500, 500),
        ("soon", None, None),
        ("0", None, None),
    ],
)
def test_the_shorter_deadline_counts(header, meta, expected) -> None:
    lines = [] if header is None else [("x-request-timeout", header)]
    assert ask(None, *lines, **({} if meta is None else {"io.sallyport/deadline-ms": meta})).deadline_ms == expected


def test_a_deadline_of_hundreds_of_digits_is_one_that_can_be_reckoned_with() -> None:
    found = ask(**{"io.sallyport/deadline-ms": 10**399 - 1}).deadline_ms
    assert found is not None
    assert found / 1000 > LONGEST_S


def test_a_run_is_a_label() -> None:
    assert ask(None, **{"io.sallyport/run": "nightly"}).run_label == "nightly"


@pytest.mark.parametrize(
    "params",
    [
        {"name": 1},
        {"name": ""},
        {"name": "x" * 257},
        {"arguments": None},
        {"arguments": "x"},
        {"idempotencyKey": "a", "_meta": {"idempotencyKey": "b"}},
        {"_meta": None},
        {"_meta": {"io.sallyport/deadline-ms": True}},
        {"_meta": {"io.sallyport/deadline-ms": 0}},
        {"_meta": {"io.sallyport/run": ["x"]}},
    ],
)
def test_what_cannot_be_meant_is_refused(params) -> None:
    with pytest.raises(Refused) as refused:
        asked({"name": "t", **params}, read(scope(())), "modern", "2026-07-28")
    assert refused.value.refusal.reason is Reason.INVALID_PARAMS


@pytest.mark.parametrize(
    ("version", "structured", "kept"),
    [("2025-11-25", {"a": 1}, True), ("2025-06-18", {"a": 1}, True), ("2025-11-25", [1], False), ("2025-03-26", {"a": 1}, False)],
)  # fmt: skip
def test_structured_content_goes_where_it_is_known_and_is_never_lost(version, structured, kept) -> None:
    given = {"content": [], "structuredContent": structured, "resultType": "complete", "ttlMs": 1, "x": 1}
    told = older.result(given, version)
    assert ("structuredContent" in told) is kept
    assert told["content"] if not kept else told["content"] == []
    assert told["x"] == 1
    assert "resultType" not in told
    assert set(given) == {"content", "structuredContent", "resultType", "ttlMs", "x"}
    assert older.result({}, version) == {"content": []}


def test_a_session_hears_nothing_of_the_server_behind_us() -> None:
    meta = {"io.modelcontextprotocol/serverInfo": {"name": "theirs"}, "other": 1}
    assert older.result({"_meta": meta, "contents": []}, "2025-11-25", "resources/read")["_meta"] == {"other": 1}
    assert older.result({"_meta": "odd", "contents": []}, "2025-11-25", "resources/read")["_meta"] == "odd"


@pytest.mark.parametrize(
    ("version", "schema", "kept"),
    [("2025-11-25", {"type": "object"}, True), ("2025-11-25", {"type": "array"}, False), ("2025-03-26", {"type": "object"}, False), ("2025-11-25", True, False)],
)  # fmt: skip
def test_output_schemas_go_where_they_are_known(version, schema, kept) -> None:
    [told] = older.tools([{"name": "t", "outputSchema": schema}], version)
    assert ("outputSchema" in told) is kept


IDS = ("claudecode/toolUseId", "copilot/toolCallId")


@pytest.mark.parametrize(
    ("meta", "found"),
    [
        ({}, None),
        ({"claudecode/toolUseId": "toolu_1"}, "toolu_1"),
        ({"copilot/toolCallId": "call_1"}, "call_1"),
        ({"copilot/toolCallId": "call_1", "claudecode/toolUseId": "toolu_1"}, "toolu_1"),
        ({"another/id": "x"}, None),
        ({"claudecode/toolUseId": "x" * 255}, "x" * 255),
        *(
            ({"claudecode/toolUseId": no, "copilot/toolCallId": "call_1"}, None)
            for no in ("", "x" * 256, "a b", "ä", "a\n", 7, None, ["x"], True)
        ),
    ],
)
def test_the_first_call_id_that_is_there_names_the_call_if_it_can(meta, found) -> None:
    head = read(scope(()))
    assert asked({"name": "t", "_meta": meta}, head, "modern", "2026-07-28", call_ids=IDS).call_ref == found
    assert asked({"name": "t", "_meta": meta}, head, "modern", "2026-07-28").call_ref is None
