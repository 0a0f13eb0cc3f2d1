"""The official client in the stateless era: asked in rounds, told in order, listening. Over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import mcp_types as types
from listener_kit import FakeRoad, plane
from listener_modern_kit import FORM, AskingRoad
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from test_listener_sdk import served

from gateway.listener.plane import AgentPlane
from gateway.model.call import Asked, Reply
from gateway.model.news import ListChanged, Updated

PLAIN = [{"name": "helpdesk_echo", "inputSchema": {"type": "object"}}]
KNOWN = {"resources": [{"uri": "test://one", "name": "one"}]}


@asynccontextmanager
async def connected(app: AgentPlane, **how: Any) -> AsyncIterator[Client]:
    async with served(app) as url, asyncio.timeout(20):
        async with (
            httpx2.AsyncClient(headers={"authorization": "Bearer alice"}) as web,
            Client(streamable_http_client(url, http_client=web), **how) as client,
        ):
            yield client


async def elicited(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"asked": params.message})


async def sampled(context: Any, params: Any) -> types.CreateMessageResult:
    return types.CreateMessageResult(role="assistant", content=types.TextContent(text="Paris"), model="none")


async def test_a_parked_call_is_asked_twice_and_finished_by_the_retries_of_the_official_client() -> None:
    sample = {"messages": [{"role": "user", "content": {"type": "text", "text": "Capital?"}}], "maxTokens": 9}
    road = AskingRoad(tools=PLAIN, questions=[[("elicitation/create", FORM)], [("sampling/createMessage", sample)]])
    async with connected(plane(road), elicitation_callback=elicited, sampling_callback=sampled) as client:
        result = await client.call_tool("helpdesk_echo", {"text": "hi"})
    assert not result.is_error
    form, said = road.answers
    assert (form["content"], said["content"]["text"]) == ({"asked": "Which one?"}, "Paris")
    assert len(road.calls) == 1


async def test_rounds_of_a_stateless_upstream_reach_it_with_its_own_state() -> None:
    road = FakeRoad(tools=PLAIN)

    async def walk(asked: Asked) -> Reply:
        if asked.request_state != "theirs":
            wants = {"name": {"method": "elicitation/create", "params": FORM}}
            return Reply({"resultType": "input_required", "inputRequests": wants, "requestState": "theirs"})
        return Reply({"content": [{"type": "text", "text": str(asked.input_responses)}]})

    road.walk = walk
    async with connected(plane(road), elicitation_callback=elicited) as client:
        result = await client.call_tool("helpdesk_echo", {"text": "hi"})
    assert "Which one?" in result.content[0].text


async def test_progress_and_messages_reach_the_official_client_in_order() -> None:
    async def walk(asked: Asked) -> Reply:
        for step in range(3):
            asked.dialogue.tell("notifications/progress", {"progressToken": "x", "progress": step, "total": 2})
            asked.dialogue.tell("notifications/message", {"level": "info", "data": step})
        return Reply({"content": []})

    steps: list[float] = []
    logged: list[Any] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async def log(params: Any) -> None:
        logged.append(params.data)

    async with connected(plane(FakeRoad(tools=PLAIN, walk=walk)), logging_callback=log, log_level="info") as client:
        await client.call_tool("helpdesk_echo", {"text": "hi"}, progress_callback=progressed)
    assert (steps, logged) == ([0, 1, 2], [0, 1, 2])


async def test_the_official_client_listens_and_is_told_until_the_gateway_stops() -> None:
    app = plane(FakeRoad(beside=KNOWN))
    heard: list[str] = []
    async with connected(app) as client:
        async with client.listen(tools_list_changed=True, resource_subscriptions=["test://one"]) as subscription:
            app.hub.hear(ListChanged("tools"))
            app.hub.hear(Updated("helpdesk", "test://one"))
            async for event in subscription:
                heard.append(type(event).__name__)
                if len(heard) == 2:
                    app.close()
    assert heard == ["ToolsListChanged", "ResourceUpdated"], "and the end was an orderly one"
