"""Plays what an agent did into the real loop detection, with a clock that only moves when told."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.config.loops import Loops as Limits
from gateway.ledger.case import Case
from gateway.ledger.loops import Loops
from gateway.model.call import Asked
from gateway.model.outcome import Brought
from gateway.model.principal import Principal
from gateway.model.terms import Terms
from gateway.model.tool import Effect, ResolvedCall, Tool

Json = dict[str, Any]
Reads = Literal["hint", "refuse"]


class HandClock:
    steady = 0.0

    def now(self) -> float:
        return self.steady

    def monotonic(self) -> float:
        return self.steady


@dataclass
class Played:
    """What became of the calls of one trace."""

    told: Counter[str] = field(default_factory=Counter)
    """hint, refuse, ask, pause → how often."""

    @property
    def found(self) -> bool:
        return bool(self.told)

    @property
    def barred(self) -> bool:
        return any(self.told[rung] for rung in ("refuse", "ask", "pause"))


def played(trace: Mapping[str, Any], reads: Reads) -> Played:
    """A refused call is not carried out; nobody answers questions."""
    clock, seen = HandClock(), Played()
    loops = Loops(Limits(reads=reads), clock, lambda who, why: None)
    principal = Principal("default", "bot", "key:k", "alice", "key:k", run=trace["run"])
    for call in trace["calls"]:
        clock.steady = call["at"]
        name, arguments = call["tool"], call["args"]
        asked = Asked(name, arguments, "modern", "2026-07-28")
        if call["denied"]:
            seen.told.update(["hint"] if loops.denied(principal, name, arguments) is not None else [])
            continue
        case = Case(principal, ResolvedCall(_tool(name, trace["tools"][name]), name, arguments), asked)
        sighting = loops.note(case)
        loops.told(case, sighting)
        if sighting.looped is not None:
            seen.told[sighting.looped.rung] += 1
        if sighting.asks is not None:
            loops.forget(case, sighting)
        elif sighting.refused is None:
            loops.ended(case, sighting, _brought(call))
    return seen


def _tool(name: str, declared: Mapping[str, Any]) -> Tool:
    terms = Terms(poll_s=declared.get("poll_s"), volatile=frozenset(declared.get("volatile", ())))
    upstream, _, own = name.partition("/")
    return Tool(name, upstream, own, {}, "0" * 64, Effect(declared["effect"]), terms=terms)


def _brought(call: Mapping[str, Any]) -> Brought | None:
    result = call["result"]
    if result is None:
        return Brought({}, 0, is_error=True) if call["error"] else None
    if not isinstance(result.get("content"), list):
        result = {"content": [{"type": "text", "text": json.dumps(result)}], "structuredContent": result}
    return Brought(result, 0, is_error=call["error"])
