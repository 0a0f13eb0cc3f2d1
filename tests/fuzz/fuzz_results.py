"""What a good upstream of either era answers: the part of a garbage server that is no garbage, so that it is believed at all."""

import json
from typing import Any

from fuzz_dice import Dice
from fuzz_shots import MODERN
from fuzz_world import PROMPTS, RESOURCES, TEMPLATES, TOOLS

UNSEEN = "\u200b\u202e\x1b[31m"
"""Characters that no reader sees."""


def result_of(message: Any, dice: Dice, era: str) -> dict[str, Any]:
    """A good result."""
    complete = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if era == "modern" else {}
    text = {"type": "text", "text": dice.choice(["done", f"odd {UNSEEN}", "x" * 5_000])}
    match message.get("method"):
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}, "prompts": {}, "resources": {"subscribe": True}, "logging": {}},
                "serverInfo": {"name": "s", "version": "1"},
            }
        case "server/discover":
            return {
                **complete,
                "supportedVersions": [MODERN],
                "capabilities": {"tools": {}, "prompts": {}, "resources": {}, "completions": {}},
            }
        case "tools/list":
            return {**complete, "tools": TOOLS}
        case "prompts/list":
            return {**complete, "prompts": PROMPTS}
        case "resources/list":
            return {**complete, "resources": RESOURCES}
        case "resources/templates/list":
            return {**complete, "resourceTemplates": TEMPLATES}
        case "prompts/get":
            return {**complete, "messages": [{"role": "user", "content": text}]}
        case "resources/read":
            return {**complete, "contents": [{"uri": message["params"]["uri"], "text": "t"}]}
        case "completion/complete":
            return {**complete, "completion": {"values": ["a"]}}
        case _:
            return {**complete, "content": [text], "structuredContent": {"n": 1}}


def refused(message: Any, era: str) -> bytes | None:
    """What a server of one era says to a request of the other."""
    other = {"modern": "initialize", "legacy": "server/discover"}[era]
    if message.get("method") != other:
        return None
    error = {"code": -32022 if era == "modern" else -32601, "message": "no", "data": {"supported": [MODERN]}}
    body = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "error": error}).encode()
    return plain(400, body, "application/json")


def plain(status: int, body: bytes, kind: str, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}", *more]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
