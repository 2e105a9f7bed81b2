"""Views to draw, in the wire shape of the API. Amounts are invented: nothing here is computed or checked."""

from __future__ import annotations

import io
from typing import Any

import pypdf

from app.documents.rendering import DocumentView

SELLER: dict[str, Any] = {
    "name": "Northwind Studio",
    "legal_name": "Northwind Studio GmbH",
    "vat_id": "DE123456789",
    "tax_number": "27/123/45678",
    "registration_id": "HRB 98765",
    "address": {
        "line1": "Chausseestraße",
        "building_number": "8a",
        "postal_code": "10115",
        "city": "Berlin",
        "country": "DE",
    },
    "email": "billing@northwind.example",
    "phone": "+49 30 1234567",
    "iban": "DE89370400440532013000",
    "bic": "COBADEFFXXX",
    "account_name": "Northwind Account",
    "footer": "Managing director: Ada Example",
}
CUSTOMER: dict[str, Any] = {
    "name": "Acme Trading",
    "company_name": "Acme Trading Ltd",
    "contact_name": "Jane Doe",
    "vat_id": "GB987654321",
    "billing_address": {
        "line1": "High Street",
        "building_number": "12",
        "city": "Leeds",
        "postal_code": "LS1 4AP",
        "country": "GB",
    },
    "shipping_address": {"name": "Warehouse", "line1": "Dock Road 5", "city": "Hull", "country": "GB"},
}


def line(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return one line of an invoice."""
    return {
        "name": f"Item {number}",
        "description": "First line\nsecond line",
        "quantity": "12",
        "unit": "h",
        "unit_price": "750.00",
        "discount": {"type": "percent", "value": "10"} if number == 2 else None,
        "net": "9000.00",
        "tax": "1710.00",
        "gross": "10710.00",
        "taxes": [{"name": "VAT", "rate": "19", "category": "S"}],
    } | changes


def invoice(lines: int = 2, **changes: Any) -> dict[str, Any]:
    """Return the wire shape of an issued invoice."""
    return {
        "number": "INV-2026-00042",
        "state": "issued",
        "status": "sent",
        "currency": "EUR",
        "issue_date": "2026-11-02",
        "due_date": "2026-12-02",
        "supply_date": "2026-10-31",
        "reference": "Project Aurora",
        "po_number": "PO-7781",
        "tax_inclusive": False,
        "lines": [line(number) for number in range(1, lines + 1)],
        "taxes": [{"name": "VAT", "rate": "19", "base": "18000.00", "amount": "3420.00", "exemption_reason": None}],
        "withholding": [],
        "charges": [],
        "discount": None,
        "subtotal": "18000.00",
        "discount_total": "0.00",
        "charge_total": "0.00",
        "tax_total": "3420.00",
        "total": "21420.00",
        "withholding_total": "0.00",
        "rounding": "0.00",
        "amount_paid": "0.00",
        "amount_credited": "0.00",
        "amount_due": "21420.00",
        "notes": "Thank you.\nCome again.",
        "terms": "Net 30",
    } | changes


def view(lines: int = 2, locale: str = "en_GB", **changes: Any) -> DocumentView:
    """Return a view of `invoice(lines, **changes)`."""
    return DocumentView("invoice", invoice(lines, **changes), SELLER, CUSTOMER, {"color": "#0f766e"}, locale)


def pages(pdf: bytes) -> list[str]:
    """Return the text of each page, no-break spaces as spaces."""
    reader = pypdf.PdfReader(io.BytesIO(pdf), strict=True)
    return [page.extract_text().replace("\xa0", " ") for page in reader.pages]


def text_of(pdf: bytes) -> str:
    """Return the text of all pages with every run of white space as one space."""
    return " ".join(" ".join(pages(pdf)).split())
