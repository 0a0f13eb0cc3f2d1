"""The outer door and the protected resource's documents."""

import pytest
from listener_kit import LINES, FakeRoad, call, plane, send

from gateway.listener.door import Endpoint, Metadata, place

ISSUERS = ["https://issuer.example"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/mcp", Endpoint()),
        ("/agents/support-bot/mcp", Endpoint("support-bot")),
        ("/mcp/", None),
        ("/agents//mcp", None),
        ("/agents/Support/mcp", None),
        ("/agents/a/b/mcp", None),
        ("/agents/a/mcp\n", None),
        ("/.well-known/oauth-protected-resource", Metadata("/mcp")),
        ("/.well-known/oauth-protected-resource/mcp", Metadata("/mcp")),
        ("/.well-known/oauth-protected-resource/agents/a/mcp", Metadata("/agents/a/mcp")),
        ("/.well-known/oauth-protected-resource/metrics", None),
        ("/metrics", None),
        ("", None),
    ],
)
def test_only_these_paths_exist(path, found) -> None:
    assert place(path) == found


@pytest.mark.parametrize(
    ("host", "welcome"),
    [
        ("127.0.0.1:8080", True),
        ("localhost:9999", True),
        ("LOCALHOST", True),
        ("[::1]:8080", True),
        ("gateway.example", True),
        ("gateway.example:443", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8080", False),
        ("localhost:8080@evil.example", False),
        ("localhost:x", False),
        ("", False),
    ],
)
async def test_hosts(host, welcome) -> None:
    body, lines = call()
    answer = await send(plane(FakeRoad()), body, [(name, host if name == "host" else value) for name, value in lines])
    assert answer.status == (200 if welcome else 421)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("https://app.example", True),
        ("HTTPS://APP.EXAMPLE", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:3000", False),
        ("https://127.0.0.1:8080", False),
        ("https://app.example.evil.example", False),
        ("", False),
    ],
)
async def test_origins(origin, welcome) -> None:
    body, lines = call()
    assert (await send(plane(FakeRoad()), body, [*lines, ("origin", origin)])).status == (200 if welcome else 403)


async def test_the_resource_document_names_this_very_endpoint_and_needs_no_credential() -> None:
    road = FakeRoad()
    app = plane(road, issuers=ISSUERS)
    lines = [("host", "Gateway.Example")]
    path = "/.well-known/oauth-protected-resource/agents/support-bot/mcp"
    answer = await send(app, b"", lines, "GET", path)
    assert (answer.status, answer.json) == (
        200,
        {
            "resource": "http://gateway.example/agents/support-bot/mcp",
            "authorization_servers": ISSUERS,
            "bearer_methods_supported": ["header"],
        },
    )
    assert (road.forgotten, road.refused) == (1, [])
    assert (await send(app, b"", lines, "POST", path)).headers["allow"] == "GET"
    assert (await send(app, b"", [("host", "evil")], "GET", path)).status == 421


async def test_without_issuers_there_is_no_document() -> None:
    answer = await send(plane(FakeRoad()), b"", LINES, "GET", "/.well-known/oauth-protected-resource")
    assert answer.status == 404


async def test_a_challenge_points_to_the_document_where_there_is_one() -> None:
    body, lines = call()
    bare = [line for line in lines if line[0] != "authorization"]
    path = "/agents/support-bot/mcp"
    assert (await send(plane(FakeRoad()), body, bare)).headers["www-authenticate"] == 'Bearer realm="sallyport"'
    challenged = (await send(plane(FakeRoad(), issuers=ISSUERS), body, bare, path=path)).headers["www-authenticate"]
    assert challenged == (
        'Bearer realm="sallyport", '
        'resource_metadata="http://127.0.0.1:8080/.well-known/oauth-protected-resource/agents/support-bot/mcp"'
    )
    wrong = (await send(plane(FakeRoad()), body, [*bare, ("authorization", "Basic x")])).headers["www-authenticate"]
    assert 'error="invalid_token"' in wrong


async def test_a_websocket_is_closed_and_lifespan_is_answered() -> None:
    app = plane(FakeRoad())
    sent: list[str] = []

    async def out(message) -> None:
        sent.append(message["type"])

    incoming = iter(["websocket.connect", "lifespan.startup", "lifespan.shutdown"])

    async def receive():
        return {"type": next(incoming)}

    await app({"type": "websocket"}, receive, out)
    await app({"type": "lifespan"}, receive, out)
    assert sent == ["websocket.close", "lifespan.startup.complete", "lifespan.shutdown.complete"]
    with pytest.raises(ValueError, match="serves no"):
        await app({"type": "gopher"}, receive, out)
