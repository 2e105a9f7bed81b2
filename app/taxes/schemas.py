"""Shapes of taxes, units and payment methods on the wire."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.taxes.models import CATEGORIES, KINDS
from app.taxes.rules import check_category


class TaxRateOut(Schema):
    """A rate and the day from which it holds."""

    rate = fields.Number(allow_none=True, example="19")
    valid_from = fields.Date()


class TaxOut(Schema):
    """A tax. `rate` is the one in force today; `rates` holds the whole history."""

    id = fields.Id()
    name = fields.Text(100, example="VAT 19 %")
    rate = fields.Number(allow_none=True, example="19", doc="Percent; null for category O.")
    kind = fields.Text(20, one_of=KINDS, example="vat")
    category = fields.Text(2, one_of=CATEGORIES, example="S", doc="UNCL 5305.")
    compound = fields.Flag()
    order = fields.Whole(0, 100)
    is_default = fields.Flag()
    exemption_reason = fields.Text(500, allow_none=True)
    exemption_code = fields.Text(40, allow_none=True)
    rates = fields.List(fields.Nested(TaxRateOut))
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    created_at = fields.Instant()
    updated_at = fields.Instant()


class TaxIn(Schema):
    """A tax to make."""

    name = fields.Text(100, least=1, required=True, example="VAT 19 %")
    rate = fields.Number(digits=3, low=0, high=100, allow_none=True, load_default=None, example="19", doc="Percent.")
    kind = fields.Text(20, one_of=KINDS, load_default="vat", example="vat")
    category = fields.Text(
        2, one_of=CATEGORIES, doc="UNCL 5305; default S, or Z or E where the rate is 0.", example="S"
    )
    compound = fields.Flag(load_default=False, doc="Charged on the price plus the earlier taxes.")
    order = fields.Whole(0, 100, load_default=0, doc="Place among the taxes of a line.")
    is_default = fields.Flag(load_default=False, doc="For lines, items and customers that name no tax.")
    exemption_reason = fields.Text(500, allow_none=True, load_default=None, example="Intra-community supply")
    exemption_code = fields.Text(40, allow_none=True, load_default=None, example="VATEX-EU-IC")
    valid_from = fields.Date(doc="First day of the rate; default: always.")
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id()

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if data["kind"] == "withholding" and data["compound"]:
            raise ValidationError("A withholding tax is taken from the net amount, never from other taxes.", "compound")
        data.setdefault("category", _default_category(data))
        check_category(data["category"], data["kind"], data["rate"], data["exemption_reason"])


class TaxPatch(Schema):
    """What may change. A new rate does not edit the old one: it follows it from `valid_from` (default today)."""

    name = fields.Text(100, least=1, example="VAT 19 %")
    rate = fields.Number(digits=3, low=0, high=100, example="20")
    valid_from = fields.Date(doc="First day of the new rate; only together with it.")
    is_default = fields.Flag()
    order = fields.Whole(0, 100)
    exemption_reason = fields.Text(500, allow_none=True)
    exemption_code = fields.Text(40, allow_none=True)
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        if "valid_from" in data and "rate" not in data:
            raise ValidationError("Goes only together with a new rate.", "valid_from")


def _default_category(data: dict[str, Any]) -> str:
    if data["rate"]:
        return "S"
    return "E" if data["kind"] == "exempt" or data["exemption_reason"] else "Z"


class TaxQuery(PageQuery):
    """Filters of the tax list."""

    kind = fields.Text(20, one_of=KINDS)


class UnitOut(Schema):
    """A unit of measure."""

    id = fields.Id()
    name = fields.Text(40, example="hour")
    code = fields.Text(3, allow_none=True, example="HUR", doc="UN/ECE Recommendation 20.")
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    created_at = fields.Instant()
    updated_at = fields.Instant()


class UnitIn(Schema):
    """A unit of measure to make; every field may be left out of a change."""

    name = fields.Text(40, least=1, required=True, example="hour")
    code = fields.Text(3, pattern="[A-Z0-9]{2,3}", allow_none=True, example="HUR", doc="UN/ECE Recommendation 20.")
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id(load_default=None)


class PaymentMethodOut(Schema):
    """A way to pay."""

    id = fields.Id()
    name = fields.Text(60, example="Bank transfer")
    code = fields.Text(3, allow_none=True, example="30", doc="UNCL 4461.")
    active = fields.Flag()
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    created_at = fields.Instant()
    updated_at = fields.Instant()


class PaymentMethodIn(Schema):
    """A way to pay to make; every field may be left out of a change."""

    name = fields.Text(60, least=1, required=True, example="Bank transfer")
    code = fields.Text(3, pattern="[0-9A-Z]{1,3}", allow_none=True, example="30", doc="UNCL 4461.")
    active = fields.Flag(load_default=True)
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id(load_default=None)
