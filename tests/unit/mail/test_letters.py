"""Letters: their words in every language, what users wrote as text, and the same bytes every time."""

import datetime as dt
import re
import string
from email import policy
from email.parser import BytesParser
from html.parser import HTMLParser
from uuid import UUID

import pytest

from app.documents.labels import LABELS
from app.documents.rendering import DocumentView
from app.mail.headers import UnsafeHeader, mailboxes, raw_header, text_header
from app.mail.letter import Attachment, letter
from app.mail.models import Message
from app.mail.rendering import Link, language_of, render, subject_line
from app.mail.words import WORDS

INVOICE = {
    "number": "INV-0007",
    "state": "issued",
    "currency": "EUR",
    "issue_date": "2026-11-21",
    "due_date": "2026-12-21",
    "total": "10350.00",
    "amount_due": "10350.00",
}
SELLER = {"name": "Nordwind GmbH", "iban": "DE89370400440532013000", "address": {"line1": "Hauptstr. 12"}}
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}{% for x in y %}<img src=http://evil.example/x>&amp;\"'"
LINK = Link("https://billing.example.com/api/v1/files/abc", dt.date(2026, 12, 21))


def view(locale="en", invoice=INVOICE, seller=SELLER, **customer):
    return DocumentView("invoice", invoice, seller, customer, {"color": "#1f4e79"}, locale)


@pytest.mark.parametrize(
    ("locale", "hello", "amount", "day", "subject"),
    [
        ("en_GB", "Hello Jo,", "€10,350.00", "21 Dec 2026", "Invoice INV-0007 from Nordwind GmbH"),
        ("de_DE", "Guten Tag Jo,", "10.350,00\xa0€", "21.12.2026", "Rechnung INV-0007 von Nordwind GmbH"),
        ("fr_FR", "Bonjour Jo,", "10\xa0350,00\xa0€", "21 déc. 2026", "Facture INV-0007 de Nordwind GmbH"),
        ("es_ES", "Hola, Jo:", "10.350,00\xa0€", "21 dic 2026", "Factura INV-0007 de Nordwind GmbH"),
        ("nl_NL", "Hallo Jo,", "€\xa010.350,00", "21 dec 2026", "Factuur INV-0007 van Nordwind GmbH"),
        ("it_IT", "Buongiorno Jo,", "10.350,00\xa0€", "21 dic 2026", "Fattura INV-0007 di Nordwind GmbH"),
        ("sv_SE", "Hello Jo,", "10\xa0350,00\xa0€", "21 Dec 2026", "Invoice INV-0007 from Nordwind GmbH"),
    ],
)
def test_each_language_has_its_words_numbers_and_dates(locale, hello, amount, day, subject):
    made = render(view(locale, contact_name="Jo"), subject, None, None)
    for body in (made.html, made.text):
        assert hello in body and amount in body and day in body and "INV-0007" in body
    assert f'lang="{language_of(locale)}"' in made.html
    assert subject_line(locale, "INV-0007", "Nordwind GmbH") == subject


def test_every_language_of_the_documents_has_every_sentence():
    assert WORDS.keys() == LABELS.keys()

    def places(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for language, words in WORDS.items():
        assert words.keys() == WORDS["en"].keys()
        for name, text in words.items():
            assert places(text) == places(WORDS["en"][name]), f"{language}: {name}"


def test_what_users_wrote_is_text():
    seller = SELLER | {"name": HOSTILE, "footer": HOSTILE}
    hostile = view(invoice=INVOICE | {"po_number": HOSTILE, "number": "{number}"}, seller=seller, contact_name=HOSTILE)
    made = render(hostile, HOSTILE, f"{HOSTILE}\n\nSecond", LINK)
    for tag in ("<script", "<img"):
        assert tag not in made.html and tag in made.text
    assert "{{ 7*7 }}" in made.html and "{{ 7*7 }}" in made.text and "{number}" in made.text
    assert not re.search(r"\b49\b", made.text)


class Outline(HTMLParser):
    """What an HTML file would make a program fetch or run, and whether its tags match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in {"br", "meta", "img", "link"}:
            self.open.append(tag)
        self.fetched += [tag] if tag in {"img", "link", "script", "iframe", "object", "base"} else []
        self.fetched += [name for name, value in attrs if name in {"src", "background"} or "url(" in (value or "")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("link", [None, LINK])
def test_nothing_is_fetched_and_the_tags_match(link):
    found = Outline(render(view(contact_name="Jo"), "x", "One\ntwo\n\nthree", link).html)
    assert (found.open, found.fetched) == ([], [])


def test_a_paid_invoice_asks_for_nothing():
    paid = render(view(invoice=INVOICE | {"amount_due": "0.00", "amount_paid": "10350.00"}), "x", None, None)
    for body in (paid.html, paid.text):
        assert "Nothing is left to pay" in body and "IBAN" not in body and "Due by" not in body
    assert "IBAN" in render(view(), "x", None, None).text


@pytest.mark.parametrize("nothing", [{}, {"number": None, "amount_due": "x", "due_date": 5}])
def test_missing_data_is_left_out(nothing):
    made = render(DocumentView("invoice", nothing), "x", None, None)
    assert "None" not in made.html + made.text


def message(**fields):
    made = {
        "id": UUID(int=1),
        "message_id": "<1@host.example>",
        "sender": "billing@host.example",
        "sender_name": "Nordwind GmbH",
        "to": ["a@b.example"],
        "cc": [],
        "bcc": ["secret@b.example"],
        "subject": "Rechnung für Sie",
        "language": "de",
        "created_at": dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC),
        "text": "Grüße\n" + "x" * 2000 + "\n.\nFrom here\n",
        "html": "<p>Grüße</p>",
    }
    return Message(**made | fields)


def test_the_same_message_is_the_same_bytes():
    attached = Attachment("INV-0007.pdf", b"%PDF-1.4\n\x00\xff" * 100)
    raw = letter(message(), attached)
    assert raw == letter(message(), attached)
    assert raw.isascii() and b"secret" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    assert (mail["Subject"], mail["Message-ID"]) == ("Rechnung für Sie", "<1@host.example>")
    assert mail["Date"].datetime == dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == message().text
    assert mail.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    assert [each.get_content() for each in mail.iter_attachments()] == [attached.content]
    assert mail.get_content_type() == "multipart/mixed"
    assert BytesParser(policy=policy.default).parsebytes(letter(message(), None)).get_content_type().endswith("native")


@pytest.mark.parametrize(
    "text",
    ["plain", "=?utf-8?q?x=0d=0aBcc:_a=40b?=", "a\r\nBcc: x@y.example", "a\x00b", "é" * 300, "x" * 300, "🧾 " * 99,
     "=?", "\u202ebad", "a\u2028Bcc: x", '"quoted" \\ <a@b>', " "],
)  # fmt: skip
def test_no_text_leaves_its_header(text):
    for made in (text_header("Subject", text), mailboxes("From", ["a@b.example"], text)):
        assert made.endswith("\r\n") and made.isascii()
        lines = made.removesuffix("\r\n").split("\r\n")
        assert all(line.startswith(" ") and line.strip() for line in lines[1:])
        assert all(len(line) <= 78 and line.isprintable() for line in lines)
        found = BytesParser(policy=policy.default).parsebytes(made.encode() + b"\r\nbody")
        assert found.keys() == [made.partition(":")[0]]
        assert not found.defects


@pytest.mark.parametrize(
    "address", ["a@b.example\r\nBcc: c@d.example", "a b@c.example", "a@b.example,c@d.example", "a>@b.c"]
)
def test_what_is_no_address_stops_the_letter(address):
    with pytest.raises(UnsafeHeader):
        mailboxes("To", [address])


def test_our_own_headers_are_looked_at_too():
    with pytest.raises(UnsafeHeader):
        raw_header("Message-ID", "<1@b>\r\nBcc: a@b.example")
