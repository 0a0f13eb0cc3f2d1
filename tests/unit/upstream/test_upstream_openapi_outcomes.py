"""What every answer of a plain HTTP service proves, from a server that misbehaves on a raw socket."""

import json

import pytest
from openapi_kit import call, service
from upstream_kit import chunk, peer, reply, soon

from gateway.model.outcome import Answered, Lost, Unsent

_GET, _PUT, _POST, _DELETE = "getPet", "replacePet", "create_pet_", "delete_pets_petId"
_ARGUMENTS = {
    _GET: {"petId": "7"},
    _PUT: {"petId": "7", "body": {"name": "Rex"}},
    _POST: {"body": {"name": "Rex"}},
    _DELETE: {"petId": "7"},
}


async def carried(folder, answer, tool=_POST, seconds=5.0, **settings):
    async def script(seen, writer):
        if callable(answer):
            await answer(writer)
        else:
            writer.write(answer)

    async with peer(script) as server, service(server.url, folder, **settings) as up:
        definitions = {one["name"]: one for one in await up.list_tools(soon())}
        outcome = await up.send(call(definitions[tool], _ARGUMENTS[tool]), soon(seconds))
        assert len(server.seen) == 1, "at most once on the wire"
        return outcome


def text(outcome):
    return [block["text"] for block in outcome.result["content"]]


async def test_an_object_is_structured_content_and_the_same_as_text(tmp_path) -> None:
    outcome = await carried(tmp_path, reply(201, b'{"id": 1000000000000000000000, "n": 1.50}'))
    assert outcome.result["structuredContent"] == {"id": 10**21, "n": 1.5}
    assert json.loads(text(outcome)[0]) == outcome.result["structuredContent"]
    assert outcome.http == {"status": 201, "type": "application/json", "wrapped": False}
    assert "isError" not in outcome.result


@pytest.mark.parametrize("value", [[1, {"a": None}], "text", 7, None, False])
async def test_any_other_json_value_is_wrapped(tmp_path, value) -> None:
    outcome = await carried(
        tmp_path, reply(200, json.dumps(value).encode(), kind="application/hal+json; charset=utf-8")
    )
    assert outcome.result["structuredContent"] == {"result": value}
    assert json.loads(text(outcome)[0]) == value
    assert outcome.http == {"status": 200, "type": "application/hal+json", "wrapped": True}


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("text/csv; charset=ISO-8859-1", "größe".encode("latin-1"), "größe"),
        ("Text/Plain", "größe".encode(), "größe"),
    ],
)
async def test_listed_text_passes_as_text(tmp_path, kind, body, said) -> None:
    outcome = await carried(tmp_path, reply(200, body, kind=kind))
    assert outcome.result == {"content": [{"type": "text", "text": said}]}
    assert outcome.http == {"status": 200, "type": kind.partition(";")[0].lower(), "wrapped": False}


@pytest.mark.parametrize("answer", [b"HTTP/1.1 204 X\r\n\r\n", reply(200), reply(202, kind="application/octet-stream")])
async def test_an_answer_without_a_body_is_an_answer(tmp_path, answer) -> None:
    outcome = await carried(tmp_path, answer)
    assert text(outcome) == [""]
    assert outcome.http["status"] in {200, 202, 204}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(409, {"detail": "taken"}), ['{"detail":"taken"}', "The service answered HTTP 409."]),
        (reply(422, b"no", kind="text/plain"), ["no", "The service answered HTTP 422."]),
        (reply(404), ["", "The service answered HTTP 404."]),
        (reply(400, b"<p>", kind="text/html"),
         ["The service answered HTTP 400; its words are not shown: an answer that is neither JSON nor of a type listed in pass_types."]),
        (reply(400, b"{"), ["The service answered HTTP 400; its words are not shown: malformed JSON."]),
        (reply(410, b"x" * 2_000, kind="text/plain"),
         ["The service answered HTTP 410; its words are not shown: an answer of more than 1024 bytes."]),
    ],
)  # fmt: skip
async def test_a_no_of_the_service_is_an_answer_that_says_so(tmp_path, answer, said) -> None:
    outcome = await carried(tmp_path, answer, max_result=1024)
    assert isinstance(outcome, Answered)
    assert outcome.result["isError"] is True
    assert "structuredContent" not in outcome.result
    assert text(outcome) == said


@pytest.mark.parametrize("status", [401, 403, 405, 413, 415])
async def test_statuses_that_come_before_execution_prove_that_nothing_was_done(tmp_path, status) -> None:
    assert await carried(tmp_path, reply(status, {})) == Unsent(f"turned away with HTTP {status}", None, "never")


async def test_too_many_requests_says_when_to_come_back(tmp_path) -> None:
    outcome = await carried(tmp_path, reply(429, {}, retry_after="7"))
    assert outcome == Unsent("turned away with HTTP 429", 7_000, "later")


@pytest.mark.parametrize("status", [404, 502, 503, 504])
async def test_a_status_is_trusted_only_where_the_operator_says_so(tmp_path, status) -> None:
    answer = reply(status, {}, retry_after="1")
    trusted = await carried(tmp_path, answer, trust_status=(status,))
    assert trusted == Unsent(f"turned away with HTTP {status}", 1_000, "later")
    doubted = await carried(tmp_path, answer)
    assert isinstance(doubted, Answered if status == 404 else Lost)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(500, {}), "HTTP 500"),
        (reply(599, {}), "HTTP 599"),
        (reply(302, location="http://127.0.0.1:1/elsewhere"), "HTTP 302, and redirects are not followed"),
        (reply(307, location="/pets"), "HTTP 307, and redirects are not followed"),
        (reply(200, b'{"a": '), "malformed JSON"),
        (reply(200, b'{"a": 1, "a": 2}'), "malformed JSON"),
        (reply(200, b"\x89PNG", kind="image/png"), "an answer that is neither JSON nor of a type listed in pass_types"),
        (reply(200, b"<p>", kind="text/html"), "an answer that is neither JSON nor of a type listed in pass_types"),
        (reply(200, b"\xff", kind="text/plain"), "text that is not in the character set it states"),
        (reply(200, b"x", kind="text/plain; charset=utf-7"), "text in a character set that is not read"),
        (reply(200, b"x", content_encoding="gzip"), "a compressed answer, which was not asked for"),
        (reply(200, b"[" + b"1," * 1_000 + b"1]"), "an answer of more than 1024 bytes"),
        (reply(200, b"{}", content_length="5000"), "an answer of more than 1024 bytes"),
    ],
)
async def test_answers_that_prove_nothing_leave_it_unknown(tmp_path, answer, why) -> None:
    assert await carried(tmp_path, answer, max_result=1024) == Lost(why)


async def _reset(writer):
    writer.transport.abort()


async def _half(writer):
    writer.write(b'HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"a":')
    await writer.drain()
    writer.close()


async def _garbage(writer):
    writer.write(b"\x00\x01\x02 not http\r\n\r\n")
    await writer.drain()
    writer.close()


async def _half_chunk(writer):
    writer.write(
        b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b"{}")[:-3]
    )
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("tool", [_GET, _PUT, _POST, _DELETE])
@pytest.mark.parametrize("answer", [_reset, _half, _garbage, _half_chunk])
async def test_a_broken_answer_leaves_it_unknown_and_nothing_is_sent_again(tmp_path, tool, answer) -> None:
    assert isinstance(await carried(tmp_path, answer, tool), Lost)


async def test_no_answer_in_time_leaves_it_unknown(tmp_path) -> None:
    async def silent(_writer):
        """Says nothing."""

    assert await carried(tmp_path, silent, seconds=0.2) == Lost("no answer in time", timed_out=True)


@pytest.mark.parametrize("tool", [_GET, _POST, _DELETE])
async def test_a_service_that_is_not_there_got_nothing(tmp_path, tool) -> None:
    async with peer(_reset) as server:
        url = server.url
    async with service(url, tmp_path) as up:
        definitions = {one["name"]: one for one in await up.list_tools(soon())}
        outcome = await up.send(call(definitions[tool], _ARGUMENTS[tool]), soon())
    assert outcome == Unsent("it could not be reached", cause="unreached")


async def test_no_time_left_sends_nothing(tmp_path) -> None:
    async with service("http://127.0.0.1:1", tmp_path) as up:
        definitions = {one["name"]: one for one in await up.list_tools(soon())}
        assert isinstance(await up.send(call(definitions[_GET], _ARGUMENTS[_GET]), soon(-1)), Unsent)
