"""Prompts, resources, templates and completion walk the road of a read: curated, permitted, carried, cleaned, recorded."""

from collections.abc import Mapping
from typing import Any

import pytest
from pipeline_kit import ALICE, ARRIVAL, Playbook

from gateway.catalog.room import Curation
from gateway.config.schema import Agent
from gateway.config.upstreams import McpHttp
from gateway.model.call import Asked, Method
from gateway.model.decision import Verdict
from gateway.model.dialogue import Silent
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AuditOutcome
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Beside, BesideKind, Effect
from gateway.wire.strict_json import digest

PROMPT = {"name": "greet", "description": "Says hello.", "arguments": [{"name": "to"}]}
NOTE = {"uri": "note://1", "name": "One"}
SECRET = {"uri": "note://secret", "name": "Secret"}
DAY = {"uriTemplate": "day://{date}", "name": "Day"}
ANSWER = Answered({"contents": []})


def completes(kind: str, **named: str) -> dict[str, Any]:
    return {"ref": {"type": f"ref/{kind}", **named}, "argument": {"name": "to", "value": "A"}}


GET = ("prompts/get", "helpdesk_greet", {"to": "Ann"}, "prompt", "helpdesk/greet")
READ = ("resources/read", "note://1", {}, "read", "helpdesk/note://1")
COVERED = ("resources/read", "day://2026-01-01", {}, "read", "helpdesk/day://2026-01-01")
COMPLETE = (
    "completion/complete",
    "helpdesk_greet",
    completes("prompt", name="helpdesk_greet"),
    "prompt",
    "helpdesk/greet",
)
COMPLETE_URI = ("completion/complete", "day://{date}", completes("resource", uri="day://{date}"), "read", "helpdesk/day://{date}")  # fmt: skip
WALKS = [GET, READ, COVERED, COMPLETE, COMPLETE_URI]
Walk = tuple[Method, str, Mapping[str, Any], str, str]


def play(**more: Any) -> Playbook:
    """A road to a help desk that has one prompt, two resources and a template."""
    agent = Agent.model_validate({"tools": [], "prompts": ["helpdesk/*"], "resources": ["helpdesk/**"]})
    server = McpHttp.model_validate({"kind": "mcp-http", "url": "http://127.0.0.1:7001/mcp"})
    catalog = Curation({"helpdesk": server}, {"support-bot": agent}, lambda entry, _: entry)
    catalog.learn_beside("helpdesk", Beside([PROMPT], [NOTE, SECRET], [DAY]))
    made = Playbook(Effect.READ, ANSWER, **more)
    made.catalog.shelf_ = catalog.shelf("support-bot")
    return made


def asks(walk: Walk, **more: Any) -> Asked:
    return Asked(walk[1], walk[2], "modern", "2026-07-28", method=walk[0], **more)


@pytest.mark.parametrize("walk", WALKS)
async def test_it_is_permitted_by_its_own_action_carried_as_a_read_and_cleaned(walk: Walk) -> None:
    made = play()

    reply = await made.reply(asks(walk))

    assert reply.result["cleaned"] is True
    assert made.rooms == [
        "audit.open", "identity.prove", "policy.sees", "policy.decide", "ledger.admit", "upstream.try_permit",
        "upstream.send", "sanitize.result", "record.seal",
    ]  # fmt: skip
    assert made.policy.acts == [walk[3]] * 2
    assert made.policy.asked[1] == walk[4]


@pytest.mark.parametrize(
    ("walk", "params"),
    [
        (GET, {"name": "greet", "arguments": {"to": "Ann"}}),
        (READ, {"uri": "note://1"}),
        (COVERED, {"uri": "day://2026-01-01"}),
        (COMPLETE, completes("prompt", name="greet")),
        (COMPLETE_URI, completes("resource", uri="day://{date}")),
    ],
)
async def test_it_reaches_the_upstream_in_the_upstreams_own_words(walk: Walk, params: Mapping[str, Any]) -> None:
    made = play()

    await made.reply(asks(walk, request_state="s", input_responses={"q": {}}))

    (sent,) = made.upstream.heard
    assert isinstance(sent, Outbound)
    assert sent.params == {**params, "requestState": "s", "inputResponses": {"q": {}}}
    assert (sent.method, sent.idempotency_key) == (walk[0], None)


@pytest.mark.parametrize("walk", WALKS)
async def test_its_record_names_method_id_and_redacted_arguments(walk: Walk) -> None:
    made = play()

    await made.reply(asks(walk))

    expected = {
        "kind": "call",
        "method": walk[0],
        "asked": walk[1],
        "tool": f"redacted {walk[4]}",
        "upstream": "helpdesk",
        "effect": "read",
        "decision": "allow",
        "arguments": {"redacted": True},
        "outcome": AuditOutcome.ANSWERED,
        "executed": "yes",
    }
    assert expected.items() <= made.record.items()


@pytest.mark.parametrize("walk", WALKS)
async def test_what_the_users_policy_could_never_permit_is_unknown_in_the_words_of_what_is_absent(walk: Walk) -> None:
    hidden, absent = play(), play()
    hidden.policy.hidden = frozenset({walk[4]})
    name = walk[1].replace("greet", "absnt").replace("note", "nota").replace("day", "dax")
    other = {**walk[2], "ref": {**walk[2]["ref"], "name": name}} if "ref" in walk[2] else walk[2]
    absent.policy.hidden = frozenset({f"helpdesk/{name}"})

    one = await hidden.refusal(asks(walk))
    two = await absent.refusal(asks((walk[0], name, other, *walk[3:])))

    assert one.reason in {Reason.UNKNOWN_PROMPT, Reason.UNKNOWN_RESOURCE}
    assert (one.reason, one.detail.replace(walk[1], "")) == (two.reason, two.detail.replace(name, ""))
    assert hidden.upstream.heard == absent.upstream.heard == []
    assert "policy.decide" not in hidden.log + absent.log
    assert (hidden.record["outcome"], hidden.record["executed"]) == (AuditOutcome.REFUSED, "no")
    assert hidden.ledger.denials == [walk[1]]


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("verdict", [Verdict.DENY, Verdict.ASK])
async def test_only_an_allow_row_lets_it_through(walk: Walk, verdict: Verdict) -> None:
    made = play()
    made.policy.verdict = verdict

    refusal = await made.refusal(asks(walk))

    assert refusal.reason is Reason.POLICY_DENIED
    assert ("wants a person's yes" in refusal.detail) == (verdict is Verdict.ASK)
    assert walk[0] != "resources/read" or walk[1] not in refusal.detail
    assert not {"ledger.admit", "upstream.send", "approvals.granted"} & set(made.log)
    assert made.record["decision"] == verdict.value


@pytest.mark.parametrize("arguments", [{"to": 7}, {"to": None}, {"to": ["a"]}, ["a"], "a"])
async def test_arguments_of_a_prompt_are_an_object_of_strings(arguments: Any) -> None:
    made = play()

    refusal = await made.refusal(asks(("prompts/get", "helpdesk_greet", arguments, *GET[3:])))

    assert refusal.reason is Reason.INVALID_ARGUMENTS
    assert made.upstream.heard == []


async def test_a_hint_of_the_brakes_puts_no_content_into_what_is_no_tool_result() -> None:
    made = play()
    made.ledger.hint = "You did that before."

    assert "content" not in (await made.reply(asks(READ))).result


LISTS: list[tuple[BesideKind, str, str, list[Any]]] = [
    ("prompts", "prompts/list", "prompt", [{**PROMPT, "name": "helpdesk_greet"}]),
    ("resources", "resources/list", "read", [NOTE, SECRET]),
    ("templates", "resources/templates/list", "read", [DAY]),
]


@pytest.mark.parametrize(("kind", "method", "act", "entries"), LISTS)
async def test_a_list_is_what_curation_and_policy_let_through_and_is_recorded(
    kind: BesideKind, method: str, act: str, entries: list[Any]
) -> None:
    made = play()
    record = made.road.open(ARRIVAL)

    assert list(await made.road.list_beside(record, ALICE, kind)) == entries

    assert made.policy.acts == [act]
    assert made.rooms == ["audit.open", "policy.visible", "record.seal"]
    seen = {"count": len(entries), "digest": digest(entries)}
    assert {"kind": "list", "method": method, "visible": seen}.items() <= made.record.items()


async def test_a_list_shows_nothing_that_policy_hides() -> None:
    made = play()
    made.policy.hidden = frozenset({"helpdesk/note://secret"})

    assert list(await made.road.list_beside(made.road.open(ARRIVAL), ALICE, "resources")) == [NOTE]


async def test_a_resource_can_be_waited_for_where_it_can_be_read_now() -> None:
    made = play()
    assert made.road.readable(ALICE, "note://1") == "helpdesk"
    assert made.road.readable(ALICE, "not a uri") is None

    made.policy.hidden = frozenset({"helpdesk/note://1"})
    assert made.road.readable(ALICE, "note://1") is None

    made.policy.hidden, made.policy.verdict = frozenset(), Verdict.DENY
    assert made.road.readable(ALICE, "note://1") is None


@pytest.mark.parametrize("walk", WALKS)
async def test_a_call_that_goes_on_is_looked_at_again_and_its_record_learns_what_a_calls_would(walk: Walk) -> None:
    made, other = play(), play()
    record = made.road.open(ARRIVAL)

    made.road.recheck(record, ALICE, asks(walk))
    await other.reply(asks(walk))

    assert made.rooms == ["audit.open", "policy.sees", "policy.decide", "ledger.check"]
    noted = made.trail.last.facts if made.trail.last else {}
    assert {"kind", "method", "asked", "tool", "decision", "arguments_sha256", "policy"} <= noted.keys()
    assert {name: fact for name, fact in noted.items() if name != "trace"}.items() <= other.record.items()
    assert made.journal == []


async def test_a_call_that_an_operator_stopped_may_not_go_on() -> None:
    made = play()
    made.fails["ledger.check"] = Refused(Reason.STOPPED, "An operator stopped it.")

    with pytest.raises(Refused) as refused:
        made.road.recheck(made.road.open(ARRIVAL), ALICE, asks(GET))

    assert refused.value.refusal.reason is Reason.STOPPED


@pytest.mark.parametrize(
    ("verdict", "hidden", "reason"),
    [(Verdict.DENY, "", Reason.POLICY_DENIED), (Verdict.ALLOW, "helpdesk/greet", Reason.UNKNOWN_PROMPT)],
)
async def test_a_call_whose_permission_was_taken_away_may_not_go_on(
    verdict: Verdict, hidden: str, reason: Reason
) -> None:
    made = play()
    made.policy.verdict, made.policy.hidden = verdict, frozenset({hidden})

    with pytest.raises(Refused) as refused:
        made.road.recheck(made.road.open(ARRIVAL), ALICE, asks(GET))

    assert refused.value.refusal.reason is reason
    assert made.journal == []


class Person(Silent):
    """A caller who can fill in forms."""

    capabilities = {"elicitation": {}}  # type: ignore[assignment]  # noqa: RUF012

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"action": "accept"}


async def test_what_the_caller_was_asked_stands_in_the_record() -> None:
    made = play()
    answered = made.upstream.send

    async def asking(call: Outbound, deadline: float) -> Any:
        await call.dialogue.ask("elicitation/create", {})
        await call.dialogue.ask("elicitation/create", {})
        return await answered(call, deadline)

    made.upstream.send = asking  # type: ignore[method-assign]
    await made.reply(asks(GET, dialogue=Person()))

    assert made.record["asks"] == {"elicitation/create": 2}
