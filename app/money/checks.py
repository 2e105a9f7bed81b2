"""Reading the numbers of a document into exact integers, refusing what breaks a rule.

Quantities, prices and percentages become integers of a millionth; amounts become minor units. The functions on the
happy path build no text: which rule was broken is found out only after one was.
"""

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import Final

from app.money.documents import Charge, Discount, Line, Tax
from app.money.errors import MAX_MINOR, AmountOutOfRange, InvalidDocument

MICRO: Final = 10**6
INTEGER_DIGITS: Final = 12
HUNDRED_PERCENT: Final = 100 * MICRO

_MILLIONTH: Final = Decimal("0.000001")
_MILLION: Final = Decimal(MICRO)
# Eighteen digits are the twelve before and the six behind the point; more of either, or a NaN, traps.
_EXACT: Final = Context(prec=INTEGER_DIGITS + 6, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation])
_UNFIT: Final = (ArithmeticError, ValueError)


def read_scaled(value: Decimal) -> int:
    """Return a Decimal in millionths; ArithmeticError or ValueError when it does not fit 12 digits and 6 decimals."""
    return int(_EXACT.multiply(_EXACT.quantize(value, _MILLIONTH), _MILLION))


def read_line(position: int, line: Line, price_limit: int) -> tuple[int, int, int]:
    """Return quantity, unit price and price base quantity in millionths.

    `price_limit`: the largest price in millionths that is still an amount of the currency. Raises InvalidDocument,
    for a negative price [BR-27] or a base quantity not above zero [PEPPOL-EN16931-R121] too, and AmountOutOfRange.
    """
    try:
        quantity = read_scaled(line.quantity)
        price = read_scaled(line.unit_price)
        base = read_scaled(line.price_base_quantity)
    except _UNFIT:
        raise _unfit_line(position, line) from None
    if price < 0:
        message = "A unit price cannot be negative [BR-27]: state a negative quantity or a discount instead."
        raise InvalidDocument(f"lines.{position}.unit_price", message)
    if base <= 0:
        message = "The quantity that a price is for must be above zero."
        raise InvalidDocument(f"lines.{position}.price_base_quantity", message)
    if price > price_limit:
        raise AmountOutOfRange(f"lines.{position}.unit_price")
    return quantity, price, base


def read_percent(discount: Discount, field: str) -> int:
    """Return a percentage discount in millionths of a percent; InvalidDocument outside 0..100."""
    try:
        percent = read_scaled(discount.value)
    except _UNFIT:
        raise _unfit(discount.value, f"{field}.value") from None
    if not 0 <= percent <= HUNDRED_PERCENT:
        raise InvalidDocument(f"{field}.value", "A percentage discount lies between 0 and 100.")
    return percent


def read_fixed(discount: Discount, exponent: int, field: str) -> int:
    """Return a fixed discount in minor units; InvalidDocument when negative or finer than the currency."""
    return _not_negative(read_amount(discount.value, exponent, f"{field}.value"), f"{field}.value")


def read_charges(charges: Sequence[Charge], exponent: int, field: str) -> int:
    """Return the sum of charges in minor units; InvalidDocument when one is negative or finer than the currency."""
    total = 0
    for position, charge in enumerate(charges):
        path = f"{field}.{position}.amount"
        total += _not_negative(read_amount(charge.amount, exponent, path), path)
    return total


def read_amount(value: Decimal, exponent: int, field: str) -> int:
    """Return a stated amount in minor units; InvalidDocument when not exact in the currency, AmountOutOfRange."""
    if not value.is_finite():
        raise _unfit(value, field)
    if value and value.adjusted() + exponent >= len(str(MAX_MINOR)):
        raise AmountOutOfRange(field)
    try:
        exact = _EXACT.quantize(value, Decimal((0, (1,), -exponent)))
    except _UNFIT:
        message = f"An amount in this currency has at most {exponent} decimals."
        raise InvalidDocument(field, message) from None
    return int(_EXACT.scaleb(exact, exponent))


def read_rate(tax: Tax, field: str) -> int | None:
    """Return a tax rate in millionths of a percent, None for category O; InvalidDocument when the tax forbids it.

    Category O carries no rate and no other category goes without; a VAT category other than S, and an exemption,
    carry 0 [EN 16931 BR-O-05, BR-Z-05, BR-E-05, BR-AE-05, BR-IC-05, BR-G-05]. Sales and withholding taxes are free
    in their category. A withholding tax is never compound: its base is the net amount.
    """
    if tax.kind not in {"vat", "sales", "withholding", "exempt"}:
        raise InvalidDocument(f"{field}.kind", "A tax is one of vat, sales, withholding or exempt.")
    if tax.kind == "withholding" and tax.compound:
        message = "A withholding tax applies on the net amount and cannot be compound."
        raise InvalidDocument(f"{field}.compound", message)
    if (tax.category == "O") != (tax.rate is None):
        message = "Category O (outside the scope of tax) carries no rate, and every other category carries one."
        raise InvalidDocument(f"{field}.rate", message)
    if tax.rate is None:
        return None
    try:
        rate = read_scaled(tax.rate)
    except _UNFIT:
        raise _unfit(tax.rate, f"{field}.rate") from None
    if rate < 0:
        raise InvalidDocument(f"{field}.rate", "A tax rate cannot be negative.")
    if rate and (tax.kind == "exempt" or (tax.kind == "vat" and tax.category != "S")):
        message = "Only VAT of category S carries a rate other than 0, and an exemption never."
        raise InvalidDocument(f"{field}.rate", message)
    return rate


def _not_negative(amount: int, field: str) -> int:
    if amount < 0:
        raise InvalidDocument(field, "The amount of a discount or a charge is stated without a sign.")
    return amount


def _unfit_line(position: int, line: Line) -> InvalidDocument:
    """Name the first number of a line that does not fit."""
    for name in ("quantity", "unit_price"):
        value: Decimal = getattr(line, name)
        try:
            read_scaled(value)
        except _UNFIT:
            return _unfit(value, f"lines.{position}.{name}")
    return _unfit(line.price_base_quantity, f"lines.{position}.price_base_quantity")


def _unfit(value: Decimal, field: str) -> InvalidDocument:
    """Say why a number does not fit twelve digits before and six behind the point."""
    if not value.is_finite():
        return InvalidDocument(field, "This is not a finite number.")
    if value.adjusted() >= INTEGER_DIGITS:
        return InvalidDocument(field, f"A number has at most {INTEGER_DIGITS} digits before the decimal point.")
    return InvalidDocument(field, "A number has at most 6 decimals.")
