"""A request before anything of it is believed, and the headers with which it is turned away.

Lives only here: what is held together from the first byte of a request to the last of its response, and which refusals say
something in HTTP's own words (challenge, allowed methods, hanging up). Must not know JSON-RPC or the road. Made by `plane`
for every request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.listener import door, resource
from gateway.listener.caller import Caller
from gateway.listener.head import Head
from gateway.listener.limits import Slot
from gateway.listener.outlet import Outlet
from gateway.listener.render import Headers
from gateway.model.call import Arrival
from gateway.model.refusal import Reason, Refusal
from gateway.ports import Record

_HANGS_UP: Final = frozenset({Reason.TOO_LARGE, Reason.TOO_SLOW})
"""After these the rest of the body is not worth waiting for."""


@dataclass(frozen=True, slots=True)
class Knock:
    """One request, and what belongs to it."""

    record: Record
    arrival: Arrival
    head: Head
    found: door.Place | None
    caller: Caller
    slot: Slot
    outlet: Outlet

    def refused_with(self, refusal: Refusal, issuers: Sequence[str]) -> Headers:
        """What the response to a refusal says in its headers."""
        headers: Headers = resource.challenge(self.head, self.found, refusal, issuers)
        if refusal.reason is Reason.WRONG_METHOD:
            headers += ((b"allow", ", ".join(door.methods(self.head, self.found)).encode()),)
        if refusal.reason in _HANGS_UP:
            headers += ((b"connection", b"close"),)
        return headers
