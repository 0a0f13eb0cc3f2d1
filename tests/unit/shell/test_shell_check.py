"""`check` says offline, in printable lines, what would keep a start from succeeding; and then a start does not succeed."""

from pathlib import Path
from typing import Any

import pytest
from shell_house import ROWS, Clock, written

from gateway.app import House
from gateway.checking import check
from gateway.policy.faults import PolicyFaults

SHARED = {"kind": "mcp-http", "url": "http://h/mcp", "prefix": "helpdesk"}
HELPDESK = {"kind": "mcp-http", "url": "http://127.0.0.1:1/mcp"}
KEY = {"id": "k", "hash": f"sha256:{'0' * 64}", "agent": "bot"}
SECTIONS: list[tuple[dict[str, Any], str]] = [
    ({"identity": {"keys": [{**KEY, "agent": "ghost"}]}}, "identity.keys.k.agent: there is no agent ghost: "),
    ({"identity": {"keys": [{**KEY, "expires": "soon"}]}}, "identity.keys.k.expires: is not a time: "),
    ({"identity": {"keys": [KEY, {**KEY, "id": "l"}]}}, "identity.keys: the hash sha256:000"),
    ({"identity": {"anonymous": {"agent": "ghost"}}}, "identity.anonymous.agent: there is no agent ghost: "),
    ({"upstreams": {"helpdesk": HELPDESK, "other": SHARED}}, "upstreams.other: shares the prefix 'helpdesk' with helpdesk: "),
    ({"agents": {"bot": {"tools": ["nowhere/*"]}}}, "agents.bot.tools: nowhere/* names no upstream"),
]  # fmt: skip


def test_a_sound_configuration_has_no_line(tmp_path: Path) -> None:
    assert check(written(tmp_path), tmp_path) == []


@pytest.mark.parametrize(("sections", "told"), SECTIONS)
def test_what_is_wrong_with_a_section_is_one_line(tmp_path: Path, sections: dict[str, Any], told: str) -> None:
    (line,) = check(written(tmp_path, **sections), tmp_path)

    assert line.startswith(told)
    assert line.count(": ") >= 2


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("p, one, user:alice, default, *, helpdesk/*, call, -, Allow\n", "policy.csv:6:"),
        ("p, one, user:alice, default, *, helpdesk/*, approve, -, ask\n", "policy.csv:6:"),
        ("p, one, user:alice, default, *, helpdesk/*, call, unknown, allow\n", "policy.csv:6:"),
        ("p, reads, user:alice, default, *, helpdesk/*, call, -, allow\n", "policy.csv:6:"),
    ],
)
def test_what_is_wrong_with_a_policy_has_its_file_and_line_and_keeps_a_start_from_succeeding(
    tmp_path: Path, row: str, told: str
) -> None:
    config = written(tmp_path, ROWS + row)

    assert check(config, tmp_path)[0].startswith(told)
    with pytest.raises(PolicyFaults):
        House(config, tmp_path, Clock(), lambda _: None)


def test_faults_of_every_room_are_told_together(tmp_path: Path) -> None:
    sections = {**SECTIONS[0][0], **SECTIONS[5][0]}

    lines = check(written(tmp_path, ROWS + "p, one\n", **sections), tmp_path)

    starts = [line.partition(".")[0] for line in lines]
    assert starts[:2] == ["identity", "agents"]
    assert starts[2:].count("policy") >= 1


def test_checking_touches_nothing(tmp_path: Path) -> None:
    config = written(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    check(config, tmp_path)

    assert sorted(tmp_path.rglob("*")) == before
