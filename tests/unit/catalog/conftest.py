"""Small tools and a room around them."""

import pytest

from gateway.catalog.room import Curation
from gateway.config.schema import Agent
from gateway.config.upstreams import McpHttp


def a_tool(name="refund", schema=None, **more):
    rules = {"amount": {"type": "integer", "minimum": 1}, "currency": {"type": "string"}}
    plain = {"type": "object", "properties": rules, "required": ["amount", "currency"]}
    return {"name": name, "description": "Refunds.", "inputSchema": plain if schema is None else schema, **more}


def upstream(**more):
    return McpHttp.model_validate({"kind": "mcp-http", "url": "http://127.0.0.1:7001/mcp", **more})


def a_room(*tools, override=None, publish=dict, agent_tools=("helpdesk/*",), repeats=True, **config):
    agent = Agent.model_validate({"tools": agent_tools, "override": override or {}})
    curation = Curation(
        {"helpdesk": upstream(**config)}, {"bot": agent}, lambda entry, _: publish(entry), repeats=repeats
    )
    curation.learn("helpdesk", tools)
    return curation


def full_view(curation, agent="bot"):
    return curation.view(agent, curation.ids(agent))


@pytest.fixture(scope="session")
def make():
    """Builders: tool, room, view, upstream."""

    class Make:
        tool = staticmethod(a_tool)
        room = staticmethod(a_room)
        view = staticmethod(full_view)
        upstream = staticmethod(upstream)

    return Make
