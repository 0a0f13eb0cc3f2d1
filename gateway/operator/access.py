"""Who may use the operator plane: bearer tokens, compared by hash, with a role each.

Lives only here: the two roles and the check. Must not know what a route does. An agent's credential never opens this
plane: tokens of the two planes come from different lists and differ in form.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

Role = Literal["viewer", "operator"]
_bearer = HTTPBearer(
    auto_error=False, description="A token of `operator.tokens`, or the one in state.dir/operator.token"
)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at the desk."""

    id: str
    roles: frozenset[Role]
    policy_user: str | None = None
    """Where policy knows this person by another name than `id`."""

    @property
    def user(self) -> str:
        """Policy id without its kind, for the action `approve`."""
        return self.policy_user or self.id


def token_hash(token: str) -> str:
    """Tokens carry 256 random bits, so one SHA-256 is enough: there is nothing to guess slowly."""
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


class Access:
    """Checks credentials; one per operator app."""

    def __init__(self, tokens: Mapping[str, Person]) -> None:
        self._by_hash = dict(tokens)

    def needs(self, role: Role) -> Callable[..., Person]:
        """A dependency that lets `role` in: 401 without a valid token, 403 without the role."""

        def person(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Person:
            found = self._by_hash.get(token_hash(sent.credentials)) if sent else None
            if found is None:
                raise HTTPException(
                    401,
                    "Send Authorization: Bearer with an operator token; `sallyport` reads state.dir/operator.token.",
                    headers={"WWW-Authenticate": 'Bearer realm="sallyport operator"'},
                )
            if role not in found.roles:
                raise HTTPException(403, f"{found.id} lacks the role {role}; give it in operator.tokens.")
            return found

        return person
