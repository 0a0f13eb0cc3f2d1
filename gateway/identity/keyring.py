"""The key file: API keys made at the command line, in `keys.json` of the state folder.

Lives only here: the file's form, its atomic replacement, and the rule that a damaged file changes nothing while a
missing one holds no key. Must not know principals or tokens. Called by `room` before it looks a key up, by the command
line (`keys new|ls|revoke`), possibly from two processes at once: a lock file keeps their changes apart.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.config.schema import ApiKey
from gateway.identity.apikey import hashed, instant, minted, written
from gateway.identity.names import safe
from gateway.ports import Clock
from gateway.wire import strict_json

_LARGEST: Final = 16 * 1024 * 1024


class KeyFault(ValueError):
    """A key could not be made or revoked; the text is ours and safe to show."""


class StoredKey(ApiKey):
    """One key of the file: a key of the configuration, with its history."""

    created: str = Field(description="RFC 3339 time")
    revoked: str | None = Field(None, description="RFC 3339 time")


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    keys: tuple[StoredKey, ...] = ()


class Keyring:
    """The keys of one state folder."""

    def __init__(self, path: Path, clock: Clock, reserved: Collection[str] = ()) -> None:
        """`reserved` are ids that are taken elsewhere, such as those of the configuration's keys."""
        self._path = path
        self._clock = clock
        self._reserved = frozenset(reserved)
        self._keys: Mapping[str, StoredKey] = {}
        self._seen: tuple[int, ...] | None = None
        self.version = 0
        """Grows whenever the keys change, by whoever's hand: also by `new` and `revoke` of this very object."""
        self.problem: str | None = None
        """Why the file could not be read, while the keys before it stay in force; for readiness and `check`."""
        self.refresh()

    def ls(self) -> tuple[StoredKey, ...]:
        """All keys, revoked ones too, in the order they were made."""
        return tuple(self._keys.values())

    def refresh(self) -> bool:
        """Reads the file again if it changed; True when the keys did. Never raises; costs one `stat`."""
        try:
            seen = self._stamp()
            if seen == self._seen:
                return False
            # Taken before the file is read: if it is replaced in between, the next refresh reads it again.
            self._seen = seen
            keys = self._read()
        except (OSError, ValueError) as fault:
            self.problem = (
                f"{self._path.name} cannot be read ({type(fault).__name__}); the keys before it stay in force"
            )
            return False
        changed = keys != self._keys
        self.version += changed
        self._keys, self.problem = keys, None
        return changed

    def new(
        self,
        agent: str,
        user: str | None = None,
        tenant: str = "default",
        *,
        expires_at: float | None = None,
        key_id: str | None = None,
    ) -> tuple[str, str]:
        """Makes a key and returns its id and the key itself, which is kept nowhere. Raises KeyFault, OSError."""
        if not safe(tenant) or not (user is None or safe(user)):
            raise KeyFault("a user or tenant is empty, longer than 256 characters, or has invisible characters in it")
        chosen = key_id or f"k-{secrets.token_hex(4)}"
        key = minted(chosen)
        with self._changing() as keys:
            if chosen in keys or chosen in self._reserved:
                raise KeyFault(f"there is a key {chosen} already, perhaps a revoked one: choose another id")
            try:
                keys[chosen] = StoredKey(
                    id=chosen,
                    hash=hashed(key),
                    agent=agent,
                    user=user,
                    tenant=tenant,
                    expires=None if expires_at is None else written(expires_at),
                    created=written(self._clock.now()),
                )
            except ValidationError:
                raise KeyFault("ids of keys and agents match [a-z][a-z0-9-]* and have at most 40 characters") from None
        return chosen, key

    def revoke(self, key_id: str) -> bool:
        """Ends a key for good; False when there is none with this id. Raises KeyFault, OSError."""
        with self._changing() as keys:
            if (key := keys.get(key_id)) is None:
                return False
            if key.revoked is None:
                keys[key_id] = key.model_copy(update={"revoked": written(self._clock.now())})
        return True

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, StoredKey]]:
        """The file's keys as they are now, written back when the block ends without an error."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refresh()
            if self.problem is not None:
                raise KeyFault(f"{self._path.name} cannot be read: repair or remove it first")
            keys = dict(self._keys)
            yield keys
            if keys != self._keys:
                self._write(keys)
                self.refresh()
        finally:
            os.close(lock)

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> dict[str, StoredKey]:
        try:
            with self._path.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return {}
        if len(data) > _LARGEST:
            raise ValueError("larger than any key file")
        keys: dict[str, StoredKey] = {}
        for key in _File.model_validate(strict_json.parse(data)).keys:
            for time in filter(None, (key.expires, key.created, key.revoked)):
                instant(time)
            if keys.setdefault(key.id, key) is not key:
                raise ValueError("an id stands in the file twice")
        return keys

    def _write(self, keys: Mapping[str, StoredKey]) -> None:
        """Replaces the file in one step: a crash leaves the old one or the new one, never half of either."""
        text = json.dumps({"version": 1, "keys": [key.model_dump() for key in keys.values()]}, indent=1) + "\n"
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
