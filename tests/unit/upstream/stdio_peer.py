"""A small MCP server over stdio that behaves as its first argument and the called tool say; standard library only."""

import json
import os
import subprocess
import sys
import time

era = sys.argv[1]  # modern · legacy · deaf (ignores the probe) · touchy (ends when initialize does not come first)
waiting: list[int] = []


def say(value) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def answer(asked, result) -> None:
    say({"jsonrpc": "2.0", "id": asked, "result": result})


def refuse(asked, code, **data) -> None:
    say({"jsonrpc": "2.0", "id": asked, "error": {"code": code, "message": "theirs", "data": data}})


def call(asked, name, arguments) -> None:
    match name:
        case "echo":
            answer(asked, {"echo": arguments, "pid": os.getpid()})
        case "hold":  # answered in reverse order once three of them are there
            waiting.append(asked)
            if len(waiting) == 3:
                for held in reversed(waiting):
                    answer(held, {"for": held})
        case "crash":
            os._exit(3)
        case "garbage":
            sys.stdout.write('log line\n{"half":\n[]\n\n{"jsonrpc":"2.0","id":987654,"result":{}}\n')
            say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
            answer(asked, {})
        case "endless":
            sys.stdout.write("x" * 100_000)
            sys.stdout.flush()
            time.sleep(60)
        case "chatty":
            sys.stderr.write("y" * 300_000 + "\nend\n")
            sys.stderr.flush()
            answer(asked, {})
        case "environment":
            answer(asked, dict(os.environ))
        case "asks":
            say({"jsonrpc": "2.0", "id": "q", "method": "roots/list"})
            answer(asked, {"told": json.loads(sys.stdin.readline())})
        case "grandchild":
            held = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
            answer(asked, {"pid": held.pid})
        case "failing":
            refuse(asked, -32000, x=1)
        case _:
            pass  # silent


for line in sys.stdin:
    message = json.loads(line)
    method, asked = message["method"], message.get("id")
    match method, era:
        case "server/discover", "modern":
            answer(asked, {"supportedVersions": ["2026-07-28"]})
        case "server/discover", "legacy":
            refuse(asked, -32601)
        case "server/discover", "touchy":
            sys.exit(1)
        case "initialize", "modern":
            refuse(asked, -32022, supported=["2026-07-28"])
        case "initialize", _:
            answer(asked, {"protocolVersion": "2025-11-25", "capabilities": {}})
        case "tools/list", _:
            answer(asked, {"tools": [{"name": "echo", "inputSchema": {}, "_meta": message["params"].get("_meta", {})}]})
        case "tools/call", _:
            call(asked, message["params"]["name"], message["params"].get("arguments"))
        case "notifications/cancelled", _:
            sys.stderr.write(f"cancelled {message['params']['requestId']}\n")
            sys.stderr.flush()
