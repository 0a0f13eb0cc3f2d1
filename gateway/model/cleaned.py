"""A value after cleaning.

Lives only here: the pair of value and findings. Must not know what is cleaned, or how.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A value after cleaning, with what was found: {class: count}."""

    value: Any
    findings: Mapping[str, int]

    @property
    def changed(self) -> bool:
        return bool(self.findings)
