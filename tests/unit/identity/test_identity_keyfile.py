"""A peer's key set in a file: read again when it changes, looked at once a second, and at once where a key is missing."""

import json
import os

import pytest

from gateway.config.schema import Peer
from gateway.identity.jwks import KeySets
from gateway.identity.keyset import NoKey


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runtime.jwks"


@pytest.fixture
def sets(tmp_path, clock, tasks):
    peer = Peer.model_validate({"id": "runtime", "keys": "runtime.jwks", "agents": ["bot"]})
    return KeySets([peer], None, clock, tasks, tmp_path)


def write(path, *keys):
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": [key.public for key in keys]}))
    fresh.replace(path)


async def found(sets, kid="one"):
    (key,) = (await sets.find("peer runtime", kid, "ES256"))[1]
    return key.key_id


async def test_a_new_key_in_the_file_is_found_at_once(sets, path, key, other_key):
    write(path, key)
    assert await found(sets) == "one"
    with pytest.raises(NoKey, match="no such key"):
        await found(sets, "two")
    write(path, key, other_key)
    assert await found(sets, "two") == "two"


async def test_a_key_that_was_taken_out_ends_within_a_second(sets, path, clock, key, other_key):
    write(path, key)
    await found(sets)
    write(path, other_key)
    clock.at += 0.9
    assert await found(sets) == "one"
    clock.at += 0.1
    with pytest.raises(NoKey):
        await found(sets)


async def test_a_file_without_keys_withdraws_them_all(sets, path, clock, key):
    write(path, key)
    await found(sets)
    write(path)
    clock.at += 1
    with pytest.raises(NoKey):
        await found(sets)


async def test_the_file_is_looked_at_once_a_second_and_read_only_when_it_changed(sets, path, clock, key, monkeypatch):
    write(path, key)
    stats, reads, stat, opened = [], [], os.stat, type(path).open
    monkeypatch.setattr(type(path), "stat", lambda self, **more: (stats.append(1), stat(self, **more))[1])
    monkeypatch.setattr(type(path), "open", lambda self, *more: (reads.append(1), opened(self, *more))[1])
    for _ in range(50):
        clock.at += 0.1
        await found(sets)
    assert len(stats) <= 6
    assert len(reads) == 1


@pytest.mark.parametrize("harm", ["gone", "half", "unreadable"])
async def test_a_file_that_is_gone_or_damaged_keeps_the_keys_before_it_and_says_so(
    sets, path, clock, key, other_key, harm
):
    write(path, key)
    keys, _ = await sets.find("peer runtime", "one", "ES256")
    path.unlink()
    if harm == "half":
        path.write_text('{"keys": [')
    if harm == "unreadable":
        path.mkdir()
    clock.at += 1
    assert (await sets.find("peer runtime", "one", "ES256"))[0] is keys
    assert sets.problems()[0].startswith("the key file of peer runtime cannot be used: ")
    if harm == "unreadable":
        path.rmdir()
    write(path, other_key)
    assert await found(sets, "two") == "two"
    assert sets.problems() == ()


async def test_the_very_same_file_that_comes_back_is_no_problem_any_more(sets, path, clock, key):
    write(path, key)
    await found(sets)
    elsewhere = path.rename(path.with_suffix(".away"))
    clock.at += 1
    assert await found(sets) == "one"
    assert sets.problems()
    elsewhere.rename(path)
    clock.at += 1
    assert await found(sets) == "one"
    assert sets.problems() == ()


async def test_without_a_file_from_the_start_there_is_no_key(sets, path, key):
    with pytest.raises(NoKey, match="cannot be read"):
        await found(sets)
    write(path, key)
    assert await found(sets) == "one"
