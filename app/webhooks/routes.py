"""/webhooks."""

from typing import Any
from uuid import UUID

import flask
from flask import Response

from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, PageQuery, page_of, paginate
from app.webhooks import service
from app.webhooks.models import Delivery, WebhookEndpoint
from app.webhooks.schemas import (
    DeliveryOut,
    DeliveryQuery,
    ReplayIn,
    ReplayOut,
    RotateIn,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    WebhookWithSecret,
)

bp = Blueprint("webhooks", __name__, description="Endpoints that are told what happens, and what they were told.")

SORTS = {"created_at": WebhookEndpoint.id, "url": WebhookEndpoint.url}
DELIVERY_SORTS = {"created_at": Delivery.id}


@bp.route("/webhooks")
@requires(scope="webhooks:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, page_of(WebhookOut))
def list_webhooks(query: dict[str, Any]) -> Page:
    """List webhooks, the newest first."""
    found = service.living()
    if query.get("search"):
        found = found.where(WebhookEndpoint.url.icontains(query["search"], autoescape=True))
    return paginate(found, query, model=WebhookEndpoint, sorts=SORTS, default="-created_at")


@bp.route("/webhooks", methods=("POST",))
@requires(scope="webhooks:write", secret=True)
@bp.arguments(WebhookIn)
@bp.response(201, WebhookWithSecret)
def create_webhook(data: dict[str, Any]) -> WebhookEndpoint:
    """Create a webhook; the answer shows its secret once."""
    return service.create_webhook(data)


@bp.route("/webhooks/subscribe", methods=("POST",))
@requires(scope="webhooks:write", secret=True)
@bp.arguments(WebhookIn)
@bp.response(201, WebhookWithSecret)
def subscribe_webhook(data: dict[str, Any]) -> Response:
    """Create a webhook: another name for POST /webhooks."""
    made = service.create_webhook(data)
    response = Response(flask.json.dumps(WebhookWithSecret().dump(made)), 201, mimetype="application/json")
    response.headers["Location"] = f"{flask.request.path.removesuffix('/subscribe')}/{made.id}"
    return response


@bp.route("/webhooks/<uuid:webhook_id>")
@requires(scope="webhooks:read")
@bp.response(200, WebhookOut)
def get_webhook(webhook_id: UUID) -> WebhookEndpoint:
    """Show a webhook, without its secret."""
    return service.get_webhook(webhook_id)


@bp.route("/webhooks/<uuid:webhook_id>", methods=("PATCH",))
@requires(scope="webhooks:write")
@bp.arguments(WebhookPatch(partial=True))
@bp.response(200, WebhookOut)
def update_webhook(data: dict[str, Any], webhook_id: UUID) -> WebhookEndpoint:
    """Change a webhook, switch it off, or let it go on after a pause."""
    return service.change_webhook(webhook_id, data)


@bp.route("/webhooks/<uuid:webhook_id>", methods=("DELETE",))
@requires(scope="webhooks:write")
@bp.response(204)
def delete_webhook(webhook_id: UUID) -> None:
    """Delete a webhook; what it has not got is cancelled."""
    service.delete_webhook(webhook_id)


@bp.route("/webhooks/<uuid:webhook_id>/test", methods=("POST",))
@requires(scope="webhooks:write")
@bp.response(202, DeliveryOut)
def test_webhook(webhook_id: UUID) -> Delivery:
    """Send a `webhook.test` to a webhook at once."""
    return service.send_test(webhook_id)


@bp.route("/webhooks/<uuid:webhook_id>/rotate-secret", methods=("POST",))
@requires(scope="webhooks:write", secret=True)
@bp.arguments(RotateIn)
@bp.response(200, WebhookWithSecret)
def rotate_webhook_secret(data: dict[str, Any], webhook_id: UUID) -> WebhookEndpoint:
    """Give a webhook a new secret, shown once; the old one signs beside it for a while."""
    return service.rotate_secret(webhook_id, data["secret"], data["overlap_seconds"])


@bp.route("/webhooks/<uuid:webhook_id>/replay", methods=("POST",))
@requires(scope="webhooks:write")
@bp.arguments(ReplayIn)
@bp.response(202, ReplayOut)
def replay_webhook(data: dict[str, Any], webhook_id: UUID) -> dict[str, Any]:
    """Deliver events of the log to a webhook once more, at most 1,000 a call."""
    return service.replay(webhook_id, data)


@bp.route("/webhooks/<uuid:webhook_id>/deliveries")
@requires(scope="webhooks:read")
@bp.arguments(DeliveryQuery, location="query")
@bp.response(200, page_of(DeliveryOut))
def list_webhook_deliveries(query: dict[str, Any], webhook_id: UUID) -> Page:
    """List what was sent to a webhook, with every attempt, the newest first."""
    found = service.deliveries_of(webhook_id, query)
    return paginate(found, query, model=Delivery, sorts=DELIVERY_SORTS, default="-created_at")


@bp.route("/webhooks/deliveries/<uuid:delivery_id>/redeliver", methods=("POST",))
@requires(scope="webhooks:write")
@bp.response(202, DeliveryOut)
def redeliver_webhook(delivery_id: UUID) -> Delivery:
    """Send a delivery again, with the same body and event id, as a delivery of its own."""
    return service.redeliver(delivery_id)
