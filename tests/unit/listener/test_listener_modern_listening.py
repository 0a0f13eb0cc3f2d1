"""`subscriptions/listen`: what is honoured, what is told, and every way in which such a stream ends."""

import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from listener_kit import ALICE, FakeClock, FakeRoad, Limits, initialize, modern, plane, send
from listener_legacy_kit import Stream, begin, events, until

from gateway.listener.plane import AgentPlane
from gateway.model.news import ListChanged, Updated
from gateway.wire import jsonrpc

KNOWN = {"resources": [{"uri": "test://one"}, {"uri": "test://two"}]}
META = {"_meta": {jsonrpc.META_SUBSCRIPTION: "sub"}}
TOOLS = {"toolsListChanged": True}


def wish(**wanted: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    body, lines = modern("subscriptions/listen", {"notifications": wanted}, "sub")
    return body, events(lines)


@asynccontextmanager
async def listening(app: AgentPlane, **wanted: Any) -> AsyncIterator[Stream]:
    """A stream whose acknowledgement has come."""
    stream = begin(app, *wish(**wanted))
    await stream.message(0)
    try:
        yield stream
    finally:
        stream.exchange.gone.set()
        await stream.end()
        assert app.hub._ears == set()
        assert app._seats._free == app._limits.streams


async def test_the_first_message_says_what_is_honoured_and_every_one_names_the_subscription() -> None:
    app = plane(FakeRoad(beside=KNOWN))
    wanted = {**TOOLS, "promptsListChanged": False, "resourceSubscriptions": ["test://one", "test://hidden"]}
    async with listening(app, **wanted) as stream:
        honoured = {**TOOLS, "resourceSubscriptions": ["test://one"]}
        assert stream.messages == [
            {
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": {"notifications": honoured, **META},
            }
        ]
        assert stream.exchange.headers["content-type"] == "text/event-stream"
        app.hub.hear(ListChanged("tools"))
        app.hub.hear(Updated("helpdesk", "test://one"))
        assert [(one["method"], one["params"]) for one in (await stream.message(2), *stream.messages)[2:]] == [
            ("notifications/tools/list_changed", META),
            ("notifications/resources/updated", {"uri": "test://one", **META}),
        ]


async def test_nothing_is_told_that_was_not_asked_for() -> None:
    app = plane(FakeRoad(beside=KNOWN))
    async with listening(app, promptsListChanged=True, resourceSubscriptions=["test://one"]) as stream:
        for news in (
            ListChanged("tools"),
            ListChanged("resources"),
            Updated("helpdesk", "test://two"),
            Updated("another", "test://one"),
            ListChanged("prompts"),
        ):
            app.hub.hear(news)
        assert (await stream.message(1))["method"] == "notifications/prompts/list_changed"
        assert len(stream.messages) == 2


async def test_what_somebody_waits_for_is_wanted_of_the_upstream_as_long_as_they_do() -> None:
    app = plane(FakeRoad(beside=KNOWN))
    wanted: list[Any] = []
    app.hub.wanted = wanted.append
    async with listening(app, resourceSubscriptions=["test://one", "test://hidden"]):
        assert wanted == [{"helpdesk": frozenset({"test://one"})}]
    assert wanted[1:] == [{}]


async def test_a_resource_that_may_not_be_read_any_more_is_not_told_of() -> None:
    road = FakeRoad(beside=KNOWN)
    app = plane(road)
    async with listening(app, **TOOLS, resourceSubscriptions=["test://one", "test://two"]) as stream:
        road.beside = {"resources": [{"uri": "test://two"}]}
        app.hub.hear(Updated("helpdesk", "test://one"))
        app.hub.hear(Updated("helpdesk", "test://two"))
        assert (await stream.message(1))["params"]["uri"] == "test://two"
        assert len(stream.messages) == 2


async def test_a_stop_ends_every_stream_with_a_result_and_opens_none() -> None:
    app = plane(FakeRoad())
    async with listening(app, **TOOLS) as stream:
        app.close()
        app.close()
        await until(stream.task.done)
        last = stream.messages[-1]
        assert (last["id"], last["result"]["resultType"]) == ("sub", "complete")
        assert last["result"]["_meta"][jsonrpc.META_SUBSCRIPTION] == "sub"
        assert stream.exchange.done
    assert (await send(app, *wish(**TOOLS))).outcome["reason"] == "overloaded"


async def test_a_stream_ends_when_its_credential_does() -> None:
    clock = FakeClock()
    road = FakeRoad()

    async def identify(record: Any, arrival: Any) -> Any:
        return replace(ALICE, expires_at=clock.at + 0.02)

    road.identify = identify  # type: ignore[method-assign]
    async with listening(plane(road, clock=clock), **TOOLS) as stream:
        await until(stream.task.done)
        assert stream.messages[-1]["result"]["resultType"] == "complete"


async def test_an_open_stream_is_no_request_in_flight_and_leaves_no_record() -> None:
    road = FakeRoad()
    app = plane(road, limits=Limits(in_flight=1))
    async with listening(app, **TOOLS):
        assert (app._intake.requests, app._intake.held, road.forgotten) == (0, 0, 1)
        assert (await send(app, *modern("server/discover"))).status == 200


async def test_an_open_stream_holds_nothing_of_its_request_but_what_it_tells() -> None:
    made: list[Any] = []

    class Watched(dict[str, Any]):
        """Only such a subclass can be looked at weakly."""

    def classified(message: Any) -> jsonrpc.Frame:
        frame = classify(message)
        assert isinstance(frame, jsonrpc.Request)
        params = Watched(frame.params)
        made.append(weakref.ref(params))
        return replace(frame, params=params)

    classify, app = jsonrpc.classify, plane(FakeRoad())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonrpc, "classify", classified)
        async with listening(app, **TOOLS) as stream:
            assert [one() for one in made] == [None]
            app.hub.hear(ListChanged("tools"))
            await stream.message(1)


async def test_an_id_that_every_message_would_repeat_is_short() -> None:
    body, lines = modern("subscriptions/listen", {"notifications": TOOLS}, "x" * 257)
    answer = await send(plane(FakeRoad()), body, events(lines))
    assert (answer.status, answer.json["error"]["code"]) == (400, -32600)


async def test_streams_are_bounded() -> None:
    road = FakeRoad()
    app = plane(road, limits=Limits(streams=1))
    async with listening(app, **TOOLS):
        full = await send(app, *wish(**TOOLS))
        assert (full.status, full.outcome["reason"]) == (503, "overloaded")
    async with listening(app, **TOOLS):
        assert len(road.refused) == 1


async def test_both_eras_share_the_room_for_streams() -> None:
    app = plane(FakeRoad(), limits=Limits(streams=1))
    stream = begin(app, *wish(**TOOLS))
    await stream.message(0)
    assert (await send(app, b"", await initialize(app), "GET")).status == 503
    app.close()
    await until(stream.task.done)


async def test_an_idle_stream_breathes() -> None:
    app = plane(FakeRoad(), limits=Limits(keep_alive_s=0.005))
    async with listening(app, **TOOLS) as stream:
        await until(lambda: stream.exchange.body.count(b": still here\n\n") > 1)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"notifications": []},
        {"notifications": {"toolsListChanged": "yes"}},
        {"notifications": {"resourceSubscriptions": "test://one"}},
        {"notifications": {"resourceSubscriptions": [7]}},
        {"notifications": {"resourceSubscriptions": [""]}},
        {"notifications": {"resourceSubscriptions": ["x" * 5000]}},
        {"notifications": {"resourceSubscriptions": ["test://one"] * 257}},
        {"notifications": {"resourceSubscriptions": ["x" * 4_000] * 9}},
    ],
)
async def test_a_filter_of_the_wrong_form_is_refused(params) -> None:
    body, lines = modern("subscriptions/listen", params)
    answer = await send(plane(FakeRoad()), body, events(lines))
    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)


async def test_a_client_that_takes_no_events_cannot_listen() -> None:
    answer = await send(plane(FakeRoad()), *modern("subscriptions/listen", {"notifications": TOOLS}))
    assert (answer.status, answer.json["error"]["code"]) == (400, -32600)
