"""Kept results at rest: compressed, bounded, sealed (ledger §1.9).

Lives only here: the bytes of the `kept` column. Byte 0 is the format and key generation, then a nonce, then AES-256-GCM
over one line of JSON and the body. Every record has a key of its own, so random nonces never run out, and a blob moved
to another record does not open. Must not know SQL or states. Called by the claim store, on the writer thread.
"""

import hmac
import os
import zlib
from dataclasses import asdict, replace
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


class Seal:
    """Seals and opens kept results under a key derived from the gateway's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), length=32, salt=None, info=b"sallyport ledger results v1").derive(secret)

    def close(self, record: bytes, kept: Kept) -> bytes:
        """The bytes to store under `record`."""
        body = kept.body if kept.body is not None and len(kept.body) <= INLINE else None
        packed = body is not None and len(body) > _COMPRESSED_OVER
        about = asdict(replace(kept, body=None)) | {"body": "none" if body is None else "zlib" if packed else "plain"}
        stored = body or b""
        plain = dump(about) + b"\n" + (zlib.compress(stored, 1) if packed else stored)
        nonce = os.urandom(_NONCE)
        return _FORMAT + nonce + self._cipher(record).encrypt(nonce, plain, record)

    def open(self, record: bytes, blob: bytes) -> Kept:
        """Raises StoreUnavailable for bytes that were not sealed under `record` with this secret."""
        nonce, sealed = blob[1 : 1 + _NONCE], blob[1 + _NONCE :]
        try:
            plain = self._cipher(record).decrypt(nonce, sealed, record)
        except InvalidTag:
            raise StoreUnavailable("a kept result does not open: the file or the secret was changed") from None
        head, _, stored = plain.partition(b"\n")
        about = parse(head)
        match about.pop("body"):
            case "none":
                return Kept(body=None, **about)
            case "zlib":
                return Kept(body=zlib.decompress(stored), **about)
            case _:
                return Kept(body=stored, **about)

    def _cipher(self, record: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._key, record, "sha256"))
