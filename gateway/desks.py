"""The operator's desk, made from rooms: adapters between what the operator plane asks and what rooms answer.

Lives only here: those translations. Must not know FastAPI or the command line. Built by `app.py`, used by the operator
plane only, never on the road.
"""

import difflib
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

from gateway.audit.query import parse
from gateway.catalog.room import Curation
from gateway.config.schema import Config
from gateway.home import Home
from gateway.identity.keyring import Keyring
from gateway.learner import Learner
from gateway.model.principal import Principal
from gateway.model.stop import StopKind
from gateway.operator.desk import Page, Sight
from gateway.policy.rules import Reload, Rules
from gateway.policy.schemas import check_conditions
from gateway.ports import Clock
from gateway.pressure import Pressure
from gateway.probing import misdeclared
from gateway.seen import sights
from gateway.store.audit_index import AuditIndex
from gateway.store.writer import GroupWriter
from gateway.telemetry import Meter
from gateway.upstream.resilient import Resilient

_SPELLED: Final = 128
"""So many characters of a name are compared with others."""


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """Implements `operator.desk.AuditDesk` over the index."""

    index: AuditIndex
    clock: Clock

    async def query(self, filters: Mapping[str, str]) -> Page:
        """One page. Raises ValueError."""
        page = await self.index.query(parse(filters, self.clock.now()))
        return Page([json.loads(one) for one in page.entries], page.next.text() if page.next else None)

    async def call(self, call_id: str) -> Sequence[Mapping[str, Any]]:
        """All entries of a call."""
        return [json.loads(one) for one in await self.index.call(call_id)]

    async def all(self, filters: Mapping[str, str]) -> AsyncIterator[Mapping[str, Any]]:
        """Every match, read page by page."""
        wanted = parse(filters, self.clock.now())
        while True:
            page = await self.index.query(wanted)
            for one in page.entries:
                yield json.loads(one)
            if page.next is None:
                return
            wanted = replace(wanted, after=page.next)


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """Implements `operator.desk.KeyDesk` over the key file."""

    keyring: Keyring
    agents: frozenset[str]

    def new(
        self, *, agent: str, user: str | None, tenant: str, key_id: str | None, expires: float | None
    ) -> tuple[str, str]:
        """Raises ValueError for an id that is taken or not well-formed, or an agent nobody configured."""
        if agent not in self.agents:
            known = ", ".join(sorted(self.agents)) or "none"
            raise ValueError(f"no agent {agent!r} in the configuration; there is: {known}")
        return self.keyring.new(agent, user, tenant, expires_at=expires, key_id=key_id)

    def ls(self) -> Sequence[Mapping[str, Any]]:
        """Without hashes: nobody needs them on a screen."""
        return [key.model_dump(exclude={"hash"}) for key in self.keyring.ls()]

    def revoke(self, key_id: str) -> bool:
        """False when there is no such key."""
        return self.keyring.revoke(key_id)


class HouseDesk:
    """Implements `operator.desk.HouseDesk`."""

    def __init__(
        self,
        config: Config,
        *,
        rules: Rules,
        catalog: Curation,
        learners: Sequence[Learner],
        upstreams: Mapping[str, Resilient],
        home: Home,
        writer: GroupWriter,
        keyring: Keyring,
        meter: Meter,
        pressure: Pressure,
        last_reload: Callable[[], Reload | None],
    ) -> None:
        self._config = config
        self._rules = rules
        self._catalog = catalog
        self._learners = learners
        self._upstreams = upstreams
        self._home = home
        self._writer = writer
        self._keyring = keyring
        self._meter = meter
        self._pressure = pressure
        self._last_reload = last_reload

    def tools(self, agent: str, user: str | None, tenant: str) -> Sequence[Sight]:
        """Everything the upstreams offer, as this pair stands to it. Raises KeyError."""
        if agent not in self._config.agents:
            raise KeyError(agent)
        principal = Principal(tenant, agent, "operator", user, None if user is None else "operator")
        return list(sights(self._config, self._catalog, self._rules, principal))

    def agents(self) -> Sequence[Mapping[str, Any]]:
        """The configured agents."""
        return [
            {
                "id": name,
                "owner": agent.owner,
                "tools": list(agent.tools),
                "prompts": list(agent.prompts),
                "resources": list(agent.resources),
                "curated": len(self._catalog.ids(name)),
            }
            for name, agent in self._config.agents.items()
        ]

    def upstreams(self) -> Sequence[Mapping[str, Any]]:
        """The upstreams, and how reading their lists went."""
        return [
            {
                "id": learner.upstream.id,
                "address": learner.upstream.address,
                "tools": learner.state.tools,
                "listed_at": learner.state.at,
                "fault": learner.state.fault,
                "breakers": {
                    target: state
                    for target, state in self._upstreams[learner.upstream.id].breakers().items()
                    if state != "closed"
                },
            }
            for learner in self._learners
        ]

    def stranger(self, kind: StopKind, target: str) -> str | None:
        """Why a stop may be one of nobody; None where the name is known, or only callers could know it."""
        known: Collection[str]
        match kind:
            case "agent":
                known = self._config.agents
            case "upstream":
                known = self._config.upstreams
            case "tool":
                known = self._catalog.tools()
                upstream = target.partition("/")[0]
                if upstream in self._config.upstreams and not any(one.startswith(f"{upstream}/") for one in known):
                    return None  # it could not be listed yet
            case "all" | "user" | "run" | "tenant":
                return None
            case _:
                assert_never(kind)
        if target in known:
            return None
        near = difflib.get_close_matches(target[:_SPELLED], known, 1)
        return f"no {kind} {target!r} is known here" + (f"; did you mean {near[0]!r}?" if near else "")

    def policy(self) -> Mapping[str, Any]:
        """The version in force, why a newer one was not taken, and which conditions and probes cannot do their work."""
        last = self._last_reload()
        return {
            "version": self._rules.version,
            "notes": list(self._rules.notes),
            "refused": [str(fault) for fault in last.faults] if last else [],
            "conditions": [str(one) for one in check_conditions(self._rules.snapshot, self._catalog.schemas())],
            "probes": misdeclared(self._catalog.tools()),
            "hidden_tools": list(self._catalog.problems),
        }

    def health(self) -> Mapping[str, str]:
        """What must be well for calls to be served; upstreams and a refused policy change are no reason to go away."""
        return {
            "journal": "ok" if self._writer.journal_ok else f"cannot be written: {self._writer.last_error}",
            "store": self._store(),
            "keys": self._keyring.problem or "ok",
            "load": self._pressure.standing,
        }

    def _store(self) -> str:
        """A shared store that is away is no reason to go away: reads go on for a while, and others are as badly off."""
        if self._home.shared:
            fault = self._home.fault()
            away = f"ok for reads, but not for long; calls that leave traces are refused: {fault}"
            return "ok" if fault is None else away
        if not self._writer.store_ok:
            return f"cannot be written: {self._writer.last_error}"
        if self._config.state.ephemeral:
            return "ok, but this ledger dies with the pod: a call may repeat after a reschedule"
        return "ok"

    async def accept_loss(self) -> bool:
        """Begins a new generation of a shared store; False when nothing was lost. Raises StoreUnavailable."""
        return self._home.accept_loss is not None and await self._home.accept_loss()

    def started(self) -> bool:
        """Every upstream was asked for its tools once, with whatever result."""
        return all(learner.state.tried for learner in self._learners)

    def metrics(self) -> bytes:
        """Prometheus text format."""
        for upstream in self._upstreams.values():
            for target, standing in upstream.breakers().items():
                self._meter.breaker(target, standing)
        self._meter.store(up=self._home.fault() is None if self._home.shared else self._writer.store_ok)
        self._meter.pressed(self._pressure.lag_s, self._pressure.memory, self._pressure.level)
        return self._meter.text()
