"""/audit-log, and the history of an invoice."""

from typing import Any
from uuid import UUID

from app.audit import service
from app.audit.schemas import AuditEntry, AuditQuery, VerifyOut
from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, PageQuery, page_of
from app.invoices.service import get_head

bp = Blueprint("audit", __name__, description="Who did what, when and why, and what was there before.")

_ENTRIES = page_of(AuditEntry)


@bp.route("/audit-log")
@requires(scope="audit:read")
@bp.arguments(AuditQuery, location="query")
@bp.response(200, _ENTRIES)
def list_audit_log(query: dict[str, Any]) -> Page:
    """List what was done, newest first."""
    return service.list_entries(query)


@bp.route("/audit-log/verify")
@requires(scope="audit:read")
@bp.response(200, VerifyOut)
def verify_audit_log() -> dict[str, Any]:
    """Prove that no entry was changed or taken away: read them all and compute their hashes again."""
    return service.verify()


@bp.route("/invoices/<uuid:invoice_id>/history")
@requires(scope="audit:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, _ENTRIES)
def list_invoice_history(query: dict[str, Any], invoice_id: UUID) -> Page:
    """List what was done to an invoice, newest first."""
    return service.history("invoice", get_head(invoice_id).id, query)
