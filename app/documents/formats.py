"""Numbers, money, percentages and dates in the words of a locale, with exactly the digits that are stored.

Babel knows patterns, separators and symbols (CLDR); the digits come from the stored decimal string. Nothing is
rounded here and no digit is added to an amount: JPY keeps 0 decimals and KWD 3 because they are stored so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern, get_currency_symbol, parse_pattern

from app.documents.text import one_line, plain_marks

_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,12})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}")
_PRECISION = 64  # more than _DECIMAL admits, so that quantising to the stored digits cannot change one
_TOUCHING = re.compile(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])")  # "KWD1.250": CLDR asks for a space, Babel sets none
_CURRENCY = re.compile(r"[A-Z]{3}")


@lru_cache(maxsize=256)
def find_locale(name: str) -> Locale:
    """Return Babel's locale for "de_DE" or "de-DE"; an unknown region falls back to the language, all else to en."""
    for candidate in (name, re.split("[_-]", name)[0]) if _LOCALE.fullmatch(name) else ():
        try:
            return Locale.parse(candidate.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


@lru_cache(maxsize=512)
def _pattern(locale: Locale, style: str, digits: int) -> NumberPattern:
    """Return the locale's pattern ("decimal", "currency" or "percent") with exactly `digits` decimals."""
    known = {
        "decimal": locale.decimal_formats[None],
        "currency": locale.currency_formats["standard"],
        "percent": locale.percent_formats[None],
    }
    pattern: NumberPattern = parse_pattern(known[style].pattern)
    pattern.frac_prec = (digits, digits)
    return pattern


def decimal_of(value: object) -> Decimal | None:
    """Return the stored decimal string as a Decimal (its exponent is its number of digits), or None if it is none."""
    text = one_line(value)
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


def is_zero(value: object) -> bool:
    """Return True for None, "", anything that is no number, and zero in any number of digits."""
    return not decimal_of(value)


@dataclass(frozen=True, slots=True)
class Formats:
    """How one document writes its values.

    `locale` gives patterns and separators, `words` month names, countries and currency symbols (the same locale, or
    English where the labels are English too: a Hindi month beside English labels helps nobody), `currency` is an
    ISO 4217 code or "".
    """

    locale: Locale
    words: Locale
    currency: str

    def _apply(self, value: object, style: str, shift: int = 0) -> str:
        number = decimal_of(value)
        if number is None:
            return one_line(value)
        digits = max(0, -int(number.as_tuple().exponent))
        with localcontext() as context:
            context.prec = _PRECISION
            text = _pattern(self.locale, style, digits).apply(
                (number or abs(number)).scaleb(shift),
                self.locale,
                currency=None,  # leaves the place holder
                currency_digits=False,
            )
        if style == "currency":
            text = text.replace("¤", self._symbol())
            text = _TOUCHING.sub("\xa0", text)
        return plain_marks(text)

    def _symbol(self) -> str:
        """Return the currency's symbol in the locale, or in `words` where the locale's is in another script."""
        symbol = get_currency_symbol(self.currency, self.locale).replace("\uffe5", "¥")
        drawable = all(char < "\u0250" or "\u20a0" <= char <= "\u20bf" for char in symbol)
        return symbol if drawable else get_currency_symbol(self.currency, self.words)

    def number(self, value: object) -> str:
        """Return "1234.50" as "1,234.50" (en) or "1.234,50" (de); what is no decimal string is returned as text."""
        return self._apply(value, "decimal")

    def money(self, value: object) -> str:
        """Return "1234.50" as "€1,234.50" (en) or "1.234,50 €" (de); a bare number if the currency is unknown."""
        return self._apply(value, "currency" if _CURRENCY.fullmatch(self.currency) else "decimal")

    def percent(self, value: object) -> str:
        """Return the rate "19.00" as "19%" (en) or "19 %" (de): trailing zeros of the fraction are left out."""
        text = one_line(value)
        if "." in text and _DECIMAL.fullmatch(text):
            text = text.rstrip("0").rstrip(".")
        return self._apply(text, "percent", shift=-2)

    def date(self, value: object) -> str:
        """Return "2026-03-01" as "1 Mar 2026" (en_GB) or "01.03.2026" (de); anything else is returned as text."""
        text = one_line(value)
        try:
            day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
        except ValueError:
            day = None
        return plain_marks(format_date(day, "medium", self.words)) if day else text

    def period(self, start: object, end: object) -> str:
        """Return two dates with an en dash between them, one of them alone, or ""."""
        return " \u2013 ".join(filter(None, (self.date(start), self.date(end))))

    def country(self, value: object) -> str:
        """Return "DE" as "Germany" or "Deutschland"; an unknown code is returned as text."""
        code = one_line(value)
        return str(self.words.territories.get(code.upper(), code)) if code.isalpha() else code
