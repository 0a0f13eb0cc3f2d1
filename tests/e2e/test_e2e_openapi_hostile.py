"""Documents meant to harm: each is refused or read as far as it goes, says why, and everything else goes on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bad_peer import HangUp, reply
from e2e_clients import under_load
from e2e_http_kit import Json, Service, document, names, once, operation, resident_mb, upstream
from e2e_kit import HTTP, Gateway, api_key, structured, wait_for

MB = 1024 * 1024
FULL = 10 * MB - 1_000
"""Bytes: just below what is read at all."""
MOST_MB = 120
"""Kept by the allocators when all is over; one full document takes as much while it is read."""
GOOD = document({"/ok": {"get": operation("ok")}})
BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 8)}]\n" for level in range(1, 12)
)
OPEN = b'"' + b'\\"' * (FULL // 2 - 1_000)
"""A string without an end, in which every second byte could begin another one."""


def _drips(_got: Any, sock: Any) -> None:
    sock.sendall(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\n\r\n{")
    for _ in range(200):
        sock.sendall(b" ")
        time.sleep(0.02)
    raise HangUp


def _pours(_got: Any, sock: Any) -> None:
    sock.sendall(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(64):
        sock.sendall(b"40000\r\n" + b" " * 0x40000 + b"\r\n")
    raise HangUp


ANSWERS: dict[str, tuple[Any, str]] = {
    "announced": (once(lambda _: reply(200, content_length=str(11 * MB))), "an answer of more than 10485760 bytes"),
    "poured": (_pours, "an answer of more than 10485760 bytes"),
    "dripped": (_drips, "no answer in time"),
    "redirect": (once(lambda _: reply(302, location="/docs/steady")), "HTTP 302"),
    "gzip": (once(lambda _: reply(200, b"\x1f\x8b\x08", content_encoding="gzip")), "a compressed answer"),
    "denied": (once(lambda _: reply(401)), "HTTP 401"),
    "cut": (once(lambda _: reply(200, b"{", content_length="99")), "the connection broke"),
}
"""What answers for a document, and what is said of it."""

UNUSABLE: dict[str, tuple[bytes, str]] = {
    "html": (b"<!DOCTYPE html>\n<html><head><title>x</title></head></html>", "it is not"),
    "yaml-bomb": (BOMB.encode(), "it holds more than 1000000 values"),
    "no-object": (b"[1]", "it is not an object"),
    "paths-list": (b'{"openapi": "3.1.0", "paths": [1]}', "its paths are not an object"),
    "version": (b'{"openapi": 3, "paths": {}}', "it is no OpenAPI 3.0 or 3.1 document"),
    "swagger": (b'{"swagger": "2.0"}', "it is Swagger 2.0"),
    "twice": (b'{"openapi": "3.1.0", "openapi": "3.1.0"}', "the same key twice"),
    "deep": (b'{"a":' * 100_000, "nested deeper than 100 levels"),
    "empty": (b"", "it is empty"),
    "binary": (b"\x00\xff\xfe" * 1_000, "it is not"),
    "lines": (b"#\n" * (FULL // 2), "it is empty"),
    "values": (b'{"a":[' + b"{}," * (FULL // 3), "it holds more than 1000000 values"),
    "yaml-wide": (b"- ab\n" * (FULL // 5), "it holds more than 1000000 values"),
    "never-ends": (b'{"a":[' + b"[]," * 200 + OPEN, "it is not JSON: Unterminated string"),
}


def _beside(**paths: Any) -> bytes:
    """A document with one good operation and others."""
    value = document(GOOD["paths"] | {f"/{name}": item for name, item in paths.items()})
    loop, wide = {"allOf": [{"$ref": "#/components/schemas/Loop"}]}, {"anyOf": [{"type": "string"}] * 100_000}
    return json.dumps(value | {"components": {"schemas": {"Loop": loop, "Wide": wide}}}).encode()


def _wanting(reference: str) -> Json:
    return {"post": operation("bad", body={"$ref": reference})}


def _sharing(number: int) -> Json:
    wide = {"name": "q", "in": "query", "schema": {"$ref": "#/components/schemas/Wide"}}
    return {"get": operation(f"o{number}") | {"parameters": [wide]}}


ALIASES = (
    b"openapi: 3.1.0\npaths:\n  /ok: {get: {operationId: ok, responses: {}}}\n  /bad:\n    get:\n      responses: {}\n"
    b'      parameters: [{name: q, in: query, required: true, schema: {enum: [&t "' + b"y" * (9 * MB) + b'"'
) + b", *t" * 3_000 + b"]}}]\n"  # fmt: skip
PARTLY: dict[str, tuple[bytes, str]] = {
    "remote": (_beside(bad=_wanting("http://{own}/remote")), "POST /bad: hidden: it refers to another document"),
    "file": (_beside(bad=_wanting("file:///etc/passwd")), "POST /bad: hidden: it refers to another document"),
    "cyclic": (_beside(bad=_wanting("#/components/schemas/Loop")), "hidden: a schema refers to itself without end"),
    "item": (_beside(bad={"$ref": "#/paths/~1bad"}), "/bad: hidden: it refers to itself"),
    "types": (
        _beside(bad=5, worse={"get": [], "put": {"parameters": 5}}),
        "PUT /worse: hidden: its parameters are not",
    ),
    "shared": (_beside(**{f"p{n}": _sharing(n) for n in range(900)}), "unfolds to more than 500000 values"),
    "trace": (_beside(bad={"trace": operation("bad")}), "TRACE /bad: hidden: TRACE is not carried"),
    "aliases": (ALIASES, "GET /bad: hidden: its schemas hold more than 256 KB of text"),
}
"""Documents of which one operation is good, and what the log says of another."""


class Siege:
    """One gateway whose upstreams are all one service, each with a document of its own."""

    def __init__(self, folder: Path) -> None:
        self.service = Service()
        self.key, entry = api_key("bob-key", "ops-bot", "bob")
        for name in ("steady", *ANSWERS, *UNUSABLE, *PARTLY):
            self.service.publishes(name, GOOD)
        self.service.documents["/docs/late"] = once(lambda _: reply(503))
        config = {
            "identity": {"keys": [entry]},
            "upstreams": {name.removeprefix("/docs/"): self._upstream(name) for name in self.service.documents},
            "agents": {"ops-bot": {"tools": ["*/*"]}},
            "loops": "off",
        }
        self.gateway = Gateway(folder, config, main="tests.e2e.e2e_hasty")
        self.gateway.start()

    def _upstream(self, place: str) -> Json:
        return {"kind": "openapi", "url": self.service.url, "document": self.service.url + place, "refresh": "100ms"}

    def close(self) -> None:
        self.gateway.stop()
        self.service.close()

    def call(self, name: str = "steady_ok") -> Json:
        return self.gateway.call(self.key, name, timeout=5)

    def fault(self, name: str) -> str | None:
        return upstream(self.gateway, name)["fault"]

    def logged(self, name: str, what: str) -> bool:
        lines = self.gateway.log.read_text().splitlines()
        return any(f"upstream {name}: " in line and what in line for line in lines)


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    made = Siege(tmp_path_factory.mktemp("siege"))
    yield made
    made.close()


def test_a_document_that_is_not_there_at_the_start_hides_nothing_and_is_asked_for_again(siege: Siege) -> None:
    seen = names(siege.gateway, siege.key)
    assert "steady_ok" in seen
    assert "late_ok" not in seen
    assert "could not be fetched: HTTP 503" in (siege.fault("late") or "")
    assert siege.logged("late", "tools not listed")
    siege.service.publishes("late", GOOD)
    wait_for(lambda: "late_ok" in names(siege.gateway, siege.key), "the late tools", 10)
    assert structured(siege.call("late_ok")) == {"path": "/ok"}
    assert siege.fault("late") is None


def test_hostile_documents_say_why_and_cost_nobody_else_anything(siege: Siege) -> None:
    siege.call()
    before, here = resident_mb(siege.gateway), f"127.0.0.1:{siege.service.port}".encode()
    with under_load(siege.call, workers=2) as answers:
        for name, (said, _) in ANSWERS.items():
            siege.service.documents[f"/docs/{name}"] = said
        for name, (data, why) in UNUSABLE.items():
            siege.service.publishes(name, data)
            fault = wait_for(lambda name=name: siege.fault(name), f"the fault of {name}")
            assert f"The document of upstream {name} cannot be used: " in fault
            assert why in fault
        for name, (data, why) in PARTLY.items():
            siege.service.publishes(name, data.replace(b"{own}", here))
            wait_for(lambda name=name, why=why: siege.logged(name, why), f"the log of {name}")
        for name, (_, why) in ANSWERS.items():
            assert why in wait_for(lambda name=name: siege.fault(name), f"the fault of {name}")
    assert len(answers) > 20, "calls waited for documents"
    assert all(structured(answer) == {"path": "/ok"} for answer in answers)
    wait_for(lambda: resident_mb(siege.gateway) < before + MOST_MB, "memory to be given back")
    kept = {f"{name}_ok" for name in ("steady", *ANSWERS, *UNUSABLE, *PARTLY)}
    assert kept <= names(siege.gateway, siege.key)
    assert {got.target for got in siege.service.got} == {"/ok"}  # nobody asked for what a document refers to
    assert "Traceback" not in siege.gateway.log.read_text()


@pytest.mark.deep
def test_a_huge_document_that_never_stays_the_same_does_not_grow_the_gateway(siege: Siege) -> None:
    before, used = resident_mb(siege.gateway), []
    headers = {"Authorization": f"Bearer {siege.key}"}
    with under_load(siege.call, workers=1) as answers:
        for version in range(8):
            named = {
                "name": "q",
                "in": "query",
                "schema": {"type": "string"},
                "description": "abcdefgh"[version] * 8_000,
            }
            item = {"parameters": [{"$ref": "#/components/parameters/Q"}]}
            paths = {f"/v{version}/{n}": {"get": operation(f"o{n}") | item} for n in range(2_000)}
            siege.service.publishes(
                "steady", document(GOOD["paths"] | paths) | {"components": {"parameters": {"Q": named}}}
            )
            newest = f"{siege.gateway.url}/http/steady/v{version}/1998"
            wait_for(lambda newest=newest: HTTP.get(newest, headers=headers).status_code == 200, "the new operations")
            used.append(resident_mb(siege.gateway) - before)
    assert all(structured(answer) == {"path": "/ok"} for answer in answers)
    assert max(used) < 250, used
