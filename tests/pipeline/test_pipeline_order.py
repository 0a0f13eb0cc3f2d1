"""The order of the rooms, and what each of them is told."""

import pytest
from pipeline_kit import ALICE, ARRIVAL, Playbook, asks, text

from gateway.model.claim import forwarded
from gateway.model.outcome import AuditOutcome
from gateway.model.tool import Effect
from gateway.model.trace import Trace

BEFORE = ["audit.open", "identity.prove", "policy.visible", "catalog.resolve", "policy.decide", "ledger.admit"]
TRACES = [Effect.IDEMPOTENT, Effect.MUTATING, Effect.UNSET]


async def test_a_read_passes_every_room_once_and_is_sealed_before_the_agent_hears() -> None:
    play = Playbook(Effect.READ)

    await play.reply()

    assert play.rooms == [*BEFORE, "upstream.try_permit", "upstream.send", "sanitize.result", "record.seal"]


async def test_a_read_waits_for_a_slot_only_when_none_is_free() -> None:
    play = Playbook(Effect.READ)
    play.upstream.busy = True

    await play.reply()

    walked = ["upstream.try_permit", "upstream.permit", "upstream.send", "sanitize.result", "record.seal"]
    assert play.rooms == [*BEFORE, *walked]


@pytest.mark.parametrize("effect", TRACES)
async def test_a_call_that_leaves_traces_claims_and_departs_in_one_step_when_a_slot_is_free(effect: Effect) -> None:
    play = Playbook(effect)

    await play.reply()

    walked = ["upstream.try_permit", "ledger.claim", "upstream.send", "sanitize.result", "ledger.settle"]
    assert play.rooms == [*BEFORE, *walked]


@pytest.mark.parametrize("effect", TRACES)
async def test_a_call_that_leaves_traces_departs_after_it_got_its_slot(effect: Effect) -> None:
    play = Playbook(effect)
    play.upstream.busy = True

    await play.reply()

    walked = ["upstream.try_permit", "ledger.claim", "upstream.permit", "ledger.depart", "upstream.send"]
    assert play.rooms == [*BEFORE, *walked, "sanitize.result", "ledger.settle"]


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("effect", TRACES)
async def test_the_intent_is_in_the_journal_before_a_byte_leaves(effect: Effect, busy: bool) -> None:
    play = Playbook(effect)
    play.upstream.busy = busy

    await play.reply()

    assert play.upstream.durable == ["intent"]


async def test_every_room_is_told_the_final_arguments_and_never_the_ones_that_were_asked() -> None:
    play = Playbook()

    await play.reply()

    (sent,) = play.upstream.heard
    assert play.policy.asked == (ALICE, "helpdesk/refund", "call", {"order": 7, "fixed": "by us"})
    assert sent.arguments == {"order": 7, "fixed": "by us"}


async def test_the_upstream_is_told_a_key_and_the_trace_and_nothing_of_the_caller() -> None:
    play = Playbook()

    trace = Trace.begun(f"00-{'1' * 32}-{'2' * 16}-01")

    await play.reply(asks(key="my-key", key_source="header", trace=trace, run_label="a run"))

    (sent,) = play.upstream.heard
    told = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}  # nothing is exported, so the caller's span stays the parent
    assert (sent.idempotency_key, sent.meta) == (forwarded(b"r" * 32, "derived", ""), told)


async def test_a_read_carries_no_key() -> None:
    play = Playbook(Effect.READ)

    await play.reply(asks(key="my-key", key_source="header"))

    assert play.upstream.heard[0].idempotency_key is None


async def test_the_agent_sees_what_its_curation_and_the_users_policy_both_let_through() -> None:
    play = Playbook()

    await play.reply()

    assert play.catalog.shown == {"helpdesk/refund"}


async def test_a_run_that_the_credential_proves_stands_in_the_record_whatever_the_caller_calls_it() -> None:
    play = Playbook(run="r-1")

    await play.reply(asks(run_label="another"))

    assert play.record["run"] == "r-1"


async def test_the_record_reads_who_asked_for_what_and_why_it_was_allowed() -> None:
    play = Playbook()

    await play.reply(asks(run_label="nightly"))

    expected = {
        "kind": "call",
        "outcome": AuditOutcome.ANSWERED,
        "agent": "support-bot",
        "user": "alice",
        "user_proof": "key:k1",
        "asked": "helpdesk_refund",
        "tool": "helpdesk/refund",
        "address": "http://helpdesk",
        "decision": "allow",
        "rules": ["refund-small"],
        "policy": "v1",
        "visible": {"count": 1, "digest": "d" * 64},
        "key": {"source": "derived", "record": b"r".hex() * 32, "state": "claimed"},
        "executed": "yes",
        "findings": {"secret": 1},
        "arguments": {"redacted": True},
        "run": "nightly",
    }
    assert expected.items() <= play.record.items()


async def test_the_record_charges_every_room_for_its_time() -> None:
    play = Playbook()
    play.upstream.busy = True

    await play.reply()

    laps = [step.removeprefix("lap ") for step in play.log if step.startswith("lap")]
    assert laps == ["identity", "catalog", "policy", "ledger", "permit", "ledger", "upstream", "sanitize"]


async def test_the_list_is_the_shorter_road_and_its_record_says_what_was_visible() -> None:
    play = Playbook()
    record = play.road.open(ARRIVAL)

    tools = await play.road.list_tools(record, await play.road.identify(record, ARRIVAL))

    assert play.rooms == ["audit.open", "identity.prove", "policy.visible", "record.seal"]
    assert [tool["name"] for tool in tools] == ["helpdesk_refund"]
    assert play.record["kind"] == "list"
    assert play.record["visible"] == {"count": 1, "digest": "d" * 64}


async def test_a_schema_is_shown_for_tools_of_the_view_only() -> None:
    play = Playbook()

    assert play.road.schema(ALICE, "helpdesk_refund") == {"type": "object"}
    assert play.road.schema(ALICE, "helpdesk_erase") is None


async def test_a_request_that_does_nothing_leaves_no_record() -> None:
    play = Playbook()
    record = play.road.open(ARRIVAL)

    play.road.forget(record)
    await record.seal(AuditOutcome.ANSWERED)

    assert play.journal == []


async def test_what_the_agent_hears_is_cleaned_and_marked_as_data() -> None:
    play = Playbook(answer=text("paid", _meta={"theirs": 1, "io.sallyport/replayed": True}))

    result = (await play.reply()).result

    assert result["cleaned"] is True
    assert result["_meta"] == {
        "theirs": 1,
        "io.sallyport/provenance": {
            "trust": "untrusted",
            "upstream": "helpdesk",
            "tool": "helpdesk/refund",
            "call_id": "call-1",
            "findings": {"secret": 1},
        },
    }
