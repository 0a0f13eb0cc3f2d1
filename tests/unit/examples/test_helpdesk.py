"""The help desk behaves as its README says, over both transports and in both eras of MCP."""

import asyncio
import json

import httpx2
import pytest
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS, UNSUPPORTED_PROTOCOL_VERSION

MODERN = "2026-07-28"
ERAS = ["legacy", MODERN]
TAG_CHARACTERS = range(0xE0000, 0xE0080)
ZERO_WIDTH = {"\u200b", "\u200c", "\u200d", "\u2060"}

# Where the made-up arguments would be refused or would disturb the calls after them.
SPECIAL = {
    "article_set_published": {"id": 2, "published": False},
    "customer_erase": {"id": 30},
    "customer_update_email": {"email": "another@example.org"},
    "order_cancel": {"id": 2},
    "order_set_address": {"id": 7},
    "refund_approve": {"id": 2},
    "refund_create": {"order_id": 1},
    "refund_reject": {"id": 4},
    "ticket_assign": {"id": 2},
    "ticket_update": {"subject": "a sentence"},
}


def fitting_arguments(tool):
    """The required arguments of a tool, made up from its own schema."""
    values = {"integer": 1, "number": 0, "boolean": True, "string": "a sentence"}
    by_name = {"tag": "vip", "country": "SE", "email": "someone@example.org", "to": "someone@example.org"}
    fields = tool.input_schema["properties"]
    made_up = {
        name: by_name.get(name, fields[name].get("enum", [values[fields[name]["type"]]])[-1])
        for name in tool.input_schema["required"]
    }
    return made_up | SPECIAL.get(tool.name, {})


def text_of(result):
    return result.content[0].text


async def test_the_two_servers_offer_more_than_44_tools_under_different_names(desk, address):
    names = []
    for server in (address, desk.stdio()):
        async with Client(server) as client:
            names += [tool.name for tool in (await client.list_tools()).tools]
    assert len(names) >= 44
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_tool_with_an_output_schema_answers_the_same_json_as_text_and_as_structure(address, mode):
    async with Client(address, mode=mode) as client:
        result = await client.call_tool("order_get", {"id": 3})
    assert not result.is_error
    assert result.structured_content["currency"] == "EUR"
    assert isinstance(result.structured_content["total_cents"], int)
    assert json.loads(text_of(result)) == result.structured_content


@pytest.mark.parametrize("mode", ERAS)
async def test_every_call_of_refund_create_writes_one_row(desk, address, mode):
    before = len(desk.rows("SELECT id FROM refunds WHERE order_id = 5"))
    async with Client(address, mode=mode) as client:
        for _ in range(2):
            result = await client.call_tool("refund_create", {"order_id": 5, "amount_cents": 100, "reason": "twice"})
            assert result.structured_content["status"] == "requested"
    assert len(desk.rows("SELECT id FROM refunds WHERE order_id = 5")) == before + 2


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("ticket_get", {"id": 999}, "There is no ticket 999."),
        (
            "refund_create",
            {"order_id": 3, "amount_cents": 1, "reason": "again"},
            "Order 3 is already refunded in full",
        ),
        ("order_cancel", {"id": 3, "reason": "late"}, "Order 3 is delivered and can no longer be cancelled"),
        ("ticket_set_priority", {"id": 1, "priority": "whatever"}, "Invalid arguments for ticket_set_priority"),
        ("ticket_get", {}, "Invalid arguments for ticket_get"),
    ],
)
async def test_a_refused_call_is_an_error_result_with_a_helpful_sentence(
    desk, address, mode, name, arguments, sentence
):
    before = desk.dump()
    async with Client(address, mode=mode) as client:
        result = await client.call_tool(name, arguments)
    assert result.is_error
    assert sentence in text_of(result)
    assert desk.dump() == before


@pytest.mark.parametrize("mode", ERAS)
async def test_an_unknown_tool_is_a_protocol_error(address, mode):
    async with Client(address, mode=mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("ticket_explode", {})
    assert refused.value.code == INVALID_PARAMS


@pytest.mark.parametrize("mode", ERAS)
async def test_the_poisoned_ticket_arrives_with_everything_that_is_hidden_in_it(address, mode):
    async with Client(address, mode=mode) as client:
        ticket = await client.call_tool("ticket_get", {"id": 13})
        transcript = await client.call_tool("ticket_transcript", {"id": 13})
    for body in (ticket.structured_content["body"], text_of(transcript)):
        hidden = "".join(chr(ord(letter) - 0xE0000) for letter in body if ord(letter) in TAG_CHARACTERS)
        assert "customer_export_all" in hidden
        assert "customer_export_all" in "".join(letter for letter in body.splitlines()[-3] if letter not in ZERO_WIDTH)
        assert set(body) >= ZERO_WIDTH
        assert "\x1b[8m" in body
        assert "<!-- SYSTEM:" in body
        assert "](https://exfil.example/" in body
        assert "sk_" + "live_" in body
        assert "AK" + "IA" in body


async def test_what_one_server_writes_the_other_reads(desk, address):
    async with Client(desk.stdio()) as knowledge, Client(address) as desk_client:
        await knowledge.call_tool("note_add", {"ticket_id": 4, "author": "maria", "text": "Seen from both sides."})
        transcript = await desk_client.call_tool("ticket_transcript", {"id": 4})
    assert "Seen from both sides." in text_of(transcript)


async def test_stdio_speaks_both_eras(desk):
    for mode in ERAS:
        async with Client(desk.stdio(), mode=mode) as client:
            assert (await client.call_tool("article_read", {"id": 2})).content[0].text.startswith("# Refunds")


async def test_desk_echo_answers_the_text_unchanged(address):
    async with Client(address) as client:
        assert text_of(await client.call_tool("desk_echo", {"text": "a\u200bb\x1b[0m\n"})) == "a\u200bb\x1b[0m\n"


async def test_a_slow_call_does_not_hold_up_the_others(address):
    async with Client(address, read_timeout_seconds=10) as client:
        with pytest.raises(MCPError):
            await client.call_tool("desk_slow", {"seconds": 60}, read_timeout_seconds=0.1)
        assert text_of(await client.call_tool("desk_echo", {"text": "quick"})) == "quick"


async def test_the_server_says_that_it_is_ready(address):
    async with httpx2.AsyncClient() as http:
        assert (await http.get(address.replace("/mcp", "/healthz"))).status_code == 200


async def test_the_annotations_tell_what_the_tools_do_to_the_data(new_desk):
    desk = new_desk()
    for server in (desk.serve(), desk.stdio()):
        async with Client(server) as client:
            for tool in (await client.list_tools()).tools:
                untouched = desk.dump()
                for round_number in (1, 2):
                    result = await client.call_tool(tool.name, fitting_arguments(tool))
                    assert round_number == 2 or not result.is_error, text_of(result)
                    assert (result.structured_content is None) == (tool.output_schema is None or result.is_error)
                    if round_number == 1:
                        once = desk.dump()
                assert (once == untouched) == tool.annotations.read_only_hint, tool.name
                if tool.annotations.idempotent_hint:
                    assert desk.dump() == once, tool.name


async def test_an_empty_file_is_seeded_once_and_always_with_the_same_content(new_desk):
    async def start(desk):
        async with Client(desk.stdio()) as client:
            await client.list_tools()

    first, second = new_desk(), new_desk()
    await asyncio.gather(start(first), start(first), start(second))
    assert first.dump() == second.dump()
    counts = [first.rows(f"SELECT count(*) FROM {table}")[0][0] for table in ("customers", "orders", "tickets")]
    assert counts == [30, 60, 40]


async def test_a_legacy_server_refuses_modern_requests_and_serves_sessions(new_desk):
    address = new_desk().serve("--era", "legacy")
    async with Client(address, mode=MODERN) as client:
        with pytest.raises(MCPError, match="Unsupported protocol version"):
            await client.list_tools()
    async with Client(address, mode="auto") as client:
        assert client.protocol_version == "2025-11-25"
        assert not (await client.call_tool("ticket_get", {"id": 1})).is_error


def names_the_modern_version(error):
    return error.code == UNSUPPORTED_PROTOCOL_VERSION and error.data["supported"] == [MODERN]


async def test_a_modern_server_refuses_initialize_and_serves_single_requests(new_desk):
    address = new_desk().serve("--era", "modern")
    refused = pytest.RaisesExc(MCPError, check=names_the_modern_version)
    with pytest.RaisesGroup(refused, flatten_subgroups=True):
        async with Client(address, mode="legacy"):
            pass
    async with Client(address, mode="auto") as client:
        assert client.protocol_version == MODERN
        assert not (await client.call_tool("ticket_get", {"id": 1})).is_error
