"""How a feature declares work for later: `@job` on a module-level function, `@periodic` on what the schedule runs.

Declarations register nothing: app/factory.py lists them. A job may run more than once (its process was
killed, its lease ran out), so it must be idempotent.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects import postgresql, sqlite

from app.data import clock
from app.data.base import new_id
from app.data.tenancy import organization_or_none
from app.data.wake import wake_after_commit
from app.extensions import db
from app.jobs.models import UNFINISHED, JobRow

JOBS = "billhook.jobs"
PERIODICS = "billhook.periodics"
SOURCE = "jobs"

DELAYS = (5, 60, 300, 1800, 7200, 18_000, 36_000)
ATTEMPTS = 8
LEASE = 60
_OWN = {"dedup", "run_at"}

Task = Callable[..., None]
CatchUp = Literal["latest", "each"]


class GiveUp(Exception):
    """Raised by a job that trying again cannot help: it is dead at once, with this text."""


class RetryIn(Exception):
    """Raised by a job that knows when to try again. It counts as an attempt."""

    def __init__(self, seconds: float, text: str) -> None:
        super().__init__(text)
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True)
class Job:
    """A declared job. `delays` are the seconds before the second, third… attempt; the last one repeats.

    `lease` is how many seconds after the death of its process another takes it; it is renewed while the job runs.
    """

    name: str
    function: Task
    attempts: int
    delays: tuple[float, ...]
    lease: float

    def enqueue(self, *, dedup: str | None = None, run_at: datetime | None = None, **args: Any) -> UUID | None:
        """Insert the job in the caller's transaction, for the current organisation if there is one; its id.

        None when one with the same `dedup` waits or runs already. Raises TypeError for arguments that the function
        does not take or that are not JSON.
        """
        inspect.signature(self.function).bind(**args)
        now = clock.now()
        values = {
            "id": new_id(),
            "org_id": organization_or_none(),
            "name": self.name,
            "args": _plain(args),
            "dedup": dedup,
            "run_at": run_at or now,
            "max_attempts": self.attempts,
            "created_at": now,
        }
        connection = db.session.connection()
        found = connection.execute(_insert(connection.dialect.name), values).first()
        if found and (run_at is None or run_at <= now):
            wake_after_commit(SOURCE)
        return cast("UUID", found[0]) if found else None

    def __call__(self, **args: Any) -> None:
        """Run the function here and now."""
        self.function(**args)


@dataclass(frozen=True, kw_only=True)
class Periodic:
    """A task of the schedule. Ticks are the multiples of `every` seconds since 1970, in UTC.

    After a downtime "latest" runs the newest missed tick, "each" runs all of them, the oldest first.
    """

    job: Job
    every: int
    catch_up: CatchUp

    @property
    def name(self) -> str:
        """The task's name, which is its job's."""
        return self.job.name

    def tick(self, instant: datetime) -> datetime:
        """The newest tick that is not after the instant."""
        seconds = int(instant.timestamp())
        return datetime.fromtimestamp(seconds - seconds % self.every, UTC)


def job(
    name: str, *, attempts: int = ATTEMPTS, delays: tuple[float, ...] = DELAYS, lease: float = LEASE
) -> Callable[[Task], Job]:
    """Declare a module-level function as the job `name` ("mail.send")."""

    def declare(function: Task) -> Job:
        if taken := _OWN & set(inspect.signature(function).parameters):
            raise TypeError(f"{name}: {', '.join(sorted(taken))} mean something to enqueue itself")
        if attempts < 1 or not delays or min(delays) < 0 or lease <= 0:
            raise ValueError(f"{name}: attempts from 1, delays from 0, a lease above 0")
        return Job(name=name, function=function, attempts=attempts, delays=delays, lease=lease)

    return declare


def periodic(
    name: str,
    *,
    every: int,
    catch_up: CatchUp = "latest",
    attempts: int = ATTEMPTS,
    delays: tuple[float, ...] = DELAYS,
    lease: float = LEASE,
) -> Callable[[Task], Periodic]:
    """Declare what the schedule runs every so many seconds. The function may take `tick`, the instant it is due for."""

    def declare(function: Task) -> Periodic:
        takes_tick = "tick" in inspect.signature(function).parameters

        def run(tick: str) -> None:
            function(**({"tick": datetime.fromisoformat(tick)} if takes_tick else {}))

        declared = job(name, attempts=attempts, delays=delays, lease=lease)(run)
        return Periodic(job=declared, every=every, catch_up=catch_up)

    return declare


def known_jobs() -> Mapping[str, Job]:
    """The jobs of the running application by name."""
    return cast("Mapping[str, Job]", current_app.extensions[JOBS])


def periodics() -> tuple[Periodic, ...]:
    """What the schedule of the running application runs."""
    return cast("tuple[Periodic, ...]", current_app.extensions[PERIODICS])


def _plain(args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as they will arrive. The database's own writer would turn ids and dates into text silently."""
    return cast("dict[str, Any]", json.loads(json.dumps(args, allow_nan=False)))


def _insert(dialect: str) -> sa.Executable:
    return _INSERTS[dialect]


_INSERTS: dict[str, sa.Executable] = {
    name: insert(JobRow)
    .values(state="ready", attempts=0)
    .on_conflict_do_nothing(index_elements=["dedup"], index_where=UNFINISHED)
    .returning(JobRow.id)
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
