"""The operator's desk over real rooms: who sees what and why, health, keys, records."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shell_house import ROWS, Clock, desks, house, written

from gateway.app import House
from gateway.model.call import Arrival
from gateway.model.outcome import AuditOutcome
from gateway.model.principal import Principal
from gateway.model.tool import Beside


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[House]:
    made = house(tmp_path)
    yield made
    await made.close()


async def test_a_pair_is_told_what_it_sees_and_why_the_rest_is_hidden(built: House) -> None:
    seen = {sight.tool: sight for sight in desks(built)[2].tools("bot", "alice", "default")}

    published = {tool: sight.published for tool, sight in seen.items() if sight.published}
    assert published == {"helpdesk/ticket_get": "helpdesk_ticket_get", "helpdesk/refund": "helpdesk_refund"}
    assert seen["helpdesk/ticket_get"].effect == "read"
    assert seen["helpdesk/ticket_get"].why.startswith("allow reads (policy.csv:2)")
    assert seen["helpdesk/export"].why == "hidden: allow export (policy.csv:4); deny nobody (policy.csv:5)"
    assert seen["helpdesk/mail_send"].why == "hidden: not among the tools of agent bot"
    assert seen["helpdesk/wipe"].why == "hidden: no rule permits it"


@pytest.mark.parametrize(
    ("kind", "target", "warned"),
    [
        ("agent", "bot", None),
        ("agent", "bott", "no agent 'bott' is known here; did you mean 'bot'?"),
        ("upstream", "helpdesk", None),
        ("upstream", "shop", "no upstream 'shop' is known here"),
        ("tool", "helpdesk/wipe", None),
        ("tool", "helpdesk/wipes", "no tool 'helpdesk/wipes' is known here; did you mean 'helpdesk/wipe'?"),
        ("tool", "shop/pay", "no tool 'shop/pay' is known here"),
        ("user", "nobody", None),
        ("run", "nightly-7", None),
        ("tenant", "acme", None),
        ("all", "", None),
    ],
)
async def test_a_stop_of_a_name_that_nobody_has_is_warned_of(built: House, kind, target, warned) -> None:
    assert desks(built)[2].stranger(kind, target) == warned


async def test_a_tool_of_a_server_that_was_never_listed_may_well_be_there(tmp_path: Path) -> None:
    unlisted = House(written(tmp_path), tmp_path, Clock(), lambda _: None)
    assert desks(unlisted)[2].stranger("tool", "helpdesk/refund") is None
    await unlisted.close()


async def test_a_pair_is_told_the_same_of_prompts_resources_and_templates(tmp_path: Path) -> None:
    rows = ROWS + (
        "p, drafts, role:support, default, *, helpdesk/draft, prompt, -, allow\n"
        "p, kb,     role:support, default, *, helpdesk/kb://*/**, read, -, allow\n"
    )
    agents = {
        "bot": {"tools": [], "prompts": ["helpdesk/d*"], "resources": ["helpdesk/kb://**", "other/kb://**"]},
        "boss": {"tools": [], "prompts": ["*/*"], "resources": ["helpdesk/**"]},
        "peer": {"tools": [], "resources": ["other/**"]},
    }
    upstreams = {name: {"kind": "mcp-http", "url": "http://127.0.0.1:1/mcp"} for name in ("helpdesk", "other")}
    built = House(written(tmp_path, rows, upstreams=upstreams, agents=agents), tmp_path, Clock(), lambda _: None)
    prompts = [{"name": name} for name in ("draft", "dismiss", "erase")]
    resources = [{"uri": uri, "name": "a"} for uri in ("kb://a/1", "kb://a/2", "log://1")]
    template = [{"uriTemplate": "kb://a/{id}", "name": "t"}]
    built.catalog.learn_beside("helpdesk", Beside(prompts, resources, template))
    built.catalog.learn_beside("other", Beside([], [{"uri": "kb://a/2", "name": "theirs"}], []))

    seen = {(one.kind, one.tool): one for one in desks(built)[2].tools("bot", "alice", "default")}
    road = built.road.open(Arrival("call-1", None, None)), Principal("default", "bot", "key:x", "alice", "key:x")
    listed = [one["name"] for one in await built.road.list_beside(*road, "prompts")]
    await built.close()

    published = {kind: one.published for (kind, _), one in seen.items() if one.published}
    assert published == {"prompt": "helpdesk_draft", "resource": "kb://a/1", "template": "kb://a/{id}"}
    assert listed == ["helpdesk_draft"]
    assert seen["prompt", "helpdesk/draft"].why.startswith("allow drafts (policy.csv:6)")
    assert seen["prompt", "helpdesk/dismiss"].why == "hidden: no rule permits it"
    assert seen["prompt", "helpdesk/erase"].why == "hidden: not among the prompts of agent bot"
    assert seen["resource", "helpdesk/log://1"].why == "hidden: not among the resources of agent bot"
    assert seen["resource", "kb://a/2"].why.startswith("hidden: it clashes with another")
    assert seen["resource", "other/kb://a/2"].why.startswith("hidden: it clashes with another")


async def test_whoever_a_rule_nearly_permits_is_told_which(built: House) -> None:
    seen = {sight.tool: sight for sight in desks(built)[2].tools("bot", "mallory", "default")}

    assert seen["helpdesk/refund"].why.startswith("hidden: no rule permits it; nearest is refunds, which ")


@pytest.mark.parametrize(("user", "tenant"), [("mallory", "default"), (None, "default"), ("alice", "acme")])
async def test_another_user_machine_or_tenant_sees_nothing(built: House, user: str | None, tenant: str) -> None:
    assert not any(sight.published for sight in desks(built)[2].tools("bot", user, tenant))


async def test_an_agent_that_is_not_configured_is_a_key_error(built: House) -> None:
    with pytest.raises(KeyError):
        desks(built)[2].tools("nobody", None, "default")


async def test_what_the_desk_shows_is_what_the_road_lists(built: House) -> None:
    record = built.road.open(Arrival("call-1", None, None))
    _, secret = desks(built)[1].new(agent="bot", user="alice", tenant="default", key_id=None, expires=None)

    principal = await built.road.identify(record, Arrival("call-1", secret, None))
    listed = [tool["name"] for tool in await built.road.list_tools(record, principal)]

    seen = desks(built)[2].tools("bot", "alice", "default")
    assert sorted(listed) == sorted(sight.published for sight in seen if sight.published)


async def test_agents_upstreams_and_policy_are_shown(built: House) -> None:
    desk = desks(built)[2]

    assert [(agent["id"], agent["owner"], agent["curated"]) for agent in desk.agents()] == [("bot", "team", 4)]
    assert desk.upstreams() == [
        {
            "id": "helpdesk",
            "address": "http://127.0.0.1:1/mcp",
            "tools": 0,
            "listed_at": None,
            "fault": None,
            "breakers": {},
        }
    ]
    assert desk.policy() == {
        "version": built.rules.version,
        "notes": [],
        "refused": [],
        "conditions": [],
        "probes": [],
        "hidden_tools": [],
    }


async def test_starting_ends_when_every_upstream_was_asked_once(built: House) -> None:
    desk = desks(built)[2]
    assert not desk.started()

    built.servers.learners[0].state.tried = True

    assert desk.started()


async def test_health_names_what_is_wrong_and_an_upstream_is_no_part_of_it(built: House) -> None:
    desk = desks(built)[2]
    built.servers.learners[0].state.fault = "connection refused"
    assert set(desk.health().values()) == {"ok"}

    (built.state.path / "keys.json").write_text("{")
    built.keyring.refresh()

    assert {name for name, state in desk.health().items() if state != "ok"} == {"keys"}


async def test_keys_are_shown_without_their_hashes_and_revoked(built: House) -> None:
    desk = desks(built)[1]
    key_id, secret = desk.new(agent="bot", user="alice", tenant="default", key_id="k-1", expires=None)

    assert key_id == "k-1"
    assert [(key["id"], key["agent"], key["user"]) for key in desk.ls()] == [("k-1", "bot", "alice")]
    assert secret not in str(desk.ls())
    assert "hash" not in desk.ls()[0]
    with pytest.raises(ValueError, match="k-1"):
        desk.new(agent="bot", user=None, tenant="default", key_id="k-1", expires=None)
    assert desk.revoke("k-1")
    assert not desk.revoke("k-9")


async def test_records_are_found_page_by_page_and_all_at_once(built: House) -> None:
    desk = desks(built)[0]
    for number in range(5):
        record = built.road.open(Arrival(f"call-{number}", None, None))
        record.note(kind="call", agent="bot")
        await record.seal(AuditOutcome.REFUSED, reason="policy-denied")
    await built.trail.operator("olga", "kill", {"kind": "all"})

    first = await desk.query({"kind": "call", "limit": "3", "order": "oldest"})
    rest = await desk.query({"kind": "call", "limit": "3", "order": "oldest", "cursor": str(first.next)})
    streamed = [record async for record in desk.all({"kind": "call", "limit": "2"})]

    assert [record["call"] for record in (*first.records, *rest.records)] == [f"call-{n}" for n in range(5)]
    assert rest.next is None
    assert sorted(record["call"] for record in streamed) == [f"call-{n}" for n in range(5)]
    assert [entry["reason"] for entry in await desk.call("call-3")] == ["policy-denied"]
    assert (await desk.query({"kind": "operator"})).records[0]["who"] == "olga"


@pytest.mark.parametrize("filters", [{"tol": "x"}, {"limit": "0"}, {"cursor": "x"}, {"outcome": "fine"}])
async def test_a_question_that_makes_no_sense_is_a_value_error(built: House, filters: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(filters))):
        await desks(built)[0].query(filters)


async def test_metrics_count_what_the_record_says(built: House) -> None:
    record = built.road.open(Arrival("call-1", None, None))
    await record.seal(AuditOutcome.REJECTED, reason="malformed")

    text = desks(built)[2].metrics().decode()

    assert 'sallyport_requests_total{kind="request",outcome="rejected",reason="malformed"} 1.0' in text
