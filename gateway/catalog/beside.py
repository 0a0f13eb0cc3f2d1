"""What an upstream lists beside tools, examined: what is well-formed is kept, the rest is named and left out.

Lives only here: what a usable prompt, resource or template is. Names and URIs are never changed, so an unclean one hides
its entry. Must not know agents. One bad entry never hides the others. Called by `shelves` when the lists were read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from gateway.catalog import names, uris
from gateway.catalog.definition import LONGEST_NAME, Publish, usable
from gateway.catalog.weight import Unusable
from gateway.config.upstreams import UpstreamConfig
from gateway.model.tool import Beside, BesideKind, Effect, Tool
from gateway.wire import strict_json

KINDS: Final[tuple[BesideKind, ...]] = get_args(BesideKind)
NAMED_BY: Final[Mapping[BesideKind, str]] = {"prompts": "name", "resources": "uri", "templates": "uriTemplate"}
MOST: Final[Mapping[BesideKind, int]] = {"prompts": 2_000, "resources": 10_000, "templates": 500}
"""Entries of one upstream; what comes after them is left out."""
LARGEST: Final = 64 * 1024
"""Bytes of one entry."""


@dataclass(frozen=True, slots=True)
class Item:
    """A usable entry, before any agent's curation."""

    tool: Tool
    cleaned: Mapping[str, Any]
    """The entry as it may be shown."""


@dataclass(frozen=True, slots=True)
class Offering:
    """What one upstream's lists came to."""

    items: Mapping[BesideKind, Mapping[str, Item]]
    """By the upstream's own name, URI or template."""
    problems: tuple[str, ...]

    def changed(self, before: "Offering | None") -> frozenset[BesideKind]:
        """The kinds of which an agent could see something else than before."""
        return frozenset(kind for kind in KINDS if self.digests(kind) != (before.digests(kind) if before else {}))

    def digests(self, kind: BesideKind) -> Mapping[str, str]:
        """Of every entry of a kind, by its own name."""
        return {name: item.tool.digest for name, item in self.items[kind].items()}


def examine_beside(
    upstream: str, config: UpstreamConfig, beside: Beside, publish: Publish, before: Offering | None
) -> Offering:
    """Sorts the lists into items and problems; what did not change since `before` is taken over, not cleaned again."""
    problems: list[str] = []
    lists: Mapping[BesideKind, Sequence[Any]] = {
        "prompts": beside.prompts,
        "resources": beside.resources,
        "templates": beside.templates,
    }
    items = {
        kind: _examined_list(
            upstream, config, kind, lists[kind], publish, before.items[kind] if before else {}, problems
        )
        for kind in KINDS
    }
    return Offering(items, tuple(dict.fromkeys(problems)))


def _examined_list(
    upstream: str,
    config: UpstreamConfig,
    kind: BesideKind,
    entries: Sequence[Any],
    publish: Publish,
    before: Mapping[str, Item],
    problems: list[str],
) -> dict[str, Item]:
    field, most = NAMED_BY[kind], MOST[kind]
    if len(entries) > most:
        problems.append(f"{upstream}: {kind} {most + 1} to {len(entries)}: hidden: there are more than {most}")
    counted = Counter(name for one in entries[:most] if isinstance(name := _member(one, field), str))
    items: dict[str, Item] = {}
    for position, entry in enumerate(entries[:most]):
        name = _member(entry, field)
        label = f"{upstream}/{names.shown(name)}" if isinstance(name, str) else f"{upstream}: {kind} {position + 1}"
        try:
            if not (usable(name) if kind == "prompts" else uris.usable(name)):
                raise Unusable(f"its {field} is missing, empty, too long, or holds spaces or invisible characters")
            if counted[name] > 1:
                raise Unusable(f"its {field} is in the list more than once")
            items[name] = _examined(upstream, config, kind, name, entry, publish, before.get(name))
        except Unusable as fault:
            problems.append(f"{label}: hidden: {fault}")
    return items


def _member(entry: Any, name: str) -> Any:
    return entry.get(name) if isinstance(entry, dict) else None


def _examined(
    upstream: str,
    config: UpstreamConfig,
    kind: BesideKind,
    name: str,
    entry: dict[str, Any],
    publish: Publish,
    old: Item | None,
) -> Item:
    digest = _digest(entry)
    if old is not None and old.tool.digest == digest:
        return old
    if not isinstance(entry.get("name"), str):
        raise Unusable("it has no name")
    if kind == "prompts" and not _takes_strings(entry.get("arguments", [])):
        raise Unusable("its arguments are no list of objects, each with a name that can be read")
    try:
        cleaned = publish(entry, kind)
    except Exception as fault:  # noqa: BLE001  what cannot be cleaned must not be shown, nor hide the others
        raise Unusable(f"it could not be cleaned ({type(fault).__name__})") from None
    tool = Tool(
        id=names.canonical(upstream, name),
        upstream=upstream,
        name=name,
        definition=entry,
        digest=digest,
        effect=Effect.READ,
        timeout_s=config.timeout.total_seconds(),
        kind="prompt" if kind == "prompts" else "resource",
    )
    return Item(tool, cleaned)


def _takes_strings(arguments: Any) -> bool:
    if not isinstance(arguments, list):
        return False
    called = (_member(argument, "name") for argument in arguments)
    return all(isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable() for name in called)


def _digest(entry: dict[str, Any]) -> str:
    try:
        if len(strict_json.dump(entry)) > LARGEST:
            raise Unusable(f"it is larger than {LARGEST // 1024} KB")
        return strict_json.digest(entry)
    except Unusable:
        raise
    except (TypeError, ValueError, RecursionError):
        raise Unusable("it is not JSON") from None
