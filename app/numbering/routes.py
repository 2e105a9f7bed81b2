"""/number-series."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, PageQuery, page_of, paginate
from app.numbering import service
from app.numbering.audit import audit, numbered_documents
from app.numbering.models import Number, NumberSeries
from app.numbering.schemas import AuditPage, SeriesIn, SeriesOut, SeriesPatch, SeriesQuery

bp = Blueprint("numbering", __name__, description="Number series and the proof that none is missing.")

SERIES_SORTS = {"created_at": NumberSeries.id, "name": NumberSeries.name}
NUMBER_SORTS = {"assigned_at": Number.id, "number": Number.number}


@bp.route("/number-series")
@requires(scope="settings:read")
@bp.arguments(SeriesQuery, location="query")
@bp.response(200, page_of(SeriesOut))
def list_number_series(query: dict[str, Any]) -> Page:
    """List number series."""
    series = sa.select(NumberSeries)
    if query.get("kind"):
        series = series.where(NumberSeries.kind == query["kind"])
    if query.get("search"):
        series = series.where(NumberSeries.name.icontains(query["search"], autoescape=True))
    return paginate(series, query, model=NumberSeries, sorts=SERIES_SORTS, default="created_at")


@bp.route("/number-series", methods=("POST",))
@requires(scope="settings:write")
@bp.arguments(SeriesIn)
@bp.response(201, SeriesOut)
def create_number_series(data: dict[str, Any]) -> NumberSeries:
    """Create a number series."""
    return service.create_series(data)


@bp.route("/number-series/<uuid:series_id>")
@requires(scope="settings:read")
@bp.response(200, SeriesOut)
def get_number_series(series_id: UUID) -> NumberSeries:
    """Show a number series."""
    return service.get_series(series_id)


@bp.route("/number-series/<uuid:series_id>", methods=("PATCH",))
@requires(scope="settings:write")
@bp.arguments(SeriesPatch)
@bp.response(200, SeriesOut)
def update_number_series(data: dict[str, Any], series_id: UUID) -> NumberSeries:
    """Change a number series; what its first number fixed stays."""
    return service.change_series(series_id, data)


@bp.route("/number-series/<uuid:series_id>/audit")
@requires(scope="settings:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, AuditPage)
def audit_number_series(query: dict[str, Any], series_id: UUID) -> dict[str, Any]:
    """List every number with its document, and prove that none is missing and none stands twice."""
    series = service.get_series(series_id)
    numbers = sa.select(Number).where(Number.series_id == series.id)
    page = paginate(numbers, query, model=Number, sorts=NUMBER_SORTS, default="assigned_at")
    states = numbered_documents().states(series.kind, [row.document_id for row in page.data if row.document_id])
    for row in page.data:
        row.document_state = states.get(row.document_id, (None, None))[0]
    findings = audit(series)
    return {"series": series, "complete": findings.complete, **asdict(findings), **vars(page)}
