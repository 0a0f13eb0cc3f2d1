"""All of the dialogue against real servers of the public SDK, one era each: questions, progress, messages, news, lists."""

import asyncio
import contextlib
import logging
import warnings

import pytest
import uvicorn
from dialogue_kit import Caller
from mcp.shared.exceptions import MCPDeprecationWarning
from upstream_kit import outbound, soon, tool, until, upstream

from examples.helpdesk.era import only
from gateway.model.dialogue import Unanswered
from gateway.model.news import ListChanged, Updated
from gateway.model.outcome import Answered, AnsweredError
from tests.conformance.everything import build
from tests.conformance.fixtures.replay import Replay

ERAS = pytest.mark.parametrize("era", ["modern", "legacy"])
_ALL = {"elicitation": {"form": {}}, "sampling": {}, "roots": {"listChanged": True}}


def _answer(method, _params):
    return {
        "elicitation/create": {"action": "accept", "content": {"name": "Ann", "color": "blue"}},
        "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Hello"}},
        "roots/list": {"roots": [{"uri": "file:///home"}]},
    }[method]


@contextlib.asynccontextmanager
async def _everything(era):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        app = only(era, build().streamable_http_app(event_store=Replay(), retry_interval=100), "/mcp")
        for name in ("mcp", "client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        config = uvicorn.Config(app, port=0, http="h11", log_level="critical", timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        running = asyncio.ensure_future(server._serve())
        await until(lambda: server.started)
        try:
            async with upstream(
                f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp", era="auto"
            ) as up:
                yield up
        finally:
            server.should_exit = True
            await running


def _call(name, caller, arguments=None):
    return outbound(arguments or {}, tool=tool(name), dialogue=caller)


def _text(outcome) -> str:
    assert isinstance(outcome, Answered)
    return outcome.result["content"][0]["text"]


@ERAS
async def test_questions_of_every_kind_are_answered_by_the_caller(era) -> None:
    async with _everything(era) as up:
        caller = Caller(_answer, capabilities=_ALL, session=b"one")
        said = {
            "test_input_required_result_elicitation": "Hello, Ann!",
            "test_input_required_result_sampling": "The model said: Hello",
            "test_input_required_result_list_roots": "Roots: file:///home",
            "test_input_required_result_multiple_inputs": "Hello (Ann)",
            "test_input_required_result_multi_round": "Ann likes blue",
        }
        for name, text in said.items():
            assert _text(await up.send(_call(name, caller), soon())) == text
        assert len(caller.asked) == 8
        greeted = await up.send(_call("test_elicitation", caller, {"message": "Who?"}), soon())
        assert "action=accept" in _text(greeted)


@ERAS
async def test_who_declared_nothing_is_not_asked(era) -> None:
    async with _everything(era) as up:
        caller = Caller(_answer, progress_token=1)
        outcome = await up.send(_call("test_input_required_result_sampling", caller), soon())
        assert caller.asked == []
        if era == "legacy":
            assert "did not declare" in _text(outcome)
        else:
            assert not isinstance(outcome, Answered)


@ERAS
async def test_a_caller_who_says_no_ends_the_call(era) -> None:
    async with _everything(era) as up:
        caller = Caller(Unanswered(-1, "The user said no"), capabilities=_ALL)
        outcome = await up.send(_call("test_input_required_result_elicitation", caller), soon())
        if era == "modern":
            assert outcome == AnsweredError(-1, "The user said no")
        else:
            assert isinstance(outcome, AnsweredError | Answered)


@ERAS
async def test_progress_and_messages_are_heard_in_order(era) -> None:
    async with _everything(era) as up:
        caller = Caller(progress_token="mine", log_level="info")
        await up.send(_call("test_tool_with_progress", caller), soon())
        progress = [params for method, params in caller.told if method == "notifications/progress"]
        assert [params["progress"] for params in progress] == [0, 50, 100]
        assert {params["progressToken"] for params in progress} == {"mine"}
        await up.send(_call("test_tool_with_logging", caller), soon())
        assert sum(method == "notifications/message" for method, _ in caller.told) == 3


async def test_a_legacy_server_that_closes_its_stream_is_polled_for_the_answer() -> None:
    async with _everything("legacy") as up:
        outcome = await up.send(_call("test_reconnection", Caller()), soon())
        assert isinstance(outcome, Answered)


@ERAS
async def test_lists_and_news(era) -> None:
    async with _everything(era) as up:
        heard: list = []
        following = asyncio.ensure_future(up.follow(heard.append))
        beside = await up.list_beside(soon())
        assert beside.prompts
        assert beside.resources
        assert beside.templates
        up.want(frozenset({"test://watched-resource"}))

        async def triggered(name: str, news) -> None:
            while news not in heard:
                assert isinstance(await up.send(_call(name, Caller()), soon()), Answered)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(triggered("test_trigger_tool_change", ListChanged("tools")), 5)
        await asyncio.wait_for(triggered("test_trigger_prompt_change", ListChanged("prompts")), 5)
        watched = Updated("helpdesk", "test://watched-resource")
        await asyncio.wait_for(triggered("test_trigger_resource_change", watched), 5)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
