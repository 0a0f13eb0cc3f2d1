"""The audit journal read without a gateway: every line from the first, filtered in memory.

Lives only here: what a filter means over plain files. It asks nothing of the index and repairs nothing; the chain is the
business of `audit verify`. Called by the audit verbs when no gateway runs.
"""

import heapq
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.audit.query import BadQuery, parse
from gateway.audit.segments import tail
from gateway.cli import place, voice
from gateway.clock import SystemClock
from gateway.model.audit import AuditFilter, Cursor


def page(config: Path, asked: Mapping[str, str]) -> dict[str, Any]:
    """The same answer as `GET /audit`; ends the verb when there is no journal or the question makes no sense."""
    folder = place.state_dir(place.addresses(config), config) / "journal"
    if not folder.is_dir():
        voice.fail(
            f"The gateway of {config} does not run, and there is no journal in {folder}. Start it with "
            f"`sallyport run --config {config}`, or name its configuration with --config.",
            voice.UNREACHABLE,
        )
    voice.note(f"The gateway does not run: read from {folder}. `sallyport audit verify` checks the chain.")
    try:
        wanted = parse(asked, SystemClock().now())
        best = heapq.nlargest if wanted.newest_first else heapq.nsmallest
        found = best(wanted.limit + 1, _fitting(folder, wanted), key=_order)
    except BadQuery as error:
        voice.fail(str(error), voice.USAGE)
    except OSError as error:
        voice.fail(f"{error.filename}: {error.strerror}: run this as a user who may read the journal.")
    shown = found[: wanted.limit]
    more = len(found) > len(shown)
    return {"records": shown, "next": Cursor(*_order(shown[-1])).text() if more else None}


def _fitting(folder: Path, wanted: AuditFilter) -> Iterator[dict[str, Any]]:
    for _, body in tail(folder, None):
        record = json.loads(body)
        if _fits(record, wanted):
            yield record


def _fits(record: Mapping[str, Any], wanted: AuditFilter) -> bool:
    if wanted.since is not None and record["time"] < wanted.since:
        return False
    if wanted.until is not None and record["time"] >= wanted.until:
        return False
    if wanted.after is not None:
        here, there = _order(record), (wanted.after.time, wanted.after.id)
        if here >= there if wanted.newest_first else here <= there:
            return False
    return all(_value(record, name) == value for name, value in wanted.equals.items())


def _value(record: Mapping[str, Any], name: str) -> Any:
    return record.get("key", {}).get("record") if name == "key" else record.get(name)


def _order(record: Mapping[str, Any]) -> tuple[str, str]:
    return record["time"], record["id"]
