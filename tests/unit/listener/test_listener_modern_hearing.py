"""What a stateless client hears while its request runs, and how long it waits without hearing anything."""

import asyncio
from typing import Any

import pytest
from listener_kit import Exchange, FakeRoad, Limits, call, plane, send
from listener_legacy_kit import begin, events, until
from listener_modern_kit import ABLE, ANSWER, FORM, AskingRoad, asked_first, request

from gateway.listener.caller import Caller
from gateway.listener.outlet import Outlet
from gateway.listener.render import Answer
from gateway.model.call import Asked, Reply
from gateway.model.dialogue import SILENT, Unanswered
from gateway.tasks import Tasks
from gateway.wire import jsonrpc

PROGRESS = {"progressToken": "the upstream's", "progress": 1, "total": 2}
LEVEL = jsonrpc.META_LOG_LEVEL
DONE = Reply({"content": []})


def message(level: Any) -> dict[str, Any]:
    return {"level": level, "data": f"said at {level}"}


def telling(*notifications: tuple[str, Any]) -> FakeRoad:
    async def walk(asked: Asked) -> Reply:
        for method, params in notifications:
            asked.dialogue.tell(method, params)
        return DONE

    return FakeRoad(walk=walk)


async def heard(road: FakeRoad, capabilities: dict[str, Any], **meta: Any) -> list[Any]:
    stream = begin(plane(road), *request(capabilities, meta=meta))
    await stream.end()
    assert stream.exchange.headers["content-type"] == "text/event-stream"
    return stream.messages


@pytest.mark.parametrize("capabilities", [{}, ABLE])
async def test_progress_comes_in_order_under_the_clients_own_token_and_the_answer_comes_last(capabilities) -> None:
    steps = [("notifications/progress", {**PROGRESS, "progress": n}) for n in range(3)]
    *told, last = await heard(telling(*steps), capabilities, progressToken=7)
    assert [(one["params"]["progressToken"], one["params"]["progress"]) for one in told] == [(7, 0), (7, 1), (7, 2)]
    assert last["result"]["resultType"] == "complete"


async def test_messages_of_the_wished_level_and_above_are_told() -> None:
    levels = ("debug", "info", "warning", "emergency", "nonsense", None, [])
    *told, _ = await heard(telling(*(("notifications/message", message(one)) for one in levels)), {}, **{LEVEL: "info"})
    assert [one["params"]["level"] for one in told] == ["info", "warning", "emergency"]


@pytest.mark.parametrize(
    ("meta", "takes_events"),
    [({}, True), ({"progressToken": 1, LEVEL: "debug"}, False)],
    ids=["wishes for nothing", "takes no events"],
)
async def test_a_client_that_cannot_hear_anything_is_silent_and_answered_with_json(meta, takes_events) -> None:
    road = telling(("notifications/progress", PROGRESS), ("notifications/message", message("error")))
    body, lines = call(**meta)
    answer = await send(plane(road), body, events(lines) if takes_events else lines)
    assert (answer.headers["content-type"], road.calls[0].dialogue) == ("application/json", SILENT)


async def test_nothing_is_told_that_was_not_wished_for() -> None:
    both = (("notifications/progress", PROGRESS), ("notifications/message", message("error")), ("ping", {}))
    assert [one["method"] for one in (await heard(telling(*both), {}, progressToken="p"))[:-1]] == [
        "notifications/progress"
    ]
    assert [one["method"] for one in (await heard(telling(*both), {}, **{LEVEL: "debug"}))[:-1]] == [
        "notifications/message"
    ]


async def test_a_client_that_only_hears_cannot_be_asked() -> None:
    async def walk(asked: Asked) -> Reply:
        with pytest.raises(Unanswered):
            await asked.dialogue.ask("roots/list", {})
        asked.dialogue.tell("notifications/progress", PROGRESS)
        return DONE

    await heard(FakeRoad(walk=walk), {}, progressToken=1)


@pytest.mark.parametrize("meta", [{"progressToken": []}, {"progressToken": True}, {LEVEL: "loud"}, {LEVEL: ["info"]}])
async def test_a_wish_of_the_wrong_form_is_refused(meta) -> None:
    road = FakeRoad()
    body, lines = call(**meta)
    answer = await send(plane(road), body, lines)
    assert (answer.status, answer.json["error"]["code"], road.calls) == (400, -32602, [])


async def test_a_parked_walk_is_heard_by_whoever_waits_for_it_now() -> None:
    async def walk(asked: Asked) -> Reply:
        asked.dialogue.tell("notifications/progress", PROGRESS)
        await asked.dialogue.ask("elicitation/create", FORM)
        asked.dialogue.tell("notifications/progress", {**PROGRESS, "progress": 2})
        return DONE

    app = plane(AskingRoad(walk=walk))
    first = begin(app, *request(meta={"progressToken": "first"}))
    await first.end()
    assert [one["params"]["progressToken"] for one in first.messages[:-1]] == ["first"]
    answers = {"requestState": first.messages[-1]["result"]["requestState"], "inputResponses": {"question-1": ANSWER}}
    second = begin(app, *request(meta={"progressToken": "second"}, **answers))
    await second.end()
    assert [one["params"]["progressToken"] for one in second.messages[:-1]] == ["second"]


async def test_a_parked_walk_that_nobody_waits_for_tells_nobody() -> None:
    async def walk(asked: Asked) -> Reply:
        question = asyncio.ensure_future(asked.dialogue.ask("elicitation/create", FORM))
        await parked.wait()
        asked.dialogue.tell("notifications/progress", PROGRESS)
        await question
        return DONE

    parked = asyncio.Event()
    app = plane(AskingRoad(walk=walk))
    first = await asked_first(app, meta={"progressToken": 1})
    [interview] = app._modern._parking._parked.values()
    assert interview.hearer is None
    parked.set()
    answer = await send(app, *request(requestState=first["requestState"], inputResponses={"question-1": ANSWER}))
    assert answer.headers["content-type"] == "application/json"


async def test_an_answer_that_takes_long_is_announced_by_a_stream_that_breathes() -> None:
    free = asyncio.Event()

    async def walk(asked: Asked) -> Reply:
        await free.wait()
        return DONE

    app = plane(FakeRoad(walk=walk), limits=Limits(keep_alive_s=0.005))
    body, lines = call()
    stream = begin(app, body, events(lines))
    await until(lambda: stream.exchange.body.count(b": still here\n\n") > 1)
    free.set()
    await stream.end()
    assert [one["result"]["resultType"] for one in stream.messages] == ["complete"]
    plain = begin(app, body, lines)
    await plain.end()
    assert plain.exchange.headers["content-type"] == "application/json"


async def test_an_answer_in_time_stops_the_clock_that_would_announce_it() -> None:
    exchange, tasks = Exchange([]), Tasks()
    outlet = Outlet(exchange.send, Caller(exchange.receive, tasks), tasks, streams=True, keep_alive_s=3600)
    outlet.breathe()
    await outlet.end(Answer(200, b"{}"), bodiless=False)
    assert outlet._late is not None
    assert outlet._late.cancelled()
    assert (exchange.body, exchange.done) == (b"{}", True)
    assert not outlet.say(b"too late")


async def test_a_client_that_does_not_read_costs_bounded_memory() -> None:
    exchange, tasks, stuck = Exchange([]), Tasks(), asyncio.Event()

    async def send_nothing(sent: Any) -> None:
        await stuck.wait()

    outlet = Outlet(send_nothing, Caller(exchange.receive, tasks), tasks, streams=True, keep_alive_s=3600)
    said = sum(outlet.say(b"x" * 100_000) for _ in range(100))
    assert 10 <= said <= 12
    await tasks.close()
