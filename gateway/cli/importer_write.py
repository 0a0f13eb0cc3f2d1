"""An import as text: config.yaml with proposals as comments, and the policy of one user.

Lives only here: how those files read. Names that came from elsewhere are always quoted scalars, and comments hold words
of ours only, so that no name can write a line of configuration. Pure. Called by `init`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from gateway.cli import voice
from gateway.cli.effective import inline
from gateway.cli.importer import Imported, Server
from gateway.cli.importer_effects import proposal
from gateway.cli.importer_probe import Listing

AGENT: Final = "assistant"
_SOUND = re.compile(r"[A-Za-z0-9_.:/@-]{1,128}")

_HEAD = """\
# Made by `sallyport init` from {source}. Secrets are references: export the variables before `sallyport run`.
version: 1
policy: {{model: policies/model.conf, rows: policies/policy.csv, conditions: null}}

upstreams:{none}
"""
_AGENTS = """
agents:
  {agent}:
    owner: {owner}
    tools: {globs}
    prompts: {globs}
    resources: {globs}
"""
_CONFIRM = """\
    # What each tool does. `unset` is careful: never retried, and deduplicated only while in flight. Where a proposal is
    # right, write it in the place of `unset`. Nobody but you can know: names and hints are the server's own words.
"""
_POLICY = """\
# p, id, sub, tenant, agent, tool, act, when, eft        one rule a row; deny beats allow, nothing matched is deny

# {user} may do everything that {agent} can see.
p, everything, user:{user}, default, {agent}, */**, call, -, allow
p, prompts, user:{user}, default, {agent}, */**, prompt, -, allow
p, resources, user:{user}, default, {agent}, */**, read, -, allow
"""


def config_yaml(source: Path, found: Imported, listings: Mapping[str, Listing], owner: str) -> str:
    """The whole of config.yaml."""
    parts = [_HEAD.format(source=voice.plain(source.name), none="" if found.servers else " {}")]
    parts += [_upstream(server, listings.get(server.id)) for server in found.servers]
    globs = inline([f"{server.id}/**" for server in found.servers])
    parts.append(_AGENTS.format(agent=AGENT, owner=inline(owner), globs=globs))
    return "".join(parts)


def policy_csv(user: str) -> str:
    """One user, one agent, everything."""
    return _POLICY.format(user=user, agent=AGENT)


def model_conf() -> str:
    """The shipped Casbin model: beside the package in a checkout, inside it in a wheel."""
    packaged = files("gateway.cli").joinpath("model.conf")
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "policies/model.conf").read_text(encoding="utf-8")


def _upstream(server: Server, listing: Listing | None) -> str:
    lines = [f"  {server.id}:" + ("" if server.title == server.id else f"  # {inline(voice.plain(server.title))}")]
    lines += [f"    {key}: {inline(value)}" for key, value in server.section.items()]
    text = "\n".join(lines) + "\n"
    match listing:
        case None:
            return (
                text + "    # Not asked for its tools; add `tools: {name: {effect: read}}` for each that only reads.\n"
            )
        case str():
            return text + f"    # Its tools could not be listed: {voice.plain(listing)}\n"
        case _:
            return text + _CONFIRM + "\n".join(_tools(listing)) + "\n"


def _tools(listing: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    named = sorted({str(tool.get("name")): tool for tool in listing}.items())
    sound = [(name, tool) for name, tool in named if _SOUND.fullmatch(name)]
    yield "    tools:" if sound else "    tools: {}"
    for name, tool in sound:
        effect, why = proposal(name, tool.get("annotations"))
        yield f"      {inline(name)}: {{effect: unset}}  # proposed: {effect} ({why})"
    if len(sound) < len(named):
        yield f"      # {len(named) - len(sound)} tools have names that MCP does not allow"
