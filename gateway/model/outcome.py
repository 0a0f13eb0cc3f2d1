"""How a call can end, for the record: the closed set of audit outcomes, and what an upstream's answer amounted to.

Lives only here: the names. Must not know how an outcome is reached or written. Read by refusal, audit and ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal


class AuditOutcome(StrEnum):
    """The closed set of ways a record can end."""

    ANSWERED = "answered"
    ANSWERED_ERROR = "answered-error"
    """The tool ran and said it failed (`isError`, or a JSON-RPC error that counts as an answer)."""
    REPLAYED = "replayed"
    REJECTED = "rejected"
    """Not a well-formed request."""
    REFUSED = "refused"
    """Well-formed, and turned away before anything was sent."""
    PENDING = "pending"
    FAILED = "failed"
    IN_DOUBT = "in-doubt"
    WITHHELD = "withheld"
    CANCELLED = "cancelled"


INPUT_REQUIRED: Final = "input_required"
"""`resultType` of a round that asks for more."""
REQUEST_STATE: Final = "requestState"
"""What the upstream wants back with the answers, byte for byte."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The upstream answered with our id: a result (also one with `isError`)."""

    result: Mapping[str, Any]
    http: Mapping[str, Any] | None = None
    """For plain HTTP tools: {status, type, wrapped}; becomes `_meta["io.sallyport/http"]` and is kept with the result."""

    @property
    def wants_input(self) -> bool:
        """Whether it ends this round only: the same request is to be made again with answers (2026-07-28, MRTR)."""
        return self.result.get("resultType") == INPUT_REQUIRED


@dataclass(frozen=True, slots=True)
class AnsweredError:
    """The upstream answered with a JSON-RPC error that counts as an answer: it may have acted."""

    code: int
    message: str
    data: Any = None


Cause = Literal["unreached", "later", "never", "unfit"]
"""Why a call was not carried out: the server could not be reached; not now; the server would always turn the same call
away; no request can carry these arguments."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """Proven not carried out: no byte left, or the upstream refused before execution by definition (ledger §1.5)."""

    why: str
    """A short phrase of ours, never the upstream's text."""
    retry_after_ms: int | None = None
    cause: Cause = "later"
    required: Mapping[str, Any] | None = None
    """Client capabilities without which the server does not begin (2026-07-28, -32021)."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Bytes left and no usable answer came: whether it was carried out is unknown."""

    why: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Brought:
    """What an answer amounts to, for those who count: budgets and loops."""

    result: Mapping[str, Any]
    """Cleaned; empty for a JSON-RPC error."""
    size: int
    """Bytes as kept."""
    is_error: bool


RungName = Literal["hint", "refuse", "ask", "pause"]


@dataclass(frozen=True, slots=True)
class Looped:
    """That a call repeats something, and what was done about it: for the record."""

    rule: Literal["R1", "R2", "R3", "R4", "R5", "R6"]
    rung: RungName


Carried = Answered | AnsweredError | Unsent | Lost
"""What became of one send. A closed set: `match` it and end with `assert_never`."""
