"""The configuration in force as YAML: secrets masked, what came from the environment marked with its variable.

Lives only here: how a validated `Config` is written for a reader. A value that was filled from `${env:…}` is masked
wherever it stands: only the operator knows whether it is a secret. Must not know files. Called by `check`.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, SecretStr

from gateway.cli.secrets import without_secrets
from gateway.config.values import duration

MASK: Final = "•••"
_REFERENCE = re.compile(r"\$\{env:[^}]*\}")
_Place = tuple[str | int, ...]


def rendered(config: BaseModel, written: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> str:
    """`written` is the document before references were resolved."""
    return "\n".join(_lines(_plain(config.model_dump()), (), written, {name.upper() for name in environ}))


def inline(value: Any) -> str:
    """A value as YAML on one line."""
    text: str = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, sort_keys=False, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case timedelta():
            return duration(value)
        case SecretStr():
            return MASK
        case Path():
            return str(value)
        case _:
            return value


def _lines(value: Any, at: _Place, written: Any, environ: set[str], margin: str = "") -> Iterator[str]:
    """Block style; every scalar on its own line, so that a mark can follow it."""
    pairs: Iterator[tuple[str | int, Any]] = iter(value.items() if isinstance(value, dict) else enumerate(value))
    for key, item in pairs:
        here, theirs = (*at, key), _below(written, key)
        head = f"{margin}-" if isinstance(key, int) else f"{margin}{inline(key)}:"
        if isinstance(item, dict | list) and item:
            yield head + _mark(here, None, environ)
            yield from _lines(item, here, theirs, environ, margin + "  ")
        else:
            references = _REFERENCE.findall(theirs) if isinstance(theirs, str) else []
            shown = MASK if references else without_secrets(item, MASK) if isinstance(item, str) else item
            yield f"{head} {inline(shown)}{_mark(here, references, environ)}"


def _below(written: Any, key: str | int) -> Any:
    if isinstance(written, Mapping):
        return written.get(key)
    if isinstance(written, Sequence) and not isinstance(written, str) and isinstance(key, int) and key < len(written):
        return written[key]
    return None


def _mark(at: _Place, references: list[str] | None, environ: set[str]) -> str:
    variable = "SALLYPORT_" + "__".join(map(str, at)).upper()
    sources = [variable] if variable in environ else references or []
    return f"  # from {', '.join(sources)}" if sources else ""
