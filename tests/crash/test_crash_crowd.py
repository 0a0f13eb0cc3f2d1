"""Kill -9 with twenty different calls under way: every one of them afterwards has happened at most once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from crash_kit import Effects, Mortal, call_id, key_of, refund
from crash_promise import check_doubted, check_replayed
from e2e_kit import outcome

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
    for reason, told, again in zip(reasons, first, second, strict=True):
        happened = effects.refunds(reason)
        if told is not None:
            check_replayed(gateway, again, reason, call_id(told))
            assert happened == 1
        elif again["result"].get("isError"):
            assert outcome(again)["executed"] == "unknown"
            check_doubted(gateway, again)
            assert happened <= 1
        else:
            assert gateway.found(
                call_id(again),
                *(["call"] if "io.sallyport/replayed" in again["result"]["_meta"] else ["intent", "call"]),
            )
            assert happened == 1
    gateway.check_whole()
