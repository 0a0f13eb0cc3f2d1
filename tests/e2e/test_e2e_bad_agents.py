"""Bad agents against a real gateway: each request gets its row of the refusal table, one record, and harms nobody else."""

import bad_requests as rows
import pytest
from bad_answers import hangs
from bad_peer import reply, result, says
from bad_siege import Siege
from bad_wire import call, line, written

pytest_plugins = ("bad_siege_plugin",)

GOOD = written(*call("desk_echo", {"text": "a"}))
ALL = {**rows.DOOR, **rows.CALLER, **rows.BODIES, **rows.MESSAGES, **rows.CALLS}


@pytest.mark.parametrize("name", ALL)
def test_a_bad_request_gets_its_row_of_the_refusal_table_and_one_record(good: Siege, name: str) -> None:
    raw, status, reason = ALL[name]
    good.refuses(raw, status, reason)
    good.still_serves()


# -- what never reaches us --------------------------------------------------------------------------------------------

# The HTTP parser answers these by itself with a plain 400 and hangs up: there is no request yet, so there is no call id and
# no record. They must not crash anything, and must tell nothing but that they are no HTTP.
UNHEARD = {
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": GOOD.replace(b"HTTP/1.1", b"HTTP/1.2"),
    "a method in small letters": GOOD.replace(b"POST", b"post"),
    "a method nobody knows": GOOD.replace(b"POST", b"BREW"),
    "a tunnel": GOOD.replace(b"POST /mcp", b"CONNECT localhost:80"),
    "a path that is no ASCII": GOOD.replace(b"/mcp", b"/mcp\xff", 1),
    "a path of 100 KB": GOOD.replace(b"/mcp", b"/" + b"a" * 100_000, 1),
    "an obsolete fold": GOOD.replace(b"Accept:", b"X: a\r\n b\r\nAccept:"),
    "2,000 headers": GOOD.replace(b"Accept:", b"x: y\r\n" * 2_000 + b"Accept:"),
    "a name with a space": GOOD.replace(b"Accept:", b"Accept :"),
    "a NUL in a header": GOOD.replace(b"Accept: ", b"Accept: \0"),
    "line feeds alone": GOOD.replace(b"\r\n", b"\n"),
    "length and chunks": written(b"0\r\n\r\n", [*rows.HEAD, ("Transfer-Encoding", "chunked"), ("Content-Length", "5")]),
    "chunks, then none": written(b"0\r\n\r\n", [*rows.HEAD, ("Transfer-Encoding", "chunked, identity")]),
    "two lengths": written(b"hello", [*rows.HEAD, ("Content-Length", "5"), ("Content-Length", "6")]),
    "the same length twice": written(b"hello", [*rows.HEAD, ("Content-Length", "5"), ("Content-Length", "5")]),
    "a list of lengths": written(b"hello", [*rows.HEAD, ("Content-Length", "5, 5")]),
    "a negative length": written(b"hello", [*rows.HEAD, ("Content-Length", "-5")]),
    "a signed length": written(b"hello", [*rows.HEAD, ("Content-Length", "+5")]),
    "a length beyond numbers": written(b"hello", [*rows.HEAD, ("Content-Length", "9" * 30)]),
}


@pytest.mark.parametrize("name", UNHEARD)
def test_what_is_no_http_is_hung_up_on_and_told_nothing(good: Siege, name: str) -> None:
    mark, reached = good.newest(), len(good.peer.calls)

    with line(good.port) as wire:
        wire.say(UNHEARD[name])
        answer = wire.answer()
        assert answer is not None
        assert (answer.status, answer.body) == (400, b"Invalid HTTP request received.")
        assert wire.closed()

    assert good.since(mark) == []
    assert len(good.peer.calls) == reached
    good.still_serves()


# The parser finds these only after a request had begun: its caller is told 400, and the request that was begun has its
# record, which says that its caller went away.
TORN = {
    "a chunk of no size": written(b"zz\r\nhello\r\n0\r\n\r\n", [*rows.HEAD, ("Transfer-Encoding", "chunked")]),
    "a later chunk of no size": written(b"2\r\nhe\r\nzz\r\n", [*rows.HEAD, ("Transfer-Encoding", "chunked")]),
    "a coding nobody knows": written(b"5\r\nhello\r\n0\r\n\r\n", [*rows.HEAD, ("Transfer-Encoding", "xchunked")]),
}


@pytest.mark.parametrize("name", TORN)
def test_a_body_that_breaks_its_framing_leaves_one_record(good: Siege, name: str) -> None:
    with good.one_record() as record:
        answer = good.ask(TORN[name])
    assert answer is not None
    assert answer.status == 400
    assert (record["outcome"], record["reason"]) == ("cancelled", "cancelled")
    good.still_serves()


@pytest.mark.parametrize("raw", [GOOD[:-10], written(b"{", [*rows.HEAD, ("Content-Length", "9")])])
def test_a_caller_that_leaves_in_the_middle_of_its_body_leaves_one_record(good: Siege, raw: bytes) -> None:
    with good.one_record() as record, line(good.port) as wire:
        wire.say(raw)
    assert (record["outcome"], record["executed"]) == ("cancelled", "no")
    good.still_serves()


# -- what is unusual and served --------------------------------------------------------------------------------------

SERVED = {
    "a query": GOOD.replace(b"/mcp", b"/mcp?x=1", 1),
    "an escaped path": GOOD.replace(b"/mcp", b"/%6dcp", 1),
    # No browser sends one to a server, and the Host header, which is checked, is all that a proxy behind would look at.
    "an absolute URL": GOOD.replace(b"/mcp", b"http://evil.example/mcp", 1),
    "HTTP/1.0": GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "an empty line before": b"\r\n" + GOOD,
    "an expectation": GOOD.replace(b"Accept:", b"Expect: 100-continue\r\nAccept:"),
    "its own origin": GOOD.replace(b"Accept:", b"Origin: http://localhost\r\nAccept:"),
    "chunks": rows.chunked(*(bytes([byte]) for byte in rows.RAW)),
    "headers of another case": GOOD.replace(b"Mcp-Method", b"mCP-mETHOD").replace(b"Content-Type", b"CONTENT-TYPE"),
    "a charset": GOOD.replace(b"application/json\r\n", b'Application/JSON; charset="utf-8"\r\n', 1),
}


@pytest.mark.parametrize("name", SERVED)
def test_what_is_only_unusual_is_served_like_any_other_call(good: Siege, name: str) -> None:
    with good.one_record("call") as record:
        answer = good.ask(SERVED[name])
    assert answer is not None
    assert (answer.status, record["outcome"]) == (200, "answered")


def test_pipelined_requests_are_answered_in_order_one_record_each(good: Siege) -> None:
    mark = good.newest()
    with line(good.port) as wire:
        wire.say(GOOD + written(b"{", rows.HEAD) + written(*call("desk_hidden", {})) + GOOD)
        answers = [wire.answer() for _ in range(4)]

    assert all(answers)
    assert [answer.told.get("reason") for answer in answers if answer] == [None, "malformed", "unknown-tool", None]
    assert [record["call"] for record in good.since(mark)] == [answer.call_id for answer in answers if answer]


def test_a_call_that_was_carried_out_is_answered_whatever_stands_behind_it(good: Siege) -> None:
    reached = len(good.peer.calls)
    with good.one_record("call") as record, line(good.port) as wire:
        wire.say(written(*call("desk_pay", {"to": "garbage", "cents": 1})) + b"GARBAGE\r\n\r\n")
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 200, "who is told 400 does it again"
        assert wire.closed()
    assert (record["call"], record["outcome"]) == (answer.call_id, "answered")
    assert len(good.peer.calls) == reached + 1


BOMBS = {
    "a header": (b"POST /mcp HTTP/1.1\r\nX: ", b"x" * 1_000_000),
    "a path": (b"POST /", b"x" * 1_000_000),
    "headers": (b"POST /mcp HTTP/1.1\r\n", b"x: y\r\n" * 160_000),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("before", [b"", GOOD], ids=["alone", "behind a call"])
def test_a_head_without_end_fills_no_memory_and_is_hung_up_on(good: Siege, name: str, before: bytes) -> None:
    start, more = BOMBS[name]
    good.peer.script = hangs
    resident = highest = good.resident()

    with line(good.port) as wire:
        wire.say(before + start)
        for _ in range(20):
            wire.say(more)
            highest = max(highest, good.resident())
        answer = wire.answer()

    # A hang-up with bytes still unread is a reset, which may overtake the answer.
    assert answer is None or answer.status == (200 if before else 400)
    assert highest - resident < 6_000_000
    good.peer.script = says(lambda seen: reply(200, result(seen)))
    good.still_serves()


def test_a_head_that_does_not_come_is_not_waited_for(good: Siege) -> None:
    mark = good.newest()
    with line(good.port) as silent, line(good.port) as slow:
        slow.say(GOOD[:40])
        assert silent.closed()
        assert slow.closed()
    assert good.since(mark) == []
