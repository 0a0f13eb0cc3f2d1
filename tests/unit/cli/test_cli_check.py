"""check: faults with file and line, the effective configuration masked and marked, effects nobody confirmed."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_stage import Run

from gateway.cli.effective import duration, rendered
from gateway.config.load import load, read_yaml

ROOT = Path(__file__).parents[3]
CONFIG = """\
version: 1
policy: {conditions: null}
upstreams:
  crm:
    kind: mcp-http
    url: http://${env:CRM_USER}@crm.example/mcp
    headers: {Authorization: "Bearer ${env:CRM_TOKEN}", X-Literal: s3cret-in-file}
    timeout: 1500ms
    tools: {find: {effect: unset}, get: {effect: read}}
  own:
    kind: mcp-stdio
    command: own
    args: [--token=sk-s3cret-123456, --dir=/srv]
agents: {bot: {tools: ["crm/*"]}}
"""


@pytest.fixture
def config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "policies", folder / "policies")
    monkeypatch.setenv("CRM_USER", "root")
    monkeypatch.setenv("CRM_TOKEN", "s3cret-in-environment")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "policies/policy.csv").write_text("p, a, user:alice, default, bot, crm/*, call, -, allow\n")
    return folder / "config.yaml"


def shown(config: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(rendered(load(config), read_yaml(config)[0]))
    return parsed


def test_no_secret_is_shown_wherever_it_came_from(config: Path) -> None:
    text = rendered(load(config), read_yaml(config)[0])
    assert "s3cret" not in text
    assert "root" not in text
    crm = shown(config)["upstreams"]["crm"]
    assert crm["headers"] == {"Authorization": "•••", "X-Literal": "•••"}
    assert crm["url"] == "•••"
    assert shown(config)["upstreams"]["own"]["args"] == ["--token=•••", "--dir=/srv"]


def test_every_value_is_the_one_in_force_and_the_environments_are_marked(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALLYPORT_LISTEN__AGENT", "127.0.0.1:18080")
    text = rendered(load(config), read_yaml(config)[0])
    assert "  agent: 127.0.0.1:18080  # from SALLYPORT_LISTEN__AGENT" in text.splitlines()
    assert "# from ${env:CRM_TOKEN}" in text
    parsed = shown(config)
    assert parsed["upstreams"]["crm"]["timeout"] == "1500ms"
    assert parsed["upstreams"]["crm"]["max_in_flight"] == 32
    assert parsed["loops"]["in_a_row"] == 3
    assert parsed["loops"]["window"] == "15m"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "250ms"), (10, "10s"), (90, "90s"), (900, "15m"), (7200, "2h"), (86400, "1d"), (0, "0ms")],
)
def test_durations_are_spelt_as_the_configuration_spells_them(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_what_can_never_match_is_a_warning_and_no_fault(sallyport: Run, config: Path) -> None:
    config.write_text(CONFIG.replace("{bot: {tools", '{bot: {prompts: ["crm/*"], tools'))
    done = sallyport("check", "--config", "config.yaml")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "warning: agents.bot.prompts: crm/*: no row of policies/policy.csv permits `prompt` there: add one, or remove it",
        "config.yaml: no faults",
    ]


def test_a_good_configuration_passes_and_unset_effects_are_named(sallyport: Run, config: Path) -> None:
    done = sallyport("check")
    assert done.exit_code == 0, done.stderr
    assert "# effect unset: crm/find" in done.stdout
    assert "crm/get" not in done.stdout
    assert yaml.safe_load(done.stdout)["version"] == 1


def test_faults_of_configuration_and_policy_are_told_with_their_place(sallyport: Run, config: Path) -> None:
    (config.parent / "policies/policy.csv").write_text("# rows\np, a, user:alice, default, bot, crm/*, call, -, Deny\n")
    done = sallyport("check")
    assert done.exit_code == 1
    assert "policies/policy.csv:2:" in done.stderr
    config.write_text(CONFIG.replace("timeout: 1500ms", "timeout: 1500"))
    assert "config.yaml:8: upstreams.crm.timeout" in sallyport("check").stderr
    assert sallyport("check", "-c", "none.yaml").exit_code == 1
    assert sallyport("run").exit_code == 1


def test_a_missing_secret_is_a_fault_that_says_what_to_export(
    sallyport: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_TOKEN")
    done = sallyport("check")
    assert done.exit_code == 1
    assert "export CRM_TOKEN before starting" in done.stderr


def test_the_example_configuration_has_no_fault(sallyport: Run) -> None:
    done = sallyport("check", "-c", str(ROOT / "config.example.yaml"))
    assert done.exit_code == 0, done.stderr
    assert "effect unset" not in done.stdout, "tools of an OpenAPI document have the effect of their method"
