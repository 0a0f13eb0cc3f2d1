"""Names in Redis: keys, the channel, scripts.

Lives only here: one hash tag for everything, so that Redis Cluster keeps it in one slot and one script may touch all of
it; and the composition of Lua files. Must not know connections or what is kept. Used by the Redis homes.
"""

from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path
from typing import Final

TAG: Final = "{sallyport}:"
GENERATION: Final = f"{TAG}generation"
BEAT: Final = f"{TAG}beat"
SECRET: Final = f"{TAG}secret"
"""What is known of the secret that names the records: enough to tell another one, too little to find it out."""
STOPS: Final = f"{TAG}stops"
STOPS_VERSION: Final = f"{TAG}stops-version"
ENDED: Final = f"{TAG}ended-sessions"
ENDED_VERSION: Final = f"{TAG}ended-sessions-version"
CHANNEL: Final = f"{TAG}changes"
"""Says which topic changed: a record, an approval, the kill switch or the ended sessions."""
STOPS_TOPIC: Final = "stops"
ENDED_TOPIC: Final = "ended-sessions"


def key(kind: str, name: str) -> str:
    """The key of one thing of a kind."""
    return f"{TAG}{kind}:{name}"


def hashed(*names: str) -> str:
    """One name for several that people chose: unambiguous, of one length, not readable."""
    return sha256("\0".join(names).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the name under which the server knows it."""

    text: str
    sha: str

    @classmethod
    def of(cls, *names: str) -> "Script":
        """The files `redis_<name>.lua`, one after the other."""
        text = "".join(Path(__file__).with_name(f"redis_{name}.lua").read_text("utf-8") for name in names)
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
