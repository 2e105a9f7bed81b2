"""Calculating without storing: the same function that computes an invoice, told step by step."""

from typing import Any

from app import money
from app.accounts.service import get_settings
from app.customers import service as customers
from app.invoices.content import compose


def calculate(data: dict[str, Any]) -> dict[str, Any]:
    """The totals of a document and each step that led to them. Stores nothing. Raises Invalid."""
    customer = customers.resolve(data["customer_id"]) if data.get("customer_id") else None
    content = compose(data, get_settings(), customer, explain=True)
    totals, currency = content.totals, content.currency
    names = ("subtotal", "discount_total", "charge_total", "tax_total", "total", "withholding_total", "rounding")
    amounts = {name: getattr(totals, name) for name in names}
    return amounts | {
        "currency": currency,
        "tax_inclusive": content.tax_inclusive,
        "amount_due": totals.payable,
        "lines": [
            {"net": line.net, "tax": line.tax, "gross": line.gross, "currency": currency} for line in totals.lines
        ],
        "taxes": [{**row, "currency": currency} for row in content.tax_rows()],
        "withholding": [{**row, "currency": currency} for row in content.withholding_rows()],
        "warnings": content.warnings,
        "steps": [{**_step(step)} for step in content.steps],
    }


def _step(step: money.Step) -> dict[str, str]:
    return {"rule": step.rule, "path": step.path, "text": step.text, "value": step.value}
