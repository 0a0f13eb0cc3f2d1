"""Fixtures of the crash tests; the pieces are in `crash_kit`, and the help desk is that of the end-to-end tests."""

import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

import redis_kit
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

    def build(segment_bytes: int = SEGMENT_BYTES, timeout: str = "10s", **config: Any) -> Mortal:
        desk = {"kind": "mcp-http", "url": effects.desk.url, "timeout": timeout}
        till = {
            "kind": "mcp-stdio",
            "command": sys.executable,
            "args": ["-SE", str(Path(__file__).with_name("till.py")), str(effects.till)],
            "tools": {"*": {"effect": "mutating"}},
            "timeout": timeout,
        }
        config |= {
            "identity": {"keys": [entry]},
            "upstreams": {
                "desk": {**desk, "tools": EFFECTS},
                "vague": desk,  # nobody said what its tools do
                "till": till,
                "narrow": {**till, "max_in_flight": 1},
            },
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
def redis_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The `state` of a gateway whose ledger is a server that outlives it."""
    folder = tmp_path_factory.mktemp("valkey")
    server = redis_kit.server(data_dir=folder, persist=True)
    secret = folder / "secret.key"
    secret.write_text(secrets.token_hex(32) + "\n")
    secret.chmod(0o600)
    yield {"dir": "state", "store": redis_kit.url(server), "secret_file": str(secret)}
    server.stop()


@pytest.fixture(scope="session")
def shared() -> dict[str, Mortal]:
    """The gateways that the tests of a worker hand on to each other, with everything that earlier deaths left behind."""
    return {}


@pytest.fixture
def gateway(request: pytest.FixtureRequest, build: Built, shared: dict[str, Mortal]) -> Iterator[Mortal]:
    yield from _handed_on(request, shared, "sqlite", build)


@pytest.fixture
def redis_gateway(
    request: pytest.FixtureRequest, build: Built, shared: dict[str, Mortal], redis_state: dict[str, str]
) -> Iterator[Mortal]:
    """Its upstreams have little time, because what only a dead gateway's lease held is waited for."""
    yield from _handed_on(request, shared, "redis", lambda: build(timeout="1s", state=redis_state))


def _handed_on(
    request: pytest.FixtureRequest, shared: dict[str, Mortal], store: str, build: Callable[[], Mortal]
) -> Iterator[Mortal]:
    """Runs when a test begins. After a failed test nobody inherits it: one defect must not fail the others."""
    if store not in shared:
        shared[store] = build()
    if not shared[store].alive:
        shared[store].start()
    failed = request.session.testsfailed
    yield shared[store]
    if request.session.testsfailed > failed:
        del shared[store]
