"""A client's file becomes upstreams: both dialects, odd names, secrets moved out, and nothing a file can say breaks it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.importer import Imported, imported
from gateway.cli.importer_json import Unreadable

MCP_SERVERS = """\
{
  // kept by hand
  "mcpServers": {
    "GitHub (work)": {
      "command": "npx", "args": ["-y", "@scope/server@2025.4.8", "--api-key", "hunter2", "--repo=a/b"],
      "env": {"GITHUB_TOKEN": "ghp_abcdefghij0123456789", "LOG_LEVEL": "debug", "PORT": 3000, "DRY": false},
    },
    "github-work": {"type": "http", "url": "https://api.example.com/mcp",
      "headers": {"Authorization": "Bearer sk-live-1234567890", "X-Toolsets": "repos,issues"}},  /* two of a name */
    "1password": {"command": "op", "args": ["--config=${HOME}/op.toml"], "env": {"OP": "${env:OP_TOKEN}"}},
    "Ünïcode ✨": {"url": "https://x.example/mcp?api_key=abc"},
    "!!": {"command": "x", "env": {"GITHUB_TOKEN": "another-secret-99"}},
    "sallyport": {"command": "y", "env": {"GITHUB_TOKEN": "ghp_abcdefghij0123456789"}},
    "old": {"type": "sse", "url": "https://x.example/sse"},
    "off": {"command": "x", "disabled": true},
    "empty": {},
  },
}
"""


def write(folder: Path, document: Any, name: str = ".mcp.json") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def sections(found: Imported) -> dict[str, Any]:
    return {server.id: dict(server.section) for server in found.servers}


def test_mcp_servers_become_upstreams(tmp_path: Path) -> None:
    found = imported(write(tmp_path, MCP_SERVERS))
    assert sections(found) == {
        "github-work": {
            "kind": "mcp-stdio",
            "command": "npx",
            "args": ["-y", "@scope/server@2025.4.8", "--api-key", "${env:GITHUB_WORK_API_KEY}", "--repo=a/b"],
            "env": {"GITHUB_TOKEN": "${env:GITHUB_TOKEN}", "LOG_LEVEL": "debug", "PORT": "3000", "DRY": "false"},
        },
        "github-work-2": {
            "kind": "mcp-http",
            "url": "https://api.example.com/mcp",
            "headers": {"Authorization": "Bearer ${env:GITHUB_WORK_2_AUTHORIZATION}", "X-Toolsets": "repos,issues"},
        },
        "mcp-1password": {
            "kind": "mcp-stdio",
            "command": "op",
            "args": ["--config=${env:HOME}/op.toml"],
            "env": {"OP": "${env:OP_TOKEN}"},
        },
        "n-code": {"kind": "mcp-http", "url": "${env:N_CODE_URL}"},
        "old": {"kind": "mcp-http", "url": "https://x.example/sse"},
        "server": {"kind": "mcp-stdio", "command": "x", "env": {"GITHUB_TOKEN": "${env:SERVER_GITHUB_TOKEN}"}},
        "sallyport-2": {"kind": "mcp-stdio", "command": "y", "env": {"GITHUB_TOKEN": "${env:GITHUB_TOKEN}"}},
    }
    assert [note.partition(":")[0] for note in found.notes] == ["off", "empty"]
    assert found.vault.values["GITHUB_WORK_2_AUTHORIZATION"] == "sk-live-1234567890"
    assert found.vault.values["SERVER_GITHUB_TOKEN"] == "another-secret-99"


def test_vs_code_servers_and_inputs_become_upstreams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    document = {
        "inputs": [{"type": "promptString", "id": "my-key", "description": "Key of the CRM", "password": True}],
        "servers": {
            "crm": {"type": "http", "url": "https://crm.example/mcp", "headers": {"X-Key": "${input:my-key}"}},
            "here": {
                "type": "stdio",
                "command": "${workspaceFolder}/bin/run",
                "args": ["${command:pick}"],
                "cwd": "sub",
            },
        },
    }
    found = imported(write(tmp_path, document, ".vscode/mcp.json"))
    assert sections(found) == {
        "crm": {"kind": "mcp-http", "url": "https://crm.example/mcp", "headers": {"X-Key": "${env:MY_KEY}"}},
        "here": {
            "kind": "mcp-stdio",
            "command": f"{tmp_path}/bin/run",
            "args": ["${command:pick}"],
            "cwd": f"{tmp_path}/sub",
        },
    }
    assert list(found.vault.wanted()) == [("MY_KEY", "", "crm: header X-Key (Key of the CRM)")]
    assert "${command:pick} has no counterpart here" in found.notes[0]
    assert "MY_KEY" not in found.vault.known()


def test_a_default_is_used_for_the_probe_and_told_only_when_it_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGION", raising=False)
    monkeypatch.delenv("API_KEY", raising=False)
    env = {"A": "${REGION:-eu-west-1}", "B": "${API_KEY:-s3cr3t}"}
    found = imported(write(tmp_path, {"mcpServers": {"x": {"command": "c", "env": env}}}))
    assert [(name, value) for name, value, _ in found.vault.wanted()] == [("API_KEY", ""), ("REGION", "eu-west-1")]
    assert found.vault.known()["API_KEY"] == "s3cr3t"


def test_a_command_that_names_a_file_of_the_project_starts_there(tmp_path: Path) -> None:
    (tmp_path / "server.py").touch()
    servers = {"a": {"command": "python", "args": ["server.py"]}, "b": {"command": "python", "args": ["-m", "pkg"]}}
    found = sections(imported(write(tmp_path, {"mcpServers": servers}, ".cursor/mcp.json")))
    assert found["a"]["cwd"] == str(tmp_path)
    assert "cwd" not in found["b"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token=hunter2"],
        ["--password", "hunter2"],
        ["-e", "DB_PASS=hunter2"],
        ["--header", "Authorization: Bearer hunter2"],
        ["--header", "Authorization:Bearer hunter2"],
        ["postgres://root:hunter2@db/x"],
        ["postgres://root:hunter2@${env:HOST}/x"],
        ["https://x.example/mcp?api_key=hunter2"],
        ["--x=ghp_hunter2hunter2"],
    ],
)
def test_no_spelling_of_a_secret_argument_stays_in_the_configuration(tmp_path: Path, arguments: list[str]) -> None:
    found = imported(write(tmp_path, {"mcpServers": {"x": {"command": "c", "args": arguments}}}))
    assert "hunter2" not in json.dumps(sections(found))
    assert any("hunter2" in (value or "") for value in found.vault.values.values())


def test_many_servers_of_one_name_are_numbered_within_forty_characters(tmp_path: Path) -> None:
    names = ["x" * 60 + mark for mark in ("", "!", "?", " ", "a")]
    found = imported(write(tmp_path, {"mcpServers": {name: {"command": "c"} for name in names}}))
    ids = [server.id for server in found.servers]
    assert len(set(ids)) == 5
    assert all(len(name) <= 40 for name in ids)
    assert ids[1] == "x" * 38 + "-2"


@pytest.mark.parametrize("document", ["[]", "{}", '{"mcpServers": []}', '{"servers": 1}'])
def test_a_file_without_servers_says_what_to_give(tmp_path: Path, document: str) -> None:
    with pytest.raises(Unreadable, match="neither `mcpServers` nor `servers`"):
        imported(write(tmp_path, document))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["${env:A}", "${x", "${}", "a=b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["command", "args", "env", "url", "headers", "type", "cwd", "disabled", "transport", "x"])
entries = st.dictionaries(keys, values, max_size=6) | values


@settings(max_examples=120, deadline=None)
@given(servers=st.dictionaries(st.text(max_size=50), entries, max_size=4), inputs=values)
def test_whatever_stands_in_the_file_the_ids_are_safe_and_unique(
    tmp_path_factory: pytest.TempPathFactory, servers: Any, inputs: Any
) -> None:
    document = {"servers": servers, "inputs": inputs}
    found = imported(write(tmp_path_factory.getbasetemp(), document, "any.json"))
    ids = [server.id for server in found.servers]
    assert len(ids) == len(set(ids))
    assert all(name.isascii() and name[0].isalpha() and len(name) <= 40 for name in ids)
    assert len(found.servers) + len([note for note in found.notes if "left out" in note]) == len(servers)
