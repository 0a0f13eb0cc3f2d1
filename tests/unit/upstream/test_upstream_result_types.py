"""A result says of what type it is (2026-07-28); one of a type nobody knows is no answer."""

import pytest

from gateway.model.outcome import Answered, Lost
from gateway.upstream.verdict import Heard, carried
from gateway.wire import jsonrpc


@pytest.mark.parametrize("kind", ["complete", "input_required", None])
def test_a_known_type_is_an_answer(kind) -> None:
    result = {"resultType": kind, "content": []}
    assert carried(Heard(jsonrpc.Result(1, result))) == Answered(result)


def test_an_old_server_says_none() -> None:
    assert carried(Heard(jsonrpc.Result(1, {"content": []}))) == Answered({"content": []})


@pytest.mark.parametrize("kind", ["task", "", "DRAFT", {}, ["input_required"], -9223372036854775808, True])
def test_any_other_may_have_been_carried_out_and_is_not_shown(kind) -> None:
    lost = Lost("a result of a type nobody knows")
    assert carried(Heard(jsonrpc.Result(1, {"resultType": kind, "content": []}))) == lost
