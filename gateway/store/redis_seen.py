"""Names shown before, over all gateways that share a server.

Lives only here: that Redis decides who was first, and that the memory of this process decides alone while Redis is away: a
name is then first once in every process, which is what one process alone could promise. Must not know what the names
stand for. Given to the peers' check through `homes.FirstSeen`.
"""

from gateway.homes import FirstSeen
from gateway.model.work import StoreUnavailable
from gateway.store.redis_link import RedisLink
from gateway.store.redis_names import hashed, key


class RedisFirstSeen:
    """Implements `homes.FirstSeen`."""

    def __init__(self, link: RedisLink, here: FirstSeen) -> None:
        """`here` remembers for this process."""
        self._link = link
        self._here = here

    async def first(self, name: str, ttl_s: float) -> bool:
        """As `here` where the server is away. Raises what `here` raises."""
        if not await self._here.first(name, ttl_s):
            return False
        try:
            told = await self._link.command(
                "SET", key("seen", hashed(name)), 1, "NX", "PX", max(1, round(ttl_s * 1000))
            )
        except StoreUnavailable:
            return True
        return told is not None
