"""Tables of webhooks: webhook_endpoints, webhook_deliveries, webhook_attempts."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.data import clock
from app.data.base import Labelled, SoftDeleted, Stamped, TenantModel, tenant_key, unique_among_living
from app.data.types import Json

State = Literal["pending", "delivered", "failed", "cancelled"]
STATES: tuple[State, ...] = ("pending", "delivered", "failed", "cancelled")
Kind = Literal["event", "test", "redelivery", "replay"]
KINDS: tuple[Kind, ...] = ("event", "test", "redelivery", "replay")

LONGEST_URL, LONGEST_ANSWER, LONGEST_ERROR = 2000, 1000, 500
_PENDING = sa.text("state = 'pending'")
_LEASED = sa.text("state = 'pending' AND lease_owner IS NOT NULL")
_OF_EVENT = sa.text("kind = 'event'")


class WebhookEndpoint(TenantModel, Stamped, SoftDeleted, Labelled):
    """Where an organisation wants to be told of what happens.

    The secrets are needed in plain to sign, so they are encrypted, not hashed. `active` is the owner's switch: an
    endpoint that is off gets no deliveries at all. `paused_at` is ours: deliveries go on being made, and wait. It
    is told of the events after `after_seq`, where the organisation's order stood when it was made.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (unique_among_living("uq_webhook_endpoints_external_id", "external_id"),)

    url: Mapped[str] = mapped_column(sa.String(LONGEST_URL))
    events: Mapped[list[str]] = mapped_column(Json)
    description: Mapped[str | None] = mapped_column(sa.String(500))
    active: Mapped[bool] = mapped_column(default=True)
    after_seq: Mapped[int] = mapped_column(sa.BigInteger)
    sealed_secret: Mapped[str] = mapped_column(sa.String(2000), info={"secret": True})
    sealed_previous: Mapped[str | None] = mapped_column(sa.String(2000), info={"secret": True})
    previous_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    pause_reason: Mapped[str | None] = mapped_column(sa.String(200))

    secret = ""  # in plain, on the instance that was just given one and nowhere else


class Delivery(TenantModel):
    """One event on its way to one endpoint. `body` is what is sent, to the byte, every time.

    `seq` is the event's place in the organisation's order. Deliveries that are `in_line` reach an endpoint in that
    order, object by object; a test or a redelivery, which somebody asked for, waits for none and holds up none.
    `lease_owner` is drawn for every batch that a worker takes.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        tenant_key("endpoint_id", "webhook_endpoints"),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed', 'cancelled')", name="state"),
        sa.Index("ix_webhook_deliveries_endpoint", "org_id", "endpoint_id", "id"),
        sa.Index(
            "uq_webhook_deliveries_event",
            *("org_id", "endpoint_id", "event_id"),
            unique=True,
            sqlite_where=_OF_EVENT,
            postgresql_where=_OF_EVENT,
        ),
        sa.Index(
            "ix_webhook_deliveries_due",
            *("org_id", "endpoint_id", "next_attempt_at", "seq", "id"),
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        sa.Index(
            "ix_webhook_deliveries_line",
            *("org_id", "endpoint_id", "entity_id", "seq", "id"),
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        sa.Index(
            "ix_webhook_deliveries_leased",
            *("org_id", "endpoint_id", "lease_owner"),
            sqlite_where=_LEASED,
            postgresql_where=_LEASED,
        ),
    )

    endpoint_id: Mapped[UUID]
    kind: Mapped[Kind] = mapped_column(sa.String(20), default="event")
    event_id: Mapped[UUID]
    seq: Mapped[int] = mapped_column(sa.BigInteger)
    event: Mapped[str] = mapped_column(sa.String(60))
    entity_type: Mapped[str] = mapped_column(sa.String(40))
    entity_id: Mapped[UUID]
    in_line: Mapped[bool] = mapped_column(default=True)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    state: Mapped[State] = mapped_column(sa.String(20), default="pending")
    attempt_count: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    lease_owner: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]

    attempts: Mapped[list["DeliveryAttempt"]] = relationship(order_by="DeliveryAttempt.number", lazy="selectin")

    @property
    def due_at(self) -> datetime | None:
        """When it is tried next; None when it is over."""
        return self.next_attempt_at if self.state == "pending" else None


class DeliveryAttempt(TenantModel):
    """One try: what came back, or why nothing did."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        tenant_key("delivery_id", "webhook_deliveries"),
        sa.Index("ix_webhook_attempts_delivery", "org_id", "delivery_id", "number"),
    )

    delivery_id: Mapped[UUID]
    number: Mapped[int]
    at: Mapped[datetime]
    duration_ms: Mapped[int]
    status_code: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(sa.String(LONGEST_ANSWER))
    error: Mapped[str | None] = mapped_column(sa.String(LONGEST_ERROR))
