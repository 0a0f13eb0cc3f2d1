"""API keys made while the gateway runs: they work at once, end at once, expire, and are kept nowhere."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from e2e_clients import sdk
from e2e_kit import House, wait_for
from mcp.shared.exceptions import MCPError

from gateway.clock import SystemClock
from gateway.identity.keyring import Keyring


def opens(house: House, key: str) -> bool:
    status = house.gateway.rpc(key, "tools/list").status_code
    assert status in {200, 401}
    return status == 200


def made(house: House, **order: Any) -> dict[str, str]:
    answer = house.gateway.operator("POST", "/keys", json={"agent": "support-bot", "user": "alice", **order})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_new_key_works_with_the_next_request_and_a_revoked_one_no_more(house: House) -> None:
    key = made(house, id="laptop")

    assert opens(house, key["key"])
    assert house.gateway.operator("DELETE", "/keys/laptop").status_code == 200
    assert not opens(house, key["key"])
    assert house.gateway.operator("DELETE", "/keys/laptop2").status_code == 404


def test_what_another_process_does_to_the_key_file_holds_within_a_second(house: House) -> None:
    ring = Keyring(house.gateway.folder / "state/keys.json", SystemClock())

    key_id, key = ring.new("support-bot", "alice")
    wait_for(lambda: opens(house, key), "the new key", 1)
    ring.revoke(key_id)
    wait_for(lambda: not opens(house, key), "the revocation", 1)
    fresh = made(house)
    assert opens(house, fresh["key"])
    assert not opens(house, key)


async def test_a_session_of_a_revoked_key_ends_with_it(house: House) -> None:
    key = made(house)

    with contextlib.suppress(MCPError, ExceptionGroup):
        async with sdk(house.gateway, key["key"], "legacy") as session:
            assert (await session.list_tools()).tools
            house.gateway.operator("DELETE", f"/keys/{key['id']}")
            await session.list_tools()
            raise AssertionError("the session went on")
    assert house.gateway.records(reason="unauthenticated")[0]["detail"] == "The API key was revoked."


def test_a_key_expires(house: House) -> None:
    soon = datetime.fromtimestamp(int(SystemClock().now()) + 2, UTC)
    key = made(house, expires=soon.isoformat())["key"]

    assert opens(house, key)
    wait_for(lambda: not opens(house, key), "the key to expire", 3)
    assert not opens(house, made(house, expires=(soon - timedelta(hours=1)).isoformat())["key"])
    naive = house.gateway.operator("POST", "/keys", json={"agent": "support-bot", "expires": "2030-01-01T00:00:00"})
    assert naive.status_code == 422


def test_a_secret_is_shown_once_and_kept_nowhere(house: House) -> None:
    key = made(house, id="once")

    secret = key["key"].removeprefix("sp_once_").encode()
    kept = house.gateway.written()
    assert len(secret) >= 43
    assert {house.gateway.folder / "state/keys.json", house.gateway.log} <= kept.keys()
    assert [path for path, text in kept.items() if secret in text] == []
    listed = {one["id"]: one for one in house.gateway.operator("GET", "/keys").json()}
    assert listed["once"]["agent"] == "support-bot"
    assert "hash" not in listed["once"]
    assert house.gateway.operator("POST", "/keys", json={"agent": "support-bot", "id": "once"}).status_code == 409


def test_making_and_revoking_stand_in_the_chain_with_the_operator_who_did_it(house: House) -> None:
    key = made(house, id=None, expires=None)
    house.gateway.operator("DELETE", f"/keys/{key['id']}")

    revoked, new = house.gateway.records(kind="operator")[:2]
    assert (revoked["action"], revoked["facts"], revoked["who"]) == ("keys.revoke", {"id": key["id"]}, "local")
    assert (new["action"], new["facts"]["id"], new["who"]) == ("keys.new", key["id"], "local")
    assert new["facts"]["agent"] == "support-bot"


def test_a_key_with_a_name_that_is_none_or_for_an_agent_that_is_not_configured_is_refused(house: House) -> None:
    before = house.gateway.operator("GET", "/keys").json()
    for status, order in (
        (409, {"agent": "support-bot", "user": "a\u200bb"}),
        (422, {"agent": "Support Bot"}),
        (422, {"agent": "no-such-bot", "user": "alice"}),
    ):
        answer = house.gateway.operator("POST", "/keys", json=order)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "agent: there is no agent 'no-such-bot'; configured are ops-bot, support-bot"
    assert house.gateway.operator("GET", "/keys").json() == before
