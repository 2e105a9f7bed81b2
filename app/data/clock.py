"""The one place that reads the clock, so that tests can hold it still."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def today(time_zone: str) -> date:
    """The current calendar date in an IANA time zone: documents are dated where the organisation is."""
    return now().astimezone(ZoneInfo(time_zone)).date()
