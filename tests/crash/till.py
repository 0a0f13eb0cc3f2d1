"""A legacy MCP server over stdio that costs nothing to start: each call writes its reason as one line into a file.

`pay` answers at once; `hold` when a file named after its reason stands beside the till, so that tests need not sleep.
"""

import json
import sys
import time
from pathlib import Path

till = Path(sys.argv[1])
schema = {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]}

for line in sys.stdin:
    message = json.loads(line)
    answer: dict[str, object] = {"error": {"code": -32601, "message": "no such method"}}
    match message["method"]:
        case "initialize":
            server = {"name": "till", "version": "1"}
            answer = {"result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": server}}
        case "tools/list":
            answer = {"result": {"tools": [{"name": name, "inputSchema": schema} for name in ("pay", "hold")]}}
        case "tools/call":
            reason = message["params"]["arguments"]["reason"]
            with till.open("a", encoding="utf-8") as paid:
                paid.write(reason + "\n")
            while message["params"]["name"] == "hold" and not till.with_name(reason.replace(" ", "-")).exists():
                time.sleep(0.005)
            answer = {"result": {"content": [], "structuredContent": {"reason": reason}}}
    if "id" in message:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}) + "\n")
        sys.stdout.flush()
