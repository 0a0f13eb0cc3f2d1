"""The state folder: one owning process, one secret, one operator token.

Lives only here: the lock that makes a second process refuse to start, and the two files that are made once. Must not
know what rooms keep in the folder. Opened by `app.py` before anything else; keys for every purpose are derived here, so
that no room shares one with another.
"""

import fcntl
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.ports import Reached

_SECRET_BYTES = 32


class StateUnusable(Exception):
    """The folder cannot be used; the text says which, why, and what to do."""


class StateFolder:
    """The folder, held until `close`."""

    def __init__(self, path: Path, secret_file: Path | None, reached: Reached) -> None:
        """Makes the folder where it is missing and takes its lock. Raises StateUnusable."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateUnusable(
                f"{path}: {error.strerror}: give state.dir a folder this user may write, then start again."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StateUnusable(
                f"{path}: another process owns this state folder: stop it, or give this one its own state.dir."
            ) from None
        self._secret = _once(secret_file or path / "secret.key", reached, made_by_us=secret_file is None)
        self.operator_token = _once(path / "operator.token", reached, made_by_us=True).hex()

    def key(self, purpose: str) -> bytes:
        """32 bytes for one purpose (HKDF-SHA256, RFC 5869)."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"sallyport/{purpose}".encode()).derive(self._secret)

    def close(self) -> None:
        """Gives the lock back."""
        os.close(self._lock)


def _once(path: Path, reached: Reached, *, made_by_us: bool) -> bytes:
    """The file's secret; made with mode 0600 where it is ours and missing. Raises StateUnusable."""
    try:
        if made_by_us and not path.exists():
            _make(path, reached)
        found = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise StateUnusable(f"{path}: {error.strerror}: make it readable for this user, then start again.") from None
    except ValueError:
        found = b""
    if len(found) < _SECRET_BYTES:
        raise StateUnusable(f"{path}: does not hold {_SECRET_BYTES} bytes in hex: restore it from a backup.")
    return found


def _make(path: Path, reached: Reached) -> None:
    """Whole or not at all: half a secret would keep every later start from succeeding. Raises OSError."""
    unnamed = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(secrets.token_hex(_SECRET_BYTES) + "\n")
        reached("state.writing")
        file.flush()
        os.fsync(file.fileno())
    unnamed.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
