"""The skeleton of model.conf: which section holds which key on which line.

Lives only here: the lines. Casbin reads the values itself; but it skips sections and keys it does not know, takes the
last of two, and forgets lines, so they are checked before. Must not know what the values mean. Called by `model.py`.
"""

from typing import Final

from gateway.cel_lint import instead
from gateway.policy.faults import Findings

_SECTIONS: Final = {
    "request_definition": "r",
    "policy_definition": "p",
    "role_definition": "g",
    "policy_effect": "e",
    "matchers": "m",
}


def read_conf(text: str, found: Findings) -> dict[str, int]:
    """key → line; every section must be there once with its one key."""
    lines: dict[str, int] = {}
    before = len(found.faults)
    section, continued = "", False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continued = False
        elif continued:
            continued = line.endswith("\\")
        elif line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            if section not in _SECTIONS:
                found.add(number, f"unknown section [{section}]", instead(section, _SECTIONS))
        else:
            continued = line.endswith("\\")
            _key(line, number, section, lines, found)
    slips = len(found.faults) > before  # a misspelt section is told once, not again as missing
    for name, key in _SECTIONS.items():
        if key not in lines and not slips:
            found.add(1, f"nothing under [{name}]", f"write {key} = … there, as the shipped model does")
    return lines


def _key(line: str, number: int, section: str, lines: dict[str, int], found: Findings) -> None:
    key, equals, value = (part.strip() for part in line.partition("="))
    if not equals or not value.strip("\\ "):
        found.add(number, f"`{key}` says nothing", "write key = value")
    elif "#" in value:
        found.add(number, "a comment behind a value", "move it to a line of its own: Casbin cuts some values there")
    elif section in _SECTIONS and key != _SECTIONS[section]:
        found.add(number, f"unknown key {key!r} under [{section}]", f"only {_SECTIONS[section]} is read there")
    elif key in lines:
        found.add(number, f"{key} stands on line {lines[key]} already", "keep one of them")
    elif section in _SECTIONS:
        lines[key] = number
