"""Upstreams fail: what is safe is sent again, what is not is never, who fails is left alone, and something is served all the same."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from e2e_kit import HTTP, Gateway, api_key, outcome, text, wait_for
from e2e_peer import SlowPeer
from e2e_troubled import BROKEN, BUSY, RESET, Trouble


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    made = Trouble(tmp_path_factory.mktemp("trouble"))
    yield made
    made.close()


def test_a_read_that_was_cut_off_is_sent_again_and_the_agent_sees_one_answer(trouble: Trouble) -> None:
    flaky = trouble.peers["flaky"]
    flaky.fails("look", RESET)
    before = len(flaky.seen("look"))

    answer = trouble.call("flaky/look", n=1)

    assert text(answer) == f"look number {flaky.carried_out['look']}"
    first, second = flaky.seen("look")[before:]
    assert first.params["arguments"] == second.params["arguments"] == {"n": 1}
    assert "io.sallyport/attempt" not in first.params["_meta"]
    assert second.params["_meta"]["io.sallyport/attempt"] == 1
    assert [one["outcome"] for one in trouble.records(answer)] == ["answered"]


def test_a_call_that_changes_something_is_never_sent_again_once_a_byte_has_left(trouble: Trouble) -> None:
    flaky = trouble.peers["flaky"]
    flaky.fails("work", RESET)
    before = len(flaky.seen("work"))

    for _ in range(3):
        answer = trouble.call("flaky/work", n=2)
        told = outcome(answer)
        assert (told["reason"], told["executed"], told["retry"]) == ("outcome-unknown", "unknown", "never")
        assert "Ask the desk at extension 12." in text(answer)
        assert len(flaky.seen("work")) == before + 1
        assert trouble.records(answer)[-1]["outcome"] == "in-doubt"


def test_a_call_that_was_turned_away_is_sent_again_whatever_it_changes(trouble: Trouble) -> None:
    flaky = trouble.peers["flaky"]
    flaky.fails("work", BUSY)
    before, done = len(flaky.seen("work")), flaky.carried_out["work"]

    answer = trouble.call("flaky/work", n=3)

    assert not answer["result"].get("isError")
    assert (len(flaky.seen("work")), flaky.carried_out["work"]) == (before + 2, done + 1)
    assert [one["kind"] for one in trouble.records(answer)] == ["intent", "call"]


def test_a_server_that_is_not_there_is_tried_again_then_left_alone_and_found_again(trouble: Trouble) -> None:
    gone = trouble.peers["gone"]
    good = trouble.call("gone/look", n=4)
    gone.peer.deaf()

    told = outcome(trouble.call("gone/work", n=4))
    assert (told["reason"], told["executed"], told["retry"]) == ("upstream-unavailable", "no", "after")
    assert trouble.breakers("gone")[1] == 2.0  # three failed connections, all of this one call
    stale = trouble.call("gone/look", n=4)
    assert stale["result"]["_meta"]["io.sallyport/stale"]["reason"] == "upstream-unavailable"
    assert text(stale).startswith(f"{text(good)}\nNot current")
    assert trouble.records(stale)[0]["executed"] == "no"

    gone.peer.listen()
    answer = wait_for(lambda: _served(trouble.call("gone/work", n=4)), "the server to be found again", 5)
    assert text(answer) == "work number 1"
    assert len(gone.seen("work")) == 1
    assert trouble.breakers("gone") == ({}, 0.0)


def test_a_breaker_opens_says_for_how_long_troubles_nobody_else_and_closes_again(trouble: Trouble) -> None:
    shaky = trouble.peers["shaky"]
    shaky.fails("look", *[BROKEN] * 4)
    for number in range(4):
        assert outcome(trouble.call("shaky/look", n=number))["reason"] == "upstream-invalid"

    before = len(shaky.peer.calls)
    for tool in ("shaky/look", "shaky/work"):
        answer = trouble.call(tool, n=5)
        told = outcome(answer)
        assert (told["reason"], told["code"], told["executed"]) == ("upstream-unavailable", 50300, "no")
        assert 0 < told["retry_after_ms"] <= 1000
        assert "breaker" in text(answer)
    assert len(shaky.peer.calls) == before
    assert trouble.breakers("shaky") == ({"shaky": "open", "shaky/look": "open"}, 2.0)
    assert trouble.breakers("steady") == ({}, 0.0)
    assert text(trouble.call("steady/look")).startswith("look")
    assert HTTP.get(f"{trouble.gateway.operator_url}/readyz").status_code == 200

    assert wait_for(lambda: _served(trouble.call("shaky/work", n=5)), "a probe to pass", 5)
    assert shaky.carried_out["work"] == 1
    assert wait_for(lambda: _served(trouble.call("shaky/look", n=5)), "the tool's own breaker", 5)
    assert trouble.breakers("shaky") == ({}, 0.0)


def test_where_a_read_fails_another_tool_answers_and_after_it_the_last_good_result(trouble: Trouble) -> None:
    flaky, steady = trouble.peers["flaky"], trouble.peers["steady"]
    good = trouble.call("flaky/look", n=6)
    flaky.fails("look", *[BROKEN] * 9)

    other = trouble.call("flaky/look", n=6)
    assert text(other).startswith("second number")
    assert steady.seen("second")[-1].params["arguments"] == {"n": 6}
    (record,) = trouble.records(other)
    assert (record["tool"], record["outcome"]) == ("flaky/look", "answered")
    assert record["fallback"] == {"tool": "steady/second", "reason": "upstream-invalid"}

    steady.fails("second", *[BROKEN] * 3)
    stale = trouble.call("flaky/look", n=6)
    assert stale["result"]["content"][0] == good["result"]["content"][0]
    assert "Not current" in stale["result"]["content"][-1]["text"]
    mark = stale["result"]["_meta"]["io.sallyport/stale"]
    assert (mark["reason"], mark["age_s"] >= 0) == ("upstream-invalid", True)
    assert trouble.records(stale)[0]["fallback"] == {"stale_at": mark["at"], "reason": "upstream-invalid"}
    flaky.fails("look")
    steady.fails("second")


def test_a_fallback_gives_nobody_what_policy_or_another_caller_would_have_to_give(trouble: Trouble) -> None:
    flaky, steady = trouble.peers["flaky"], trouble.peers["steady"]
    assert text(trouble.call("flaky/look", n=7)).startswith("look")
    flaky.fails("look", *[BROKEN] * 3)
    before = len(steady.seen("second"))

    refused = trouble.call("flaky/look", user="bob", n=7)

    told = outcome(refused)
    assert (told["reason"], refused["result"]["isError"]) == ("upstream-invalid", True)
    assert "Ask the desk at extension 12." in text(refused)
    assert len(steady.seen("second")) == before
    assert "fallback" not in trouble.records(refused)[0]
    flaky.fails("look", *[BROKEN] * 3)
    assert text(trouble.call("flaky/look", user="bob", n=8)).startswith("second")  # it was these arguments
    flaky.fails("look")


def _served(answer: dict[str, object]) -> dict[str, object] | None:
    return None if answer["result"].get("isError") else answer


class Harbour:
    """A gateway before a server whose tools take as long as the test wants."""

    def __init__(self, new_gateway: Callable[..., Gateway]) -> None:
        self.peer = SlowPeer()
        self.bob, entry = api_key("bob-key", "ops-bot", "bob")
        self.gateway = new_gateway(self.peer.config(entry))
        assert self.gateway.process is not None
        self.process = self.gateway.process


@pytest.fixture
def harbour(new_gateway: Callable[..., Gateway]) -> Iterator[Harbour]:
    made = Harbour(new_gateway)
    yield made
    made.peer.close()


def test_told_to_stop_it_takes_nothing_new_answers_what_is_under_way_and_writes_it_down(harbour: Harbour) -> None:
    gateway, peer = harbour.gateway, harbour.peer
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(gateway.call, harbour.bob, f"peer_{tool}", {"n": 1}) for tool in ("work", "look")]
        wait_for(lambda: len(peer.started) == 2, "both calls to reach the server", 5)
        harbour.process.send_signal(signal.SIGTERM)
        wait_for(lambda: _refused(gateway), "the gateway to take nothing new", 5)
        assert harbour.process.poll() is None
        peer.go_on.set()
        answers = [call.result(10) for call in calls]

    assert [text(answer).split()[0] for answer in answers] == ["work", "look"]
    assert harbour.process.wait(10) == 0
    gateway.start()
    ended = {one["tool"]: one["outcome"] for one in gateway.records(kind="call")}
    assert ended == {"peer/work": "answered", "peer/look": "answered"}
    assert "Already done" in text(gateway.call(harbour.bob, "peer_work", {"n": 1}))


def test_told_to_stop_twice_it_goes_now_and_what_had_left_is_in_doubt(harbour: Harbour) -> None:
    gateway, peer = harbour.gateway, harbour.peer
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(gateway.call, harbour.bob, "peer_work", {"n": 2})
        wait_for(lambda: peer.started, "the call to reach the server", 5)
        harbour.process.send_signal(signal.SIGTERM)
        wait_for(lambda: _refused(gateway), "the gateway to take nothing new", 5)
        harbour.process.send_signal(signal.SIGTERM)
        told = outcome(call.result(5))
        assert harbour.process.wait(5) == 0

    assert (told["reason"], told["executed"]) == ("outcome-unknown", "unknown")
    gateway.start()
    (ended,) = gateway.records(kind="call")
    assert (ended["call"], ended["outcome"]) == (told["call_id"], "in-doubt")
    assert outcome(gateway.call(harbour.bob, "peer_work", {"n": 2}))["reason"] == "outcome-unknown"
    assert peer.started == ["work"]


def _refused(gateway: Gateway) -> bool:
    try:
        HTTP.get(f"{gateway.operator_url}/livez")
    except httpx2.TransportError:
        return True
    return False
