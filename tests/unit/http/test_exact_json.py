"""JSON in and out: exact, strict, and quick to give up."""

import json
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask

from app.http.json import ExactJson


@pytest.fixture
def exact():
    return ExactJson(Flask("test"))


@pytest.mark.parametrize(
    "text",
    [
        "0.1",
        "0.30000000000000004",
        "1e400",
        "1e-400",
        "123456789012345678901234567890.123456789",
        "1.10",
        "-0.0",
        "1E+2",
        "0e5",
    ],
)
def test_a_fraction_is_the_decimal_of_its_text(exact, text):
    found = exact.loads(text)
    assert isinstance(found, Decimal)
    assert str(found) == str(Decimal(text))


def test_no_float_ever_appears(exact):
    found = exact.loads('{"a": [0.1, 1e5, {"b": -2.5e-3}], "c": 1.0}')

    def floats(value):
        if isinstance(value, dict | list):
            return any(floats(each) for each in (value.values() if isinstance(value, dict) else value))
        return isinstance(value, float)

    assert not floats(found)


def test_a_whole_number_stays_one_until_it_is_absurd(exact):
    assert exact.loads("5") == 5 and isinstance(exact.loads("5"), int)
    assert exact.loads("9" * 40) == int("9" * 40)
    long = exact.loads("9" * 10_000)
    assert isinstance(long, Decimal) and long == Decimal("9" * 10_000)
    assert exact.loads("-" + "9" * 10_000) < 0
    assert exact.loads("true") is True


@pytest.mark.parametrize(
    "text",
    [
        "1e99999999999999999999",
        "-1e99999999999999999999",
        "1e-99999999999999999999",
        "0." + "1" * 10 + "e-9999999999999999999999",
    ],
)
def test_an_exponent_that_no_number_has_is_no_number(exact, text):
    assert not exact.loads(text).is_finite()


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "[1, NaN]",
        "01",
        "1.",
        ".5",
        "+1",
        "0x1",
        "",
        " ",
        "'a'",
        '"a',
        "{1: 2}",
        "[1,]",
        "{}{}",
        '"\t"',
    ],
)
def test_what_rfc_8259_does_not_know_is_a_value_error(exact, text):
    with pytest.raises(ValueError, match=r".+"):
        exact.loads(text)


@pytest.mark.parametrize(
    "data", [b"\xff", b'"\xc3\x28"', b'"\xed\xa0\x80"', '"é"'.encode("latin-1"), '"x"'.encode("utf-16")]
)
def test_what_is_no_utf8_is_a_value_error(exact, data):
    with pytest.raises(ValueError, match=r".+"):
        exact.loads(data)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000])
def test_absurd_nesting_is_given_up_quickly(exact, text):
    started = time.perf_counter()
    with pytest.raises((RecursionError, ValueError)):
        exact.loads(text)
    assert time.perf_counter() - started < 1


def test_a_long_number_costs_little(exact):
    started = time.perf_counter()
    exact.loads("9" * 2_000_000)
    exact.loads("0." + "9" * 2_000_000)
    assert time.perf_counter() - started < 2


def test_what_is_written_is_json_that_others_read(exact):
    day = datetime(2026, 1, 2, tzinfo=UTC)
    value = {
        "text": 'é"\\\n\x00🧾</script>',
        "n": 1,
        "flag": True,
        "none": None,
        "list": [1, "a"],
        "id": uuid.UUID(int=5),
        "day": day.date(),
        5: "key",
    }
    read = json.loads(exact.dumps(value))
    assert read["text"] == value["text"]
    assert (read["id"], read["day"], read["5"]) == ("00000000-0000-0000-0000-000000000005", "2026-01-02", "key")


def test_a_decimal_is_never_written_by_accident(exact):
    with pytest.raises(TypeError):
        exact.dumps({"amount": Decimal("0.1")})
