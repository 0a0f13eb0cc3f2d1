"""Answers that were kept: served again, marked, never sent."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from pipeline_kit import KEPT, Playbook, until
from pipeline_rooms import CLAIM

from gateway.model.admission import Replay
from gateway.model.call import ReplyError
from gateway.model.claim import KeySource
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import Reason
from gateway.model.tool import Effect
from gateway.model.work import JournalUnavailable

WHEN = "2026-01-01T11:59:00+00:00"


def replaying(source: KeySource = "derived", *, joined: bool = False, **kept: Any) -> Playbook:
    play = Playbook()
    play.ledger.replay = Replay(replace(KEPT, **kept), source, joined, CLAIM, token=3)
    return play


async def test_a_replay_of_a_derived_key_says_so_where_the_model_reads() -> None:
    result = (await replaying().reply()).result

    told = f"Already done at {WHEN}; not executed again. To repeat the action on purpose, send it with a new idempotency key."
    assert [part["text"] for part in result["content"]] == ["paid", told]


@pytest.mark.parametrize("source", ["header", "meta", "once"])
async def test_a_replay_of_a_key_that_somebody_chose_has_the_same_content(source: KeySource) -> None:
    result = (await replaying(source).reply()).result

    assert result["content"] == [{"type": "text", "text": "paid"}]


async def test_who_joined_a_twin_hears_what_the_twin_hears() -> None:
    result = (await replaying(joined=True).reply()).result

    assert result["content"] == [{"type": "text", "text": "paid"}]


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("source", ["header", "once", "call-id", "derived"])
async def test_every_replay_says_in_meta_which_call_was_executed(source: KeySource, joined: bool) -> None:
    meta = (await replaying(source, joined=joined).reply()).result["_meta"]

    assert (meta["io.sallyport/replayed"], meta["io.sallyport/original"]) == (True, "call-0")
    assert meta["io.sallyport/provenance"]["call_id"] == "call-1"


@pytest.mark.parametrize("joined", [False, True])
async def test_a_replay_sends_nothing_and_its_record_names_the_original(joined: bool) -> None:
    play = replaying("header", joined=joined)

    await play.reply()

    assert not {"upstream.try_permit", "upstream.send", "ledger.settle"} & set(play.log)
    record = play.record
    assert (record["outcome"], record["executed"]) == (AuditOutcome.REPLAYED, "yes")
    assert record["key"] == {
        "source": "header",
        "record": b"r".hex() * 32,
        "state": "joined" if joined else "replayed",
        "original": "call-0",
    }
    assert record["result"] == {"sha256": "a" * 64, "bytes": 43, "is_error": False}


async def test_a_kept_error_is_an_error_again() -> None:
    play = replaying(kind="error", body=b'{"code":-32000,"message":"no such order","data":null}', is_error=True)

    heard = await play.heard()

    assert isinstance(heard, ReplyError)
    assert (heard.code, heard.message, heard.meta["io.sallyport/original"]) == (-32000, "no such order", "call-0")


@pytest.mark.parametrize("kept", [{"kind": "withheld"}, {"body": None}])
async def test_a_replay_of_what_was_not_kept_says_that_it_was_carried_out(kept: dict[str, Any]) -> None:
    play = replaying(**kept)

    refusal = await play.refusal()

    assert refusal.reason is Reason.RESULT_WITHHELD
    assert refusal.told("call-1")["executed"] == "yes"
    assert refusal.detail == (f"helpdesk/refund was carried out at {WHEN} by call call-0; its answer was not kept.")
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.WITHHELD, "yes")


async def test_a_replay_says_nothing_of_who_made_the_first_call() -> None:
    reply = await replaying("once").reply()

    marks = {name: said for name, said in reply.result["_meta"].items() if name.startswith("io.sallyport/")}
    provenance = marks.pop("io.sallyport/provenance")
    assert marks == {"io.sallyport/replayed": True, "io.sallyport/original": "call-0"}
    assert set(provenance) == {"trust", "upstream", "tool", "call_id", "findings"}


async def test_the_ledger_hears_that_a_replay_was_delivered() -> None:
    play = replaying()

    reply = await play.reply()

    reply.delivered()
    assert play.ledger.arrived == [play.ledger.replay]


async def test_a_replay_whose_record_cannot_be_written_is_not_served() -> None:
    play = replaying()
    play.fails["record.seal"] = JournalUnavailable("disk full")

    refusal = await play.refusal()
    assert refusal.reason is Reason.AUDIT_UNAVAILABLE
    assert refusal.told("call-1")["executed"] == play.record["executed"] == "yes"


async def test_whoever_waits_for_a_twin_holds_no_slot() -> None:
    play = Playbook(Effect.MUTATING)
    play.holds["ledger.admit"] = asyncio.Event()
    caller = asyncio.ensure_future(play.reply())
    await until(play, "ledger.admit")

    assert "upstream.try_permit" not in play.log
    assert play.upstream.held == 0

    play.holds["ledger.admit"].set()
    await caller
    assert play.log.count("upstream.try_permit") == 1


async def test_the_record_of_a_round_that_is_asked_again_says_that_nothing_was_carried_out() -> None:
    play = replaying("header", body=b'{"resultType":"input_required","inputRequests":{}}')

    await play.reply()

    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.REPLAYED, "no")
