"""Shapes that several features share: addresses and the party block of EN 16931 (BG-4 seller, BG-7 buyer)."""

from app.http import fields
from app.http.schema import Schema


class Address(Schema):
    """A postal address; the building number may stand apart from the street. EN 16931 BG-5, BG-8."""

    name = fields.Text(200, allow_none=True, example="Acme Corp")
    line1 = fields.Text(200, allow_none=True, example="Hauptstraße", doc="Street.")
    building_number = fields.Text(20, allow_none=True, example="12a")
    line2 = fields.Text(200, allow_none=True)
    city = fields.Text(100, allow_none=True, example="Berlin")
    region = fields.Text(100, allow_none=True, doc="State, province or region.")
    postal_code = fields.Text(20, allow_none=True, example="10115")
    country = fields.Country(allow_none=True)
    phone = fields.Text(40, allow_none=True)


class Contact(Schema):
    """A person to talk to."""

    name = fields.Text(200, least=1, required=True, example="Jo Doe")
    email = fields.Email(allow_none=True)
    phone = fields.Text(40, allow_none=True)
    role = fields.Text(100, allow_none=True, example="Accounts payable")


class Identifiers(Schema):
    """The legal and electronic identifiers of a party."""

    legal_name = fields.Text(
        200, allow_none=True, example="Acme Corporation GmbH", doc="Registered name (BT-27, BT-44)."
    )
    vat_id = fields.Text(
        30, allow_none=True, example="DE123456789", doc="VAT identifier with country prefix (BT-31, BT-48)."
    )
    tax_number = fields.Text(40, allow_none=True, doc="Local tax registration (BT-32).")
    registration_id = fields.Text(60, allow_none=True, example="HRB 12345", doc="Legal registration (BT-30, BT-47).")
    registration_scheme = fields.Text(10, allow_none=True, doc="ISO 6523 scheme of the registration.")
    electronic_address = fields.Text(200, allow_none=True, doc="Peppol participant or other address (BT-34, BT-49).")
    electronic_scheme = fields.Text(10, allow_none=True, example="0204", doc="EAS code of the electronic address.")
