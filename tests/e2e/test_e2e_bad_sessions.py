"""Bad clients of the older era: sessions that are missing, unknown, foreign, ended or altered, and faults inside a good one."""

from typing import Any

import pytest
from bad_siege import Siege
from bad_wire import LEGACY, Headers, hello, legacy, line, lines_of, written

from gateway.model.refusal import Reason as R
from gateway.wire import jsonrpc

pytest_plugins = ("bad_siege_plugin",)

Row = tuple[bytes, int, R]
PAY = {"name": "desk_pay", "arguments": {"to": "x", "cents": 1}}

OPENINGS: dict[str, Row] = {
    "no version": (written(*legacy("initialize", {})), 200, R.INVALID_PARAMS),
    "a client of no kind": (written(*legacy("initialize", hello(clientInfo=[]))), 200, R.INVALID_PARAMS),
    "a client that talks too much": (written(*legacy("initialize", hello(clientInfo={"name": "x" * 5_000}))), 200, R.INVALID_PARAMS),
    "no session": (written(*legacy("tools/list")), 400, R.SESSION_MISSING),
    "no session, a call": (written(*legacy("tools/call", {"name": "desk_pay", "arguments": {"to": "x", "cents": 1}})), 400, R.SESSION_MISSING),
    "no session, a response": (written(jsonrpc.result(1, {}), lines_of()), 400, R.SESSION_MISSING),
    "a made-up session": (written(*legacy("ping", session="AAAA")), 404, R.SESSION_ENDED),
    "a session of noise": (written(legacy("ping")[0], lines_of(Mcp_Session_Id="\xff\xfe", MCP_Protocol_Version=LEGACY)), 404, R.SESSION_ENDED),
    "an empty session": (written(*legacy("ping", session="")), 404, R.SESSION_ENDED),
    "two sessions": (written(legacy("ping")[0], [*lines_of(), *[("Mcp-Session-Id", "AAAA")] * 2]), 400, R.HEADER_MISMATCH),
    "DELETE of no session": (written(b"", lines_of(Mcp_Session_Id="AAAA"), method="DELETE"), 404, R.SESSION_ENDED),
    "GET of no session": (written(b"", lines_of(Mcp_Session_Id="AAAA"), method="GET"), 404, R.SESSION_ENDED),
}  # fmt: skip

WITHIN: dict[str, tuple[str, dict[str, Any], R]] = {
    "a hidden tool": ("tools/call", {"name": "desk_hidden", "arguments": {}}, R.UNKNOWN_TOOL),
    "no such tool": ("tools/call", {"name": "desk_hiddem", "arguments": {}}, R.UNKNOWN_TOOL),
    "a list of arguments": ("tools/call", {"name": "desk_echo", "arguments": []}, R.INVALID_PARAMS),
    "an argument too few": ("tools/call", {"name": "desk_pay", "arguments": {}}, R.INVALID_ARGUMENTS),
    "what policy denies": ("tools/call", {"name": "desk_denied", "arguments": {"text": "no"}}, R.POLICY_DENIED),
    "a key of no kind": ("tools/call", {**PAY, "_meta": {jsonrpc.META_IDEMPOTENCY_KEY: 7}}, R.INVALID_PARAMS),
    "an envelope of no kind": ("tools/call", {**PAY, "_meta": []}, R.INVALID_PARAMS),
    "a foreign cursor": ("tools/list", {"cursor": "7"}, R.INVALID_PARAMS),
    "an unknown method": ("tools/destroy", {}, R.UNKNOWN_METHOD),
    "a method of the other era": ("server/discover", {}, R.UNKNOWN_METHOD),
    "an unknown level": ("logging/setLevel", {"level": "loud"}, R.INVALID_PARAMS),
    "a level of no kind": ("logging/setLevel", {"level": ["info"]}, R.INVALID_PARAMS),
}  # fmt: skip


def opened(siege: Siege, key: str = "alice") -> str:
    answer = siege.ask(written(*legacy("initialize", hello(), key=key)))
    assert answer is not None
    return answer.headers["mcp-session-id"]


def of(session: str, key: str = "alice") -> Headers:
    return lines_of(key, Mcp_Session_Id=session, MCP_Protocol_Version=LEGACY)


@pytest.mark.parametrize("name", OPENINGS)
def test_who_opens_no_session_gets_its_row_of_the_refusal_table_and_one_record(good: Siege, name: str) -> None:
    good.refuses(*OPENINGS[name])
    good.still_serves()


@pytest.mark.parametrize("name", WITHIN)
def test_a_fault_within_a_session_is_a_json_rpc_answer_and_ends_nothing(good: Siege, name: str) -> None:
    method, params, reason = WITHIN[name]
    session = opened(good)
    good.refuses(written(*legacy(method, params, session=session)), 200, reason)
    answer = good.ask(written(*legacy("ping", session=session)))
    assert answer is not None
    assert answer.json["result"] == {}


def test_a_batch_within_a_session_is_refused_whole(good: Siege) -> None:
    session = opened(good)
    body, headers = legacy("tools/call", PAY, session=session)
    good.refuses(written([body, body], headers), 400, R.INVALID_REQUEST)


def test_a_session_belongs_to_the_principal_it_was_given_to(good: Siege) -> None:
    session = opened(good)
    for method, params in (("tools/list", {}), ("tools/call", PAY), ("ping", {})):
        good.refuses(written(*legacy(method, params, session=session, key="bob")), 404, R.SESSION_ENDED)
    good.refuses(written(b"", of(session, "bob"), method="DELETE"), 404, R.SESSION_ENDED)
    good.refuses(written(b"", of(session, "bob"), method="GET"), 404, R.SESSION_ENDED)

    answer = good.ask(written(*legacy("ping", session=session)))
    assert answer is not None
    assert answer.status == 200, "nobody else's DELETE ends it"


@pytest.mark.parametrize("at", [0, 20, -2])
def test_an_altered_session_is_as_unknown_as_a_made_up_one(good: Siege, at: int) -> None:
    session = opened(good)
    letters = list(session)
    letters[at] = "A" if letters[at] != "A" else "B"
    good.refuses(written(*legacy("ping", session="".join(letters))), 404, R.SESSION_ENDED)
    good.refuses(written(*legacy("ping", session=session[: len(session) // 2])), 404, R.SESSION_ENDED)


def test_a_deleted_session_is_as_unknown_as_one_that_never_was(good: Siege) -> None:
    session = opened(good)
    answer = good.ask(written(b"", of(session), method="DELETE"))
    assert answer is not None
    assert answer.status == 204

    good.refuses(written(*legacy("tools/call", PAY, session=session)), 404, R.SESSION_ENDED)
    good.refuses(written(b"", of(session), method="DELETE"), 404, R.SESSION_ENDED)
    good.refuses(written(b"", of(session), method="GET"), 404, R.SESSION_ENDED)


def test_a_session_has_one_stream_which_harms_no_call(good: Siege) -> None:
    session = opened(good)
    with line(good.port) as stream:
        stream.say(written(b"", of(session), method="GET"))
        answer = stream.answer()
        assert answer is not None
        assert answer.headers["content-type"] == "text/event-stream"
        good.refuses(written(b"", of(session), method="GET"), 409, R.STREAM_TAKEN)
        good.still_serves()
    good.still_serves()
