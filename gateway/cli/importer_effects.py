"""What a tool probably does to the world, as a proposal for a person to confirm.

Lives only here: verbs of names and the reading of annotations. Both are the upstream's own words, so nothing here ever
comes into force by itself. Pure. Called by `importer_write`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERBS: Final[Mapping[str, frozenset[str]]] = {
    "mutating": _words(
        "create add send post insert append reply refund pay purchase buy submit publish run execute exec start trigger "
        "invoke write edit move copy push merge commit upload import generate deploy cancel approve install invite"
    ),
    "idempotent": _words(
        "set update put upsert delete remove enable disable close reopen assign unassign mark pin unpin rename replace "
        "lock unlock archive unarchive subscribe unsubscribe reject"
    ),
    "read": _words("get list read search find fetch show describe lookup inspect browse download retrieve"),
}
"""From the strictest to the laxest."""
_HALF_VERBS: Final = _words("query count view check export preview diff resolve explain compare validate ping")
"""Words that are as often nouns: they count where no verb does."""
_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def proposal(name: str, annotations: Any) -> tuple[str, str]:
    """(effect, why). The verb of the name; hints only bend it toward the stricter side, or speak where it is silent."""
    hints: Mapping[str, Any] = annotations if isinstance(annotations, Mapping) else {}
    read_only, destructive = hints.get("readOnlyHint"), hints.get("destructiveHint")
    verb, effect = _verb(name)
    match effect:
        case "read" if read_only is False or destructive is True:
            return "mutating", f"the name says {verb}, but its hints say that it changes something"
        case "idempotent" if hints.get("idempotentHint") is False:
            return "mutating", f"the name says {verb}, but idempotentHint is false"
        case "read" | "idempotent" | "mutating":
            return effect, f"the name says {verb}"
        case _ if read_only is True and destructive is not True:
            return "read", "readOnlyHint; its name says nothing"
        case _:
            return "mutating", "nothing says that it is safe"


def _verb(name: str) -> tuple[str, str]:
    """The deciding word and its effect. A leading verb decides (`get_commit` reads); else the strictest word does."""
    words = [word.lower() for word in _BREAK.split(name) if word]
    leading = () if {"and", "or"} & set(words) else words[:1]
    for among in (leading, words):
        for effect, verbs in _VERBS.items():
            for word in among:
                if word in verbs:
                    return word, effect
    return next(((word, "read") for word in words if word in _HALF_VERBS), ("", ""))
