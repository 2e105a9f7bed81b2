"""What a caller may ask of any change: that it is done once, only tried, only done if nobody was quicker; and why.

Read from the request by the guard, before anything happens: a header that cannot be understood refuses the change.
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Request, g, has_request_context, request

from app.http.errors import Invalid

KEY, MATCH, REASON, DRY = "Idempotency-Key", "If-Match", "Billhook-Reason", "dry_run"
LONGEST_KEY, LONGEST_REASON = 255, 500

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_STRONG = re.compile(r'(W/)?("[^"]*")')
_FLAGS = {"true": True, "false": False}


@dataclass(slots=True)
class Change:
    """What was asked of the running change.

    `tags`: the strong tags of If-Match, of which one must be the row's; None: any will do. `row_id`: the row that the
    address names. `locks`: whether the row must be held while its tag is compared. `checked`: whether it was.
    """

    key: str | None
    dry: bool
    conditional: bool
    tags: frozenset[str] | None
    row_id: UUID | None
    locks: bool
    checked: bool = False


def read_change(asked: Request, *, writes: bool) -> Change:
    """What a request asks of its change. Raises Invalid naming the header or the parameter."""
    # Most changes ask for none of it: the environment is asked directly, which costs a fraction of the headers' object.
    key, match = asked.environ.get("HTTP_IDEMPOTENCY_KEY"), asked.environ.get("HTTP_IF_MATCH")
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Invalid({KEY: f"Must be 1 to {LONGEST_KEY} printable ASCII characters."})
    request_reason()
    return Change(
        key=key,
        dry=DRY in asked.args and _dry(asked),
        conditional=match is not None,
        tags=None if match is None else _tags(match.strip()),
        row_id=named_row(asked.view_args),
        locks=writes,
    )


def running_change() -> Change | None:
    """The change that the running request asks for; None while reading, and outside a request."""
    found: Change | None = g.get("change")
    return found


def request_reason() -> str | None:
    """Why the caller does it, in their words (Billhook-Reason). Raises Invalid; None outside a request."""
    given: str | None = request.environ.get("HTTP_BILLHOOK_REASON") if has_request_context() else None
    if not given:
        return None
    try:
        # A header is bytes, which the server hands on as Latin-1; most callers mean UTF-8.
        text = given.encode("latin-1").decode("utf-8")
    except UnicodeError:
        text = given
    if len(text) > LONGEST_REASON or not text.isprintable():
        raise Invalid({REASON: f"Must be at most {LONGEST_REASON} printable characters."})
    return text


def named_row(arguments: dict[str, Any] | None) -> UUID | None:
    """The row that an address names: of a row and its parent the row, which stands last."""
    last = list(arguments.values())[-1] if arguments else None
    return last if isinstance(last, UUID) else None


def _dry(asked: Request) -> bool:
    given = asked.args.getlist(DRY)
    if len(given) > 1 or given[0] not in _FLAGS:
        raise Invalid({DRY: "Must be true or false."})
    return _FLAGS[given[0]]


def _tags(given: str) -> frozenset[str] | None:
    if given == "*":
        return None
    if not _TAGS.fullmatch(given):
        raise Invalid({MATCH: 'Must be * or a list of tags such as "3f2a…", in their quotation marks.'})
    # RFC 9110: a weak tag never matches here.
    return frozenset(tag for weak, tag in _STRONG.findall(given) if not weak)
