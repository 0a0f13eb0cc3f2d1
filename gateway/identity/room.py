"""Callers: from a credential to a proven principal.

Lives only here: which kind of credential is what, and that nothing but the credential, and the signed word of a trusted
peer, is believed; no other header, no body, no `clientInfo` is read. Must not know HTTP. Called by the pipeline first of
all rooms.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NoReturn

from gateway.config.schema import ApiKey, Identity
from gateway.identity import apikey
from gateway.identity.claims import Unproven
from gateway.identity.jwks import KeySets
from gateway.identity.keyring import Keyring, StoredKey
from gateway.identity.names import safe
from gateway.identity.peers import Peers
from gateway.identity.tokens import Tokens
from gateway.model.call import Arrival
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.work import StoreUnavailable
from gateway.ports import Clock

_LOOK_EVERY_S: Final = 0.25
"""How often the key file is looked at while calls come in; a revocation holds within a second."""


@dataclass(frozen=True, slots=True)
class _Door:
    """What one API key opens."""

    principal: Principal
    revoked: bool


class Callers:
    """Implements ports.Identity."""

    def __init__(
        self,
        config: Identity,
        agents: Collection[str],
        keyring: Keyring,
        keysets: KeySets,
        clock: Clock,
        peers: Peers | None = None,
    ) -> None:
        """`agents` are the ids of the configuration's agents; nobody else is let in. Without `peers`, none is trusted."""
        self._config = config
        self._agents = frozenset(agents)
        self._keyring = keyring
        self._tokens = Tokens(config.issuers, keysets, clock)
        self._peers = peers
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._anonymous = _anonymous(config)
        self._version = keyring.version
        self._doors = self._opened()

    async def prove(self, arrival: Arrival) -> Principal:
        """Raises Refused: unauthenticated, agent-mismatch, store-unavailable."""
        credential = arrival.credential
        if credential is None:
            principal = self._unknown_caller()
        elif credential.startswith(apikey.PREFIX):
            principal = self._by_key(credential)
        else:
            principal = await self._by_token(credential)
        if principal.agent not in self._agents:
            _refuse("The agent of this credential is not configured here.")
        if arrival.endpoint_agent is not None and arrival.endpoint_agent != principal.agent:
            raise Refused(Reason.AGENT_MISMATCH, "This endpoint belongs to another agent than the credential proves.")
        return principal if arrival.assertion is None else await self._acting(principal, arrival.assertion, credential)

    async def _acting(self, agent: Principal, assertion: str, credential: str | None) -> Principal:
        """An assertion is never passed over: whoever sends one means another principal than the credential's."""
        if self._peers is None:
            _refuse("A user assertion was sent, and no peer is trusted here.")
        if credential is None:
            _refuse("A user assertion was sent without a credential of the peer.")
        try:
            return await self._peers.acting(agent, assertion)
        except Unproven as fault:
            _refuse(f"The user assertion was not accepted: {fault}.")
        except StoreUnavailable:
            raise Refused(
                Reason.STORE_UNAVAILABLE, "Whether the user assertion was used before cannot be found out now."
            ) from None

    def _unknown_caller(self) -> Principal:
        if self._anonymous is None:
            _refuse("No credential was sent.")
        return self._anonymous

    def _by_key(self, credential: str) -> Principal:
        if (now := self._clock.monotonic()) - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._keyring.refresh()
        if self._version != self._keyring.version:
            self._version, self._doors = self._keyring.version, self._opened()
        if not apikey.well_formed(credential) or (door := self._doors.get(apikey.hashed(credential))) is None:
            _refuse("The API key is unknown.")
        # Whoever holds the key may know what became of it; whoever does not, never gets here.
        if door.revoked:
            _refuse("The API key was revoked.")
        expires = door.principal.expires_at
        if expires is not None and expires <= self._clock.now():
            _refuse("The API key has expired.")
        return door.principal

    async def _by_token(self, credential: str) -> Principal:
        if not self._config.issuers:
            _refuse("The credential is neither an API key of this gateway nor are tokens accepted.")
        try:
            return await self._tokens.prove(credential)
        except Unproven as fault:
            _refuse(f"The token was not accepted: {fault}.")

    def _opened(self) -> dict[str, _Door]:
        """Every key by its hash; one whose ids or times are not fit to be used opens nothing.

        The file comes last: a key that stands in both places and is revoked in the file is revoked.
        """
        doors: dict[str, _Door] = {}
        for key in (*self._config.keys, *self._keyring.ls()):
            if (door := _door(key)) is not None:
                doors[key.hash] = door
        return doors


def _door(key: ApiKey) -> _Door | None:
    if not safe(key.tenant) or not (key.user is None or safe(key.user)):
        return None
    try:
        expires = None if key.expires is None else apikey.instant(key.expires)
    except ValueError:
        return None
    proof = f"key:{key.id}"
    principal = Principal(
        tenant=key.tenant,
        agent=key.agent,
        agent_proof=proof,
        user=key.user,
        user_proof=None if key.user is None else proof,
        expires_at=expires,
    )
    return _Door(principal, isinstance(key, StoredKey) and key.revoked is not None)


def _anonymous(config: Identity) -> Principal | None:
    if (named := config.anonymous) is None or not safe(named.tenant) or not (named.user is None or safe(named.user)):
        return None
    return Principal(
        tenant=named.tenant,
        agent=named.agent,
        agent_proof="anonymous",
        user=named.user,
        user_proof=None if named.user is None else "anonymous",
    )


def _refuse(detail: str) -> NoReturn:
    raise Refused(Reason.UNAUTHENTICATED, detail)
