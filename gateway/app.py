"""The composition root: from a configuration to concrete rooms, to two ASGI applications, to two listening servers.

Lives only here: construction, and the order in which things start and stop. The only file that constructs. Must not
decide anything about a call. `check` says offline what would keep a start from succeeding; `serve` runs until told to
stop.
"""

import asyncio
import gc
import logging
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import uuid_utils

from gateway import __version__
from gateway.audit.journal import SegmentJournal
from gateway.audit.recovery import close_open_calls
from gateway.audit.segments import tail
from gateway.audit.trail import Trail
from gateway.background import Learner, keep_up, watch_policy
from gateway.catalog.problems import problems as catalog_problems
from gateway.catalog.room import Curation
from gateway.clock import SystemClock
from gateway.config.schema import Config
from gateway.desks import AuditDesk, HouseDesk, KeyDesk
from gateway.identity.jwks import KeySets, key_client
from gateway.identity.keyring import Keyring
from gateway.identity.problems import problems as identity_problems
from gateway.identity.room import Callers
from gateway.ledger.budgets import Budgets
from gateway.ledger.loops import Loops
from gateway.ledger.room import OnceLedger
from gateway.ledger.stops import Stops
from gateway.listener.door import Door
from gateway.listener.plane import AgentPlane
from gateway.listener.sessions import Sessions
from gateway.operator.desk import Desk
from gateway.pipeline import Road
from gateway.policy.faults import PolicyFaults
from gateway.policy.rules import Reload, Rules
from gateway.ports import Clock, Reached
from gateway.sanitize.room import Clean
from gateway.serving import Lazily, listen
from gateway.state import StateFolder
from gateway.store import ledger_sqlite, stops_sqlite
from gateway.store.audit_index import AuditIndex
from gateway.store.ledger_sqlite import SqliteClaims
from gateway.store.stops_sqlite import SqliteStops
from gateway.store.writer import GroupWriter
from gateway.tasks import Tasks
from gateway.telemetry import Meter, log_to_stderr
from gateway.upstream.make import make_upstream

_log = logging.getLogger("sallyport")
DRAIN_S = 30.0
"""How long calls may take to reach their record from the moment when the process is told to stop."""
_LAST_WORDS_S = 1.0
"""For the records of requests that were cut off at the end of it."""


def check(config: Config, base: Path) -> list[str]:
    """Everything that would keep a start from succeeding, offline, as printable lines."""
    found = [
        *identity_problems(config.identity, config.agents),
        *catalog_problems(config.upstreams, config.agents),
    ]
    try:
        Rules.load(config.policy, base, SystemClock())
    except PolicyFaults as bad:
        found += [str(fault) for fault in bad.faults]
    return found


class House:
    """All rooms of one process, from `open` to `close`."""

    def __init__(self, config: Config, base: Path, clock: Clock, reached: Reached) -> None:
        """Takes the state folder and builds every room. Raises StateUnusable, PolicyFaults, JournalDamaged."""
        self.config = config
        self._base = base
        self._clock = clock
        self._last_reload: Reload | None = None
        self._drained_by: float | None = None
        self.tasks = Tasks()
        self._beside = Tasks()
        self.meter = Meter()
        self.rules = Rules.load(config.policy, base, clock)
        self.state = StateFolder(base / config.state.dir, config.state.secret_file, reached)
        folder = self.state.path
        self.clean = Clean(config.sanitize, self.state.key("redaction"))
        self._journal = SegmentJournal(
            folder / "journal", segment_bytes=config.audit.segment_bytes, clock=clock, reached=reached
        )
        self.writer = GroupWriter(
            folder / "ledger.db", self._journal, reached=reached, schema=(*ledger_sqlite.SCHEMA, *stops_sqlite.SCHEMA)
        )
        self.index = AuditIndex(folder / "audit-index.db", partial(tail, folder / "journal"))
        self.trail = Trail(
            self.writer,
            clock,
            lambda value: self.clean.redacted(value).value,
            config.audit.reads_when_unwritable,
            self.meter.ended,
        )
        self.claims = SqliteClaims(self.writer, clock, self.state.key("ledger"), reached)
        self.stops = Stops(SqliteStops(self.writer))
        self.catalog = Curation(
            config.upstreams, config.agents, lambda definition: self.clean.definition(definition).value
        )
        self.upstreams = {
            name: make_upstream(name, section, clock, self._beside, reached)
            for name, section in config.upstreams.items()
        }
        self.learners = [
            Learner(upstream, self.catalog, config.upstreams[name].refresh.total_seconds(), clock)
            for name, upstream in self.upstreams.items()
        ]
        self.keyring = Keyring(folder / "keys.json", clock, [key.id for key in config.identity.keys])
        self._key_client = key_client() if config.identity.issuers else None
        keysets = KeySets(config.identity.issuers, self._key_client, clock, self._beside)
        self.road = Road(
            identity=Callers(config.identity, config.agents, self.keyring, keysets, clock),
            catalog=self.catalog,
            policy=self.rules,
            ledger=OnceLedger(
                self.claims,
                self.stops,
                Budgets(config.budgets, clock, self.index.count_calls),
                None if config.loops == "off" else Loops(config.loops, clock),
                clock,
                self.state.key("record keys"),
                secrets.token_hex(8),
                reached,
                self.tasks,
            ),
            upstreams=self.upstreams,
            sanitize=self.clean,
            audit=self.trail,
            tasks=self.tasks,
            clock=clock,
        )
        self.agent_plane = AgentPlane(
            self.road,
            Sessions(self.state.key("sessions"), clock),
            allowed=Door.of(config.listen.agent, config.listen.hosts, config.listen.origins),
            issuers=[issuer.issuer for issuer in config.identity.issuers],
            clock=clock,
            new_call_id=lambda: str(uuid_utils.uuid7()),
            version=__version__,
        )

    async def open(self) -> None:
        """Recovers what the last process left, then starts what goes on beside the calls."""
        doubted = await self.claims.recover()
        closed = await close_open_calls(await self.index.open_intents(), self.claims.state_of, self.writer, self._clock)
        if doubted or closed:
            _log.warning("recovered: %d calls in doubt, %d records closed", len(doubted), closed)
        await self.stops.load()
        for learner in self.learners:
            self._beside.start(learner.run(), f"list-{learner.upstream.id}")
        files = (self.config.policy.model, self.config.policy.rows, self.config.policy.conditions)
        paths = [self._base / path for path in files if path is not None]
        self._beside.start(watch_policy(paths, self._reload_policy), "watch-policy")
        self._beside.start(keep_up(self.index.catch_up), "audit-index")

    def stop(self) -> None:
        """Begins the end: whoever only listens is let go, and the time to drain runs, however often this is called."""
        self.agent_plane.close()
        self._drained_by = self._drained_by or self._clock.monotonic() + DRAIN_S

    async def close(self) -> None:
        """Lets departed calls reach their record, then closes in the reverse order of opening."""
        self.stop()
        assert self._drained_by is not None
        wait_s = max(_LAST_WORDS_S, self._drained_by - self._clock.monotonic())
        if left := await self.tasks.drain(wait_s):
            _log.warning("%d calls had no answer yet; they will be in doubt at the next start", left)
        await self.tasks.close()
        for upstream in self.upstreams.values():
            await upstream.close()
        await self._beside.close()
        if self._key_client is not None:
            await self._key_client.aclose()
        await self.index.close()
        await self.writer.close()
        self._journal.close()
        self.state.close()

    def operator_plane(self) -> Any:
        """Built at the first request: FastAPI is most of what starting would cost."""
        from gateway.operator.access import Person, token_hash
        from gateway.operator.plane import operator_plane

        house = HouseDesk(
            self.config,
            rules=self.rules,
            catalog=self.catalog,
            learners=self.learners,
            writer=self.writer,
            keyring=self.keyring,
            meter=self.meter,
            last_reload=lambda: self._last_reload,
        )
        desk = Desk(
            AuditDesk(self.index, self._clock), self.trail, self.stops, KeyDesk(self.keyring), house, self._clock.now
        )
        tokens = {token.hash: Person(token.id, frozenset(token.roles)) for token in self.config.operator.tokens}
        tokens[token_hash(self.state.operator_token)] = Person("local", frozenset({"viewer", "operator"}))
        return operator_plane(desk, tokens)

    async def _reload_policy(self) -> None:
        known = self._last_reload.faults if self._last_reload is not None else ()
        self._last_reload = await asyncio.to_thread(self.rules.reload)
        self.meter.policy_stale.set(bool(self._last_reload.faults))
        if self._last_reload.faults != known:  # a log in the folder that is watched must not call for the next reload
            for fault in self._last_reload.faults:
                _log.error("policy not taken, version %s stays: %s", self.rules.version, fault)
        if self._last_reload.changed:
            _log.info("policy version %s is in force", self.rules.version)
            await self.trail.operator("gateway", "policy.loaded", {"version": self.rules.version})


async def serve(config: Config, base: Path, reached: Reached = lambda _: None) -> None:
    """Serves both planes until SIGINT or SIGTERM. `base` is the folder of the configuration file.

    Raises StateUnusable, PolicyFaults, JournalDamaged, OSError (an address that is taken).
    """
    log_to_stderr(config.telemetry.log_level)
    house = House(config, base, SystemClock(), reached)
    try:
        await house.open()
        gc.collect()
        gc.freeze()  # what was built so far stays; collecting it over and over would only stop the loop
        addresses = config.listen
        _log.info("agents: http://%s/mcp   operators: http://%s/docs", addresses.agent, addresses.operator)
        planes = [(addresses.agent, house.agent_plane), (addresses.operator, Lazily(house.operator_plane))]
        await listen(planes, house.stop, DRAIN_S)
    finally:
        await house.close()


__all__: Sequence[str] = ("House", "check", "serve")
