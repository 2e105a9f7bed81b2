"""Shapes of e-mail on the wire."""

from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.mail.models import ATTACH, BACKENDS, KINDS, STATES

MOST_RECIPIENTS = 20


class SendIn(Schema):
    """How to send an invoice. Everything has a default."""

    to = fields.some(fields.Email(), least=1, most=MOST_RECIPIENTS, doc="Default: the customer's address.")
    cc = fields.some(fields.Email(), most=MOST_RECIPIENTS, doc="Copies, seen by all.")
    bcc = fields.some(fields.Email(), most=MOST_RECIPIENTS, doc="Copies that nobody sees.")
    reply_to = fields.Email(allow_none=True, doc="Where answers go; default: the seller's address in the settings.")
    subject = fields.Text(
        300, least=1, allow_none=True, example="Invoice INV-0007", doc="Default: in the customer's language."
    )
    message = fields.Text(
        4000, lines=True, allow_none=True, example="Thank you for your order.", doc="Instead of our own sentence."
    )
    attach = fields.Text(10, one_of=ATTACH, example="pdf", doc="The document itself, or a signed link; default pdf.")
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()


class AttachmentOut(Schema):
    """A file that travels with a message."""

    filename = fields.Text(120, example="INV-0007.pdf")
    content_type = fields.Text(60, example="application/pdf")
    size = fields.Whole(0, 2**53, allow_none=True, example=42_000, doc="Bytes.")


class MessageOut(Schema):
    """An e-mail: what was meant to be sent, and what became of it."""

    id = fields.Id()
    kind = fields.Text(20, one_of=KINDS, example="invoice")
    state = fields.Text(
        20,
        one_of=STATES,
        example="sent",
        doc="queued and sending go on by themselves; sent: the mail server took it; bounced: it refused every address; "
        "failed: given up.",
    )
    error = fields.Text(
        2000,
        allow_none=True,
        example="jo@acme.example: 550 No such user here",
        doc="What the mail server said last; on a sent message, of the addresses that it refused.",
    )
    backend = fields.Text(
        10, one_of=BACKENDS, example="smtp", doc="file: no mail server is configured; a file is written."
    )
    file = fields.Text(120, allow_none=True, example="20261121T093000Z-0192f0c1.eml", doc="In instance/mail.")
    sender = fields.Text(254, example="billing@example.com")
    reply_to = fields.Text(254, allow_none=True, example="office@example.com")
    to = fields.List(fields.Text(254, example="billing@acme.example"))
    cc = fields.List(fields.Text(254))
    bcc = fields.List(fields.Text(254))
    subject = fields.Text(500, example="Invoice INV-0007 from Example Ltd")
    language = fields.Text(20, example="en")
    attach = fields.Text(10, one_of=ATTACH, example="pdf")
    attachments = fields.List(fields.Nested(AttachmentOut))
    invoice_id = fields.Id(allow_none=True)
    customer_id = fields.Id(allow_none=True)
    message_id = fields.Text(320, example="<0192f0c1-2b3c-7d4e-8f50-61728394a5b6@example.com>", doc="RFC 5322.")
    attempts = fields.Whole(0, 2**31, example=1)
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    sent_at = fields.Instant(allow_none=True, doc="When the mail server took it for the first recipient.")
    created_at = fields.Instant()
    updated_at = fields.Instant()


class InvoiceMessageQuery(PageQuery):
    """Filters of an invoice's messages. `search` looks into subject and recipients."""

    state = fields.Text(20, one_of=STATES, example="bounced", doc="Exactly this state.")
    kind = fields.Text(20, one_of=KINDS, example="invoice", doc="Exactly this kind.")


class MessageQuery(InvoiceMessageQuery):
    """Filters of the list. `search` looks into subject and recipients."""

    invoice_id = fields.Id(doc="About this invoice.")
    customer_id = fields.Id(doc="To this customer.")
