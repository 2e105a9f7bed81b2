"""Shapes of the catalogue on the wire."""

from typing import Any

from marshmallow import post_load

from app.http import fields
from app.http.paging import PageQuery
from app.http.schema import Schema
from app.items.models import TYPES

MOST_TAXES = 10


class ItemOut(Schema):
    """A product or a service."""

    id = fields.Id()
    type = fields.Text(20, one_of=TYPES, example="service")
    sku = fields.Text(100, allow_none=True, example="DEV-01")
    name = fields.Text(200, example="Web development")
    description = fields.Text(4000, allow_none=True, example="Design and code, by the hour")
    unit = fields.Text(40, allow_none=True, example="hour")
    unit_code = fields.Text(3, allow_none=True, example="HUR", doc="UN/ECE Recommendation 20.")
    gtin = fields.Text(14, allow_none=True, example="04012345678901")
    price = fields.Price(example="150.00", doc="Of one unit, in `currency`.")
    currency = fields.Text(3, example="EUR")
    tax_ids = fields.List(fields.Id())
    active = fields.Flag()
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    created_at = fields.Instant()
    updated_at = fields.Instant()


class ItemIn(Schema):
    """An item to make, or to put in place of another."""

    type = fields.Text(20, one_of=TYPES, load_default="product", example="service")
    sku = fields.Text(100, least=1, allow_none=True, example="DEV-01", doc="Unique per organisation.")
    name = fields.Text(200, least=1, required=True, example="Web development")
    description = fields.Text(4000, lines=True, allow_none=True, example="Design and code, by the hour")
    unit = fields.Text(40, allow_none=True, example="hour", doc="As people read it.")
    unit_code = fields.Text(3, pattern="[A-Z0-9]{2,3}", allow_none=True, example="HUR", doc="UN/ECE Recommendation 20.")
    gtin = fields.Text(
        14, pattern="[0-9]{8,14}", allow_none=True, example="04012345678901", doc="Global trade item number."
    )
    price = fields.Price(low=0, required=True, example="150.00", doc="Of one unit, never negative (BR-27).")
    currency = fields.Currency(allow_none=True, doc="Default: the organisation's, as it is now.")
    tax_ids = fields.some(fields.Id(), most=MOST_TAXES, load_default=list)
    active = fields.Flag(load_default=True, example=True, doc="Inactive items stay, but are not for sale.")
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id()

    @post_load
    def _complete(self, data: dict[str, Any], *, partial: Any = None, **_: Any) -> dict[str, Any]:
        """A whole item says everything: what it leaves out and has no default is null."""
        if partial:
            return data
        return {field.attribute or name: None for name, field in self.load_fields.items()} | data


class ItemQuery(PageQuery):
    """Filters of the catalogue. `search` looks into name, sku and description."""

    type = fields.Text(20, one_of=TYPES, example="service")
    active = fields.Flag(doc="Only active items, or only inactive ones.")
