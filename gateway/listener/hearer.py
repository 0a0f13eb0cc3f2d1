"""What a stateless client hears while its request runs (2026-07-28): progress under its own token, messages of its level.

Lives only here: reading both wishes from `_meta`, and that nothing goes out that was not wished for. Must not know the
road, upstreams or how a response becomes a stream. Made by the modern conversation's calls for a client that wishes for
something; one that can be asked as well has an `Interview` before it.
"""

from collections.abc import Mapping
from typing import Any

from gateway.listener.outlet import Outlet
from gateway.model.dialogue import LEVELS, MESSAGE, PROGRESS, Level, ProgressToken, Unanswered, is_wanted
from gateway.model.refusal import Reason, Refused
from gateway.wire import jsonrpc
from gateway.wire.strict_json import dump


class Hearer:
    """Implements Dialogue for a client that can be told and not asked."""

    session: bytes | None = None
    stateless = True
    capabilities: Mapping[str, Any] = {}

    def __init__(self, outlet: Outlet, progress_token: ProgressToken | None, log_level: Level | None) -> None:
        self._outlet = outlet
        self.progress_token = progress_token
        self.log_level = log_level

    @classmethod
    def of(cls, meta: Mapping[str, Any], outlet: Outlet) -> "Hearer | None":
        """From a request's `_meta`; None when it wishes for nothing or takes no events. Raises Refused: invalid-params."""
        token, level = meta.get("progressToken"), meta.get(jsonrpc.META_LOG_LEVEL)
        if token is not None and (not isinstance(token, str | int) or isinstance(token, bool)):
            raise Refused(Reason.INVALID_PARAMS, "params._meta.progressToken is neither a string nor an integer.")
        if level is not None and level not in LEVELS:
            raise Refused(
                Reason.INVALID_PARAMS, f"params._meta[{jsonrpc.META_LOG_LEVEL!r}] is no level of the standard."
            )
        if (token is None and level is None) or not outlet.streams:
            return None
        return cls(outlet, token, level)

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        if method == PROGRESS and self.progress_token is not None:
            self._say(method, {**params, "progressToken": self.progress_token})
        elif method == MESSAGE and is_wanted(params.get("level"), self.log_level):
            self._say(method, params)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002  the port's names
        raise Unanswered(jsonrpc.METHOD_NOT_FOUND, "This client declared no such capability")

    def _say(self, method: str, params: Mapping[str, Any]) -> None:
        self._outlet.say(dump(jsonrpc.notification(method, params)))
