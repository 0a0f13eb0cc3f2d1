"""What goes out over HTTP: headers, envelope, one warm connection, crash points; and what a stream may hold."""

import asyncio
import json

import pytest
from upstream_kit import OK, chunk, outbound, peer, reply, result, soon, tool, until, upstream

from gateway.model.outcome import Answered, Lost, Unsent

_SCHEMA = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


async def _answer(seen, writer):
    writer.write(reply(200, result(seen)))


async def test_a_modern_call_carries_its_headers_and_its_envelope() -> None:
    async with (
        peer(_answer) as server,
        upstream(server.url, headers={"Authorization": "Bearer s", "accept": "x"}) as up,
    ):
        call = outbound(
            {"region": "eu", "n": 10**30},
            tool=tool("rückzahlung", _SCHEMA),
            meta={"traceparent": "00-a-b-01", "tracestate": "bad\r\nx: y"},
            idempotency_key="k1",
        )
        assert await up.send(call, soon(10)) == Answered(OK)
    [seen] = server.seen
    left_ms = seen.message["params"]["_meta"].pop("io.sallyport/deadline-ms")
    assert 9_000 < left_ms <= 9_500, "what is left, less a share for the way back"
    assert seen.headers["x-request-timeout"] == f"{left_ms / 1000:.3f}"
    assert seen.head.startswith("POST /mcp HTTP/1.1\r\n")
    assert seen.headers["mcp-protocol-version"] == "2026-07-28"
    assert seen.headers["mcp-method"] == "tools/call"
    assert seen.headers["mcp-name"] == "=?base64?csO8Y2t6YWhsdW5n?="
    assert seen.headers["mcp-param-region"] == "eu"
    assert seen.headers["idempotency-key"] == "k1"
    assert seen.headers["traceparent"] == "00-a-b-01"
    assert seen.headers["authorization"] == "Bearer s"
    assert seen.headers["accept"] == "application/json, text/event-stream"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["content-type"] == "application/json"
    assert "tracestate" not in seen.headers
    assert "mcp-session-id" not in seen.headers
    assert seen.message["params"] == {
        "name": "rückzahlung",
        "arguments": {"region": "eu", "n": 10**30},
        "_meta": {
            "traceparent": "00-a-b-01",
            "tracestate": "bad\r\nx: y",
            "io.sallyport/idempotency-key": "k1",
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "sallyport", "version": "0.1.0"},
        },
    }


async def test_calls_share_a_warm_connection_and_never_an_id() -> None:
    async with peer(_answer) as server, upstream(server.url) as up:
        for _ in range(5):
            await up.send(outbound(), soon())
    assert server.connections == 1
    assert len({seen.message["id"] for seen in server.seen}) == 5


async def test_cookies_are_not_kept() -> None:
    async def script(seen, writer):
        writer.write(reply(200, result(seen), set_cookie="a=b"))

    async with peer(script) as server, upstream(server.url) as up:
        for _ in range(2):
            await up.send(outbound(), soon())
    assert all("cookie" not in seen.headers for seen in server.seen)


async def test_a_request_that_met_a_closing_warm_connection_is_never_sent_again() -> None:
    async def script(seen, writer):
        if len(server.seen) == 1:
            writer.write(reply(200, result(seen)))
        else:
            writer.transport.abort()

    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert isinstance(await up.send(outbound(), soon()), Lost)
        assert [seen.connection for seen in server.calls("tools/call")] == [1, 1]


async def test_a_warm_connection_closed_between_calls_is_replaced() -> None:
    async def script(seen, writer):
        writer.write(reply(200, result(seen)))
        await writer.drain()
        writer.close()

    async with peer(script) as server, upstream(server.url) as up:
        for _ in range(3):
            assert await up.send(outbound(), soon()) == Answered(OK)
            [(idle, _since)] = next(iter(up._exchange._session.connector._conns.values()), [(None, 0)])
            await until(lambda idle=idle: idle is None or not idle.is_connected())
        assert server.connections == 3


async def test_crash_points_stand_around_the_write_and_after_the_answer() -> None:
    points: list[tuple[str, int]] = []
    async with (
        peer(_answer) as server,
        upstream(server.url, lambda name: points.append((name, len(server.seen)))) as up,
    ):
        await up.send(outbound(), soon())
    assert points == [("upstream.before-send", 0), ("upstream.after-send", 0), ("upstream.answered", 1)]


async def test_a_connection_that_is_known_dead_before_the_write_is_unsent() -> None:
    async with peer(_answer) as server, upstream(server.url) as up:

        def kill(point):
            if point == "upstream.before-send" and server.seen:
                pool = up._exchange._session.connector
                for protocol in pool._acquired:
                    protocol.transport.abort()

        up._reached = kill
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert await up.send(outbound(), soon()) == Unsent("it could not be reached", cause="unreached")
        assert len(server.seen) == 1


async def test_a_cancelled_call_closes_its_connection() -> None:
    arrived = asyncio.Event()

    async def script(seen, writer):
        arrived.set()
        await writer.wait_closed()

    async with peer(script) as server, upstream(server.url) as up:
        call = asyncio.ensure_future(up.send(outbound(), soon()))
        await asyncio.wait_for(arrived.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        server.over.set()
        assert up._exchange._session.connector._acquired == set()


def _stream(seen, rest: bytes = b"0\r\n\r\n") -> list[bytes]:
    answer = json.dumps(result(seen, {"text": "é"}), ensure_ascii=False).encode()
    note = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'
    events = [
        b": hello\n\n",
        b"id: 1\ndata:\n\n",
        b"data: " + note + b"\n\n",
        b"event: message\ndata: " + answer + b"\n\n",
    ]
    head = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head, *(chunk(event) for event in events), rest]


async def test_a_stream_gives_the_answer_after_comments_priming_and_notifications() -> None:
    async def script(seen, writer):
        writer.write(b"".join(_stream(seen)))

    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon()) == Answered({"text": "é"})


async def test_a_stream_split_at_every_byte_gives_the_same_answer() -> None:
    async def script(seen, writer):
        for byte in b"".join(_stream(seen)):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon()) == Answered({"text": "é"})


async def test_an_answer_is_not_held_up_by_the_end_of_its_stream_and_the_connection_stays_warm() -> None:
    ended = asyncio.Event()

    async def script(seen, writer):
        *answer, rest = _stream(seen)
        writer.write(b"".join(answer))
        await ended.wait()
        writer.write(rest)

    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon()) == Answered({"text": "é"})
        ended.set()
        await until(lambda: not up._exchange._session.connector._acquired)
        assert await up.send(outbound(), soon()) == Answered({"text": "é"})
        assert server.connections == 1


async def test_a_stream_without_an_end_does_not_keep_its_connection(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.answer._LINGER_S", 0.01)

    async def script(seen, writer):
        writer.write(b"".join(_stream(seen, b"")))
        await server.hang()

    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon()) == Answered({"text": "é"})
        await until(lambda: not up._exchange._session.connector._acquired)


async def test_the_address_shows_no_credentials() -> None:
    async with upstream("http://user:secret@example.test:81/mcp?token=secret#x") as up:
        assert up.address == "http://example.test:81/mcp"
