"""The upstream of the in-process runs: implements `ports.Upstream` by chance, and reports whatever should not have come.

Which request of the agent is being walked stands in `SHOT`, a context variable that the gateway's own tasks inherit; so every
arrival is judged against the very bytes it came from.
"""

import asyncio
import contextlib
import json
from contextvars import ContextVar
from typing import Any

from fuzz_dice import Dice
from fuzz_oracle import arrives, wanted
from fuzz_world import EFFECTS, PROMPTS, RESOURCES, TEMPLATES, TOOLS

from gateway.model.dialogue import MESSAGE, PROGRESS, Unanswered
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.model.tool import Beside

SHOT: ContextVar[Any] = ContextVar("shot")
"""The exchange that is being walked."""
ASKS = [
    ("elicitation/create", {"message": "Really?", "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}),
    ("elicitation/create", {"mode": "url", "message": "Go", "url": "https://example.com/x"}),
    ("sampling/createMessage", {"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 5}),
    ("roots/list", {}),
]  # fmt: skip


class FakeUpstream:
    """Answers what it likes."""

    id, address = "desk", "http://desk.example/mcp"

    def __init__(self, seed: int = 0) -> None:
        self.wrong: list[str] = []
        self.arrived = 0
        self.asked = 0
        self._tasks: set[Any] = set()

    def try_permit(self, agent: str) -> Any:
        return contextlib.nullcontext(lambda: None)

    async def permit(self, deadline: float, agent: str) -> Any:
        return contextlib.nullcontext(lambda: None)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        exchange = SHOT.get()
        self.arrived += 1
        if (why := self._judged(exchange, call)) is not None:
            self.wrong.append(f"seed {exchange.seed}: {call.method} {call.tool.name} {call.arguments!r} came: {why}")
        exchange.arrived += 1
        dice = Dice(f"{exchange.seed} {exchange.number} {exchange.arrived}")
        return await self._answer(dice, call)

    def _judged(self, exchange: Any, call: Outbound) -> str | None:
        name = call.tool.name
        if exchange.arrived and EFFECTS.get(name) == "mutating":
            return "a second time"
        if call.tool.kind == "tool" and name == "asked":
            return "nobody approved it"
        if (state := call.request_state) is not None and state != self._state(exchange, call):
            return f"with the state {state!r}"
        return arrives(exchange.shot, exchange.sessions, call.method, name, call.arguments)

    @staticmethod
    def _state(exchange: Any, call: Outbound) -> str:
        """The state that this caller was given for this very request, and nobody for any other."""
        asked = wanted(exchange.shot)
        return json.dumps(
            ["state of", None if asked is None else asked.who, call.method, call.tool.name, call.arguments],
            sort_keys=True,
        )

    async def _answer(self, dice: Dice, call: Outbound) -> Carried:
        if dice.often(0.2):
            await asyncio.sleep(dice.choice([0, 0, 0.005, 0.02]))
        for _ in range(dice.choice([0, 0, 0, 1, 3])):
            call.dialogue.tell(PROGRESS, {"progress": dice.random(), "message": dice.text()})
            call.dialogue.tell(MESSAGE, {"level": dice.choice(["debug", "error", "loud"]), "data": dice.value()})
        if call.dialogue.capabilities and dice.often(0.5):
            if call.dialogue.stateless and dice.often(0.5) and call.input_responses is None:
                return self._wants(dice, call)
            await self._asks(dice, call)
        match dice.randrange(20):
            case 0:
                return AnsweredError(
                    dice.choice([-32000, -32602, -32603, -32021, -32042, 7, -(10**30)]), dice.text(), dice.value()
                )
            case 1:
                return Lost("no answer in time", timed_out=dice.often(0.5))
            case 2:
                return Unsent("it could not be reached", cause=dice.choice(["unreached", "later", "never"]))
            case 3:
                return Answered(_known(dice.value()))
            case 4:
                return Answered(_known(dice.bent(good(call, dice))))
            case _:
                return Answered(good(call, dice))

    def _wants(self, dice: Dice, call: Outbound) -> Carried:
        state = self._state(SHOT.get(), call)
        asks = {
            f"k{n}": {"method": method, "params": params}
            for n, (method, params) in enumerate(dice.sample(ASKS, dice.randint(1, 3)))
        }
        result = {"resultType": "input_required", "inputRequests": asks, "requestState": state}
        if dice.often(0.2):
            result = _known(dice.bent({name: result[name] for name in ("resultType", "inputRequests")}))
        return Answered(result)

    async def _asks(self, dice: Dice, call: Outbound) -> None:
        for method, params in dice.sample(ASKS, dice.randint(1, 2)):
            self.asked += 1
            with contextlib.suppress(Unanswered):
                bent = dice.bent(params) if params and dice.often(0.2) else params
                answer = await call.dialogue.ask(method, bent if isinstance(bent, dict) else params)
                if not isinstance(answer, dict):
                    self.wrong.append(f"seed {SHOT.get().seed}: an answer that is no object: {answer!r}")

    async def list_tools(self, deadline: float) -> Any:
        return TOOLS

    async def list_beside(self, deadline: float) -> Beside:
        return Beside(PROMPTS, RESOURCES, TEMPLATES)

    async def follow(self, hear: Any) -> None:
        await asyncio.Event().wait()

    def want(self, uris: frozenset[str]) -> None:
        """Nothing is told."""

    async def close(self) -> None:
        """Nothing is open."""


def _known(result: Any) -> dict[str, Any]:
    """As a leg lets it through: an object, of a type it knows."""
    found = result if isinstance(result, dict) else {"content": result}
    return (
        found
        if found.get("resultType") in (None, "complete", "input_required")
        else {**found, "resultType": "complete"}
    )


def good(call: Outbound, dice: Dice) -> dict[str, Any]:
    """A result of the kind that was asked for."""
    text = {"type": "text", "text": dice.text()}
    match call.method:
        case "prompts/get":
            return {"messages": [{"role": "user", "content": text}]}
        case "resources/read":
            return {"contents": [{"uri": call.tool.name, "text": dice.text()}], "ttlMs": dice.choice([0, 5, -1, "x"])}
        case "completion/complete":
            return {"completion": {"values": ["a", "b"], "total": 2, "hasMore": False}}
        case _:
            return {"content": [text], "structuredContent": {"n": 1}, "_meta": {"own": dice.word()}}
