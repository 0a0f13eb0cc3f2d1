"""Which strings may stand for a user, a tenant or a role.

Lives only here: the rule for ids that came from outside. Pure. A colon is allowed: `Principal.subject` and policy put
the kind in front of *every* id, so a `sub` of `role:admin` becomes `user:role:admin` and can never be a role. Called by
`keyring`, `claims` and `problems`.
"""

from typing import Any, Final, TypeGuard

LONGEST: Final = 256
"""Characters of an id."""


def safe(value: Any) -> TypeGuard[str]:
    """Whether a value can be an id: a short string people can see, without invisible or control characters."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable() and value == value.strip()
