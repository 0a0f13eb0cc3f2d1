"""What the client of a legacy session is asked: only what it knows, only once, and only while somebody waits for it."""

import asyncio
import json

import pytest
from listener_kit import FakeRoad, initialize, plane, send
from listener_legacy_kit import ABLE, FORM, begin, call, events, held, respond, until, walking

from gateway.listener.limits import Limits
from gateway.model.call import Asked, Reply
from gateway.model.dialogue import PROGRESS, Unanswered
from gateway.wire import jsonrpc


class Failing(FakeRoad):
    """Remembers why its questions were not answered."""

    def __init__(self, method: str = "elicitation/create", params=FORM) -> None:
        super().__init__()
        self.why: list[tuple[int, str]] = []
        self.question = method, params
        self.asked = asyncio.Event()
        self.walk = self._ask

    async def _ask(self, asked: Asked):
        self.asked.set()
        try:
            answer = await asked.dialogue.ask(*self.question)
        except Unanswered as unanswered:
            self.why.append((unanswered.code, unanswered.message))
            return Reply({"content": []})
        return Reply({"content": [{"type": "text", "text": json.dumps(answer)}]})


async def test_an_error_of_the_client_is_no_answer_and_its_text_goes_nowhere() -> None:
    road = Failing()
    app = plane(road)
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(), events(session))
    question = await stream.message(0)
    assert (await send(app, jsonrpc.error(question["id"], -1, "secret reason"), session)).status == 202
    await stream.end()
    assert road.why == [(-1, "The client answered with an error")]


@pytest.mark.parametrize(
    ("version", "capabilities", "method", "params", "code"),
    [
        ("2025-03-26", ABLE, "elicitation/create", FORM, -32602),
        ("2025-06-18", ABLE, "elicitation/create", {**FORM, "mode": "url", "url": "https://x"}, -32602),
        ("2025-11-25", {"elicitation": {}}, "elicitation/create", {"mode": "url", "url": "https://x"}, -32602),
        ("2025-11-25", {"elicitation": {"url": {}}}, "elicitation/create", FORM, -32602),
        ("2025-11-25", {"elicitation": {}}, "sampling/createMessage", {}, -32602),
        ("2025-11-25", {"sampling": {}}, "sampling/createMessage", {"tools": []}, -32602),
    ],
)
async def test_what_a_revision_or_a_client_does_not_know_is_not_asked(
    version, capabilities, method, params, code
) -> None:
    road = Failing(method, params)
    app = plane(road)
    stream = begin(app, call(_meta={"progressToken": 1}), events(await initialize(app, version, capabilities)))
    await stream.end()
    assert [why[0] for why in road.why] == [code]
    assert stream.exchange.headers["content-type"] == "application/json"


async def test_a_client_that_takes_no_events_is_not_asked() -> None:
    road = Failing()
    app = plane(road)
    stream = begin(app, call(), await initialize(app, capabilities=ABLE))
    await stream.end()
    assert road.why == [(-32601, "This client declared no such capability")]


async def test_a_client_that_has_left_is_not_asked() -> None:
    free = asyncio.Event()
    road = Failing()
    ask = road.walk

    async def later(asked: Asked):
        asked.dialogue.tell(PROGRESS, {"progress": 1})
        await free.wait()
        return await ask(asked)

    road.walk = later
    app = plane(road)
    session = await initialize(app, capabilities=ABLE)
    for token in ({"progressToken": 1}, {}):  # one whose stream has begun, and one whose stream never did
        free.clear()
        stream = begin(app, call(_meta=token), events(session))
        await until(lambda: len(app._legacy._in_flight) == 1)
        await asyncio.sleep(0)
        await stream.break_off()
        free.set()
        await stream.end()
    assert road.why == [(-32603, "The client is not there to be asked")] * 2
    assert held(app, session).questions._open == {}


async def test_a_client_that_leaves_while_it_is_asked_is_waited_for_only_a_while() -> None:
    road = Failing()
    app = plane(road, limits=Limits(away_s=0.01))
    stream = begin(app, call(), events(await initialize(app, capabilities=ABLE)))
    await stream.message(0)
    await stream.break_off()
    await stream.end()
    assert road.why == [(-32603, "The client is not there to be asked")]


async def test_a_client_that_is_too_slow_is_told_that_nobody_waits_any_more() -> None:
    road = Failing()
    app = plane(road, limits=Limits(away_s=0.01, answer_s=0.03))
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(), events(session))
    await stream.end()
    question, cancelled, result = stream.messages
    assert (cancelled["method"], cancelled["params"]) == ("notifications/cancelled", {"requestId": question["id"]})
    assert "result" in result
    assert road.why == [(-32603, "The client gave no answer in time")]
    await respond(app, session, question["id"], {"action": "accept"})


async def test_questions_open_to_one_client_are_bounded() -> None:
    whys: list[str] = []

    async def walk(asked: Asked) -> None:
        found = await asyncio.gather(*(asked.dialogue.ask("roots/list", {}) for _ in range(4)), return_exceptions=True)
        whys.extend(str(one) for one in found if isinstance(one, Unanswered))

    app = plane(walking(walk), limits=Limits(questions=3))
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(), events(session))
    await stream.message(2)
    for question in stream.messages:
        await respond(app, session, question["id"], {"roots": []})
    await stream.end()
    assert whys == ["The client has too many questions open"]


async def test_a_cancelled_call_waits_for_no_answer_and_its_client_is_told() -> None:
    road = Failing()
    app = plane(road)
    session, others = await initialize(app, capabilities=ABLE), await initialize(app, capabilities=ABLE)
    stream = begin(app, call(3), events(session))
    question = await stream.message(0)
    cancel = jsonrpc.notification("notifications/cancelled", {"requestId": 3})
    await send(app, cancel, others)
    assert not stream.task.done()
    await send(app, cancel, session)
    await stream.end()
    assert [m.get("method") for m in stream.messages] == ["elicitation/create", "notifications/cancelled", None]
    assert stream.messages[1]["params"]["requestId"] == question["id"]
    await respond(app, session, question["id"], {"action": "late"})


async def test_a_call_that_goes_on_without_its_caller_can_tell_and_ask_nothing_more() -> None:
    ends = asyncio.Event()
    road = Failing()
    inner: list[asyncio.Task] = []

    async def detached(asked: Asked):
        async def on() -> None:
            await road._ask(asked)
            asked.dialogue.tell(PROGRESS, {"progress": 2})
            with pytest.raises(Unanswered):
                await asked.dialogue.ask(*road.question)
            ends.set()

        inner.append(asyncio.ensure_future(on()))
        await asyncio.shield(inner[0])

    road.walk = detached
    app = plane(road)
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(3, _meta={"progressToken": 1}), events(session))
    await stream.message(0)
    await send(app, jsonrpc.notification("notifications/cancelled", {"requestId": 3}), session)
    await stream.end()
    async with asyncio.timeout(5):
        await ends.wait()
    assert road.why == [(-32603, "The request or its session has ended")]
    assert [m.get("method") for m in stream.messages] == ["elicitation/create", "notifications/cancelled", None]


@pytest.mark.parametrize("stops", [False, True])
async def test_the_end_of_a_session_and_of_the_gateway_ends_its_questions(stops) -> None:
    road = Failing()
    app = plane(road)
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(), events(session))
    await stream.message(0)
    if stops:
        app.close()
    else:
        assert (await send(app, b"", session, method="DELETE")).status == 204
    await stream.end()
    assert road.why == [(-32603, "The request or its session has ended")]
    assert "result" in stream.messages[-1]
