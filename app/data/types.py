"""Column types that hold the same exact value on SQLite and PostgreSQL."""

import decimal
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

BIGINT_MAX = 2**63 - 1
_EXACT = decimal.Context(prec=60, traps=[decimal.Inexact, decimal.InvalidOperation])

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


class MinorUnits(TypeDecorator[int]):
    """An amount as a whole number of the currency's minor unit (cents), BIGINT. Floats and fractions are refused."""

    impl = sa.BigInteger
    cache_ok = True
    python_type = int

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Raise TypeError for anything but an int, OverflowError beyond BIGINT."""
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"minor units are whole numbers, not {value!r}")
        if abs(value) > BIGINT_MAX:
            raise OverflowError(f"{value} minor units do not fit a BIGINT")
        return value


class Scaled(TypeDecorator[Decimal]):
    """An exact decimal as an integer scaled by 10**places (prices, quantities, rates: 6; exchange rates: 10)."""

    impl = sa.BigInteger
    cache_ok = True
    python_type = Decimal

    def __init__(self, places: int = 6) -> None:
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Raise TypeError for floats, decimal.Inexact for more digits than `places`, OverflowError beyond BIGINT."""
        if value is None:
            return None
        if not isinstance(value, Decimal | int) or isinstance(value, bool):
            raise TypeError(f"an exact number is a Decimal, not {value!r}")
        scaled = Decimal(value).scaleb(self.places, context=_EXACT)
        number = int(scaled.to_integral_exact(context=_EXACT))
        if abs(number) > BIGINT_MAX:
            raise OverflowError(f"{value} scaled by 10**{self.places} does not fit a BIGINT")
        return number

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """The exact Decimal, without trailing zeros (Decimal('12'), Decimal('0.5'))."""
        return None if value is None else plain(Decimal(value).scaleb(-self.places, context=_EXACT))


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the database. Naive datetimes are refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raise ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros, exponent or negative zero: 12.000000 -> 12, 1E+2 -> 100, -0 -> 0."""
    if not value:
        return Decimal(0)
    value = value.normalize(context=_EXACT)
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1), context=_EXACT) if isinstance(exponent, int) and exponent > 0 else value
