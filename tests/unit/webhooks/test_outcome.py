"""What an attempt means for the next one."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.config import Settings
from app.egress.client import Answer
from app.webhooks.fanout import matches
from app.webhooks.outcome import Outcome, next_attempt, retry_after

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DELAYS = Settings.webhook_retry_delays


def outcome(status: int | None, **headers: str) -> Outcome:
    answer = None if status is None else Answer(status, headers, b"")
    return Outcome(at=NOW, duration_ms=1, answer=answer)


@pytest.mark.parametrize("status", range(100, 600, 1))
def test_2xx_is_success_and_nothing_else(status):
    assert outcome(status).delivered == (200 <= status < 300)
    assert outcome(status).gone == (status == 410)


def test_the_schedule_is_the_promised_one_with_ten_per_cent_of_jitter():
    assert sum(DELAYS) / 3600 == pytest.approx(75.58, abs=0.1)
    assert len(DELAYS) == 10
    for tried in range(1, 10):
        waits = [(next_attempt(outcome(500), tried, DELAYS, NOW) - NOW).total_seconds() for _ in range(200)]
        assert DELAYS[tried] * 0.9 <= min(waits) < max(waits) <= DELAYS[tried] * 1.1
        assert max(waits) - min(waits) > DELAYS[tried] * 0.1
    assert next_attempt(outcome(500), 10, DELAYS, NOW) is None


def test_retry_after_only_ever_makes_it_later_and_never_more_than_a_day():
    for given, least, most in (("1", 4.5, 5.5), ("60", 60, 60), ("999999999999", 86_400, 86_400), ("-5", 4.5, 5.5)):
        wait = (next_attempt(outcome(503, **{"retry-after": given}), 1, DELAYS, NOW) - NOW).total_seconds()
        assert least <= wait <= most


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("", 0),
        ("soon", 0),
        ("-1", 0),
        ("1.5", 0),
        ("٣", 0),
        ("Fri, 99 Foo", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), -90),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text, seconds):
    assert retry_after({"retry-after": text}, NOW) == seconds
    assert retry_after({}, NOW) == 0


@pytest.mark.parametrize(
    ("event", "filters", "matching"),
    [
        ("invoice.paid", ["*"], True),
        ("invoice.paid", ["invoice.*"], True),
        ("invoice.paid", ["customer.*", "invoice.paid"], True),
        ("invoice.paid", ["invoice.partially_paid", "invoice"], False),
        ("invoice.paid", ["invoices.*", "inv.*", "invoice.pai"], False),
        ("credit_note.issued", ["credit_note.*"], True),
        ("credit_note.issued", ["credit.*"], False),
        ("invoice.paid", [], False),
    ],
)
def test_filters_match_names_nouns_and_everything(event, filters, matching):
    assert matches(event, filters) == matching
