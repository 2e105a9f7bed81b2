"""Shapes of the audit log on the wire."""

from app.events.schemas import EntityOut
from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema

HASH = "[0-9a-f]{64}"
_FIELDS = {"type": "object", "additionalProperties": True, "example": {"due_date": "2026-12-21"}}


class ActorOut(Schema):
    """Who did it."""

    type = fields.Text(20, example="agent", doc="user, service or agent: what the key says of itself; job; operator.")
    id = fields.Id(allow_none=True, doc="The API key.")
    name = fields.Text(200, example="Month-end agent", doc="The name of the key, the job, or the command line.")


class AuditEntry(Schema):
    """One change. `before` and `after` hold the fields that changed; of what is new, `after` is the whole."""

    id = fields.Id()
    seq = fields.Whole(1, 2**53, example=17)
    timestamp = fields.Instant(attribute="created_at")
    actor = fields.Nested(ActorOut)
    action = fields.Text(60, attribute="type", example="invoice.updated")
    entity = fields.Nested(EntityOut)
    before = fields.Plain(schema=_FIELDS, allow_none=True)
    after = fields.Plain(schema=_FIELDS, allow_none=True)
    reason = fields.Text(500, allow_none=True, doc="What the caller sent as Billhook-Reason.")
    request_id = fields.Text(128, allow_none=True)
    previous_hash = fields.Text(64, pattern=HASH)
    hash = fields.Text(64, pattern=HASH, doc="SHA-256 of this entry and of the hash before it.")


class AuditQuery(PageQuery):
    """Filters of the audit log."""

    actor_type = fields.Text(20, one_of=("user", "service", "agent", "job", "operator"))
    actor_id = fields.Id(doc="Only what this API key did.")
    action = fields.Text(60, pattern=r"[a-z_]+\.(\*|[a-z_]+)", example="invoice.issued")
    entity_type = fields.Text(40, pattern="[a-z_]+", example="invoice")
    entity_id = fields.Id()
    request_id = fields.Text(128)
    from_date = fields.Date(doc="From the start of this day where the organisation is.")
    to_date = fields.Date(doc="To the end of this day.")


class VerifyOut(Schema):
    """Whether the chain of hashes holds."""

    valid = fields.Flag()
    entries = fields.Whole(0, 2**53, example=1200, doc="How many were read.")
    first_broken_seq = fields.Whole(1, 2**53, allow_none=True, doc="Where it breaks.")
    problem = fields.Text(200, allow_none=True)
    last_hash = fields.Text(64, pattern=HASH, doc="Keep it elsewhere, and nobody can shorten the log unseen.")
