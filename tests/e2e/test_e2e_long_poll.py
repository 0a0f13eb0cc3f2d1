"""A call made again while the first still runs: a modern client waits for its answer, whatever that takes, by itself."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2e_clients import sdk
from e2e_kit import Gateway, api_key, outcome, wait_for
from e2e_peer import SlowPeer

WORK = "peer_work"


class Slow:
    def __init__(self, folder: Path) -> None:
        self.peer = SlowPeer()
        self.token, entry = api_key("one", "ops-bot", "bob")
        self.gateway = Gateway(folder, self.peer.config(entry), main="tests.e2e.e2e_brisk")
        self.gateway.start()

    def waits(self) -> int:
        return sum(one.get("reason") == "key-in-flight" for one in self.gateway.records(kind="call"))

    def asks(self, number: int, state: str | None = None, **more: Any) -> dict[str, Any]:
        said: dict[str, Any] = {"name": WORK, "arguments": {"number": number}}
        if state is not None:
            said["requestState"] = state
        return self.gateway.rpc(self.token, "tools/call", said, **more).json()["result"]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    one = Slow(tmp_path)
    yield one
    one.peer.close()
    one.gateway.stop()


def test_the_public_client_comes_again_until_the_first_call_is_answered_and_its_model_sees_one_answer(
    slow: Slow,
) -> None:
    async def called() -> Any:
        async with sdk(slow.gateway, slow.token, "2026-07-28") as session:
            return await session.call_tool(WORK, {"number": 1})

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asyncio.run, called())
        wait_for(lambda: slow.peer.started, "the call to be sent")
        second = pool.submit(asyncio.run, called())
        wait_for(lambda: slow.waits() >= 2, "two rounds of waiting")
        slow.peer.go_on.set()
        answers = [one.result(20) for one in (first, second)]

    assert [one.is_error for one in answers] == [False, False]
    assert [one.content[0].text for one in answers] == ["work number 1"] * 2
    assert answers[1].meta["io.sallyport/replayed"] is True
    assert slow.peer.started == ["work"]


def test_after_eight_rounds_the_model_is_told_and_the_state_says_nothing(slow: Slow) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.asks, 2)
        wait_for(lambda: slow.peer.started, "the call to be sent")
        told = slow.asks(2)
        for _ in range(8):
            assert (told["resultType"], outcome({"result": told})["reason"]) == ("input_required", "key-in-flight")
            assert "inputRequests" not in told
            told = slow.asks(2, told["requestState"])
        assert (told["resultType"], told["isError"]) == ("complete", True)
        assert (outcome({"result": told})["executed"], outcome({"result": told})["retry"]) == ("unknown", "same_key")
        slow.peer.go_on.set()
        first.result(20)
    assert slow.peer.started == ["work"]


def test_a_state_of_one_call_waits_for_no_other(slow: Slow) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.asks, 3)
        wait_for(lambda: slow.peer.started, "the call to be sent")
        state = slow.asks(3)["requestState"]
        other = slow.gateway.rpc(
            slow.token, "tools/call", {"name": WORK, "arguments": {"number": 4}, "requestState": state}
        )
        assert other.json()["error"]["code"] == -32602
        slow.peer.go_on.set()
        first.result(20)
    assert slow.peer.started == ["work"]
