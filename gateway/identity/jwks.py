"""Key sets of issuers and peers: fetched over HTTP, kept, and refreshed before anybody has to wait for them.

Lives only here: the one HTTP client of this room and when a key server is asked. Must not know tokens or claims. `signed`
asks for a key; nothing runs while nobody asks. The life of a fetched set:

- younger than 5 min: used as it is; up to 15 min: used, while a refresh runs in the background;
- older: the next caller waits for a refresh (3 s at most), because keys may have been withdrawn meanwhile;
- refresh fails: the old set goes on being used up to 24 h, retried every 10 s without anybody waiting.

A key that is not in the set, or under whose id another key signed, is asked for at once (as often as `allowance` lets it),
so that a rotation nobody announced fails no call. Whoever asks shares one fetch; one that began before the caller came may
have been answered before the rotation, so then one more follows.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx2

from gateway.config.schema import Issuer, Peer
from gateway.identity import keyset
from gateway.identity.allowance import Allowance
from gateway.identity.keyfile import OnDisk
from gateway.identity.keyset import Keys, KeySet, NoKey, NoKeySet
from gateway.ports import Clock
from gateway.tasks import Tasks

_log = logging.getLogger("sallyport")

REFRESH_S: Final = 300.0
STALE_S: Final = 900.0
USELESS_S: Final = 86_400.0
RETRY_S: Final = 10.0
OUTAGE_S: Final = 60.0
"""How long one failed fetch counts as an outage, in which nobody waits for the next."""
DEADLINE_S: Final = 3.0


def key_client() -> httpx2.AsyncClient:
    """The client `KeySets` needs: no redirects (a key server that moves is a change of configuration), few sockets."""
    return httpx2.AsyncClient(
        follow_redirects=False,
        timeout=DEADLINE_S,
        limits=httpx2.Limits(max_connections=4, max_keepalive_connections=2),
        headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
    )


def source(owner: Issuer | Peer) -> str:
    """The name of somebody's keys, as people read it. An issuer and a peer of one id are two: neither signs for the other."""
    return f"{'peer' if isinstance(owner, Peer) else 'issuer'} {owner.id}"


class KeySets:
    """The keys of all configured issuers and peers, by `source`."""

    def __init__(
        self,
        owners: Sequence[Issuer | Peer],
        client: httpx2.AsyncClient | None,
        clock: Clock,
        tasks: Tasks,
        base: Path = Path(),
    ) -> None:
        """`client` may be None where nobody has a URL: making one reads the whole CA bundle. `base`: where files lie."""
        self._sources: dict[str, _Fetched | OnDisk] = {}
        for owner in owners:
            name = source(owner)
            if isinstance(owner, Peer) and owner.keys is not None:
                self._sources[name] = OnDisk(name, base / owner.keys, owner.algorithms, clock)
            else:
                assert client is not None
                assert owner.jwks is not None
                self._sources[name] = _Fetched(name, owner.jwks, owner.algorithms, client, clock, tasks)

    def current(self, name: str) -> KeySet | None:
        """The set in force, never waiting; starts a refresh in the background when one is due. None: ask `find`."""
        return self._sources[name].current()

    async def find(
        self, name: str, kid: str | None, algorithm: str, beyond: KeySet | None = None
    ) -> tuple[KeySet, Keys]:
        """The keys a token may mean, and the set they are of; never of the set `beyond`, tried in vain. Raises NoKey."""
        return await self._sources[name].find(kid, algorithm, beyond)

    def problems(self) -> tuple[str, ...]:
        """Whose keys cannot be had now; one sentence each, for readiness."""
        return tuple(kept.problem for kept in self._sources.values() if kept.problem is not None)


class _Fetched:
    """The keys behind one URL."""

    def __init__(
        self,
        owner: str,
        url: str,
        algorithms: tuple[str, ...],
        client: httpx2.AsyncClient,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._owner, self._url, self._algorithms = owner, url, algorithms
        self._client, self._clock, self._tasks = client, clock, tasks
        self._keys: KeySet | None = None
        self._data: bytes | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._begun = self._ended = 0
        """Fetches; one runs at a time."""
        self._allowance = Allowance()
        self.problem: str | None = None

    def current(self) -> KeySet | None:
        """The set, if it may be used without waiting."""
        now = self._clock.monotonic()
        age, outage = now - self._fetched_at, self.problem is not None and now - self._tried_at < OUTAGE_S
        if age >= REFRESH_S and self._fetching is None and now - self._tried_at >= RETRY_S:
            self._start(now)
        return self._keys if age < (USELESS_S if outage else STALE_S) else None

    async def find(self, kid: str | None, algorithm: str, beyond: KeySet | None) -> tuple[KeySet, Keys]:
        """Waits for two fetches at most."""
        arrived = self._begun
        if (keys := self.current()) is None:
            await self._settled()
            keys = self._last()
        while keys is None or keys is beyond or not (fitting := keyset.pick(keys, kid, algorithm)):
            if not await self._asked_again(kid, arrived):
                raise NoKey(
                    "the keys of its issuer cannot be fetched now" if keys is None else "the issuer has no such key"
                )
            keys = self._last()
        return keys, fitting

    def _last(self) -> KeySet | None:
        return self._keys if self._clock.monotonic() - self._fetched_at < USELESS_S else None

    async def _asked_again(self, kid: str | None, arrived: int) -> bool:
        """Waits for a fetch that may know more than the caller has seen; False when there is none to wait for."""
        now = self._clock.monotonic()
        if self._ended > arrived:
            if self.problem is None:
                self._allowance.in_vain(kid, now)
            return False
        if self._fetching is None:
            if not self._allowance.take(kid, now):
                return False
            self._start(now)
        await self._settled()
        return True

    async def _settled(self) -> None:
        """Waits for the fetch that runs, if one does; it outlives a caller that goes away."""
        if self._fetching is not None:
            await asyncio.wait({self._fetching})

    def _start(self, now: float) -> None:
        self._tried_at = now
        self._begun += 1
        self._fetching = self._tasks.start(self._refresh(), f"keys of {self._owner}")

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                data = await self._get()
            if data != self._data:
                keys = keyset.read(data, self._algorithms)
                if not keys:
                    raise NoKeySet("no usable key")
                self._keys, self._data = keys, data
                self._allowance.changed()
        except (NoKeySet, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as fault:
            self.problem = f"the key server of {self._owner} does not answer as it should"
            why = str(fault) if isinstance(fault, NoKeySet) else type(fault).__name__
            _log.warning("keys of %s could not be fetched: %s", self._owner, why)
        else:
            self.problem, self._fetched_at = None, self._clock.monotonic()
        finally:
            self._fetching, self._ended = None, self._begun

    async def _get(self) -> bytes:
        async with self._client.stream("GET", self._url) as response:
            if response.status_code != httpx2.codes.OK:
                raise NoKeySet(f"status {response.status_code}")
            # Raw bytes only: a compressed answer could unfold past any limit inside the client.
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise NoKeySet("a compressed answer")
            data = bytearray()
            async for chunk in response.aiter_raw():
                data += chunk
                if len(data) > keyset.LARGEST:
                    raise NoKeySet(f"more than {keyset.LARGEST} bytes")
        return bytes(data)
