"""Whatever is wrong with a configuration file is told as `file:line: what: remedy`, and nothing of it is a traceback."""

from pathlib import Path

import pytest
from config_kit import HELPDESK, faults, loaded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.load import load
from gateway.config.written import ConfigFaults

SYNTAX: list[tuple[str | bytes, str]] = [
    ("", "1: not a mapping: start with `version: 1`"),
    ("- version\n", "1: not a mapping: start with `version: 1`"),
    ("version: 1\n\tlisten: {}\n", "2: not YAML: found character '\\t' that cannot start any token: correct the syntax here"),
    ("version: 1\n---\nversion: 1\n", "2: not YAML: but found another document: correct the syntax here"),
    ("version: *one\n", "1: not YAML: found undefined alias 'one': correct the syntax here"),
    ("version: 1\nlisten: !hidden {}\n", "2: not YAML: could not determine a constructor for the tag '!hidden': correct the syntax here"),
    ("version: !!int one\n", "1: not YAML: a value does not fit its tag: remove the tags that begin with !!"),
    ("version: 1\n# \x07\n", "1: not YAML: unacceptable character #x0007: special characters are not allowed"),
    (b"version: 1\n# \xff\n", "1: not UTF-8: save it as UTF-8 (byte 13)"),
    ("version: 1\nagents: &a [*a]\n", "1: nested without end: write out what its aliases stand for"),
    ("version: 1\n\n1: one\n", "3: a key of the file is not text: put it in quotes"),
    ("version: 1\nlisten:\n  [agent]: x\n", "3: a key of listen is not text: put it in quotes"),
]  # fmt: skip
VALUES = [
    ("listen: {}\n", "1: version is missing: add it"),
    ("version: 2\n", "1: version: Input should be 1"),
    ("version: 1\nlisen: {}\n", "2: unknown key 'lisen': did you mean 'listen'?"),
    ("version: 1\nbananas: {}\n", "2: unknown key 'bananas': remove it; the key is not known here"),
    ("version: 1\nlisten:\n  agnet: x\n", "3: unknown key 'listen.agnet': did you mean 'agent'?"),
    ("version: 1\nlisten: {agent: a}\nlisten: {}\n", "3: the key 'listen' stands twice: remove one of them"),
    ("version: 1\nlisten:\n  agent: a\n  agent: b\n", "4: the key 'listen.agent' stands twice: remove one of them"),
    ("version: 1\nupstreams:\n  a:\n    url: x\n", "3: upstreams.a.kind is missing: write mcp-http, mcp-stdio or openapi"),
    ("version: 1\nupstreams:\n  a:\n    kind: mcp-stdio\n", "3: upstreams.a.command is missing: add it"),
    ("version: 1\nupstreams:\n  a: {kind: mcp-stdio, comand: x, command: y}\n", "3: unknown key 'upstreams.a.comand': did you mean 'command'?"),
    ("version: 1\nupstreams:\n  mcp-http:\n    kind: mcp-http\n    url: http://x\n    queue: -1\n", "6: upstreams.mcp-http.queue: Input should be greater than or equal to 0"),
    ("version: 1\nupstreams:\n  a:\n    kind: mcp-http\n    url: ftp://x\n", "5: upstreams.a.url: write a URL that begins with http:// or https://"),
    ("version: 1\nagents:\n  a:\n    tools:\n      - x/*\n      - nope\n", "6: agents.a.tools.1: write upstream/tool, such as helpdesk/ticket_get or helpdesk/*"),
    ("version: 1\nagents:\n  A:\n    tools: []\n", "3: agents.A: write a small letter, then small letters, digits and hyphens, such as support-bot"),
    ("version: 1\nagents:\n  a: {tools: [], overide: {}}\n", "3: unknown key 'agents.a.overide': did you mean 'override'?"),
    ("version: 1\nbudgets:\n  - {scope: agent, window: day, limit: 5}\n  - {scope: team, window: day, limit: 5}\n", "4: budgets.1.scope: Input should be 'call', 'session', 'run', 'user', 'agent', 'tool' or 'tenant'"),
    ("version: 1\nloops:\n  in_a_row: 1\n", "3: loops.in_a_row: Input should be greater than or equal to 2"),
    ("version: 1\nloops:\n  repeats: 3\n", "3: unknown key 'loops.repeats': it is 'in_a_row' now"),
    ("version: 1\nagents:\n  a: {tools: x/*}\n", "3: agents.a.tools: write a list: [one, another]"),
    ("version: 1\nupstreams:\n  a:\n    kind: mcp-stdio\n    command: x\n    tools:\n      pay: {effect: mutating, once: [id]}\n", "7: upstreams.a.tools.pay.once.0: write the path of an argument, such as args.invoice_id"),
    ("version: 1\nloops:\n  in_row: 3\n", "3: unknown key 'loops.in_row': did you mean 'in_a_row'?"),
    ("version: 1\nloops:\n  window: 15\n", "3: loops.window: write a duration above zero with its unit: 250ms, 10s, 5m, 2h or 1d"),
    ("version: 1\nagents: {a: {tools: [], override: {x/y: {args: {z: {fixed: .nan}}}}}}\n", "2: agents.a.override.x/y.args.z.fixed: write a value that JSON has: NaN and Infinity have no JSON form"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), [*SYNTAX, *VALUES], ids=lambda value: str(value).partition("\n")[0][:60])
def test_a_fault_is_told_with_its_line_and_the_next_step(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert faults(tmp_path, text) == [f"config.yaml:{told}"]


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    told = faults(tmp_path, "version: 1\nlisen: {}\naudit:\n  segment_bytes: 1\ntelemetry: {log_level: loud}\n")

    assert [line.split(":")[1] for line in told] == ["4", "5", "2"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match=r"none\.yaml:1: no such file: give its path with --config"):
        load(tmp_path / "none.yaml")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match=":1: cannot be read: Is a directory: give a file that this user may read"):
        load(tmp_path)


def test_a_reference_to_a_variable_that_is_not_set_is_a_fault_and_no_empty_secret(tmp_path: Path) -> None:
    text = "version: 1\nlisten:\n  agent: ${env:HOST}:${env:PORT}\n  hosts:\n    - ${env:}\n"

    told = [
        "3: listen.agent refers to ${env:PORT}, which is not set: export PORT before starting",
        "5: listen.hosts.0 refers to ${env:}, which is not set: export  before starting",
    ]
    assert faults(tmp_path, text, {"HOST": "h"}) == [f"config.yaml:{line}" for line in told]


def test_a_secret_is_not_told_in_a_fault(tmp_path: Path) -> None:
    text = HELPDESK.replace("url:", "headers: {Authorization: ['${env:KEY}']}, url:")

    told = faults(tmp_path, f"version: 1\n{text}", {"KEY": "s3cret"})

    assert "upstreams.helpdesk.headers.Authorization" in told[0]
    assert "s3cret" not in told[0]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SALLYPORT_LOOPS__ROUNDS", "1", "loops.rounds (from SALLYPORT_LOOPS__ROUNDS): Input should be greater"),
        ("SALLYPORT_LISTEN__AGNET", "x", "unknown key 'listen.agnet (from SALLYPORT_LISTEN__AGNET)': did you mean"),
        ("SALLYPORT_BUDGETS", "many", 'the environment: error parsing value for field "budgets": write it as JSON'),
    ],
)
def test_a_fault_of_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)

    assert faults(tmp_path, "version: 1\n")[0].startswith(f"config.yaml:1: {told}")


WORDS = st.sampled_from(["version", "listen", "loops", "off", "1", "{", "}", "[", "]", "a", ":", ",", "- ", "&x", "*x",
                         "!!t", "'", '"', "\n", "\n  ", " ", "|", "? ", "~", "<<", "#", "%", "2026-13-99", "\u2028"])  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=14))
def test_no_file_is_answered_with_anything_but_a_configuration_or_faults(tmp_path: Path, words: list[str]) -> None:
    try:
        loaded(tmp_path, "version: 1\n" + "".join(words))
    except ConfigFaults as found:
        assert all(fault.line >= 1 and fault.what and fault.remedy for fault in found.faults)
