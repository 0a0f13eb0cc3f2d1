"""Tool globs: a star stays in its segment."""

import pytest

from gateway.policy.globs import agent_match, tenant_match, tool_match, unsafe


@pytest.mark.parametrize(
    ("tool", "glob", "matches"),
    [
        ("pay/x/DELETE", "pay/*/refund", False),
        ("pay/x/refund", "pay/*/refund", True),
        ("pay/refund", "pay/*/refund", False),
        ("helpdesk/ticket_get", "helpdesk/*", True),
        ("helpdesk/ticket_get", "helpdesk/*_get", True),
        ("helpdesk/a/b", "helpdesk/*", False),
        ("helpdesk/a/b", "*/*", False),
        ("helpdesk/a\nb", "helpdesk/a*", True),
        ("helpdesk/ticket_get\n", "helpdesk/ticket_get", False),
        ("helpdesk/ticketXget", "helpdesk/ticket.get", False),
        ("crm/delete_all", "*/delete_*", True),
        ("Helpdesk/x", "helpdesk/x", False),
        ("wiki/file:///docs/a/b", "wiki/file:///docs/**", True),
        ("wiki/file:///docs", "wiki/file:///docs/**", False),
        ("wiki/file:///etc/passwd", "wiki/file:///docs/**", False),
    ],
)
def test_a_star_stays_in_its_segment(tool, glob, matches):
    assert tool_match(tool, glob) is matches


@pytest.mark.parametrize(
    "glob",
    [
        "",
        "*",
        "tool",
        "**/x",
        "**",
        "h/**/x",
        "h/a**",
        "h/file:///a**",
        "h/file:///a?",
        "h/file:///[ab]",
        "h/file:///{a,b}",
        "h/file:///a b",
        "h/a/file:///b",
        "h/",
        "/x",
        "h//x",
        "h/x/",
        "h/a?",
        "h/[ab]",
        "h/{a,b}",
        "h/.*",
        "h/^a",
        "h/a b",
        "H/x",
        "h_x/y",
        "h/a*b*c*",
    ],
)
def test_an_unsafe_glob_is_told_with_a_remedy(glob):
    what, remedy = unsafe(glob)
    assert what
    assert remedy


@pytest.mark.parametrize(
    "glob",
    [
        "h/x",
        "h/*",
        "*/*",
        "h-1/a.b-c_d",
        "h/*_a*",
        "h/a/*/b",
        "*-x/y",
        "h/größe",
        "h/**",
        "h/file:///docs/**",
        "h/wiki://{id}/*.md",
    ],
)
def test_a_safe_glob_passes(glob):
    assert unsafe(glob) is None


def test_agents_and_tenants_are_exact_or_a_star():
    assert agent_match("bot", "bot")
    assert agent_match("bot", "*")
    assert not agent_match("bot", "bo*")
    assert tenant_match("t", "*")
    assert not tenant_match("*", "t")
