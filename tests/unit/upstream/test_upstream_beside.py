"""What a server offers beside tools: all pages, only what it says it has, bounded; and calls for it with their headers."""

from itertools import count

import pytest
from upstream_kit import OK, outbound, peer, reply, result, soon, tool, upstream

from gateway.model.outcome import Answered, Unsent
from gateway.model.tool import Beside
from gateway.ports import UpstreamFault
from gateway.upstream.listing import all_beside

_ALL = {"prompts": {}, "resources": {}, "tools": {}}
_LISTS = {
    "prompts/list": {"prompts": [{"name": "p", "x-unknown": 1}, {"title": "nameless"}]},
    "resources/list": {"resources": [{"uri": "file:///a", "name": "a"}, {"name": "no uri"}]},
    "resources/templates/list": {"resourceTemplates": [{"uriTemplate": "file:///{x}", "name": "t"}, 7]},
}
_WHOLE = Beside(
    prompts=[{"name": "p", "x-unknown": 1}],
    resources=[{"uri": "file:///a", "name": "a"}],
    templates=[{"uriTemplate": "file:///{x}", "name": "t"}],
)


@pytest.mark.parametrize(
    ("able", "methods"),
    [({}, []), ({"tools": {}}, []), ({"prompts": {}}, ["prompts/list"]), ({"prompts": True}, []), (_ALL, list(_LISTS))],
)
async def test_only_what_the_server_says_it_has_is_asked_for(able, methods) -> None:
    asked = []

    async def fetch(method, _members):
        asked.append(method)
        return Answered(_LISTS[method])

    beside = await all_beside("helpdesk", able, fetch)
    assert asked == methods
    assert beside == (_WHOLE if able == _ALL else Beside(prompts=_WHOLE.prompts if methods else ()))


async def test_all_pages_are_read_and_pages_without_end_are_given_up() -> None:
    async def two(_method, members):
        more = {} if members else {"nextCursor": "2"}
        return Answered({"prompts": [{"name": members.get("cursor", "1")}]} | more)

    async def endless(_method, _members):
        return Answered({"prompts": [], "nextCursor": str(next(numbers))})

    numbers = count()
    assert [entry["name"] for entry in (await all_beside("h", {"prompts": {}}, two)).prompts] == ["1", "2"]
    with pytest.raises(UpstreamFault, match="its prompts on more than 100 pages"):
        await all_beside("h", {"prompts": {}}, endless)


async def test_a_server_that_knows_no_templates_has_none_but_a_broken_list_is_a_fault() -> None:
    async def none(method, _members):
        return Unsent("-32601", cause="never") if "templates" in method else Answered(_LISTS[method])

    async def down(method, _members):
        return Unsent("unreached", cause="unreached") if "templates" in method else Answered(_LISTS[method])

    assert (await all_beside("h", _ALL, none)).templates == []
    with pytest.raises(UpstreamFault, match="resources"):
        await all_beside("h", _ALL, down)


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_server_of_either_era_is_asked_what_it_can_do_and_listed(era) -> None:
    async def script(seen, writer):
        if seen.method == "initialize":
            said = {"protocolVersion": "2025-11-25", "capabilities": _ALL}
        elif seen.method == "server/discover":
            said = {"supportedVersions": ["2026-07-28"], "capabilities": _ALL}
        else:
            said = _LISTS.get(seen.method, OK)
        writer.write(reply(200, result(seen, said)) if "id" in seen.message else reply(202))

    async with peer(script) as server, upstream(server.url, era=era) as up:
        assert await up.list_beside(soon()) == _WHOLE
    for seen in server.seen:
        assert seen.headers.get("mcp-method") == (seen.method if era == "modern" else None)


async def test_a_server_that_does_not_say_what_it_can_do_is_a_fault_in_our_words() -> None:
    async def script(seen, writer):
        writer.write(reply(200, result(seen, {"capabilities": ["SECRET"]})))

    async with peer(script) as server, upstream(server.url) as up:
        with pytest.raises(UpstreamFault, match="did not say what it can do") as fault:
            await up.list_beside(soon())
        assert "SECRET" not in str(fault.value)
    async with upstream(server.url, era="legacy") as up:
        with pytest.raises(UpstreamFault, match="could not be reached"):
            await up.list_beside(soon())


_TEMPLATE = {"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": "v"}}


@pytest.mark.parametrize(
    ("method", "kind", "arguments", "params", "name"),
    [
        ("prompts/get", "prompt", {"a": "ü"}, {"name": "ü", "arguments": {"a": "ü"}}, "=?base64?w7w=?="),
        ("resources/read", "resource", {}, {"uri": "ü"}, "=?base64?w7w=?="),
        ("completion/complete", "completion", _TEMPLATE, _TEMPLATE, None),
        ("tools/call", "tool", {"r": 1}, {"name": "ü", "arguments": {"r": 1}}, "=?base64?w7w=?="),
    ],
)
async def test_every_method_has_its_params_and_its_headers(method, kind, arguments, params, name) -> None:
    async def script(seen, writer):
        writer.write(reply(200, result(seen)))

    schema = {"type": "object", "properties": {"r": {"type": "integer", "x-mcp-header": "R"}}}
    call = outbound(arguments, tool=tool("ü", schema, kind=kind), method=method)
    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(call, soon()) == Answered(OK)
    [seen] = server.seen
    assert seen.method == seen.headers["mcp-method"] == method
    assert seen.headers.get("mcp-name") == name
    assert seen.headers.get("mcp-param-r") == ("1" if method == "tools/call" else None)
    seen.message["params"].pop("_meta")
    assert seen.message["params"] == params
