"""run and the example's start as real processes: they serve, they end when told, and say why when they cannot start."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli_stage import Run, write_config

ROOT = Path(__file__).parents[3]
WAIT_S = 30
"""A bound, not a measure: the machine may be busy."""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def started(*words: str, until: str, where: Path = ROOT) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A process, and what it said up to a line with `until`; its whole tree is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    family = psutil.Process(process.pid)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if until in line:
                break
        yield process, said
    finally:
        left = family.children(recursive=True) if family.is_running() else []
        for one in [*left, family]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait(WAIT_S)
        process.stdout.close()


def refused(config: Path) -> tuple[int, str]:
    """How a start that must fail ended; a process of its own, because serving changes where logs go."""
    words = [sys.executable, "-m", "gateway", "run", "-c", str(config)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False)
    return done.returncode, done.stderr


@pytest.fixture
def runnable(folder: Path) -> Path:
    """A configuration without upstreams that really can be served."""
    (folder / "policies").mkdir()
    for name in ("model.conf", "policy.csv", "conditions.yaml"):
        (folder / "policies" / name).write_text((ROOT / "policies" / name).read_text())
    agent, operator = free_ports(2)
    return write_config(folder, agent=agent, operator=operator)


def test_the_gateway_serves_until_it_is_told_to_stop_and_refuses_a_second_owner(runnable: Path, sallyport: Run) -> None:
    with started("gateway", "run", "-c", str(runnable), until="agents: http", where=runnable.parent) as (process, _):
        while (first := sallyport("kill")).exit_code == 3:
            assert process.poll() is None
        assert "nothing is stopped" in first.stdout
        code, said = refused(runnable)
        assert code == 1
        assert "another process owns this state folder" in said
        assert "Traceback" not in said
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0


def test_a_taken_port_is_told_with_the_settings_to_change(runnable: Path) -> None:
    port = int(runnable.read_text().partition("agent: 127.0.0.1:")[2].partition(",")[0])
    with socket.create_server(("127.0.0.1", port)):
        code, said = refused(runnable)
    assert code == 1
    assert "change listen.agent or listen.operator" in said
    assert "Traceback" not in said


@pytest.fixture
def example(folder: Path) -> Path:
    """The example's configuration on ports of its own."""
    text = (ROOT / "config.example.yaml").read_text()
    for port, free in zip((8080, 9090, 7001, 7003), free_ports(4), strict=True):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
    path = folder / "config.yaml"
    path.write_text(text.replace("policies/", f"{ROOT}/policies/"))
    return path


def test_the_example_starts_with_one_command_and_ends_whole(
    example: Path, sallyport: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("examples.helpdesk.up", "--config", str(example), "--state", str(example.parent / "state"))
    with started(*words, until="Ctrl-C stops everything") as (process, said):
        token = said.partition("agent token")[2].split()[0]
        monkeypatch.setenv("SALLYPORT_TOKEN", token)
        done = sallyport("call", "helpdesk_ticket_get", "id=13")
        assert done.exit_code == 0, done.stderr
        assert '"id": 13' in done.stdout
        assert sallyport("call", "notes_note_search", "text=a").exit_code == 0
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0
        assert not [child for child in children if child.is_running()]


def test_when_the_desk_dies_everything_ends_and_that_is_said(example: Path) -> None:
    words = ("examples.helpdesk.up", "--config", str(example), "--state", str(example.parent / "state"))
    with started(*words, until="Ctrl-C stops everything") as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        desk = next(child for child in children if "examples.helpdesk.http" in child.cmdline())
        os.kill(desk.pid, signal.SIGKILL)
        rest, _ = process.communicate(timeout=WAIT_S)
        assert process.returncode == 1
        assert "the help desk ended with exit code -9; everything is stopped." in rest
        assert not [child for child in children if child.is_running()]


def test_a_port_of_the_example_that_is_taken_is_named(example: Path) -> None:
    port = int(example.read_text().partition("url: http://127.0.0.1:")[2].partition("/")[0])
    words = ("examples.helpdesk.up", "--config", str(example), "--state", str(example.parent / "state"))
    with socket.create_server(("127.0.0.1", port)), started(*words, until="nothing") as (process, said):
        assert process.wait(WAIT_S) == 1
        assert f"127.0.0.1:{port} cannot be used (Address already in use)" in said


def test_what_the_example_prints_works_where_its_ports_were_moved(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = f"127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("SALLYPORT_LISTEN__AGENT", agent)
    words = ("examples.helpdesk.up", "--config", str(example), "--state", str(example.parent / "state"))
    with started(*words, until="Ctrl-C stops everything") as (_, said):
        assert f"export SALLYPORT_LISTEN__AGENT={agent} SALLYPORT_CONFIG=" in said
