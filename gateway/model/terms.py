"""What the operator declared about repeating, checking and paying for a tool, beside its effect.

Lives only here: these values. Expressions are text (CEL), checked when the configuration is loaded. Must not know how any
of it is used. Part of `Tool`; made by the catalog from `config.upstreams.ToolSettings`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

MICROS: Final = 1_000_000
"""Money is counted in whole millionths."""

InDoubtPolicy = Literal["block", "forward_key", "resend", "probe"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A declared read that tells whether a call was carried out."""

    tool: str
    """Canonical id."""
    arguments: Mapping[str, str]
    """Name → CEL over `args` (the call's final arguments) and `key` (the forwarded key)."""
    found: str
    """CEL over `result` (MCP form), `args` and `key`: whether it shows the effect."""
    settles_s: float
    """Seconds after the send; before them a probe that finds nothing proves nothing."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one call costs. Exactly one of `fixed`, `argument` and `result` is set."""

    fixed: int | None = None
    """Millionths."""
    argument: str | None = None
    """Dotted path to an amount, `args.…`."""
    result: str | None = None
    """Dotted path to an amount, `result.…`."""
    at_most: int | None = None
    """Millionths that are reserved where only the result says the price."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How one tool may be repeated, is checked and is paid for."""

    once: tuple[str, ...] = ()
    """Dotted paths into the arguments that together are a business key."""
    key_required: bool = False
    delivered_s: float | None = None
    """Window of derived replays after delivery; None: the house's own."""
    undelivered_s: float | None = None
    in_doubt: InDoubtPolicy = "block"
    dedupes_s: float = 0.0
    """For how long the upstream itself recognises a forwarded key; of `forward_key`."""
    probe: Probe | None = None
    verify: bool = False
    """Whether the probe looks after every success too."""
    accept: str | None = None
    """CEL over `result` and `args` that a good answer fulfils."""
    on_disconnect: Literal["detach", "cancel"] = "detach"
    price: Price | None = None
    at_most_bytes: int | None = None
    """Declared size of its largest answer, reserved from budgets of bytes and tokens."""
    poll_s: float | None = None
    """Least seconds between two identical polls; None: not made to be polled."""
    volatile: frozenset[str] = frozenset()
    """Arguments whose change makes no other call, for loop detection."""


PLAIN: Final = Terms()
