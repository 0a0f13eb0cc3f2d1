"""Where a verb finds the configuration and what hangs on it: base folder, state folder, addresses.

Lives only here: `--config`, and what relative paths are relative to. Verbs that talk to a running gateway read only the
sections they need, so that they work in a shell without the upstreams' secrets. Must not know what a verb does.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import voice

if TYPE_CHECKING:
    from gateway.config.schema import Config

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="SALLYPORT_CONFIG", help="The configuration.", show_default=True)
]
DEFAULT = Path("config.yaml")
_ADDRESSES = frozenset({"version", "listen", "state"})


def whole(path: Path) -> "Config":
    """The configuration with every reference resolved; faults end the verb with one line each."""
    return _loaded(path, None)


def addresses(path: Path) -> "Config":
    """Only `listen` and `state` as written; everything else has its default."""
    return _loaded(path, _ADDRESSES)


def _loaded(path: Path, only: frozenset[str] | None) -> "Config":
    from gateway.config.load import load
    from gateway.config.written import ConfigFaults

    try:
        return load(path, only=only)
    except ConfigFaults as error:
        voice.fail("\n".join(map(str, error.faults)))


def base(path: Path) -> Path:
    """The folder that relative paths of the configuration start from.

    Not where a link leads: Kubernetes swaps that folder away under a ConfigMap's files.
    """
    return path.absolute().parent


def state_dir(config: "Config", path: Path) -> Path:
    """The state folder, absolute."""
    return base(path) / config.state.dir


def url(address: str) -> str:
    """`host:port` of a listener as somebody on this machine reaches it."""
    host, _, port = address.rpartition(":")
    match host:
        case "" | "0.0.0.0" | "*":  # noqa: S104  compared, never bound
            host = "127.0.0.1"
        case "[::]" | "::":
            host = "[::1]"
        case _:
            pass
    return f"http://{host}:{port}"
