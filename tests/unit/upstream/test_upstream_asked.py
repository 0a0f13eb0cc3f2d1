"""What a legacy server asks while a call runs: put to the caller of that call, answered once, and never to anybody else."""

import asyncio

import pytest
from dialogue_kit import FORM, Caller, Talker, event, note, question
from upstream_kit import OK, outbound, peer, soon, until, upstream

from gateway.model.dialogue import Unanswered
from gateway.model.outcome import Answered, Lost


def _asking(*questions):
    """A tool that asks on its stream and waits for all answers."""

    async def say(_seen, talker):
        for one in questions:
            yield one
        answers = [await talker.answer() for _ in questions]
        talker.got = {answer["id"]: answer for answer in answers}

    return Talker(say)


async def _call(script, caller, deadline=5.0):
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        return await up.send(outbound(dialogue=caller), soon(deadline)), server


async def test_the_caller_is_asked_and_its_answer_is_posted_in_the_session_of_the_call() -> None:
    script = _asking(question(message="Name?"))
    caller = Caller({"action": "accept"}, capabilities=FORM | {"tasks": {}})
    outcome, server = await _call(script, caller)
    assert outcome == Answered(OK)
    assert caller.asked == [("elicitation/create", {"message": "Name?"})]
    assert script.got == {"q": {"jsonrpc": "2.0", "id": "q", "result": {"action": "accept"}}}
    assert script.opened[0]["capabilities"] == FORM
    [told] = [seen for seen in server.seen if isinstance(seen.message, dict) and "method" not in seen.message]
    assert told.headers["mcp-session-id"] == "s1"


async def test_a_refusal_is_an_error_to_the_server_in_the_callers_words() -> None:
    script = _asking(question())
    outcome, _ = await _call(script, Caller(Unanswered(-1, "The user said no"), capabilities=FORM))
    assert outcome == Answered(OK)
    assert script.got["q"]["error"] == {"code": -1, "message": "The user said no"}


@pytest.mark.parametrize("capabilities", [{}, FORM])
async def test_what_was_not_declared_is_not_asked_and_a_ping_is_always_answered(capabilities) -> None:
    script = _asking(question(1, "sampling/createMessage"), question("1", "ping"), question(2, "tools/list"))
    caller = Caller({}, capabilities=capabilities)
    await _call(script, caller)
    assert caller.asked == []
    assert script.got["1"]["result"] == {}
    assert {script.got[own]["error"]["code"] for own in (1, 2)} == {-32601}


async def test_the_calls_time_stands_still_while_the_caller_thinks_and_runs_on_afterwards() -> None:
    async def answer(_method, _params):
        await asyncio.sleep(0.4)
        return {}

    async def then_hangs(_seen, talker):
        yield question()
        await talker.answer()
        await asyncio.Event().wait()

    outcome, _ = await _call(_asking(question(1), question(2)), Caller(answer, capabilities=FORM), 0.2)
    assert outcome == Answered(OK)
    outcome, _ = await _call(Talker(then_hangs), Caller({}, capabilities=FORM), 0.2)
    assert outcome == Lost("no answer in time", timed_out=True)


async def test_a_caller_who_thinks_for_too_long_is_not_waited_for(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.conversation.QUESTION_S", 0.05)
    script = _asking(question())
    caller = Caller(lambda *_: asyncio.Event().wait(), capabilities=FORM)
    outcome, _ = await _call(script, caller, 1.0)
    assert outcome == Answered(OK)
    assert script.got["q"]["error"]["code"] == -32603


async def test_questions_of_one_call_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.conversation.MOST_QUESTIONS", 2)
    script = _asking(*map(question, range(4)))
    caller = Caller({}, capabilities=FORM)
    await _call(script, caller)
    assert len(caller.asked) == 2
    assert sum("error" in answer for answer in script.got.values()) == 2


async def test_questions_open_at_the_same_time_are_bounded_and_an_id_is_asked_once() -> None:
    async def floods(_seen, _talker):
        for number in range(40):
            yield question(number % 20)
        yield note("message", level="info", data="enough")

    caller = Caller(lambda *_: asyncio.Event().wait(), capabilities=FORM, log_level="info")
    await _call(Talker(floods), caller)
    assert len(caller.told) == 1
    assert 0 < len(caller.asked) <= 16


async def test_a_question_that_the_server_takes_back_is_taken_back_from_the_caller() -> None:
    caller = Caller(lambda *_: asyncio.Event().wait(), capabilities=FORM)

    async def takes_back(_seen, _talker):
        yield question(7)
        await asyncio.wait_for(caller.answering.wait(), 5)
        yield note("cancelled", requestId=7)
        await asyncio.wait_for(caller.cancelled.wait(), 5)

    outcome, _ = await _call(Talker(takes_back), caller)
    assert outcome == Answered(OK)


async def test_an_answer_ends_the_questions_of_its_call() -> None:
    caller = Caller(lambda *_: asyncio.Event().wait(), capabilities=FORM)

    async def loses_interest(_seen, _talker):
        yield question()
        await asyncio.wait_for(caller.answering.wait(), 5)

    outcome, _ = await _call(Talker(loses_interest), caller)
    assert outcome == Answered(OK)
    await asyncio.wait_for(caller.cancelled.wait(), 5)


async def test_a_caller_who_goes_away_is_told_to_the_server_and_asked_no_longer() -> None:
    caller = Caller(lambda *_: asyncio.Event().wait(), capabilities=FORM)
    script = _asking(question())
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        call = asyncio.ensure_future(up.send(outbound(dialogue=caller), soon()))
        await asyncio.wait_for(caller.answering.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert caller.cancelled.is_set()
        await until(lambda: bool(server.calls("notifications/cancelled")))
        [told] = server.calls("notifications/cancelled")
        assert told.message["params"]["requestId"] == server.calls("tools/call")[0].message["id"]
        script.answers.put_nowait({"id": "q"})


async def _elsewhere(seen, talker):
    """Asks and reports on the session's own stream instead of the call's."""
    stream = talker.streams[seen.headers["mcp-session-id"]]
    stream.write(event(note("message", level="error", data="here")))
    stream.write(event(question()))
    await stream.drain()
    talker.got = await talker.answer()
    yield b": done\n\n"


async def test_a_question_on_the_sessions_own_stream_is_for_the_only_call() -> None:
    script, caller = Talker(_elsewhere), Caller({"a": 1}, capabilities=FORM, log_level="info")
    outcome, _ = await _call(script, caller)
    assert outcome == Answered(OK)
    assert script.got["result"] == {"a": 1}
    assert caller.told == [("notifications/message", {"level": "error", "data": "here"})]


async def test_a_question_on_the_sessions_own_stream_is_for_nobody_while_two_calls_run() -> None:
    arrived, asked = [], asyncio.Event()

    async def two(seen, talker):
        arrived.append(seen)
        if len(arrived) == 2:
            async for said in _elsewhere(seen, talker):
                yield said
            asked.set()
        await asyncio.wait_for(asked.wait(), 5)

    script = Talker(two)
    callers = [Caller({}, capabilities=FORM, session=b"one", log_level="debug") for _ in range(2)]
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        await asyncio.gather(*(up.send(outbound(dialogue=caller), soon()) for caller in callers))
    assert script.got["error"]["code"] == -32601
    assert [caller.asked + caller.told for caller in callers] == [[], []]
