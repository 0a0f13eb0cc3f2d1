"""How much may wait for the answers of stateless clients: questions, what their calls hold, and each principal by itself."""

import pytest
from listener_kit import Limits, plane, send
from listener_modern_kit import ANSWER, AskingRoad, as_mallory, asked_first, request
from test_listener_modern_parking import FORM_ASKED, answers, retry


@pytest.mark.parametrize("limits", [Limits(parked=1), Limits(parked_each=1)])
async def test_more_questions_than_there_is_room_for_are_not_put(limits) -> None:
    road = AskingRoad(questions=[[FORM_ASKED, FORM_ASKED]])
    app = plane(road, limits=limits)
    first = await asked_first(app)
    assert list(first["inputRequests"]) == ["question-1"]
    await retry(app, first, "question-1")
    assert road.answers == [ANSWER, "Too many questions wait for an answer already"]
    again = AskingRoad(questions=[[FORM_ASKED]])
    app._modern._calls._road = again
    assert (await asked_first(app))["resultType"] == "input_required", "there is room again"


async def test_the_room_of_one_principal_is_its_own() -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    app = plane(road, limits=Limits(parked_each=1))
    await asked_first(app)
    assert (await asked_first(app))["resultType"] == "complete", "its question was not put"
    body, lines = request()
    assert (await send(app, body, as_mallory(lines))).json["result"]["resultType"] == "input_required"


@pytest.mark.parametrize("limits", [Limits(parked_bytes=5_000), Limits(parked_held_bytes=5_000)])
async def test_what_parked_calls_hold_is_bounded(limits: Limits) -> None:
    road = AskingRoad(questions=[[FORM_ASKED]])
    app = plane(road, limits=limits)
    large = {"arguments": {"text": "x" * 3_000}}
    first = await asked_first(app, **large)
    assert (await send(app, *request(**large))).json["result"]["resultType"] == "complete"
    assert road.answers == ["Too much waits for an answer already"]
    await send(app, *request(**large, **answers(first, "question-1")))
    assert road.answers[1:] == [ANSWER]
    assert (await asked_first(app, **large))["resultType"] == "input_required", "what is over holds nothing"
    app.close()
