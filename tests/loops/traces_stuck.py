"""Loops of an agent that is stuck: what it wants fails, is forbidden or is in vain, and it does not change its mind."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.loops.trace_kit import COMPANIES, TOPICS, Trace, run_id
from tests.loops.traces_loops import READS, SCENES, SEARCHES, start

FAULTS = {
    "timeout": "upstream timed out",
    "bad-gateway": "502 Bad Gateway",
    "schema": "invalid argument: 'path' must be absolute",
    "quota": "quota exhausted, resets tomorrow",
    "missing": "no such record",
    "locked": "the record is locked by another user",
}


def always_fails(rng: Random) -> Iterator[Trace]:
    for turn, (name, fault) in enumerate(FAULTS.items()):
        for changing in (False, True):
            scene, times = rng.choice(SCENES), rng.choice((8, 10, 16))
            said = "an error that differs only in its request id and time" if changing else "the same error"
            trace = start(
                f"always-fails/{name}-{'changing' if changing else 'same'}",
                f"The same call {times} times, and each meets {said}.", rng,
                scene, noisy=changing, run=run_id(rng) if turn % 2 else None,
            )  # fmt: skip
            for _ in range(times):
                trace.fails(scene.tool, scene.args, fault)
            yield trace


def changing_arguments_always_fail(rng: Random) -> Iterator[Trace]:
    for turn, (name, fault) in enumerate(FAULTS.items()):
        times = rng.choice((12, 15, 20))
        why = f"A tool that is down for everybody is called {times} times with varied arguments and always fails."
        trace = Trace(f"tool-is-broken/{name}", "loop", why, rng, noisy=turn % 2 == 0).has(
            "files/convert", ("read", "mutating")[turn % 2]
        )
        for step in range(times):
            args = {"path": "/in/report.docx", "to": ("pdf", "html", "txt", "md")[step % 4], "quality": step % 3}
            trace.fails("files/convert", args, f"the converter does not answer: {fault}")
        yield trace


def forbidden(rng: Random) -> Iterator[Trace]:
    denied = (
        ("payroll/read", "read"),
        ("admin/grant_role", "mutating"),
        ("vault/get_secret", "read"),
        ("db/drop_table", "unset"),
    )
    unknown = (("shell/exec", "unset"), ("mcp/list_all", "unset"), ("crm/serach", "unset"))
    for word, tools in (("denied", denied), ("unknown", unknown)):
        for tool, effect in tools:
            for varied in (False, True):
                times = rng.choice((8, 10, 16))
                manner = "with changing arguments" if varied else "with the same arguments"
                why = f"The tool is {word} to this agent, which calls it {times} times {manner} all the same."
                name = f"{word}/{tool.replace('/', '-')}-{'varied' if varied else 'same'}"
                trace = Trace(name, "loop", why, rng, run=run_id(rng) if varied else None).has(tool, effect)
                for _ in range(times):
                    trace.is_denied(
                        tool, {"target": "ada", "reason": rng.choice(TOPICS)} if varied else {"target": "ada"}
                    )
                yield trace


REJECTED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "refund": (
        "billing/refund",
        {"invoice": "INV-77", "amount": 120.0},
        "amount",
        "rejected: the invoice is already refunded",
    ),
    "booking": ("rooms/book", {"room": "Aspen", "minutes": 60}, "minutes", "rejected: the room is closed this week"),
    "transfer": (
        "bank/transfer",
        {"to": "DE02 1203", "amount": 900},
        "amount",
        "rejected: the receiving account is blocked",
    ),
    "deploy": ("deploy/start", {"service": "shop", "replicas": 3}, "replicas", "rejected: deployments are frozen"),
    "order": ("shop/order", {"sku": "D-7", "quantity": 4}, "quantity", "rejected: the customer is on hold"),
}


def rejected_mutation(rng: Random) -> Iterator[Trace]:
    for turn, (name, (tool, args, knob, text)) in enumerate(REJECTED.items()):
        for as_error in (True, False):
            times = rng.choice((8, 10, 14))
            why = f"A change that is refused for good is sent {times} times with a slightly different {knob}."
            trace = Trace(
                f"rejected-mutation/{name}-{'error' if as_error else 'answer'}", "loop", why, rng, noisy=turn % 2 == 0
            )
            trace.has(tool, "mutating")
            for step in range(times):
                tried = args | {knob: round(args[knob] - step * (0.01 if turn % 2 else 1), 2)}
                if as_error:
                    trace.fails(tool, tried, text)
                else:
                    trace.gets(tool, tried, {"ok": False, "message": text})
            yield trace


PING_PONG = {
    "queue": ("queue/depth", {"depth": 412}, "worker/restart", {"worker": "w-3"}, {"restarted": True}),
    "disk": ("host/disk", {"used_percent": 97}, "host/clean_cache", {"host": "db-1"}, {"freed_bytes": 0}),
    "ticket": ("tickets/state", {"state": "blocked"}, "tickets/nudge", {"ticket": "T-12"}, "Reminder sent."),
    "lock": ("repo/lock_state", {"locked": True}, "repo/unlock", {"repo": "shop"}, "Unlock requested."),
    "cert": ("tls/expiry", {"days_left": 2}, "tls/renew", {"host": "shop.example"}, "Renewal was not needed."),
}


def ping_pong(rng: Random) -> Iterator[Trace]:
    for turn, (name, (check, seen, act, args, done)) in enumerate(PING_PONG.items()):
        for effect in ("mutating", "unset"):
            rounds = rng.choice((7, 9, 12))
            why = f"It checks, acts and checks again for {rounds} rounds, and the check never shows any progress."
            trace = Trace(
                f"ping-pong/{name}-{effect}",
                "loop",
                why,
                rng,
                noisy=turn % 2 == 1,
                run=run_id(rng) if turn % 2 else None,
            )
            trace.has(check).has(act, effect)
            for _ in range(rounds):
                trace.gets(check, {}, seen)
                trace.gets(act, args, done)
            yield trace


def same_file_again(rng: Random) -> Iterator[Trace]:
    paths = ("/src/app.py", "/README.md", "/data/prices.csv", "/notes/plan.md")
    for turn, path in enumerate(paths):
        for idle in ("think/note", "files/list"):
            times, text = (
                rng.choice((7, 9, 12)),
                f"# {path}\n" + "\n".join(f"{n}: {rng.choice(TOPICS)}" for n in range(3)),
            )
            why = f"It reads the unchanged {path} {times} times, with nothing but idle {idle} calls in between."
            trace = Trace(
                f"same-file-again/{path.rsplit('/')[-1]}-{idle.split('/')[0]}", "loop", why, rng, noisy=turn % 2 == 0
            )
            trace.has("files/read").has(idle)
            for step in range(times):
                trace.gets("files/read", {"path": path}, text)
                for _ in range(rng.choice((1, 1, 2))):
                    musing = {"text": f"Let me look at {path} once more ({step}), maybe {rng.choice(TOPICS)} is in it."}
                    said = (
                        ("Noted.", musing) if idle == "think/note" else ("app.py README.md data notes", {"path": "/"})
                    )
                    trace.gets(idle, said[1], said[0])
            yield trace


TITLES = (
    "{}",
    "{} (again)",
    "{} v2",
    "{} - final",
    "New: {}",
    "{} (corrected)",
    "{} (copy)",
    "Re: {}",
    "{}!",
    "Please: {}",
    "{} #2",
    "{} now",
)
MADE = {
    "ticket": (
        "tickets/create",
        "Login page is broken",
        {"queue": "web", "body": "Users cannot log in since this morning."},
    ),
    "event": ("calendar/create_event", "Budget review", {"start": "2026-03-05T14:00:00Z", "minutes": 45}),
    "page": ("wiki/create_page", "Incident report", {"space": "OPS", "text": "The queue was full from 9 to 10."}),
    "branch": ("git/open_pull_request", "Fix rounding", {"head": "fix-rounding", "base": "main"}),
    "mail": ("mail/draft", "Your order", {"to": "dora@example.com", "text": "It leaves our house on Monday."}),
}


def created_again(rng: Random) -> Iterator[Trace]:
    for turn, (name, (tool, title, rest)) in enumerate(MADE.items()):
        for effect in ("mutating", "unset"):
            times = rng.choice((8, 10, 14))
            why = f"The same {name} is made {times} times; nothing but its title differs."
            trace = Trace(f"created-again/{name}-{effect}", "loop", why, rng, noisy=turn % 2 == 0).has(tool, effect)
            for step in range(times):
                called = TITLES[step % len(TITLES)].format(title) + ("" if step < len(TITLES) else f" {step}")
                trace.gets(tool, {"title": called} | rest, {"id": f"{name}-{3100 + step}", "created": True})
            yield trace


def after_honest_work(rng: Random) -> Iterator[Trace]:
    for turn in range(12):
        good, scene, times = rng.randrange(6, 14), (READS + SEARCHES)[turn], rng.choice((8, 10, 16))
        why = f"After {good} useful calls it gets stuck and repeats one call {times} times for the same answer."
        trace = start(
            f"after-honest-work/{turn:02}-{scene.tool}",
            why,
            rng,
            scene,
            run=run_id(rng) if turn % 2 else None,
            noisy=turn % 3 == 0,
        )
        trace.has("crm/get").has("crm/update", "mutating")
        for step in range(good // 2):
            record = {"id": f"C-{2000 + step * 3}", "name": rng.choice(COMPANIES), "rank": rng.randrange(100)}
            trace.gets("crm/get", {"id": record["id"]}, record)
            trace.gets("crm/update", {"id": record["id"], "rank": record["rank"] + 1}, {"updated": record["id"]})
        for _ in range(times):
            stirred = {"nonce": f"{rng.getrandbits(40):x}"} if turn % 4 == 3 else {}
            trace.gets(scene.tool, scene.args | stirred, scene.answer)
        yield trace


FAMILIES = (
    always_fails,
    changing_arguments_always_fail,
    forbidden,
    rejected_mutation,
    ping_pong,
    same_file_again,
    created_again,
    after_honest_work,
)
