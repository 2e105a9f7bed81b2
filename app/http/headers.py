"""How the OpenAPI document describes what every change understands: retries, dry runs, conditions, reasons."""

from typing import Any

from apispec import APISpec

from app.http.change import DRY, KEY, LONGEST_KEY, LONGEST_REASON, MATCH, REASON
from app.http.guard import DRY_RUN, SAFE_METHODS, Guard
from app.http.idempotency import REPLAYED

IDEMPOTENCY_KEY, IF_MATCH, BILLHOOK_REASON, TRIAL = "IdempotencyKey", "IfMatch", "BillhookReason", "DryRun"
ETAG, RETRY_AFTER = "ETag", "Retry-After"

_TAG = '"9f86d081884c7d659a2feaa0c55ad015"'
_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    IDEMPOTENCY_KEY: (
        "header",
        {
            "name": KEY,
            "description": "Any text of your own. The same request under the same key is done once: within 24 hours it "
            "gets the same answer again, with Idempotent-Replayed. Another request under it is a 422.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
            "example": "order-4711-invoice",
        },
    ),
    TRIAL: (
        "query",
        {
            "name": DRY,
            "description": "true: everything is done and taken back; the answer is what it would be, with Dry-Run.",
            "schema": {"type": "boolean", "default": False},
        },
    ),
    IF_MATCH: (
        "header",
        {
            "name": MATCH,
            "description": "ETags, of which one must be the present one of what is changed; else nothing is changed "
            "and the answer is 412.",
            "schema": {"type": "string", "maxLength": 2000},
            "example": _TAG,
        },
    ),
    BILLHOOK_REASON: (
        "header",
        {
            "name": REASON,
            "description": "Why you do it, in your words; kept with the record of the change.",
            "schema": {"type": "string", "maxLength": LONGEST_REASON},
            "example": "The customer asked for it by phone",
        },
    ),
}
_HEADERS: dict[str, dict[str, Any]] = {
    ETAG: {
        "description": "Tells this state of the object from every other; send it back as If-Match.",
        "schema": {"type": "string"},
        "example": _TAG,
    },
    REPLAYED: {
        "description": "true: this was done before, under the same Idempotency-Key; here is that answer.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    RETRY_AFTER: {
        "description": "Seconds after which the same request may succeed.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    DRY_RUN: {
        "description": "true: nothing was stored.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


def describe_components(spec: APISpec) -> None:
    """Add the shared parameters and headers, which operations refer to by name."""
    for name, (location, parameter) in _PARAMETERS.items():
        spec.components.parameter(name, location, parameter)
    for name, header in _HEADERS.items():
        spec.components.header(name, header)


def describe_change(doc: dict[str, Any], guard: Guard, method: str, *, names_row: bool, tagged: bool) -> None:
    """Add to an operation what it understands beside its own parameters, and what its answers carry."""
    changes = not guard.public and method.upper() not in SAFE_METHODS
    carried = ([REPLAYED, DRY_RUN] if changes else []) + ([ETAG] if tagged else [])
    for status, answer in doc.get("responses", {}).items():
        if int(status) < 300 and carried:  # noqa: PLR2004 - success
            answer.setdefault("headers", {}).update({name: name for name in carried})
    if changes:
        # What stands below a collection is changed, or acted on, where a row is named, and settings are one themselves.
        conditional = names_row or method.upper() != "POST"
        known = [IDEMPOTENCY_KEY, *([IF_MATCH] if conditional else []), BILLHOOK_REASON, TRIAL]
        doc["parameters"] = [*doc.get("parameters", []), *known]
