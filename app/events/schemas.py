"""Shapes of events on the wire."""

from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema

_NAME = r"\*|[a-z_]+\.(\*|[a-z_]+)"


class EntityOut(Schema):
    """The thing that it happened to."""

    type = fields.Text(40, example="invoice")
    id = fields.Id()


class EventOut(Schema):
    """One change, as webhooks deliver it too. `data` is null once it is older than the operator keeps it."""

    id = fields.Id()
    seq = fields.Whole(1, 2**53, example=17, doc="Counts the organisation's events, without a gap.")
    event = fields.Text(60, attribute="type", example="invoice.issued")
    timestamp = fields.Instant(attribute="created_at")
    entity = fields.Nested(EntityOut)
    data = fields.Plain(schema={"type": "object", "description": "The thing after the change."}, allow_none=True)


class EventQuery(PageQuery):
    """Where to go on, and what to leave out."""

    after = fields.Id(doc="The id of the last event that you have: lists those after it, at constant cost.")
    type = fields.Text(60, pattern=_NAME, example="invoice.*", doc="One event, all of a thing (`invoice.*`), or `*`.")
    entity_id = fields.Id(doc="Only what happened to this.")
