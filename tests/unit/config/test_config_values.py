"""What a configuration means: YAML without surprises, durations, references, the environment, frozen."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from config_kit import HELPDESK, loaded
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.config.load import load
from gateway.config.schema import Agent, Config, Loops
from gateway.config.upstreams import McpHttp
from gateway.config.values import Duration, duration
from gateway.config.written import read_yaml

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.yaml"


def test_an_empty_configuration_is_complete(tmp_path: Path) -> None:
    config = loaded(tmp_path, "version: 1\n")

    assert (config.listen.agent, config.listen.operator) == ("127.0.0.1:8080", "127.0.0.1:9090")
    assert isinstance(config.loops, Loops)
    assert config.identity.anonymous is None


def test_the_example_loads_without_any_variable_set() -> None:
    config = load(EXAMPLE, {})

    assert config.agents.keys() == {"support-bot", "ops-bot"}
    assert config.upstreams["helpdesk"].tools["ticket_reply"].effect == "mutating"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("off", "off"), ("on", "on"), ("yes", "yes"), ("n", "n"), ("2026-01-31", "2026-01-31"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"), ("22:22", "22:22"), ("1:20.5", "1:20.5"), ("010", "010"),
        ("1_000", "1_000"), ("0x1F", "0x1F"), ("e5", "e5"), (".", "."), ("=", "="),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-7", -7), ("1.0", 1.0),
        ("1e3", 1000.0), (".5", 0.5), ("'1'", "1"),
    ],
)  # fmt: skip
def test_yaml_means_what_json_has_and_everything_else_is_text(tmp_path: Path, written: str, meant: Any) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(f"value: [{written}]\n")

    found = read_yaml(path)[0]["value"]

    assert found == ([] if written == "" else [meant])
    assert not found or type(found[0]) is type(meant)


def test_an_agent_has_no_prompts_and_no_resources_unless_it_says_so(tmp_path: Path) -> None:
    text = "version: 1\nagents: {bot: {tools: [], resources: ['wiki/file:///docs/**', 'wiki/day://{date}?x=*']}}\n"

    bot = loaded(tmp_path, text).agents["bot"]

    assert (bot.prompts, bot.resources) == ((), ("wiki/file:///docs/**", "wiki/day://{date}?x=*"))


@pytest.mark.parametrize("field", ["tools", "prompts", "resources"])
@pytest.mark.parametrize("glob", ["wiki/**/a", "wiki/a**", "**/a", "wiki", "/a", "wiki/", "wiki/a b"])
def test_a_glob_that_could_be_misread_is_refused(field: str, glob: str) -> None:
    with pytest.raises(ValidationError):
        Agent.model_validate({"tools": [], field: [glob]})


def test_loops_may_be_off(tmp_path: Path) -> None:
    assert loaded(tmp_path, "version: 1\nloops: off\n").loops == "off"


def test_a_time_without_quotes_is_a_time(tmp_path: Path) -> None:
    key = f"{{id: k, hash: 'sha256:{'0' * 64}', agent: a, expires: 2027-01-31T12:00:00Z}}"

    assert loaded(tmp_path, f"version: 1\nidentity: {{keys: [{key}]}}\n").identity.keys[0].expires == "2027-01-31T12:00:00Z"  # fmt: skip


def test_aliases_and_merges_are_yaml(tmp_path: Path) -> None:
    text = (
        "version: 1\nupstreams:\n"
        "  a: &a {kind: mcp-http, url: 'http://h/mcp', timeout: 3s}\n"
        "  b: {<<: *a, timeout: 5s}\n"
    )

    upstreams = loaded(tmp_path, text).upstreams

    assert [upstreams[name].timeout.total_seconds() for name in "ab"] == [3, 5]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("10s", 10),
        ("1.5m", 90),
        ("2h", 7200),
        ("1d", 86_400),
        ("0.5s", 0.5),
    ],
)
def test_durations_carry_their_unit(text: str, seconds: float) -> None:
    assert TypeAdapter(Duration).validate_python(text) == timedelta(seconds=seconds)


def test_the_longest_duration_is_one() -> None:
    assert TypeAdapter(Duration).validate_python("999999999.999999d") > timedelta(days=999_999_999)


@pytest.mark.parametrize(
    "text", ["10", 10, 1.5, "0s", "0.0h", "-5s", "10 s", "s", "10w", "PT10S", "10s\n", "9" * 20 + "d", None]
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValidationError, match="write a duration above zero with its unit"):
        TypeAdapter(Duration).validate_python(text)


@settings(deadline=None)
@given(st.integers(1, 10**9))
def test_a_duration_is_spelt_so_that_it_can_be_read_again(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)

    assert TypeAdapter(Duration).validate_python(duration(value)) == value


def test_references_are_resolved_wherever_they_stand(tmp_path: Path) -> None:
    text = HELPDESK.replace("url:", "headers: {Authorization: 'Bearer ${env:KEY}'}, url:")

    helpdesk = loaded(tmp_path, f"version: 1\n{text}", {"KEY": "s3cret"}).upstreams["helpdesk"]

    assert isinstance(helpdesk, McpHttp)
    assert helpdesk.headers["Authorization"].get_secret_value() == "Bearer s3cret"
    assert "s3cret" not in repr(helpdesk)


def test_what_a_variable_holds_is_no_reference_again(tmp_path: Path) -> None:
    config = loaded(tmp_path, "version: 1\nlisten: {agent: '${env:A}'}\n", {"A": "${env:B}", "B": "no"})

    assert config.listen.agent == "${env:B}"


@pytest.mark.parametrize(
    ("variable", "value", "place", "meant"),
    [
        ("SALLYPORT_LISTEN__AGENT", "0.0.0.0:1", ("listen", "agent"), "0.0.0.0:1"),
        ("sallyport_listen__operator", "0.0.0.0:2", ("listen", "operator"), "0.0.0.0:2"),
        ("SALLYPORT_LOOPS__WINDOW", "3m", ("loops", "window"), timedelta(minutes=3)),
        ("SALLYPORT_TELEMETRY", '{"log_level": "debug"}', ("telemetry", "log_level"), "debug"),
    ],
)
def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, place: tuple[str, str], meant: Any
) -> None:
    monkeypatch.setenv(variable, value)

    config = loaded(
        tmp_path, "version: 1\nlisten: {agent: '127.0.0.1:1', operator: '127.0.0.1:2'}\nloops: {rounds: 9}\n"
    )

    assert getattr(getattr(config, place[0]), place[1]) == meant
    assert isinstance(config.loops, Loops)
    assert config.loops.rounds == 9


@pytest.mark.parametrize("variable", ["SALLYPORT_TOKEN", "SALLYPORT_CONFIG", "SALLYPORT_OPERATOR_TOKEN"])
def test_the_command_lines_own_variables_are_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "x")

    assert loaded(tmp_path, "version: 1\n").model_dump() == Config(version=1).model_dump()


def test_a_verb_that_needs_addresses_only_needs_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("version: 1\nlisten: {agent: 'h:1'}\nupstreams: {x: {headers: '${env:NONE}'}}\n")

    config = load(path, {}, only=frozenset({"version", "listen"}))

    assert (config.listen.agent, config.upstreams) == ("h:1", {})


def test_a_loaded_configuration_does_not_change(tmp_path: Path) -> None:
    config = loaded(tmp_path, f"version: 1\n{HELPDESK}")

    for section, field in ((config, "listen"), (config.listen, "agent"), (config.upstreams["helpdesk"], "timeout")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, field, getattr(section, field))


def test_a_false_that_was_meant_as_off_is_told_how_to_write_it() -> None:
    with pytest.raises(ValidationError, match="in quotes"):
        Config.model_validate({"version": 1, "loops": False})
