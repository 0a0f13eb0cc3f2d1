"""What passes between a server and the caller in the middle of a call, cleaned and counted.

Lives only here: that nothing an upstream says reaches the caller's client uncleaned (untrusted §5: notifications,
questions), and that a caller is asked only what its client said it can be. Must not know streams, transports or how
cleaning works. Made by the road for every request whose caller can hear or answer.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from gateway.model.dialogue import ASKED, Dialogue, Level, ProgressToken, Unanswered, is_silent
from gateway.model.refusal import Refused
from gateway.ports import Sanitizer
from gateway.replies import theirs

_NO_SUCH_CAPABILITY = (-32601, "This client declared no such capability")
_WITHHELD = (-32603, "The question could not be cleaned, so it was not put")


class Hearing:
    """Implements Dialogue around the listener's own."""

    def __init__(self, caller: Dialogue, sanitize: Sanitizer, note: Callable[..., None]) -> None:
        """`note` takes facts for the call's record."""
        self._caller = caller
        self._sanitize = sanitize
        self._note = note
        self.asked: Counter[str] = Counter()
        """Methods of the questions that were put."""
        self.session: bytes | None = caller.session
        self.capabilities: Mapping[str, Any] = caller.capabilities
        self.log_level: Level | None = caller.log_level
        self.progress_token: ProgressToken | None = caller.progress_token
        self.stateless: bool = caller.stateless

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        try:
            cleaned = self._cleaned(params)
        except Refused:
            return  # a notification promises nothing
        self._caller.tell(method, cleaned)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if ASKED.get(method) not in self.capabilities:
            raise Unanswered(*_NO_SUCH_CAPABILITY)
        try:
            cleaned = self._cleaned(params)
        except Refused:
            raise Unanswered(*_WITHHELD) from None
        self.asked[method] += 1
        self._note(asks=dict(self.asked))
        return await self._caller.ask(method, cleaned)

    def _cleaned(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises Refused."""
        if "_meta" in params:
            params = {**params, "_meta": theirs(params["_meta"])}
        cleaned: Mapping[str, Any] = self._sanitize.value(params).value
        return cleaned


def heard(caller: Dialogue, sanitize: Sanitizer, note: Callable[..., None]) -> Dialogue:
    """The caller's dialogue, cleaned; a silent one costs nothing."""
    return caller if is_silent(caller) else Hearing(caller, sanitize, note)
