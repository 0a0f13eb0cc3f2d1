"""Honest work that may look like a loop: the same tool many times, and every call earns its place.

Lists, batches, imports and messages: many calls alike over different things.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.loops.trace_kit import COMPANIES, PEOPLE, TOPICS, Trace, run_id


def honest(name: str, why: str, rng: Random, **facts: Any) -> Trace:
    return Trace(name, "honest", why, rng, **facts)


def paging(rng: Random) -> Iterator[Trace]:
    styles: dict[str, Callable[[int], dict[str, Any]]] = {
        "page": lambda page: {"page": page + 1, "per_page": 2},
        "offset": lambda page: {"offset": page * 2, "limit": 2},
        "cursor": lambda page: {"cursor": f"{(page * 2654435761) % 2**32:08x}"} if page else {},
        "after-id": lambda page: {"after": f"T-{page * 2 + 1000}"},
    }
    for style, ask in styles.items():
        for pages, tool, effect in ((7, "crm/list_contacts", "read"), (51, "tickets/list", "unset")):
            why = f"It reads a long list once through, {pages} pages by {style}, and every page holds other rows."
            trace = honest(f"paging/{style}-{pages}", why, rng, pace=(0.2, 2), noisy=pages == 51).has(tool, effect)
            for page in range(pages):
                rows = [f"T-{page * 2 + row + 1001} {rng.choice(PEOPLE)}" for row in range(2)]
                trace.gets(tool, ask(page), {"items": rows, "more": page + 1 < pages})
            yield trace


def batch_of_reads(rng: Random) -> Iterator[Trace]:
    kinds = (("crm/get", "read"), ("orders/status", "unset"), ("hr/person", "read"), ("stock/level", "read"))
    for turn, (tool, effect) in enumerate(kinds):
        for size in (20, 105 if turn < 1 else 30):
            why = f"It looks up {size} different records one after the other, each of them once."
            trace = honest(
                f"batch-reads/{tool.replace('/', '-')}-{size}", why, rng, pace=(0.1, 1.5), noisy=turn % 2 == 0
            )
            trace.has(tool, effect).run = run_id(rng) if size < 100 else None
            for number in rng.sample(range(1000, 9999), size):
                trace.gets(
                    tool,
                    {"id": f"X-{number}"},
                    {"id": f"X-{number}", "of": rng.choice(COMPANIES), "count": rng.randrange(40)},
                )
            yield trace
    for tool, answer in (
        ("sanctions/check", "No match."),
        ("tickets/open_for", "0 open tickets"),
        ("links/check", "200 OK"),
    ):
        for size in (20, 102 if tool == "links/check" else 30):
            why = f"It checks {size} different subjects, each once, and rightly finds nothing remarkable about any."
            trace = honest(
                f"batch-checks/{tool.replace('/', '-')}-{size}", why, rng, pace=(0.2, 2), noisy=size == 20
            ).has(tool)
            for number in rng.sample(range(10000, 99999), size):
                trace.gets(tool, {"subject": f"customer-{number}"}, answer)
            yield trace


def batch_of_changes(rng: Random) -> Iterator[Trace]:
    kinds: dict[str, tuple[str, dict[str, Any], str]] = {
        "close-tickets": ("tickets/close", {"reason": "solved"}, "mutating"),
        "tag-photos": ("photos/tag", {"tag": "fair-2026"}, "unset"),
        "archive-mail": ("mail/archive", {}, "idempotent"),
        "rename-files": ("files/rename", {"suffix": "-old"}, "mutating"),
    }  # fmt: skip
    for turn, (name, (tool, rest, effect)) in enumerate(kinds.items()):
        for size in (12, 28, 105)[: 2 + (turn < 1)]:
            why = f"It applies one change to {size} different items, each of them once."
            trace = honest(f"batch-changes/{name}-{size}", why, rng, pace=(0.2, 2), noisy=turn % 2 == 1).has(
                tool, effect
            )
            trace.run = run_id(rng) if size < 100 else None
            for step in range(size):
                trace.gets(
                    tool, {"id": 41000 + step * 7} | rest, {"ok": True} if turn % 2 else f"Done: {41000 + step * 7}."
                )
            yield trace


def bulk_import(rng: Random) -> Iterator[Trace]:
    for tool, effect in (
        ("crm/add_contact", "mutating"),
        ("ledger/add_entry", "mutating"),
        ("stock/upsert", "idempotent"),
        ("sheet/append", "unset"),
    ):
        for size in (24, 110 if tool == "ledger/add_entry" else 16):
            why = f"It imports {size} rows of one file that resemble one another but are all different."
            trace = honest(
                f"bulk-import/{tool.replace('/', '-')}-{size}", why, rng, pace=(0.1, 0.9), noisy=size == 24
            ).has(tool, effect)
            for row in range(size):
                entry = {
                    "row": row + 1,
                    "company": rng.choice(COMPANIES),
                    "amount": round(rng.uniform(10, 900), 2),
                }
                trace.gets(
                    tool, entry, {"status": "accepted"} if size == 24 else {"status": "accepted", "row": row + 1}
                )
            yield trace


def similar_messages(rng: Random) -> Iterator[Trace]:
    for tool in ("mail/send", "chat/post", "sms/send", "calendar/invite"):
        for personal in (False, True):
            to = PEOPLE if personal else [f"{rng.choice(PEOPLE)}.{number}" for number in range(14)]
            wording = "a message of nearly the same wording" if personal else "the very same message"
            why = f"It sends {len(to)} different people {wording}, each once."
            name = f"similar-messages/{tool.replace('/', '-')}-{'personal' if personal else 'circular'}"
            trace = honest(name, why, rng, run=run_id(rng) if personal else None).has(
                tool, "mutating" if personal else "unset"
            )
            for person in to:
                greeting = f"Dear {person.title()}, " if personal else ""
                text = f"{greeting}our office moves on Friday; please pack your desk by Thursday noon."
                trace.gets(tool, {"to": f"{person}@example.com", "text": text}, "Sent.")
            yield trace


def read_modify_write(rng: Random) -> Iterator[Trace]:
    for tool, field, effect in (
        ("crm", "phone", "mutating"),
        ("hr", "desk", "idempotent"),
        ("cms", "title", "unset"),
        ("stock", "bin", "mutating"),
    ):
        for size in (6, 14):
            why = f"It reads, mends and writes back the {field} of {size} different records, one after the other."
            trace = honest(f"read-modify-write/{tool}-{size}", why, rng, run=run_id(rng), noisy=size == 6)
            trace.has(f"{tool}/get").has(f"{tool}/put", effect)
            for step in range(size):
                key, old = f"{tool.upper()}-{700 + step}", f" {rng.randrange(10**6)}"
                trace.gets(f"{tool}/get", {"id": key}, {"id": key, field: old})
                trace.gets(f"{tool}/put", {"id": key, field: old.strip()}, {"ok": True})
            yield trace


def file_tree(rng: Random) -> Iterator[Trace]:
    for depth, width in ((1, 6), (2, 2), (2, 3), (3, 2), (2, 4), (1, 12), (5, 1), (4, 1)):
        why = f"It walks a file tree of depth {depth} once, lists each folder and reads each file in it."
        trace = honest(f"file-tree/deep-{depth}-wide-{width}", why, rng, pace=(0.3, 2), noisy=depth == 2)
        trace.has("files/list").has("files/read")
        folders = [("/repo", 0)]
        while folders:
            folder, level = folders.pop()
            names = [f"{rng.choice(('core', 'web', 'jobs', 'lib'))}{n}" for n in range(width)] if level < depth else []
            trace.gets("files/list", {"path": folder}, {"folders": names, "files": ["__init__.py", "main.py"]})
            trace.gets("files/read", {"path": f"{folder}/__init__.py"}, "")
            if level:
                trace.gets(
                    "files/read", {"path": f"{folder}/main.py"}, f"def run():\n    return {rng.choice(TOPICS)!r}\n"
                )
            folders += [(f"{folder}/{name}", level + 1) for name in names]
        yield trace


def long_run(rng: Random) -> Iterator[Trace]:
    verbs = (
        ("web/open", "read"),
        ("notes/append", "mutating"),
        ("wiki/search", "read"),
        ("crm/get", "read"),
        ("sheet/set", "unset"),
    )
    for steps in (60, 75, 90):
        why = f"One orchestrated job of {steps} different steps that gets through its research and ends."
        trace = honest(f"long-run/{steps}-steps", why, rng, run=run_id(rng), noisy=steps % 20 == 0)
        for tool, effect in verbs:
            trace.has(tool, effect)
        for step in range(steps):
            about = f"{rng.choice(COMPANIES)}: {rng.choice(TOPICS)}, {step}"
            trace.gets(
                rng.choice(verbs)[0],
                {"about": about},
                f"{rng.randrange(1000)} of {rng.randrange(1000, 5000)}.",
            )
        yield trace


FAMILIES = (
    paging, batch_of_reads, batch_of_changes, bulk_import, similar_messages, read_modify_write, file_tree, long_run,
)  # fmt: skip
