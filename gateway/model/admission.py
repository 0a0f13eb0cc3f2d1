"""How the ledger lets a call on: a read passes, a claim gets a ticket, a repeat gets what was kept.

Lives only here: these three values. Must not know how the ledger decides. Made by the ledger, carried by the pipeline.
"""

from dataclasses import dataclass

from gateway.model.claim import Claim, Kept, KeySource, forwarded
from gateway.model.outcome import Looped
from gateway.model.principal import Principal
from gateway.model.tool import ResolvedCall


@dataclass(frozen=True, slots=True)
class Passed:
    """A read, let through by the brakes; nothing was claimed."""

    hint: str | None = None
    """A loop hint for `_meta`, or None."""
    looped: Looped | None = None
    toll: object = None
    """What it was charged, for the ledger alone: pass it back to `answered` or `returned`."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A claim of ours on its way: pass it back to `depart`, `settle`, `release` and `delivered`."""

    claim: Claim
    token: int
    departed: bool
    source: KeySource
    call: ResolvedCall
    principal: Principal
    hint: str | None = None
    origin: str = ""
    """`Won.origin`."""
    resends: bool = False
    """`Won.resends`: that it was not sent says nothing of the send before it."""
    asks: str | None = None
    """Why a person must say yes to this call although policy wants none; None: nobody must."""
    looped: Looped | None = None
    toll: object = None
    """What it was charged, for the ledger alone."""

    @property
    def key(self) -> str:
        """The key that the tool is told."""
        return forwarded(self.claim.record, self.source, self.origin)


@dataclass(frozen=True, slots=True)
class Replay:
    """Already executed: serve what was kept."""

    kept: Kept
    source: KeySource
    joined: bool
    """True when a twin in flight was waited for; False when the answer was there already."""
    claim: Claim
    token: int = 0
    """Of the call that executed."""
    fades_s: float | None = None
    """Seconds the answer stays once it was delivered; None when delivery changes nothing."""


Admission = Passed | Ticket | Replay
