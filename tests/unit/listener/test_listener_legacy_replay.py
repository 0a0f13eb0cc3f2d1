"""What is kept of legacy sessions is bounded, whatever they do."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listener_kit import FakeClock, FakeRoad, initialize, plane, send

from gateway.listener.hub import Hub
from gateway.listener.legacy_replay import Lines, place
from gateway.listener.legacy_table import Table
from gateway.listener.limits import Limits
from gateway.listener.sessions import Session
from gateway.model.refusal import Reason, Refused
from gateway.wire import jsonrpc


@dataclass
class Someone:
    gone: bool = False


def session(number: int) -> Session:
    return Session(bytes([number]), "2025-11-25", {}, {}, 0.0)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("keep"), st.integers(0, 5), st.integers(0, 60)),
            st.tuples(st.just("burst"), st.integers(0, 5), st.integers(0, 30)),
            st.tuples(st.just("begin"), st.just(0), st.just(0)),
            st.tuples(st.just("end"), st.integers(0, 5), st.integers(0, 60)),
            st.tuples(st.just("wait"), st.just(0), st.integers(0, 400)),
            st.tuples(st.just("clear"), st.just(0), st.just(0)),
        ),
        max_size=40,
    )
)
def test_a_replay_never_outgrows_its_bounds_and_keeps_order_and_the_newest(steps) -> None:
    clock, limits = FakeClock(), Limits(replay_events=6, replay_bytes=100)
    weight = 0

    def weigh(change: int) -> None:
        nonlocal weight
        weight += change

    lines = Lines("0" * 8, limits, clock, weigh)
    running = [lines.standalone()]
    names: set[str] = set()
    for step, which, size in steps:
        line = running[which % len(running)]
        match step:
            case "begin":
                running.append(lines.begin(Someone()))
            case "wait":
                clock.at += size
                lines.find(0)
            case "clear":
                lines.clear()
            case _ if step != "end" or line.number:
                line.closing = step == "end"
                for _ in range(4 if step == "burst" else 1):
                    name = line.keep(b"x" * size)
                    assert name not in names
                    names.add(name)
                    assert line.events[-1].name == name
                if line.closing:
                    running.remove(line)
        kept = [event for one in lines._lines.values() for event in one.events]
        assert weight == sum(len(event.data) for event in kept) == lines._size
        assert len(kept) == lines._count <= 6
        assert weight <= 100 or len(kept) == 1
        for one in lines._lines.values():
            numbers = [event.number for event in one.events]
            assert numbers == sorted(set(numbers))
            assert one.ended_at is None or one.events, "an ended stream of which nothing is left is forgotten"


def test_the_oldest_events_make_way_and_the_newest_is_kept_whatever_its_size() -> None:
    lines = Lines("0" * 8, Limits(replay_events=3, replay_bytes=100), FakeClock(), lambda _: None)
    first, second = lines.begin(Someone()), lines.begin(Someone())
    for line in (first, second, first, second):
        line.keep(b"x")
    assert [event.number for event in (*first.events, *second.events)] == [2, 1, 2], "by count"
    second.keep(b"x" * 100)
    assert [event.number for event in (*first.events, *second.events)] == [3], "by bytes"
    first.keep(b"x" * 500)
    assert [len(event.data) for event in (*first.events, *second.events)] == [500]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"[0-9a-f]{7,9}-[0-9]{0,10}-[0-9]{0,10}\n?", fullmatch=True))
def test_a_name_is_read_as_it_was_given_or_not_at_all(name) -> None:
    found = place(name)
    if found is not None:
        assert name.split("-")[0] == found.entry
        assert [int(part) for part in name.split("-")[1:]] == [found.stream, found.event]
        assert len(name) <= 28


async def test_idle_sessions_are_dropped_and_busy_ones_are_not() -> None:
    clock = FakeClock()
    table = Table(Limits(idle_s=100), clock, Hub())
    idle, asked, running, listening, ended = (table.of(session(n)) for n in range(5))
    asked.questions.put()
    running.lines.begin(Someone())
    listening.lines.standalone().taken_by(Someone())
    line = ended.lines.begin(Someone())
    line.closing = True
    line.keep(b"the answer")
    idle.level = "debug"
    clock.at += 101
    table.of(session(9))
    assert [table.find(session(n)) for n in range(5)] == [None, asked, running, listening, None]
    assert len(table) == 4


async def test_a_dropped_session_hears_nothing_and_weighs_nothing() -> None:
    hub, clock = Hub(), FakeClock()
    table = Table(Limits(), clock, hub)
    held = table.of(session(1))
    line = held.lines.begin(Someone())
    assert held.ear is held.ear
    line.keep(b"x")
    question = held.questions.put()
    assert question is not None
    table.drop(session(1).key)
    line.keep(b"y" * 100)
    assert (table._replay_bytes, len(hub._ears), question[1].result()) == (0, 0, None)
    assert held.questions.put() is None


async def test_the_table_is_bounded_and_the_least_recently_used_makes_way() -> None:
    table = Table(Limits(sessions=3), FakeClock(), Hub())
    for number in range(3):
        table.of(session(number))
    table.find(session(0))
    table.of(session(3))
    assert [table.find(session(n)) is None for n in range(4)] == [False, True, False, False]
    for number in (0, 2, 3):
        table.of(session(number)).questions.put()
    with pytest.raises(Refused) as refused:
        table.of(session(4))
    assert refused.value.refusal.reason is Reason.SESSIONS_FULL
    assert len(table) == 3


async def test_all_replays_together_are_bounded_and_those_used_last_are_kept_longest() -> None:
    table = Table(Limits(replay_held_bytes=250), FakeClock(), Hub())
    lines = [table.of(session(n)).lines.begin(Someone()) for n in range(3)]
    for line in lines:
        line.keep(b"x" * 100)
    assert [len(line.events) for line in lines] == [0, 1, 1]
    assert table._replay_bytes == 200
    table.find(session(1))
    lines[1].keep(b"x" * 100)
    assert [len(line.events) for line in lines] == [0, 2, 0]
    lines[1].keep(b"x" * 300)
    assert table._replay_bytes == 0, "no one may hold more than all together"


async def test_an_idle_sessions_id_is_still_good() -> None:
    clock = FakeClock()
    app = plane(FakeRoad(), clock=clock)
    lines = await initialize(app)
    level = jsonrpc.request(1, "logging/setLevel", {"level": "info"})
    await send(app, level, lines)
    clock.at += 3_600
    assert (await send(app, level, await initialize(app))).status == 200
    assert len(app._legacy._table) == 1
    assert (await send(app, jsonrpc.request(1, "ping"), lines)).json["result"] == {}
