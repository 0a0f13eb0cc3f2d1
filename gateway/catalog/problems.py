"""What is wrong with a curation before any upstream was asked: load errors, knowable from configuration alone.

Lives only here: the rules `check` and `run` hold the `upstreams` and `agents` sections to, beyond their types. Pure;
must not know listings or files. Called by `app` and the command line; each problem reads `where: what: remedy`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from gateway.catalog.names import RESERVED_UPSTREAM, published
from gateway.catalog.rewrite import OURS
from gateway.config.globs import matches
from gateway.config.schema import Agent, ToolOverride
from gateway.config.upstreams import UpstreamConfig


def problems(upstreams: Mapping[str, UpstreamConfig], agents: Mapping[str, Agent]) -> list[str]:
    """Every load error of the two sections; empty when there is none."""
    prefixes = {
        upstream: upstream if config.prefix is None else config.prefix for upstream, config in upstreams.items()
    }
    found = [*_prefix_problems(prefixes), *_probe_problems(upstreams)]
    for name, agent in agents.items():
        where = f"agents.{name}"
        found += _tool_problems(where, agent, prefixes)
        found += _name_problems(where, agent, prefixes)
        for tool, override in agent.override.items():
            found += _argument_problems(f"{where}.override.{tool}", override)
    return found


def _prefix_problems(prefixes: Mapping[str, str]) -> Iterator[str]:
    owners: dict[str, list[str]] = defaultdict(list)
    for upstream, prefix in prefixes.items():
        owners[prefix].append(upstream)
        if RESERVED_UPSTREAM in {upstream, prefix}:
            yield f"upstreams.{upstream}: `{RESERVED_UPSTREAM}` is the gateway's own name: choose another"
    for prefix, sharing in owners.items():
        if len(sharing) > 1:
            yield f"upstreams.{sharing[1]}: shares the prefix {prefix!r} with {sharing[0]}: give each its own prefix"


def _probe_problems(upstreams: Mapping[str, UpstreamConfig]) -> Iterator[str]:
    """Whether its tool exists and is a read is known once that upstream was listed (`gateway.probing`)."""
    for upstream, config in upstreams.items():
        for name, said in config.tools.items():
            if said.probe is not None and said.probe.tool.partition("/")[0] not in upstreams:
                where = f"upstreams.{upstream}.tools.{name}.probe.tool"
                yield f"{where}: {said.probe.tool} names no upstream of this configuration: correct it"


def _tool_problems(where: str, agent: Agent, prefixes: Mapping[str, str]) -> Iterator[str]:
    for field, patterns in (("tools", agent.tools), ("prompts", agent.prompts), ("resources", agent.resources)):
        for pattern in patterns:
            if not any(matches(pattern.partition("/")[0], upstream) for upstream in prefixes):
                yield f"{where}.{field}: {pattern} names no upstream of this configuration: correct it or remove it"
    for tool in agent.override:
        if tool.partition("/")[0] not in prefixes:
            yield f"{where}.override.{tool}: there is no such upstream: correct the name"
        elif not any(matches(pattern, tool) for pattern in agent.tools):
            yield f"{where}.override.{tool}: the agent does not have this tool: add it to `tools` or remove the override"


def _name_problems(where: str, agent: Agent, prefixes: Mapping[str, str]) -> Iterator[str]:
    exact = {pattern for pattern in agent.tools if "*" not in pattern} | agent.override.keys()
    named: dict[str, list[str]] = defaultdict(list)
    for tool in sorted(exact):
        if (prefix := prefixes.get(tool.partition("/")[0])) is not None:
            override = agent.override.get(tool)
            named[(override.name if override else None) or published(prefix, tool)].append(tool)
    for name, tools in named.items():
        if len(tools) > 1:
            yield f"{where}: {' and '.join(tools)} would both be published as {name}: give one another `override.name`"


def _argument_problems(where: str, override: ToolOverride) -> Iterator[str]:
    for argument, rule in override.args.items():
        if argument in OURS:
            yield f"{where}.args.{argument}: belongs to the gateway: remove it"
        elif not rule.hidden and "fixed" not in rule.model_fields_set:
            yield f"{where}.args.{argument}: does nothing: set `fixed` or `hidden: true`"
