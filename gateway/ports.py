"""Every seam of the house on one page: what a room may ask of another, without knowing it.

Lives only here: small Protocols and the frozen values that cross them; those toward stores are in `homes.py`, those of the
catalog in `sights.py`. Imports nothing of ours but `model`. Rooms implement these, `app.py` connects them, `pipeline.py`
walks through them, tests put fakes behind them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from gateway.model.admission import Admission, Passed, Replay, Ticket
from gateway.model.call import Arrival, Asked, Reply, ReplyError
from gateway.model.claim import Ending
from gateway.model.cleaned import Cleaned
from gateway.model.decision import Decision
from gateway.model.news import Hear
from gateway.model.outbound import Outbound
from gateway.model.outcome import AuditOutcome, Brought, Carried
from gateway.model.principal import Principal
from gateway.model.refusal import Refusal
from gateway.model.spend import Bill
from gateway.model.tool import Beside, BesideKind, Effect, ListKind, ResolvedCall, Tool, ToolId
from gateway.model.work import Entry

T = TypeVar("T")


class Clock(Protocol):
    """Time comes in through here; nothing else in the house asks the operating system."""

    def now(self) -> float:
        """Unix seconds, UTC; may step."""

    def monotonic(self) -> float:
        """Seconds that only move forward; durations and deadlines are measured with these."""


Reached = Callable[[str], None]
"""Called with the name of a crash point as the road passes it; the shipped gateway does nothing, the crash tests kill."""


Relieve = Callable[[str, Effect | None], None]
"""Told of an agent's call before anything is claimed for it, or of a list (None). Raises Refused: overloaded."""


class Identity(Protocol):
    """Proves callers."""

    async def prove(self, arrival: Arrival) -> Principal:
        """Raises Refused: unauthenticated, agent-mismatch. Never waits for the network when a fresh answer is kept."""


class Policy(Protocol):
    """What the acting user may do (Casbin)."""

    @property
    def version(self) -> str:
        """Content hash of model, rows and conditions in force."""

    def decide(self, principal: Principal, tool: ToolId, act: str, arguments: Mapping[str, Any]) -> Decision:
        """Deny beats ask beats allow; nothing matched is deny."""

    def visible(self, principal: Principal, tools: frozenset[ToolId], act: str = "call") -> frozenset[ToolId]:
        """Tools some allow or ask row could match (conditions of allow rows taken as true, of deny rows as false)."""

    def sees(self, principal: Principal, tool: ToolId, act: str) -> bool:
        """The same of one tool, prompt or resource, which may be one that no list names."""


class Ledger(Protocol):
    """Once, and within limits: idempotency, budgets, loops, kill switch."""

    async def admit(
        self,
        principal: Principal,
        call: ResolvedCall,
        asked: Asked,
        call_id: str,
        *,
        intent: Callable[[], Entry | None],
        waits: Callable[[], None],
        deadline: float,
    ) -> Admission:
        """Claims and, when `intent()` gives an entry, departs in the same durable step.

        `intent` is called at most once per attempt to claim, at the very moment of claiming and never while a twin is
        waited for: it takes the upstream's free slot, so None means that there is none now and `depart` comes later.
        `waits` is called before a twin in another process is waited for: it gives such a slot back.

        A twin in flight is waited for (bounded by `deadline`, monotonic seconds). Raises Refused: stopped, paused,
        budget-exhausted, loop-detected, key-reused, key-in-flight, outcome-unknown, store-unavailable, audit-unavailable.
        """

    def check(self, principal: Principal, tool: Tool) -> None:
        """Whether a call that waits may wait on; a pause lets it. Raises Refused: stopped."""

    async def depart(self, ticket: Ticket, intent: Entry, approval: str | None = None) -> Ticket:
        """Makes `sent` and the intent durable; no byte may leave before it returns. Checks the kill switch again.

        `approval` is the id of the yes this call goes out under; it is consumed in the same step.
        """

    async def settle(
        self, ticket: Ticket, ending: Ending, close: Callable[..., Entry], brought: Brought | None = None
    ) -> Mapping[str, Any]:
        """Stores the ending together with the terminal record; never raises for a store that cannot be written.

        `close` ends the record, with what the call cost; whoever is shown requests that ended sees that as well.
        Budgets are settled by what was `brought` (None: no answer). Returns warnings for the reply's `_meta`.
        """

    async def release(self, ticket: Ticket, *, will_return: bool = False) -> None:
        """Gives an unsent claim back: retryable, budget returned.

        `will_return`: the caller was told to make the same call again, which is then no repetition.
        """

    def reading(self, principal: Principal, tool: Tool) -> AbstractContextManager[None]:
        """Around the send of a read: a stop that touches it cancels it there. Raises Refused: stopped, paused."""

    def answered(self, passed: Passed, brought: Brought | None) -> Bill:
        """Settles the budgets of a read that was sent; what it came to."""

    def returned(self, passed: Passed) -> None:
        """Returns the budget of a read that was proven unsent."""

    def delivered(self, served: Ticket | Replay) -> None:
        """The last byte of the answer went to a live client; shortens the window of derived replays. Not waited for.

        A replay counts as well: an answer whose first delivery failed has then arrived after all.
        """

    def denied(self, principal: Principal, asked: Asked) -> str | None:
        """Counts what was turned away before the ledger for loop detection; a hint when that repeats."""


class Approvals(Protocol):
    """A person's yes, where policy wants one."""

    async def granted(
        self, ticket: Ticket, decision: Decision, traceparent: str, until: float, still: Callable[[], None]
    ) -> str:
        """The id of an approval for exactly this call, to be consumed in `depart`.

        Waits for a decision until `until` (monotonic seconds) or until `still`, asked a few times a second, raises Refused;
        the question stays. Raises Refused: approval-pending, approval-declined, approval-expired, store-unavailable.
        """


Permit = AbstractContextManager[Callable[[], None]]
"""A slot of the upstream's concurrency limit; leaving the context gives it back. Entering it hands out what to call when the
caller of a call under way has gone.
"""


class Upstream(Protocol):
    """One server behind us."""

    @property
    def id(self) -> str: ...

    @property
    def address(self) -> str:
        """Where it is, for records: a URL without credentials, or the command."""

    def try_permit(self, agent: str) -> Permit | None:
        """A slot if one is free now, and within the agent's share."""

    async def permit(self, deadline: float, agent: str) -> Permit:
        """Waits in the bounded queue. Raises Refused: upstream-unavailable."""

    async def send(self, call: Outbound, deadline: float) -> Carried:
        """Never raises for what the other side does: every fault is a value of `Carried`."""

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        """All pages, raw. Raises UpstreamFault."""

    async def list_beside(self, deadline: float) -> Beside:
        """Prompts, resources and templates, raw; nothing of what the server does not serve. Raises UpstreamFault."""

    async def follow(self, hear: Hear) -> None:
        """For ever: news of the server, while it tells any. Nothing it does ends this but a cancellation."""

    def want(self, uris: frozenset[str]) -> None:
        """The resources whose updates somebody waits for now; replaces what was wanted before."""

    async def close(self) -> None: ...


class UpstreamFault(Exception):
    """An upstream could not be listed; the text is ours and safe to show."""


class Sanitizer(Protocol):
    """Cleans everything that comes back, and redacts what is kept."""

    def result(self, result: Mapping[str, Any], tool: Tool) -> Cleaned:
        """The result of a call, in the form its `tool.kind` has; structured content stays valid.

        Raises Refused: result-withheld.
        """

    def value(self, value: Any) -> Cleaned:
        """Any other JSON of an upstream's: notifications, questions, messages of prompts. Raises Refused: result-withheld."""

    def error(self, message: str, data: Any) -> tuple[Cleaned, Cleaned]: ...

    def definition(self, definition: Mapping[str, Any], kind: ListKind = "tools") -> Cleaned:
        """An entry of a list of this kind, for publication."""

    def redacted(self, value: Any) -> Cleaned:
        """A copy fit for the journal: secrets replaced, long strings shortened."""


class Record(Protocol):
    """The record of one call: opened first, sealed on every exit."""

    @property
    def call_id(self) -> str: ...

    def note(self, **facts: Any) -> None:
        """Adds facts under the names of `record.schema.json`."""

    def lap(self, room: str) -> None:
        """Ends a room: the milliseconds since the last lap are its own."""

    def intent(self) -> Entry:
        """The write-ahead entry with everything known so far."""

    def close(self, outcome: AuditOutcome, **facts: Any) -> Entry:
        """Ends the record and hands over its terminal entry; whoever takes it writes it, exactly once."""

    def forget(self) -> None:
        """Ends the record without an entry: the request was fine and did nothing."""

    async def seal(self, outcome: AuditOutcome, **facts: Any) -> None:
        """Ends the record and waits until it is written; does nothing when it was closed or sealed before."""


class AuditTrail(Protocol):
    """Where records come from."""

    def open(self, arrival: Arrival) -> Record: ...

    async def operator(self, who: str, action: str, facts: Mapping[str, Any]) -> None:
        """Records an operator's action in the same chain."""

    def resolved(self, **facts: Any) -> Entry:
        """What became of a call that was in doubt, for the store that makes it so."""

    async def verified(self, **facts: Any) -> None:
        """What a probe saw after a call."""


class Road(Protocol):
    """The pipeline, as listeners see it."""

    def open(self, arrival: Arrival) -> Record:
        """Opens the record of a request, before anything is known of it."""

    async def identify(self, record: Record, arrival: Arrival) -> Principal:
        """Raises Refused with the record still open: the listener seals it through `refuse`."""

    async def call(self, record: Record, principal: Principal, asked: Asked) -> Reply | ReplyError:
        """Walks one request of any `Asked.method`; the record is sealed on every exit. Raises Refused.

        Cancelling it says that the caller went away; what must go on is shielded inside.
        """

    def recheck(self, record: Record, principal: Principal, asked: Asked) -> None:
        """Whether the principal may still make this call, which is under way; the record learns what a call's would.

        Nothing is claimed, sent or sealed. Raises Refused: unknown-tool, unknown-prompt, unknown-resource,
        invalid-arguments, policy-denied.
        """

    async def list_tools(self, record: Record, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """Published definitions in a stable order; seals the record. Raises Refused."""

    async def list_beside(self, record: Record, principal: Principal, kind: BesideKind) -> Sequence[Mapping[str, Any]]:
        """The same for prompts, resources and resource templates."""

    def readable(self, principal: Principal, uri: str) -> str | None:
        """The upstream whose resource this is, for the principal; None when it is absent or hidden."""

    def schema(self, principal: Principal, name: str) -> Mapping[str, Any] | None:
        """The published inputSchema of a tool the principal sees; None for any other name."""

    def published(self, principal: Principal, tool: ToolId) -> str | None:
        """The name under which the principal sees a tool; None when it does not."""

    async def refuse(self, record: Record, refusal: Refusal) -> None:
        """Seals the record of a request the listener turned away. Raises Refused: audit-unavailable."""

    def forget(self, record: Record) -> None:
        """Drops the record of a request that leaves none: ping, initialize, discovery, notifications."""
