"""What calls use up: units, what one call costs, the counters it is paid from, and how those stand.

Lives only here: these frozen values. Money is in whole millionths everywhere inside. Must not know rules, stores or
clocks. Made by the ledger, carried to the stores that count, shown to operators.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, assert_never, get_args

from gateway.model.terms import MICROS

Unit = Literal["calls", "mutating", "bytes", "tokens", "money"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
Scope = Literal["session", "run", "user", "agent", "tool", "tenant"]
Window = Literal["minute", "quarter", "hour", "day"]
"""A quarter of an hour is how long a run lasts that nobody proved; no budget is written with it."""
Fact = Literal["session", "run", "user", "agent", "tool"]
Who = tuple[tuple[Fact, str | None], ...]
"""The facts that the calls of one id share; none for a whole tenant."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call uses: reserved when it is admitted, used when it is over."""

    calls: int = 1
    mutating: int = 0
    bytes: int = 0
    tokens: int = 0
    money: int = 0
    """Millionths."""
    estimated: bool = False
    """The answer did not tell its price, so that the most it may cost was charged."""

    def of(self, unit: Unit) -> int:
        match unit:
            case "calls":
                return self.calls
            case "mutating":
                return self.mutating
            case "bytes":
                return self.bytes
            case "tokens":
                return self.tokens
            case "money":
                return self.money
            case _:
                assert_never(unit)

    @property
    def noted(self) -> dict[str, Any]:
        """For the record: what is not told by its kind and outcome."""
        noted: dict[str, Any] = {"bytes": self.bytes, "tokens": self.tokens}
        if self.money:
            noted["money"] = self.money
        if self.estimated:
            noted["estimated"] = True
        return noted


@dataclass(frozen=True, slots=True)
class Counter:
    """What is counted: one unit of one id of a scope, in one window after another."""

    tenant: str
    scope: Scope
    who: Who
    unit: Unit
    window: Window | None
    """UTC, from the round minute, quarter, hour or day; None: the whole life of a session or run."""

    @property
    def name(self) -> str:
        """The id, as people know it."""
        return "/".join(value for _, value in self.who if value is not None) if self.who else self.tenant

    @property
    def window_s(self) -> int:
        """Seconds; windows begin at multiples of this. 0: it never resets."""
        match self.window:
            case None:
                return 0
            case "minute":
                return 60
            case "quarter":
                return 900
            case "hour":
                return 3600
            case "day":
                return 86_400
            case _:
                assert_never(self.window)

    def start(self, now: float) -> float:
        """When the window that is open at `now` began; both in Unix seconds."""
        return now // self.window_s * self.window_s if self.window_s else 0.0

    def resets_at(self, start: float) -> float | None:
        """When the window that began at `start` is over."""
        return start + self.window_s if self.window_s else None


@dataclass(frozen=True, slots=True)
class Spend:
    """What one call takes out of one counter."""

    counter: Counter
    limit: int
    amount: int = 1
    warns_at: int = 0
    """From how much on agents are warned."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How one counter stands."""

    counter: Counter
    limit: int
    used: int
    held: int
    """Reserved by calls that are under way or in doubt."""
    resets_at: float | None
    """Unix seconds; None: never."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call came to."""

    cost: Cost
    warnings: Mapping[str, Any] = field(default_factory=dict)
    """For the reply's `_meta`."""


def shown(unit: Unit, amount: int) -> int | str:
    """An amount as people and agents read it: money as an exact decimal."""
    if unit != "money":
        return amount
    return f"{Decimal(amount) / MICROS:f}"
