"""The small world all fuzz runs happen in: who there is, what one upstream offers, and a table of who may what.

The table at the end is the oracle for authorisation: written by hand, sharing no code with the gateway. The configuration
and the policy rows above it say the same in the gateway's own words.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEYS = {who: f"sp_{who}_" + who[0] * 43 for who in ("alice", "bob", "carol", "nobody")}
"""`carol` has a key and no rights; `nobody` is known to no gateway."""
AGENTS = {"alice": "support-bot", "bob": "ops-bot", "carol": "support-bot"}
CANARY = "canary-7f3a-never-on-the-wire"
"""Stands in the upstream's credentials and environment."""

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": False}
TOOLS = [
    {"name": "echo", "inputSchema": TEXT},
    {"name": "shaped", "inputSchema": TEXT, "outputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
    {"name": "region", "inputSchema": {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}},
    {
        "name": "pay",
        "inputSchema": {
            "type": "object",
            "properties": {"to": {"type": "string", "maxLength": 40}, "cents": {"type": "integer", "minimum": 1}},
            "required": ["to", "cents"],
            "additionalProperties": False,
        },
    },
    {"name": "note", "inputSchema": TEXT},
    {"name": "denied", "inputSchema": TEXT},
    {"name": "asked", "inputSchema": TEXT},
    {"name": "lead", "inputSchema": TEXT},
    {"name": "hidden", "inputSchema": TEXT},
]  # fmt: skip
PROMPTS = [{"name": name, "arguments": [{"name": "who"}]} for name in ("greet", "lead_greet", "hidden_greet")]
RESOURCES = [{"uri": uri, "name": uri} for uri in ("note://a", "note://b", "lead://a", "vault://x")]
TEMPLATES = [{"uriTemplate": f"{scheme}://{{id}}", "name": scheme} for scheme in ("note", "lead", "vault")]
EFFECTS = {"pay": "mutating", "asked": "mutating", "note": "idempotent"} | dict.fromkeys(
    ("echo", "shaped", "region", "denied", "lead", "hidden"), "read"
)

GROUPS = """
g, user:alice, role:support, default
g, user:bob, role:support, default
"""
ROWS = """
p, tools, role:support, default, *, desk/*, call, -, allow
p, no, *, default, *, desk/denied, call, never, deny
p, ask, role:support, default, *, desk/asked, call, -, ask
p, lead, role:support, default, support-bot, desk/lead, call, -, deny
p, greet, role:support, default, *, desk/greet, prompt, -, allow
p, lead-greet, user:bob, default, *, desk/lead_greet, prompt, -, allow
p, notes, role:support, default, *, desk/note://*, read, -, allow
p, leads, user:bob, default, *, desk/lead://*, read, -, allow
"""
NEVER = "never: args.text == 'no'\n"


def configuration(folder: Path, upstreams: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """What the gateway is told; `folder` gets the policy's files."""
    rows = [ROWS.replace("desk/", f"{name}/").replace("p, ", f"p, {name}-") for name in upstreams]
    (folder / "policy.csv").write_text("".join([GROUPS, *rows]), encoding="utf-8")
    (folder / "conditions.yaml").write_text(NEVER, encoding="utf-8")
    curated = {
        "tools": [f"{name}/{tool['name']}" for name in upstreams for tool in TOOLS if tool["name"] != "hidden"],
        "prompts": [f"{name}/{prompt}" for name in upstreams for prompt in ("greet", "lead_greet")],
        "resources": [f"{name}/{scheme}://*" for name in upstreams for scheme in ("note", "lead")],
    }
    keys = [
        {"id": who, "hash": "sha256:" + hashlib.sha256(KEYS[who].encode()).hexdigest(), "agent": agent, "user": who}
        for who, agent in AGENTS.items()
    ]
    common = {
        "timeout": "2s",
        "refresh": "1h",
        "breaker": "off",
        "retries": {"most": 0},
        "tools": {name: {"effect": effect} for name, effect in EFFECTS.items()},
    }
    return {
        "version": 1,
        "state": {"dir": str(folder / "state")},
        "identity": {"keys": keys},
        "policy": {
            "model": str(root / "policies/model.conf"),
            "rows": str(folder / "policy.csv"),
            "conditions": str(folder / "conditions.yaml"),
        },
        "upstreams": {name: {**common, **one} for name, one in upstreams.items()},
        "agents": dict.fromkeys(set(AGENTS.values()), curated),
        "approvals": {"hold": "1ms"},
        "loops": "off",
    }


# -- the table -------------------------------------------------------------------------------------------------------

MAY_CALL = {
    "alice": {"echo", "shaped", "region", "pay", "note", "denied"},
    "bob": {"echo", "shaped", "region", "pay", "note", "denied", "lead"},
}
MAY_PROMPT = {"alice": {"greet"}, "bob": {"greet", "lead_greet"}}
MAY_READ = {"alice": ("note://",), "bob": ("note://", "lead://")}


def may(who: str, method: str, name: str, arguments: Any) -> bool:
    """Whether `who` may have this sent to the upstream, in the upstream's own names."""
    match method:
        case "tools/call":
            return name in MAY_CALL.get(who, ()) and _fits(name, arguments)
        case "prompts/get":
            return name in MAY_PROMPT.get(who, ()) and all(isinstance(one, str) for one in arguments.values())
        case "resources/read":
            return _may_read(who, name)
        case "completion/complete":
            ref = arguments["ref"]
            if ref["type"] == "ref/prompt":
                return ref["name"] in MAY_PROMPT.get(who, ())
            return ref["type"] == "ref/resource" and _may_read(who, ref["uri"])
    return False


def _may_read(who: str, uri: str) -> bool:
    return uri.startswith(MAY_READ.get(who, ())) and "/" not in uri.partition("://")[2] if who in MAY_READ else False


def _fits(name: str, arguments: Any) -> bool:
    if not isinstance(arguments, dict):
        return False
    if name == "region":
        return isinstance(arguments.get("region", ""), str)
    if name == "pay":
        to, cents = arguments.get("to"), arguments.get("cents")
        whole = type(cents) is int or (type(cents) is float and cents.is_integer())
        return len(arguments) == 2 and isinstance(to, str) and len(to) <= 40 and whole and cents >= 1
    if not arguments.keys() <= {"text"} or not isinstance(arguments.get("text", ""), str):
        return False
    return name != "denied" or ("text" in arguments and arguments["text"] != "no")
