"""A server that finds headers and body at odds: the tool is read again, and the call sent once more if that changes them."""

import pytest
from upstream_kit import OK, error, outbound, peer, reply, result, soon, tool, upstream

from gateway.model.news import ListChanged
from gateway.model.outcome import Answered, Unsent

_NOW = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


class Strict:
    """Wants `Mcp-Param-Region`, which its list says unless it lists `schema`."""

    def __init__(self, schema=_NOW) -> None:
        self.schema = schema
        self.executed = 0

    async def __call__(self, seen, writer) -> None:
        if seen.method == "tools/list":
            listed = [{"name": "refund", "inputSchema": self.schema}] if self.schema else []
            writer.write(reply(200, result(seen, {"tools": listed})))
        elif seen.headers.get("mcp-param-region") == "eu":
            self.executed += 1
            writer.write(reply(200, result(seen)))
        else:
            writer.write(reply(400, error(seen, -32020)))


async def test_a_tool_that_wants_another_header_now_is_read_again_and_called_once() -> None:
    script, heard = Strict(), []
    async with peer(script) as server, upstream(server.url) as up:
        up._following._hear = heard.append
        assert await up.send(outbound({"region": "eu"}, tool=tool()), soon()) == Answered(OK)
        assert script.executed == 1
        assert [seen.method for seen in server.seen] == ["tools/call", "tools/list", "tools/call"]
        assert heard == [ListChanged("tools")]


@pytest.mark.parametrize("schema", [{"type": "object"}, None, {"properties": {"region": {"x-mcp-header": "a b"}}}])
async def test_a_call_whose_headers_would_be_the_same_is_not_sent_again(schema) -> None:
    async with peer(Strict(schema)) as server, upstream(server.url) as up:
        outcome = await up.send(outbound({"region": "eu"}, tool=tool()), soon())
        assert outcome == Unsent("turned away with JSON-RPC error -32020", cause="never")
        assert len(server.calls("tools/call")) == 1


async def test_a_server_that_is_never_content_is_asked_twice_and_no_more() -> None:
    script = Strict()
    async with peer(script) as server, upstream(server.url) as up:
        outcome = await up.send(outbound({"region": "us"}, tool=tool()), soon())
        assert isinstance(outcome, Unsent)
        assert len(server.calls("tools/call")) == 2
