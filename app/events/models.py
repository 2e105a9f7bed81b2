"""Tables of events: events, event_streams, event_relays."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.data import clock
from app.data.base import TenantModel

# As text, not as JSONB: what was stored is what leaves, to the byte.
_Document = sa.JSON(none_as_null=True)
_FULL = sa.text("data IS NOT NULL")


class EventRow(TenantModel):
    """One change. The database refuses to change or delete it; only `data` may be emptied, when it is past its time.

    seq counts an organisation's events without a gap, in the order in which they were committed. changes: for each
    field that changed, [before, after]; null for what was made new, which `data` shows whole.
    """

    __tablename__ = "events"
    __table_args__ = (
        sa.UniqueConstraint("org_id", "seq"),
        sa.Index("ix_events_entity", "org_id", "entity_type", "entity_id", "seq"),
        sa.Index("ix_events_type", "org_id", "type", "seq"),
        sa.Index("ix_events_full", "created_at", sqlite_where=_FULL, postgresql_where=_FULL),
    )

    seq: Mapped[int] = mapped_column(sa.BigInteger)
    type: Mapped[str] = mapped_column(sa.String(60))
    entity_type: Mapped[str] = mapped_column(sa.String(40))
    entity_id: Mapped[UUID]
    created_at: Mapped[datetime]
    data: Mapped[dict[str, Any] | None] = mapped_column(_Document)
    changes: Mapped[dict[str, Any] | None] = mapped_column(_Document)
    actor_type: Mapped[str] = mapped_column(sa.String(20))
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str] = mapped_column(sa.String(200))
    reason: Mapped[str | None] = mapped_column(sa.String(500))
    request_id: Mapped[str | None] = mapped_column(sa.String(128))
    data_hash: Mapped[str] = mapped_column(sa.String(64))
    previous_hash: Mapped[str] = mapped_column(sa.String(64))
    hash: Mapped[str] = mapped_column(sa.String(64))

    @property
    def entity(self) -> dict[str, Any]:
        """The thing that it happened to."""
        return {"type": self.entity_type, "id": self.entity_id}

    @property
    def actor(self) -> dict[str, Any]:
        """Who did it."""
        return {"type": self.actor_type, "id": self.actor_id, "name": self.actor_name}

    @property
    def before(self) -> dict[str, Any] | None:
        """The fields that changed, as they were; None for what was made new."""
        return {name: values[0] for name, values in self.changes.items()} if self.changes else None

    @property
    def after(self) -> dict[str, Any] | None:
        """The fields that changed, as they are; the whole of what was made new."""
        return {name: values[1] for name, values in self.changes.items()} if self.changes else self.data


class EventStream(TenantModel):
    """The end of an organisation's events: the last number and the last hash. Locked by whoever adds one.

    began_at: what happened before has no events, because the program had none.
    """

    __tablename__ = "event_streams"
    __table_args__ = (sa.UniqueConstraint("org_id"),)

    seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    hash: Mapped[str] = mapped_column(sa.String(64))
    began_at: Mapped[datetime] = mapped_column(default=clock.now)


class EventRelay(TenantModel):
    """How far an organisation's events have been handed on. A row of its own: writers never wait for the relay."""

    __tablename__ = "event_relays"
    __table_args__ = (sa.UniqueConstraint("org_id"),)

    seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
