"""What tools put into their answers that says nothing: a moment, and an id of one of the shapes that ids have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final
from uuid import UUID

Shape = Callable[[Random], str]


def _hex(length: int) -> Shape:
    return lambda rng: f"{rng.getrandbits(4 * length):0{length}x}"


def _of(alphabet: str, length: int, before: str = "") -> Shape:
    return lambda rng: before + "".join(rng.choices(alphabet, k=length))


_BASE36: Final = digits + ascii_lowercase
_BASE62: Final = _BASE36 + ascii_uppercase
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

SHAPES: Final[Mapping[str, Shape]] = {
    **{f"hex-{length}": _hex(length) for length in (6, 8, 12, 16, 32)},
    "prefix-36": _of(_BASE36, 10, "req_"),
    "prefix-62": _of(_BASE62, 14, "req_"),
    "base62": _of(_BASE62, 10),
    "ulid": _of(_CROCKFORD, 20, "01JNBQ"),
    "uuid": lambda rng: str(UUID(int=rng.getrandbits(128), version=4)),
    "nanoid": _of(_BASE62 + "_-", 21),
    "digits": _of(digits, 9),
}


@dataclass(frozen=True)
class Noise:
    """How one server stamps its answers: `key` in what is JSON, `words` after what is not."""

    shape: Shape
    key: str = "req"
    words: str = "[{at} req={id}]"


PLAIN: Final = Noise(SHAPES["hex-6"])
_STYLES: Final = (
    ("req", "[{at} req={id}]"),
    ("request_id", "(request id: {id}, {at})"),
    ("trace", "trace={id} at {at}"),
    ("correlationId", "-- correlation-id: {id} / {at}"),
    ("X-Request-Id", "X-Request-Id: {id}\nDate: {at}"),
)


class Dice(Random):
    """Chance that also throws for the noise of every server."""

    def noise(self) -> Noise:
        return Noise(SHAPES[self.choice(sorted(SHAPES))], *self.choice(_STYLES))
