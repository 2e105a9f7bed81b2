"""Shapes of invoices on the wire."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, post_load, pre_load, validates_schema

from app.accounts.schemas import payment_terms
from app.customers.schemas import CustomerInline
from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.invoices.status import PAYMENT_STATUSES, STATES, STATUSES

MOST_LINES = 1000
LONGEST_NAME = 2000


class Discount(Schema):
    """A reduction: percent of the amount, or a fixed amount in the document's currency."""

    type = fields.Text(10, one_of=("percent", "fixed"), required=True, example="percent")
    value = fields.Number(low=0, required=True, example="10")

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if data["type"] == "percent" and data["value"] > 100:  # noqa: PLR2004 - percent
            raise ValidationError("A percentage is at most 100.", "value")


class Charge(Schema):
    """An addition, such as freight, with its reason."""

    amount = fields.Number(low=0, required=True, example="12.50")
    reason = fields.Text(200, allow_none=True, load_default=None, example="Freight")


def _computed(**kwargs: Any) -> fields.Number:
    return fields.Number(digits=15, load_only=True, doc="Compared with the computed one, never used.", **kwargs)


class LineIn(Schema):
    """A line: from a catalogue item, or free. `description` alone becomes the name."""

    id = fields.Id(allow_none=True, doc="Keeps the id of a line that is there already.")
    item_id = fields.Id(allow_none=True, doc="Fills in what the line itself leaves out.")
    name = fields.Text(LONGEST_NAME, least=1, lines=True, example="May consulting")
    description = fields.Text(4000, lines=True, allow_none=True)
    quantity = fields.Number(load_default=fields.ONE, example="12", doc="May be negative: a reduction.")
    unit = fields.Text(40, allow_none=True, example="hour")
    unit_code = fields.Text(3, pattern="[A-Z0-9]{2,3}", allow_none=True, example="HUR", doc="UN/ECE Recommendation 20.")
    unit_price = fields.Number(low=0, example="750.00", doc="Never negative [BR-27]; more than two decimals are fine.")
    price_base_quantity = fields.Number(
        above=0, load_default=fields.ONE, example="1", doc="The price is for this many."
    )
    discount = fields.Nested(Discount, allow_none=True, load_default=None)
    charges = fields.some(fields.Nested(Charge), most=20, load_default=list)
    tax_ids = fields.some(
        fields.Id(), most=10, doc="Empty: no tax. Left out: the item's, else the customer's, else the default."
    )
    tax_rate = fields.Number(
        digits=3, low=0, high=100, allow_none=True, example="19", doc="A plain VAT percentage, instead of tax_ids."
    )
    sku = fields.Text(100, allow_none=True)
    gtin = fields.Text(14, pattern="[0-9]{8,14}", allow_none=True)
    buyer_item_id = fields.Text(100, allow_none=True)
    period_start = fields.Date(allow_none=True)
    period_end = fields.Date(allow_none=True)
    net, tax, gross = _computed(), _computed(), _computed()

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("item_id"):
            if not data.get("name") and not (data.get("description") or "").strip():
                raise ValidationError("Is needed, unless item_id or description is given.", "name")
            if "unit_price" not in data:
                raise ValidationError("Is needed, unless item_id is given.", "unit_price")
        if data.get("tax_ids") and data.get("tax_rate") is not None:
            raise ValidationError("Give tax_ids or tax_rate, not both.", "tax_rate")
        if len(data.get("description") or "") > LONGEST_NAME and not data.get("name") and not data.get("item_id"):
            raise ValidationError(
                f"Standing alone it becomes the name: at most {LONGEST_NAME} characters.", "description"
            )
        _check_period(data)

    @post_load
    def _name(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if not data.get("name") and not data.get("item_id"):
            data["name"] = data.pop("description")
        return data


def _check_period(data: Mapping[str, Any]) -> None:
    start, end = data.get("period_start"), data.get("period_end")
    if start and end and end < start:
        raise ValidationError("Must not be before period_start.", "period_end")


class DocumentIn(Schema):
    """What totals depend on. `items` is an alias of `lines`."""

    currency = fields.Currency(doc="Default: the customer's, else the organisation's.")
    tax_inclusive = fields.Flag(doc="Prices contain tax. Default: the organisation's setting.")
    issue_date = fields.Date(allow_none=True, doc="Default: the day of issue.")
    supply_date = fields.Date(allow_none=True, doc="Day of delivery; says which tax rate is in force.")
    discount = fields.Nested(Discount, allow_none=True, load_default=None)
    charges = fields.some(fields.Nested(Charge), most=20, load_default=list)
    rounding = fields.Number(digits=3, places=4, load_default=fields.ZERO, doc="Added to the amount due [BT-114].")
    lines = fields.some(fields.Nested(LineIn), least=1, most=MOST_LINES, required=True)
    subtotal, discount_total, charge_total, tax_total = _computed(), _computed(), _computed(), _computed()
    total, withholding_total, amount_due = _computed(), _computed(), _computed()

    @pre_load
    def _alias(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping) or "items" not in data:
            return data
        if "lines" in data:
            raise ValidationError("Is an alias of lines: give one of them.", "items")
        return {("lines" if name == "items" else name): value for name, value in data.items()}


class InvoiceIn(DocumentIn):
    """An invoice to make, or to put in place of a draft."""

    customer_id = fields.Id()
    customer = fields.Nested(
        CustomerInline, metadata={"description": "Instead of customer_id: found by e-mail, or made."}
    )
    series_id = fields.Id(allow_none=True, doc="Default: the default invoice series.")
    number = fields.Text(80, least=1, allow_none=True, pattern=r"[^\s](.*[^\s])?", doc="In a manual series only.")
    due_date = fields.Date(allow_none=True, doc="Default: from the payment terms.")
    payment_terms = payment_terms(allow_none=True)
    period_start = fields.Date(allow_none=True)
    period_end = fields.Date(allow_none=True)
    exchange_rate = fields.Number(
        digits=8, places=10, above=0, allow_none=True, doc="Base currency for one unit of currency."
    )
    reference = fields.Text(200, allow_none=True)
    po_number = fields.Text(100, allow_none=True)
    buyer_reference = fields.Text(100, allow_none=True)
    contract_number = fields.Text(100, allow_none=True)
    project_number = fields.Text(100, allow_none=True)
    language = fields.LocaleCode(allow_none=True)
    notes = fields.Text(4000, lines=True, allow_none=True)
    terms = fields.Text(4000, lines=True, allow_none=True)
    internal_notes = fields.Text(4000, lines=True, allow_none=True, doc="Never printed.")
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], partial: Any = None, **_: Any) -> None:
        if "customer_id" in data and "customer" in data:
            raise ValidationError("Give customer_id or customer, not both.", "customer")
        if not partial and "customer_id" not in data and "customer" not in data:
            raise ValidationError("Is needed, unless customer is given.", "customer_id")
        if data.get("issue_date") and data.get("due_date") and data["due_date"] < data["issue_date"]:
            raise ValidationError("Must not be before issue_date.", "due_date")
        _check_period(data)


class DiscountOut(Schema):
    """A reduction as it was given."""

    type = fields.Text(10, example="percent")
    value = fields.Number(example="10")


class ChargeOut(Schema):
    """An addition as it was given."""

    amount = fields.Text(40, example="12.5")
    reason = fields.Text(200, allow_none=True)


class LineTaxOut(Schema):
    """A tax as it applies to a line."""

    tax_id = fields.Text(36, allow_none=True)
    name = fields.Text(100, example="VAT 19 %")
    kind = fields.Text(20, example="vat")
    category = fields.Text(2, example="S")
    rate = fields.Text(20, allow_none=True, example="19")


class LineOut(Schema):
    """A line with its amounts, before any discount or charge of the whole document."""

    id = fields.Id()
    item_id = fields.Id(allow_none=True)
    sku = fields.Text(100, allow_none=True)
    gtin = fields.Text(14, allow_none=True)
    buyer_item_id = fields.Text(100, allow_none=True)
    name = fields.Text(LONGEST_NAME, example="May consulting")
    description = fields.Text(4000, allow_none=True)
    quantity = fields.Number(example="12")
    unit = fields.Text(40, allow_none=True, example="hour")
    unit_code = fields.Text(3, allow_none=True, example="HUR")
    unit_price = fields.Price(example="750.00")
    price_base_quantity = fields.Number(example="1")
    discount = fields.Nested(DiscountOut, allow_none=True)
    charges = fields.List(fields.Nested(ChargeOut))
    tax_ids = fields.List(fields.Text(36))
    taxes = fields.List(fields.Nested(LineTaxOut))
    period_start = fields.Date(allow_none=True)
    period_end = fields.Date(allow_none=True)
    net = fields.Amount(example="9000.00")
    tax = fields.Amount(example="1710.00")
    gross = fields.Amount(example="10710.00")


class TaxRowOut(Schema):
    """One tax group of the document: base and tax, rounded once [BR-CO-17]."""

    tax_id = fields.Text(36, allow_none=True)
    name = fields.Text(100, example="VAT 19 %")
    kind = fields.Text(20, example="vat")
    category = fields.Text(2, example="S")
    rate = fields.Text(20, allow_none=True, example="19")
    compound = fields.Flag()
    base = fields.Amount(example="10500.00")
    amount = fields.Amount(example="1995.00")
    exemption_reason = fields.Text(500, allow_none=True)
    exemption_code = fields.Text(40, allow_none=True)


class CustomerBrief(Schema):
    """Who an invoice is for."""

    id = fields.Id()
    name = fields.Text(200, example="Acme Corp")
    email = fields.Text(254, allow_none=True, example="billing@acme.example")


class WarningOut(Schema):
    """Something odd that did not stop the request."""

    code = fields.Text(40, example="total_mismatch")
    field = fields.Text(80, example="total")
    message = fields.Text(500, example="You sent 10.00; the total is 12.00.")


class TotalsFields(Schema):
    """The totals of a document [BR-CO-10 to BR-CO-16]."""

    subtotal = fields.Amount(example="10500.00")
    discount_total = fields.Amount(example="0.00")
    charge_total = fields.Amount(example="0.00")
    tax_total = fields.Amount(example="1995.00")
    total = fields.Amount(example="12495.00")
    withholding_total = fields.Amount(example="0.00")
    rounding = fields.Amount(example="0.00")
    amount_due = fields.Amount(example="12495.00")


class InvoiceFields(TotalsFields):
    """What a list and a single invoice both show."""

    id = fields.Id()
    number = fields.Text(80, allow_none=True, example="INV-0007")
    series_id = fields.Id()
    state = fields.Text(20, one_of=STATES, example="issued")
    status = fields.Text(20, one_of=STATUSES, example="overdue")
    payment_status = fields.Text(20, one_of=PAYMENT_STATUSES, example="unpaid")
    customer_id = fields.Id()
    issue_date = fields.Date()
    supply_date = fields.Date(allow_none=True)
    due_date = fields.Date()
    payment_terms = fields.Text(60, example="Net 30")
    currency = fields.Text(3, example="EUR")
    tax_inclusive = fields.Flag()
    reference = fields.Text(200, allow_none=True)
    po_number = fields.Text(100, allow_none=True)
    amount_paid = fields.Amount(example="0.00")
    amount_credited = fields.Amount(example="0.00")
    base_currency = fields.Text(3, example="EUR")
    base_total = fields.Amount(currency="base_currency", allow_none=True, example="12495.00")
    issued_at = fields.Instant(allow_none=True)
    sent_at = fields.Instant(allow_none=True)
    viewed_at = fields.Instant(allow_none=True)
    paid_at = fields.Instant(allow_none=True)
    voided_at = fields.Instant(allow_none=True)
    created_at = fields.Instant()
    updated_at = fields.Instant()
    version = fields.Whole(1, 2**31)
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()


class InvoiceSummary(InvoiceFields):
    """An invoice in a list: everything but lines, breakdown and parties."""

    customer = fields.Nested(CustomerBrief, attribute="customer_brief")


_PARTY = {"type": "object", "additionalProperties": True}


class InvoiceOut(InvoiceFields):
    """An invoice. `customer` and `seller` are frozen once it is issued."""

    type_code = fields.Text(3, example="380", doc="UNCL 1001.")
    customer = fields.Plain(
        attribute="buyer", schema=_PARTY | {"example": {"name": "Acme Corp", "email": "billing@acme.example"}}
    )
    seller = fields.Plain(schema=_PARTY | {"example": {"name": "Demo GmbH", "vat_id": "DE123456789"}})
    period_start = fields.Date(allow_none=True)
    period_end = fields.Date(allow_none=True)
    exchange_rate = fields.Number(allow_none=True, example="1")
    exchange_rate_date = fields.Date(allow_none=True)
    exchange_rate_source = fields.Text(40, allow_none=True, example="manual", doc="Where the rate comes from.")
    discount = fields.Nested(DiscountOut, allow_none=True)
    charges = fields.List(fields.Nested(ChargeOut))
    lines = fields.List(fields.Nested(LineOut))
    taxes = fields.List(fields.Nested(TaxRowOut))
    withholding = fields.List(fields.Nested(TaxRowOut))
    buyer_reference = fields.Text(100, allow_none=True)
    contract_number = fields.Text(100, allow_none=True)
    project_number = fields.Text(100, allow_none=True)
    language = fields.Text(20, allow_none=True)
    notes = fields.Text(4000, allow_none=True)
    terms = fields.Text(4000, allow_none=True)
    internal_notes = fields.Text(4000, allow_none=True)
    source = fields.Plain(schema={"type": "object"}, allow_none=True)
    warnings = fields.List(fields.Nested(WarningOut))


class RecentInvoice(Schema):
    """An invoice beside its customer."""

    id = fields.Id()
    number = fields.Text(80, allow_none=True, example="INV-0007")
    status = fields.Text(20, one_of=STATUSES, example="overdue")
    issue_date = fields.Date()
    due_date = fields.Date()
    currency = fields.Text(3, example="EUR")
    total = fields.Amount()
    amount_due = fields.Amount()


class InvoiceQuery(PageQuery):
    """Filters of the invoice list."""

    status = fields.some(fields.Text(20, one_of=STATUSES), most=len(STATUSES), doc="Repeatable.")
    customer_id = fields.Id()
    from_date = fields.Date(doc="Issued on or after.")
    to_date = fields.Date(doc="Issued on or before.")
    currency = fields.Currency()
    number = fields.Text(80)
    external_id = fields.Text(255)


class StrictQuery(Schema):
    """How to treat totals in the body."""

    strict = fields.Flag(load_default=False, doc="A total in the body that differs is a 422, not a warning.")


class NextNumberQuery(Schema):
    """Which series to look at."""

    series_id = fields.Id(doc="Default: the default invoice series.")


class NextNumberOut(Schema):
    """The number the next issued invoice would get. Nothing is reserved."""

    number = fields.Text(80, allow_none=True, example="INV-0008", doc="Null in a manual series.")
    series_id = fields.Id()
