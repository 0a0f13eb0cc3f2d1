"""The order tools."""

from examples.helpdesk.schemas import ORDER, ORDER_STATUS, PAGE, number, page_of, text
from examples.helpdesk.store import orders
from examples.helpdesk.tool import Effect, Tool

_ID = number("Number of the order")

TABLE = (
    Tool(
        name="order_get",
        description="Read one order: item, amount in cents, status and shipping address.",
        effect=Effect.READ,
        function=orders.get,
        arguments={"id": _ID},
        answer=ORDER,
    ),
    Tool(
        name="order_list",
        description="List orders by number, optionally only those of one customer or status.",
        effect=Effect.READ,
        function=orders.list_page,
        arguments={"customer_id": number("Number of the customer"), "status": ORDER_STATUS, **PAGE},
        answer=page_of("orders", ORDER),
    ),
    Tool(
        name="order_track",
        description="Say in one sentence where an order is.",
        effect=Effect.READ,
        function=orders.track,
        arguments={"id": _ID},
    ),
    Tool(
        name="order_cancel",
        description="Cancel an order for good. Possible until it is shipped; a cancelled order cannot be revived.",
        effect=Effect.MUTATING,
        destructive=True,
        function=orders.cancel,
        arguments={"id": _ID, "reason": text("Why it is cancelled")},
        answer=ORDER,
    ),
    Tool(
        name="order_set_address",
        description="Replace the shipping address of an order that is not shipped yet. The former address is lost.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=orders.set_address,
        arguments={"id": _ID, "shipping_address": text("Street, number and town", 300)},
        answer=ORDER,
    ),
)
