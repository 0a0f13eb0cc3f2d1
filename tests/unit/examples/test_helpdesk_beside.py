"""The prompt of the customer desk and the resources of the knowledge base, as the README of the example says."""

import pytest
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS

ERAS = ["legacy", "2026-07-28"]


@pytest.mark.parametrize("mode", ERAS)
async def test_the_prompt_hands_over_the_whole_ticket(address, mode):
    async with Client(address, mode=mode) as client:
        (listed,) = (await client.list_prompts()).prompts
        got = await client.get_prompt("draft_reply", {"ticket": "2", "tone": "formal"})
        transcript = await client.call_tool("ticket_transcript", {"id": 2})
    assert (listed.name, [one.name for one in listed.arguments]) == ("draft_reply", ["ticket", "tone"])
    assert got.messages[0].content.text.startswith("Write a formal reply")
    assert got.messages[0].content.text.endswith(transcript.content[0].text)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("draft_reply", {}, "ticket is missing, or not a number"),
        ("draft_reply", {"ticket": "two"}, "ticket is missing, or not a number"),
        ("draft_reply", {"ticket": "4711"}, "There is no ticket 4711."),
        ("other", {}, "Unknown prompt: other"),
    ],
)
async def test_a_prompt_that_cannot_be_made_is_refused_in_a_sentence(address, name, arguments, told):
    async with Client(address) as client:
        with pytest.raises(MCPError, match=told) as refused:
            await client.get_prompt(name, arguments)
    assert refused.value.code == INVALID_PARAMS


async def test_the_published_articles_are_resources_and_drafts_are_not(desk):
    async with Client(desk.stdio()) as client:
        listed = {one.uri: one.name for one in (await client.list_resources()).resources}
        (template,) = (await client.list_resource_templates()).resource_templates
        contents = (await client.read_resource("kb://articles/2")).contents[0]
        for uri in (
            "kb://articles/8",
            "kb://articles/4711",
            "kb://articles/02",
            "kb://articles/2/",
            "file:///etc/passwd",
        ):
            with pytest.raises(MCPError, match="Resource not found"):
                await client.read_resource(uri)
    assert list(listed) == [f"kb://articles/{number}" for number in range(1, 8)]
    assert template.uri_template == "kb://articles/{id}"
    assert (contents.mime_type, contents.text.splitlines()[0]) == ("text/markdown", f"# {listed['kb://articles/2']}")
