"""Works off the sources of one process: a dispatcher and a bounded set of threads for each of them.

A dispatcher claims as much as it has free threads, and starts it at once. It rests when there is nothing, until it is
woken (a commit in this process, a message through Redis) or the poll comes round: a message that is lost costs a
second, never the work. It survives every exception.
"""

import logging
import random
import threading
import time
from collections.abc import Sequence

from flask import Flask

from app.jobs.work import Releasing, Source, Task

log = logging.getLogger("app.jobs")

STOP_SECONDS = 25
GATHER_SECONDS = 0.005
POLL_SPREAD = 0.2
LOG_AGAIN_SECONDS = 60


class Lane:
    """One source, its dispatcher and its threads."""

    def __init__(self, app: Flask, source: Source, poll: float) -> None:
        self.app, self.source, self.poll = app, source, poll
        self.bell = threading.Event()
        self.stopping = False
        self.running = 0
        self._changed = threading.Condition()
        self._silent_until = 0.0

    def dispatch(self) -> None:
        """Until it is stopped: claim, start, rest."""
        while not self.stopping:
            free = self._wait_for_a_thread()
            self.bell.clear()
            if not self.stopping and self.claim(free) < free:
                self.bell.wait(self.poll * random.uniform(1 - POLL_SPREAD, 1))  # noqa: S311 - spreads load, keeps no secret

    def claim(self, limit: int) -> int:
        """Claim and start at most so many; how many."""
        try:
            with self.app.app_context():
                tasks = self.source.claim(limit)
        except Exception:
            # A database that is away is away for all: with all details once a minute.
            if time.monotonic() >= self._silent_until:
                self._silent_until = time.monotonic() + LOG_AGAIN_SECONDS
                log.exception("no work could be claimed from %s; trying again", self.source.name)
            return 0
        for task in tasks:
            self._start(task)
        return len(tasks)

    def free(self) -> int:
        """How many threads have nothing to do."""
        return self.source.threads - self.running

    def wait_until_idle(self, deadline: float) -> bool:
        """Wait for what runs until a time of time.monotonic(); whether it has ended."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.running, max(0, deadline - time.monotonic()))

    def wait_for_change(self, seconds: float) -> None:
        """Wait until a task has ended, if one runs."""
        with self._changed:
            if self.running:
                self._changed.wait(seconds)

    def stop(self) -> None:
        """Claim nothing more."""
        self.stopping = True
        self.bell.set()
        with self._changed:
            self._changed.notify_all()

    def _wait_for_a_thread(self) -> int:
        with self._changed:
            if not self.free():
                self._changed.wait_for(lambda: self.stopping or self.free())
                # Tasks end one by one; claiming several at once costs one transaction instead of several.
                self._changed.wait_for(lambda: self.stopping or not self.running, GATHER_SECONDS)
            return self.free()

    def _start(self, task: Task) -> None:
        with self._changed:
            self.running += 1
        threading.Thread(target=self._run, args=(task,), name=f"work-{self.source.name}", daemon=True).start()

    def _run(self, task: Task) -> None:
        try:
            with self.app.app_context():
                task()
        except BaseException:
            log.exception("a task of %s failed and could not say so itself", self.source.name)
        finally:
            with self._changed:
                self.running -= 1
                self._changed.notify_all()


class Runner:
    """The lanes of one process."""

    def __init__(self, app: Flask, sources: Sequence[Source], poll: float) -> None:
        self.lanes = {source.name: Lane(app, source, poll) for source in sources}
        self._app = app
        self._dispatchers: list[threading.Thread] = []

    def start(self) -> None:
        """Start the dispatchers. In the process that shall work: threads do not survive a fork."""
        for name, lane in self.lanes.items():
            thread = threading.Thread(target=lane.dispatch, name=f"dispatch-{name}", daemon=True)
            thread.start()
            self._dispatchers.append(thread)

    def wake(self, name: str) -> None:
        """A source has work; unknown ones are somebody else's."""
        if lane := self.lanes.get(name):
            lane.bell.set()

    def halt(self) -> None:
        """Claim no more, for `once` and `burst`. Takes no lock: a signal's handler may call it."""
        for lane in self.lanes.values():
            lane.stopping = True

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Claim no more, let what runs finish, give the rest back; whether everything has finished."""
        deadline = time.monotonic() + seconds
        for lane in self.lanes.values():
            lane.stop()
        for thread in self._dispatchers:
            thread.join(max(0, deadline - time.monotonic()))
        finished = [lane.wait_until_idle(deadline) for lane in self.lanes.values()]
        if not all(finished):
            self._release()
        return all(finished)

    def once(self) -> int:
        """Without dispatchers: claim once from each source and wait for it; how much it was."""
        taken = sum(lane.claim(lane.free()) for lane in self.lanes.values())
        while not self.stopping and any(lane.running for lane in self.lanes.values()):
            self._wait_for_change()
        return taken

    def burst(self) -> int:
        """Without dispatchers: work until nothing is due, or until it is stopped; how much it was."""
        taken = 0
        while not self.stopping:
            new = sum(lane.claim(free) for lane in self.lanes.values() if (free := lane.free()))
            taken += new
            if not new and not any(lane.running for lane in self.lanes.values()):
                break
            if not new:
                self._wait_for_change()
        return taken

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return any(lane.stopping for lane in self.lanes.values())

    def _wait_for_change(self) -> None:
        for lane in self.lanes.values():
            lane.wait_for_change(GATHER_SECONDS)

    def _release(self) -> None:
        for lane in self.lanes.values():
            if lane.running and isinstance(lane.source, Releasing):
                try:
                    with self._app.app_context():
                        lane.source.release()
                except Exception:
                    log.exception("what runs of %s could not be given back; its leases run out", lane.source.name)
