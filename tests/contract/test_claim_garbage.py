"""Rows that somebody or something spoiled, and answers too large to keep: none is ever taken for absent, in every home."""

import os
from dataclasses import replace
from typing import Any

import pytest
from claim_homes import ALSO, RECORD, Home, claim, entry, kept, won

from gateway.model.claim import Done, Found, InDoubt, Kept, NotDone, State, Won
from gateway.store.sealing import LIMIT


async def doubted(home: Home, call_id: str = "call-2", **more: Any) -> None:
    found = await home.store.claim(claim(call_id, **more), entry("never written"))
    assert isinstance(found, Found)
    assert found.state is State.DOUBT


@pytest.mark.parametrize("departing", [False, True])
@pytest.mark.parametrize("also", [None, ALSO])
async def test_a_state_nobody_knows_is_a_doubt_which_somebody_may_settle(
    home: Home, departing: bool, also: bytes | None
) -> None:
    token = await won(home, claim(also=also), departing=departing)
    await home.spoil(also or RECORD, state="nonsense")
    await doubted(home, also=also)
    assert await home.store.fate((also or RECORD).hex(), "call-1") is State.DOUBT
    home.clock.advance(400 * 86_400)
    await doubted(home, also=also)
    for doubt in await home.doubts():
        assert doubt.token == token
        assert await home.store.resolve(doubt.record, token, NotDone(), entry("resolved"))
    assert isinstance(await home.store.claim(claim("call-3", also=also), None), Won)


async def test_a_late_answer_still_settles_a_row_whose_state_nobody_knows(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    await home.spoil(RECORD, state="nonsense")
    assert await home.store.finish(claim(), token, Done(kept(), 60), None)
    found = await home.store.claim(claim("call-2"), None)
    assert isinstance(found, Found)
    assert found.kept == kept()


@pytest.mark.parametrize("blob", [b"", b"x", b"\x01" + b"x" * 80])
async def test_an_answer_that_does_not_open_was_executed_all_the_same(home: Home, blob: bytes) -> None:
    token = await won(home, claim(also=ALSO), departing=True)
    assert await home.store.finish(claim(also=ALSO), token, Done(kept(), 60, 60), None)
    for record in (RECORD, ALSO):
        await home.spoil(record, kept=blob)
        found = await home.store.claim(claim("call-2", record), entry("never written"))
        assert isinstance(found, Found)
        assert found.state is State.DONE
        assert found.kept is not None
        assert (found.kept.kind, found.kept.body, found.kept.call_id) == ("withheld", None, "call-1")


async def test_a_doubt_whose_matter_does_not_open_is_told_of_without_it(home: Home) -> None:
    token = await won(home, claim(about=b"{}"), departing=True)
    assert await home.store.finish(claim(), token, InDoubt(), None)
    await home.spoil(RECORD, about=b"\x01" + b"x" * 80)
    (doubt,) = await home.doubts()
    assert (doubt.call_id, doubt.about) == ("call-1", b"")


async def test_a_spoiled_fingerprint_matches_nothing(home: Home) -> None:
    await won(home, claim(), departing=True)
    await home.spoil(RECORD, fingerprint=b"short")
    assert not isinstance(await home.store.claim(claim("call-2"), None), Won)


@pytest.mark.parametrize("size", [0, 10, 1024, 1025, 256 * 1024 + 1, LIMIT])
async def test_a_body_up_to_the_limit_comes_back_as_it_was(home: Home, size: int) -> None:
    assert await kept_and_found(home, b"x" * size) == kept(b"x" * size)


async def test_of_a_larger_body_only_hash_and_size_are_kept(home: Home) -> None:
    larger = kept(os.urandom(LIMIT + 1))
    found = await kept_and_found(home, larger.body)
    assert found == replace(larger, body=None)


async def test_a_large_body_that_does_not_shrink_is_kept_under_both_records(home: Home) -> None:
    large = os.urandom(1024 * 1024)
    for record in (RECORD, ALSO):
        assert await kept_and_found(home, large, record) == kept(large)


async def kept_and_found(home: Home, body: bytes | None, record: bytes = RECORD) -> Kept | None:
    assert body is not None
    first = await home.store.claim(claim(also=ALSO), entry("intent"))
    if isinstance(first, Won):
        assert await home.store.finish(claim(also=ALSO), first.token, Done(kept(body), 60, 60), None)
    found = await home.store.claim(claim("call-2", record), None)
    assert isinstance(found, Found)
    return found.kept
