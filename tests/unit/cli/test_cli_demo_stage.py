"""The demo's stage: whatever happens on it, its processes and its folder are gone afterwards."""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import demo_stage
from gateway.cli.demo_stage import Fell, Stage, desk_folder, free_addresses

WAITS = "import time\nprint('listening on http://127.0.0.1:7', flush=True)\ntime.sleep(60)\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS
DIES = "import sys\nsys.exit('one\\n\\ntwo \\x1b[2J')\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules; the stage's folder is made beside it, where it can be missed."""
    home, spare = tmp_path / "home", tmp_path / "spare"
    home.mkdir()
    spare.mkdir()
    for name, text in (("waits", WAITS), ("stubborn", STUBBORN), ("dies", DIES)):
        (home / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield home
    assert list(spare.iterdir()) == []
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def pids(stage: Stage) -> list[int]:
    return [process.pid for process in stage._running.values()]


def gone(pid: int) -> bool:
    """Reaped by its parent, so that not even a zombie is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_everything_is_gone_when_the_stage_closes(home: Path) -> None:
    with Stage() as stage:
        stage.start("one", home, "waits")
        stage.start("two", home, "waits")
        assert stage.announced("one") == "http://127.0.0.1:7"
        assert stage.folder.is_dir()
        started = pids(stage)
        assert not any(map(gone, started))
    assert len(started) == 2
    assert all(map(gone, started))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_however_it_closes(home: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), Stage() as stage:
        stage.start("one", home, "waits")
        raise error
    assert all(map(gone, pids(stage)))


def test_what_does_not_listen_to_reason_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_stage, "_STOP_S", 0.2)
    with Stage() as stage:
        stage.start("mule", home, "stubborn")
        stage.announced("mule")
    assert all(map(gone, pids(stage)))


def test_a_process_that_dies_is_told_with_its_last_words(home: Path) -> None:
    with pytest.raises(Fell) as fell, Stage() as stage:
        stage.start("the desk", home, "dies")
        stage.announced("the desk")
    assert str(fell.value) == "the desk ended by itself (exit code 1); it said last:\n  one\n  two \ufffd[2J"


def test_what_never_gets_ready_is_told_in_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_stage, "_READY_S", 0.1)
    with pytest.raises(Fell, match=r"the gateway did not get ready within 0.1 s"), Stage() as stage:
        stage.start("the gateway", home, "waits")
        stage.serving("the gateway", f"http://{free_addresses()[0]}/startupz")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_what_is_kept(home: Path, number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), Stage() as stage:
        stage.start("one", home, "waits")
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        stage.until_signalled()
    assert all(map(gone, pids(stage)))


def test_a_signal_that_comes_while_a_process_starts_waits_until_it_is_known(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = demo_stage.subprocess.Popen

    def interrupted(*words: object, **how: object) -> object:
        process = begun(*words, **how)  # type: ignore[call-overload]
        os.kill(os.getpid(), signal.SIGINT)
        return process

    monkeypatch.setattr(demo_stage.subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), Stage() as stage:
        stage.start("one", home, "waits")
    assert len(pids(stage)) == 1
    assert all(map(gone, pids(stage)))


def test_only_the_first_signal_interrupts_so_that_none_keeps_anything_from_being_ended(home: Path) -> None:
    with Stage() as stage:
        stage.start("one", home, "waits")
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert all(map(gone, pids(stage)))


def test_settings_of_this_shell_are_not_those_of_the_demo(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALLYPORT_LISTEN__AGENT", "0.0.0.0:80")
    with Stage():
        assert "SALLYPORT_LISTEN__AGENT" not in os.environ
    assert os.environ["SALLYPORT_LISTEN__AGENT"] == "0.0.0.0:80"


def test_the_bundled_desk_is_preferred_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (desk_folder() / "examples/helpdesk/api.py").is_file()
    monkeypatch.setattr(demo_stage, "_BUNDLED", tmp_path)
    assert desk_folder() == tmp_path


def test_a_module_of_the_desk_is_run_to_its_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "says.py").write_text("import sys\nprint(sys.argv[1])\n", encoding="utf-8")
    monkeypatch.setattr(demo_stage, "_BUNDLED", home)
    with Stage() as stage:
        assert stage.output("says", "this") == "this\n"
        with pytest.raises(Fell, match="dies ended with exit code 1: one"):
            stage.output("dies")
