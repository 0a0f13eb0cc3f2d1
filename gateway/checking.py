"""What would keep a start from succeeding, found offline: `sallyport check`, and the first thing `run` does.

Lives only here: which rooms are asked about the configuration. Must not reach out to anything. Called by the command line.
"""

from pathlib import Path

from gateway.catalog.problems import problems as catalog_problems
from gateway.clock import SystemClock
from gateway.config.schema import Config
from gateway.identity.problems import file_problems
from gateway.identity.problems import problems as identity_problems
from gateway.idle import idle
from gateway.policy.faults import PolicyFaults
from gateway.policy.rules import Rules


def check(config: Config, base: Path) -> list[str]:
    """Everything that is wrong, as printable lines; `base` is the folder of the configuration."""
    found = [
        *identity_problems(config.identity, config.agents),
        *file_problems(config.identity, base),
        *catalog_problems(config.upstreams, config.agents),
    ]
    try:
        Rules.load(config.policy, base, SystemClock())
    except PolicyFaults as bad:
        found += [str(fault) for fault in bad.faults]
    return found


def warnings(config: Config, base: Path) -> list[str]:
    """What keeps no start from succeeding and is probably a slip; for a configuration without faults."""
    snapshot = Rules.load(config.policy, base, SystemClock()).snapshot
    return [*idle(config, snapshot.rules, snapshot.rows_file), *snapshot.notes]
