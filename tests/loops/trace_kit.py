"""What a labelled trace is made of: calls at moments, and answers with the noise that real tools put into theirs."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

from tests.loops.trace_noise import PLAIN, Dice

MORNING = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)

COMPANIES = (
    "Meyer GmbH", "Northwind", "Acme Tools", "Hansen & Co", "Blue Fjord", "Kepler Optik", "Orchard Foods", "Tidewater",
)  # fmt: skip
PEOPLE = (
    "ada", "bela", "chidi", "dora", "emil", "fatou", "goran", "hana", "ines", "jonas", "kaya", "luis", "mira", "noor",
)  # fmt: skip
TOPICS = (
    "the quarterly forecast", "an overdue invoice", "the login page", "a broken export", "the onboarding plan",
    "a missing refund", "the audit trail", "a late delivery", "the holiday rota", "a slow report", "the new price list",
    "a duplicate account", "the data retention rule", "a failed backup", "the supplier contract", "a wrong address",
)  # fmt: skip


@dataclass
class Trace:
    """One labelled story. `pace` is the pause before each call, in seconds, drawn between its two ends."""

    name: str
    kind: str
    why: str
    rng: Random
    run: str | None = None
    pace: tuple[float, float] = (0.8, 6.0)
    noisy: bool = False
    now: float = 0.0
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """A server either sends structured content beside its text, always, or never does; its noise has one style."""
        self.structured = self.rng.random() < 0.12
        self.noise = self.rng.noise() if isinstance(self.rng, Dice) else PLAIN

    def has(self, tool: str, effect: str = "read", poll_s: float | None = None) -> Self:
        self.tools[tool] = {"effect": effect, "poll_s": poll_s, "volatile": []}
        return self

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def gets(self, tool: str, args: Mapping[str, Any], answer: str | Mapping[str, Any]) -> None:
        """A call that the tool answers; a noisy tool stamps every answer with a moment and an id."""
        self._tick()
        if isinstance(answer, str):
            text = f"{answer}\n{self.noise.words.format(at=self._stamp(), id=self._id())}" if self.noisy else answer
            result: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
        else:
            data = dict(answer)
            if self.noisy:
                data |= {self.noise.key: self._id(), "at": self._stamp()}
            text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
            result = {"content": [{"type": "text", "text": text}]}
            if self.structured:
                result["structuredContent"] = data
        self._note(tool, args, result)

    def fails(self, tool: str, args: Mapping[str, Any], text: str) -> None:
        self._tick()
        said = f"{text} (request {self._id()} at {self._stamp()})" if self.noisy else text
        self._note(tool, args, {"content": [{"type": "text", "text": said}], "isError": True}, error=True)

    def is_denied(self, tool: str, args: Mapping[str, Any]) -> None:
        self._tick()
        self._note(tool, args, None, denied=True)

    def line(self) -> str:
        facts = {"name": self.name, "kind": self.kind, "why": self.why, "run": self.run}
        return json.dumps(facts | {"tools": self.tools, "calls": self.calls}, separators=(",", ":"), ensure_ascii=False)

    def _tick(self) -> None:
        self.now += self.rng.uniform(*self.pace)

    def _stamp(self) -> str:
        return f"{MORNING + dt.timedelta(seconds=self.now):%Y-%m-%dT%H:%M:%SZ}"

    def _id(self) -> str:
        return self.noise.shape(self.rng)

    def _note(
        self, tool: str, args: Mapping[str, Any], result: Any, *, error: bool = False, denied: bool = False
    ) -> None:
        assert tool in self.tools, f"{self.name} calls {tool} and does not say what it is"
        call = {"at": round(self.now, 2), "tool": tool, "args": dict(args), "result": result}
        self.calls.append(call | {"error": error, "denied": denied})


def run_id(rng: Random) -> str:
    return f"run-{rng.getrandbits(32):08x}"
