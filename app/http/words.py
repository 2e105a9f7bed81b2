"""Rules that words of a kind keep: each returns the word as it is stored, or raises ValueError(sentence)."""

from collections.abc import Callable, Container
from functools import cache
from zoneinfo import available_timezones

import email_validator
from babel import Locale
from babel.core import UnknownLocaleError
from stdnum import iban


def email(text: str) -> str:
    """An address as it is stored: the domain in lower case."""
    try:
        return str(email_validator.validate_email(text, check_deliverability=False, test_environment=True).normalized)
    except email_validator.EmailNotValidError as error:
        raise ValueError("Must be an e-mail address.") from error


def member(allowed: Container[str], sentence: str) -> Callable[[str], str]:
    """The rule that a word stands in a list; `sentence` says what belongs there."""

    def rule(text: str) -> str:
        if text not in allowed:
            raise ValueError(sentence)
        return text

    return rule


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def time_zone(text: str) -> str:
    """An IANA time zone."""
    if text not in _zones():
        raise ValueError("Must be an IANA time zone such as Europe/Berlin.")
    return text


def locale(text: str) -> str:
    """A locale in the spelling of CLDR."""
    try:
        return str(Locale.parse(text.replace("-", "_")))
    except (ValueError, UnknownLocaleError) as error:
        raise ValueError("Must be a locale such as en_GB.") from error


def account(text: str) -> str:
    """An IBAN without spaces, its check digits right."""
    if not iban.is_valid(text):
        raise ValueError("Must be a valid IBAN.")
    return str(iban.compact(text))
