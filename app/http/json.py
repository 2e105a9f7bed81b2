"""JSON in and out: decimals are parsed exactly, nonsense is refused, answers are written by orjson."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import orjson
from flask import Flask
from flask.json.provider import JSONProvider

_LONGEST_INT = 40
_BEYOND = Decimal("1E+999999")  # no field takes it


def _integer(text: str) -> int | Decimal:
    # Python refuses to parse very long ints; as a Decimal the field's own bound names the field instead.
    return int(text) if len(text) <= _LONGEST_INT else Decimal(text)


def _fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits: the field's own bound names the field
        return _BEYOND


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent that no number has: fields refuse what is not finite, and say which field it was.
        return Decimal("NaN")


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


class ExactJson(JSONProvider):
    """Flask's JSON, exact: 0.1 is Decimal('0.1'); NaN and Infinity are not JSON (RFC 8259)."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # noqa: ARG002 - signature of Flask's provider
        """Parse. Raises ValueError for anything that is not JSON in UTF-8, RecursionError for absurd nesting."""
        text = s.decode("utf-8") if isinstance(s, bytes) else s
        return json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=_constant)

    def dumps(self, obj: Any, **kwargs: Any) -> str:  # noqa: ARG002 - signature of Flask's provider
        """Write compact JSON."""
        return orjson.dumps(obj, option=orjson.OPT_NON_STR_KEYS).decode()


def init_app(app: Flask) -> None:
    """Use exact JSON everywhere in the application."""
    app.json = ExactJson(app)
