"""What `flask check` proves about events: the chain holds, and every change has its one event, and none has two."""

from collections.abc import Iterator

import sqlalchemy as sa

from app.customers.models import Customer
from app.data.base import TenantModel
from app.data.invariants import Finding
from app.data.tenancy import current_organization
from app.events.models import EventRow, EventStream
from app.events.proof import prove
from app.extensions import db
from app.invoices.models import Invoice

# Which events a row must have, by the instant that tells whether and when it happened: exactly one, or none.
_OWED: tuple[tuple[type[TenantModel], str, str], ...] = (
    (Invoice, "invoice.created", "created_at"),
    (Invoice, "invoice.issued", "issued_at"),
    (Invoice, "invoice.deleted", "deleted_at"),
    (Customer, "customer.created", "created_at"),
    (Customer, "customer.deleted", "deleted_at"),
)


def findings() -> Iterator[Finding]:
    """Every broken rule of the current organisation's events."""
    stream = db.session.scalars(sa.select(EventStream)).one_or_none()
    if stream is None:
        yield Finding(
            "event_chain", "organization", current_organization(), "The organisation has no stream of events."
        )
        return
    proof = prove()
    if not proof.valid:
        text = f"The chain breaks at entry {proof.first_broken_seq}: {proof.problem}"
        yield Finding("event_chain", "event_stream", stream.id, text)
    for model, name, column in _OWED:
        yield from _not_once(stream, model, name, column)


def _not_once(stream: EventStream, model: type[TenantModel], name: str, column: str) -> Iterator[Finding]:
    happened = getattr(model, column)
    count = sa.func.count(EventRow.id)
    query = (
        sa.select(model.id, count.label("events"), happened.label("happened"))
        .outerjoin(
            EventRow,
            sa.and_(EventRow.org_id == model.org_id, EventRow.entity_id == model.id, EventRow.type == name),
        )
        .group_by(model.id, happened)
        .having(count != sa.case((sa.and_(happened.is_not(None), happened >= stream.began_at), 1), else_=0))
        .order_by(model.id)
    )
    noun = name.partition(".")[0]
    for row in db.session.execute(query):
        yield Finding("one_event", noun, row.id, f"There are {row.events} events {name} where one belongs to each.")
