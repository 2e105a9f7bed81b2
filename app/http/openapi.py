"""The OpenAPI 3.1 document, generated from the routes; and the Api that collects them.

Built once per application and served from memory. Nothing is written by hand that the code already knows: security,
scope and tier come from the guard, shapes from the schemas, errors from errors.CODES.
"""

from typing import Any

import flask_smorest
import orjson
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response, current_app

from app import __version__
from app.http import fields
from app.http.blueprint import Blueprint
from app.http.errors import CODES, MESSAGES
from app.http.guard import DRY_RUN, public
from app.http.headers import RETRY_AFTER, describe_components
from app.http.schema import Schema

bp = Blueprint("openapi", __name__, url_prefix="", description="The description of this API.")

_TYPES: tuple[tuple[type, str, str | None], ...] = (
    (fields.Text, "string", None),
    (fields.Checked, "string", None),
    (fields.Number, "string", "decimal"),
    (fields.Price, "string", "decimal"),
    (fields.Amount, "string", "decimal"),
    (fields.Date, "string", "date"),
    (fields.Instant, "string", "date-time"),
    (fields.Id, "string", "uuid"),
    (fields.Flag, "boolean", None),
    (fields.Whole, "integer", None),
)

DESCRIPTION = """Invoices, exactly. Amounts are decimal strings in the currency's digits; instants are UTC; every list
has one envelope and every failure one shape. Send `Authorization: Bearer bh_live_…`. Every change can be repeated
safely (`Idempotency-Key`), tried (`dry_run=true`) and tied to what you have seen (`ETag`, `If-Match`)."""


class ErrorBody(Schema):
    """What went wrong, for programs and for people."""

    code = fields.Text(40, required=True, example="validation_error")
    message = fields.Text(500, required=True, example="Please correct: lines.0.quantity.")
    details = fields.Plain(
        schema={
            "type": "object",
            "additionalProperties": True,
            "example": {"fields": {"lines.0.quantity": ["Must be a number or a decimal in text, such as 19.99."]}},
        },
        required=True,
    )
    request_id = fields.Text(128, required=True, allow_none=True, example="0192f0c1-2b3c-7d4e-8f50-61728394a5b6")


class ErrorOut(Schema):
    """The one shape of every failure."""

    error = fields.Nested(ErrorBody, required=True)


class Api(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's collector with our error envelope and unique operation names."""

    ERROR_SCHEMA = ErrorOut
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Errors are app/http/errors.py's."""

    def _register_pagination_header(self) -> None:
        """Pages are app/http/paging.py's."""

    def register_blueprint(self, blp: Blueprint, **options: Any) -> None:
        """Register routes. Raises ValueError when an operation's name is taken: it is the name of a tool, too."""
        super().register_blueprint(blp, **options)
        names = _operations(self.spec.to_dict())
        if len(names) != len(set(names)):
            clash = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"{blp.name}: the operation {clash[0]} exists already")


def _operations(document: dict[str, Any]) -> list[str]:
    return [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    ]


def make_api(app: Flask) -> Api:
    """Bind the collector to the application."""
    app.config |= {
        "API_TITLE": "Billhook",
        "API_VERSION": __version__,
        "OPENAPI_VERSION": "3.1.1",
        "API_SPEC_OPTIONS": {
            "info": {"description": DESCRIPTION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
            "security": [{"apiKey": []}],
        },
    }
    api = Api(app, spec_kwargs={"marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_schema_name)})
    app.extensions["billhook.openapi"] = {"api": api}
    for kind, name, form in _TYPES:
        api.register_field(kind, name, form)
    api.register_field(fields.Metadata, "object", None)
    api.register_field(fields.Plain, "object", None)
    api.spec.components.security_scheme(
        "apiKey",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "bh_live_…",
            "description": "An API key. The scopes beside an operation are the ones the key must hold.",
        },
    )
    describe_components(api.spec)
    for status, code in CODES.items():
        api.spec.components.response(f"Error{status}", _error_response(status, code))
    return api


def _schema_name(schema: Any) -> str:
    """Names of shapes in the document: InvoiceIn, with every field optional, is InvoicePatch."""
    kind = schema if isinstance(schema, type) else type(schema)
    partial = getattr(schema, "partial", None) is True
    return f"{kind.__name__.removesuffix('In')}Patch" if partial else kind.__name__


def _error_response(status: int, code: str) -> dict[str, Any]:
    example = {
        "error": {
            "code": code,
            "message": MESSAGES.get(status, f"Refused: {code}."),
            "details": _example(status),
            "request_id": "0192f0c1-2b3c-7d4e-8f50-61728394a5b6",
        }
    }
    schema = {"$ref": "#/components/schemas/ErrorOut"}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": code, "headers": _headers(status), "content": content}


def _headers(status: int) -> dict[str, str]:
    """Headers of a refusal: a dry run says so, once the caller is known; some say when to try again."""
    carried = [] if status in {401, 402, 403, 429} else [DRY_RUN]
    carried += [RETRY_AFTER] if status in {409, 429, 503} else []
    return {name: name for name in carried}


def _example(status: int) -> dict[str, Any]:
    examples: dict[int, dict[str, Any]] = {
        402: {"feature": "quotes", "tier": "free", "required_tier": "advanced"},
        403: {"required_scopes": ["invoices:write"]},
        422: {"fields": {"lines.0.quantity": ["Must be a number or a decimal in text, such as 19.99."]}},
    }
    return examples.get(status, {})


@bp.route("/openapi.json")
@public("the description of the API holds nobody's data")
@bp.response(200, description="The OpenAPI 3.1 document")
def get_openapi_document() -> Response:
    """Describe this API (OpenAPI 3.1)."""
    return Response(_document(), mimetype="application/json")


def _document() -> bytes:
    api: Api = _state()["api"]
    if "document" not in _state():
        _state()["document"] = orjson.dumps(api.spec.to_dict(), option=orjson.OPT_NON_STR_KEYS)
    document: bytes = _state()["document"]
    return document


def _state() -> dict[str, Any]:
    found: dict[str, Any] = current_app.extensions["billhook.openapi"]
    return found
