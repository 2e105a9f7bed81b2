"""Words, numbers and dates in the reader's language, with the digits that are stored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.documents.colors import palette
from app.documents.formats import Formats, find_locale
from app.documents.labels import LABELS, labels_for
from app.documents.renderer import Renderer
from app.documents.rendering import DocumentView, render_html, render_pdf

from .samples import SELLER, invoice, line, text_of, view


def formats(locale: str, currency: str = "EUR") -> Formats:
    found = find_locale(locale)
    return Formats(found, found, currency)


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en_GB", ["Invoice", "Amount due €21,420.00", "Page 1 of 1", "2 Nov 2026", "19%"]),
        ("en-US", ["Invoice", "€21,420.00", "Nov 2, 2026"]),
        ("de_DE", ["Rechnung", "Zahlbetrag 21.420,00 €", "Seite 1 von 1", "02.11.2026", "19 %", "Deutschland"]),
        ("fr_FR", ["Facture", "21 420,00 €", "Page 1 sur 1", "2 nov. 2026", "Allemagne"]),
        ("es_ES", ["Factura", "21.420,00 €", "Página 1 de 1", "Alemania"]),
        ("nl_NL", ["Factuur", "€ 21.420,00", "Pagina 1 van 1", "Duitsland"]),
        ("it_IT", ["Fattura", "21.420,00 €", "Pagina 1 di 1", "Germania"]),
        ("sv_SE", ["Invoice", "21 420,00 €", "2 Nov 2026", "Germany"]),
        ("xx_YY", ["Invoice", "€21,420.00"]),
    ],
)
def test_document_speaks_the_locale(renderer: Renderer, locale: str, words: list[str]) -> None:
    found = text_of(render_pdf(view(locale=locale), renderer))
    assert [word for word in words if word not in found] == []


@pytest.mark.parametrize(
    ("currency", "price", "total", "cells", "due"),
    [
        ("JPY", "1200", "1234567", "1,200 1,234,567", "JP¥1,234,567"),
        ("KWD", "1.250", "1234.500", "1.250 1,234.500", "KWD 1,234.500"),
        ("USD", "0.10", "10.10", "0.10 10.10", "US$10.10"),
    ],
)
def test_minor_units_stay_as_stored(
    renderer: Renderer, currency: str, price: str, total: str, cells: str, due: str
) -> None:
    one = view(currency=currency, total=total, amount_due=total, lines=0, taxes=[])
    one.invoice["lines"].append(line(unit_price=price, net=total, taxes=[]))  # type: ignore[union-attr]
    found = text_of(render_pdf(one, renderer))
    assert f"Amount due {due}" in found and cells in found and f"Amount {currency}" in found


@pytest.mark.parametrize(
    "locale", ["en_GB", "de_DE", "fr_CH", "es_ES", "nl_NL", "it_IT", "hi_IN", "ja_JP", "ar_EG", "pt_BR"]
)
@pytest.mark.parametrize(
    "stored",
    [
        "0",
        "0.00",
        "1",
        "-1.005",
        "1234567.895",
        "999999999999999999999999999999.999999999999",
        "0.000000000001",
        "1.10",
        "100",
    ],
)
def test_no_digit_is_added_lost_or_rounded(locale: str, stored: str) -> None:
    digits = stored.replace("-", "").replace(".", "")
    for shown in (formats(locale).number(stored), formats(locale).money(stored), formats(locale, "JPY").money(stored)):
        assert re.sub(r"\D", "", shown) == digits
        assert ("-" in shown) == ("-" in stored)


def test_negative_zero_is_zero() -> None:
    assert formats("en").number("-0.00") == "0.00"
    assert formats("en").money("-0.00") == "€0.00"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("19", "19%"),
        ("19.00", "19%"),
        ("7.70", "7.7%"),
        ("9.975", "9.975%"),
        ("0", "0%"),
        ("0.000", "0%"),
        ("10", "10%"),
        (None, ""),
    ],
)
def test_rates(stored: str | None, shown: str) -> None:
    assert formats("en").percent(stored) == shown


@pytest.mark.parametrize(
    "text", ["1e9", "1e999999", "NaN", "Infinity", "１２", "1,5", "abc", "9" * 500, "2026-13-01", "<b>"]
)
def test_what_is_no_number_and_no_date_is_text(text: str) -> None:
    for form in (formats("de").number, formats("de").money, formats("de").percent, formats("de").date):
        assert form(text) == text


def test_every_language_has_every_label() -> None:
    for language, labels in LABELS.items():
        assert labels.keys() == LABELS["en"].keys() and all(labels.values()), language
        assert "{page}" in labels["page"] and "{pages}" in labels["page"]
    assert labels_for("tlh") is LABELS["en"]


def test_other_scripts_are_drawn_from_the_second_font(renderer: Renderer) -> None:
    name = "Ελληνικά Привет ქართული \U0001f600"
    customer = {"name": name, "contact_name": "שלום", "billing_address": {"city": "الرياض"}}
    found = text_of(render_pdf(DocumentView("invoice", invoice(1), SELLER, customer), renderer))
    assert name in found
    assert "םולש" in found or "שלום" in found
    assert "\u25a1" not in found


def test_a_character_without_a_glyph_is_a_visible_box(renderer: Renderer) -> None:
    found = text_of(render_pdf(DocumentView("invoice", invoice(1), SELLER, {"name": "Sakura 株式会社"}), renderer))
    assert "Sakura \u25a1\u25a1\u25a1\u25a1" in found


def test_extra_fonts_are_registered_and_broken_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    (tmp_path / "notes.txt").write_text("ignored")
    with Renderer(extra_fonts=tmp_path) as one:
        assert "Item 1" in text_of(render_pdf(view(), one))
        child = one.pid
        one.close()
        one.close()  # twice is fine
        assert one.pid is None and not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize(
    "color", ["#ffffff", "#ffff00", "#000000", "#1f4b99", "red", "", "#12345", "#1234567", "url(x)"]
)
def test_any_colour_gives_readable_ones(color: str) -> None:
    chosen = palette(color)
    for value in (chosen.accent, chosen.ink, chosen.on_accent):
        assert re.fullmatch("#[0-9a-f]{6}", value)
    assert chosen.ink != "#ffffff" and chosen.accent != chosen.on_accent
    assert "url(" not in render_html(DocumentView("invoice", {}, brand={"color": color}))
