"""The shape of `budgets` in `config.yaml`: how much may be used, by whom, in which time.

Lives only here: names, types, defaults and bounds. Must not know counters. Part of `schema.Config`.
"""

from typing import Final, Literal

from pydantic import Field, model_validator

from gateway.config.values import Amount, Section

BudgetScope = Literal["call", "session", "run", "user", "agent", "tool", "tenant"]
BudgetUnit = Literal["calls", "mutating", "bytes", "tokens", "money"]
BudgetWindow = Literal["minute", "hour", "day"]
_UNBOUNDED: Final = {"call", "session", "run"}
_MOST_MONEY: Final = 10**9


class Budget(Section):
    """At most `limit` of a unit per `window`, for each one of a scope, within its tenant.

    All budgets that touch a call must have room for it. Calls, mutating calls and money are reserved before the call and
    never exceeded. Bytes and tokens of an answer are known when it is there: they can run over by what the answers on
    their way bring beyond their reservation, and are charged in full.
    """

    scope: BudgetScope = Field(
        description="`call`: one call alone; bytes and tokens only refuse a tool whose `at_most_bytes` says that it may "
        "bring more, any other answer that is larger is passed on with a warning. `run`: a run that the credential does "
        "not prove is its agent and user for a quarter of an hour. `session`: of a client without sessions, the run."
    )
    of: str | None = Field(
        None,
        min_length=1,
        description="only this one, by its id; replaces what holds for the others of the same scope, unit and window",
    )
    unit: BudgetUnit = Field(
        "calls",
        description="`mutating`: calls that leave traces, all but declared reads. `tokens`: a quarter of the bytes, or more "
        "where the tool reports so in `_meta.usage`. `money`: by the `price` of the tool, in one currency",
    )
    window: BudgetWindow | None = Field(
        None,
        description="UTC, from the round minute, hour or day; none for `call`; a `session` or `run` without one has a limit "
        "for its whole life",
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
        if self.unit == "money" and self.limit > _MOST_MONEY:
            raise ValueError("a budget of money is at most 1000000000")
        return self
