"""The upstream of the benchmark: a modern-era MCP server as thin as Python allows, so that the proxy is what is measured.

Run as `python -m bench.upstream PORT`. Answers discover, tools/list and tools/call (1 KB of text), nothing else.
"""

import json
import sys

import uvicorn

TEXT = ("The quick brown fox jumps over the lazy dog. " * 23)[:1000]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "note": {"type": "string"}}, "required": ["n"]}
TOOLS = [
    {"name": name, "description": f"Benchmark: {name}", "inputSchema": SCHEMA} for name in ("read_1kb", "write_1kb")
]
HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json")],
}


def _result(message: dict) -> dict:
    match message["method"]:
        case "server/discover":
            return {
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "ttlMs": 60000,
                "cacheScope": "public",
            }
        case "tools/list":
            return {"resultType": "complete", "tools": TOOLS, "ttlMs": 60000, "cacheScope": "public"}
        case _:
            return {"resultType": "complete", "content": [{"type": "text", "text": TEXT}]}


async def app(scope: dict, receive, send) -> None:
    """Raw ASGI."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    message = json.loads(body)
    answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": _result(message)}).encode()
    length = (b"content-length", str(len(answer)).encode())
    await send({**HEAD, "headers": [*HEAD["headers"], length]})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off", loop="uvloop")
