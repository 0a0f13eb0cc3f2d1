"""The agents: HTTP clients of both eras that send, hang up, and say what they were told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp

from tests.chaos.plan import PEOPLE, Operation
from tests.chaos.told import Told, read
from tests.chaos.weather import now

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ACCEPT = "application/json, text/event-stream"
META_KEY = "io.sallyport/idempotency-key"
ABLE: dict[str, Any] = {"elicitation": {}}
"""Every second person's client can be asked something: its calls run under leases that are renewed, and it waits by rounds."""


class Agents:
    """Everybody of `PEOPLE`, with one connection pool."""

    def __init__(self, urls: Sequence[str], tokens: Sequence[str]) -> None:
        self._urls, self._tokens = urls, tokens
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        self._sessions: list[str] = ["" for _ in PEOPLE]

    async def close(self) -> None:
        await self._http.close()

    async def ask(
        self, one: Operation, person: int, gateway: int, era: str, patience_s: float, *, mismatched: bool = False
    ) -> Told:
        """One attempt; with its further rounds where the gateway asks for them."""
        began, state = now(), ""
        arguments = {**one.arguments, "cents": one.cents + 1} if mismatched else one.arguments
        while True:
            told = await self._sent(one, arguments, person, gateway, era, patience_s, state)
            found = Told(one.name, gateway, era, began, now(), **told, mismatched=mismatched)
            if found.said != "again":
                return found
            state = found.state

    async def _sent(
        self,
        one: Operation,
        arguments: dict[str, object],
        person: int,
        gateway: int,
        era: str,
        patience_s: float,
        state: str,
    ) -> dict[str, Any]:
        params: dict[str, Any] = {"name": one.published, "arguments": arguments, "_meta": {}}
        params |= {"requestState": state} if state else {}
        headers = {"Authorization": f"Bearer {self._tokens[person]}", "Accept": ACCEPT}
        if one.source == "header" and one.key is not None:
            headers["Idempotency-Key"] = one.key
        elif one.source == "meta":
            params["_meta"][META_KEY] = one.key
        try:
            async with asyncio.timeout(patience_s):
                if era == "modern":
                    headers |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": one.published}
                    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN
                    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = ABLE if person % 2 else {}
                else:
                    headers |= {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": await self._session(person, gateway)}
                told, _ = await self._posted(gateway, headers, "tools/call", params)
        except (aiohttp.ClientError, OSError, TimeoutError) as broken:
            return {"said": "broken", "reason": type(broken).__name__}
        if told["reason" if "reason" in told else "said"] in {"session-ended", "session-missing"}:
            self._sessions[person] = ""
        return told

    async def _session(self, person: int, gateway: int) -> str:
        """One for each person, good at every gateway."""
        if not self._sessions[person]:
            hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "storm", "version": "1"}}
            headers = {"Authorization": f"Bearer {self._tokens[person]}", "Accept": ACCEPT}
            _, answered = await self._posted(gateway, headers, "initialize", hello)
            self._sessions[person] = answered.get("Mcp-Session-Id", "")
        return self._sessions[person]

    async def _posted(self, gateway: int, headers: dict[str, str], method: str, params: dict[str, Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._http.post(f"{self._urls[gateway]}/mcp", json=body, headers=headers) as response:
            raw = await response.read()
            return read(response.status, response.headers.get("Content-Type", ""), raw), response.headers
