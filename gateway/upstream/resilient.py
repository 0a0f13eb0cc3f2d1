"""An upstream that is asked again where that is safe, and left alone while it fails.

Lives only here: the meeting of breakers and retries around another upstream, and what an outcome says about its health.
Must not know transports, the ledger or who calls. Wraps every upstream that `make_upstream` makes; called by the pipeline
and the catalog's refresh.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, Final, assert_never

from gateway.config.upstreams import Breaker, UpstreamConfig
from gateway.model.dialogue import Dialogue, Level, ProgressToken, is_silent
from gateway.model.news import Hear
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Beside, Tool
from gateway.ports import Clock, Permit, Upstream, UpstreamFault
from gateway.upstream.breaker import Circuit, Probing, Sign
from gateway.upstream.retrying import RESENDABLE, Budget, harmless, pause_s
from gateway.wire.jsonrpc import META_ATTEMPT

_OPEN: Final = "its breaker is open after many failures"
_SLACK_S: Final = 0.05
"""Timers may ring a little early."""


class Resilient:
    """Implements `ports.Upstream` around another one.

    The breaker of the upstream refuses permits and sends, that of the tool only sends: a permit names no tool.
    """

    def __init__(
        self,
        inner: Upstream,
        config: UpstreamConfig,
        clock: Clock,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.id: Final = inner.id
        self.address: Final = inner.address
        self._inner = inner
        self._most = config.retries.most
        self._rule = config.breaker
        self._clock = clock
        self._chance = chance
        self._sleep = sleep
        self._budget = Budget(config.retries, clock)
        self._circuits: dict[str, Circuit] = {}
        self._own: Final = self._breakers(self.id)
        self._unlisted = False
        """Whether its last listing failed."""
        self.opened: Callable[[], None] = _nobody_looks
        """Called when its breaker opens: whoever lists the server may see sooner than a call when it is back."""

    def try_permit(self, agent: str) -> Permit | None:
        """None also while the breaker is open: what an earlier call left is served all the same."""
        return None if self._wait_s() > 0 else self._inner.try_permit(agent)

    async def permit(self, deadline: float, agent: str) -> Permit:
        if (wait_s := self._wait_s()) > 0:
            raise Refused(
                Reason.UPSTREAM_UNAVAILABLE,
                f"Upstream {self.id} is not asked now: {_OPEN}.",
                retry_after_ms=_ms(wait_s),
            )
        return await self._inner.permit(deadline, agent)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        """Sends, and again where that is safe, until an outcome stands. Every send counts for the breakers.

        Where its caller was asked something nothing is sent again: a person would have to answer twice.
        """
        self._budget.called()
        most = self._most if call.attempt == 0 else 0
        circuits, began = self._breakers(self.id, *_own(call.tool)), self._clock.monotonic()
        lively = None if is_silent(call.dialogue) else _Lively(call.dialogue, circuits)
        if lively is not None:
            call = replace(call, dialogue=lively)
        stands: Carried | None = None
        for resent in count():
            numbered = _numbered(call, resent)
            if (wait_s := _longest(circuits, _probing(numbered))) > 0:
                return stands or Unsent(_OPEN, _ms(wait_s))
            carried = await self._sent(circuits, numbered, deadline)
            if not (isinstance(stands, Lost) and isinstance(carried, Unsent)):
                stands = carried  # that the last send never left proves nothing of one that was lost before
            now = self._clock.monotonic()
            again = harmless(call, now - began)
            pause = pause_s(carried, resent, deadline - now, most, self._chance(), again=again)
            if pause is None or (lively is not None and lively.asked) or not self._budget.take():
                return stands
            await self._sleep(pause)
            try:
                call.still()
            except Refused:
                return stands
        raise AssertionError("counting has no end")

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        """Never refused, and a failure counts for nothing; a success ends the pause of a breaker that may be tried.

        The first success after a failure says that the server is back: then every breaker may be tried.
        """
        try:
            listed = await self._inner.list_tools(deadline)
        except UpstreamFault:
            self._unlisted = True
            raise
        if self._unlisted:
            for circuit in self._circuits.values():
                circuit.returns()
        for circuit in self._own:
            circuit.lives()
        self._unlisted = False
        return listed

    async def list_beside(self, deadline: float) -> Beside:
        return await self._inner.list_beside(deadline)

    async def follow(self, hear: Hear) -> None:
        await self._inner.follow(hear)

    def want(self, uris: frozenset[str]) -> None:
        self._inner.want(uris)

    async def close(self) -> None:
        await self._inner.close()

    def breakers(self) -> Mapping[str, str]:
        """`closed`, `open` or `half-open`, by the ids of the upstream and of every tool that was called."""
        return {name: circuit.standing for name, circuit in self._circuits.items()}

    def _wait_s(self) -> float:
        return self._own[0].wait_s(Probing.FREELY) if self._own else 0.0

    def _breakers(self, *names: str) -> tuple[Circuit, ...]:
        """The circuits of these names; none where breakers are off."""
        if not isinstance(self._rule, Breaker):
            return ()
        for name in names:
            if name not in self._circuits:
                self._circuits[name] = Circuit(self._rule, self._clock, self._chance)
        return tuple(self._circuits[name] for name in names)

    async def _sent(self, circuits: Sequence[Circuit], call: Outbound, deadline: float) -> Carried:
        given_s = deadline - self._clock.monotonic()
        closed = self._wait_s() == 0
        with _watched(circuits) as end:
            carried = await self._inner.send(call, deadline)
            # Who asks for an answer within a millisecond must not open a breaker for everybody.
            hurried = given_s < call.tool.timeout_s / 2 and deadline - self._clock.monotonic() <= _SLACK_S
            end(Sign.MOOT if hurried else _sign(carried))
        if closed and self._wait_s() > 0:
            self.opened()
        return carried


class _Lively:
    """Implements Dialogue around a caller's: a server that asks works, and its breaker waits for no person."""

    def __init__(self, caller: Dialogue, circuits: Sequence[Circuit]) -> None:
        self._caller = caller
        self._circuits = circuits
        self.session: bytes | None = caller.session
        self.capabilities: Mapping[str, Any] = caller.capabilities
        self.log_level: Level | None = caller.log_level
        self.progress_token: ProgressToken | None = caller.progress_token
        self.stateless: bool = caller.stateless
        self.tell = caller.tell
        self.asked = False

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked = True
        for circuit in self._circuits:
            circuit.lives()
        return await self._caller.ask(method, params)


@contextmanager
def _watched(circuits: Sequence[Circuit]) -> Iterator[Callable[[Sign], None]]:
    """One send, as breakers see it; whoever leaves without a word, as a cancelled caller does, gives its probe back."""
    epochs = [circuit.sends() for circuit in circuits]
    signs = [Sign.MOOT]
    try:
        yield signs.append
    finally:
        for circuit, epoch in zip(circuits, epochs, strict=True):
            circuit.ends(epoch, signs[-1])


def _own(tool: Tool) -> tuple[str, ...]:
    """What has a breaker beside its upstream's: not a resource, for callers make up URIs."""
    return (tool.id,) if tool.kind in {"tool", "prompt"} else ()


def _sign(carried: Carried) -> Sign:
    match carried:
        case Answered(http={"status": int(status)}) if status >= 500:
            return Sign.FAILED
        case Answered() | AnsweredError():
            return Sign.GOOD
        case Unsent(cause=cause):
            return Sign.UNREACHED if cause == "unreached" else Sign.MOOT
        case Lost():
            return Sign.FAILED
        case _:
            assert_never(carried)


def _nobody_looks() -> None:
    """Nobody lists this server."""


def _probing(call: Outbound) -> Probing:
    if call.tool.effect in RESENDABLE:
        return Probing.FREELY
    return Probing.ALONE if call.attempt == 0 else Probing.NEVER


def _numbered(call: Outbound, resent: int) -> Outbound:
    """The call with the number of this send, by which a gateway behind us knows that retries are made here."""
    number = call.attempt + resent
    return replace(call, attempt=number, meta={**call.meta, META_ATTEMPT: number}) if number else call


def _longest(circuits: Sequence[Circuit], probing: Probing) -> float:
    return max((circuit.wait_s(probing) for circuit in circuits), default=0.0)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
