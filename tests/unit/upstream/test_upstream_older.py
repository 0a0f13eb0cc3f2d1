"""HTTP+SSE (2024-11-05): taken where Streamable HTTP is not understood, on the server's own origin only, and never sent twice."""

import asyncio
import contextlib
import json
import logging

import mcp_types as types
import pytest
import uvicorn
from dialogue_kit import FORM, SSE, Caller, event, note, question
from mcp.server.lowlevel.server import Server
from mcp.server.sse import SseServerTransport
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route
from upstream_kit import OK, outbound, peer, reply, soon, tool, until, upstream

from gateway.model.outcome import Answered, Lost, Unsent


class Old:
    """A server of 2024-11-05: GET /mcp is the stream, POST /mcp is `refuses`, messages go to the endpoint."""

    def __init__(self, endpoint: str = "/messages?session=1", refuses: int = 405, say=None) -> None:
        self.endpoint = endpoint
        self.refuses = refuses
        self.say = say
        self.writer: asyncio.StreamWriter | None = None
        self.streams = 0
        self.initialized: list = []
        self.answers: asyncio.Queue = asyncio.Queue()

    def send(self, message) -> None:
        self.writer.write(event(message))

    async def __call__(self, seen, writer) -> None:
        if seen.head.startswith("GET"):
            self.streams += 1
            self.writer = writer
            writer.write(SSE + f"event: endpoint\ndata: {self.endpoint}\n\n".encode())
            await writer.drain()
            await writer.wait_closed()
        elif seen.head.startswith("POST /mcp"):
            writer.write(reply(self.refuses))
        elif seen.method == "tools/call" and self.say is not None:
            await self.say(self, seen, writer)
        else:
            writer.write(reply(202))
            await writer.drain()
            await self._take(seen)

    async def _take(self, seen) -> None:
        if seen.method == "initialize":
            self.initialized.append(seen.message["params"])
            said = {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {}}
            self.send({"jsonrpc": "2.0", "id": seen.message["id"], "result": said})
        elif seen.method and "id" in seen.message:
            self.send({"jsonrpc": "2.0", "id": seen.message["id"], "result": OK})
        elif not seen.method:
            self.answers.put_nowait(seen.message)


@pytest.mark.parametrize("refuses", [400, 404, 405])
async def test_a_server_that_refuses_streamable_http_is_opened_over_its_stream(refuses) -> None:
    script = Old(refuses=refuses)
    async with peer(script) as server, upstream(server.url, era="auto") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert await asyncio.gather(*(up.send(outbound(), soon()) for _ in range(3))) == [Answered(OK)] * 3
        assert script.streams == 1
        assert all(seen.head.startswith("POST /messages?session=1 ") for seen in server.calls("tools/call"))


async def test_progress_and_questions_reach_the_caller_whose_stream_it_is() -> None:
    async def say(old, seen, writer):
        writer.write(reply(202))
        await writer.drain()
        token = seen.message["params"]["_meta"]["progressToken"]
        old.send(note("progress", progressToken=token, progress=1))
        old.send(question(5))

        async def finish():
            old.got = await asyncio.wait_for(old.answers.get(), 5)
            old.send({"jsonrpc": "2.0", "id": seen.message["id"], "result": OK})

        old.finishing = asyncio.ensure_future(finish())

    script, caller = Old(say=say), Caller({"a": 1}, capabilities=FORM, progress_token="mine", session=b"one")
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(dialogue=caller), soon()) == Answered(OK)
        await script.finishing
    assert script.got["result"] == {"a": 1}
    assert script.initialized[0]["capabilities"] == FORM
    assert caller.told == [("notifications/progress", {"progressToken": "mine", "progress": 1})]


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:1/x", "https://{host}/x", "//evil.test/x", "http://[", "x" * 5000]
)
async def test_an_endpoint_elsewhere_is_never_talked_to(endpoint) -> None:
    script = Old()
    async with peer(script) as server, upstream(server.url, era="legacy", headers={"Authorization": "s"}) as up:
        script.endpoint = endpoint.replace("{host}", server.url.split("/")[2])
        outcome = await up.send(outbound(), soon())
        assert outcome == Unsent("it did not open a session (HTTP 405)", cause="never")
        assert [seen.head.split(" ")[0] for seen in server.seen] == ["POST", "GET"]


async def test_a_server_that_offers_no_stream_either_is_what_it_was() -> None:
    async def script(seen, writer):
        writer.write(reply(404))

    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        outcome = await up.send(outbound(), soon())
        assert isinstance(outcome, Unsent)
        assert "HTTP 404" in outcome.why


async def test_a_stream_that_names_no_endpoint_is_given_up_in_time() -> None:
    async def script(seen, writer):
        if seen.head.startswith("GET"):
            writer.write(SSE)
            await server.hang()
        writer.write(reply(405))

    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        assert isinstance(await up.send(outbound(), soon(0.3)), Unsent)


async def test_a_stream_that_dies_loses_what_is_in_flight_and_the_next_call_opens_another() -> None:
    async def say(old, seen, writer):
        writer.write(reply(202))
        if old.streams == 1:
            old.writer.transport.abort()
        else:
            old.send({"jsonrpc": "2.0", "id": seen.message["id"], "result": OK})

    script = Old(say=say)
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon()) == Lost("its stream ended before the answer")
        assert len(server.calls("tools/call")) == 1
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert len(server.calls("tools/call")) == 2
        assert script.streams == 2


async def test_an_endpoint_that_knows_the_session_no_more_is_opened_again_and_the_call_sent_there() -> None:
    async def say(old, seen, writer):
        if old.streams == 1 and seen.message["params"]["arguments"]:
            old.endpoint = "/messages?session=2"
            writer.write(reply(404))
        else:
            writer.write(reply(202))
            old.send({"jsonrpc": "2.0", "id": seen.message["id"], "result": OK})

    async with peer(Old(say=say)) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert await up.send(outbound({"n": 1}), soon()) == Answered(OK)
        assert len(server.calls("tools/call")) == 3


async def test_silence_is_a_timeout_and_a_broken_post_is_lost() -> None:
    async def silent(old, seen, writer):
        writer.write(reply(202))

    async def broken(old, seen, writer):
        writer.transport.abort()

    async with peer(Old(say=silent)) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon(0.3)) == Lost("no answer in time", timed_out=True)
    async with peer(Old(say=broken)) as server, upstream(server.url, era="legacy") as up:
        assert isinstance(await up.send(outbound(), soon()), Lost)
        assert len(server.calls("tools/call")) == 1


async def test_garbage_on_the_stream_is_passed_over_or_ends_it() -> None:
    async def odd(old, seen, writer):
        writer.write(reply(202))
        for said in ([], {"jsonrpc": "2.0", "id": 999, "result": {}}, {"jsonrpc": "2.0", "id": None, "error": {}}):
            old.send(said)
        old.writer.write(b"event: endpoint\ndata: http://evil.test/\n\n")
        if old.streams == 1:
            old.send({"jsonrpc": "2.0", "id": seen.message["id"], "result": OK})
        old.writer.write(b"data: {\n\n")

    script = Old(say=odd)
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        await until(lambda: up._links.shared is None)
        assert await up.send(outbound(), soon()) == Lost("its stream ended before the answer")


@contextlib.asynccontextmanager
async def _sdk_sse():
    async def call(_context, params):
        return types.CallToolResult(content=[types.TextContent(text=json.dumps(params.arguments))])

    async def listed(_context, _params):
        return types.ListToolsResult(tools=[types.Tool(name="echo", input_schema={"type": "object"})])

    server, transport = Server("old", on_list_tools=listed, on_call_tool=call), SseServerTransport("/messages/")

    async def stream(request):
        async with transport.connect_sse(request.scope, request.receive, request._send) as (read, write):
            await server.run(read, write, server.create_initialization_options())
        return Response()

    app = Starlette(
        routes=[Route("/mcp", stream, methods=["GET"]), Mount("/messages/", app=transport.handle_post_message)]
    )
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1, ws="none")
    running = uvicorn.Server(config)
    serving = asyncio.ensure_future(running._serve())
    await until(lambda: running.started)
    try:
        yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        running.should_exit = True
        await serving


async def test_a_server_of_the_sdk_over_its_oldest_transport_is_listed_and_called() -> None:
    async with _sdk_sse() as url:
        async with upstream(url, era="auto") as up:
            assert [entry["name"] for entry in await up.list_tools(soon())] == ["echo"]
            outcome = await up.send(outbound({"n": 1}, tool=tool("echo")), soon())
            assert isinstance(outcome, Answered)
            assert outcome.result["content"][0]["text"] == '{"n": 1}'
