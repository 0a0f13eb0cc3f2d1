"""What the client of a legacy session hears and is asked while its request runs."""

import asyncio
import json

import pytest
from listener_kit import initialize, plane, send
from listener_legacy_kit import ABLE, FORM, asking, begin, call, events, respond, until, walking

from gateway.model.call import Asked
from gateway.model.dialogue import MESSAGE, PROGRESS, Unanswered
from gateway.wire import jsonrpc


async def test_progress_and_messages_are_told_in_order_on_the_stream_of_their_request() -> None:
    async def walk(asked: Asked) -> None:
        for step in range(2):
            asked.dialogue.tell(PROGRESS, {"progress": step, "progressToken": "the upstream's"})
            asked.dialogue.tell(MESSAGE, {"level": "error", "data": step})

    app = plane(walking(walk))
    session = await initialize(app)
    await send(app, jsonrpc.request(1, "logging/setLevel", {"level": "info"}), session)
    stream = begin(app, call("c", _meta={"progressToken": 7}), events(session))
    await stream.end()
    assert stream.exchange.headers["content-type"] == "text/event-stream"
    assert [message.get("method", message.get("id")) for message in stream.messages] == [
        "notifications/progress",
        "notifications/message",
        "notifications/progress",
        "notifications/message",
        "c",
    ]
    assert [m["params"] for m in stream.messages[:4:2]] == [{"progress": step, "progressToken": 7} for step in range(2)]


async def test_messages_below_the_sessions_level_and_progress_nobody_wants_are_dropped() -> None:
    async def walk(asked: Asked) -> None:
        asked.dialogue.tell(PROGRESS, {"progress": 1})
        for level in ("debug", "notice", "warning", "emergency", "loud", None, ["error"]):
            asked.dialogue.tell(MESSAGE, {"level": level, "data": 1})

    app = plane(walking(walk))
    session, other = await initialize(app), await initialize(app)
    await send(app, jsonrpc.request(1, "logging/setLevel", {"level": "warning"}), session)
    stream = begin(app, call(), events(session))
    await stream.end()
    assert [message["params"]["level"] for message in stream.messages[:-1]] == ["warning", "emergency"]
    quiet = begin(app, call(), events(other))
    await quiet.end()
    assert quiet.exchange.json["id"] == 3, "a level belongs to the session that set it"


@pytest.mark.parametrize(
    ("version", "primed"), [("2025-11-25", True), ("2025-06-18", False), ("2025-03-26", False), ("2024-11-05", False)]
)
async def test_a_stream_begins_with_a_bare_name_where_the_revision_knows_that(version, primed) -> None:
    app = plane(asking("roots/list", {}))
    session = await initialize(app, version, ABLE)
    stream = begin(app, call(), events(session))
    question = await stream.message(0)
    await respond(app, session, question["id"], {"roots": []})
    await stream.end()
    first = stream.exchange.body.split(b"\n\n")[0]
    assert first.endswith(b"data: ") is primed
    assert first.startswith(b"id: ")
    assert len({event.id for event in stream.events}) == len(stream.events)


@pytest.mark.parametrize("method", ["elicitation/create", "sampling/createMessage", "roots/list"])
async def test_a_question_is_a_request_on_the_stream_and_its_response_is_the_answer(method) -> None:
    app = plane(asking(method))
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call("mine"), events(session))
    question = await stream.message(0)
    assert (question["method"], question["params"]) == (method, FORM)
    assert question["id"] != "mine"
    await respond(app, session, question["id"], {"action": "accept", "x": 10**30})
    await stream.end()
    assert json.loads(stream.messages[1]["result"]["content"][0]["text"]) == {"action": "accept", "x": 10**30}
    assert [message.get("id") for message in stream.messages] == [question["id"], "mine"]


async def test_a_response_from_another_session_answers_nothing() -> None:
    app = plane(asking())
    mine, others = await initialize(app, capabilities=ABLE), await initialize(app, capabilities=ABLE)
    stream, theirs = begin(app, call(), events(mine)), begin(app, call(), events(others))
    question, other = await stream.message(0), await theirs.message(0)
    await respond(app, others, question["id"], {"action": "forged"})
    await respond(app, mine, "made up", {"action": "forged"})
    await respond(app, mine, other["id"], {"action": "forged"})
    assert not stream.task.done()
    await respond(app, mine, question["id"], {"action": "accept"})
    await respond(app, mine, question["id"], {"action": "late"})
    await respond(app, others, other["id"], {"action": "decline"})
    await stream.end()
    await theirs.end()
    answers = [json.loads(one.messages[1]["result"]["content"][0]["text"])["action"] for one in (stream, theirs)]
    assert answers == ["accept", "decline"]


async def test_answers_of_questions_put_at_once_find_their_own() -> None:
    async def walk(asked: Asked) -> None:
        found = await asyncio.gather(*(asked.dialogue.ask("roots/list", {"n": n}) for n in range(3)))
        assert [one["roots"] for one in found] == [[0], [1], [2]]

    app = plane(walking(walk))
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(), events(session))
    await stream.message(2)
    for question in reversed(stream.messages):
        await respond(app, session, question["id"], {"roots": [question["params"]["n"]]})
    await stream.end()
    assert "result" in stream.messages[3]


@pytest.mark.parametrize(("given", "minted"), [({}, True), ({"elicitationId": "theirs"}, False)])
async def test_an_elicitation_by_url_has_an_id_of_its_own(given, minted) -> None:
    app = plane(asking("elicitation/create", {"mode": "url", "url": "https://x", "message": "m", **given}))
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(), events(session))
    question = await stream.message(0)
    assert (question["params"]["elicitationId"] != "theirs") is minted
    assert len(question["params"]["elicitationId"]) >= 6
    await respond(app, session, question["id"], {"action": "accept"})
    await stream.end()


async def test_a_call_that_first_speaks_when_its_answer_is_out_is_not_heard(caplog) -> None:
    free, spoken = asyncio.Event(), asyncio.Event()
    inner: list[asyncio.Task] = []

    async def walk(asked: Asked) -> None:
        async def on() -> None:
            await free.wait()
            asked.dialogue.tell(PROGRESS, {"progress": 1})
            with pytest.raises(Unanswered):
                await asked.dialogue.ask("roots/list", {})
            spoken.set()

        inner.append(asyncio.ensure_future(on()))
        await asyncio.shield(inner[0])

    app = plane(walking(walk))
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call(3, _meta={"progressToken": 1}), events(session))
    await until(lambda: len(inner) == 1)
    await send(app, jsonrpc.notification("notifications/cancelled", {"requestId": 3}), session)
    await stream.end()
    answer = stream.exchange.json
    free.set()
    async with asyncio.timeout(5):
        await spoken.wait()
    await until(lambda: len(app._tasks) == 0)
    assert (stream.exchange.json, caplog.records) == (answer, []), "one response has one answer"
