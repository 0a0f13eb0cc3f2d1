"""Doubts, told a page at a time: each once, none left out, whatever ends meanwhile."""

from typing import Any

import pytest
from claim_homes import LEASE_S, Home, claim, entry, won

from gateway.model.claim import NotDone
from gateway.store import claims_table, ledger_sqlite, redis_steps


async def test_doubts_beyond_one_look_are_told_in_order_and_each_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (claims_table, ledger_sqlite, redis_steps):
        monkeypatch.setattr(module, "DOUBTS_AT_ONCE", 3)
    for n in range(8):
        name = f"{n}".encode()
        await won(home, claim(f"call-{n}", name * 32, also=b"also" * 7 + name * 4), departing=True)
        home.clock.advance(1)
    home.clock.advance(LEASE_S)
    assert [one.call_id for one in await home.doubts()] == [f"call-{n}" for n in range(8)]
    late = (await home.doubts())[-1]
    assert await home.store.resolve(late.record, late.token, NotDone(), entry("resolved"))
    assert len(await home.doubts()) == 7


async def test_a_doubt_that_ends_between_two_looks_hides_no_other(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (claims_table, ledger_sqlite, redis_steps):
        monkeypatch.setattr(module, "DOUBTS_AT_ONCE", 3)
    for n in range(8):
        await won(home, claim(f"call-{n}", f"{n}".encode() * 32), departing=True)
        home.clock.advance(1)
    home.clock.advance(LEASE_S)
    ends = (await home.doubts())[:2]
    store, looks = home.store, 0
    part = store._steps if home.shared else store._writer  # type: ignore[attr-defined]
    look = part.doubts if home.shared else part.submit

    async def meanwhile(what: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2:
            for one in ends:
                assert await store.resolve(one.record, one.token, NotDone(), entry("resolved"))
        return await look(what)

    monkeypatch.setattr(part, "doubts" if home.shared else "submit", meanwhile)
    assert {f"call-{n}" for n in range(2, 8)} <= {one.call_id for one in await home.doubts()}
