"""Who and what a call in doubt was, as it is kept beside its record: for a probe that looks and for people who decide.

Lives only here: that JSON. Arguments are in it only where a probe needs them. Must not know stores, which seal it, nor what
is made of it. Written by the ledger with every claim; read by doubting and resolving.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.model.claim import Doubted, KeySource, forwarded
from gateway.model.principal import Principal
from gateway.model.tool import ResolvedCall
from gateway.wire.strict_json import MalformedJson, dump, parse


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a call whose answer never came."""

    tool: str
    tenant: str
    agent: str
    user: str | None
    source: KeySource
    """Where its key came from: it says how long an answer is kept."""
    lasts_s: float
    """Seconds from its departure to the last moment at which anything of it can have left."""
    arguments: Mapping[str, Any] | None = None
    """Final arguments; None where the tool had no probe."""

    @property
    def upstream(self) -> str:
        return self.tool.partition("/")[0]

    @property
    def facts(self) -> dict[str, str | None]:
        """For the record, under the names of `record.schema.json`."""
        who = {"tenant": self.tenant, "agent": self.agent, "user": self.user}
        return who | {"tool": self.tool, "upstream": self.upstream}

    @property
    def principal(self) -> Principal:
        """For whom it was made, as the ledger remembers it."""
        return Principal(self.tenant, self.agent, "ledger", self.user, None if self.user is None else "ledger")


def written(principal: Principal, call: ResolvedCall, source: KeySource, lasts_s: float) -> bytes:
    """For the claim of a call."""
    who = {"tool": call.tool.id, "tenant": principal.tenant, "agent": principal.agent, "user": principal.user}
    arguments = None if call.tool.terms.probe is None else call.arguments
    return dump({**who, "source": source, "lasts_s": lasts_s, "arguments": arguments})


def key_of(doubted: Doubted) -> str:
    """The key its tool was told, by which it may be found there."""
    known = read(doubted.about)
    return forwarded(doubted.record, "header" if known is None else known.source, doubted.origin)


def read(about: bytes) -> About | None:
    """None where nothing is known any more."""
    try:
        return About(**parse(about))
    except (MalformedJson, TypeError):
        return None
