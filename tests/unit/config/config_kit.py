"""A configuration file with a few lines in it, and what loading it says."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.schema import Config
from gateway.config.written import ConfigFaults

HELPDESK = "upstreams: {helpdesk: {kind: mcp-http, url: 'http://h/mcp'}}\n"


def loaded(folder: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> Config:
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, environ or {})


def faults(folder: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
    """Every fault as it is printed, the folder cut off."""
    with pytest.raises(ConfigFaults) as found:
        loaded(folder, text, environ)
    return [str(fault).removeprefix(f"{folder}/") for fault in found.value.faults]
