"""The hash of an issued invoice's fiscal content: `flask check` proves with it that nothing issued has changed."""

import hashlib
import json
from typing import Any

from app.invoices.models import Invoice

_FIELDS = (
    "number",
    "type_code",
    "customer_id",
    "customer_snapshot",
    "seller_snapshot",
    "issue_date",
    "supply_date",
    "period_start",
    "period_end",
    "payment_terms",
    "currency",
    "exchange_rate",
    "exchange_rate_date",
    "exchange_rate_source",
    "base_currency",
    "base_total",
    "tax_inclusive",
    "rounding_mode",
    "discount_type",
    "discount_value",
    "charges",
    "tax_rows",
    "withholding_rows",
    "subtotal",
    "discount_total",
    "charge_total",
    "tax_total",
    "total",
    "withholding_total",
    "rounding",
    "po_number",
    "buyer_reference",
    "contract_number",
    "project_number",
    "language",
    "notes",
    "terms",
    "issued_at",
)
_LINE_FIELDS = (
    "position",
    "item_id",
    "sku",
    "gtin",
    "buyer_item_id",
    "name",
    "description",
    "quantity",
    "unit",
    "unit_code",
    "unit_price",
    "price_base_quantity",
    "discount_type",
    "discount_value",
    "charges",
    "taxes",
    "period_start",
    "period_end",
    "net",
    "tax",
    "gross",
)


def fingerprint(invoice: Invoice) -> str:
    """SHA-256, in hexadecimal, of everything that is frozen at issue. The lines must be loaded."""
    content = {name: _text(getattr(invoice, name)) for name in _FIELDS}
    content["lines"] = [{name: _text(getattr(line, name)) for name in _LINE_FIELDS} for line in invoice.lines]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str | list | dict) else str(value)
