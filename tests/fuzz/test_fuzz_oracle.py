"""The oracles can fail: a gateway that allows too much, answers twice or shows too much is found out."""

from dataclasses import replace

import pytest
from fuzz_dice import Dice
from fuzz_exchange import Exchange
from fuzz_field import Field, good_list
from fuzz_oracle import Unsound, arrives, shows_nothing, sound, wanted
from fuzz_raw import answers
from fuzz_shots import Shot
from fuzz_world import KEYS, may

from gateway.model.decision import Verdict
from gateway.model.refusal import TABLE, Reason

SHOT = good_list()
CALL = Shot(
    SHOT.body.replace(b"tools/list", b"tools/call").replace(
        b'"params": {', b'"params": {"name": "desk_echo", "arguments": {}, '
    ),
    [*SHOT.lines[:-1], ("mcp-method", b"tools/call"), ("mcp-name", b"=?base64?ZGVza19lY2hv?=")],
)


def test_what_nobody_asked_for_or_may_have_is_seen_when_it_arrives() -> None:
    assert arrives(CALL, {}, "tools/call", "echo", {}) is None
    assert arrives(CALL, {}, "tools/call", "echo", {"text": "x"})
    assert arrives(CALL, {}, "tools/call", "pay", {})
    assert arrives(SHOT, {}, "tools/call", "echo", {})
    carols = [
        ("authorization", f"Bearer {KEYS['carol']}".encode()) if name == "authorization" else (name, value)
        for name, value in CALL.lines
    ]
    assert arrives(replace(CALL, lines=carols), {}, "tools/call", "echo", {}) == "carol may not"


def test_a_request_that_two_readers_could_read_differently_asks_for_nothing() -> None:
    assert wanted(CALL) is not None
    for lines in ([*CALL.lines, ("mcp-name", b"desk_pay")], CALL.lines[:-1], [*CALL.lines, CALL.lines[2]]):
        assert wanted(replace(CALL, lines=lines)) is None
    for body in (CALL.body.replace(b"{", b'{"method": "x", ', 1), CALL.body[:-1], b"[" + CALL.body + b"]"):
        assert wanted(replace(CALL, body=body)) is None


def test_the_table_of_rights_says_no_where_it_should() -> None:
    assert may("alice", "tools/call", "pay", {"to": "x", "cents": 1})
    assert not may("alice", "tools/call", "pay", {"to": "x", "cents": True})
    assert not may("alice", "tools/call", "denied", {"text": "no"})
    assert not may("alice", "resources/read", "lead://a", {})
    assert not may("carol", "tools/call", "echo", {})
    assert may("bob", "resources/read", "lead://a", {})


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (200, b""),
        (200, b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}'),
        (200, b'{"jsonrpc":"2.0","id":1,"result":{"a":NaN}}'),
        (
            200,
            b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":{"io.sallyport/outcome":{"reason":"internal"}}}}',
        ),
    ],
)
def test_an_answer_that_no_standard_knows_is_unsound(status: int, body: bytes) -> None:
    with pytest.raises(Unsound):
        sound(SHOT, status, "application/json", body)


def test_exception_text_and_credentials_are_seen_on_the_wire() -> None:
    for text in (b"KeyError('x')", b'File "x.py"', KEYS["alice"].encode()):
        with pytest.raises(Unsound):
            shows_nothing(b"a " + text + b" b")


def test_a_second_answer_on_a_connection_is_counted() -> None:
    one = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    assert len(answers(one * 2)) == 2
    assert not answers(one[:-1])[0].ended


def test_the_same_seed_makes_the_same_things() -> None:
    assert Dice(7).value() == Dice(7).value()
    assert Dice(7).odd({"a": "a"}) == Dice(7).odd({"a": "a"})


async def test_a_policy_that_says_yes_to_everybody_is_found_out(tmp_path, monkeypatch) -> None:
    field = Field(tmp_path, monkeypatch)
    rules = field.house.rules
    decide = rules.decide
    monkeypatch.setattr(rules, "decide", lambda *asked: replace(decide(*asked), verdict=Verdict.ALLOW))
    await field.open()
    try:
        with pytest.raises(Unsound, match=r"may not|nobody approved"):
            await field.storm(range(60))
    finally:
        await field.close()


async def test_a_listener_that_loses_a_record_is_found_out(tmp_path, monkeypatch) -> None:
    field = await Field(tmp_path, monkeypatch).open()

    async def refuse(record, refusal) -> None:
        record.forget()

    monkeypatch.setattr(field.house.road, "refuse", refuse)
    field.looks = 20
    try:
        with pytest.raises(Unsound, match="no record"):
            await field.storm(range(3))
    finally:
        await field.close()


def test_nothing_but_a_defect_is_internal() -> None:
    assert [reason for reason, row in TABLE.items() if row.status == 500] == [Reason.INTERNAL]
    assert Exchange(SHOT, 0, 0, {}).scope["method"] == "POST"
