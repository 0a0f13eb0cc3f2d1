"""Budgets of a fleet on one Redis: exactly the limit is carried out, in calls and in money, whoever dies in between."""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from e2e_kit import EFFECTS, Gateway, HelpDesk, api_key, helpdesk_config, outcome, wait_for
from fleet_kit import PASSING, TOOL, Driver, Fleet

CALLERS = 64
"""At each gateway."""
PRICE, PRICE_ARGUMENT = 0.3, {"argument": "args.amount_cents"}
BUSY = {"max_in_flight": 64, "queue": 1000}


class Crowd(Driver):
    """Callers that go on with new calls until they hear that the budget is spent."""

    async def exhaust(self, first: int = 0) -> Counter[str]:
        numbers = iter(range(first, first + 100_000))
        ends: Counter[str] = Counter()
        timeout = aiohttp.ClientTimeout(total=40)

        async def caller(gateway: Gateway, session: aiohttp.ClientSession) -> None:
            said = ""
            while said != "budget-exhausted":
                name, said = f"call {next(numbers)}", "cancelled"
                while said in PASSING:
                    try:
                        said = await self._call(session, gateway, name)
                    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                        await asyncio.sleep(0.05)
                ends[said] += 1

        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(caller(one, session) for one in self._fleet.gateways for _ in range(CALLERS)))
        return ends


def fleet_of(folder: Path, *budgets: dict[str, Any], **upstream: Any) -> Fleet:
    desk = HelpDesk(folder)
    config = helpdesk_config(desk.url, [], **BUSY, **upstream)
    made = Fleet(folder, desk, budgets=list(budgets), upstreams=config["upstreams"])
    made.start()
    return made


def close(fleet: Fleet) -> None:
    fleet.close()
    assert fleet.desk is not None
    fleet.desk.close()


def usage(gateway: Gateway) -> dict[str, Any]:
    (row,) = gateway.operator("GET", "/usage").json()
    return {name: float(row[name]) for name in ("used", "held", "limit")}


def priced(price: dict[str, Any]) -> dict[str, Any]:
    return {"tools": EFFECTS | {"refund_create": {"effect": "mutating", "price": price}}}


async def exactly(folder: Path, limit: int) -> None:
    fleet = fleet_of(folder, {"scope": "agent", "unit": "mutating", "window": "day", "limit": limit})
    try:
        ends = await Crowd(fleet, seed=1).exhaust()
        assert (ends["answered"], sum(fleet.refunds().values())) == (limit, limit)
        assert usage(fleet.gateways[0]) == {"used": limit, "held": 0, "limit": limit}
    finally:
        close(fleet)


async def exactly_paid(folder: Path, calls: int) -> None:
    limit = PRICE * calls + 0.2
    budget = {"scope": "user", "unit": "money", "window": "day", "limit": round(limit, 6)}
    fleet = fleet_of(folder, budget, **priced({"fixed": PRICE}))
    try:
        ends = await Crowd(fleet, seed=2).exhaust()
        assert (ends["answered"], sum(fleet.refunds().values())) == (calls, calls)
        assert usage(fleet.gateways[1])["used"] == pytest.approx(PRICE * calls)
    finally:
        close(fleet)


async def test_crowds_at_three_gateways_carry_out_exactly_so_many_calls(tmp_path: Path) -> None:
    await exactly(tmp_path, 150)


async def test_crowds_at_three_gateways_spend_exactly_so_much_money(tmp_path: Path) -> None:
    await exactly_paid(tmp_path, 100)


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_a_thousand_calls_are_a_thousand_calls(tmp_path: Path) -> None:
    await exactly(tmp_path, 1000)


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_money_for_a_thousand_calls_buys_a_thousand_calls(tmp_path: Path) -> None:
    await exactly_paid(tmp_path, 1000)


async def test_a_gateway_that_dies_in_the_crowd_takes_no_budget_with_it(tmp_path: Path) -> None:
    limit = 100
    budget = {"scope": "agent", "unit": "mutating", "window": "day", "limit": limit}
    fleet = fleet_of(tmp_path, budget, timeout="1s")
    victim = fleet.gateways[0]
    try:

        async def die() -> None:
            await asyncio.to_thread(wait_for, lambda: sum(fleet.refunds().values()) > limit // 4, "half of the crowd")
            victim.stop(signal.SIGKILL)
            await asyncio.to_thread(victim.start)

        dying = asyncio.ensure_future(die())
        await Crowd(fleet, seed=3).exhaust()
        await dying

        def over() -> bool:
            row = usage(fleet.gateways[1])
            return row["used"] + row["held"] == limit and row["held"] == doubts(fleet)

        wait_for(over, "every reservation to be used or in doubt")
        carried_out = sum(fleet.refunds().values())
        assert limit - doubts(fleet) <= carried_out <= limit
        assert max(fleet.refunds().values()) == 1
    finally:
        close(fleet)


def doubts(fleet: Fleet) -> int:
    return len(fleet.gateways[1].operator("GET", "/doubts").json())


def test_one_gateway_warns_refuses_and_remembers_what_was_paid(tmp_path: Path, helpdesk: HelpDesk) -> None:
    token, entry = api_key("bob-key", "ops-bot", "bob")
    budgets = [{"scope": "user", "unit": "money", "window": "day", "limit": 10, "soft": 0.5}]
    gateway = Gateway(tmp_path, helpdesk_config(helpdesk.url, [entry], **priced(PRICE_ARGUMENT)) | {"budgets": budgets})
    gateway.start()

    def refund(cents: int) -> dict[str, Any]:
        return gateway.call(token, TOOL, {"order_id": 12, "amount_cents": cents, "reason": f"worth {cents}"})

    try:
        assert "io.sallyport/budget" not in refund(4)["result"]["_meta"]
        (told,) = refund(2)["result"]["_meta"]["io.sallyport/budget"]
        assert (told["limit"], told["used"], told["left"]) == ("10", "6", "4")
        refused = outcome(refund(5))
        assert (refused["reason"], refused["executed"], refused["budget"]["left"]) == ("budget-exhausted", "no", "4")
        gateway.stop(signal.SIGKILL)
        gateway.start()
        assert usage(gateway) == {"used": 6, "held": 0, "limit": 10}
        assert outcome(refund(5))["budget"]["left"] == "4"
        (record,) = gateway.records(kind="call", outcome="answered", tool="helpdesk/refund_create", limit="1")
        assert record["cost"]["money"] == 2_000_000
        assert record["cost"]["bytes"] == record["result"]["bytes"]
    finally:
        gateway.stop()
