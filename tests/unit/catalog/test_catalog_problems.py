"""Load errors of the curation sections, knowable before any upstream was asked."""

import pytest

from gateway.catalog.problems import problems
from gateway.config.schema import Agent


def found(make, tools=("helpdesk/*",), override=None, **upstreams):
    agent = Agent.model_validate({"tools": tools, "override": override or {}})
    return problems({"helpdesk": make.upstream(), **upstreams}, {"bot": agent})


def test_a_sound_curation_has_no_problem(make):
    override = {
        "helpdesk/refund": {"name": "give_back", "args": {"currency": {"fixed": None}, "debug": {"hidden": True}}}
    }
    assert found(make, ("helpdesk/*", "*/get_*"), override, crm=make.upstream(prefix="c")) == []


@pytest.mark.parametrize(
    ("tools", "override", "where"),
    [
        (["helpdsk/*"], {}, "agents.bot.tools"),
        (["helpdesk/*"], {"crm/a": {}}, "agents.bot.override.crm/a"),
        (["helpdesk/get_*"], {"helpdesk/refund": {}}, "agents.bot.override.helpdesk/refund"),
        (
            ["helpdesk/*"],
            {"helpdesk/a": {"args": {"x_occurrence": {"hidden": True}}}},
            "agents.bot.override.helpdesk/a.args",
        ),
        (["helpdesk/*"], {"helpdesk/a": {"args": {"b": {}}}}, "agents.bot.override.helpdesk/a.args.b"),
        (["helpdesk/*"], {"helpdesk/a": {"name": "n"}, "helpdesk/b": {"name": "n"}}, "agents.bot: helpdesk/a and"),
        (["helpdesk/*", "helpdesk/b"], {"helpdesk/a": {"name": "helpdesk_b"}}, "agents.bot: helpdesk/a and helpdesk/b"),
        (["helpdesk/a.b", "helpdesk/a_b"], {}, "agents.bot: helpdesk/a.b and helpdesk/a_b"),
    ],
)
def test_each_fault_of_an_agent_is_named_with_its_place(make, tools, override, where):
    (problem,) = found(make, tools, override)
    assert problem.startswith(where)


@pytest.mark.parametrize("field", ["prompts", "resources"])
def test_a_pattern_beside_tools_that_names_no_upstream_is_a_fault(make, field):
    agent = Agent.model_validate({"tools": ["helpdesk/*"], field: ["helpdesk/*", "helpdsk/*"]})
    (problem,) = problems({"helpdesk": make.upstream()}, {"bot": agent})
    assert problem.startswith(f"agents.bot.{field}: helpdsk/* names no upstream")


def test_two_upstreams_cannot_share_a_prefix(make):
    (problem,) = found(make, crm=make.upstream(prefix="helpdesk"))
    assert problem.startswith("upstreams.crm: shares the prefix 'helpdesk' with helpdesk")


def test_the_gateways_own_name_is_not_for_upstreams(make):
    assert found(make, sallyport=make.upstream())[0].startswith("upstreams.sallyport")
    assert found(make, crm=make.upstream(prefix="sallyport"))[0].startswith("upstreams.crm")


def test_a_probe_of_an_upstream_that_does_not_exist_is_named_with_its_place(make):
    probe = {"tool": "bnk/find", "found": "true"}
    upstream = make.upstream(tools={"pay": {"effect": "mutating", "probe": probe}})
    assert found(make, bank=upstream) == [
        "upstreams.bank.tools.pay.probe.tool: bnk/find names no upstream of this configuration: correct it"
    ]
