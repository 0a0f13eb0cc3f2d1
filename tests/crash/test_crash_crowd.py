"""Kill -9 with twenty different calls under way: every one of them afterwards has happened at most once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from crash_kit import Effects, Mortal, call_id, key_of, meta, refund
from crash_promise import check_doubted, check_replayed

CALLS = 20
TOOL = "desk_refund_create"


@pytest.mark.parametrize("at", ["writer.committed:2", "upstream.before-send:13", "ledger.settling:7"])
def test_twenty_calls_in_flight_survive_a_death_at(gateway: Mortal, effects: Effects, at: str) -> None:
    reasons = [effects.new_reason(f"crowd {at}") for _ in range(CALLS)]
    gateway.arm(at)
    with ThreadPoolExecutor(CALLS) as crowd:
        first = list(crowd.map(lambda reason: gateway.ask(TOOL, refund(reason), key_of(reason)), reasons))
    gateway.risen()
    gateway.check_whole()

    with ThreadPoolExecutor(CALLS) as crowd:
        second = list(crowd.map(lambda reason: gateway.answered(TOOL, refund(reason), key_of(reason)), reasons))

    assert None in first
    assert all(effects.refunds(reason) <= 1 for reason in reasons), "it happened twice"
    for reason, told, again in zip(reasons, first, second, strict=True):
        if told is not None:
            check_replayed(gateway, again, reason, call_id(told))
        elif again["result"].get("isError"):
            check_doubted(gateway, again)
            continue
        elif "io.sallyport/replayed" not in meta(again):
            assert gateway.found(call_id(again), "intent", "call")["outcome"] == "answered"
        assert effects.refunds(reason) == 1
    gateway.check_whole()
