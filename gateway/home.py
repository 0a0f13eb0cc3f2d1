"""Where what must survive lives: one SQLite file of this process, or a Redis that several share.

Lives only here: which stores stand behind the seams of `homes.py` for a configuration, as one value. Must not decide
anything about a call. Built by `app.py`; Redis and its client are imported only where they are configured.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from gateway.config.schema import Config
from gateway.homes import ApprovalStore, ClaimStore, EndedSessions, FirstSeen, StopStore, Writer
from gateway.identity.seen import Seen
from gateway.ledger.brakes import Purse
from gateway.ledger.budgets import Budgets, UsedSince
from gateway.ledger.shared_budgets import SharedBudgets
from gateway.listener.ended import EndedHere
from gateway.ports import Clock, Reached
from gateway.state import StateFolder
from gateway.store import approvals_sqlite, ledger_sqlite, stops_sqlite
from gateway.store.approvals_sqlite import SqliteApprovals
from gateway.store.ledger_sqlite import SqliteClaims
from gateway.store.redis_home import redis_stores
from gateway.store.stops_sqlite import SqliteStops

SCHEMA: Final = (*ledger_sqlite.SCHEMA, *approvals_sqlite.SCHEMA, *stops_sqlite.SCHEMA)
"""Statements for the writer's file."""


@dataclass(frozen=True, slots=True)
class Home:
    """The stores of one process."""

    claims: ClaimStore
    approvals: ApprovalStore
    stops: StopStore
    purse: Purse
    ended: EndedSessions
    seen: FirstSeen
    fault: Callable[[], str | None]
    """What keeps mutating calls from being claimed now, for people; None when nothing does."""
    accept_loss: Callable[[], Awaitable[bool]] | None
    """An operator's word that a store that lost its memory may be used again; None where none can be lost."""
    watch: Callable[[Callable[[], Awaitable[None]]], None]
    """Names what to do when another process changed the kill switch."""
    confirmed_at: Callable[[], float | None]
    """Monotonic seconds when the rows of the kill switch were last known to be all there are; None before the first time."""
    start: Callable[[str], Awaitable[None]]
    """Takes what an earlier process wrote into the journal about the store's memory (`AuditIndex.memory`)."""
    close: Callable[[], Awaitable[None]]
    shared: bool


def sqlite_home(
    config: Config,
    state: StateFolder,
    writer: Writer,
    clock: Clock,
    reached: Reached,
    index: UsedSince,
) -> Home:
    """Everything in the one file behind `writer`, which whoever opened it closes."""

    async def nothing(_witnessed: str = "") -> None:
        """It has no connection of its own."""

    claims, budgets = SqliteClaims(writer, clock, state.key("ledger"), reached), Budgets(config.budgets, clock, index)
    claims.on_resolved = lambda token, executed: budgets.resolved(token, executed=executed)
    return Home(
        claims,
        SqliteApprovals(writer, state.key("approvals")),
        SqliteStops(writer),
        budgets,
        EndedHere(clock),
        Seen(clock),
        lambda: None,
        None,
        lambda _: None,
        clock.monotonic,
        nothing,
        nothing,
        shared=False,
    )


def redis_home(
    config: Config,
    state: StateFolder,
    writer: Writer,
    clock: Clock,
    reached: Reached,
    _index: UsedSince,
) -> Home:
    """Everything in a Redis that several gateways share; the journal stays here."""
    stores = redis_stores(
        config.state.store,
        secret=state.key("ledger"),
        approvals_secret=state.key("approvals"),
        writer=writer,
        clock=clock,
        seen_here=Seen(clock),
        reached=reached,
        generation_file=state.path / "redis-generation",
        assume_noeviction=config.state.assume_noeviction,
    )

    def watch(changed: Callable[[], Awaitable[None]]) -> None:
        stores.watch.on_stops = changed

    return Home(
        stores.claims,
        stores.approvals,
        stores.stops,
        SharedBudgets(config.budgets, clock, stores.budgets),
        stores.sessions,
        stores.seen,
        lambda: stores.fault,
        stores.accept_loss,
        watch,
        lambda: stores.watch.confirmed_at,
        stores.start,
        stores.close,
        shared=True,
    )
