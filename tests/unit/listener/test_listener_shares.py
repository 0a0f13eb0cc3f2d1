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
