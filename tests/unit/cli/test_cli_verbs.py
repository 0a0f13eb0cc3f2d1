"""tools, kill, resume, schema and what every client verb says when things go wrong; the operator plane is the real one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_stage import Office, Run, write_config


def test_help_starts_without_loading_what_only_verbs_need() -> None:
    heavy = "{'pydantic', 'yaml', 'httpx2', 'fastapi', 'aiohttp', 'gateway.app', 'asyncio'}"
    script = f"import sys, gateway.cli.main; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_help_documents_the_exit_codes(sallyport: Run) -> None:
    for words in (("--help",), ("call", "--help"), ("audit", "verify", "--help"), ("keys", "new", "--help")):
        assert "3 the gateway" in " ".join(sallyport(*words).stdout.split())


def test_tools_shows_what_is_visible_first_and_why_the_rest_is_hidden(sallyport: Run, gateway: Path) -> None:
    done = sallyport("tools", "--agent", "support-bot", "--user", "alice")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["PUBLISHED", "TOOL", "EFFECT", "WHY"]
    assert lines[1].startswith("helpdesk_ticket_get")
    assert "hidden: no rule permits it" in lines[2]
    assert "1 of 2 tools are visible to support-bot for alice" in done.stderr


def test_tools_shows_prompts_and_resources_in_sections_of_their_own(sallyport: Run, gateway: Path) -> None:
    done = sallyport("tools", "--agent", "support-bot", "--user", "alice")
    prompts, resources = done.stdout.splitlines()[3:5], done.stdout.splitlines()[5:]
    assert prompts[0].split() == ["PUBLISHED", "PROMPT", "WHY"]
    assert prompts[1].split("  ")[0] == "-"
    assert "hidden: not among the prompts" in prompts[1]
    assert [line.split() for line in resources] == [
        ["PUBLISHED", "RESOURCE", "WHY"],
        ["kb://a/1", "wiki/kb://a/1", "allow", "read-kb"],
    ]
    assert "0 of 1 prompts are visible" in done.stderr
    assert "1 of 1 resources are visible" in done.stderr
    assert "templates" not in done.stderr


def test_tools_of_an_unknown_agent_is_refused_in_words(sallyport: Run, gateway: Path) -> None:
    done = sallyport("tools", "--agent", "nobody")
    assert done.exit_code == 1
    assert "no agent 'nobody' in the configuration" in done.stderr


def test_kill_stops_and_resume_lifts(sallyport: Run, gateway: Path, office: Office) -> None:
    assert sallyport("kill", "agent", "support-bot", "--why", "it misbehaves").exit_code == 0
    assert [(stop.kind, stop.target, stop.why) for stop in office.stopped] == [
        ("agent", "support-bot", "it misbehaves")
    ]
    assert "it misbehaves" in sallyport("kill").stdout
    assert json.loads(sallyport("kill", "--json").stdout)[0]["by"] == "local"
    assert sallyport("resume", "agent", "support-bot").exit_code == 0
    assert office.stopped == []
    assert "nothing is stopped" in sallyport("kill").stdout


def test_resume_of_what_runs_is_refused(sallyport: Run, gateway: Path) -> None:
    done = sallyport("resume", "tool", "helpdesk/mail_send")
    assert done.exit_code == 1
    assert "is not stopped" in done.stderr


@pytest.mark.parametrize(
    "words", [("kill", "all"), ("kill", "all", "x", "--why", "y"), ("kill", "agent", "--why", "y")]
)
def test_a_stop_without_reason_or_with_a_wrong_target_is_wrong_usage(
    sallyport: Run, gateway: Path, office: Office, words: tuple[str, ...]
) -> None:
    assert sallyport(*words).exit_code == 2
    assert office.stopped == []


@pytest.mark.parametrize("words", [("tools", "--agent", "a"), ("kill",), ("audit", "tail", "-f")])
def test_without_a_gateway_a_client_verb_says_how_to_start_it(
    sallyport: Run, folder: Path, words: tuple[str, ...]
) -> None:
    write_config(folder)
    done = sallyport(*words)
    assert done.exit_code == 3
    assert "sallyport run --config config.yaml" in done.stderr


def test_a_refused_token_names_where_it_came_from(
    sallyport: Run, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALLYPORT_OPERATOR_TOKEN", "wrong")
    done = sallyport("kill")
    assert done.exit_code == 1
    assert "the token of SALLYPORT_OPERATOR_TOKEN was refused" in done.stderr
    assert "wrong" not in done.stderr
    monkeypatch.delenv("SALLYPORT_OPERATOR_TOKEN")
    Path(".sallyport/operator.token").unlink()
    assert "there is no" in sallyport("kill").stderr


def test_client_verbs_need_none_of_the_upstreams_secrets(sallyport: Run, gateway: Path) -> None:
    secret = "upstreams: {crm: {kind: mcp-http, url: 'http://127.0.0.1:1/mcp', headers: {A: '${env:NOT_SET_HERE}'}}}\n"
    gateway.write_text(gateway.read_text() + secret)
    assert sallyport("kill").exit_code == 0


def test_a_broken_configuration_is_told_with_file_and_line(sallyport: Run, folder: Path) -> None:
    (folder / "config.yaml").write_text("version: 1\nlisten: {agnet: x}\n")
    done = sallyport("kill")
    assert done.exit_code == 1
    assert "config.yaml:2:" in done.stderr
    assert "did you mean 'agent'" in done.stderr


def test_schema_prints_the_published_schema(sallyport: Run) -> None:
    published = json.loads(
        Path(sys.modules["gateway"].__file__ or "").with_name("config").joinpath("schema.json").read_text()
    )
    assert json.loads(sallyport("schema").stdout)["title"] == published["title"]


def test_the_version_is_said(sallyport: Run) -> None:
    from gateway import __version__

    assert sallyport("--version").stdout == f"sallyport {__version__}\n"
