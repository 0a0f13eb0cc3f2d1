"""A call's caller while the call runs: what it wants to hear, and what it may be asked (MCP: server → client).

Lives only here: the seam and its silent form. A listener makes one for every request whose client can hear or answer;
the road cleans what passes through it; the upstream leg talks to it and never learns which era stands behind. Must not
know bytes, streams or sessions.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal, Protocol, get_args

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""Least first. A tuple: what is asked for may be a list or an object, which no set can be asked about."""
ProgressToken = str | int
ASKED: Final[Mapping[str, str]] = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
"""What a server may ask in the middle of a call, and the client capability that permits it."""
QUESTION_S: Final = 300.0
"""Longest time a caller may take for one answer; the call's own time stands still meanwhile."""
PROGRESS: Final = "notifications/progress"
MESSAGE: Final = "notifications/message"


def is_wanted(level: Any, least: Level | None) -> bool:
    """Whether a message of this level, as its server names it, goes to a caller that wants `least` and above."""
    return least is not None and level in LEVELS and LEVELS.index(level) >= LEVELS.index(least)


class Unanswered(Exception):
    """The caller was asked and gave no result: it cannot be asked, refused, failed, or is gone."""

    def __init__(self, code: int, message: str) -> None:
        """A JSON-RPC error for whoever asked; the text is ours, or was cleaned."""
        super().__init__(message)
        self.code = code
        self.message = message


class Dialogue(Protocol):
    """The caller of one request."""

    @property
    def session(self) -> bytes | None:
        """Names the legacy session; None for a stateless caller. Legacy upstream sessions are kept apart by it."""

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What its client declared of `elicitation`, `sampling` and `roots`, as declared."""

    @property
    def log_level(self) -> Level | None:
        """Least level of log messages it wants; None: no messages."""

    @property
    def progress_token(self) -> ProgressToken | None:
        """What progress is reported under; None: no progress."""

    @property
    def stateless(self) -> bool:
        """Whether it takes an input-required result itself (2026-07-28, MRTR) and answers with a new request."""

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """`PROGRESS` (under `progress_token`) or `MESSAGE`, in order. Never waits; what nobody can hear is dropped."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """One of `ASKED`; the client's result, raw. May take minutes. Raises Unanswered."""


class Silent:
    """Implements Dialogue for a caller that hears nothing and cannot be asked."""

    session: bytes | None = None
    log_level: Level | None = None
    progress_token: ProgressToken | None = None

    def __init__(self, *, stateless: bool = True) -> None:
        self.stateless = stateless

    @property
    def capabilities(self) -> Mapping[str, Any]:
        return {}

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Dropped."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002  the port's names
        raise Unanswered(-32601, "This client declared no such capability")


SILENT: Final[Dialogue] = Silent()
SILENT_IN_SESSION: Final[Dialogue] = Silent(stateless=False)
"""Of a legacy client: it knows no input-required results."""


def session_name(dialogue: Dialogue) -> str | None:
    """A name for the legacy session, for records and counters; it opens nothing."""
    return None if dialogue.session is None else sha256(dialogue.session).hexdigest()[:16]


def is_silent(dialogue: Dialogue) -> bool:
    """Whether nothing will ever be said in it."""
    return dialogue is SILENT or dialogue is SILENT_IN_SESSION
