"""What the house hands its rooms so that load and shares mean what the configuration says."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from shell_house import Clock, house, written

from gateway.app import House
from gateway.model.refusal import Refused
from gateway.model.tool import Effect

BOT: dict[str, Any] = {"owner": "team", "tools": ["helpdesk/*_get"]}


def built(folder: Path, **agents: Any) -> House:
    return House(written(folder, agents=agents), folder, Clock(), lambda _: None)


def test_who_is_configured_as_batch_is_shed_first(tmp_path: Path) -> None:
    pressure = built(tmp_path, bot=BOT, nightly=BOT | {"priority": "batch"}).pressure
    pressure.level = 1
    pressure.relieve("bot", Effect.READ)
    with pytest.raises(Refused, match="batch agents"):
        pressure.relieve("nightly", Effect.READ)


@pytest.mark.parametrize(("agents", "most"), [({"bot": BOT}, 32), ({"bot": BOT, "other": BOT}, 16)])
def test_an_upstream_that_several_agents_use_is_shared(tmp_path: Path, agents: Any, most: int) -> None:
    upstream = built(tmp_path, **agents).servers.upstreams["helpdesk"]
    assert sum(upstream.try_permit("bot") is not None for _ in range(40)) == most


async def test_an_open_house_watches_its_load(tmp_path: Path) -> None:
    made = house(tmp_path)
    await made.open()
    try:
        assert "pressure" in {task.get_name() for task in asyncio.all_tasks()}
    finally:
        await made.close()
