"""From three files to a snapshot, or to every fault in them.

Lives only here: reading the files together, so that one version always means the same three contents. Must not know what
is in force; `rules.py` decides that. Raises `PolicyFaults`, nothing else.
"""

import hashlib
from pathlib import Path

from gateway.config.schema import Policy as Section
from gateway.policy.conditions import read_conditions
from gateway.policy.faults import Findings, PolicyFault, PolicyFaults
from gateway.policy.model import read_model
from gateway.policy.rows import Dialect, read_rows
from gateway.policy.snapshot import Snapshot
from gateway.ports import Clock


def load(section: Section, base: Path, clock: Clock) -> Snapshot:
    """Reads the files named by `section`, relative to `base`. Raises PolicyFaults with all of their faults.

    The version is the start of SHA-256 over model, rows and conditions, one after the other:
    `cat policies/model.conf policies/policy.csv policies/conditions.yaml | sha256sum | cut -c1-16`.
    """
    faults: list[PolicyFault] = []
    content = hashlib.sha256()

    def read(path: Path) -> tuple[str | None, Findings]:
        found = Findings(str(path), faults)
        try:
            data = (base / path).read_bytes()
        except OSError as error:
            found.add(1, f"cannot be read ({error.strerror})", "correct the path under policy in config.yaml")
            return None, found
        content.update(data)
        return _decoded(data, found), found

    (model_text, in_model), (rows_text, in_rows) = read(section.model), read(section.rows)
    conditions_text, in_conditions = read(section.conditions) if section.conditions else ("", in_rows)
    model = None if model_text is None else read_model(model_text, in_model)
    conditions = None if conditions_text is None else read_conditions(conditions_text, in_conditions)
    dialect = Dialect(conditions, everyone=model is None or model.everyone)
    rules, grants = read_rows(rows_text or "", dialect, in_rows)
    if faults or model is None or conditions is None:
        raise PolicyFaults(faults)
    good = {name: condition for name, condition in conditions.items() if condition is not None}
    version = content.hexdigest()[:16]
    return Snapshot(model, rules, grants, good, version=version, rows_file=str(section.rows), clock=clock)


def _decoded(data: bytes, found: Findings) -> str | None:
    if data.startswith(b"\xef\xbb\xbf"):
        found.add(1, "starts with a byte order mark", "save it as UTF-8 without one; it would hide the first line")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found.add(data.count(b"\n", 0, error.start) + 1, "is not UTF-8", "save it as UTF-8")
        return None
