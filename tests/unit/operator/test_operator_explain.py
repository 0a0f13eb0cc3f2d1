"""`POST /explain`: the question reaches the desk whole, the answer comes room by room, and nothing is recorded as done."""

import json
from typing import Any

import pytest
from operator_kit import Office, Visitor, detail

ASKED = {"agent": "support-bot", "user": "alice", "tenant": "acme", "tool": "h/refund", "arguments": {"cents": 10**30}}


async def test_the_answer_is_what_each_room_says_up_to_the_one_that_stops(visitor: Visitor) -> None:
    answer = await visitor.ask("ivy", "POST", "/explain", json=ASKED)

    assert answer.status_code == 200
    assert answer.json() == [
        {"room": "identity", "verdict": "passes", "why": "as agent and user"},
        {"room": "catalog", "verdict": "stops", "why": "h/refund is hidden"},
    ]


async def test_the_question_reaches_the_desk_exactly_and_changes_nothing(visitor: Visitor, office: Office) -> None:
    await visitor.ask("ivy", "POST", "/explain", json=ASKED)

    assert office.acts == [("explain", "support-bot", "alice", "acme", "h/refund", {"cents": 10**30})]


async def test_user_tenant_and_arguments_may_be_left_out(visitor: Visitor, office: Office) -> None:
    await visitor.ask("ivy", "POST", "/explain", json={"agent": "support-bot", "tool": "h/refund"})

    assert office.acts == [("explain", "support-bot", None, "default", "h/refund", {})]


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("otto", 403)])
async def test_asking_needs_the_role_viewer(visitor: Visitor, office: Office, who: str | None, status: int) -> None:
    detail(await visitor.ask(who, "POST", "/explain", json=ASKED), status)

    assert office.acts == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"tool": "h/refund"}, "body.agent: Field required"),
        ({"agent": "support-bot"}, "body.tool: Field required"),
        ({**ASKED, "argument": {}}, "body.argument: Extra inputs are not permitted"),
        ({**ASKED, "arguments": ["cents"]}, "body.arguments: Input should be a valid dictionary"),
        (["agent"], "body: Input should be a valid dictionary"),
    ],
)
async def test_a_question_that_is_not_whole_is_told_what_is_wrong(
    visitor: Visitor, office: Office, body: Any, where: str
) -> None:
    assert detail(await visitor.ask("ivy", "POST", "/explain", json=body), 422).startswith(where)
    assert office.acts == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("NaN", "NaN is not JSON"),
        ("1e999", "Infinity is not JSON"),
        (r'"\ud83d"', "half of a surrogate pair"),
        ("[" * 70 + "]" * 70, "nested deeper than 64 levels"),
    ],
)
async def test_what_no_agent_could_send_is_not_explained(
    visitor: Visitor, office: Office, value: str, why: str
) -> None:
    body = json.dumps(ASKED).replace(str(10**30), value)

    answer = await visitor.ask("ivy", "POST", "/explain", content=body, headers={"Content-Type": "application/json"})

    assert why in detail(answer, 422)
    assert office.acts == []
