"""Fixtures of the end-to-end tests; the pieces are in `e2e_kit`."""

from collections.abc import Iterator

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
