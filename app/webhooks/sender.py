"""Sending: a Source of the runner (app/jobs/work.py) whose tasks each send one batch to one endpoint."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from flask import current_app

from app.data import clock
from app.egress.addresses import Refused
from app.egress.client import EXTENSION as EGRESS
from app.egress.client import Egress, Failed
from app.jobs.work import OVERDUE
from app.webhooks import claiming
from app.webhooks.claiming import Batch, Shares
from app.webhooks.fanout import SOURCE
from app.webhooks.finishing import Result, finish
from app.webhooks.outcome import Outcome
from app.webhooks.signing import Unreadable, headers, unseal

THREADS = 16
ENOUGH = 2.0  # seconds after which a batch begins no further attempt
SLOW, REMEMBERED = 2.0, 60.0  # seconds that make an attempt slow, and for how long that is held against an endpoint


class Sender:
    """Claims batches of due deliveries and sends them."""

    name = SOURCE

    def __init__(self, threads: int = THREADS) -> None:
        self.threads = threads
        self._turns = itertools.count(1)
        self._lock = threading.Lock()
        self._served: dict[UUID, int] = {}
        self._slow: dict[UUID, float] = {}
        self._held: set[UUID] = set()

    def claim(self, limit: int) -> Sequence[Callable[[], None]]:
        """Take batches for at most `limit` endpoints whose turn it is."""
        with self._lock:
            now = time.monotonic()
            self._slow = {key: until for key, until in self._slow.items() if until > now}
            slow, served = set(self._slow), dict(self._served)
        batches = claiming.claim(limit, Shares(self.threads), slow, served, clock.now())
        with self._lock:
            for batch in batches:
                self._served[batch.endpoint.id] = next(self._turns)
            self._held |= {batch.owner for batch in batches}
        return [partial(self._send, batch) for batch in batches]

    def overdue(self) -> int:
        """How many deliveries are late though nothing holds them back."""
        now = clock.now()
        return claiming.overdue(now - OVERDUE, now)

    def release(self) -> None:
        """Give back what is being sent: it may be sent twice, under the same id."""
        with self._lock:
            held = set(self._held)
        if held:
            claiming.release(held)

    def _send(self, batch: Batch) -> None:
        results: list[Result] = []
        try:
            self._attempt_all(batch, results)
        finally:
            # Also when something unforeseen went wrong half-way: what was sent is written down.
            try:
                finish(batch, results)
            finally:
                with self._lock:
                    self._held.discard(batch.owner)

    def _attempt_all(self, batch: Batch, results: list[Result]) -> None:
        """One after the other; not those behind a failure in the same line, and none after too long or no answer."""
        start, stuck = time.monotonic(), set()
        for delivery in batch.deliveries:
            if delivery.in_line and delivery.entity_id in stuck:
                continue
            outcome = attempt(batch.endpoint, delivery)
            results.append((delivery, outcome))
            if outcome.duration_ms > SLOW * 1000:
                with self._lock:
                    self._slow[batch.endpoint.id] = time.monotonic() + REMEMBERED
            if outcome.gone or (outcome.answer is None) or time.monotonic() - start > ENOUGH:
                return
            if not outcome.delivered:
                stuck.add(delivery.entity_id)


def attempt(endpoint: Any, delivery: Any) -> Outcome:
    """Send a delivery once. Whatever happens is an outcome."""
    settings = current_app.config["BILLHOOK"]
    egress: Egress = current_app.extensions[EGRESS]
    at, start = clock.now(), time.monotonic()
    try:
        sent = headers(
            _secrets(endpoint, settings.secret_key),
            delivery_id=delivery.id,
            event_id=delivery.event_id,
            event=delivery.event,
            body=delivery.body,
            now=int(at.timestamp()),
        )
        answer = egress.post(endpoint.url, sent, delivery.body, plain=settings.webhook_http == "allow")
    except Refused as refused:
        return Outcome(at=at, duration_ms=_since(start), error=f"Not sent: {refused}")
    except Failed as failed:
        return Outcome(at=at, duration_ms=_since(start), error=str(failed))
    except Unreadable:
        text = "Not sent: the secret was sealed under another BILLHOOK_SECRET_KEY; rotate it."
        return Outcome(at=at, duration_ms=_since(start), error=text)
    return Outcome(at=at, duration_ms=_since(start), answer=answer)


def _secrets(endpoint: Any, installation: str) -> list[str]:
    """The secrets that are valid now, the newest first."""
    found = [unseal(endpoint.sealed_secret, installation)]
    if endpoint.sealed_previous and endpoint.previous_until > clock.now():
        found.append(unseal(endpoint.sealed_previous, installation))
    return found


def _since(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
