"""One call as it stands before the ledger: who asks for what, and how.

Lives only here: the value that brakes, budgets, loops and attempts are all asked about. Must not know what they make of
it. Made by the room once per admission.
"""

from dataclasses import dataclass
from functools import cached_property

from gateway.ledger.key import fingerprint
from gateway.model.call import Asked
from gateway.model.principal import Principal
from gateway.model.tool import ResolvedCall


@dataclass(frozen=True)
class Case:
    """Without slots, for the fingerprint is kept once somebody wanted it: most reads never need one."""

    principal: Principal
    call: ResolvedCall
    asked: Asked

    @cached_property
    def fingerprint(self) -> bytes:
        """What makes two calls the same (`key.fingerprint`)."""
        return fingerprint(self.call)
