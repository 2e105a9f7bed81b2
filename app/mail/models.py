"""The table `messages`: what was meant to be sent, and what became of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.data.base import Labelled, Stamped, TenantModel, tenant_key, unique_in_organization
from app.data.types import Json, UtcDateTime

PDF = "application/pdf"
QUEUED, SENDING, SENT, FAILED, BOUNCED = STATES = ("queued", "sending", "sent", "failed", "bounced")
KINDS = ("invoice",)
ATTACH = ("pdf", "link")
BACKENDS = ("smtp", "file")


class Message(TenantModel, Stamped, Labelled):
    """One e-mail that somebody meant to send: one row, one Message-ID, however often it is tried.

    `accepted` and `refused` say what the mail server answered for each recipient, so that a retry asks only for those
    without a final answer. Letter and attachment are frozen when they are first made.
    """

    __tablename__ = "messages"
    __table_args__ = (
        tenant_key("invoice_id", "invoices"),
        tenant_key("customer_id", "customers"),
        unique_in_organization("uq_messages_external_id", "external_id"),
        sa.Index("uq_messages_message_id", "org_id", "message_id", unique=True),
        sa.Index("ix_messages_invoice", "org_id", "invoice_id", "id"),
        sa.Index("ix_messages_customer", "org_id", "customer_id", "id"),
        sa.Index("ix_messages_state", "org_id", "state", "id"),
        sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed', 'bounced')", name="state"),
    )

    kind: Mapped[str] = mapped_column(sa.String(20))
    invoice_id: Mapped[UUID | None]
    customer_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(sa.String(20), default=QUEUED)
    backend: Mapped[str] = mapped_column(sa.String(10))
    message_id: Mapped[str] = mapped_column(sa.String(320))

    sender: Mapped[str] = mapped_column(sa.String(254))
    sender_name: Mapped[str] = mapped_column(sa.String(200))
    reply_to: Mapped[str | None] = mapped_column(sa.String(254))
    to: Mapped[list[str]] = mapped_column(Json)
    cc: Mapped[list[str]] = mapped_column(Json, default=list)
    bcc: Mapped[list[str]] = mapped_column(Json, default=list)
    subject: Mapped[str] = mapped_column(sa.String(500))
    words: Mapped[str | None] = mapped_column(sa.Text)
    language: Mapped[str] = mapped_column(sa.String(20))
    text: Mapped[str | None] = mapped_column(sa.Text)
    html: Mapped[str | None] = mapped_column(sa.Text)
    attach: Mapped[str] = mapped_column(sa.String(10))
    base_url: Mapped[str | None] = mapped_column(sa.String(500))
    attachment_name: Mapped[str | None] = mapped_column(sa.String(120))
    attachment_hash: Mapped[str | None] = mapped_column(sa.String(64))
    attachment_size: Mapped[int | None]

    attempts: Mapped[int] = mapped_column(default=0)
    busy_until: Mapped[datetime | None] = mapped_column(UtcDateTime())
    accepted: Mapped[list[str]] = mapped_column(Json, default=list)
    refused: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    error: Mapped[str | None] = mapped_column(sa.Text)
    file: Mapped[str | None] = mapped_column(sa.String(120))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime())

    @property
    def recipients(self) -> list[str]:
        """Everybody it goes to, each once."""
        return list(dict.fromkeys([*self.to, *self.cc, *self.bcc]))

    @property
    def attachments(self) -> list[dict[str, Any]]:
        """What is attached; a document that is linked is not."""
        if self.attach != "pdf" or not self.attachment_name:
            return []
        return [{"filename": self.attachment_name, "content_type": PDF, "size": self.attachment_size}]
