"""What a server says on its own, outside any call: a list changed, a resource was updated.

Lives only here: these values and who takes them. Made by the upstream leg, by the learner of lists and by a policy
reload; told to agents by the listener. Must not know streams or eras.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["tools", "prompts", "resources"]


@dataclass(frozen=True, slots=True)
class ListChanged:
    """`notifications/{kind}/list_changed`; templates count as resources."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Updated:
    """`notifications/resources/updated` of one upstream."""

    upstream: str
    uri: str


News = ListChanged | Updated
Hear = Callable[[News], None]
