"""The standalone GET stream of a legacy session: news, and what ends it."""

from listener_kit import FakeClock, FakeRoad, initialize, plane, send
from listener_legacy_kit import listen, opened, until

from gateway.listener.limits import Limits
from gateway.model.news import ListChanged, Updated
from gateway.wire import jsonrpc

DOCS = {"resources": [{"uri": "doc://a"}, {"uri": "doc://b"}]}
TOKEN = {"_meta": {"progressToken": 1}}


async def test_news_reach_the_standalone_stream_with_names() -> None:
    app = plane(FakeRoad(beside=DOCS))
    session = await initialize(app)
    await send(app, jsonrpc.request(1, "resources/subscribe", {"uri": "doc://a"}), session)
    stream = await listen(app, session)
    for news in (
        ListChanged("tools"),
        ListChanged("prompts"),
        Updated("helpdesk", "doc://a"),
        ListChanged("resources"),
    ):
        app.hub.hear(news)
    for unwanted in (Updated("helpdesk", "doc://b"), Updated("other", "doc://a")):
        app.hub.hear(unwanted)
    await stream.message(3)
    app.hub.hear(ListChanged("tools"))
    await stream.message(4)
    assert stream.messages == [
        {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
        {"jsonrpc": "2.0", "method": "notifications/prompts/list_changed"},
        {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "doc://a"}},
        {"jsonrpc": "2.0", "method": "notifications/resources/list_changed"},
        {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
    ]
    assert len({event.id for event in stream.events}) == 6, "with the one that only has a name"
    await stream.break_off()
    await stream.end()


async def test_updates_end_with_the_right_to_read() -> None:
    road = FakeRoad(beside=DOCS)
    app = plane(road)
    session = await initialize(app)
    for uri in ("doc://a", "doc://b"):
        await send(app, jsonrpc.request(1, "resources/subscribe", {"uri": uri}), session)
    stream = await listen(app, session)
    road.beside = {"resources": [{"uri": "doc://b"}]}
    app.hub.hear(Updated("helpdesk", "doc://a"))
    app.hub.hear(Updated("helpdesk", "doc://b"))
    assert (await stream.message(0))["params"] == {"uri": "doc://b"}
    await stream.break_off()
    await stream.end()


async def test_news_wait_for_a_stream_that_broke_and_what_it_missed_is_replayed() -> None:
    app = plane(FakeRoad())
    session = await initialize(app)
    stream = await listen(app, session)
    app.hub.hear(ListChanged("tools"))
    await stream.message(0)
    primed = stream.events[0].id
    await stream.break_off()
    await stream.end()
    app.hub.hear(ListChanged("prompts"))
    again = await listen(app, session, primed)
    await again.message(1)
    assert again.said == ["notifications/tools/list_changed", "notifications/prompts/list_changed"]
    fresh = await listen(app, session, again.events[-1].id)  # takes over from a connection not known to be dead
    await again.end()
    app.hub.hear(ListChanged("resources"))
    await fresh.message(0)
    assert fresh.said == ["notifications/resources/list_changed"]
    await fresh.break_off()
    await fresh.end()


async def test_a_standalone_stream_of_another_process_begins_anew() -> None:
    app, other = plane(FakeRoad()), plane(FakeRoad())
    session = await initialize(app)
    first = await listen(other, session)
    await until(lambda: len(first.events) == 1)
    stream = await listen(app, session, first.events[0].id)
    app.hub.hear(ListChanged("tools"))
    await stream.message(0)
    for one in (first, stream):
        await one.break_off()
        await one.end()


async def test_delete_in_another_process_ends_a_stream_at_its_next_breath() -> None:
    app = plane(FakeRoad(), limits=Limits(keep_alive_s=0.001))
    session = await initialize(app)
    stream = await listen(app, session)
    app._legacy._sessions.end(opened(app, session))
    await stream.end()
    assert stream.exchange.done


async def test_a_session_that_was_idle_hears_again_under_the_name_of_an_event_from_before() -> None:
    clock = FakeClock()
    app = plane(FakeRoad(), clock=clock)
    session = await initialize(app)
    stream = await listen(app, session)
    for kind in ("tools", "prompts", "resources"):
        app.hub.hear(ListChanged(kind))
    await stream.message(2)
    await stream.break_off()
    await stream.end()
    clock.at += app._limits.idle_s + 1
    await (await listen(app, await initialize(app))).break_off()
    assert len(app._legacy._table) == 1, "nothing is kept of the idle session"
    again = await listen(app, session, stream.events[-1].id)
    app.hub.hear(ListChanged("prompts"))
    assert (await again.message(0))["method"] == "notifications/prompts/list_changed"
    await again.break_off()
    await again.end()
