"""The gateway of the demo as files: a configuration, a policy, and a key for the agent.

Lives only here: what the demo's gateway permits, written as an operator would write it, so that whoever keeps the demo
running can read and change it. Must not know processes or what the agent does. Called by `demo`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.cli.importer_write import model_conf
from gateway.identity.apikey import hashed, minted

AGENT: Final = "support-bot"
USER: Final = "alice"
UPSTREAM: Final = "helpdesk"

_CONFIG = """\
# The demo's gateway. Edit policies/ while it runs: a good change is in force within a second.
version: 1
listen: {{agent: {agent_address}, operator: {operator_address}}}
state: {{dir: state}}

identity:
  keys:  # the agent proves itself with this key, and acts for alice
    - {{id: demo, agent: {agent}, user: {user}, hash: "{hash}"}}

upstreams:
  {upstream}:  # the help desk, a plain HTTP service; every operation of its document is a tool
    kind: openapi
    url: {desk}
    document: {desk}/openapi.json
    tools:
      create_refund: {{effect: mutating}}  # must not happen twice
      send_mail: {{effect: mutating}}
      reply: {{effect: mutating}}

agents:  # what an agent is shown; what its user may do stands in policies/policy.csv
  {agent}: {{owner: team-support, tools: ["{upstream}/*"]}}

policy: {{model: policies/model.conf, rows: policies/policy.csv, conditions: policies/conditions.yaml}}
"""

_POLICY = """\
# p, id, sub, tenant, agent, tool, act, when, eft        nothing matched is deny
g, user:alice, role:support, default
g, user:bob,   role:lead,    default

p, read-desk,      role:support, default, *, helpdesk/get_*,        call, -,            allow
p, list-desk,      role:support, default, *, helpdesk/list_*,       call, -,            allow
p, refund-small,   role:support, default, *, helpdesk/create_refund, call, small-refund, allow
p, mail-customers, role:support, default, *, helpdesk/send_mail,    call, to-customers, allow
p, lead,           role:lead,    default, *, helpdesk/*,            call, -,            allow

# No agent that reads tickets carries the customer list away, whoever it acts for.
p, no-export, *, *, support-bot, helpdesk/export_customers, call, -, deny
"""

_CONDITIONS = """\
# name: CEL expression over args, user, agent, tool and now
small-refund: args.body.amount_cents <= 10000
to-customers: args.body.to.endsWith('@example.com')
"""


def written(folder: Path, desk: str, agent_address: str, operator_address: str) -> tuple[Path, str]:
    """The path of the configuration and the agent's key, which stands nowhere else."""
    key = minted("demo")
    config = folder / "config.yaml"
    policies = folder / "policies"
    policies.mkdir()
    (policies / "model.conf").write_text(model_conf(), encoding="utf-8")
    (policies / "policy.csv").write_text(_POLICY, encoding="utf-8")
    (policies / "conditions.yaml").write_text(_CONDITIONS, encoding="utf-8")
    text = _CONFIG.format(
        agent_address=agent_address,
        operator_address=operator_address,
        agent=AGENT,
        user=USER,
        hash=hashed(key),
        upstream=UPSTREAM,
        desk=desk,
    )
    config.write_text(text, encoding="utf-8")
    return config, key


def settings(config: Path, operation: str, why: str) -> Iterator[str]:
    """What an operator wrote that an explanation rests on, as it stands in the files."""
    if named := re.search(r"policies/policy\.csv:(\d+)", why):
        row = _lines(config.with_name("policies") / "policy.csv")[int(named[1]) - 1]
        yield f"policy.csv: {row}"
        conditions = _lines(config.with_name("policies") / "conditions.yaml")
        yield from (f"conditions.yaml: {line}" for line in conditions if line.partition(":")[0] in row.split(", "))
    else:
        yield from (f"config.yaml: {line}" for line in _lines(config) if line.startswith(f"{operation}:"))


def _lines(file: Path) -> list[str]:
    return [" ".join(line.split()) for line in file.read_text(encoding="utf-8").splitlines()]
