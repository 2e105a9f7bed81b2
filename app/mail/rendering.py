"""The letter about an invoice as HTML and as text, from the document's own figures and words.

What users wrote is a value of the templates and never a template: HTML escapes it, `{{ }}` in it stays as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.documents.facts import Fact, present
from app.documents.formats import Formats, find_locale, is_zero
from app.documents.labels import FALLBACK, LABELS
from app.documents.rendering import DocumentView
from app.documents.sheet import Sheet, build_sheet
from app.documents.text import clean, one_line
from app.mail.words import words_for

LONGEST_SUBJECT = 500


@dataclass(frozen=True, slots=True)
class Link:
    """A way to the document for whoever gets the letter, and the day it ends."""

    url: str
    ends: date


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter's two bodies."""

    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything the templates print; a newline in a paragraph breaks the line."""

    language: str
    subject: str
    number: str
    sheet: Sheet
    greeting: str
    paragraphs: Sequence[str]
    amount: Fact | None
    due: str
    settled: str
    facts: Sequence[Fact]
    payment: Sequence[Fact]
    preview: str
    words: Mapping[str, str]
    link: Link | None
    link_note: str
    sent_for: str


def subject_line(language: str, number: str, seller: str) -> str:
    """The subject where nobody gives one."""
    text = words_for(find_locale(language).language)["subject"]
    return one_line(text.format(number=number, seller=seller))[:LONGEST_SUBJECT]


def render(view: DocumentView, subject: str, message: str | None, link: Link | None) -> Rendered:
    """The letter about the document of `view`; `message` stands in place of our own sentence. Never raises on data."""
    letter = _letter(view, subject, message, link)
    return Rendered(
        html=_environment().get_template("invoice.html").render(letter=letter),
        text=_environment().get_template("invoice.txt").render(letter=letter).strip() + "\n",
    )


@functools.cache
def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lines"] = lambda text: text.split("\n")
    return environment


def _letter(view: DocumentView, subject: str, message: str | None, link: Link | None) -> Letter:
    sheet = build_sheet(view.invoice, view.seller, view.customer, view.brand, view.locale)
    formats, words = _formats(view), words_for(sheet.language)
    named = {"number": sheet.number, "seller": sheet.seller_name}
    due, paid = formats.date(view.invoice.get("due_date")), is_zero(view.invoice.get("amount_due"))
    amount = sheet.amount_due or sheet.total
    own = words["linked" if link else "attached"].format(**named)
    name = one_line(view.customer.get("contact_name"))
    return Letter(
        language=sheet.language,
        subject=subject,
        number=sheet.number,
        sheet=sheet,
        greeting=words["hello_name"].format(name=name) if name else words["hello"],
        paragraphs=[part for part in clean(message or own).split("\n\n") if part.strip()],
        amount=amount,
        due="" if paid or not due else words["due_by"].format(date=due),
        settled=words["paid"] if paid else "",
        facts=_facts(view.invoice, sheet, formats),
        payment=[] if paid else [fact for band in sheet.payment for fact in band],
        preview=words["preview"].format(amount=amount.value if amount else ""),
        words=words,
        link=link,
        link_note=words["valid_until"].format(date=formats.date(link.ends.isoformat())) if link else "",
        sent_for=words["sent_for"].format(**named),
    )


def _formats(view: DocumentView) -> Formats:
    locale = find_locale(view.locale)
    words = locale if locale.language in LABELS else find_locale("en_GB")
    return Formats(locale, words, one_line(view.invoice.get("currency")).upper())


def _facts(invoice: Mapping[str, Any], sheet: Sheet, formats: Formats) -> list[Fact]:
    """What the document is, in few lines."""
    labels = sheet.labels
    settled = [(fact.label, fact.value) for fact in sheet.settlements]
    return present(
        [
            (labels["invoice"], sheet.number),
            (labels["issue_date"], formats.date(invoice.get("issue_date"))),
            (labels["po_number"], one_line(invoice.get("po_number"))),
            (labels["reference"], one_line(invoice.get("reference"))),
            (labels["total"], sheet.total.value if sheet.total and settled else ""),
            *settled,
        ]
    )


def language_of(locale: str) -> str:
    """The language that a letter in this locale is written in."""
    found = find_locale(locale).language
    return found if found in LABELS else FALLBACK
