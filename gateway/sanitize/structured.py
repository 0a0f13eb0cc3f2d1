"""Structured content: its strings cleaned so that the whole still satisfies the tool's outputSchema.

Lives only here: what happens where cleaning and schema disagree (untrusted content may not hide behind a schema, and a
client must not get content its schema forbids). Must not know content blocks. Called by `results.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.sanitize.findings import Findings, cosmetic
from gateway.sanitize.leaf import Leaf
from gateway.sanitize.output_schema import STAND_INS, TIMES, OutputSchema
from gateway.sanitize.walk import Path, TooMuch, Walk

_MOST_REPAIRS: Final = 1000


class Unfit(Exception):
    """The cleaned content cannot be made to satisfy the schema; the text is ours and safe to show."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """One string that cleaning changed."""

    path: tuple[str | int, ...]
    before: str
    after: str
    masked: str
    """Like `before`, with secrets replaced by characters of the same kind."""
    found: Findings


def clean(content: Any, outputs: Callable[[], OutputSchema | None], leaf: Leaf, walk: Walk) -> Any:
    """The content with its strings cleaned; the same object when none changed. Raises TooMuch, Unfit.

    `outputs` is asked for the schema only when a string was edited.
    """
    edits: list[_Edit] = []

    def edit(text: str, path: Path) -> str:
        if len(text) > leaf.longest:
            raise TooMuch("a string in structuredContent is longer than sanitize.max_text")
        found = Findings()
        after = leaf.exact(text, found, name=_name(path))
        walk.found.update(found)
        if after != text:
            edits.append(_Edit(tuple(path), text, after, leaf.masked(text, found), found))
        return after

    cleaned = walk.over(content, edit)
    schema = outputs() if edits else None
    if schema is None or schema.valid(cleaned):
        return cleaned
    return _repaired(content, cleaned, edits, schema, walk.found)


def _name(path: Path) -> str:
    """The nearest member name: items of a list stand under the name of the list."""
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _repaired(content: Any, cleaned: Any, edits: list[_Edit], schema: OutputSchema, found: Findings) -> Any:
    if len(edits) > _MOST_REPAIRS:
        raise Unfit("too many of its strings had to be cleaned for its outputSchema")
    for edit in edits:
        fitted = _fitted(edit, schema)
        if fitted != edit.after:
            found["schema-restored" if fitted == edit.before else "schema-fitted"] += 1
            cleaned = _with(cleaned, edit.path, fitted)
    if schema.valid(cleaned) or not schema.valid(content):  # what arrived invalid is the upstream's doing
        return cleaned
    raise Unfit("a string that had to be cleaned no longer fits its outputSchema")


def _fitted(edit: _Edit, schema: OutputSchema) -> str:
    """The cleaned string, or the nearest to it that the schema takes."""
    demands = schema.demands(list(edit.path), edit.before)
    if not demands or schema.meets(demands, edit.after):
        return edit.after
    formats = {demand["format"] for demand in demands if "format" in demand}
    candidates = [STAND_INS[name] for name in sorted(formats & STAND_INS.keys())] + [edit.masked]
    for candidate in candidates:
        if candidate != edit.before and schema.meets(demands, candidate):
            return candidate
    if cosmetic(edit.found) or formats & TIMES:
        return edit.before
    raise Unfit("a string that had to be cleaned no longer fits its outputSchema")


def _with(value: Any, path: tuple[str | int, ...], new: str) -> Any:
    """The value with another string at the path; nothing that others hold is changed."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy
