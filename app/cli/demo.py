"""The demo organisation of `flask serve --demo`: made once, through the services, as a caller would make it."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.accounts import service as accounts
from app.accounts.models import ApiKey, Membership, Organization, User
from app.accounts.schemas import ApiKeyIn, SettingsPatch
from app.accounts.scopes import ALL
from app.cli.keys import operator
from app.cli.organizations import Place, organizations
from app.customers import service as customers
from app.customers.schemas import CustomerIn
from app.data import tenancy
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.events.service import write_pending
from app.extensions import db
from app.http.schema import Schema
from app.invoices import service as invoices
from app.invoices.schemas import InvoiceIn
from app.items import service as items
from app.items.schemas import ItemIn
from app.taxes import service as taxes
from app.taxes.models import PaymentMethod, Unit
from app.taxes.schemas import PaymentMethodIn, TaxIn, UnitIn

NAME = "Demo Studio GmbH"
# Known by its owner's address, which nobody else has: the name may be changed through the API.
OWNER = "owner@demo-studio.billhook.invalid"
KEY_NAME = "demo"
LOGO = Path(__file__).with_name("demo_logo.png")

_BASICS = {"currency": "EUR", "timezone": "Europe/Berlin", "locale": "en_GB", "payment_terms": "Net 30"}
_SELLER = {
    "legal_name": NAME,
    "vat_id": "DE136695976",
    "tax_number": "37/123/45678",
    "registration_id": "HRB 98765 B",
    "address": {
        "line1": "Torstraße",
        "building_number": "140",
        "city": "Berlin",
        "postal_code": "10119",
        "country": "DE",
    },
    "contact_name": "Mila Hoffmann",
    "email": "billing@demo-studio.example",
    "phone": "+49 30 5550 1234",
    "website": "https://demo-studio.example",
    "iban": "DE89 3704 0044 0532 0130 00",
    "bic": "COBADEFFXXX",
    "account_name": NAME,
}
_TEXTS = {
    "invoice_notes": "Thank you for working with us.",
    "invoice_terms": "Please pay into the account below and state the invoice number.",
    "invoice_footer": "Demo Studio GmbH · Managing director Mila Hoffmann · Amtsgericht Charlottenburg HRB 98765 B",
    "brand_color": "#0f766e",
}
_TAXES: dict[str, dict[str, Any]] = {
    "full": {"name": "VAT 19 %", "rate": 19, "is_default": True},
    "reduced": {"name": "VAT 7 %", "rate": 7},
    "reverse": {
        "name": "Reverse charge",
        "rate": 0,
        "category": "AE",
        "exemption_reason": "Reverse charge: the customer owes the tax (Article 196, Directive 2006/112/EC).",
        "exemption_code": "VATEX-EU-AE",
    },
    "outside": {
        "name": "Not taxable",
        "rate": None,
        "category": "O",
        "exemption_reason": "Place of supply outside the European Union.",
        "exemption_code": "VATEX-EU-O",
    },
}
_UNITS = {"hour": "HUR", "day": "DAY", "piece": "H87", "month": "MON"}
_METHODS = {"Bank transfer": "30", "SEPA direct debit": "59", "Card": "48"}
_ITEMS: dict[str, dict[str, Any]] = {
    "workshop": {"sku": "WS-01", "name": "Strategy workshop", "price": "1280.00", "unit": "day", "unit_code": "DAY"},
    "design": {"sku": "UX-01", "name": "Interface design", "price": "110.00", "unit": "hour", "unit_code": "HUR"},
    "code": {"sku": "DEV-01", "name": "Web development", "price": "98.50", "unit": "hour", "unit_code": "HUR"},
    "hosting": {"sku": "HOST-M", "name": "Managed hosting", "price": "49.90", "unit": "month", "unit_code": "MON"},
    "poster": {"sku": "PRT-A2", "name": "Poster, A2", "price": "12.75", "unit": "piece", "unit_code": "H87"},
    "book": {"sku": "BOOK-1", "name": "Brand handbook, printed", "price": "24.50", "unit": "piece", "unit_code": "H87"},
}
_PRODUCTS = {"poster", "book"}
_CUSTOMERS: dict[str, dict[str, Any]] = {
    "bergmann": {
        "name": "Bergmann Architekten GmbH",
        "contact_name": "Jonas Bergmann",
        "email": "buchhaltung@bergmann.example",
        "vat_id": "DE129273398",
        "language": "de_DE",
        "billing_address": {
            "line1": "Speicherstadt 8",
            "city": "Hamburg",
            "postal_code": "20457",
            "country": "DE",
        },
    },
    "lefevre": {
        "name": "Maison Lefèvre SARL",
        "contact_name": "Camille Lefèvre",
        "email": "comptabilite@lefevre.example",
        "vat_id": "FR40303265045",
        "language": "fr_FR",
        "payment_terms": "Net 60",
        "billing_address": {
            "line1": "12 rue de la République",
            "city": "Lyon",
            "postal_code": "69002",
            "country": "FR",
        },
    },
    "akropoli": {
        "name": "Καφενείο Ακρόπολη Ε.Π.Ε.",  # noqa: RUF001 - Greek
        "contact_name": "Ελένη Παπαδοπούλου",
        "email": "logistirio@akropoli.example",
        "vat_id": "EL094259216",
        "billing_address": {"line1": "Οδός Ερμού 15", "city": "Αθήνα", "postal_code": "105 63", "country": "GR"},
    },
    "northwind": {
        "name": "Northwind Outfitters, Inc.",
        "contact_name": "Dana Whitfield",
        "email": "ap@northwind.example",
        "currency": "USD",
        "language": "en_US",
        "billing_address": {
            "line1": "920 NW Couch Street",
            "city": "Portland",
            "region": "OR",
            "postal_code": "97209",
            "country": "US",
        },
    },
    "nowak": {
        "name": "Anna Nowak",
        "email": "anna.nowak@post.example",
        "payment_terms": "Net 14",
        "billing_address": {"line1": "ul. Długa 7", "city": "Kraków", "postal_code": "31-147", "country": "PL"},
    },
}
_CUSTOMER_TAXES = {"lefevre": "reverse", "akropoli": "reverse", "northwind": "outside"}


def find_demo() -> Place | None:
    """The demo organisation, whatever it is called by now."""
    owned = (
        sa.select(Membership.org_id)
        .join(User, User.id == Membership.user_id)
        .where(User.email_key == OWNER, Membership.role == "owner")
    )
    found = organizations(Organization.id.in_(owned))
    return found[0] if found else None


def make_demo() -> None:
    """Make the demo organisation with all that belongs to it, in one transaction: all of it or nothing."""
    tier = current_app.config["BILLHOOK"].default_tier
    with crossing("a demo organisation is made"), unit_of_work():
        owner = accounts.create_user(OWNER, "Mila Hoffmann")
        made = accounts.create_organization(NAME, tier, owner, _BASICS)
        with organization(made.organization.id, _BASICS["timezone"]):
            _fill()
            # Nobody has seen this key's secret, so nobody may use it.
            accounts.revoke_key(made.key.id)
            # The events of an invoice need to know which day it is where the organisation is.
            write_pending()


def fresh_key(place: Place) -> str:
    """A new key that holds all scopes; the one of the last start stops working."""
    with organization(place.id, place.timezone), unit_of_work():
        earlier = sa.select(ApiKey.id).where(ApiKey.name == KEY_NAME, ApiKey.revoked_at.is_(None))
        for key_id in db.session.scalars(earlier).all():
            accounts.revoke_key(key_id)
        return accounts.create_key(operator(place), _loaded(ApiKeyIn, {"name": KEY_NAME, "scopes": [ALL]})).key


def _fill() -> None:
    logo = base64.b64encode(LOGO.read_bytes()).decode("ascii")
    accounts.change_settings(
        _loaded(SettingsPatch, {"seller": _SELLER, "logo": f"data:image/png;base64,{logo}", **_TEXTS})
    )
    for name, code in _UNITS.items():
        taxes.create_named(Unit, _loaded(UnitIn, {"name": name, "code": code}))
    for name, code in _METHODS.items():
        taxes.create_named(PaymentMethod, _loaded(PaymentMethodIn, {"name": name, "code": code}))
    tax_ids = {word: taxes.create_tax(_loaded(TaxIn, data)).id for word, data in _TAXES.items()}
    item_ids = {word: _item(word, data, tax_ids) for word, data in _ITEMS.items()}
    customer_ids = {word: _customer(word, data, tax_ids) for word, data in _CUSTOMERS.items()}
    for customer, age, issue, body in _documents({word: str(item_id) for word, item_id in item_ids.items()}):
        _invoice(customer_ids[customer], age, body, issue=issue)


def _item(word: str, data: Mapping[str, Any], tax_ids: Mapping[str, UUID]) -> UUID:
    kind = "product" if word in _PRODUCTS else "service"
    own = [str(tax_ids["reduced"])] if word == "book" else []
    return items.create_item(_loaded(ItemIn, {**data, "type": kind, "tax_ids": own})).id


def _customer(word: str, data: Mapping[str, Any], tax_ids: Mapping[str, UUID]) -> UUID:
    own = [str(tax_ids[_CUSTOMER_TAXES[word]])] if word in _CUSTOMER_TAXES else []
    return customers.create_customer(_loaded(CustomerIn, {**data, "tax_ids": own})).id


def _invoice(customer_id: UUID, age: int, body: Mapping[str, Any], *, issue: bool) -> None:
    """A draft; dated `age` days ago and issued where wanted."""
    dated = {"issue_date": str(tenancy.today() - timedelta(days=age))} if issue else {}
    made = invoices.create_invoice(_loaded(InvoiceIn, {"customer_id": str(customer_id), **dated, **body}))
    if issue:
        invoices.issue_invoice(made.id)


def _documents(item: Mapping[str, str]) -> list[tuple[str, int, bool, dict[str, Any]]]:
    """Customer, age in days, whether it is issued, and the body: the oldest first, as numbers go."""

    def line(word: str, quantity: str, **more: object) -> dict[str, Any]:
        return {"item_id": item[word], "quantity": quantity, **more}

    relaunch = [line("design", f"{hours}", name=f"Interface design: {part}") for part, hours in _PARTS.items()]
    dollars = [
        line("code", "24", unit_price="115.00", description="Store locator and size finder"),
        line("hosting", "3", unit_price="59.00"),
    ]
    return [
        ("bergmann", 75, True, {"reference": "Website relaunch, phase 1", "lines": [line("workshop", "2")]}),
        ("northwind", 41, True, {"payment_terms": "Net 60", "exchange_rate": "0.9215", "lines": dollars}),
        ("lefevre", 28, True, {"po_number": "PO-2041", "lines": [line("code", "36.5"), line("hosting", "12")]}),
        ("bergmann", 20, True, {"reference": "Website relaunch, phase 2", "lines": [*relaunch, line("code", "42")]}),
        (
            "nowak",
            12,
            True,
            {
                "discount": {"type": "percent", "value": "10"},
                "charges": [{"amount": "8.90", "reason": "Parcel, insured"}],
                "lines": [line("poster", "20", discount={"type": "fixed", "value": "15.00"}), line("book", "3")],
            },
        ),
        ("akropoli", 3, True, {"lines": [line("design", "14"), line("workshop", "0.5")]}),
        ("lefevre", 0, False, {"lines": [line("code", "8"), line("design", "6.25")]}),
        ("nowak", 0, False, {"notes": "Second edition.", "lines": [line("book", "10"), line("poster", "4")]}),
    ]


_PARTS = {
    "research and interviews": "16",
    "information architecture": "12",
    "navigation and search": "10.5",
    "project pages": "18",
    "team and office pages": "9",
    "news and awards": "8",
    "contact and directions": "4.5",
    "type and colour": "11",
    "accessibility review": "7.5",
    "handover": "6",
}


def _loaded(schema: type[Schema], data: Mapping[str, Any]) -> dict[str, Any]:
    """A body as a caller would send it, read by the shape that the API reads it with."""
    return cast("dict[str, Any]", schema().load(data))
