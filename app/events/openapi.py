"""The events in the OpenAPI document: its `webhooks` section, one entry for each event of the catalogue."""

import inspect
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import class_registry

from app.events.declare import Catalogue, Event

_HEADERS = (
    ("webhook-id", "The event's id: the same at every try. Standard Webhooks."),
    ("webhook-timestamp", "Seconds since 1970 of this try. Standard Webhooks."),
    ("webhook-signature", "`v1,` and the base64 HMAC-SHA256 of id.timestamp.body; several while a secret changes."),
    ("X-Webhook-Signature", "Hexadecimal HMAC-SHA256 of the body."),
    ("X-Webhook-Event", "The event's name."),
    ("X-Webhook-Delivery-Id", "The delivery's id: the same at every try."),
    ("X-Webhook-Timestamp", "Seconds since 1970 of this try."),
)


def describe_events(spec: APISpec, catalogue: Catalogue) -> None:
    """Write the section. Call it after the routes, so that their shapes keep their names."""
    shapes: Any = next(plugin for plugin in spec.plugins if isinstance(plugin, MarshmallowPlugin)).resolver
    events = sorted(catalogue.events.items())
    spec.options["webhooks"] = {name: {"post": _operation(shapes, each)} for name, each in events}


def _operation(shapes: Any, event: type[Event]) -> dict[str, Any]:
    text = inspect.cleandoc(event.__doc__ or "")
    return {
        "operationId": f"on_{event.name.replace('.', '_')}",
        "summary": text.partition("\n")[0],
        "description": text,
        "parameters": [_header(name, told) for name, told in _HEADERS],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _payload(shapes, event)}}},
        "responses": {
            "2XX": {"description": "Received. Anything else, and no answer within 15 seconds, is tried again."},
            "410": {"description": "Nobody listens here any more: the webhook is paused."},
        },
    }


def _payload(shapes: Any, event: type[Event]) -> dict[str, Any]:
    schema: Any = class_registry.get_class(event.shape)
    return {
        "type": "object",
        "required": ["id", "event", "timestamp", "data"],
        "properties": {
            "id": {"type": "string", "format": "uuid", "description": "As in GET /api/v1/events."},
            "event": {"const": event.name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": shapes.resolve_schema_dict(schema()),
        },
    }


def _header(name: str, told: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "description": told, "schema": {"type": "string"}}
