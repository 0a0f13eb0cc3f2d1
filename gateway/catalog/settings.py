"""What the operator says about a tool, and what the tool's own hints may add to it.

Lives only here: which entry of `upstreams.X.tools` holds, and how annotations bend an effect. Precedence:

1. The entry whose key is the tool's exact name.
2. Else, of the globs that match, the one with the most literal characters;
3. among those the one with the fewest `*`;
4. among those the first in alphabetical order.

One entry holds as a whole: entries are never merged. Pure; must not know agents or schemas. Called by `definition`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.config.globs import matches
from gateway.config.upstreams import ToolSettings
from gateway.model.tool import Effect

_NOTHING_SAID = ToolSettings()


def settings_for(tool: str, entries: Mapping[str, ToolSettings]) -> ToolSettings:
    """The entry that holds for the upstream's tool `tool`; the defaults where none does."""
    if (exact := entries.get(tool)) is not None:
        return exact
    globs = [key for key in entries if "*" in key and matches(key, tool)]
    if not globs:
        return _NOTHING_SAID
    return entries[min(globs, key=lambda key: (key.count("*") - len(key), key.count("*"), key))]


def effect_of(configured: Effect, annotations: Any, *, trusted: bool) -> Effect:
    """The effect in force. Hints only ever make it stricter, unless the operator trusts them.

    A declared read or idempotent tool that calls itself otherwise falls back to `unset`, the strict answer to a
    contradiction: never retried and never deduplicated after delivery, which needs a *written* `mutating`.
    """
    hints: Mapping[str, Any] = annotations if isinstance(annotations, dict) else {}
    read_only, destructive = hints.get("readOnlyHint"), hints.get("destructiveHint")
    idempotent = hints.get("idempotentHint")
    match configured:
        case Effect.READ if read_only is False or destructive is True:
            return Effect.UNSET
        case Effect.IDEMPOTENT if idempotent is False:
            return Effect.UNSET
        case Effect.UNSET if trusted:
            if read_only is True and destructive is not True:
                return Effect.READ
            return Effect.IDEMPOTENT if idempotent is True else Effect.MUTATING
        case _:
            return configured
