"""A tiny modern MCP server whose tools wait until the test lets them go on, and which notices who hangs up."""

import json
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("work", "look")]
LONGEST_S = 10.0


class SlowPeer:
    """`work` changes something, `look` only looks; both answer once `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.started: list[str] = []
        self.finished: list[str] = []
        self.abandoned: list[str] = []
        peer = self

        class _Mcp(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                result = peer._answer(asked, self.connection)
                if result is None:
                    self.close_connection = True
                    return
                body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Mcp)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/mcp"

    def config(self, *keys: dict[str, Any]) -> dict[str, Any]:
        """A gateway before this peer alone."""
        tools = {"work": {"effect": "mutating"}, "look": {"effect": "read"}}
        return {
            "identity": {"keys": list(keys)},
            "upstreams": {"peer": {"kind": "mcp-http", "url": self.url, "tools": tools}},
            "agents": {"ops-bot": {"tools": ["peer/*"]}},
            "loops": "off",
        }

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(LONGEST_S)

    def _answer(self, asked: dict[str, Any], connection: socket.socket) -> dict[str, Any] | None:
        """None when the caller hung up meanwhile."""
        complete = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        match asked["method"]:
            case "server/discover":
                return {**complete, "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
            case "tools/list":
                return {**complete, "tools": TOOLS}
            case _:
                tool = asked["params"]["name"]
                self.started.append(tool)
                while not self.go_on.wait(0.01):
                    if select.select([connection], [], [], 0)[0] and not connection.recv(1, socket.MSG_PEEK):
                        self.abandoned.append(tool)
                        return None
                self.finished.append(tool)
                content = [{"type": "text", "text": f"{tool} number {len(self.finished)}"}]
                return {"resultType": "complete", "content": content}
