"""The name of a record and the fingerprint of a call (ledger §1.3).

Lives only here: what makes two calls the same. Session ids, request ids, `_meta` and headers never take part: one model
turn may reach us through two sessions. Records are named by HMAC, so a store holds no readable key, and tenants cannot
meet in one by construction. Must not know stores or windows. Called by the room.
"""

import hashlib
import hmac
from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.model.call import Asked
from gateway.model.principal import Principal
from gateway.model.tool import ResolvedCall
from gateway.wire.strict_json import canonical

_FIRST_ROUND: Final = "0"
_TENANTS: Final = 1024

Source = Literal["x", "d"]
"""`x`: the caller's explicit key. `d`: derived from the call itself. The two never meet in one record."""


class RecordKeys:
    """Names records, with one key per tenant derived from the gateway's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._tenants: dict[str, bytes] = {}

    def record(self, principal: Principal, source: Source, key: str, round_: str = _FIRST_ROUND) -> bytes:
        """32 bytes. Scope is the acting user with the agent, or the agent alone where no user stands behind it."""
        user = () if principal.user is None else ("user", principal.user)
        scope = _packed(*user, "agent", principal.agent)
        name = _packed("v1", principal.tenant, scope, source, key, round_)
        return hmac.digest(self._tenant_key(principal.tenant), name, "sha256")

    def _tenant_key(self, tenant: str) -> bytes:
        if (key := self._tenants.get(tenant)) is None:
            if len(self._tenants) >= _TENANTS:
                self._tenants.clear()
            info = _packed("sallyport ledger record v1", tenant)
            key = self._tenants[tenant] = HKDF(SHA256(), length=32, salt=None, info=info).derive(self._secret)
        return key


def fingerprint(call: ResolvedCall) -> bytes:
    """SHA-256 over the canonical {tool, upstream, arguments}, arguments as they are sent."""
    tool = call.tool
    return hashlib.sha256(
        canonical({"tool": tool.name, "upstream": tool.upstream, "arguments": dict(call.arguments)})
    ).digest()


def round_of(asked: Asked) -> str:
    """Every round of a call that goes on with answers is a record of its own under the same key (MRTR, ledger §1.3)."""
    if asked.request_state is None and asked.input_responses is None:
        return _FIRST_ROUND
    return hashlib.sha256(canonical([asked.request_state, asked.input_responses])).hexdigest()


def derived_key(of: bytes, occurrence: int, call_id: str | None = None) -> str:
    """The key of a call that brought none: fingerprint and ordinal, and the call id where nothing is to be deduplicated."""
    return f"{of.hex()}/{occurrence}" if call_id is None else f"{of.hex()}/{occurrence}/{call_id}"


def _packed(*parts: str | bytes) -> bytes:
    """Length before content, so that no two lists of parts have the same bytes."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)
