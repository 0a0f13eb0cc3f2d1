"""An agent that goes round in circles, through a real gateway: refused, put before a person, paused, and let on again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_approvals import ROWS, Asking, pending
from e2e_kit import HelpDesk, outcome, text, wait_for

MAY = "\np, make-tickets, role:support, default, *, helpdesk/ticket_create, call, -, allow\n"
TICKET = {"customer_id": 1, "subject": "Round and round", "body": "Again."}


@pytest.fixture
def asking(helpdesk: HelpDesk, tmp_path: Path) -> Iterator[Asking]:
    made = Asking(tmp_path, helpdesk, hold="20s", rows=ROWS + MAY, loops={"reads": "hint"})
    yield made
    made.gateway.stop()


def create(asking: Asking, number: int) -> dict[str, Any]:
    """The same ticket once more, on purpose as far as the agent is concerned."""
    return asking.gateway.call(asking.alice, "helpdesk_ticket_create", {**TICKET, "x_occurrence": number})


def killed(asking: Asking) -> list[dict[str, Any]]:
    return asking.ask("olga", "GET", "/kill").json()


def looped(asking: Asking, call_id: str) -> Any:
    return wait_for(lambda: [one for one in asking.gateway.records(call=call_id) if "loop" in one], "its record", 5)[
        -1
    ]["loop"]


def test_a_loop_that_changes_things_climbs_to_a_person_and_to_a_pause_that_a_person_lifts(
    asking: Asking, helpdesk: HelpDesk
) -> None:
    before = helpdesk.count("tickets")

    assert not any(create(asking, number)["result"].get("isError") for number in (1, 2))
    refused = [create(asking, number) for number in (3, 4, 5)]
    told = [outcome(one) for one in refused]
    assert [one["reason"] for one in told] == ["loop-detected"] * 3
    assert [one["retry_after_ms"] for one in told] == [30_000, 60_000, 120_000]
    assert "helpdesk/ticket_create was called 3 times in a row with the same arguments." in text(refused[0])
    assert looped(asking, told[0]["call_id"]) == {"rule": "R1", "rung": "refuse"}

    asked = create(asking, 6)
    question = pending(asked)
    assert pending(create(asking, 6)) == question  # to ask again is no further step
    (rule,) = [one for one in asking.question(question)["rules"] if one.startswith("loop:")]
    assert rule == "loop:R1 (helpdesk/ticket_create was called 6 times in a row with the same arguments)"
    assert helpdesk.count("tickets") == before + 2
    assert asking.answer("carol", question).status_code == 200
    assert not create(asking, 6)["result"].get("isError")
    assert helpdesk.count("tickets") == before + 3

    last = create(asking, 7)
    assert outcome(last)["reason"] == "loop-detected"
    assert "paused until an operator lifts that" in text(last)
    assert looped(asking, outcome(last)["call_id"]) == {"rule": "R1", "rung": "pause"}
    (row,) = wait_for(lambda: killed(asking), "the pause", 5)
    assert (row["kind"], row["target"], row["mode"]) == ("user", "alice", "pause")
    assert row["why"].startswith("R1: helpdesk/ticket_create was called 7 times in a row")
    assert outcome(asking.gateway.call(asking.alice, "helpdesk_ticket_get", {"id": 1}))["reason"] == "paused"

    assert asking.ask("olga", "DELETE", "/kill", params={"kind": "user", "target": "alice"}).status_code == 200
    assert not create(asking, 8)["result"].get("isError")
    assert helpdesk.count("tickets") == before + 4


def test_who_asks_for_a_tool_it_has_not_got_again_and_again_is_told_so(asking: Asking) -> None:
    said = [asking.gateway.call(asking.alice, "helpdesk_nothing", {"a": 1})["error"]["message"] for _ in range(3)]
    assert said[0] == said[1]
    assert "was called 3 times in a row with the same arguments" in said[2]
