"""Shapes of events on the wire."""

from app.http import fields
from app.http.schema import Schema

MOST = 100
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


class EventQuery(Schema):
    """Where to go on, and what to leave out."""

    after = fields.Id(doc="The id of the last event that you have; left out: from the first.")
    type = fields.Text(60, pattern=_NAME, example="invoice.*", doc="One event, all of a thing (`invoice.*`), or `*`.")
    entity_id = fields.Id(doc="Only what happened to this.")
    limit = fields.Whole(1, MOST, doc="Events an answer; default 100.", example=100)


class EventLinks(Schema):
    """Where to go on."""

    next = fields.Text(2000, allow_none=True, doc="The address that goes on after the last of these.")


class EventMeta(Schema):
    """Where this answer stands."""

    has_more = fields.Flag(doc="Whether there are later ones already.")
    last_id = fields.Id(allow_none=True, doc="What to send as `after`.")


class EventLog(Schema):
    """Events in the order in which they happened."""

    data = fields.List(fields.Nested(EventOut))
    links = fields.Nested(EventLinks)
    meta = fields.Nested(EventMeta)
