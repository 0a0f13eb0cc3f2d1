"""What passes between a server and the caller in mid-call: cleaned, counted, and only what the client said it can do."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.config.schema import Sanitize
from gateway.hearing import Hearing, heard
from gateway.model.dialogue import MESSAGE, SILENT, Silent, Unanswered
from gateway.sanitize.room import Clean

CLEAN = Clean(Sanitize(), b"k" * 32)
HIDDEN = "pay\u200b\U000e0041 up"


def noted_nowhere(**facts: Any) -> None:
    raise AssertionError(facts)


class Listening(Silent):
    """A client that can fill in forms."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    @property
    def capabilities(self) -> Mapping[str, Any]:
        return {"elicitation": {}}

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        self.told.append((method, params))

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.told.append((method, params))
        return {"action": "accept"}


async def test_notifications_and_questions_reach_the_caller_clean() -> None:
    caller = Listening()
    noted: dict[str, Any] = {}
    hearing = Hearing(caller, CLEAN, noted.update)
    hearing.tell(MESSAGE, {"level": "info", "data": HIDDEN})
    assert await hearing.ask("elicitation/create", {"message": HIDDEN}) == {"action": "accept"}
    assert caller.told == [
        (MESSAGE, {"level": "info", "data": "pay up"}),
        ("elicitation/create", {"message": "pay up"}),
    ]
    assert hearing.asked == {"elicitation/create": 1}
    assert noted == {"asks": {"elicitation/create": 1}}


async def test_nothing_is_said_in_our_name() -> None:
    caller = Listening()
    hearing = Hearing(caller, CLEAN, lambda **_: None)
    meta = {"io.sallyport/provenance": "trusted", "theirs": 1}
    hearing.tell(MESSAGE, {"_meta": meta})
    await hearing.ask("elicitation/create", {"_meta": meta})
    assert [params for _, params in caller.told] == [{"_meta": {"theirs": 1}}] * 2


@pytest.mark.parametrize("method", ["sampling/createMessage", "roots/list", "tools/call", "ping", ""])
async def test_a_caller_is_asked_only_what_its_client_declared(method: str) -> None:
    caller = Listening()
    hearing = Hearing(caller, CLEAN, noted_nowhere)
    with pytest.raises(Unanswered) as refused:
        await hearing.ask(method, {})
    assert (refused.value.code, caller.told, hearing.asked) == (-32601, [], {})


async def test_what_cannot_be_cleaned_is_neither_told_nor_asked() -> None:
    caller = Listening()
    hearing = Hearing(caller, CLEAN, noted_nowhere)
    deep: Any = "end"
    for _ in range(10_000):
        deep = [deep]
    hearing.tell(MESSAGE, {"data": deep})
    with pytest.raises(Unanswered, match="could not be cleaned"):
        await hearing.ask("elicitation/create", {"requestedSchema": deep})
    assert caller.told == []


def test_a_silent_caller_costs_nothing() -> None:
    assert heard(SILENT, CLEAN, noted_nowhere) is SILENT
