"""Rounding half away from zero, and splitting a whole into parts that add up to it.

Everything here is exact and sign-symmetric: f(-x) == -f(x), so that a credit note mirrors its invoice. Nothing reads
the ambient decimal context. The engine works on integers and ratios of integers; Decimal is for the callers.
"""

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from math import lcm

__all__ = ["apportion", "round_half_away", "round_ratio", "split_by_largest_remainder", "split_integer"]


def round_half_away(value: Decimal, places: int) -> Decimal:
    """Round a finite Decimal of any precision to `places` decimals, halves away from zero; never a negative zero.

    The result always has exactly `places` decimals: (Decimal("-0.005"), 2) -> Decimal("-0.01"). ValueError for NaN
    and infinities.
    """
    if not value.is_finite():
        message = f"{value} cannot be rounded: it is not a finite number."
        raise ValueError(message)
    # One digit more than the integer part and the decimals need, since 9.99 may round up to 10.0.
    width = max(value.adjusted() + places + 2, 1)
    context = Context(prec=width, rounding=ROUND_HALF_UP, Emin=MIN_EMIN, Emax=MAX_EMAX)
    rounded = value.quantize(Decimal((0, (1,), -places)), context=context)
    return rounded or rounded.copy_abs()


def round_ratio(numerator: int, denominator: int) -> int:
    """Return numerator / denominator (denominator > 0) rounded to an integer, halves away from zero."""
    if numerator < 0:
        return -((denominator - 2 * numerator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def apportion(total: int, numerators: Sequence[int], denominator: int, *, last_first: bool = False) -> list[int]:
    """Turn exact shares into integers that add up to `total`: each share numerators[i] / denominator, cut or raised.

    The shares must add up to within 1 of the total and the denominator be > 0; each part is then its share rounded
    one way or the other, and a whole share is kept as it is. What cutting towards zero leaves over goes, one unit
    each, to the largest remainders; equal remainders go by position, from the end when `last_first`.
    """
    parts: list[int] = []
    remainders: list[int] = []
    for numerator in numerators:
        whole, remainder = divmod(numerator, denominator)
        if remainder and numerator < 0:
            whole, remainder = whole + 1, remainder - denominator
        parts.append(whole)
        remainders.append(remainder)
    left = total - sum(parts)
    if left:
        step = 1 if left > 0 else -1
        positions = range(len(parts) - 1, -1, -1) if last_first else range(len(parts))
        for position in sorted(positions, key=lambda at: -step * remainders[at])[: abs(left)]:
            parts[position] += step
    return parts


def split_integer(total: int, weights: Sequence[int]) -> list[int]:
    """Split a whole over integer weights by largest remainder; see split_by_largest_remainder."""
    if not weights:
        if total:
            message = "There is nothing to split the amount over."
            raise ValueError(message)
        return []
    whole = sum(weights)
    if not whole:
        weights = [abs(weight) for weight in weights] if any(weights) else [1] * len(weights)
        whole = sum(weights)
    direction = total if whole > 0 else -total
    return apportion(total, [direction * weight for weight in weights], abs(whole))


def split_by_largest_remainder(total: int, weights: Sequence[Decimal]) -> list[int]:
    """Split a whole in proportion to finite weights, in integers that add up to exactly `total`.

    Each part is its exact share total x weight / sum(weights), rounded one way or the other; equal remainders go by
    position, first one first. Weights of mixed signs give parts of mixed signs; when such weights cancel out their
    absolute values count, and when all are zero the split is even. ValueError when there are no weights but a total,
    and for a weight that is not finite (OverflowError for an infinite one).
    """
    ratios = [weight.as_integer_ratio() for weight in weights]
    scale = lcm(*(denominator for _, denominator in ratios))
    return split_integer(total, [numerator * (scale // denominator) for numerator, denominator in ratios])
