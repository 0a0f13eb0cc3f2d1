"""A call of a stateless client that is asked in the middle of it: parked, taken up again, and never made twice."""

import asyncio
from typing import Any

from listener_kit import Limits, plane, send
from listener_legacy_kit import begin, until
from listener_modern_kit import ABLE, ANSWER, FORM, AskingRoad, as_mallory, asked_first, request

from gateway.model.call import Asked, Reply
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import Reason, Refused

FORM_ASKED = ("elicitation/create", FORM)
SAMPLE_ASKED = ("sampling/createMessage", {"messages": [], "maxTokens": 1})
GONE = "The client is not there to be asked"


def answers(first: Any, *keys: str) -> dict[str, Any]:
    return {"requestState": first["requestState"], "inputResponses": dict.fromkeys(keys, ANSWER)}


async def retry(app: Any, first: Any, *keys: str, **how: Any) -> Any:
    return await send(app, *request(**answers(first, *keys), **how))


async def test_the_retry_brings_the_answer_to_the_same_walk() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    app = plane(road)
    first = await asked_first(app)
    [(key, wanted)] = first["inputRequests"].items()
    assert (first["resultType"], wanted) == ("input_required", {"method": "elicitation/create", "params": FORM})
    assert road.records["call-1"].outcome is None, "the call is not over"
    result = (await retry(app, first, key)).json["result"]
    assert (result["resultType"], road.answers) == ("complete", [ANSWER])
    assert len(road.calls) == 1, "the call was made once"
    record = road.records["call-2"]
    assert (record.outcome, record.facts["continues"], record.facts["executed"]) == (
        AuditOutcome.ANSWERED, "call-1", "yes",
    )  # fmt: skip
    assert road.records["call-1"].outcome is AuditOutcome.ANSWERED


async def test_questions_put_together_go_out_together_and_those_left_are_asked_again() -> None:
    road = AskingRoad(questions=[[FORM_ASKED, SAMPLE_ASKED], [("roots/list", {})]])
    app = plane(road)
    first = await asked_first(app)
    one, two = first["inputRequests"]
    again = (await retry(app, first, two, "question-99")).json["result"]
    assert list(again["inputRequests"]) == [one]
    third = (await retry(app, again, one)).json["result"]
    assert [wanted["method"] for wanted in third["inputRequests"].values()] == ["roots/list"]
    assert road.records["call-3"].facts["asks"] == {"roots/list": 1}
    assert road.records["call-3"].facts["executed"] == "unknown"
    await retry(app, third, *third["inputRequests"])
    assert road.answers == [ANSWER] * 3


async def test_a_retry_that_answers_nothing_is_asked_the_same_again() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    app = plane(road)
    first = await asked_first(app)
    again = (await send(app, *request(requestState=first["requestState"]))).json["result"]
    assert again["inputRequests"] == first["inputRequests"]
    assert (await retry(app, first, "question-1")).json["result"]["resultType"] == "complete", "either state is good"


async def test_a_question_that_is_answered_is_closed_and_nothing_is_made_twice() -> None:
    road = AskingRoad(questions=[[FORM_ASKED], [FORM_ASKED]])
    app = plane(road)
    first = await asked_first(app)
    await retry(app, first, "question-1")
    late = await retry(app, first, "question-2")
    assert late.outcome == {
        **late.outcome, "reason": "input-expired", "executed": "unknown", "retry": "never",
    }  # fmt: skip
    assert "call-1" in late.json["result"]["content"][0]["text"]
    assert road.records["call-3"].facts["continues"] == "call-1"
    assert (len(road.calls), road.answers) == (1, [ANSWER])


async def test_another_process_does_not_know_the_call_and_says_so() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    first = await asked_first(plane(road, state_key=b"k" * 32))
    other = AskingRoad(questions=[[FORM_ASKED]])
    late = await retry(plane(other, state_key=b"k" * 32), first, "question-1")
    assert (late.outcome["reason"], other.calls) == ("input-expired", [])


async def test_nobody_elses_retry_reaches_a_parked_call() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    app = plane(road)
    first = await asked_first(app)
    body, lines = request(**answers(first, "question-1"))
    stolen = await send(app, body, as_mallory(lines))
    assert (stolen.status, stolen.json["error"]["code"], road.answers) == (400, -32602, [])
    assert (await retry(app, first, "question-1", arguments={"text": "other"})).status == 400
    assert (await retry(app, first, "question-1")).json["result"]["resultType"] == "complete"


async def test_policy_is_asked_again_before_an_answer_is_taken() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    app = plane(road)
    first = await asked_first(app)
    road.denied = True
    refused = await retry(app, first, "question-1")
    assert (refused.outcome["reason"], road.answers) == ("policy-denied", [])
    assert road.records["call-2"].facts["continues"] == "call-1"
    road.denied = False
    assert (await retry(app, first, "question-1")).json["result"]["resultType"] == "complete"


async def test_a_client_that_never_comes_back_leaves_its_question_unanswered_and_the_walk_ends() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    app = plane(road, limits=Limits(answer_s=0.01))
    first = await asked_first(app)
    await until(lambda: road.records["call-1"].outcome is not None)
    assert road.answers == ["The client gave no answer in time"]
    assert (await retry(app, first, "question-1")).outcome["reason"] == "input-expired"
    await until(lambda: nothing_is_kept(app))


async def test_a_stop_lets_every_question_go_at_once_and_takes_no_new_one() -> None:
    road = AskingRoad(questions=[[FORM_ASKED], [FORM_ASKED]])
    app = plane(road)
    await asked_first(app)
    app.close()
    await until(lambda: road.records["call-1"].outcome is not None)
    assert road.answers == [GONE] * 2
    await until(lambda: nothing_is_kept(app))


async def test_the_walk_goes_on_among_the_tasks_that_are_waited_for_at_a_stop() -> None:
    from gateway.tasks import Tasks

    road, walks = AskingRoad(questions=[[FORM_ASKED]]), Tasks()
    app = plane(road, interviews=walks)
    await asked_first(app)
    assert len(walks) == 1
    app.close()
    assert await walks.drain(5) == 0


async def test_a_client_that_leaves_before_it_is_asked_cancels_the_call() -> None:
    road = AskingRoad()
    entered = asyncio.Event()

    async def walk(asked: Asked) -> Reply:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    road.walk = walk
    stream = begin(plane(road), *request())
    await entered.wait()
    await asyncio.sleep(0)
    await stream.break_off()
    await stream.end()
    await until(lambda: road.cancelled == 1)
    assert stream.exchange.status == 0


async def test_a_client_that_leaves_while_its_retry_waits_cancels_the_call_too() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    entered = asyncio.Event()

    async def walk(asked: Asked) -> Reply:
        await asked.dialogue.ask(*FORM_ASKED)
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    road.walk = walk
    app = plane(road)
    first = await asked_first(app)
    stream = begin(app, *request(**answers(first, "question-1")))
    await entered.wait()
    await stream.break_off()
    await stream.end()
    assert (road.cancelled, road.records["call-2"].outcome) == (1, AuditOutcome.CANCELLED)
    await until(lambda: nothing_is_kept(app))


async def test_what_goes_on_without_its_client_asks_nobody() -> None:
    """A mutating call is not cancelled; it goes on to its record and would wait for an answer in vain."""
    road, entered, left = AskingRoad(), asyncio.Event(), asyncio.Event()
    kept: list[asyncio.Task[None]] = []

    async def detached(asked: Asked) -> None:
        await left.wait()
        road.answers.append(await road._answered(asked, *FORM_ASKED))

    async def walk(asked: Asked) -> Reply:
        kept.append(asyncio.ensure_future(detached(asked)))
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    road.walk = walk
    stream = begin(plane(road), *request())
    await entered.wait()
    await asyncio.sleep(0)
    await stream.break_off()
    await stream.end()
    left.set()
    await kept[0]
    assert road.answers == ["The client went away"]


async def test_a_refusal_and_a_failure_that_end_a_parked_call_end_its_retry_the_same_way() -> None:
    for ends, outcome in (
        (Refused(Reason.OUTCOME_UNKNOWN, "It was sent."), AuditOutcome.IN_DOUBT),
        (Reply({"content": [], "isError": True}), AuditOutcome.ANSWERED_ERROR),
    ):
        road = AskingRoad()

        async def walk(asked: Asked, ends: Any = ends) -> Reply:
            await asked.dialogue.ask(*FORM_ASKED)
            if isinstance(ends, Refused):
                raise ends
            return ends

        road.walk = walk
        app = plane(road)
        result = (await retry(app, await asked_first(app), "question-1")).json["result"]
        assert (result["isError"], road.records["call-2"].outcome) == (True, outcome)


async def test_a_stop_that_waits_for_nobody_says_that_nobody_knows() -> None:
    from gateway.tasks import Tasks

    road, walks = AskingRoad(walk=lambda asked: asyncio.Event().wait()), Tasks()  # type: ignore[arg-type]
    stream = begin(plane(road, interviews=walks), *request())
    await until(lambda: bool(road.calls))
    walks.cancel()
    await until(stream.task.done)
    assert stream.exchange.outcome["reason"] == "outcome-unknown"


async def test_a_way_of_asking_that_was_not_declared_is_not_used() -> None:
    road = AskingRoad(questions=[[("elicitation/create", {"mode": "url", "message": "m", "url": "https://x.example"})]])
    assert (await asked_first(plane(road), capabilities={"elicitation": {}}))["resultType"] == "complete"
    assert road.answers == ["This client cannot be asked in this way"]


async def test_members_that_mean_nothing_to_a_stateless_client_are_left_out() -> None:
    url = {"mode": "url", "message": "m", "url": "https://x.example", "elicitationId": "e", "_meta": {}, "task": {}}
    road = AskingRoad(questions=[[("elicitation/create", url)]])
    first = await asked_first(plane(road), capabilities={"elicitation": {"url": {}}})
    [wanted] = first["inputRequests"].values()
    assert wanted["params"] == {"mode": "url", "message": "m", "url": "https://x.example"}


async def test_a_client_that_declared_nothing_costs_no_task_and_is_silent() -> None:
    from gateway.model.dialogue import SILENT

    road = AskingRoad()
    await send(plane(road), *request({}))
    await send(plane(road), *request({"experimental": {}, "elicitation": None}))
    assert [asked.dialogue for asked in road.calls] == [SILENT] * 2
    await send(plane(road), *request(ABLE, "completion/complete", ref={"type": "ref/prompt", "name": "p"},
                                     argument={"name": "a", "value": ""}))  # fmt: skip
    assert road.calls[2].dialogue is SILENT, "a completion asks nothing"


def nothing_is_kept(app: Any) -> bool:
    parking = app._modern._parking
    return not parking._open and not parking._parked and not parking._each
