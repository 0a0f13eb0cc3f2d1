"""What policy answers: an effect, the rules that decided, the version they stood in.

Lives only here: the shape of a verdict. Must not know Casbin or how the verdict was found.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The effect of a rule. Deny beats ask beats allow; nothing matched is deny."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict on one (subject, tenant, agent, tool, action, arguments)."""

    verdict: Verdict
    rules: tuple[str, ...]
    """Ids of the rows that decided, in file order; empty means that no row matched (default deny)."""
    version: str
    """Content hash of model, rows and conditions."""
    errors: tuple[str, ...] = ()
    """Conditions that could not be evaluated: a deny or ask row then matched, an allow row did not."""
