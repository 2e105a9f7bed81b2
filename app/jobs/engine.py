"""Who does the work: a thread in the serving process, or `flask worker`, told through Redis.

A server may load the application in the process that serves, or load it once and fork. So the runner starts a moment
after the process has come to rest: a fork before that moment shows that this process is the parent of those who serve,
and the children start theirs. Whoever was taken for such a parent by mistake starts at the first request.
"""

import atexit
import os
import queue
import threading
from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.utils import import_string

from app.config import Settings
from app.data import wake
from app.jobs.runner import Runner
from app.jobs.work import SOURCES

EXTENSION = "billhook.engine"
SETTLE_SECONDS = 0.5
STOP_SECONDS = 20  # less than the 25 after which the server kills: what is left must still be given back


class Engine:
    """Wakes whoever works for an application, and starts the runner of a serving process."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.runner: Runner | None = None
        self._names: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._announcing = 0  # the process whose thread sends the names
        self._lock = threading.Lock()
        self._parent = False
        self._forked = threading.Event()

    def wake(self, names: Iterable[str]) -> None:
        """Some sources have work. Returns at once."""
        if self.runner:
            for name in names:
                self.runner.wake(name)
        if self.settings.redis_url:
            self._announce(names)

    def make_runner(self) -> Runner:
        """The runner of this process, from now on."""
        self.runner = Runner(self.app, self.app.extensions[SOURCES], self.settings.worker_poll_seconds)
        return self.runner

    def listen(self) -> None:
        """Let messages of other processes wake the runner, where there is a Redis."""
        if self.settings.redis_url and self.runner:
            self._run_apart("listen_for_ever", self.runner.wake)

    def serve(self) -> None:
        """See to it that this process has a runner, or its children have, where the settings want one."""
        wanted = self.settings.worker
        if wanted == "none" or (wanted == "auto" and self.settings.redis_url):
            return
        os.register_at_fork(before=self._before_fork, after_in_parent=self._lock.release, after_in_child=self._in_child)
        self.app.before_request(self._start)
        self._start_soon()

    def stop(self) -> None:
        """At exit: let running work finish."""
        if self.runner:
            self.runner.stop(STOP_SECONDS)

    def _announce(self, names: Iterable[str]) -> None:
        if self._announcing != os.getpid():
            with self._lock:
                if self._announcing != os.getpid():
                    self._announcing = os.getpid()
                    self._names = queue.SimpleQueue()  # the parent's thread may have been waiting at the other
                    self._run_apart("send_for_ever", self._names)
        for name in names:
            self._names.put(name)

    def _run_apart(self, function: str, argument: Any) -> None:
        """Run a function of redis_queue on a thread, which imports it: that takes longer than a request may wait."""

        def run() -> None:
            import_string(f"app.jobs.redis_queue:{function}")(self.settings, argument)

        threading.Thread(target=run, name=f"jobs-{function}", daemon=True).start()

    def _start_soon(self) -> None:
        self._forked = threading.Event()
        threading.Thread(target=self._start_when_settled, args=(self._forked,), name="jobs-start", daemon=True).start()

    def _start_when_settled(self, forked: threading.Event) -> None:
        if not forked.wait(SETTLE_SECONDS):
            with self._lock:
                if not forked.is_set():
                    self._make_and_start()

    def _start(self) -> None:
        """Before every request; there is something to do at most once."""
        if self.runner is None:
            with self._lock:
                self._make_and_start()

    def _make_and_start(self) -> None:
        if self.runner is None:
            self.make_runner().start()
            self.listen()
            atexit.register(self.stop)

    def _before_fork(self) -> None:
        self._lock.acquire()
        if self.runner is None:
            self._parent = True
            self._forked.set()

    def _in_child(self) -> None:
        self._lock.release()
        self.runner = None  # its threads live in the parent
        if self._parent:
            self._parent = False
            self._start_soon()


def init_app(app: Flask, settings: Settings) -> None:
    """Wake-ups reach whoever works for this application. Starts nothing."""
    engine = Engine(app, settings)
    app.extensions[EXTENSION] = engine
    app.extensions[wake.EXTENSION] = engine.wake
