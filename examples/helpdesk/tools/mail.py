"""The mail tools."""

from examples.helpdesk.schemas import EMAIL, MAIL, PAGE, number, page_of, text
from examples.helpdesk.store import outbox
from examples.helpdesk.tool import Effect, Tool

TABLE = (
    Tool(
        name="mail_send",
        description="Send a mail to any address, also outside the company. Every call sends another mail.",
        effect=Effect.MUTATING,
        open_world=True,
        function=outbox.send,
        arguments={
            "to": EMAIL,
            "subject": text("One line"),
            "body": text("The whole message", 100_000),
            "ticket_id": number("Number of the ticket it belongs to"),
        },
        answer=MAIL,
    ),
    Tool(
        name="mail_list",
        description="List the mails sent, optionally only those to one address.",
        effect=Effect.READ,
        function=outbox.list_page,
        arguments={"recipient": EMAIL, **PAGE},
        answer=page_of("outbox", MAIL),
    ),
)
