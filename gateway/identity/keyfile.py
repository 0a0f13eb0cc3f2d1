"""The key set of a file: a peer's public keys, mounted or written beside the configuration.

Lives only here: when the file is looked at again, and that a missing or damaged one changes nothing: the keys before it
stay in force. To withdraw a key, write the set without it. Must not know tokens or HTTP. Called by `jwks.KeySets`.
"""

import logging
from pathlib import Path
from typing import Final

from gateway.identity import keyset
from gateway.identity.keyset import Keys, KeySet, NoKey, NoKeySet
from gateway.ports import Clock

_log = logging.getLogger("sallyport")

LOOK_EVERY_S: Final = 1.0


def read(path: Path, algorithms: tuple[str, ...]) -> KeySet:
    """The set in a file. Raises NoKeySet, OSError."""
    with path.open("rb") as file:
        data = file.read(keyset.LARGEST + 1)
    if len(data) > keyset.LARGEST:
        raise NoKeySet(f"more than {keyset.LARGEST} bytes")
    return keyset.read(data, algorithms)


class OnDisk:
    """The keys in one file."""

    def __init__(self, owner: str, path: Path, algorithms: tuple[str, ...], clock: Clock) -> None:
        """`owner` is told in logs and problems: `peer runtime`."""
        self._owner = owner
        self._path = path
        self._algorithms = algorithms
        self._clock = clock
        self._keys: KeySet | None = None
        self._stamp: tuple[int, ...] | None = None
        self._looked_at = float("-inf")
        self.problem: str | None = None
        """Why the file cannot be used, while the keys before it stay in force."""

    def current(self) -> KeySet | None:
        """The set in force; costs one `stat` a second."""
        if self._clock.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._look()
        return self._keys

    async def find(self, kid: str | None, algorithm: str, beyond: KeySet | None) -> tuple[KeySet, Keys]:
        """As `jwks.KeySets.find`. A key that is not there is looked for at once: a `stat` costs less than the question."""
        for look in (self.current, self._look):
            keys = look()
            if keys is not None and keys is not beyond and (fitting := keyset.pick(keys, kid, algorithm)):
                return keys, fitting
        raise NoKey("the keys of its issuer cannot be read" if self._keys is None else "the issuer has no such key")

    def _look(self) -> KeySet | None:
        self._looked_at = self._clock.monotonic()
        try:
            found = self._path.stat()
            stamp = found.st_mtime_ns, found.st_size, found.st_ino
            if stamp == self._stamp:
                return self._keys
            # Taken before the file is read: if it is replaced in between, the next look reads it again.
            self._stamp = stamp
            self._keys, problem = read(self._path, self._algorithms), None
        except (OSError, NoKeySet) as fault:
            # Once the file can be reached again it is read again, even if it is the very same.
            self._stamp = None if isinstance(fault, OSError) else self._stamp
            why = str(fault) if isinstance(fault, NoKeySet) else type(fault).__name__
            problem = f"the key file of {self._owner} cannot be used: {why}"
        if problem is not None and problem != self.problem:
            _log.warning("%s; the keys before it stay in force", problem)
        self.problem = problem
        return self._keys
