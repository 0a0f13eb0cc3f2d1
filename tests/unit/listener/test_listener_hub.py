"""News reach whoever listens for them, once, and what is wanted follows who listens."""

import asyncio
from typing import Any

from gateway.listener.hub import ALL, Hub
from gateway.model.news import ListChanged, Updated

ONE, TWO = Updated("desk", "test://one"), Updated("desk", "test://two")


async def test_an_ear_hears_what_it_listens_for_in_order_and_the_same_news_once() -> None:
    hub = Hub()
    ear = hub.ear(frozenset({"tools"}), [ONE])
    for news in (ONE, ListChanged("tools"), ListChanged("prompts"), TWO, ONE, ListChanged("tools")):
        hub.hear(news)
    assert await ear.heard() == [ONE, ListChanged("tools")]
    hub.hear(ONE)
    assert await ear.heard() == [ONE]


async def test_an_ear_that_has_heard_everything_waits() -> None:
    hub = Hub()
    ear = hub.ear(ALL)
    hub.hear(ListChanged("resources"))
    await ear.heard()
    waiting = asyncio.ensure_future(ear.heard())
    await asyncio.sleep(0)
    assert not waiting.done()
    hub.hear(ListChanged("prompts"))
    assert await waiting == [ListChanged("prompts")]


async def test_a_closed_ear_hears_nothing() -> None:
    hub = Hub()
    ear = hub.ear(ALL)
    ear.close()
    hub.hear(ListChanged("tools"))
    assert not ear._something.is_set()


async def test_what_is_wanted_is_told_where_it_changed() -> None:
    wanted: list[Any] = []
    hub = Hub(wanted.append)
    first, second = hub.ear(ALL, [ONE]), hub.ear(ALL, [ONE])
    assert wanted == [{"desk": frozenset({ONE.uri})}], "somebody else wanted it already"
    second.listen_to([TWO, Updated("shop", "test://one")])
    assert wanted[-1] == {"desk": frozenset({ONE.uri, TWO.uri}), "shop": frozenset({ONE.uri})}
    first.close()
    second.close()
    assert wanted[-1] == {}


async def test_a_change_of_one_ear_looks_at_no_other() -> None:
    wanted: list[Any] = []
    hub = Hub(wanted.append)
    others, mine = hub.ear(ALL, [ONE]), hub.ear(ALL)
    others._resources = None  # type: ignore[assignment]  whoever looks fails
    mine.listen_to([ONE, TWO])
    mine.listen_to([TWO])
    assert wanted == [{"desk": frozenset({ONE.uri})}, {"desk": frozenset({ONE.uri, TWO.uri})}], "ONE is wanted still"
    mine.close()
    mine.close()
    assert wanted[-1] == {"desk": frozenset({ONE.uri})}
    assert set(hub._listeners) == {ONE}
