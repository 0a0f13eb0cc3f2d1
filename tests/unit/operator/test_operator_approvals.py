"""Approvals over HTTP: who sees argument values, who may answer, and how two answers end."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from operator_kit import NOON, Office, detail

from gateway.approval.deciding import Deciding
from gateway.model.approval import PENDING_S, Approval, ApprovalState
from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.model.work import StoreUnavailable
from gateway.operator.access import Person, token_hash
from gateway.operator.desk import Desk
from gateway.operator.plane import operator_plane
from gateway.store.approvals_sqlite import SCHEMA, SqliteApprovals
from gateway.store.writer import GroupWriter

PEOPLE = {
    "ivy": Person("ivy", frozenset({"viewer"})),
    "olga": Person("olga", frozenset({"viewer", "operator"})),
    "carol": Person("carol", frozenset({"viewer"})),
    "token-7": Person("token-7", frozenset({"viewer"}), "dave"),
    "alice": Person("alice", frozenset({"viewer", "operator"})),
    "otto": Person("otto", frozenset({"operator"})),
}
ARGUMENTS = {"order": 10**30, "note": "secret of the customer", "cents": 1.5}
TRACE = f"00-{'1' * 32}-{'2' * 16}-01"
YES, NO = {"decision": "approve", "why": "known"}, {"decision": "deny", "why": "too much"}


class Policy:
    """Carol, Dave and Alice may approve."""

    version = "v1"

    def decide(self, principal: Principal, tool: str, act: str, arguments: Mapping[str, Any]) -> Decision:
        permitted = principal.user in {"carol", "dave", "alice"} and (tool, act) == ("desk/refund", "approve")
        assert arguments == ARGUMENTS
        return Decision(Verdict.ALLOW if permitted else Verdict.DENY, ("no-stranger",) * (not permitted), "v1")


class Clock:
    def now(self) -> float:
        return NOON

    def monotonic(self) -> float:
        return 0.0


class NoJournal:
    def append(self, entries: Any) -> None:
        raise AssertionError("approvals write no entries of their own")

    def sync(self) -> None:
        pass


class Counter:
    """The operator plane with one question that waits, in a real store."""

    def __init__(self, store: SqliteApprovals) -> None:
        self.store, self.office = store, Office()
        deciding = Deciding(store, Policy(), self.office, Clock())  # type: ignore[arg-type]
        desk = Desk(*[self.office] * 5, lambda: NOON, deciding, self.office, doubts=self.office, budgets=self.office)
        self.spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        app = operator_plane(desk, {token_hash(name): person for name, person in PEOPLE.items()}, provider)
        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://operator")

    async def ask(self, who: str | None, method: str, path: str, body: Any = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {who}"} if who else {}
        return await self._http.request(method, path, headers=headers, json=body)

    async def state(self) -> ApprovalState:
        found = await self.store.get("a-1")
        assert found is not None
        return found.state

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    writer = GroupWriter(tmp_path / "ledger.db", NoJournal(), reached=lambda _: None, schema=SCHEMA)
    counter = Counter(SqliteApprovals(writer, b"secret" * 6))
    await counter.store.ask(
        Approval(
            "a-1", "r" * 64, "b" * 64, "call-1", "default", "bot", "alice", "desk/refund", ARGUMENTS, "f" * 64,
            "d" * 64, "v1", ("big",), NOON - 60, NOON - 60 + PENDING_S, trace=TRACE,
        )
    )  # fmt: skip
    yield counter
    await counter.close()
    await writer.close()


async def test_the_list_tells_what_waits_without_a_value_of_an_argument(counter: Counter) -> None:
    answer = await counter.ask("ivy", "GET", "/approvals")
    assert answer.json() == [
        {
            "id": "a-1", "state": "pending", "asked_at": NOON - 60, "age_s": 60, "expires_in_s": 840,
            "tenant": "default", "agent": "bot", "user": "alice", "tool": "desk/refund", "rules": ["big"],
            "call": "call-1", "by": None, "argument_names": ["cents", "note", "order"],
        }
    ]  # fmt: skip
    assert b"secret of the customer" not in answer.content


@pytest.mark.parametrize("who", ["olga", "carol", "token-7"])
async def test_an_operator_or_who_may_approve_sees_exactly_what_will_be_sent(counter: Counter, who: str) -> None:
    answer = await counter.ask(who, "GET", "/approvals/a-1")
    shown = json.loads(answer.content)
    assert shown["arguments"] == ARGUMENTS
    assert b"1000000000000000000000000000000" in answer.content
    assert (shown["expires_in_s"], shown["rules"], shown["policy"]) == (840, ["big"], "v1")
    assert len(shown["arguments_sha256"]) == 64


async def test_a_viewer_who_may_not_approve_sees_no_arguments(counter: Counter) -> None:
    answer = await counter.ask("ivy", "GET", "/approvals/a-1")
    assert "Only who may approve it, or an operator" in detail(answer, 403)
    assert b"secret" not in answer.content


async def test_who_may_approve_needs_no_role_but_viewer_and_policy_knows_them_by_their_user(counter: Counter) -> None:
    answer = await counter.ask("token-7", "POST", "/approvals/a-1", YES)
    assert (answer.status_code, answer.json()["status"]) == (200, "approved")
    found = await counter.store.get("a-1")
    assert found is not None
    assert found.vote is not None
    assert (found.vote.by, found.vote.why) == ("user:dave", "known")
    [(_, who, action, facts)] = counter.office.acts
    assert (who, action, facts["by"]) == ("token-7", "approval.approved", "user:dave")


@pytest.mark.parametrize(
    ("who", "status", "said"),
    [
        (None, 401, "operator token"),
        ("otto", 403, "lacks the role viewer"),
        ("ivy", 403, "rule no-stranger says so"),
        ("olga", 403, "user:olga may not decide about desk/refund"),
        ("alice", 403, "nobody approves their own"),
    ],
)
async def test_nobody_else_decides(counter: Counter, who: str | None, status: int, said: str) -> None:
    for body in (YES, NO):
        assert said in detail(await counter.ask(who, "POST", "/approvals/a-1", body), status)
    assert await counter.state() is ApprovalState.PENDING


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "maybe", "why": "x"},
        {"decision": "deny"},
        {"decision": "deny", "why": "  "},
        {"decision": "approve", "why": "x" * 501},
        {"decision": "approve", "user": "carol"},
        [],
    ],
)
async def test_an_answer_that_makes_no_sense_is_neither_recorded_nor_counted(counter: Counter, body: Any) -> None:
    assert detail(await counter.ask("carol", "POST", "/approvals/a-1", body), 422)
    assert counter.office.acts == []
    assert await counter.state() is ApprovalState.PENDING


async def test_what_is_not_there_is_not_found(counter: Counter) -> None:
    for method, body in (("GET", None), ("POST", YES)):
        assert "`sallyport approvals ls`" in detail(await counter.ask("carol", method, "/approvals/a-9", body), 404)


async def test_of_answers_at_once_exactly_one_counts(counter: Counter) -> None:
    people = ["carol", "token-7"] * 4
    bodies = [{**(YES if who == "carol" else NO), "why": str(number)} for number, who in enumerate(people)]
    asking = (counter.ask(who, "POST", "/approvals/a-1", body) for who, body in zip(people, bodies, strict=True))
    answers = await asyncio.gather(*asking)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    won = "carol" if await counter.state() is ApprovalState.APPROVED else "token-7"
    assert people[[answer.status_code for answer in answers].index(200)] == won


async def test_what_cannot_be_recorded_does_not_count(counter: Counter) -> None:
    counter.office.fails["recorded"] = StoreUnavailable("the writer is closed")
    assert detail(await counter.ask("carol", "POST", "/approvals/a-1", YES), 503)
    assert await counter.state() is ApprovalState.PENDING


async def test_the_span_of_a_decision_links_to_the_trace_of_the_call(counter: Counter) -> None:
    await counter.ask("carol", "POST", "/approvals/a-1", YES)
    [span] = counter.spans.get_finished_spans()
    [link] = span.links
    assert f"{link.context.trace_id:032x}-{link.context.span_id:016x}" == f"{'1' * 32}-{'2' * 16}"
    assert span.context is not None
    assert span.context.trace_id != link.context.trace_id
