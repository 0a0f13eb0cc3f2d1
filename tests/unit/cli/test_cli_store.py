"""`sallyport store`: how the ledger's home stands, and accepting that it forgot."""

from pathlib import Path

import pytest
from cli_stage import Office, Run

AWAY = "ok for reads, but not for long; calls that leave traces are refused: the store lost its memory"


@pytest.mark.parametrize(
    ("state", "code"), [("ok", 0), ("ok, but this ledger dies with the pod", 0), (AWAY, 1), ("cannot be written", 1)]
)
def test_the_status_is_said_and_is_the_exit_code(
    sallyport: Run, gateway: Path, office: Office, state: str, code: int
) -> None:
    office.store = state
    shown = sallyport("store", "status")
    assert (shown.stdout, shown.exit_code) == (f"{state}\n", code)


def test_a_loss_is_accepted_with_a_reason_that_is_recorded_first(sallyport: Run, gateway: Path, office: Office) -> None:
    office.store = AWAY
    assert sallyport("store", "accept-loss").exit_code == 2
    assert office.store == AWAY
    done = sallyport("store", "accept-loss", "--why", "drill")
    assert done.exit_code == 0
    assert office.acts == [("local", "store.loss-accepted", {"why": "drill"})]
    assert office.store == "ok"


def test_where_nothing_was_lost_nothing_is_accepted(sallyport: Run, gateway: Path, office: Office) -> None:
    refused = sallyport("store", "accept-loss", "--why", "drill")
    assert refused.exit_code == 1
    assert "lost nothing" in refused.stderr
    assert [act for _, act, _ in office.acts] == ["store.loss-accepted", "store.loss-not-accepted"]
