"""What a server does, and what became of the call: the truth table over `Carried`, on a raw socket."""

import asyncio
import gzip

import pytest
from upstream_kit import OK, chunk, error, outbound, peer, reply, result, soon, upstream

from gateway.model.outcome import Answered, AnsweredError, Lost, Unsent


def _say(make):
    async def script(seen, writer):
        writer.write(make(seen))

    return script


def _say_and_close(make):
    async def script(seen, writer):
        writer.write(make(seen))
        await writer.drain()
        writer.close()

    return script


async def _reset(seen, writer):
    writer.transport.abort()


async def _close(seen, writer):
    writer.close()


def _sse(seen, *messages: bytes) -> bytes:
    body = b"".join(b"event: message\r\ndata: " + message + b"\r\n\r\n" for message in messages)
    return reply(200, body, kind="text/event-stream")


def _id(seen) -> bytes:
    return str(seen.message["id"]).encode()


_HUGE = b'{"jsonrpc":"2.0","id":%s,"result":{"x":"' + b"x" * 5000 + b'"}}'
_REQUIRED = {"sampling": {}, "elicitation": {"url": {"x": "theirs"}, "theirs": {}}, "theirs": {}}
_LACKS = "it needs a capability the client did not declare"
_PAST = "Fri, 15 Jan 2027 07:59:00 GMT"
_SOON = "Fri, 15 Jan 2027 08:00:07 GMT"  # the kit's clock stands at 08:00:00

TABLE = {
    "result": (_say(lambda s: reply(200, result(s))), Answered(OK)),
    "isError": (_say(lambda s: reply(200, result(s, {"isError": True}))), Answered({"isError": True})),
    "result on HTTP 500": (_say(lambda s: reply(500, result(s))), Answered(OK)),
    "other error": (_say(lambda s: reply(200, error(s, -32603))), AnsweredError(-32603, "theirs")),
    "other error, HTTP 500": (_say(lambda s: reply(500, error(s, 7, a=1))), AnsweredError(7, "theirs", {"a": 1})),
    "invalid params": (_say(lambda s: reply(400, error(s, -32602))), AnsweredError(-32602, "theirs")),
    **{
        f"code {code}": (
            _say(lambda s, c=code: reply(200, error(s, c))),
            Unsent(f"turned away with JSON-RPC error {code}", cause="never"),
        )
        for code in (-32700, -32600, -32601, -32020, -32022)
    },
    "lacks a capability": (
        _say(lambda s: reply(400, error(s, -32021, requiredCapabilities=_REQUIRED))),
        Unsent(_LACKS, cause="never", required={"sampling": {}, "elicitation": {"url": {}}}),
    ),
    "lacks what it does not say": (
        _say(lambda s: reply(400, error(s, -32021))),
        Unsent(_LACKS, cause="never", required={}),
    ),
    "refused, id null": (
        _say(lambda s: reply(400, error(None, -32600))),
        Unsent("turned away with JSON-RPC error -32600", cause="never"),
    ),
    "other error, id null": (_say(lambda s: reply(500, error(None, -32603))), Lost("an error that names no request")),
    "404 with JSON-RPC": (
        _say(lambda s: reply(404, error(s, -32001))),
        Unsent("turned away with JSON-RPC error -32001", cause="never"),
    ),
    **{
        f"HTTP {status}": (
            _say(lambda s, c=status: reply(c, b"no")),
            Unsent(f"turned away with HTTP {status}", cause="never"),
        )
        for status in (401, 403, 405, 413, 415)
    },
    "429 seconds": (_say(lambda s: reply(429, retry_after="3")), Unsent("turned away with HTTP 429", 3000)),
    "429 date": (_say(lambda s: reply(429, retry_after=_SOON)), Unsent("turned away with HTTP 429", 7000)),
    "429 past": (_say(lambda s: reply(429, retry_after=_PAST)), Unsent("turned away with HTTP 429", 0)),
    "429 nonsense": (_say(lambda s: reply(429, retry_after="later")), Unsent("turned away with HTTP 429")),
    "bare 404": (_say(lambda s: reply(404)), Lost("HTTP 404 without an answer")),
    "bare 503": (_say(lambda s: reply(503, b"<html>", retry_after="3")), Lost("malformed JSON")),
    "redirect": (_say(lambda s: reply(307, location="/elsewhere")), Lost("HTTP 307 without an answer")),
    "202": (_say(lambda s: reply(202)), Lost("HTTP 202 without an answer")),
    "reset": (_reset, Lost("the connection broke before the answer was complete")),
    "closed": (_close, Lost("the connection broke before the answer was complete")),
    "half a head": (
        _say_and_close(lambda s: b"HTTP/1.1 200"),
        Lost("the connection broke before the answer was complete"),
    ),
    "half a body": (
        _say_and_close(lambda s: reply(200, result(s))[:-9]),
        Lost("the connection broke before the answer was complete"),
    ),
    "too long a length": (
        _say_and_close(lambda s: reply(200, result(s), content_length="3000")),
        Lost("the connection broke before the answer was complete"),
    ),
    "too short a length": (
        _say_and_close(lambda s: reply(200, result(s), content_length="9")),
        Lost("the connection broke before the answer was complete"),
    ),
    "huge length": (
        _say(lambda s: reply(200, result(s), content_length="99999999999")),
        Lost("an answer of more than 4096 bytes"),
    ),
    "bad chunks": (
        _say_and_close(lambda s: reply(200, b"zz\r\n", transfer_encoding="chunked")),
        Lost("the connection broke before the answer was complete"),
    ),
    "not HTTP": (
        _say_and_close(lambda s: b"SSH-2.0-x\r\n\r\n"),
        Lost("the connection broke before the answer was complete"),
    ),
    "long header": (
        _say(lambda s: reply(200, result(s), x="x" * 20_000)),
        Lost("the connection broke before the answer was complete"),
    ),
    "many headers": (
        _say(lambda s: reply(200, result(s), **{f"x{n}": "y" for n in range(200)})),
        Lost("the connection broke before the answer was complete"),
    ),
    "wrong id": (
        _say(lambda s: reply(200, {"jsonrpc": "2.0", "id": 999, "result": {}})),
        Lost("an answer to another request"),
    ),
    "id as text": (
        _say(lambda s: reply(200, {"jsonrpc": "2.0", "id": str(s.message["id"]), "result": {}})),
        Lost("an answer to another request"),
    ),
    "not JSON-RPC": (_say(lambda s: reply(200, {"ok": True})), Lost("not JSON-RPC: jsonrpc is not 2.0")),
    "batch": (_say(lambda s: reply(200, b"[]")), Lost("not JSON-RPC: a batch")),
    "malformed": (_say(lambda s: reply(200, b'{"jsonrpc":')), Lost("malformed JSON")),
    "NaN": (
        _say(lambda s: reply(200, b'{"jsonrpc":"2.0","id":%s,"result":{"x":NaN}}' % _id(s))),
        Lost("malformed JSON"),
    ),
    "same key twice": (
        _say(lambda s: reply(200, b'{"jsonrpc":"2.0","id":%s,"result":{"x":1,"x":2}}' % _id(s))),
        Lost("malformed JSON"),
    ),
    "huge body": (_say(lambda s: reply(200, _HUGE % _id(s))), Lost("an answer of more than 4096 bytes")),
    "huge chunked body": (
        _say(lambda s: reply(200, chunk(_HUGE % _id(s)) + b"0\r\n\r\n", transfer_encoding="chunked")),
        Lost("an answer of more than 4096 bytes"),
    ),
    "gzip bomb": (
        _say(lambda s: reply(200, gzip.compress(b" " * 10_000_000)[:4000], content_encoding="gzip")),
        Lost("a compressed answer, which was not asked for"),
    ),
    "SSE result": (_say(lambda s: _sse(s, reply(200, result(s)).partition(b"\r\n\r\n")[2])), Answered(OK)),
    "SSE without answer": (
        _say(lambda s: _sse(s, b'{"jsonrpc":"2.0","method":"notifications/progress"}')),
        Lost("the stream ended before the answer"),
    ),
    "SSE wrong id": (
        _say(lambda s: _sse(s, b'{"jsonrpc":"2.0","id":0,"result":{}}')),
        Lost("an answer to another request"),
    ),
    "SSE malformed": (_say(lambda s: _sse(s, b"{")), Lost("malformed JSON")),
    "SSE huge event": (_say(lambda s: _sse(s, _HUGE % _id(s))), Lost("an answer of more than 4096 bytes")),
    "SSE cut": (
        _say_and_close(lambda s: _sse(s, b"x" * 20)[:-12]),
        Lost("the connection broke before the answer was complete"),
    ),
    "bad session id": (
        _say(lambda s: reply(200, result(s), mcp_session_id="\xe9")),
        Lost("a session id that is not visible ASCII"),
    ),
}


@pytest.mark.parametrize("case", TABLE)
async def test_what_the_server_does_decides_the_outcome_and_the_call_is_sent_once(case) -> None:
    script, expected = TABLE[case]
    async with peer(script) as server, upstream(server.url, max_result=4096) as up:
        assert await up.send(outbound(), soon()) == expected
        assert len(server.calls("tools/call")) == 1


async def test_a_server_that_hangs_is_a_timeout_after_departure() -> None:
    async with peer(lambda seen, writer: server.hang()) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon(0.5)) == Lost("no answer in time", timed_out=True)


async def test_a_body_that_stops_is_a_timeout_after_departure() -> None:
    async def script(seen, writer):
        writer.write(reply(200, result(seen))[:-5])
        await server.hang()

    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon(0.5)) == Lost("no answer in time", timed_out=True)


async def test_a_closed_port_is_unsent() -> None:
    async with peer(_close) as server:
        url = server.url
    async with upstream(url) as up:
        assert await up.send(outbound(), soon()) == Unsent("it could not be reached", cause="unreached")


async def test_an_unknown_host_is_unsent() -> None:
    async with upstream("http://nowhere.invalid/mcp") as up:
        assert isinstance(await up.send(outbound(), soon()), Unsent)


async def test_a_passed_deadline_is_unsent() -> None:
    async with peer(_close) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon(-1)) == Unsent("no time was left to send it")
        assert server.connections == 0


async def test_a_silent_tls_handshake_is_unsent() -> None:
    async def silent(reader, writer):
        await over.wait()
        writer.close()

    over = asyncio.Event()
    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with upstream(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/mcp") as up:
        assert await up.send(outbound(), soon(0.5)) == Unsent("it could not be reached in time", cause="unreached")
    over.set()
    listener.close()
    await listener.wait_closed()


async def test_a_server_without_tls_is_unsent() -> None:
    async def plain(reader, writer):
        writer.write(b"HTTP/1.1 400 X\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with upstream(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/mcp") as up:
        assert isinstance(await up.send(outbound(), soon()), Unsent)
    listener.close()
    await listener.wait_closed()


async def test_arguments_without_a_json_form_are_unsent() -> None:
    async with peer(_close) as server, upstream(server.url) as up:
        assert await up.send(outbound({"x": object()}), soon()) == Unsent("it has no JSON form", cause="unfit")
        assert server.connections == 0
