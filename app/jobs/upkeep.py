"""What the schedule does for the layers below: clearing away what has had its time."""

from flask import current_app

from app.events.retention import empty_old
from app.http import idempotency
from app.jobs.declare import periodic


@periodic("idempotency.prune", every=3600)
def prune_keys() -> None:
    """Forget the idempotency keys whose day is over."""
    idempotency.prune()


@periodic("events.empty", every=86_400)
def empty_events() -> None:
    """Empty the payloads of events that are older than the operator keeps them."""
    empty_old(current_app.config["BILLHOOK"].event_days)


PERIODICS = (prune_keys, empty_events)
