"""`accept` judges answers as they came: a read without its yes is no answer, anything else stays carried out."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.conclusion import Conclusion, conclude
from gateway.model.call import Reply
from gateway.model.cleaned import Cleaned
from gateway.model.outcome import Answered, AnsweredError, AuditOutcome, Carried
from gateway.model.refusal import Reason, Refusal
from gateway.model.terms import Terms
from gateway.model.tool import Effect, ResolvedCall, Tool


class Blackening:
    """A sanitizer that leaves nothing as it was."""

    def result(self, result: Mapping[str, Any], tool: Tool) -> Cleaned:
        return Cleaned({"content": [{"type": "text", "text": "…"}]}, {})

    def value(self, value: Any) -> Cleaned:
        return Cleaned(value, {})

    def error(self, message: str, data: Any) -> tuple[Cleaned, Cleaned]:
        return Cleaned(message, {}), Cleaned(data, {})


def concluded(carried: Carried, effect: Effect, accept: str = "result.status == args.wants") -> Conclusion:
    tool = Tool("bank/pay", "bank", "pay", {}, "0" * 64, effect, terms=Terms(accept=accept))
    return conclude(carried, ResolvedCall(tool, "bank_pay", {"wants": "ok"}), "call-1", Blackening())  # type: ignore[arg-type]


@pytest.mark.parametrize("effect", Effect)
def test_an_accepted_answer_says_so_in_the_record_only(effect: Effect) -> None:
    good = concluded(Answered({"status": "ok"}), effect)

    assert isinstance(good.ends, Reply)
    assert good.facts["accepted"] is True
    assert "io.sallyport/accepted" not in good.ends.result["_meta"]


@pytest.mark.parametrize("result", [{"status": "no"}, {}, {"status": "ok", "huge": 2**64}])
def test_a_read_that_is_not_accepted_is_no_usable_answer(result: dict[str, Any]) -> None:
    accept = "result.status == args.wants" + (" && result.huge > 0" if "huge" in result else "")
    bad = concluded(Answered(result), Effect.READ, accept)

    assert isinstance(bad.ends, Refusal)
    assert (bad.ends.reason, bad.facts["accepted"]) == (Reason.UPSTREAM_INVALID, False)
    assert bad.ends.detail == "bank/pay answered, but its answer is not what `accept` wants."


@pytest.mark.parametrize("effect", [Effect.MUTATING, Effect.IDEMPOTENT, Effect.UNSET])
def test_a_call_that_left_traces_stays_carried_out_and_is_flagged_for_good(effect: Effect) -> None:
    bad = concluded(Answered({"status": "no"}), effect)

    assert isinstance(bad.ends, Reply)
    assert (bad.outcome, bad.facts["executed"], bad.facts["accepted"]) == (AuditOutcome.ANSWERED, "yes", False)
    assert bad.ends.result["_meta"]["io.sallyport/accepted"] is False
    assert "Do not take it for a success" in bad.ends.result["content"][-1]["text"]
    assert b'"io.sallyport/accepted":false' in bad.kept


@pytest.mark.parametrize("carried", [Answered({"resultType": "input_required"}), AnsweredError(-32000, "no")])
def test_what_is_no_result_is_not_judged(carried: Carried) -> None:
    assert "accepted" not in concluded(carried, Effect.MUTATING).facts
