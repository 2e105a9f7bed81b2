"""Shapes of customers on the wire."""

from typing import Any

from marshmallow import ValidationError, post_load

from app.accounts.schemas import payment_terms
from app.customers.rules import MOST_VAT_ID, NAMELESS, name_of, normalise_vat_id
from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.http.shapes import Address, Contact, Identifiers

MOST_CONTACTS, MOST_TAXES = 50, 10

_RECENT_INVOICES = {
    "type": "array",
    "maxItems": 10,
    "description": "The newest invoices, the newest first.",
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "number": {"type": ["string", "null"], "example": "INV-001"},
            "status": {"type": "string", "example": "overdue"},
            "issue_date": {"type": ["string", "null"], "format": "date"},
            "due_date": {"type": ["string", "null"], "format": "date"},
            "total": {"type": "string", "format": "decimal", "example": "12075.00"},
            "amount_due": {"type": "string", "format": "decimal", "example": "12075.00"},
            "currency": {"type": "string", "example": "EUR"},
        },
    },
}


class BalanceOut(Schema):
    """A customer's figures in one currency."""

    currency = fields.Text(3, example="EUR")
    total_invoiced = fields.Amount()
    balance = fields.Amount(example="4200.00")
    credit = fields.Amount(example="0.00")


class CustomerNames(Schema):
    """Who a customer is: what an answer begins with."""

    id = fields.Id()
    name = fields.Text(200, example="Acme Corp")
    company_name = fields.Text(200, allow_none=True, example="Acme Corp")
    contact_name = fields.Text(200, allow_none=True, example="Jo Doe")
    prefix = fields.Text(20, allow_none=True, example="Dr.")


class CustomerOut(Identifiers, CustomerNames):
    """A customer. Figures are in the customer's currency; `balances` has all that they were invoiced in."""

    email = fields.Text(254, allow_none=True, example="billing@acme.example")
    phone = fields.Text(40, allow_none=True, example="+1 555 0100")
    website = fields.Text(500, allow_none=True, example="https://acme.example")
    contacts = fields.List(fields.Nested(Contact))
    billing_address = fields.Nested(Address, allow_none=True)
    shipping_address = fields.Nested(Address, allow_none=True)
    buyer_reference = fields.Text(200, allow_none=True, example="04011000-12345-03", doc="BT-10.")
    currency = fields.Text(3, example="EUR", doc="Their own, else the organisation's.")
    language = fields.Text(20, allow_none=True, example="de_DE")
    payment_terms = fields.Text(60, allow_none=True, example="Net 30")
    tax_ids = fields.List(fields.Id())
    notes = fields.Text(4000, allow_none=True)
    total_invoiced = fields.Amount()
    balance = fields.Amount(example="4200.00", doc="What is still to be paid.")
    credit = fields.Amount(example="0.00", doc="What was paid or credited and not yet used.")
    balances = fields.List(fields.Nested(BalanceOut))
    archived_at = fields.Instant(allow_none=True)
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    created_at = fields.Instant()
    updated_at = fields.Instant()


class CustomerDetail(CustomerOut):
    """A customer with their newest invoices."""

    recent_invoices = fields.Plain(schema=_RECENT_INVOICES)


class CustomerIn(Identifiers):
    """A customer to make, or to put in place of another."""

    name = fields.Text(
        200,
        least=1,
        allow_none=True,
        example="Acme Corp",
        doc="Default: company_name, else contact_name; one of the three is needed.",
    )
    company_name = fields.Text(200, allow_none=True, example="Acme Corp")
    contact_name = fields.Text(200, allow_none=True, example="Jo Doe")
    prefix = fields.Text(20, allow_none=True, example="Dr.")
    email = fields.Email(allow_none=True, doc="Unique per organisation, whatever the case.")
    phone = fields.Text(40, allow_none=True, example="+1 555 0100")
    website = fields.Url(allow_none=True)
    contacts = fields.some(fields.Nested(Contact), most=MOST_CONTACTS, load_default=list)
    billing_address = fields.Nested(Address, allow_none=True)
    shipping_address = fields.Nested(Address, allow_none=True)
    vat_id = fields.Checked(
        MOST_VAT_ID,
        normalise_vat_id,
        allow_none=True,
        example="DE123456789",
        doc="VAT identifier with country prefix (BT-48); kept in capitals, no spaces.",
    )
    buyer_reference = fields.Text(
        200, allow_none=True, example="04011000-12345-03", doc="Goes onto every invoice (BT-10)."
    )
    currency = fields.Currency(
        attribute="own_currency", allow_none=True, doc="Of their documents; null: the organisation's."
    )
    language = fields.LocaleCode(allow_none=True, doc="Of their documents; null: the organisation's.")
    payment_terms = payment_terms(allow_none=True)
    tax_ids = fields.some(fields.Id(), most=MOST_TAXES, load_default=list)
    notes = fields.Text(4000, lines=True, allow_none=True, doc="For your own eyes; never printed.")
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id()

    @post_load
    def _complete(self, data: dict[str, Any], *, partial: Any = None, **_: Any) -> dict[str, Any]:
        """A whole customer says everything: what it leaves out and has no default is null."""
        if partial:
            return data
        name = name_of(data)
        if name is None:
            raise ValidationError(NAMELESS, "name")
        nothing = {field.attribute or key: None for key, field in self.load_fields.items()}
        return nothing | data | {"name": name}


class CustomerInline(CustomerIn):
    """A customer inside another document: found by e-mail address and left as they are, or else made."""

    def load(self, data: Any, *, many: bool | None = None, partial: Any = None, unknown: Any = None) -> Any:  # noqa: ARG002 - marshmallow's signature
        """Load a whole customer, also where the document around it is changed in part."""
        return super().load(data, many=many, partial=False, unknown=unknown)


class CustomerPatch(CustomerIn):
    """What to change; what is left out stays."""

    archived = fields.Flag(example=False, doc="Archived customers are left out of the list unless asked for.")


# Named one by one: a plain True would reach into contacts and addresses and let pass what they lack.
CUSTOMER_PATCH = CustomerPatch(partial=tuple(CustomerPatch().fields))


class CustomerQuery(PageQuery):
    """Filters of the list. `search` looks into name, company_name, contact_name, email, vat_id and phone."""

    archived = fields.Flag(doc="Only archived customers; default, and false: only those not archived.")
    email = fields.Email(doc="Exactly this address, whatever the case.")
    external_id = fields.Text(255, example="ERP-1001", doc="Exactly this external_id.")
