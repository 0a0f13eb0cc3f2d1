"""All audit entries of one call, and how they are shown whole.

Lives only here: finding them (the gateway, else the journal) and writing them for a reader. Called by `audit show` and
by `call --trace`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from gateway.cli import voice
from gateway.cli.client import Operator


def entries(config: Path, call: str) -> list[dict[str, Any]]:
    """Oldest first; ends the verb when there are none."""
    operator = Operator(config)
    if operator.running():
        records: list[dict[str, Any]] = operator.get(f"/audit/{quote(call, safe='')}")["records"]
        return records
    from gateway.cli.offline import page

    records = page(config, {"call": call, "order": "oldest"})["records"]
    if not records:
        voice.fail(f"No call {voice.plain(call)} in the journal; ids are in `_meta` of every reply.")
    return records


def printed(records: Sequence[Any]) -> str:
    """One YAML document an entry: every field, escaped where a terminal would act on it."""
    return "---\n".join(map(_document, records)).removesuffix("\n")


def _document(record: Any) -> str:
    text: str = yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=120)
    if any(character != "\n" and voice.acts(character) for character in text):
        return str(yaml.safe_dump(record, sort_keys=False, allow_unicode=False, width=120))
    return text
