"""The composition root: from a configuration to concrete rooms, to two ASGI applications, to two listening servers.

Lives only here: construction, and the order in which things start and stop. The only file that constructs, with
`home.py` for the stores, `servers.py` for the upstreams and `office.py` for the desk. Must not decide anything about a call. `serve` runs until told to stop.
"""

import asyncio
import gc
import logging
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import uuid_utils

from gateway import __version__
from gateway.approval.room import Questions
from gateway.audit.journal import SegmentJournal
from gateway.audit.recovery import close_open_calls
from gateway.audit.segments import tail
from gateway.audit.trail import Trail
from gateway.background import go_over, keep_up, until_done, watch_policy
from gateway.catalog.room import Curation
from gateway.clock import SystemClock
from gateway.config.schema import Config, Issuer, Peer
from gateway.doubting import Doubting, Keeping
from gateway.home import SCHEMA, redis_home, sqlite_home
from gateway.identity.jwks import KeySets, key_client
from gateway.identity.keyring import Keyring
from gateway.identity.peers import Peers
from gateway.identity.room import Callers
from gateway.ledger.loops import Loops
from gateway.ledger.room import OnceLedger
from gateway.ledger.staleness import Staleness
from gateway.ledger.stops import Stops
from gateway.ledger.trips import Trips
from gateway.listener.door import Door
from gateway.listener.hub import ALL
from gateway.listener.plane import AgentPlane
from gateway.listener.sessions import Sessions
from gateway.model.news import ListChanged, News
from gateway.pipeline import Road
from gateway.policy.rules import Reload, Rules
from gateway.policy.schemas import check_conditions
from gateway.ports import Clock, Reached
from gateway.pressure import Pressure, memory_share
from gateway.probing import Probing, misdeclared
from gateway.sanitize.room import Clean
from gateway.servers import Servers
from gateway.serving import Lazily, listen
from gateway.state import StateFolder
from gateway.stop_file import StopFile
from gateway.store.audit_index import AuditIndex
from gateway.store.writer import GroupWriter
from gateway.tasks import Tasks
from gateway.telemetry import Meter, log_to_stderr, observer, spans_of

_log = logging.getLogger("sallyport")
DRAIN_S = 30.0
"""How long calls may take to reach their record from the moment when the process is told to stop."""
_LAST_WORDS_S = 1.0
"""For the records of requests that were cut off at the end of it."""


class House:
    """All rooms of one process, from `open` to `close`."""

    def __init__(self, config: Config, base: Path, clock: Clock, reached: Reached) -> None:
        """Takes the state folder and builds every room. Raises StateUnusable, PolicyFaults, JournalDamaged."""
        self.config = config
        self._base = base
        self._clock = clock
        self._last_reload: Reload | None = None
        self._misread: frozenset[str] = frozenset()
        """Conditions that read arguments which no tool has, and probes that are no reads, as far as operators were told."""
        self._drained_by: float | None = None
        self.tasks = Tasks()
        self._beside = Tasks()
        self.meter = Meter()
        self.pressure = Pressure(
            None if config.shedding == "off" else config.shedding,
            frozenset(name for name, agent in config.agents.items() if agent.priority == "batch"),
            clock,
            memory_share,
        )
        self.spans = spans_of(config.telemetry, __version__)
        self.rules = Rules.load(config.policy, base, clock)
        secret_file = config.state.secret_file and base / config.state.secret_file
        self.state = StateFolder(base / config.state.dir, secret_file, reached)
        folder = self.state.path
        self.clean = Clean(config.sanitize, self.state.key("redaction"))
        self._journal = SegmentJournal(
            folder / "journal", segment_bytes=config.audit.segment_bytes, clock=clock, reached=reached
        )
        self.writer = GroupWriter(folder / "ledger.db", self._journal, reached=reached, schema=SCHEMA)
        self.index = AuditIndex(folder / "audit-index.db", partial(tail, folder / "journal"))
        self.trail = Trail(
            self.writer,
            clock,
            lambda value: self.clean.redacted(value).value,
            config.audit.reads_when_unwritable,
            observer(self.meter, self.spans, lambda ended: self._trips.ended(ended)),  # noqa: PLW0108  made below
            ephemeral=config.state.ephemeral,
        )
        shared = config.state.store != "sqlite"
        home = redis_home if shared else sqlite_home
        self.home = home(config, self.state, self.writer, clock, reached, self.index)
        self.stops = Stops(self.home.stops, Staleness(config.kill_switch, clock, self.home.confirmed_at))
        self.stop_file = StopFile(folder, self.stops, self.trail.operator, clock.now)
        self._trips = Trips(config.trips, self.stops, self.trail, clock, self._beside)
        self.catalog = Curation(
            config.upstreams,
            config.agents,
            lambda definition, kind: self.clean.definition(definition, kind).value,
            repeats=config.idempotency.repeat_argument != "off",
        )
        self.servers = Servers(config, base, clock, reached, self.catalog, self._beside, self._tell)
        self.keyring = Keyring(folder / "keys.json", clock, [key.id for key in config.identity.keys])
        self.keeping = Keeping(config.idempotency.ttl.total_seconds(), config.idempotency.once_ttl.total_seconds())
        self.doubting = Doubting(
            self.home.claims,
            Probing(self.catalog.tool, self.servers.upstreams, self.stops.check, clock),
            self.catalog.tool,
            self.clean,
            self.trail,
            clock,
            self.tasks,
            self.keeping,
            self.meter.doubts.set,
        )
        self.road = self._road(base, reached)
        self.agent_plane = AgentPlane(
            self.road,
            Sessions(self.state.key("sessions"), clock, self.home.ended),
            allowed=Door.of(config.listen.agent, config.listen.hosts, config.listen.origins),
            issuers=[issuer.issuer for issuer in config.identity.issuers],
            clock=clock,
            new_call_id=_new_id,
            version=__version__,
            http=self.servers.routes,
            state_key=self.state.key("request state"),
            interviews=self.tasks,
            call_ids=config.idempotency.call_ids,
        )
        self.agent_plane.hub.wanted = self.servers.want

    def _road(self, base: Path, reached: Reached) -> Road:
        config, clock, home = self.config, self._clock, self.home
        owners: list[Issuer | Peer] = [*config.identity.issuers, *config.identity.peers]
        self._key_client = key_client() if any(owner.jwks is not None for owner in owners) else None
        keysets = KeySets(owners, self._key_client, clock, self._beside, base)
        since = 0.0 if home.shared else clock.now()
        peers = Peers(config.identity.peers, keysets, home.seen, clock, since) if config.identity.peers else None
        ledger = OnceLedger(
            home.claims,
            self.stops,
            home.purse,
            None if config.loops == "off" else Loops(config.loops, clock, self._trips.pause),
            clock,
            self.state.key("record keys"),
            secrets.token_hex(8),
            reached,
            self.tasks,
            self._beside,
            config.idempotency,
        )
        self.questions = Questions(home.approvals, self.rules, config.approvals, clock, _new_id)
        return Road(
            identity=Callers(config.identity, config.agents, self.keyring, keysets, clock, peers),
            catalog=self.catalog,
            policy=self.rules,
            ledger=ledger,
            approvals=self.questions,
            looks=self.doubting,
            hold_s=config.approvals.hold.total_seconds(),
            relieve=self.pressure.relieve,
            upstreams=self.servers.upstreams,
            sanitize=self.clean,
            audit=self.trail,
            tasks=self.tasks,
            clock=clock,
            trace_share=None if self.spans is None else config.telemetry.sample,
        )

    async def open(self) -> None:
        """Recovers what the last process left, then starts what goes on beside the calls."""
        left = await self.index.open_intents()  # now: soon calls of our own are open as well
        if self.home.shared:  # may be away; what was left open is closed once it is back
            self.home.watch(self.stops.load)
            await self.home.start(await self.index.memory())
            self._beside.start(until_done(partial(self._recover, left)), "recovery")
        else:
            await self._recover(left)
            await self.stops.load()
        await self.stop_file.look()
        self._beside.start(self.stop_file.watch(), "stop-file")
        await self.servers.open()
        files = (self.config.policy.model, self.config.policy.rows, self.config.policy.conditions)
        paths = [self._base / path for path in files if path is not None]
        self._beside.start(watch_policy(paths, self._reload_policy), "watch-policy")
        self._beside.start(keep_up(self.index.catch_up), "audit-index")
        self._beside.start(self.pressure.watch(), "pressure")
        self._beside.start(go_over(self.doubting.sweep), "doubts")

    async def _recover(self, left: Sequence[Mapping[str, Any]]) -> None:
        """Closes what a process that died under this state folder left open. Raises StoreUnavailable."""
        doubted = await self.home.claims.recover()
        closed = await close_open_calls(left, self.home.claims.fate, self.writer, self._clock)
        if doubted or closed:
            _log.warning("recovered: %d calls in doubt, %d records closed", len(doubted), closed)

    def stop(self) -> None:
        """Begins the end: who only listens or waits for a person is let go, and the time to drain runs, once."""
        self.agent_plane.close()
        self.questions.let_go()
        self._drained_by = self._drained_by or self._clock.monotonic() + DRAIN_S

    def hurry(self) -> None:
        """The end, now: what is under way keeps a second for its record and is given up."""
        self._drained_by = self._clock.monotonic()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self.tasks.cancel)

    async def close(self) -> None:
        """Lets departed calls reach their record, then closes in the reverse order of opening."""
        self.stop()
        assert self._drained_by is not None
        wait_s = max(_LAST_WORDS_S, self._drained_by - self._clock.monotonic())
        if left := await self.tasks.drain(wait_s):
            _log.warning("%d calls had no answer yet; they will be in doubt at the next start", left)
        await self.tasks.close()
        await self.servers.close()
        await self._beside.close()
        await self.home.close()
        if self._key_client is not None:
            await self._key_client.aclose()
        await self.index.close()
        await self.writer.close()
        self._journal.close()
        if self.spans is not None:
            await self.spans.close()
        self.state.close()

    def operator_plane(self) -> Any:
        """Built at the first request: FastAPI is most of what starting would cost."""
        from gateway.office import office

        return office(self, self._clock, lambda: self._last_reload)

    async def _reload_policy(self) -> None:
        known = self._last_reload.faults if self._last_reload is not None else ()
        self._last_reload = await asyncio.to_thread(self.rules.reload)
        self.meter.policy_stale.set(bool(self._last_reload.faults))
        if self._last_reload.faults != known:  # a log in the folder that is watched must not call for the next reload
            for fault in self._last_reload.faults:
                _log.error("policy not taken, version %s stays: %s", self.rules.version, fault)
        if self._last_reload.changed:
            _log.info("policy version %s is in force", self.rules.version)
            for kind in sorted(ALL):
                self._tell(ListChanged(kind))
            await self.trail.operator("gateway", "policy.loaded", {"version": self.rules.version})

    def _tell(self, news: News) -> None:
        """Brings news to agents; when tools or policy changed, conditions and probes are held against the tools they name."""
        self.agent_plane.hub.hear(news)
        if news == ListChanged("tools"):
            conditions = check_conditions(self.rules.snapshot, self.catalog.schemas())
            faults = frozenset([*map(str, conditions), *misdeclared(self.catalog.tools())])
            for fault in sorted(faults - self._misread):
                _log.warning("%s", fault)
            self._misread = faults


def _new_id() -> str:
    return str(uuid_utils.uuid7())


async def serve(config: Config, base: Path, reached: Reached = lambda _: None) -> None:
    """Serves both planes until SIGINT or SIGTERM. `base` is the folder of the configuration file.

    Raises StateUnusable, PolicyFaults, JournalDamaged, OSError (an address that is taken).
    """
    log_to_stderr(config.telemetry.log_level, config.telemetry.log_format)
    house = House(config, base, SystemClock(), reached)
    try:
        await house.open()
        gc.collect()
        gc.freeze()  # what was built so far stays; collecting it over and over would only stop the loop
        addresses = config.listen
        _log.info("agents: http://%s/mcp   operators: http://%s/docs", addresses.agent, addresses.operator)
        planes = [(addresses.agent, house.agent_plane), (addresses.operator, Lazily(house.operator_plane))]
        await listen(planes, house.stop, DRAIN_S, house.hurry)
    finally:
        await house.close()


__all__: Sequence[str] = ("House", "serve")
