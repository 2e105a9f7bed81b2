"""Currencies and their minor units: how many decimals, and the way between decimals, integers and text.

Amounts are stored and computed as integers of the minor unit [ISO 4217]: 12075.00 EUR is 1207500, 500 JPY is 500.
"""

from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact
from types import MappingProxyType
from typing import Final

from app.money.errors import MAX_MINOR, AmountOutOfRange
from app.money.iso4217 import CODES_BY_EXPONENT

__all__ = [
    "EXPONENTS",
    "MAX_MINOR",
    "InexactAmount",
    "UnknownCurrency",
    "exponent",
    "format_minor",
    "from_minor",
    "quantum",
    "to_minor",
]

EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {code: decimals for decimals, codes in CODES_BY_EXPONENT.items() for code in codes.split()},
)
"""Active ISO 4217 code -> number of decimals of its minor unit."""

_QUANTA: Final = {decimals: Decimal((0, (1,), -decimals)) for decimals in CODES_BY_EXPONENT}
_DIGITS: Final = len(str(MAX_MINOR))
_EXACT: Final = Context(prec=_DIGITS, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact])


class UnknownCurrency(ValueError):
    """The code is not an active ISO 4217 currency with a minor unit; `code` holds it."""

    def __init__(self, code: str) -> None:
        """Take the unknown code."""
        super().__init__(f"{code!r} is not an active ISO 4217 currency code.")
        self.code = code


class InexactAmount(ValueError):
    """The amount has more decimals than its currency, or is not a finite number."""


def exponent(code: str) -> int:
    """Return the number of decimals of a currency, for instance 2 for EUR; UnknownCurrency otherwise [ISO 4217]."""
    try:
        return EXPONENTS[code]
    except KeyError:
        raise UnknownCurrency(code) from None


def quantum(code: str) -> Decimal:
    """Return one minor unit as a Decimal with the currency's decimals: 0.01 for EUR, 1 for JPY [ISO 4217]."""
    return _QUANTA[exponent(code)]


def to_minor(amount: Decimal, code: str) -> int:
    """Return an amount in minor units, exactly: 12.30 EUR -> 1230.

    Raises UnknownCurrency; InexactAmount when digits would be lost; AmountOutOfRange (field "amount") above MAX_MINOR.
    """
    decimals = exponent(code)
    if not amount.is_finite():
        message = f"{amount} is not an amount of money."
        raise InexactAmount(message)
    if amount and amount.adjusted() + decimals >= _DIGITS:
        field = "amount"
        raise AmountOutOfRange(field)
    try:
        exact = _EXACT.quantize(amount, _QUANTA[decimals])
    except Inexact:
        message = f"{amount} has more decimals than {code}, which has {decimals}."
        raise InexactAmount(message) from None
    return int(_EXACT.scaleb(exact, decimals))


def from_minor(minor: int, code: str) -> Decimal:
    """Return minor units as a Decimal with the currency's decimals: 1230 EUR -> 12.30; never a negative zero."""
    return Decimal(format_minor(minor, exponent(code)))


def format_minor(minor: int, exponent: int) -> str:
    """Return minor units as a decimal string: (1207500, 2) -> "12075.00", (-5, 2) -> "-0.05", (7, 0) -> "7"."""
    if not exponent:
        return str(minor)
    digits = str(minor).zfill(exponent + 1 if minor >= 0 else exponent + 2)
    return f"{digits[:-exponent]}.{digits[-exponent:]}"
