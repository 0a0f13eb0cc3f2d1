"""What a modern server asks: handed back to callers who take it, else asked, and the same request made again with answers."""

import asyncio

import pytest
from dialogue_kit import FORM, Caller
from upstream_kit import OK, outbound, peer, reply, result, soon, tool, upstream

from gateway.model.dialogue import Unanswered
from gateway.model.outcome import Answered, AnsweredError, Lost
from gateway.upstream.rounds import MOST_ROUNDS

_STATE = 'opaque "é" \\u00e9 \n'
_ASK = {"name": {"method": "elicitation/create", "params": {"message": "Name?", "requestedSchema": {}}}}
_BOTH = FORM | {"sampling": {}}


def _wanting(rounds: int, **members):
    """A tool that wants input so many times before it answers."""

    async def script(seen, writer):
        done = sum(one.method == "tools/call" for one in server_of[0].seen)
        asks = {"resultType": "input_required", "inputRequests": _ASK, "requestState": _STATE} | members
        asks = {name: value for name, value in asks.items() if value is not None}
        writer.write(reply(200, result(seen, asks if done <= rounds else OK)))

    server_of: list = []
    return script, server_of


async def _send(script, server_of, caller, **more):
    async with peer(script) as server, upstream(server.url) as up:
        server_of.append(server)
        return await up.send(outbound({"n": 1}, dialogue=caller, **more), soon()), server.calls("tools/call")


async def test_a_stateless_caller_takes_the_question_itself_and_its_next_request_carries_answer_and_state() -> None:
    caller = Caller(stateless=True, capabilities=FORM)
    outcome, [_] = await _send(*_wanting(9), caller)
    assert isinstance(outcome, Answered)
    assert outcome.wants_input
    assert outcome.result["requestState"] == _STATE
    assert caller.asked == []
    _, [again] = await _send(*_wanting(0), caller, request_state=_STATE, input_responses={"name": {"action": "cancel"}})
    assert again.message["params"]["requestState"] == _STATE
    assert again.message["params"]["inputResponses"] == {"name": {"action": "cancel"}}


async def test_other_callers_are_asked_and_every_round_has_a_new_id_the_same_keys_and_the_exact_state() -> None:
    caller = Caller({"action": "accept", "content": {"name": "Ann"}}, capabilities=FORM, progress_token=1)
    outcome, seen = await _send(*_wanting(2), caller, idempotency_key="k", tool=tool("greet"))
    assert outcome == Answered(OK)
    assert len(seen) == 3
    assert len({one.message["id"] for one in seen}) == 3
    assert [one.headers["idempotency-key"] for one in seen] == ["k", "k-1", "k-2"]
    assert caller.asked == [("elicitation/create", _ASK["name"]["params"])] * 2
    for one in seen:
        params = dict(one.message["params"])
        assert params["_meta"]["progressToken"] == str(one.message["id"])
        assert (params["name"], params["arguments"]) == ("greet", {"n": 1})
    assert "inputResponses" not in seen[0].message["params"]
    for one in seen[1:]:
        assert one.message["params"]["requestState"] == _STATE
        assert one.message["params"]["inputResponses"] == {"name": {"action": "accept", "content": {"name": "Ann"}}}


async def test_all_questions_of_a_round_are_open_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    async def answer(method, _params):
        await asyncio.wait_for(both.wait(), 5)
        return {"from": method}

    asks = _ASK | {"text": {"method": "sampling/createMessage", "params": {}}}
    outcome, seen = await _send(*_wanting(1, inputRequests=asks), Caller(answer, capabilities=_BOTH))
    assert outcome == Answered(OK)
    assert seen[1].message["params"]["inputResponses"] == {
        "name": {"from": "elicitation/create"},
        "text": {"from": "sampling/createMessage"},
    }


async def test_a_caller_who_does_not_answer_ends_the_call_and_the_other_questions() -> None:
    async def answer(method, _params):
        if method == "sampling/createMessage":
            await caller.answering.wait()
            raise Unanswered(-1, "The user said no")
        await asyncio.Event().wait()

    caller = Caller(answer, capabilities=_BOTH)
    asks = {"text": {"method": "sampling/createMessage", "params": {}}} | _ASK
    outcome, seen = await _send(*_wanting(1, inputRequests=asks), caller)
    assert outcome == AnsweredError(-1, "The user said no")
    assert caller.cancelled.is_set()
    assert len(seen) == 1


async def test_a_state_without_questions_is_only_brought_back() -> None:
    outcome, seen = await _send(*_wanting(1, inputRequests=None), Caller(capabilities=FORM))
    assert outcome == Answered(OK)
    assert seen[1].message["params"]["requestState"] == _STATE
    assert "inputResponses" not in seen[1].message["params"]


async def test_questions_without_a_state_come_back_without_one() -> None:
    outcome, seen = await _send(*_wanting(1, requestState=None), Caller({}, capabilities=FORM))
    assert outcome == Answered(OK)
    assert "requestState" not in seen[1].message["params"]


async def test_a_server_that_never_has_enough_is_given_up() -> None:
    caller = Caller({}, capabilities=FORM)
    outcome, seen = await _send(*_wanting(99), caller)
    assert outcome == AnsweredError(-32603, "The server wanted input more than 10 times")
    assert len(seen) == MOST_ROUNDS + 1
    assert len(caller.asked) == MOST_ROUNDS


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"inputRequests": {}, "requestState": None}, -32603),
        ({"inputRequests": [1]}, -32603),
        ({"requestState": 7}, -32603),
        ({"inputRequests": {"a": "b"}}, -32603),
        ({"inputRequests": {"a": {"method": "tools/list", "params": {}}}}, -32601),
        ({"inputRequests": {"a": {"method": "roots/list"}}}, -32601),
        ({"inputRequests": {str(n): _ASK["name"] for n in range(17)}}, -32603),
    ],
)
async def test_what_is_no_question_to_this_caller_is_an_error_of_ours(members, code) -> None:
    caller = Caller({}, capabilities=FORM)
    outcome, seen = await _send(*_wanting(1, **members), caller)
    assert isinstance(outcome, AnsweredError)
    assert outcome.code == code
    assert caller.asked == []
    assert len(seen) == 1


async def test_a_lost_round_is_lost_and_not_made_again() -> None:
    async def script(seen, writer):
        if seen.message["params"].get("inputResponses"):
            writer.transport.abort()
        else:
            writer.write(reply(200, result(seen, {"resultType": "input_required", "inputRequests": _ASK})))

    outcome, seen = await _send(script, [], Caller({}, capabilities=FORM))
    assert isinstance(outcome, Lost)
    assert len(seen) == 2


async def test_the_time_a_caller_takes_is_not_the_calls() -> None:
    async def answer(_method, _params):
        await asyncio.sleep(0.4)
        return {}

    script, server_of = _wanting(2)
    async with peer(script) as server, upstream(server.url) as up:
        server_of.append(server)
        call = outbound(dialogue=Caller(answer, capabilities=FORM))
        assert await up.send(call, soon(0.3)) == Answered(OK)
