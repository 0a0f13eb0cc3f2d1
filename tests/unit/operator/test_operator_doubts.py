"""Doubts over HTTP: who sees argument values, who may say what became of a call, and how two verdicts end."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest
from operator_kit import NOON, PEOPLE, NobodyAsks, Office, detail

from gateway import about
from gateway.doubting import Keeping
from gateway.model.claim import Done, Doubted, NotDone
from gateway.model.cleaned import Cleaned
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.terms import Probe, Terms
from gateway.model.tool import ResolvedCall, Tool
from gateway.model.work import Entry, JournalUnavailable, StoreUnavailable
from gateway.operator.access import token_hash
from gateway.operator.desk import Desk
from gateway.operator.plane import operator_plane
from gateway.resolving import Resolving

ALICE = Principal("default", "pay-bot", "key", "alice", "key")
PAY = Tool("bank/pay", "bank", "pay", {}, "0" * 64, terms=Terms(probe=Probe("bank/find", {}, "true", 0.0)))
ABOUT = about.written(ALICE, ResolvedCall(PAY, "bank_pay", {"iban": "secret"}), "once", 10.0)


class Books:
    """Two calls in doubt, the journal, a cleaner and a clock."""

    def __init__(self) -> None:
        self.open = {"call-1": Doubted(b"r" * 32, 5, "call-1", b"f", NOON - 90, ABOUT)}
        self.open["call-2"] = Doubted(b"s" * 32, 6, "call-2", b"", NOON - 9, b"")
        self.settled: list[tuple[bytes, int, Done | NotDone]] = []
        self.written: list[Any] = []
        self.fault: Exception | None = None
        self.meanwhile = False

    def now(self) -> float:
        return NOON

    async def doubts(self) -> Sequence[Doubted]:
        if isinstance(self.fault, StoreUnavailable):
            raise self.fault
        return list(self.open.values())

    async def resolve(self, record: bytes, token: int, verdict: Done | NotDone, entry: Entry) -> bool:
        if self.fault is not None:
            raise self.fault
        if self.meanwhile:
            return False
        self.settled.append((record, token, verdict))
        self.written.append(entry())
        return True

    async def operator(self, who: str, action: str, facts: Any) -> None:
        self.written.append((who, action, facts))

    def resolved(self, **facts: Any) -> Entry:
        return lambda: facts

    def value(self, value: Any) -> Cleaned:
        if "\x1b" in value:
            raise Refused(Reason.RESULT_WITHHELD, "It cannot be cleaned.")
        return Cleaned(value, {})


class Visitor:
    def __init__(self) -> None:
        self.books, office = Books(), Office()
        books: Any = self.books
        resolving = Resolving(books, books, books, books, Keeping(60.0, 600.0))
        desk = Desk(*[office] * 5, lambda: NOON, NobodyAsks(), office, doubts=resolving, budgets=office)
        app = operator_plane(desk, {token_hash(token): person for token, person in PEOPLE.items()})
        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://operator")

    async def ask(self, who: str, method: str, path: str, **said: Any) -> httpx2.Response:
        more = {"json": said} if said else {}
        return await self._http.request(method, path, headers={"Authorization": f"Bearer tok-{who}"}, **more)

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    made = Visitor()
    yield made
    await made.close()


async def test_a_viewer_sees_what_is_in_doubt_without_argument_values(visitor: Visitor) -> None:
    listed = (await visitor.ask("ivy", "GET", "/doubts")).json()

    assert [(one["call"], one["age_s"], one["tool"], one["user"]) for one in listed] == [
        ("call-1", 90, "bank/pay", "alice"),
        ("call-2", 9, None, None),
    ]
    assert listed[0]["key"] == (b"r" * 32).hex()
    shown = (await visitor.ask("ivy", "GET", "/doubts/call-1")).json()
    assert "arguments" not in shown
    assert [one["call"] for one in shown["records"]] == ["call-1"]


async def test_an_operator_sees_argument_values(visitor: Visitor) -> None:
    assert (await visitor.ask("olga", "GET", "/doubts/call-1")).json()["arguments"] == {"iban": "secret"}
    assert (await visitor.ask("olga", "GET", "/doubts/call-2")).json()["arguments"] is None


async def test_only_an_operator_says_what_became_of_a_call(visitor: Visitor) -> None:
    refused = await visitor.ask("ivy", "POST", "/doubts/call-1", executed=True, why="seen")
    assert "lacks the role operator" in detail(refused, 403)
    assert visitor.books.written == []


async def test_the_word_of_a_person_is_in_the_audit_chain_before_it_counts(visitor: Visitor) -> None:
    done = await visitor.ask("olga", "POST", "/doubts/call-1", executed=True, why="seen", result="Receipt 7")

    assert done.json()["resolved"] == "executed"
    order, entry = visitor.books.written
    assert order == ("olga", "doubt.resolve", {"call": "call-1", "resolved": "executed", "why": "seen"})
    assert (entry["call"], entry["resolved"], entry["by"], entry["tool"]) == (
        "call-1",
        "executed",
        "operator",
        "bank/pay",
    )
    ((record, token, verdict),) = visitor.books.settled
    assert (record, token, isinstance(verdict, Done)) == (b"r" * 32, 5, True)
    assert (verdict.keep_s, b"Receipt 7" in verdict.kept.body, verdict.kept.call_id) == (600.0, True, "call-1")


async def test_without_a_result_only_that_it_was_carried_out_is_kept(visitor: Visitor) -> None:
    await visitor.ask("olga", "POST", "/doubts/call-2", executed=True, why="seen")

    ((_, _, verdict),) = visitor.books.settled
    assert (verdict.kept.kind, verdict.kept.body) == ("withheld", None)


async def test_a_call_that_was_not_carried_out_may_be_made_again(visitor: Visitor) -> None:
    done = await visitor.ask("olga", "POST", "/doubts/call-1", executed=False, why="nothing there")

    assert "may be made again" in done.json()["says"]
    assert visitor.books.settled == [(b"r" * 32, 5, NotDone())]


@pytest.mark.parametrize(
    "said",
    [
        {"executed": True},
        {"executed": True, "why": " "},
        {"executed": False, "why": "x", "result": "y"},
        {"executed": True, "why": "x", "more": 1},
        {"executed": True, "why": "x", "result": "\x1b[31m"},
    ],
)
async def test_a_verdict_that_makes_no_sense_changes_nothing(visitor: Visitor, said: dict[str, Any]) -> None:
    detail(await visitor.ask("olga", "POST", "/doubts/call-1", **said), 422)
    assert (visitor.books.settled, visitor.books.written) == ([], [])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_that_is_not_in_doubt_names_the_next_step(visitor: Visitor, method: str) -> None:
    said = {"executed": True, "why": "x"} if method == "POST" else {}
    assert "`sallyport doubt ls`" in detail(await visitor.ask("olga", method, "/doubts/call-9", **said), 404)


async def test_of_two_verdicts_the_first_counts(visitor: Visitor) -> None:
    visitor.books.meanwhile = True
    refused = await visitor.ask("olga", "POST", "/doubts/call-1", executed=True, why="x")
    assert "was settled meanwhile" in detail(refused, 409)


@pytest.mark.parametrize("fault", [StoreUnavailable("the ledger is away"), JournalUnavailable("full")])
async def test_what_cannot_be_written_stays_in_doubt(visitor: Visitor, fault: Exception) -> None:
    visitor.books.fault = fault
    detail(await visitor.ask("olga", "POST", "/doubts/call-1", executed=True, why="x"), 503)
    assert visitor.books.settled == []
