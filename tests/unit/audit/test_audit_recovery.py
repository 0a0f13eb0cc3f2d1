"""After a crash every open call gets one terminal entry, and a second pass writes nothing."""

from functools import partial

import pytest

from gateway.audit import segments
from gateway.audit.recovery import close_open_calls
from gateway.audit.trail import Trail
from gateway.model.call import Arrival
from gateway.model.claim import State
from gateway.model.outcome import AuditOutcome
from gateway.model.work import JournalUnavailable, Work
from gateway.store.audit_index import AuditIndex
from gateway.store.writer import GroupWriter


@pytest.mark.parametrize(
    ("state", "outcome", "executed"),
    [
        (State.SENT, "in-doubt", "unknown"),
        (State.DOUBT, "in-doubt", "unknown"),
        (State.DONE, "answered", "yes"),
        (State.CLAIMED, "failed", "no"),
        (State.RETRYABLE, "failed", "no"),
        (None, "failed", "no"),
    ],
)
async def test_what_is_said_of_an_open_call_depends_on_the_ledger(writer, clock, state, outcome, executed) -> None:
    async def fate(record: str, call_id: str) -> State | None:
        assert (record, call_id) == ("ab" * 32, "c-1")
        return state

    intent = {"kind": "intent", "id": "i", "time": "t", "call": "c-1", "agent": "bot", "key": {"record": "ab" * 32}}
    assert await close_open_calls([intent], fate, writer, clock) == 1
    (entry,) = writer.entries
    assert (entry["call"], entry["agent"], entry["outcome"], entry["executed"]) == ("c-1", "bot", outcome, executed)
    assert (writer.works[0].durable, writer.works[0].needs_journal) == (True, True)


async def test_an_intent_without_a_key_is_in_doubt(writer, clock) -> None:
    async def unasked(record: str) -> State | None:
        raise AssertionError

    await close_open_calls([{"kind": "intent", "call": "c-1"}], unasked, writer, clock)
    assert writer.entries[0]["outcome"] == "in-doubt"


async def test_without_a_journal_the_pass_fails(writer, clock) -> None:
    writer.down = True
    with pytest.raises(JournalUnavailable):
        await close_open_calls([{"kind": "intent", "call": "c-1"}], _sent, writer, clock)


async def _sent(record: str, call_id: str) -> State | None:
    return State.SENT


async def test_the_whole_pass_is_idempotent_over_a_real_journal(shelf, clock, tmp_path) -> None:
    journal = shelf.open(900)
    writer = GroupWriter(tmp_path / "ledger.db", journal, reached=lambda _: None, schema=())
    trail = Trail(writer, clock, lambda value: value, "serve")
    index = AuditIndex(tmp_path / "audit-index.db", partial(segments.tail, shelf.folder))
    for number in range(6):
        made = trail.open(Arrival(f"c{number}", None, None))
        made.note(kind="call", tool="a/b", key={"record": "ab" * 32})
        await journal_intent(writer, made)
        if number % 2:
            await made.seal(AuditOutcome.ANSWERED)
    assert await close_open_calls(await index.open_intents(), _sent, writer, clock) == 3
    assert await close_open_calls(await index.open_intents(), _sent, writer, clock) == 0
    await index.close()
    await writer.close()
    journal.close()
    ended = sorted(entry["call"] for entry in shelf.entries() if "outcome" in entry)
    assert ended == [f"c{number}" for number in range(6)]


async def journal_intent(writer, made) -> None:
    intent = made.intent()
    await writer.submit(Work(entries=lambda _: (intent,), durable=True, needs_journal=True))
