"""A gateway as the command line sees one: the real operator plane over a small desk, a scripted agent plane, a folder."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli_stage import TOKEN, NobodyAsks, Office, Run, Scripted, listening, write_config
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.operator.desk import Desk


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Office, int]]:
    """One operator plane for all tests, and the port it listens on."""
    office = Office()
    desk = Desk(*[office] * 5, lambda: 0.0, NobodyAsks(), office, doubts=office, budgets=office)
    with listening(desk) as port:
        yield office, port


@pytest.fixture
def office(served: tuple[Office, int]) -> Office:
    served[0].forget()
    return served[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and none of this machine's settings."""
    for name in ("SALLYPORT_CONFIG", "SALLYPORT_TOKEN", "SALLYPORT_OPERATOR_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gateway(office: Office, served: tuple[Office, int], folder: Path) -> Path:
    """A configuration whose operator plane answers."""
    config = write_config(folder, operator=served[1], more="agents: {support-bot: {tools: ['*/*']}}\n")
    (folder / ".sallyport/operator.token").write_text(TOKEN + "\n", encoding="utf-8")
    return config


@pytest.fixture
def sallyport(folder: Path) -> Run:
    """Runs one verb as a shell would."""
    runner = CliRunner()

    def run(*words: str, **options: Any) -> Result:
        return runner.invoke(app, list(words), catch_exceptions=False, **options)

    return run


@pytest.fixture
def agent_plane(folder: Path) -> Iterator[Scripted]:
    scripted = Scripted()

    class Plane(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            scripted.heard.append((self.path, headers, request))
            status, kind, body = scripted.answers[request["method"]](request)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Plane) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        write_config(folder, agent=server.server_address[1])
        scripted.say("tools/list", {"result": {"tools": []}})
        yield scripted
        server.shutdown()
        thread.join(5)
