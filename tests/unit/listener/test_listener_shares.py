"""Nobody shuts all others out: of requests in flight and of open streams one caller has at most half."""

import asyncio
from typing import Any

import pytest
from listener_kit import ALICE, MALLORY, FakeRoad, call, plane
from listener_kit import send as sent

from gateway.listener.limits import Intake, Limits, Seats, Slot
from gateway.model.call import Asked, Reply
from gateway.model.refusal import Refused


async def test_the_plane_counts_each_request_for_its_caller() -> None:
    going_on = asyncio.Event()

    async def walk(_: Asked) -> Reply:
        await going_on.wait()
        return Reply({"content": []})

    app = plane(FakeRoad(walk=walk), limits=Limits(in_flight=4))
    body, lines = call()
    first = [asyncio.ensure_future(sent(app, body, lines)) for _ in range(2)]
    await asyncio.sleep(0)
    refused = await sent(app, body, lines)
    assert (refused.status, refused.outcome["reason"]) == (503, "overloaded")
    going_on.set()
    assert [(await one).status for one in first] == [200, 200]
    assert (await sent(app, body, lines)).status == 200


@pytest.mark.parametrize("kind", ["requests", "streams"])
async def test_one_caller_has_at_most_half_of_what_there_is_for_all(kind: str) -> None:
    limits = Limits(in_flight=4, streams=4)
    intake, seats = Intake(limits), Seats(limits)
    slots = []

    def take(principal: Any) -> bool:
        if kind == "streams":
            return seats.take(principal.who)
        slot = Slot(intake)
        slots.append(slot)
        try:
            slot.enter()
            slot.belongs_to(principal)
        except Refused:
            slot.leave()
            return False
        return True

    assert [take(ALICE) for _ in range(3)] == [True, True, False]
    assert [take(MALLORY) for _ in range(2)] == [True, True]
    if kind == "streams":
        seats.leave(ALICE.who)
    else:
        slots[0].leave()
        slots[0].leave()
    assert [take(ALICE) for _ in range(2)] == [True, False]


async def test_the_bodies_of_one_caller_fill_at_most_half_of_the_space_for_all() -> None:
    intake = Intake(Limits(held_bytes=20))
    slots = []

    async def send(principal: Any, size: int) -> bool:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"x" * size}

        slot = Slot(intake)
        slots.append(slot)
        slot.enter()
        slot.belongs_to(principal)
        try:
            return await slot.body(receive, None) == b"x" * size
        except Refused:
            slot.leave()
            return False

    assert [await send(ALICE, size) for size in (6, 5, 4)] == [True, False, True]
    assert await send(MALLORY, 10)
    slots[0].leave()
    slots[0].leave()
    assert [await send(ALICE, size) for size in (7, 6)] == [False, True]
