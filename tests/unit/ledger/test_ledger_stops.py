"""What is stopped is stopped at once, and says so without telling who did it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from ledger_kit import ALICE, NOON, tool

from gateway.ledger.stops import Stops
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.stop import Stop, StopKind
from gateway.model.work import StoreUnavailable


class Memory:
    def __init__(self, *rows: Stop) -> None:
        self.rows = {(row.kind, row.target): row for row in rows}
        self.broken = False

    async def put(self, stop: Stop) -> None:
        if self.broken:
            raise StoreUnavailable("the disk is full")
        self.rows[stop.kind, stop.target] = stop

    async def lift(self, kind: StopKind, target: str) -> bool:
        if self.broken:
            raise StoreUnavailable("the disk is full")
        return self.rows.pop((kind, target), None) is not None

    async def all(self) -> Sequence[Stop]:
        return list(self.rows.values())


def row(kind: StopKind, target: str) -> Stop:
    return Stop(kind, target, "sends nonsense", "ops-key-7", NOON)


@pytest.mark.parametrize(
    ("kind", "target", "told"),
    [
        ("all", "", "Everything"),
        ("tenant", "default", "Tenant default"),
        ("agent", "support-bot", "Agent support-bot"),
        ("user", "alice", "User alice"),
        ("tool", "helpdesk/refund", "Tool helpdesk/refund"),
        ("upstream", "helpdesk", "Upstream helpdesk"),
    ],
)
async def test_a_stop_of_each_kind_refuses_and_names_what_why_and_since_when(
    kind: StopKind, target: str, told: str
) -> None:
    stops = Stops(Memory())
    stops.check(ALICE, tool())
    await stops.stop(row(kind, target))
    with pytest.raises(Refused) as caught:
        stops.check(ALICE, tool())
    refusal = caught.value.refusal
    assert refusal.reason is Reason.STOPPED
    assert refusal.detail.startswith(f"{told} is stopped by an operator since ")
    assert refusal.detail.endswith("T12:00:00+00:00: sends nonsense")
    assert "ops-key-7" not in refusal.detail
    assert await stops.lift(kind, target)
    stops.check(ALICE, tool())


async def test_a_stop_touches_nobody_else() -> None:
    stops = Stops(Memory())
    for kind, target in (("tenant", "t"), ("agent", "alice"), ("user", "support-bot"), ("tool", "helpdesk/refunds")):
        await stops.stop(row(kind, target))
    stops.check(ALICE, tool())
    stops.check(Principal("default", "other", "key:k"), tool())


async def test_a_machine_without_a_user_is_touched_by_its_agent_only() -> None:
    stops = Stops(Memory(row("user", "None")))
    await stops.load()
    stops.check(Principal("default", "support-bot", "key:k"), tool())


async def test_the_stops_of_the_last_run_are_in_force_again() -> None:
    stops = Stops(Memory(row("all", "")))
    await stops.load()
    with pytest.raises(Refused):
        stops.check(ALICE, tool())


async def test_a_stop_acts_even_when_it_cannot_be_stored_and_a_lift_does_not() -> None:
    memory = Memory()
    stops = Stops(memory)
    memory.broken = True
    with pytest.raises(StoreUnavailable):
        await stops.stop(row("all", ""))
    with pytest.raises(StoreUnavailable):
        await stops.lift("all", "")
    with pytest.raises(Refused):
        stops.check(ALICE, tool())


@pytest.mark.parametrize(
    ("kind", "target"),
    [("all", "x"), ("agent", ""), ("agent", "agent:support-bot"), ("user", "user:alice"), ("tool", "helpdesk_refund")],
)
async def test_a_target_that_could_never_match_is_an_error(kind: StopKind, target: str) -> None:
    memory = Memory()
    with pytest.raises(ValueError, match=r"target|id"):
        await Stops(memory).stop(row(kind, target))
    assert memory.rows == {}


async def test_who_waits_is_told_of_every_stop() -> None:
    stops = Stops(Memory())
    first = stops.changed
    assert stops.changed is first
    await stops.stop(row("user", "bob"))
    assert first.done()
    assert not stops.changed.done()
    assert isinstance(stops.changed, asyncio.Future)


async def test_lifting_what_is_not_stopped_says_so() -> None:
    assert not await Stops(Memory()).lift("user", "bob")


async def test_stops_are_listed_oldest_first() -> None:
    stops = Stops(Memory())
    late, early = row("user", "bob"), Stop("agent", "x", "", "ops", NOON - 1)
    await stops.stop(late)
    await stops.stop(early)
    assert stops.stops() == [early, late]


async def test_reading_again_takes_what_others_stopped_and_lifted_and_tells_who_waits() -> None:
    memory = Memory(row("agent", "other-bot"))
    stops = Stops(memory)
    await stops.load()
    told = stops.changed
    memory.rows = {("all", ""): row("all", "")}
    await stops.load()
    assert told.done()
    assert [stop.kind for stop in stops.stops()] == ["all"]
    memory.rows = {}
    await stops.load()
    stops.check(ALICE, tool())


async def test_reading_again_does_not_lift_a_stop_the_store_never_took() -> None:
    memory = Memory()
    stops = Stops(memory)
    memory.broken = True
    with pytest.raises(StoreUnavailable):
        await stops.stop(row("all", ""))
    memory.broken = False
    await stops.load()
    with pytest.raises(Refused):
        stops.check(ALICE, tool())
    assert await stops.lift("all", "")
    await stops.load()
    stops.check(ALICE, tool())


class SlowToTell(Memory):
    """Has read its rows, and is slow to say what they were."""

    def __init__(self, *rows: Stop) -> None:
        super().__init__(*rows)
        self.read, self.says = asyncio.Event(), asyncio.Event()

    async def all(self) -> Sequence[Stop]:
        rows = await super().all()
        self.read.set()
        await self.says.wait()
        return rows


async def test_a_stop_is_not_undone_by_rows_that_were_read_before_it() -> None:
    store = SlowToTell()
    stops = Stops(store)
    loading = asyncio.ensure_future(stops.load())
    await store.read.wait()
    stopping = asyncio.ensure_future(stops.stop(row("agent", "support-bot")))
    await asyncio.sleep(0)
    with pytest.raises(Refused):  # in force before anything is stored
        stops.check(ALICE, tool())
    store.says.set()
    await asyncio.wait_for(asyncio.gather(loading, stopping), 5)
    with pytest.raises(Refused):
        stops.check(ALICE, tool())


async def test_a_stop_that_was_lifted_does_not_come_back_with_rows_that_were_read_before() -> None:
    store = SlowToTell(row("agent", "support-bot"))
    stops = Stops(store)
    loading = asyncio.ensure_future(stops.load())
    await store.read.wait()
    lifting = asyncio.ensure_future(stops.lift("agent", "support-bot"))
    await asyncio.sleep(0)
    store.says.set()
    await asyncio.wait_for(asyncio.gather(loading, lifting), 5)
    stops.check(ALICE, tool())


class SlowToLift(Memory):
    """Has lifted its row, and is slow to say so."""

    def __init__(self, *rows: Stop) -> None:
        super().__init__(*rows)
        self.lifted, self.says = asyncio.Event(), asyncio.Event()

    async def lift(self, kind: StopKind, target: str) -> bool:
        was = await super().lift(kind, target)
        self.lifted.set()
        await self.says.wait()
        return was


async def test_a_stop_that_comes_while_an_older_one_is_lifted_is_in_force_and_stored() -> None:
    store = SlowToLift(row("agent", "support-bot"))
    stops = Stops(store)
    await stops.load()
    lifting = asyncio.ensure_future(stops.lift("agent", "support-bot"))
    await store.lifted.wait()
    stopping = asyncio.ensure_future(stops.stop(row("agent", "support-bot")))
    await asyncio.sleep(0)
    store.says.set()
    await asyncio.wait_for(asyncio.gather(lifting, stopping), 5)
    with pytest.raises(Refused):
        stops.check(ALICE, tool())
    assert ("agent", "support-bot") in store.rows


async def test_what_was_stopped_while_the_store_was_away_is_saved_when_it_is_back() -> None:
    memory = Memory()
    stops = Stops(memory)
    memory.broken = True
    for target in ("bob", "alice"):
        with pytest.raises(StoreUnavailable):
            await stops.stop(replace(row("user", target), mode="read-only"))
    memory.broken = False
    further = row("user", "alice")  # another process stopped her further
    await memory.put(further)

    await stops.load()

    assert [(one.target, one.mode) for one in memory.rows.values()] == [("alice", "stop"), ("bob", "read-only")]
    assert stops.row("user", "alice") == further
    assert await stops.lift("user", "bob")
    await stops.load()
    assert [one.target for one in stops.stops()] == ["alice"]
