"""The fields of every schema: bounded, strict, exact. What a field lets through can be stored; what not is a 422."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import ValidationError, fields

from app.data.types import plain
from app.http import words
from app.http.iso3166 import COUNTRIES
from app.money import EXPONENTS, format_minor

List = fields.List

ZERO, ONE = Decimal(0), Decimal(1)
_CUT = Context(prec=60, rounding=ROUND_DOWN, traps=[])

_ALLOWED_CONTROLS = {"\n", "\t"}


class Nested(fields.Nested):
    """An object inside an object. It is whole, also in a change that may leave out fields of the outer one."""

    def _load(self, value: Any, partial: Any = None) -> Any:  # noqa: ARG002 - marshmallow would pass it on
        return super()._load(value)


class Text(fields.String):
    """Text of bounded length without NUL, control characters or lone surrogates; `lines` allows breaks and tabs."""

    def __init__(
        self,
        most: int,
        *,
        least: int = 0,
        lines: bool = False,
        pattern: str | None = None,
        one_of: Sequence[str] | None = None,
        example: object = None,
        doc: str = "",
        **kwargs: Any,
    ) -> None:
        """`most` and `least` count characters; `pattern` must match the whole; `one_of` lists the legal words."""
        self.most, self.least, self.multi_line = most, least, lines
        self.pattern = re.compile(pattern) if pattern else None
        self.one_of = tuple(one_of) if one_of else None
        metadata: dict[str, Any] = {"maxLength": most} | ({"minLength": least} if least else {})
        metadata |= {"enum": list(self.one_of)} if self.one_of else {}
        metadata |= {"pattern": f"^(?:{pattern})$"} if pattern else {}
        super().__init__(metadata=metadata | described(doc, example), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if not isinstance(value, str):
            raise ValidationError("Must be text.")
        if self.multi_line:
            value = value.replace("\r\n", "\n")
        self._refuse(value)
        return value

    def _refuse(self, value: str) -> None:
        if len(value) > self.most:
            raise ValidationError(f"Must have at most {self.most} characters.")
        if len(value.strip()) < self.least:
            raise ValidationError(
                "Must not be empty." if self.least == 1 else f"Must have at least {self.least} characters."
            )
        if not value.isprintable():
            for character in value:
                category = unicodedata.category(character)
                if category in {"Cc", "Cs"} and not (self.multi_line and character in _ALLOWED_CONTROLS):
                    raise ValidationError("Must not contain control characters.")
        if self.one_of and value not in self.one_of:
            raise ValidationError(f"Must be one of: {', '.join(self.one_of)}.")
        if self.pattern and not self.pattern.fullmatch(value):
            raise ValidationError("Does not have the right form.")


class Checked(Text):
    """Text that a further rule judges and may normalise. The rule returns the value or raises ValueError(sentence)."""

    def __init__(self, most: int, rule: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(most, **kwargs)
        self.rule = rule

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return self.rule(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error


def described(doc: str, example: object) -> dict[str, Any]:
    """OpenAPI metadata of a field."""
    return ({"description": doc} if doc else {}) | ({"example": example} if example is not None else {})


def Email(**kwargs: Any) -> Checked:  # noqa: N802 - reads as the field it makes
    """An e-mail address (RFC 5321/6531), domain in lower case. No DNS look-up."""
    return Checked(254, words.email, example="billing@acme.example", **kwargs)


def Currency(**kwargs: Any) -> Checked:  # noqa: N802
    """An ISO 4217 code in capitals."""
    return Checked(
        3, words.member(EXPONENTS, "Must be an ISO 4217 currency code such as EUR."), example="EUR", **kwargs
    )


def Country(**kwargs: Any) -> Checked:  # noqa: N802
    """An ISO 3166-1 alpha-2 code in capitals."""
    return Checked(2, words.member(COUNTRIES, "Must be an ISO 3166 country code such as DE."), example="DE", **kwargs)


def TimeZone(**kwargs: Any) -> Checked:  # noqa: N802
    """An IANA time zone name."""
    return Checked(64, words.time_zone, example="Europe/Berlin", **kwargs)


def LocaleCode(**kwargs: Any) -> Checked:  # noqa: N802
    """A locale that Babel knows, such as de, de_DE or pt-BR."""
    return Checked(20, words.locale, example="de_DE", **kwargs)


def Iban(**kwargs: Any) -> Checked:  # noqa: N802
    """An ISO 13616 account number with its check digits right, stored without spaces."""
    return Checked(42, words.account, example="DE89370400440532013000", **kwargs)


def Url(**kwargs: Any) -> Text:  # noqa: N802
    """An http or https address. It is only ever printed, never fetched."""
    return Text(500, pattern=r"https?://[^\s<>\"]+", example="https://acme.example", **kwargs)


class Number(fields.Field[Decimal]):
    """An exact decimal: a JSON number, or text such as "19.99". Never through a float, never rounded.

    At most `digits` digits before the point and `places` after it; written as text without trailing zeros.
    """

    FORM: ClassVar[re.Pattern[str]] = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)

    def __init__(
        self,
        *,
        digits: int = 12,
        places: int = 6,
        low: int | None = None,
        high: int | None = None,
        above: int | None = None,
        example: object = None,
        doc: str = "",
        **kwargs: Any,
    ) -> None:
        """`low` and `high` are inclusive bounds, `above` an exclusive lower one."""
        self.digits, self.places, self.low, self.high, self.above = digits, places, low, high, above
        super().__init__(metadata=described(doc, example), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:  # noqa: ARG002
        decimal_text = isinstance(value, str) and self.FORM.fullmatch(value)
        if not decimal_text and (not isinstance(value, int | Decimal) or isinstance(value, bool)):
            raise ValidationError("Must be a number or a decimal in text, such as 19.99.")
        number = self._exact(Decimal(value))
        if self.low is not None and number < self.low:
            raise ValidationError(f"Must be at least {self.low}.")
        if self.high is not None and number > self.high:
            raise ValidationError(f"Must be at most {self.high}.")
        if self.above is not None and number <= self.above:
            raise ValidationError(f"Must be greater than {self.above}.")
        return number

    def _exact(self, number: Decimal) -> Decimal:
        """The number without needless zeros; refused, not rounded, when it has too many digits on either side."""
        if number.is_zero():
            return ZERO
        if not number.is_finite():
            raise ValidationError("Is beyond any number that can be stored.")
        if number.adjusted() >= self.digits:
            raise ValidationError(f"Must have at most {self.digits} digits before the decimal point.")
        shortened = number.quantize(Decimal(1).scaleb(-self.places), context=_CUT)
        if shortened != number:
            raise ValidationError(f"Must have at most {self.places} decimal places.")
        return plain(shortened)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        return None if value is None else f"{value:f}"


class Price(Number):
    """A unit price: written with at least the currency's digits ("750.00"), more where it has more ("0.0125")."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        exponent = EXPONENTS.get(obj.currency, 2)
        text = f"{value:f}"
        return text if len(text.partition(".")[2]) >= exponent else f"{value:.{exponent}f}"


class Amount(fields.Field[int]):
    """An amount in an answer: stored as minor units, written as a decimal string with the currency's digits."""

    def __init__(
        self, *, currency: str = "currency", example: object = "12075.00", doc: str = "", **kwargs: Any
    ) -> None:
        """`currency` names the attribute of the object that holds the ISO 4217 code."""
        self.currency = currency
        super().__init__(dump_only=True, metadata=described(doc, example), **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        code = obj[self.currency] if isinstance(obj, dict) else getattr(obj, self.currency)
        return format_minor(value, EXPONENTS[code])


class Date(fields.Field[date]):
    """A calendar date, YYYY-MM-DD, from 1900-01-01 to 2999-12-31."""

    FORM: ClassVar[re.Pattern[str]] = re.compile(r"(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)

    def __init__(self, *, example: object = "2026-11-21", doc: str = "", **kwargs: Any) -> None:
        super().__init__(metadata=described(doc, example), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:  # noqa: ARG002
        if not isinstance(value, str) or not self.FORM.fullmatch(value):
            raise ValidationError("Must be a date such as 2026-11-21.")
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValidationError("There is no such day.") from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        return None if value is None else value.isoformat()


class Instant(fields.Field[datetime]):
    """An instant, RFC 3339; written in UTC with Z, read with any offset."""

    def __init__(self, *, example: object = "2026-11-21T09:30:00.000Z", doc: str = "", **kwargs: Any) -> None:
        super().__init__(metadata=described(doc, example), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:  # noqa: ARG002
        try:
            parsed = datetime.fromisoformat(value) if isinstance(value, str) and 20 <= len(value) <= 40 else None  # noqa: PLR2004
            if parsed is None or parsed.tzinfo is None:
                raise ValidationError("Must be an instant with an offset, such as 2026-11-21T09:30:00Z.")
            return parsed.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValidationError("Must be an instant with an offset, such as 2026-11-21T09:30:00Z.") from error

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Id(fields.Field[UUID]):
    """A UUID in its canonical text form."""

    FORM: ClassVar[re.Pattern[str]] = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)

    def __init__(
        self, *, example: object = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6", doc: str = "", **kwargs: Any
    ) -> None:
        super().__init__(metadata=described(doc, example), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:  # noqa: ARG002
        if not isinstance(value, str) or not self.FORM.fullmatch(value):
            raise ValidationError("Must be an id (a UUID).")
        return UUID(value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return value  # orjson writes it, and faster


class Flag(fields.Field[bool]):
    """A JSON boolean; in a query the words true and false."""

    def __init__(self, *, example: object = None, doc: str = "", **kwargs: Any) -> None:
        super().__init__(metadata=described(doc, example), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        if isinstance(value, bool):
            return value
        # A body never reaches this with text: JSON has booleans of its own, a query string has only words.
        words = {"true": True, "1": True, "false": False, "0": False} if hasattr(data, "getlist") else {}
        if not isinstance(value, str) or value not in words:
            raise ValidationError("Must be true or false.")
        return words[value]

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> bool | None:  # noqa: ARG002
        return None if value is None else bool(value)


class Whole(fields.Field[int]):
    """A whole number within bounds: a JSON integer, or digits in a query."""

    def __init__(self, low: int, high: int, *, example: object = None, doc: str = "", **kwargs: Any) -> None:
        self.low, self.high = low, high
        super().__init__(metadata={"minimum": low, "maximum": high} | described(doc, example), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:  # noqa: ARG002
        if isinstance(value, str) and hasattr(data, "getlist") and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
            value = int(value)
        if isinstance(value, Decimal) and value.adjusted() >= 40:  # noqa: PLR2004 - an integer too long to be one
            value = self.high + 1
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("Must be a whole number.")
        if not self.low <= value <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high}.")
        return value

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> int | None:  # noqa: ARG002
        return None if value is None else int(value)


class Metadata(fields.Field[dict[str, str]]):
    """The caller's own labels: at most 50 texts of up to 500 characters under keys of up to 40."""

    MOST = 50

    def __init__(self, **kwargs: Any) -> None:
        example = {"crm_id": "4711"}
        super().__init__(metadata={"description": "Your own labels, at most 50.", "example": example}, **kwargs)
        self.key, self.text = Text(40, least=1), Text(500, lines=True)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:  # noqa: ARG002
        if not isinstance(value, dict):
            raise ValidationError("Must be an object of texts.")
        if len(value) > self.MOST:
            raise ValidationError(f"Must have at most {self.MOST} entries.")
        return {str(self.key.deserialize(key)): str(self.text.deserialize(text)) for key, text in value.items()}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, str]:  # noqa: ARG002
        return value or {}


class Plain(fields.Field[Any]):
    """An answer's value that is JSON already, with its schema written by hand."""

    def __init__(self, *, schema: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(dump_only=True, metadata=dict(schema), **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return value


def external_id(**kwargs: Any) -> Text:
    """The caller's own id for a resource, unique per organisation and resource."""
    doc = "Your own id; unique per organisation and resource."
    return Text(255, least=1, allow_none=True, example="ERP-1001", doc=doc, **kwargs)


def require(holds: bool, sentence: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Validator: raise ValidationError(sentence) unless it holds."""
    if not holds:
        raise ValidationError(sentence)


def some(inner: fields.Field[Any], *, most: int, least: int = 0, doc: str = "", **kwargs: Any) -> fields.List[Any]:
    """A list of `least` to `most` entries."""

    def bounded(values: list[Any]) -> None:
        require(len(values) <= most, f"Must have at most {most} entries.")
        require(len(values) >= least, f"Must have at least {least} {'entry' if least == 1 else 'entries'}.")

    metadata = {"maxItems": most} | ({"minItems": least} if least else {}) | described(doc, None)
    return fields.List(inner, validate=bounded, metadata=metadata, **kwargs)
