"""What stores keep at rest: sealed; kept results compressed and bounded as well (ledger §1.9).

Lives only here: the bytes of sealed columns. Byte 0 is the format and key generation, then a nonce, then AES-256-GCM, over
one line of JSON and the body where a result is kept. Every name has a key of its own, so random nonces never run out, and
a blob moved to another name does not open. Must not know SQL or states. Called by the claim and approval stores.
"""

import asyncio
import hmac
import os
import zlib
from dataclasses import fields, replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.model.claim import Found, Kept
from gateway.model.work import StoreUnavailable
from gateway.wire.strict_json import dump, parse

LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a body that is kept; of a larger one only hash and size."""
_INLINE: Final = 256 * 1024
"""Bytes that are packed and sealed on the spot; more would hold up every other call, and goes to a thread."""
_COMPRESSED_OVER: Final = 1024
_FORMAT: Final = b"\x01"
_NONCE: Final = 12
_FACTS: Final = tuple(field.name for field in fields(Kept) if field.name != "body")


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
    """Seals and opens what a record keeps: the answer, and who and what it is about."""

    def __init__(self, secret: bytes) -> None:
        self._results = Box(secret, b"sallyport ledger results v1")
        self._abouts = Box(secret, b"sallyport ledger about v1")

    async def close(self, record: bytes, kept: Kept) -> bytes:
        """The bytes to store under `record`."""
        if kept.body is not None and len(kept.body) > _INLINE:
            return await asyncio.to_thread(self._packed, record, kept)
        return self._packed(record, kept)

    async def found(self, record: bytes, answer: Found, blob: bytes | None) -> Found:
        """The answer with what is kept for it. What does not open was executed all the same: that much is told."""
        try:
            if blob is None:
                raise StoreUnavailable("nothing is kept")
            if len(blob) > _INLINE:
                kept = await asyncio.to_thread(self._unpacked, record, blob)
            else:
                kept = self._unpacked(record, blob)
        except StoreUnavailable:
            kept = Kept.of("withheld", None, call_id=answer.call_id, at=answer.since)
        return replace(answer, kept=kept)

    def close_about(self, record: bytes, about: bytes) -> bytes:
        """The bytes to store under `record`."""
        return self._abouts.close(record, about)

    def about(self, record: bytes, blob: bytes) -> bytes:
        """Who and what; empty where it does not open: a doubt must be told of all the same."""
        try:
            return self._abouts.open(record, blob)
        except StoreUnavailable:
            return b""

    def _packed(self, record: bytes, kept: Kept) -> bytes:
        body = kept.body if kept.body is not None and len(kept.body) <= LIMIT else None
        packed = body is not None and len(body) > _COMPRESSED_OVER
        facts = {name: getattr(kept, name) for name in _FACTS}
        facts["body"] = "none" if body is None else "zlib" if packed else "plain"
        stored = body or b""
        return self._results.close(record, dump(facts) + b"\n" + (zlib.compress(stored, 1) if packed else stored))

    def _unpacked(self, record: bytes, blob: bytes) -> Kept:
        head, _, stored = self._results.open(record, blob).partition(b"\n")
        facts = parse(head)
        match facts.pop("body"):
            case "none":
                return Kept(body=None, **facts)
            case "zlib":
                return Kept(body=zlib.decompress(stored), **facts)
            case _:
                return Kept(body=stored, **facts)
