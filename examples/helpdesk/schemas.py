"""The JSON Schemas the tool tables are built from: single fields, and the records the tools answer with."""

from examples.helpdesk.tool import Schema

_MOST = 2**31 - 1


def text(description: str, max_length: int = 200) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": max_length, "description": description}


def number(description: str) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": _MOST, "description": description}


def choice(description: str, *values: str) -> Schema:
    return {"type": "string", "enum": list(values), "description": description}


def flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def record(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def page_of(name: str, entry: Schema) -> Schema:
    fields: dict[str, Schema] = {name: {"type": "array", "items": entry}, "total": {"type": "integer", "minimum": 0}}
    return record(**fields)


LIMIT: Schema = {
    "type": "integer", "minimum": 1, "maximum": 100, "default": 20, "description": "How many at most",
}  # fmt: skip
OFFSET: Schema = {
    "type": "integer", "minimum": 0, "maximum": _MOST, "default": 0, "description": "How many to skip",
}  # fmt: skip
PAGE = {"limit": LIMIT, "offset": OFFSET}
EMAIL: Schema = {
    "type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "maxLength": 254, "description": "An e-mail address",
}  # fmt: skip

TICKET_STATUS = choice("State of the ticket", "open", "pending", "closed")
PRIORITY = choice("How urgent the ticket is", "low", "normal", "high", "urgent")
TIER = choice("Service level of the customer", "standard", "plus", "business")
ORDER_STATUS = choice("State of the order", "pending", "paid", "shipped", "delivered", "cancelled")
REFUND_STATUS = choice("State of the refund", "requested", "approved", "rejected")
TOPIC = choice("Subject area of the article", "shipping", "billing", "returns", "howto")
CENTS: Schema = {"type": "integer", "minimum": 1, "description": "Amount in cents of the currency of the order"}

_ID: Schema = {"type": "integer"}
_OPTIONAL_ID: Schema = {"type": ["integer", "null"]}
_TEXT: Schema = {"type": "string"}
_OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}

TICKET = record(
    id=_ID,
    customer_id=_ID,
    order_id=_OPTIONAL_ID,
    subject=_TEXT,
    body=_TEXT,
    status=TICKET_STATUS,
    priority=PRIORITY,
    assignee=_OPTIONAL_TEXT,
    resolution=_OPTIONAL_TEXT,
    created_at=_TEXT,
    updated_at=_TEXT,
    tags={"type": "array", "items": _TEXT},
)
CUSTOMER = record(
    id=_ID, name=_TEXT, email=_OPTIONAL_TEXT, phone=_OPTIONAL_TEXT, tier=TIER, country=_TEXT, created_at=_TEXT
)
ORDER = record(
    id=_ID,
    customer_id=_ID,
    item=_TEXT,
    total_cents=CENTS,
    currency=_TEXT,
    status=ORDER_STATUS,
    shipping_address=_TEXT,
    tracking=_OPTIONAL_TEXT,
    cancel_reason=_OPTIONAL_TEXT,
    placed_at=_TEXT,
)
REFUND = record(
    id=_ID, order_id=_ID, amount_cents=CENTS, currency=_TEXT, reason=_TEXT, status=REFUND_STATUS, created_at=_TEXT
)
MAIL = record(id=_ID, recipient=_TEXT, subject=_TEXT, body=_TEXT, ticket_id=_OPTIONAL_ID, created_at=_TEXT)
NOTE = record(id=_ID, ticket_id=_ID, author=_TEXT, text=_TEXT, pinned={"type": "boolean"}, created_at=_TEXT)
ARTICLE = record(id=_ID, title=_TEXT, topic=TOPIC, body=_TEXT, published={"type": "boolean"}, updated_at=_TEXT)
