"""/invoices."""

from typing import Any
from uuid import UUID

from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, page_of
from app.invoices import listing, service
from app.invoices.models import Invoice
from app.invoices.schemas import (
    InvoiceIn,
    InvoiceOut,
    InvoiceQuery,
    InvoiceSummary,
    NextNumberOut,
    NextNumberQuery,
    StrictQuery,
)

bp = Blueprint("invoices", __name__, description="Invoices: drafts, issue, and the totals of any document.")


@bp.route("/invoices")
@requires(scope="invoices:read")
@bp.arguments(InvoiceQuery, location="query")
@bp.response(200, page_of(InvoiceSummary))
def list_invoices(query: dict[str, Any]) -> Page:
    """List invoices."""
    return listing.list_invoices(query)


@bp.route("/invoices", methods=("POST",))
@requires(scope="invoices:write")
@bp.arguments(StrictQuery, location="query")
@bp.arguments(InvoiceIn)
@bp.response(201, InvoiceOut)
def create_invoice(query: dict[str, Any], data: dict[str, Any]) -> Invoice:
    """Create a draft invoice; its totals are computed from its lines."""
    return service.create_invoice(data, strict=query["strict"])


@bp.route("/invoices/next-number")
@requires(scope="invoices:read")
@bp.arguments(NextNumberQuery, location="query")
@bp.response(200, NextNumberOut)
def get_next_invoice_number(query: dict[str, Any]) -> dict[str, Any]:
    """Show the number the next issued invoice would get, reserving nothing."""
    return service.next_number(query.get("series_id"))


@bp.route("/invoices/<uuid:invoice_id>")
@requires(scope="invoices:read")
@bp.response(200, InvoiceOut)
def get_invoice(invoice_id: UUID) -> Invoice:
    """Show an invoice with its lines, parties and tax breakdown."""
    return service.get_invoice(invoice_id)


@bp.route("/invoices/<uuid:invoice_id>", methods=("PUT",))
@requires(scope="invoices:write")
@bp.arguments(StrictQuery, location="query")
@bp.arguments(InvoiceIn)
@bp.response(200, InvoiceOut)
def replace_invoice(query: dict[str, Any], data: dict[str, Any], invoice_id: UUID) -> Invoice:
    """Replace a draft invoice as a whole."""
    return service.replace_invoice(invoice_id, data, strict=query["strict"])


@bp.route("/invoices/<uuid:invoice_id>", methods=("PATCH",))
@requires(scope="invoices:write")
@bp.arguments(StrictQuery, location="query")
@bp.arguments(InvoiceIn(partial=True))
@bp.response(200, InvoiceOut)
def update_invoice(query: dict[str, Any], data: dict[str, Any], invoice_id: UUID) -> Invoice:
    """Change parts of a draft, or the non-fiscal fields of an issued invoice."""
    return service.change_invoice(invoice_id, data, strict=query["strict"])


@bp.route("/invoices/<uuid:invoice_id>", methods=("DELETE",))
@requires(scope="invoices:write")
@bp.response(204)
def delete_invoice(invoice_id: UUID) -> None:
    """Put a draft invoice into the trash."""
    service.delete_invoice(invoice_id)


@bp.route("/invoices/<uuid:invoice_id>/issue", methods=("POST",))
@requires(scope="invoices:issue")
@bp.response(200, InvoiceOut)
def issue_invoice(invoice_id: UUID) -> Invoice:
    """Issue a draft: it gets its number and never changes again."""
    return service.issue_invoice(invoice_id)
