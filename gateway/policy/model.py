"""model.conf: parsed by Casbin, and its matcher taken apart once.

Lives only here: what the model must look like and which parts of a matcher are understood as index columns. A part that
is not understood but well-formed is answered by Casbin's own enforce() (`plain.py`). Must not know rows. Called by
`load.py`. Why columns and effect are fixed: with `effect` instead of `eft` Casbin answers a lone deny row with yes.
"""

import ast
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from casbin import Enforcer
from casbin.model import Model as CasbinModel

from gateway.policy.conf import read_conf
from gateway.policy.faults import Findings
from gateway.policy.rule import COLUMNS

REQUEST: Final = ("sub", "tenant", "agent", "tool", "act", "ctx")
_EXPECTED: Final = {
    "r": ", ".join(REQUEST),
    "p": ", ".join(COLUMNS),
    "g": "_, _, _",
    "e": "some(where (p.eft == allow)) && !some(where (p.eft == deny))",
}
_FUNCTIONS: Final = {"toolMatch": 2, "agentMatch": 2, "tenantMatch": 2, "g": 3, "holds": 2}
_NAMES: Final = {f"r_{name}" for name in REQUEST[:-1]} | {f"p_{name}" for name in COLUMNS[1:-1]}
_HOLDS: Final = "holds(p_when, r_ctx)"
_NODES: Final = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Compare, ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Tuple,
    ast.List, ast.Load, ast.Call, ast.Name, ast.Constant,
)  # fmt: skip


class Column(StrEnum):
    """A column whose conjunct is understood, so that rows can be found by it."""

    SUB = "sub"
    TENANT = "tenant"
    AGENT = "agent"
    TOOL = "tool"
    ACT = "act"


_UNDERSTOOD: Final = {
    "g(r_sub, p_sub, r_tenant)": Column.SUB,
    "p_sub == '*' or g(r_sub, p_sub, r_tenant)": Column.SUB,
    "tenantMatch(r_tenant, p_tenant)": Column.TENANT,
    "agentMatch(r_agent, p_agent)": Column.AGENT,
    "toolMatch(r_tool, p_tool)": Column.TOOL,
    "r_act == p_act": Column.ACT,
    "p_act == r_act": Column.ACT,
}


@dataclass(frozen=True, slots=True)
class Model:
    """A model.conf that was found good."""

    text: str
    columns: frozenset[Column]
    """Index columns; the rest of the matcher is in `rest`."""
    rest: tuple[str, ...]
    """Conjuncts only Casbin's enforce() can answer, as it reads them."""
    everyone: bool
    """The matcher knows `*` in the column `sub`."""

    def enforcer(self) -> Any:
        """A fresh Casbin enforcer with this model and no rows."""
        model = CasbinModel()
        model.load_model_from_text(self.text)
        enforcer = Enforcer(model)
        # Its own equality test against every name makes loading quadratic; names are equal or they are not.
        enforcer.get_role_manager().add_matching_func(None)
        return enforcer


def read_model(text: str, found: Findings) -> Model | None:
    """None where it cannot be used; then `found` has grown."""
    before = len(found.faults)
    lines = read_conf(text, found)
    if len(found.faults) > before:
        return None
    casbin = CasbinModel()
    casbin.load_model_from_text(text)
    for key, expected in _EXPECTED.items():
        said = casbin[key][key].value.replace("p_eft", "p.eft")
        if [name.strip() for name in said.split(",")] != expected.split(", "):
            found.add(lines[key], f"{key} is `{said}`", f"write {key} = {expected}")
    matcher = casbin["m"]["m"].value
    parts = _conjuncts(matcher, lines["m"], found)
    if len(found.faults) > before:
        return None
    columns = {_UNDERSTOOD[part] for part in parts if part in _UNDERSTOOD}
    rest = tuple(part for part in parts if part not in _UNDERSTOOD and part != _HOLDS)
    return Model(text, frozenset(columns), rest, "p_sub == '*' or g(r_sub, p_sub, r_tenant)" in parts)


def _conjuncts(matcher: str, line: int, found: Findings) -> list[str]:
    """The top-level `&&` parts, in Casbin's own reading; faults for what it could not evaluate safely."""
    tree = _casbin_reads(matcher)
    if tree is None:
        found.add(line, "the matcher does not parse", "join comparisons and functions with &&, as the shipped one does")
        return []
    for odd in sorted({ast.unparse(node) for node in ast.walk(tree) if not _known(node)}):
        found.add(line, f"the matcher's `{odd}` is not understood", f"use {', '.join(_FUNCTIONS)} and r., p. columns")
    parts = [ast.unparse(part) for part in _flat(tree)]
    if parts.count(_HOLDS) != 1 or sum("holds" in part or "r_ctx" in part for part in parts) != 1:
        found.add(line, "the matcher does not ask conditions exactly once", "end it with && holds(p.when, r.ctx)")
    unread = [name for name in COLUMNS[1:-1] if not re.search(rf"\bp_{name}\b", matcher)]
    if unread:
        found.add(line, f"the matcher never reads p.{unread[0]}", "rows would match whatever that column says; add it")
    return parts


def _casbin_reads(matcher: str) -> ast.expr | None:
    """Casbin evaluates the value of the first statement and drops the rest: `a = b && c` would be `b && c`."""
    try:
        statements = ast.parse(Enforcer._get_expression(matcher).expr.strip()).body  # noqa: SLF001  its own reading
    except (SyntaxError, AttributeError, IndexError):
        return None
    return statements[0].value if len(statements) == 1 and isinstance(statements[0], ast.Expr) else None


def _flat(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [part for value in node.values for part in _flat(value)]
    return [node]


def _known(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _FUNCTIONS.get(name) == len(args)
        case ast.Call():
            return False
        case ast.Name(id=name):
            return name in _NAMES or name in _FUNCTIONS or name == "r_ctx"
        case ast.Constant(value=value):
            return isinstance(value, str)
        case _:
            return isinstance(node, _NODES)
