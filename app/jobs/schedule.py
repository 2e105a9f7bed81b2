"""The schedule: each tick of a periodic task becomes one job, whichever process is first and however many there are.

A tick, its job and how far the task has come are one transaction, under the lock of the task's row; the key of
schedule_ticks stands behind it. A tick in the future (`flask tick --now`) is remembered, but moves nothing that the
clock has not reached.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from app.data import clock
from app.data.transaction import unit_of_work
from app.extensions import db
from app.jobs.declare import Periodic, periodics
from app.jobs.models import Schedule, ScheduleTick
from app.jobs.service import PULSE
from app.jobs.work import Task

log = logging.getLogger("app.jobs")

MOST_AT_ONCE = 60
PULSE_SECONDS = 60
_INSERTS = {
    name: insert(Schedule).on_conflict_do_nothing()
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


@dataclass(frozen=True)
class Ticked:
    """What one run did for a task: the ticks that got their jobs, and how many missed ones are left for the next."""

    name: str
    ticks: tuple[tuple[datetime, UUID | None], ...]
    remaining: int


def run_schedule(as_of: datetime) -> list[Ticked]:
    """Insert the jobs of all ticks that are due as of an instant, at most MOST_AT_ONCE a task."""
    done = [ticked for each in periodics() if (ticked := _tick(each, as_of)).ticks or ticked.remaining]
    for ticked in done:
        if ticked.remaining:
            log.warning("%s: %s missed ticks are left for the next run", ticked.name, ticked.remaining)
    _pulse()
    return done


def _tick(periodic: Periodic, as_of: datetime) -> Ticked:
    newest = periodic.tick(as_of)
    if _last(periodic.name) == newest:
        return Ticked(periodic.name, (), 0)
    with unit_of_work():
        connection = db.session.connection()
        last = _locked(connection, periodic.name)
        due = _Due(periodic, last, newest, _seen(connection, periodic, last, newest))
        ticks = tuple((tick, _insert_job(connection, periodic, tick)) for tick in islice(due, MOST_AT_ONCE))
        present = periodic.tick(clock.now())
        reached = min(max((tick for tick, _ in ticks), default=newest), present)
        # What never ran starts with the clock: a run as of last year is not followed by a year of catching up.
        if newest == present if last is None else reached > last:
            update = sa.update(Schedule).where(Schedule.name == periodic.name)
            connection.execute(update.values(last_tick=reached))
    return Ticked(periodic.name, ticks, len(due) - len(ticks))


class _Due:
    """The ticks that have no job yet, the oldest first. There may be millions; nobody lists them."""

    def __init__(self, periodic: Periodic, last: datetime | None, newest: datetime, seen: set[datetime]) -> None:
        self.step = timedelta(seconds=periodic.every)
        self.first = newest
        if periodic.catch_up == "each" and last is not None and last < newest:
            self.first = periodic.tick(last) + self.step
        self.newest, self.seen = newest, seen

    def __iter__(self) -> Iterator[datetime]:
        tick = self.first
        while tick <= self.newest:
            if tick not in self.seen:
                yield tick
            tick += self.step

    def __len__(self) -> int:
        return (self.newest - self.first) // self.step + 1 - len({tick for tick in self.seen if tick >= self.first})


def _seen(connection: Connection, periodic: Periodic, last: datetime | None, newest: datetime) -> set[datetime]:
    """The ticks in question that had their jobs."""
    first = newest if last is None else min(last, newest)
    query = sa.select(ScheduleTick.tick).where(
        ScheduleTick.name == periodic.name, ScheduleTick.tick.between(first, newest)
    )
    # The last one had its job, even if its row was pruned.
    return {*connection.execute(query).scalars(), *([last] if last == newest else [])}


def _insert_job(connection: Connection, periodic: Periodic, tick: datetime) -> UUID | None:
    connection.execute(sa.insert(ScheduleTick).values(name=periodic.name, tick=tick))
    text = tick.isoformat()
    return periodic.job.enqueue(tick=text, dedup=f"{periodic.name}@{text}")


def _last(name: str) -> datetime | None:
    with unit_of_work(write=False):
        return db.session.connection().execute(sa.select(Schedule.last_tick).where(Schedule.name == name)).scalar()


def _locked(connection: Connection, name: str) -> datetime | None:
    """How far a task has come; its row is made if there is none, and ours until the commit."""
    connection.execute(_INSERTS[connection.dialect.name], {"name": name})
    query = sa.select(Schedule.last_tick).where(Schedule.name == name).with_for_update()
    return connection.execute(query).scalar()


def _pulse() -> None:
    """Say that the schedule is looked at, once a minute for all processes together."""
    now = clock.now()
    if (last := _last(PULSE)) and now - last < timedelta(seconds=PULSE_SECONDS - 1):
        return
    with unit_of_work():
        connection = db.session.connection()
        _locked(connection, PULSE)
        connection.execute(sa.update(Schedule).where(Schedule.name == PULSE).values(last_tick=now))


class ScheduleSource:
    """The schedule as a source of work: its work is done while it is claimed."""

    name = "schedule"
    threads = 1

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def claim(self, limit: int) -> Sequence[Task]:  # noqa: ARG002 - the protocol's argument
        """Run the schedule when a tick has come since the last time; asks the database only then."""
        now = clock.now()
        seen: dict[str, Any] = {each.name: each.tick(now) for each in periodics()}
        seen[PULSE] = int(now.timestamp()) // PULSE_SECONDS
        if seen != self._seen:
            left = any(ticked.remaining for ticked in run_schedule(now))
            self._seen = {} if left else seen
        return []

    def overdue(self) -> int:
        """Nothing waits here: ticks become jobs."""
        return 0
