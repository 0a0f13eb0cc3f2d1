"""Telling frames apart: every well-formed frame is recognised, everything else is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import jsonrpc
from gateway.wire.jsonrpc import Error, Invalid, Notification, Request, Result, classify

_ids = st.text(max_size=8) | st.integers()
_objects = st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=4), max_size=3)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "code"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(_ids, st.text(max_size=8), _objects)
def test_every_frame_we_build_is_recognised_as_itself(own, method, value) -> None:
    assert classify(jsonrpc.request(own, method, value)) == Request(own, method, value)
    assert classify(jsonrpc.request(own, method)) == Request(own, method, {})
    assert classify(jsonrpc.notification(method, value)) == Notification(method, value)
    assert classify(jsonrpc.result(own, value)) == Result(own, value)
    assert classify(jsonrpc.error(own, -32603, method, value)) == Error(own, -32603, method, value)
    assert classify(jsonrpc.error(None, -32700, method)) == Error(None, -32700, method)


@settings(max_examples=150, deadline=None)
@given(_json)
def test_no_json_value_makes_it_raise(value) -> None:
    classify(value)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ([], jsonrpc.INVALID_REQUEST),
        ("x", jsonrpc.INVALID_REQUEST),
        ({"id": 1, "method": "x"}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "1.0", "id": 1, "method": "x"}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": None, "method": "x"}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": True, "method": "x"}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "x"}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "method": "x", "params": []}, jsonrpc.INVALID_PARAMS),
        ({"jsonrpc": "2.0", "id": 1, "method": "x", "result": {}}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 1, "message": ""}}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "result": 5}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": None, "result": {}}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": True, "message": ""}}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}, jsonrpc.INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": [], "error": {"code": 1, "message": ""}}, jsonrpc.INVALID_REQUEST),
    ],
)
def test_what_is_not_a_frame_is_invalid(message, code) -> None:
    frame = classify(message)
    assert isinstance(frame, Invalid)
    assert frame.code == code


def test_an_invalid_frame_keeps_the_id_to_answer_with() -> None:
    assert classify({"jsonrpc": "2.0", "id": "a", "method": 5}) == Invalid("method is not a string", "a")
