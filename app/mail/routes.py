"""/communications, and what is sent about an invoice."""

from typing import Any
from uuid import UUID

from flask import current_app, request

from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, page_of
from app.mail import service
from app.mail.models import Message
from app.mail.schemas import InvoiceMessageQuery, MessageOut, MessageQuery, SendIn

bp = Blueprint("mail", __name__, description="E-mail: sending, and what became of it.")

MESSAGES = page_of(MessageOut)


@bp.route("/invoices/<uuid:invoice_id>/send", methods=("POST",))
@requires(scope="invoices:issue")
@bp.arguments(SendIn, required=False)
@bp.response(202, MessageOut)
def send_invoice(data: dict[str, Any], invoice_id: UUID) -> Message:
    """Send an issued invoice by e-mail; the answer is the message, which goes out at once or is tried for a day."""
    base = current_app.config["BILLHOOK"].base_url or request.host_url.rstrip("/")
    return service.send_invoice(invoice_id, data, base)


@bp.route("/invoices/<uuid:invoice_id>/communications")
@requires(scope="invoices:read")
@bp.arguments(InvoiceMessageQuery, location="query")
@bp.response(200, MESSAGES)
def list_invoice_communications(query: dict[str, Any], invoice_id: UUID) -> Page:
    """List every message about an invoice."""
    return service.invoice_messages(invoice_id, query)


@bp.route("/communications")
@requires(scope="invoices:read")
@bp.arguments(MessageQuery, location="query")
@bp.response(200, MESSAGES)
def list_communications(query: dict[str, Any]) -> Page:
    """List every message, with its state."""
    return service.list_messages(query)
