"""The knowledge base: articles the staff point customers to, and which ticket used which article."""

import sqlite3

from examples.helpdesk.store.rows import Refusal, Row, fetch, fetch_all, now, page
from examples.helpdesk.store.rows import search as search_rows


def _typed(article: Row) -> Row:
    return {**article, "published": bool(article["published"])}


def _typed_page(found: Row) -> Row:
    return {**found, "articles": [_typed(article) for article in found["articles"]]}


def get(db: sqlite3.Connection, *, id_: int) -> Row:
    return _typed(fetch(db, "articles", id_))


def read(db: sqlite3.Connection, *, id_: int) -> str:
    article = fetch(db, "articles", id_)
    return f"# {article['title']}\n\n{article['body']}\n"


def find(db: sqlite3.Connection, *, text: str, limit: int = 20) -> Row:
    return _typed_page(search_rows(db, "articles", ("title", "body"), text, limit))


def list_page(db: sqlite3.Connection, *, topic: str | None = None, limit: int = 20, offset: int = 0) -> Row:
    return _typed_page(page(db, "articles", {"topic": topic}, limit=limit, offset=offset))


def create(db: sqlite3.Connection, *, title: str, topic: str, body: str) -> Row:
    article = db.execute(
        "INSERT INTO articles (title, topic, body, published, updated_at) VALUES (?, ?, ?, 0, ?)",
        (title, topic, body, now()),
    )
    return get(db, id_=int(article.lastrowid or 0))


def update(db: sqlite3.Connection, *, id_: int, body: str) -> Row:
    if fetch(db, "articles", id_)["body"] != body:
        db.execute("UPDATE articles SET body = ?, updated_at = ? WHERE id = ?", (body, now(), id_))
    return get(db, id_=id_)


def set_published(db: sqlite3.Connection, *, id_: int, published: bool) -> Row:
    fetch(db, "articles", id_)
    db.execute("UPDATE articles SET published = ? WHERE id = ?", (published, id_))
    return get(db, id_=id_)


def link_ticket(db: sqlite3.Connection, *, id_: int, ticket_id: int) -> str:
    if not fetch(db, "articles", id_)["published"]:
        raise Refusal(f"Article {id_} is not published; publish it before linking it to a ticket.")
    fetch(db, "tickets", ticket_id)
    db.execute("INSERT OR IGNORE INTO article_links (article_id, ticket_id) VALUES (?, ?)", (id_, ticket_id))
    links = fetch_all(db, "SELECT ticket_id FROM article_links WHERE article_id = ? ORDER BY ticket_id", id_)
    return f"Article {id_} is linked to the tickets {', '.join(str(link['ticket_id']) for link in links)}."
