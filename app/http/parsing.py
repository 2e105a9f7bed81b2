"""Reading requests: the body must be JSON in UTF-8 within its bound, the query must hold known parameters only."""

from typing import Any, NoReturn

import flask
import marshmallow
from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from app.http.change import DRY, running_change
from app.http.errors import BadRequest, Invalid, PayloadTooLarge, UnsupportedMediaType, flatten

MOST_DRAINED = 16 * 1024 * 1024


class BodyParser(FlaskParser):
    """webargs for Flask with the refusals of the API: 400, 413 and 415 before any field is looked at."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - declared so by webargs
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": None,  # the schema decides; ours raise
        "query": marshmallow.RAISE,
    }

    def load_json(self, req: Request, schema: marshmallow.Schema) -> Any:  # noqa: ARG002 - webargs' signature
        """The parsed body. See `parse_body`."""
        return parse_body(req)

    def load_querystring(self, req: Request, schema: marshmallow.Schema) -> Any:
        """The query without what every change understands: no schema need know of dry_run."""
        if DRY not in req.args or running_change() is None:
            return super().load_querystring(req, schema)
        known = MultiDict([(name, value) for name, value in req.args.items(multi=True) if name != DRY])
        return self._makeproxy(known, schema)

    def handle_error(self, error: marshmallow.ValidationError, *_: object, **__: object) -> NoReturn:
        """Raise Invalid. webargs files messages under their location, which the caller need not know."""
        raise Invalid({name: texts for found in error.messages_dict.values() for name, texts in flatten(found).items()})


def parse_body(req: Request) -> Any:
    """The parsed body; {} when there is none. Raises BadRequest, PayloadTooLarge or UnsupportedMediaType."""
    body = read_body(req)
    if not body:
        return {}
    if not req.is_json:
        raise UnsupportedMediaType("The body must be JSON, sent with Content-Type: application/json.")
    try:
        return flask.json.loads(body)
    except RecursionError as error:
        raise BadRequest("The JSON is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not valid UTF-8.") from error
    except ValueError as error:
        raise BadRequest("The body is not valid JSON.") from error


def refuse_body(req: Request) -> None:
    """For operations that take no body: raise Invalid for whatever is sent but an empty object, and as `parse_body`."""
    found = parse_body(req)
    if not isinstance(found, dict):
        raise Invalid({"_schema": "This operation takes no body."})
    if found:
        raise Invalid(flatten({name: ["Is no field of this operation."] for name in found}))


def read_body(req: Request) -> bytes:
    """The raw body. Raises PayloadTooLarge, also for a body sent in chunks without a length."""
    try:
        body = req.get_data(cache=True)
    except RequestEntityTooLarge as error:
        _drain(req)
        raise _too_large() from error
    # Without a length werkzeug stops reading at the bound and says nothing of what it left.
    if req.content_length is None and len(body) >= flask.current_app.config["MAX_CONTENT_LENGTH"]:
        raise _too_large()
    return body


def _drain(req: Request) -> None:
    """Read what the caller is still sending, within reason: one who cannot finish never sees the answer."""
    left = min(req.content_length or 0, MOST_DRAINED)
    while left > 0 and (piece := req.environ["wsgi.input"].read(min(left, 65_536))):
        left -= len(piece)


def _too_large() -> PayloadTooLarge:
    bound = flask.current_app.config["MAX_CONTENT_LENGTH"]
    return PayloadTooLarge(f"The body is larger than {bound} bytes.", details={"max_bytes": bound})
