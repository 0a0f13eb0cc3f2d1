"""What is wrong with the `identity` section beyond its types: load errors, knowable without reaching out.

Lives only here: the rules `check` and `run` hold it to. The room itself fails closed on each of them. Pure; must not
know files. Called by `app` and the command line; each problem reads `where: what: remedy`.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from gateway.config.schema import Anonymous, ApiKey, Identity
from gateway.identity.apikey import instant
from gateway.identity.names import safe


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
        if urlsplit(issuer.jwks).scheme not in {"http", "https"}:
            found.append(f"{where}.jwks: is not an http or https URL: correct it")
        if not issuer.algorithms:
            found.append(f"{where}.algorithms: is empty: leave it out for RS256, ES256 and EdDSA")
        found += [
            f"{where}.agents.{claim}: there is no agent {agent}: add it to `agents` or correct the name"
            for claim, agent in issuer.agents.items()
            if agent not in agents
        ]
    found += _twice("identity.keys", "id", [key.id for key in identity.keys])
    found += _twice("identity.keys", "hash", [key.hash for key in identity.keys])
    found += _twice("identity.issuers", "id", [issuer.id for issuer in identity.issuers])
    found += _twice("identity.issuers", "issuer", [issuer.issuer for issuer in identity.issuers])
    return found


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
