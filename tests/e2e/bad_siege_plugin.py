"""The siege that the tests of bad agents, bad upstreams and mutations share; they name this plugin, each worker starts one."""

from collections.abc import Iterator

import pytest
from bad_peer import Peer, reply, result, says
from bad_siege import Siege


@pytest.fixture(scope="session")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    found = Siege(tmp_path_factory.mktemp("siege"), Peer(says(lambda seen: reply(200, result(seen)))))
    try:
        yield found
        found.kept_quiet()
    finally:
        found.close()


@pytest.fixture
def good(siege: Siege) -> Siege:
    """The siege with an upstream on its best behaviour, and nothing in its log that only an operator would see."""
    siege.peer.script = says(lambda seen: reply(200, result(seen)))
    return siege
