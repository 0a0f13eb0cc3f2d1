"""What an operator declares about keys: done once in the whole tenant, no call without one, who shares them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ledger_kit import ALICE, BOB, OpenHouse, call, refused, replayed, tool

from gateway.config.idempotency import Idempotency
from gateway.model.refusal import Reason
from gateway.model.terms import Terms
from gateway.model.tool import Effect, ResolvedCall

ONCE = tool(terms=Terms(once=("args.invoice_id",)))
STRICT = tool(terms=Terms(key_required=True))
ELSEWHERE = replace(ALICE, tenant="other")
DAY_S = 86_400.0


def pay(invoice: Any = 7, **more: Any) -> ResolvedCall:
    return call(ONCE, invoice_id=invoice, **more)


async def test_a_business_key_is_carried_out_once_whoever_asks_and_whatever_key_they_bring(
    open_house: OpenHouse,
) -> None:
    house = open_house()
    await house.done("call-1", pay())
    for n, how in enumerate(
        ({"who": BOB}, {"key": "another"}, {"who": replace(ALICE, agent="ops-bot")}, {"call_ref": "t"})
    ):
        replay = await replayed(house, f"call-{n + 2}", pay(), **how)
        assert (replay.source, replay.kept.call_id, replay.fades_s) == ("once", "call-1", None)
    assert (await replayed(house, "call-9", call(ONCE, 2, invoice_id=7), who=BOB)).kept.call_id == "call-1"
    await house.won("call-10", pay(), who=ELSEWHERE)
    await house.won("call-11", pay(8))


async def test_other_arguments_under_a_business_key_are_refused_and_the_key_is_named(open_house: OpenHouse) -> None:
    house = open_house()
    await house.done("call-1", pay(cents=500))
    refusal = (await refused(house, "call-2", pay(cents=600), who=BOB)).refusal
    assert refusal.reason is Reason.KEY_REUSED
    assert refusal.detail == (
        "helpdesk/refund is carried out once for each args.invoice_id, and an earlier call came first: "
        "the same business key, with other arguments."
    )


async def test_a_question_asked_under_a_business_key_is_answered_once_whoever_answers(open_house: OpenHouse) -> None:
    house = open_house()
    await house.done("call-1", pay())  # which asked, and whose question everybody is asked
    answered: dict[str, Any] = {"round": 1, "request_state": "s", "input_responses": {"sure": {"action": "accept"}}}
    await house.done("call-2", pay(), **answered)

    assert (await replayed(house, "call-3", pay(), who=BOB, **answered)).kept.call_id == "call-2"
    otherwise = answered | {"input_responses": {"sure": {"action": "accept", "content": {"note": "hi"}}}}
    assert (await refused(house, "call-4", pay(), who=BOB, **otherwise)).refusal.reason is Reason.KEY_REUSED


@pytest.mark.parametrize("arguments", [{"cents": 5}, {"invoice_id": None}, {"invoice_id": None, "cents": 5}])
async def test_a_call_without_its_business_key_is_refused_and_told_which(
    open_house: OpenHouse, arguments: dict[str, Any]
) -> None:
    house = open_house()
    refusal = (await refused(house, "call-1", call(ONCE, **arguments), key="k")).refusal
    assert refusal.reason is Reason.INVALID_ARGUMENTS
    assert "args.invoice_id is missing" in refusal.detail
    assert house.journal.entries == []


@pytest.mark.parametrize("order", [7, None, "7", ["id"], {"number": 7}, {"id": None}])
async def test_a_path_that_ends_in_nothing_is_a_missing_key(open_house: OpenHouse, order: Any) -> None:
    house = open_house()
    deep = call(tool(terms=Terms(once=("args.order.id",))), order=order)
    assert (await refused(house, "call-1", deep)).refusal.reason is Reason.INVALID_ARGUMENTS


async def test_an_answer_under_a_business_key_is_kept_for_its_own_time_delivered_or_not(open_house: OpenHouse) -> None:
    house = open_house(idempotency=Idempotency(once_ttl=timedelta(days=3)))
    house.ledger.delivered(await house.done("call-1", pay()))
    house.clock.advance(3 * DAY_S - 1)
    house.ledger.delivered(await replayed(house, "call-2", pay(), who=BOB))
    house.clock.advance(0.5)
    await replayed(house, "call-3", pay())
    house.clock.advance(1)
    await house.won("call-4", pay())


async def test_a_failure_may_have_happened_all_the_same_so_it_is_told_again_for_as_long_as_under_a_key(
    open_house: OpenHouse,
) -> None:
    house = open_house(idempotency=Idempotency(ttl=timedelta(seconds=5)))
    await house.done("call-1", pay(), is_error=True)
    assert (await replayed(house, "call-2", pay(), who=BOB)).kept.is_error
    house.clock.advance(5)
    await house.won("call-3", pay(), who=BOB)


async def test_a_tool_that_wants_a_key_takes_no_call_without_one(open_house: OpenHouse) -> None:
    house = open_house()
    for how in ({}, {"call_ref": "toolu_1"}):
        refusal = (await refused(house, "call-1", call(STRICT), **how)).refusal
        assert (refusal.reason, refusal.told("call-1")["executed"]) == (Reason.KEY_REQUIRED, "no")
    assert (house.journal.entries, house.reached) == ([], [])
    await house.done("call-2", call(STRICT), key="k")
    assert (await replayed(house, "call-3", call(STRICT), key="k")).source == "header"


async def test_a_business_key_is_key_enough(open_house: OpenHouse) -> None:
    house = open_house()
    both = call(tool(terms=Terms(once=("args.invoice_id",), key_required=True)), invoice_id=7)
    assert (await house.done("call-1", both)).source == "once"


async def test_agents_of_one_run_share_their_calls_and_others_do_not(open_house: OpenHouse) -> None:
    house = open_house(idempotency=Idempotency(scope="run"))
    one, other = replace(ALICE, run="r-1"), replace(BOB, agent="ops-bot", run="r-1")
    await house.done("call-1", call(), who=one)
    assert (await replayed(house, "call-2", call(), who=other)).kept.call_id == "call-1"
    for n, who in enumerate((ALICE, replace(other, run="r-2"), replace(other, tenant="other"))):
        await house.won(f"call-{n + 3}", call(), who=who)


async def test_agents_of_one_user_share_explicit_keys_where_the_operator_wants_it(open_house: OpenHouse) -> None:
    house = open_house(idempotency=Idempotency(scope="user", ttl=timedelta(hours=1)))
    await house.done("call-1", call(), key="k")
    assert (await replayed(house, "call-2", call(), key="k", who=replace(ALICE, agent="ops-bot"))).source == "header"
    await house.won("call-3", call(), key="k", who=BOB)
    house.clock.advance(3601)
    await house.won("call-4", call(), key="k")


async def test_a_call_sent_again_under_its_own_id_is_replayed_for_a_day(open_house: OpenHouse) -> None:
    house = open_house()
    house.ledger.delivered(await house.done("call-1", call(), call_ref="toolu_1"))
    house.clock.advance(121)
    replay = await replayed(house, "call-2", call(), call_ref="toolu_1")
    assert (replay.source, replay.kept.call_id) == ("call-id", "call-1")
    await house.done("call-3", call(), call_ref="toolu_2")  # meant: the guess has ended
    house.clock.advance(DAY_S - 100)
    await replayed(house, "call-4", call(), call_ref="toolu_2")


@pytest.mark.parametrize("derived", ["on", "in_flight_only"])
async def test_one_call_dispatched_twice_under_two_ids_is_sent_once(open_house: OpenHouse, derived: Any) -> None:
    house = open_house()
    of = call(tool(Effect.MUTATING, derived=derived))
    await house.done("call-1", of, call_ref="toolu_1")
    assert (await replayed(house, "call-2", of, call_ref="toolu_2")).kept.call_id == "call-1"


async def test_without_guesses_only_the_id_makes_two_calls_the_same(open_house: OpenHouse) -> None:
    house = open_house()
    of = call(tool(Effect.MUTATING, derived="off"))
    house.ledger.delivered(await house.done("call-1", of, call_ref="toolu_1", is_error=True))
    assert (await replayed(house, "call-2", of, call_ref="toolu_1")).kept.call_id == "call-1"
    await house.won("call-3", of, call_ref="toolu_2")


async def test_an_error_is_told_again_to_the_same_call_and_keeps_no_other_from_trying(open_house: OpenHouse) -> None:
    house = open_house()
    await house.done("call-1", call(), call_ref="toolu_1", is_error=True)
    assert (await replayed(house, "call-2", call(), call_ref="toolu_1")).kept.is_error
    await house.won("call-3", call(), call_ref="toolu_2")
