"""The policy in force: loaded with every fault told, reloaded as a whole, never replaced by a bad one."""

import hashlib
from pathlib import Path

import pytest
from policy_kit import CONDITIONS, MODEL, SECTION, Clock, rules, who, write

from gateway.config.schema import Policy
from gateway.model.decision import Verdict
from gateway.policy.faults import PolicyFaults
from gateway.policy.rules import Reload, Rules

OPEN = "p, r, user:alice, *, *, h/t, call, -, allow\n"
SHUT = "p, r, user:alice, *, *, h/t, call, -, deny\n"


def verdict(held) -> Verdict:
    return held.decide(who(), "h/t", "call", {}).verdict


def test_faults_of_all_three_files_are_told_together(tmp_path):
    with pytest.raises(PolicyFaults) as caught:
        rules(tmp_path, "P, x\n", conditions="a: 1 +", model=MODEL.replace("eft", "effect"))
    assert {fault.file for fault in caught.value.faults} == {"model.conf", "policy.csv", "conditions.yaml"}
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]


def test_a_broken_condition_is_one_fault_not_one_for_every_row_that_names_it(tmp_path):
    with pytest.raises(PolicyFaults) as caught:
        rules(tmp_path, OPEN.replace("-", "small"), conditions="small: args.x >")
    assert [fault.file for fault in caught.value.faults] == ["conditions.yaml"]


@pytest.mark.parametrize("name", ["model.conf", "policy.csv", "conditions.yaml"])
def test_a_file_that_cannot_be_read_is_one_fault(tmp_path, name):
    write(tmp_path, OPEN.replace("-", "small"))
    (tmp_path / name).unlink()
    with pytest.raises(PolicyFaults) as caught:
        Rules.load(SECTION, tmp_path, Clock())
    assert [str(fault) for fault in caught.value.faults] == [
        f"{name}:1: cannot be read (No such file or directory): correct the path under policy in config.yaml"
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbf" + OPEN.encode(), "policy.csv:1: starts with a byte order mark"),
        (b"#\n#\n\xff", "policy.csv:3: is not UTF-8"),
    ],
)
def test_bytes_that_are_not_plain_utf_8_are_a_fault(tmp_path, data, said):
    write(tmp_path, "")
    (tmp_path / "policy.csv").write_bytes(data)
    with pytest.raises(PolicyFaults, match=said):
        Rules.load(SECTION, tmp_path, Clock())


def test_an_empty_model_is_told_section_by_section(tmp_path):
    with pytest.raises(PolicyFaults, match=r"nothing under \[matchers\]"):
        rules(tmp_path, OPEN, model="")


def test_no_rows_deny_everything(tmp_path):
    assert verdict(rules(tmp_path, "")) is Verdict.DENY


def test_conditions_are_optional(tmp_path):
    write(tmp_path, OPEN)
    section = Policy(model=Path("model.conf"), rows=Path("policy.csv"), conditions=None)
    assert verdict(Rules.load(section, tmp_path, Clock())) is Verdict.ALLOW


def test_the_version_is_the_hash_of_the_three_files(tmp_path):
    held = rules(tmp_path, OPEN)
    assert held.version == hashlib.sha256((MODEL + OPEN + CONDITIONS).encode()).hexdigest()[:16]
    assert held.decide(who(), "h/t", "call", {}).version == held.version


def test_a_reload_puts_the_new_version_in_force(tmp_path):
    held = rules(tmp_path, OPEN)
    before = held.version
    assert held.reload() == Reload(changed=False)
    assert verdict(held) is Verdict.ALLOW
    write(tmp_path, SHUT)
    assert held.reload() == Reload(changed=True)
    assert verdict(held) is Verdict.DENY
    assert held.version != before


@pytest.mark.parametrize("name", ["model.conf", "policy.csv", "conditions.yaml"])
def test_a_bad_file_keeps_the_old_version_and_is_told(tmp_path, name):
    held = rules(tmp_path, OPEN)
    before = held.version
    write(tmp_path, SHUT)
    (tmp_path / name).write_text("[")
    told = held.reload()
    assert not told.changed
    assert {fault.file for fault in told.faults} == {name}
    assert (verdict(held), held.version) == (Verdict.ALLOW, before)
    write(tmp_path, SHUT)
    assert held.reload().changed
    assert verdict(held) is Verdict.DENY


def test_a_snapshot_in_hand_is_not_changed_by_a_reload(tmp_path):
    held = rules(tmp_path, OPEN)
    kept = held.snapshot
    write(tmp_path, SHUT)
    held.reload()
    assert verdict(kept) is Verdict.ALLOW
