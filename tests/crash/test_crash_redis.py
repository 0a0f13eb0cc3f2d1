"""Kill -9 at every named point of the road where the ledger is a server that lives on: the promise holds all the same.

What only a dead gateway's lease held is waited for, so this gateway's upstreams have little time to answer.
"""

import threading

import pytest
from crash_kit import Effects, Mortal, key_of, refund
from crash_promise import die_and_retry
from crash_table import REDIS_QUEUED, REDIS_ROAD, REDIS_ROTATING, Crash
from e2e_kit import wait_for


@pytest.mark.parametrize("crash", REDIS_ROAD, ids=str)
def test_a_refund_under_a_key_survives_a_death_at(redis_gateway: Mortal, effects: Effects, crash: Crash) -> None:
    reason = effects.new_reason(f"redis {crash.at}")
    die_and_retry(redis_gateway, crash, "desk_refund_create", refund(reason), key_of(reason), effects.refunds)


@pytest.mark.deep
@pytest.mark.parametrize("crash", REDIS_ROTATING, ids=str)
def test_a_refund_whose_intent_needs_a_new_segment_survives_a_death_at(
    redis_gateway: Mortal, effects: Effects, crash: Crash
) -> None:
    reason = effects.new_reason(f"redis rotating {crash.at}")
    redis_gateway.fill(room=0)
    die_and_retry(redis_gateway, crash, "desk_refund_create", refund(reason), key_of(reason), effects.refunds)


@pytest.mark.parametrize("crash", REDIS_QUEUED, ids=str)
def test_a_call_that_waited_for_a_slot_survives_a_death_at(
    redis_gateway: Mortal, effects: Effects, crash: Crash
) -> None:
    holder, reason = effects.new_reason(f"holder {crash.at}"), effects.new_reason(f"queued {crash.at}")
    holding = threading.Thread(target=redis_gateway.ask, args=("narrow_hold", {"reason": holder}))
    holding.start()
    wait_for(lambda: effects.paid(holder), "the slot to be taken")

    def let_the_holder_go() -> None:
        wait_for(lambda: redis_gateway.passed("ledger.claimed"), "the call to wait for the slot")
        effects.let_go(holder)

    letting = threading.Thread(target=let_the_holder_go)
    redis_gateway.arm(crash.at)
    letting.start()

    die_and_retry(redis_gateway, crash, "narrow_pay", {"reason": reason}, key_of(reason), effects.paid)

    letting.join()
    holding.join()
    assert effects.paid(holder) == 1
