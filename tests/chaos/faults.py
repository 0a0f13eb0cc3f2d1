"""What goes wrong behind the gateway, how often, and what each fault means: did it execute, and could anybody see the answer?"""

import hashlib
from dataclasses import dataclass
from typing import Literal

Era = Literal["modern", "legacy"]


@dataclass(frozen=True)
class Fault:
    """One way in which a tool server fails."""

    name: str
    permille: int
    executes: bool
    hides: bool
    """Nobody but the server can know afterwards whether the call was carried out."""


NONE = Fault("none", 0, executes=True, hides=False)
FAULTS = (
    Fault("reset-before", 3, executes=False, hides=True),
    Fault("reset-after", 4, executes=True, hides=True),
    Fault("hang-then-execute", 2, executes=True, hides=True),
    Fault("execute-then-hang", 3, executes=True, hides=True),
    Fault("half-answer", 3, executes=True, hides=True),
    Fault("garbage", 3, executes=True, hides=True),
    Fault("wrong-id", 3, executes=True, hides=True),
    Fault("bare-502", 2, executes=False, hides=True),
    Fault("bare-503", 2, executes=True, hides=True),
    Fault("bare-404", 2, executes=True, hides=True),
    Fault("slow", 28, executes=True, hides=False),
    Fault("busy-429", 18, executes=False, hides=False),
    Fault("denied-401", 7, executes=False, hides=False),
)
"""8 % of all arrivals, 2.7 % hide their answer. What they hide stays in doubt, and so does what a death hides."""
SESSION_LOST = Fault("session-lost", 2, executes=False, hides=False)
"""What a 404 means on a session's leg: refused before execution."""


def drawn(seed: int, operation: str, attempt: int, era: Era) -> Fault:
    """The same for the same question, whatever else happens."""
    digest = hashlib.sha256(f"{seed}|{operation}|{attempt}".encode()).digest()
    number = int.from_bytes(digest[:8]) % 1000
    for fault in FAULTS:
        number -= fault.permille
        if number < 0:
            return SESSION_LOST if fault.name == "bare-404" and era == "legacy" else fault
    return NONE
