"""Number patterns: text with the tokens {seq}, {seq:05}, {yyyy}, {yy} and {mm}. Pure.

>>> render("INV-{yyyy}-{seq:04}", 7, date(2026, 11, 21))
'INV-2026-0007'
"""

import re
from datetime import date

_TOKEN = re.compile(r"\{(seq(?::0(?P<width>[1-9]))?|yyyy|yy|mm)\}")
_LITERAL = re.compile(r"[A-Za-z0-9 ._/#-]*")

FORMS = "text and the tokens {seq}, {seq:05}, {yyyy}, {yy}, {mm}"
MOST_FIRST = 999_999_999


def check(pattern: str, reset: str) -> None:
    """Raise ValueError(sentence) unless the pattern gives every document of its reset period a number of its own."""
    tokens = [match[1] for match in _TOKEN.finditer(pattern)]
    if not _LITERAL.fullmatch(_TOKEN.sub("", pattern)):
        raise ValueError(f"May hold {FORMS}.")
    if sum(token.startswith("seq") for token in tokens) != 1:
        raise ValueError("Must hold {seq} exactly once, e.g. INV-{seq:04}.")
    if reset != "never" and not {"yyyy", "yy"} & set(tokens):
        raise ValueError(f"Must hold the year while it is reset {reset}, or numbers would repeat.")
    if reset == "monthly" and "mm" not in tokens:
        raise ValueError("Must hold {mm} while it is reset monthly, or numbers would repeat.")


def render(pattern: str, sequence: int, day: date) -> str:
    """The number for a place in the series on a day."""

    def token(match: re.Match[str]) -> str:
        word = match[1]
        if word.startswith("seq"):
            return f"{sequence:0{match['width'] or 1}d}"
        return {"yyyy": f"{day.year:04d}", "yy": f"{day.year % 100:02d}", "mm": f"{day.month:02d}"}[word]

    return _TOKEN.sub(token, pattern)


def period_of(reset: str, day: date) -> str:
    """The counting period that a day falls into: "" (never reset), "2026" or "2026-11"."""
    return {"never": "", "yearly": f"{day.year:04d}", "monthly": f"{day.year:04d}-{day.month:02d}"}[reset]
