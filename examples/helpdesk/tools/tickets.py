"""The ticket tools."""

from examples.helpdesk import schemas
from examples.helpdesk.schemas import LIMIT, PAGE, PRIORITY, TICKET, TICKET_STATUS, number, page_of, text
from examples.helpdesk.store import tickets
from examples.helpdesk.tool import Effect, Tool

_ID = number("Number of the ticket")
_TAG = {"type": "string", "pattern": "^[a-z0-9-]{1,30}$", "description": "A tag in lower case, like billing"}

TABLE = (
    Tool(
        name="ticket_get",
        description="Read one ticket with its tags. The body is what the customer wrote, unchanged.",
        effect=Effect.READ,
        function=tickets.get,
        arguments={"id": _ID},
        answer=TICKET,
    ),
    Tool(
        name="ticket_search",
        description="Find tickets that contain a text in subject or body, without regard to case.",
        effect=Effect.READ,
        function=tickets.find,
        arguments={"text": text("What to look for"), "limit": LIMIT},
        answer=page_of("tickets", TICKET),
    ),
    Tool(
        name="ticket_list",
        description="List tickets by number, optionally only those of one status, priority or assignee.",
        effect=Effect.READ,
        function=tickets.list_page,
        arguments={"status": TICKET_STATUS, "priority": PRIORITY, "assignee": text("Name of a colleague"), **PAGE},
        answer=page_of("tickets", TICKET),
    ),
    Tool(
        name="ticket_transcript",
        description="Read a ticket as plain text: what the customer wrote, our replies and the internal notes.",
        effect=Effect.READ,
        function=tickets.transcript,
        arguments={"id": _ID},
    ),
    Tool(
        name="ticket_create",
        description="Open a new ticket for a customer. Every call opens another one.",
        effect=Effect.MUTATING,
        function=tickets.create,
        arguments={
            "customer_id": number("Number of the customer"),
            "subject": text("One line"),
            "body": text("The whole message", 20_000),
            "priority": {**PRIORITY, "default": "normal"},
            "order_id": number("Number of the order it is about"),
        },
        answer=TICKET,
    ),
    Tool(
        name="ticket_update",
        description="Replace the subject or the body of a ticket. The former text is lost.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=tickets.update,
        arguments={"id": _ID, "subject": text("The new subject"), "body": text("The new body", 20_000)},
        answer=TICKET,
    ),
    Tool(
        name="ticket_close",
        description="Close a ticket and record how it was resolved. A closed ticket keeps its resolution until it is reopened.",
        effect=Effect.IDEMPOTENT,
        function=tickets.close,
        arguments={"id": _ID, "resolution": text("How it was resolved", 2000)},
        answer=TICKET,
    ),
    Tool(
        name="ticket_reopen",
        description="Open a closed ticket again. The last resolution stays readable until it is closed anew.",
        effect=Effect.IDEMPOTENT,
        function=tickets.reopen,
        arguments={"id": _ID},
        answer=TICKET,
    ),
    Tool(
        name="ticket_assign",
        description="Give a ticket to a colleague. Closed tickets must be reopened first.",
        effect=Effect.IDEMPOTENT,
        function=tickets.assign,
        arguments={"id": _ID, "assignee": text("Name of the colleague", 60)},
        answer=TICKET,
    ),
    Tool(
        name="ticket_set_priority",
        description="Set how urgent a ticket is.",
        effect=Effect.IDEMPOTENT,
        function=tickets.set_priority,
        arguments={"id": _ID, "priority": PRIORITY},
        answer=TICKET,
    ),
    Tool(
        name="ticket_add_tag",
        description="Put a tag on a ticket. A tag it already has is not added twice.",
        effect=Effect.IDEMPOTENT,
        function=tickets.add_tag,
        arguments={"id": _ID, "tag": _TAG},
        answer=TICKET,
    ),
    Tool(
        name="ticket_remove_tag",
        description="Take a tag off a ticket. Nothing happens if the ticket does not have it.",
        effect=Effect.IDEMPOTENT,
        function=tickets.remove_tag,
        arguments={"id": _ID, "tag": _TAG},
        answer=TICKET,
    ),
    Tool(
        name="ticket_reply",
        description="Mail a reply to the customer of a ticket. Every call sends another mail.",
        effect=Effect.MUTATING,
        open_world=True,
        function=tickets.reply,
        arguments={"id": _ID, "body": text("The reply", 20_000)},
        answer=schemas.MAIL,
    ),
)
