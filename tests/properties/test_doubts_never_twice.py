"""Whatever a probe answers, and whenever a process dies: nothing is paid twice unless a settled look saw nothing of it."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import doubts_world
import pytest
from doubts_world import FIND, LOOK_S, SETTLES_S, TIMEOUT_S, Fate, Saw, Town
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.claim import Kept
from gateway.model.outcome import Carried, Lost
from gateway.model.refusal import Reason, Refusal
from gateway.model.terms import Terms

FATES: st.SearchStrategy[Fate] = st.sampled_from(["answered", "lost", "unsent", "dies"])
SAWS: st.SearchStrategy[Saw] = st.sampled_from(["found", "nothing", "error", "garbage", "lost", "unsent"])
WAITS = st.sampled_from([1.0, TIMEOUT_S, SETTLES_S - TIMEOUT_S, SETTLES_S - 1, SETTLES_S, 60.0])
STEPS = st.one_of(
    st.tuples(st.just("pay"), FATES, SAWS, st.sampled_from([0.0, 3.0, TIMEOUT_S])),
    st.tuples(st.just("sweep"), SAWS),
    st.tuples(st.just("wait"), WAITS),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_nothing_is_sent_again_but_after_a_look_that_saw_nothing_once_it_had_settled(steps: list[tuple]) -> None:
    asyncio.run(_walked(steps))


async def _walked(steps: list[tuple]) -> None:
    town = Town()
    bank = town.bank
    for step in steps:
        match step:
            case ("pay", fate, saw, took_s):
                before = list(bank.sent)
                await town.pay(fate, saw, took_s)
                if len(bank.sent) > len(before):
                    assert len(bank.sent) == len(before) + 1
                    assert not before or bank.saw_nothing_of(before[-1]), steps
                    bank.saw_nothing.clear()
            case ("sweep", saw):
                await town.sweep(saw)
            case ("wait", seconds):
                town.clock.at += seconds
    await town.tasks.close()
    town.writer.close()


async def test_a_look_that_settled_lets_the_same_call_be_made_again() -> None:
    town = Town()
    await town.pay("lost", "nothing", 0.0)
    town.clock.at += TIMEOUT_S + SETTLES_S

    await town.sweep("nothing")

    assert await town.store.doubts() == []
    await town.pay("answered", "error", 0.0)
    assert [fate for _, fate in town.bank.sent] == ["lost", "answered"]


async def test_a_look_that_begins_too_early_settles_nothing() -> None:
    town = Town()
    await town.pay("dies", "nothing", 0.0)
    town.clock.at += TIMEOUT_S + SETTLES_S - LOOK_S - 0.1

    await town.sweep("nothing")

    assert len(await town.store.doubts()) == 1
    told = await town.pay("answered", "nothing", 0.0)
    assert isinstance(told, Refusal)
    assert (told.reason, told.original) == (Reason.OUTCOME_UNKNOWN, "call-1")


async def test_two_processes_that_look_at_one_doubt_settle_it_once() -> None:
    town = Town()
    await town.pay("dies", "nothing", 0.0)
    (doubted,) = await town.store.doubts()
    other = town.doubting
    town._begin()
    town.bank.saw = "found"

    settled = [await other.resolved(doubted), await town.doubting.resolved(doubted)]

    assert [isinstance(one, Kept) for one in settled] == [True, False]


async def test_a_doubt_that_stays_is_told_once_and_looked_at_less_and_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    town = Town()
    await town.pay("lost", "error", 0.0)
    looks: list[float] = []
    look = town.bank._look

    def counted() -> Carried:
        looks.append(town.clock.now())
        return look()

    town.bank._look = counted  # type: ignore[method-assign]
    for _ in range(60):
        await town.sweep("error")
        town.clock.at += 10.0

    pauses = [after - before for before, after in pairwise(looks)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1] > 100, len(looks) < 10) == (12.0, True, True)
    told = [record.getMessage() for record in caplog.records if "is in doubt" in record.getMessage()]
    assert len(told) == 1
    assert "sallyport doubt resolve call-1 --executed (or --not-executed) --why TEXT" in told[0]


async def test_a_step_of_the_wall_clock_settles_nothing() -> None:
    town = Town()
    await town.pay("lost", "error", 0.0)
    town.clock.stepped_s = 86_400.0

    await town.sweep("nothing")

    assert len(await town.store.doubts()) == 1
    town.clock.at += TIMEOUT_S + SETTLES_S
    await town.sweep("nothing")
    assert await town.store.doubts() == []


async def test_a_call_made_again_and_again_looks_once_a_second() -> None:
    town = Town()
    await town.pay("lost", "error", 0.0)
    looks = 0

    def counted() -> Carried:
        nonlocal looks
        looks += 1
        return Lost("reset")

    town.bank._look = counted  # type: ignore[method-assign]
    for _ in range(30):
        town.clock.at += 0.1
        assert (await town.pay("answered", "error", 0.0)).reason is Reason.OUTCOME_UNKNOWN

    assert looks == 3


async def test_what_a_probe_found_is_served_also_where_its_good_answers_depend_on_its_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accepting = replace(FIND, terms=Terms(accept="result.found && args.n == 7"))
    monkeypatch.setattr(doubts_world, "FIND", accepting)
    town = Town()
    await town.pay("lost", "error", 0.0)
    town.clock.at += 60.0

    told = await town.pay("answered", "found", 0.0)

    assert told.result["_meta"]["io.sallyport/reconstructed"] is True
