"""Breakers around an upstream: what opens them, who may probe, what closes them, and what is told meanwhile."""

import asyncio
from collections.abc import Sequence

import pytest
from resilient_kit import AWAY, DONE, ERROR, LATE, MUTATING, UNREACHED, Stage

from gateway.model.outcome import Answered, Unsent
from gateway.model.refusal import Reason, Refused
from gateway.ports import UpstreamFault


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
    await stage.fail(20)
    assert isinstance(await stage.upstream.list_tools(0), Sequence)
    assert stage.upstream.breakers()["helpdesk"] == "open"
    stage.clock.pass_s(9)
    await stage.upstream.list_tools(0)
    assert stage.upstream.breakers()["helpdesk"] == "closed"
    stage.inner.lists = False
    for _ in range(50):
        with pytest.raises(UpstreamFault):
            await stage.upstream.list_tools(0)
    assert stage.upstream.breakers()["helpdesk"] == "closed"


async def test_the_first_listing_after_one_that_failed_ends_every_pause() -> None:
    stage = Stage()
    await stage.fail(20)
    stage.inner.lists = False
    with pytest.raises(UpstreamFault):
        await stage.upstream.list_tools(0)
    stage.inner.lists = True
    await stage.upstream.list_tools(0)
    assert stage.upstream.breakers() == {"helpdesk": "closed", "helpdesk/ticket_get": "half-open"}
    assert await stage.send() == DONE
    await stage.fail(20)
    await stage.upstream.list_tools(0)
    assert stage.upstream.breakers()["helpdesk"] == "open", "a server that lists well and works badly is left alone"


async def test_whoever_lists_the_server_hears_once_that_its_breaker_opened() -> None:
    stage, looks = Stage(), []
    stage.upstream.opened = lambda: looks.append(stage.upstream.breakers()["helpdesk"])
    await stage.fail(25)
    assert looks == ["open"]


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
