"""One upstream leg of the gateway against one garbage server: what is sent, and what must hold of every outcome."""

import asyncio
import json
import time
from typing import Any

from fuzz_dice import Dice
from fuzz_oracle import Unsound, shows_nothing
from fuzz_server import Server
from fuzz_world import CANARY, TOOLS

from gateway.clock import SystemClock
from gateway.config.upstreams import McpHttp
from gateway.model.dialogue import MESSAGE, PROGRESS, Unanswered
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Lost, Unsent
from gateway.model.tool import Beside, Effect, Tool
from gateway.ports import UpstreamFault
from gateway.tasks import Tasks
from gateway.upstream.make import make_upstream

DEADLINE_S = 0.4
SLACK_S = 4.0
"""On a loaded machine; what hangs, hangs longer."""


class Caller:
    """Implements Dialogue: answers by chance, and knows what it may never be asked or told."""

    log_level, progress_token = "debug", 7

    def __init__(self, dice: Dice, *, stateless: bool) -> None:
        self._dice, self.stateless = dice, stateless
        self.session = None if stateless else b"a session"
        self.capabilities = dice.choice(
            [{}, {"elicitation": {}}, {"elicitation": {"url": {}}, "sampling": {}, "roots": {}}]
        )
        self.wrong: list[str] = []

    def tell(self, method: str, params: Any) -> None:
        if method not in (PROGRESS, MESSAGE) or not isinstance(params, dict):
            self.wrong.append(f"told {method} {params!r}")
        if method == PROGRESS and params.get("progressToken") != 7:
            self.wrong.append(f"progress of another: {params!r}")

    async def ask(self, method: str, params: Any) -> Any:
        kind = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}.get(
            method
        )
        if kind not in self.capabilities or not isinstance(params, dict):
            self.wrong.append(f"asked {method} {params!r} of a client that declared {self.capabilities}")
        if self._dice.often(0.3):
            raise Unanswered(-1, "no")
        return {"action": "accept", "content": {}}


async def leg(server: Server, seed: int) -> None:
    """Opens, lists, follows and calls. Raises Unsound."""
    dice, tasks, clock = Dice(seed), Tasks(), SystemClock()
    era = dice.choice(["auto", "auto", "modern", "legacy"])
    settings = {
        "kind": "mcp-http",
        "url": server.url(seed),
        "era": era,
        "max_result": 200_000,
        "headers": {"authorization": f"Bearer {CANARY}"},
    }
    upstream = make_upstream("desk", McpHttp(**settings), clock, tasks, lambda _: None)
    news: list[Any] = []
    following = tasks.start(upstream.follow(news.append), "follow")
    said: list[str] = []
    try:
        said.append(await _in_time(_listed(upstream.list_tools, clock), "a list"))
        said.append(await _in_time(_listed(upstream.list_beside, clock), "a list"))
        for number in range(dice.randint(1, 4)):
            caller = Caller(dice, stateless=dice.often(0.5))
            call = _call(dice, number, caller)
            outcome = await _in_time(upstream.send(call, clock.monotonic() + DEADLINE_S), f"call {number}")
            said.append(_judged(outcome))
            if caller.wrong:
                raise Unsound(caller.wrong[0])
        if following.done():
            raise Unsound(f"it follows no more: {following}")
    finally:
        following.cancel()
        await _in_time(upstream.close(), "closing")
        await _in_time(tasks.close(), "what was left")
    shows_nothing(" ".join(said).encode())
    site = server.sites.pop(str(seed), None)
    if site is not None and site.strange:
        raise Unsound(site.strange[0])
    _sent_once(site.sent if site else {})


def _call(dice: Dice, number: int, caller: Any) -> Outbound:
    tool = dice.choice(TOOLS)
    kind, method = dice.choice(
        [("tool", "tools/call"), ("tool", "tools/call"), ("prompt", "prompts/get"), ("resource", "resources/read")]
    )
    name = "note://a" if kind == "resource" else tool["name"]
    made = Tool(
        f"desk/{name}", "desk", name, tool, "0" * 64, Effect.MUTATING if kind == "tool" else Effect.READ, kind=kind
    )
    if dice.often(0.3):
        return Outbound(made, {"n": number}, method=method)
    return Outbound(
        made, {"n": number}, method=method, dialogue=caller, owner="o", idempotency_key=dice.choice([None, "k"])
    )


def _judged(outcome: Any) -> str:
    """What it says in words of ours."""
    match outcome:
        case Answered(result=dict() as result):
            json.dumps(result, ensure_ascii=False).encode()
            return ""
        case AnsweredError(code=int(), message=str()):
            return ""
        case Lost(why=str(why)) | Unsent(why=str(why)):
            return why
    raise Unsound(f"an outcome of no kind: {outcome!r}")


def _sent_once(sent: Any) -> None:
    """A call goes out once; again only in rounds of the standard, or where a server proved that it did nothing."""
    if many := {call: times for call, times in sent.items() if times > 24}:
        raise Unsound(f"sent too often: {many}")


async def _listed(work: Any, clock: Any) -> str:
    try:
        found = await work(clock.monotonic() + DEADLINE_S)
    except UpstreamFault as fault:
        return str(fault)
    if not isinstance(found, Beside | list | tuple):
        raise Unsound(f"a list of no kind: {found!r}")
    return ""


async def _in_time(work: Any, what: str) -> Any:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(DEADLINE_S + SLACK_S):
            return await work
    except TimeoutError:
        raise Unsound(f"{what} took {time.monotonic() - begun:.1f} s") from None
