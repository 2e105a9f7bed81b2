"""Currencies: exponents, and the way between decimals, minor units and text."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.money import (
    EXPONENTS,
    MAX_MINOR,
    AmountOutOfRange,
    InexactAmount,
    UnknownCurrency,
    exponent,
    format_minor,
    from_minor,
    quantum,
    to_minor,
)


@pytest.mark.parametrize(
    ("code", "decimals"),
    [("EUR", 2), ("JPY", 0), ("KWD", 3), ("IQD", 3), ("CLF", 4), ("UYW", 4), ("UGX", 0), ("HUF", 2), ("ISK", 0)],
)
def test_exponents_are_those_of_iso_4217(code: str, decimals: int) -> None:
    assert exponent(code) == EXPONENTS[code] == decimals
    assert quantum(code) == Decimal(1).scaleb(-decimals)


def test_the_table_holds_active_codes_only() -> None:
    assert 150 < len(EXPONENTS) < 180
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in EXPONENTS)
    assert not {"XAU", "XDR", "XXX", "XTS", "DEM", "HRK", "BGN"} & set(EXPONENTS)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "XAU", "XXX"])
def test_unknown_codes_are_refused(code: str) -> None:
    for refuse in (exponent, quantum):
        with pytest.raises(UnknownCurrency) as caught:
            refuse(code)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("minor", "decimals", "text"),
    [
        (1207500, 2, "12075.00"),
        (0, 2, "0.00"),
        (5, 2, "0.05"),
        (-5, 2, "-0.05"),
        (-50, 2, "-0.50"),
        (-1207500, 2, "-12075.00"),
        (100, 2, "1.00"),
        (7, 0, "7"),
        (-7, 0, "-7"),
        (1, 4, "0.0001"),
        (-12345, 3, "-12.345"),
    ],
)
def test_format_minor(minor: int, decimals: int, text: str) -> None:
    assert format_minor(minor, decimals) == text


@pytest.mark.parametrize(
    ("amount", "code", "minor"),
    [
        ("12.3", "EUR", 1230),
        ("12.3000000", "EUR", 1230),
        ("-0.00", "EUR", 0),
        ("1E+3", "JPY", 1000),
        ("1E+2", "KWD", 100000),
    ],
)
def test_to_minor(amount: str, code: str, minor: int) -> None:
    assert to_minor(Decimal(amount), code) == minor


@pytest.mark.parametrize(
    ("amount", "code"), [("0.001", "EUR"), ("0.5", "JPY"), ("1E-99999", "EUR"), ("NaN", "EUR"), ("Infinity", "EUR")]
)
def test_to_minor_loses_nothing(amount: str, code: str) -> None:
    with pytest.raises(InexactAmount):
        to_minor(Decimal(amount), code)


@pytest.mark.parametrize("amount", ["10000000000000.00", "-10000000000000.00", "1E+999999"])
def test_to_minor_is_bounded(amount: str) -> None:
    with pytest.raises(AmountOutOfRange) as caught:
        to_minor(Decimal(amount), "EUR")
    assert caught.value.field == "amount"


@settings(derandomize=True, database=None, deadline=None)
@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(sorted(EXPONENTS)))
def test_minor_units_survive_the_round_trip(minor: int, code: str) -> None:
    with localcontext() as context:
        context.prec = 2
        amount = from_minor(minor, code)
        assert to_minor(amount, code) == minor
    assert str(amount) == format_minor(minor, exponent(code))
    assert not (amount.is_signed() and amount.is_zero())
