"""A whole house in a folder: real rooms, nothing listening, no upstream reached; its tools are taught by hand."""

from pathlib import Path
from typing import Any

from gateway.app import House
from gateway.config.schema import Config
from gateway.desks import AuditDesk, HouseDesk, KeyDesk

NOON = 1_767_268_800.0
MODEL = (Path(__file__).parents[3] / "policies/model.conf").read_text()
ROWS = """\
g, user:alice, role:support, default
p, reads,   role:support, default, *, helpdesk/*_get,    call, -, allow
p, refunds, role:support, default, *, helpdesk/refund,   call, small, allow
p, export,  role:support, default, *, helpdesk/export,   call, -, allow
p, nobody,  *,            *,       *, helpdesk/export,   call, -, deny
"""
TOOLS = ["export", "mail_send", "refund", "ticket_get", "wipe"]


class Clock:
    def now(self) -> float:
        return NOON

    def monotonic(self) -> float:
        return 100.0


def written(folder: Path, rows: str = ROWS, **sections: Any) -> Config:
    """The policy files in the folder, and the configuration that names them."""
    (folder / "model.conf").write_text(MODEL)
    (folder / "policy.csv").write_text(rows)
    (folder / "conditions.yaml").write_text("small: args.amount <= 100\n")
    told: dict[str, Any] = {
        "version": 1,
        "upstreams": {"helpdesk": {"kind": "mcp-http", "url": "http://127.0.0.1:1/mcp", "tools": {"*_get": {"effect": "read"}}}},
        "agents": {"bot": {"owner": "team", "tools": ["helpdesk/*_get", "helpdesk/refund", "helpdesk/export", "helpdesk/wipe"]}},
        "policy": {"model": "model.conf", "rows": "policy.csv", "conditions": "conditions.yaml"},
        **sections,
    }  # fmt: skip
    return Config.model_validate(told)


def house(folder: Path) -> House:
    made = House(written(folder), folder, Clock(), lambda _: None)
    made.catalog.learn("helpdesk", [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS])
    return made


def desks(house: House) -> tuple[AuditDesk, KeyDesk, HouseDesk]:
    desk = HouseDesk(
        house.config,
        rules=house.rules,
        catalog=house.catalog,
        learners=house.servers.learners,
        upstreams=house.servers.upstreams,
        home=house.home,
        writer=house.writer,
        keyring=house.keyring,
        meter=house.meter,
        pressure=house.pressure,
        last_reload=lambda: None,
    )
    return AuditDesk(house.index, Clock()), KeyDesk(house.keyring, frozenset(house.config.agents)), desk
