"""`sallyport demo` as a person runs it: real processes, figures that are measured, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2e_kit import HTTP, ROOT, wait_for
from typer.testing import CliRunner

from gateway.cli import demo_house, demo_stage
from gateway.cli.main import app

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the demo; its folder is made in `tmp_path`, where nothing may be left."""
    started: list[subprocess.Popen[str]] = []
    spare = tmp_path / "spare"
    spare.mkdir()

    def begin(*words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "TMPDIR": str(spare), "SALLYPORT_LISTEN__AGENT": "127.0.0.1:1"}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "gateway", "demo", *words],
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    assert list(spare.iterdir()) == []


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() for process in processes)


def test_the_attack_succeeds_without_the_gateway_and_fails_with_it(start: Start) -> None:
    out, err = start("--json").communicate(timeout=50)
    facts = json.loads(out)

    assert err == ""
    assert facts["held"] is True
    assert facts["seconds"] < 60
    measured = {
        name: {key: facts[name][key] for key in ("leaked", "refunds", "erased")} for name in ("without", "with")
    }
    assert measured == {
        "without": {"leaked": 30, "refunds": [5000, 5000], "erased": 1},
        "with": {"leaked": 0, "refunds": [5000], "erased": 0},
    }
    asked = [[(step["method"], step["path"]) for step in facts[name]["steps"]] for name in ("without", "with")]
    assert asked[0] == asked[1]
    assert [step["status"] for step in facts["without"]["steps"]] == [200, 200, 201, None, 201, 200]
    steps = facts["with"]["steps"]
    assert [(step["status"], step["reason"], step["replayed"]) for step in steps] == [
        (200, None, False),
        (404, "unknown-tool", False),
        (403, "policy-denied", False),
        (None, None, False),
        (201, None, True),
        (404, "unknown-tool", False),
    ]
    assert "deny no-export (policies/policy.csv:" in steps[1]["why"]
    assert steps[2]["settings"][1] == "conditions.yaml: to-customers: args.body.to.endsWith('@example.com')"
    assert [record["call"] for record in facts["audit"]] == [step["call"] for step in steps]
    assert facts["audit"][4]["key"]["original"] == steps[3]["call"]


def test_the_story_is_told_in_80_columns_and_ends_with_what_to_type(start: Start) -> None:
    process = start()
    out, err = process.communicate(timeout=50)

    assert (process.returncode, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "refunds paid for order 6                  2 (100.00 EUR)   1 (50.00 EUR)" in out
    assert "customers whose data went to a stranger   30               0" in out
    assert "outcome    refused: policy-denied, executed: no" in out
    assert out.rstrip().splitlines()[-1].strip().startswith("sallyport init")


def test_kept_it_answers_until_it_is_told_to_stop(start: Start) -> None:
    process = start("--keep", "--json")
    assert process.stdout is not None
    lines = []
    while not lines or lines[-1] not in {"}\n", ""}:
        lines.append(process.stdout.readline())
    if not lines[-1]:
        pytest.fail(f"the demo ended by itself: {process.communicate()[1]}")
    running = json.loads("".join(lines))["running"]
    known = children(process)

    command = [sys.executable, "-m", "gateway", "explain", running["call"], "--config", running["config"]]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout
    asked = HTTP.get(f"{running['http']}/tickets/13", headers={"Authorization": f"Bearer {running['key']}"})
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)

    assert "refused: policy-denied" in told
    assert asked.status_code == 200
    assert len(known) == 3
    assert process.returncode == 0
    assert "processes and files of the demo are gone" in err
    assert all_gone(known)


@pytest.mark.parametrize("started", [1, 2])
def test_ctrl_c_in_the_middle_leaves_nothing_behind(start: Start, started: int) -> None:
    process = start()
    wait_for(lambda: len(children(process)) >= started, "its processes")
    known = children(process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Stopped: processes and files of the demo are gone." in err
    assert "Traceback" not in err
    assert all_gone(known)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(psutil.Process().children(recursive=True))
    yield lambda *words: CliRunner().invoke(app, ["demo", *words], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_gateway_that_does_not_hold_is_told_as_such(
    in_process: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = "p, all, user:alice, default, *, helpdesk/*, call, -, allow\n"
    monkeypatch.setattr(demo_house, "_POLICY", everything)

    done = in_process("--json")

    assert done.exit_code == 1
    assert "The gateway did not hold everything back" in done.stderr
    facts = json.loads(done.stdout)
    assert (facts["held"], facts["with"]["leaked"], facts["with"]["erased"]) == (False, 30, 1)
    assert facts["with"]["refunds"] == [5000]


def test_a_port_that_is_taken_is_told_with_the_next_step(
    in_process: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(demo_stage, "free_addresses", lambda: (address, "127.0.0.1:0"))
        done = in_process()

    assert done.exit_code == 3
    assert "the gateway ended by itself (exit code 1); it said last:" in done.stderr
    assert "Address already in use" in done.stderr
    assert "Run it again: it takes free ports" in done.stderr


def test_a_desk_that_cannot_start_is_told_with_its_last_words(
    in_process: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = tmp_path_factory.mktemp("broken")
    (broken / "examples/helpdesk").mkdir(parents=True)
    for name in ("__init__.py", "helpdesk/__init__.py"):
        (broken / "examples" / name).touch()
    (broken / "examples/helpdesk/api.py").write_text("raise SystemExit('this desk is broken')", encoding="utf-8")
    monkeypatch.setattr(demo_stage, "_BUNDLED", broken)

    done = in_process()

    assert done.exit_code == 3
    assert "the first help desk ended by itself (exit code 1); it said last:\n  this desk is broken" in done.stderr


@pytest.mark.deep
@pytest.mark.timeout(180)
def test_the_wheel_holds_everything_the_demo_needs(tmp_path: Path) -> None:
    """Built and installed for real; only the dependencies are those of this environment."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [wheel] = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=60)
    python = tmp_path / "venv/bin/python"
    install = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--offline",
        "--no-deps",
        "--python",
        str(python),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    [site] = (tmp_path / "venv").glob("lib/python*/site-packages")
    [dependencies] = {folder for folder in sys.path if folder.endswith("site-packages") and Path(folder).is_dir()}
    (site / "dependencies.pth").write_text(dependencies + "\n", encoding="utf-8")

    where = [python, "-c", "import gateway; print(gateway.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=20).stdout
    done = subprocess.run(
        [tmp_path / "venv/bin/sallyport", "demo", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=90
    )

    assert found.startswith(str(site))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["held"] is True
