"""The note tools."""

from examples.helpdesk.schemas import LIMIT, NOTE, PAGE, flag, number, page_of, text
from examples.helpdesk.store import notes
from examples.helpdesk.tool import Effect, Tool

_ID = number("Number of the note")
_TICKET_ID = number("Number of the ticket")

TABLE = (
    Tool(
        name="note_add",
        description="Write an internal note on a ticket. Every call writes another one.",
        effect=Effect.MUTATING,
        function=notes.add,
        arguments={"ticket_id": _TICKET_ID, "author": text("Who writes", 60), "text": text("The note", 5000)},
        answer=NOTE,
    ),
    Tool(
        name="note_get",
        description="Read one internal note.",
        effect=Effect.READ,
        function=notes.get,
        arguments={"id": _ID},
        answer=NOTE,
    ),
    Tool(
        name="note_list",
        description="List the internal notes of a ticket, pinned ones first.",
        effect=Effect.READ,
        function=notes.list_page,
        arguments={"ticket_id": _TICKET_ID, **PAGE},
        answer=page_of("notes", NOTE),
    ),
    Tool(
        name="note_search",
        description="Find internal notes by a part of their text or by author.",
        effect=Effect.READ,
        function=notes.find,
        arguments={"text": text("What to look for"), "limit": LIMIT},
        answer=page_of("notes", NOTE),
    ),
    Tool(
        name="note_authors",
        description="Say who wrote how many notes.",
        effect=Effect.READ,
        function=notes.authors,
        arguments={},
    ),
    Tool(
        name="note_update",
        description="Replace the text of a note. The former text is lost.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=notes.update,
        arguments={"id": _ID, "text": text("The new text", 5000)},
        answer=NOTE,
    ),
    Tool(
        name="note_set_pinned",
        description="Pin a note to the top of its ticket, or unpin it.",
        effect=Effect.IDEMPOTENT,
        function=notes.set_pinned,
        arguments={"id": _ID, "pinned": flag("Whether the note is pinned")},
        answer=NOTE,
    ),
    Tool(
        name="note_delete",
        description="Delete a note for good. Nothing happens if there is no such note.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=notes.delete,
        arguments={"id": _ID},
    ),
)
