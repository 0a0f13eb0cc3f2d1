"""Legacy session ids: sealed values that any process can read and no caller can make, move or lengthen.

Lives only here: what a session id holds, its key, its end. The principal is the sealed value's associated data, so an id
is readable only together with the principal it was given to; to anyone else it is as unknown as a made-up one. Must not
know HTTP, streams, requests in flight or where ended sessions are remembered. Called by the legacy conversation.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.homes import EndedSessions
from gateway.listener.seal import TextSeal
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock
from gateway.wire.strict_json import dump

MAX_AGE_S: Final = 24 * 3600.0
_MAX_CLIENT: Final = 4096
"""Bytes of client info and capabilities: the id travels in a header of every request."""
_MAX_ID: Final = 8192


@dataclass(frozen=True, slots=True)
class Session:
    """What `initialize` agreed on."""

    key: bytes
    """Unique; names the session in tables of this process."""
    version: str
    client: Mapping[str, Any]
    """`clientInfo` as sent: unproven, never decides anything."""
    capabilities: Mapping[str, Any]
    opened: float
    """Unix seconds."""

    @property
    def ends(self) -> float:
        """Unix seconds after which the id is worth nothing."""
        return self.opened + MAX_AGE_S


class Sessions:
    """Makes and reads session ids."""

    def __init__(self, secret: bytes, clock: Clock, ended: EndedSessions) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"sallyport legacy sessions v1").derive(secret)
        self._seal = TextSeal(key)
        self._clock = clock
        self._ended = ended

    def start(
        self, principal: Principal, version: str, client: Mapping[str, Any], capabilities: Mapping[str, Any]
    ) -> str:
        """A new session id. Raises Refused: invalid-params when the client says too much of itself."""
        told = dump([version, self._clock.now(), client, capabilities])
        if len(told) > _MAX_CLIENT:
            raise Refused(
                Reason.INVALID_PARAMS, f"clientInfo and capabilities are larger than {_MAX_CLIENT} bytes together."
            )
        return self._seal.close(told, dump(principal.who))

    def read(self, text: str, principal: Principal) -> Session:
        """The session behind an id.

        Raises Refused: session-ended, in the same words for ids that are made up, too old, ended or someone else's.
        """
        opened = self._open(text, principal)
        if opened is None or self.over(opened):
            raise Refused(Reason.SESSION_ENDED, "There is no such session, or it has ended.")
        return opened

    def over(self, session: Session) -> bool:
        """Whether a session that was read once has ended since, here or in another process."""
        return session.key in self._ended or session.ends < self._clock.now()

    def end(self, session: Session) -> None:
        """Ends a session for good."""
        self._ended.add(session.key, session.ends)

    def _open(self, text: str, principal: Principal) -> Session | None:
        if len(text) > _MAX_ID or (found := self._seal.open(text, dump(principal.who))) is None:
            return None
        nonce, told = found
        version, opened, client, capabilities = json.loads(told)
        return Session(nonce, version, client, capabilities, opened)
