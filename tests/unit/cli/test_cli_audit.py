"""audit query, tail, show, verify: asked of the gateway, and read from the journal itself."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from cli_stage import Office, Run, entry, write_config

from gateway.audit.segments import GENESIS, chained, line, name_of
from gateway.cli import audit


def write_journal(folder: Path, entries: list[dict[str, Any]]) -> Path:
    """One segment with a whole chain."""
    journal = folder / ".sallyport/journal"
    journal.mkdir(parents=True)
    head, path = GENESIS, journal / name_of(1)
    opening = {**entry(0), "kind": "segment", "format": 1, "first": 1}
    del opening["call"]
    with path.open("wb") as file:
        for made in [opening, *entries]:
            body = json.dumps(made, separators=(",", ":")).encode()
            head = chained(head, body)
            file.write(line(head, body))
    return path


ENTRIES = [
    entry(1, agent="support-bot", outcome="answered", tool="helpdesk/ticket_get", ms={"total": 1.5}),
    entry(2, agent="ops-bot", outcome="refused", reason="policy-denied", asked="mail_send", ms={"total": 0.2}),
    entry(3, agent="support-bot", outcome="answered", key={"record": "ab"}, ms={"total": 2}),
]


def test_every_filter_reaches_the_gateway_under_its_name(sallyport: Run, gateway: Path, office: Office) -> None:
    names = ("agent", "user", "tool", "outcome", "kind", "tenant", "upstream", "reason", "decision", "call", "key")
    flags = [word for name in (*names, "run", "since", "until", "cursor") for word in (f"--{name}", "x")]
    assert sallyport("audit", "query", *flags, "--order", "oldest", "--limit", "7").exit_code == 0
    expected = dict.fromkeys((*names, "run", "since", "until", "cursor"), "x")
    assert office.asked == [{**expected, "order": "oldest", "limit": "7"}]


def test_a_page_says_how_to_go_on(sallyport: Run, gateway: Path, office: Office) -> None:
    office.records = ENTRIES
    done = sallyport("audit", "query", "--limit", "2")
    assert "call-3" in done.stdout
    assert "call-1" not in done.stdout
    assert "add --cursor more" in done.stderr


def test_tail_prints_the_newest_last(sallyport: Run, gateway: Path, office: Office) -> None:
    office.records = ENTRIES
    done = sallyport("audit", "tail", "-n", "2", "--json")
    assert [json.loads(text)["call"] for text in done.stdout.splitlines()] == ["call-2", "call-3"]


def test_following_shows_each_new_record_once(
    sallyport: Run, gateway: Path, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.records = ENTRIES[:2]
    rounds = itertools.count(1)

    def pause(_: float) -> None:
        match next(rounds):
            case 2:
                office.records = [*office.records, ENTRIES[2]]
            case 4:
                raise KeyboardInterrupt

    monkeypatch.setattr(audit.time, "sleep", pause)
    done = sallyport("audit", "tail", "-f", "-n", "1", "--json")
    assert [json.loads(text)["call"] for text in done.stdout.splitlines()] == ["call-2", "call-3"]


def test_show_prints_every_entry_of_a_call_whole(sallyport: Run, gateway: Path, office: Office) -> None:
    office.records = ENTRIES
    assert "reason: policy-denied" in sallyport("audit", "show", "call-2").stdout
    missing = sallyport("audit", "show", "call-9")
    assert missing.exit_code == 1
    assert "no call 'call-9' in the journal" in missing.stderr


def test_what_a_record_says_cannot_act_on_the_terminal(sallyport: Run, gateway: Path, office: Office) -> None:
    office.records = [entry(1, outcome="answered", asked="\x1b[2J\u202etool\x9b\U000e0041", ms={"total": 1})]
    for words in (("query",), ("query", "--json"), ("show", "call-1")):
        printed = sallyport("audit", *words).stdout
        assert not {"\x1b", "\u202e", "\x9b", "\U000e0041"} & set(printed)


def test_without_a_gateway_the_journal_answers_and_that_is_said(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    write_journal(folder, ENTRIES)
    done = sallyport("audit", "query", "--agent", "support-bot", "--kind", "call", "--json")
    assert [json.loads(text)["call"] for text in done.stdout.splitlines()] == ["call-3", "call-1"]
    assert "The gateway does not run: read from" in done.stderr
    assert "call-3" in sallyport("audit", "query", "--key", "ab").stdout
    assert "reason: policy-denied" in sallyport("audit", "show", "call-2").stdout
    assert sallyport("audit", "show", "call-9").exit_code == 1


def test_pages_of_the_journal_follow_each_other_without_gap(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    write_journal(folder, ENTRIES)
    seen: list[str] = []
    more: list[str] = []
    for _ in range(3):
        done = sallyport("audit", "query", "--kind", "call", "--order", "oldest", "--limit", "1", "--json", *more)
        seen += [json.loads(text)["call"] for text in done.stdout.splitlines()]
        more = done.stderr.partition("add ")[2].split()
    assert seen == ["call-1", "call-2", "call-3"]
    assert more == []


def test_times_bound_what_the_journal_answers(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    write_journal(folder, ENTRIES)
    bounds = ("--since", "2026-01-01T00:00:02Z", "--until", "2026-01-01T00:00:03Z")
    assert json.loads(sallyport("audit", "query", *bounds, "--json").stdout)["call"] == "call-2"
    wrong = sallyport("audit", "query", "--since", "yesterday")
    assert wrong.exit_code == 2
    assert "since: a moment" in wrong.stderr


def test_no_gateway_and_no_journal_is_unreachable(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    done = sallyport("audit", "query")
    assert done.exit_code == 3
    assert "sallyport run" in done.stderr


def test_verify_follows_a_whole_chain_and_names_the_first_bad_record(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    path = write_journal(folder, ENTRIES)
    done = sallyport("audit", "verify")
    assert done.exit_code == 0
    assert "4 entries in 1 segments" in done.stdout
    path.write_bytes(path.read_bytes().replace(b"ops-bot", b"oqs-bot"))
    for words in ((), ("--dir", str(path.parent))):
        bad = sallyport("audit", "verify", *words)
        assert bad.exit_code == 1
        assert f"{path.name}:3: the chain breaks" in bad.stderr
