"""The kill switch over several gateways as a machine: orders, pushes that get lost, looks, outages, calls.

Each gateway runs the real rows, staleness and reads over one store; an oracle that knows every order says which calls may
pass. What a gateway has seen it obeys at once, for calls that come, that depart later, and that wait; what it cannot have
seen it obeys at its next look, and after too long without one it stops by itself.
"""

from collections.abc import Coroutine, Sequence
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from gateway.config.stops import KillSwitch
from gateway.ledger.staleness import Staleness
from gateway.ledger.stops import Stops
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.stop import Stop, StopKind, StopMode
from gateway.model.tool import Effect, Tool
from gateway.model.work import StoreUnavailable

GATEWAYS: Final = range(3)
MODES: Final[Sequence[StopMode]] = ("stop", "read-only", "pause")
NAMES: Final[Sequence[tuple[StopKind, str]]] = (
    ("all", ""),
    ("tenant", "acme"),
    ("agent", "bot"),
    ("user", "alice"),
    ("tool", "desk/pay"),
    ("upstream", "desk"),
    ("run", "night"),
)
CALLERS: Final = (
    Principal("acme", "bot", "p", "alice", "p", run="night"),
    Principal("acme", "bot", "p", "bob", "p"),
    Principal("other", "bot", "p"),
    Principal("other", "crawler", "p", "alice", "p", run="day"),
)
TOOLS: Final = tuple(
    Tool(f"{upstream}/{name}", upstream, name, {}, "0" * 64, effect)
    for upstream, name in (("desk", "pay"), ("desk", "look"), ("mail", "pay"))
    for effect in (Effect.READ, Effect.MUTATING, Effect.UNSET)
)
Rows = dict[tuple[StopKind, str], StopMode]
Call = tuple[int, Principal, Tool]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Nothing in here waits for anything but the store, and the store is at hand."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


class Store:
    """What all gateways share: rows, and a version."""

    def __init__(self) -> None:
        self.rows: dict[tuple[StopKind, str], Stop] = {}
        self.away = False

    async def put(self, stop: Stop) -> None:
        self._reach()
        self.rows[stop.name] = stop

    async def lift(self, kind: StopKind, target: str) -> bool:
        self._reach()
        return self.rows.pop((kind, target), None) is not None

    async def all(self) -> Sequence[Stop]:
        self._reach()
        return list(self.rows.values())

    def _reach(self) -> None:
        if self.away:
            raise StoreUnavailable("away")


class Clock:
    steady = 1000.0

    def now(self) -> float:
        return self.steady

    def monotonic(self) -> float:
        return self.steady


class Gateway:
    """One of them, and what the oracle says it has seen."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.confirmed_at: float | None = None
        self.stops = Stops(store, Staleness(KillSwitch(), clock, lambda: self.confirmed_at))
        self.seen: Rows = {}
        self.own: Rows = {}
        """Orders given here that the store did not take."""
        self.started = clock.monotonic()
        self.pulled = False

    @property
    def in_force(self) -> Rows:
        """Of an order of its own and one that it heard of the stricter holds."""
        rows = dict(self.seen)
        for name, mode in self.own.items():
            rows[name] = max(mode, rows.get(name, mode), key=("read-only", "pause", "stop").index)
        return rows


def touching(rows: Rows, who: Principal, tool: Tool) -> list[StopMode]:
    facts = {"all": "", "tenant": who.tenant, "agent": who.agent, "user": who.user, "run": who.run}
    facts |= {"tool": tool.id, "upstream": tool.upstream}
    return [mode for (kind, target), mode in rows.items() if facts[kind] == target]


def expected(modes: list[StopMode], tool: Tool, *, waiting: bool) -> Reason | None:
    """The oracle, written down on its own."""
    writes = tool.effect is not Effect.READ
    if "stop" in modes:
        return Reason.STOPPED
    if "pause" in modes and not waiting:
        return Reason.PAUSED
    return Reason.STOPPED if "read-only" in modes and writes else None


class KillSwitches(RuleBasedStateMachine):
    waiting: Bundle[Call] = Bundle("waiting")

    @initialize()
    def start(self) -> None:
        self.store, self.clock = Store(), Clock()
        self.gateways = [Gateway(self.store, self.clock) for _ in GATEWAYS]

    @rule(
        at=st.sampled_from(GATEWAYS),
        name=st.sampled_from(NAMES),
        mode=st.sampled_from(MODES),
        heard=st.sets(st.sampled_from(GATEWAYS)),
    )
    def order(self, at: int, name: tuple[StopKind, str], mode: StopMode, heard: set[int]) -> None:
        gateway, strictness = self.gateways[at], ("read-only", "pause", "stop").index
        in_force = gateway.in_force.get(name)
        looser = in_force is not None and strictness(mode) < strictness(in_force)
        try:
            run(gateway.stops.stop(Stop(*name, "drill", "ops", self.clock.now(), mode)))
        except StoreUnavailable:
            if not looser:  # in force all the same, here
                gateway.own[name] = mode
            return
        gateway.own.pop(name, None)
        gateway.seen[name] = mode
        self._push(heard)

    @rule(at=st.sampled_from(GATEWAYS), name=st.sampled_from(NAMES), heard=st.sets(st.sampled_from(GATEWAYS)))
    def lift(self, at: int, name: tuple[StopKind, str], heard: set[int]) -> None:
        gateway = self.gateways[at]
        try:
            lifted = run(gateway.stops.lift(*name))
        except StoreUnavailable:
            return
        assert lifted or name not in gateway.in_force
        gateway.own.pop(name, None)
        gateway.seen.pop(name, None)
        self._push(heard)

    @rule(at=st.sampled_from(GATEWAYS))
    def look(self, at: int) -> None:
        """The poll, or a push that arrived."""
        gateway = self.gateways[at]
        try:
            run(gateway.stops.load())
        except StoreUnavailable:
            return
        gateway.confirmed_at = self.clock.monotonic()
        strictness = ("read-only", "pause", "stop").index
        for name, mode in gateway.own.items():
            assert strictness(self.store.rows[name].mode) >= strictness(mode), "a stop without the store is told to all"
        gateway.own.clear()
        gateway.seen = {name: stop.mode for name, stop in self.store.rows.items()}

    @rule(away=st.booleans())
    def outage(self, away: bool) -> None:
        self.store.away = away

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 5.0, 26.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.clock.steady += seconds

    @rule(at=st.sampled_from(GATEWAYS), there=st.booleans())
    def stop_file(self, at: int, there: bool) -> None:
        gateway = self.gateways[at]
        gateway.pulled = there
        gateway.stops.pull(Stop("all", "", "by hand", "STOP", self.clock.now()) if there else None)

    @rule(target=waiting, at=st.sampled_from(GATEWAYS), who=st.sampled_from(CALLERS), tool=st.sampled_from(TOOLS))
    def call(self, at: int, who: Principal, tool: Tool) -> Any:
        """Who is let in may wait: for a person, a twin, a slot."""
        return (at, who, tool) if self._passes((at, who, tool)) else multiple()

    @rule(call=waiting)
    def depart(self, call: Call) -> None:
        self._passes(call)

    @rule(call=waiting)
    def wait_on(self, call: Call) -> None:
        at, who, tool = call
        gateway = self.gateways[at]
        ended = gateway.stops.ended(who, tool)
        wanted = expected(self._modes(gateway, who, tool), tool, waiting=True)
        assert (ended.reason if ended else None) is wanted

    @invariant()
    def nothing_seen_is_ever_forgotten(self) -> None:
        for gateway in getattr(self, "gateways", []):
            in_force = {stop.name: stop.mode for stop in gateway.stops.stops() if stop.by != "STOP"}
            assert in_force == gateway.in_force

    def _push(self, heard: set[int]) -> None:
        for at in sorted(heard):
            self.look(at)

    def _modes(self, gateway: Gateway, who: Principal, tool: Tool) -> list[StopMode]:
        return touching(gateway.in_force, who, tool) + (["stop"] if gateway.pulled else [])

    def _passes(self, call: Call) -> bool:
        at, who, tool = call
        gateway = self.gateways[at]
        wanted = expected(self._modes(gateway, who, tool), tool, waiting=False) or self._stale(gateway, tool)
        try:
            gateway.stops.check(who, tool)
        except Refused as refused:
            assert refused.refusal.reason is wanted
            return False
        assert wanted is None
        self._bounded(gateway, who, tool)
        return True

    def _stale(self, gateway: Gateway, tool: Tool) -> Reason | None:
        since = gateway.started if gateway.confirmed_at is None else gateway.confirmed_at
        unread_s, reads = self.clock.monotonic() - since, tool.effect is Effect.READ
        stale = unread_s >= 30 or (not reads and (unread_s >= 5 or gateway.confirmed_at is None))
        return Reason.STORE_UNAVAILABLE if stale else None

    def _bounded(self, gateway: Gateway, who: Principal, tool: Tool) -> None:
        """What passes although an order in the store bars it passes within the bound and not after it."""
        rows = {name: stop.mode for name, stop in self.store.rows.items()}
        if expected(touching(rows, who, tool), tool, waiting=False) is None:
            return
        since = gateway.started if gateway.confirmed_at is None else gateway.confirmed_at
        assert self.clock.monotonic() - since < (30 if tool.effect is Effect.READ else 5)


TestKillSwitches = KillSwitches.TestCase
