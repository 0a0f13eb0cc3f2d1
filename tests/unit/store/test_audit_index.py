"""The audit index: always as fresh as the journal, never in the way, made again when it is of no use."""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.model.audit import FILTERS, AuditFilter, Position, PositionLost, stamp
from gateway.model.work import StoreUnavailable
from gateway.store.audit_index import AuditIndex

START = 1_790_000_000.0


class Lines:
    """A journal as the index sees it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.mark = "m"
        self.read = 0

    def write(self, at: float, **facts: Any) -> str:
        name = f"id-{len(self.written):05d}"
        facts = {"tenant": "default", "outcome": "answered"} | facts
        entry = {"kind": "call", "id": name, "time": stamp(START + at), **facts}
        self.written.append(json.dumps({key: value for key, value in entry.items() if value is not None}).encode())
        return name

    def tail(self, after: Position | None) -> Iterator[tuple[Position, bytes]]:
        start = 0
        if after is not None:
            if after.mark != self.mark or after.start >= len(self.written):
                raise PositionLost
            start = after.start + 1
        for number in range(start, len(self.written)):
            self.read += 1
            yield Position("s", number, self.mark), self.written[number]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit-index.db"


@pytest.fixture
async def index(lines: Lines, path: Path):
    made = AuditIndex(path, lines.tail)
    yield made
    await made.close()


async def ids(index: AuditIndex, **wanted: Any) -> list[str]:
    page = await index.query(AuditFilter(**wanted))
    return [json.loads(entry)["id"] for entry in page.entries]


async def walk(index: AuditIndex, between: Any = lambda: None, **wanted: Any) -> list[str]:
    """All pages; `between` runs after each."""
    seen, after = [], None
    while True:
        page = await index.query(AuditFilter(after=after, **wanted))
        seen += [json.loads(entry)["id"] for entry in page.entries]
        between()
        if page.next is None:
            return seen
        after = page.next


async def test_every_answer_is_as_fresh_as_the_journal(index: AuditIndex, lines: Lines) -> None:
    assert await ids(index) == []
    first, second = lines.write(1), lines.write(2)
    assert await ids(index) == [second, first]
    assert await ids(index, newest_first=False) == [first, second]


async def test_each_line_is_read_once(index: AuditIndex, lines: Lines) -> None:
    for number in range(2500):
        lines.write(number)
    await index.catch_up()
    lines.write(9999)
    await index.catch_up()
    assert lines.read == 2501


async def test_entries_come_back_byte_by_byte(index: AuditIndex, lines: Lines) -> None:
    odd = b'{"kind":"call","id":"x","time":"t","big":100000000000000000000000,"e":"\\u00e9"}'
    lines.written.append(odd)
    assert (await index.query(AuditFilter())).entries == (odd,)


@pytest.mark.parametrize("field", [name for name in FILTERS if name != "key"])
async def test_every_filter_filters(index: AuditIndex, lines: Lines, field: str) -> None:
    lines.write(1, **{field: "other"})
    mine = lines.write(2, **{field: "mine"})
    lines.write(3, **{field: None})
    assert await ids(index, equals={field: "mine"}) == [mine]


async def test_the_key_is_the_record_key(index: AuditIndex, lines: Lines) -> None:
    mine = lines.write(1, key={"record": "ab", "source": "derived"})
    lines.write(2, key={"record": "cd"})
    assert await ids(index, equals={"key": "ab"}) == [mine]


async def test_filters_hold_together_and_time_is_half_open(index: AuditIndex, lines: Lines) -> None:
    found = [lines.write(at, agent="a" if at % 2 else "b", tenant="t") for at in range(6)]
    wanted = {"since": stamp(START + 1), "until": stamp(START + 5), "equals": {"agent": "a", "tenant": "t"}}
    assert await ids(index, **wanted) == [found[3], found[1]]


async def test_a_field_that_cannot_be_asked_for_never_reaches_sql(index: AuditIndex) -> None:
    with pytest.raises(ValueError, match="not a field"):
        await index.query(AuditFilter(equals={"1=1 OR kind": "x"}))


@pytest.mark.parametrize("newest_first", [True, False])
async def test_pages_hold_everything_once_also_at_equal_times(index: AuditIndex, lines: Lines, newest_first) -> None:
    rng = random.Random(7)
    for _ in range(57):
        lines.write(rng.randrange(5))
    seen = await walk(index, newest_first=newest_first, limit=5)
    assert len(seen) == len(set(seen)) == 57
    assert seen == await ids(index, newest_first=newest_first, limit=1000)


async def test_pages_stay_stable_while_entries_are_written(index: AuditIndex, lines: Lines) -> None:
    before = [lines.write(at) for at in range(20)]
    clock = iter(range(1000, 2000))
    seen = await walk(index, lambda: lines.write(next(clock)), limit=3)
    assert seen == before[::-1]


async def test_reading_on_from_the_oldest_sees_what_is_written_meanwhile(index: AuditIndex, lines: Lines) -> None:
    written = [lines.write(at) for at in range(6)]
    more = iter([20, 21, 22])

    def write() -> None:
        if (at := next(more, None)) is not None:
            written.append(lines.write(at))

    assert await walk(index, write, limit=2, newest_first=False) == written


async def test_a_full_last_page_has_no_next(index: AuditIndex, lines: Lines) -> None:
    for at in range(4):
        lines.write(at)
    assert (await index.query(AuditFilter(limit=4))).next is None
    assert (await index.query(AuditFilter(limit=3))).next is not None


async def test_all_entries_of_a_call_in_journal_order(index: AuditIndex, lines: Lines) -> None:
    lines.write(5, call="c", kind="intent", outcome=None)
    lines.write(6, call="d")
    lines.write(4, call="c")
    assert [json.loads(entry)["kind"] for entry in await index.call("c")] == ["intent", "call"]
    assert not await index.call("nobody")


async def test_open_intents_are_those_without_a_terminal_entry(index: AuditIndex, lines: Lines) -> None:
    for call in "abc":
        lines.write(1, call=call, kind="intent", outcome=None)
    lines.write(2, call="b")
    lines.write(2, call="late")
    lines.write(3, call="late", kind="intent", outcome=None)
    assert [intent["call"] for intent in await index.open_intents()] == ["a", "c"]
    lines.write(4, call="a", outcome="in-doubt")
    assert [intent["call"] for intent in await index.open_intents()] == ["c"]


async def test_the_youngest_word_on_the_stores_memory_outlives_its_process(lines: Lines, path: Path) -> None:
    young = "first.abc.1 11"
    for memories, known in [((), ""), (("first.abc.1 8", young, None), young), ((), young)]:
        for memory in memories:
            lines.write(1, memory=memory)
        index = AuditIndex(path, lines.tail)
        assert await index.memory() == known
        await index.close()


async def test_a_new_process_goes_on_where_the_last_one_stopped(lines: Lines, path: Path) -> None:
    lines.write(1)
    for _ in range(2):
        index = AuditIndex(path, lines.tail)
        assert len(await ids(index)) == 1
        await index.close()
    assert lines.read == 1


@pytest.mark.parametrize("harm", ["rubbish", "version", "tables", "missing"])
async def test_an_index_of_no_use_is_made_again(lines: Lines, path: Path, harm: str) -> None:
    written = [lines.write(at) for at in range(3)]
    index = AuditIndex(path, lines.tail)
    await index.catch_up()
    await index.close()
    match harm:
        case "rubbish":
            path.write_bytes(b"rubbish" * 1000)
        case "version":
            _execute(path, "PRAGMA user_version = 99")
        case "tables":
            _execute(path, "DROP TABLE open_intent")
        case "missing":
            path.unlink()
    again = AuditIndex(path, lines.tail)
    lines.write(9, call="x", kind="intent", outcome=None)
    assert (await ids(again, newest_first=False))[:3] == written
    assert len(await again.open_intents()) == 1
    assert lines.read >= 3 + 4
    await again.close()


async def test_an_index_damaged_under_a_running_process_is_made_again(index: AuditIndex, lines: Lines, path) -> None:
    for at in range(2000):
        lines.write(at)
    await index.catch_up()
    await index._run(lambda: index._file._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    await index._run(index._file.close)
    assert len(await ids(index, limit=1000)) == 1000
    assert lines.read == 4000


async def test_another_journal_is_another_index(index: AuditIndex, lines: Lines) -> None:
    lines.write(1)
    await index.catch_up()
    lines.written.clear()
    lines.mark = "other"
    mine = lines.write(2)
    assert await ids(index) == [mine]


async def test_an_index_in_memory_leaves_no_file(lines: Lines, path: Path) -> None:
    lines.write(1)
    index = AuditIndex(None, lines.tail)
    assert len(await ids(index)) == 1
    await index.close()
    assert not path.exists()


async def test_lines_that_are_no_entries_are_passed_over(index: AuditIndex, lines: Lines) -> None:
    lines.written += [b"{rubbish", b"[1]", b'{"kind":["x"],"id":{"y":1},"key":"z"}']
    mine = lines.write(1)
    assert mine in await ids(index)


async def test_a_full_disk_is_an_error_and_not_a_reason_to_start_anew(index, lines: Lines, path: Path) -> None:
    lines.write(1)
    await index.catch_up()
    await index._run(lambda: index._file._db.execute("PRAGMA max_page_count = 1").fetchall())
    for at in range(300):
        lines.write(at, detail="x" * 500)
    with pytest.raises(StoreUnavailable, match="full"):
        await index.catch_up()
    await index._run(lambda: index._file._db.execute("PRAGMA max_page_count = 100000").fetchall())
    assert len(await ids(index, limit=1000)) == 301


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement)
