"""What the plain HTTP face of the desk answers and takes, as pydantic models: they become its OpenAPI document."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

TicketStatus = Literal["open", "pending", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]
RefundStatus = Literal["requested", "approved", "rejected"]
Text = Annotated[str, Field(min_length=1, max_length=200)]
LongText = Annotated[str, Field(min_length=1, max_length=100_000)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


class Ticket(BaseModel):
    id: int
    customer_id: int
    order_id: int | None
    subject: str
    body: str = Field(description="What the customer wrote, unchanged")
    status: TicketStatus
    priority: Priority
    assignee: str | None
    resolution: str | None
    created_at: str
    updated_at: str
    tags: list[str]


class Tickets(BaseModel):
    tickets: list[Ticket]
    total: int


class Customer(BaseModel):
    id: int
    name: str
    email: str | None
    phone: str | None
    tier: Literal["standard", "plus", "business"]
    country: str
    created_at: str


class Order(BaseModel):
    id: int
    customer_id: int
    item: str
    total_cents: int
    currency: str
    status: Literal["pending", "paid", "shipped", "delivered", "cancelled"]
    shipping_address: str
    tracking: str | None
    cancel_reason: str | None
    placed_at: str


class Refund(BaseModel):
    id: int
    order_id: int
    amount_cents: int
    currency: str
    reason: str
    status: RefundStatus
    created_at: str


class Mail(BaseModel):
    id: int
    recipient: str
    subject: str
    body: str
    ticket_id: int | None
    created_at: str


class NewRefund(BaseModel, extra="forbid"):
    order_id: int = Field(ge=1)
    amount_cents: int = Field(ge=1, le=1_000_000, description="Amount in cents of the currency of the order")
    reason: Text


class NewMail(BaseModel, extra="forbid"):
    to: Email
    subject: Text
    body: LongText
    ticket_id: int | None = Field(None, ge=1)


class NewReply(BaseModel, extra="forbid"):
    body: LongText


class NewPriority(BaseModel, extra="forbid"):
    priority: Priority
