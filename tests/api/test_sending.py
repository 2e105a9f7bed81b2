"""Sending an invoice by e-mail, as a real mail server and whoever reads the files see it."""

import io
import threading
from dataclasses import replace
from email import policy
from email.parser import BytesParser
from uuid import UUID

import pypdf
import pytest
import sqlalchemy as sa
import time_machine

from app.accounts.models import Organization
from app.data import clock
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.jobs.declare import GiveUp, RetryIn
from app.jobs.models import JobRow
from app.mail import sending, transport
from app.mail.models import Message
from app.mail.sending import send_message
from tests.architecture.operations import raw
from tests.support.client import assert_refused
from tests.support.smtp import free_port, mail_server

ENCODED = "=?utf-8?q?x=0d=0aBcc:_a=40b.example=0d=0a?="


@pytest.fixture
def configured(app, monkeypatch):
    """Change settings of the running application for one test."""

    def change(**values):
        monkeypatch.setitem(app.config, "BILLHOOK", replace(app.config["BILLHOOK"], **values))
        return app.config["BILLHOOK"]

    return change


@pytest.fixture
def smtp(configured):
    """A mail server that the application is configured for."""
    with mail_server() as told:
        configured(smtp_url=f"smtp://127.0.0.1:{told.port}", mail_from="billing@host.example")
        yield told


@pytest.fixture
def issued(client, make_invoice):
    """Make an issued invoice."""

    def make(**fields):
        made = client.post(f"/invoices/{make_invoice(**fields)['id']}/issue")
        assert made.status_code == 200, made.get_json()
        return made.get_json()

    return make


@pytest.fixture
def send(client):
    def send(invoice, body=None):
        answer = client.post(f"/invoices/{invoice['id']}/send", body)
        assert answer.status_code == 202, answer.get_json()
        return answer.get_json()

    return send


@pytest.fixture
def work(app, client):
    """Run the job of a message, as a worker does."""

    def work(message):
        with app.app_context(), organization(client.org_id, "UTC"):
            send_message(message_id=message["id"])

    return work


@pytest.fixture
def state(client):
    """What the API says of a message now."""

    def state(message):
        found = client.get(f"/invoices/{message['invoice_id']}/communications").get_json()["data"]
        return next(each for each in found if each["id"] == message["id"])

    return state


def test_the_customer_gets_the_invoice(client, smtp, issued, send, work, state):
    invoice = issued()
    message = send(invoice)
    assert (message["state"], message["backend"], message["to"]) == ("queued", "smtp", ["billing@acme.example"])
    assert message["subject"] == f"Invoice {invoice['number']} from Test GmbH"
    assert message["attachments"] == [] and message["sent_at"] is None
    work(message)
    [received] = smtp.received
    mail = received.parsed
    assert (received.sender, received.recipients) == ("billing@host.example", ["billing@acme.example"])
    assert mail["Message-ID"] == message["message_id"]
    assert mail["From"] == "Test GmbH <billing@host.example>"
    assert (mail["To"], mail["Subject"], mail["Bcc"]) == ("billing@acme.example", message["subject"], None)
    text, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    for body in (text, html):
        assert "1,500.00" in body and invoice["number"] in body
    [attached] = mail.iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("application/pdf", f"{invoice['number']}.pdf")
    assert attached.get_content() == client.get(f"/invoices/{invoice['id']}/pdf").data
    assert "Consulting" in pypdf.PdfReader(io.BytesIO(attached.get_content())).pages[0].extract_text()
    after = state(message)
    assert (after["state"], after["error"], after["attempts"]) == ("sent", None, 1)
    assert after["sent_at"]
    attachment = {"filename": f"{invoice['number']}.pdf", "content_type": "application/pdf"}
    assert after["attachments"] == [attachment | {"size": len(attached.get_content())}]


def test_the_invoice_is_sent_the_event_says_so_and_there_is_one_job(app, client, issued, send):
    invoice = issued()
    assert invoice["status"] == "issued"
    first = send(invoice)
    sent = client.get(f"/invoices/{invoice['id']}").get_json()
    assert (sent["status"], sent["sent_at"] is not None) == ("sent", True)
    send(invoice, {"to": ["other@acme.example"]})
    again = client.get(f"/invoices/{invoice['id']}").get_json()
    assert again["sent_at"] == sent["sent_at"], "sent_at is when it was sent first"
    events = client.get("/events?type=invoice.sent").get_json()["data"]
    assert [event["entity"]["id"] for event in events] == [invoice["id"]] * 2
    assert events[0]["data"]["sent_at"] == sent["sent_at"]
    history = client.get(f"/invoices/{invoice['id']}/history").get_json()["data"]
    assert any(entry["after"].get("sent_to") == ["other@acme.example"] for entry in history if entry["after"])
    with app.app_context(), crossing("a test reads the jobs"), unit_of_work(write=False):
        jobs = db.session.scalars(sa.select(JobRow).where(JobRow.org_id == client.org_id)).all()
    assert len(jobs) == 2
    assert [job.args for job in jobs if job.dedup == f"message:{first['id']}"] == [{"message_id": first["id"]}]
    assert {job.name for job in jobs} == {"mail.send"}


def test_without_a_mail_server_it_is_a_file_and_the_answer_says_so(app, issued, send, work, state):
    message = send(issued())
    assert message["backend"] == "file"
    work(message)
    after = state(message)
    assert after["state"] == "sent"
    path = app.config["BILLHOOK"].instance_path / "mail" / after["file"]
    mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert (mail["Message-ID"], mail["To"]) == (message["message_id"], "billing@acme.example")
    assert [each.get_content_type() for each in mail.iter_attachments()] == ["application/pdf"]
    assert not list(path.parent.glob(".*")), "no draft is left behind"


def test_a_folder_that_cannot_be_written_is_tried_again(configured, tmp_path, issued, send, work, state):
    message = send(issued())
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "mail").write_text("no folder", encoding="utf-8")
    (blocked / "files").mkdir()
    configured(instance_path=blocked)
    with pytest.raises(RetryIn, match="cannot be written"):
        work(message)
    assert state(message)["state"] == "queued"


HOSTILE_SENDS = [
    {},
    {"subject": ENCODED},
    {"subject": f"Invoice {ENCODED}", "message": f"{ENCODED}\nBcc: a@b.example"},
    {"subject": "=?us-ascii?b?DQpCY2M6IGFAYi5leGFtcGxl?=", "reply_to": "r@acme.example"},
]
HEADERS = {
    b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"content-language", b"mime-version",
    b"content-type",
}  # fmt: skip


def test_hostile_words_become_no_header(client, smtp, issued, send, work):
    """Four sends with what became a Bcc header under Python 3.11.7: one recipient each, and no Bcc in the bytes."""
    client.patch("/settings", {"name": f"Acme {ENCODED}"})
    names = dict.fromkeys(("name", "company_name", "contact_name"), ENCODED)
    customer = client.post("/customers", names | {"email": "v@acme.example"}).get_json()
    for body in HOSTILE_SENDS:
        work(send(issued(customer_id=customer["id"], reference=ENCODED), body))
    assert len(smtp.received) == 4
    for received, body in zip(smtp.received, HOSTILE_SENDS, strict=True):
        assert received.recipients == ["v@acme.example"]
        assert header_names(received) <= HEADERS
        assert b"bcc" not in received.header.lower()
        mail = BytesParser(policy=policy.default).parsebytes(received.raw)
        assert mail["Bcc"] is None
        if "subject" in body:
            assert mail["Subject"] == body["subject"], "what was typed is read as it was typed"


def header_names(received):
    lines = [line for line in received.header.split(b"\n") if not line.startswith((b" ", b"\t"))]
    names = [line.partition(b":")[0].lower() for line in lines]
    assert len(names) == len(set(names))
    return set(names)


def test_line_breaks_in_a_stored_name_become_no_header(app, client, smtp, issued, send, work):
    """Names come over the command line, too, past the rules of the API."""
    with app.app_context(), crossing("a test writes a name as an operator would"), unit_of_work():
        name = "Acme\r\nBcc: a@b.example\r\n\r\nbody"
        db.session.execute(sa.update(Organization).where(Organization.id == client.org_id).values(name=name))
    work(send(issued()))
    [received] = smtp.received
    assert header_names(received) <= HEADERS
    assert b'From: "Acme Bcc: a@b.example body" <billing@host.example>\n' in received.header
    assert received.recipients == ["billing@acme.example"]


@pytest.mark.parametrize("bad", ["x\r\nBcc: a@b.example", "x\nBcc: a@b.example", "x\x00", "x\x85y", "\ud800"])
def test_control_characters_are_refused(client, issued, bad):
    path = f"/invoices/{issued()['id']}/send"
    for field, body in (("subject", {"subject": bad}), ("to.0", {"to": [f"a@b.example{bad}"]})):
        assert_refused(client.post(path, **raw(body)), 422, "validation_error", field=field)
    assert client.get("/communications").get_json()["data"] == []


def test_a_bad_address_bounces_with_the_servers_words_and_is_not_tried_again(smtp, issued, send, work, state):
    message = send(issued())
    smtp.rcpt = {"billing@acme.example": "550 5.1.1 No such user here"}
    work(message)
    after = state(message)
    assert (after["state"], after["error"]) == ("bounced", "billing@acme.example: 550 5.1.1 No such user here")
    asked = smtp.asked
    work(message)
    assert smtp.asked == asked and smtp.received == []


def test_a_letter_that_is_refused_has_failed_until_somebody_retries_its_job(smtp, issued, send, work, state):
    message = send(issued())
    smtp.data = ["554 Looks like spam"]
    with pytest.raises(GiveUp, match="554 Looks like spam"):
        work(message)
    assert (state(message)["state"], state(message)["error"]) == ("failed", "554 Looks like spam")
    work(message)
    assert (state(message)["state"], state(message)["error"]) == ("sent", None)
    assert len(smtp.received) == 1


def test_down_then_busy_then_up_is_one_letter_with_the_same_bytes(configured, issued, send, work, state):
    port = free_port()
    configured(smtp_url=f"smtp://127.0.0.1:{port}", mail_from="billing@host.example")
    message = send(issued())
    with pytest.raises(RetryIn, match="refused") as later:
        work(message)
    assert later.value.seconds == sending.DELAYS[0]
    assert (state(message)["state"], "refused" in state(message)["error"]) == ("queued", True)
    with mail_server(port) as told:
        told.data = ["451 Later"]
        with pytest.raises(RetryIn, match="451 Later"):
            work(message)
        work(message)
        work(message)
    assert len(told.received) == 1
    assert told.received[0].parsed["Message-ID"] == message["message_id"]
    assert (state(message)["state"], state(message)["attempts"], state(message)["error"]) == ("sent", 3, None)


def test_who_was_reached_is_not_written_to_again(smtp, issued, send, work, state):
    body = {"to": ["one@acme.example", "gone@acme.example"], "cc": ["two@acme.example"], "bcc": ["secret@acme.example"]}
    message = send(issued(), body)
    smtp.rcpt = {"two@acme.example": "450 Greylisted", "gone@acme.example": "550 Gone"}
    with pytest.raises(RetryIn, match="450 Greylisted"):
        work(message)
    del smtp.rcpt["two@acme.example"]
    work(message)
    assert [each.recipients for each in smtp.received] == [
        ["one@acme.example", "secret@acme.example"],
        ["two@acme.example"],
    ]
    first, second = smtp.received
    assert first.raw == second.raw, "every copy is the same letter"
    assert first.parsed["To"].replace("\r\n", "") == "one@acme.example, gone@acme.example"
    assert first.parsed["Cc"] == "two@acme.example"
    assert b"secret@" not in first.raw
    after = state(message)
    assert (after["state"], after["error"]) == ("sent", "gone@acme.example: 550 Gone")


def test_what_some_have_is_sent_also_when_it_is_then_refused_for_the_others(smtp, issued, send, work, state):
    message = send(issued(), {"to": ["one@acme.example", "two@acme.example"]})
    smtp.rcpt = {"two@acme.example": "450 Greylisted"}
    with pytest.raises(RetryIn):
        work(message)
    smtp.rcpt, smtp.data = {}, ["554 Looks like spam"]
    with pytest.raises(GiveUp, match="554"):
        work(message)
    assert (state(message)["state"], state(message)["error"]) == ("sent", "554 Looks like spam")
    work(message)
    assert len(smtp.received) == 1


def test_it_is_given_up_in_the_end(configured, issued, send, work, state):
    configured(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    message = send(issued())
    for _ in range(sending.ATTEMPTS - 1):
        with pytest.raises(RetryIn):
            work(message)
    with pytest.raises(GiveUp, match="refused"):
        work(message)
    assert state(message)["state"] == "failed"
    assert 0.75 < sum(sending.DELAYS) / 86_400 < 1.25, "about a day"


def test_who_is_asked_to_come_again_to_the_end_has_failed_not_bounced(smtp, issued, send, work, state):
    message = send(issued())
    smtp.rcpt = {"billing@acme.example": "450 Greylisted"}
    for _ in range(sending.ATTEMPTS - 1):
        with pytest.raises(RetryIn, match="450 Greylisted"):
            work(message)
    with pytest.raises(GiveUp, match="450 Greylisted"):
        work(message)
    assert (state(message)["state"], state(message)["error"]) == ("failed", "billing@acme.example: 450 Greylisted")


def test_two_at_once_send_one(app, client, smtp, issued, send, state):
    message = send(issued())
    barrier, ends = threading.Barrier(4), []

    def run():
        with app.app_context(), organization(client.org_id, "UTC"):
            barrier.wait()
            try:
                send_message(message_id=message["id"])
                ends.append("done")
            except RetryIn as error:
                ends.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(smtp.received) == 1
    assert "done" in ends and set(ends) <= {"done", "Another attempt is under way."}
    assert state(message)["state"] == "sent"


def test_a_killed_attempt_is_taken_over_with_the_same_bytes(client, smtp, issued, send, work, state, monkeypatch):
    """Killed between the server's 250 and our commit: the letter goes out again, and is the same."""
    invoice = issued()
    message = send(invoice)

    class Killed(BaseException):
        pass

    def kill(*_, **__):
        raise Killed

    noted = sending._note
    monkeypatch.setattr(sending, "_note", kill)
    with pytest.raises(Killed):
        work(message)
    monkeypatch.setattr(sending, "_note", noted)
    assert state(message)["state"] == "sending"
    client.patch(f"/invoices/{invoice['id']}", {"reference": "changes what the PDF shows"})
    with pytest.raises(RetryIn, match="under way"):
        work(message)
    with time_machine.travel(clock.now() + sending.BUSY * 1.1):
        work(message)
    first, second = smtp.received
    assert first.raw == second.raw
    assert state(message)["state"] == "sent"


def test_an_attempt_that_was_taken_over_writes_nothing(smtp, issued, send, work, state, monkeypatch):
    message = send(issued())
    real = transport.deliver

    def slow(server, envelope):
        found = real(server, envelope)
        with unit_of_work():
            db.session.execute(sa.update(Message).where(Message.id == UUID(message["id"])).values(attempts=7))
        return found

    monkeypatch.setattr(transport, "deliver", slow)
    with pytest.raises(RetryIn, match="taken over"):
        work(message)
    assert (state(message)["state"], state(message)["attempts"]) == ("sending", 7)


def test_a_lost_file_is_drawn_again_unless_it_would_show_something_else(app, client, smtp, issued, send, work, state):
    same, other = issued(), issued()
    for invoice, sent in ((same, True), (other, False)):
        message = send(invoice)
        smtp.data = ["451 Later"]
        with pytest.raises(RetryIn):
            work(message)
        for path in (app.config["BILLHOOK"].files_path / str(client.org_id)).rglob("*.pdf"):
            path.unlink()
        if not sent:
            client.patch(f"/invoices/{invoice['id']}", {"reference": "new"})
            with pytest.raises(GiveUp, match="send it anew"):
                work(message)
        else:
            work(message)
        assert state(message)["state"] == ("sent" if sent else "failed")
    assert len(smtp.received) == 1
