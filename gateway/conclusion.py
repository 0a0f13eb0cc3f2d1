"""What one send amounted to: for the agent, for the ledger and for the record, from one match over one closed set.

Lives only here: the mapping `Carried` → reply or refusal, ending, audit facts. An answer is cleaned here, before
anybody sees or keeps it. Must not know the road's order, transports or stores. Called by the pipeline only.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from gateway.expressions import holds
from gateway.model.call import Reply, ReplyError
from gateway.model.claim import Done, Ending, InDoubt, Kept, KeptKind, NotDone
from gateway.model.cleaned import Cleaned
from gateway.model.dialogue import ASKED
from gateway.model.outcome import (
    INPUT_REQUIRED,
    REQUEST_STATE,
    Answered,
    AnsweredError,
    AuditOutcome,
    Brought,
    Carried,
    Lost,
    Unsent,
)
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.tool import ResolvedCall
from gateway.ports import Sanitizer
from gateway.replies import NS, marked, provenance, theirs, with_text
from gateway.wire.strict_json import dump

_log = logging.getLogger("sallyport")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What one send amounted to: for the agent, for the ledger, for the record."""

    ends: Reply | ReplyError | Refusal
    outcome: AuditOutcome
    facts: Mapping[str, Any]
    kind: KeptKind = "withheld"
    kept: bytes = b""
    """JSON as it is kept for replays: cleaned, without what belongs to this one call."""
    is_error: bool = False

    @property
    def good(self) -> bool:
        """Whether the call was carried out and its result says nothing else."""
        return self.kind == "result" and not self.is_error and self.facts["executed"] == "yes"

    @property
    def brought(self) -> Brought | None:
        """What the answer amounts to, for those who count; None when none came."""
        match self.ends:
            case Reply(result=result):
                return Brought(result, len(self.kept), self.is_error)
            case ReplyError():
                return Brought({}, len(self.kept), is_error=True)
            case Refusal():
                return None
            case _:
                assert_never(self.ends)

    def warned(self, warnings: Mapping[str, Any]) -> "Conclusion":
        """The same, with `_meta` members that belong to this one reply."""
        if not warnings:
            return self
        match self.ends:
            case Reply(result=result):
                return replace(self, ends=Reply(marked(result, warnings)))
            case ReplyError(meta=meta):
                return replace(self, ends=replace(self.ends, meta={**meta, **warnings}))
            case Refusal():
                return self
            case _:
                assert_never(self.ends)

    @classmethod
    def answered(cls, cleaned: Cleaned, marks: Mapping[str, Any], *, accepted: bool | None = None) -> "Conclusion":
        kept = dump(cleaned.value)
        is_error = cleaned.value.get("isError") is True
        return cls(
            ends=Reply(marked(cleaned.value, marks)),
            outcome=AuditOutcome.ANSWERED_ERROR if is_error else AuditOutcome.ANSWERED,
            facts={
                **_round(cleaned.value),
                **_noted(accepted=accepted),
                "findings": dict(cleaned.findings),
                "result": _seen(kept, is_error=is_error),
            },
            kind="result",
            kept=kept,
            is_error=is_error,
        )

    @classmethod
    def failed(
        cls, code: int, message: Any, data: Any, findings: Mapping[str, int], marks: Mapping[str, Any]
    ) -> "Conclusion":
        kept = dump({"code": code, "message": message, "data": data})
        return cls(
            ends=ReplyError(code, message, data, meta=marks),
            outcome=AuditOutcome.ANSWERED_ERROR,
            facts={"executed": "yes", "code": code, "findings": dict(findings), "result": _seen(kept, is_error=True)},
            kind="error",
            kept=kept,
            is_error=True,
        )

    @classmethod
    def turned_away(cls, refusal: Refusal, *, accepted: bool | None = None) -> "Conclusion":
        return cls(ends=refusal, outcome=refusal.row.outcome, facts={**refusal.facts(), **_noted(accepted=accepted)})

    def ending(self, carried: Carried, call_id: str, now: float) -> Ending:
        """The same for the ledger (ledger §1.5): an answer is kept, a proven non-send is given back, the rest is doubt."""
        match carried:
            case Unsent():
                return NotDone()
            case Lost():
                return InDoubt()
            case Answered() | AnsweredError():
                return Done(Kept.of(self.kind, self.kept, call_id=call_id, at=now, is_error=self.is_error))
            case _:
                assert_never(carried)


def conclude(carried: Carried, call: ResolvedCall, call_id: str, sanitize: Sanitizer) -> Conclusion:
    """Whatever came back is cleaned before anybody sees or keeps it; what cannot be cleaned is withheld."""
    try:
        return _concluded(carried, call, call_id, sanitize)
    except Refused as refused:
        return Conclusion.turned_away(refused.refusal)
    except Exception:  # noqa: BLE001  a defect must neither pass what it could not clean nor lose the call
        _log.exception("call %s: its answer could not be cleaned", call_id)
        return Conclusion.turned_away(Refusal(Reason.RESULT_WITHHELD, "The answer could not be cleaned."))


def _concluded(carried: Carried, call: ResolvedCall, call_id: str, sanitize: Sanitizer) -> Conclusion:
    match carried:
        case Answered():
            result = carried.result
            if "_meta" in result:
                result = {**result, "_meta": theirs(result["_meta"])}
            cleaned = _cleaned_round(result, sanitize) if carried.wants_input else sanitize.result(result, call.tool)
            if carried.http is not None:  # ours, added after the cleaning and kept with the answer
                cleaned = Cleaned(marked(cleaned.value, {f"{NS}/http": dict(carried.http)}), cleaned.findings)
            accepted = _accepted(carried, call)
            if accepted is False and not call.tool.effect.leaves_traces:
                return Conclusion.turned_away(_unaccepted(call), accepted=accepted)
            if accepted is False:
                cleaned = Cleaned(_flagged(cleaned.value), cleaned.findings)
            return Conclusion.answered(cleaned, provenance(call_id, call, cleaned.findings), accepted=accepted)
        case AnsweredError():
            message, data = sanitize.error(carried.message, theirs(carried.data))
            findings = Counter(message.findings) + Counter(data.findings)
            marks = provenance(call_id, call, findings)
            return Conclusion.failed(carried.code, message.value, data.value, findings, marks)
        case Unsent():
            return Conclusion.turned_away(_unsent(call, carried))
        case Lost():
            return Conclusion.turned_away(_lost(call, carried))
        case _:
            assert_never(carried)


def _accepted(carried: Answered, call: ResolvedCall) -> bool | None:
    """Judged as it came, for cleaning must not turn a yes into a no. None where nothing is declared, and of a round."""
    accept = call.tool.terms.accept
    if accept is None or carried.wants_input:
        return None
    return holds(accept, result=carried.result, args=call.arguments) is True


def _unaccepted(call: ResolvedCall) -> Refusal:
    return Refusal(Reason.UPSTREAM_INVALID, f"{call.tool.label} answered, but its answer is not what `accept` wants.")


def _flagged(result: Mapping[str, Any]) -> dict[str, Any]:
    """Said where the model reads, and kept with the answer: who asks again is told the same."""
    line = (
        "The tool was carried out, but its answer is not what its operator accepts as good. Do not take it for a success, "
        "and do not repeat the call: check what it did first."
    )
    return with_text(marked(result, {f"{NS}/accepted": False}), line)


def _noted(*, accepted: bool | None) -> dict[str, Any]:
    return {} if accepted is None else {"accepted": accepted}


def _cleaned_round(result: Mapping[str, Any], sanitize: Sanitizer) -> Cleaned:
    """What a round asks for. Its state goes back to the upstream byte for byte, sealed, so no reader sees what it holds."""
    cleaned = sanitize.value({name: member for name, member in result.items() if name != REQUEST_STATE})
    if REQUEST_STATE not in result:
        return cleaned
    return Cleaned({**cleaned.value, REQUEST_STATE: result[REQUEST_STATE]}, cleaned.findings)


def _unsent(call: ResolvedCall, unsent: Unsent) -> Refusal:
    """Three different next steps: somebody else must act, the caller must ask otherwise, or it helps to wait."""
    detail = f"{call.tool.upstream} did not take the call: {unsent.why}."
    if unsent.required is not None:
        return Refusal(Reason.MISSING_CAPABILITY, detail, data={"requiredCapabilities": unsent.required})
    match unsent.cause:
        case "never":
            return Refusal(Reason.UPSTREAM_REFUSED, detail)
        case "unfit":
            return Refusal(Reason.INVALID_ARGUMENTS, f"{call.tool.label} was not sent: {unsent.why}.")
        case "unreached" | "later":
            return Refusal(Reason.UPSTREAM_UNAVAILABLE, detail, retry_after_ms=unsent.retry_after_ms)
        case _:
            assert_never(unsent.cause)


def _lost(call: ResolvedCall, lost: Lost) -> Refusal:
    if call.tool.effect.leaves_traces:
        detail = f"{call.tool.id} was sent and no usable answer came ({lost.why}); it may have been carried out."
        return Refusal(Reason.OUTCOME_UNKNOWN, detail)
    reason = Reason.UPSTREAM_TIMEOUT if lost.timed_out else Reason.UPSTREAM_INVALID
    return Refusal(reason, f"{call.tool.label} gave no usable answer: {lost.why}.")


def _round(result: Mapping[str, Any]) -> dict[str, Any]:
    """Whether this round carried the call out; one that asks for input (2026-07-28, MRTR) says so, and what it asks."""
    if result.get("resultType") != INPUT_REQUIRED:
        return {"executed": "yes"}
    requests = result.get("inputRequests")
    wanted = requests.values() if isinstance(requests, Mapping) else ()
    methods = (one.get("method") for one in wanted if isinstance(one, Mapping))
    return {
        "executed": "no",
        "asks": dict(Counter(method for method in methods if isinstance(method, str) and method in ASKED)),
    }


def _seen(kept: bytes, *, is_error: bool) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(kept).hexdigest(), "bytes": len(kept), "is_error": is_error}
