"""What an error says to the operator who reads it later: its end, without the secrets that its words may carry."""

import re
import traceback

from sqlalchemy.exc import StatementError

from app.jobs.models import LONGEST_ERROR

_SECRETS = (
    (re.compile(r"(\w://[^/\s:@]*:)[^/\s@]+@"), r"\1***@"),
    (re.compile(r"\b(bh_live_|whsec_|sk_live_|sk_test_)[\w+/=-]+"), r"\1***"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w+/=.~-]+", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(
            r"\b(password|passwd|secret|token|api[_-]?key)(['\"]?\s*[=:]\s*)(['\"]?)[^\s'\",;&)]+", re.IGNORECASE
        ),
        r"\1\2\3***",
    ),
)


def told(error: BaseException) -> str:
    """The last characters of an error with its traceback."""
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, StatementError):
            each.hide_parameters = True  # they are whatever was to be stored
        each = each.__cause__ or each.__context__
    return cleaned("".join(traceback.format_exception(error)))


def cleaned(text: str) -> str:
    """The last characters of a text, with what looks like a secret taken out."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text.replace("\x00", "").strip()[-LONGEST_ERROR:]
