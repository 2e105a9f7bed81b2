"""Clearing away deliveries that are over."""

from datetime import timedelta

import sqlalchemy as sa

from app.data import clock
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.jobs.declare import periodic
from app.webhooks.models import Delivery, DeliveryAttempt

KEPT = timedelta(days=30)
AT_ONCE = 500


@periodic("webhooks.prune", every=86_400)
def prune_deliveries() -> None:
    """Delete deliveries that were over thirty days ago, with their attempts. The events they told of stay."""
    while prune_some() == AT_ONCE:
        pass


def prune_some() -> int:
    """Delete at most AT_ONCE of them in one transaction; returns how many."""
    with crossing("old deliveries of all organisations are deleted"), unit_of_work():
        old = sa.select(Delivery.org_id, Delivery.id).where(
            Delivery.state != "pending", Delivery.finished_at < clock.now() - KEPT
        )
        keys = [tuple(row) for row in db.session.execute(old.limit(AT_ONCE))]
        for table, column in ((DeliveryAttempt, DeliveryAttempt.delivery_id), (Delivery, Delivery.id)):
            mine = sa.tuple_(table.org_id, column).in_(keys)
            db.session.execute(sa.delete(table).where(mine).execution_options(synchronize_session=False))
        return len(keys)
