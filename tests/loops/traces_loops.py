"""Loops, as platform logs show them: an agent keeps calling, and nothing it learns or changes is new.

The ones that turn on how often and how little: repetition, jitter, cycles, rephrasing, polling, paging, runaways.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from tests.loops.trace_kit import MORNING, TOPICS, Trace, run_id

Args = dict[str, Any]


class Scene(NamedTuple):
    """An everyday call and its standing answer."""

    tool: str
    effect: str
    args: Args
    answer: str | Args

    def play(self, trace: Trace, args: Args | None = None) -> None:
        trace.gets(self.tool, self.args if args is None else args, self.answer)


SEARCHES = (
    Scene(
        "crm/search",
        "read",
        {"query": "Meyer GmbH open invoices", "limit": 10},
        {"matches": [{"id": "C-1042"}], "total": 1},
    ),
    Scene("wiki/search", "read", {"query": "how to rotate the signing key", "space": "OPS"}, {"hits": [], "total": 0}),
    Scene("db/query", "unset", {"query": "select id, state from orders where state = 'stuck'", "limit": 50}, "0 rows"),
    Scene(
        "shop/offers",
        "unset",
        {"query": "standing desk", "min_price": 100, "max_price": 450},
        {"offers": ["D-7"], "rating": 4.5},
    ),
)
READS = (
    *SEARCHES,
    Scene(
        "files/read",
        "read",
        {"path": "/srv/app/config.yaml", "encoding": "utf-8"},
        "port: 8080\nworkers: 4\nlog: info\n",
    ),
    Scene(
        "tickets/get", "read", {"ticket": "T-881", "with": "comments"}, {"id": "T-881", "state": "open", "comments": 3}
    ),
    Scene("web/fetch", "unset", {"url": "https://status.example.com/", "format": "text"}, "All systems operational."),
    Scene("git/diff", "read", {"repo": "shop", "base": "main"}, ""),
)
WRITES = (
    Scene(
        "mail/send",
        "mutating",
        {"to": "ada@example.com", "subject": "Your invoice", "body": "Please find it attached."},
        {"sent": True},
    ),
    Scene(
        "calendar/create_event",
        "mutating",
        {"title": "Weekly review", "start": "2026-03-04T10:00:00Z"},
        {"created": True},
    ),
    Scene("kv/put", "idempotent", {"key": "release/current", "value": "4.2.0"}, "OK"),
    Scene(
        "wiki/save",
        "unset",
        {"page": "Runbook", "text": "Restart the worker, then look at the queue."},
        "Saved, no changes.",
    ),
)
SCENES = READS + WRITES


def start(name: str, why: str, rng: Random, *scenes: Scene, **facts: Any) -> Trace:
    trace = Trace(name, "loop", why, rng, **facts)
    for scene in scenes:
        trace.has(scene.tool, scene.effect)
    return trace


def same_call(rng: Random) -> Iterator[Trace]:
    for turn, scene in enumerate(SCENES):
        times = (8, 12, 16, 24)[turn % 4]
        trace = start(
            f"same-call/{scene.tool}", f"The very same call {times} times, and nothing new comes of it.", rng,
            scene, noisy=turn % 2 == 1, run=run_id(rng) if turn % 3 == 0 else None,
            pace=((0.2, 1.0), (1, 8), (10, 25))[turn % 3],
        )  # fmt: skip
        for _ in range(times):
            scene.play(trace)
        yield trace


def _text(change: Callable[[str, int], str]) -> Callable[[Args, int, Trace], Args]:
    return lambda args, turn, _: args | {"query": change(args["query"], turn)}


def _stamped(args: Args, _: int, trace: Trace) -> Args:
    return args | {"requested_at": (MORNING + dt.timedelta(seconds=trace.now)).isoformat()}


def _reordered(args: Args, _: int, trace: Trace) -> Args:
    return dict(trace.rng.sample(list(args.items()), len(args)))


def _floats(args: Args, turn: int, _: Trace) -> Args:
    spelled = (lambda n: n, float, str, lambda n: f"{n}.0", lambda n: f"{n}.00")[turn % 5]
    return {key: spelled(value) if isinstance(value, int) else value for key, value in args.items()}


JITTERS: dict[str, Callable[[Args, int, Trace], Args]] = {
    "timestamp": _stamped,
    "nonce": lambda args, _, trace: args | {"nonce": f"{trace.rng.getrandbits(64):016x}"},
    "counter": lambda args, turn, _: args | {"attempt": turn + 1},
    "extra-null": lambda args, turn, _: (
        args | ({}, {"cursor": None}, {"filter": None}, {"cursor": None, "sort": None})[turn % 4]
    ),
    "reordered": _reordered,
    "float-format": _floats,
    "whitespace": _text(
        lambda q, turn: (q, f" {q}", f"{q} ", q.replace(" ", "  "), f"{q}\n", q.replace(" ", "\t", 1))[turn % 6]
    ),
    "case": _text(lambda q, turn: (q, q.lower(), q.upper(), q.title(), q.capitalize(), q.swapcase())[turn % 6]),
    "punctuation": _text(lambda q, turn: q + ("", ".", "?", "!", "...", " -")[turn % 6]),
}


def _mixed(args: Args, turn: int, trace: Trace) -> Args:
    for name in trace.rng.sample(sorted(JITTERS), 2):
        args = JITTERS[name](args, turn, trace)
    return args


def jitter(rng: Random) -> Iterator[Trace]:
    everywhere = ("timestamp", "nonce", "counter", "extra-null", "reordered")
    for turn, (name, change) in enumerate((JITTERS | {"mixed": _mixed}).items()):
        scenes = rng.sample(SCENES if name in everywhere else SEARCHES, 3)
        for scene in scenes if name != "float-format" else (SEARCHES[0], SEARCHES[2], SEARCHES[3]):
            times = rng.choice((8, 12, 18))
            trace = start(
                f"jitter-{name}/{scene.tool}", f"One call {times} times for one answer; its only change: {name}.",
                rng, scene, noisy=turn % 2 == 0, run=run_id(rng) if turn % 3 == 1 else None,
            )  # fmt: skip
            for step in range(times):
                scene.play(trace, change(scene.args, step, trace))
            yield trace


def cycle(rng: Random) -> Iterator[Trace]:
    for size in (2, 3, 4, 5, 6):
        for variant, pool in (("reads", READS), ("mixed", SCENES), ("jittered", SCENES), ("noisy", READS)):
            rounds, scenes = rng.choice((6, 7)), rng.sample(pool, size)
            trace = start(
                f"cycle-{size}/{variant}", f"The same {size} calls go round {rounds} times for the same answers.",
                rng, *scenes, noisy=variant in {"noisy", "jittered"}, run=run_id(rng) if size * rounds < 60 else None,
            )  # fmt: skip
            for turn in range(rounds):
                for scene in scenes:
                    change = JITTERS[rng.choice(("timestamp", "nonce", "counter", "extra-null"))]
                    scene.play(trace, change(scene.args, turn, trace) if variant == "jittered" else None)
            yield trace


REPHRASED = {
    "refund-policy": "{a} refund policy {b} annual plans", "vpn-setup": "{a} vpn setup {b} macos laptops",
    "meyer-contract": "{a} contract Meyer GmbH {b} 2025", "gpu-quota": "{a} gpu quota request {b} research team",
    "travel-form": "{a} travel expense form {b} contractors", "key-rotation": "{a} signing key rotation {b} staging",
}  # fmt: skip
OPENINGS, JOINTS = (
    ("", "the", "our", "find", "find the", "show", "where is the"),
    ("for", "of", "about", "on", "regarding"),
)


def rephrased(rng: Random) -> Iterator[Trace]:
    for turn, (name, phrase) in enumerate(REPHRASED.items()):
        for tool in rng.sample(("wiki/search", "drive/search", "mail/search", "web/search"), 2):
            times = rng.choice((10, 12, 16))
            why = f"One search put in {times} barely different wordings, and each comes back equally empty."
            trace = Trace(f"rephrased/{name}-{tool.split('/')[0]}", "loop", why, rng, noisy=turn % 2 == 0)
            trace.has(tool, rng.choice(("read", "unset")))
            wordings = [phrase.format(a=a, b=b).strip() for a in OPENINGS for b in JOINTS]
            nothing = "No results." if turn % 3 else {"hits": [], "total": 0}
            for query in rng.sample(wordings, times):
                trace.gets(tool, {"query": query, "limit": 20}, nothing)
            yield trace


def fast_polling(rng: Random) -> Iterator[Trace]:
    declared = (
        ("deploy/status", 10, 0.5),
        ("ci/build_status", 30, 1),
        ("report/job", 60, 2),
        ("bank/transfer_status", 120, 4),
    )
    for tool, every, really in declared:
        for times in (10, 25):
            why = (
                f"The tool asks to be polled every {every} s and is polled {times} times, each about {really} s apart."
            )
            trace = Trace(f"fast-polling/{tool.split('/')[0]}-{times}", "loop", why, rng, noisy=times == 10)
            trace.has(tool, "read", every).pace = (really * 0.8, really * 1.2)
            for _ in range(times):
                trace.gets(tool, {"job": "J-5521"}, {"job": "J-5521", "state": "pending"})
            yield trace


def paging_wraps(rng: Random) -> Iterator[Trace]:
    styles: dict[str, Callable[[int], Args]] = {
        "page": lambda page: {"page": page + 1},
        "offset": lambda page: {"offset": page * 20, "limit": 20},
        "cursor": lambda page: {"cursor": f"c{page * 7919:06x}"},
    }
    for style, ask in styles.items():
        for pages, rounds in ((2, 6), (4, 4), (5, 4)):
            why = f"It reads the {pages} pages of an unchanging list, then starts again, {rounds} times in all."
            trace = Trace(f"paging-wraps/{style}-{pages}", "loop", why, rng, noisy=pages == 4).has("crm/list_contacts")
            for _ in range(rounds):
                for page in range(pages):
                    rows = [f"C-{page * 20 + row}" for row in range(3)]
                    trace.gets("crm/list_contacts", ask(page), {"items": rows, "more": page + 1 < pages})
            yield trace


def runaway(rng: Random) -> Iterator[Trace]:
    verbs = ("web/open", "notes/append", "wiki/search", "files/read", "tickets/get", "web/search")
    for steps, tools in ((205, 6), (210, 3), (220, 5)):
        why = f"One orchestrated job of {steps} steps that wanders from topic to topic and never comes to an end."
        trace = Trace(f"runaway/{steps}-steps", "loop", why, rng, run=run_id(rng), pace=(0.5, 3))
        for tool in verbs[:tools]:
            trace.has(tool, "mutating" if tool == "notes/append" else "read")
        for step in range(steps):
            topic = f"{rng.choice(TOPICS)} {step}"
            trace.gets(rng.choice(verbs[:tools]), {"about": topic}, f"{rng.randrange(90)} notes.")
        yield trace


FAMILIES = (same_call, jitter, cycle, rephrased, fast_polling, paging_wraps, runaway)
