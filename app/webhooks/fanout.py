"""From events to deliveries: one row for each event and each endpoint that asked for it, its body frozen."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects import postgresql, sqlite

from app.data import clock, wake
from app.data.base import new_id
from app.events.models import EventRow
from app.extensions import db
from app.webhooks.models import Delivery, Kind, WebhookEndpoint

SOURCE = "webhooks"
_SECOND = timedelta(seconds=1)
_ACTIVE = sa.select(WebhookEndpoint.id, WebhookEndpoint.events, WebhookEndpoint.after_seq).where(
    WebhookEndpoint.deleted_at.is_(None), WebhookEndpoint.active.is_(True)
)
_DELIVERIES = Delivery.__table__
# An event that is handed on a second time finds its delivery there.
_INSERTS = {
    name: insert(_DELIVERIES).on_conflict_do_nothing(  # type: ignore[arg-type]  # is a Table, declared as more
        index_elements=["org_id", "endpoint_id", "event_id"], index_where=sa.text("kind = 'event'")
    )
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def fan_out(rows: Sequence[EventRow]) -> None:
    """Subscriber of the relay: make the deliveries of one organisation's events, in their order."""
    endpoints = db.session.execute(_ACTIVE).all()
    if endpoints:
        pairs = ((row, each.id) for row in rows for each in endpoints if _concerns(row, each))
        insert_deliveries([values(row, endpoint_id) for row, endpoint_id in pairs])


def _concerns(row: EventRow, endpoint: Any) -> bool:
    """Whether an endpoint wants an event: not of itself, and not from before it was there."""
    return row.seq > endpoint.after_seq and row.entity_id != endpoint.id and matches(row.type, endpoint.events)


def matches(event: str, filters: Iterable[str]) -> bool:
    """Whether an event is named by one of the filters: its name, its noun (`invoice.*`), or `*`."""
    wanted = ("*", f"{event.partition('.')[0]}.*", event)
    return any(each in wanted for each in filters)


def values(row: EventRow, endpoint_id: UUID, kind: Kind = "event") -> dict[str, Any]:
    """The columns of the delivery of an event."""
    return columns(
        org_id=row.org_id,
        endpoint_id=endpoint_id,
        kind=kind,
        event_id=row.id,
        seq=row.seq,
        event=row.type,
        entity_type=row.entity_type,
        entity_id=row.entity_id,
        body=body_of(row.id, row.type, row.created_at, row.data),
    )


def columns(*, in_line: bool = True, **given: Any) -> dict[str, Any]:
    """All columns of a fresh delivery, due now: for inserts past the ORM, which know no defaults."""
    now = clock.now()
    fresh = {"state": "pending", "attempt_count": 0, "created_at": now, "next_attempt_at": now + first_delay()}
    return {"id": new_id(), "in_line": in_line, **fresh, **given}


def first_delay() -> timedelta:
    """How long the first try waits."""
    seconds: int = current_app.config["BILLHOOK"].webhook_retry_delays[0]
    return seconds * _SECOND


def body_of(event_id: UUID, event: str, at: datetime, data: Any) -> bytes:
    """The bytes that are sent and signed."""
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"id": event_id, "event": event, "timestamp": timestamp, "data": data})


def insert_deliveries(rows: list[dict[str, Any]]) -> None:
    """Insert deliveries in one statement, and wake the sender after the commit."""
    if rows:
        connection = db.session.connection()
        connection.execute(_INSERTS[connection.dialect.name], rows)
        wake.wake_after_commit(SOURCE)
