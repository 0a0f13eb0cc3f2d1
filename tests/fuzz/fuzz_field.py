"""The real house in this process, with a fake upstream behind it, and scenarios of agents in front of it.

A scenario is one seed: one or two callers, some requests of each, streams left open meanwhile. Its requests go one after the
other; scenarios run side by side. `Field.storm` runs many and checks journal, upstream and every answer.
"""

import asyncio
import json
import logging
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fuzz_dice import Dice, again
from fuzz_exchange import Exchange
from fuzz_fake import SHOT, FakeUpstream
from fuzz_oracle import LISTS, SILENT, Unsound, strict
from fuzz_shots import Gunner, Shot
from fuzz_world import KEYS, TOOLS, configuration

from gateway import app, servers
from gateway.clock import SystemClock
from gateway.config.schema import Config
from gateway.listener.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 8.0
QUIET_S = 0.04
LIMITS = Limits(
    body_s=1.0, keep_alive_s=0.5, sessions=400, streams=200, answer_s=0.3, away_s=0.1, replay_held_bytes=4_000_000
)


class Field:
    """Open it with `open`, close it with `close`."""

    name = "agents"
    """Of the test that runs its scenarios."""
    looks = 500
    """At the journal, a hundred a second, for records that are due."""

    def __init__(self, folder: Path, monkeypatch: Any, upstreams: dict[str, Any] | None = None) -> None:
        """Without `upstreams` there is one fake."""
        self.folder, self.fake, self.shots = folder, FakeUpstream(), 0
        self.kinds: Counter[str] = Counter()
        """What the answers were, so that a test can see that the grammar reaches far."""
        monkeypatch.setattr(app, "_new_id", _ids(app._new_id))
        monkeypatch.setattr(app, "AgentPlane", partial(app.AgentPlane, limits=LIMITS))
        if upstreams is None:
            upstreams = {"desk": {"kind": "mcp-http", "url": "http://desk.example/mcp"}}
            monkeypatch.setattr(servers, "make_upstream", lambda *_, **__: self.fake)
        config = Config(**configuration(folder, upstreams, ROOT))
        self._tools = len(upstreams) * (len(TOOLS) - 2)
        self.bearer = f"Bearer {KEYS['alice']}".encode()
        self.house = app.House(config, folder, SystemClock(), lambda _: None)
        self._read: dict[Path, int] = {}
        self._errors = _Errors(logging.ERROR)

    async def open(self) -> "Field":
        logging.getLogger("sallyport").addHandler(self._errors)
        await self.house.open()
        return self

    async def close(self) -> None:
        await self.house.close()
        logging.getLogger("sallyport").removeHandler(self._errors)

    async def storm(self, seeds: Sequence[int], width: int = 64) -> None:
        """Runs scenarios, `width` at a time, and checks everything about them. Raises Unsound, with the seed."""
        waiting = deque(seeds)
        ran: list[Exchange] = []

        async def row() -> None:
            while waiting:
                seed = waiting.popleft()
                try:
                    await self._scenario(seed, ran)
                except Exception as fault:
                    raise Unsound(again(self.name, seed, fault)) from fault

        async with asyncio.timeout(60 + len(seeds)):
            failed = [
                one for one in await asyncio.gather(*(row() for _ in range(width)), return_exceptions=True) if one
            ]
        if failed:
            raise Unsound("\n".join(str(one) for one in failed))
        self.shots += len(ran)
        if self.fake.wrong:
            raise Unsound("\n".join(self.fake.wrong[:20]))
        await self._recorded(ran)
        await self.still_serves()
        if self._errors.said:
            raise Unsound("in the log:\n" + "\n".join(self._errors.said[:10]))

    async def still_serves(self) -> None:
        """A good list gets its answer."""
        exchange = Exchange(good_list(), 0, 0, {})
        await self._fired(exchange)
        if (listed := len(json.loads(exchange.body)["result"]["tools"])) != self._tools:
            raise Unsound(f"{listed} tools are left")

    async def _scenario(self, seed: int, ran: list[Exchange]) -> None:
        dice = Dice(seed)
        crowd = [Gunner(dice, dice.choice(CROWD)) for _ in range(dice.choice([1, 1, 2]))]
        sessions: dict[str, str] = {}
        left_open: list[tuple[Gunner, Exchange]] = []
        mine: list[Exchange] = []
        for number in range(dice.randint(4, 14)):
            gunner = dice.choice(crowd)
            if len(crowd) == 2 and dice.often(0.05):
                gunner.learnt = crowd[0].learnt  # what one was told, the other tries
            exchange = Exchange(gunner.shot(), seed, number, sessions)
            mine.append(exchange)
            await self._fired(exchange)
            if exchange.task is not None and not exchange.task.done():
                left_open.append((gunner, exchange))
            for whose, one in [(gunner, exchange), *left_open]:
                learn(whose, one, sessions)
        await self._over(mine, ran)

    async def _over(self, mine: list[Exchange], ran: list[Exchange]) -> None:
        """All callers leave, and every exchange comes to its end."""
        for exchange in mine:
            exchange.leave()
        tasks = {one.task for one in mine if one.task is not None}
        _, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
        for exchange in mine:
            if exchange.task in late:
                raise Unsound(f"request {exchange.number} hangs: {exchange.shot}")
            exchange.task.result()  # type: ignore[union-attr]
            self.kinds[self.kind(exchange, self._judged(exchange))] += 1
        ran.extend(mine)

    def _judged(self, exchange: Exchange) -> list[Any]:
        return exchange.judged((str(self.folder).encode(),))

    async def _fired(self, exchange: Exchange) -> None:
        """Until the exchange is over, or is a stream on which nothing more happens for now."""
        SHOT.set(exchange)
        plane = self.house.agent_plane
        exchange.task = asyncio.ensure_future(plane(exchange.scope, exchange.receive, exchange.send))
        exchange.task.add_done_callback(lambda _: exchange.told.set())
        await self._settled(exchange)

    async def _settled(self, exchange: Exchange) -> None:
        assert exchange.task is not None
        while not exchange.task.done():
            exchange.told.clear()
            try:
                async with asyncio.timeout(QUIET_S if exchange.streams else PATIENCE_S):
                    await exchange.told.wait()
            except TimeoutError:
                if not exchange.streams:
                    raise Unsound(f"request {exchange.number} is not answered: {exchange.shot}") from None
                return

    @staticmethod
    def kind(exchange: Exchange, messages: list[Any]) -> str:
        last = messages[-1] if messages else {}
        if "error" in last and isinstance(last["error"], str):
            return last["error"]
        told = last.get("error", {}).get("data") or last.get("result", {}).get("_meta") or {}
        reason = told.get("io.sallyport/outcome", {}).get("reason") if isinstance(told, dict) else None
        return (
            reason
            or ("stream " if exchange.streams else "")
            + f"{exchange.status} {last.get('result', {}).get('resultType', '')}"
        )

    async def _recorded(self, ran: list[Exchange]) -> None:
        """Every request has one terminal record, or none where none is promised; no call has only an intent."""
        ends: Counter[str] = Counter()
        begun: set[str] = set()
        due = {one.call_id for one in ran if one.call_id and _leaves_record(one)}
        for _ in range(self.looks):
            for record in self._journal():
                if record["kind"] == "intent":
                    begun.add(record["call"])
                else:
                    ends[record["call"]] += 1
            if due <= ends.keys() and begun <= ends.keys():
                break
            await asyncio.sleep(0.01)
        by_call = {one.call_id: one for one in ran}
        for call, times in ends.items():
            if times > 1:
                raise Unsound(f"{times} records of call {call}: {by_call.get(call) and vars(by_call[call])}")
        for call in sorted((due | begun) - ends.keys()):
            one = by_call.get(call)
            raise Unsound(
                again(
                    self.name,
                    one.seed if one else -1,
                    f"no record of {call}: {one and (one.shot, one.status, one.body[:500])}",
                )
            )

    def _journal(self) -> list[Any]:
        """Lines that are new since the last look."""
        found = []
        for path in sorted((self.folder / "state/journal").glob("*.log")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            found += [record for line in whole.splitlines() if "call" in (record := json.loads(line[65:]))]
        return found


CROWD = ["alice"] * 10 + ["bob"] * 6 + ["carol", "nobody", ""]
_ENVELOPE = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


class _Errors(logging.Handler):
    """What an operator would be woken up for."""

    said: tuple[str, ...] = ()

    def emit(self, record: logging.LogRecord) -> None:
        at = traceback.extract_tb(record.exc_info[2])[-1] if record.exc_info and record.exc_info[2] else None
        exchange = SHOT.get(None)
        where = "" if at is None else f" at {at.filename}:{at.lineno}: {record.exc_info and record.exc_info[1]!r}"
        self.said += (f"seed {exchange and exchange.seed}: {record.getMessage()}{where}",)


def good_list() -> Shot:
    """A modern tools/list of alice's."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": _ENVELOPE}}
    lines = [
        ("host", b"localhost"),
        ("content-type", b"application/json"),
        ("authorization", f"Bearer {KEYS['alice']}".encode()),
    ]
    return Shot(
        json.dumps(message).encode(), [*lines, ("mcp-protocol-version", b"2026-07-28"), ("mcp-method", b"tools/list")]
    )


def _ids(make: Any) -> Any:
    def new_id() -> str:
        made: str = make()
        exchange = SHOT.get(None)
        if exchange is not None and exchange.call_id is None:
            exchange.call_id = made
        return made

    return new_id


def learn(gunner: Gunner, exchange: Exchange, sessions: dict[str, str]) -> None:
    learnt = gunner.learnt
    if exchange.shot.method == "DELETE" and exchange.status == 204:
        for name, value in exchange.shot.lines:
            if name == "mcp-session-id":
                sessions.pop(value.strip().decode(), None)
    session = exchange.headers.get("mcp-session-id")
    if session is not None and session not in learnt.sessions:
        learnt.sessions.append(session)
        sessions[session] = gunner.who
    for line in exchange.body.split(b"\n"):
        if line.startswith(b"id: ") and exchange.streams:
            learnt.events.append(line[4:].decode())
    try:
        messages = exchange.so_far() if exchange.streams else [strict(exchange.body)]
    except ValueError:
        return
    for message in messages:
        match message:
            case {"method": "elicitation/create" | "sampling/createMessage" | "roots/list", "id": _}:
                learnt.questions.append(message)
            case {"result": {"resultType": "input_required"} as result}:
                asked = strict(exchange.shot.body)
                learnt.states.append((asked["method"], asked["params"], result))


def _leaves_record(exchange: Exchange) -> bool:
    """What is answered with a refusal, and every call and list; not what only opens, asks or says."""
    if exchange.shot.leaves or not exchange.done or exchange.status in (202, 204):
        return False
    try:
        asked = str(strict(exchange.shot.body)["method"]) if exchange.shot.method == "POST" else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        asked = ""
    last = exchange.so_far()[-1:] if exchange.streams else [json.loads(exchange.body or b"{}")]
    served = bool(last) and "result" in last[0]
    walks = asked in LISTS or asked in ("tools/call", "prompts/get", "resources/read", "completion/complete")
    return walks if served else exchange.status != 200 or (asked not in SILENT and not exchange.streams)
