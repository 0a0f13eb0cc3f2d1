"""What the operator plane may ask of the house: small Protocols, implemented by rooms and put together in `app.py`.

Lives only here: the operator's seams. Must not know FastAPI (routes do) nor how a room answers. Everything that
changes something goes through `AuditTrail.operator`, so that it stands in the same chain as the calls.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gateway.model.approval import Approval, Ruling
from gateway.model.spend import Usage
from gateway.model.stop import Stop, StopKind
from gateway.ports import AuditTrail


@dataclass(frozen=True, slots=True)
class Page:
    """One page of records and where the next one starts."""

    records: Sequence[Mapping[str, Any]]
    next: str | None


class AuditDesk(Protocol):
    """Questions to the audit index, which is brought up to date first."""

    async def query(self, filters: Mapping[str, str]) -> Page:
        """Raises ValueError with a sentence for a filter, limit or cursor that makes no sense."""

    async def call(self, call_id: str) -> Sequence[Mapping[str, Any]]:
        """All entries of one call, oldest first; empty when there is none."""

    def all(self, filters: Mapping[str, str]) -> AsyncIterator[Mapping[str, Any]]:
        """Every record the filters let through, page after page."""


class StopDesk(Protocol):
    """The kill switch."""

    def must_match(self, kind: StopKind, target: str) -> None:
        """Raises ValueError with a sentence for a target that could never match."""

    async def stop(self, stop: Stop) -> None:
        """Raises StoreUnavailable when the stop, in force already, would not survive a restart."""

    async def lift(self, kind: StopKind, target: str) -> bool:
        """False when it was not stopped. Raises StoreUnavailable; then the stop stays."""

    def stops(self) -> Sequence[Stop]: ...


class KeyDesk(Protocol):
    """API keys made at run time."""

    def new(
        self, *, agent: str, user: str | None, tenant: str, key_id: str | None, expires: float | None
    ) -> tuple[str, str]:
        """(id, secret); the secret is never seen again. Raises ValueError for an id that is taken."""

    def ls(self) -> Sequence[Mapping[str, Any]]: ...
    def revoke(self, key_id: str) -> bool: ...


class ApprovalDesk(Protocol):
    """Questions that wait for a person. Raises StoreUnavailable."""

    async def all(self) -> Sequence[Approval]:
        """As they stand now, newest first."""

    async def get(self, id: str) -> Approval | None:  # noqa: A002
        """As it stands now."""

    def bars(self, approval: Approval, user: str) -> Ruling | None:
        """Why `user` may not decide; None when they may."""

    async def decide(self, id: str, *, by: str, user: str, approved: bool, why: str) -> Ruling:  # noqa: A002
        """Written into the audit chain before it takes effect; `by` is the operator, `user` who that is in policy."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A call that was sent and whose answer never came; what is not known any more is None."""

    call: str
    key: str
    """As it was forwarded to the tool, by which a person may find the call there."""
    since: float
    """Unix seconds."""
    tool: str | None = None
    upstream: str | None = None
    tenant: str | None = None
    agent: str | None = None
    user: str | None = None
    arguments: Mapping[str, Any] | None = None
    """Kept only where the tool has a probe."""


Resolution = Literal["resolved", "not-in-doubt", "resolved-before"]


class DoubtDesk(Protocol):
    """Calls in doubt. Raises StoreUnavailable."""

    async def all(self) -> Sequence[Doubt]:
        """Oldest first."""

    async def get(self, call: str) -> Doubt | None: ...

    async def resolve(self, call: str, *, by: str, executed: bool, why: str, result: str | None) -> Resolution:
        """Written into the audit chain before it takes effect. Raises Refused for a result that cannot be cleaned."""


SightKind = Literal["tool", "prompt", "resource", "template"]


@dataclass(frozen=True, slots=True)
class Sight:
    """One tool, prompt, resource or template as one pair of agent and user stands to it."""

    tool: str
    """Its canonical id."""
    published: str | None
    """Published name, URI or template; None when hidden."""
    effect: str
    why: str
    """The rule or the curation that shows or hides it, in a few words."""
    kind: SightKind = "tool"


class HouseDesk(Protocol):
    """State of the house."""

    def tools(self, agent: str, user: str | None, tenant: str) -> Sequence[Sight]:
        """Raises KeyError for an agent that is not configured."""

    def agents(self) -> Sequence[Mapping[str, Any]]: ...
    def upstreams(self) -> Sequence[Mapping[str, Any]]: ...
    def stranger(self, kind: StopKind, target: str) -> str | None:
        """Why a stop may be one of nobody; None where the name is known, or only callers could know it."""

    def policy(self) -> Mapping[str, Any]: ...
    def health(self) -> Mapping[str, str]:
        """Component → `ok`, perhaps with a reservation, or what is wrong; ready when every value begins with `ok`."""

    async def accept_loss(self) -> bool:
        """False when the store lost nothing. Raises StoreUnavailable."""

    def started(self) -> bool: ...
    def metrics(self) -> bytes:
        """Prometheus text format."""


class Step(Protocol):
    """What one room says about a call nobody made."""

    @property
    def room(self) -> str: ...
    @property
    def verdict(self) -> str:
        """`passes`, `asks` or `stops`."""

    @property
    def why(self) -> str: ...


class Explainer(Protocol):
    """What would happen to a call."""

    def steps(
        self, agent: str, user: str | None, tenant: str, tool: str, arguments: Mapping[str, Any]
    ) -> Sequence[Step]:
        """At least one, in the order of the road, up to the first room that stops the call."""


class BudgetDesk(Protocol):
    """How budgets stand."""

    async def usage(self) -> Sequence[Usage]:
        """Every counter that a rule is about. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the operator plane is given."""

    audit: AuditDesk
    trail: AuditTrail
    stops: StopDesk
    keys: KeyDesk
    house: HouseDesk
    now: Any
    """() -> Unix seconds."""
    approvals: ApprovalDesk
    explainer: Explainer
    doubts: DoubtDesk
    budgets: BudgetDesk
