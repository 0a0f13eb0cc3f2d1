"""A `state.store` that names the wrong thing: the gateway starts, reads work, and operators hear why nothing else does.

The password in the URL is told to nobody: it stands in no log, no journal and no answer.
"""

import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import redis_kit
from e2e_kit import HTTP, Gateway, HelpDesk, api_key, helpdesk_config, outcome, structured, wait_for
from fleet_faults_kit import AWAY, LOOKED, PATIENT, refund, sallyport, store_of
from fleet_kit import TOOL

from gateway.store.redis_names import GENERATION

WORD = "Korrekt-Pferd-Batterie-7"
FAULTS = {
    "wrong password": "refuses the password in state.store",
    "unknown user": "refuses the password in state.store",
    "no password": "asks for a password and state.store has none",
    "TLS to a plain port": "did not answer within 250 ms; does it speak TLS? state.store begins with rediss://",
    "a web server": "does not speak the Redis protocol; look at scheme, host and port in state.store",
    "a port that is silent": "did not answer within 250 ms",
    "nobody there": "cannot be reached",
    "no such host": "cannot be reached",
    "no such database": "has no database 99 (state.store)",
}
HIDDEN = "the store hides its maxmemory-policy; set state.assume_noeviction if you know that it is noeviction"
RARE = {"unknown user", "no password", "a port that is silent", "no such host", "no such database"}
NAMES = [pytest.param(name, marks=[pytest.mark.deep] * (name in RARE)) for name in FAULTS]


@dataclass(frozen=True)
class Wrong:
    """One gateway and what it was told to use."""

    gateway: Gateway
    token: str
    place: str
    """host:port"""

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return self.gateway.call(self.token, tool, arguments)


Wrongs = Callable[[str], Wrong]


@pytest.fixture(scope="module")
def wrong(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wrongs]:
    """Starts the gateway of a row when it is first asked for."""
    with ExitStack() as ends:
        server, silent = redis_kit.server(), ends.enter_context(socket.socket())
        ends.callback(server.stop)
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        with redis.Redis(port=server.port) as client:
            client.set(GENERATION, redis_kit.BORN)
            client.execute_command("ACL", "SETUSER", "plain", "on", f">{WORD}", "~*", "&*", "+@all")
            client.execute_command("ACL", "SETUSER", "sly", "on", f">{WORD}", "~*", "&*", "+@all", "-info")
            client.config_set("requirepass", secrets.token_hex())
        here, web = f"127.0.0.1:{server.port}", urlsplit(helpdesk.url).netloc
        urls = {
            "wrong password": f"redis://:{WORD}@{here}/0",
            "unknown user": f"redis://eve:{WORD}@{here}/0",
            "no password": f"redis://{here}/0",
            "TLS to a plain port": f"rediss://:{WORD}@{here}/0",
            "a web server": f"redis://:{WORD}@{web}/0",
            "a port that is silent": f"redis://:{WORD}@127.0.0.1:{silent.getsockname()[1]}/0",
            "nobody there": f"redis://:{WORD}@127.0.0.1:1/0",
            "no such host": f"redis://:{WORD}@redis.invalid:6379/0",
            "no such database": f"redis://plain:{WORD}@{here}/99",
            "hidden": f"redis://sly:{WORD}@{here}/0",
            "vouched for": f"redis://sly:{WORD}@{here}/0",
        }

        @cache
        def started(name: str) -> Wrong:
            one = _gateway(tmp_path_factory.mktemp("wrong"), helpdesk, name, urls[name])
            one.gateway.start()
            ends.callback(one.gateway.stop)
            return one

        yield started


def _gateway(folder: Path, helpdesk: HelpDesk, name: str, url: str) -> Wrong:
    token, entry = api_key("bob-key", "ops-bot", "bob")
    secret = folder / "secret.key"
    secret.write_text("5e" * 32)  # two of them share a server
    secret.chmod(0o600)
    state = {"dir": "state", "store": url, "secret_file": str(secret), "assume_noeviction": name == "vouched for"}
    gateway = Gateway(folder, helpdesk_config(helpdesk.url, [entry]) | {"state": state} | PATIENT)
    return Wrong(gateway, token, urlsplit(url).netloc.rpartition("@")[2])


@pytest.mark.parametrize("name", NAMES)
def test_reads_work_nothing_else_is_sent_and_operators_are_told_where_and_why(
    wrong: Wrongs, helpdesk: HelpDesk, name: str
) -> None:
    one, before = wrong(name), helpdesk.count("refunds")
    assert structured(one.call(*LOOKED))
    told = outcome(one.call(TOOL, refund(name)))
    assert (told["reason"], told["executed"], told["retry"]) == ("store-unavailable", "no", "after")
    assert helpdesk.count("refunds") == before
    wait_for(lambda: store_of(one.gateway) == f"{AWAY}the store {one.place} {FAULTS[name]}", "the reason", 5)
    assert one.gateway.operator("GET", "/store").json()["store"].endswith(FAULTS[name])


@pytest.mark.parametrize("name", [*NAMES, "hidden", "vouched for"])
def test_the_password_is_told_to_nobody(wrong: Wrongs, name: str) -> None:
    one = wrong(name)
    stop = {"kind": "agent", "target": "ops-bot", "why": "drill"}
    said = [
        str(one.call(TOOL, refund(name))),
        *(one.gateway.operator("GET", path).text for path in ("/readyz", "/store", "/audit", "/metrics", "/approvals")),
        one.gateway.operator("POST", "/store/accept-loss", json={"why": "drill"}).text,
        one.gateway.operator("POST", "/kill", json=stop).text,
        one.gateway.operator("DELETE", "/kill", params=stop).text,
    ]
    assert not [text for text in said if WORD in text]
    files = one.gateway.written()
    assert one.gateway.log in files
    assert {path for path, text in files.items() if WORD.encode() in text} <= {one.gateway.path}


def test_the_command_line_masks_the_password(wrong: Wrongs) -> None:
    one = wrong("wrong password")
    checked, status = sallyport(one.gateway, "check"), sallyport(one.gateway, "store", "status")
    assert (checked.returncode, status.returncode) == (0, 1)
    assert f"store: redis://•••@{one.place}/0" in checked.stdout
    assert WORD not in checked.stdout + checked.stderr + status.stdout + status.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_log_says_why(wrong: Wrongs, name: str) -> None:
    one = wrong(name)
    line = f" WARNING sallyport.store: the store {one.place} {FAULTS[name]}"
    wait_for(lambda: line in one.gateway.log.read_text(), "the reason in the log", 5)


def test_a_server_that_hides_how_it_evicts_is_used_only_where_somebody_vouches_for_it(wrong: Wrongs) -> None:
    hidden, vouched = wrong("hidden"), wrong("vouched for")
    assert store_of(hidden.gateway) == AWAY + HIDDEN
    assert outcome(hidden.call(TOOL, refund("hidden")))["reason"] == "store-unavailable"
    assert store_of(vouched.gateway) == "ok"
    assert structured(vouched.call(TOOL, refund("vouched for")))
    assert HTTP.get(f"{vouched.gateway.operator_url}/metrics").text.count("sallyport_store_up 1.0") == 1
