"""Key sets of issuers: fetched over HTTP, kept, and refreshed before anybody has to wait for them.

Lives only here: the one HTTP client of this room and what is believed of a key server. Must not know tokens or claims.
`tokens` asks for a key; nothing runs while nobody asks. The life of a set:

- younger than 5 min: used as it is; up to 15 min: used, while a refresh runs in the background;
- older: the next caller waits for a refresh (3 s at most), because keys may have been withdrawn meanwhile;
- refresh fails: the old set goes on being used up to 24 h, retried every 10 s without anybody waiting;
- a key id that is not in the set: one refetch, at most every 10 s, whoever asks and however often.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import httpx2
import jwt

from gateway.config.schema import Issuer
from gateway.ports import Clock
from gateway.tasks import Tasks
from gateway.wire import strict_json

_log = logging.getLogger("sallyport")

REFRESH_S: Final = 300.0
STALE_S: Final = 900.0
USELESS_S: Final = 86_400.0
RETRY_S: Final = 10.0
OUTAGE_S: Final = 60.0
"""How long one failed fetch counts as an outage, in which nobody waits for the next."""
DEADLINE_S: Final = 3.0
LARGEST: Final = 256 * 1024
MOST_KEYS: Final = 100


class NoKey(Exception):
    """There is no key to check a token with; the text is ours and safe to show."""


class _Unfetched(Exception):
    """A key server did not give a usable set; says why."""


KeySet = Mapping[tuple[str | None, str], jwt.PyJWK]
"""Key by (kid, algorithm). A new object whenever an issuer's keys changed, and only then."""


@dataclass(slots=True)
class _Source:
    """What is known of one issuer's keys."""

    issuer: Issuer
    keys: KeySet | None = None
    raw: Any = None
    fetched_at: float = 0.0
    tried_at: float = -RETRY_S
    failing: bool = False
    fetching: asyncio.Task[None] | None = None


def key_client() -> httpx2.AsyncClient:
    """The client `KeySets` needs: no redirects (a key server that moves is a change of configuration), few sockets."""
    return httpx2.AsyncClient(
        follow_redirects=False,
        timeout=DEADLINE_S,
        limits=httpx2.Limits(max_connections=4, max_keepalive_connections=2),
        headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
    )


class KeySets:
    """The keys of all configured issuers."""

    def __init__(
        self, issuers: Sequence[Issuer], client: httpx2.AsyncClient | None, clock: Clock, tasks: Tasks
    ) -> None:
        """`client` may be None where there is no issuer: making one reads the whole CA bundle."""
        self._sources = {issuer.id: _Source(issuer) for issuer in issuers}
        self._client = client
        self._clock = clock
        self._tasks = tasks

    def current(self, issuer: str) -> KeySet | None:
        """The set in force, never waiting; starts a refresh in the background when one is due. None: ask `find`."""
        source = self._sources[issuer]
        now = self._clock.monotonic()
        age, outage = now - source.fetched_at, source.failing and now - source.tried_at < OUTAGE_S
        if source.keys is None or age >= USELESS_S:
            return None
        if age >= REFRESH_S:
            self._start(source)
        return None if age >= STALE_S and not outage else source.keys

    async def find(self, issuer: str, kid: str | None, algorithm: str) -> tuple[KeySet, jwt.PyJWK]:
        """The key for a token, and the set it is of. Raises NoKey."""
        source = self._sources[issuer]
        keys = self.current(issuer)
        if keys is None:
            await self._fetched(source)
            keys = self._usable(source)
        if (key := _pick(keys, kid, algorithm)) is None:
            await self._fetched(source)
            keys = self._usable(source)
            if (key := _pick(keys, kid, algorithm)) is None:
                raise NoKey("the issuer has no such key")
        return keys, key

    def problems(self) -> tuple[str, ...]:
        """Issuers whose keys cannot be fetched now; one sentence each, for readiness."""
        return tuple(
            f"the key server of issuer {name} does not answer as it should"
            for name, source in self._sources.items()
            if source.failing
        )

    def _usable(self, source: _Source) -> KeySet:
        if source.keys is None or self._clock.monotonic() - source.fetched_at >= USELESS_S:
            raise NoKey("the keys of its issuer cannot be fetched now")
        return source.keys

    async def _fetched(self, source: _Source) -> None:
        """Waits for the fetch that runs or may start now; the fetch outlives a caller that goes away."""
        self._start(source)
        if source.fetching is not None:
            await asyncio.wait({source.fetching})

    def _start(self, source: _Source) -> None:
        now = self._clock.monotonic()
        if source.fetching is None and now - source.tried_at >= RETRY_S:
            source.tried_at = now
            source.fetching = self._tasks.start(self._refresh(source), f"keys of {source.issuer.id}")

    async def _refresh(self, source: _Source) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                raw = await self._get(source.issuer.jwks)
            keys = _key_set(raw, source.issuer.algorithms)
        except (_Unfetched, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as fault:
            source.failing = True
            why = str(fault) if isinstance(fault, _Unfetched) else type(fault).__name__
            _log.warning("keys of issuer %s could not be fetched: %s", source.issuer.id, why)
        else:
            source.failing, source.fetched_at = False, self._clock.monotonic()
            if raw != source.raw:
                source.raw, source.keys = raw, keys
        finally:
            source.fetching = None

    async def _get(self, url: str) -> Any:
        assert self._client is not None
        async with self._client.stream("GET", url) as response:
            if response.status_code != httpx2.codes.OK:
                raise _Unfetched(f"status {response.status_code}")
            # Raw bytes only: a compressed answer could unfold past any limit inside the client.
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _Unfetched("a compressed answer")
            data = bytearray()
            async for chunk in response.aiter_raw():
                data += chunk
                if len(data) > LARGEST:
                    raise _Unfetched(f"more than {LARGEST} bytes")
        try:
            return strict_json.parse(bytes(data))
        except strict_json.MalformedJson:
            raise _Unfetched("not JSON") from None


def _key_set(raw: Any, algorithms: Sequence[str]) -> KeySet:
    """The signing keys of a JWK set (RFC 7517 §5) that the issuer may use; what else is in there is passed over."""
    members = raw.get("keys") if isinstance(raw, dict) else None
    if not isinstance(members, list) or len(members) > MOST_KEYS:
        raise _Unfetched(f"not a set of at most {MOST_KEYS} keys")
    found: dict[tuple[str | None, str], jwt.PyJWK] = {}
    for member in members:
        if not isinstance(member, dict) or member.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(member)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        kid = member.get("kid")
        if key.algorithm_name in algorithms and (kid is None or isinstance(kid, str)):
            found.setdefault((kid, key.algorithm_name), key)
    if not found:
        raise _Unfetched("no usable key")
    return MappingProxyType(found)


def _pick(keys: KeySet, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    """The key a token means; without a key id only where there is no choice."""
    if kid is not None:
        return keys.get((kid, algorithm))
    fitting = [key for (_, name), key in keys.items() if name == algorithm]
    return fitting[0] if len(fitting) == 1 else None
