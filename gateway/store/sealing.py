"""What stores keep at rest: sealed; kept results compressed and bounded as well (ledger §1.9).

Lives only here: the bytes of sealed columns. Byte 0 is the format and key generation, then a nonce, then AES-256-GCM, over
one line of JSON and the body where a result is kept. Every name has a key of its own, so random nonces never run out, and
a blob moved to another name does not open. Must not know SQL or states. Called by the claim and approval stores.
"""

import hmac
import os
import zlib
from dataclasses import fields
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.model.claim import Kept
from gateway.model.work import StoreUnavailable
from gateway.wire.strict_json import dump, parse

INLINE: Final = 256 * 1024
"""Bytes of a body that is kept; of a larger one only hash and size."""
_COMPRESSED_OVER: Final = 1024
_FORMAT: Final = b"\x01"
_NONCE: Final = 12
_ABOUT: Final = tuple(field.name for field in fields(Kept) if field.name != "body")


class Box:
    """Seals bytes under a name, with a key derived from the gateway's secret."""

    def __init__(self, secret: bytes, purpose: bytes) -> None:
        self._key = HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret)

    def close(self, name: bytes, plain: bytes) -> bytes:
        """The bytes to store under `name`."""
        nonce = os.urandom(_NONCE)
        return _FORMAT + nonce + self._cipher(name).encrypt(nonce, plain, name)

    def open(self, name: bytes, blob: bytes) -> bytes:
        """Raises StoreUnavailable for bytes that were not sealed under `name` with this secret."""
        nonce, sealed = blob[1 : 1 + _NONCE], blob[1 + _NONCE :]
        try:
            return self._cipher(name).decrypt(nonce, sealed, name)
        except (InvalidTag, ValueError):
            raise StoreUnavailable("what is kept does not open: the file or the secret was changed") from None

    def _cipher(self, name: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._key, name, "sha256"))


class Seal:
    """Seals and opens kept results."""

    def __init__(self, secret: bytes) -> None:
        self._box = Box(secret, b"sallyport ledger results v1")

    def close(self, record: bytes, kept: Kept) -> bytes:
        """The bytes to store under `record`."""
        body = kept.body if kept.body is not None and len(kept.body) <= INLINE else None
        packed = body is not None and len(body) > _COMPRESSED_OVER
        about = {name: getattr(kept, name) for name in _ABOUT}
        about["body"] = "none" if body is None else "zlib" if packed else "plain"
        stored = body or b""
        return self._box.close(record, dump(about) + b"\n" + (zlib.compress(stored, 1) if packed else stored))

    def open(self, record: bytes, blob: bytes) -> Kept:
        """Raises StoreUnavailable for bytes that were not sealed under `record` with this secret."""
        head, _, stored = self._box.open(record, blob).partition(b"\n")
        about = parse(head)
        match about.pop("body"):
            case "none":
                return Kept(body=None, **about)
            case "zlib":
                return Kept(body=zlib.decompress(stored), **about)
            case _:
                return Kept(body=stored, **about)
