"""What the ledger is asked and what it answers, and the states of one record (ledger §1.4).

Lives only here: the names of the states and the frozen values that cross between road, ledger and store. Must not know
SQL, Redis, clocks or waiting. The store decides transitions with the pure functions of `transitions.py`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal

from gateway.model.spend import Cost, Spend

KeySource = Literal["header", "meta", "once", "call-id", "derived"]
KEYED: Final = frozenset({"header", "meta", "once"})
"""Where the record alone names what is done."""
CHOSEN: Final = frozenset({"header", "meta"})
"""By a caller that knows what it repeats."""
GUESSED: Final = frozenset({"derived", "call-id"})
"""Where a repeat may be meant, so it is marked where the model reads."""
TOKEN_BITS: Final = 52
"""Of the token of a claim: exact in a float, for stores whose scripts know no other number."""
DOUBTS: Final = 10_000
"""How many doubts a store tells of, the oldest first."""
DOUBTS_AT_ONCE: Final = 500
"""How many records it looks at in one step, for others wait meanwhile."""


KeptKind = Literal["result", "error", "withheld"]


class State(StrEnum):
    """State of one ledger record; an absent record has none."""

    CLAIMED = "claimed"
    SENT = "sent"
    DONE = "done"
    RETRYABLE = "retryable"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt to be the one that executes."""

    record: bytes
    """HMAC-SHA256 record key (32 bytes): tenant, scope, source, key and round; holds no readable secret."""
    fingerprint: bytes
    """SHA-256 over the canonical {tool, upstream, arguments}."""
    call_id: str
    owner: str
    """Random id of this process incarnation."""
    lease_s: float
    resend_within_s: float | None = None
    """The operator declared that repeating is harmless for so long: a record in doubt may be claimed anew while it is
    younger than this. `math.inf` is always (`effect: idempotent`), None never."""
    spends: tuple[Spend, ...] = ()
    """Paid by whoever wins, in the step that claims."""
    also: bytes | None = None
    """A second record, guarded in the same step: whoever finds either of them finds this call."""
    about: bytes = b""
    """JSON about who and what, for people who settle a doubt; sealed at rest."""
    renews: bool = False
    """The call may outlast its lease, which is renewed while it runs."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The kept outcome of an executed call, base-cleaned; what replays and joins are served from."""

    kind: KeptKind
    body: bytes | None
    """JSON of the result or of the error object; None when it was over the limit: only hash and size are kept."""
    sha256: str
    size: int
    is_error: bool
    call_id: str
    """The call that executed."""
    at: float
    """Unix seconds when the answer was settled."""

    @classmethod
    def of(cls, kind: KeptKind, body: bytes | None, *, call_id: str, at: float, is_error: bool = False) -> "Kept":
        """With the hash and size of what is kept; None: nothing is."""
        said = body or b""
        return cls(kind, body, sha256(said).hexdigest(), len(said), is_error, call_id, at)


@dataclass(frozen=True, slots=True)
class Won:
    """The claim is ours under this token; every later write must carry it."""

    token: int
    departed: bool
    """True when `sent` and the intent were made durable in the same step."""
    origin: str = ""
    """Id of the first call of this execution: a claim that was given back, or a doubt that is sent again, goes on with it."""
    resends: bool = False
    """A call before this one was sent and is in doubt, which only an answer ends."""
    levels: tuple[int, ...] = ()
    """How much of each shared budget is used and held with this claim, in the order of `Claim.spends`."""


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody was here before."""

    state: Literal[State.CLAIMED, State.SENT, State.DONE, State.DOUBT]
    kept: Kept | None
    """Set exactly when the state is DONE."""
    call_id: str
    delivered: bool = False
    token: int = 0
    """Of the call that was here before; `ClaimStore.delivered` wants it."""
    since: float = 0.0
    """Unix seconds when that call claimed or, if it did since, departed."""


def forwarded(record: bytes, source: KeySource, origin: str) -> str:
    """The key that the tool is told (hex), the same for every send of one execution.

    Where the key says what is done, it is the record. A derived record names every execution of the same call, and a tool
    that recognises keys would answer the second from its memory of the first: so each has a key of its own.
    """
    return record.hex() if source in KEYED else sha256(record + origin.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The same explicit key stands for another fingerprint."""


@dataclass(frozen=True, slots=True)
class Overspent:
    """Would have won, but a shared budget is spent; nothing was claimed."""

    spend: Spend
    resets_at: float | None
    """Unix seconds; None: never."""
    left: int = 0
    resends: bool = False
    """As of `Won`."""


ClaimAnswer = Won | Found | Mismatch | Overspent


class Departure(StrEnum):
    """Whether a claim may be sent now."""

    DEPARTED = "departed"
    LOST = "lost"
    """The token is not the record's any more, or the doubt that it would send again has become too old."""
    UNAPPROVED = "unapproved"
    """The approval was used, expired, void or never given; the claim is still ours."""


@dataclass(frozen=True, slots=True)
class Done:
    """Executed: keep this for `keep_s` seconds."""

    kept: Kept
    keep_s: float = 0.0
    """Filled in by the ledger, which knows the window of the key's source."""
    also_keep_s: float = 0.0
    """The same for `Claim.also`, which stays at least as long."""
    used: Cost | None = None
    """What the claim pays in the end, filled in by the ledger; None: all that was reserved."""


@dataclass(frozen=True, slots=True)
class NotDone:
    """Proven not executed: the next caller may claim again."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Sent, and nobody knows: stays until an answer of the same token or a person settles it."""


Ending = Done | NotDone | InDoubt


@dataclass(frozen=True, slots=True)
class Doubted:
    """A call that was sent, and nobody knows what became of it."""

    record: bytes
    token: int
    """`ClaimStore.resolve` wants it."""
    call_id: str
    fingerprint: bytes
    """Empty where nothing but the call's name is known any more."""
    since: float
    """Unix seconds when that call departed."""
    about: bytes
    """`Claim.about`; empty where it is lost."""
    origin: str = ""
    """`Won.origin` of its claim."""
    age_s: float = field(default=0.0, compare=False)
    """How long ago that was at least, by one clock of the store that told of it: no step of a wall clock makes a doubt older."""

    @property
    def name(self) -> tuple[bytes, int]:
        """What tells it from one that the record comes into later."""
        return self.record, self.token
