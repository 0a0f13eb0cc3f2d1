"""Fixtures of the crash tests; the pieces are in `crash_kit`, and the help desk is that of the end-to-end tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from crash_births import Nursery
from crash_kit import SEGMENT_BYTES, Built, Effects, Mortal
from e2e_kit import HelpDesk, api_key

EFFECTS = {
    "refund_create": {"effect": "mutating"},
    "ticket_set_priority": {"effect": "idempotent"},
    "desk_echo": {"effect": "read"},
}


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def effects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Effects]:
    desk = HelpDesk(tmp_path_factory.mktemp("helpdesk"))
    till = tmp_path_factory.mktemp("till") / "paid.txt"
    till.touch()
    yield Effects(desk, till)
    desk.close()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery, effects: Effects) -> Iterator[Built]:
    """Makes gateways, each with a state folder of its own, not yet started."""
    built: list[Mortal] = []
    token, entry = api_key("bob-key", "ops-bot", "bob")
    desk = {"kind": "mcp-http", "url": effects.desk.url}
    till = {
        "kind": "mcp-stdio",
        "command": sys.executable,
        "args": ["-SE", str(Path(__file__).with_name("till.py")), str(effects.till)],
        "tools": {"*": {"effect": "mutating"}},
    }
    upstreams = {
        "desk": {**desk, "tools": EFFECTS},
        "vague": desk,  # nobody said what its tools do
        "till": till,
        "narrow": {**till, "max_in_flight": 1},
    }

    def build(segment_bytes: int = SEGMENT_BYTES) -> Mortal:
        config = {
            "identity": {"keys": [entry]},
            "upstreams": upstreams,
            "agents": {"ops-bot": {"tools": ["*/*"]}},
            "loops": "off",
            "audit": {"segment_bytes": segment_bytes},
        }
        built.append(Mortal(tmp_path_factory.mktemp("gateway"), config, nursery, token))
        return built[-1]

    yield build
    for gateway in built:
        if gateway.alive:
            gateway.stop()


@pytest.fixture(scope="session")
def shared() -> list[Mortal]:
    """The gateway that the tests of a worker hand on to each other, with everything that earlier deaths left behind."""
    return []


@pytest.fixture
def gateway(request: pytest.FixtureRequest, build: Built, shared: list[Mortal]) -> Iterator[Mortal]:
    """Runs when a test begins. After a failed test nobody inherits it: one defect must not fail the others."""
    if not shared:
        shared.append(build())
    if not shared[0].alive:
        shared[0].start()
    failed = request.session.testsfailed
    yield shared[0]
    if request.session.testsfailed > failed:
        shared.clear()
