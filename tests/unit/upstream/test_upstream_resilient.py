"""Retries around an upstream: what is sent again, how often, under which number, and what never is."""

import asyncio
from dataclasses import replace

import pytest
from dialogue_kit import Caller
from resilient_kit import AWAY, DONE, ERROR, IDEMPOTENT, LOST, MUTATING, READ, UNREACHED, UNSET, Stage
from upstream_kit import outbound, tool

from gateway.model.outcome import Answered
from gateway.model.refusal import Reason, Refused
from gateway.model.terms import Terms
from gateway.model.tool import Effect

ATTEMPT = "io.sallyport/attempt"


@pytest.mark.parametrize("effect", [READ, IDEMPOTENT])
async def test_a_lost_read_is_sent_again_with_its_number_until_it_is_answered(effect) -> None:
    stage = Stage(LOST, UNREACHED, DONE)
    assert await stage.send(effect, meta={"traceparent": "t"}) == DONE
    assert [(call.attempt, call.meta) for call in stage.inner.sent] == [
        (0, {"traceparent": "t"}),
        (1, {"traceparent": "t", ATTEMPT: 1}),
        (2, {"traceparent": "t", ATTEMPT: 2}),
    ]
    assert stage.slept == [0.025, 0.05]


@pytest.mark.parametrize("effect", [MUTATING, UNSET])
async def test_a_lost_call_that_leaves_traces_is_never_sent_again(effect) -> None:
    stage = Stage(LOST)
    assert await stage.send(effect) == LOST
    assert len(stage.inner.sent) == 1


@pytest.mark.parametrize("effect", Effect)
async def test_what_was_proven_unsent_is_sent_again_whatever_its_effect(effect) -> None:
    stage = Stage(UNREACHED, DONE)
    assert await stage.send(effect) == DONE
    assert len(stage.inner.sent) == 2


async def test_a_call_that_leaves_traces_stops_at_the_first_send_that_may_have_arrived() -> None:
    stage = Stage(UNREACHED, LOST, DONE)
    assert await stage.send(MUTATING) == LOST
    assert len(stage.inner.sent) == 2


@pytest.mark.parametrize("last", [UNREACHED, AWAY])
async def test_a_send_that_never_left_does_not_disprove_one_that_was_lost(last) -> None:
    stage = Stage(LOST, last, last)
    assert await stage.send(IDEMPOTENT) == LOST


@pytest.mark.parametrize("end", [DONE, Answered({"isError": True}), ERROR, AWAY])
async def test_an_answer_stands_and_so_does_being_turned_away_for_good(end) -> None:
    stage = Stage(end)
    assert await stage.send() == end
    assert len(stage.inner.sent) == 1


async def test_a_call_that_was_retried_before_us_is_sent_once_with_its_number() -> None:
    stage = Stage(UNREACHED, UNREACHED)
    assert await stage.send(attempt=1) == UNREACHED
    assert [(call.attempt, call.meta) for call in stage.inner.sent] == [(1, {ATTEMPT: 1})]


async def test_retries_stop_at_their_most_at_the_deadline_and_at_the_budget() -> None:
    stage = Stage(*[LOST] * 9, retries={"most": 1})
    await stage.send()
    assert len(stage.inner.sent) == 2

    stage = Stage(*[LOST] * 9)
    stage.inner.takes_s = 0.99
    await stage.send(within_s=1.0)
    assert len(stage.inner.sent) == 1

    stage = Stage(*[LOST] * 9, retries={"budget": 0, "floor": 1})
    await stage.send()
    assert len(stage.inner.sent) == 2


async def test_a_cancelled_caller_ends_the_pause_between_sends() -> None:
    stage = Stage(LOST)
    paused = asyncio.Event()

    async def sleep(seconds: float) -> None:
        paused.set()
        await asyncio.Event().wait()

    stage.upstream._sleep = sleep
    call = asyncio.ensure_future(stage.send())
    await asyncio.wait_for(paused.wait(), 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(stage.inner.sent) == 1


async def test_a_call_whose_server_recognises_its_key_is_sent_again_under_the_same_key() -> None:
    stage = Stage(LOST, DONE)
    refund = replace(tool("refund", effect=MUTATING), terms=Terms(in_doubt="forward_key", dedupes_s=60))
    call = outbound(tool=refund, idempotency_key="k")
    assert await stage.upstream.send(call, stage.clock.monotonic() + 10) == DONE
    assert [one.idempotency_key for one in stage.inner.sent] == ["k", "k"]


@pytest.mark.parametrize("end", [LOST, UNREACHED])
async def test_where_somebody_was_asked_nothing_is_sent_again(end) -> None:
    stage = Stage(end, DONE)
    asks = Caller({"action": "accept"}, capabilities={"elicitation": {}})

    async def send(call, deadline, inner=stage.inner.send):
        await call.dialogue.ask("elicitation/create", {})
        return await inner(call, deadline)

    stage.inner.send = send
    assert await stage.send(dialogue=asks) == end
    assert len(asks.asked) == len(stage.inner.sent) == 1


@pytest.mark.parametrize(("end", "effect"), [(UNREACHED, MUTATING), (UNREACHED, READ), (LOST, IDEMPOTENT)])
async def test_what_is_stopped_between_sends_is_not_sent_again(end, effect) -> None:
    stage = Stage(end, DONE)

    def stopped() -> None:
        assert stage.slept, "asked after the pause, which may be long"
        raise Refused(Reason.STOPPED, "by an operator")

    assert await stage.send(effect, still=stopped) == end
    assert len(stage.inner.sent) == 1
