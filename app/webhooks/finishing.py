"""Writing down what became of a batch: a handful of statements, however many deliveries it had."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import current_app

from app.data import clock, wake
from app.data.base import new_id
from app.data.lookup import find
from app.data.tenancy import organization
from app.data.transaction import unit_of_work
from app.events.actor import acting_as
from app.extensions import db
from app.webhooks.claiming import Batch
from app.webhooks.fanout import SOURCE
from app.webhooks.models import LONGEST_ERROR, Delivery, DeliveryAttempt, WebhookEndpoint
from app.webhooks.outcome import Outcome, next_attempt
from app.webhooks.service import pause

PATIENCE = timedelta(days=5)
Result = tuple[Any, Outcome]

_DELIVERIES: Any = Delivery.__table__
_ENDPOINTS: Any = WebhookEndpoint.__table__
_MINE = sa.and_(
    _DELIVERIES.c.org_id == sa.bindparam("org"),
    _DELIVERIES.c.lease_owner == sa.bindparam("owner"),
    _DELIVERIES.c.state == "pending",
)
_FREE = {"lease_owner": None, "lease_until": None}
_TRIED = {"attempt_count": _DELIVERIES.c.attempt_count + 1}
_DONE = sa.update(_DELIVERIES).where(_MINE).values(state="delivered", **_TRIED, **_FREE)
_NOT_DONE = (
    sa.update(_DELIVERIES)
    .where(_MINE, _DELIVERIES.c.id == sa.bindparam("delivery"))
    .values(
        state=sa.bindparam("becomes"),
        next_attempt_at=sa.bindparam("due"),
        finished_at=sa.bindparam("over"),
        **_TRIED,
        **_FREE,
    )
)
_LET_GO = sa.update(_DELIVERIES).where(_MINE).values(**_FREE)
_ATTEMPTS: Any = sa.insert(DeliveryAttempt.__table__)  # type: ignore[arg-type]  # is a Table, declared as more


def finish(batch: Batch, results: Sequence[Result]) -> None:
    """Store the results of a batch and give back what it did not try. Leaves alone what another has taken since."""
    org = batch.endpoint.org_id
    mine = {"org": org, "owner": batch.owner}
    with acting_as("job", "webhooks"), organization(org, "UTC"), unit_of_work():
        now = clock.now()
        if results:
            db.session.execute(_ATTEMPTS, [_attempt(org, *result) for result in results])
        if done := [delivery.id for delivery, outcome in results if outcome.delivered]:
            db.session.execute(_DONE.where(_DELIVERIES.c.id.in_(done)).values(finished_at=now), mine)
        if failed := [_failure(*result, now) for result in results if not result[1].delivered]:
            db.session.connection().execute(_NOT_DONE, [mine | each for each in failed])
        if len(results) < len(batch.deliveries):
            db.session.execute(_LET_GO, mine)
        # What stood behind these in line, or did not fit into the batch, need not wait for the next poll.
        wake.wake_after_commit(SOURCE)
        _judge(batch.endpoint, [outcome for _, outcome in results], now)


def _attempt(org: Any, delivery: Any, outcome: Outcome) -> dict[str, Any]:
    return {
        "org_id": org,
        "id": new_id(),
        "delivery_id": delivery.id,
        "number": delivery.attempt_count + 1,
        "at": outcome.at,
        "duration_ms": outcome.duration_ms,
        "status_code": outcome.answer.status if outcome.answer else None,
        "answer": outcome.text,
        "error": outcome.error[:LONGEST_ERROR] if outcome.error else None,
    }


def _failure(delivery: Any, outcome: Outcome, now: datetime) -> dict[str, Any]:
    delays = current_app.config["BILLHOOK"].webhook_retry_delays
    due = next_attempt(outcome, delivery.attempt_count + 1, delays, now)
    # An endpoint that is gone is paused: what it has not got waits, and is not used up.
    if outcome.gone:
        due = due or now
    over = None if due else now
    return {"delivery": delivery.id, "becomes": "pending" if due else "failed", "due": due or now, "over": over}


def _judge(endpoint: Any, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What the batch says about the endpoint: it works, it fails since when, it is paused."""
    since = endpoint.failing_since
    for outcome in outcomes:
        since = None if outcome.delivered else since or outcome.at
    if since != endpoint.failing_since:
        mine = sa.and_(_ENDPOINTS.c.org_id == endpoint.org_id, _ENDPOINTS.c.id == endpoint.id)
        db.session.execute(sa.update(_ENDPOINTS).where(mine).values(failing_since=since))
    gone = any(outcome.gone for outcome in outcomes)
    if not gone and (since is None or now - since < PATIENCE):
        return
    row = find(WebhookEndpoint, endpoint.id, lock=True)
    if row and row.paused_at is None:
        text = "The receiver answered 410 Gone." if gone else f"It has failed for {PATIENCE.days} days."
        pause(row, text)
