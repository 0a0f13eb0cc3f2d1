"""The name of a record and the fingerprint of a call (ledger §1.3).

Lives only here: what makes two calls the same. Sessions, request ids and headers never take part, nor does any member of
`_meta` but the keys in it: one model turn may reach us through two sessions. Records are named by HMAC, so a store holds no
readable key, and tenants cannot meet in one by construction. Must not know stores or windows. Called by `attempt`.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.model.call import Asked
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import ResolvedCall
from gateway.wire.strict_json import canonical

_FIRST_ROUND: Final = "0"
_TENANTS: Final = 1024

Source = Literal["x", "o", "c", "d"]
"""`x`: the caller's explicit key. `o`: the tool's business key. `c`: its client's id of the call. `d`: derived from the call
itself. No two of them ever meet in one record."""
Scope = Literal["agent", "run", "user"]
"""Who shares a key within a tenant: the acting user with the agent; whoever works in the same proven run; the acting user
through any agent. A caller without a run, or without a user, is alone with its agent."""


class RecordKeys:
    """Names records, with one key per tenant derived from the gateway's secret."""

    def __init__(self, secret: bytes, scope: Scope = "agent") -> None:
        self._secret = secret
        self._scope = scope
        self._tenants: dict[str, bytes] = {}

    def record(self, principal: Principal, source: Source, key: str, round_: str = _FIRST_ROUND) -> bytes:
        """32 bytes. What a business key stands for is done once in the whole tenant, whoever asks."""
        scope = _packed("tenant") if source == "o" else self._sharing(principal)
        name = _packed("v1", principal.tenant, scope, source, key, round_)
        return hmac.digest(self._tenant_key(principal.tenant), name, "sha256")

    def _sharing(self, principal: Principal) -> bytes:
        match self._scope:
            case "run" if principal.run is not None:
                return _packed("run", principal.run)
            case "user" if principal.user is not None:
                return _packed("user", principal.user)
            case "agent" | "run" | "user":
                user = () if principal.user is None else ("user", principal.user)
                return _packed(*user, "agent", principal.agent)

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


def round_of(asked: Asked, source: Source) -> str:
    """Every round of a call that goes on with answers is a record of its own under the same key (MRTR, ledger §1.3).

    Where somebody named what is done, rounds are counted: a question is answered once, and the same question with other
    answers is another call under a key that is taken. Elsewhere the answers make the call.
    """
    if source in {"x", "o"} or asked.round == 0:
        return str(asked.round)
    return hashlib.sha256(canonical([asked.request_state, asked.input_responses])).hexdigest()


def answering(of: bytes, asked: Asked) -> bytes:
    """The fingerprint of a round: the call's own, and the answers it goes on with."""
    if asked.round == 0:
        return of
    return hashlib.sha256(of + canonical([asked.request_state, asked.input_responses])).digest()


def derived_key(of: bytes, occurrence: int, call_id: str | None = None) -> str:
    """The key of a call that brought none: fingerprint, ordinal and, where only this very call is meant, an id of it."""
    return f"{of.hex()}/{occurrence}" if call_id is None else f"{of.hex()}/{occurrence}/{call_id}"


def business_key(call: ResolvedCall) -> str:
    """The key of a tool that is carried out once for the arguments in `terms.once`, whatever the others say.

    Raises Refused: invalid-arguments.
    """
    values = {path: _value(call, path) for path in call.tool.terms.once}
    return hashlib.sha256(canonical({"tool": call.tool.id, "once": values})).hexdigest()


def _value(call: ResolvedCall, path: str) -> Any:
    found: Any = call.arguments
    for step in path.split(".")[1:]:
        found = found.get(step) if isinstance(found, Mapping) else None
    if found is None:
        raise Refused(
            Reason.INVALID_ARGUMENTS,
            f"The arguments of {call.published_name} were refused: {path} is missing, and {call.tool.id} is carried out "
            "only once for each value of it.",
        )
    return found


def _packed(*parts: str | bytes) -> bytes:
    """Length before content, so that no two lists of parts have the same bytes."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)
