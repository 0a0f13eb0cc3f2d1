"""A gateway under siege: a real process between a raw-socket agent and a scripted upstream, and what it must never do."""

import contextlib
import hashlib
import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from bad_peer import OK, Peer, reply, result, says
from bad_wire import KEYS, Answer, call, line, written
from e2e_kit import ROOT, Gateway, wait_for

from gateway.model.refusal import TABLE, Reason, Shape

ROWS = """
g, user:alice, role:support, default
g, user:bob, role:support, default
p, all,   role:support, default, *, desk/*,   call, -, allow
p, other, role:support, default, *, steady/*, call, -, allow
p, bare,  role:support, default, *, bare/*,   call, -, allow
p, small, *, default, *, desk/denied, call, never, deny
"""
EFFECTS = {"pay": "mutating"} | dict.fromkeys(("echo", "shaped", "region", "hidden", "denied"), "read")
MAX_RESULT = 3 * 1024 * 1024
LEAKS = (b"Traceback", b"Error(", b".py", b"Exception", b"gateway/")


class Siege:
    """One gateway process, the upstream it knows as `desk`, and the questions every test asks of them."""

    def __init__(self, folder: Path, peer: Peer, **upstreams: Any) -> None:
        self.peer = peer
        (folder / "policy.csv").write_text(ROWS, encoding="utf-8")
        (folder / "conditions.yaml").write_text("never: args.text == 'no'\n", encoding="utf-8")
        agents = {"support-bot": "alice", "ops-bot": "bob"}
        desk = {
            "kind": "mcp-http",
            "url": peer.url,
            "era": "modern",
            "timeout": "700ms",  # longer than a busy machine keeps a call from being sent
            "max_result": MAX_RESULT,
            "refresh": "1h",
            "retries": {"most": 0},  # each bad answer is one exchange, and many in a row are wanted
            "breaker": "off",
            "tools": {name: {"effect": effect} for name, effect in EFFECTS.items()},
        }
        config = {
            "identity": {"keys": [_key(user, agent) for agent, user in agents.items()]},
            "policy": {
                "model": shutil.copy(ROOT / "policies/model.conf", folder),
                "rows": str(folder / "policy.csv"),
                "conditions": str(folder / "conditions.yaml"),
            },
            "upstreams": {"desk": {**desk, **upstreams.pop("desk", {})}, **upstreams},
            "agents": {agent: {"tools": [f"desk/{name}" for name in EFFECTS if name != "hidden"]} for agent in agents},
            "loops": "off",
        }
        config["agents"]["ops-bot"]["tools"] = [f"{upstream}/*" for upstream in config["upstreams"]]
        self.gateway = Gateway(folder, config, main="tests.e2e.bad_hurried")
        self.gateway.start()
        self.port = self.gateway.agent_port
        self._desk = http.client.HTTPConnection("127.0.0.1", self.gateway.operator_port, timeout=10)
        self._token = (folder / "state/operator.token").read_text().strip()

    def close(self) -> None:
        self._desk.close()
        self.gateway.stop()
        self.peer.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    def ask(self, raw: bytes) -> Answer | None:
        """One request on a connection of its own."""
        with line(self.port) as wire:
            wire.say(raw)
            return wire.answer()

    def call(self, name: str, arguments: Any, **more: Any) -> Answer:
        """One modern tools/call, which must be answered."""
        answer = self.ask(written(*call(name, arguments, **more)))
        assert answer is not None
        return answer

    def operator(self, path: str) -> Any:
        """What the operator plane says, over one warm connection."""
        self._desk.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        answer = self._desk.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return json.loads(body)

    # -- what must hold ----------------------------------------------------------------------------------------------

    def newest(self) -> dict[str, Any]:
        found = self.operator("/audit?limit=1")["records"]
        return found[0] if found else {"id": "", "time": "2000-01-01T00:00:00.000000Z"}

    def since(self, mark: dict[str, Any]) -> list[dict[str, Any]]:
        """Records after `mark`, oldest first."""
        found = self.operator(f"/audit?limit=1000&order=oldest&since={mark['time']}")["records"]
        return [record for record in found if record["id"] != mark["id"]]

    @contextlib.contextmanager
    def one_record(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """What happens inside leaves exactly one terminal record; it stands in the yielded dict afterwards."""
        mark = self.newest()
        found: dict[str, Any] = {}
        yield found
        wait_for(lambda: self.since(mark), "the record")
        terminal = [record for record in self.since(mark) if record["kind"] != "intent"]
        assert len(terminal) == 1, terminal
        assert kind is None or terminal[0]["kind"] == kind
        found.update(terminal[0])

    def refuses(self, raw: bytes, status: int, reason: Reason) -> None:
        """A request gets its row of the refusal table, on the wire and in one record, and reaches no upstream."""
        row, reached = TABLE[reason], len(self.peer.calls)
        with self.one_record() as record:
            answer = self.ask(raw)
        assert answer is not None
        assert (answer.status, answer.told["reason"]) == (status, reason.value)
        match row.shape:
            case Shape.BARE:
                assert answer.json["remedy"] == row.remedy
            case Shape.ERROR:
                assert answer.json["error"]["code"] == row.code
            case Shape.RESULT:
                assert answer.json["result"]["isError"] is True
        assert row.shape is Shape.BARE or (answer.told["executed"], answer.told["retry"]) == (row.executed, row.retry)
        shows_nothing(answer)
        assert record["call"] == answer.call_id
        assert (record["outcome"], record["reason"], record["executed"]) == (row.outcome, reason, row.executed)
        assert len(self.peer.calls) == reached, "it passed by accident"

    def still_serves(self) -> None:
        """A good call right after gets its answer."""
        before, self.peer.script = self.peer.script, says(lambda seen: reply(200, result(seen, OK)))
        answer = self.call("desk_echo", {"text": "hello"})
        self.peer.script = before
        assert (answer.status, answer.json["result"]["content"]) == (200, OK["content"])

    def kept_quiet(self) -> None:
        """Nothing went wrong that only the log would tell."""
        assert self.gateway.process is not None
        assert self.gateway.process.poll() is None, "the gateway is gone"
        log = self.gateway.log.read_text()
        assert not [line for line in log.splitlines() if "Traceback" in line or " ERROR " in line], log[-3000:]

    def resident(self) -> int:
        """Bytes of memory of the gateway."""
        assert self.gateway.process is not None
        return psutil.Process(self.gateway.process.pid).memory_info().rss


def _key(user: str, agent: str) -> dict[str, str]:
    digest = hashlib.sha256(KEYS[user].encode()).hexdigest()
    return {"id": user, "hash": f"sha256:{digest}", "agent": agent, "user": user}


def shows_nothing(answer: Answer) -> None:
    """No text of an exception, no path of ours and no credential is on the wire."""
    assert not [leak for leak in LEAKS if leak in answer.raw], answer.raw
    assert not [key for key in KEYS.values() if key.encode() in answer.raw], answer.raw
