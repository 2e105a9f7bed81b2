"""Column types hold the same exact value on both databases, and refuse what they cannot hold."""

import decimal
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.data.types import BIGINT_MAX, Json, MinorUnits, Scaled, UtcDateTime, plain
from app.extensions import db

META = sa.MetaData()
VALUES = sa.Table(
    "planted_values",
    META,
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("minor", MinorUnits),
    sa.Column("scaled", Scaled()),
    sa.Column("rate", Scaled(10)),
    sa.Column("at", UtcDateTime()),
    sa.Column("json", Json),
    prefixes=["TEMPORARY"],
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def table(app):
    with app.app_context(), db.engine.connect() as connection:
        VALUES.create(connection)
        yield connection
        connection.rollback()


def trip(connection, **values):
    connection.execute(VALUES.delete())
    connection.execute(VALUES.insert().values(n=1, **values))
    return connection.execute(sa.select(*(VALUES.c[name] for name in values))).one()


@QUICK
@given(minor=st.integers(-BIGINT_MAX, BIGINT_MAX), units=st.integers(-BIGINT_MAX, BIGINT_MAX))
def test_amounts_and_decimals_make_the_round_trip(table, minor, units):
    scaled, rate = Decimal(units).scaleb(-6), Decimal(units).scaleb(-10)
    found = trip(table, minor=minor, scaled=scaled, rate=rate)
    assert (found.minor, found.scaled, found.rate) == (minor, scaled, rate)
    assert isinstance(found.scaled, Decimal)
    assert "E" not in str(found.scaled) or found.scaled.adjusted() < -6


@QUICK
@given(
    moment=st.datetimes(
        datetime(1900, 1, 2),  # noqa: DTZ001 - aware by `timezones`
        datetime(2999, 12, 30),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
    )
)
def test_instants_make_the_round_trip_in_utc(table, moment):
    [found] = trip(table, at=moment)
    assert found == moment
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", [{"a": ["é🧾", None, 1, True, {"b": []}]}, [], {}, None])
def test_json_makes_the_round_trip_and_null_is_null(table, value):
    [found] = trip(table, json=value)
    assert found == value
    null = table.execute(sa.select(sa.func.count()).select_from(VALUES).where(VALUES.c.json.is_(None))).scalar_one()
    assert null == (1 if value is None else 0)


def test_sums_and_orders_are_exact(table):
    table.execute(VALUES.insert(), [{"n": n, "scaled": Decimal(n) / 10, "minor": n} for n in range(1, 11)])
    assert table.execute(sa.select(sa.func.sum(VALUES.c.minor))).scalar_one() == 55
    assert table.execute(
        sa.select(VALUES.c.n).where(VALUES.c.scaled > Decimal("0.3")).order_by(VALUES.c.scaled)
    ).scalars().all() == list(range(4, 11))


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        (MinorUnits(), 1.0, TypeError),
        (MinorUnits(), Decimal(1), TypeError),
        (MinorUnits(), "1", TypeError),
        (MinorUnits(), True, TypeError),
        (MinorUnits(), BIGINT_MAX + 1, OverflowError),
        (MinorUnits(), -BIGINT_MAX - 2, OverflowError),
        (Scaled(), 0.1, TypeError),
        (Scaled(), "0.1", TypeError),
        (Scaled(), True, TypeError),
        (Scaled(), Decimal("0.0000001"), decimal.Inexact),
        (Scaled(), Decimal(BIGINT_MAX), OverflowError),
        (Scaled(), Decimal("NaN"), ValueError),
        (Scaled(), Decimal("Infinity"), (OverflowError, decimal.InvalidOperation)),
        (Scaled(), Decimal("1E+400"), (OverflowError, decimal.Inexact)),
        (Scaled(), Decimal("1E-400"), decimal.Inexact),
        (UtcDateTime(), datetime(2026, 1, 1), ValueError),  # noqa: DTZ001 - naive is the point
    ],
)
def test_what_cannot_be_held_is_refused_before_the_database_sees_it(kind, value, error):
    with pytest.raises(error):
        kind.process_bind_param(value, sa.create_engine("sqlite://").dialect)


def test_types_tell_what_they_give():
    assert [kind.python_type for kind in (MinorUnits(), Scaled(), UtcDateTime())] == [int, Decimal, datetime]
    assert sa.Date().python_type is date


@pytest.mark.parametrize(
    ("given_number", "written"),
    [
        ("12.000000", "12"),
        ("1E+2", "100"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0.10", "0.1"),
        ("100", "100"),
        ("1E-6", "0.000001"),
        ("0E+5", "0"),
    ],
)
def test_plain(given_number, written):
    assert f"{plain(Decimal(given_number)):f}" == written
    assert "E" not in f"{plain(Decimal(given_number))}" or written == "0.000001"
