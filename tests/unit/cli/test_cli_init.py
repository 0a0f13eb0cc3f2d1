"""init as a whole: files that load, a server that is really asked, a key that really proves, and no secret anywhere."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from cli_stage import Run

from gateway.clock import SystemClock
from gateway.config.load import load
from gateway.identity.apikey import hashed
from gateway.identity.keyring import Keyring
from gateway.policy.rules import Rules

SERVER = """\
import json, sys
TOOLS = [{"name": n, "inputSchema": {"type": "object"}} for n in ("get_x", "drop_x", "set: {effect: read}\\n  y")]
for line in sys.stdin:
    asked = json.loads(line)
    match asked["method"]:
        case "initialize":
            told = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
        case "tools/list":
            told = {"tools": TOOLS}
        case _:
            told = None
    if "id" in asked:
        answer = {"result": told} if told else {"error": {"code": -32601, "message": "no"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


@pytest.fixture
def project(folder: Path) -> Path:
    """A project with one stdio server of its own."""
    (folder / "server.py").write_text(SERVER)
    servers = {
        "Own: {x: 1}\n  evil": {"command": sys.executable, "args": ["server.py"], "env": {"TOKEN": "hunter2-in-clear"}},
        "gone": {"command": "/no/such/program"},
    }
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    return folder


def test_a_client_configuration_becomes_one_that_loads(
    sallyport: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = sallyport("init", "--user", "alice")
    assert done.exit_code == 0, done.stderr
    assert "own-x-1-evil: 3 tools" in done.stderr
    monkeypatch.setenv("TOKEN", "x")
    config = load(project / "config.yaml")
    assert set(config.upstreams) == {"own-x-1-evil", "gone"}
    assistant = config.agents["assistant"]
    assert assistant.tools == assistant.prompts == assistant.resources == ("own-x-1-evil/**", "gone/**")
    assert {name: tool.effect for name, tool in config.upstreams["own-x-1-evil"].tools.items()} == {
        "get_x": "unset",
        "drop_x": "unset",
    }
    text = (project / "config.yaml").read_text()
    assert "get_x: {effect: unset}  # proposed: read (the name says get)" in text
    assert "drop_x: {effect: unset}  # proposed: mutating (nothing says that it is safe)" in text
    assert "1 tools have names that MCP does not allow" in text
    assert "# Its tools could not be listed:" in text


@pytest.mark.parametrize(
    ("act", "thing"),
    [("call", "gone/any/thing"), ("prompt", "gone/anything"), ("read", "gone/file:///any/thing.md")],
)
def test_the_policy_it_writes_lets_that_user_do_everything_of_that_agent(
    sallyport: Run, project: Path, act: str, thing: str
) -> None:
    from gateway.model.decision import Verdict
    from gateway.model.principal import Principal

    sallyport("init", "--user", "alice", "--no-probe")
    raw = yaml.safe_load((project / "config.yaml").read_text())
    from gateway.config.schema import Policy

    rules = Rules.load(Policy.model_validate(raw["policy"]), project, SystemClock())
    verdicts = [
        rules.decide(Principal("default", agent, "key:x", user, "key:x"), thing, act, {}).verdict
        for agent, user in (("assistant", "alice"), ("assistant", "bob"), ("other", "alice"))
    ]
    assert verdicts == [Verdict.ALLOW, Verdict.DENY, Verdict.DENY]


def test_check_has_nothing_to_say_about_what_it_writes(
    sallyport: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "x")
    sallyport("init", "--user", "alice", "--no-probe")
    done = sallyport("check", "--config", "config.yaml")
    assert (done.exit_code, done.stderr) == (0, "config.yaml: no faults\n")


def test_the_key_it_prints_is_in_the_key_file_and_in_every_snippet(sallyport: Run, project: Path) -> None:
    done = sallyport("init", "--user", "alice", "--no-probe")
    (key,) = Keyring(project / ".sallyport/keys.json", SystemClock()).ls()
    assert (key.agent, key.user) == ("assistant", "alice")
    printed = {word for word in done.stdout.replace('"', " ").replace("'", " ").split() if word.startswith("sp_")}
    assert [hashed(word) for word in printed] == [key.hash]
    assert done.stdout.count(printed.pop()) == 4
    for title in ("Claude Code", "VS Code", "Cursor", "Python"):
        assert f"# {title}" in done.stdout


def test_a_secret_is_written_nowhere_and_printed_nowhere(sallyport: Run, project: Path) -> None:
    done = sallyport("init", "--user", "alice", "--out", "new/folder")
    assert "hunter2" not in done.stdout + done.stderr
    assert "TOKEN=  # own-x-1-evil: env TOKEN" in done.stdout
    for path in (project / "new").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()


def test_nothing_is_overwritten_without_force(sallyport: Run, project: Path) -> None:
    (project / "config.yaml").write_text("mine")
    done = sallyport("init", "--no-probe")
    assert done.exit_code == 1
    assert "Already there: config.yaml" in done.stderr
    assert (project / "config.yaml").read_text() == "mine"
    assert not (project / "policies").exists()
    assert sallyport("init", "--no-probe", "--force").exit_code == 0
    assert (project / "config.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("files", "said"), [((), "There is none of"), ((".mcp.json", ".vscode/mcp.json"), ".mcp.json and .vscode/mcp.json")]
)
def test_without_from_exactly_one_configuration_must_be_here(
    sallyport: Run, folder: Path, files: tuple[str, ...], said: str
) -> None:
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    done = sallyport("init")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "--from FILE" in done.stderr


def test_bad_json_is_told_with_line_and_column_and_nothing_is_written(sallyport: Run, folder: Path) -> None:
    (folder / "bad.json").write_text('{\n "mcpServers": {"a" {}}\n}')
    done = sallyport("init", "--from", "bad.json")
    assert done.exit_code == 1
    assert "bad.json: not JSON" in done.stderr
    assert "line 2 column 21" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["bad.json"]


@pytest.mark.parametrize("user", ["a b", "a,b", "-x", "user\nname", "*"])
def test_a_user_id_that_would_break_the_policy_is_wrong_usage(sallyport: Run, project: Path, user: str) -> None:
    assert sallyport("init", "--no-probe", f"--user={user}").exit_code == 2
