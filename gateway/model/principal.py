"""Who is calling: tenant, agent and acting user, each with how it was proven.

Lives only here: the shape of a proven identity and its names in policy. Must not know tokens, headers or keys:
`identity` makes these, everything after it only reads them.
"""

from dataclasses import dataclass

Who = tuple[str, str, str | None]
"""Tenant, agent and user: one caller, however many credentials it has."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A proven caller. The agent acts for the user; permissions are never more than the user's."""

    tenant: str
    agent: str
    """Agent id without its kind, as in the configuration: `support-bot`."""
    agent_proof: str
    """How the agent was proven: `key:<id>`, `jwt:<issuer-id>:<claim>`, `anonymous`."""
    user: str | None = None
    """`<sub>` for API keys and the first issuer, `<issuer-id>/<sub>` for others; None for a machine."""
    user_proof: str | None = None
    roles: frozenset[str] = frozenset()
    """Roles asserted by an issuer that was given `roles_claim`; others come from policy rows only."""
    expires_at: float | None = None
    """Unix seconds after which the credential proves nothing, or None."""
    run: str | None = None
    """The run this caller is proven to work in (a signed claim); a bare label in `_meta` is none."""

    @property
    def who(self) -> Who:
        """Whose this is, however it was proven."""
        return self.tenant, self.agent, self.user

    @property
    def subject(self) -> str:
        """The id policy knows: `user:alice`, or `agent:bot` where no user stands behind the call."""
        return f"user:{self.user}" if self.user is not None else f"agent:{self.agent}"
