"""One `tools/list` entry of an upstream, examined: what is well-formed becomes a tool, the rest is named and left out.

Lives only here: what a usable definition is, and the tool made of it by laying configuration over it. Must not know
agents. One bad entry never hides the others. Called by `room` when an upstream's list was read.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jsonschema_rs import Validator

from gateway.catalog import names, rewrite, settings
from gateway.catalog.schema import compiled
from gateway.catalog.terms import seconds, terms, unmet
from gateway.catalog.weight import Unusable
from gateway.config.upstreams import UpstreamConfig
from gateway.model.tool import Effect, Fallback, ListKind, Tool
from gateway.wire import strict_json

LARGEST: Final = 512 * 1024
"""Bytes of one definition."""
LONGEST_NAME: Final = 128
"""Characters of a tool name (wire §1.4, SEP-986)."""

Publish = Callable[[Mapping[str, Any], ListKind], Mapping[str, Any]]
"""Cleans an entry of a list of that kind for publication."""


@dataclass(frozen=True, slots=True)
class Known:
    """A usable tool of an upstream, before any agent's curation."""

    tool: Tool
    cleaned: Mapping[str, Any]
    """The definition as it may be shown."""
    validator: Validator
    """Of the upstream's own schema, not of a published one."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one upstream's list came to."""

    known: Mapping[str, Known]
    """By the upstream's own name."""
    problems: tuple[str, ...]
    """One sentence for each tool left out, and for each effect that the tool's own hints made stricter."""

    def says_the_same(self, other: "Listing | None") -> bool:
        """Whether nothing an agent could see has changed."""
        if other is None or self.problems != other.problems or self.known.keys() != other.known.keys():
            return False
        return all(known.tool.digest == other.known[name].tool.digest for name, known in self.known.items())


def examine(
    upstream: str,
    config: UpstreamConfig,
    definitions: Sequence[Any],
    publish: Publish,
    before: Listing | None,
) -> Listing:
    """Sorts a list into tools and problems; what did not change since `before` is taken over, not compiled again."""
    counted = Counter(name for one in definitions if isinstance(name := _name(one), str))
    known: dict[str, Known] = {}
    problems: list[str] = []
    for position, definition in enumerate(definitions):
        name = _name(definition)
        label = f"{upstream}/{names.shown(name)}" if isinstance(name, str) else f"{upstream}: tool {position + 1}"
        try:
            if not usable(name):
                raise Unusable("its name is missing, empty, too long, or holds spaces, `*` or invisible characters")
            if counted[name] > 1:
                raise Unusable("its name is in the list more than once")
            old = before.known.get(name) if before else None
            known[name] = _examined(upstream, name, config, definition, publish, old)
        except Unusable as fault:
            problems.append(f"{label}: hidden: {fault}")
        else:
            problems.extend(_bent(label, config, known[name].tool))
    return Listing(known, tuple(dict.fromkeys(problems)))


def _name(definition: Any) -> Any:
    return definition.get("name") if isinstance(definition, dict) else None


def usable(name: Any) -> bool:
    """Whether an upstream may list this name: no spaces, no `*`, nothing invisible, not too long."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable() and not {" ", "*"} & {*name}


def _examined(
    upstream: str, name: str, config: UpstreamConfig, definition: dict[str, Any], publish: Publish, old: Known | None
) -> Known:
    digest = _digest(definition)
    if old is not None and old.tool.digest == digest:
        return old
    schema = definition.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise Unusable("its inputSchema is not an object whose root type is object")
    validator = compiled(schema)
    if taken := rewrite.OURS & {*schema.get("properties", {}), *schema.get("required", ())}:
        raise Unusable(f"it has an argument named {min(taken)}, which belongs to the gateway")
    cleaned = _cleaned(definition, publish)
    said = settings.settings_for(name, config.tools)
    # The hints of a plain HTTP operation are its method, which the operator's own document says.
    trusted = config.trust_annotations or config.kind == "openapi"
    tool = Tool(
        id=names.canonical(upstream, name),
        upstream=upstream,
        name=name,
        definition=definition,
        digest=digest,
        effect=settings.effect_of(Effect(said.effect), definition.get("annotations"), trusted=trusted),
        derived=said.derived,
        timeout_s=(said.timeout or config.timeout).total_seconds(),
        fallback=Fallback(said.fallback.tool, seconds(said.fallback.stale), said.fallback.ask),
        terms=terms(said),
    )
    return Known(tool, cleaned, validator)


def _digest(definition: dict[str, Any]) -> str:
    try:
        if len(strict_json.dump(definition)) > LARGEST:
            raise Unusable(f"its definition is larger than {LARGEST // 1024} KB")
        return strict_json.digest(definition)
    except Unusable:
        raise
    except (TypeError, ValueError, RecursionError):
        raise Unusable("its definition is not JSON") from None


def _cleaned(definition: Mapping[str, Any], publish: Publish) -> Mapping[str, Any]:
    try:
        cleaned = publish(definition, "tools")
    except Exception as fault:  # noqa: BLE001  what cannot be cleaned must not be shown, nor hide the others
        raise Unusable(f"its definition could not be cleaned ({type(fault).__name__})") from None
    if not isinstance(cleaned.get("inputSchema"), dict):
        raise Unusable("nothing of its inputSchema was left after cleaning")
    return cleaned


def _bent(label: str, config: UpstreamConfig, tool: Tool) -> list[str]:
    said = settings.settings_for(tool.name, config.tools).effect
    bent = [
        f"{label}: configured `{setting}: {path}`, but its inputSchema has no such argument; calls without it are refused"
        for setting, path in unmet(tool.terms, tool.definition["inputSchema"])
    ]
    if tool.effect is Effect.UNSET and said != Effect.UNSET.value:
        bent.append(f"{label}: configured `{said}`, but its own annotations say otherwise; it is handled as `unset`")
    return bent
