"""A letter as it goes over the wire: the same bytes for the same message, whenever and wherever they are made."""

import hashlib
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from app.mail.headers import date_header, mailboxes, raw_header, text_header
from app.mail.models import PDF, Message


@dataclass(frozen=True)
class Attachment:
    """A file that travels with a letter."""

    filename: str
    content: bytes


def letter(message: Message, attachment: Attachment | None) -> bytes:
    """The letter of a message whose text and HTML are made. Blind copies stand in no header."""
    to_all = [mailboxes("From", [message.sender], message.sender_name)]
    to_all += [mailboxes(name, found) for name, found in (("To", message.to), ("Cc", message.cc)) if found]
    to_all += [mailboxes("Reply-To", [message.reply_to])] if message.reply_to else []
    headers = [
        *to_all,
        text_header("Subject", message.subject),
        date_header(message.created_at),
        raw_header("Message-ID", message.message_id),
        raw_header("Content-Language", message.language.replace("_", "-")),
    ]
    return "".join(headers).encode() + _body(message, attachment).as_bytes(policy=SMTP)


def _body(message: Message, attachment: Attachment | None) -> EmailMessage:
    """Text, HTML and file as MIME; only what we wrote ourselves enters a header here."""
    body = EmailMessage(policy=SMTP)
    body.set_content(message.text or "", cte="quoted-printable")
    body.add_alternative(message.html or "", subtype="html", cte="quoted-printable")
    body.set_boundary(_boundary(message, "alternative"))
    if attachment:
        kind, _, subtype = PDF.partition("/")
        body.add_attachment(attachment.content, maintype=kind, subtype=subtype, filename=attachment.filename)
        body.set_boundary(_boundary(message, "mixed"))
    return body


def _boundary(message: Message, part: str) -> str:
    """A boundary that no line of a part can be: quoted-printable writes = as =3D, base64 has no underscore."""
    return f"=_{hashlib.sha256(f'{part} {message.message_id}'.encode()).hexdigest()[:40]}"
