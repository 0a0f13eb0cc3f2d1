"""Deaths outside the road: while a journal is made, while a start recovers, while a stop closes; and what a start refuses."""

import signal

import httpx2
import pytest
from crash_births import Nursery
from crash_kit import Built, Effects, Mortal, call_id, key_of, refund
from crash_promise import check_doubted, check_replayed
from crash_table import FIRST_START, RECOVERY
from e2e_kit import Gateway


@pytest.mark.parametrize("at", FIRST_START)
def test_a_gateway_that_dies_in_its_very_first_start_starts_the_next_time(
    build: Built, effects: Effects, at: str
) -> None:
    gateway = build()
    gateway.arm(at)
    gateway.start(ready=False)
    gateway.risen()

    reason = effects.new_reason(f"first start {at}")
    assert gateway.found(call_id(gateway.answered("desk_refund_create", refund(reason))), "intent", "call")
    gateway.check_whole()
    assert gateway.stop() == 0


@pytest.mark.parametrize("at", RECOVERY)
def test_a_gateway_that_dies_while_it_recovers_recovers_at_the_next_start(
    gateway: Mortal, effects: Effects, at: str
) -> None:
    reason = effects.new_reason(f"recovery {at}")
    gateway.arm("upstream.answered")
    assert gateway.ask("desk_refund_create", refund(reason), key_of(reason)) is None
    gateway.fell()

    gateway.arm(at)
    gateway.start(ready=False)
    gateway.risen()

    gateway.check_whole()
    assert gateway.ends_of(reason) == ["intent", "in-doubt"]
    check_doubted(gateway, gateway.answered("desk_refund_create", refund(reason), key_of(reason)))
    assert effects.refunds(reason) == 1


@pytest.mark.parametrize("at", ["writer.changed", "writer.committed"])
def test_a_gateway_that_dies_while_it_closes_keeps_every_answer(gateway: Mortal, effects: Effects, at: str) -> None:
    reason = effects.new_reason(f"closing {at}")
    told = gateway.answered("desk_refund_create", refund(reason))  # its delivery rides on the group that closing writes

    gateway.arm(at)
    gateway.process.send_signal(signal.SIGTERM)
    gateway.risen()

    again = gateway.answered("desk_refund_create", refund(reason))
    check_replayed(gateway, again, reason, call_id(told))
    assert effects.refunds(reason) == 1
    gateway.check_whole()


def test_an_answer_that_arrived_is_found_and_replayed_after_a_kill(gateway: Mortal, effects: Effects) -> None:
    reason = effects.new_reason("killed between calls")
    told = gateway.answered("desk_refund_create", refund(reason), key_of(reason))

    gateway.stop(signal.SIGKILL)
    gateway.start()

    assert gateway.found(call_id(told), "intent", "call")["outcome"] == "answered"
    again = gateway.answered("desk_refund_create", refund(reason), key_of(reason))
    check_replayed(gateway, again, reason, call_id(told))
    assert effects.refunds(reason) == 1


def test_the_shipped_command_recovers_what_a_killed_process_of_its_own_left(build: Built, effects: Effects) -> None:
    """Without the nursery: two interpreters of their own, as people start them."""
    mortal, reason = build(), effects.new_reason("two interpreters")
    headers = {"Idempotency-Key": key_of(reason)}
    config = {name: mortal.config[name] for name in mortal.config.keys() - {"listen"}}
    entry = "tests.crash.crashing_gateway"
    dying = Gateway(mortal.folder, config, main=entry, extra=("--crash-at", "upstream.answered"))
    dying.start()
    with pytest.raises(httpx2.TransportError):
        dying.call(mortal.token, "desk_refund_create", refund(reason), headers=headers)
    assert dying.process is not None
    assert dying.process.wait(20) == -signal.SIGKILL

    shipped = Gateway(mortal.folder, config)
    shipped.start()

    answer = shipped.call(mortal.token, "desk_refund_create", refund(reason), headers=headers)
    shipped.stop()
    assert "outcome-unknown" in str(answer)
    assert effects.refunds(reason) == 1
    mortal.check_whole()


def test_a_second_process_on_the_same_state_folder_refuses_to_start_and_says_why(
    gateway: Mortal, nursery: Nursery, effects: Effects
) -> None:
    log = gateway.folder / "second.log"

    second = nursery.born(["run", "--config", str(gateway.path)], log)

    assert second.wait(20) == 1
    said = log.read_text()
    assert f"{gateway.folder / 'state'}: another process owns this state folder: stop it, or give this one" in said
    assert "Traceback" not in said
    reason = effects.new_reason("the first goes on")
    assert call_id(gateway.answered("desk_refund_create", refund(reason)))
