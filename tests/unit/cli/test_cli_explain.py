"""explain: a call that was made is told from its record, a supposed one by the running gateway; both fit for a terminal."""

import json
from pathlib import Path

import pytest
from cli_stage import Office, Run, entry, write_config

from gateway.cli.explain import story

PROVEN = {"agent": "support-bot", "agent_proof": "key:k-1", "user": "alice", "user_proof": "key:k-1"}
REPLAYED = entry(
    1,
    **PROVEN,
    asked="request_refund",
    tool="helpdesk/refund_create",
    effect="mutating",
    visible={"count": 12, "digest": "0" * 64},
    decision="allow",
    rules=["refund-small"],
    policy="0123456789abcdef",
    key={"source": "derived", "state": "replayed", "original": "call-0"},
    findings={"secret": 2},
    address="http://127.0.0.1:7001",
    ms={"upstream": 3.25, "total": 4},
    outcome="replayed",
    executed="yes",
)


def told(*records: dict[str, object]) -> str:
    return "\n".join(story(records))


def test_a_call_that_was_made_is_told_in_the_order_of_the_road(sallyport: Run, gateway: Path, office: Office) -> None:
    office.records = [REPLAYED]
    done = sallyport("explain", "call-1")
    assert done.exit_code == 0
    rooms = [line.split()[0] for line in done.stdout.splitlines()]
    assert rooms == ["call-1", "identity", "catalog", "policy", "ledger", "upstream", "sanitize", "outcome"]
    assert "agent support-bot (key:k-1) for alice (key:k-1)" in done.stdout
    assert "request_refund is helpdesk/refund_create, effect mutating; it saw 12 tools" in done.stdout
    assert "allow: refund-small (version 0123456789ab)" in done.stdout
    assert "the answer of call-0 was given again, nothing was sent; key derived from" in done.stdout
    assert "http://127.0.0.1:7001 took 3.25 ms of 4 ms in all" in done.stdout
    assert "secret x2" in done.stdout
    assert "replayed, executed: yes" in done.stdout


def test_intent_and_end_are_one_story(sallyport: Run, gateway: Path, office: Office) -> None:
    intent = entry(1, **PROVEN, asked="refund", key={"source": "header", "state": "claimed"})
    assert "outcome    open" in told({**intent, "kind": "intent"})
    whole = told({**intent, "kind": "intent"}, entry(1, outcome="failed", reason="upstream-timeout", detail="Late."))
    assert "claimed, so that it is carried out at most once; key from the header Idempotency-Key" in whole
    assert "outcome    failed: upstream-timeout" in whole
    assert whole.endswith("Late.")


def test_a_tool_that_was_not_shown_says_how_to_find_out_why() -> None:
    hidden = told(entry(1, **PROVEN, asked="customer_export", visible={"count": 3}, outcome="refused"))
    assert "customer_export is no tool it was shown; it saw 3 tools" in hidden
    assert "`sallyport tools --agent AGENT --user USER` says why" in hidden


def test_every_fact_of_a_record_has_its_words() -> None:
    machine = {"agent": "night-job", "agent_proof": "key:k-2", "decision": "deny", "rules": [], "policy": "v"}
    assert "agent night-job (key:k-2), with no user behind it" in told(entry(1, **machine))
    assert "deny: no rule matched (version v)" in told(entry(1, **machine))
    assert "  approval   a-7" in told(entry(1, approval="a-7"))
    assert "  fallback   tool h/other, reason upstream-timeout" in told(
        entry(1, fallback={"tool": "h/other", "reason": "upstream-timeout"})
    )
    assert "waited for its twin call-0" in told(
        entry(1, key={"state": "joined", "original": "call-0", "source": "meta"})
    )


def test_what_became_known_later_is_told_behind_the_call_and_changes_nothing_of_it() -> None:
    lost = {**REPLAYED, "kind": "call", "outcome": "in-doubt", "executed": "unknown", "accepted": False}
    resolved = {"kind": "resolved", "time": "later", "key": {"record": "r"}, "resolved": "executed", "by": "operator"}
    verified = {"kind": "verified", "time": "sooner", "verified": "no"}
    lines = told(lost, verified, resolved).splitlines()
    assert lines[:4] == told(lost).splitlines()[:4]
    assert "  accept     the answer is not what the tool's `accept` wants" in lines
    assert [line.split() for line in lines[-2:]] == [
        ["verified", "no,", "at", "sooner"],
        ["resolved", "executed,", "by", "operator,", "at", "later"],
    ]


def test_arguments_that_do_not_fit_are_not_told_as_a_missing_tool() -> None:
    said = told({"kind": "call", "asked": "desk_pay", "outcome": "refused", "reason": "invalid-arguments"})
    assert "desk_pay was called with arguments that do not fit" in said


def test_the_record_is_printed_whole_as_json(sallyport: Run, gateway: Path, office: Office) -> None:
    office.records = [REPLAYED]
    assert json.loads(sallyport("explain", "call-1", "--json").stdout) == [REPLAYED]


def test_a_call_nobody_made_is_not_found(sallyport: Run, gateway: Path, office: Office) -> None:
    done = sallyport("explain", "call-9")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no call 'call-9' in the journal" in done.stderr


def test_a_supposed_call_is_put_to_the_gateway_as_it_was_written(sallyport: Run, gateway: Path, office: Office) -> None:
    words = ("explain", "--agent", "support-bot", "--user", "alice", "--tool", "request_refund", "--tenant", "acme")
    done = sallyport(*words, "amount_cents=2500", "reason=it broke", "--args", '{"order_id": 7, "reason": "x"}')
    assert done.exit_code == 0
    arguments = {"order_id": 7, "reason": "it broke", "amount_cents": 2500}
    assert office.supposed == [("support-bot", "alice", "acme", "request_refund", arguments)]
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["✓", "identity"], ["?", "policy"]]
    assert "Nothing was sent." in done.stderr


def test_a_supposed_call_that_would_be_stopped_ends_with_its_own_exit_code(
    sallyport: Run, gateway: Path, office: Office
) -> None:
    words = ("explain", "--agent", "support-bot", "--tool", "hidden")
    done = sallyport(*words)
    assert done.exit_code == 1
    assert "✗ catalog      hidden is hidden" in done.stdout
    assert [step["verdict"] for step in json.loads(sallyport(*words, "--json").stdout)] == ["passes", "stops"]
    assert office.supposed[0] == ("support-bot", None, "default", "hidden", {})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Name a call id, or suppose a call with --agent and --tool."),
        (("--agent", "support-bot"), "needs both --agent and --tool"),
        (("--tool", "x"), "needs both --agent and --tool"),
        (("call-1", "--user", "alice"), "needs both --agent and --tool"),
        (("call-1", "id=3"), "needs both --agent and --tool"),
        (("--agent", "a", "--tool", "x", "call-1"), "'call-1' is not NAME=VALUE"),
        (("--agent", "a", "--tool", "x", "--args", "[]"), "--args: not an object"),
    ],
)
def test_wrong_usage_says_what_to_write(
    sallyport: Run, gateway: Path, office: Office, words: tuple[str, ...], says: str
) -> None:
    done = sallyport("explain", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert office.supposed == []


def test_without_a_gateway_a_supposed_call_has_nobody_to_ask(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    done = sallyport("explain", "--agent", "a", "--tool", "x")
    assert done.exit_code == 3
    assert "Start it with `sallyport run" in done.stderr


HOSTILE = "\x1b[2J\u202etool\x9b\U000e0041\u2028"


def test_what_others_wrote_cannot_act_on_the_terminal(sallyport: Run, gateway: Path, office: Office) -> None:
    proven = {name: f"{value}{HOSTILE}" for name, value in PROVEN.items()}
    office.records = [
        {**REPLAYED, **proven, "asked": HOSTILE, "tool": HOSTILE, "detail": f"a\n{HOSTILE}", "findings": {HOSTILE: 1}}
    ]
    for words in (("call-1",), ("call-1", "--json"), ("--agent", "support-bot", "--tool", f"hidden{HOSTILE}")):
        done = sallyport("explain", *words)
        assert done.stdout
        assert not {"\x1b", "\u202e", "\x9b", "\U000e0041", "\u2028"} & {*done.stdout, *done.stderr}
