"""Makes a dual-era MCP endpoint answer one era only, so that a gateway can be tested against either kind.

The SDK routes on the `MCP-Protocol-Version` header alone: a version that is not one of the handshake versions goes to
the stateless 2026-07-28 entry, everything else to the sessions. This wrapper refuses one of the two sides.
"""

import json
from typing import Any, Literal

from mcp_types import INVALID_REQUEST, UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

Era = Literal["both", "legacy", "modern"]


def only(era: Era, app: ASGIApp, path: str) -> ASGIApp:
    """The application, refusing on this path the requests of the era it is not to speak."""
    if era == "both":
        return app

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != path:
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        version = request.headers.get("mcp-protocol-version", "")
        is_modern = version != "" and version not in HANDSHAKE_PROTOCOL_VERSIONS
        if is_modern == (era == "modern"):
            await app(scope, receive, send)
            return
        answer = _refuse_modern(version) if is_modern else _refuse_legacy(version)
        message_id = await _message_id(request)
        await JSONResponse({"jsonrpc": "2.0", "id": message_id, "error": answer}, 400)(scope, receive, send)

    return gate


def _refuse_modern(version: str) -> dict[str, Any]:
    """What a server of 2025-11-25 says: it knows no newer version and has no code for that."""
    known = ", ".join(HANDSHAKE_PROTOCOL_VERSIONS)
    return {
        "code": INVALID_REQUEST,
        "message": f"Bad Request: Unsupported protocol version: {version}. Supported versions: {known}",
    }


def _refuse_legacy(version: str) -> dict[str, Any]:
    return {
        "code": UNSUPPORTED_PROTOCOL_VERSION,
        "message": "Unsupported protocol version",
        "data": {"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": version},
    }


async def _message_id(request: Request) -> str | int | None:
    try:
        message = json.loads(await request.body())
    except ValueError:
        return None
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str | int) else None
