"""What pulls the kill switch by itself: over the bound within the window, once, until a person lifts it."""

from collections.abc import Mapping
from typing import Any

import pytest
from ledger_kit import ALICE, BOB, NOON, FakeClock
from test_ledger_stops import Memory

from gateway.config.stops import Trip
from gateway.ledger import trips as room
from gateway.ledger.stops import Stops
from gateway.ledger.trips import Trips
from gateway.model.ended import Ended
from gateway.model.stop import Stop
from gateway.tasks import Tasks

CALL: Mapping[str, Any] = {
    "kind": "call",
    "tenant": "default",
    "agent": "support-bot",
    "user": "alice",
    "run": "nightly-7",
    "run_proof": "jwt:main:sub",
    "tool": "helpdesk/refund",
    "upstream": "helpdesk",
    "outcome": "failed",
}
REFUSED = {"outcome": "refused", "reason": "policy-denied"}


class Trap:
    """Trips over a kill switch whose store is memory, and what they wrote down."""

    def __init__(self, *trips: Mapping[str, Any]) -> None:
        self.clock, self.memory, self.tasks = FakeClock(), Memory(), Tasks()
        self.acts: list[tuple[str, str, Mapping[str, Any]]] = []
        self.stops = Stops(self.memory)
        made = [Trip(**{"scope": "agent", "on": "errors", "over": 3, "window": "1m"} | trip) for trip in trips or [{}]]
        self.trips = Trips(made, self.stops, self, self.clock, self.tasks)

    async def operator(self, who: str, action: str, facts: Mapping[str, Any]) -> None:
        self.acts.append((who, action, facts))

    async def ends(self, times: int = 1, **facts: Any) -> list[Stop]:
        """The rows in force after so many such calls."""
        for _ in range(times):
            self.trips.ended(Ended(CALL | facts, NOON, NOON))
        await self.tasks.drain(5)
        return list(self.stops.stops())


async def test_more_than_the_bound_within_the_window_stops_whoever_did_it_and_says_the_numbers() -> None:
    trap = Trap()
    assert await trap.ends(3) == []
    (row,) = await trap.ends()
    assert (row.kind, row.target, row.by, row.mode, row.at) == ("agent", "support-bot", "trip", "stop", NOON)
    assert row.why == "4 errors within 1m, more than 3"
    assert list(trap.memory.rows.values()) == [row]
    facts = {"kind": "agent", "target": "support-bot", "mode": "stop", "why": row.why}
    assert trap.acts == [("trip", "kill", facts)]


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ("tenant", "default"),
        ("agent", "support-bot"),
        ("user", "alice"),
        ("tool", "helpdesk/refund"),
        ("upstream", "helpdesk"),
        ("run", "nightly-7"),
    ],
)
async def test_each_scope_stops_its_own(scope: str, target: str) -> None:
    (row,) = await Trap({"scope": scope}).ends(4)
    assert (row.kind, row.target) == (scope, target)


@pytest.mark.parametrize(
    ("on", "counts", "counts_not"),
    [
        ("errors", [{}, {"outcome": "answered-error"}], [{"outcome": "answered"}, {"outcome": "in-doubt"}, REFUSED]),
        (
            "refusals",
            [REFUSED, {"outcome": "refused", "reason": "unknown-tool", "tool": None}],
            [{}, {"outcome": "pending"}, {"outcome": "replayed"}],
        ),
        ("doubts", [{"outcome": "in-doubt"}], [{}, {"outcome": "answered"}]),
        ("spend", [{"outcome": "answered", "cost": {"money": 1_000_000}}], [{"cost": {"money": 0}}, {"cost": {}}, {}]),
    ],
)
async def test_what_counts(on: str, counts: list[dict[str, Any]], counts_not: list[dict[str, Any]]) -> None:
    for facts in counts:
        assert await Trap({"on": on}).ends(4, **facts), facts
    for facts in counts_not:
        assert not await Trap({"on": on}).ends(9, **facts), facts


@pytest.mark.parametrize("reason", ["stopped", "paused", "overloaded", "store-unavailable", "audit-unavailable"])
async def test_refusals_that_say_something_of_the_gateway_stop_nobody(reason: str) -> None:
    assert not await Trap({"on": "refusals"}).ends(9, outcome="refused", reason=reason)


async def test_money_is_counted_in_money() -> None:
    trap = Trap({"on": "spend", "over": "0.25"})
    assert not await trap.ends(2, outcome="answered", cost={"money": 125_000})
    (row,) = await trap.ends(1, outcome="answered", cost={"money": 10_000})
    assert row.why == "0.26 of money spent within 1m, more than 0.25"


async def test_what_lies_before_the_window_counts_no_more() -> None:
    trap = Trap()
    await trap.ends(3)
    trap.clock.advance(59)
    assert trap.trips._trips[0].trip.window.total_seconds() == 60
    other = Trap()
    await other.ends(3)
    other.clock.advance(62)
    assert not await other.ends(3)
    assert await trap.ends(1)


async def test_it_trips_once_and_what_is_stopped_counts_nothing_until_a_person_lifts_it() -> None:
    trap = Trap()
    assert len(await trap.ends(50)) == 1
    await trap.ends(50)
    assert len(trap.acts) == 1
    trap.clock.advance(10_000)
    assert len(await trap.ends(3)) == 1
    assert await trap.stops.lift("agent", "support-bot")
    assert await trap.ends(3) == []
    assert len(await trap.ends(1)) == 1
    assert len(trap.acts) == 2


async def test_a_laxer_row_of_an_operator_is_tightened_and_a_stricter_one_stays() -> None:
    lax, strict = Trap({"mode": "stop"}), Trap({"mode": "read-only"})
    await lax.stops.stop(Stop("agent", "support-bot", "slowly", "ops", NOON, "read-only"))
    await strict.stops.stop(Stop("agent", "support-bot", "by hand", "ops", NOON, "pause"))
    assert [(row.by, row.mode) for row in await lax.ends(4)] == [("trip", "stop")]
    assert [(row.by, row.mode) for row in await strict.ends(9)] == [("ops", "pause")]


async def test_nobody_is_counted_for_another() -> None:
    trap = Trap({"scope": "user"})
    await trap.ends(3)
    assert not await trap.ends(3, user="bob")
    assert not await trap.ends(9, user=None)
    assert [row.target for row in await trap.ends(1, user="bob")] == ["bob"]


async def test_words_of_the_callers_own_are_no_one_to_stop() -> None:
    assert not await Trap({"scope": "run"}).ends(9, run_proof=None)
    assert not await Trap({"scope": "tool"}).ends(9, method="resources/read", tool="helpdesk/note://7")


async def test_ids_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_IDS", 10)
    trap = Trap({"scope": "run", "over": 1000})
    for number in range(100):
        await trap.ends(1, run=f"run-{number}")
    assert len(trap.trips._trips[0]._ids) == 10
    for _ in range(500):
        trap.clock.advance(1)
        await trap.ends(1, run="run-99")
    assert len(trap.trips._trips[0]._ids["run-99"]) <= room.SLOTS + 1


async def test_a_trip_the_store_cannot_keep_is_in_force_all_the_same() -> None:
    trap = Trap()
    trap.memory.broken = True
    assert len(await trap.ends(4)) == 1


@pytest.mark.parametrize("mode", ["read-only", "pause"])
async def test_a_trip_that_a_person_overtakes_loosens_nothing(mode: str) -> None:
    trap = Trap({"mode": mode})

    async def meanwhile(*_: object) -> None:
        await trap.stops.stop(by_hand)

    by_hand = Stop("agent", "support-bot", "by hand", "ops", NOON)
    trap.operator = meanwhile  # type: ignore[method-assign]
    assert await trap.ends(4) == [by_hand]
    assert list(trap.memory.rows.values()) == [by_hand]


async def test_a_caller_that_goes_round_in_circles_is_paused_unless_it_is_stopped_already() -> None:
    trap = Trap()
    by_hand = Stop("user", "alice", "by hand", "ops", NOON)
    await trap.stops.stop(by_hand)
    for who in (ALICE, BOB):
        trap.trips.pause(who, "R1: round and round")
    await trap.tasks.drain(5)
    assert [(row.target, row.mode, row.by) for row in trap.stops.stops()] == [
        ("alice", "stop", "ops"),
        ("bob", "pause", "loops"),
    ]


async def test_an_id_that_looks_like_a_kind_is_stopped_all_the_same() -> None:
    (row,) = await Trap({"scope": "run"}).ends(4, run="run:7")
    assert row.target == "run:7"


async def test_two_trips_of_one_id_pull_once_each_and_the_stricter_stays() -> None:
    trap = Trap({"mode": "read-only"}, {"mode": "stop", "over": 4})
    (row,) = await trap.ends(20)
    assert row.mode == "stop"
    assert [facts["mode"] for _, _, facts in trap.acts] == ["read-only", "stop"]


@pytest.mark.parametrize("scope", ["tool", "upstream"])
def test_nobody_stops_a_tool_for_others_by_being_refused(scope: str) -> None:
    with pytest.raises(ValueError, match="would stop it for all others"):
        Trap({"scope": scope, "on": "refusals"})
