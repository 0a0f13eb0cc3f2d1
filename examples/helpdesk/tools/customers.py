"""The customer tools."""

from examples.helpdesk.schemas import CUSTOMER, EMAIL, LIMIT, PAGE, TICKET, TIER, number, page_of, text
from examples.helpdesk.store import customers, tickets
from examples.helpdesk.tool import Effect, Tool

_ID = number("Number of the customer")

TABLE = (
    Tool(
        name="customer_get",
        description="Read one customer: name, e-mail address, phone number, tier and country.",
        effect=Effect.READ,
        function=customers.get,
        arguments={"id": _ID},
        answer=CUSTOMER,
    ),
    Tool(
        name="customer_search",
        description="Find customers by a part of their name, e-mail address or country.",
        effect=Effect.READ,
        function=customers.find,
        arguments={"text": text("What to look for"), "limit": LIMIT},
        answer=page_of("customers", CUSTOMER),
    ),
    Tool(
        name="customer_tickets",
        description="List the tickets of one customer.",
        effect=Effect.READ,
        function=tickets.list_of_customer,
        arguments={"id": _ID, **PAGE},
        answer=page_of("tickets", TICKET),
    ),
    Tool(
        name="customer_create",
        description="Register a new customer on the standard tier. Every e-mail address belongs to one customer.",
        effect=Effect.MUTATING,
        function=customers.create,
        arguments={
            "name": text("Full name"),
            "email": EMAIL,
            "country": {"type": "string", "pattern": "^[A-Z]{2}$", "description": "Two-letter country code"},
            "phone": text("Phone number", 30),
        },
        answer=CUSTOMER,
    ),
    Tool(
        name="customer_update_email",
        description="Replace the e-mail address of a customer. The former address is lost.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=customers.update_email,
        arguments={"id": _ID, "email": EMAIL},
        answer=CUSTOMER,
    ),
    Tool(
        name="customer_set_tier",
        description="Set the service level of a customer.",
        effect=Effect.IDEMPOTENT,
        function=customers.set_tier,
        arguments={"id": _ID, "tier": TIER},
        answer=CUSTOMER,
    ),
    Tool(
        name="customer_export_all",
        description="Export the personal data of every customer as CSV. For data protection audits only.",
        effect=Effect.READ,
        function=customers.export_all,
        arguments={},
    ),
    Tool(
        name="customer_erase",
        description="Erase the personal data of a customer for good. Orders and tickets stay without a name.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=customers.erase,
        arguments={"id": _ID},
        answer=CUSTOMER,
    ),
)
