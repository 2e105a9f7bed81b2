"""The way to a mail server: encryption, login, what is final and what is not, and how long anybody may take."""

import socket
import threading
import time
from dataclasses import replace

import pytest

from app.config import Settings
from app.mail import transport
from app.mail.transport import Envelope, Never, NotNow, deliver, server_of
from tests.support.smtp import certificate, free_port, mail_server

LETTER = b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n.\r\n..dots\r\n"


@pytest.fixture(scope="module")
def cert(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("cert"))


def server(told, scheme="smtp", login="", ca=None):
    at = f"{login}@" if login else ""
    return server_of(Settings(smtp_url=f"{scheme}://{at}127.0.0.1:{told.port}", smtp_ca_file=ca))


def letter_to(*recipients, letter=LETTER):
    return Envelope("billing@seller.example", recipients, letter)


def test_a_letter_arrives_byte_for_byte():
    with mail_server() as told:
        found = deliver(server(told), letter_to("a@x.example", "b@x.example"))
    assert (found.accepted, found.refused, found.deferred) == (["a@x.example", "b@x.example"], {}, {})
    [received] = told.received
    assert (received.sender, received.recipients) == ("billing@seller.example", ["a@x.example", "b@x.example"])
    assert received.raw == LETTER


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_encrypted_and_logged_in(cert, scheme):
    tls = (
        {"ssl_context": cert.context} if scheme == "smtps" else {"tls_context": cert.context, "require_starttls": True}
    )
    # aiosmtpd knows that it is encrypted only when it said STARTTLS itself.
    with mail_server(login=True, auth_require_tls=scheme != "smtps", **tls) as told:
        deliver(server(told, scheme, "u%40b.example:p%40ss%3Aword", cert.path), letter_to("a@x.example"))
        assert told.logins == ["u@b.example"]
        assert len(told.received) == 1
        with pytest.raises(NotNow, match="535"):
            deliver(server(told, scheme, "u:wrong", cert.path), letter_to("a@x.example"))
        with pytest.raises(NotNow, match="The certificate of"):
            deliver(server(told, scheme, "u:p%40ss%3Aword"), letter_to("a@x.example"))
    assert len(told.received) == 1


def test_a_server_without_what_the_address_asks_for():
    with mail_server() as told:
        with pytest.raises(NotNow, match="STARTTLS"):
            deliver(server(told, "smtp+starttls"), letter_to("a@x.example"))
        with pytest.raises(NotNow, match="no login; use smtp"):
            deliver(server(told, "smtp", "u:p"), letter_to("a@x.example"))
    assert told.received == []


def test_each_recipient_has_an_answer_of_their_own():
    with mail_server() as told:
        told.rcpt = {"gone@x.example": "550 5.1.1 No such user", "full@x.example": "452 Mailbox full"}
        found = deliver(server(told), letter_to("gone@x.example", "ok@x.example", "full@x.example"))
        assert found.accepted == ["ok@x.example"]
        assert found.refused == {"gone@x.example": "550 5.1.1 No such user"}
        assert found.deferred == {"full@x.example": "452 Mailbox full"}
        assert told.received[0].recipients == ["ok@x.example"]
        alone = deliver(server(told), letter_to("gone@x.example"))
    assert (alone.accepted, list(alone.refused)) == ([], ["gone@x.example"])
    assert len(told.received) == 1


@pytest.mark.parametrize(("answer", "raised"), [("554 Looks like spam", Never), ("451 Try again later", NotNow)])
def test_a_letter_that_is_not_taken(answer, raised):
    with mail_server() as told:
        told.data = [answer]
        with pytest.raises(raised, match=answer):
            deliver(server(told), letter_to("a@x.example"))


def test_nobody_listens():
    nobody = server_of(Settings(smtp_url=f"smtp://127.0.0.1:{free_port()}"))
    with pytest.raises(NotNow, match="refused"):
        deliver(nobody, letter_to("a@x.example"))


def test_a_letter_too_large_is_refused_before_it_is_sent():
    with mail_server(data_size_limit=50) as told, pytest.raises(Never, match="552"):
        deliver(server(told), letter_to("a@x.example", letter=LETTER + b"x" * 100))
    assert told.received == []


def test_addresses_beyond_ascii():
    letter = "To: jürgen@x.example\r\n\r\nHello\r\n".encode()
    with mail_server(enable_SMTPUTF8=True) as told:
        found = deliver(server(told), letter_to("jürgen@x.example", "a@bücher.example", letter=letter))
        assert list(found.accepted) == ["jürgen@x.example", "a@bücher.example"]
        assert told.received[0].recipients == ["jürgen@x.example", "a@xn--bcher-kva.example"]
    with mail_server(enable_SMTPUTF8=False) as told:
        with pytest.raises(Never, match="SMTPUTF8"):
            deliver(server(told), letter_to("jürgen@x.example", letter=letter))
        assert deliver(server(told), letter_to("a@bücher.example")).accepted == ["a@bücher.example"]


def test_a_server_that_drips_is_left(monkeypatch):
    monkeypatch.setattr(transport, "LETTER_SECONDS", 0.7)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            link, _ = listener.accept()
            with link:
                link.sendall(b"220-")
                while not stop.wait(0.05):
                    try:
                        link.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        slow = server_of(Settings(smtp_url=f"smtp://127.0.0.1:{listener.getsockname()[1]}"))
        with pytest.raises(NotNow):
            deliver(slow, letter_to("a@x.example"))
        assert 0.5 < time.monotonic() - started < 5
        stop.set()
        thread.join(5)


def test_what_a_server_says_is_bounded_and_one_line():
    said = transport._words((550, b"bad\x00\x1b[2J\r\nline " + b"x" * 5000 + b"\xff"))
    assert said.startswith("550 bad") and len(said) == 500 and said.isprintable()


def test_where_mail_comes_from():
    plain = Settings(smtp_url="smtp://user:p@mail.example")
    assert transport.sender_of(replace(plain, mail_from="billing@a.example")) == "billing@a.example"
    assert transport.sender_of(replace(plain, smtp_url="smtp://u%40b.example:p@mail.example")) == "u@b.example"
    assert transport.sender_of(replace(plain, base_url="https://billing.example.com")) == "billhook@billing.example.com"
    for nothing in ("", "http://127.0.0.1:8000", "http://[::1]", "http://localhost"):
        assert transport.sender_of(replace(plain, base_url=nothing)) == "billhook@localhost"


def test_a_password_in_the_clear_is_seen_as_such():
    for url, clear in (
        ("smtp://u:p@mail.example", True),
        ("smtp://u:p@127.0.0.1", False),
        ("smtp://mail.example", False),
        ("smtps://u:p@mail.example", False),
    ):
        found = server_of(Settings(smtp_url=url))
        assert found.in_the_clear is clear
        assert ":p@" not in found.place
