"""Rounding half away from zero, and splitting by largest remainder."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.money import round_half_away, split_by_largest_remainder
from tests.unit.money.oracle import half_away

STEADY = settings(derandomize=True, database=None, deadline=None, max_examples=300)
WEIGHTS = st.lists(st.decimals(-1000, 1000, places=3), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("value", "places", "rounded"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("0.004999999999999999999999999999999999999", 2, "0.00"),
        ("-0.004", 2, "0.00"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("9.995", 2, "10.00"),
        ("1", 3, "1.000"),
        ("15", -1, "2E+1"),
        ("1E-50", 2, "0.00"),
        ("123456789012345678901234567890123456.785", 2, "123456789012345678901234567890123456.79"),
    ],
)
def test_round_half_away(value: str, places: int, rounded: str) -> None:
    with localcontext() as context:
        context.prec = 4
        assert str(round_half_away(Decimal(value), places)) == rounded


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_only_finite_numbers_are_rounded(value: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        round_half_away(Decimal(value), 2)


@STEADY
@given(st.decimals(allow_nan=False, allow_infinity=False, places=9), st.integers(0, 8))
def test_rounding_agrees_with_fractions_and_mirrors(value: Decimal, places: int) -> None:
    rounded = round_half_away(value, places)
    assert Fraction(rounded) == Fraction(half_away(Fraction(value) * 10**places), 10**places)
    assert Fraction(round_half_away(value.copy_negate(), places)) == -Fraction(rounded)
    assert rounded.as_tuple().exponent == -places


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, "1 1 1", [34, 33, 33]),
        (-100, "1 1 1", [-34, -33, -33]),
        (1, "1 1", [1, 0]),
        (10, "0 0 0", [4, 3, 3]),
        (10, "0 5", [0, 10]),
        (5, "100 -90", [50, -45]),
        (7, "1 -1", [4, 3]),
        (0, "1 -1 0.5", [0, 0, 0]),
        (1001, "100 50 50", [501, 250, 250]),
        (3, "0.001 1E+3", [0, 3]),
    ],
)
def test_split(total: int, weights: str, parts: list[int]) -> None:
    assert split_by_largest_remainder(total, [Decimal(weight) for weight in weights.split()]) == parts


def test_split_over_nothing() -> None:
    assert split_by_largest_remainder(0, []) == []
    with pytest.raises(ValueError, match="nothing"):
        split_by_largest_remainder(1, [])


@STEADY
@given(st.integers(-(10**15), 10**15), WEIGHTS)
def test_parts_add_up_and_mirror(total: int, weights: list[Decimal]) -> None:
    parts = split_by_largest_remainder(total, weights)
    assert sum(parts) == total
    assert split_by_largest_remainder(-total, weights) == [-part for part in parts]
    whole = sum(map(Fraction, weights))
    if whole:
        exact = [total * Fraction(weight) / whole for weight in weights]
        assert all(abs(part - share) < 1 for part, share in zip(parts, exact, strict=True))
        assert split_by_largest_remainder(total, [-weight for weight in weights]) == parts
