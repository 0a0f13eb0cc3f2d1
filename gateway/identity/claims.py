"""Claims of a verified token → principal: who the user is, who the agent is, in which run, and that all are now.

Lives only here: the reading of claims (wire §5.3, RFC 8693 §4.1, RFC 9068) and of times. Pure; must not know
signatures, keys or HTTP. Called by `tokens` and `peers`, after the signature, the issuer and the audience were checked.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.config.schema import Issuer
from gateway.identity.names import safe
from gateway.model.principal import Principal

LEEWAY_S: Final = 30.0
"""How far another clock may run ahead in `iat` and `nbf`; an expired token is expired."""
_MOST_ROLES: Final = 100
LONGEST_RUN: Final = 128
"""Characters; as a record has it."""
_ABSENT: Final = object()


class Unproven(ValueError):
    """A token that proves nobody; the text is ours and safe to show."""


def times(claims: Mapping[str, Any], now: float) -> float:
    """Checks `exp`, `nbf` and `iat` (RFC 7519 §4.1.4-6) and returns `exp`. Raises Unproven."""
    expires = seconds(claims, "exp")
    if expires is None:
        raise Unproven("it has no exp claim")
    if expires <= now:
        raise Unproven("it has expired")
    for claim in ("nbf", "iat"):
        begins = seconds(claims, claim)
        if begins is not None and begins > now + LEEWAY_S:
            raise Unproven(f"it is not valid yet ({claim})")
    return expires


def principal(claims: Mapping[str, Any], issuer: Issuer, issuers: Sequence[str], expires: float) -> Principal:
    """The proven caller. `issuers` are the ids of all issuers, the first one first. Raises Unproven.

    Whether the agent exists is asked by `room`, for every kind of credential alike.
    """
    agent, agent_claim = _agent(claims, issuer)
    user = _user(claims, issuer, issuers)
    return Principal(
        tenant=_tenant(claims, issuer),
        agent=agent,
        agent_proof=f"jwt:{issuer.id}:{agent_claim}",
        user=user,
        user_proof=None if user is None else f"jwt:{issuer.id}:{issuer.claims.user}",
        roles=_roles(claims, issuer),
        expires_at=expires,
        run=_run(claims, issuer, issuers),
    )


def _agent(claims: Mapping[str, Any], issuer: Issuer) -> tuple[str, str]:
    """The agent id and the claim that names it; a claim that is there but unreadable never falls back to a weaker."""
    for claim in (issuer.claims.agent, "client_id", "azp"):
        if (found := _claim(claims, claim)) is not _ABSENT:
            named = _name(found, claim)
            return issuer.agents.get(named, named), claim
    raise Unproven(f"it names no agent: none of {issuer.claims.agent}, client_id and azp is there")


def _user(claims: Mapping[str, Any], issuer: Issuer, issuers: Sequence[str]) -> str | None:
    """The acting user, spelled so that two issuers can never mean the same one; None for a machine."""
    subject = claims.get("sub")
    if subject is not None and subject in (claims.get("client_id"), claims.get("azp")):
        return None
    user = _apart(_name(_claim(claims, issuer.claims.user), issuer.claims.user), issuer.claims.user, issuer, issuers)
    if not safe(user):
        raise Unproven(f"its {issuer.claims.user} claim is too long")
    return user


def _run(claims: Mapping[str, Any], issuer: Issuer, issuers: Sequence[str]) -> str | None:
    """The run, spelled like a user: who shares a run shares answers, so no issuer may speak of another's."""
    if (found := _claim(claims, issuer.claims.run)) is _ABSENT:
        return None
    run = _apart(_name(found, issuer.claims.run), issuer.claims.run, issuer, issuers)
    if len(run) > LONGEST_RUN:
        raise Unproven(f"its {issuer.claims.run} claim is too long")
    return run


def _apart(name: str, claim: str, issuer: Issuer, issuers: Sequence[str]) -> str:
    """The name as the first issuer writes it; with their own id in front for all others."""
    if issuer.id != issuers[0]:
        return f"{issuer.id}/{name}"
    if name.partition("/")[0] in issuers and "/" in name:
        raise Unproven(f"its {claim} claim looks like one of another issuer")
    return name


def _tenant(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """Without the claim an issuer was said to send, the token belongs to no tenant rather than to the default one."""
    if issuer.claims.tenant is None:
        return "default"
    return _name(_claim(claims, issuer.claims.tenant), issuer.claims.tenant)


def _roles(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str]:
    """Role names without a kind; policy puts `role:` in front."""
    if issuer.roles_claim is None or (found := _claim(claims, issuer.roles_claim)) is _ABSENT:
        return frozenset()
    roles = found.split() if isinstance(found, str) else found
    if not isinstance(roles, list) or len(roles) > _MOST_ROLES:
        raise Unproven(f"its {issuer.roles_claim} claim is not a list of at most {_MOST_ROLES} roles")
    return frozenset(_name(role, issuer.roles_claim) for role in roles)


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this very name (names may be URLs), else the one at the dotted path, else _ABSENT.

    Only a missing first step is absence: an `act` without a readable `sub` is a delegation to nobody.
    """
    if path in claims:
        return claims[path]
    first, *rest = path.split(".")
    if first not in claims:
        return _ABSENT
    found = claims[first]
    for step in rest:
        if not isinstance(found, dict) or step not in found:
            raise Unproven(f"its {first} claim has no {path}")
        found = found[step]
    return found


def _name(value: Any, claim: str) -> str:
    if value is _ABSENT:
        raise Unproven(f"it has no {claim} claim")
    if not safe(value):
        raise Unproven(f"its {claim} claim is not a name of at most 256 visible characters")
    return value


def seconds(claims: Mapping[str, Any], claim: str) -> float | None:
    """A claim that is a NumericDate (RFC 7519 §2), None when it is absent. Raises Unproven."""
    value = claims.get(claim)
    if value is None:
        return None
    # An int is compared with the limit before math looks at it: one of 400 digits is no float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12 or math.isnan(value):
        raise Unproven(f"its {claim} claim is not a time")
    return float(value)
