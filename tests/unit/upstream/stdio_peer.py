"""A small MCP server over stdio that behaves as its first argument and the called tool say; standard library only."""

import json
import os
import subprocess
import sys
import time

era = sys.argv[1]  # modern · legacy · deaf (ignores the probe) · touchy (ends when initialize does not come first)
waiting: list = []
log: list = []
CAN = {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "prompts": {}, "logging": {}}


def say(value) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def answer(asked, result) -> None:
    say({"jsonrpc": "2.0", "id": asked, "result": result})


def refuse(asked, code, **data) -> None:
    say({"jsonrpc": "2.0", "id": asked, "error": {"code": code, "message": "theirs", "data": data}})


def note(method, **params) -> None:
    say({"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params})


def call(asked, name, arguments, meta=None, responses=None) -> None:
    match name:
        case "report":  # once two of them are there if it is to wait
            waiting.append((asked, meta))
            if len(waiting) == (arguments or {}).get("together", 1):
                for held, about in waiting:
                    note("message", level="error", data=held)
                    note("progress", progressToken=about.get("progressToken"), progress=held)
                for held, _ in waiting:
                    answer(held, {"meta": meta})
                waiting.clear()
        case "wants" if responses is None:
            form = {"method": "elicitation/create", "params": {"message": "Name?"}}
            answer(asked, {"resultType": "input_required", "inputRequests": {"name": form}, "requestState": "s"})
        case "wants":
            answer(asked, {"got": responses, "id": asked})
        case "news":
            note("tools/list_changed")
            note("resources/updated", uri="file:///a")
            answer(asked, {"log": log})
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
        case "detached":  # a helper in a group of its own that keeps the pipes
            nap = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
            answer(asked, {"pid": subprocess.Popen(nap, start_new_session=True).pid})
        case "failing":
            refuse(asked, -32000, x=1)
        case _:
            pass  # silent


for line in sys.stdin:
    message = json.loads(line)
    method, asked = message.get("method"), message.get("id")
    match method, era:
        case "server/discover", "modern":
            answer(asked, {"supportedVersions": ["2026-07-28"], "capabilities": CAN})
        case "server/discover", "legacy":
            refuse(asked, -32601)
        case "server/discover", "touchy":
            sys.exit(1)
        case "initialize", "modern":
            refuse(asked, -32022, supported=["2026-07-28"])
        case "initialize", _:
            answer(asked, {"protocolVersion": "2025-11-25", "capabilities": CAN, "asked": message["params"]})
        case "tools/list", _:
            answer(asked, {"tools": [{"name": "echo", "inputSchema": {}, "_meta": message["params"].get("_meta", {})}]})
        case "tools/call", _:
            params = message["params"]
            call(asked, params["name"], params.get("arguments"), params.get("_meta"), params.get("inputResponses"))
        case "subscriptions/listen", "modern":
            log.append(message["params"]["notifications"])
            note("subscriptions/acknowledged", notifications=message["params"]["notifications"])
        case (("resources/subscribe" | "resources/unsubscribe" | "logging/setLevel"), "legacy"):
            log.append([method, *message["params"].values()])
            answer(asked, {})
        case "prompts/list", _:
            answer(asked, {"prompts": [{"name": "p"}]})
        case "resources/list", _:
            answer(asked, {"resources": []})
        case "resources/templates/list", _:
            refuse(asked, -32601)
        case "notifications/cancelled", _:
            log.append("cancelled")
            sys.stderr.write(f"cancelled {message['params']['requestId']}\n")
            sys.stderr.flush()
