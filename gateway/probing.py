"""A second look at the world: a declared read that tells whether a call was carried out.

Lives only here: filling in its arguments, carrying it, and judging what it brought. Only a good answer proves anything; a
look that fails in any way has seen nothing and says so. What is judged is the answer as it came: cleaning must not turn a
yes into a no. Must not know doubts, stores or who is told. Called by doubting.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeGuard

from gateway.expressions import filled, holds
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, Carried
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.terms import Probe
from gateway.model.tool import Effect, ResolvedCall, Tool, ToolId
from gateway.ports import Clock, Upstream

_log = logging.getLogger("sallyport")
LONGEST_S: Final = 5.0
"""For one look, whatever the tool's own limit."""
Saw = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look saw."""

    saw: Saw
    call: ResolvedCall | None = None
    """By which it looked; set with `answer`."""
    answer: Answered | None = None
    """Raw. Set exactly when it saw something or its absence."""


NOTHING: Final = Looked("unknown")


class Probing:
    """Looks."""

    def __init__(
        self,
        find: Callable[[ToolId], Tool | None],
        upstreams: Mapping[str, Upstream],
        check: Callable[[Principal, Tool], None],
        clock: Clock,
    ) -> None:
        """`check` raises Refused where the kill switch says so: it stops looks as it stops calls."""
        self._find = find
        self._upstreams = upstreams
        self._check = check
        self._clock = clock

    async def look(
        self, principal: Principal, probe: Probe, arguments: Mapping[str, Any], key: str, within_s: float = LONGEST_S
    ) -> Looked:
        """One look on behalf of `principal`, whose call had these arguments and forwarded this key. Never raises."""
        tool, given = self._find(probe.tool), filled(probe.arguments, args=arguments, key=key)
        if tool is None or tool.effect is not Effect.READ or given is None or within_s <= 0:
            return NOTHING
        deadline = self._clock.monotonic() + min(tool.timeout_s, LONGEST_S, within_s)
        try:
            self._check(principal, tool)
            carried = await self._carried(tool, given, principal.agent, deadline)
        except Refused:
            return NOTHING
        except Exception:  # noqa: BLE001  whatever goes wrong here, nothing was seen
            _log.exception("the probe %s met a defect", tool.id)
            return NOTHING
        if not _good(carried, given, tool):
            return NOTHING
        found = holds(probe.found, result=carried.result, args=arguments, key=key)
        return (
            NOTHING if found is None else Looked("yes" if found else "no", ResolvedCall(tool, tool.id, given), carried)
        )

    async def _carried(self, tool: Tool, given: Mapping[str, Any], agent: str, deadline: float) -> Carried:
        upstream = self._upstreams[tool.upstream]
        with upstream.try_permit(agent) or await upstream.permit(deadline, agent):
            return await upstream.send(Outbound(tool, given), deadline)


def _good(carried: Carried, given: Mapping[str, Any], tool: Tool) -> TypeGuard[Answered]:
    """Whether it is an answer that says what there is, and not that something went wrong."""
    if not isinstance(carried, Answered) or carried.wants_input or carried.result.get("isError", False) is not False:
        return False
    accept = tool.terms.accept
    return accept is None or holds(accept, result=carried.result, args=given) is True


def misdeclared(tools: Mapping[ToolId, Tool]) -> list[str]:
    """Probes that can see nothing: of the tools known now, those whose probe is none of them or no read."""
    return [
        f"{tool.id}: its probe {tool.terms.probe.tool} {fault}"
        for tool in tools.values()
        if tool.terms.probe is not None and (fault := _fault(tools, tool.terms.probe)) is not None
    ]


def _fault(tools: Mapping[ToolId, Tool], probe: Probe) -> str | None:
    found = tools.get(probe.tool)
    if found is not None:
        return None if found.effect is Effect.READ else "is not declared `effect: read`, so it never looks: declare it"
    if any(tool.upstream == probe.tool.partition("/")[0] for tool in tools.values()):
        return "is not in its upstream's list, so it never looks: correct the name"
    return None  # that upstream was not listed yet
