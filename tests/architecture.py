"""Rules of the house that no linter knows; `make check` runs them and every one names the file that breaks it.

Lives only here: length of files, a docstring at the top of each, banned names, locks without addresses, a published
schema that is current. Import contracts stand in pyproject.toml.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 300
_BANNED_NAME = re.compile(r"(Manager|Handler|Utils?|Helper)$|^Base[A-Z]")
_BANNED_FILE = {"utils.py", "helpers.py", "common.py", "misc.py"}


def faults(root: Path = ROOT) -> Iterator[str]:
    """Every broken rule as `file:line: what`."""
    for folder in ("gateway", "tests", "bench", "examples"):
        for path in sorted(one for one in (root / folder).rglob("*.py") if "node_modules" not in one.parts):
            yield from _source_faults(path, path.relative_to(root))
    for path in sorted((root / "requirements").glob("*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"https?://|file:|--(index|extra|find)", line):
                yield f"{path.relative_to(root)}:{number}: a lock names an index address: compile it with `make lock`"
    yield from _schema_faults(root)


def _source_faults(path: Path, name: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > LONGEST:
        yield f"{name}:{LONGEST}: {lines} lines, over {LONGEST}: split the room along a seam"
    if path.name in _BANNED_FILE:
        yield f"{name}:1: a file called {path.name} says nothing: name it after what lives in it"
    tree = ast.parse(text)
    if name.parts[0] == "gateway" and path.name != "__init__.py" and not ast.get_docstring(tree):
        yield f"{name}:1: no module docstring: say what lives only here and what it must not know"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and _BANNED_NAME.search(node.name):
            yield f"{name}:{node.lineno}: {node.name} names no thing: call it after what it is"


def _schema_faults(root: Path) -> Iterator[str]:
    from gateway.config.publish import published

    path = root / "gateway/config/schema.json"
    if not path.exists() or json.loads(path.read_text(encoding="utf-8")) != published():
        yield f"{path.relative_to(root)}:1: not what gateway/config/schema.py says: run `make schema`"


if __name__ == "__main__":
    found = list(faults())
    print("\n".join(found) or "architecture: every rule holds")
    sys.exit(bool(found))
