"""How far a row stops, which of several speaks, and how long what is known of the store is good."""

from datetime import timedelta
from typing import Any

import pytest
from ledger_kit import ALICE, NOON, FakeClock, tool
from test_ledger_stops import Memory

from gateway.config.stops import KillSwitch
from gateway.ledger.staleness import Staleness
from gateway.ledger.stops import Stops
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.stop import Stop, StopKind, StopMode
from gateway.model.tool import Effect
from gateway.model.work import StoreUnavailable

WRITE, READ = tool(Effect.MUTATING), tool(Effect.READ)
RUNNING = Principal("default", "support-bot", "key:k1", "alice", "key:k1", run="nightly-7")


def row(mode: StopMode, kind: StopKind = "agent", target: str = "support-bot", **more: Any) -> Stop:
    return Stop(kind, target, "sends nonsense", "ops", NOON, mode, **more)


def stopped(*rows: Stop) -> Stops:
    stops = Stops(Memory())
    stops._rows = {one.name: one for one in rows}
    return stops


def told(stops: Stops, of: Any, who: Principal = ALICE) -> Refusal | None:
    try:
        stops.check(who, of)
    except Refused as refused:
        return refused.refusal
    return None


def reason(stops: Stops, of: Any, who: Principal = ALICE) -> Reason | None:
    refusal = told(stops, of, who)
    return None if refusal is None else refusal.reason


@pytest.mark.parametrize(
    ("modes", "write", "read"),
    [
        ([], None, None),
        (["stop"], Reason.STOPPED, Reason.STOPPED),
        (["read-only"], Reason.STOPPED, None),
        (["pause"], Reason.PAUSED, Reason.PAUSED),
        (["read-only", "pause"], Reason.PAUSED, Reason.PAUSED),
        (["pause", "stop"], Reason.STOPPED, Reason.STOPPED),
        (["read-only", "pause", "stop"], Reason.STOPPED, Reason.STOPPED),
    ],
)
def test_of_several_rows_the_strictest_that_bars_the_call_speaks(
    modes: list[StopMode], write: Reason | None, read: Reason | None
) -> None:
    kinds: list[tuple[StopKind, str]] = [("all", ""), ("user", "alice"), ("upstream", "helpdesk")]
    stops = stopped(*(row(mode, *name) for mode, name in zip(modes, kinds, strict=False)))
    assert (reason(stops, WRITE), reason(stops, READ)) == (write, read)


@pytest.mark.parametrize("effect", [Effect.MUTATING, Effect.IDEMPOTENT, Effect.UNSET])
def test_read_only_lets_declared_reads_pass_and_says_so_to_everything_else(effect: Effect) -> None:
    refusal = told(stopped(row("read-only")), tool(effect))
    assert refusal is not None
    assert "only declared reads pass, and helpdesk/refund is none" in refusal.detail


def test_a_paused_caller_is_told_when_to_come_back() -> None:
    refusal = told(stopped(row("pause")), WRITE)
    assert refusal is not None
    assert refusal.retry_after_ms == 15_000
    assert refusal.detail.startswith("Agent support-bot is paused by an operator since ")


@pytest.mark.parametrize(("mode", "goes_on"), [("stop", False), ("read-only", False), ("pause", True)])
def test_who_waits_already_is_sent_away_by_a_stop_and_not_by_a_pause(mode: StopMode, goes_on: bool) -> None:
    stops = stopped(row(mode))
    assert (stops.ended(ALICE, WRITE) is None) is goes_on
    pausing_too = stopped(row(mode), row("pause", "all", ""))
    assert (pausing_too.ended(ALICE, WRITE) is None) is goes_on


def test_a_run_is_stopped_where_it_was_proven_and_nowhere_else() -> None:
    stops = stopped(row("stop", "run", "nightly-7"))
    assert reason(stops, READ, RUNNING) is Reason.STOPPED
    assert reason(stops, READ, ALICE) is None


def test_a_row_that_a_trip_wrote_says_so() -> None:
    stops = stopped(Stop("user", "alice", "12 errors", "trip", NOON))
    refusal = told(stops, READ)
    assert refusal is not None
    assert refusal.detail.startswith("User alice is stopped by a trip of this gateway since ")


async def test_posting_again_changes_the_mode_and_tells_who_waits_only_when_it_is_stricter() -> None:
    memory = Memory()
    stops = Stops(memory)
    for mode, tells in (("read-only", True), ("stop", True), ("pause", False), ("read-only", False), ("pause", True)):
        waiting = stops.changed
        await stops.stop(row(mode))
        assert waiting.done() is tells, mode
        assert [one.mode for one in stops.stops()] == [mode]
        assert [one.mode for one in memory.rows.values()] == [mode]


async def test_a_stop_is_loosened_only_when_the_store_knows() -> None:
    memory = Memory()
    stops = Stops(memory)
    await stops.stop(row("stop"))
    memory.broken = True
    with pytest.raises(StoreUnavailable):
        await stops.stop(row("read-only"))
    assert reason(stops, READ) is Reason.STOPPED


async def test_a_mode_another_gateway_changed_is_taken_over() -> None:
    memory = Memory(row("read-only"))
    stops = Stops(memory)
    await stops.load()
    waiting = stops.changed
    memory.rows = {one.name: one for one in [row("stop")]}
    await stops.load()
    assert waiting.done()
    assert reason(stops, READ) is Reason.STOPPED


def test_the_stop_file_stops_everything_and_is_listed_beside_the_rows() -> None:
    stops, pulled = stopped(row("read-only")), Stop("all", "", "by hand", "STOP", NOON - 1)
    stops.pull(pulled)
    assert reason(stops, READ) is Reason.STOPPED
    assert [one.by for one in stops.stops()] == ["STOP", "ops"]
    stops.pull(None)
    assert reason(stops, READ) is None


class Confirming:
    """A store that says when it was last read."""

    def __init__(self, **section: timedelta) -> None:
        self.clock, self.at = FakeClock(), None
        self.stops = Stops(Memory(), Staleness(KillSwitch(**section), self.clock, lambda: self.at))

    def passes(self) -> tuple[bool, bool]:
        """Whether a mutating call passes, and whether a read does."""
        return reason(self.stops, WRITE) is None, reason(self.stops, READ) is None


@pytest.mark.parametrize(
    ("unread_s", "passes"),
    [(0, (True, True)), (4.9, (True, True)), (5, (False, True)), (29.9, (False, True)), (30, (False, False))],
)
def test_what_is_not_confirmed_lets_pass_less_and_less(unread_s: float, passes: tuple[bool, bool]) -> None:
    made = Confirming()
    made.at = made.clock.monotonic()
    made.clock.advance(unread_s)
    assert made.passes() == passes
    made.at = made.clock.monotonic()
    assert made.passes() == (True, True)


def test_a_gateway_that_never_read_its_store_knows_no_row_and_lets_only_reads_pass_and_not_for_long() -> None:
    made = Confirming()
    assert made.passes() == (False, True)
    made.clock.advance(30)
    assert made.passes() == (False, False)


def test_what_is_too_old_says_so_with_the_reason_of_the_store() -> None:
    made = Confirming(read_only_after=timedelta(seconds=2), refuse_after=timedelta(seconds=2))
    made.clock.advance(2)
    refusal = told(made.stops, READ)
    assert refusal is not None
    assert refusal.reason is Reason.STORE_UNAVAILABLE
    assert refusal.detail == "The kill switch could not be read from the store for 2 s, so nothing passes until it can."


def test_a_stop_speaks_before_a_store_that_is_away() -> None:
    made = Confirming()
    made.stops.pull(Stop("all", "", "by hand", "STOP", NOON))
    assert reason(made.stops, WRITE) is Reason.STOPPED


def test_bounds_in_the_wrong_order_are_a_fault_of_the_configuration() -> None:
    with pytest.raises(ValueError, match="no sooner"):
        KillSwitch(read_only_after=timedelta(seconds=9), refuse_after=timedelta(seconds=8))
    with pytest.raises(ValueError, match="looked at each second"):
        KillSwitch(read_only_after=timedelta(seconds=1))
