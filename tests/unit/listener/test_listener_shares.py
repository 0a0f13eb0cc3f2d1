"""Nobody shuts all others out: of requests in flight and of open streams one caller has at most half."""

from typing import Any

import pytest
from listener_kit import ALICE, MALLORY

from gateway.listener.limits import Intake, Limits, Seats, Slot, who
from gateway.model.refusal import Refused


@pytest.mark.parametrize("kind", ["requests", "streams"])
async def test_one_caller_has_at_most_half_of_what_there_is_for_all(kind: str) -> None:
    limits = Limits(in_flight=4, streams=4)
    intake, seats = Intake(limits), Seats(limits)
    slots = []

    def take(principal: Any) -> bool:
        if kind == "streams":
            return seats.take(who(principal))
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
        seats.leave(who(ALICE))
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
