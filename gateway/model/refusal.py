"""The one refusal table: every way a call can be turned away, and what that means on each wire.

Lives only here: reason → JSON-RPC code, HTTP status, shape on `/mcp`, audit outcome, what was executed and what the
agent may do next. Listeners render from it, the audit trail records from it, documentation is checked against it.
Must not know: who asked, which room found out, how bytes are written. A room refuses by raising `Refused`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Literal

from gateway.model.outcome import AuditOutcome, Looped
from gateway.model.reason import Reason

__all__ = ("TABLE", "Executed", "Reason", "Refusal", "Refused", "Retry", "Row", "Shape")

Executed = Literal["no", "yes", "unknown"]
Retry = Literal["same_key", "new_key", "after", "never"]


class Shape(StrEnum):
    """How a refusal looks on `/mcp`: can the model do something sensible with it?"""

    RESULT = "result"
    """Yes: a tool result with `isError: true` and a plain sentence."""
    ERROR = "error"
    """No: a JSON-RPC error."""
    BARE = "bare"
    """Refused before JSON-RPC was reached: an HTTP status and a short JSON body."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    code: int
    """JSON-RPC error code, or ours (HTTP status × 100 + n) inside the outcome object."""
    status: int
    """HTTP status, modern era and HTTP plane; a legacy session answers JSON-RPC errors with 200."""
    shape: Shape
    outcome: AuditOutcome
    executed: Executed
    retry: Retry
    remedy: str
    """The next step, for the agent or the person behind it."""


_ERROR, _RESULT, _BARE = Shape.ERROR, Shape.RESULT, Shape.BARE
_REJECTED, _REFUSED, _FAILED = AuditOutcome.REJECTED, AuditOutcome.REFUSED, AuditOutcome.FAILED

TABLE: Final[Mapping[Reason, Row]] = {
    Reason.MALFORMED: Row(-32700, 400, _ERROR, _REJECTED, "no", "never", "Send one well-formed JSON object."),
    Reason.INVALID_REQUEST: Row(
        -32600, 400, _ERROR, _REJECTED, "no", "never", "Send one JSON-RPC 2.0 request or notification per POST."
    ),
    Reason.INVALID_PARAMS: Row(-32602, 400, _ERROR, _REJECTED, "no", "never", "Correct the parameters named here."),
    Reason.HEADER_MISMATCH: Row(
        -32020, 400, _ERROR, _REJECTED, "no", "never", "Make the MCP headers repeat what the body says."
    ),
    Reason.UNSUPPORTED_VERSION: Row(
        -32022, 400, _ERROR, _REJECTED, "no", "never", "Use one of the versions in data.supported."
    ),
    Reason.MISSING_CAPABILITY: Row(
        -32021, 400, _ERROR, _REJECTED, "no", "never", "Declare the capabilities in data.requiredCapabilities."
    ),
    Reason.UNKNOWN_METHOD: Row(-32601, 404, _ERROR, _REJECTED, "no", "never", "Use a method this server lists."),
    Reason.NOT_FOUND: Row(
        40400, 404, _BARE, _REJECTED, "no", "never", "Use /mcp, /agents/{agent}/mcp or /http/{upstream}/…."
    ),
    Reason.BAD_ORIGIN: Row(40300, 403, _BARE, _REJECTED, "no", "never", "Add the origin to listen.origins."),
    Reason.BAD_HOST: Row(42100, 421, _BARE, _REJECTED, "no", "never", "Add the host to listen.hosts."),
    Reason.WRONG_METHOD: Row(40500, 405, _BARE, _REJECTED, "no", "never", "Use a method that the Allow header names."),
    Reason.TOO_LARGE: Row(41300, 413, _BARE, _REJECTED, "no", "never", "Send less; the limit is named here."),
    Reason.TOO_SLOW: Row(40800, 408, _BARE, _REJECTED, "no", "same_key", "Send the body without long pauses."),
    Reason.WRONG_TYPE: Row(41500, 415, _BARE, _REJECTED, "no", "never", "Send Content-Type: application/json."),
    Reason.SESSION_MISSING: Row(
        40001, 400, _BARE, _REJECTED, "no", "never", "Send initialize first, then Mcp-Session-Id on every request."
    ),
    Reason.SESSION_ENDED: Row(40401, 404, _BARE, _REJECTED, "no", "never", "Send initialize again."),
    Reason.SESSIONS_FULL: Row(50304, 503, _BARE, _REJECTED, "no", "after", "Wait, then send initialize again."),
    Reason.STREAM_TAKEN: Row(
        40901, 409, _BARE, _REJECTED, "no", "never", "A session has one GET stream; close the other one first."
    ),
    Reason.UNAUTHENTICATED: Row(
        40100, 401, _BARE, _REFUSED, "no", "never", "Send Authorization: Bearer with a valid key or token."
    ),
    Reason.INSUFFICIENT_SCOPE: Row(40301, 403, _BARE, _REFUSED, "no", "never", "Ask for a token with the named scope."),
    Reason.AGENT_MISMATCH: Row(
        40306, 403, _BARE, _REFUSED, "no", "never", "Use the URL of the agent the credential proves."
    ),
    Reason.UNKNOWN_TOOL: Row(-32602, 404, _ERROR, _REFUSED, "no", "never", "Call tools/list for the tools you have."),
    Reason.UNKNOWN_PROMPT: Row(
        -32602, 404, _ERROR, _REFUSED, "no", "never", "Call prompts/list for the prompts you have."
    ),
    Reason.UNKNOWN_RESOURCE: Row(
        -32602,
        404,
        _ERROR,
        _REFUSED,
        "no",
        "never",
        "Call resources/list and resources/templates/list for what you have.",
    ),
    Reason.INVALID_ARGUMENTS: Row(
        42200, 422, _RESULT, _REFUSED, "no", "new_key", "Correct the arguments to the tool's inputSchema."
    ),
    Reason.POLICY_DENIED: Row(
        40302, 403, _RESULT, _REFUSED, "no", "never", "Ask the owner of the policy if this should be permitted."
    ),
    Reason.STOPPED: Row(40305, 403, _RESULT, _REFUSED, "no", "never", "An operator must lift the stop first."),
    Reason.PAUSED: Row(
        40307, 403, _RESULT, _REFUSED, "no", "after", "This is paused, not refused for good. Make the same call later."
    ),
    Reason.BUDGET_EXHAUSTED: Row(42900, 429, _RESULT, _REFUSED, "no", "after", "Wait until the budget resets."),
    Reason.LOOP_DETECTED: Row(
        42902, 429, _RESULT, _REFUSED, "no", "after", "Change course, or wait before you call again."
    ),
    Reason.APPROVAL_PENDING: Row(
        20200,
        202,
        _RESULT,
        AuditOutcome.PENDING,
        "no",
        "after",
        "A person must approve this call first. Make the same call again, unchanged, to see the answer.",
    ),
    Reason.APPROVAL_DECLINED: Row(
        40303, 403, _RESULT, _REFUSED, "no", "never", "A person said no. Do not try again; tell your user why."
    ),
    Reason.APPROVAL_EXPIRED: Row(
        40304,
        403,
        _RESULT,
        _REFUSED,
        "no",
        "same_key",
        "Nobody answered in time, which is a no. Calling again asks anew.",
    ),
    Reason.KEY_REQUIRED: Row(
        40000,
        400,
        _RESULT,
        _REFUSED,
        "no",
        "new_key",
        "This tool takes no call without an idempotency key: send one in Idempotency-Key or in "
        '_meta["io.sallyport/idempotency-key"], the same for every repetition of the same action.',
    ),
    Reason.KEY_REUSED: Row(
        42201, 422, _RESULT, _REFUSED, "no", "new_key", "This key stands for other arguments; use a new key."
    ),
    Reason.KEY_IN_FLIGHT: Row(
        40900, 409, _RESULT, _REFUSED, "unknown", "same_key", "The first call still runs; repeat it unchanged."
    ),
    Reason.INPUT_EXPIRED: Row(
        41000,
        410,
        _RESULT,
        _REFUSED,
        "unknown",
        "never",
        "The question is closed and the call may have been carried out: do not repeat it. Check what became of it first.",
    ),
    Reason.UPSTREAM_UNAVAILABLE: Row(
        50300, 503, _RESULT, _FAILED, "no", "after", "The tool cannot be reached; nothing was sent. Try again later."
    ),
    Reason.UPSTREAM_REFUSED: Row(
        50202,
        502,
        _RESULT,
        _FAILED,
        "no",
        "never",
        "The tool's service turned the gateway away: its credential, the method or the size. Repeating does not help; "
        "an operator should look at the upstream's credential.",
    ),
    Reason.UPSTREAM_TIMEOUT: Row(
        50400, 504, _RESULT, _FAILED, "unknown", "same_key", "The tool gave no answer in time."
    ),
    Reason.OUTCOME_UNKNOWN: Row(
        50401,
        504,
        _RESULT,
        AuditOutcome.IN_DOUBT,
        "unknown",
        "never",
        "Check what became of it before doing anything again.",
    ),
    Reason.UPSTREAM_INVALID: Row(
        50200, 502, _RESULT, _FAILED, "unknown", "never", "The tool answered something that could not be read."
    ),
    Reason.RESULT_WITHHELD: Row(
        50201,
        502,
        _RESULT,
        AuditOutcome.WITHHELD,
        "yes",
        "never",
        "The tool ran; its answer cannot be passed on. Do not run it again.",
    ),
    Reason.OVERLOADED: Row(50301, 503, _ERROR, _REFUSED, "no", "after", "Wait, then repeat the call."),
    Reason.AUDIT_UNAVAILABLE: Row(
        50302, 503, _ERROR, _REFUSED, "no", "after", "The audit journal cannot be written; an operator must act."
    ),
    Reason.STORE_UNAVAILABLE: Row(
        50303, 503, _ERROR, _REFUSED, "no", "after", "The ledger cannot be written; an operator must act."
    ),
    Reason.CANCELLED: Row(49900, 499, _ERROR, AuditOutcome.CANCELLED, "no", "same_key", "The caller went away."),
    Reason.INTERNAL: Row(
        -32603, 500, _ERROR, _FAILED, "unknown", "never", "A defect of the gateway; report the call id."
    ),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal as it happened: a row of the table plus the particulars a person needs."""

    reason: Reason
    detail: str
    """One sentence: what, where and why. Safe to show: no secret, no exception text, no upstream text."""
    executed: Executed | None = None
    """Set only where this case knows better than the row."""
    retry_after_ms: int | None = None
    rules: tuple[str, ...] = ()
    """Ids of the policy rows that decided, for the record."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Standard members of JSON-RPC `error.data`, such as `supported`."""
    approval: str | None = None
    """Id of the question that a person has to answer, or has answered."""
    original: str | None = None
    """Id of the earlier call that is in doubt."""
    retry: Retry | None = None
    """Set only where this case knows better than the row, with its `remedy`."""
    remedy: str | None = None
    looped: Looped | None = None
    """Of a call that is a loop, for the record."""
    awaited: str | None = None
    """Record (hex) of the call that was waited for, as long as one request may: whoever comes back goes on waiting."""
    budget: Mapping[str, Any] | None = None
    """The budget that has no room: scope, unit, limit, what is left, and when it resets."""

    @property
    def row(self) -> Row:
        return TABLE[self.reason]

    @property
    def ran(self) -> Executed:
        """What was executed, by this case or else by its row."""
        return self.executed or self.row.executed

    def unsure(self) -> "Refusal":
        """Where nobody knows whether an earlier send was executed."""
        return replace(self, executed="unknown")

    def facts(self) -> dict[str, Any]:
        """What is told, for the record: under the names of `record.schema.json`."""
        return {
            "reason": self.reason.value,
            "code": self.row.code,
            "executed": self.ran,
            "detail": self.detail,
            **({"approval": self.approval} if self.approval is not None else {}),
            **({"loop": asdict(self.looped)} if self.looped is not None else {}),
        }

    def told(self, call_id: str) -> dict[str, Any]:
        """The machine-readable object of `_meta["io.sallyport/outcome"]` and of `error.data`."""
        told: dict[str, Any] = {
            "reason": self.reason.value,
            "code": self.row.code,
            "executed": self.ran,
            "retry": self.retry or self.row.retry,
            "call_id": call_id,
            "remedy": self.remedy or self.row.remedy,
        }
        sometimes = {
            "retry_after_ms": self.retry_after_ms,
            "approval": self.approval,
            "original": self.original,
            "budget": None if self.budget is None else dict(self.budget),
        }
        return told | {name: fact for name, fact in sometimes.items() if fact is not None}


class Refused(Exception):
    """Raised by any room to end the road; carries the refusal the caller will see."""

    def __init__(self, reason: Reason, detail: str, **particulars: Any) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.refusal = Refusal(reason, detail, **particulars)

    @classmethod
    def of(cls, refusal: Refusal) -> "Refused":
        """A refusal that was found earlier, raised now."""
        refused = cls(refusal.reason, refusal.detail)
        refused.refusal = refusal
        return refused
