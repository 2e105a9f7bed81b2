"""Tables of jobs: jobs, schedules, schedule_ticks. System data: the worker reads them for all organisations at once."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.data import clock
from app.data.base import Base, new_id
from app.data.types import Json

State = Literal["ready", "running", "done", "dead"]
STATES: tuple[State, ...] = ("ready", "running", "done", "dead")
LONGEST_ERROR = 2000
UNFINISHED = sa.text("dedup IS NOT NULL AND state IN ('ready', 'running')")


class JobRow(Base):
    """One piece of work. Inserted in the transaction that wants it, so that it exists if and only if that commits.

    `run_at` is when it may start, `lease_until` when a running job whose process is silent may be taken by another.
    `owner` is drawn anew for every claim: who lost a job cannot finish it. `attempts` counts starts.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        sa.Index("ix_jobs_state_run_at", "state", "run_at"),
        sa.Index("uq_jobs_dedup", "dedup", unique=True, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
        sa.CheckConstraint("state IN ('ready', 'running', 'done', 'dead')", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID | None]  # no foreign key: a job outlives what it was for, and says so
    name: Mapped[str] = mapped_column(sa.String(100))
    args: Mapped[dict[str, Any]] = mapped_column(Json)
    dedup: Mapped[str | None] = mapped_column(sa.String(255))
    state: Mapped[State] = mapped_column(sa.String(10), default="ready")
    run_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    lease_until: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(sa.String(200))
    error: Mapped[str | None] = mapped_column(sa.String(LONGEST_ERROR))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]


class Schedule(Base):
    """How far a periodic task has come. Whoever updates `last_tick` first inserts the job, in one transaction."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    last_tick: Mapped[datetime | None]
    last_started: Mapped[datetime | None]
    last_finished: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(sa.String(LONGEST_ERROR))


class ScheduleTick(Base):
    """A tick that has its job. The key is the promise that no tick runs twice; old ones are pruned."""

    __tablename__ = "schedule_ticks"

    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    tick: Mapped[datetime] = mapped_column(primary_key=True)
