"""What can be done with webhook endpoints and deliveries. Guards first; no commit here."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import undefer

from app.accounts.models import Organization
from app.data import clock, wake
from app.data.base import new_id
from app.data.tenancy import current_organization
from app.egress.addresses import Refused
from app.egress.client import EXTENSION as EGRESS
from app.egress.client import Egress
from app.events.log import of_type
from app.events.models import EventRow, EventStream
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict, Invalid
from app.http.lookup import find_or_404, refuse_taken
from app.webhooks.events import WebhookCreated, WebhookDeleted, WebhookPaused, WebhookSecretRotated, WebhookUpdated
from app.webhooks.fanout import SOURCE, body_of, columns, insert_deliveries, values
from app.webhooks.models import Delivery, WebhookEndpoint
from app.webhooks.signing import make_secret, seal

NOUN = "webhook"
MOST_ENDPOINTS, MOST_REPLAYED = 50, 1000
TEST_EVENT = "webhook.test"
_WITH_BODY = undefer(Delivery.body)  # one option for all: statements are remembered by it


def living() -> sa.Select[tuple[WebhookEndpoint]]:
    """Select the endpoints not deleted."""
    return sa.select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None))


def get_webhook(webhook_id: UUID) -> WebhookEndpoint:
    """An endpoint. Raises NotFound."""
    return find_or_404(WebhookEndpoint, webhook_id, NOUN)


def create_webhook(data: dict[str, Any]) -> WebhookEndpoint:
    """Make an endpoint; its secret stands on the result, this once. Raises Invalid, Conflict."""
    _check(data)
    refuse_taken(WebhookEndpoint, WebhookEndpoint.external_id, data["external_id"], field="external_id")
    # Whoever counts, counts alone; rows that only point to the organisation do not wait.
    mine = sa.select(Organization.id).where(Organization.id == current_organization())
    db.session.execute(mine.with_for_update(key_share=True))
    count = living().with_only_columns(sa.func.count(WebhookEndpoint.id))
    if db.session.execute(count).scalar_one() >= MOST_ENDPOINTS:
        raise Conflict(f"An organisation has at most {MOST_ENDPOINTS} webhooks; delete one first.")
    secret = data.pop("secret") or make_secret()
    so_far = db.session.scalars(sa.select(EventStream.seq)).one()
    made = WebhookEndpoint(
        org_id=current_organization(), id=new_id(), sealed_secret=_seal(secret), after_seq=so_far, **data
    )
    made.secret = secret
    db.session.add(made)
    db.session.flush()
    emit(WebhookCreated(made))
    return made


def change_webhook(webhook_id: UUID, data: dict[str, Any]) -> WebhookEndpoint:
    """Change an endpoint; `active: true` ends a pause too, what waits is due. Raises NotFound, Invalid, Conflict."""
    endpoint = find_or_404(WebhookEndpoint, webhook_id, NOUN, lock=True)
    _check(data)
    if "external_id" in data:
        refuse_taken(
            WebhookEndpoint, WebhookEndpoint.external_id, data["external_id"], field="external_id", but=endpoint.id
        )
    resumed = data.get("active") is True and (endpoint.paused_at is not None or not endpoint.active)
    for name, value in data.items():
        setattr(endpoint, name, value)
    if resumed:
        endpoint.paused_at = endpoint.pause_reason = endpoint.failing_since = None
        db.session.execute(_waiting(endpoint).values(next_attempt_at=clock.now()))
        wake.wake_after_commit(SOURCE)
    db.session.flush()
    emit(WebhookUpdated(endpoint))
    return endpoint


def delete_webhook(webhook_id: UUID) -> None:
    """Delete an endpoint and cancel what it has not got. Raises NotFound."""
    endpoint = find_or_404(WebhookEndpoint, webhook_id, NOUN, lock=True)
    now = endpoint.deleted_at = clock.now()
    db.session.execute(_waiting(endpoint).values(state="cancelled", finished_at=now))
    emit(WebhookDeleted(endpoint))


def rotate_secret(webhook_id: UUID, secret: str | None, overlap_seconds: int) -> WebhookEndpoint:
    """Give an endpoint a new secret; the old one goes on signing beside it for a while. Raises NotFound."""
    endpoint = find_or_404(WebhookEndpoint, webhook_id, NOUN, lock=True)
    endpoint.sealed_previous = endpoint.sealed_secret if overlap_seconds else None
    endpoint.previous_until = clock.now() + timedelta(seconds=overlap_seconds) if overlap_seconds else None
    endpoint.secret = secret or make_secret()
    endpoint.sealed_secret = _seal(endpoint.secret)
    db.session.flush()
    emit(WebhookSecretRotated(endpoint))
    return endpoint


def pause(endpoint: WebhookEndpoint, reason: str) -> None:
    """Stop sending to an endpoint until its owner switches it on again. For the sender; the row is locked."""
    endpoint.paused_at, endpoint.pause_reason = clock.now(), reason
    db.session.flush()
    emit(WebhookPaused(endpoint))


def deliveries_of(webhook_id: UUID, filters: Mapping[str, Any]) -> sa.Select[tuple[Delivery]]:
    """Select the deliveries of an endpoint, narrowed by a DeliveryQuery. Raises NotFound."""
    found = sa.select(Delivery).where(Delivery.endpoint_id == get_webhook(webhook_id).id)
    for name in ("state", "event"):
        if filters.get(name):
            found = found.where(getattr(Delivery, name) == filters[name])
    return found


def send_test(webhook_id: UUID) -> Delivery:
    """Send a `webhook.test` to an endpoint at once. Raises NotFound, Conflict when it is paused or off."""
    endpoint = _sendable(webhook_id)
    event_id, data = new_id(), {"webhook_id": endpoint.id, "message": "This is a test."}
    body = body_of(event_id, TEST_EVENT, clock.now(), data)
    entity = {"entity_type": NOUN, "entity_id": endpoint.id}
    return _added(endpoint, kind="test", event_id=event_id, seq=0, event=TEST_EVENT, body=body, **entity)


def redeliver(delivery_id: UUID) -> Delivery:
    """Send a delivery's bytes again, as a delivery of its own. Raises NotFound, Conflict when paused or off."""
    old = find_or_404(Delivery, delivery_id, "delivery", _WITH_BODY, lock=True)
    endpoint = _sendable(old.endpoint_id)
    same = ("event_id", "seq", "event", "entity_type", "entity_id", "body")
    return _added(endpoint, kind="redelivery", **{name: getattr(old, name) for name in same})


def replay(webhook_id: UUID, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Deliver logged events to an endpoint once more, in order and as many as fit (a ReplayIn).

    Raises NotFound, Conflict when it is paused or off, Invalid for an unknown event or type.
    """
    endpoint = _sendable(webhook_id)
    events = sa.select(EventRow).order_by(EventRow.seq)
    if first := wanted.get("from_event_id"):
        seq = db.session.scalars(sa.select(EventRow.seq).where(EventRow.id == first)).one_or_none()
        if seq is None:
            raise Invalid({"from_event_id": f"There is no event {first}."})
        events = events.where(EventRow.seq >= seq)
    else:
        events = events.where(EventRow.created_at >= wanted["from_time"])
    chosen = events.where(_any_of(wanted.get("types") or endpoint.events), EventRow.entity_id != endpoint.id)
    rows = db.session.scalars(chosen.limit(MOST_REPLAYED + 1)).all()
    following = rows[MOST_REPLAYED].id if len(rows) > MOST_REPLAYED else None
    found = [values(row, endpoint.id, "replay") for row in rows[:MOST_REPLAYED]]
    insert_deliveries(found)
    return {"deliveries": len(found), "next_event_id": following}


def _any_of(types: Iterable[str]) -> sa.ColumnElement[bool]:
    """The events that one of these filters names. Raises Invalid on `types`."""
    found: list[sa.ColumnElement[bool]] = []
    for each in types:
        of_type(sa.select(EventRow), each, field="types")
        noun, _, verb = each.partition(".")
        found.append(
            sa.true() if each == "*" else EventRow.entity_type == noun if verb == "*" else EventRow.type == each
        )
    return sa.or_(*found)


def _check(data: Mapping[str, Any]) -> None:
    """What a schema cannot know. Raises Invalid for a URL that must not be called and an event that does not exist."""
    if "url" in data:
        check_url(data["url"])
    for each in data.get("events", ()):
        of_type(sa.select(EventRow), each, field="events")


def check_url(url: str) -> None:
    """Raise Invalid for a URL that is refused as it stands; what its name leads to is judged at every attempt."""
    egress: Egress = current_app.extensions[EGRESS]
    try:
        egress.check(url, plain=current_app.config["BILLHOOK"].webhook_http == "allow")
    except Refused as refused:
        raise Invalid({"url": str(refused)}) from refused


def _seal(secret: str) -> str:
    return seal(secret, current_app.config["BILLHOOK"].secret_key)


def _waiting(endpoint: WebhookEndpoint) -> sa.Update:
    return sa.update(Delivery).where(
        Delivery.org_id == endpoint.org_id, Delivery.endpoint_id == endpoint.id, Delivery.state == "pending"
    )


def _sendable(webhook_id: UUID) -> WebhookEndpoint:
    endpoint = find_or_404(WebhookEndpoint, webhook_id, NOUN, lock=True)
    if endpoint.paused_at or not endpoint.active:
        raise Conflict('The webhook does not send now; switch it on with {"active": true} first.')
    return endpoint


def _added(endpoint: WebhookEndpoint, **given: Any) -> Delivery:
    made = Delivery(**columns(org_id=endpoint.org_id, endpoint_id=endpoint.id, in_line=False, attempts=[], **given))
    made.next_attempt_at = clock.now()
    db.session.add(made)
    db.session.flush()
    wake.wake_after_commit(SOURCE)
    return made
