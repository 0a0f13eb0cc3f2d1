"""A play about one call: the agent asks, the upstream hears and answers, the agent hears, the record reads.

`Playbook` puts the real road between small fakes. A test makes a room fail (`play.fails`) or wait (`play.holds`) at a
step by the step's name; `play.log` is what happened, in order.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pipeline_rooms import FakeApprovals, FakeLedger, FakeRecord, FakeUpstream, Stage

from gateway.model.call import Arrival, Asked, Reply, ReplyError
from gateway.model.claim import Doubted, Kept, NotDone
from gateway.model.cleaned import Cleaned
from gateway.model.decision import Decision, Verdict
from gateway.model.outcome import Answered, Carried
from gateway.model.principal import Principal
from gateway.model.refusal import Refusal, Refused
from gateway.model.tool import Beside, BesideKind, Effect, ListKind, ResolvedCall, Tool, ToolId
from gateway.pipeline import Road
from gateway.sights import Shelf
from gateway.tasks import Tasks

NOON = 1_767_268_800.0
ALICE = Principal("default", "support-bot", "key:k1", "alice", "key:k1")
ARRIVAL = Arrival("call-1", "a credential", None, "192.0.2.7")
KEPT = Kept("result", b'{"content":[{"type":"text","text":"paid"}]}', "a" * 64, 43, False, "call-0", NOON - 60)


def asks(**more: Any) -> Asked:
    return Asked("helpdesk_refund", {"order": 7}, "modern", "2026-07-28", **more)


def text(said: str, **more: Any) -> Answered:
    return Answered({"content": [{"type": "text", "text": said}], **more})


class Clock:
    def now(self) -> float:
        return NOON

    def monotonic(self) -> float:
        return 100.0


@dataclass
class FakeIdentity:
    stage: Stage
    run: str | None = None

    async def prove(self, arrival: Arrival) -> Principal:
        await self.stage.wait("identity.prove")
        return replace(ALICE, run=self.run)


@dataclass
class FakeView:
    stage: Stage
    tool: Tool
    digest: str = "d" * 64

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        return [{"name": "helpdesk_refund"}]

    def resolve(self, name: str, arguments: Mapping[str, Any]) -> ResolvedCall:
        self.stage.step("catalog.resolve")
        return ResolvedCall(self.tool, name, {**arguments, "fixed": "by us"})

    def published_schema(self, name: str) -> Mapping[str, Any] | None:
        return {"type": "object"} if name == "helpdesk_refund" else None


@dataclass
class FakeCatalog:
    view_: FakeView
    shown: frozenset[ToolId] = frozenset()
    version: int = 1
    shelf_: Shelf | None = None

    def ids(self, agent: str) -> frozenset[ToolId]:
        return frozenset({"helpdesk/refund", "helpdesk/erase"})

    def view(self, agent: str, visible: frozenset[ToolId]) -> FakeView:
        self.shown = visible
        return self.view_

    def learn(self, upstream: str, definitions: Sequence[Mapping[str, Any]]) -> bool:
        raise AssertionError("lists are learnt beside the calls, not on the road")

    def shelf(self, agent: str) -> Shelf:
        assert self.shelf_ is not None, "tools have a view"
        return self.shelf_

    def learn_beside(self, upstream: str, beside: Beside) -> frozenset[BesideKind]:
        raise AssertionError("lists are learnt beside the calls, not on the road")


@dataclass
class FakePolicy:
    stage: Stage
    verdict: Verdict = Verdict.ALLOW
    asked: tuple[Any, ...] = ()
    version: str = "v1"
    hidden: frozenset[ToolId] = frozenset({"helpdesk/erase"})
    acts: list[str] = field(default_factory=list)
    """What it was asked for, in order."""

    def decide(self, principal: Principal, tool: ToolId, act: str, arguments: Mapping[str, Any]) -> Decision:
        self.stage.step("policy.decide")
        self.acts.append(act)
        self.asked = (principal, tool, act, arguments)
        return Decision(self.verdict, ("refund-small",), self.version)

    def visible(self, principal: Principal, tools: frozenset[ToolId], act: str = "call") -> frozenset[ToolId]:
        self.stage.step("policy.visible")
        self.acts.append(act)
        return tools - self.hidden

    def sees(self, principal: Principal, tool: ToolId, act: str) -> bool:
        self.stage.step("policy.sees")
        self.acts.append(act)
        return tool not in self.hidden


@dataclass
class FakeSanitizer:
    stage: Stage

    def result(self, result: Mapping[str, Any], tool: Tool) -> Cleaned:
        self.stage.step("sanitize.result")
        return Cleaned({**result, "cleaned": True}, {"secret": 1})

    def error(self, message: str, data: Any) -> tuple[Cleaned, Cleaned]:
        self.stage.step("sanitize.error")
        return Cleaned(f"cleaned: {message}", {"secret": 1}), Cleaned(data, {})

    def value(self, value: Any) -> Cleaned:
        self.stage.step("sanitize.value")
        return Cleaned(value, {})

    def definition(self, definition: Mapping[str, Any], kind: ListKind = "tools") -> Cleaned:
        raise AssertionError("definitions are cleaned when they are learnt, not on the road")

    def redacted(self, value: Any) -> Cleaned:
        return Cleaned(f"redacted {value}" if isinstance(value, str) else {"redacted": True}, {})


@dataclass
class FakeTrail:
    stage: Stage
    last: FakeRecord | None = None

    def open(self, arrival: Arrival) -> FakeRecord:
        self.stage.log.append("audit.open")
        self.last = FakeRecord(self.stage, arrival.call_id)
        return self.last

    async def operator(self, who: str, action: str, facts: Mapping[str, Any]) -> None: ...


@dataclass
class FakeLooks:
    """A probe that sees what a test lays out."""

    stage: Stage
    seen: Literal["yes", "no", "unknown"] = "unknown"
    became: Kept | NotDone | None = None
    over: bool = False
    doubts: list[Doubted] = field(default_factory=list)

    async def verified(self, principal: Principal, call: ResolvedCall, key: str, call_id: str, within_s: float) -> Any:
        await self.stage.wait("looks.verified")
        return self.seen

    async def resolved(self, doubted: Doubted, *, left: bool = False) -> Kept | NotDone | None:
        self.doubts.append(doubted)
        await self.stage.wait("looks.resolved")
        return self.became

    async def reconsidered(self, call_id: str) -> bool:
        await self.stage.wait(f"looks.reconsidered {call_id}")
        return self.over


class Playbook:
    """One road, and everything a test may look at or arrange beforehand."""

    def __init__(self, effect: Effect = Effect.MUTATING, answer: Carried | None = None, run: str | None = None) -> None:
        stage = Stage()
        self.log, self.journal, self.fails, self.holds = stage.log, stage.journal, stage.fails, stage.holds
        self.tool = Tool("helpdesk/refund", "helpdesk", "refund", {}, "0" * 64, effect)
        self.catalog, self.policy = FakeCatalog(FakeView(stage, self.tool)), FakePolicy(stage)
        self.ledger, self.upstream = FakeLedger(stage), FakeUpstream(stage, answer or text("paid"))
        self.trail, self.tasks = FakeTrail(stage), Tasks()
        self.approvals, self.looks = FakeApprovals(stage), FakeLooks(stage)
        self.road = Road(
            identity=FakeIdentity(stage, run),
            catalog=self.catalog,
            policy=self.policy,
            ledger=self.ledger,
            approvals=self.approvals,
            looks=self.looks,
            hold_s=25.0,
            relieve=self._relieve,
            upstreams={"helpdesk": self.upstream},
            sanitize=FakeSanitizer(stage),
            audit=self.trail,
            tasks=self.tasks,
            clock=Clock(),
        )

    def _relieve(self, agent: str, effect: Effect | None) -> None:
        if "relieve" in self.fails:
            raise self.fails["relieve"]

    async def heard(self, asked: Asked | None = None) -> Reply | ReplyError | Refusal:
        """Walks one call, as a listener does; what the agent hears."""
        record = self.road.open(ARRIVAL)
        async with asyncio.timeout(5):
            try:
                principal = await self.road.identify(record, ARRIVAL)
            except Refused as refused:
                await self.road.refuse(record, refused.refusal)
                return refused.refusal
            try:
                return await self.road.call(record, principal, asked or asks())
            except Refused as refused:
                return refused.refusal

    async def reply(self, asked: Asked | None = None) -> Reply:
        heard = await self.heard(asked)
        assert isinstance(heard, Reply), heard
        return heard

    async def refusal(self, asked: Asked | None = None) -> Refusal:
        heard = await self.heard(asked)
        assert isinstance(heard, Refusal), heard
        return heard

    @property
    def record(self) -> Mapping[str, Any]:
        """The one terminal entry."""
        (terminal,) = [entry for entry in self.journal if entry.get("kind") != "intent"]
        return terminal

    @property
    def rooms(self) -> list[str]:
        return [step for step in self.log if not step.startswith("lap")]


async def until(play: Playbook, step: str) -> None:
    """Lets the road walk up to a step."""
    async with asyncio.timeout(5):
        while step not in play.log:
            await asyncio.sleep(0)
