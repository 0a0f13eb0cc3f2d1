"""Rules by the columns of a request, so that a decision looks at a handful of rows however many there are.

Lives only here: the buckets. A bucket holds the rules of one (subject or role, tenant, agent, action); inside it exact
tools are a dictionary and globs are grouped by upstream. Must not know conditions or effects. Columns that the matcher's
compiler did not understand are no key: their rows are candidates for every value. Called by `snapshot.py`.
"""

from collections.abc import Iterable
from itertools import product

from gateway.config.globs import Glob, glob
from gateway.policy.globs import EVERY
from gateway.policy.model import Column
from gateway.policy.rule import Rule

_Key = tuple[str | None, str | None, str | None, str | None]


class Bucket:
    """Rules that differ in their tools only."""

    __slots__ = ("_exact", "_globs")

    def __init__(self) -> None:
        self._exact: dict[str, list[Rule]] = {}
        self._globs: dict[str, list[tuple[Glob | None, Rule]]] = {}

    def add(self, rule: Rule, *, by_tool: bool) -> None:
        if not by_tool:
            self._globs.setdefault(EVERY, []).append((None, rule))
        elif EVERY not in rule.tool:
            self._exact.setdefault(rule.tool, []).append(rule)
        else:
            upstream = rule.tool.partition("/")[0]
            group = EVERY if EVERY in upstream else upstream
            self._globs.setdefault(group, []).append((glob(rule.tool), rule))

    def find(self, tool: str, into: list[Rule]) -> None:
        into.extend(self._exact.get(tool, ()))
        for group in (tool.partition("/")[0], EVERY):
            for pattern, rule in self._globs.get(group, ()):
                if pattern is None or pattern.matches(tool):
                    into.append(rule)


Lens = tuple[Bucket, ...]
"""The buckets one principal can reach with one action."""


class Index:
    """All rules of a snapshot."""

    def __init__(self, rules: Iterable[Rule], columns: frozenset[Column]) -> None:
        self._columns = columns
        self._buckets: dict[_Key, Bucket] = {}
        for rule in rules:
            key = self._key(rule.sub, rule.tenant, rule.agent, rule.act)
            bucket = self._buckets.get(key) or self._buckets.setdefault(key, Bucket())
            bucket.add(rule, by_tool=Column.TOOL in columns)

    def _key(self, sub: str, tenant: str, agent: str, act: str) -> _Key:
        has = self._columns
        return (
            sub if Column.SUB in has else None,
            tenant if Column.TENANT in has else None,
            agent if Column.AGENT in has else None,
            act if Column.ACT in has else None,
        )

    def lens(self, names: frozenset[str], tenant: str, agent: str, act: str) -> Lens:
        """`names` is the closure of the subject over its roles."""
        keys = {
            self._key(name, row_tenant, row_agent, act)
            for name, row_tenant, row_agent in product((*names, EVERY), (tenant, EVERY), (agent, EVERY))
        }
        return tuple(bucket for key in keys if (bucket := self._buckets.get(key)))


def candidates(lens: Lens, tool: str) -> tuple[Rule, ...]:
    """The rules of a lens whose tool fits, in file order."""
    found: list[Rule] = []
    for bucket in lens:
        bucket.find(tool, found)
    found.sort(key=lambda rule: rule.line)
    return tuple(found)
