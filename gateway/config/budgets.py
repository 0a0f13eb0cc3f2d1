"""The shape of `budgets` in `config.yaml`: how much may be used, by whom, in which time.

Lives only here: names, types, defaults and bounds. Must not know counters. Part of `schema.Config`.
"""

from typing import Literal

from pydantic import Field, model_validator

from gateway.config.values import Amount, Section

BudgetScope = Literal["call", "session", "run", "user", "agent", "tool", "tenant"]
BudgetUnit = Literal["calls", "mutating", "bytes", "tokens", "money"]
BudgetWindow = Literal["minute", "hour", "day"]
_UNBOUNDED = {"call", "session", "run"}


class Budget(Section):
    """At most `limit` of a unit per `window`, for each one of a scope."""

    scope: BudgetScope
    of: str | None = Field(
        None, min_length=1, description="only this one, by its id; replaces what holds for the others"
    )
    unit: BudgetUnit = "calls"
    window: BudgetWindow | None = Field(
        None, description="UTC, from the round minute, hour or day; none for `call`, optional for `session` and `run`"
    )
    limit: Amount = Field(gt=0, le=10**12, decimal_places=6)
    soft: float = Field(0.8, gt=0, le=1, description="share of the limit from which agents are warned in `_meta`")

    @model_validator(mode="after")
    def _whole(self) -> "Budget":
        if self.window is None and self.scope not in _UNBOUNDED:
            raise ValueError(f"a budget of each {self.scope} needs a window: minute, hour or day")
        if self.scope == "call" and (self.window is not None or self.of is not None):
            raise ValueError("a budget of a single call has neither `window` nor `of`")
        if self.scope == "call" and self.unit in {"calls", "mutating"}:
            raise ValueError("a single call is one call: limit its bytes, tokens or money")
        if self.unit != "money" and self.limit != self.limit.to_integral_value():
            raise ValueError("only money has a fraction")
        return self
