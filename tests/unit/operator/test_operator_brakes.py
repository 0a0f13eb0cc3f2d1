"""What changes something: checked, written into the audit chain, then done, in this order."""

from typing import Any

import pytest
from operator_kit import NOON, Office, Visitor, detail

from gateway.model.stop import Stop
from gateway.model.work import StoreUnavailable

ORDER = {"kind": "agent", "target": "support-bot", "why": "it loops"}
STOPPED = Stop("agent", "support-bot", "it loops", "olga", NOON)


async def test_a_stop_is_recorded_before_it_acts(visitor: Visitor, office: Office) -> None:
    answer = await visitor.ask("olga", "POST", "/kill", json=ORDER)

    assert (answer.status_code, answer.json()) == (201, {"status": "stopped"})
    assert office.acts == [("recorded", "olga", "kill", ORDER | {"mode": "stop"}), ("stop", STOPPED)]


async def test_a_stop_of_a_name_that_nobody_has_is_in_force_and_warned_of(visitor: Visitor, office: Office) -> None:
    answer = await visitor.ask("olga", "POST", "/kill", json=ORDER | {"target": "nobody"})

    assert (answer.status_code, [row.target for row in office.rows]) == (201, ["nobody"])
    assert answer.json() == {"status": "stopped", "warning": "no agent 'nobody' is known here"}


@pytest.mark.parametrize("mode", ["stop", "read-only", "pause"])
async def test_an_order_says_how_far_it_stops(visitor: Visitor, office: Office, mode: str) -> None:
    assert (await visitor.ask("olga", "POST", "/kill", json=ORDER | {"mode": mode})).status_code == 201

    assert [row.mode for row in office.rows] == [mode]


async def test_a_stop_that_could_not_be_loosened_stays_as_it_was_and_says_so(visitor: Visitor, office: Office) -> None:
    office.rows, office.fails["stop"] = [STOPPED], StoreUnavailable("disk full")

    answer = await visitor.ask("olga", "POST", "/kill", json=ORDER | {"mode": "pause"})

    assert detail(answer, 503) == "the ledger cannot be written: it stays stopped as it was"


async def test_what_only_the_stop_file_stops_is_lifted_beside_the_gateway(visitor: Visitor, office: Office) -> None:
    office.rows = [Stop("all", "", "fire", "STOP", NOON)]
    office.knows_rows = False

    answer = await visitor.ask("olga", "DELETE", "/kill?kind=all")

    assert "sallyport resume all --local" in detail(answer, 409)


async def test_a_lift_is_recorded_before_it_acts(visitor: Visitor, office: Office) -> None:
    office.rows.append(STOPPED)

    answer = await visitor.ask("olga", "DELETE", "/kill?kind=agent&target=support-bot")

    assert (answer.status_code, answer.json()) == (200, {"status": "lifted"})
    lifted = {"kind": "agent", "target": "support-bot"}
    assert office.acts == [("recorded", "olga", "lift", lifted), ("lift", "agent", "support-bot")]


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "all", "target": "support-bot", "why": "x"},
        {"kind": "agent", "target": "", "why": "x"},
        {"kind": "agent", "why": "x"},
        {"kind": "planet", "target": "earth", "why": "x"},
        {"kind": "agent", "target": "support-bot", "why": "x", "mode": "slower"},
        {"kind": "all"},
        {"kind": "all", "why": ""},
        {"kind": "all", "why": "x" * 501},
        {"kind": "all", "why": "x", "by": "somebody else"},
        {},
        [],
    ],
)
async def test_an_order_that_makes_no_sense_is_neither_recorded_nor_done(
    visitor: Visitor, office: Office, order: Any
) -> None:
    assert detail(await visitor.ask("olga", "POST", "/kill", json=order), 422)
    assert office.acts == []


async def test_an_order_that_could_never_match_is_told_why(visitor: Visitor) -> None:
    answer = await visitor.ask("olga", "POST", "/kill", json={"kind": "agent", "why": "x"})

    assert detail(answer, 422) == "a sentence about the target"


async def test_lifting_what_is_not_stopped_says_so(visitor: Visitor) -> None:
    answer = await visitor.ask("olga", "DELETE", "/kill?kind=user&target=alice")

    assert detail(answer, 404) == "user 'alice' is not stopped"


@pytest.mark.parametrize(
    ("method", "path", "step", "said"),
    [
        ("POST", "/kill", "stop", "stopped now, but the ledger cannot be written: a restart would lift it"),
        ("DELETE", "/kill?kind=all", "lift", "the ledger cannot be written: the stop stays"),
    ],
)
async def test_a_ledger_that_cannot_be_written_is_told_with_what_it_means(
    visitor: Visitor, office: Office, method: str, path: str, step: str, said: str
) -> None:
    office.fails[step] = StoreUnavailable("disk full")

    assert detail(await visitor.ask("olga", method, path, json=ORDER if method == "POST" else None), 503) == said


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/kill", ORDER),
        ("DELETE", "/kill?kind=all", None),
        ("POST", "/keys", {"agent": "support-bot"}),
        ("DELETE", "/keys/k-1", None),
    ],
)
async def test_what_cannot_be_recorded_is_not_done(
    visitor: Visitor, office: Office, method: str, path: str, body: Any
) -> None:
    office.fails["recorded"] = StoreUnavailable("the writer is closed")

    answer = await visitor.ask("olga", method, path, json=body)

    assert detail(answer, 503) == "the writer is closed; /readyz says what else is wrong"
    assert [act[0] for act in office.acts] == ["recorded"]


async def test_a_key_is_recorded_with_its_id_before_it_is_made_and_its_secret_is_shown_once(
    visitor: Visitor, office: Office
) -> None:
    order = {"agent": "support-bot", "user": "alice", "id": "nightly", "expires": "2026-01-02T12:00:00Z"}

    answer = await visitor.ask("olga", "POST", "/keys", json=order)

    assert (answer.status_code, answer.json()) == (201, {"id": "nightly", "key": "sp_nightly_secret"})
    assert office.acts == [
        ("recorded", "olga", "keys.new", {**order, "tenant": "default"}),
        ("new", "support-bot", "alice", "default", "nightly", NOON + 86_400),
    ]


async def test_a_key_without_an_id_is_recorded_under_the_one_it_gets(visitor: Visitor, office: Office) -> None:
    made = (await visitor.ask("olga", "POST", "/keys", json={"agent": "support-bot"})).json()["id"]

    assert [office.acts[0][3]["id"], office.acts[1][4]] == [made, made]
    assert "secret" not in str(office.acts)


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"agent": "support-bot", "expires": "tomorrow"},
        {"agent": "support-bot", "expires": "2026-01-02T12:00:00"},
        {"agent": "support-bot", "scope": "all"},
    ],
)
async def test_a_key_order_that_makes_no_sense_makes_no_key(
    visitor: Visitor, office: Office, order: dict[str, str]
) -> None:
    assert detail(await visitor.ask("olga", "POST", "/keys", json=order), 422)
    assert office.acts == []


async def test_no_key_is_made_for_an_agent_that_is_not_configured(visitor: Visitor, office: Office) -> None:
    said = detail(await visitor.ask("olga", "POST", "/keys", json={"agent": "suport-bot"}), 422)

    assert said == "agent: there is no agent 'suport-bot'; configured are support-bot"
    assert office.acts == []


async def test_a_key_id_that_is_taken_is_told(visitor: Visitor, office: Office) -> None:
    office.fails["new"] = ValueError("k-1 is taken: choose another id")

    answer = await visitor.ask("olga", "POST", "/keys", json={"agent": "support-bot", "id": "k-1"})

    assert detail(answer, 409) == "k-1 is taken: choose another id"


async def test_a_revocation_is_recorded_before_it_acts(visitor: Visitor, office: Office) -> None:
    answer = await visitor.ask("olga", "DELETE", "/keys/k-1")

    assert answer.json() == {"status": "revoked"}
    assert office.acts == [("recorded", "olga", "keys.revoke", {"id": "k-1"}), ("revoke", "k-1")]


async def test_a_key_that_is_not_there_cannot_be_revoked(visitor: Visitor) -> None:
    assert "`sallyport keys ls`" in detail(await visitor.ask("olga", "DELETE", "/keys/k-9"), 404)
