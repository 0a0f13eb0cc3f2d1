"""Bad tool lists: what one upstream lists hides, replaces and holds up nothing of the others."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from bad_peer import ECHO, OK, TOOLS, Peer, Script, Seen, error, hang_up, reply, result, says
from bad_siege import MAX_RESULT, Siege
from bad_wire import modern, written
from e2e_kit import wait_for

GOOD = {f"desk_{tool['name']}" for tool in TOOLS}
STEADY = {"steady_echo", "alone"}


def lists(*tools: Any) -> Script:
    return says(lambda seen: reply(200, result(seen, {"tools": list(tools)})))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    """Three upstreams: `desk`, which misbehaves; `steady`; and `bare`, whose tools have no prefix."""
    desk, steady, bare = (Peer(says(lambda seen: reply(200, result(seen)))) for _ in range(3))
    steady.listing, bare.listing = lists(TOOLS[0]), lists({"name": "alone", "inputSchema": ECHO})
    other = {"kind": "mcp-http", "era": "modern", "tools": {"*": {"effect": "read"}}}
    found = Siege(
        tmp_path_factory.mktemp("lists"),
        desk,
        desk={"refresh": "100ms", "timeout": "5s"},
        steady={**other, "url": steady.url},
        bare={**other, "url": bare.url, "prefix": "", "refresh": "100ms"},
    )
    found.bare = bare
    try:
        yield found
        found.kept_quiet()
    finally:
        for peer in (steady, bare):
            peer.close()
        found.close()


@pytest.fixture
def siege(three: Siege) -> Iterator[Siege]:
    yield three
    read = []

    def listing(seen: Seen) -> bytes:
        read.append(seen)
        return reply(200, result(seen, {"tools": TOOLS}))

    three.peer.listing = says(listing)
    wait_for(lambda: read and names(three) == GOOD | STEADY, "all tools")


def names(siege: Siege) -> set[str]:
    """What bob sees, who may see everything; first page."""
    answer = siege.ask(written(*modern("tools/list", key="bob")))
    assert answer is not None
    return {tool["name"] for tool in answer.json["result"]["tools"]}


def steady_serves(siege: Siege) -> None:
    assert siege.call("steady_echo", {}, key="bob").json["result"]["content"] == OK["content"]


def tool(name: Any, **schema: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", **schema}}


BAD: list[Any] = [
    7, "x", None, [], {}, {"name": 1}, {"name": "no_schema"}, tool(""), tool("a b"), tool("star*"), tool("unseen\u200b"),
    tool("long" * 100), {"name": "a_list", "inputSchema": []}, {"name": "no_object", "inputSchema": {"type": "string"}},
    tool("twice"), tool("twice", title="x"), tool("dots.in.it"), tool("dots_in_it"),
    tool("elsewhere", properties={"a": {"$ref": "http://evil.example/schema"}}),
    tool("nowhere", properties={"a": {"$ref": "#/$defs/none"}}),
    tool("no_rule", properties={"a": {"type": "strnig"}}),
    tool("no_properties", properties=[]),
    tool("no_pattern", properties={"a": {"pattern": "("}}),
    tool("ours", properties={"x_occurrence": {"type": "string"}}),
    tool("bad_header", properties={"a": {"type": "number", "x-mcp-header": "A"}}),
    tool("giant", description="x" * 600_000),
    tool("bomb", **{"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}}}, properties={"a": {"$ref": "#/$defs/d0"}}),
]  # fmt: skip


def test_a_bad_definition_hides_itself_and_nothing_else(siege: Siege) -> None:
    siege.peer.listing = lists(*BAD, *TOOLS, tool("after"))
    wait_for(lambda: "desk_after" in names(siege), "the list")

    assert names(siege) == GOOD | STEADY | {"desk_after"}
    siege.still_serves()
    assert siege.call("desk_twice", {}, key="bob").told["reason"] == "unknown-tool"
    told = " ".join(siege.operator("/policy")["hidden_tools"])
    for named in ("desk/no_schema", "desk/twice", "desk/dots.in.it", "desk/bomb", "desk/giant", "desk/ours"):
        assert named in told


def pages(endless: bool) -> Script:
    numbers = itertools.count(1)
    return says(
        lambda seen: reply(200, result(seen, {"tools": [], "nextCursor": str(next(numbers)) if endless else "same"}))
    )


FAULTS: dict[str, tuple[Script, str]] = {
    "no list": (says(lambda seen: reply(200, result(seen, {"tools": {}}))), "without a list of tools"),
    "10,001 tools": (lists(*(tool(f"t{n}") for n in range(10_001))), "more than 10000 tools"),
    "pages without end": (pages(endless=True), "more than 100 pages"),
    "pages in circles": (pages(endless=False), "in circles"),
    "a page of 4 MB": (lists(tool("big", description="x" * (MAX_RESULT + 1))), "more than 3145728 bytes"),
    "an error": (says(lambda seen: reply(200, error(seen.id, -32603, "SECRET"))), "error -32603"),
    "a hang-up": (hang_up, "broke before the answer"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_list_that_cannot_be_read_leaves_the_last_one_in_force(siege: Siege, name: str) -> None:
    siege.peer.listing, words = FAULTS[name]
    before = siege.gateway.log.read_text().count(words)

    wait_for(lambda: siege.gateway.log.read_text().count(words) > before, "the fault in the log")

    assert names(siege) == GOOD | STEADY
    siege.still_serves()
    steady_serves(siege)
    assert "SECRET" not in siege.gateway.log.read_text()


def test_ten_thousand_tools_hold_up_nobodys_calls(siege: Siege) -> None:
    def page(seen: Seen) -> bytes:
        first = int(seen.params.get("cursor", "0"))
        tools = [tool(f"t{number}", properties={"a": {"type": "string"}}) for number in range(first, first + 2_500)]
        following = {"nextCursor": str(first + 2_500)} if first < 7_500 else {}
        if not following:
            listed.append(served)
        return reply(200, result(seen, {"tools": tools, **following}))

    listed: list[int] = []
    served = 0
    siege.peer.listing = says(page)
    wait_for(lambda: listed, "the last page")
    while "desk_t0" not in names(siege):
        steady_serves(siege)
        served += 1
    # With the loop held up, the first of these calls would have had to wait for the end of it.
    assert served >= 3
    assert siege.call("desk_t9999", {"a": "x"}, key="bob").told == {}


def test_two_tools_of_one_name_are_both_hidden_and_neither_stands_in_for_the_other(siege: Siege) -> None:
    bare = siege.bare
    bare.listing = lists(tool("steady_echo"), tool("desk_pay"), tool("alone"))
    wait_for(lambda: "steady_echo" not in names(siege), "the collision")
    reached = len(bare.calls), len(siege.peer.calls)

    assert names(siege) == (GOOD | {"alone"}) - {"desk_pay"}
    for name, arguments in (("steady_echo", {}), ("desk_pay", {"to": "x", "cents": 1})):
        assert siege.call(name, arguments, key="bob").told["reason"] == "unknown-tool"
    assert (len(bare.calls), len(siege.peer.calls)) == reached
    # Only the agent that has both sees none: alice's agent has no tool of `bare`, so nothing collides for it.
    assert siege.call("desk_pay", {"to": "y", "cents": 1}).told == {}
    bare.listing = lists(tool("alone"))


def test_a_list_that_never_stays_the_same_is_followed(siege: Siege) -> None:
    turn = itertools.count()
    siege.peer.listing = says(
        lambda seen: reply(200, result(seen, {"tools": [*TOOLS, tool(f"turn_{next(turn) % 2}")]}))
    )
    seen = set()
    for _ in range(200):
        now = names(siege)
        assert now - {"desk_turn_0", "desk_turn_1"} == GOOD | STEADY
        seen |= now - GOOD - STEADY
        steady_serves(siege)
        if len(seen) == 2:
            break
    assert seen == {"desk_turn_0", "desk_turn_1"}
    for name in seen:
        assert siege.call(name, {}, key="bob").told.get("reason") in {None, "unknown-tool"}
