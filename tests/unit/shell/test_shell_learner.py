"""Lists are read again with growing pauses, at once when an upstream says so, and one fault takes nothing else away."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from gateway.learner import Learner, first_lists
from gateway.model.news import Hear, ListChanged, News, Updated
from gateway.model.tool import Beside, BesideKind
from gateway.ports import Upstream, UpstreamFault
from gateway.sights import Catalog

FAULT = UpstreamFault("connection refused")
NOTES = Beside(prompts=[{"name": "greet"}])


class Enough(Exception):
    """The loop rested often enough."""


class Clock:
    def now(self) -> float:
        return 1000.0

    def monotonic(self) -> float:
        return 5.0


@dataclass
class Lister:
    """An upstream that answers in turn with what is written down, and with its last answer from then on."""

    turns: list[Any]
    others: list[Any] = field(default_factory=lambda: [Beside()])
    news: list[News] = field(default_factory=list)
    id: str = "helpdesk"
    asked: list[float] = field(default_factory=list)

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        self.asked.append(deadline)
        turn: Sequence[Mapping[str, Any]] = said(self.turns)
        return turn

    async def list_beside(self, deadline: float) -> Beside:
        self.asked.append(deadline)
        turn: Beside = said(self.others)
        return turn

    async def follow(self, hear: Hear) -> None:
        for one in self.news:
            hear(one)
        await asyncio.Event().wait()


def said(turns: list[Any]) -> Any:
    turn = turns.pop(0) if len(turns) > 1 else turns[0]
    if isinstance(turn, Exception):
        raise turn
    return turn


@dataclass
class Shelf:
    """A catalog that keeps the last lists, and says whether they are others."""

    lists: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    beside: dict[str, Beside] = field(default_factory=dict)

    def learn(self, upstream: str, definitions: Sequence[Mapping[str, Any]]) -> bool:
        if definitions == [{"name": "cursed"}]:
            raise RuntimeError("nobody foresaw this list")
        before, self.lists[upstream] = self.lists.get(upstream), definitions
        return before != definitions

    def learn_beside(self, upstream: str, beside: Beside) -> frozenset[BesideKind]:
        before, self.beside[upstream] = self.beside.get(upstream, Beside()), beside
        kinds: tuple[BesideKind, ...] = ("prompts", "resources", "templates")
        return frozenset(kind for kind in kinds if getattr(before, kind) != getattr(beside, kind))


@dataclass
class Play:
    upstream: Lister
    shelf: Shelf = field(default_factory=Shelf)
    heard: list[News] = field(default_factory=list)

    def learner(self, *, beside: bool = False) -> Learner:
        return Learner(
            cast(Upstream, self.upstream), cast(Catalog, self.shelf), 60.0, Clock(), self.heard.append, beside=beside
        )


@pytest.fixture
def rested(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were rested, without resting; the twelfth time ends the loop."""
    seconds = list[float]()

    async def fake(_: Learner, wait_s: float) -> None:
        seconds.append(wait_s)
        if len(seconds) == 12:
            raise Enough
        await asyncio.sleep(0)

    monkeypatch.setattr(Learner, "_rest", fake)
    return seconds


async def test_a_list_is_taken_and_said_so() -> None:
    play = Play(Lister([[{"name": "get"}]]))
    one = play.learner()
    assert not one.state.tried

    assert await one.learn()

    assert play.shelf.lists == {"helpdesk": [{"name": "get"}]}
    assert (one.state.tried, one.state.tools, one.state.at, one.state.fault) == (True, 1, 1000.0, None)
    assert play.upstream.asked == [15.0]


@pytest.mark.parametrize("bad", [FAULT, RuntimeError("a defect"), [{"name": "cursed"}]])
async def test_a_fault_keeps_the_last_list_and_is_told(bad: Any) -> None:
    play = Play(Lister([[{"name": "get"}], bad]))
    one = play.learner()
    await one.learn()

    assert not await one.learn()

    assert play.shelf.lists == {"helpdesk": [{"name": "get"}]}
    assert (one.state.tools, one.state.at) == (1, 1000.0)
    assert one.state.fault == (
        "connection refused" if bad is FAULT else "its list could not be taken; the gateway's log says why"
    )


async def test_an_upstream_that_never_answered_was_tried() -> None:
    one = Play(Lister([FAULT])).learner()

    await one.learn()

    assert one.state.tried
    assert one.state.at is None


async def test_the_same_fault_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    one = Play(Lister([FAULT, FAULT, UpstreamFault("timed out"), [], FAULT])).learner()

    for _ in range(5):
        await one.learn()

    told = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert told == ["connection refused", "timed out", "connection refused"]


@pytest.mark.parametrize("bad", [FAULT, RuntimeError("a defect")])
async def test_pauses_after_a_fault_grow_to_five_seconds(rested: list[float], bad: Exception) -> None:
    with pytest.raises(Enough):
        await Play(Lister([bad])).learner().run()

    assert rested == [0.5, 1, 2, 4, *[5] * 8]


async def test_after_a_success_the_list_is_read_at_its_own_pace_and_pauses_begin_anew(rested: list[float]) -> None:
    play = Play(Lister([FAULT, FAULT, [{"name": "a"}], FAULT, FAULT, [{"name": "b"}]]))
    one = play.learner()

    with pytest.raises(Enough):
        await one.run()

    assert rested == [0.5, 1, 60, 0.5, 1, *[60] * 7]
    assert play.shelf.lists == {"helpdesk": [{"name": "b"}]}
    assert one.state.fault is None


async def test_a_server_whose_prompts_nobody_wants_is_not_asked_for_them() -> None:
    play = Play(Lister([[]], [FAULT]))

    assert await play.learner(beside=False).learn()

    assert play.upstream.asked == [15.0]


async def test_a_fault_in_prompts_takes_no_tools_away_and_is_told_and_tried_again(rested: list[float]) -> None:
    play = Play(Lister([[{"name": "get"}]], [FAULT, NOTES]))
    one = play.learner(beside=True)

    assert not await one.learn()
    assert play.shelf.lists == {"helpdesk": [{"name": "get"}]}
    assert one.state.fault == "connection refused"

    assert await one.learn()
    assert play.shelf.beside == {"helpdesk": NOTES}
    assert one.state.fault is None


async def test_a_fault_in_tools_takes_no_prompts_away() -> None:
    play = Play(Lister([FAULT], [NOTES]))

    assert not await play.learner(beside=True).learn()

    assert play.shelf.beside == {"helpdesk": NOTES}


async def test_agents_hear_of_every_list_that_changed_and_of_no_other() -> None:
    templates = Beside(prompts=NOTES.prompts, templates=[{"uriTemplate": "a://{b}"}])
    play = Play(Lister([[{"name": "a"}], [{"name": "a"}], [{"name": "b"}]], [NOTES, NOTES, templates]))
    one = play.learner(beside=True)

    heard = []
    for _ in range(3):
        await one.learn()
        heard.append({news.kind for news in play.heard if isinstance(news, ListChanged)})
        play.heard.clear()

    assert heard == [{"tools", "prompts"}, set(), {"tools", "resources"}]


async def test_what_an_upstream_says_of_a_resource_is_passed_on_at_once() -> None:
    play = Play(Lister([[]], news=[Updated("helpdesk", "a://b")]))

    following = asyncio.ensure_future(play.learner().follow())
    await asyncio.sleep(0)

    assert play.heard == [Updated("helpdesk", "a://b")]
    following.cancel()


async def test_a_list_that_an_upstream_calls_changed_is_read_at_once_and_agents_hear_of_it_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.learner._BREATH_S", 0.0)
    play = Play(Lister([[{"name": "a"}]], [NOTES], news=[ListChanged("prompts"), ListChanged("prompts")]))
    one = play.learner(beside=True)
    await one.learn()
    play.heard.clear()

    async with asyncio.timeout(5):
        following = asyncio.ensure_future(one.follow())
        await asyncio.sleep(0)
        assert play.heard == []
        await one._rest(60)
    await one.learn()

    assert play.heard == [ListChanged("prompts")]
    following.cancel()


async def test_what_was_called_changed_is_remembered_until_it_could_be_read() -> None:
    play = Play(Lister([[]], [NOTES, FAULT, NOTES], news=[ListChanged("prompts"), ListChanged("tools")]))
    one = play.learner(beside=True)
    await one.learn()
    play.heard.clear()
    following = asyncio.ensure_future(one.follow())
    await asyncio.sleep(0)

    await one.learn()
    assert play.heard == [ListChanged("tools")]
    await one.learn()
    assert play.heard == [ListChanged("tools"), ListChanged("prompts")]
    following.cancel()


async def test_a_start_waits_for_every_first_list_and_for_none_longer_than_its_patience() -> None:
    quick, hangs = asyncio.Event(), asyncio.Event()

    class Listed:
        def __init__(self, event: asyncio.Event) -> None:
            self.tried = event.wait

    quick.set()
    await asyncio.wait_for(first_lists(cast(Any, [Listed(quick)]), 60), 5)
    await asyncio.wait_for(first_lists(cast(Any, [Listed(quick), Listed(hangs)]), 0.01), 5)
    waiting = asyncio.ensure_future(first_lists(cast(Any, [Listed(hangs), Listed(quick)]), 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    hangs.set()
    await asyncio.wait_for(waiting, 5)
