"""The refund tools."""

from examples.helpdesk.schemas import CENTS, PAGE, REFUND, REFUND_STATUS, number, page_of, text
from examples.helpdesk.store import refunds
from examples.helpdesk.tool import Effect, Tool

_ID = number("Number of the refund")

TABLE = (
    Tool(
        name="refund_create",
        description="Request a refund for an order, in part or in full. Every call requests another one.",
        effect=Effect.MUTATING,
        function=refunds.create,
        arguments={
            "order_id": number("Number of the order"),
            "amount_cents": {**CENTS, "maximum": 1_000_000},
            "reason": text("Why the money goes back"),
        },
        answer=REFUND,
    ),
    Tool(
        name="refund_get",
        description="Read one refund.",
        effect=Effect.READ,
        function=refunds.get,
        arguments={"id": _ID},
        answer=REFUND,
    ),
    Tool(
        name="refund_list",
        description="List refunds by number, optionally only those of one order or status.",
        effect=Effect.READ,
        function=refunds.list_page,
        arguments={"order_id": number("Number of the order"), "status": REFUND_STATUS, **PAGE},
        answer=page_of("refunds", REFUND),
    ),
    Tool(
        name="refund_approve",
        description="Approve a requested refund, which pays it out. An approved refund cannot be rejected any more.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=refunds.approve,
        arguments={"id": _ID},
        answer=REFUND,
    ),
    Tool(
        name="refund_reject",
        description="Reject a requested refund. A rejected refund cannot be approved any more.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=refunds.reject,
        arguments={"id": _ID},
        answer=REFUND,
    ),
)
