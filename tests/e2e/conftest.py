"""Fixtures of the end-to-end tests; the pieces are in `e2e_kit`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import Gateway, HelpDesk, House, api_key, helpdesk_config


@pytest.fixture(scope="session")
def helpdesk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelpDesk]:
    desk = HelpDesk(tmp_path_factory.mktemp("helpdesk"))
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, helpdesk: HelpDesk) -> Iterator[House]:
    """Shared by the tests of one worker; a test that stops or breaks things starts its own."""
    alice, alice_entry = api_key("alice-key", "support-bot", "alice")
    bob, bob_entry = api_key("bob-key", "ops-bot", "bob")
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), helpdesk_config(helpdesk.url, [alice_entry, bob_entry]))
    gateway.start()
    yield House(gateway, helpdesk, alice, bob)
    gateway.stop()


@pytest.fixture
def new_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts a gateway of the test's own in `tmp_path`; it is stopped afterwards."""
    started: list[Gateway] = []

    def start(config: dict[str, Any], **more: Any) -> Gateway:
        started.append(Gateway(tmp_path, config, **more))
        started[-1].start()
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()
