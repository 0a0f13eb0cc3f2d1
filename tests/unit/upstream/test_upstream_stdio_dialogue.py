"""What a child process says while calls run and beside them: one stdout for every caller, so only what is surely somebody's."""

import asyncio
import contextlib

import pytest
from dialogue_kit import FORM, Caller
from stdio_kit import stdio
from upstream_kit import outbound, soon, tool, until

from gateway.model.news import ListChanged, Updated
from gateway.model.outcome import Answered
from gateway.model.tool import Beside


def _call(name: str, caller: Caller, **arguments):
    return outbound(arguments, tool=tool(name), dialogue=caller)


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_a_call_that_runs_alone_hears_its_progress_and_its_messages(mode) -> None:
    caller = Caller(progress_token="mine", log_level="error", capabilities=FORM)
    async with stdio(mode) as up:
        outcome = await up.send(_call("report", caller), soon())
        own = int(outcome.result["meta"]["progressToken"])
        assert caller.told == [
            ("notifications/message", {"level": "error", "data": own}),
            ("notifications/progress", {"progressToken": "mine", "progress": own}),
        ]
        if mode == "modern":
            assert outcome.result["meta"]["io.modelcontextprotocol/clientCapabilities"] == FORM
        else:
            log = (await up.send(_call("news", caller), soon())).result["log"]
            assert log == [["logging/setLevel", "error"]]


async def test_of_two_calls_each_hears_its_own_progress_and_neither_the_messages() -> None:
    callers = [Caller(progress_token=name, log_level="debug") for name in "ab"]
    async with stdio("legacy") as up:
        await asyncio.gather(*(up.send(_call("report", caller, together=2), soon()) for caller in callers))
    told = [caller.told for caller in callers]
    assert [[method for method, _ in one] for one in told] == [["notifications/progress"]] * 2
    assert [one[0][1]["progressToken"] for one in told] == ["a", "b"]
    assert told[0][0][1]["progress"] != told[1][0][1]["progress"]


async def test_nothing_is_declared_to_a_shared_process_and_what_it_asks_reaches_nobody() -> None:
    caller = Caller({}, capabilities=FORM | {"roots": {}})
    async with stdio("legacy") as up:
        outcome = await up.send(_call("asks", caller), soon())
        assert outcome.result["told"]["error"]["code"] == -32601
    assert caller.asked == []


async def test_a_modern_process_that_wants_input_gets_it_with_a_new_request() -> None:
    caller = Caller({"action": "accept"}, capabilities=FORM)
    async with stdio("modern") as up:
        outcome = await up.send(_call("wants", caller), soon())
        assert outcome.result["got"] == {"name": {"action": "accept"}}
        handed = await up.send(_call("wants", Caller(stateless=True, capabilities=FORM)), soon())
        assert handed.wants_input
    assert caller.asked == [("elicitation/create", {"message": "Name?"})]


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_what_it_offers_beside_tools_is_listed(mode) -> None:
    async with stdio(mode) as up:
        assert await up.list_beside(soon()) == Beside(prompts=[{"name": "p"}], resources=[], templates=[])


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_its_news_are_followed_once_it_runs_and_it_is_never_started_for_them(mode) -> None:
    heard: list = []
    async with stdio(mode) as up:
        up.want(frozenset({"file:///a"}))
        following = asyncio.ensure_future(up.follow(heard.append))
        for _ in range(10):
            await asyncio.sleep(0)
        assert up._starting is None
        log: list = []

        async def subscribed(times: int) -> None:
            while len(log) < times:
                outcome = await up.send(_call("news", Caller()), soon())
                assert isinstance(outcome, Answered)
                log[:] = outcome.result["log"]

        await asyncio.wait_for(subscribed(1), 5)
        await until(lambda: Updated("notes", "file:///a") in heard and ListChanged("tools") in heard)
        up.want(frozenset())
        await asyncio.wait_for(subscribed(3 if mode == "modern" else 2), 5)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    if mode == "modern":
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["file:///a"]}
        assert log[:3] == [wanted, {"toolsListChanged": True}, "cancelled"]
    else:
        assert log == [["resources/subscribe", "file:///a"], ["resources/unsubscribe", "file:///a"]]
