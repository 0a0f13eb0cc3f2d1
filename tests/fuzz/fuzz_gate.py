"""A gateway process, my server behind it, and volleys on raw sockets before it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from e2e_kit import Gateway
from fuzz_dice import Dice, again
from fuzz_field import good_list
from fuzz_oracle import Unsound, shows_nothing, sound, strict, wanted
from fuzz_raw import Heard, Volley, fired, volley
from fuzz_server import Server, Site
from fuzz_shots import Gunner, Shot
from fuzz_world import CANARY, TOOLS, configuration, may

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S, QUIET_S = 8.0, 0.15
_NOT_HTTP = b"Invalid HTTP request received."


class Gate:
    """Open it with `open`, close it with `close`."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server, self.shots = folder, server, 0
        upstream = {
            "kind": "mcp-http",
            "url": server.url("modern-road"),
            "era": "modern",
            "headers": {"authorization": f"Bearer {CANARY}"},
        }
        config = configuration(folder, {"desk": upstream}, ROOT)
        config = {name: one for name, one in config.items() if name not in ("version", "state")}
        self.gateway = Gateway(folder, config, main="tests.e2e.bad_hurried")

    async def open(self) -> "Gate":
        await asyncio.to_thread(self.gateway.start)
        return self

    async def close(self) -> None:
        await asyncio.to_thread(self.gateway.stop)

    def resident(self) -> int:
        assert self.gateway.process is not None
        return psutil.Process(self.gateway.process.pid).memory_info().rss

    async def storm(self, seeds: Sequence[int], width: int = 24) -> None:
        """One connection for each seed, `width` at a time. Raises Unsound, with the seed."""
        waiting, wrong = [*reversed(seeds)], []
        site = self.server.sites.setdefault("modern-road", Site())
        site.walked.clear()
        asked: set[str] = set()
        torn = False

        async def row() -> None:
            nonlocal torn
            while waiting:
                seed = waiting.pop()
                try:
                    one = await self._volley(seed)
                    torn = torn or not one.whole
                    asked.update(_told(shot) for shot in one.shots)
                except Exception as fault:
                    wrong.append(again("sockets", seed, fault))

        await asyncio.gather(*(row() for _ in range(width)))
        for method, name, arguments in site.walked:
            if not any(may(who, method, name, arguments) for who in ("alice", "bob")):
                wrong.append(f"nobody may: {method} {name} {arguments}")
            if not torn and f"{method} {name}" not in asked:
                wrong.append(f"nobody asked: {method} {name} {arguments}")
        wrong += [strange for site in self.server.sites.values() for strange in site.strange]
        await self.still_serves(wrong)
        if wrong:
            raise Unsound("\n".join(wrong[:20]))

    async def _volley(self, seed: int) -> Volley:
        dice = Dice(seed)
        gunner = Gunner(dice, dice.choice(["alice"] * 5 + ["bob"] * 3 + ["carol", "nobody", ""]))
        if dice.often(0.4):
            gunner.learnt.sessions.append(await self._session(gunner))
        one = volley(dice, [gunner.shot() for _ in range(dice.choice([1, 1, 2, 4]))], seed)
        heard = await fired(self.gateway.agent_port, one, PATIENCE_S, QUIET_S)
        self.shots += len(one.shots)
        for number, answer in enumerate(heard):
            _judge(one, number, answer, str(self.folder).encode())
        return one

    async def _session(self, gunner: Gunner) -> str:
        lines = [
            ("host", b"localhost"),
            ("content-type", b"application/json"),
            *(one for one in gunner._common() if one[0] == "authorization"),
        ]
        shot = Shot(
            b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}}}',
            lines,
        )
        one = Volley([_whole(shot)], [shot], whole=True, seed=0)
        return (await fired(self.gateway.agent_port, one, PATIENCE_S, QUIET_S))[0].headers.get("mcp-session-id", "none")

    async def still_serves(self, wrong: list[str]) -> None:
        """The process lives, its log is quiet, and a good call gets its answer."""
        if self.gateway.process is None or self.gateway.process.poll() is not None:
            wrong.append("the gateway is gone")
            return
        shot = good_list()
        heard = await fired(
            self.gateway.agent_port, Volley([_whole(shot)], [shot], whole=True, seed=0), PATIENCE_S, QUIET_S
        )
        if len(strict(heard[0].body).get("result", {}).get("tools", ())) != len(TOOLS) - 2:
            wrong.append(f"no good answer: {heard}")
        log = self.gateway.log.read_text()
        wrong += [line for line in log.splitlines() if "Traceback" in line or " ERROR " in line][:3]


def _whole(shot: Shot) -> bytes:
    lines = [*shot.lines, ("content-length", str(len(shot.body)).encode()), ("connection", b"close")]
    head = f"{shot.method} {shot.target} HTTP/1.1\r\n".encode()
    return head + b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines) + b"\r\n" + shot.body


def _told(shot: Shot) -> str:
    asked = wanted(shot)
    return "" if asked is None else f"{asked.method} {asked.name}"


def _judge(one: Volley, number: int, answer: Heard, folder: bytes) -> Any:
    shows_nothing(repr(answer.headers).encode() + answer.body, (folder,))
    if answer.body == _NOT_HTTP and answer.status == 400:
        return
    shot = one.shots[number] if one.whole else Shot(b"", [], method="HEAD", target="/http/")
    kind = answer.headers.get("content-type", "")
    if answer.ended or kind == "text/event-stream":
        sound(shot, answer.status, kind, answer.body)
