"""Shapes of webhooks on the wire."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.webhooks.models import KINDS, LONGEST_ANSWER, LONGEST_ERROR, LONGEST_URL, STATES
from app.webhooks.signing import LONGEST_SECRET, key_of

MOST_FILTERS, LONGEST_OVERLAP, OVERLAP = 50, 7 * 86_400, 86_400
_FILTER = r"\*|[a-z_]+\.(\*|[a-z_]+)"
_FILTERS = "Names of events, all of a thing (`invoice.*`), or everything (`*`)."


def _secret_rule(text: str) -> str:
    key_of(text)
    return text


def _url() -> fields.Text:
    doc = "https, without credentials, public: what it leads to is judged at every attempt. No redirect is followed."
    return fields.Text(LONGEST_URL, least=1, required=True, example="https://acme.example/hooks/billhook", doc=doc)


def _filter() -> fields.Text:
    return fields.Text(60, pattern=_FILTER, example="invoice.*")


def _secret() -> fields.Checked:
    doc = "Your own: whsec_ and base64, or any text, of at least 24 bytes. Left out, one is made."
    return fields.Checked(LONGEST_SECRET, _secret_rule, load_default=None, doc=doc)


class WebhookOut(Schema):
    """An endpoint, without its secret."""

    id = fields.Id()
    url = fields.Text(LONGEST_URL, example="https://acme.example/hooks/billhook")
    events = fields.List(_filter())
    description = fields.Text(500, allow_none=True, example="Accounting")
    active = fields.Flag(example=True)
    failing_since = fields.Instant(allow_none=True, doc="When it began to fail; null while it works.")
    paused_at = fields.Instant(allow_none=True, doc="Set when it was paused; deliveries wait until `active: true`.")
    pause_reason = fields.Text(200, allow_none=True)
    previous_secret_until = fields.Instant(
        attribute="previous_until", allow_none=True, doc="Until when the secret before this one signs too."
    )
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    created_at = fields.Instant()
    updated_at = fields.Instant()


class WebhookWithSecret(WebhookOut):
    """An endpoint with its secret, which is shown this once."""

    secret = fields.Text(LONGEST_SECRET, doc="Signs every delivery. Keep it: it is not shown again.")


class WebhookIn(Schema):
    """An endpoint to make."""

    url = _url()
    events = fields.some(_filter(), least=1, most=MOST_FILTERS, load_default=lambda: ["*"], doc=_FILTERS)
    description = fields.Text(500, allow_none=True, load_default=None, example="Accounting")
    active = fields.Flag(load_default=True, example=True)
    secret = _secret()
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id(load_default=None)


class WebhookPatch(Schema):
    """What may change. `active: true` ends a pause too: what waited is sent."""

    url = _url()
    events = fields.some(_filter(), least=1, most=MOST_FILTERS, doc=_FILTERS)
    description = fields.Text(500, allow_none=True, example="Accounting")
    active = fields.Flag(example=True)
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()


class RotateIn(Schema):
    """How to change the secret."""

    secret = _secret()
    overlap_seconds = fields.Whole(
        0, LONGEST_OVERLAP, load_default=OVERLAP, example=OVERLAP, doc="How long the old secret signs too."
    )


class ReplayIn(Schema):
    """Which events to deliver again: from one on, or from a time on."""

    from_event_id = fields.Id(doc="The first event; or `from_time`.")
    from_time = fields.Instant(doc="The earliest time; or `from_event_id`.")
    types = fields.some(_filter(), least=1, most=MOST_FILTERS, doc=f"{_FILTERS} Default: what the webhook wants.")

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if ("from_event_id" in data) == ("from_time" in data):
            text = ["Give either from_event_id or from_time."]
            raise ValidationError({"from_event_id": text, "from_time": text})


class ReplayOut(Schema):
    """How many deliveries were made; `next_event_id` is where to go on when there are more."""

    deliveries = fields.Whole(0, 2**31, example=12)
    next_event_id = fields.Id(allow_none=True)


class AttemptOut(Schema):
    """One try."""

    number = fields.Whole(1, 2**31, example=1)
    at = fields.Instant()
    duration_ms = fields.Whole(0, 2**31, example=84)
    status_code = fields.Whole(0, 999, allow_none=True, example=200)
    answer = fields.Text(LONGEST_ANSWER, allow_none=True, example="ok", doc="The first 1,000 bytes that came back.")
    error = fields.Text(LONGEST_ERROR, allow_none=True, doc="Why there was no answer.")


class DeliveryOut(Schema):
    """One event on its way to one endpoint. Its id is the X-Webhook-Delivery-Id of every attempt."""

    id = fields.Id()
    webhook_id = fields.Id(attribute="endpoint_id")
    event_id = fields.Id()
    event = fields.Text(60, example="invoice.issued")
    kind = fields.Text(20, one_of=KINDS, example="event")
    state = fields.Text(20, one_of=STATES, example="delivered")
    attempt_count = fields.Whole(0, 2**31, example=1)
    next_attempt_at = fields.Instant(attribute="due_at", allow_none=True)
    created_at = fields.Instant()
    finished_at = fields.Instant(allow_none=True)
    attempts = fields.List(fields.Nested(AttemptOut))


class DeliveryQuery(PageQuery):
    """Filters of deliveries."""

    state = fields.Text(20, one_of=STATES, example="failed")
    event = fields.Text(60, example="invoice.issued")
