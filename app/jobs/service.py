"""The table of jobs: taking, finishing, failing, taking back from the dead.

A worker reads it for all organisations at once, past the tenant filter: the statements here go to the connection
itself. Every function opens its own transaction. Times are the worker's clock; `flask doctor` compares clocks.
"""

import logging
import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.data import clock
from app.data.transaction import unit_of_work
from app.data.wake import wake_after_commit
from app.extensions import db
from app.jobs.declare import SOURCE, Job, periodic
from app.jobs.errors import cleaned
from app.jobs.models import JobRow, Schedule, ScheduleTick, State
from app.jobs.work import OVERDUE, sources

log = logging.getLogger("app.jobs")

PULSE = "schedule"
"""The row of `schedules` that says when the schedule was last looked at."""

DONE_KEPT = timedelta(days=1)
DEAD_KEPT = timedelta(days=30)
TICKS_KEPT = timedelta(days=90)
_BATCH = 1000
_FREE: dict[Any, Any] = {JobRow.owner: None, JobRow.lease_until: None}
_LOST = "The process that ran it ended or stood still: its lease ran out."


@dataclass(frozen=True)
class Claimed:
    """A job that is ours until its lease runs out."""

    id: UUID
    org_id: UUID | None
    name: str
    args: dict[str, Any]
    attempts: int
    max_attempts: int
    owner: str


def claim(limit: int, jobs: Mapping[str, Job]) -> list[Claimed]:
    """Take at most `limit` due jobs of these names, the one that waits longest first."""
    now = clock.now()
    ready, lost = _look(now, jobs)
    if lost:
        _take_back(now)
    if not (ready or lost):
        return []
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"
    due = sa.select(JobRow.id).where(_due(now, jobs)).order_by(JobRow.run_at).limit(limit)
    # A common table expression that locks is read once; a sub-select may be read again and take more than the limit.
    taken = due.with_for_update(skip_locked=True).cte("due")
    statement = (
        sa.update(JobRow)
        .where(JobRow.id.in_(sa.select(taken.c.id)))
        .values(state="running", owner=owner, attempts=JobRow.attempts + 1, lease_until=_lease(now, jobs))
        .returning(
            JobRow.id, JobRow.org_id, JobRow.name, JobRow.args, JobRow.attempts, JobRow.max_attempts, JobRow.run_at
        )
    )
    with unit_of_work():
        found = db.session.connection().execute(statement).all()
    rows = sorted(found, key=lambda row: row.run_at)
    return [Claimed(r.id, r.org_id, r.name, r.args, r.attempts, r.max_attempts, owner) for r in rows]


def _look(now: datetime, jobs: Mapping[str, Job]) -> tuple[bool, bool]:
    """Whether something is due, and whether a lease has run out. Readers hold nobody up, so this may be asked often."""
    expired = sa.and_(JobRow.state == "running", JobRow.lease_until < now)
    query = sa.select(sa.exists().where(_due(now, jobs)), sa.exists().where(expired))
    with unit_of_work(write=False):
        ready, lost = db.session.connection().execute(query).one()
    return bool(ready), bool(lost)


def _due(now: datetime, jobs: Iterable[str]) -> sa.ColumnElement[bool]:
    """Ready, due, and of a name that this version knows: others wait for the version that does."""
    return sa.and_(JobRow.state == "ready", JobRow.run_at <= now, JobRow.name.in_(sorted(jobs)))


def _lease(now: datetime, jobs: Mapping[str, Job]) -> sa.ColumnElement[datetime]:
    until = {
        name: sa.literal(now + timedelta(seconds=job.lease), JobRow.run_at.type) for name, job in sorted(jobs.items())
    }
    return sa.case(until, value=JobRow.name)


def _take_back(now: datetime) -> None:
    """Jobs whose process was killed are ready again; dead if that was their last attempt."""
    last = JobRow.attempts >= JobRow.max_attempts
    statement = (
        sa.update(JobRow)
        .where(JobRow.state == "running", JobRow.lease_until < now)
        .values(
            _FREE
            | {
                JobRow.state: sa.case((last, "dead"), else_="ready"),
                JobRow.finished_at: sa.case((last, sa.literal(now, JobRow.run_at.type)), else_=None),
                JobRow.run_at: now,
                JobRow.error: _LOST,
            }
        )
        .returning(JobRow.id, JobRow.name, JobRow.state)
    )
    with unit_of_work():
        rows = db.session.connection().execute(statement).all()
    for row in rows:
        log.warning("job %s %s is %s: its lease ran out", row.name, row.id, row.state)


def finish(job: Claimed, started: datetime) -> None:
    """It is done."""
    _end(job, {JobRow.state: "done", JobRow.error: None, JobRow.finished_at: clock.now()}, started, None)


def retry(job: Claimed, started: datetime, seconds: float, error: str) -> None:
    """It failed, and is tried again after so many seconds."""
    later = clock.now() + timedelta(seconds=seconds)
    _end(job, {JobRow.state: "ready", JobRow.error: cleaned(error), JobRow.run_at: later}, started, error)


def bury(job: Claimed, started: datetime, error: str) -> None:
    """It failed for good."""
    _end(job, {JobRow.state: "dead", JobRow.error: cleaned(error), JobRow.finished_at: clock.now()}, started, error)


def _end(job: Claimed, values: Mapping[Any, Any], started: datetime, error: str | None) -> None:
    """Write the outcome, unless the job was lost to another worker meanwhile; and what the schedule shows of it."""
    mine = sa.update(JobRow).where(JobRow.id == job.id, JobRow.owner == job.owner)
    shown = {"last_started": started, "last_finished": clock.now(), "error": error and cleaned(error)}
    with unit_of_work():
        connection = db.session.connection()
        if not connection.execute(mine.values(_FREE | dict(values))).rowcount:
            log.warning("job %s %s ended after its lease; another worker has it", job.name, job.id)
        if job.args.keys() == {"tick"}:
            connection.execute(sa.update(Schedule).where(Schedule.name == job.name).values(shown))


def renew(held: Iterable[Claimed], seconds: float) -> int:
    """Keep running jobs for so many seconds from now; how many are still ours."""
    mine = [sa.and_(JobRow.id == job.id, JobRow.owner == job.owner) for job in held]
    until = clock.now() + timedelta(seconds=seconds)
    with unit_of_work():
        return (
            db.session.connection().execute(sa.update(JobRow).where(sa.or_(*mine)).values(lease_until=until)).rowcount
        )


def give_back(held: Iterable[Claimed]) -> int:
    """Make running jobs ready for others, without counting the attempt that a stop has cut short."""
    mine = [sa.and_(JobRow.id == job.id, JobRow.owner == job.owner) for job in held]
    values = _FREE | {JobRow.state: "ready", JobRow.run_at: clock.now(), JobRow.attempts: JobRow.attempts - 1}
    with unit_of_work():
        return db.session.connection().execute(sa.update(JobRow).where(sa.or_(*mine)).values(values)).rowcount


def overdue(jobs: Iterable[str]) -> int:
    """How many jobs have waited for longer than OVERDUE."""
    before = clock.now() - OVERDUE
    late = sa.or_(_due(before, jobs), sa.and_(JobRow.state == "running", JobRow.lease_until < before))
    return _count(late)


def unknown(jobs: Iterable[str]) -> dict[str, int]:
    """How many due jobs wait for a version that knows their names."""
    query = sa.select(JobRow.name, sa.func.count()).where(
        JobRow.state == "ready", JobRow.run_at <= clock.now(), JobRow.name.not_in(sorted(jobs))
    )
    with unit_of_work(write=False):
        return dict(db.session.connection().execute(query.group_by(JobRow.name)).tuples().all())


def standing() -> dict[str, Any]:
    """For monitors: whether work is being done, when the schedule was last looked at, and how much work is late."""
    late = sum(source.overdue() for source in sources())
    with unit_of_work(write=False):
        query = sa.select(Schedule.last_tick).where(Schedule.name == PULSE)
        last = db.session.connection().execute(query).scalar()
    return {"queue": not late, "last_tick": last.isoformat().replace("+00:00", "Z") if last else None, "overdue": late}


def listed(state: State | None, limit: int) -> list[dict[str, Any]]:
    """Jobs for an operator, the newest first."""
    query = sa.select(*JobRow.__table__.columns).order_by(JobRow.id.desc()).limit(limit)
    with unit_of_work(write=False):
        found = db.session.connection().execute(query.where(JobRow.state == state) if state else query)
        return [dict(row) for row in found.mappings()]


def shown(job_id: UUID) -> dict[str, Any] | None:
    """One job with all that is known of it."""
    query = sa.select(*JobRow.__table__.columns).where(JobRow.id == job_id)
    with unit_of_work(write=False):
        row = db.session.connection().execute(query).mappings().first()
        return dict(row) if row else None


def retry_now(job_id: UUID) -> bool:
    """Run a dead or waiting job now, with all its attempts before it.

    Whether there was one. Raises IntegrityError when the same work waits already under another id.
    """
    again = {JobRow.state: "ready", JobRow.run_at: clock.now(), JobRow.attempts: 0, JobRow.finished_at: None}
    mine = sa.update(JobRow).where(JobRow.id == job_id, JobRow.state.in_(("ready", "dead")))
    with unit_of_work():
        found = db.session.connection().execute(mine.values(again)).rowcount
        wake_after_commit(SOURCE)
    return bool(found)


def ids_of_dead() -> list[UUID]:
    """Every job that failed for good, the oldest first."""
    query = sa.select(JobRow.id).where(JobRow.state == "dead").order_by(JobRow.id)
    with unit_of_work(write=False):
        return list(db.session.connection().execute(query).scalars())


def drop(job_id: UUID) -> bool:
    """Remove a job that does not run; whether there was one."""
    return bool(_delete(sa.delete(JobRow).where(JobRow.id == job_id, JobRow.state != "running")))


def _count(condition: sa.ColumnElement[bool]) -> int:
    with unit_of_work(write=False):
        return db.session.connection().execute(sa.select(sa.func.count()).where(condition)).scalar_one()


@periodic("jobs.prune", every=3600)
def prune() -> None:
    """Remove what nobody asks for any more: done jobs after a day, dead ones after thirty, ticks after ninety."""
    now = clock.now()
    for state, kept in (("done", DONE_KEPT), ("dead", DEAD_KEPT)):
        old = sa.select(JobRow.id).where(JobRow.state == state, JobRow.finished_at < now - kept).limit(_BATCH)
        while _delete(sa.delete(JobRow).where(JobRow.id.in_(old))) == _BATCH:
            pass
    _delete(sa.delete(ScheduleTick).where(ScheduleTick.tick < now - TICKS_KEPT))


def _delete(statement: sa.Delete) -> int:
    with unit_of_work():
        return db.session.connection().execute(statement).rowcount
