"""The job behind a message: claim it, make its letter, hand that over, write down what was said.

Nothing slow happens in a transaction. What was claimed is owned by one attempt: its number is the proof, and who lost
the claim writes nothing. Letter and attachment are made once and kept, so that a retry sends the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from flask import current_app

from app.config import Settings
from app.data import clock
from app.data.lookup import find
from app.data.transaction import unit_of_work
from app.documents import service as documents
from app.extensions import db
from app.http.errors import Problem
from app.jobs.declare import GiveUp, RetryIn, job
from app.mail import transport
from app.mail.letter import Attachment, letter
from app.mail.models import BOUNCED, FAILED, QUEUED, SENDING, SENT, Message
from app.mail.rendering import Link, render

DELAYS = (60, 300, 900, 3600, 7200, 14_400, 21_600, 28_800)  # 21 hours altogether
ATTEMPTS = len(DELAYS) + 1
# Longer than drawing and sending take. The jobs see to it that one process works on a message; this is for the case
# that two do, and for how long nobody tries again after a process was killed in the middle.
BUSY = timedelta(seconds=transport.LETTER_SECONDS + 30)
_DAY = 86_400
_FINAL = (SENT, BOUNCED)
_LONGEST_ERROR = 2000


@dataclass(frozen=True)
class Claim:
    """A message that is ours to send: a copy of its row, with the number of this attempt."""

    message: Message
    attempt: int


# The message counts its own attempts; a job that only finds another at work has counted one that was none.
@job("mail.send", attempts=ATTEMPTS * 2, delays=DELAYS, lease=60)
def send_message(message_id: str) -> None:
    """Send a message unless it is sent. Raises RetryIn, GiveUp, or what went wrong and may go right later."""
    claim = _claim(UUID(message_id))
    if claim is None:
        return
    try:
        delivery = _send(claim.message)
    except transport.Never as error:
        _settle(claim, state=SENT if claim.message.accepted else FAILED, error=str(error))
        raise GiveUp(str(error)) from error
    except transport.NotNow as error:
        _try_later(claim, str(error))
    except Exception as error:
        _put_back(claim, error.message if isinstance(error, Problem) else f"{type(error).__name__}: {error}")
        raise
    _note(claim, delivery)


def _claim(message_id: UUID) -> Claim | None:
    """Take the message for this attempt; None when there is nothing left to do. Raises RetryIn while another has it."""
    with unit_of_work():
        message = find(Message, message_id, lock=True)
        if message is None or message.state in _FINAL:
            return None
        now = clock.now()
        if message.state == SENDING and message.busy_until and message.busy_until > now:
            raise RetryIn((message.busy_until - now).total_seconds() + 1, "Another attempt is under way.")
        message.state, message.busy_until = SENDING, now + BUSY
        message.attempts += 1
        return Claim(message, message.attempts)


def _send(message: Message) -> transport.Delivery:
    """Make the letter and hand it over to those who have not answered yet."""
    settings: Settings = current_app.config["BILLHOOK"]
    attachment = _frozen(message)
    content = letter(message, attachment)
    if message.backend == "file":
        transport.write_file(settings.instance_path / "mail", file_name(message), content)
        return transport.Delivery(accepted=message.recipients)
    server = transport.server_of(settings)
    if server is None:
        raise transport.NotNow("No mail server is configured any more; set BILLHOOK_SMTP_URL.")
    asked = [each for each in message.recipients if each not in message.accepted and each not in message.refused]
    return transport.deliver(server, transport.Envelope(message.sender, asked, content))


def file_name(message: Message) -> str:
    """What the file of a message is called: the oldest first in a folder."""
    return f"{message.created_at:%Y%m%dT%H%M%SZ}-{message.id}.eml"


def _frozen(message: Message) -> Attachment | None:
    """Make text, HTML and document at the first attempt and keep them; find them at every later one."""
    if message.html is None:
        _freeze(message)
    if message.attach != "pdf":
        return None
    stored = documents.drawn_earlier(message.attachment_hash or "", message.attachment_name or "")
    content = _content(stored.path)
    if content is None and message.invoice_id:
        stored = documents.invoice_pdf(message.invoice_id)
        if stored.content_hash != message.attachment_hash:
            text = "The document of the first attempt is gone, and the invoice shows something else now: send it anew."
            raise transport.Never(text)
        content = stored.path.read_bytes()
    return Attachment(message.attachment_name or "", content or b"")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _freeze(message: Message) -> None:
    if message.invoice_id is None:
        raise transport.Never("The message is about nothing that can be shown.")
    with unit_of_work(write=False):
        view = documents.invoice_view(message.invoice_id)
    with unit_of_work(write=False):
        stored = documents.invoice_pdf(message.invoice_id)
    link = _link(message, stored) if message.attach == "link" else None
    rendered = render(view, message.subject, message.words, link)
    made: dict[str, Any] = {
        "html": rendered.html,
        "text": rendered.text,
        "attachment_name": stored.filename,
        "attachment_hash": stored.content_hash,
        "attachment_size": stored.path.stat().st_size,
    }
    _write(message, message.attempts, made)
    for name, value in made.items():
        setattr(message, name, value)


def _link(message: Message, stored: documents.StoredDocument) -> Link:
    settings: Settings = current_app.config["BILLHOOK"]
    made = documents.link(stored, settings.mail_link_days * _DAY)
    return Link(documents.address(made["token"], message.base_url or ""), made["expires_at"].date())


def _note(claim: Claim, delivery: transport.Delivery) -> None:
    """Write down the answers. Who was asked to come again is, by another attempt, which raises here."""
    message = claim.message
    accepted = [*message.accepted, *delivery.accepted]
    refused = {**message.refused, **delivery.refused}
    known: dict[str, Any] = {"accepted": accepted, "refused": refused}
    if accepted:
        known |= {"sent_at": message.sent_at or clock.now()}
    if message.backend == "file":
        known |= {"file": file_name(message)}
    error = _listed({**refused, **delivery.deferred}) or None
    if delivery.deferred and claim.attempt < ATTEMPTS:
        _settle(claim, state=QUEUED, error=error, **known)
        raise RetryIn(_delay(claim), error or "")
    if delivery.deferred and not accepted:
        _settle(claim, state=FAILED, error=error, **known)
        raise GiveUp(error or "")
    _settle(claim, state=SENT if accepted else BOUNCED, error=error, **known)


def _try_later(claim: Claim, text: str) -> NoReturn:
    """Nothing was accepted this time: raise what brings the next attempt, or after the last one ends them."""
    _put_back(claim, text)
    if claim.attempt < ATTEMPTS:
        raise RetryIn(_delay(claim), text)
    raise GiveUp(text)


def _put_back(claim: Claim, text: str) -> None:
    """The message waits for the next attempt; after the last it has failed, unless some have it already."""
    last = SENT if claim.message.accepted else FAILED
    _settle(claim, state=QUEUED if claim.attempt < ATTEMPTS else last, error=text)


def _delay(claim: Claim) -> int:
    return DELAYS[min(claim.attempt, len(DELAYS)) - 1]


def _listed(refused: Mapping[str, str]) -> str:
    return "; ".join(f"{address}: {words}" for address, words in refused.items())


def _settle(claim: Claim, *, state: str, error: str | None, **known: Any) -> None:
    text = error[:_LONGEST_ERROR] if error else None
    _write(claim.message, claim.attempt, {"state": state, "error": text, "busy_until": None, **known})


def _write(message: Message, attempt: int, values: Mapping[str, Any]) -> None:
    """Write into the message's row while it is still this attempt's. Raises RetryIn when it is not."""
    with unit_of_work():
        row = find(Message, message.id, lock=True)
        if row is None or row.state != SENDING or row.attempts != attempt:
            raise RetryIn(BUSY.total_seconds(), "Another attempt has taken over.")
        for name, value in values.items():
            setattr(row, name, value)
        db.session.flush()
