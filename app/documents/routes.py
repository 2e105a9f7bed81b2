"""/invoices/{id}/pdf and /files/{signed}."""

from typing import Any
from uuid import UUID

from flask import Response, current_app, request

from app.documents import service
from app.documents.schemas import FileOut
from app.documents.service import StoredDocument
from app.http.blueprint import Blueprint
from app.http.guard import public, requires

bp = Blueprint("documents", __name__, description="Documents as PDF.")

PDF = "application/pdf"
_BINARY = {"type": "string", "contentMediaType": PDF}


@bp.route("/invoices/<uuid:invoice_id>/pdf", methods=("POST",))
@requires(scope="invoices:write", writes=False)
@bp.alt_response(503, response="Error503")
@bp.response(201, FileOut)
def create_invoice_pdf(invoice_id: UUID) -> dict[str, Any]:
    """Make the invoice's PDF and a signed link to it that expires."""
    made = service.link(service.invoice_pdf(invoice_id))
    base = current_app.config["BILLHOOK"].base_url or request.host_url.rstrip("/")
    return made | {"url": service.address(made["token"], base)}


@bp.route("/invoices/<uuid:invoice_id>/pdf")
@requires(scope="invoices:read")
@bp.alt_response(503, response="Error503")
@bp.response(200, _BINARY, content_type=PDF, description="The invoice as a PDF.")
def download_invoice_pdf(invoice_id: UUID) -> Response:
    """Download the invoice as a PDF."""
    return _pdf(service.invoice_pdf(invoice_id))


@bp.route("/files/<signed>")
@public("the signature in the address is the permission, and it expires")
@bp.alt_response(410, response="Error410")
@bp.response(200, _BINARY, content_type=PDF, description="The document.")
def download_file(signed: str) -> Response:
    """Download a document through its signed link; 410 when the link has expired."""
    return _pdf(service.open_link(signed))


def _pdf(stored: StoredDocument) -> Response:
    response = Response(stored.path.read_bytes(), mimetype=PDF)
    response.headers["Content-Disposition"] = f'inline; filename="{stored.filename}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
