"""What `server-everything` has beside its tools, through the gateway: prompts, resources, templates, completion."""

from collections.abc import Iterator
from typing import Any

import pytest
from e2e_clients import sdk
from e2e_kit import wait_for
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import PromptReference, ResourceTemplateReference
from reference_servers import NODE, Yard, arguments, installed, yard

ROWS = """\
p, prompts, user:tester, default, *, everything/*, prompt, -, allow
p, reads, user:tester, default, *, everything/**, read, -, allow
"""


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    if not installed():
        pytest.fail("the reference servers are not installed: run `make test`, which installs them first")
    sees: dict[str, Any] = {"prompts": ["everything/*"], "resources": ["everything/**"]}
    with yard(tmp_path_factory.mktemp("beside"), ROWS, **sees) as found:
        wait_for(lambda: listed(found, "prompts"), "the list of prompts")
        yield found


def listed(beside: Yard, what: str) -> list[dict[str, Any]]:
    return beside.gateway.rpc(beside.token, f"{what}/list").json()["result"][what]


async def contents(client: Client, prefix: str) -> dict[str, Any]:
    """Its lists, with the prefix of prompts taken off."""
    prompts = (await client.list_prompts()).prompts
    templates = (await client.list_resource_templates()).resource_templates
    return {
        "prompts": {prompt.name.removeprefix(prefix): prompt.arguments for prompt in prompts},
        "resources": {resource.uri: resource.mime_type for resource in (await client.list_resources()).resources},
        "templates": {template.uri_template for template in templates},
    }


@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
async def test_it_is_listed_as_the_server_lists_it_itself(beside: Yard, era: str) -> None:
    command = StdioServerParameters(command=NODE, args=arguments("everything", beside.folder))
    async with Client(stdio_client(command)) as alone, sdk(beside.gateway, beside.token, era) as session:
        assert await contents(session, "everything_") == await contents(alone, "")


@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
async def test_it_is_used_and_every_use_is_recorded(beside: Yard, era: str) -> None:
    earlier = {record["id"] for record in beside.gateway.records()}
    department = PromptReference(type="ref/prompt", name="everything_completable-prompt")
    text = "demo://resource/dynamic/text/{}"
    template = ResourceTemplateReference(type="ref/resource", uri=text.format("{resourceId}"))
    async with sdk(beside.gateway, beside.token, era) as session:
        prompt = await session.get_prompt("everything_args-prompt", {"city": "Bern"})
        made = await session.read_resource(text.format(7))
        kept = await session.read_resource("demo://resource/static/document/startup.md")
        offered = await session.complete(department, {"name": "department", "value": "E"})
        number = await session.complete(template, {"name": "resourceId", "value": "12"})

    assert prompt.messages[0].content.text == "What's weather in Bern?"  # type: ignore[union-attr]
    assert made.contents[0].text.startswith("Resource 7: ")  # type: ignore[union-attr]
    assert "# Everything Server" in kept.contents[0].text  # type: ignore[union-attr]
    assert offered.completion.values == ["Engineering"]
    assert number.completion.values == ["12"]
    used = [record for record in beside.gateway.records() if record["id"] not in earlier and record["kind"] == "call"]
    assert sorted(record["method"] for record in used) == [
        "completion/complete",
        "completion/complete",
        "prompts/get",
        "resources/read",
        "resources/read",
    ]
    assert {record["outcome"] for record in used} == {"answered"}
    assert {record["upstream"] for record in used} == {"everything"}
