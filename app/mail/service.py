"""What can be done with messages: mean to send one, and list them. Guards first; no commit here."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.accounts.models import Settings
from app.accounts.service import get_settings
from app.config import Settings as Configuration
from app.data import clock, tenancy
from app.data.base import new_id
from app.events.changes import note_change
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict, Invalid
from app.http.lookup import refuse_taken
from app.http.paging import Page, paginate
from app.invoices import service as invoices
from app.invoices.events import InvoiceSent
from app.invoices.models import Invoice
from app.invoices.status import DRAFT, ISSUED
from app.mail import transport
from app.mail.headers import ascii_domain
from app.mail.models import Message
from app.mail.rendering import language_of, subject_line
from app.mail.sending import send_message

SORTS = {"created_at": Message.id, "updated_at": Message.updated_at}
NOBODY = "Is needed: the customer has no e-mail address."

_FILTERS = ("customer_id", "state", "kind")
_SUMMARY = sa.orm.defer(Message.text), sa.orm.defer(Message.html)


def send_invoice(invoice_id: UUID, data: Mapping[str, Any], base_url: str) -> Message:
    """Mean to send an invoice: the message, its job and the invoice's `sent_at` are one transaction.

    Raises NotFound, Conflict unless it is issued, Invalid when nobody is there to get it.
    """
    invoice = invoices.fill_in(invoices.get_head(invoice_id, lock=True))
    _refuse_unless_issued(invoice)
    refuse_taken(Message, Message.external_id, data.get("external_id"), field="external_id")
    message = _message(invoice, get_settings(), data, base_url)
    db.session.add(message)
    invoice.sent_at = invoice.sent_at or clock.now()
    note_change(invoice, "sent_to", None, message.recipients)
    db.session.flush()
    send_message.enqueue(message_id=str(message.id), dedup=f"message:{message.id}")
    emit(InvoiceSent(invoice))
    return message


def invoice_messages(invoice_id: UUID, query: Mapping[str, Any]) -> Page:
    """The messages about an invoice. Raises NotFound."""
    invoices.get_head(invoice_id)
    return list_messages({**query, "invoice_id": invoice_id})


def list_messages(query: Mapping[str, Any]) -> Page:
    """One page of messages. Raises Invalid for an unknown sort or cursor."""
    wanted = {name: query[name] for name in ("invoice_id", *_FILTERS) if name in query}
    statement = sa.select(Message).where(*(getattr(Message, name) == value for name, value in wanted.items()))
    if words := query.get("search", "").strip():
        to = sa.cast(Message.to, sa.Text)
        statement = statement.where(sa.or_(*(each.icontains(words, autoescape=True) for each in (Message.subject, to))))
    return paginate(statement.options(*_SUMMARY), query, model=Message, sorts=SORTS, default="-created_at")


def _refuse_unless_issued(invoice: Invoice) -> None:
    if invoice.state == ISSUED:
        return
    moves = ["issue", "delete"] if invoice.state == DRAFT else []
    hint = "; issue it first" if moves else ""
    text = f"Only an issued invoice can be sent; this one is {invoice.status}{hint}."
    raise Conflict(text, details={"status": invoice.status, "moves": moves})


def _message(invoice: Invoice, settings: Settings, data: Mapping[str, Any], base_url: str) -> Message:
    configuration: Configuration = current_app.config["BILLHOOK"]
    sender = transport.sender_of(configuration)
    name, row_id = settings.name, new_id()
    locale = invoice.language or invoice.buyer.get("language") or settings.locale
    subject = data.get("subject") or subject_line(locale, invoice.number or "", name)
    return Message(
        org_id=tenancy.current_organization(),
        id=row_id,
        kind="invoice",
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        backend="smtp" if configuration.smtp_url else "file",
        message_id=f"<{row_id}@{ascii_domain(sender).rpartition('@')[2]}>",
        sender=sender,
        sender_name=name,
        reply_to=data.get("reply_to") or settings.seller.get("email"),
        to=data.get("to") or _recipients(invoice),
        cc=data.get("cc", []),
        bcc=data.get("bcc", []),
        subject=subject,
        words=data.get("message"),
        language=language_of(locale),
        attach=data.get("attach", "pdf"),
        base_url=base_url,
        extra=data.get("extra", {}),
        external_id=data.get("external_id"),
    )


def _recipients(invoice: Invoice) -> list[str]:
    """Where the customer's mail goes now: an address may have been put right since the invoice was issued."""
    customer = invoice.customer
    found = [customer.email, *(contact.get("email") for contact in customer.contacts), invoice.customer_email]
    for address in found:
        if address:
            return [address]
    raise Invalid({"to": NOBODY})
