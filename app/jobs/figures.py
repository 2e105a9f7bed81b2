"""What monitors ask: is work being done, and how much of it waits (/health/ready, /metrics)."""

from collections.abc import Mapping

import sqlalchemy as sa

from app.data import clock
from app.data.readiness import Fact
from app.events.relay import backlog
from app.extensions import db
from app.jobs.models import JobRow
from app.jobs.service import standing


def readiness() -> Mapping[str, Fact]:
    """Facts for /health/ready. Work that is late is told and no check: the API answers all the same."""
    facts = standing()
    return facts | {"queue": "working" if facts["queue"] else "late"}


def gauges() -> Mapping[str, float]:
    """Figures for /metrics: jobs by state, how long the oldest due one waits, events that wait to be handed on."""
    counted = sa.select(JobRow.state, sa.func.count()).group_by(JobRow.state)
    figures = {f'jobs{{state="{state}"}}': float(count) for state, count in db.session.execute(counted).tuples()}
    oldest = db.session.execute(
        sa.select(sa.func.min(JobRow.run_at)).where(JobRow.state == "ready", JobRow.run_at <= clock.now())
    ).scalar()
    waited = (clock.now() - oldest).total_seconds() if oldest else 0.0
    return figures | {"jobs_oldest_due_seconds": waited, "relay_lag_events": float(backlog())}
