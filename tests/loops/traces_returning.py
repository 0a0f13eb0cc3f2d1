"""Honest work that comes back to the same call: because the world changes in between, or because it was asked to."""

from collections.abc import Iterator
from random import Random

from tests.loops.trace_kit import COMPANIES, PEOPLE, TOPICS, Trace, run_id
from tests.loops.traces_honest import honest


def declared_polling(rng: Random) -> Iterator[Trace]:
    declared = (
        ("deploy/status", 5, "idempotent"),
        ("ci/build_status", 15, "read"),
        ("report/job", 30, "read"),
        ("bank/transfer", 120, "unset"),
    )
    for tool, every, effect in declared:
        for polls in (6, 12, 90 if every == 15 else 20):
            lasting = "until it is done" if polls == 6 else "and it is pending for long"
            why = f"It polls a job {polls} times at the {every} s that the tool declares, {lasting}."
            trace = honest(
                f"declared-polling/{tool.replace('/', '-')}-{polls}",
                why,
                rng,
                pace=(every, every * 1.1),
                noisy=polls == 12,
            )
            trace.has(tool, effect, every).run = run_id(rng) if polls < 30 else None
            for poll in range(polls):
                state = "done" if polls == 6 and poll == polls - 1 else "pending"
                trace.gets(tool, {"job": "J-5521"}, {"job": "J-5521", "state": state})
            yield trace


SOUGHT = {
    "outage": (
        "api outage february",
        "api outage 14 february root cause",
        "postmortem gateway certificate expiry",
        "certificate renewal runbook",
        "who owns tls renewal",
    ),
    "flight": (
        "flights hamburg lisbon 3 may",
        "flights hamburg lisbon direct",
        "flights bremen lisbon 3 may",
        "train hamburg bremen airport",
        "hotel lisbon alfama 3 nights",
    ),
    "case-law": (
        "liability software defect",
        "liability software defect open source",
        "product liability directive 2024",
        "directive 2024/2853 article 8",
        "disclosure of evidence article 9",
    ),
    "bug": (
        "TypeError in export",
        "TypeError NoneType export csv",
        "export csv empty column header",
        "csv writer None header python",
        "issue 4411 csv header fix",
    ),
    "supplier": (
        "oak table supplier",
        "oak table supplier poland",
        "fsc certified oak poland",
        "fsc certificate Orchard Foods",
        "oak price index 2026",
    ),
    "paper": (
        "loop detection agents",
        "agent trajectory repetition",
        "repetition penalty tool use",
        "tool call benchmark 2025",
        "tau bench failures",
    ),
}


def refined_search(rng: Random) -> Iterator[Trace]:
    for turn, (name, queries) in enumerate(SOUGHT.items()):
        for tool in ("web/search", "wiki/search"):
            why = "Every search builds on what the last one found, and finds something else."
            trace = honest(
                f"refined-search/{name}-{tool.split('/')[0]}",
                why,
                rng,
                noisy=turn % 2 == 0,
                run=run_id(rng) if turn % 2 else None,
            )
            trace.has(tool, rng.choice(("read", "unset")))
            for depth, query in enumerate(queries):
                hits = [
                    f"{rng.choice(COMPANIES)} on {query.split()[-1]} ({rng.randrange(2015, 2027)})"
                    for _ in range(depth + 1)
                ]
                trace.gets(tool, {"query": query}, {"hits": hits})
                trace.gets(
                    tool,
                    {"query": f"{query} {rng.choice(COMPANIES)}", "page": 1},
                    {"hits": [*hits[:1], rng.choice(TOPICS)]},
                )
            yield trace


def editing(rng: Random) -> Iterator[Trace]:
    tools = (
        ("docs/write", "idempotent"),
        ("wiki/save", "mutating"),
        ("files/write", "unset"),
        ("sheet/set_cell", "mutating"),
    )
    for turn, (tool, effect) in enumerate(tools):
        for edits in (6, 10, 16):
            why = f"It writes one document in {edits} steps, and each step holds text that was not there before."
            trace = honest(
                f"editing/{tool.replace('/', '-')}-{edits}", why, rng, pace=(4, 30), noisy=turn % 2 == 0
            ).has(tool, effect)
            written: list[str] = []
            for step in range(edits):
                written.append(f"{step + 1}. {rng.choice(PEOPLE).title()} looks after {rng.choice(TOPICS)}.")
                trace.gets(tool, {"document": "D-9", "text": "\n".join(written[-2:])}, "Saved.")
            yield trace


def retry_succeeds(rng: Random) -> Iterator[Trace]:
    for turn, fault in enumerate(
        ("503 Service Unavailable", "upstream timed out", "429 slow down", "connection reset", "lock held")
    ):
        for failures in (1, 2):
            why = f"Now and then a call fails, and after no more than {failures} failure(s) the retry succeeds."
            trace = honest(
                f"retry-succeeds/{fault.split()[-1].lower()}-{failures}", why, rng, noisy=turn % 2 == 0, run=run_id(rng)
            )
            tool = trace.has("orders/ship", ("mutating", "unset", "idempotent")[turn % 3]) and "orders/ship"
            for step in range(10):
                order = {"order": f"O-{5100 + step * 11}", "carrier": rng.choice(("north", "river"))}
                if step % 4 == turn % 4:
                    for _ in range(failures):
                        trace.fails(tool, order, fault)
                        trace.wait(3)
                trace.gets(tool, order, {"shipped": order["order"], "parcel": rng.randrange(10**6)})
            yield trace


def now_and_then(rng: Random) -> Iterator[Trace]:
    reports = (("sales/today", 15), ("host/health", 5), ("queue/summary", 10), ("mail/unread", 20), ("weather/now", 30))
    for turn, (tool, minutes) in enumerate(reports):
        for changing in (False, True):
            times = rng.randrange(6, 13)
            news = "has mostly changed" if changing else "happens to read the same"
            why = f"It looks at the same report {times} times, some {minutes} minutes apart, and the report {news}."
            name = f"now-and-then/{tool.replace('/', '-')}-{'changing' if changing else 'quiet'}"
            trace = honest(name, why, rng, pace=(minutes * 54, minutes * 70), noisy=turn % 2 == 0).has(
                tool, ("read", "unset")[turn % 2]
            )
            for _ in range(times):
                trace.gets(tool, {"team": "north"}, {"level": rng.randrange(500) if changing else 12, "alarms": 0})
            yield trace


def to_do_list(rng: Random) -> Iterator[Trace]:
    for size in (4, 5, 6, 7, 8, 9, 10, 12):
        why = f"It works off {size} tasks, and reads the shrinking list again before each."
        trace = honest(f"to-do-list/{size}-tasks", why, rng, run=run_id(rng), noisy=size % 4 == 0)
        trace.has("todo/list").has("todo/work_on").has("todo/done", "unset" if size > 9 else "mutating")
        tasks = [f"{n}: {rng.choice(TOPICS)}" for n in range(size)]
        while tasks:
            trace.gets("todo/list", {}, {"open": tasks[:2], "left": len(tasks)})
            task = tasks.pop(0)
            trace.gets("todo/work_on", {"task": task}, f"{task} is now settled with {rng.choice(PEOPLE)}.")
            trace.gets("todo/done", {"task": task}, "OK")
        yield trace


def two_users(rng: Random) -> Iterator[Trace]:
    for pair in range(5):
        for user in rng.sample(PEOPLE, 2):
            why = "Two users ask one agent for similar things at the same hour; this is the run of one of them."
            trace = honest(f"two-users/{pair}-{user}", why, rng, run=run_id(rng), pace=(2, 9), noisy=pair % 2 == 0)
            trace.has("crm/search").has("crm/get").has("mail/send", "mutating")
            for company in rng.sample(COMPANIES, 4):
                key = f"C-{rng.randrange(1000, 9999)}"
                trace.gets("crm/search", {"query": company}, {"matches": [key]})
                trace.gets("crm/get", {"id": key}, {"id": key, "name": company, "contact": rng.choice(PEOPLE)})
                trace.gets("mail/send", {"to": user, "text": f"{company} is served by {rng.choice(PEOPLE)}."}, "Sent.")
            yield trace


def tests_again(rng: Random) -> Iterator[Trace]:
    for turn, failing in enumerate((3, 4, 5, 6, 7, 8, 9, 11)):
        why = f"It fixes {failing} failing tests one at a time, and runs the tests again after each fix."
        trace = honest(f"tests-again/{failing}-failing", why, rng, run=run_id(rng), pace=(5, 40), noisy=turn % 2 == 0)
        trace.has("ci/run_tests", ("read", "idempotent", "unset")[turn % 3]).has("files/read").has(
            "files/edit", "mutating"
        )
        for left in range(failing, 0, -1):
            module = f"/src/{rng.choice(PEOPLE)}_{left}.py"
            trace.gets("ci/run_tests", {"suite": "unit"}, f"{left} failed, {214 - left} passed\nFAILED {module}")
            trace.gets("files/read", {"path": module}, f"def total(rows):\n    return sum(rows) + {left}\n")
            trace.gets("files/edit", {"path": module, "old": f" + {left}", "new": ""}, "1 replacement")
        trace.gets("ci/run_tests", {"suite": "unit"}, "0 failed, 214 passed")
        yield trace


def status_around_changes(rng: Random) -> Iterator[Trace]:
    subjects = (("flags", "flag"), ("routes", "route"), ("dns", "name"), ("replicas", "service"))
    for turn, (room, word) in enumerate(subjects):
        for changes in (5, 9):
            why = f"It reads the {room} before and after each of {changes} changes and sees each take effect."
            trace = honest(
                f"status-around-changes/{room}-{changes}",
                why,
                rng,
                noisy=changes == 5,
                run=run_id(rng) if turn % 2 else None,
            )
            trace.has(f"{room}/status").has(f"{room}/set", ("mutating", "idempotent")[turn % 2])
            for step in range(changes):
                trace.gets(f"{room}/status", {}, {"version": 40 + step, "changed": f"{word}-{step - 1}"})
                trace.gets(f"{room}/set", {word: f"{word}-{step}", "value": rng.randrange(1, 9)}, {"ok": True})
                trace.gets(f"{room}/status", {}, {"version": 41 + step, "changed": f"{word}-{step}"})
            yield trace


FAMILIES = (
    declared_polling, refined_search, editing, retry_succeeds, now_and_then, to_do_list, two_users, tests_again,
    status_around_changes,
)  # fmt: skip
