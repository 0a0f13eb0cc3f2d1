"""The seam of second looks: what a declared probe sees of a call, as the road may ask.

Lives only here: this Protocol, a page of its own beside `ports.py`. Imports nothing of ours but `model`. Must not know how a
probe looks or what settles a doubt. Implemented by doubting, walked through by the road.
"""

from typing import Literal, Protocol

from gateway.model.claim import Doubted, Kept, NotDone
from gateway.model.principal import Principal
from gateway.model.tool import ResolvedCall


class SecondLooks(Protocol):
    """What a declared probe sees of a call. Never raises: a look that fails has seen nothing."""

    async def verified(
        self, principal: Principal, call: ResolvedCall, key: str, call_id: str, within_s: float
    ) -> Literal["yes", "no", "unknown"]:
        """Whether the probe of `call.tool` sees the effect of a success; recorded. `key` is the one that was forwarded."""

    async def resolved(self, doubted: Doubted, *, left: bool = False) -> Kept | NotDone | None:
        """Looks at a call in doubt; what is kept of it if it was carried out, `NotDone` if it may be made again.

        None: it stays in doubt. `left`: when it was told of, everything of it had left that ever will.
        """

    async def reconsidered(self, call_id: str) -> bool:
        """The same of an earlier call; whether it is not in doubt any more."""
