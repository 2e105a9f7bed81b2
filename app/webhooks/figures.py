"""Figures for /metrics."""

from collections.abc import Mapping

import sqlalchemy as sa

from app.extensions import db
from app.webhooks.models import Delivery


def gauges() -> Mapping[str, float]:
    """Deliveries by state."""
    counted = sa.select(Delivery.state, sa.func.count(Delivery.id)).group_by(Delivery.state)
    rows = db.session.execute(counted).tuples()
    return {f'webhook_deliveries{{state="{state}"}}': float(count) for state, count in rows}
