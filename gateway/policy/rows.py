"""policy.csv, read strictly: a row that Casbin would skip or misread is a load error here.

Lives only here: the CSV dialect (RFC 4180, one row a line, `#` only as a line's first character, blanks beside commas
dropped as Casbin drops them) and what each column may hold. Must not know how rows are matched. Called by `load.py`;
collects every fault instead of stopping at the first. Why so strict: in plain Casbin a deny row with the effect `Deny`,
or in a section called `P`, is silently ignored, and the call goes through.
"""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gateway.cel_lint import instead
from gateway.model.decision import Verdict
from gateway.policy.faults import Findings
from gateway.policy.globs import EVERY, unsafe
from gateway.policy.grants import check_roles
from gateway.policy.rule import ACTIONS, ALWAYS, COLUMNS, Grant, Rule

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ID = re.compile(r'(user|role|agent):[^\s"*#]+')
_EFFECTS = tuple(effect.value for effect in Verdict)
_P_FORM = "p, " + ", ".join(COLUMNS)
_G_FORM = "g, user:alice, role:support, default"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the other two files make possible in rows."""

    conditions: Collection[str] | None
    """Names that `when` may say; None where their file cannot be read, which is a fault of its own."""
    everyone: bool = True
    """The matcher knows `*` in the column `sub`."""


def read_rows(text: str, dialect: Dialect, found: Findings) -> tuple[tuple[Rule, ...], tuple[Grant, ...]]:
    """The good rows in file order; each bad one adds to `found`."""
    rules: list[Rule] = []
    grants: list[Grant] = []
    for line, section, values in _split(text, found):
        match section:
            case "p" if len(values) != len(COLUMNS):
                found.add(line, f"a p row has {len(COLUMNS)} columns after p, this one has {len(values)}", _P_FORM)
            case "g" if len(values) != 3:
                found.add(line, f"a g row has 3 columns after g, this one has {len(values)}", _G_FORM)
            case "p" if rule := _rule(line, values, dialect, found):
                rules.append(rule)
            case "g" if grant := _grant(line, values, found):
                grants.append(grant)
            case "p" | "g":
                pass
            case _:
                found.add(line, f"unknown section {section!r}", instead(section, ("p", "g")))
    _check_unique(rules, found)
    check_roles(grants, found)
    return tuple(rules), tuple(grants)


def _split(text: str, found: Findings) -> Iterator[tuple[int, str, list[str]]]:
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        if not line.strip(" "):
            continue
        if fault := _unreadable(line):
            found.add(number, *fault)
            continue
        if line.startswith("#"):
            continue
        try:
            fields = [field.strip(" ") for field in next(csv.reader([line], strict=True, skipinitialspace=True))]
        except csv.Error:
            found.add(
                number, "quotes that do not pair up", "one row stands on one line; quote a whole field or nothing"
            )
            continue
        if '"' in line and not any("," in field for field in fields):
            found.add(number, "quotes around a field that needs none", "leave them out: plain Casbin would keep them")
        elif any('"' in field for field in fields):
            found.add(
                number, "a quote inside a field", "no column holds a quote; put a whole field in quotes or nothing"
            )
        elif "" in fields:
            found.add(number, f"column {fields.index('') + 1} is empty", f"write a value; {ALWAYS} means no condition")
        else:
            yield number, fields[0], fields[1:]


def _unreadable(line: str) -> tuple[str, str] | None:
    if len(line.splitlines()) > 1:
        return "a line break that only some editors show", "end lines with a line feed; a comment would hide the rest"
    if line.startswith("#"):
        return None
    if line.lstrip().startswith("#"):
        return "a comment that does not start in the first column", "move the # to the start of the line"
    if odd := next((char for char in line if not char.isprintable()), None):
        return f"a character nobody can see (U+{ord(odd):04X})", "delete it; blanks are plain spaces, the file is UTF-8"
    return None


def _rule(line: int, values: list[str], dialect: Dialect, found: Findings) -> Rule | None:
    name, sub, tenant, agent, tool, act, when, eft = values
    faults = [*_whom(name, sub, tenant, agent), *_everyone(sub, eft, dialect), *_what(tool, act, when, eft, dialect)]
    for fault in faults:
        found.add(line, *fault)
    return None if faults else Rule(name, sub, tenant, agent, tool, act, when, Verdict(eft), line)


def _whom(name: str, sub: str, tenant: str, agent: str) -> Iterator[tuple[str, str]]:
    if not _PLAIN.fullmatch(name):
        yield f"rule id {name!r}", "letters, digits, . _ and - only; it stands in every record it decides"
    if sub != EVERY and not _ID.fullmatch(sub):
        yield f"subject {sub!r} has no kind, or blanks or *", "write user:…, role:… or agent:…"
    if tenant != EVERY and not _PLAIN.fullmatch(tenant):
        yield f"tenant {tenant!r}", "write one tenant id, or * for all"
    if agent != EVERY and not _PLAIN.fullmatch(agent):
        yield f"agent {agent!r}", "write the bare agent id as in config.yaml (support-bot), or * for all"


def _everyone(sub: str, eft: str, dialect: Dialect) -> Iterator[tuple[str, str]]:
    if sub == EVERY and eft != Verdict.DENY:
        yield "subject * in a row that permits", "name a user, role or agent; only deny may mean everybody"
    if sub == EVERY and not dialect.everyone:
        yield "subject * means nothing to this matcher", 'write (p.sub == "*" || g(r.sub, p.sub, r.tenant)) there'


def _what(tool: str, act: str, when: str, eft: str, dialect: Dialect) -> Iterator[tuple[str, str]]:
    if fault := unsafe(tool):
        yield fault
    if act not in ACTIONS:
        yield f"unknown action {act!r}", instead(act, ACTIONS)
    if when != ALWAYS and dialect.conditions is not None and when not in dialect.conditions:
        yield f"unknown condition {when!r}", instead(when, {*dialect.conditions, ALWAYS})
    if eft not in _EFFECTS:
        yield f"unknown effect {eft!r}", instead(eft, _EFFECTS)
    elif eft == Verdict.ASK and act != "call":
        yield f"effect ask in a row for {act}", "only a call can wait for a person; write allow or deny"


def _grant(line: int, values: list[str], found: Findings) -> Grant | None:
    before = len(found.faults)
    member, role, tenant = values
    if not _ID.fullmatch(member):
        found.add(line, f"member {member!r} has no kind, or blanks or *", "write user:…, agent:… or role:…")
    if not (_ID.fullmatch(role) and role.startswith("role:")):
        found.add(line, f"{role!r} is no role", "the second column is role:…; the first is who gets it")
    if not _PLAIN.fullmatch(tenant):
        found.add(line, f"tenant {tenant!r}", "write one tenant id; roles are given tenant by tenant")
    return Grant(member, role, tenant, line) if len(found.faults) == before else None


def _check_unique(rules: list[Rule], found: Findings) -> None:
    first: dict[str, int] = {}
    for rule in rules:
        if rule.id in first:
            found.add(rule.line, f"rule id {rule.id!r} stands on line {first[rule.id]} already", "give it its own id")
        first.setdefault(rule.id, rule.line)
