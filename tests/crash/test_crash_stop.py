"""SIGTERM with calls under way: they reach their record, or are in doubt and nobody is told otherwise."""

import signal
import threading

import pytest
from crash_kit import Built, Effects, Mortal, call_id, key_of
from crash_promise import check_doubted, check_replayed
from e2e_kit import outcome, structured, wait_for


class Asking:
    """A call of `hold` in a thread of its own."""

    def __init__(self, gateway: Mortal, effects: Effects, tool: str, reason: str, **more: float) -> None:
        self.reason, self.answer = reason, None
        self._thread = threading.Thread(target=self._ask, args=(gateway, tool), kwargs=more)
        self._thread.start()
        wait_for(lambda: effects.paid(reason), "the call to arrive")

    def _ask(self, gateway: Mortal, tool: str, **more: float) -> None:
        self.answer = gateway.ask(tool, {"reason": self.reason}, key_of(self.reason), **more)

    def ended(self) -> None:
        self._thread.join()


def test_calls_under_way_at_a_stop_reach_their_record_whether_or_not_somebody_waits(
    gateway: Mortal, effects: Effects
) -> None:
    left = Asking(gateway, effects, "narrow_hold", effects.new_reason("hung up"), timeout=1)
    waits = Asking(gateway, effects, "till_hold", effects.new_reason("waits"))
    left.ended()
    assert left.answer is None

    gateway.process.send_signal(signal.SIGTERM)
    wait_for(gateway.takes_no_more, "the stop to begin")
    effects.let_go(waits.reason)
    waits.ended()
    with pytest.raises(AssertionError):  # nobody waits any more, but a call is under way
        wait_for(lambda: not gateway.alive, "the process to end too early", 0.5)
    effects.let_go(left.reason)
    assert gateway.process.wait(20) == 0

    assert waits.answer is not None
    assert structured(waits.answer)["reason"] == waits.reason
    for call in (left, waits):
        assert gateway.ends_of(call.reason) == ["intent", "answered"]
    gateway.start()
    for call, tool in ((left, "narrow_hold"), (waits, "till_hold")):
        again = gateway.answered(tool, {"reason": call.reason}, key_of(call.reason))
        check_replayed(gateway, again, call.reason, gateway.of_first_call(call.reason)[0]["call"])
        assert effects.paid(call.reason) == 1
    assert call_id(waits.answer) == gateway.of_first_call(waits.reason)[0]["call"]
    gateway.check_whole()


def test_a_call_that_outlives_the_drain_limit_is_left_in_doubt_and_the_stop_ends(
    build: Built, effects: Effects
) -> None:
    gateway = build()
    gateway.start("--drain", "0.2")
    call = Asking(gateway, effects, "till_hold", effects.new_reason("never answered"))

    assert gateway.stop() == 0

    call.ended()
    assert call.answer is not None
    assert outcome(call.answer)["reason"] == "outcome-unknown"
    assert gateway.ends_of(call.reason) == ["intent"]
    effects.let_go(call.reason)
    gateway.start()
    assert gateway.ends_of(call.reason) == ["intent", "in-doubt"]
    check_doubted(gateway, gateway.answered("till_hold", {"reason": call.reason}, key_of(call.reason)))
    assert effects.paid(call.reason) == 1
    gateway.check_whole()
    assert gateway.stop() == 0


@pytest.mark.parametrize("tool", ["till_hold", "narrow_hold"])
def test_a_second_signal_ends_it_now_whether_or_not_somebody_waits(build: Built, effects: Effects, tool: str) -> None:
    gateway = build()
    gateway.start()
    hung_up = tool == "narrow_hold"
    call = Asking(gateway, effects, tool, effects.new_reason("in a hurry"), **({"timeout": 1} if hung_up else {}))
    if hung_up:
        call.ended()

    gateway.process.send_signal(signal.SIGTERM)
    wait_for(gateway.takes_no_more, "the stop to begin")
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(10) == 0  # of the 30 s it would have waited

    call.ended()
    if not hung_up:
        assert call.answer is not None
        assert outcome(call.answer)["reason"] == "outcome-unknown"
    assert gateway.ends_of(call.reason) == ["intent"]
    effects.let_go(call.reason)
    gateway.start()
    assert gateway.ends_of(call.reason) == ["intent", "in-doubt"]
    check_doubted(gateway, gateway.answered(tool, {"reason": call.reason}, key_of(call.reason)))
    assert effects.paid(call.reason) == 1
    gateway.check_whole()
    assert gateway.stop() == 0
