"""What is wrong with the `identity` section beyond its types: load errors, knowable without reaching out.

Lives only here: the rules `check` and `run` hold it to. The room itself fails closed on each of them. Must not open a
socket; the files it looks at are the key sets of peers. Called by `app`; each problem reads `where: what: remedy`.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.config.schema import Anonymous, ApiKey, Identity, Issuer, Peer
from gateway.identity import keyfile
from gateway.identity.apikey import instant
from gateway.identity.keyset import NoKeySet
from gateway.identity.names import safe

_LONGEST_LIFE: Final = timedelta(minutes=5)
"""Of an assertion: each is remembered that long, and each stolen one is worth something that long."""


def problems(identity: Identity, agents: Collection[str]) -> list[str]:
    """Every load error of the section; empty when there is none."""
    found: list[str] = []
    for key in identity.keys:
        found += _principal_problems(f"identity.keys.{key.id}", key, agents)
        found += _expiry_problems(key)
    if identity.anonymous is not None:
        found += _principal_problems("identity.anonymous", identity.anonymous, agents)
    for issuer in identity.issuers:
        where = f"identity.issuers.{issuer.id}"
        found += _signer_problems(where, issuer)
        found += [
            f"{where}.agents.{claim}: there is no agent {agent}: add it to `agents` or correct the name"
            for claim, agent in issuer.agents.items()
            if agent not in agents
        ]
    for peer in identity.peers:
        found += _peer_problems(f"identity.peers.{peer.id}", peer, agents)
    found += _twice("identity.keys", "id", [key.id for key in identity.keys])
    found += _twice("identity.keys", "hash", [key.hash for key in identity.keys])
    found += _twice("identity.issuers", "id", [issuer.id for issuer in identity.issuers])
    found += _twice("identity.issuers", "issuer", [issuer.issuer for issuer in identity.issuers])
    found += _twice("identity.peers", "id", [peer.id for peer in identity.peers])
    return found


def file_problems(identity: Identity, base: Path) -> Iterator[str]:
    """Key sets of peers that are files and cannot be used; `base` is where they lie."""
    for peer in identity.peers:
        if peer.keys is not None:
            where = f"identity.peers.{peer.id}.keys"
            try:
                if not keyfile.read(base / peer.keys, peer.algorithms):
                    yield f"{where}: {peer.keys} holds no key for {', '.join(peer.algorithms)}: add the peer's public key"
            except OSError as fault:
                yield f"{where}: {peer.keys} cannot be read ({fault.strerror}): correct the path, or who may read it"
            except NoKeySet as fault:
                yield f'{where}: {peer.keys} is no key set ({fault}): write a JWK set, {{"keys": [...]}}'


def _signer_problems(where: str, signer: Issuer | Peer) -> Iterator[str]:
    if signer.jwks is not None and urlsplit(signer.jwks).scheme not in {"http", "https"}:
        yield f"{where}.jwks: is not an http or https URL: correct it"
    if not signer.algorithms:
        yield f"{where}.algorithms: is empty: leave it out for RS256, ES256 and EdDSA"


def _peer_problems(where: str, peer: Peer, agents: Collection[str]) -> Iterator[str]:
    yield from _signer_problems(where, peer)
    if not peer.agents:
        yield f"{where}.agents: is empty: name the agents it acts as"
    for agent in peer.agents:
        if agent not in agents:
            yield f"{where}.agents: there is no agent {agent}: add it to `agents` or correct the name"
    if peer.max_age > _LONGEST_LIFE:
        yield f"{where}.max_age: is longer than 5m: an assertion is for one request, 1m is plenty"


def _principal_problems(where: str, named: ApiKey | Anonymous, agents: Collection[str]) -> Iterator[str]:
    if named.agent not in agents:
        yield f"{where}.agent: there is no agent {named.agent}: add it to `agents` or correct the name"
    if not safe(named.tenant):
        yield f"{where}.tenant: is empty, too long or has invisible characters: choose another"
    if named.user is not None and not safe(named.user):
        yield f"{where}.user: is empty, too long or has invisible characters: choose another"


def _expiry_problems(key: ApiKey) -> Iterator[str]:
    try:
        if key.expires is not None:
            instant(key.expires)
    except ValueError:
        yield f"identity.keys.{key.id}.expires: is not a time: write 2027-01-31T12:00:00Z"


def _twice(where: str, what: str, values: list[str]) -> Iterator[str]:
    for value, times in Counter(values).items():
        if times > 1:
            yield f"{where}: the {what} {value} is there {times} times: keep one"
