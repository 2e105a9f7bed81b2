"""Making and keeping PDFs. A document is stored under the hash of what it shows: asked for twice, it is drawn once.

Drawing takes a moment, so the transaction is over before it starts. A link names the stored file, is signed, expires.
"""

import contextlib
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import undefer

from app.accounts.models import Settings
from app.config import Settings as Configuration
from app.data import clock
from app.data.tenancy import current_organization
from app.data.transaction import end_reading
from app.documents.renderer import Renderer, RenderingFailed
from app.documents.rendering import DocumentView, render_pdf
from app.extensions import db
from app.http.errors import Gone, NotFound, Unavailable
from app.http.guard import API
from app.invoices import service as invoices
from app.invoices.models import Invoice
from app.invoices.schemas import InvoiceOut

EXTENSION = "billhook.renderer"
DESIGN = "classic/1"  # part of the hash: raise the number when the same content shall look different
_LINK_SALT = "billhook.file-link"
_WRITER = InvoiceOut()  # one for all: making a schema copies all its fields
# The logo is left out of settings as others read them; here it would be a query of its own.
_SETTINGS = sa.select(Settings).options(undefer(Settings.logo))
# What an issued invoice shows beside its frozen content.
LIVELY = ("state", "reference", "due_date", "amount_paid", "amount_credited")
_UNPRINTED = frozenset(
    {
        "status",
        "payment_status",
        "updated_at",
        "created_at",
        "version",
        "warnings",
        "viewed_at",
        "sent_at",
        "paid_at",
        "internal_notes",
        "metadata",
        "external_id",
        "series_id",
        "source",
    }
)


@dataclass(frozen=True)
class StoredDocument:
    """A PDF on disk: where, what it is called when it is saved, and the hash of what it shows."""

    path: Path
    filename: str
    content_hash: str


def invoice_pdf(invoice_id: UUID) -> StoredDocument:
    """The PDF of an invoice, drawn now or earlier. Raises NotFound, Unavailable."""
    invoice = invoices.get_head(invoice_id)
    settings = db.session.scalars(_SETTINGS).one()
    if invoice.content_hash and (kept := _kept(invoice, settings)).path.exists():
        return kept
    view = _view(invoices.fill_in(invoice), settings)
    stored = _kept(invoice, settings) if invoice.content_hash else _place(invoice, _shown(view))
    end_reading()
    if not stored.path.exists():
        renderer: Renderer = current_app.extensions[EXTENSION]
        try:
            _write(stored.path, render_pdf(view, renderer))
        except RenderingFailed as error:
            raise Unavailable(f"The document could not be drawn: {error}.") from error
    return stored


def invoice_view(invoice_id: UUID) -> DocumentView:
    """What a document of the invoice shows, for those who show it in another form. Raises NotFound."""
    invoice = invoices.get_invoice(invoice_id)
    return _view(invoice, db.session.scalars(_SETTINGS).one())


def drawn_earlier(content_hash: str, filename: str) -> StoredDocument:
    """The current organisation's document of this hash; whether its file is still there is for the caller to see."""
    return StoredDocument(_path(current_organization(), content_hash), filename, content_hash)


def link(stored: StoredDocument, seconds: int | None = None) -> dict[str, Any]:
    """A signed, expiring way to a stored document, as it stands in the answer; `seconds` instead of the setting."""
    config = _config()
    expires_at = clock.now() + timedelta(seconds=seconds or config.file_link_seconds)
    relative = str(stored.path.relative_to(config.files_path))
    token = _signer().dumps([relative, stored.filename, int(expires_at.timestamp())])
    return {
        "token": token,
        "expires_at": expires_at.replace(microsecond=0),
        "filename": stored.filename,
        "content_type": "application/pdf",
        "size": stored.path.stat().st_size,
    }


def address(token: str, base_url: str) -> str:
    """Where a link's document can be fetched from, also outside a request."""
    return f"{base_url}{API}/files/{token}"


def open_link(token: str | bytes) -> StoredDocument:
    """The document behind a link. Raises NotFound for a link that is not ours, Gone for one that has expired."""
    try:
        relative, filename, expires = _signer().loads(token)
    except BadData as error:
        raise NotFound("There is nothing at this address.") from error
    path = _config().files_path / relative
    if clock.now() >= datetime.fromtimestamp(expires, tz=clock.now().tzinfo) or not path.exists():
        raise Gone("This link has expired; ask for a new one.")
    return StoredDocument(path, filename, path.stem)


def _view(invoice: Invoice, settings: Settings) -> DocumentView:
    shown = {name: value for name, value in _WRITER.dump(invoice).items() if name not in _UNPRINTED}
    customer = shown.pop("customer")
    return DocumentView(
        kind="invoice",
        invoice=shown,
        seller={**shown.pop("seller"), "footer": settings.invoice_footer},
        customer=customer,
        brand={"logo": settings.logo, "color": settings.brand_color},
        locale=invoice.language or customer.get("language") or settings.locale,
    )


def _kept(invoice: Invoice, settings: Settings) -> StoredDocument:
    """Where an issued invoice's document is. Its frozen part is known by its hash: no line need be read."""
    lively = {name: str(getattr(invoice, name)) for name in LIVELY}
    around = [settings.invoice_footer, settings.logo, settings.brand_color, settings.locale]
    return _place(invoice, [DESIGN, invoice.content_hash, lively, *around])


def _shown(view: DocumentView) -> list[Any]:
    return [DESIGN, view.kind, view.template, view.locale, view.invoice, view.seller, view.customer, view.brand]


def _place(invoice: Invoice, shown: list[Any]) -> StoredDocument:
    content_hash = hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()
    path = _path(invoice.org_id, content_hash)
    return StoredDocument(path, _filename(invoice.number or "draft"), content_hash)


def _path(org_id: UUID, content_hash: str) -> Path:
    return _config().files_path / str(org_id) / content_hash[:2] / f"{content_hash}.pdf"


def _filename(number: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', number).strip('-.') or 'invoice'}.pdf"


def _write(path: Path, content: bytes) -> None:
    """Put a file in its place whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(_config().secret_key, salt=_LINK_SALT)


def _config() -> Configuration:
    config: Configuration = current_app.config["BILLHOOK"]
    return config
