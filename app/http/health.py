"""Is it up, and can it serve? For load balancers and monitors."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, current_app, json

from app import __version__
from app.data import clock
from app.data.readiness import Fact, standing
from app.http import draining, fields
from app.http.blueprint import Blueprint
from app.http.guard import public
from app.http.schema import Schema

bp = Blueprint("health", __name__, url_prefix="", description="Is it up, and can it serve?")


class HealthOut(Schema):
    """The process answers."""

    status = fields.Text(10, required=True, example="healthy")
    timestamp = fields.Instant(required=True)
    version = fields.Text(40, required=True, example=__version__)


class ReadyOut(HealthOut):
    """Each thing the service needs, and whether it is there."""

    status = fields.Text(10, required=True, one_of=("ready", "not_ready"), example="ready")
    checks = fields.Plain(
        schema={
            "type": "object",
            "additionalProperties": {"type": "boolean"},
            "example": {"accepting": True, "database": True, "migrations": True},
        }
    )
    facts = fields.Plain(
        schema={
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "null"]},
            "example": {"last_tick": "2026-03-01T12:00:00Z", "overdue": 0},
        }
    )


@bp.route("/health")
@public("monitors have no key")
@bp.response(200, HealthOut)
def get_health() -> dict[str, Any]:
    """Say that the process answers."""
    return _report("healthy")


@bp.route("/health/ready")
@public("monitors have no key")
@bp.alt_response(503, schema=ReadyOut, description="Something is missing")
@bp.response(200, ReadyOut)
def get_readiness() -> Response:
    """Say whether the database answers and is migrated, and how the work stands; 503 when something is missing."""
    found = standing(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - for a thread
    checks = {"accepting": not draining.begun()} | found.checks
    ready = all(checks.values())
    facts = {name: _written(value) for name, value in found.facts.items()}
    body = ReadyOut().dump(_report("ready" if ready else "not_ready") | {"checks": checks, "facts": facts})
    return Response(json.dumps(body), status=200 if ready else 503, mimetype="application/json")


def _written(value: Fact) -> Fact:
    return f"{value.astimezone(UTC).isoformat().removesuffix('+00:00')}Z" if isinstance(value, datetime) else value


def _report(status: str) -> dict[str, str | datetime]:
    return {"status": status, "timestamp": clock.now(), "version": __version__}
