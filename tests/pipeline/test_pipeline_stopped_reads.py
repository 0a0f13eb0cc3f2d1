"""A stop that reaches a read: on its way nobody knows what became of it, before it was sent everybody does."""

import pytest
from pipeline_kit import Playbook

from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect

STOPPED = Refused(Reason.STOPPED, "Agent support-bot is stopped by an operator.")


@pytest.mark.parametrize(
    ("step", "busy", "executed", "unspent"),
    [("upstream.send", False, "unknown", 0), ("upstream.permit", True, "no", 1), ("ledger.admit", False, "no", 0)],
)
async def test_a_stopped_read_says_whether_it_was_on_its_way(
    step: str, busy: bool, executed: str, unspent: int
) -> None:
    play = Playbook(Effect.READ)
    play.fails[step], play.upstream.busy = STOPPED, busy
    refusal = await play.refusal()
    assert (refusal.reason, refusal.executed or refusal.row.executed) == (Reason.STOPPED, executed)
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.REFUSED, executed)
    assert play.ledger.unspent == unspent
    assert play.upstream.held == 0
