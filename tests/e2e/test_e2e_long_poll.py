"""A call made again while the first still runs: a client that can be asked waits for its answer by itself, and sends nothing."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2e_clients import sdk
from e2e_kit import Gateway, api_key, outcome, wait_for
from e2e_peer import SlowPeer

WORK = "peer_work"
ABLE = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
Json = dict[str, Any]


async def declines(*_: Any) -> Any:
    raise AssertionError("nobody is asked anything")


class Slow:
    """A gateway before a slow peer; a wait for a twin lasts half a second."""

    def __init__(self, folder: Path, effect: str = "mutating", **more: Any) -> None:
        self.peer = SlowPeer()
        self.token, entry = api_key("one", "ops-bot", "bob")
        config = self.peer.config(entry) | more
        if effect == "unset":
            config["upstreams"]["peer"]["tools"] = {}
        self.gateway = Gateway(folder, config, main="tests.e2e.e2e_brisk")
        self.gateway.start()
        self.pool = ThreadPoolExecutor(2)

    def waits(self) -> int:
        return sum(one.get("reason") == "key-in-flight" for one in self.gateway.records(kind="call"))

    def asks(self, number: int, state: str | None = None, key: str | None = None) -> Json:
        said: Json = {"name": WORK, "arguments": {"number": number}}
        if state is not None:
            said["requestState"] = state
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.gateway.rpc(self.token, "tools/call", said, meta=ABLE, headers=headers).json()["result"]

    def begun(self, number: int, key: str | None = None) -> Future[Json]:
        """A first call, which the peer works on."""
        first = self.pool.submit(self.asks, number, key=key)
        wait_for(lambda: self.peer.started, "the call to be sent")
        return first

    def ends(self, first: Future[Json]) -> Json:
        self.peer.go_on.set()
        return first.result(20)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Slow]]:
    made: list[Slow] = []

    def build(**more: Any) -> Slow:
        made.append(Slow(tmp_path, **more))
        return made[-1]

    yield build
    for one in made:
        one.peer.close()
        one.pool.shutdown()
        one.gateway.stop()


def test_the_public_client_comes_again_until_the_first_call_is_answered_and_its_model_sees_one_answer(
    opened: Callable[..., Slow],
) -> None:
    slow = opened()

    async def called() -> Any:
        async with sdk(slow.gateway, slow.token, "2026-07-28", elicitation_callback=declines) as session:
            return await session.call_tool(WORK, {"number": 1})

    first = slow.pool.submit(asyncio.run, called())
    wait_for(lambda: slow.peer.started, "the call to be sent")
    second = slow.pool.submit(asyncio.run, called())
    wait_for(lambda: slow.waits() >= 2, "two rounds of waiting")
    slow.peer.go_on.set()
    answers = [one.result(20) for one in (first, second)]

    assert [one.is_error for one in answers] == [False, False]
    assert [one.content[0].text for one in answers] == ["work number 1"] * 2
    assert answers[1].meta["io.sallyport/replayed"] is True
    assert slow.peer.started == ["work"]


def test_after_five_rounds_the_model_is_told(opened: Callable[..., Slow]) -> None:
    slow = opened()
    first = slow.begun(2)
    told = slow.asks(2)
    for _ in range(5):
        assert (told["resultType"], outcome({"result": told})["reason"]) == ("input_required", "key-in-flight")
        assert "inputRequests" not in told
        told = slow.asks(2, told["requestState"])
    assert (told["resultType"], told["isError"]) == ("complete", True)
    assert (outcome({"result": told})["executed"], outcome({"result": told})["retry"]) == ("unknown", "same_key")
    slow.ends(first)
    assert slow.peer.started == ["work"]


@pytest.mark.parametrize("said", ["unset", "mutating"])
def test_a_call_that_ended_between_two_rounds_is_not_carried_out_by_whoever_waited_for_it(
    opened: Callable[..., Slow], said: str
) -> None:
    slow = opened(effect=said)  # of an undeclared one nothing is kept once its caller has the answer
    first = slow.begun(3)
    state = slow.asks(3)["requestState"]
    assert "isError" not in slow.ends(first)
    told = slow.asks(3, state)
    if said == "mutating":
        assert told["_meta"]["io.sallyport/replayed"] is True
    else:
        refused = outcome({"result": told})
        assert (refused["reason"], refused["executed"]) == ("key-in-flight", "unknown")
        assert "has ended" in told["content"][0]["text"]
    assert slow.peer.started == ["work"]


def test_whoever_comes_back_under_another_key_waits_for_nothing_and_sends_nothing(opened: Callable[..., Slow]) -> None:
    slow = opened()
    first = slow.begun(4, key="k-1")
    state = slow.asks(4, key="k-1")["requestState"]
    assert outcome({"result": slow.asks(4, state)})["reason"] == "key-in-flight"
    slow.ends(first)
    assert slow.peer.started == ["work"]


def test_a_state_of_one_call_waits_for_no_other(opened: Callable[..., Slow]) -> None:
    slow = opened()
    first = slow.begun(5)
    state = slow.asks(5)["requestState"]
    params = {"name": WORK, "arguments": {"number": 6}, "requestState": state}
    other = slow.gateway.rpc(slow.token, "tools/call", params, meta=ABLE)
    assert other.json()["error"]["code"] == -32602
    slow.ends(first)
    assert slow.peer.started == ["work"]


def test_waiting_trips_nothing_and_a_pause_lets_it_go_on(opened: Callable[..., Slow]) -> None:
    slow = opened(trips=[{"scope": "agent", "on": "refusals", "over": 2, "mode": "stop"}])
    first = slow.begun(7)
    told = slow.asks(7)
    for _ in range(3):
        told = slow.asks(7, told["requestState"])
    assert slow.gateway.operator("GET", "/kill").json() == []
    pause = {"kind": "agent", "target": "ops-bot", "mode": "pause", "why": "drill"}
    assert slow.gateway.operator("POST", "/kill", json=pause).status_code == 201
    assert told["resultType"] == "input_required"
    again = slow.asks(7, told["requestState"])
    assert again["resultType"] == "input_required"
    fresh = outcome({"result": slow.asks(8)})
    assert (fresh["reason"], fresh["executed"]) == ("paused", "no")
    stop = pause | {"mode": "stop"}
    assert slow.gateway.operator("POST", "/kill", json=stop).status_code == 201
    told = outcome({"result": slow.asks(7, again["requestState"])})
    assert (told["reason"], told["executed"]) == ("stopped", "unknown")
    slow.ends(first)
    assert slow.peer.started == ["work"]
