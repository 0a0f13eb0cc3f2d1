"""What must hold of every answer and every arrival, told from the outside: no code of the gateway decides it.

`wanted` reads a shot as a strict and simple-minded server would; `arrives` says what is wrong with a request that reached the
upstream; `sound` what is wrong with an answer. From the gateway comes only the published table of refusals.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from fuzz_shots import MODERN, NS, Shot
from fuzz_world import AGENTS, CANARY, KEYS, may

from gateway.model.refusal import TABLE, Reason

STATUSES = {row.status for row in TABLE.values()} - {500} | {200, 202, 204}
LEAKS = [
    b"Traceback",
    b"Error(",
    b"Exception",
    b".py",
    b"gateway/",
    b"<class ",
    b" object at 0x",
    CANARY.encode(),
    *(key.encode() for key in KEYS.values()),
]
_WHO = {key: who for who, key in KEYS.items() if who in AGENTS}
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
SILENT = {
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
}
"""Methods whose success leaves no record."""


class Unsound(AssertionError):
    """Something that must never be."""


def strict(data: bytes) -> Any:
    """One JSON value that every parser reads alike. Raises ValueError."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in found}) < len(found):
            raise ValueError("a name twice")
        return dict(found)

    def constant(name: str) -> Any:
        raise ValueError(name)

    value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair
    return value


@dataclass(frozen=True)
class Wanted:
    """A call that was asked for, in the upstream's own names."""

    who: str
    method: str
    name: str
    arguments: Any
    session: str | None


def wanted(shot: Shot) -> Wanted | None:
    """The call this shot asks for without any ambiguity; None where it asks for none."""
    heads: dict[str, list[bytes]] = {}
    for name, value in shot.lines:
        heads.setdefault(name, []).append(value.strip(b" \t"))
    scheme, _, key = _one(heads, "authorization").partition(" ")
    who = _WHO.get(key.strip())
    if (
        who is None
        or scheme.lower() != "bearer"
        or len(heads["authorization"]) > 1
        or shot.target not in ("/mcp", f"/agents/{AGENTS[who]}/mcp")
    ):
        return None
    try:
        message = strict(shot.body)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"jsonrpc": "2.0", "id": int() | str(), "method": str(method), "params": dict(params)}:
            pass
        case _:
            return None
    if shot.method != "POST" or any(len(values) > 1 for name, values in heads.items() if name.startswith("mcp-")):
        return None
    meta = params.get("_meta")
    session = None
    if isinstance(meta, dict) and NS + "protocolVersion" in meta:
        told = (meta[NS + "protocolVersion"], _one(heads, "mcp-protocol-version"), _one(heads, "mcp-method"))
        if told != (MODERN, MODERN, method) or _named(heads, method, params) is False:
            return None
    elif not (session := _one(heads, "mcp-session-id")):
        return None
    return _of(who, method, params, session)


def _of(who: str, method: str, params: dict[str, Any], session: str | None) -> Wanted | None:
    match method, params:
        case (("tools/call" | "prompts/get"), {"name": str(name)}) if name.startswith("desk_"):
            return Wanted(who, method, name.removeprefix("desk_"), params.get("arguments", {}), session)
        case "resources/read", {"uri": str(uri)}:
            return Wanted(who, method, uri, {}, session)
        case "completion/complete", {"ref": {"type": "ref/prompt", "name": str(name)} as ref} if name.startswith(
            "desk_"
        ):
            own = name.removeprefix("desk_")
            return Wanted(who, method, own, {**_kept(params), "ref": {**ref, "name": own}}, session)
        case "completion/complete", {"ref": {"type": "ref/resource", "uri": str(uri)}}:
            return Wanted(who, method, uri, _kept(params), session)
    return None


def _kept(params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("ref", "argument", "context") if name in params}


def _one(heads: dict[str, list[bytes]], name: str) -> str:
    return heads.get(name, [b""])[0].decode("latin-1")


def _named(heads: dict[str, list[bytes]], method: str, params: dict[str, Any]) -> bool:
    """Whether `Mcp-Name` and `Mcp-Param-Region` say what the body says."""
    if method in _NAMED and _plain(_one(heads, "mcp-name")) != params.get(_NAMED[method]):
        return False
    arguments = params.get("arguments")
    if method != "tools/call" or params.get("name") != "desk_region" or not isinstance(arguments, dict):
        return True
    return _plain(_one(heads, "mcp-param-region")) == (arguments.get("region") or "")


def _plain(value: str) -> str | None:
    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def arrives(shot: Shot, sessions: dict[str, str], method: str, name: str, arguments: Any) -> str | None:
    """What is wrong with a request that came to the upstream while this shot was walked; None when it may.

    `sessions`: whose each session is that has not ended.
    """
    asked = wanted(shot)
    if asked is None:
        return "nobody asked for it"
    if asked.session is not None and sessions.get(asked.session) != asked.who:
        return f"{asked.who} has no such session"
    mine = asked.arguments
    if method == "tools/call" and isinstance(mine, dict):
        mine = {key: value for key, value in mine.items() if key not in ("x_reason", "x_occurrence")}
    if (asked.method, asked.name) != (method, name) or _text(mine) != _text(arguments):
        return f"{asked} was asked for"
    return None if may(asked.who, method, name, arguments) else f"{asked.who} may not"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def shows_nothing(raw: bytes, more: tuple[bytes, ...] = ()) -> None:
    """No text of an exception, no path of ours and no credential."""
    if leaks := [leak for leak in (*LEAKS, *more) if leak in raw]:
        raise Unsound(f"{leaks} on the wire: {raw[:2000]!r}")


def sound(shot: Shot, status: int, kind: str, body: bytes) -> list[Any]:
    """The messages of an answer. Raises Unsound."""
    if status not in STATUSES:
        raise Unsound(f"status {status}: {body[:500]!r}")
    if not body:
        if status not in (202, 204) and shot.method != "HEAD":
            raise Unsound(f"status {status} without a word")
        return []
    try:
        messages = events(body) if kind == "text/event-stream" else [strict(body)]
    except (ValueError, KeyError) as fault:
        raise Unsound(f"no JSON ({fault!r}): {body[:500]!r}") from None
    for message in messages:
        _message(message, status)
    return messages


def events(body: bytes) -> list[Any]:
    """Data of every whole event that has some, each a JSON value. Raises ValueError."""
    found = []
    for block in body.decode("utf-8").split("\n\n")[:-1]:
        fields = [line.partition(":") for line in block.split("\n") if line]
        if any(name not in ("", "data", "id", "event", "retry") for name, _, _ in fields):
            raise ValueError(block)
        data = "\n".join(value.removeprefix(" ") for name, _, value in fields if name == "data")
        if data:
            found.append(strict(data.encode()))
    return found


def _message(message: Any, status: int) -> None:
    match message:
        case {"error": str(reason), "detail": str(), "remedy": str(), "call_id": str()}:
            told = {"reason": reason}
        case {
            "jsonrpc": "2.0",
            "id": str() | int() | None,
            "error": {"code": int(), "message": str()} as error,
            **rest,
        } if not rest:
            data = error.get("data")
            told = data.get("io.sallyport/outcome", {}) if isinstance(data, dict) else {}
        case {"jsonrpc": "2.0", "id": str() | int(), "result": dict(result), **rest} if not rest:
            if result.get("resultType") not in (None, "complete", "input_required"):
                raise Unsound(f"a result of no known type: {result['resultType']!r}")
            meta = result.get("_meta", {})
            told = meta.get("io.sallyport/outcome", {}) if isinstance(meta, dict) else {}
        case {"jsonrpc": "2.0", "method": str()}:
            return
        case {"type": str(), "status": int(), "reason": str(reason), "call_id": str()}:
            told = {"reason": reason}
        case {"resource": str(), "authorization_servers": list()}:
            return
        case _:
            raise Unsound(f"no message of any standard: {message!r}")
    if told and (told["reason"] not in list(Reason) or told["reason"] == "internal"):
        raise Unsound(f"reason {told['reason']!r}")
