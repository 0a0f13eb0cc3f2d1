"""What is served when an upstream fails: the last good result of a read, and whom to ask instead.

Lives only here: which failures a fallback answers, the bounded memory of good results, the mark and the words on a stale
one. A result is served again only to the caller it was given to, under the policy that let it through, and with its age.
Must not know upstreams, stores or the order of rooms. Called by the road where carrying a call failed.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from gateway.model.call import Reply
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal
from gateway.model.tool import Effect, ResolvedCall, Tool
from gateway.ports import Clock
from gateway.replies import NS, marked, provenance, with_text
from gateway.wire.strict_json import digest

ANSWERED: Final = frozenset(
    {Reason.UPSTREAM_UNAVAILABLE, Reason.UPSTREAM_REFUSED, Reason.UPSTREAM_TIMEOUT, Reason.UPSTREAM_INVALID}
)
"""Failures of reads that a fallback answers: the upstream's, never ours and never a decision."""
MOST_ENTRIES: Final = 1_000
MOST_BYTES: Final = 16 * 1024 * 1024
LARGEST: Final = 1024 * 1024
"""Bytes of one result; a larger one would push too many others out."""

_Key = tuple[str, str, str | None, str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Good:
    kept: bytes
    at: float
    """Unix seconds, for people."""
    since: float
    """Monotonic seconds, for the age."""


class LastGood:
    """The last good result of each read, per caller, arguments and policy; the longest unused are forgotten first."""

    def __init__(self, clock: Clock, entries: int = MOST_ENTRIES, size: int = MOST_BYTES) -> None:
        self._clock = clock
        self._entries = entries
        self._room = size
        self._results: OrderedDict[_Key, _Good] = OrderedDict()

    def keep(self, principal: Principal, call: ResolvedCall, policy: str, kept: bytes) -> None:
        """Remembers `kept`, the cleaned result as JSON, if the tool may be served stale. Not for results with `isError`."""
        if not _servable(call.tool) or len(kept) > LARGEST:
            return
        key = _key(principal, call, policy)
        self._forget(key)
        self._results[key] = _Good(kept, self._clock.now(), self._clock.monotonic())
        self._room -= len(kept)
        while self._room < 0 or len(self._results) > self._entries:
            self._forget(next(iter(self._results)))

    def stale(
        self, principal: Principal, call: ResolvedCall, policy: str, failed: Refusal, call_id: str
    ) -> Reply | None:
        """The last good result of the same call, marked; None when there is none young enough, or `failed` is no reason."""
        if not _servable(call.tool) or failed.reason not in ANSWERED:
            return None
        key = _key(principal, call, policy)
        if (good := self._results.get(key)) is None:
            return None
        age_s = self._clock.monotonic() - good.since
        assert call.tool.fallback.stale_s is not None
        if age_s > call.tool.fallback.stale_s:
            self._forget(key)
            return None
        self._results.move_to_end(key)
        return _marked_stale(good, int(age_s), call, failed, call_id)

    def _forget(self, key: _Key) -> None:
        if (gone := self._results.pop(key, None)) is not None:
            self._room += len(gone.kept)


def told_whom_to_ask(refusal: Refusal, tool: Tool) -> Refusal:
    """The refusal of a call whose upstream failed, naming whom the operator says to ask instead."""
    ask = tool.fallback.ask
    if ask is None or refusal.reason not in ANSWERED | {Reason.OUTCOME_UNKNOWN}:
        return refusal
    return replace(refusal, detail=f"{refusal.detail} Ask {ask.rstrip('.')}.")


def _servable(tool: Tool) -> bool:
    return tool.effect is Effect.READ and tool.fallback.stale_s is not None


def _key(principal: Principal, call: ResolvedCall, policy: str) -> _Key:
    """With the digest of the definition: under a changed one it is another question."""
    tool, arguments = call.tool, digest(call.arguments)
    return *principal.who, tool.id, tool.digest, arguments, policy


def _marked_stale(good: _Good, age_s: int, call: ResolvedCall, failed: Refusal, call_id: str) -> Reply:
    when = datetime.fromtimestamp(good.at, UTC).isoformat(timespec="seconds")
    stale = {"at": when, "age_s": age_s, "reason": failed.reason.value}
    result = marked(json.loads(good.kept), provenance(call_id, call, {}) | {f"{NS}/stale": stale})
    line = f"Not current: {call.tool.id} cannot be read now. This is its last good result, from {when}, {age_s} s ago."
    return Reply(with_text(result, line))
