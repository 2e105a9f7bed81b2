"""Shapes of accounts on the wire: /me, /api-keys, /settings."""

import ipaddress
from typing import Any

from app.accounts.logo import LONGEST
from app.accounts.models import ROLES
from app.accounts.scopes import ALL, SCOPES
from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.http.shapes import Address, Identifiers
from app.money import terms

ACTOR_TYPES = ("user", "service", "agent")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError("Must be an IPv4 or IPv6 network such as 203.0.113.0/24.") from error


def payment_terms(**kwargs: Any) -> fields.Checked:
    """A field for payment terms in any form of app/money/terms.py, normalised."""
    return fields.Checked(
        60, terms.normalise, example="Net 30", doc="Net 30, Due on receipt, EOM, EOM+15, 15 MFI…", **kwargs
    )


class OrganizationOut(Schema):
    """An organisation."""

    id = fields.Id()
    name = fields.Text(200, example="Acme Corp")
    tier = fields.Text(60, example="enterprise")
    created_at = fields.Instant()


class UserOut(Schema):
    """A person and their role in this organisation."""

    id = fields.Id()
    email = fields.Text(254, example="owner@acme.example")
    name = fields.Text(200, example="Jo Doe")
    role = fields.Text(20, one_of=ROLES, allow_none=True, example="owner")


class ApiKeyOut(Schema):
    """A key, without its secret."""

    id = fields.Id()
    name = fields.Text(100, example="Web shop")
    prefix = fields.Text(20, example="bh_live_Ab3d", doc="The first characters, to tell keys apart.")
    last_four = fields.Text(4, example="x9Zq")
    scopes = fields.List(fields.Text(40), metadata={"example": ["invoices:read", "invoices:write"]})
    actor_type = fields.Text(20, one_of=ACTOR_TYPES, example="service")
    ip_allowlist = fields.List(fields.Text(50), metadata={"example": ["203.0.113.0/24"]})
    expires_at = fields.Instant(allow_none=True)
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    last_used_at = fields.Instant(allow_none=True, doc="Written at most once a minute.")
    created_at = fields.Instant()
    revoked_at = fields.Instant(allow_none=True)


class ApiKeyCreated(ApiKeyOut):
    """A fresh key, with its secret: shown this once."""

    key = fields.Text(60, example="bh_live_…", doc="The secret. It is not stored; keep it now.")


def _scopes(**kwargs: Any) -> fields.List[Any]:
    return fields.some(
        fields.Text(40, one_of=[*SCOPES, ALL], example="invoices:read"), least=1, most=len(SCOPES) + 1, **kwargs
    )


def _networks(**kwargs: Any) -> fields.List[Any]:
    return fields.some(fields.Checked(50, _network, example="203.0.113.0/24"), most=100, **kwargs)


class ApiKeyIn(Schema):
    """A key to make. It can never grant more than the calling key holds."""

    name = fields.Text(100, least=1, required=True, example="Web shop")
    scopes = _scopes(required=True)
    actor_type = fields.Text(20, one_of=ACTOR_TYPES, load_default="service", example="service")
    ip_allowlist = _networks(load_default=list)
    expires_at = fields.Instant(allow_none=True, load_default=None, doc="Must lie in the future.")
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id(load_default=None)


class ApiKeyPatch(Schema):
    """What may change on a key."""

    name = fields.Text(100, least=1, example="Web shop")
    scopes = _scopes()
    ip_allowlist = _networks()
    expires_at = fields.Instant(allow_none=True, doc="Must lie in the future.")
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()


class ApiKeyQuery(PageQuery):
    """Filters of the key list."""

    revoked = fields.Flag(doc="Only revoked keys, or only working ones.")


class MeOut(Schema):
    """Whose key this is and what it may do."""

    organization = fields.Nested(OrganizationOut)
    tier = fields.Text(60, example="enterprise")
    key = fields.Nested(ApiKeyOut)
    user = fields.Nested(UserOut, allow_none=True)


class Seller(Identifiers):
    """The seller's block on every document (EN 16931 BG-4)."""

    address = fields.Nested(Address, allow_none=True)
    contact_name = fields.Text(200, allow_none=True)
    email = fields.Email(allow_none=True)
    phone = fields.Text(40, allow_none=True)
    website = fields.Url(allow_none=True)
    iban = fields.Iban(allow_none=True)
    bic = fields.Text(11, allow_none=True, pattern="[A-Z0-9]{8}([A-Z0-9]{3})?", example="COBADEFFXXX")
    account_name = fields.Text(200, allow_none=True)


class SettingsSummary(Schema):
    """How the organisation invoices, without the picture."""

    organization_id = fields.Id(attribute="org_id")
    name = fields.Text(200, example="Acme Corp")
    currency = fields.Text(3, example="EUR")
    timezone = fields.Text(64, example="Europe/Berlin")
    locale = fields.Text(20, example="de_DE")
    payment_terms = fields.Text(60, example="Net 30")
    tax_inclusive = fields.Flag()
    rounding = fields.Text(10, example="group")
    seller = fields.Nested(Seller)
    invoice_notes = fields.Text(4000, allow_none=True)
    invoice_terms = fields.Text(4000, allow_none=True)
    invoice_footer = fields.Text(500, allow_none=True)
    brand_color = fields.Text(7, example="#1f4e79")
    updated_at = fields.Instant()


class SettingsOut(SettingsSummary):
    """How the organisation invoices."""

    logo = fields.Text(LONGEST, allow_none=True, doc="A data: URI, PNG.")


class SettingsPatch(Schema):
    """What to change; what is left out stays."""

    name = fields.Text(200, least=1, example="Acme Corp")
    currency = fields.Currency(doc="Base currency of new documents and of reports.")
    timezone = fields.TimeZone(doc="Documents are dated here.")
    locale = fields.LocaleCode(doc="Language and number format of documents.")
    payment_terms = payment_terms()
    tax_inclusive = fields.Flag(doc="Prices contain tax unless a document says otherwise.")
    rounding = fields.Text(10, one_of=("group", "line"), example="group", doc="Round tax per tax group, or per line.")
    seller = fields.Nested(Seller, metadata={"description": "Replaces the whole block."})
    invoice_notes = fields.Text(4000, lines=True, allow_none=True, doc="Printed unless an invoice has its own.")
    invoice_terms = fields.Text(4000, lines=True, allow_none=True, doc="Printed unless an invoice has its own.")
    invoice_footer = fields.Text(500, lines=True, allow_none=True)
    brand_color = fields.Text(7, pattern="#[0-9a-fA-F]{6}", example="#1f4e79")
    logo = fields.Text(LONGEST, allow_none=True, doc="PNG, JPEG, GIF or WebP as a base64 data: URI.")
