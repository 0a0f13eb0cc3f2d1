"""Trouble in numbers: a server that fails under load, many calls when the gateway is stopped, an agent that wants every slot."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2e_clients import together
from e2e_kit import Gateway, api_key, outcome, text, wait_for
from e2e_peer import SlowPeer
from e2e_troubled import BROKEN, EFFECTS, Troubled

STORM_S = 5.0
OPENS_WITHIN_S = 2.0
RECOVERS_WITHIN_S = 15.0


class Storm:
    """Several gateways before one server, and callers that do not let up."""

    def __init__(self, folder: Path, gateways: int, **upstream: Any) -> None:
        self.server = Troubled()
        self.bob, entry = api_key("bob-key", "ops-bot", "bob")
        tools = {tool: {"effect": effect} for tool, effect in EFFECTS.items()}
        config = {
            "identity": {"keys": [entry]},
            "upstreams": {
                "peer": {"kind": "mcp-http", "url": self.server.peer.url, "era": "modern", "tools": tools, **upstream}
            },
            "agents": {"ops-bot": {"tools": ["peer/*"]}},
            "loops": "off",
        }
        self.gateways = []
        for number in range(gateways):
            (folder / str(number)).mkdir()
            self.gateways.append(Gateway(folder / str(number), config))
            self.gateways[-1].start()

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.stop()
        self.server.peer.close()

    def offered(self, seconds: float) -> int:
        """Reads, one after the other to each gateway in two lines, for so long; how many there were."""
        until, lock, calls = time.monotonic() + seconds, threading.Lock(), 0

        def line(gateway: Gateway) -> None:
            nonlocal calls
            while time.monotonic() < until:
                with lock:
                    calls += 1
                gateway.call(self.bob, "peer_look", {"n": 1})

        together([lambda gateway=gateway: line(gateway) for gateway in self.gateways * 2])
        return calls

    def open(self, gateway: Gateway) -> bool:
        return outcome(gateway.call(self.bob, "peer_look"))["reason"] == "upstream-unavailable"


@pytest.mark.parametrize("gateways", [1, 2])
def test_a_server_that_fails_under_load_is_spared_and_found_again_soon(tmp_path: Path, gateways: int) -> None:
    storm = Storm(tmp_path, gateways)
    try:
        storm.server.fails("look", *[BROKEN] * 100_000)
        storm.server.peer.listing = BROKEN
        began = time.monotonic()
        opened: list[float] = []

        def watch() -> None:
            for gateway in storm.gateways:
                wait_for(lambda gateway=gateway: storm.open(gateway), "the breaker to open", 10)
            opened.append(time.monotonic() - began)

        with ThreadPoolExecutor(2) as pool:
            watching = pool.submit(watch)
            offered = storm.offered(STORM_S)
            watching.result(10)
        load = len(storm.server.seen("look"))
        assert load <= 1.25 * offered, f"{load} sends for {offered} calls"
        assert opened[0] <= OPENS_WITHIN_S

        storm.server.fails("look")
        storm.server.peer.listing = Troubled().peer.listing
        back = time.monotonic()
        for gateway in storm.gateways:
            wait_for(
                lambda gateway=gateway: "isError" not in gateway.call(storm.bob, "peer_look")["result"], "service", 20
            )
        assert time.monotonic() - back <= RECOVERS_WITHIN_S
    finally:
        storm.close()


def test_where_breakers_are_off_retries_add_no_more_than_a_quarter(tmp_path: Path) -> None:
    storm = Storm(tmp_path, 2, breaker="off", retries={"floor": 0})
    try:
        storm.server.fails("look", *[BROKEN] * 100_000)
        offered = storm.offered(STORM_S)
        load = len(storm.server.seen("look"))
        assert offered < load <= 1.25 * offered, f"{load} sends for {offered} calls"
    finally:
        storm.close()


class Ward:
    """A gateway before a slow server that two agents use."""

    def __init__(self, new_gateway: Callable[..., Gateway]) -> None:
        self.peer = SlowPeer()
        (self.bob, bob), (self.other, other) = api_key("b", "ops-bot", "bob"), api_key("o", "support-bot", "bob")
        config: dict[str, Any] = self.peer.config(bob, other)
        config["agents"]["support-bot"] = {"tools": ["peer/*"]}
        config["upstreams"]["peer"] |= {"max_in_flight": 32, "timeout": "30s"}
        self.gateway = new_gateway(config)


@pytest.fixture
def ward(new_gateway: Callable[..., Gateway]) -> Iterator[Ward]:
    made = Ward(new_gateway)
    yield made
    made.peer.close()


def test_told_to_stop_with_many_calls_under_way_none_is_left_in_doubt(ward: Ward) -> None:
    calls, process = 12, ward.gateway.process
    assert process is not None
    with ThreadPoolExecutor(calls) as pool:
        asked = [pool.submit(ward.gateway.call, ward.bob, "peer_work", {"number": n}) for n in range(calls)]
        wait_for(lambda: len(ward.peer.started) == calls, "every call to reach the server", 10)
        process.send_signal(signal.SIGTERM)
        ward.peer.go_on.set()
        answers = [one.result(20) for one in asked]

    assert all(text(answer).startswith("work number") for answer in answers)
    assert process.wait(20) == 0
    ward.gateway.start()
    assert [one["outcome"] for one in ward.gateway.records(kind="call")] == ["answered"] * calls
    assert len(ward.peer.finished) == calls


def test_an_agent_that_wants_every_slot_leaves_half_of_them_to_the_others(ward: Ward) -> None:
    greedy, share = 24, 16
    with ThreadPoolExecutor(greedy + 1) as pool:
        asked = [pool.submit(ward.gateway.call, ward.bob, "peer_look", {"number": n}) for n in range(greedy)]
        wait_for(lambda: len(ward.peer.started) == share, "its share to reach the server", 10)
        other = pool.submit(ward.gateway.call, ward.other, "peer_look", {})
        wait_for(lambda: len(ward.peer.started) == share + 1, "the other agent's call to pass", 1.5)
        ward.peer.go_on.set()
        assert text(other.result(20)).startswith("look")
        assert sum("isError" not in one.result(20)["result"] for one in asked) >= share
