"""The policy in force: one snapshot, replaced as a whole, and only by a good one.

Lives only here: which snapshot answers. Must not know how files are watched; `app.py` calls `reload()` when they change.
Implements `ports.Policy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.schema import Policy as Section
from gateway.model.decision import Decision
from gateway.model.principal import Principal
from gateway.model.tool import ToolId
from gateway.policy.explain import Explanation, explain
from gateway.policy.faults import PolicyFault, PolicyFaults
from gateway.policy.load import load
from gateway.policy.snapshot import Snapshot
from gateway.ports import Clock


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload did."""

    changed: bool
    """Another version is in force now."""
    faults: tuple[PolicyFault, ...] = ()
    """Why the old version was kept; empty when the files are good."""


class Rules:
    """Answers from the snapshot in force. A decision under way keeps the snapshot it began with."""

    def __init__(self, section: Section, base: Path, clock: Clock, snapshot: Snapshot) -> None:
        self._section, self._base, self._clock = section, base, clock
        self._snapshot = snapshot

    @classmethod
    def load(cls, section: Section, base: Path, clock: Clock) -> "Rules":
        """`base` is the folder of config.yaml. Raises PolicyFaults."""
        return cls(section, base, clock, load(section, base, clock))

    def reload(self) -> Reload:
        """Reads all files again as one version; with any fault the old one stays in force. Blocks on file reads."""
        try:
            fresh = load(self._section, self._base, self._clock)
        except PolicyFaults as bad:
            return Reload(changed=False, faults=bad.faults)
        if fresh.version == self._snapshot.version:
            return Reload(changed=False)
        self._snapshot = fresh
        return Reload(changed=True)

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    def version(self) -> str:
        return self._snapshot.version

    @property
    def notes(self) -> tuple[str, ...]:
        """What an operator should know though it is no fault."""
        return self._snapshot.notes

    def decide(self, principal: Principal, tool: ToolId, act: str, arguments: Mapping[str, Any]) -> Decision:
        return self._snapshot.decide(principal, tool, act, arguments)

    def visible(self, principal: Principal, tools: frozenset[ToolId], act: str = "call") -> frozenset[ToolId]:
        return self._snapshot.visible(principal, tools, act)

    def sees(self, principal: Principal, tool: ToolId, act: str) -> bool:
        return self._snapshot.sees(principal, tool, act)

    def explain(self, principal: Principal, tool: ToolId, act: str = "call") -> Explanation:
        """The rows considered, and why near misses did not match."""
        return explain(self._snapshot, principal, tool, act)
