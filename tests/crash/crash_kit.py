"""A gateway that dies where it is told to, and the questions asked after every death."""

import contextlib
import json
import signal
import socket
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from crash_births import Nursery
from e2e_kit import PATIENCE_S, Gateway, HelpDesk, wait_for

from gateway.audit.segments import segments, tail
from gateway.audit.verify import verify

SEGMENT_BYTES = 4096
"""The least there is, so that the journal of every test rotates again and again."""
ORDER = 12
"""Paid, and dear enough for a refund of one cent in every test."""
Answer = dict[str, Any]


class Mortal(Gateway):
    """A gateway over its own state folder, which outlives it; `arm` names the point where it dies next."""

    def __init__(self, folder: Path, config: dict[str, Any], nursery: Nursery, token: str) -> None:
        super().__init__(folder, config)
        self.token = token
        self.journal = folder / "state/journal"
        self._nursery = nursery
        self._fuse = folder / "crash-at"
        self._seen = 0

    def start(self, *extra: str, ready: bool = True) -> None:
        arguments = ["run", "--config", str(self.path), "--crash-when", str(self._fuse), *extra]
        self.process = self._nursery.born(arguments, self.log)  # type: ignore[assignment]
        if ready:
            wait_for(self._started, "the gateway")

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def arm(self, at: str) -> None:
        """From now on `NAME[:N]` is counted, and `passed` counts too."""
        self._seen = len(self._points())
        fresh = self._fuse.with_suffix(".new")
        fresh.write_text(at, encoding="ascii")
        fresh.rename(self._fuse)

    def passed(self, point: str) -> bool:
        """Whether the road came by there since `arm`."""
        return point in self._points()[self._seen :]

    def _points(self) -> list[str]:
        trace = self._fuse.with_suffix(".passed")
        return trace.read_text(encoding="ascii").splitlines() if trace.exists() else []

    def fell(self) -> None:
        """Waits for the death that was asked for, and asks for no more."""
        assert self.process is not None
        assert self.process.wait(PATIENCE_S) == -signal.SIGKILL, self.log.read_text()[-3000:]
        self._fuse.unlink(missing_ok=True)

    def takes_no_more(self) -> bool:
        """Whether a stop has begun: nobody can connect."""
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.agent_port)):
            return False
        return True

    def risen(self) -> None:
        self.fell()
        self.start()

    def ask(self, tool: str, arguments: dict[str, Any], key: str | None = None, **more: Any) -> Answer | None:
        """One call; None when the connection ended before an answer."""
        headers = {"Idempotency-Key": key} if key else {}
        with contextlib.suppress(httpx2.TransportError):
            return self.call(self.token, tool, arguments, headers=headers, **more)
        return None

    def answered(self, tool: str, arguments: dict[str, Any], key: str | None = None) -> Answer:
        answer = self.ask(tool, arguments, key)
        assert answer is not None, self.log.read_text()[-3000:]
        return answer

    def insisted(self, tool: str, arguments: dict[str, Any], key: str | None = None) -> Answer:
        """Asked again as long as another call is said to be under way: a dead one is, until its lease is over."""
        while True:
            answer = self.answered(tool, arguments, key)
            told = answer["result"]["_meta"].get("io.sallyport/outcome", {})
            if told.get("reason") != "key-in-flight":
                return answer

    def entries(self) -> list[dict[str, Any]]:
        """The journal as it is on disk, whatever the gateway thinks of it."""
        return [json.loads(body) for _, body in tail(self.journal, None)]

    def ends_of(self, reason: str) -> list[str]:
        """How the first call with this reason stands in the journal: `intent`, then its outcome."""
        return [one.get("outcome", "intent") for one in self.of_first_call(reason)]

    def of_first_call(self, reason: str) -> list[dict[str, Any]]:
        """The entries of the call that was the first to write an intent with this reason; none if nobody did."""
        made = self.entries()
        intents = [one for one in made if one["kind"] == "intent" and one["arguments"].get("reason") == reason]
        return [one for one in made if intents and one.get("call") == intents[0]["call"]]

    def fill(self, room: int) -> None:
        """Reads until the last segment has at most `room` bytes left before the next group needs a new one."""
        least = 0
        for _ in range(20):
            before = self._left()
            if 0 < before <= room or (before <= 0 and not room):
                return
            text = "x " * ((before - least - room // 2) // 2) if room and least else ""
            self.answered("desk_desk_echo", {"text": text})
            written = before - self._left()
            if written > 0:  # else it stands in a new segment
                least = written - len(text)
        raise AssertionError("the segment does not fill")

    def _left(self) -> int:
        return SEGMENT_BYTES - (self.journal / segments(self.journal)[-1]).stat().st_size

    def check_whole(self) -> None:
        """The chain holds, ids are unique, every intent has one terminal record and no call has two."""
        report = verify(self.journal)
        assert report.ok, report.fault
        made = self.entries()
        assert len({one["id"] for one in made}) == len(made)
        ended = Counter(one["call"] for one in made if "outcome" in one)
        assert set(ended.values()) <= {1}, ended.most_common(3)
        assert {one["call"] for one in made if one["kind"] == "intent"} <= ended.keys()

    def found(self, call_id: str, *kinds: str) -> dict[str, Any]:
        """A call that was answered is found in `/audit` with these entries; its terminal one. Who waited for another call
        before its own was sent has more than one intent.
        """
        records = self._records(call_id)
        assert tuple(dict.fromkeys(one["kind"] for one in records)) == kinds
        return records[-1]

    def end_of(self, call_id: str) -> dict[str, Any]:
        """Its terminal entry. Where the ledger is a server, an intent may stand before it even if nothing was sent."""
        records = self._records(call_id)
        assert {one["kind"] for one in records} <= {"intent", "call"}
        return records[-1]

    def doubts(self) -> list[dict[str, Any]]:
        answer = self.operator("GET", "/doubts")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    def say(self, call_id: str, *, executed: bool) -> httpx2.Response | None:
        """A person's word on a doubt; None when the connection ended before an answer."""
        with contextlib.suppress(httpx2.TransportError):
            return self.operator("POST", f"/doubts/{call_id}", json={"executed": executed, "why": "looked it up"})
        return None

    def words_on(self, call_id: str) -> list[dict[str, Any]]:
        """What the journal has of people who settled this doubt."""
        return [one for one in self.entries() if one["kind"] == "resolved" and one["call"] == call_id]

    def _records(self, call_id: str) -> list[dict[str, Any]]:
        answer = self.operator("GET", f"/audit/{call_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["records"]


Built = Callable[..., Mortal]
"""Makes a gateway with a state folder of its own, not yet started; takes `segment_bytes`, `timeout` and sections."""


class Effects:
    """What really happened behind the gateway: rows of the help desk, lines of the till."""

    def __init__(self, desk: HelpDesk, till: Path) -> None:
        self.desk, self.till = desk, till
        self._numbers = 0

    def new_reason(self, about: str) -> str:
        """A reason nobody else gives, by which an effect is counted."""
        self._numbers += 1
        return f"{about} number {self._numbers}"

    def refunds(self, reason: str) -> int:
        with contextlib.closing(sqlite3.connect(self.desk.db)) as db:
            return db.execute("SELECT count(*) FROM refunds WHERE reason = ?", (reason,)).fetchone()[0]

    def paid(self, reason: str) -> int:
        return self.till.read_text(encoding="utf-8").splitlines().count(reason)

    def let_go(self, reason: str) -> None:
        """The till answers a call of `hold`."""
        self.till.with_name(key_of(reason)).touch()


def refund(reason: str) -> dict[str, Any]:
    return {"order_id": ORDER, "amount_cents": 1, "reason": reason}


def key_of(reason: str) -> str:
    return reason.replace(" ", "-")


def meta(answer: Answer) -> dict[str, Any]:
    """Our marks on a result that was carried out; a refusal fails the test with its own words."""
    assert answer["result"].get("isError") is not True, answer
    return answer["result"]["_meta"]


def call_id(answer: Answer) -> str:
    return meta(answer)["io.sallyport/provenance"]["call_id"]
