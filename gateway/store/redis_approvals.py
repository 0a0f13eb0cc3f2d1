"""Approvals in Redis: one hash each, changed by scripts that decide as `model/approval.py` does.

Lives only here: rows ↔ `model.Approval`, arguments sealed at rest. State, record and end are fields of their own, because
the script that departs checks them and uses the approval up (`redis_depart.lua`). Must not know who may decide or who
asks. Called by the approval room through `homes.ApprovalStore`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Final

from gateway.model.approval import DENIAL_S, KEPT_S, PENDING_PER_AGENT, Approval, ApprovalState, Vote
from gateway.model.work import StoreUnavailable
from gateway.store.redis_ears import Ears
from gateway.store.redis_link import RedisLink
from gateway.store.redis_names import CHANNEL, TAG, Script, hashed, key
from gateway.store.sealing import Box
from gateway.wire.strict_json import dump, parse

_ASK: Final = Script.of("approval", "ask")
_DECIDE: Final = Script.of("approval", "decide")
_LISTED: Final = Script.of("listed")
_BY_AGE: Final = f"{TAG}approvals-by-age"
_BY_END: Final = f"{TAG}approvals-by-end"
_APART: Final = ("id", "record", "binding", "state", "expires_at", "use_within_s", "vote", "consumed_by", "arguments")
"""What is not among the facts of a row: fields of their own, or the row's name."""
_MOST: Final = 1_000
_AT_ONCE: Final = 50
"""Rows read in one step: with the largest arguments a few MB."""
_POLL_S: Final = 1.0


class RedisApprovals:
    """Implements `homes.ApprovalStore`. Raises StoreUnavailable."""

    def __init__(self, link: RedisLink, secret: bytes, ears: Ears) -> None:
        self._link = link
        self._box = Box(secret, b"sallyport approval arguments v1")
        self._ears = ears

    async def ask(self, wanted: Approval) -> Approval | None:
        keys = (
            key("approvals-of", wanted.record),
            key("approval", wanted.id),
            key("approvals-waiting", hashed(wanted.tenant, wanted.agent)),
            _BY_AGE,
            _BY_END,
            key("denied", wanted.binding),
        )
        about = (wanted.asked_at, wanted.id, wanted.binding, wanted.expires_at, KEPT_S, PENDING_PER_AGENT, CHANNEL)
        match await self._link.run(_ASK, keys, (*about, *self._row(wanted, waiting=keys[2]))):
            case [b"asked"]:
                return wanted
            case [b"stands", id_, row]:
                return self._approval(id_.decode(), row)
            case [b"full"]:
                return None
            case _:
                raise StoreUnavailable("the store gave an unexpected answer")

    async def decide(self, id: str, vote: Vote) -> Approval | None:  # noqa: A002
        said = ApprovalState.APPROVED if vote.approved else ApprovalState.DENIED
        args = (vote.at, id, said.value, dump(asdict(vote)), DENIAL_S, CHANNEL)
        row = await self._link.run(_DECIDE, (key("approval", id), _BY_END), args)
        self._ears.tell(_topic(id))
        return self._approval(id, row) if row else None

    async def get(self, id: str) -> Approval | None:  # noqa: A002
        row = await self._link.command("HGETALL", key("approval", id))
        return self._approval(id, row) if row else None

    async def all(self) -> Sequence[Approval]:
        """Newest first, without what was sealed with an earlier secret: one such row must not hide all others."""
        ids = [id_.decode() for id_ in await self._link.command("ZREVRANGE", _BY_AGE, 0, _MOST - 1)]
        found: list[Approval] = []
        for at in range(0, len(ids), _AT_ONCE):
            some = ids[at : at + _AT_ONCE]
            rows = await self._link.run(_LISTED, [key("approval", id_) for id_ in some])
            for id_, row in zip(some, rows, strict=True):
                with suppress(StoreUnavailable):
                    found += [self._approval(id_, row)] if row else []
        return found

    async def changed(self, id: str, within_s: float) -> None:  # noqa: A002
        """A push ends the wait; a lost one delays it by a second."""
        await self._ears.hear(_topic(id), min(within_s, _POLL_S))

    def _row(self, approval: Approval, waiting: str) -> list[Any]:
        facts = asdict(replace(approval, arguments={}))
        for name in _APART:
            del facts[name]
        row = {
            "record": approval.record,
            "binding": approval.binding,
            "state": approval.state.value,
            "expires_at": approval.expires_at,
            "use_within_s": approval.use_within_s,
            "waiting": waiting,
            "facts": dump(facts),
            "arguments": self._box.close(approval.id.encode(), dump(dict(approval.arguments))),
        }
        return [word for field in row.items() for word in field]

    def _approval(self, id_: str, flat: list[bytes]) -> Approval:
        row = dict(zip(flat[::2], flat[1::2], strict=True))
        facts = parse(row[b"facts"])
        vote, consumed_by = row.get(b"vote"), row.get(b"consumed_by")
        return Approval(
            id=id_,
            record=row[b"record"].decode(),
            binding=row[b"binding"].decode(),
            state=ApprovalState(row[b"state"].decode()),
            expires_at=float(row[b"expires_at"]),
            use_within_s=float(row[b"use_within_s"]),
            vote=Vote(**parse(vote)) if vote is not None else None,
            consumed_by=consumed_by.decode() if consumed_by is not None else None,
            arguments=parse(self._box.open(id_.encode(), row[b"arguments"])),
            **facts | {"rules": tuple(facts["rules"])},
        )


def _topic(id_: str) -> str:
    return f"approval:{id_}"
