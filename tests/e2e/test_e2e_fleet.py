"""Several gateways on one Redis are one ledger: whatever they lose, nothing happens twice."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from e2e_clients import together
from e2e_kit import HelpDesk, outcome, structured, wait_for
from e2e_peer import SlowPeer
from fleet_kit import ORDER, TOOL, Driver, Fleet, killer


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One for all tests that leave it as they found it; whoever breaks it stands last."""
    folder = tmp_path_factory.mktemp("fleet")
    desk = HelpDesk(folder)
    made = Fleet(folder, desk)
    made.start()
    yield made
    made.close()
    desk.close()


def refund(reason: str) -> dict[str, Any]:
    return {"order_id": ORDER, "amount_cents": 1, "reason": reason}


async def storm(fleet: Fleet, operations: int, seed: int) -> tuple[Driver, int]:
    stop = asyncio.Event()
    driver = Driver(fleet, seed=seed)
    killing = asyncio.ensure_future(killer(fleet, seed, 0.8, stop))
    await driver.drive([f"operation {number} of {seed}" for number in range(operations)], copies=3)
    stop.set()
    return driver, await killing


def assert_once(fleet: Fleet, driver: Driver, operations: int) -> None:
    told, effects = driver.told, fleet.refunds()
    assert max(effects.values()) == 1, effects.most_common(3)
    assert {name for name in told.answered if effects[name] != 1} == set()
    assert told.lost == set()
    assert len(told.answered) + len(told.doubtful) == operations
    assert len(told.doubtful) <= operations * 0.05
    for gateway in fleet.gateways:
        wait_for(lambda gateway=gateway: gateway.operator("GET", "/readyz").status_code == 200, "a ready gateway")
        gateway.stop()
        gateway.start()  # closes what its last life left open
    fleet.check_journals()


async def test_duplicates_over_three_gateways_of_which_one_dies_now_and_then_happen_once(fleet: Fleet) -> None:
    driver, kills = await storm(fleet, 150, seed=7)
    assert kills >= 1
    assert_once(fleet, driver, 150)


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_two_thousand_duplicated_calls_happen_once(fleet: Fleet) -> None:
    driver, kills = await storm(fleet, 2000, seed=11)
    assert kills >= 3
    assert_once(fleet, driver, 2000)


def test_the_same_call_at_all_three_gateways_at_once_is_one_call_and_one_answer(fleet: Fleet) -> None:
    calls: list[Callable[[], Any]] = [
        lambda gateway=gateway: gateway.call(fleet.token, TOOL, refund("everywhere at once"))
        for gateway in fleet.gateways * 4
    ]
    answers = together(calls)
    assert fleet.refunds()["everywhere at once"] == 1
    assert len({str(structured(answer)) for answer in answers}) == 1
    executed = [answer for answer in answers if "io.sallyport/replayed" not in answer["result"]["_meta"]]
    assert len(executed) == 1


@pytest.mark.parametrize(
    "able",
    [
        pytest.param({}, id="asks nobody", marks=pytest.mark.deep),
        pytest.param({"elicitation": {}}, id="may ask its caller"),
    ],
)
def test_a_gateway_that_dies_between_send_and_answer_leaves_no_second_send_to_a_fresh_one(
    tmp_path: Path, able: dict[str, Any]
) -> None:
    declared = {"meta": {"io.modelcontextprotocol/clientCapabilities": able}}
    peer = SlowPeer()
    config = {name: part for name, part in peer.config().items() if name != "identity"}
    config["upstreams"]["peer"]["timeout"] = "1s"
    fleet = Fleet(tmp_path, size=2, **config)
    fleet.start()
    try:
        first, second = fleet.gateways
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(lambda: first.call(fleet.token, "peer_work", {"number": 1}, **declared))
            wait_for(lambda: peer.started, "the call to be sent")
            first.stop(signal.SIGKILL)
            assert asked.exception(10) is not None

        def told() -> dict[str, Any] | None:
            answer = outcome(second.call(fleet.token, "peer_work", {"number": 1}, **declared))
            return None if answer["reason"] == "key-in-flight" else answer  # until the dead one's lease is over

        answer = wait_for(told, "the doubt")
        assert (answer["reason"], answer["executed"]) == ("outcome-unknown", "unknown")
        assert peer.started == ["work"]
        first.start()
        (left,) = first.records(kind="call", outcome="in-doubt")
        assert left["executed"] == "unknown"
        fleet.check_journals()
    finally:
        fleet.close()
        peer.close()


def test_a_stop_at_one_gateway_stops_them_all_and_is_lifted_everywhere(fleet: Fleet) -> None:
    first, second, third = fleet.gateways
    order = {"kind": "tool", "target": "helpdesk/refund_create", "why": "drill"}
    assert first.operator("POST", "/kill", json=order).status_code == 201
    for other in (second, third):
        wait_for(lambda other=other: other.operator("GET", "/kill").json(), "the stop to arrive", 5)
        assert outcome(other.call(fleet.token, TOOL, refund("while stopped")))["reason"] == "stopped"
    answer = second.operator("DELETE", "/kill", params={"kind": "tool", "target": "helpdesk/refund_create"})
    assert answer.status_code == 200
    wait_for(lambda: not first.operator("GET", "/kill").json(), "the stop to be lifted", 5)
    assert structured(first.call(fleet.token, TOOL, refund("after the stop")))
    assert fleet.refunds()["while stopped"] == 0


def test_a_budget_is_shared_and_never_overshot(tmp_path: Path) -> None:
    desk = HelpDesk(tmp_path)
    fleet = Fleet(tmp_path, desk, budgets=[{"scope": "agent", "unit": "calls", "window": "day", "limit": 20}])
    fleet.start()
    try:
        answers = together(
            lambda gateway=gateway, number=number: gateway.call(fleet.token, TOOL, refund(f"paid {number}"))
            for number, gateway in enumerate(fleet.gateways * 12)
        )
        spent = [answer for answer in answers if answer["result"].get("isError")]
        assert {outcome(answer)["reason"] for answer in spent} == {"budget-exhausted"}
        assert sum(fleet.refunds().values()) == 20
    finally:
        fleet.close()
        desk.close()


def test_without_redis_reads_go_on_and_mutating_calls_are_refused_until_it_is_back(fleet: Fleet) -> None:
    gateway = fleet.gateways[0]
    fleet.valkey.stop()
    assert structured(gateway.call(fleet.token, "helpdesk_order_get", {"id": ORDER}))
    refused = gateway.call(fleet.token, TOOL, refund("without redis"))
    assert refused["error"]["data"]["io.sallyport/outcome"]["reason"] == "store-unavailable"
    assert gateway.operator("GET", "/readyz").status_code == 200
    assert fleet.refunds()["without redis"] == 0
