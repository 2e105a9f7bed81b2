"""What an attempt means: delivered, tried again, given up; and what it says about the endpoint."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from app.egress.client import Answer
from app.webhooks.models import LONGEST_ANSWER

JITTER, LONGEST_WAIT = 0.1, 86_400
GONE = 410


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one attempt. `answer` is None when there was none; then `error` says why."""

    at: datetime
    duration_ms: int
    answer: Answer | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        """2xx and nothing else: a redirect is no delivery."""
        return self.answer is not None and 200 <= self.answer.status < 300  # noqa: PLR2004

    @property
    def gone(self) -> bool:
        """The receiver says that it is there no more."""
        return self.answer is not None and self.answer.status == GONE

    @property
    def text(self) -> str | None:
        """The first bytes of the answer as text that any database holds."""
        if self.answer is None:
            return None
        return self.answer.body[:LONGEST_ANSWER].decode("utf-8", "replace").replace("\0", "\ufffd")


def next_attempt(outcome: Outcome, tried: int, delays: Sequence[int], now: datetime) -> datetime | None:
    """When to try again after `tried` attempts; None when that was the last.

    The schedule's delay, ten per cent more or less; later when the receiver asks for it, up to a day.
    """
    if tried >= len(delays):
        return None
    seconds = delays[tried] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing
    asked = retry_after(outcome.answer.headers, now) if outcome.answer else 0.0
    return now + timedelta(seconds=max(seconds, min(asked, LONGEST_WAIT)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """The seconds of a Retry-After header, given as seconds or as a date; 0 without one that can be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
