"""What a call reserves from budgets before it is sent, and what it has used when it is over.

Lives only here: how a price is found in arguments and results, and how an answer becomes bytes and tokens. Pure; must
not know budgets, counters or clocks. Called by the budgets.
"""

import math
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from gateway.model.outcome import Brought
from gateway.model.refusal import Reason, Refused
from gateway.model.spend import Cost
from gateway.model.terms import MICROS, Price
from gateway.model.tool import ResolvedCall

FIRST_GUESS: Final = 8 * 1024
"""Bytes reserved for the answer of a tool that declares nothing and was not seen yet."""
_BYTES_PER_TOKEN: Final = 4
_MOST: Final = 10**9
"""Of any currency: in millionths still exact in a float, which is the only number some stores' scripts know."""
_DECIMAL: Final = re.compile(r"\d{1,10}(\.\d{1,15})?", re.ASCII)
_TOTALS: Final = (
    ("totalTokens",),
    ("total_tokens",),
    ("inputTokens", "outputTokens"),
    ("input_tokens", "output_tokens"),
)
"""How servers spell what a call cost them; there is no standard. The first that is there counts."""


def reserved(call: ResolvedCall, largest: int) -> Cost:
    """The most a call is expected to use; `largest`: bytes of the largest answer its tool is known for.

    Raises Refused: invalid-arguments, where its price stands in its arguments and cannot be read.
    """
    size = call.tool.terms.at_most_bytes or largest
    mutating = int(call.tool.effect.leaves_traces)
    return Cost(1, mutating, size, _tokens(size), _priced(call, call.tool.terms.price))


def used(call: ResolvedCall, held: Cost, brought: Brought | None) -> Cost:
    """What a call that was sent came to. Without an answer nothing was brought, and its price is paid."""
    price = call.tool.terms.price
    size = 0 if brought is None else brought.size
    tokens = 0 if brought is None else max(_tokens(size), _reported(brought.result))
    if price is None or price.result is None:
        return Cost(held.calls, held.mutating, size, tokens, held.money)
    found = None if brought is None else _amount(_at(price.result, {"result": brought.result}))
    if found is None or found > held.money:
        return Cost(held.calls, held.mutating, size, tokens, held.money, estimated=True)
    return Cost(held.calls, held.mutating, size, tokens, found)


def _priced(call: ResolvedCall, price: Price | None) -> int:
    if price is None:
        return 0
    if price.fixed is not None:
        return price.fixed
    if price.argument is None:
        return price.at_most or 0
    found = _amount(_at(price.argument, {"args": call.arguments}))
    if found is None:
        raise Refused(
            Reason.INVALID_ARGUMENTS,
            f"{call.tool.id} is paid for by {price.argument}, which must be an amount from 0 to {_MOST}: a number, or a "
            "decimal in a string. Nothing was sent.",
        )
    return found


def _at(path: str | None, within: Any) -> Any:
    """What a dotted path leads to; None where it leads nowhere."""
    for part in (path or "").split("."):
        if not isinstance(within, Mapping):
            return None
        within = within.get(part)
    return within


def _amount(value: Any) -> int | None:
    """Millionths, rounded up; None for what is no amount."""
    match value:
        case bool():
            return None
        case int():
            amount = Decimal(value) if 0 <= value <= _MOST else None
        case float():
            amount = Decimal(repr(value)) if math.isfinite(value) and 0 <= value <= _MOST else None
        case str():
            amount = Decimal(value) if _DECIMAL.fullmatch(value) else None
        case _:
            return None
    if amount is None or amount > _MOST:
        return None
    return int((amount * MICROS).to_integral_value(ROUND_CEILING))


def _tokens(size: int) -> int:
    return -(-size // _BYTES_PER_TOKEN)


def _reported(result: Mapping[str, Any]) -> int:
    """Tokens in `_meta.usage`. An upstream's own word: it may say more than the answer weighs, never less."""
    usage = _at("_meta.usage", result)
    if not isinstance(usage, Mapping):
        return 0
    for names in _TOTALS:
        counts = [usage.get(name) for name in names]
        whole = [one for one in counts if isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= _MOST]
        if len(whole) == len(counts):
            return sum(whole)
    return 0
