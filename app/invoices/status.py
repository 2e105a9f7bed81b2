"""What an invoice's status word is: one definition, read by Python for one invoice and by SQL for a list.

`state` is stored; the word is derived, first match wins. The rules are written with operators that mean the same on a
row's values and on its columns, so the two readings cannot drift apart.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement

DRAFT, ISSUED, VOID, WRITTEN_OFF = "draft", "issued", "void", "written_off"
STATES = (DRAFT, ISSUED, VOID, WRITTEN_OFF)
STATUSES = (DRAFT, VOID, WRITTEN_OFF, "paid", "overdue", "partial", "viewed", "sent", ISSUED)
PAYMENT_STATUSES = ("unpaid", "partial", "paid")

Rules = Iterator[tuple[str, Any]]


def status_rules(invoice: Any, today: date) -> Rules:
    """The words in order, each with its condition. `today` is the organisation's: overdue is after the due date."""
    yield DRAFT, invoice.state == DRAFT
    yield VOID, invoice.state == VOID
    yield WRITTEN_OFF, invoice.state == WRITTEN_OFF
    yield "paid", invoice.amount_due <= 0
    yield "overdue", invoice.due_date < today
    yield "partial", invoice.amount_settled > 0
    yield "viewed", invoice.viewed_at != None  # noqa: E711 - the one spelling that Python and SQL share
    yield "sent", invoice.sent_at != None  # noqa: E711
    yield ISSUED, invoice.state == ISSUED


def payment_rules(invoice: Any) -> Rules:
    """How far an invoice is paid; a draft is unpaid whatever its total."""
    yield "unpaid", invoice.state == DRAFT
    yield "paid", invoice.amount_due <= 0
    yield "partial", invoice.amount_settled > 0
    yield "unpaid", invoice.amount_settled == 0


def first_match(rules: Rules) -> str:
    """The word for one invoice's values."""
    return next(word for word, holds in rules if holds)


def sql_case(rules: Rules) -> ColumnElement[str]:
    """The word as an SQL expression over columns."""
    return sa.case(*[(condition, word) for word, condition in rules])
