"""Breakers and retries around an upstream: what is sent, how often, what is told, and what never is sent again."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext

import pytest
from upstream_kit import OK, HandClock, outbound, tool

from gateway.config.upstreams import McpHttp
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect
from gateway.ports import UpstreamFault
from gateway.upstream.resilient import Resilient

READ, IDEMPOTENT, MUTATING, UNSET = Effect.READ, Effect.IDEMPOTENT, Effect.MUTATING, Effect.UNSET
DONE, ERROR, LOST = Answered(OK), AnsweredError(-32603, "no"), Lost("reset")
UNREACHED, AWAY = Unsent("no connection", cause="unreached"), Unsent("HTTP 401", cause="never")
LATE = Lost("no answer in time", timed_out=True)
ATTEMPT = "io.sallyport/attempt"


class Scripted:
    """An upstream whose sends end as they are told to, each after `takes_s` of its clock."""

    id, address = "helpdesk", "http://desk/mcp"

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.ends: list[Carried | BaseException] = []
        self.otherwise: Carried = DONE
        self.sent: list[Outbound] = []
        self.takes_s = 0.0
        self.lists = True

    def try_permit(self, agent):
        return nullcontext()

    async def permit(self, deadline, agent):
        return nullcontext()

    async def send(self, call, deadline):
        self.sent.append(call)
        self.clock.pass_s(self.takes_s)
        end = self.ends.pop(0) if self.ends else self.otherwise
        if isinstance(end, BaseException):
            raise end
        return end

    async def list_tools(self, deadline):
        if not self.lists:
            raise UpstreamFault("Upstream helpdesk did not list its tools: reset.")
        return [{"name": "refund"}]

    async def close(self):
        self.sent.clear()


class Stage:
    """A resilient upstream over a scripted one, both on one clock that a test moves."""

    def __init__(self, *ends: Carried | BaseException, **settings) -> None:
        self.clock = HandClock()
        self.inner = Scripted(self.clock)
        self.inner.ends = list(ends)
        self.slept: list[float] = []
        config = McpHttp(kind="mcp-http", url="http://desk/mcp", **settings)
        self.upstream = Resilient(self.inner, config, self.clock, lambda: 0.5, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_s(seconds)

    async def send(self, effect: Effect = READ, name: str = "ticket_get", *, within_s: float = 10.0, **more) -> Carried:
        call = outbound(tool=tool(name, effect=effect), **more)
        return await self.upstream.send(call, self.clock.monotonic() + within_s)

    async def fail(self, times: int, end: Carried = LOST, **more) -> None:
        for _ in range(times):
            self.inner.ends.append(end)
            await self.send(UNSET if end is not UNREACHED else READ, attempt=1, **more)


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


async def test_failing_sends_open_the_breaker_and_then_nothing_is_sent() -> None:
    stage = Stage()
    await stage.fail(20)
    assert stage.upstream.breakers() == {"helpdesk": "open", "helpdesk/ticket_get": "open"}
    refused = await stage.send()
    assert refused == Unsent("its breaker is open after many failures", 9000)
    assert len(stage.inner.sent) == 20


async def test_failed_connections_in_a_row_open_it_sooner() -> None:
    stage = Stage()
    await stage.fail(5, UNREACHED)
    assert stage.upstream.breakers()["helpdesk"] == "open"


async def test_an_open_breaker_gives_no_permit_and_says_when_to_come_back() -> None:
    stage = Stage()
    await stage.fail(20)
    assert stage.upstream.try_permit("bot") is None
    with pytest.raises(Refused) as refused:
        await stage.upstream.permit(stage.clock.monotonic() + 10, "bot")
    assert refused.value.refusal.reason is Reason.UPSTREAM_UNAVAILABLE
    assert refused.value.refusal.retry_after_ms == 9000
    stage.clock.pass_s(9)
    assert stage.upstream.try_permit("bot") is not None
    assert await stage.upstream.permit(0, "bot") is not None


async def test_the_breaker_of_one_tool_leaves_the_others_alone() -> None:
    stage = Stage()
    for _ in range(20):
        await stage.fail(1, name="ticket_slow")
        await stage.send()
        await stage.send()
    assert stage.upstream.breakers() == {
        "helpdesk": "closed",
        "helpdesk/ticket_slow": "open",
        "helpdesk/ticket_get": "closed",
    }
    assert stage.upstream.try_permit("bot") is not None
    assert isinstance(await stage.send(name="ticket_slow"), Unsent)
    assert await stage.send() == DONE


@pytest.mark.parametrize("end", [DONE, Answered({"isError": True}), ERROR, AWAY, Unsent("turned away with HTTP 429")])
async def test_no_answer_however_unwelcome_opens_a_breaker(end) -> None:
    stage = Stage()
    await stage.fail(50, end)
    assert set(stage.upstream.breakers().values()) == {"closed"}


async def test_an_answer_with_a_server_error_status_counts_as_a_failure() -> None:
    stage = Stage()
    await stage.fail(20, Answered({"isError": True}, http={"status": 503}))
    assert stage.upstream.breakers()["helpdesk"] == "open"


@pytest.mark.parametrize("end", [LATE, UNREACHED])
@pytest.mark.parametrize(("within_s", "standing"), [(0.5, "closed"), (9.0, "open")])
async def test_a_caller_in_a_hurry_cannot_open_a_breaker(end, within_s, standing) -> None:
    stage = Stage(breaker={"window": "300s"})
    stage.inner.takes_s = within_s
    await stage.fail(20, end, within_s=within_s)
    assert stage.upstream.breakers()["helpdesk"] == standing


async def test_a_probe_that_is_answered_closes_the_breakers() -> None:
    stage = Stage()
    await stage.fail(20)
    stage.clock.pass_s(9)
    assert await stage.send() == DONE
    assert set(stage.upstream.breakers().values()) == {"closed"}


async def test_a_cancelled_probe_gives_its_place_back() -> None:
    stage = Stage()
    await stage.fail(20)
    stage.clock.pass_s(9)
    for _ in range(9):
        stage.inner.ends.append(asyncio.CancelledError())
        with pytest.raises(asyncio.CancelledError):
            await stage.send()
    assert await stage.send() == DONE


async def test_a_probe_of_a_call_that_leaves_traces_is_never_its_own_second_send() -> None:
    stage = Stage()
    await stage.fail(20)
    stage.clock.pass_s(9)
    stage.inner.ends = [UNREACHED, DONE]
    assert await stage.send(MUTATING) == UNREACHED
    assert len(stage.inner.sent) == 21
    assert isinstance(await stage.send(MUTATING, attempt=1), Unsent)
    assert await stage.send(MUTATING) == DONE


async def test_a_listing_is_never_refused_counts_no_failure_and_may_close_the_breaker() -> None:
    stage = Stage()
    stage.inner.lists = False
    for _ in range(50):
        with pytest.raises(UpstreamFault):
            await stage.upstream.list_tools(0)
    assert stage.upstream.breakers() == {"helpdesk": "closed"}
    await stage.fail(20)
    stage.inner.lists = True
    assert isinstance(await stage.upstream.list_tools(0), Sequence)
    assert stage.upstream.breakers()["helpdesk"] == "open"
    stage.clock.pass_s(9)
    await stage.upstream.list_tools(0)
    assert stage.upstream.breakers()["helpdesk"] == "closed"


async def test_where_breakers_are_off_everything_is_sent() -> None:
    stage = Stage(breaker="off")
    await stage.fail(100)
    assert len(stage.inner.sent) == 100
    assert stage.upstream.breakers() == {}
    assert stage.upstream.try_permit("bot") is not None


async def test_it_is_its_upstream_to_everybody_else() -> None:
    stage = Stage()
    assert (stage.upstream.id, stage.upstream.address) == ("helpdesk", "http://desk/mcp")
    await stage.send()
    await stage.upstream.close()
    assert stage.inner.sent == []
