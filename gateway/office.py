"""The operator's side of one process: the desk put together from rooms, behind the operator plane.

Lives only here: which room answers which question of the desk. Constructs, like `app.py`, which calls it at the first
request: FastAPI is most of what starting would cost. Must not decide anything.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.approval.deciding import Deciding
from gateway.desks import AuditDesk, HouseDesk, KeyDesk
from gateway.explaining import Explainer
from gateway.operator.access import Person, token_hash
from gateway.operator.desk import Desk
from gateway.operator.plane import operator_plane
from gateway.policy.rules import Reload
from gateway.ports import Clock
from gateway.resolving import Resolving

if TYPE_CHECKING:
    from gateway.app import House


def office(house: "House", clock: Clock, last_reload: Callable[[], Reload | None]) -> Any:
    """The operator plane of a house, as an ASGI application."""
    about = HouseDesk(
        house.config,
        rules=house.rules,
        catalog=house.catalog,
        learners=house.servers.learners,
        upstreams=house.servers.upstreams,
        writer=house.writer,
        home=house.home,
        keyring=house.keyring,
        meter=house.meter,
        pressure=house.pressure,
        last_reload=last_reload,
    )
    desk = Desk(
        AuditDesk(house.index, clock),
        house.trail,
        house.stops,
        KeyDesk(house.keyring, frozenset(house.config.agents)),
        about,
        clock.now,
        Deciding(house.home.approvals, house.rules, house.trail, clock),
        Explainer(house.config, rules=house.rules, catalog=house.catalog, stops=house.stops),
        Resolving(house.home.claims, house.clean, house.trail, clock, house.keeping),
        house.home.purse,
    )
    tokens = {one.hash: Person(one.id, frozenset(one.roles), one.user) for one in house.config.operator.tokens}
    tokens[token_hash(house.state.operator_token)] = Person("local", frozenset({"viewer", "operator"}))
    return operator_plane(desk, tokens, None if house.spans is None else house.spans.provider)
