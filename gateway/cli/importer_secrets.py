"""Moves secrets of a client configuration out into variables, and rewrites its references into ours.

Lives only here: `${env:X}`, `${X}`, `${input:x}` and folders of other clients' dialects, the choice of a variable's name,
and the list of variables that must be set. Values are kept in memory for one probe and never printed or written. Called
by `importer`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.cli.secrets import SCHEME, harmless, named, shaped

_VARIABLE = re.compile(r"\$\{([^{}]+)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PAIR = re.compile(r"(-{0,2}[A-Za-z_][\w.-]*)(=|: ?)(?!//)(.+)", re.DOTALL)
REFERENCE: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass
class Vault:
    """Variables of one import: name → (value if it is known, where it is used)."""

    folder: Path
    """`${workspaceFolder}`."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """`${input:id}` → what the client would have asked."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    defaults: dict[str, str] = field(default_factory=dict)
    """What the file says for variables that are not set."""
    values: dict[str, str | None] = field(default_factory=dict)
    uses: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def known(self) -> dict[str, str]:
        """Every variable that has a value now, for a probe."""
        return {**self.environ, **{name: value for name, value in self.values.items() if value is not None}}

    def wanted(self) -> Iterator[tuple[str, str, str]]:
        """(variable, what may stand behind its `=`, remark) in order; never a value that could be a secret."""
        for name, where in sorted(self.uses.items()):
            default = self.defaults.get(name, "")
            # A literal of the file may have the name of a variable that has another value here.
            ready = " (set in this shell)" if self.environ.get(name, "") == self.values[name] != "" else ""
            yield name, default if harmless(name, default) else "", where + ready

    def named_value(self, server: str, name: str, value: str, where: str, *, own: bool = False) -> str:
        """A value with a name (variable, header, flag): a reference unless it is proven harmless.

        `own` names are good variable names already and are kept where they are free.
        """
        text = self.translated(value, f"{server}: {where}")
        if not _shaped(text) and harmless(name, REFERENCE.sub("", SCHEME.sub("", text))):
            return text
        return self._moved(text, name if own else f"{server}_{name}", server, f"{server}: {where}")

    def argument(self, server: str, text: str, before: str, position: int) -> str:
        """One argument of a command; `before` is the one in front of it, which may be its flag."""
        where = f"argument {position + 1}"
        text = self.translated(text, f"{server}: {where}")
        if pair := _PAIR.fullmatch(text):
            flag, sign, value = pair.groups()
            if named(flag) or _shaped(value):
                value = self.named_value(server, flag.lstrip("-"), value, where)
            return flag + sign + value
        if before.startswith("-") and "=" not in before and named(before) and not text.startswith("-"):
            return self.named_value(server, before.lstrip("-"), text, where)
        return (
            self._moved(text, f"{server}_ARG_{position + 1}", server, f"{server}: {where}") if _shaped(text) else text
        )

    def address(self, server: str, url: str) -> str:
        """A URL: whole behind a reference as soon as any part of it looks like a secret."""
        text = self.translated(url, f"{server}: url")
        return self._moved(text, f"{server}_URL", server, f"{server}: url") if _shaped(text) else text

    def translated(self, text: str, where: str) -> str:
        """The text with other dialects' variables in ours."""
        return _VARIABLE.sub(lambda found: self._variable(found[0], found[1], where), text)

    def _variable(self, whole: str, inner: str, where: str) -> str:
        kind, _, rest = inner.partition(":")
        ours = {"workspaceFolder": str(self.folder), "userHome": str(Path.home()), "pathSeparator": os.sep, "/": os.sep}
        match kind:
            case "env" if _NAME.fullmatch(rest):
                return self._needed(rest, where)
            case "input" if rest:
                asked = self.inputs.get(rest)
                return self._needed(variable(rest), f"{where}{f' ({asked})' if asked else ''}")
            case _ if kind in ours:
                return ours[kind]
            case _ if _NAME.fullmatch(kind) and (not rest or rest.startswith("-")):
                if default := rest.removeprefix("-"):
                    self.defaults.setdefault(kind, default)
                return self._needed(kind, where)
            case _:
                self.notes.append(f"{where}: {whole} has no counterpart here; write a value or ${{env:NAME}} instead")
                return whole

    def _needed(self, name: str, where: str) -> str:
        self.values.setdefault(name, self.environ.get(name, self.defaults.get(name)))
        self.uses.setdefault(name, where)
        return f"${{env:{name}}}"

    def _moved(self, value: str, wish: str, server: str, where: str) -> str:
        """A reference to the value; the same value under the same name is moved once."""
        scheme = match[0] if (match := SCHEME.match(value)) else ""
        secret = REFERENCE.sub(lambda found: self.values.get(found[1]) or "", value[len(scheme) :])
        for name in (variable(wish), variable(f"{server}_{wish}"), *(variable(f"{wish}_{n}") for n in range(2, 1000))):
            if name not in self.values or self.values[name] == secret:
                self.values[name] = secret
                self.uses.setdefault(name, where)
                return f"{scheme}${{env:{name}}}"
        raise AssertionError("a thousand variables of one name")


def _shaped(text: str) -> bool:
    """Whether there is a secret beside the references."""
    return shaped(REFERENCE.sub("", text))


def variable(text: str) -> str:
    """A text as the name of a variable."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()
    return name if name[:1].isalpha() else f"VALUE_{name}".rstrip("_")


def texts(value: Any) -> dict[str, str]:
    """A JSON object's members as text, as clients hand them to a process; others than scalars are left out."""
    if not isinstance(value, Mapping):
        return {}
    plain = {str(key): item for key, item in value.items() if isinstance(item, str | int | float) and item is not None}
    return {key: str(item).lower() if isinstance(item, bool) else str(item) for key, item in plain.items()}
