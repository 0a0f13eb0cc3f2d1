"""The knowledge base tools."""

from examples.helpdesk.schemas import ARTICLE, LIMIT, PAGE, TOPIC, flag, number, page_of, text
from examples.helpdesk.store import articles
from examples.helpdesk.tool import Effect, Tool

_ID = number("Number of the article")
_BODY = text("The whole article", 50_000)

TABLE = (
    Tool(
        name="article_get",
        description="Read one article of the knowledge base with its topic and whether it is published.",
        effect=Effect.READ,
        function=articles.get,
        arguments={"id": _ID},
        answer=ARTICLE,
    ),
    Tool(
        name="article_read",
        description="Read one article of the knowledge base as Markdown text.",
        effect=Effect.READ,
        function=articles.read,
        arguments={"id": _ID},
    ),
    Tool(
        name="article_search",
        description="Find articles that contain a text in title or body, without regard to case.",
        effect=Effect.READ,
        function=articles.find,
        arguments={"text": text("What to look for"), "limit": LIMIT},
        answer=page_of("articles", ARTICLE),
    ),
    Tool(
        name="article_list",
        description="List the articles by number, optionally only those of one topic.",
        effect=Effect.READ,
        function=articles.list_page,
        arguments={"topic": TOPIC, **PAGE},
        answer=page_of("articles", ARTICLE),
    ),
    Tool(
        name="article_create",
        description="Write a new article, not published yet. Every call writes another one.",
        effect=Effect.MUTATING,
        function=articles.create,
        arguments={"title": text("The title"), "topic": TOPIC, "body": _BODY},
        answer=ARTICLE,
    ),
    Tool(
        name="article_update",
        description="Replace the body of an article. The former body is lost.",
        effect=Effect.IDEMPOTENT,
        destructive=True,
        function=articles.update,
        arguments={"id": _ID, "body": _BODY},
        answer=ARTICLE,
    ),
    Tool(
        name="article_set_published",
        description="Publish an article, or withdraw it.",
        effect=Effect.IDEMPOTENT,
        function=articles.set_published,
        arguments={"id": _ID, "published": flag("Whether customers can read it")},
        answer=ARTICLE,
    ),
    Tool(
        name="article_link_ticket",
        description="Record that a published article helped with a ticket. A link is not recorded twice.",
        effect=Effect.IDEMPOTENT,
        function=articles.link_ticket,
        arguments={"id": _ID, "ticket_id": number("Number of the ticket")},
    ),
)
