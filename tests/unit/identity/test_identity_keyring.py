"""The key file: keys are made once and kept hashed, a change by anybody is seen, damage never opens the door."""

import json
import os
import re
import stat

import pytest

from gateway.identity.apikey import hashed, instant, well_formed, written
from gateway.identity.keyring import KeyFault, Keyring


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def test_a_new_key_has_the_format_and_only_its_hash_is_kept(path, clock):
    key_id, key = Keyring(path, clock).new("bot", "alice", key_id="laptop")
    assert re.fullmatch(r"sp_laptop_[A-Za-z0-9_-]{43}", key)
    assert well_formed(key)
    assert key.removeprefix("sp_laptop_") not in path.read_text()
    (stored,) = Keyring(path, clock).ls()
    assert (stored.id, stored.hash, stored.agent, stored.user) == (key_id, hashed(key), "bot", "alice")


def test_the_file_is_for_its_owner_only(path, clock):
    Keyring(path, clock).new("bot")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("first", ["new", "revoked", "reserved"])
def test_an_id_that_was_ever_taken_is_refused(path, clock, first):
    ring = Keyring(path, clock, reserved={"laptop"} if first == "reserved" else ())
    if first != "reserved":
        ring.new("bot", key_id="laptop")
    if first == "revoked":
        ring.revoke("laptop")
    before = ring.ls()
    with pytest.raises(KeyFault, match="already"):
        ring.new("bot", key_id="laptop")
    assert ring.ls() == before


@pytest.mark.parametrize(
    ("agent", "user", "tenant", "key_id"),
    [
        ("Bot", None, "default", None),
        ("bot", "", "default", None),
        ("bot", "a\nb", "default", None),
        ("bot", "a\u202eb", "default", None),
        ("bot", "x" * 257, "default", None),
        ("bot", None, "a\x00", None),
        ("bot", None, "default", "a_b"),
        ("bot", None, "default", "x" * 41),
    ],
)
def test_names_nobody_could_read_are_refused(path, clock, agent, user, tenant, key_id):
    ring = Keyring(path, clock)
    with pytest.raises(KeyFault):
        ring.new(agent, user, tenant, key_id=key_id)
    assert ring.ls() == ()


def test_a_change_by_another_process_is_seen_at_the_next_refresh(path, clock):
    ring, other = Keyring(path, clock), Keyring(path, clock)
    other.new("bot", key_id="laptop")
    assert ring.ls() == ()
    assert ring.refresh()
    assert not ring.refresh()
    other.revoke("laptop")
    assert ring.refresh()
    assert ring.ls()[0].revoked == written(clock.now())


def test_two_writers_do_not_lose_each_others_changes(path, clock):
    one, other = Keyring(path, clock), Keyring(path, clock)
    one.new("bot", key_id="a")
    other.new("bot", key_id="b")
    one.revoke("b")
    assert [(key.id, key.revoked is not None) for key in Keyring(path, clock).ls()] == [("a", False), ("b", True)]


def test_revoking_twice_keeps_the_first_time_and_an_unknown_id_is_told(path, clock):
    ring = Keyring(path, clock)
    ring.new("bot", key_id="a")
    assert ring.revoke("a")
    first = ring.ls()[0].revoked
    clock.at += 100
    assert ring.revoke("a")
    assert ring.ls()[0].revoked == first
    assert not ring.revoke("b")


DAMAGED = {
    "empty": lambda text: "",
    "half": lambda text: text[: len(text) // 2],
    "other version": lambda text: text.replace('"version": 1', '"version": 2'),
    "unknown member": lambda text: text.replace('"agent"', '"role"'),
    "same id twice": lambda text: json.dumps({"version": 1, "keys": json.loads(text)["keys"] * 2}),
    "same member twice": lambda text: text.replace(
        '"revoked": null', '"revoked": "2020-01-01T00:00:00Z", "revoked": null'
    ),
    "no time": lambda text: text.replace('"revoked": null', '"revoked": "yesterday"'),
    "time without offset": lambda text: text.replace('"expires": null', '"expires": "2099-01-01T00:00:00"'),
    "not UTF-8": lambda text: "\udcff" + text,
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_keeps_the_keys_before_it_and_says_so(path, clock, damage):
    ring = Keyring(path, clock)
    ring.new("bot", key_id="a")
    good, kept = path.read_text(), ring.ls()
    path.write_bytes(damage(good).encode(errors="surrogateescape"))
    assert not ring.refresh()
    assert ring.ls() == kept
    assert "keys.json cannot be read" in ring.problem
    with pytest.raises(KeyFault):
        ring.new("bot", key_id="b")
    path.write_text(good + " ")
    ring.refresh()
    assert ring.problem is None


def test_a_damaged_file_at_the_start_holds_no_key(path, clock):
    path.write_text("{")
    ring = Keyring(path, clock)
    assert ring.ls() == ()
    assert ring.problem is not None


def test_a_removed_file_ends_all_its_keys(path, clock):
    ring = Keyring(path, clock)
    ring.new("bot")
    path.unlink()
    assert ring.refresh()
    assert ring.ls() == ()


def test_a_crash_between_writing_and_replacing_leaves_the_old_file(path, clock, monkeypatch):
    ring = Keyring(path, clock)
    ring.new("bot", key_id="a")
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        ring.new("bot", key_id="b")
    assert path.read_bytes() == before
    assert [key.id for key in ring.ls()] == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "sp_a_" + "x" * 42,
        "sp_a_" + "x" * 44,
        "sp_A_" + "x" * 43,
        "sp__" + "x" * 43,
        "sp_a_" + "x" * 42 + "\n",
        "sp_a_" + "é" * 43,
    ],
)
def test_what_is_not_exactly_a_key_is_not_looked_up(text):
    assert not well_formed(text)


def test_times_go_to_text_and_back():
    assert instant(written(1_800_000_000.0)) == 1_800_000_000.0
    assert instant("2027-01-15T09:00:00+01:00") == 1_800_000_000.0
    with pytest.raises(ValueError, match="offset"):
        instant("2027-01-15T09:00:00")
