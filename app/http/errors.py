"""Every failure in one shape: {"error": {"code", "message", "details", "request_id"}}.

Services raise the classes below; werkzeug's own exceptions (unknown path, wrong verb, body too large) and anything
unforeseen are turned into the same envelope. No traceback and no SQL ever leaves.
"""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, json
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)

CODES = {
    400: "bad_request",
    401: "unauthorized",
    402: "subscription_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    410: "gone",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limited",
    500: "internal_error",
    503: "service_unavailable",
}

MESSAGES = {
    400: "The request could not be read.",
    404: "There is nothing at this address.",
    405: "This address does not answer to this method.",
    413: "The request body is too large.",
    415: "The body must be JSON, sent with Content-Type: application/json.",
    500: "Something went wrong on the server. The request id helps to find it in the log.",
}


class Problem(Exception):
    """A refusal with a status, a stable code, one sentence and machine-readable details."""

    status = 400
    retry_after: int | None = None  # seconds, where trying again may help

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or CODES[self.status]
        self.details = dict(details or {})


class BadRequest(Problem):
    """400: the request is not HTTP or JSON as it should be."""


class Unauthorized(Problem):
    """401: no key, or none that works."""

    status = 401


class SubscriptionRequired(Problem):
    """402: the organisation's tier does not open this feature."""

    status = 402


class Forbidden(Problem):
    """403: the key lacks a scope."""

    status = 403


class NotFound(Problem):
    """404: unknown, deleted, or another organisation's - told apart by nobody."""

    status = 404


class Conflict(Problem):
    """409: the request is well formed but the state of things refuses it."""

    status = 409


class Busy(Conflict):
    """409: something else holds what this needs, for a moment."""

    retry_after = 1


class PreconditionFailed(Problem):
    """412: the caller's If-Match names another state of the thing than it has now."""

    status = 412


class Gone(Problem):
    """410: it was here and is not any more."""

    status = 410


class PayloadTooLarge(Problem):
    """413: the body is larger than the configured bound."""

    status = 413


class UnsupportedMediaType(Problem):
    """415: a body that is not JSON."""

    status = 415


class Invalid(Problem):
    """422: fields that break a rule; `fields` maps a dotted path such as lines.0.quantity to its messages."""

    status = 422

    def __init__(self, fields: Mapping[str, list[str] | str], *, code: str | None = None) -> None:
        listed = {_shown(name): [text] if isinstance(text, str) else text for name, text in fields.items()}
        names = ", ".join(list(listed)[:5])
        super().__init__(f"Please correct: {names}.", code=code, details={"fields": listed})


def _shown(name: str) -> str:
    """A path as an answer can carry it: the name of an unknown field is whatever the caller sent."""
    return name.encode("utf-8", "replace").decode()[:80]


class Unavailable(Problem):
    """503: it could not be done just now and changed nothing; trying again may work."""

    status = 503
    retry_after = 5


def init_app(app: Flask) -> None:
    """Register the handlers that leave no failure outside the envelope."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(ValidationError, _from_marshmallow)
    app.register_error_handler(IntegrityError, _from_constraint)
    app.register_error_handler(StaleDataError, _from_stale)
    app.register_error_handler(OperationalError, _from_database)
    app.register_error_handler(Exception, _from_anything)


def problem_response(problem: Problem) -> Response:
    """The envelope for a refusal."""
    response = envelope(problem.status, problem.code, problem.message, problem.details)
    if problem.status == Unauthorized.status:
        response.headers["WWW-Authenticate"] = 'Bearer realm="billhook"'
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def envelope(status: int, code: str, message: str, details: Mapping[str, Any]) -> Response:
    """The one shape of every failure, as a response."""
    error = {"code": code, "message": message, "details": details, "request_id": g.get("request_id")}
    return Response(json.dumps({"error": error}), status=status, mimetype="application/json")


def flatten(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    """Marshmallow's nested messages as dotted paths: {"lines": {0: {"name": [..]}}} -> {"lines.0.name": [..]}."""
    if isinstance(messages, Mapping):
        found: dict[str, list[str]] = {}
        for key, value in messages.items():
            # A rule on the object as a whole belongs to the object's own path.
            path = prefix if key == "_schema" and prefix else f"{prefix}.{key}" if prefix else str(key)
            for name, texts in flatten(value, path).items():
                found.setdefault(name, []).extend(texts)
        return found
    texts = messages if isinstance(messages, list) else [messages]
    return {prefix or "_schema": [str(text) for text in texts]}


def _from_marshmallow(error: ValidationError) -> Response:
    return problem_response(Invalid(flatten(error.messages)))


def _from_werkzeug(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:  # noqa: PLR2004 - redirects made by the router are no failures
        return error.get_response()  # type: ignore[return-value]
    message = MESSAGES.get(error.code) or error.description or error.name
    response = envelope(error.code, CODES.get(error.code, "bad_request"), message, {})
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    return response


def _from_constraint(error: IntegrityError) -> Response:
    """Services look before they store; when another request was quicker, the database's own rule refuses."""
    text = str(error.orig).lower()
    if "unique" in text or "duplicate key" in text or "foreign key" in text:
        log.warning("request %s lost a race: %s", g.get("request_id"), type(error.orig).__name__)
        return problem_response(Conflict("Another request was quicker; read the current state and try again."))
    return _from_anything(error)


def _from_stale(error: StaleDataError) -> Response:  # noqa: ARG001 - handler signature
    """Somebody changed the row between our reading and our writing it."""
    return problem_response(Conflict("Another request was quicker; read the current state and try again."))


def _from_database(error: OperationalError) -> Response:
    """A deadlock or a lock that took too long changed nothing: the caller may simply try again."""
    text = str(error.orig).lower()
    if "deadlock" in text or "lock timeout" in text or "database is locked" in text or "could not serialize" in text:
        return problem_response(Busy("The database is busy with the same rows; try again."))
    return _from_anything(error)


def _from_anything(error: Exception) -> Response:
    log.error("request %s failed", g.get("request_id"), exc_info=error)
    return envelope(500, CODES[500], MESSAGES[500], {})
