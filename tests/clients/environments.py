"""Other people's MCP clients, each in an environment of its own, for their SDK versions exclude each other.

Lives only here: which clients, in which versions, where they stand and how they get there: `python -m
tests.clients.environments` installs what is missing under `.venv/clients` from the hashed locks, `… lock` compiles the locks
anew. Must not know what the clients do. Called by the Makefile and by the tests.
"""

import subprocess
import sys
import venv
from pathlib import Path

import uv

PINS = {
    "mcp-1": "mcp==1.30.0",
    "fastmcp": "fastmcp-slim[client]==4.1.6",  # the client of `fastmcp`, which adds only the server's dependencies
    "langchain": "langchain-mcp-adapters==0.3.2",
    "openai-agents": "openai-agents==0.24.0",
}
_ROOT = Path(__file__).resolve().parents[2]
_LOCKS = Path(__file__).with_name("locks")
_ENVIRONMENTS = _ROOT / ".venv/clients"
_COMPILE = (
    "pip compile - --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url "
    "--no-emit-find-links --no-header --no-annotate -o"
)


def python(name: str) -> Path:
    """The interpreter that has this client. Raises LookupError where the environment is missing or of another lock."""
    if not _current(name):
        raise LookupError(f"the client {name} is not installed: run `make test`, which installs it first")
    return _ENVIRONMENTS / name / "bin/python"


def install() -> None:
    """Brings every environment to its lock; does nothing where they agree."""
    for name in PINS:
        if not _current(name):
            folder = _ENVIRONMENTS / name
            venv.create(folder, clear=True, symlinks=True)
            _uv("pip", "install", "--quiet", "--require-hashes", "--python", str(folder), "-r", str(_lock(name)))
            _installed(name).write_bytes(_lock(name).read_bytes())


def lock() -> None:
    """Compiles the locks from the pins."""
    for name, pin in PINS.items():
        _uv(*_COMPILE.split(), str(_lock(name)), said=pin)


def _lock(name: str) -> Path:
    return _LOCKS / f"{name}.txt"


def _installed(name: str) -> Path:
    """The lock an environment was made from; written last, so that half an environment is none."""
    return _ENVIRONMENTS / name / "lock.txt"


def _current(name: str) -> bool:
    return _installed(name).is_file() and _installed(name).read_bytes() == _lock(name).read_bytes()


def _uv(*arguments: str, said: str = "") -> None:
    subprocess.run([uv.find_uv_bin(), *arguments], cwd=_ROOT, input=said, text=True, check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            install()
        case ["lock"]:
            lock()
        case _:
            sys.exit("python -m tests.clients.environments [lock]")
