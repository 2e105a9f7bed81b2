"""A document's stored values arranged and formatted for the page: what the template prints, and nothing to decide.

Every key of the source mappings may be missing or None; what is empty leaves no label behind. No amount is computed:
zero checks and a minus sign before a stored deduction are the only arithmetic there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.documents import colors
from app.documents.facts import Fact, bands, present
from app.documents.formats import Formats, decimal_of, find_locale, is_zero
from app.documents.labels import FALLBACK, LABELS, labels_for
from app.documents.lines import LineTable, line_table
from app.documents.parties import Party, parties, seller_facts
from app.documents.text import clean, one_line, records

_PNG = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]{16,}={0,2}", re.ASCII)
_SHOWN_TAXES = 4
_SIDE_BY_SIDE = 8  # rows of the tax table, and
_SIDE_CHARACTERS = 600  # characters in it, that still stand beside the totals
_MARKED = ("draft", "void")
_REFERENCES = ("reference", "po_number", "buyer_reference", "contract_number", "project_number")


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One row of the tax summary; `note` is the exemption reason or ""."""

    name: str
    base: str
    amount: str
    note: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything one page template prints. Strings are formatted but not escaped; a newline breaks the line."""

    language: str
    labels: Mapping[str, str]
    title: str
    number: str
    mark: str
    logo: str
    palette: colors.Palette
    seller_name: str
    parties: Sequence[Party]
    facts: Sequence[Sequence[Fact]]
    table: LineTable
    tax_rows: Sequence[TaxRow]
    tax_beside_totals: bool
    totals: Sequence[Fact]
    total: Fact | None
    settlements: Sequence[Fact]
    amount_due: Fact | None
    payment: Sequence[Sequence[Fact]]
    notes: str
    terms: str
    prices_note: str
    footer: Sequence[str]


def build_sheet(
    invoice: Mapping[str, Any],
    seller: Mapping[str, Any],
    customer: Mapping[str, Any],
    brand: Mapping[str, Any],
    locale_name: str,
) -> Sheet:
    """Arrange an invoice and its parties (shapes: rendering.DocumentView) for a template. Never raises on data."""
    locale = find_locale(locale_name)
    words = locale if locale.language in LABELS else find_locale("en_GB")
    labels = labels_for(locale.language)
    formats = Formats(locale, words, one_line(invoice.get("currency")).upper())
    state = one_line(invoice.get("state"))
    void = state == "void"
    taxes = _tax_rows(invoice, formats)
    return Sheet(
        language=locale.language if locale.language in LABELS else FALLBACK,
        labels=labels,
        title=labels["invoice"],
        number=one_line(invoice.get("number")),
        mark=labels[state] if state in _MARKED else "",
        logo=_logo(brand),
        palette=colors.palette(one_line(brand.get("color"))),
        seller_name=one_line(seller.get("name")) or one_line(seller.get("legal_name")),
        parties=parties(seller, customer, labels, formats),
        facts=_facts(invoice, labels, formats),
        table=line_table(records(invoice.get("lines")), labels, formats, inclusive=bool(invoice.get("tax_inclusive"))),
        tax_rows=taxes,
        tax_beside_totals=len(taxes) <= _SIDE_BY_SIDE and _characters(taxes) < _SIDE_CHARACTERS,
        totals=_totals(invoice, labels, formats),
        total=_money_fact(labels["total"], invoice.get("total"), formats),
        settlements=_settlements(invoice, labels, formats),
        amount_due=None if void else _money_fact(labels["amount_due"], invoice.get("amount_due"), formats),
        payment=() if void else _payment(invoice, seller, labels),
        notes=clean(invoice.get("notes")),
        terms=clean(invoice.get("terms")),
        prices_note=labels["prices_include_tax"] if invoice.get("tax_inclusive") else "",
        footer=seller_facts(seller, labels, formats),
    )


def _logo(brand: Mapping[str, Any]) -> str:
    """Return the logo's data URI, only if it is a base64 PNG as normalise_logo writes it."""
    logo = brand.get("logo")
    return logo if isinstance(logo, str) and _PNG.fullmatch(logo) else ""


def _facts(invoice: Mapping[str, Any], labels: Mapping[str, str], formats: Formats) -> list[list[Fact]]:
    """Return the dates and references, those present."""
    dates = [(labels[key], formats.date(invoice.get(key))) for key in ("issue_date", "due_date", "supply_date")]
    period = (labels["period"], formats.period(invoice.get("period_start"), invoice.get("period_end")))
    references = [(labels[key], one_line(invoice.get(key))) for key in _REFERENCES]
    return bands(present([*dates, period, *references]))


def tax_label(tax: Mapping[str, Any], formats: Formats) -> str:
    """Return "VAT 19%": the stored name, and the rate unless the name has it already."""
    name, rate = one_line(tax.get("name")), formats.percent(tax.get("rate"))
    digits = re.sub(r"[^\d.,]", "", rate).replace(",", ".")
    named = digits in re.findall(r"\d+(?:\.\d+)?", name.replace(",", "."))
    return name if named or not rate else f"{name} {rate}".strip()


def _characters(taxes: Sequence[TaxRow]) -> int:
    return sum(len(row.note) + len(row.name) for row in taxes)


def _tax_rows(invoice: Mapping[str, Any], formats: Formats) -> list[TaxRow]:
    """Return the tax breakdown as it is stored."""
    return [
        TaxRow(
            name=tax_label(tax, formats) or one_line(tax.get("category")),
            base=formats.money(tax.get("base")),
            amount=formats.money(tax.get("amount")),
            note=one_line(tax.get("exemption_reason")),
        )
        for tax in records(invoice.get("taxes"))
    ]


def _money_fact(label: str, value: object, formats: Formats) -> Fact | None:
    return Fact(label, formats.money(value)) if one_line(value) else None


def _deduction(value: object, formats: Formats) -> str:
    """Return a stored deduction with a minus sign before it ("10.00" as "-€10.00"); "" if it is zero or missing."""
    number = decimal_of(value)
    return formats.money(f"{-number:f}") if number else ""


def _addition(value: object, formats: Formats) -> str:
    return "" if is_zero(value) else formats.money(value)


def _totals(invoice: Mapping[str, Any], labels: Mapping[str, str], formats: Formats) -> list[Fact]:
    """Return the rows from the subtotal to the taxes."""
    discount = invoice.get("discount")
    percent = ""
    if isinstance(discount, Mapping) and one_line(discount.get("type")) == "percent":
        percent = formats.percent(discount.get("value"))
    reasons = [one_line(c.get("reason") or c.get("name")) for c in records(invoice.get("charges"))]
    charges = _with(labels["charges"], one_line(", ".join(filter(None, reasons))))
    taxes = [tax for tax in records(invoice.get("taxes")) if one_line(tax.get("amount"))]
    rows = [
        (labels["subtotal"], formats.money(invoice.get("subtotal"))),
        (_with(labels["discount"], percent), _deduction(invoice.get("discount_total"), formats)),
        (charges, _addition(invoice.get("charge_total"), formats)),
    ]
    if 0 < len(taxes) <= _SHOWN_TAXES:
        rows += [(tax_label(tax, formats) or labels["tax"], formats.money(tax.get("amount"))) for tax in taxes]
    else:
        rows.append((labels["tax_total"], _addition(invoice.get("tax_total"), formats)))
    return present(rows)


def _with(label: str, detail: str) -> str:
    return f"{label} ({detail})" if detail else label


def _settlements(invoice: Mapping[str, Any], labels: Mapping[str, str], formats: Formats) -> list[Fact]:
    """Return what stands between the total and the amount due: withheld, rounding, paid, credited; no zero."""
    withheld = [
        (tax_label(tax, formats) or labels["withholding"], _deduction(tax.get("amount"), formats))
        for tax in records(invoice.get("withholding"))
    ]
    return present(
        [
            *(withheld or [(labels["withholding"], _deduction(invoice.get("withholding_total"), formats))]),
            (labels["rounding"], _addition(invoice.get("rounding"), formats)),
            (labels["paid"], _deduction(invoice.get("amount_paid"), formats)),
            (labels["credited"], _deduction(invoice.get("amount_credited"), formats)),
        ]
    )


def _payment(invoice: Mapping[str, Any], seller: Mapping[str, Any], labels: Mapping[str, str]) -> list[list[Fact]]:
    """Return how to pay by bank transfer; nothing without an account."""
    iban = re.sub(r"\s", "", one_line(seller.get("iban")))
    if not iban:
        return []
    grouped = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
    name = seller.get("account_name") or seller.get("legal_name") or seller.get("name")
    return bands(
        present(
            [
                (labels["account_name"], one_line(name)),
                (labels["iban"], grouped),
                (labels["bic"], one_line(seller.get("bic"))),
                (labels["payment_reference"], one_line(invoice.get("number"))),
            ]
        )
    )
