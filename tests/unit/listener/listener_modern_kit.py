"""Stateless clients that are asked, told and answered in rounds, for the listener's tests."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from listener_kit import ENVELOPE, FakeRecord, FakeRoad, modern, send
from listener_legacy_kit import events

from gateway.listener.plane import AgentPlane
from gateway.model.call import Arrival, Asked, Reply
from gateway.model.dialogue import Unanswered
from gateway.model.outcome import AuditOutcome
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.wire import jsonrpc

ABLE = {"elicitation": {}, "sampling": {}, "roots": {}}
FORM = {"message": "Which one?", "requestedSchema": {"type": "object", "properties": {}}}
ASKS: dict[str, Any] = {
    "resultType": "input_required",
    "inputRequests": {"which": {"method": "elicitation/create", "params": FORM}},
}
ANSWER = {"action": "accept", "content": {"which": "the red one"}}


class Recorded(FakeRecord):
    """Remembers what it learnt and how it was sealed."""

    def __init__(self, call_id: str) -> None:
        super().__init__(call_id)
        self.facts: dict[str, Any] = {}
        self.outcome: AuditOutcome | None = None

    def note(self, **facts: Any) -> None:
        self.facts |= facts

    async def seal(self, outcome: AuditOutcome, **facts: Any) -> None:
        assert self.outcome is None, "sealed twice"
        self.outcome = outcome
        self.facts |= facts


@dataclass
class AskingRoad(FakeRoad):
    """Asks `questions` one after the other (those of one list at once) and says what was answered."""

    questions: list[list[tuple[str, Mapping[str, Any]]]] = field(default_factory=list)
    records: dict[str, Recorded] = field(default_factory=dict)
    denied: bool = False
    cancelled: int = 0
    answers: list[Any] = field(default_factory=list)

    def open(self, arrival: Arrival) -> Recorded:
        super().open(arrival)
        return self.records.setdefault(arrival.call_id, Recorded(arrival.call_id))

    async def call(self, record: Any, principal: Principal, asked: Asked) -> Any:
        self.calls.append(asked)
        try:
            if self.walk is not None:
                return await self.walk(asked)
            for together in self.questions:
                self.answers += await asyncio.gather(*(self._answered(asked, *one) for one in together))
            await record.seal(AuditOutcome.ANSWERED)
            return Reply({"content": [{"type": "text", "text": str(self.answers)}]})
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _answered(self, asked: Asked, method: str, params: Mapping[str, Any]) -> Any:
        try:
            return await asked.dialogue.ask(method, params)
        except Unanswered as unanswered:
            return unanswered.message

    def recheck(self, record: Any, principal: Principal, asked: Asked) -> None:
        record.note(asked=asked.name)
        if self.denied:
            raise Refused(Reason.POLICY_DENIED, "Not any more.")

    async def refuse(self, record: Any, refusal: Refusal) -> None:
        await super().refuse(record, refusal)
        await record.seal(refusal.row.outcome, **refusal.facts())


def request(
    capabilities: Mapping[str, Any] | None = None,
    method: str = "tools/call",
    meta: Mapping[str, Any] | None = None,
    **params: Any,
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A request of a client that takes events and declares these capabilities (all of them by default)."""
    named = {"uri": "test://one"} if method == "resources/read" else {"name": "helpdesk_echo"}
    declared = {**ENVELOPE, jsonrpc.META_CAPABILITIES: ABLE if capabilities is None else capabilities, **(meta or {})}
    body, lines = modern(method, {**named, **params}, meta=declared)
    return body, events(lines)


async def asked_first(app: AgentPlane, **how: Any) -> Any:
    """The result of the first round."""
    answer = await send(app, *request(**how))
    assert answer.status == 200, answer.body
    return answer.json["result"]


def as_mallory(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, "Bearer mallory" if name == "authorization" else value) for name, value in lines]
