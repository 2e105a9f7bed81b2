"""Payment terms: from the words on an invoice to the date on which it is due.

Accepted, whatever the case and the spacing (n = 0..3650 days):

    Net 30, N30, 30 days            n days after the issue date
    Due on receipt, Due immediately, COD, Prepaid, CIA
                                    the issue date
    EOM                             the last day of the issue month
    EOM+15, 15 EOM, Net 15 EOM      n days after the last day of the issue month
    15 MFI                          day n (1..31) of the month following the invoice, or that month's last day
    2/10 Net 30, 2/10 Net 30 EOM    as the part behind; the discount for early payment stays in the text

A due date is never before the issue date.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

__all__ = ["UnknownTerms", "due_date", "normalise"]

MAX_DAYS: Final = 3650
_LONGEST: Final = 80
_LONGEST_MONTH: Final = 31
_MONTHS: Final = 12
_ACCEPTED: Final = (
    "Net 30, 30 days, N30, Due on receipt, Due immediately, COD, Prepaid, CIA, EOM, EOM+15, 15 EOM, Net 30 EOM, "
    "15 MFI or 2/10 Net 30"
)


class UnknownTerms(ValueError):
    """The words are no payment terms that we know, or lead to no date; `terms` holds them."""

    def __init__(self, terms: str, reason: str | None = None) -> None:
        """Take the terms and, where there is a better one than "not understood", the reason."""
        shown = terms if len(terms) <= _LONGEST else f"{terms[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}"
        super().__init__(f"{shown!r}: {reason or 'these payment terms are not understood.'} Accepted are {_ACCEPTED}.")
        self.terms = terms


def due_date(terms: str, issued_on: date) -> date:
    """Return the date on which a document issued on `issued_on` is due; UnknownTerms when there is none."""
    _, form, number = _understand(terms)
    try:
        return _DUE[form](issued_on, number)
    except (OverflowError, ValueError):
        raise UnknownTerms(terms, "these payment terms lead past the year 9999.") from None


def normalise(terms: str) -> str:
    """Return the one spelling of the terms that we keep, for instance "n30" -> "Net 30"; UnknownTerms.

    Terms of one spelling have one due date, and normalising twice changes nothing.
    """
    early, form, number = _understand(terms)
    return early + form.format(number)


def _same_day(issued_on: date, _: int) -> date:
    return issued_on


def _net(issued_on: date, days: int) -> date:
    return issued_on + timedelta(days=days)


def _end_of_month(issued_on: date, days: int) -> date:
    last = monthrange(issued_on.year, issued_on.month)[1]
    return issued_on.replace(day=last) + timedelta(days=days)


def _month_following(issued_on: date, day: int) -> date:
    # The month after December 9999 is a ValueError of date(), which the caller expects.
    year, month = (issued_on.year + 1, 1) if issued_on.month == _MONTHS else (issued_on.year, issued_on.month + 1)
    return date(year, month, min(day, monthrange(year, month)[1]))


_DUE: Final[Mapping[str, Callable[[date, int], date]]] = {
    "Due on receipt": _same_day,
    "COD": _same_day,
    "Prepaid": _same_day,
    "Net {}": _net,
    "EOM": _end_of_month,
    "EOM+{}": _end_of_month,
    "Net {} EOM": _end_of_month,
    "{} MFI": _month_following,
}
"""Kept spelling -> due date of an issue date and the number in the spelling (0 where it has none)."""

_FORMS: Final = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (r"(?:net|n)[ /-]?([0-9]+)(?: days?)?|([0-9]+) ?days?", "Net {}"),
        (r"(?:due )?(?:on|upon) receipt|due immediately|immediately", "Due on receipt"),
        (r"cod|cash on delivery", "COD"),
        (r"prepaid|prepayment|cia|cash in advance", "Prepaid"),
        (r"eom|end of month", "EOM"),
        (r"eom ?\+ ?([0-9]+)(?: days?)?|([0-9]+) eom", "EOM+{}"),
        (r"(?:net|n)[ /-]?([0-9]+)(?: days?)? eom|([0-9]+) days? eom", "Net {} EOM"),
        (r"([0-9]+)(?:st|nd|rd|th)? mfi", "{} MFI"),
    )
)
_EARLY: Final = re.compile(
    r"(?P<percent>[0-9]{1,2}(?:\.[0-9]{1,4})?) ?%? ?/ ?(?P<days>[0-9]+)(?: days?)?,? (?P<rest>(?:net|n)[ /-]?[0-9].*)",
)


def _understand(terms: str) -> tuple[str, str, int]:
    """Return the early payment discount ("2/10 " or nothing), the kept spelling and its number."""
    words = " ".join(terms.lower().split())
    if len(words) > _LONGEST:
        raise UnknownTerms(terms)
    early = _EARLY.fullmatch(words)
    rest = early["rest"] if early else words
    for pattern, form in _FORMS:
        match = pattern.fullmatch(rest)
        if match:
            number = _number(match[match.lastindex] if match.lastindex else "0", form, terms)
            return _early(early, terms), form, number
    raise UnknownTerms(terms)


def _early(match: re.Match[str] | None, terms: str) -> str:
    if match is None:
        return ""
    percent = Decimal(match["percent"])
    if not percent:
        raise UnknownTerms(terms, "a discount for early payment is more than 0 %.")
    shown = match["percent"].lstrip("0")
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return f"{'0' if shown.startswith('.') else ''}{shown}/{_number(match['days'], 'Net {}', terms)} "


def _number(digits: str, form: str, terms: str) -> int:
    number = int(digits)
    if form == "{} MFI" and not 1 <= number <= _LONGEST_MONTH:
        raise UnknownTerms(terms, "a day of the month lies between 1 and 31.")
    if number > MAX_DAYS:
        raise UnknownTerms(terms, f"payment terms span at most {MAX_DAYS} days.")
    return number
