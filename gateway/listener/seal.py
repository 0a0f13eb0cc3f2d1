"""Sealed text: a value that travels through a client and comes back, unreadable and unchangeable on the way.

Lives only here: AES-256-GCM with a nonce in front, as URL-safe base64. What a value is bound to (whose it is, which call)
is associated data: with anything else it does not open. Must not know what is sealed. Used by sessions and request states.
"""

import base64
import binascii
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12


class TextSeal:
    """Seals and opens, under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, told: bytes, bound: bytes) -> str:
        """The sealed text of `told`; no two are alike."""
        nonce = os.urandom(_NONCE)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, told, bound)).decode()

    def open(self, text: str, bound: bytes) -> tuple[bytes, bytes] | None:
        """The text's own nonce, which names it, and what was told; None for whatever `close` did not make so."""
        try:
            sealed = base64.b64decode(text, altchars=b"-_", validate=True)
            return sealed[:_NONCE], self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
        except (binascii.Error, ValueError, InvalidTag):
            return None
