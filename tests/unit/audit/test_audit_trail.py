"""A record is opened first and ends exactly once."""

import asyncio
from collections import Counter
from typing import Any, Literal

import pytest
from audit_kit import DirectWriter, HandClock
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.trail import LiveRecord, Trail
from gateway.model.call import Arrival
from gateway.model.ended import Ended
from gateway.model.outcome import AuditOutcome
from gateway.model.work import JournalUnavailable


def hide(value: Any) -> Any:
    return "(redacted)" if value == "secret" else value


@pytest.fixture
def open_record(writer, clock):
    def made(reads: Literal["serve", "refuse"] = "serve") -> LiveRecord:
        return Trail(writer, clock, hide, reads).open(Arrival("c-1", "credential", None, peer="10.0.0.9"))

    return made


async def test_a_sealed_record_is_one_entry_with_everything_noted(open_record, writer, clock) -> None:
    made = open_record()
    made.note(kind="call", agent="bot", user=None)
    clock.tick(0.25)
    await made.seal(AuditOutcome.ANSWERED, executed="yes")
    (entry,) = writer.entries
    assert entry["kind"] == "call"
    assert (entry["call"], entry["peer"], entry["agent"], entry["executed"]) == ("c-1", "10.0.0.9", "bot", "yes")
    assert "user" not in entry
    assert not writer.works[0].durable


async def test_the_credential_is_never_in_an_entry(open_record, writer) -> None:
    await open_record().seal(AuditOutcome.REJECTED)
    assert "credential" not in repr(writer.entries)


async def test_laps_are_milliseconds_of_their_own_room_and_add_up(open_record, writer, clock) -> None:
    made = open_record()
    for room, seconds in (("identity", 0.001), ("ledger", 0.002), ("upstream", 0.5), ("ledger", 0.003)):
        clock.tick(seconds)
        made.lap(room)
    clock.tick(0.0005)
    await made.seal(AuditOutcome.ANSWERED)
    assert writer.entries[0]["ms"] == {"identity": 1.0, "ledger": 5.0, "upstream": 500.0, "total": 506.5}


async def test_an_observer_is_shown_when_a_request_began_was_sent_and_ended(writer, clock) -> None:
    shown: list[Ended] = []
    made = Trail(writer, clock, hide, "serve", shown.append).open(Arrival("c-1", None, None))
    began = clock.now()
    for room, seconds in (("policy", 0.25), ("upstream", 0.5), ("ledger", 0.25), ("upstream", 1.0), ("sanitize", 2.0)):
        clock.tick(seconds)
        made.lap(room)
    clock.wall += 3600  # the wall clock steps; what was measured stays
    await made.seal(AuditOutcome.ANSWERED)
    (ended,) = shown
    assert (ended.began, ended.ended) == (began + 3600, began + 3604)
    assert ended.sent == (began + 3600.25, began + 3602)
    assert ended.facts.items() >= {"call": "c-1", "outcome": AuditOutcome.ANSWERED}.items()


async def test_a_request_that_was_not_carried_has_no_time_of_sending(writer, clock) -> None:
    shown: list[Ended] = []
    made = Trail(writer, clock, hide, "serve", shown.append).open(Arrival("c-1", None, None))
    made.lap("policy")
    await made.seal(AuditOutcome.REFUSED)
    assert shown[0].sent is None


async def test_a_second_seal_does_nothing(open_record, writer) -> None:
    made = open_record()
    await made.seal(AuditOutcome.REFUSED, reason="policy-denied")
    await made.seal(AuditOutcome.ANSWERED)
    assert [entry["outcome"] for entry in writer.entries] == ["refused"]


async def test_a_record_that_was_closed_is_not_sealed_again(open_record, writer) -> None:
    made = open_record()
    terminal = made.close(AuditOutcome.ANSWERED)
    await made.seal(AuditOutcome.FAILED)
    assert writer.works == []
    assert terminal()["outcome"] == "answered"


async def test_closing_twice_is_a_defect(open_record) -> None:
    made = open_record()
    made.close(AuditOutcome.ANSWERED)
    with pytest.raises(RuntimeError, match="c-1"):
        made.close(AuditOutcome.ANSWERED)


async def test_a_name_that_is_not_in_the_schema_is_a_defect_and_leaves_the_record_open(open_record, writer) -> None:
    made = open_record()
    with pytest.raises(TypeError, match="colour"):
        await made.seal(AuditOutcome.ANSWERED, colour="red")
    await made.seal(AuditOutcome.FAILED)
    assert [entry["outcome"] for entry in writer.entries] == ["failed"]


async def test_an_intent_says_what_was_known_when_it_was_made(open_record) -> None:
    made = open_record()
    made.note(kind="call", tool="a/b")
    intent = made.intent()
    made.note(key={"state": "claimed"})
    assert intent() | {"id": "", "time": ""} == {
        "kind": "intent", "id": "", "time": "", "call": "c-1", "peer": "10.0.0.9", "tool": "a/b",
    }  # fmt: skip


async def test_an_entry_may_be_made_again_and_says_the_same(open_record, clock) -> None:
    terminal = open_record().close(AuditOutcome.ANSWERED)
    first = terminal()
    clock.tick(5)
    assert first | {"id": ""} == {**terminal(), "id": ""}


async def test_words_of_the_caller_are_cleaned_and_an_unknown_name_is_redacted(open_record, writer) -> None:
    made = open_record()
    made.note(asked="secret", run="secret", method="tools/\x00call")
    await made.seal(AuditOutcome.REFUSED)
    known = open_record()
    known.note(asked="secret", tool="a/secret")
    await known.seal(AuditOutcome.ANSWERED)
    assert [entry["asked"] for entry in writer.entries] == ["(redacted)", "secret"]
    assert (writer.entries[0]["run"], writer.entries[0]["method"]) == ("(redacted)", "tools/?call")


async def test_an_operators_action_is_durable_redacted_and_waits_for_no_journal(writer, clock) -> None:
    await Trail(writer, clock, lambda facts: {name: hide(fact) for name, fact in facts.items()}, "serve").operator(
        "token:ops", "kill", {"agent": "bot", "note": "secret"}
    )
    (entry,) = writer.entries
    assert (entry["kind"], entry["who"], entry["action"]) == ("operator", "token:ops", "kill")
    assert entry["facts"] == {"agent": "bot", "note": "(redacted)"}
    assert (writer.works[0].durable, writer.works[0].needs_journal) == (True, False)


async def test_reads_are_served_without_a_journal_where_configuration_says_so(open_record, writer) -> None:
    writer.down = True
    await open_record("serve").seal(AuditOutcome.ANSWERED)
    assert [entry["outcome"] for entry in writer.entries] == ["answered"]


@pytest.mark.parametrize("outcome", ["answered", "answered-error", "replayed"])
async def test_reads_are_refused_without_a_journal_and_the_record_says_that(open_record, writer, outcome: str) -> None:
    writer.down = True
    made = open_record("refuse")
    with pytest.raises(JournalUnavailable):
        await made.seal(AuditOutcome(outcome), executed="yes", result={"bytes": 1})
    await made.seal(AuditOutcome.REFUSED, reason="audit-unavailable")
    (entry,) = writer.entries
    assert (entry["outcome"], entry["reason"], entry["code"]) == ("refused", "audit-unavailable", 50302)
    assert entry["executed"] == "yes"
    assert "result" not in entry


async def test_a_refusal_is_told_even_without_a_journal(open_record, writer) -> None:
    writer.down = True
    await open_record("refuse").seal(AuditOutcome.REFUSED)
    assert [entry["outcome"] for entry in writer.entries] == ["refused"]


async def test_a_caller_that_is_cancelled_while_it_waits_has_its_record_written(open_record, writer) -> None:
    sealing = asyncio.ensure_future(open_record().seal(AuditOutcome.CANCELLED))
    await asyncio.sleep(0)
    sealing.cancel()
    await asyncio.wait([sealing], timeout=5)
    assert len(writer.works) == 1


STEP = st.sampled_from(["note", "lap", "intent", "close", "seal", "bad-seal"])


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=8), down=st.booleans(), reads=st.sampled_from(["serve", "refuse"]))
def test_whatever_happens_there_is_exactly_one_terminal_entry(steps, down, reads) -> None:
    async def walk() -> Counter[str]:
        writer = DirectWriter()
        writer.down = down
        made = Trail(writer, HandClock(), hide, reads).open(Arrival("c", None, None))
        for step in (*steps, "seal"):
            try:
                match step:
                    case "note":
                        made.note(kind="call")
                    case "lap":
                        made.lap("policy")
                    case "intent":
                        made.intent()
                    case "close":
                        writer.entries.append(made.close(AuditOutcome.IN_DOUBT)())
                    case "seal":
                        await made.seal(AuditOutcome.ANSWERED)
                    case "bad-seal":
                        await made.seal(AuditOutcome.ANSWERED, colour="red")
            except (RuntimeError, TypeError, JournalUnavailable):
                pass
        return Counter("outcome" in entry for entry in writer.entries)

    assert asyncio.run(walk()) == {True: 1}
