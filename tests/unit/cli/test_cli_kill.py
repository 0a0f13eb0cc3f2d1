"""kill and resume: how far, and by a file where nothing answers."""

import json
import shutil
from pathlib import Path

import pytest
from cli_stage import Office, Run, write_config

FILE = Path(".sallyport/STOP")


@pytest.mark.parametrize(("mode", "said"), [("stop", "stopped"), ("read-only", "read-only"), ("pause", "paused")])
def test_an_order_says_how_far_it_stops_and_so_does_the_list(
    sallyport: Run, gateway: Path, office: Office, mode: str, said: str
) -> None:
    done = sallyport("kill", "run", "nightly-7", "--mode", mode, "--why", "it drifts")
    assert (done.exit_code, done.stdout) == (0, f"{said}: run nightly-7\n")
    assert [(stop.kind, stop.mode) for stop in office.stopped] == [("run", mode)]
    assert json.loads(sallyport("kill", "--json").stdout)[0]["mode"] == mode
    assert mode in sallyport("kill").stdout


def test_a_name_that_nobody_has_is_stopped_with_a_warning(sallyport: Run, gateway: Path) -> None:
    done = sallyport("kill", "agent", "suport-bot", "--why", "it loops")
    assert (done.exit_code, done.stdout) == (0, "stopped: agent suport-bot\n")
    assert "no agent 'suport-bot' is known here" in done.stderr
    assert "suport-bot" not in sallyport("kill", "agent", "support-bot", "--why", "it loops").stderr


def test_a_gateway_that_is_down_is_stopped_by_a_file_and_lifted_by_its_removal(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    assert sallyport("kill", "all", "--local", "--why", "nothing answers").exit_code == 0
    assert FILE.read_text() == "nothing answers\n"
    assert FILE.stat().st_mode & 0o777 == 0o600
    (listed,) = json.loads(sallyport("kill", "--local", "--json").stdout)
    assert (listed["kind"], listed["why"], listed["by"]) == ("all", "nothing answers", "STOP")
    assert sallyport("resume", "all", "--local").exit_code == 0
    assert not FILE.exists()
    assert "nothing is stopped" in sallyport("kill", "--local").stdout


def test_without_a_gateway_an_order_names_the_file_that_needs_none(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    done = sallyport("kill", "all", "--why", "fire")
    assert done.exit_code == 3
    assert "sallyport kill all --local --why" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("kill", "agent", "bot", "--local", "--why", "x"),
        ("kill", "all", "--local", "--mode", "pause", "--why", "x"),
        ("kill", "all", "--local"),
        ("resume", "agent", "bot", "--local"),
        ("kill", "all", "--mode", "slower", "--why", "x"),
    ],
)
def test_what_the_file_cannot_say_is_wrong_usage(sallyport: Run, gateway: Path, words: tuple[str, ...]) -> None:
    assert sallyport(*words).exit_code == 2
    assert not FILE.exists()


def test_a_state_folder_that_is_not_there_is_told_with_what_to_do(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    shutil.rmtree(FILE.parent)
    done = sallyport("kill", "all", "--local", "--why", "x")
    assert done.exit_code == 1
    assert "name its configuration with --config" in done.stderr
    assert "there is no stop file" in sallyport("resume", "all", "--local").stderr
