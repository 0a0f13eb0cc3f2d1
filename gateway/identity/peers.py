"""Trusted peers: agent runtimes that serve many users, and say in a signed header for whom each request is.

Lives only here: what a `Sallyport-User` assertion must say before it is believed (a compact JWS, RFC 7515; claims of
RFC 7519), and whom it makes the acting user. Must not know HTTP or API keys. Called by `room`, once the runtime's own
credential has proven the agent.

An assertion is one request's: it names itself (`jti`) and is taken once, so whoever repeats a request signs a new one. A
stolen one is worth nothing without the peer's own credential, and little with it: it lives for `max_age` (60 s) at most.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.config.schema import Peer
from gateway.config.values import duration
from gateway.homes import FirstSeen
from gateway.identity.claims import LONGEST_RUN, Unproven, seconds
from gateway.identity.jwks import KeySets, source
from gateway.identity.names import safe
from gateway.identity.signed import Signer, verified
from gateway.model.principal import Principal
from gateway.ports import Clock

LEEWAY_S: Final = 5.0
"""How far a peer's clock may be off, either way."""
_TYPES: Final = frozenset({"sallyport-user+jwt"})
_KINDS: Final = ("user:", "role:", "agent:")


class Peers:
    """Verifies assertions of the configured peers."""

    def __init__(
        self, peers: Sequence[Peer], keysets: KeySets, seen: FirstSeen, clock: Clock, remembers_since: float = 0.0
    ) -> None:
        """`remembers_since`: Unix seconds at which `seen` knew nothing yet; 0 where it outlives this process.

        What was signed before cannot be known to be unused, and is refused.
        """
        self._peers = {peer.id: peer for peer in peers}
        self._signers = {
            name: Signer(source(peer), name, peer.audience, peer.algorithms, _TYPES)
            for name, peer in self._peers.items()
        }
        self._keysets = keysets
        self._seen = seen
        self._clock = clock
        self._since = math.floor(remembers_since)  # issue times are often whole seconds

    async def acting(self, agent: Principal, assertion: str) -> Principal:
        """`agent` acting for the user of the assertion. Raises Unproven, StoreUnavailable; may wait for a key.

        The user is `<sub>`, as for API keys and the first issuer: the runtime serves the same people as everybody else,
        and rows about `user:alice` must hold for her wherever she comes from. That much an operator grants a peer, for the
        agents listed and no others; users of further issuers are spelled with a slash, so a `sub` with one is refused.
        The run may be one of the first issuer as well, but not another one than the credential proves.
        Roles of the credential are the machine's and do not pass to the user. A credential that proves a user is refused:
        which of the two acts would be anybody's guess.
        """
        if agent.user is not None:
            raise Unproven("the credential proves a user already, and a request has one user")
        signer, said, _ = await verified(assertion, self._signers, self._keysets)
        peer = self._peers[signer.issuer]
        if agent.agent not in peer.agents:
            raise Unproven("its issuer may not speak for the agent of this credential")
        for claim, proven in (("agent", agent.agent), ("tenant", agent.tenant)):
            if said.get(claim, proven) != proven:
                raise Unproven(f"its {claim} claim is not the {claim} of this credential")
        user, run = _user(said.get("sub")), _run(said.get("run"))
        if agent.run not in {None, run or agent.run}:
            raise Unproven("the credential proves another run, and a request has one run")
        left_s = self._left(said, peer)
        name = said.get("jti")
        if not safe(name):
            raise Unproven("its jti claim is not a name of at most 256 visible characters")
        # Last: what is refused for another reason was not used.
        if not await self._seen.first(f"{peer.id}:{hashlib.sha256(name.encode()).hexdigest()}", left_s):
            raise Unproven("it was used before: every request needs a new one")
        proof = f"peer:{peer.id}"
        return replace(agent, user=user, user_proof=proof, roles=frozenset(), run=run or agent.run)

    def _left(self, said: Mapping[str, Any], peer: Peer) -> float:
        """Seconds for which it could be shown again. Raises Unproven."""
        now = self._clock.now()
        issued, begins, expires = (seconds(said, claim) for claim in ("iat", "nbf", "exp"))
        if issued is None or expires is None:
            raise Unproven("it has no iat or no exp claim")
        if expires + LEEWAY_S <= now:
            raise Unproven("it has expired")
        if max(issued, begins or 0.0) > now + LEEWAY_S:
            raise Unproven("it is not valid yet")
        if not 0 < expires - issued <= peer.max_age.total_seconds():
            raise Unproven(f"it does not end within {duration(peer.max_age)} of its iat claim")
        if issued < self._since:
            raise Unproven("it was issued before this gateway started")
        return expires + LEEWAY_S - now


def _run(run: Any) -> str | None:
    """Spelled like that of the first issuer, and like a user of it never like another's."""
    if run is None:
        return None
    if not safe(run) or len(run) > LONGEST_RUN or "/" in run:
        raise Unproven(f"its run claim is not a name of at most {LONGEST_RUN} visible characters without a slash")
    return str(run)


def _user(subject: Any) -> str:
    if not safe(subject):
        raise Unproven("its sub claim is not a name of at most 256 visible characters")
    if "/" in subject or subject.startswith(_KINDS):
        raise Unproven("its sub claim has a slash or begins with a kind of id, as no user of a peer may")
    return subject
