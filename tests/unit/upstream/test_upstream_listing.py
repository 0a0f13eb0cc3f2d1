"""Listing: every page, raw; an end for servers without one; tools that clients must drop are dropped."""

from itertools import count

import pytest

from gateway.model.outcome import Answered, AnsweredError, Lost, Unsent
from gateway.ports import UpstreamFault
from gateway.upstream.listing import all_tools


def _tool(name: str, **more):
    return {"name": name, "inputSchema": {"type": "object"}, "x-unknown": [1]} | more


async def test_all_pages_are_read_in_order_and_raw() -> None:
    pages = {None: ([_tool("a")], "2"), "2": ([_tool("b"), _tool("c")], "3"), "3": ([], None)}

    async def fetch(members):
        tools, following = pages[members.get("cursor")]
        return Answered({"tools": tools} | ({"nextCursor": following} if following else {}))

    assert await all_tools("helpdesk", fetch) == [_tool("a"), _tool("b"), _tool("c")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answered({}), "without a list"),
        (Answered({"tools": {}}), "without a list"),
        (Answered({"tools": [], "nextCursor": "same"}), "in circles"),
        (Answered({"tools": [{"name": "a"}] * 10_001}), "more than 10000 tools"),
        (Answered({"tools": [{"name": "a" * 34_000_000}]}), "more than 33554432 bytes"),
        (AnsweredError(-32603, "SECRET of theirs"), "error -32603"),
        (Unsent("it could not be reached"), "could not be reached"),
        (Lost("no answer in time"), "no answer in time"),
    ],
)
async def test_what_is_no_list_is_a_fault_in_our_words(answer, words) -> None:
    async def fetch(_members):
        return answer

    with pytest.raises(UpstreamFault, match=words) as fault:
        await all_tools("helpdesk", fetch)
    assert "SECRET" not in str(fault.value)


async def test_a_tool_without_a_name_hides_none_of_the_others() -> None:
    async def fetch(_members):
        return Answered({"tools": ["a", {"name": 1}, _tool("b")]})

    assert await all_tools("helpdesk", fetch) == [_tool("b")]


async def test_pages_without_end_are_given_up() -> None:
    numbers = count()

    async def fetch(_members):
        return Answered({"tools": [], "nextCursor": str(next(numbers))})

    with pytest.raises(UpstreamFault, match="more than 100 pages"):
        await all_tools("helpdesk", fetch)
    assert next(numbers) == 100


async def test_a_tool_with_an_invalid_header_annotation_is_dropped() -> None:
    bad = {"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}}

    async def fetch(_members):
        return Answered({"tools": [_tool("a", inputSchema=bad), _tool("b"), {"name": "c"}]})

    assert [tool["name"] for tool in await all_tools("helpdesk", fetch)] == ["b", "c"]
