"""Rounds of a call whose upstream asks for more: the state is sealed, bound, and opened for the same request only."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listener_kit import ALICE, MALLORY, FakeClock, plane, send
from listener_modern_kit import ANSWER, ASKS, AskingRoad, as_mallory, asked_first, request

from gateway.listener import rounds as pure
from gateway.listener.request_state import MAX_AGE_S, Held, RequestStates, _bound
from gateway.listener.seal import TextSeal
from gateway.model.call import Asked, Reply
from gateway.model.refusal import Reason, Refused

THIS = Asked("helpdesk_echo", {"text": "hi", "n": 1.0}, "modern", "2026-07-28")


def rounds(*results: dict[str, Any]) -> AskingRoad:
    """A road whose upstream gives these results, the last one again and again."""
    left = list(results)

    async def walk(asked: Asked) -> Reply:
        return Reply(left.pop(0) if len(left) > 1 else left[0])

    return AskingRoad(walk=walk)


async def retry(app: Any, state: Any, **how: Any) -> Any:
    return await send(app, *request(requestState=state, inputResponses={"which": ANSWER}, **how))


async def test_a_state_goes_back_to_the_upstream_as_it_came_and_never_past_the_client_in_the_clear() -> None:
    road = rounds({**ASKS, "requestState": "theirs, as it was"}, {"content": []})
    app = plane(road)
    first = await asked_first(app)
    assert (first["resultType"], first["inputRequests"]) == ("input_required", ASKS["inputRequests"])
    assert "theirs" not in first["requestState"]
    assert (await retry(app, first["requestState"])).json["result"]["resultType"] == "complete"
    assert (road.calls[1].request_state, road.calls[1].input_responses) == ("theirs, as it was", {"which": ANSWER})
    assert [asked.round for asked in road.calls] == [0, 1]


async def test_a_state_is_made_where_the_upstream_made_none_and_each_round_has_its_own() -> None:
    road = rounds(ASKS, ASKS, {"content": []})
    app = plane(road)
    first = await asked_first(app)
    second = (await retry(app, first["requestState"])).json["result"]
    assert second["requestState"] != first["requestState"]
    await retry(app, second["requestState"])
    assert [(asked.request_state, asked.round) for asked in road.calls] == [(None, 0), (None, 1), (None, 2)]


async def test_answers_without_the_state_they_belong_to_begin_no_second_round() -> None:
    road = rounds({"content": []})
    assert (await send(plane(road), *request(inputResponses={"which": ANSWER}))).status == 200
    (asked,) = road.calls
    assert (asked.request_state, asked.input_responses, asked.round) == (None, {"which": ANSWER}, 0)


async def test_a_client_that_declared_nothing_is_told_what_is_missing() -> None:
    answer = await send(plane(rounds(ASKS)), *request({}))
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, -32021)
    assert error["data"]["requiredCapabilities"] == {"elicitation": {}}
    assert answer.outcome["executed"] == "no"


@pytest.mark.parametrize(
    ("declared", "method", "params", "missing"),
    [
        ({"elicitation": {}}, "elicitation/create", {"mode": "url"}, {"elicitation": {"url": {}}}),
        ({"elicitation": {"url": {}}}, "elicitation/create", {}, {"elicitation": {"form": {}}}),
        ({"elicitation": {"form": {}}}, "elicitation/create", {"mode": "form"}, None),
        ({"sampling": {}}, "sampling/createMessage", {"tools": []}, {"sampling": {"tools": {}}}),
        ({"sampling": {"tools": {}}}, "sampling/createMessage", {"tools": []}, None),
        ({"sampling": {}}, "roots/list", {}, {"roots": {}}),
        ({"roots": None}, "roots/list", {}, {"roots": {}}),
    ],
)
async def test_a_client_is_asked_only_in_the_ways_it_declared(declared, method, params, missing) -> None:
    wants = {"resultType": "input_required", "inputRequests": {"it": {"method": method, "params": params}}}
    told = (await send(plane(rounds(wants)), *request(declared))).json
    assert told.get("error", {"data": {}})["data"].get("requiredCapabilities") == missing


@pytest.mark.parametrize(
    "wants",
    [
        {"inputRequests": {"it": {"method": "ping"}}},
        {"inputRequests": {"it": {"method": ["roots/list"]}}},
        {"inputRequests": {"it": {"method": "roots/list", "params": []}}},
        {"inputRequests": ["roots/list"]},
        {"inputRequests": {}},
        {"requestState": 7},
        {},
    ],
)
async def test_a_wish_that_nobody_can_answer_is_not_passed_on(wants) -> None:
    answer = await send(plane(rounds({"resultType": "input_required", **wants})), *request())
    assert (answer.outcome["reason"], answer.outcome["executed"]) == ("upstream-invalid", "no")


async def test_a_state_alone_may_be_wanted_back() -> None:
    road = rounds({"resultType": "input_required", "requestState": "later"}, {"content": []})
    app = plane(road)
    state = (await asked_first(app))["requestState"]
    await send(app, *request(requestState=state))
    assert (road.calls[1].request_state, road.calls[1].input_responses) == ("later", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"requestState": 7},
        {"requestState": None},
        {"inputResponses": None},
        {"inputResponses": []},
        {"inputResponses": {"which": 12345}},
    ],
)
async def test_members_of_the_wrong_type_are_refused(wrong) -> None:
    road = rounds(ASKS)
    answer = await send(plane(road), *request(**wrong))
    assert (answer.status, answer.json["error"]["code"], road.calls) == (400, -32602, [])


async def test_every_state_that_does_not_belong_here_is_refused_in_the_same_words() -> None:
    clock = FakeClock()
    road = rounds(ASKS)
    app = plane(road, clock=clock)
    state = (await asked_first(app, arguments={"text": "a"}))["requestState"]
    body, lines = request(requestState=state, inputResponses={"which": ANSWER}, arguments={"text": "a"})
    refused = [
        await retry(app, state + "-TAMPERED", arguments={"text": "a"}),
        await retry(app, state[:20] + "!" + state[20:], arguments={"text": "a"}),
        await retry(app, state[:-4] + "AAAA", arguments={"text": "a"}),
        await retry(app, "", arguments={"text": "a"}),
        await retry(app, "nö", arguments={"text": "a"}),
        await retry(app, state, arguments={"text": "b"}),
        await retry(app, state, name="another"),
        await retry(app, state, method="prompts/get", arguments={"text": "a"}),
        await retry(plane(rounds(ASKS)), state, arguments={"text": "a"}),
        await send(app, body, as_mallory(lines)),
    ]
    clock.at += MAX_AGE_S + 1
    refused.append(await retry(app, state, arguments={"text": "a"}))
    assert {(one.status, one.json["error"]["code"]) for one in refused} == {(400, -32602)}
    assert len({one.json["error"]["message"] for one in refused}) == 1
    assert len(road.calls) == 1
    clock.at -= 2
    assert (await retry(app, state, arguments={"text": "a"})).status == 200


async def test_a_prompt_and_a_resource_may_ask_too() -> None:
    for method in ("prompts/get", "resources/read"):
        road = rounds({**ASKS, "requestState": "theirs"}, {"messages": [], "contents": []})
        app = plane(road)
        first = await asked_first(app, method=method)
        assert "cacheScope" not in first
        assert (await retry(app, first["requestState"], method=method)).json["result"]["resultType"] == "complete"
        assert road.calls[1].request_state == "theirs"


async def test_what_came_of_answers_is_for_no_cache() -> None:
    app = plane(rounds(ASKS, {"contents": [], "ttlMs": 5_000, "cacheScope": "public"}))
    state = (await asked_first(app, method="resources/read"))["requestState"]
    result = (await retry(app, state, method="resources/read")).json["result"]
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


RUNS = Refused(Reason.KEY_IN_FLIGHT, "Call 1 of helpdesk/echo with the same key still runs.", awaited="ab" * 32)


def scripted(*ends: Reply | Refused) -> AskingRoad:
    """A road on which the first walk ends like this, the next like that; the last end again and again."""
    left = list(ends)

    async def walk(asked: Asked) -> Reply:
        end = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(end, Refused):
            raise end
        return end

    return AskingRoad(walk=walk)


async def test_whoever_waited_for_an_earlier_call_comes_again_with_the_same_round_and_says_for_what() -> None:
    road = scripted(RUNS)
    app = plane(road)
    told = (await send(app, *request())).json["result"]
    for _ in range(5):
        assert (told["resultType"], "inputRequests" in told, "isError" in told) == ("input_required", False, False)
        assert told["_meta"]["io.sallyport/outcome"]["reason"] == "key-in-flight"
        told = (await send(app, *request(requestState=told["requestState"]))).json["result"]
    assert (told["resultType"], told["isError"]) == ("complete", True)
    assert {(asked.round, asked.request_state, asked.input_responses) for asked in road.calls} == {(0, None, None)}
    assert [asked.awaits for asked in road.calls] == [None] + ["ab" * 32] * 5


DEADLINE = {"io.sallyport/deadline-ms": 500}


@pytest.mark.parametrize("how", [{"capabilities": {}}, {"meta": DEADLINE}], ids=["cannot be asked", "has a deadline"])
async def test_a_client_that_may_not_know_rounds_or_wants_to_hear_soon_is_told_at_once(how: dict[str, Any]) -> None:
    assert (await send(plane(scripted(RUNS)), *request(**how))).json["result"]["isError"] is True


async def test_nobody_who_did_not_wait_comes_again_at_once() -> None:
    refused = Refused(Reason.KEY_IN_FLIGHT, "Too many wait.")
    assert (await send(plane(scripted(refused)), *request())).json["result"]["isError"] is True


async def test_whoever_waited_with_answers_in_hand_is_told_so_for_a_client_would_not_bring_them_again() -> None:
    app = plane(scripted(Reply({**ASKS, "requestState": "theirs"}), RUNS))
    state = (await asked_first(app))["requestState"]
    assert (await retry(app, state)).json["result"]["isError"] is True


async def test_a_round_that_brings_only_a_state_waits_with_that_state() -> None:
    asks = Reply({"resultType": "input_required", "requestState": "theirs"})
    road = scripted(asks, RUNS, Reply({"content": []}))
    app = plane(road)
    told: dict[str, Any] = {}
    for _ in range(3):
        state = {name: told[name] for name in told if name == "requestState"}
        told = (await send(app, *request(**state))).json["result"]
    assert told["resultType"] == "complete"
    assert [(asked.round, asked.request_state) for asked in road.calls] == [(0, None), (1, "theirs"), (1, "theirs")]


def test_a_state_that_waits_for_nothing_is_read_by_a_process_that_knows_no_waiting() -> None:
    seal, clock = TextSeal(b"k" * 32), FakeClock()
    states = RequestStates(b"k" * 32, clock)
    opened = seal.open(states.seal(ALICE, THIS, Held("theirs", round=2)), _bound(ALICE, THIS))
    assert opened is not None
    assert json.loads(opened[1])[1:] == ["theirs", None, None, 2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["elicitation/create", "roots/list", "url", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["inputRequests", "requestState", "method", "params", "mode", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(wants=st.dictionaries(st.sampled_from(["inputRequests", "requestState", "inputResponses"]), JSON), able=JSON)
def test_whatever_an_upstream_asks_and_a_client_answers_is_taken_or_refused(wants: Any, able: Any) -> None:
    capabilities = pure.can(able) if isinstance(able, dict) else {}
    refusal = pure.unanswerable(wants, capabilities)
    assert refusal is None or refusal.executed == "no" or refusal.data["requiredCapabilities"]
    try:
        state, responses = pure.given(wants)
    except Refused as refused:
        assert refused.refusal.row.code == -32602
    else:
        assert isinstance(state, str | None)
        assert isinstance(responses, dict | None)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_bit_of_a_state_can_be_changed(data: bytes, place: int, bit: int) -> None:
    states = RequestStates(b"k" * 32, FakeClock())
    held = Held(theirs=data.hex())
    state = states.seal(ALICE, THIS, held)
    assert states.open(state, ALICE, THIS) == held
    raw = bytearray(base64.urlsafe_b64decode(state))
    raw[place % len(raw)] ^= 1 << bit
    with pytest.raises(Refused):
        states.open(base64.urlsafe_b64encode(bytes(raw)).decode(), ALICE, THIS)


def test_a_state_is_read_by_every_process_with_the_same_secret_and_by_no_other() -> None:
    clock = FakeClock()
    state = RequestStates(b"k" * 32, clock).seal(ALICE, THIS, Held("a", "b", "c"))
    other = replace(ALICE, agent_proof="key:k9", user_proof="jwt:x")
    same = replace(THIS, arguments={"n": 1, "text": "hi"}, key="k")
    assert RequestStates(b"k" * 32, clock).open(state, other, same) == Held("a", "b", "c")
    for key, whose, what in (
        (b"K" * 32, ALICE, THIS),
        (b"k" * 32, MALLORY, THIS),
        (b"k" * 32, replace(ALICE, tenant="t"), THIS),
        (b"k" * 32, replace(ALICE, agent="a"), THIS),
        (b"k" * 32, ALICE, replace(THIS, method="prompts/get")),
        (b"k" * 32, ALICE, replace(THIS, name="other")),
        (b"k" * 32, ALICE, replace(THIS, arguments={"text": "hi", "n": 2})),
    ):
        with pytest.raises(Refused):
            RequestStates(key, clock).open(state, whose, what)
