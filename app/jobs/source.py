"""The table of jobs as a source of work: runs a job, ends its row, and keeps its lease while it runs."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from uuid import UUID

from flask import Flask, current_app

from app.data import clock
from app.data.tenancy import organization
from app.events.actor import acting_as
from app.extensions import db
from app.jobs import declare, service
from app.jobs.declare import GiveUp, Job, RetryIn, known_jobs
from app.jobs.errors import told
from app.jobs.service import Claimed
from app.jobs.work import Task

log = logging.getLogger("app.jobs")

TIMEZONE_OF = "billhook.timezone_of"
"""Extension: the time zone of an organisation; None when there is no such organisation."""

JITTER = 0.1
RENEWALS = 3  # in the time of a lease: one may fail
LONGEST_REST = 20.0
UNKNOWN_SECONDS = 600


class JobSource:
    """Jobs of the running application."""

    name = declare.SOURCE

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._held: dict[UUID, tuple[Claimed, Job, float]] = {}
        self._keeper = 0  # the process whose thread renews the leases
        self._reported = 0.0

    def claim(self, limit: int) -> list[Task]:
        """Take due jobs."""
        self._report_unknown()
        jobs = known_jobs()
        claimed = service.claim(limit, jobs)
        if claimed:
            self._keep_leases(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - the proxy's documented way out
        for each in claimed:
            self._held[each.id] = (each, jobs[each.name], time.monotonic())
        return [partial(self._run, each, jobs[each.name]) for each in claimed]

    def overdue(self) -> int:
        """How many jobs have waited for too long."""
        return service.overdue(known_jobs())

    def release(self) -> None:
        """Give back what is still running."""
        held = [each for each, _, _ in self._held.copy().values()]
        if held:
            log.warning("%s of %s running jobs are given back unfinished", service.give_back(held), len(held))

    def _run(self, claimed: Claimed, job: Job) -> None:
        started, clocked = clock.now(), time.monotonic()
        try:
            outcome = _attempt(claimed, job)
            db.session.remove()  # what the job left open is nobody's
            outcome(claimed, started)
        finally:
            self._held.pop(claimed.id, None)
        took = (time.monotonic() - clocked) * 1000
        log.info("job %s %s: attempt %s took %.0f ms", claimed.name, claimed.id, claimed.attempts, took)

    def _keep_leases(self, app: Flask) -> None:
        """Start the thread that renews leases, once a process."""
        if self._keeper == os.getpid():
            return
        self._keeper = os.getpid()
        self._held.clear()  # a forked process holds nothing of its parent's
        threading.Thread(target=self._renew_for_ever, args=(app,), name="jobs-leases", daemon=True).start()

    def _renew_for_ever(self, app: Flask) -> None:
        with app.app_context():
            shortest = min(job.lease for job in known_jobs().values())
        while True:
            time.sleep(min(shortest / RENEWALS / 2, LONGEST_REST))
            try:
                with app.app_context():
                    self._renew()
            except Exception:
                log.exception("leases of running jobs could not be renewed; trying again")

    def _renew(self) -> None:
        now = time.monotonic()
        due: dict[float, list[Claimed]] = {}
        for claimed, job, renewed in self._held.copy().values():
            if now - renewed >= job.lease / RENEWALS:
                due.setdefault(job.lease, []).append(claimed)
        for lease, held in due.items():
            service.renew(held, lease)
            for claimed in held:
                if found := self._held.get(claimed.id):
                    self._held[claimed.id] = (*found[:2], now)

    def _report_unknown(self) -> None:
        if time.monotonic() < self._reported:
            return
        self._reported = time.monotonic() + UNKNOWN_SECONDS
        for name, count in service.unknown(known_jobs()).items():
            log.warning("%s jobs wait for '%s', which this version does not know", count, name)


Outcome = Callable[..., None]


def _attempt(claimed: Claimed, job: Job) -> Outcome:
    """Run the job; what is to become of its row."""
    try:
        with _home(claimed), acting_as("job", claimed.name):
            job(**claimed.args)
    except GiveUp as error:
        log.warning("job %s %s gives up: %s", claimed.name, claimed.id, error)
        return partial(service.bury, error=str(error))
    except RetryIn as error:
        return _again(claimed, error.seconds, str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a job may fail with anything; exit ends no thread unseen
        delays = job.delays
        wait = delays[min(claimed.attempts, len(delays)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, keeps no secret
        return _again(claimed, wait, told(error))
    return service.finish


def _again(claimed: Claimed, seconds: float, error: str) -> Outcome:
    last = error.rpartition("\n")[2]
    if claimed.attempts >= claimed.max_attempts:
        log.error("job %s %s is dead after %s attempts: %s", claimed.name, claimed.id, claimed.attempts, last)
        return partial(service.bury, error=error)
    log.warning("job %s %s is tried again in %.0f s: %s", claimed.name, claimed.id, seconds, last)
    return partial(service.retry, seconds=seconds, error=error)


def _home(claimed: Claimed) -> AbstractContextManager[None]:
    """The organisation that the job is for, on its own clock."""
    if claimed.org_id is None:
        return nullcontext()
    timezone = current_app.extensions[TIMEZONE_OF](claimed.org_id)
    if timezone is None:
        raise GiveUp(f"There is no organisation {claimed.org_id} any more.")
    return organization(claimed.org_id, timezone)
