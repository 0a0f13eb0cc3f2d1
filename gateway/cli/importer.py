"""From a client's configuration to upstreams: `mcpServers` (.mcp.json, Claude Desktop, Cursor) or VS Code's `servers`.

Lives only here: what the entries of those files mean, and which ids their servers get. Pure but for looking whether a
relative path exists. Must not know YAML, probing or terminals. Called by `init`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.cli.importer_json import Unreadable, read
from gateway.cli.importer_secrets import Vault, texts

KNOWN_PLACES: Final = (".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json")
_LONGEST_ID = 40
_RESERVED = frozenset({"sallyport"})
_HTTP_TYPES = frozenset({"", "http", "sse", "streamable-http", "streamableHttp", "streamable_http"})
"""`sse` too: the gateway finds out by itself which of them a server speaks."""
_URL_KEYS = ("url", "serverUrl", "httpUrl")


@dataclass(frozen=True, slots=True)
class Server:
    """One server that became an upstream."""

    id: str
    title: str
    """Its name in the file."""
    section: Mapping[str, Any]
    """Its section of `upstreams`, secrets as references."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file amounted to."""

    servers: tuple[Server, ...]
    vault: Vault
    notes: tuple[str, ...]
    """What was left out, and why."""


def imported(path: Path) -> Imported:
    """Reads and translates a file. Raises Unreadable."""
    document = read(path)
    entries, inputs = _entries(path, document)
    vault = Vault(_project(path), inputs)
    servers: list[Server] = []
    notes: list[str] = []
    taken = set(_RESERVED)
    for title, entry in entries.items():
        name = _id(title, taken)
        found = _section(name, entry, vault)
        if isinstance(found, str):
            notes.append(f"{title}: left out: {found}")
            continue
        taken.add(name)
        servers.append(Server(name, title, found))
    return Imported(tuple(servers), vault, (*notes, *vault.notes))


def _entries(path: Path, document: Any) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The servers of either dialect, and what VS Code's inputs ask."""
    match document:
        case {"mcpServers": dict(servers)}:
            return servers, {}
        case {"servers": dict(servers)} | {"mcp": {"servers": dict(servers)}}:
            inner = document if "servers" in document else document["mcp"]
            inputs = inner.get("inputs")
            asked = [texts(item) for item in inputs] if isinstance(inputs, list) else []
            return servers, {item["id"]: item.get("description", "") for item in asked if "id" in item}
        case _:
            raise Unreadable(
                f"{path}: neither `mcpServers` nor `servers` is an object in it: give a .mcp.json, a "
                "claude_desktop_config.json, a .cursor/mcp.json or a .vscode/mcp.json with --from"
            )


def _project(path: Path) -> Path:
    """The folder a client would have started the servers in."""
    folder = path.resolve().parent
    return folder.parent if folder.name in {".vscode", ".cursor"} else folder


def _section(name: str, entry: Any, vault: Vault) -> dict[str, Any] | str:
    """The upstream's section, or why there is none."""
    if not isinstance(entry, dict):
        return "not an object"
    if entry.get("disabled") is True:
        return "it is disabled there"
    kind = str(entry.get("type") or entry.get("transport") or "")
    url = next((entry[key] for key in _URL_KEYS if isinstance(entry.get(key), str)), None)
    if isinstance(entry.get("command"), str) and kind in {"", "stdio"}:
        return _stdio(name, entry, vault)
    if url is not None and kind in _HTTP_TYPES:
        return _http(name, url, entry, vault)
    return "it has neither a command nor a url"


def _stdio(name: str, entry: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    listed = entry.get("args")
    given = [str(item) for item in listed] if isinstance(listed, list) else []
    befores = ["", *given]
    args = [vault.argument(name, item, befores[at], at) for at, item in enumerate(given)]
    section: dict[str, Any] = {"kind": "mcp-stdio", "command": vault.translated(entry["command"], f"{name}: command")}
    if args:
        section["args"] = args
    env = texts(entry.get("env"))
    if env:
        section["env"] = {
            key: vault.named_value(name, key, value, f"env {key}", own=True) for key, value in env.items()
        }
    if "envFile" in entry:
        vault.notes.append(f"{name}: envFile is not read here; export its variables and name them under env")
    if cwd := _cwd(entry.get("cwd"), [section["command"], *args], name, vault):
        section["cwd"] = cwd
    return section


def _cwd(written: Any, words: Sequence[str], name: str, vault: Vault) -> str | None:
    """Where to start it; said only where it was said, or where the command names a file relative to the project."""
    if isinstance(written, str):
        return str(vault.folder / vault.translated(written, f"{name}: cwd"))
    relative = (word for word in words if len(word) < 1000 and re.fullmatch(r"[\w.][\w./ -]*", word))
    return str(vault.folder) if any((vault.folder / word).is_file() for word in relative) else None


def _http(name: str, url: str, entry: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    section: dict[str, Any] = {"kind": "mcp-http", "url": vault.address(name, url)}
    if headers := texts(entry.get("headers")):
        section["headers"] = {
            key: vault.named_value(name, key, value, f"header {key}") for key, value in headers.items()
        }
    return section


def _id(title: str, taken: set[str]) -> str:
    """A safe id nobody has: lower-case letters, digits and hyphens, numbered where two would be the same."""
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "server"
    plain = plain if plain[0].isalpha() else f"mcp-{plain}"
    wished = plain[:_LONGEST_ID].rstrip("-")
    number = 2
    name = wished
    while name in taken:
        name = f"{wished[: _LONGEST_ID - len(str(number)) - 1]}-{number}"
        number += 1
    return name
