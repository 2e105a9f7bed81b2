"""Shapes of a calculation on the wire."""

from app.http import fields
from app.http.schema import Schema
from app.invoices.schemas import DocumentIn, TaxRowOut, TotalsFields, WarningOut


class CalculateIn(DocumentIn):
    """A document to calculate; nothing is stored."""

    customer_id = fields.Id(allow_none=True, doc="Whose taxes and currency apply.")


class StepOut(Schema):
    """One step of the calculation, with the rule it follows."""

    rule = fields.Text(40, example="BR-CO-17")
    path = fields.Text(80, example="taxes[0].amount")
    text = fields.Text(500, example="19 % of 10500.00 = 1995.00")
    value = fields.Text(40, example="1995.00")


class CalculationLineOut(Schema):
    """A calculated line."""

    net = fields.Amount(example="9000.00")
    tax = fields.Amount(example="1710.00")
    gross = fields.Amount(example="10710.00")


class CalculationOut(TotalsFields):
    """The totals of a document and every step that led to them."""

    currency = fields.Text(3, example="EUR")
    tax_inclusive = fields.Flag()
    lines = fields.List(fields.Nested(CalculationLineOut))
    taxes = fields.List(fields.Nested(TaxRowOut))
    withholding = fields.List(fields.Nested(TaxRowOut))
    warnings = fields.List(fields.Nested(WarningOut))
    steps = fields.List(fields.Nested(StepOut))
