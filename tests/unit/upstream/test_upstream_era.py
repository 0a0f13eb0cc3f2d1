"""Which era a server speaks: probed modern first, believed, and asked again when an answer contradicts the belief."""

import asyncio

import pytest
from upstream_kit import OK, EraServer, error, outbound, peer, reply, result, soon, upstream

from gateway.model.outcome import Answered, Lost, Unsent
from gateway.ports import UpstreamFault


async def test_a_modern_server_is_probed_once_and_gets_stateless_calls() -> None:
    async with peer(EraServer("modern")) as server, upstream(server.url, era="auto") as up:
        for _ in range(3):
            assert await up.send(outbound(), soon()) == Answered(OK)
    assert [seen.method for seen in server.seen] == ["server/discover", *["tools/call"] * 3]
    assert server.seen[0].headers["mcp-method"] == "server/discover"


async def test_a_legacy_server_is_opened_once_and_its_session_is_shared_and_ended() -> None:
    async with peer(EraServer("legacy")) as server:
        async with upstream(server.url, era="auto") as up:
            assert await asyncio.gather(*(up.send(outbound(), soon()) for _ in range(4))) == [Answered(OK)] * 4
        assert [seen.method for seen in server.seen] == [
            "server/discover",
            "initialize",
            "notifications/initialized",
            *["tools/call"] * 4,
            "",
        ]
        assert server.seen[1].message["params"]["capabilities"] == {}
        for call in server.seen[2:]:
            assert call.headers["mcp-session-id"] == "s1"
            assert call.headers["mcp-protocol-version"] == "2025-06-18"
        assert server.calls("tools/call")[0].message["params"]["_meta"].keys() == {"io.sallyport/deadline-ms"}
        assert "mcp-method" not in server.calls("tools/call")[0].headers
        assert server.seen[-1].head.startswith("DELETE")


@pytest.mark.parametrize(("before", "after"), [("modern", "legacy"), ("legacy", "modern")])
async def test_a_server_replaced_by_the_other_era_is_noticed_and_the_call_goes_through_once(before, after) -> None:
    script = EraServer(before)
    async with peer(script) as server, upstream(server.url, era="auto") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        script.era = after
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert script.executed == 2
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert len(server.calls("server/discover")) == 2


async def test_an_answer_that_proves_nothing_is_not_sent_again_but_the_next_call_asks_anew() -> None:
    script = EraServer("modern")

    async def odd(seen, writer):
        if seen.method == "tools/call" and not script.executed:
            script.executed += 1
            writer.write(reply(400, b"what?"))
        else:
            await script(seen, writer)

    async with peer(odd) as server, upstream(server.url, era="auto") as up:
        assert isinstance(await up.send(outbound(), soon()), Lost)
        assert len(server.calls("tools/call")) == 1
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert len(server.calls("server/discover")) == 2


@pytest.mark.parametrize(
    ("status", "body", "retry_after_ms", "cause"),
    [
        (401, b"", None, "never"),
        (403, b"", None, "never"),
        (429, b"", 2000, "later"),
        (500, b"", None, "unreached"),
        (503, b"{}", 2000, "unreached"),
        (200, b"hello", None, "unreached"),
        (500, b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}', None, "unreached"),
    ],
)
async def test_an_outage_is_no_evidence_of_an_era(status, body, retry_after_ms, cause) -> None:
    async def script(seen, writer):
        extra = {"retry_after": "2"} if retry_after_ms else {}
        writer.write(reply(status, body, **extra))

    async with peer(script) as server, upstream(server.url, era="auto") as up:
        outcome = await up.send(outbound(), soon())
        assert isinstance(outcome, Unsent)
        assert outcome.cause == cause
        if status >= 400:
            assert outcome.retry_after_ms == retry_after_ms
        assert [seen.method for seen in server.seen] == ["server/discover"]


async def test_a_reset_during_the_probe_is_unsent_and_no_downgrade() -> None:
    async def script(seen, writer):
        writer.transport.abort()

    async with peer(script) as server, upstream(server.url, era="auto") as up:
        assert isinstance(await up.send(outbound(), soon()), Unsent)
        assert [seen.method for seen in server.seen] == ["server/discover"]


@pytest.mark.parametrize(
    "probe",
    [
        lambda seen: reply(200, error(seen, -32601)),
        lambda seen: reply(200, error(seen, -32602)),
        lambda seen: reply(400, error(None, -32000)),
        lambda seen: reply(404),
        lambda seen: reply(405),
        lambda seen: reply(200, result(seen, {"supportedVersions": ["2025-11-25"]})),
        lambda seen: reply(400, error(seen, -32022, supported=["2025-11-25"])),
    ],
)
async def test_what_shows_a_legacy_server_leads_to_initialize(probe) -> None:
    script = EraServer("legacy")

    async def old(seen, writer):
        if seen.method == "server/discover":
            writer.write(probe(seen))
        else:
            await script(seen, writer)

    async with peer(old) as server, upstream(server.url, era="auto") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)


@pytest.mark.parametrize(
    "probe",
    [
        lambda seen: reply(404, error(seen, -32601)),
        lambda seen: reply(400, error(seen, -32020)),
        lambda seen: reply(400, error(seen, -32021)),
        lambda seen: reply(400, error(seen, -32022, supported=["2026-07-28"])),
    ],
)
async def test_what_shows_a_modern_server_leads_to_a_modern_call(probe) -> None:
    script = EraServer("modern")

    async def new(seen, writer):
        if seen.method == "server/discover":
            writer.write(probe(seen))
        else:
            await script(seen, writer)

    async with peer(new) as server, upstream(server.url, era="auto") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert not server.calls("initialize")


async def test_a_server_of_unknown_versions_only_is_not_called() -> None:
    async def future(seen, writer):
        writer.write(reply(400, error(seen, -32022, supported=["2031-01-01"])))

    async with peer(future) as server, upstream(server.url, era="auto") as up:
        assert isinstance(await up.send(outbound(), soon()), Unsent)
        assert not server.calls("tools/call")


async def test_those_who_wait_for_an_opening_keep_their_own_deadline() -> None:
    async def script(seen, writer):
        await server.hang()

    async with peer(script) as server, upstream(server.url, era="auto") as up:
        slow = asyncio.ensure_future(up.send(outbound(), soon()))
        await asyncio.sleep(0)
        assert isinstance(await up.send(outbound(), soon(0.1)), Unsent)
        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert len(server.calls("tools/call")) == 0


async def test_a_fault_while_opening_is_told_when_listing() -> None:
    async def script(seen, writer):
        writer.write(reply(401))

    async with peer(script) as server, upstream(server.url, era="auto") as up:
        with pytest.raises(UpstreamFault, match="HTTP 401"):
            await up.list_tools(soon())
